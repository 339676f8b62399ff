# The checks of audit() that need an outcome: equal effects, strength of the first stage, clusters.

audit_sides <- function(people) if (!is.null(people$fit)) do.call(rbind, lapply(seq_along(people$gaps), sides_row, people = people))

sides_row <- function(a, people) {
  sides <- sides_difference(people, a)
  if (is.null(sides)) return(NULL)
  p <- sides$p
  audit_row(people, "equal effects, sides", sides$difference, t_interval(sides$difference, sides$se, sides$df), p, tested(p, "look"), sides$n,
            "effect of side +1 less that of side -1",
            sprintf("The effect is %s on side +1 and %s on side -1 (%s for no difference).", show_number(sides$up, 3),
                    show_number(sides$down, 3), p_value_words(p)),
            untested_words(p, "The estimate averages different effects: see `effect_weights()` for whose."), arm = people$experiment$arm$informed[a])
}

# list(up, down, difference, se, df, p, n); NULL where it cannot be estimated.
sides_difference <- function(people, a) {
  fit <- two_sides_fit(people, a)
  if (is.null(fit)) return(NULL)
  up <- paste0(".belief", c("_up", "_down"))
  effects <- fit$coefficients[up]
  difference <- effects[[1]] - effects[[2]]
  se <- sqrt(sum(fit$vcov[up, up] * c(1, -1, -1, 1)))
  list(up = effects[[1]], down = effects[[2]], difference = difference, se = se, df = least_df(fit, up), n = fit$nobs,
       p = 2 * stats::pt(-abs(difference / se), least_df(fit, up)))
}

# The outcome on the belief by side; NULL where a side or an arm on it is empty.
two_sides_fit <- function(people, a) {
  fit <- people$fit
  side <- sign(people$gaps[[a]])
  rows <- which(people$complete & people$index %in% c(1, a + 1) & side != 0)
  told <- people$index[rows] == a + 1
  if (any(table(factor(side[rows], c(-1, 1)), factor(told, c(FALSE, TRUE))) < 2)) return(NULL)
  data <- as.data.frame(fit$data)[rows, , drop = FALSE]
  centred <- drop(net_of_strata(cbind(as.numeric(told)), if (people$weighted) people$weight[rows], people$stratum[rows]))
  x <- people$belief[rows]
  up <- side[rows] > 0
  data[c(".belief_up", ".belief_down", ".z_up", ".z_down", ".up", ".weight")] <- list(x * up, x * !up, centred * up, centred * !up, as.numeric(up), people$weight[rows])
  data$.cluster <- people$cluster[rows]
  data$.stratum <- people$stratum[rows]
  call <- sides_formula(fit, !is.null(people$stratum))
  tryCatch(suppressWarnings(suppressMessages(tsls(call, data, vcov = if (is.null(people$cluster)) "HC1" else CR(~ .cluster),
                                                  weights = if (people$weighted) ~ .weight))), miv_error = function(e) NULL)
}

sides_formula <- function(fit, strata) {
  parts <- read_formula(fit$recipe$formula, "miv")
  right <- call("+", parts$controls, quote(.up))
  effects <- Reduce(function(a, b) call("+", a, b), c(parts$effects, if (strata) quote(.stratum)))
  if (!is.null(effects)) right <- call("|", right, effects)
  inner <- call("~", parts$outcome, call("|", right, quote(c(.belief_up, .belief_down))))
  stats::as.formula(call("~", inner, quote(.z_up + .z_down)), environment(fit$recipe$formula))
}

audit_instruments <- function(people) {
  fit <- people$fit
  if (is.null(fit) || !fit$over_identified) return(NULL)
  test <- hansen_j(fit, audit_choice(fit))
  p <- test$p
  audit_row(people, "equal effects, instruments", test$J, c(NA, NA), p, tested(p, "look"), fit$nobs,
            sprintf("Hansen's J on %d", as.integer(test$df)),
            sprintf("The instruments %s (J = %s, %d degrees of freedom).", agreement_words(p), show_number(test$J, 3), as.integer(test$df)),
            untested_words(p, "Effects differ over the instruments, or one of them is not excluded."))
}

# What a test of over-identification says. Not to reject is not to agree.
agreement_words <- function(p) if (is.na(p)) "may or may not agree" else if (p < kAuditP) "do not agree on one effect" else "do not contradict one another"

# Of several ways of clustering the one with the fewest clusters, as in the other checks.
audit_choice <- function(fit) {
  ways <- fit$vcov_kind$ways
  list(ways = if (length(ways) > 1) ways[which.min(fit$vcov_kind$n_clusters)] else ways)
}

# Two-step GMM; the first step is the fit itself. No small-sample factor. choice: of the covariance, by rows or by clusters.
hansen_j <- function(fit, choice) {
  choice$type <- if (length(choice$ways)) "CR0" else "HC0"
  forms <- reduced_forms(fit, choice, whole_error = TRUE)
  l <- nrow(forms$directions)
  p <- ncol(forms$directions) - 1L
  root <- tryCatch(chol(forms$vcov[p * l + seq_len(l), p * l + seq_len(l)]), error = function(e) NULL)
  if (is.null(root)) return(list(J = NA_real_, df = l - p, p = NA_real_))
  scaled <- backsolve(root, forms$directions, transpose = TRUE)
  moments <- stats::lm.fit(scaled[, seq_len(p), drop = FALSE], scaled[, p + 1L])$residuals
  list(J = sum(moments^2), df = l - p, p = stats::pchisq(sum(moments^2), l - p, lower.tail = FALSE))
}

audit_strength <- function(people) {
  fit <- people$fit
  if (is.null(fit)) return(NULL)
  f <- fit$first_stage$F[[1]]
  verdict <- if (!isTRUE(f >= kWeakF)) "stop" else if (f < kStrongF) "look" else "ok"
  words <- formatC(f, digits = 1, format = "f", big.mark = ",")
  audit_row(people, "first stage", f, c(NA, NA), stats::pf(f, fit$first_stage$df1, fit$first_stage$df2, lower.tail = FALSE), verdict, fit$nobs, "F of the instruments",
            sprintf("The information moves %s with F = %s.", belief_name(people), words), "Report the Anderson-Rubin set, `anderson_rubin()`, which is right for weak instruments too.")
}

audit_clusters_row <- function(people) {
  if (is.null(people$cluster)) return(NULL)
  g <- length(unique(people$cluster[people$complete]))
  audit_row(people, "clusters", g, c(NA, NA), NA, if (g < kFewClusters) "look" else "ok", sum(people$complete), "number of clusters",
            sprintf("There %s %s cluster%s%s.", if (g == 1) "is" else "are", big_number(g), plural(g), clusters_by_arm(people)),
            sprintf("Below %d clustered errors tend to be too small. `summary()` prints CR2 beside them; `resample(fit, \"permutation\")` draws the arms again, and `\"wild\"` the errors.", kFewClusters))
}

# Where every cluster is in one arm: how many are in each.
clusters_by_arm <- function(people) {
  pairs <- unique(cbind(people$cluster, people$index)[people$complete, , drop = FALSE])
  if (anyDuplicated(pairs[, 1])) return("")
  arms <- people$experiment$arm$levels
  sprintf(", each in one arm: %s", paste(sprintf("%d in `%s`", tabulate(pairs[, 2], length(arms)), arms), collapse = " and "))
}

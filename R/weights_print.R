# Words and further summaries for effect weights.

#' @export
print.effect_weights <- function(x, digits = 3, ...) {
  print_words(weights_words(x))
  cat("\n")
  print_cells(x, digits)
  print_line("Remainder", sprintf("weight %s, of the estimate %s.", show_number(x$remainder[["belief"]], digits), show_number(x$remainder[["outcome"]], digits)))
  print_line("Negative", negative_words(x, digits))
  print_line("Level", missing_level_words(x))
  print_line("Std. errors", paste0(x$vcov, "."))
  print_notes(x)
  invisible(x)
}

missing_level_words <- function(x) {
  if (!identical(x$fit$door, "tsls")) return(character())
  if (is.null(x$level_test)) return("not checked whether the exposure's own level is among the controls; give `gap =`.")
  sprintf("index against side and gap: p %s; with both controlled the estimate is %s.", p_words(x$level_test$p.value), show_number(x$level_test$estimate, 4))
}

# "b averages the belief effects of N people in k cells; m cells (x% of people) count negatively, with total weight -y".
weights_words <- function(x) {
  if (isTRUE(x$level_test$p.value < 0.01)) {
    return(sprintf("%s is no weighted mean of belief effects: the exposure's own level is missing among the controls. With side and gap controlled it is %s.", show_number(x$estimate, 4),
                   show_number(x$level_test$estimate, 4)))
  }
  negative <- x$cells$weight < -1e-12
  m <- sum(negative)
  opening <- sprintf("%s averages the belief effects of %s people in %d cells (%s); ", show_number(x$estimate, 4), big_number(sum(x$cells$n)), nrow(x$cells), x$title)
  if (m == 0) return(paste0(opening, "no cell counts negatively."))
  sprintf("%s%d cell%s (%s of people) count%s negatively, with total weight %s.", opening, m, plural(m), weight_percent(sum(x$cells$share[negative])), if (m == 1) "s" else "",
          format(-x$negative_weight, digits = 3))
}

p_words <- function(p) if (p < 1e-4) "< 0.0001" else paste("=", format(signif(p, 2), scientific = FALSE))

weight_percent <- function(x) paste0(format(100 * x, digits = if (x < 0.1) 2 else 3), "%")

kMostRows <- 30

print_cells <- function(x, digits) {
  print(cell_columns(x, digits), row.names = FALSE, right = TRUE)
  if (nrow(x$cells) > kMostRows) print_words(more_cells_words(x))
}

cell_columns <- function(x, digits) {
  shown <- utils::head(x$cells, kMostRows)
  text <- function(value) ifelse(is.na(value), "", formatC(value, digits = digits, format = "fg", flag = "#"))
  fine <- data.frame(cell = as.character(shown$cell), n = vapply(shown$n, big_number, ""), share = sprintf("%.3f", shown$share), weight = sprintf("%.3f", shown$weight),
                     interval = sprintf("[%.3f, %.3f]", shown$weight.low, shown$weight.high), ratio = sprintf("%.2f", shown$ratio),
                     effect = text(shown$effect), std.error = text(shown$std.error))
  names(fine)[5] <- sprintf("%s%% of weight", format(100 * x$level))
  fine
}

more_cells_words <- function(x) sprintf("... and %d more cells; as.data.frame() has them all.", nrow(x$cells) - kMostRows)

negative_words <- function(x, digits) {
  if (x$interval[2] == 0) return(sprintf("none, nor in any of the draws (%s).", x$interval_kind))
  sprintf("total %s, %s %s (%s); share of absolute weight %s.", show_number(x$negative_weight, digits), if (x$interval[1] > 0 || grepl("^two", x$interval_kind)) "interval" else "at most",
          if (grepl("^two", x$interval_kind)) range_words(x$interval, function(v) show_number(v, digits)) else show_number(x$interval[2], digits), x$interval_kind, show_number(x$negative_share, digits))
}

print_notes <- function(x) for (note in x$notes) print_words(note)

#' @export
print.person_weights <- function(x, digits = 3, ...) {
  print_words(sprintf("%s averages the belief effects of people: weights of %s informed people, by side of the gap.", show_number(x$estimate, 4), big_number(nrow(x$cells))))
  cat("\n")
  print(x$sides, digits = digits, row.names = FALSE)
  print_notes(x)
  invisible(x)
}

# ---- summary ----

#' Summary of effect weights
#'
#' @details
#' **Effective sample size**: \eqn{(\sum w)^2 / \sum w^2} with each person's weight that of the cell over its people.
#'
#' **Profile**: the weighted mean of a covariate V is \eqn{\sum q_i V_i \tilde X_i / \sum q_i \tilde X_i}, with the belief \eqn{\tilde X} net of the controls and of V; for a factor, of its
#' categories. Beside it the sample mean and the difference in standard deviations of V.
#'
#' **Sensitivity** (de Chaisemartin and D'Haultfoeuille 2020, carried over). With population shares p, ratios r of weight to share and b* the estimate less the remainder:
#' `sd_zero` = |b*| / sd(r) is the smallest standard deviation of belief effects over the cells' people under which their unweighted mean could be 0; with negative weights, `sd_opposite` is the
#' smallest under which every effect could have the opposite sign. Both in outcome per unit of belief; large numbers are good news.
#'
#' **Sign reversal** (fits with `exposure = "arm+gap"`): gaps at which the fitted index moves against the gap, how many people have them, and the test that the arm's coefficient is 0 in
#' the first stage, which holds when learning rates do not vary with the gap.
#'
#' @param object From [effect_weights()].
#' @param profile One-sided formula of covariates, `~ age + female`, evaluated in the fit's data.
#' @param ... Nothing.
#' @return An object of class `summary.effect_weights`: a list with `negative_weight`, `negative_share`, `interval`, `interval_share`, `interval_kind`, `negative_people` (share of people in negative
#'   cells), `effective_size`, `sensitivity` (`sd_zero`, `sd_opposite`), `profile` (data frame `covariate weighted sample sd difference`, or `NULL`), `reversal` (list, or `NULL`), and `weights`, the object.
#' @source de Chaisemartin and D'Haultfoeuille (2020), *American Economic Review* 110(9), 2964-2996.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ 1, experiment, exposure = "arm")
#' summary(effect_weights(fit), profile = ~ age + region)
#' @export
summary.effect_weights <- function(object, profile = NULL, ...) {
  check_dots(dot_names(...), "profile")
  if (inherits(object, "person_weights")) return(object)
  table <- object$cells
  structure(c(object[c("negative_weight", "negative_share", "interval", "interval_share", "interval_kind")], list(
    negative_people = sum(table$share[table$weight < -1e-12]), effective_size = effective_size(table), sensitivity = sensitivity(table, object),
    profile = if (!is.null(profile)) covariate_profile(object$fit, profile), reversal = sign_reversal(object), weights = object)), class = "summary.effect_weights")
}

effective_size <- function(table) sum(table$weight)^2 / sum(table$weight^2 / table$n)

# The two numbers of the method note, section 3; shares of the cells that can carry weight and of those that cannot alike.
sensitivity <- function(table, x) {
  p <- table$share
  r <- table$ratio
  b <- abs(x$estimate - x$remainder[["outcome"]])
  c(sd_zero = b / sqrt(sum(p * (r - sum(p * r))^2)), sd_opposite = opposite_sd(p, r, b))
}

opposite_sd <- function(p, r, b) {
  if (all(r >= -1e-12)) return(Inf)
  if (sum(p * r) <= 0) return(0)                          # one common effect of the other sign will do
  order <- order(-r)
  p <- p[order]
  r <- r[order]
  tail_sum <- function(v) rev(cumsum(rev(v)))
  P <- tail_sum(p)
  S <- tail_sum(p * r)
  T <- tail_sum(p * r^2)
  j <- which(seq_along(r) > 1 & r < -S / (1 - P))[1]
  if (is.na(j)) return(Inf)
  b / sqrt(T[j] + S[j]^2 / (1 - P[j]))
}

# ---- profile ----

covariate_profile <- function(fit, profile) {
  if (!is_formula(profile) || length(profile) != 2) abort_miv("bad_profile", "`profile` must be a one-sided formula such as `~ age + female`.")
  if (!inherits(fit, "miv")) abort_miv("bad_profile", "A profile needs a fit of miv() or tsls().")
  rows <- lapply(split_sum(profile[[2]]), profile_rows, fit = fit, env = environment(profile))
  do.call(rbind, rows)
}

profile_rows <- function(expr, fit, env) {
  label <- deparse_one(expr)
  x <- keep_rows(evaluate_variable(expr, fit$data, env), kept_of(fit))
  check_cells_complete(x, label, NULL)
  values <- if (is.numeric(x)) matrix(as.numeric(x)) else outer(as.integer(factor(x)), seq_along(levels(factor(x))), "==") * 1
  names <- if (is.numeric(x)) label else paste0(label, levels(factor(x)))
  net <- net_columns(fit)
  q <- net$instruments %*% solve_least_squares(net$instruments, net$beliefs)
  belief <- net_of(fit, values, net)
  f <- net$root^2
  weighted <- drop(crossprod(values, q * belief)) / sum(q * belief)   # both hold the root of the weight
  sample <- colSums(f * values) / sum(f)
  sd <- sqrt(colSums(f * sweep(values, 2, sample)^2) / sum(f))
  data.frame(covariate = names, weighted = weighted, sample = sample, sd = sd, difference = (weighted - sample) / sd, row.names = NULL)
}

# The belief net of the controls (as in net) and of further columns, which the controls may span in part.
net_of <- function(fit, values, net) {
  own <- net_values(fit, values)
  left <- sqrt(colSums(own^2)) > 1e-8 * sqrt(colSums((net$root * values)^2))
  if (!any(left)) return(net$beliefs)
  qr.resid(qr(unit_columns(own[, left, drop = FALSE]), tol = 1e-9), net$beliefs)
}

# Columns of the people in the fit, net of constant, controls and absorbed effects, times the root of the weight.
net_values <- function(fit, values) {
  problem <- problem_of(fit)
  absorbed <- absorb(problem, sample_of(fit))
  design <- absorbed$design
  weight <- design_weights(design)
  if (length(problem$effects) > 1) {
    indices <- lapply(problem$effects, effect_index, problem = problem, kept = kept_of(fit))
    values <- demean_several(values, lapply(indices, function(index) keep_ids(index, kept_of(fit))$ids), if (design$weights >= 0) weight)$net
  } else {
    values <- centre_columns(values, weight, design)
  }
  controls <- fit$places$exogenous[fit$places$exogenous > 0]
  x <- centre_columns(dense_columns_cpp(design)[, controls, drop = FALSE], weight, design)
  residuals_on(sqrt(weight) * x, sqrt(weight) * values)
}

# ---- sign reversal under arm+gap ----

sign_reversal <- function(x) {
  fit <- x$fit
  if (!inherits(fit, "miv") || !identical(fit$exposure, "arm+gap") || length(fit$experiment$arm$informed) > 1 || length(fit$instruments) < 2 || fit$arm_control) return(NULL)
  slope <- fit$first_stage$coefficients[fit$instruments, 1]
  turn <- -slope[[1]] / slope[[2]]
  gap <- keep_rows(gap_values(fit$experiment, fit$experiment$arm$informed), kept_of(fit))
  against <- gap != 0 & sign(gap) * sign(slope[[1]] + slope[[2]] * gap) < 0
  se <- sqrt(x$first_stage_vcov[1, 1])
  list(pi = slope, from = min(0, turn), to = max(0, turn), outside = slope[[2]] < 0, people = mean(against), std.error = se,
       p.value = 2 * stats::pt(-abs(slope[[1]] / se), df_without_cr2(fit)))
}

#' @export
print.summary.effect_weights <- function(x, digits = 3, ...) {
  print_words(weights_words(x$weights))
  cat("\n")
  print_cells(x$weights, digits)
  print_line("Negative", sprintf("%s %s of people are in cells with negative weight.", negative_words(x, digits), weight_percent(x$negative_people)))
  print_line("People", sprintf("the weights are as uneven as those of %s equal people.", big_number(round(x$effective_size))))
  print_line("Sensitivity", sensitivity_words(x$sensitivity, digits))
  print_line("Reversal", reversal_words(x$reversal, digits))
  print_line("Std. errors", paste0(x$weights$vcov, "."))
  print_notes(x$weights)
  if (!is.null(x$profile)) {
    cat("\n")
    print(x$profile, digits = digits, row.names = FALSE)
  }
  invisible(x)
}

sensitivity_words <- function(numbers, digits) {
  first <- sprintf("the mean effect could be 0 only if effects vary over people with a standard deviation of %s or more", show_number(numbers[["sd_zero"]], digits))
  if (!is.finite(numbers[["sd_opposite"]])) return(paste0(first, "."))
  sprintf("%s; all could have the opposite sign with %s or more.", first, show_number(numbers[["sd_opposite"]], digits))
}

reversal_words <- function(x, digits) {
  if (is.null(x)) return(character())
  sprintf("gaps %s %s to %s count negatively (%s of people); first-stage coefficient of the arm %s (SE %s, p %s).", if (x$outside) "outside" else "in", show_number(x$from, digits),
          show_number(x$to, digits), weight_percent(x$people), show_number(x$pi[[1]], digits), show_number(x$std.error, digits), p_words(x$p.value))
}

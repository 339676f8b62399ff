# Tests around the first stage of a fit, one row each. Strength comes from the core's reduced forms, the others from regressions of rows.

#' Tests of instruments and belief
#'
#' What a referee asks of a two-stage least squares fit, with the fit's own kind of covariance, one row each and one plain sentence each.
#'
#' @details
#' With l instruments, p beliefs and D the beliefs' l x p coefficients on the orthonormal instruments net of the controls, V their covariance:
#'
#' | test | is |
#' |:---|:---|
#' | `first-stage F` | Wald statistic of the instruments in the first stage of a belief, divided by l; with the fit's covariance |
#' | `first-stage F, iid` | the same with one variance for everybody |
#' | `effective F` | of Montiel Olea and Pflueger (2013), D'D / trace(V); one belief |
#' | `Cragg-Donald F`, `Kleibergen-Paap F` | several beliefs: the smallest eigenvalue, and the robust rank statistic divided by l; the p value is that of the rank test, chi-squared with l - p + 1. With one belief they are the two first-stage F |
#' | `tF, 5 percent` | one belief, one instrument: the t ratio, whose critical value rises as F falls (Lee, McCrary, Moreira and Porter 2022), or that of t with the fit's degrees of freedom where that is larger; `conf.low`, `conf.high` are the estimate -+ that value times its standard error, infinite below F = 3.84. It holds in large samples: with few clusters its level is that of their standard error |
#' | `Hansen J`, `Sargan` | more instruments than beliefs: do they find one effect? J of two-step GMM, its first step the fit; Sargan's n R-squared under `"iid"`. Chi-squared, without small-sample factor |
#' | `endogeneity` | Wu and Hausman: the first stage's residuals in the regression of the outcome on belief and controls. If they do not matter least squares would do |
#' | `equal effects, sides` | fits of [miv()]: are the effects of the two sides equal? As in [audit()] |
#'
#' **Stata's numbers**, after `ivregress 2sls, small`; the covariance `"iid"`, or `"HC1"` for `vce(robust)`, `"CR1"` for `vce(cluster)`:
#' - `estat firststage`: the first-stage F.
#' - `estat overid`: `Sargan` is its Sargan (score) chi2. After robust or cluster it prints Wooldridge's (1995) score chi2; without weights that is the same
#'   number as `Hansen J` here, and as ivreg2's Hansen J (the scores of both are weighed by the residuals of the first step). Stata weighs the score's second
#'   regression once more where there are weights, and differs. Basmann's test is not given.
#' - `estat endogenous`: the Wu-Hausman F under `"iid"`, else the robust regression F; not the Durbin and the robust score chi2.
#' - ivreg2's `Kleibergen-Paap rk Wald F` has the factors (n - k) / n when robust and (G - 1) / G (n - k) / (n - 1) when clustered on a chi-squared without any: these are those of
#'   `"HC1"` and `"CR1"`; with `"HC0"` and `"CR0"` multiply. Its underidentification test is an LM statistic and is not given.
#'
#' With one instrument the effective F is the first-stage F.
#'
#' Not to reject is not to agree: where F is below 10 the sentences on over-identification and endogeneity say that their tests have little power there.
#'
#' `NA` in `p.value` means that there is no p value: effective F, Cragg-Donald F and tF have critical values of their own.
#'
#' With a function or matrix as covariance HC1 is used, with CR2 and CR3 CR1, and a note says so (`miv_message_covariance`).
#'
#' @param fit A fit of [miv()] or [tsls()] with instruments, or several (`miv_set`).
#' @param vcov Another covariance than the fit's own, as in [miv()].
#' @param ... Nothing: misspelt arguments are refused here.
#' @return A data frame of class `miv_iv_tests`: `test`, `statistic`, `df1`, `df2`, `p.value`, `conf.low`, `conf.high` (of tF, else `NA`), `says` (a sentence that begins with the
#'   test's name). Of several outcomes a named list. `tidy()` gives the plain data frame.
#' @section Errors: `miv_error_not_a_fit`, `miv_error_no_instruments` for least squares, `miv_error_unknown_argument`; those of the covariance as in [miv()].
#' @references
#' Kleibergen, F. and Paap, R. (2006). Generalized reduced rank tests using the singular value decomposition. *Journal of Econometrics* 133(1), 97-126.
#'
#' Lee, D. S., McCrary, J., Moreira, M. J. and Porter, J. (2022). Valid t-ratio inference for IV. *American Economic Review* 112(10), 3260-3290.
#'
#' Wooldridge, J. M. (1995). Score diagnostics for linear models estimated by two stage least squares. In G. S. Maddala, P. C. B. Phillips and T. N.
#' Srinivasan (eds.), *Advances in Econometrics and Quantitative Economics*, 66-87. Blackwell.
#' @seealso [anderson_rubin()], [first_stage()], [audit()]
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' iv_tests(miv(pay_claim ~ age, experiment, exposure = "arm+sign"))
#' iv_tests(tsls(mpg ~ gear | hp ~ wt, mtcars))[, 1:5]
#' @export
iv_tests <- function(fit, vcov = NULL, ...) {
  check_dots(dot_names(...), "vcov")
  if (inherits(fit, "miv_set")) return(set_results(fit, each_fit(fit, iv_tests, vcov = vcov)))
  fit <- with_vcov(check_instrumented(fit), vcov)
  fit$vcov_kind[c("type", "ways")] <- ar_choice(fit)[c("type", "ways")]
  forms <- reduced_forms(fit, kept_choice(fit))
  strength <- strength_rows(fit, forms)
  sides <- sides_rows(fit)
  rows <- c(strength, list(tf_row(fit, forms), overid_row(fit, weakest_f(strength, fit)), endogeneity_row(fit, weakest_f(strength, fit), sides)), sides)
  structure(do.call(rbind, rows), class = c("miv_iv_tests", "data.frame"), title = fit_title(fit), covariance = vcov_words(fit$vcov_kind))
}

test_row <- function(test, statistic, df1, df2, p, says, ends = c(NA_real_, NA_real_)) {
  data.frame(test = test, statistic = statistic, df1 = df1, df2 = df2, p.value = p, conf.low = ends[1], conf.high = ends[2], says = paste0(test, ": ", says))
}

# ---- what does not reject ----

weakest_f <- function(strength, fit) min(vapply(strength[seq_along(fit$beliefs)], `[[`, 0, "statistic"))

# A test that does not reject has found nothing, the less so the weaker the first stage.
little_words <- function(p, f) if (isTRUE(p >= kAuditP && f < kWeakF)) sprintf(", which says little at F = %s", show_f(f)) else ""

verdict_words <- function(p) sprintf("%s (%s)", if (p < kAuditP) "rejected" else "not rejected", p_value_words(p))

# ---- strength ----

strength_rows <- function(fit, forms) {
  p <- length(fit$beliefs)
  robust <- fit$vcov_kind$type != "iid"
  own <- lapply(seq_len(p), function(j) first_stage_row(fit, forms, j, robust))
  iid <- if (robust) lapply(seq_len(p), function(j) first_stage_row(fit, forms, j, FALSE))
  joint <- if (p == 1) list(effective_row(forms)) else c(list(cragg_donald_row(forms, p)), if (robust) list(kleibergen_paap_row(forms, p)))
  c(own, iid, joint)
}

block_of <- function(m, j, l) m[(j - 1) * l + seq_len(l), (j - 1) * l + seq_len(l), drop = FALSE]

iid_df <- function(forms) forms$n - forms$k

first_stage_row <- function(fit, forms, j, robust) {
  l <- nrow(forms$directions)
  d <- forms$directions[, j]
  f <- (if (robust) wald(d, block_of(forms$vcov, j, l)) else sum(d^2) / forms$left[j, j] * iid_df(forms)) / l
  df2 <- if (robust) forms$df2 else iid_df(forms)
  of <- if (length(fit$beliefs) > 1) sprintf(", %s", fit$beliefs[j]) else ""
  test_row(paste0("first-stage F", if (!robust && fit$vcov_kind$type != "iid") ", iid", of), f, l, df2, stats::pf(f, l, df2, lower.tail = FALSE),
           instruments_words(fit, f, robust, j))
}

instruments_words <- function(fit, f, robust, j) {
  if (!robust && fit$vcov_kind$type != "iid") return(sprintf("%s, if one variance held for everybody.", show_statistic(f)))
  sprintf("the instruments move `%s` with F = %s%s.", fit$beliefs[j], show_statistic(f), if (isTRUE(f < kWeakF)) ", which is weak" else "")
}

show_statistic <- function(f) if (is.na(f)) "not available (too few clusters)" else show_f(f)

effective_row <- function(forms) {
  l <- nrow(forms$directions)
  f <- sum(forms$directions[, 1]^2) / sum(diag(block_of(forms$vcov, 1, l)))
  test_row("effective F", f, NA_real_, NA_real_, NA_real_, sprintf("%s%s; above 23.1 the bias is below a tenth of the worst case, whatever the covariance.", show_f(f), if (l == 1) ", the first-stage F" else ""))
}

# Beliefs' coefficients with net beliefs of unit variance: its singular values are canonical correlations.
canonical_form <- function(forms, p) {
  d <- forms$directions[, seq_len(p), drop = FALSE]
  turn <- backsolve(chol(crossprod(d) + forms$left[seq_len(p), seq_len(p)]), diag(p))
  list(theta = d %*% turn, turn = turn)
}

cragg_donald_row <- function(forms, p) {
  l <- nrow(forms$directions)
  s2 <- min(svd(canonical_form(forms, p)$theta, 0, 0)$d)^2
  f <- s2 / (1 - s2) * iid_df(forms) / l
  test_row("Cragg-Donald F", f, NA_real_, NA_real_, NA_real_, sprintf("the weakest combination of the beliefs is moved with %s, if one variance held for everybody.", show_f(f)))
}

# Wald statistic of the part of theta beyond rank p - 1. Its p value does not depend on how the parts are turned.
kleibergen_paap_row <- function(forms, p) {
  l <- nrow(forms$directions)
  at <- canonical_form(forms, p)
  s <- svd(at$theta, nu = l, nv = p)
  left <- s$u[, p:l, drop = FALSE]
  side <- kronecker(at$turn %*% s$v[, p, drop = FALSE], left)
  rank <- wald(drop(t(left) %*% at$theta %*% s$v[, p]), crossprod(side, forms$vcov[seq_len(l * p), seq_len(l * p)] %*% side))
  test_row("Kleibergen-Paap F", rank / l, l - p + 1, NA_real_, stats::pchisq(rank, l - p + 1, lower.tail = FALSE),
           sprintf("the weakest combination of the beliefs is moved with %s.", show_statistic(rank / l)))
}

# ---- tF ----

tf_row <- function(fit, forms) {
  if (length(fit$beliefs) != 1 || nrow(forms$directions) != 1) return(NULL)
  f <- forms$directions[1, 1]^2 / forms$vcov[1, 1]
  error <- tf_error(fit)
  estimate <- fit$coefficients[[1]]
  values <- c(tF = tf_critical(f), t = stats::qt(0.975, forms$df2))
  ends <- estimate + c(-1, 1) * max(values) * error
  clusters <- if (length(fit$vcov_kind$ways)) forms$df2 + 1 else Inf
  test_row("tF, 5 percent", estimate / error, NA_real_, NA_real_, NA_real_, tf_words(estimate / error, values, f, ends, clusters), ends)
}

# The second stage's error under the covariance that the tests use.
tf_error <- function(fit) {
  problem <- problem_of(fit)
  choice <- add_clusters(problem, kept_choice(fit))
  sqrt(name_answer(run_core(problem, sample_of(fit), choice, "usual"), problem, choice)$vcov[1, 1])
}

# values: of tF and of t, the larger of which counts.
tf_words <- function(t, values, f, ends, clusters = Inf) {
  if (is.infinite(values[["tF"]])) return(sprintf("with F = %s, below 3.84, no t ratio is large enough; the interval is the whole line. For large samples.", show_f(f)))
  shown <- apart(c(abs(t), max(values)))
  few <- ""
  if (clusters < kFewClusters) few <- sprintf(" (tF's own %s, that of t with %s clusters %s)", fixed(values[["tF"]], 2), big_number(clusters), fixed(values[["t"]], 2))
  sprintf("the t ratio, %s%s, must exceed %s in size%s at F = %s: the effect is %sdistinguished from 0; interval %s. For large samples%s.", if (t < 0) "-" else "", shown[1], shown[2], few,
          show_f(f), if (abs(t) > max(values)) "" else "not ", ends_words(ends), if (nzchar(few)) ", which few clusters are not" else "")
}

# Two numbers with two decimals, or as many as they need to differ.
apart <- function(x) {
  decimals <- 2
  while (decimals < 6 && x[1] != x[2] && fixed(x[1], decimals) == fixed(x[2], decimals)) decimals <- decimals + 1
  fixed(x, decimals)
}

# Critical value of abs(t) at a first-stage F. In the worst case (errors perfectly correlated) t = f (f - f0) / f0 with f = sqrt(F) normal about f0; the
# value makes the test reject with probability 0.05 at every f0. Infinite up to 1.96^2; 1.96 from 104.67 on.
tf_critical <- function(F) {
  normal <- stats::qnorm(0.975)
  one_sided <- stats::qnorm(0.95)
  f <- sqrt(F)
  if (!isTRUE(f > normal)) return(Inf)
  if (f >= normal * one_sided / (normal - one_sided)) return(normal)
  max(normal, tf_from(f, kTfEnds))
}

# The critical value at which f ends acceptance.
tf_from <- function(f, ends) {
  f0 <- exp(stats::splinefun(ends$f, log(ends$f0), "monoH.FC")(f))
  f * (f - f0) / f0
}

# f, the upper end of acceptance, at f0. Below lies another end, at -f(g0) with 1 / g0 = 1 / f0 + 2 / f(g0): t there is the critical value at f(g0).
# g0 < f0, so ends are found in ascending order of f0.
tf_ends <- function() {
  f0 <- exp(seq(log(1e-3), log(9), length.out = 300))
  f <- rep(stats::qnorm(0.975), length(f0))
  end_at <- function(g0, i) if (i < 3) f[1] else stats::approx(f0[seq_len(i - 1)], f[seq_len(i - 1)], g0, rule = 2)$y
  for (i in seq_along(f0)) {
    lower <- f[max(1, i - 1)]
    for (step in 1:8) lower <- end_at(1 / (1 / f0[i] + 2 / lower), i)
    f[i] <- f0[i] - stats::qnorm(0.05 - stats::pnorm(-lower - f0[i]))
  }
  list(f0 = f0, f = f)
}

kTfEnds <- tf_ends()   # at build time: it depends on nothing

# ---- over-identification ----

overid_row <- function(fit, f) {
  if (!fit$over_identified) return(NULL)
  iid <- fit$vcov_kind$type == "iid"
  test <- if (iid) sargan(fit) else hansen_j(fit, kept_choice(fit))
  found <- if (is.na(test$p)) ": the test's covariance has no inverse" else sprintf(" (%s, %s)", show_number(test$J, 3), p_value_words(test$p))
  says <- sprintf("the instruments %s%s%s.", agreement_words(test$p), found, little_words(test$p, f))
  test_row(if (iid) "Sargan" else "Hansen J", test$J, test$df, NA_real_, test$p, says)
}

# In a summary: the row, with HC1 where the covariance was given.
over_identification <- function(fit) {
  if (!fit$over_identified) return(NULL)
  fit$vcov_kind[c("type", "ways")] <- suppressMessages(ar_choice(fit))[c("type", "ways")]
  suppressWarnings(overid_row(fit, min(fit$first_stage$F)))
}

# f: of the first stage.
over_identification_words <- function(row, f) {
  if (is.null(row)) return("")
  if (is.na(row$p.value)) return(row$says)
  sprintf("%s = %s on %d degree%s of freedom, %s: they %s%s.", row$test, show_number(row$statistic, 3), row$df1, plural(row$df1), p_value_words(row$p.value),
          agreement_words(row$p.value), little_words(row$p.value, f))
}

# The error has no part on the controls.
sargan <- function(fit) {
  forms <- reduced_forms(fit, list(type = "iid", ways = list()))
  l <- nrow(forms$directions)
  p <- ncol(forms$directions) - 1L
  explained <- sum(forms$directions[, p + 1L]^2)
  J <- forms$n * explained / (forms$left[p + 1L, p + 1L] + explained)
  list(J = J, df = l - p, p = stats::pchisq(J, l - p, lower.tail = FALSE))
}

# ---- endogeneity ----

endogeneity_row <- function(fit, f, sides = NULL) {
  test <- tryCatch(instrument_tests(endogeneity_fit(fit)), miv_error = function(e) NULL)
  if (is.null(test) || test$df1 == 0 || is.na(test$F)) {
    return(test_row("endogeneity", NA_real_, length(fit$beliefs), NA_real_, NA_real_, "cannot be tested: the first stage leaves too little of the belief, or there are too few clusters."))
  }
  says <- sprintf("%s: %s%s%s.", verdict_words(test$p.value), two_estimates(fit), little_words(test$p.value, f),
                  if (differ(sides)) "; the two also average different people" else "")
  test_row("endogeneity", test$F, test$df1, test$df2, test$p.value, says)
}

two_estimates <- function(fit) {
  least <- quiet_miv(ols(fit))$coefficients[fit$beliefs]
  shown <- sprintf("least squares %s, instruments %s", vapply(least, show_number, "", digits = 3), vapply(fit$coefficients[fit$beliefs], show_number, "", digits = 3))
  if (length(least) == 1) shown else paste(sprintf("`%s` by %s", fit$beliefs, shown), collapse = "; ")
}

differ <- function(sides) any(vapply(sides, function(row) !is.null(row) && isTRUE(row$p.value < kAuditP), NA))

# Outcome on beliefs, controls and the residuals of the first stages, which lead the coefficients.
endogeneity_fit <- function(fit) {
  kept <- kept_of(fit)
  at <- if (is.null(kept)) seq_len(fit$rows) else which(kept == 1L)
  rows <- read_rows(fit)
  residuals <- lapply(seq_along(fit$beliefs), function(j) replace(rep(NA_real_, fit$rows), at, first_residuals(fit, rows)[, j]))
  stage_fit(fit, list(kind = "endogeneity", residuals = stats::setNames(residuals, paste0(".residual_", fit$beliefs))), fit$call)
}

residual_columns <- function(problem, residuals) {
  Map(function(x, name) new_column(name, list(atom_numeric(add_source(problem$sources, x, name)))), residuals, names(residuals))
}

# ---- the two sides ----

sides_rows <- function(fit) {
  if (fit$door != "miv" || !identical(fit$experiment$units, "prior")) return(NULL)
  people <- audit_people(fit$experiment, fit, NULL)
  lapply(seq_along(people$gaps), function(a) sides_test_row(sides_difference(people, a), if (length(people$gaps) > 1) fit$experiment$arm$informed[a]))
}

sides_test_row <- function(sides, arm) {
  if (is.null(sides)) return(NULL)
  f <- (sides$difference / sides$se)^2
  test_row(paste(c("equal effects, sides", arm), collapse = ", "), f, 1, sides$df, sides$p, sides_words(sides))
}

sides_words <- function(sides) {
  found <- sprintf("%s on side +1 and %s on side -1, difference %s (SE %s)", show_number(sides$up, 3), show_number(sides$down, 3), show_number(sides$difference, 3),
                   show_number(sides$se, 2))
  if (is.na(sides$p)) sprintf("cannot be tested: %s.", found) else sprintf("%s: %s.", verdict_words(sides$p), found)
}

#' @export
print.miv_iv_tests <- function(x, ...) {
  if (is.null(x$says) || is.null(attr(x, "title"))) return(print(as.data.frame(x)))   # some of its rows or columns
  print_words(attr(x, "title"))
  print_line("Std. errors", paste0(attr(x, "covariance"), "."))
  cat("\n")
  number <- function(v) ifelse(is.na(v), "", formatC(v, digits = 4, format = "fg", big.mark = ","))
  table <- cbind(statistic = number(x$statistic), df1 = number(x$df1), df2 = number(x$df2), p = ifelse(is.na(x$p.value), "", format.pval(x$p.value, digits = 3, eps = 1e-4)))
  rownames(table) <- x$test
  print_frame(table)
  cat("\n")
  for (says in x$says) cat(strwrap(paste0("- ", says), width = max(40, getOption("width")), exdent = 2), sep = "\n")
  invisible(x)
}

#' @export
tidy.miv_iv_tests <- function(x, ...) {
  check_dots(dot_names(...), "x")
  bare_frame(x)
}

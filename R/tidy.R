# Fits as data frames, for broom's readers: one row per coefficient, one row per fit, one row per person.

#' @importFrom generics tidy
#' @export
generics::tidy

#' @importFrom generics glance
#' @export
generics::glance

#' @importFrom generics augment
#' @export
generics::augment

#' A fit as a data frame
#'
#' `tidy()` has one row per coefficient, `glance()` one row per fit, `augment()` one row per person kept.
#'
#' @param x A fit of [miv()] or [tsls()], or several (`miv_set`, from `c(y1, y2) ~ x`).
#' @param conf.int Whether to give the interval: estimate +- t x standard error, t with n - k degrees of freedom, or with the smallest number of clusters
#'   less 1 when clustered, under CR2 with each coefficient's own ([CR()]).
#' @param conf.level Of the interval, between 0 and 1.
#' @param vcov,scores Another covariance than the fit's own, as in [miv()]; the first-stage F changes with it.
#' @param data A data frame to put beside the fitted values: with one row per row of the data given to the fit, or one per person kept. The
#'   model frame where left out.
#' @param newdata New people instead, as in [predict()][predict.miv]; then there are no residuals.
#' @param ... Nothing: misspelt arguments are refused here. What makers of tables hand to every tidier (`exponentiate = FALSE`, `coef_rename`, `gof_map`,
#'   `metrics`) is taken and does nothing.
#'
#' @return All are plain data frames.
#'
#' `tidy()`: `term`, `estimate`, `std.error`, `statistic` (t), `p.value` (two-sided), `conf.low`, `conf.high`; belief first. For several outcomes with
#' `outcome` before them, for subgroups with the variables of `by`, after `c()` with `fit` (see [miv_set]).
#'
#' `glance()`: one row (one per outcome, with `outcome` first):
#'
#' | column | is |
#' |:---|:---|
#' | `nobs` | people with positive weight in the fit |
#' | `n_clusters` | clusters, the smallest number over the ways; `NA` when not clustered |
#' | `first_stage_F` | F of the instruments in the first stage, with the fit's covariance (HC1 for a function or matrix); the smallest over beliefs |
#' | `exposure` | its name; `NA` in [tsls()] |
#' | `negative_weight`, `negative_share` | see below; `NA` in [tsls()] and with several informed arms |
#' | `control_mean`, `control_sd` | (weighted) mean and standard deviation of the outcome in the base arm, among the people in the fit (of the belief, in a [first_stage()]); `NA` in [tsls()] |
#' | `r.squared`, `adj.r.squared` | about the mean and net of absorbed effects; no measure of fit under an instrument, and may be negative |
#' | `sigma`, `df.residual` | residual standard deviation; people less coefficients |
#' | `over_identified` | more instruments than beliefs |
#' | `path` | `"cross-products"` or `"Householder QR"`: how it was computed |
#' | `vcov` | kind of covariance, in words |
#' | `effective_F` | of a [first_stage()] only |
#'
#' `negative_weight` is the total of the negative effect weights, sign dropped, and `negative_share` its share of all absolute weight, over cells
#' of side x sign of g, how much the fitted instrument moves with the arm (see [effect_weights()]).
#'
#' `NA` there means that the question has no answer, never that a number failed.
#'
#' `augment()`: the columns of `data`, `.fitted` and `.resid`, in units of the outcome.
#' @section Errors: `miv_error_bad_level`, `miv_error_bad_argument` for `exponentiate = TRUE`, `miv_error_wrong_length` where `data` has another number of rows; those of the covariance as in [miv()].
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age, experiment)
#' tidy(fit)
#' glance(fit, vcov = ~ region)
#' head(augment(fit))
#' @export
tidy.miv <- function(x, conf.int = TRUE, conf.level = 0.95, vcov = NULL, scores = NULL, ...) {
  check_table_dots(c("conf.int", "conf.level", "vcov", "scores"), ...)
  check_flag(conf.int, "conf.int")
  check_level(conf.level, "conf.level")
  fit <- with_vcov(x, vcov, scores)
  table <- coefficient_table(fit)
  out <- data.frame(term = rownames(table), estimate = table[, 1], std.error = table[, 2], statistic = table[, 3], p.value = table[, 4], row.names = NULL)
  if (!conf.int) return(out)
  reach <- stats::qt((1 + conf.level) / 2, df_of(fit, out$term)) * out$std.error
  out$conf.low <- out$estimate - reach
  out$conf.high <- out$estimate + reach
  out
}

#' @rdname tidy.miv
#' @export
glance.miv <- function(x, vcov = NULL, scores = NULL, ...) {
  check_table_dots(c("vcov", "scores"), ...)
  fit <- with_vcov(x, vcov, scores)
  clusters <- fit$vcov_kind$n_clusters
  negative <- negative_weight(fit)
  control <- control_moments(fit)
  data.frame(
    nobs = as.integer(fit$nobs), n_clusters = if (length(clusters)) as.integer(min(clusters)) else NA_integer_,
    first_stage_F = if (length(fit$beliefs)) min(fit$first_stage$F) else NA_real_,
    exposure = if (is.null(fit$exposure)) NA_character_ else fit$exposure,
    negative_weight = negative[["weight"]], negative_share = negative[["share"]],
    control_mean = control[["mean"]], control_sd = control[["sd"]],
    r.squared = fit$r.squared, adj.r.squared = adjusted_r_squared(fit), sigma = fit$sigma, df.residual = fit$df.residual,
    over_identified = fit$over_identified, path = fit$path, vcov = vcov_label(fit$vcov_kind))
}

# Makers of tables hand every tidier arguments of their own: gtsummary `exponentiate`, modelsummary the others.
check_table_dots <- function(allowed, ...) {
  check_dots(dot_names(...), c(allowed, "exponentiate", "coef_rename", "gof_map", "metrics"))
  if ("exponentiate" %in% dot_names(...) && isTRUE(list(...)$exponentiate)) abort_miv("bad_argument", "`exponentiate = TRUE` has no meaning for a linear fit; leave it out.")
}

# Degrees of freedom of the total: n less what the constant or the absorbed effects take.
adjusted_r_squared <- function(fit) {
  absorbed <- fit$rank - length(fit$coefficients)
  total <- fit$nobs - absorbed - ("(Intercept)" %in% names(fit$coefficients))
  1 - (1 - fit$r.squared) * total / fit$df.residual
}

# Outcome of the base arm's people in the fit.
control_moments <- function(fit) {
  if (fit$recipe$door != "miv") return(c(mean = NA_real_, sd = NA_real_))
  problem <- problem_of(fit)
  base <- kept_rows(arm_index(fit$experiment), fit) == 1L
  y <- kept_rows(outcome_values(problem), fit)[base]
  w <- kept_weights(fit, problem)
  w <- if (is.null(w)) rep(1, length(y)) else w[base]
  mean <- sum(w * y) / sum(w)
  c(mean = mean, sd = sqrt(sum(w * (y - mean)^2) / sum(w) * length(y) / (length(y) - 1)))
}

outcome_values <- function(problem) problem$sources$vectors[[problem$outcome$products[[1]][[1]][[2]] + 1L]]

#' @rdname tidy.miv
#' @export
augment.miv <- function(x, data = NULL, newdata = NULL, ...) {
  check_dots(dot_names(...), c("data", "newdata"))
  if (!is.null(newdata)) return(beside(newdata, .fitted = stats::predict(x, newdata)))
  rows <- read_rows(x)
  residuals <- residuals_of(x, rows)
  frame <- if (is.null(data)) plain_frame(stats::model.frame(x)) else rows_kept(data, x)
  beside(frame, .fitted = unname(rows$raw[, ncol(rows$raw)] - residuals), .resid = unname(residuals))
}

beside <- function(frame, ...) {
  frame <- as.data.frame(frame)
  added <- list(...)
  frame[names(added)] <- added
  frame
}

plain_frame <- function(frame) {
  attributes(frame)[c("terms", "na.action")] <- NULL
  frame
}

rows_kept <- function(data, fit) {
  check_data(data)
  data <- as.data.frame(data)
  if (nrow(data) == fit$nobs) return(data)
  if (nrow(data) == fit$rows) return(data[-fit$na.action, , drop = FALSE])
  abort_miv("wrong_length", "`data` has %d rows; give the %d of the fit's data, or the %d people kept.", nrow(data), fit$rows, fit$nobs)
}

# ---- several outcomes ----

#' @rdname tidy.miv
#' @export
tidy.miv_set <- function(x, ...) stack_frames(set_key(x), each_fit(x, tidy, ...))

#' @rdname tidy.miv
#' @export
glance.miv_set <- function(x, ...) stack_frames(set_key(x), each_fit(x, glance, ...))

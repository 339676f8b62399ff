# Methods of both doors' fits. Whatever has one row per person is made by rows.R when asked for.

#' Methods of a fit
#'
#' @description
#' | call | gives |
#' |:---|:---|
#' | `coef()`, `variable.names()` | the k coefficients, belief first, in units of the outcome per unit of the regressor; their names |
#' | `vcov(fit, vcov, scores)` | their covariance, k x k; of any kind |
#' | `confint(fit, parm, level, vcov, scores)` | intervals, a matrix with two columns |
#' | `nobs()` | people with positive weight in the fit |
#' | `df.residual()` | people less coefficients, absorbed effects counted |
#' | `sigma()`, `deviance()` | residual standard deviation; (weighted) sum of squared residuals |
#' | `residuals()`, `fitted()` | one per person kept; outcome less regression on the belief as observed, not as its first stage fits it |
#' | `weights()` | those of the people kept, `NULL` without |
#' | `hatvalues()` | leverage of each person in the second stage |
#' | `sandwich::estfun()`, `sandwich::bread()` | scores, n x k, and n times the inverse of the projected cross-products |
#'
#' @details
#' Intervals are `estimate +- t x standard error`, t with n - k degrees of freedom; with the smallest number of clusters less 1 when clustered,
#' under CR2 with each coefficient's own ([CR()]).
#'
#' Under `na.action = na.exclude` residuals, fitted values and leverage have one entry per row of the data, `NA` where the row is not in
#' the fit; else one per person kept, named as the rows of the data.
#'
#' **Leverage** is that of the second stage, on the projected regressors: h_i = w_i xhat_i' (Xhat' W Xhat)^-1 xhat_i. One absorbed effect is included, as its
#' dummies would be; for several the leverage is not computed.
#'
#' **Scores** are s_i = w_i xhat_i e_i, in a fit with `scores = "heterogeneous"` w_i (xhat_i e_i + (x_i - xhat_i) (P_Z e)_i); net of effects where effects are
#' absorbed. So `sandwich::sandwich(fit)` is `vcov(fit, "HC0")`, and `sandwich::vcovHC()` and `vcovCL()` work. Their factors differ from ours in two
#' places: with absorbed effects they count the coefficients shown only, and with several cluster variables `vcovCL()` has a factor of
#' its own for each; `vcovHC()` rebuilds the scores from residuals and so always uses the usual ones.
#'
#' @param object,x,model A fit of [miv()] or [tsls()].
#' @param parm Names or positions of coefficients; all of them where left out.
#' @param level Between 0 and 1.
#' @param vcov,scores Another covariance than the fit's own, as in [miv()].
#' @param ... Nothing.
#' @return As in the table.
#' @section Errors: `miv_error_unknown_coefficient` where `parm` names none, `miv_error_bad_level`, `miv_error_unknown_covariance` for the leverage of several
#'   absorbed effects; those of the covariance as in [miv()].
#' @examples
#' fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
#' coef(fit)
#' confint(fit, "hp", vcov = ~ cyl)
#' head(cbind(fitted(fit), residuals(fit), hatvalues(fit)))
#' @name miv_methods
NULL

#' @rdname miv_methods
#' @importFrom stats coef
#' @export
coef.miv <- function(object, ...) object$coefficients

#' @rdname miv_methods
#' @importFrom stats variable.names
#' @export
variable.names.miv <- function(object, ...) names(object$coefficients)

#' @rdname miv_methods
#' @importFrom stats confint
#' @export
confint.miv <- function(object, parm, level = 0.95, vcov = NULL, ..., scores = NULL) {
  check_dots(dot_names(...), c("parm", "level", "vcov", "scores"))
  check_level(level, "level")
  fit <- with_vcov(object, vcov, scores)
  table <- coefficient_table(fit)
  at <- if (missing(parm)) seq_len(nrow(table)) else read_parm(parm, rownames(table))
  reach <- stats::qt((1 + level) / 2, df_of(fit, rownames(table)[at])) * table[at, 2]
  tails <- c((1 - level) / 2, (1 + level) / 2)
  names <- list(rownames(table)[at], paste(format(100 * tails, trim = TRUE, digits = 7), "%"))
  matrix(c(table[at, 1] - reach, table[at, 1] + reach), ncol = 2, dimnames = names)
}

read_parm <- function(parm, names) {
  at <- if (is.character(parm)) match(parm, names) else match(parm, seq_along(names))
  if (!anyNA(at)) return(at)
  lost <- as.character(parm[is.na(at)][1])
  abort_miv("unknown_coefficient", "`%s` is not a coefficient of the fit.%s", lost, suggest_name(lost, names))
}

#' @rdname miv_methods
#' @importFrom stats nobs
#' @export
nobs.miv <- function(object, ...) as.integer(object$nobs)

#' @rdname miv_methods
#' @importFrom stats df.residual
#' @export
df.residual.miv <- function(object, ...) object$df.residual

#' @rdname miv_methods
#' @importFrom stats sigma
#' @export
sigma.miv <- function(object, ...) object$sigma

#' @rdname miv_methods
#' @importFrom stats deviance
#' @export
deviance.miv <- function(object, ...) object$rss

#' @rdname miv_methods
#' @importFrom stats weights
#' @export
weights.miv <- function(object, ...) kept_weights(object, problem_of(object))

#' @rdname miv_methods
#' @importFrom stats residuals
#' @export
residuals.miv <- function(object, ...) stats::naresid(object$na.action, residuals_of(object, read_rows(object)))

#' @rdname miv_methods
#' @importFrom stats fitted
#' @export
fitted.miv <- function(object, ...) {
  rows <- read_rows(object)
  stats::napredict(object$na.action, rows$raw[, ncol(rows$raw)] - residuals_of(object, rows))
}

#' @rdname miv_methods
#' @importFrom stats hatvalues
#' @export
hatvalues.miv <- function(model, ...) {
  rows <- read_rows(model)
  stats::naresid(model$na.action, stats::setNames(leverage_of(model, rows), rownames(rows$raw)))
}

#' @rdname miv_methods
#' @exportS3Method sandwich::estfun miv
estfun.miv <- function(x, ...) scores_of(x, read_rows(x))

#' @rdname miv_methods
#' @exportS3Method sandwich::bread miv
bread.miv <- function(x, ...) x$nobs * x$bread

# ---- several outcomes ----

#' Methods of several fits
#'
#' `c(y1, y2) ~ x`, `by = ~ group` and `c(fit1, fit2)` give a named list of fits ([miv_set]). These answer for each of them; [summary()][summary.miv], [tidy()][tidy.miv] and
#' [glance()][glance.miv] answer in one frame.
#'
#' @param object A `miv_set`.
#' @param ... Passed to the method of each fit.
#' @return A named list with one entry per fit; `nobs()` a named integer, since each has its own complete people; `update()` again a `miv_set`.
#' @examples
#' fits <- tsls(c(mpg, qsec) ~ wt | hp ~ disp, mtcars)
#' coef(fits)
#' nobs(fits)
#' @name miv_set_methods
NULL

#' @rdname miv_set_methods
#' @export
coef.miv_set <- function(object, ...) each_fit(object, stats::coef, ...)

#' @rdname miv_set_methods
#' @importFrom stats vcov
#' @export
vcov.miv_set <- function(object, ...) each_fit(object, stats::vcov, ...)

#' @rdname miv_set_methods
#' @export
confint.miv_set <- function(object, ...) each_fit(object, stats::confint, ...)

#' @rdname miv_set_methods
#' @export
nobs.miv_set <- function(object, ...) vapply(unclass(object), stats::nobs, 0L)

#' @rdname miv_set_methods
#' @export
residuals.miv_set <- function(object, ...) each_fit(object, stats::residuals, ...)

#' @rdname miv_set_methods
#' @export
fitted.miv_set <- function(object, ...) each_fit(object, stats::fitted, ...)

#' @rdname miv_set_methods
#' @importFrom stats update
#' @export
update.miv_set <- function(object, ...) {
  given <- as.list(substitute(list(...)))[-1]   # unevaluated: `subset` is an expression in the data
  env <- parent.frame()
  fits <- each_fit(object, function(fit) eval(as.call(c(list(quote(stats::update), fit), given)), env))
  if (any(vapply(fits, is_set, NA))) abort_miv("bad_formula", "The new formula makes several fits of each of %d; write one outcome, or update one fit at a time.", length(fits))
  renamed_outcomes(like_set(object, fits), object)
}

# Where the new formula has another outcome the key says so.
renamed_outcomes <- function(set, old) {
  moved <- vapply(unclass(set), outcome_of, "") != vapply(unclass(old), outcome_of, "")
  key <- set_key(set)
  if (any(moved) && "outcome" %in% names(key)) key$outcome[moved] <- vapply(unclass(set)[moved], outcome_of, "")
  attr(set, "key") <- key
  set
}

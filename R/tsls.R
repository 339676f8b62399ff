#' Two-stage least squares, any specification
#'
#' The back door: no experiment is described, any instruments and several endogenous variables (beliefs) may be used. With the same columns it gives
#' what [miv()] gives, digit for digit, but knows nothing about the weights. Without instruments it is least squares.
#'
#' For the outcome Y, regressors \eqn{X = (beliefs, controls)}, \eqn{Z = (instruments, controls)} and weights W (1 where none are given),
#' \deqn{\hat\beta = (X' P X)^{-1} X' P Y, \qquad P = W Z (Z' W Z)^{-1} Z' W,}{b = (X' P X)^-1 X' P Y, P = W Z (Z' W Z)^-1 Z' W,}
#' with fixed effects taken out of every column first. With one belief and one instrument it is reduced form over first stage. Like every two-stage
#' least squares it is a weighted mean of effects where effects differ; whose effects count, and whether some count negatively, cannot be known from
#' these columns alone.
#'
#' Collinear columns are dropped in the order written, the later one first, with a note; an instrument that the controls determine is dropped too.
#' Ranks are decided on centred, scaled columns, from cross-products gathered in one pass over the data where these are exact enough and by
#' Householder QR where not; `fit$path` says which.
#'
#' @section Missing rows:
#' A row is in the fit when outcome, beliefs, instruments, controls, fixed effects, weights and the cluster variables of `vcov` are all there,
#' `subset` is `TRUE` and the weight is positive. `summary()` counts rows left out by cause, `fit$na.action` lists them. Infinite values are
#' refused. A row alone in a level of an absorbed effect stays in, as in Stata's areg; fixest and reghdfe leave it out (`fixef.rm = "none"` keeps
#' it).
#'
#' @section Standard errors and degrees of freedom:
#' As in [miv()]: n / (n - k) in `"HC1"`; G / (G - 1) (n - 1) / (n - k) in clusters, the smallest G for several; CR2 and CR3 as in [CR()]; t with n - k or G - 1; absorbed
#' effects count in k, those nested in a cluster only as the constant; the hat matrix of `"HC2"` and `"HC3"` is that of the second stage (projected
#' regressors). So fixest, reghdfe and Stata's `ivregress, small` agree; `ivregress` without `small` uses no factor and the normal distribution, and
#' `sandwich::vcovCL()` a factor for each cluster variable. With more instruments than beliefs the usual errors assume that every instrument finds
#' the same effect; `scores = "heterogeneous"` does not.
#'
#' @param formula `y ~ controls | fixed effects | beliefs ~ instruments`, in fixest's order; `y ~ controls | beliefs ~ instruments` without fixed
#'   effects; `y ~ controls` and `y ~ controls | fixed effects` for least squares. Beliefs are numeric, several as `c(x1, x2) ~ z1 + z2`; `1` stands
#'   for no controls, `0 +` or `- 1` leaves the constant out. Several outcomes as `c(y1, y2) ~ ...`. Instruments and controls are as in [lm()]
#'   (factors, interactions, `I()`, splines).
#' @param data A data frame (tibble, data.table), one row per unit; of an experiment its data.
#' @param vcov Covariance, as in [miv()]: `"iid"`, `"HC0"` to `"HC3"`, a one-sided formula of clusters, [CR()], a function or a matrix.
#' @param ... Nothing: misspelt arguments are refused here.
#' @param weights `NULL`, or a one-sided formula (`~ f`) or a column name as a string: weights, 0 or more; rows of weight 0 are dropped. Integer
#'   weights give the coefficients of repeated rows.
#' @param scores,by,subset,na.action As in [miv()].
#'
#' @return An object of class `miv`, with the methods listed in [miv()], or a [miv_set] for several outcomes or groups. Coefficients: beliefs first, then the
#'   constant, then the controls.
#' @section Errors:
#' Of class `miv_error`, as in [miv()]; further `miv_error_too_few_instruments` (fewer instruments than beliefs, also after collinearity: an
#' instrument that is a control does not count), `miv_error_negative_weights`, `miv_error_zero_weights`, `miv_error_not_a_data_frame`. Warnings as
#' in [miv()].
#' @references
#' Angrist, J. D. and Imbens, G. W. (1995). Two-stage least squares estimation of average causal effects in models with variable treatment
#' intensity. *Journal of the American Statistical Association* 90(430), 431-442.
#' @seealso [miv()], [first_stage()], [CR()]
#' @examples
#' # What miv() does by itself, written out:
#' survey <- transform(inflation_survey, side = factor(sign(5 - prior)),
#'                     mover = told * sign(5 - prior))
#' fit <- tsls(pay_claim ~ side + age + female | region | posterior ~ mover, survey)
#' summary(fit)
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' coef(fit)["posterior"] - coef(miv(pay_claim ~ age + female | region, experiment))["posterior"]
#'
#' # Two endogenous variables, clusters, least squares:
#' coef(tsls(mpg ~ 1 | c(hp, am) ~ wt + gear, mtcars))
#' summary(tsls(mpg ~ wt, mtcars, vcov = "iid"))
#' vcov(fit, ~ age)["posterior", "posterior"]
#' @export
tsls <- function(formula, data, vcov = "HC1", ..., weights = NULL, scores = "usual", by = NULL, subset, na.action = "omit") {
  check_dots(dot_names(...), setdiff(names(formals()), "..."))
  call <- match.call()
  if (missing(data)) abort_miv("missing_data", "`data` is missing; give a data frame.")
  if (is_experiment(data)) data <- data$data
  check_data(data)
  data <- keep_frame(data)
  check_formula(formula, "tsls")
  recipe <- list(door = "tsls", data = data, weights = if (!is.null(weights)) read_role(weights, "weights", data),
                 subset = if (!missing(subset)) substitute(subset))
  recipe_fits(recipe, formula, data, vcov, scores, call, read_na_action(na.action), by)
}

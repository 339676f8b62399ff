# marginaleffects' interface for models it does not know: coefficients out and in, predictions. Its option with the class is set in peers.R.

#' @exportS3Method marginaleffects::get_coef miv
get_coef.miv <- function(model, ...) model$coefficients

# The fit's own coefficients stay beside the new ones: predictions are taken about them.
#' @exportS3Method marginaleffects::set_coef miv
set_coef.miv <- function(model, coefs, ...) {
  if (is.null(model$own_coefficients)) model$own_coefficients <- model$coefficients
  model$coefficients[names(coefs)] <- coefs
  model
}

# predict() is about the means of the sample, which move with the coefficients; a derivative needs x'b with the rest held where it is.
#' @exportS3Method marginaleffects::get_predict miv
get_predict.miv <- function(model, newdata, type = "response", mfx = NULL, ...) {
  problem <- problem_of(model)
  own <- if (is.null(model$own_coefficients)) model$coefficients else model$own_coefficients
  step <- model$coefficients - own
  model$coefficients <- own
  if (step[[1]] > 0) warn_level_errors(problem, mfx)   # once a call: only derivatives move the first coefficient, and there warnings are shown
  estimate <- unname(predict_new(model, problem, newdata, stats::na.pass)$fit)
  if (any(step != 0)) estimate <- estimate + drop(new_regressors(model, problem, as.data.frame(newdata)) %*% step)
  rows <- if (is.null(newdata[["rowid"]])) seq_along(estimate) else newdata[["rowid"]]
  data.frame(rowid = rows, estimate = unname(estimate))
}

# Differences and slopes do not contain the absorbed effects; levels do, and the covariance knows nothing of them.
warn_level_errors <- function(problem, mfx) {
  levels <- isS4(mfx) && "calling_function" %in% methods::slotNames(mfx) && identical(mfx@calling_function, "predictions")
  if (!levels || length(problem$effects) == 0) return(invisible())
  warn_miv("absorbed_effects", paste("Standard errors of predicted levels leave out the sampling error of the absorbed effects of %s; write them as `factor()`",
                                     "among the controls. Slopes and comparisons are right."),
           quote_names(effect_labels(problem)))
}

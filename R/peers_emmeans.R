# emmeans: the people kept as data, and rows of the regressors at the values of its grid.

#' @exportS3Method emmeans::recover_data miv
recover_data.miv <- function(object, data = NULL, ...) {
  problem <- problem_of(object)
  if (length(problem$effects)) return(no_effects_words(problem))   # emmeans stops with a text that comes in place of data
  frame <- if (is.null(data)) frame_kept(object) else data
  known <- stats::model.frame(stats::delete.response(terms.miv(object)), frame, na.action = stats::na.pass)   # emmeans looks at two rows, too few for poly()
  call <- as.call(list(quote(miv), formula = formula.miv(object)))   # where it reads a transformed outcome
  emmeans::recover_data(call, stats::terms(known), na.action = NULL, data = frame, pwts = weights.miv(object), ...)
}

#' @exportS3Method emmeans::emm_basis miv
emm_basis.miv <- function(object, trms, xlev, grid, ..., vcov. = NULL, vcov = vcov.) {
  fit <- with_vcov(object, vcov)
  list(X = new_regressors(fit, problem_of(fit), grid), bhat = unname(fit$coefficients), nbasis = matrix(NA_real_), V = fit$vcov,
       dffun = function(k, dfargs) dfargs$df, dfargs = list(df = least_df(fit)), misc = list())
}

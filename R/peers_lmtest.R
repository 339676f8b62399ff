# lmtest: the fit's own degrees of freedom (G - 1 when clustered, Satterthwaite's under CR2) where `df` is left out, and every kind of covariance that
# `vcov()` knows beside a matrix and a function.

#' @exportS3Method lmtest::coeftest miv
coeftest.miv <- function(x, vcov. = NULL, df = NULL, ..., save = FALSE) {
  fit <- with_lmtest_vcov(x, vcov., ...)
  usual <- utils::getS3method("coeftest", "default", envir = asNamespace("lmtest"))
  usual(fit, df = if (is.null(df)) df_of(fit, names(fit$coefficients)) else df, save = save)
}

#' @exportS3Method lmtest::coefci miv
coefci.miv <- function(x, parm = NULL, level = 0.95, vcov. = NULL, df = NULL, ...) {
  fit <- with_lmtest_vcov(x, vcov., ...)
  if (!is.null(df)) fit$df_inference <- df
  interval <- confint.miv(fit, level = level)
  at <- if (is.null(parm)) seq_len(nrow(interval)) else read_parm(parm, rownames(interval))
  interval[at, , drop = FALSE]
}

# Formulas become fits here, on the people of the model before: lmtest would look the data's name up again.
#' @exportS3Method lmtest::waldtest miv
waldtest.miv <- function(object, ..., vcov = NULL, test = c("Chisq", "F"), name = NULL) {
  given <- if (...length()) list(...) else list(. ~ 1)
  models <- Reduce(function(model, change) if (is_formula(change)) same_people(model, change) else change, given, object, accumulate = TRUE)
  names(models) <- paste0("model", seq_along(models))
  kind <- vcov
  if (is_own_kind(kind)) vcov <- function(x) vcov.miv(x, kind)
  usual <- utils::getS3method("waldtest", "default", envir = asNamespace("lmtest"))
  call <- as.call(c(quote(usual), unname(lapply(names(models), as.name)), list(vcov = quote(vcov), test = quote(test), name = quote(name))))
  eval(call, c(models, list(vcov = vcov, test = test, name = name)), environment())
}

same_people <- function(model, change) do.call(update.miv, list(model, change, subset = !seq_len(model$rows) %in% model$na.action))

# lmtest hands the dots to a function.
with_lmtest_vcov <- function(fit, vcov, ...) {
  if (is.function(vcov)) vcov <- vcov(fit, ...)
  if (is.numeric(vcov)) with_matrix(fit, as.matrix(vcov)) else with_vcov(fit, vcov)
}

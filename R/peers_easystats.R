# insight and parameters (and with them modelsummary and marginaleffects): what they ask of a fit. `is_model_supported()` of insight knows a
# closed list of classes and says FALSE; its readers work all the same.

#' @importFrom stats family
#' @export
family.miv <- function(object, ...) stats::gaussian()

# insight's own complains about the instruments' names in a first stage.
#' @exportS3Method insight::find_formula miv
find_formula.miv <- function(x, ...) structure(list(conditional = formula.miv(x)), class = c("insight_formula", "list"))

#' @exportS3Method insight::get_statistic miv
get_statistic.miv <- function(x, ...) {
  statistic <- coefficient_table(x)[, 3]
  structure(data.frame(Parameter = names(statistic), Statistic = unname(statistic)), statistic = "t-statistic")
}

#' @exportS3Method insight::get_df miv
get_df.miv <- function(x, type = "residual", ...) {
  type <- tolower(type)
  if (type == "residual") return(x$df.residual)
  if (type == "normal") return(Inf)
  if (type %in% c("model", "parameters")) return(x$rank)
  unname(df_of(x, names(x$coefficients)))
}

#' @exportS3Method insight::find_weights miv
find_weights.miv <- function(x, ...) {
  weights <- if (x$recipe$door == "miv") x$experiment$roles$weights else x$recipe$weights
  if (!is.null(weights)) all.vars(weights$expr)
}

# The people kept; with `additional_variables = TRUE` every column of the data.
#' @exportS3Method insight::get_data miv
get_data.miv <- function(x, additional_variables = FALSE, ...) {
  frame <- frame_kept(x)
  if (isTRUE(additional_variables)) return(frame)
  more <- if (is.character(additional_variables)) additional_variables
  wanted <- unique(c(all.vars(x$formula), find_weights.miv(x), more))
  frame[intersect(wanted, names(frame))]
}

# A kind that the package knows is its own; the rest is sandwich's and clubSandwich's business.
#' @exportS3Method insight::get_varcov miv
get_varcov.miv <- function(x, vcov = NULL, vcov_args = NULL, ...) {
  if (is.null(vcov) || is_own_kind(vcov, vcov_args)) return(vcov.miv(x, vcov))
  if (is_formula(vcov_args$cluster)) vcov_args$cluster <- cluster_frame(x, vcov_args$cluster)
  usual <- utils::getS3method("get_varcov", "default", envir = asNamespace("insight"))
  usual(x, vcov = vcov, vcov_args = vcov_args, ...)
}

# sandwich looks a cluster formula up in a frame that holds its terms, not their variables, and so knows no `~ factor(g)`; a frame it takes as it is.
cluster_frame <- function(fit, formula) {
  terms <- split_sum(formula[[2]])
  vectors <- lapply(terms, frame_variable, fit = fit, env = environment(formula))
  as.data.frame(stats::setNames(vectors, vapply(terms, deparse_one, "")), optional = TRUE)
}

is_own_kind <- function(vcov, arguments = NULL) {
  if (inherits(vcov, "miv_cluster") || is_formula(vcov)) return(TRUE)
  is.character(vcov) && length(vcov) == 1 && vcov %in% kCovarianceTypes && !any(c("cluster", "type", "omega") %in% names(arguments))
}

# A fit whose covariance is the one asked for in easystats' words, so that errors, intervals, p values and degrees of freedom go together.
with_asked_vcov <- function(fit, vcov, arguments) {
  if (is.null(vcov)) return(fit)
  if (is_own_kind(vcov, arguments)) return(with_vcov(fit, vcov))
  with_matrix(fit, as.matrix(insight::get_varcov(fit, vcov = vcov, vcov_args = arguments)))
}

# The fit's own covariance, handed back as a matrix, keeps its degrees of freedom.
with_matrix <- function(fit, v) if (isTRUE(all.equal(v, fit$vcov, tolerance = 1e-12))) fit else with_vcov(fit, v)

#' @exportS3Method parameters::standard_error miv
standard_error.miv <- function(model, vcov = NULL, vcov_args = NULL, ...) {
  fit <- with_asked_vcov(model, vcov, vcov_args)
  table_column(fit, "SE", coefficient_table(fit)[, 2])
}

#' @exportS3Method parameters::p_value miv
p_value.miv <- function(model, vcov = NULL, vcov_args = NULL, ...) {
  fit <- with_asked_vcov(model, vcov, vcov_args)
  table_column(fit, "p", coefficient_table(fit)[, 4])
}

#' @exportS3Method parameters::ci miv
ci.miv <- function(x, ci = 0.95, vcov = NULL, vcov_args = NULL, ...) {
  fit <- with_asked_vcov(x, vcov, vcov_args)
  each <- lapply(ci, function(level) {
    interval <- confint.miv(fit, level = level)
    data.frame(Parameter = rownames(interval), CI = level, CI_low = unname(interval[, 1]), CI_high = unname(interval[, 2]))
  })
  do.call(rbind, each)
}

table_column <- function(fit, name, values) {
  stats::setNames(data.frame(names(fit$coefficients), unname(values)), c("Parameter", name))
}

#' @exportS3Method parameters::model_parameters miv
model_parameters.miv <- function(model, ..., vcov = NULL, vcov_args = NULL) {
  usual <- utils::getS3method("model_parameters", "default", envir = asNamespace("parameters"))
  fit <- with_asked_vcov(model, vcov, vcov_args)
  out <- usual(as_known_class(fit), ...)
  if (!is.null(out$df_error)) out$df_error <- df_of(fit, out$Parameter)   # parameters before 0.21 takes n - k whatever the clusters
  attr(out, "model_class") <- class(model)
  attr(out, "object_name") <- deparse_one(substitute(model))
  out
}

# easystats asks whether a class stands in its list before it asks what the statistic is. "elm" does, as a linear model with t statistics, and has no
# methods of its own, so that all questions still come here.
as_known_class <- function(fit) {
  class(fit) <- c(class(fit), "elm")
  fit
}

# modelsummary asks performance before it asks glance().
#' @exportS3Method performance::model_performance miv
model_performance.miv <- function(model, ...) {
  structure(data.frame(R2 = model$r.squared, R2_adjusted = adjusted_r_squared(model), Sigma = model$sigma), class = c("performance_model", "data.frame"))
}

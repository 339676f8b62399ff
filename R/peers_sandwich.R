# sandwich::vcovBS() fits again through update(), which cannot draw a person twice here; resample() draws without fitting.

#' Bootstrap covariance for sandwich
#'
#' `sandwich::vcovBS()` on a fit, and with it `vcov = "bootstrap"` of modelsummary: the covariance of the draws of [resample()].
#'
#' @param x A fit of [miv()] or [tsls()].
#' @param cluster What is drawn: a one-sided formula, or one label per person kept. `NULL`: the clusters of the fit's standard errors, people where these are
#'   not clustered.
#' @param R Number of draws.
#' @param type `"xy"` draws people or clusters with their rows (scheme `"pairs"`), `"fractional"` gives them random weights (scheme `"bayesian"`).
#' @param seed A whole number, or `NULL` for one from R's generator.
#' @param ... `start`, `use`, `fix`, `applyfun`, `cores` and `center` of sandwich, which have no meaning here.
#' @return The k x k covariance of the draws, in the order of `coef()`.
#' @section Errors: `miv_error_unknown_scheme` for another `type` (the jackknife over clusters is `CR(~ g, "CR3")`), those of [resample()].
#' @examples
#' fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
#' if (requireNamespace("sandwich", quietly = TRUE)) {
#'   sandwich::vcovBS(fit, cluster = ~ carb, R = 200, seed = 1)
#' }
#' @exportS3Method sandwich::vcovBS miv
vcovBS.miv <- function(x, cluster = NULL, R = 250, type = "xy", seed = NULL, ...) {
  check_dots(dot_names(...), c("cluster", "R", "type", "seed", "start", "use", "fix", "applyfun", "cores", "center"))
  schemes <- c(xy = "pairs", fractional = "bayesian")
  if (!isTRUE(type %in% names(schemes))) {
    abort_miv("unknown_scheme", "`type` is `%s`; a fit knows \"xy\" and \"fractional\". The jackknife over clusters is `vcov(fit, CR(~ village, \"CR3\"))`.",
              deparse_one(type))
  }
  draws <- resample(x, schemes[[type]], R = R, seed = seed, cluster = as_cluster_formula(cluster, x))$draws
  v <- stats::cov(draws)
  dimnames(v) <- dimnames(x$vcov)
  v
}

# Labels of the people kept, as a variable that a formula finds.
as_cluster_formula <- function(cluster, fit) {
  if (is.null(cluster) || is_formula(cluster)) return(cluster)
  if (is.data.frame(cluster) && length(cluster) == 1) cluster <- cluster[[1]]
  if (!is.atomic(cluster) || !length(cluster) %in% c(fit$nobs, fit$rows)) {
    abort_miv("bad_cluster", "`cluster` must be a one-sided formula, or one variable with a label for each of the %d people in the fit.", fit$nobs)
  }
  all <- seq_len(fit$rows)
  kept <- if (is.null(fit$na.action)) all else all[-fit$na.action]
  labels <- if (length(cluster) == fit$rows) cluster else cluster[match(all, kept)]
  stats::as.formula(quote(~ labels), env = list2env(list(labels = labels), parent = baseenv()))
}

# Covariance: what was asked for (a choice), what the core is asked for (a request), and the small-sample factors on what comes back.

kCovarianceTypes <- c("iid", "HC0", "HC1", "HC2", "HC3")
kClusterTypes <- c("CR0", "CR1", "CR2", "CR3")

#' Clustered covariance of a chosen type
#'
#' For the `vcov` argument of [miv()], [tsls()], `summary()` and `vcov()`, where a cluster formula alone means `"CR1"`.
#'
#' @param cluster One-sided formula of cluster variables, `~ village`, or `~ village + wave` for two ways; each may be an expression.
#' @param type `"CR0"` (no small-sample factor), `"CR1"` (times G/(G-1) (n-1)/(n-k), with the smallest G over the ways), `"CR2"` or `"CR3"`.
#' @details
#' Least squares takes something of the regressors out of every cluster's residuals e_g; `"CR2"` and `"CR3"` put it back before the scores are
#' formed. With H_gg the cluster's block of the hat matrix **of the second stage** (projected regressors; of the first stage in its F),
#'
#' - `"CR2"` uses A_g e_g, A_g the symmetric inverse root of the covariance that equal, independent errors leave in e_g: (I - H_gg)^(-1/2) without
#'   weights. It is unbiased where errors are equal and independent, and close to it elsewhere. Its t has Satterthwaite degrees of freedom (Bell and
#'   McCaffrey 2002), one number per coefficient, often far below G - 1 where treatment is concentrated in few clusters.
#' - `"CR3"` uses (I - H_gg)^-1 e_g: the jackknife over clusters around the full estimate, with the projected regressors held where they are. It errs
#'   on the large side; t has G - 1 degrees of freedom.
#'
#' Neither has a small-sample factor, as in clubSandwich, whose numbers both are; `sandwich::vcovCL()` with types `"HC2"`
#' and `"HC3"` gives the same for [lm()], while sandwich's jackknife has (G - 1) / G in front. Eigenvalues of I - H_gg below 1e-10 (a cluster that alone determines a coefficient) have inverse 0. Weights: in `"CR2"` the errors
#' before weighting have one variance, as in clubSandwich for [lm()] and ivreg. With everybody a cluster `"CR2"` is `"HC2"` (without weights) and `"CR3"` is
#' `"HC3"`.
#'
#' Absorbed effects that lie within clusters change nothing (with weights and `"CR2"` they do); others are put in as dummies, at most 100. One
#' cluster variable only. With `scores = "heterogeneous"` both parts of the score are adjusted alike. The denominator of a first-stage F has G - 1
#' degrees of freedom; predictions use the smallest degrees of freedom of the coefficients, and effect weights `"CR1"`.
#'
#' `clubSandwich::vcovCR()` and `coef_test()` on a fit give these numbers; its CR3 leaves out absorbed effects that cut across clusters.
#' @return An object of class `miv_cluster`, to be handed to `vcov`.
#' @section Errors: `miv_error_bad_cluster`, `miv_error_unknown_covariance`, `miv_error_several_clusters` for `"CR2"` and `"CR3"` over several variables;
#'   later `miv_error_absorbed_effects` where more than 100 dummies would be needed.
#' @references
#' Bell, R. M. and McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with multi-stage samples. *Survey Methodology*
#' 28(2), 169-181.
#'
#' Pustejovsky, J. E. and Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and hypothesis testing in fixed effects
#' models. *Journal of Business & Economic Statistics* 36(4), 672-683.
#' @examples
#' fit <- tsls(mpg ~ 1 | hp ~ wt, mtcars)
#' vcov(fit, CR(~ cyl, "CR0"))
#' tidy(fit, vcov = CR(~ carb, "CR2"))
#' vcov(fit, CR(~ carb, "CR2"))["hp", "hp"] / vcov(fit, ~ carb)["hp", "hp"]
#' @export
CR <- function(cluster, type = "CR1") {
  if (missing(cluster) || !is_formula(cluster) || length(cluster) != 2) stop_cluster(if (!missing(cluster)) cluster, if (!missing(type)) type)
  check_choice(type, kClusterTypes, "covariance")
  check_one_way(cluster, type)
  structure(list(cluster = cluster, type = type), class = "miv_cluster")
}

# The call meant, as far as text given in place of the formula tells it: a column or a type.
stop_cluster <- function(cluster, type) {
  word <- if (is.character(cluster) && length(cluster) == 1 && !is.na(cluster)) cluster else "village"
  if (is.null(type)) type <- if (word %in% kClusterTypes) word else "CR2"
  column <- if (word %in% kClusterTypes || make.names(word) != word) "village" else word
  abort_miv("bad_cluster", "`cluster` must be a one-sided formula such as `~ village`; write `CR(~ %s, %s)`.", column, deparse_one(type))
}

# list(type, cluster labels, ways): from what the user gave, or the default.
read_vcov <- function(vcov, experiment) {
  if (is.null(vcov)) return(default_vcov(experiment))
  if (inherits(vcov, "miv_cluster")) return(cluster_choice(vcov$cluster, vcov$type))
  if (is_formula(vcov)) return(cluster_choice(CR(vcov)$cluster, "CR1"))
  if (is.function(vcov)) return(list(type = "function", value = vcov, ways = list()))
  if (is.matrix(vcov) && is.numeric(vcov)) return(list(type = "matrix", value = vcov, ways = list()))
  if (is.character(vcov) && length(vcov) == 1 && !vcov %in% kCovarianceTypes) stop_covariance(vcov)
  check_choice(vcov, kCovarianceTypes, "covariance")
  list(type = vcov, ways = list())
}

# Words that are usual elsewhere, a type without its clusters, and the name of a column.
stop_covariance <- function(vcov) {
  if (vcov %in% kClusterTypes) abort_miv("unknown_covariance", "`%s` needs its clusters. Write `vcov = CR(~ cluster, \"%s\")` with the cluster's column in place of `cluster`.", vcov, vcov)
  usual <- c(robust = "HC1", hetero = "HC1", HC = "HC1", standard = "iid", classical = "iid", cluster = "~ village")
  hint <- if (vcov %in% names(usual)) sprintf(" Write `%s`.", usual[[vcov]]) else if (is.null(nearest_name(vcov, kCovarianceTypes))) sprintf(" Choose among %s.", quote_names(kCovarianceTypes)) else suggest_name(vcov, kCovarianceTypes)
  abort_miv("unknown_covariance", "`%s` is not a known covariance.%s Clusters are given as a formula, `vcov = ~ village`.", vcov, hint)
}

default_vcov <- function(experiment) {
  roles <- experiment$roles$cluster
  if (length(roles) == 0) return(list(type = "HC1", ways = list()))
  list(type = "CR1", ways = lapply(roles, function(role) list(label = role$label, role = role)))
}

cluster_choice <- function(formula, type) {
  ways <- lapply(split_sum(formula[[2]]), function(expr) list(label = deparse_one(expr), exprs = split_power(expr), env = environment(formula)))
  list(type = type, ways = ways)
}

# The cluster columns join the problem's sources, so that the one complete-case rule covers them.
# The cluster variables, with whatever they use besides the data, so that they mean the same after the fit.
own_clusters <- function(choice, data) {
  choice$ways <- lapply(choice$ways, function(way) {
    if (is.null(way$role)) way$env <- capture_env(as.call(c(quote(`{`), way$exprs)), data, if (is.null(way$env)) emptyenv() else way$env)
    way
  })
  choice
}

add_clusters <- function(problem, choice) {
  choice$ways <- lapply(choice$ways, function(way) {
    vectors <- if (!is.null(way$role)) list(evaluate_role(problem$data, way$role)) else lapply(way$exprs, evaluate_variable, data = problem$data, env = way$env)
    way$sources <- vapply(seq_along(vectors), function(j) add_source(problem$sources, as_source_vector(vectors[[j]]), sprintf("%s (cluster)", way_label(way, j))), 0L)
    way
  })
  choice
}

way_label <- function(way, j) if (!is.null(way$role)) way$label else deparse_one(way$exprs[[j]])

# One index per non-empty set of ways, with the sign of inclusion and exclusion.
cluster_indices <- function(problem, choice, kept) {
  q <- length(choice$ways)
  sets <- lapply(seq_len(2^q - 1), function(code) which(bitwAnd(code, 2^(seq_len(q) - 1)) > 0))
  lapply(sets, function(set) {
    sources <- unlist(lapply(choice$ways[set], `[[`, "sources"))
    index <- index_clusters_cpp(problem$sources$vectors[sources + 1L], kept, problem$rows)
    label <- paste(vapply(choice$ways[set], `[[`, "", "label"), collapse = " x ")
    check_cluster_index(index, label)
    c(index, list(sign = if (length(set) %% 2) 1 else -1, way = if (length(set) == 1) set else NA_integer_, label = label))
  })
}

check_cluster_index <- function(index, label) {
  if (index$missing > 0) {
    abort_miv("missing_cluster", "`%s` (cluster) is missing for %d of the people in the fit; fill it in, or fit with it as `vcov` so that they are left out.", label, index$missing)
  }
  if (index$count < 2) abort_miv("one_cluster", "`%s` has %d cluster; clustered errors need at least 2, and better 40.", label, index$count)
  invisible(index)
}

# What the core's second pass is to do.
meat_request <- function(choice, clusters, heterogeneous) {
  list(meat = !choice$type %in% c("iid", "matrix"), row_weight = match(choice$type, c("HC2", "HC3"), nomatch = 0L),
       adjust = match(choice$type, kAdjustedTypes, nomatch = 0L), heterogeneous = heterogeneous, clusters = clusters)
}

# The factor on a meat: coefficients k, of which absorbed and nested effects count as the constant only.
small_sample_factor <- function(choice, n, k, k_nested, clusters) {
  switch(choice$type,
    HC1 = n / (n - k),
    CR1 = { g <- smallest_count(clusters); g / (g - 1) * (n - 1) / (n - k_nested) },
    1)
}

smallest_count <- function(clusters) min(vapply(clusters, function(c) if (is.na(c$way)) Inf else c$count, 0))

signed_sum <- function(matrices, clusters) {
  if (length(clusters) == 0) return(matrices[[1]])
  Reduce(`+`, Map(function(m, c) c$sign * m, matrices, clusters))
}

# Several ways may leave a matrix that is not positive. Eigenvalues below 0 are then set to nearly 0, as fixest does, and it is said
# where more than rounding moved. Whether one is below 0 is seen on the correlations: next to the variance of an intercept far from the
# data, rounding alone may swallow those of the slopes.
mend_negative <- function(v, clusters) {
  if (length(clusters) < 2) return(v)
  size <- sqrt(pmax(diag(v), 0))
  if (all(size > 0) && min(eigen(v / tcrossprod(size), symmetric = TRUE, only.values = TRUE)$values) > -1e-10) return(v)
  e <- eigen(v, symmetric = TRUE)
  mended <- e$vectors %*% (pmax(e$values, 1e-16 * max(abs(e$values))) * t(e$vectors))
  if (max(abs(mended - v)) > 1e-8 * max(abs(v))) {
    warn_miv("negative_variance", "The covariance over several ways of clustering was not positive definite; %d negative eigenvalue%s set to 0.",
             sum(e$values <= 0), plural(sum(e$values <= 0)))
  }
  mended
}

vcov_label <- function(kind) {
  if (length(kind$cluster) == 0) return(switch(kind$type, iid = "iid", `function` = "from a function", matrix = "from a matrix", kind$type))
  sprintf("%s by %s", kind$type, paste(sprintf("%s (%s)", kind$cluster, vapply(kind$n_clusters, big_number, "")), collapse = " and "))
}

# ---- after the fit ----

# The same fit under another covariance: vcov, its kind, the first-stage F and the degrees of freedom change with it.
with_vcov <- function(fit, vcov = NULL, scores = NULL) {
  if (is.null(vcov) && (is.null(scores) || scores == fit$vcov_kind$scores)) return(fit)
  if (is.null(scores)) scores <- fit$vcov_kind$scores
  check_choice(scores, c("usual", "heterogeneous"), "scores")
  with_choice(fit, if (is.null(vcov)) kept_choice(fit) else own_clusters(read_vcov(vcov, fit$experiment), fit$data), scores)
}

with_choice <- function(fit, choice, scores) {
  problem <- problem_of(fit)
  asked <- add_clusters(problem, core_choice(choice))
  check_leverage(problem, asked)
  answer <- run_core(problem, sample_of(fit), asked, scores)
  named <- name_answer(answer, problem, asked)
  fit$vcov <- named$vcov
  fit$first_stage <- named$first_stage
  fit$df_inference <- inference_df(named, answer)
  fit$vcov_kind <- kind_of(choice, answer, scores)
  finish_vcov(fit, choice)
}

# The fit's own kind again, as a choice.
kept_choice <- function(fit) {
  if (fit$vcov_kind$type %in% c("function", "matrix")) return(list(type = "matrix", value = fit$vcov, ways = list()))
  list(type = fit$vcov_kind$type, ways = fit$vcov_kind$ways)
}

problem_of <- function(fit) read_problem(fit$recipe, kept_of(fit))

sample_of <- function(fit) list(kept = kept_of(fit), n = fit$nobs, missing = integer(), rows = fit$rows)

# Raw mask of the rows in the fit; NULL when all are.
kept_of <- function(fit) {
  if (is.null(fit$na.action)) return(NULL)
  kept <- rep(as.raw(1), fit$rows)
  kept[fit$na.action] <- as.raw(0)
  kept
}

# n_kept x (controls, instruments, beliefs, outcome), raw, with the data's row names; level columns as the core makes them.
fit_columns <- function(fit, problem = problem_of(fit)) {
  x <- dense_columns_cpp(core_design(problem, kept_of(fit)))
  columns <- c(problem$controls, problem$instruments, problem$beliefs, list(problem$outcome))
  dimnames(x) <- list(kept_names(fit), make.unique(column_names(columns)))
  x
}

kept_names <- function(fit) {
  names <- as.character(attr(fit$data, "row.names"))
  if (is.null(fit$na.action)) names else names[-fit$na.action]
}

#' @export
vcov.miv <- function(object, vcov = NULL, ..., scores = NULL, complete = TRUE) {
  check_dots(dot_names(...), c("vcov", "scores", "complete"))
  with_vcov(object, vcov, scores)$vcov
}

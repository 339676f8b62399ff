# The regressions around a TSLS fit, on its people and with its covariance: belief on instruments, outcome on instruments, outcome on
# belief. Each is the fit's problem with columns moved between blocks, so the core decides rank as it did for the fit.

#' First stage, reduced form and least squares of a fit
#'
#' Ordinary least-squares fits on exactly the people of the fit, with its weights, fixed effects and kind of covariance.
#'
#' - `first_stage()`: the belief on instruments, level controls, controls and fixed effects. Several beliefs give one fit each.
#' - `reduced_form()`: the outcome on the same. With one belief and one instrument the fit's coefficient is reduced form over first stage.
#' - `ols()`: the outcome on belief, level controls, controls and fixed effects.
#'
#' The coefficients of the instruments (of the beliefs in `ols()`) come first. Instruments of [miv()] are named `arm <level> x side` and the like.
#'
#' `print()` of a first stage adds two statistics of the l instruments' coefficients pi, with covariance V as chosen. **F** is the Wald statistic
#' pi' V^-1 pi / l; it is `glance(fit)$first_stage_F`. The **effective F** (Montiel Olea and Pflueger 2013) is pi' Q pi / trace(V Q), Q the
#' cross-products of the instruments net of all else. It is for one belief; with one instrument the two agree. `glance()` of a first stage has both, as
#' `first_stage_F` and `effective_F`.
#'
#' @param fit A fit of [miv()] or [tsls()] with instruments, or several (`miv_set`).
#' @return A fit of class `miv`, without beliefs and instruments, that answers whatever a fit of [tsls()] does; `first_stage()` of several
#'   beliefs, and all three of several outcomes, a named list of class `miv_set`. Where the fit's covariance was given as a matrix, theirs is HC1, with a note
#'   (`miv_message_covariance`); a function is called on the new fit.
#' @section Errors: `miv_error_no_instruments` for a least-squares fit, `miv_error_not_a_fit` for anything else.
#' @references
#' Montiel Olea, J. L. and Pflueger, C. (2013). A robust test for weak instruments. *Journal of Business & Economic Statistics* 31(3), 358-369.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age, experiment)
#' first_stage(fit)
#' coef(reduced_form(fit))[1] / coef(first_stage(fit))[1] - coef(fit)[1]
#' tidy(ols(fit))[1, ]
#' @export
first_stage <- function(fit) {
  call <- match.call()
  if (inherits(fit, "miv_set")) return(flat_set(fit, each_fit(fit, first_stage)))
  check_instrumented(fit)
  fits <- lapply(seq_along(fit$beliefs), function(j) stage_fit(fit, list(kind = "first_stage", belief = j), call))
  if (length(fits) == 1) return(fits[[1]])
  structure(stats::setNames(fits, fit$beliefs), class = "miv_set")
}

#' @rdname first_stage
#' @export
reduced_form <- function(fit) {
  call <- match.call()
  if (inherits(fit, "miv_set")) return(flat_set(fit, each_fit(fit, reduced_form)))
  stage_fit(check_instrumented(fit), list(kind = "reduced_form"), call)
}

#' @rdname first_stage
#' @export
ols <- function(fit) {
  call <- match.call()
  if (inherits(fit, "miv_set")) return(flat_set(fit, each_fit(fit, ols)))
  stage_fit(check_instrumented(fit), list(kind = "ols"), call)
}

check_instrumented <- function(fit) {
  if (!inherits(fit, "miv")) abort_miv("not_a_fit", "`fit` is of class `%s`; give a fit of `miv()` or `tsls()`.", class(fit)[1])
  if (length(fit$beliefs) == 0) abort_miv("no_instruments", "The fit is least squares and has no instruments; write `y ~ w | x ~ z`.")
  invisible(fit)
}

# A set of sets, as one.
flat_set <- function(set, fits) {
  nested <- vapply(fits, is_set, NA)
  if (!any(nested)) return(like_set(set, fits))
  of <- rep(seq_along(fits), ifelse(nested, lengths(fits), 1L))
  fits[nested] <- lapply(fits[nested], function(part) unclass(part)[seq_along(part)])
  new_set(unlist(fits, recursive = FALSE), unrowed(set_key(set)[of, , drop = FALSE]), attr(set, "by"))
}

stage_fit <- function(fit, stage, call) {
  recipe <- fit$recipe
  recipe$stage <- stage
  problem <- read_problem(recipe, kept_of(fit))
  choice <- stage_choice(fit)
  scores <- fit$vcov_kind$scores
  sample <- sample_of(fit)
  answer <- run_core(problem, sample, add_clusters(problem, core_choice(choice)), scores)
  check_verdict(answer, problem)
  answer$sample <- sample
  call$data <- fit$call$data
  out <- new_miv(problem, answer, choice, scores, call, fit$na_rule)
  as_first_stage(out)
}

stage_choice <- function(fit) {
  kind <- fit$vcov_kind
  if (kind$type == "function") return(list(type = "function", value = kind$value, ways = list()))
  if (kind$type != "matrix") return(kept_choice(fit))
  inform_miv("covariance", "The covariance given as a matrix is that of another regression; this one has HC1.")
  list(type = "HC1", ways = list())
}

as_first_stage <- function(fit) {
  if (identical(fit$recipe$stage$kind, "first_stage")) class(fit) <- c("miv_first_stage", "miv")
  fit
}

# ---- the problem with its columns moved ----

# What is moved stands behind the controls, where the core drops the later of two collinear columns as in the fit; `leading` brings its
# coefficients to the front. The sample stays that of all sources, so the outcome's missing values count in the first stage too.
as_stage <- function(problem, stage) {
  moved <- switch(stage$kind, ols = problem$beliefs, endogeneity = residual_columns(problem, stage$residuals), problem$instruments)
  first <- switch(stage$kind, ols = problem$first_terms, endogeneity = lapply(column_names(moved), as.name), instrument_exprs(problem))
  if (stage$kind == "endogeneity") problem$controls <- c(problem$controls, problem$beliefs)
  if (stage$kind == "first_stage") {
    problem$outcome <- problem$beliefs[[stage$belief]]
    problem$outcome_expr <- problem$belief_exprs[[stage$belief]]
  }
  problem$controls <- c(problem$controls, moved)
  problem$leading <- length(moved)
  problem$beliefs <- problem$instruments <- list()
  problem$door <- "tsls"
  problem["exposure"] <- problem["guarantee"] <- list(NULL)
  set_formula(problem, first)
}

# Instruments of miv() are not in the data: the model frame makes them under their names.
instrument_exprs <- function(problem) {
  if (is.null(problem$instrument_terms)) lapply(column_names(problem$instruments), as.name) else labels_as_exprs(problem$instrument_terms)
}

# ---- strength ----

# list(F, df1, df2, p.value, effective_F): Wald statistics of the leading coefficients under the fit's covariance.
instrument_tests <- function(fit) {
  pi <- fit$coefficients[fit$leading]
  v <- fit$vcov[fit$leading, fit$leading, drop = FALSE]
  l <- length(pi)
  f <- wald(pi / sqrt(diag(v)), stats::cov2cor(v)) / l
  list(F = f, df1 = l, df2 = df_without_cr2(fit), p.value = stats::pf(f, l, df_without_cr2(fit), lower.tail = FALSE), effective_F = effective_f(fit, pi, v))
}

# The block of (X'WX)^-1 is the inverse of the instruments' cross-products net of the rest.
effective_f <- function(fit, pi, v) {
  q <- solve(fit$bread[fit$leading, fit$leading, drop = FALSE], tol = 0)
  drop(pi %*% q %*% pi) / sum(v * q)
}

single_belief <- function(fit) length(read_problem(utils::modifyList(fit$recipe, list(stage = NULL)))$beliefs) == 1

#' @export
print.miv_first_stage <- function(x, ...) {
  NextMethod()
  print_line("Instruments", tests_words(instrument_tests(x), single_belief(x)))
  invisible(x)
}

tests_words <- function(tests, single) {
  words <- sprintf("F = %s on %d and %s degrees of freedom", show_f(tests$F), tests$df1, big_number(tests$df2))
  if (single && tests$df1 > 1) words <- sprintf("%s; effective F = %s", words, show_f(tests$effective_F))
  paste0(words, ".")
}

#' @rdname tidy.miv
#' @export
glance.miv_first_stage <- function(x, vcov = NULL, scores = NULL, ...) {
  out <- glance.miv(x, vcov, scores, ...)
  tests <- instrument_tests(with_vcov(x, vcov, scores))
  out$first_stage_F <- tests$F
  out$effective_F <- if (single_belief(x)) tests$effective_F else NA_real_
  out
}

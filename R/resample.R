# resample(): the dispatcher, and the two families of answers: draws of coefficients (pairs, bayesian), and draws of a t statistic under a
# null (wild, permutation), whose interval comes by inversion.

kSchemes <- c("pairs", "bayesian", "wild", "permutation")

#' Bootstrap and randomisation inference
#'
#' Draws that show how far the estimate could have been off: of people or clusters with replacement, with random weights, with random signs on the
#' residuals, or of the arms as they were assigned. Interval and p value come from the draws.
#'
#' | `scheme` | draws | says | good for |
#' |:---|:---|:---|:---|
#' | `"pairs"` | people, or whole clusters, with replacement | coefficients | many clusters, a strong first stage |
#' | `"bayesian"` | exponential (Dirichlet) weights on people or clusters | coefficients | the same; no draw loses a cluster or a dummy |
#' | `"wild"` | signs on the residuals of people or clusters, the null imposed | t | few clusters; better than pairs where the first stage is weak |
#' | `"permutation"` | the arms, as they were drawn | t | any number of clusters, any first stage: exact under the sharp null |
#'
#' **Pairs and Bayesian** estimate the whole fit again in every draw, fixed effects included. The interval is the percentile interval: with K =
#' floor((1 - level) (R + 1) / 2), from the K-th smallest to the K-th largest draw; the p value inverts it, 2 (1 + draws on the far side of the null)
#' / (R + 1), at most 1. What the instrument centres by (the arm's share) stays as it was in the fit.
#'
#' **Wild** is the wild restricted efficient bootstrap for instrumental variables (Davidson and MacKinnon 2010). The residual is that under the null,
#' the first stage is fitted with this residual beside the instruments, both are multiplied by one random sign per person or cluster, and the fit's t
#' statistic (with the usual scores and HC1, or CR1 of the drawn clusters) is computed again. `points`: Rademacher signs, or Webb's six points, better
#' where there are fewer than about ten clusters (2^G signs are few). The p value is (1 + draws with abs(t*) >= abs(t)) / (R + 1) (`tails =
#' "symmetric"`), or twice the smaller tail (`"equal"`). The interval holds the null values that are not rejected; it may be unbounded, and is then
#' said to be.
#'
#' **Permutation** draws the arms again as they were drawn: people, or whole clusters where nobody's arm differs within a cluster (of the fit's standard
#' errors, else of the experiment); within the experiment's strata; with the numbers in each arm as they are in the fit, or, where `probability` was given to
#' [info_experiment()], independently with it. `$words` says what was drawn. The instruments are rebuilt (exposure, centring, arm controls), and the
#' statistic is that of [anderson_rubin()] at the null: the t of the instrument in the regression of Y - b X on instrument and controls, with several
#' instruments their Wald statistic by their number, under HC1 or CR1. The test is exact, in samples of any size and with any first stage, under the
#' sharp null \eqn{Y_i(x) = b x + U_i}. Because the statistic is studentised it is also right in large samples for the weighted mean of unequal effects;
#' the plain difference would reject far too often when arms are unequal in size. All this is conditional on the people in the fit: if the arm decides
#' who stays, no drawing repairs that. A draw in which the instruments do not vary counts as a statistic of 0.
#'
#' **Intervals by inversion** ask the same draws about other null values: outwards from the estimate in doubling steps to 131,072 standard
#' errors, then between the steps at which the answer changes, to five digits of the step. What holds at the last step is taken to hold to infinity.
#'
#' **Digits.** A draw depends on the seed, its own number and the data: not on threads, batches, memory, `R` or the instruction set (see `$engine`), so the
#' first draws of a longer run are those of a shorter one. `options(miv.blas = TRUE)` sends the products to R's BLAS instead, which agrees to 1e-10.
#' R's own random numbers are left alone, except that `seed = NULL` takes one from them.
#'
#' **Memory.** Weights and cross-products together stay below `options(miv.memory = 512)` megabytes, whatever R and the number of clusters; the draws
#' themselves come on top (8 bytes each).
#'
#' @param fit A fit of [miv()] or [tsls()]. A set of fits gives [miv_results]; for p values of several effects together see [adjust_p()].
#' @param scheme `"pairs"`, `"bayesian"`, `"wild"` or `"permutation"`. `NULL`: `"wild"` when the fit is clustered, else `"pairs"`.
#' @param R Number of draws.
#' @param seed A whole number, or `NULL` for one from R's generator.
#' @param null Effect of the belief under the null hypothesis, in units of the outcome per unit of the belief.
#' @param level Of the interval, between 0 and 1.
#' @param points Of the wild bootstrap: `"rademacher"` or `"webb"`.
#' @param tails Of the wild bootstrap: `"symmetric"` or `"equal"`.
#' @param cluster One-sided formula of the clusters to draw. `NULL`: those of the fit's standard errors; people where these are not clustered.
#'
#' @param interval `FALSE` leaves out the inversion under `"wild"` and `"permutation"` (the p value alone, for simulations): then `set` is `NULL`.
#'
#' @param ... Nothing: misspelt arguments are refused here.
#'
#' @return An object of class `miv_resample` that answers `print()`, [tidy()][tidy.miv], `confint()` and `plot()`. A list with `draws` (a matrix with R
#'   rows: one column per coefficient under `"pairs"` and `"bayesian"`, the statistic t* of the belief under `"wild"` and `"permutation"`), `estimate`,
#'   `std.error` (of the draws; of the fit under `"wild"` and `"permutation"`), `statistic`, `p.value`, `p.error` (its Monte Carlo standard error), `interval`
#'   (one row per coefficient; `NA` where the set is empty), `set` (the belief's interval as a data frame of its pieces, `lower` and `upper`; more than one row, infinite ends or none
#'   where the inversion says so), `scheme`, `R`, `seed`, `null`, `level`, `units` (who was drawn), and `engine`: what ran (`path`, `kernel`, `threads`,
#'   `units`, `replicates_per_second`, `ratio_to_bound`: time against the multiplications and additions of the products at what this machine's
#'   registers can do, and `seconds`).
#' @section Errors: `miv_error_bad_draws`, `unknown_scheme`, `bad_seed`, `bad_level`, `several_beliefs` (wild and permutation are for one),
#'   `several_clusters` (name one: `cluster = `), `one_cluster` (one cluster, or all weight in one), `single_clusters` (every cluster has one row),
#'   `absorbed_effects` (several that do not lie within the clusters), `bad_argument` (`points` or `tails` without `"wild"`). Of permutation: `no_arms` (a
#'   [tsls()] fit knows none), `constant_arm` (a stratum in which everybody is in one arm), `too_many_strata` (fewer than two people or clusters a
#'   stratum), `cluster_spans_strata`, `several_effects` (more than one absorbed effect, strata included), `arm_among_controls` (a control written with
#'   the arm), `bad_probability`.
#'   A warning, `miv_warning_draws_lost`, counts draws in which the belief was not identified; `miv_warning_few_draws` where R is too small for the level.
#' @references
#' Davidson, R. and MacKinnon, J. G. (2010). Wild bootstrap tests for IV regression. *Journal of Business & Economic Statistics* 28(1), 128-144.
#'
#' Chung, E. and Romano, J. P. (2013). Exact and asymptotically robust permutation tests. *Annals of Statistics* 41(2), 484-507.
#'
#' Imbens, G. W. and Rosenbaum, P. R. (2005). Robust, accurate confidence intervals with a weak instrument. *Journal of the Royal Statistical Society
#' A* 168(1), 109-126.
#'
#' Webb, M. D. (2014). Reworking wild bootstrap based inference for clustered errors. Queen's Economics Department working paper 1315.
#' @seealso [anderson_rubin()] for a set without draws; the vignette "Inference" for which method when.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age, experiment)
#' resample(fit, R = 999, seed = 1)
#' confint(resample(fit, "permutation", R = 999, seed = 1))
#' by_region <- miv(pay_claim ~ age, experiment, vcov = ~ region)
#' resample(by_region, R = 999, points = "webb", seed = 1)$p.value
#' @export
resample <- function(fit, scheme = NULL, R = 9999, seed = NULL, null = 0, level = 0.95, points = "rademacher", tails = "symmetric", cluster = NULL, interval = TRUE, ...) {
  check_dots(dot_names(...), setdiff(names(formals(resample)), "..."))
  if (inherits(fit, "miv_set")) return(set_results(fit, each_fit(fit, resample, scheme, R, seed, null, level, points, tails, cluster, interval)))
  request <- check_resample(fit, scheme, R, null, level, points, tails)
  request$interval <- isTRUE(check_flag(interval, "interval"))
  request$units <- read_units(fit, cluster)
  request$seed <- take_seed(seed)
  progress <- new_progress(sprintf("%s, %s draws", scheme_title(request$scheme), big_number(R)))
  on.exit(progress$close())
  answer <- switch(request$scheme, wild = resample_wild(fit, request, progress$tell), permutation = resample_permutation(fit, request, progress$tell),
                   resample_coefficients(fit, request, progress$tell))
  new_resample(fit, request, answer)
}

check_resample <- function(fit, scheme, R, null, level, points, tails) {
  if (!inherits(fit, "miv")) abort_miv("not_a_fit", "`fit` is of class `%s`; give a fit of `miv()` or `tsls()`.", class(fit)[1])
  if (is.null(scheme)) scheme <- if (length(fit$vcov_kind$cluster) && length(fit$beliefs) == 1) "wild" else "pairs"
  check_scheme(scheme)
  check_choice(points, c("rademacher", "webb"), "points")
  check_choice(tails, c("symmetric", "equal"), "tails")
  check_draws(R)
  check_level(level, "level")
  check_wild_only(scheme, points, tails)
  if (!is.numeric(null) || length(null) != 1 || !is.finite(null) || abs(null) > 1e100) abort_miv("bad_null", "`null` is `%s`; give one finite number, at most 1e100 in size.", deparse_one(null))
  if (scheme %in% c("wild", "permutation")) check_scheme_beliefs(fit, scheme)
  list(scheme = scheme, R = as.numeric(R), null = null, level = level, points = points, tails = tails)
}

# Other packages' words for the same.
check_scheme <- function(scheme) {
  usual <- c(randomization = "permutation", randomisation = "permutation", ri = "permutation", fisher = "permutation", bootstrap = "pairs", boot = "pairs", wre = "wild", dirichlet = "bayesian")
  known <- if (is.character(scheme) && length(scheme) == 1) usual[tolower(scheme)] else NA
  if (!is.na(known)) abort_miv("unknown_scheme", "`%s` is called \"%s\" here; the schemes are %s.", scheme, known, quote_names(kSchemes))
  check_choice(scheme, kSchemes, "scheme")
}

check_wild_only <- function(scheme, points, tails) {
  if (scheme == "wild" || (points == "rademacher" && tails == "symmetric")) return(invisible(scheme))
  abort_miv("bad_argument", "`%s` is for `scheme = \"wild\"`, and the scheme is \"%s\"; leave it out.", if (points != "rademacher") "points" else "tails", scheme)
}

check_scheme_beliefs <- function(fit, scheme) {
  check_instrumented(fit)
  if (length(fit$beliefs) == 1) return(invisible(fit))
  abort_miv("several_beliefs", "`scheme = \"%s\"` tests one belief, and the fit has %d (%s); use \"pairs\" or \"bayesian\".", scheme, length(fit$beliefs), quote_names(fit$beliefs))
}

# ---- draws of coefficients ----

resample_coefficients <- function(fit, request, tell) {
  started <- proc.time()[["elapsed"]]
  say_percentiles_weak(fit)
  drawn <- drawn_design(fit, request$units, wild = FALSE)
  core <- core_request(request, drawn, tell, scheme = if (request$scheme == "pairs") 0L else 1L)
  answer <- draw_coefficients_cpp(drawn$design, c(core, list(by_group = drawn$by_group)))
  draws <- answer$draws[, coefficient_order(fit), drop = FALSE]
  colnames(draws) <- names(fit$coefficients)
  found <- check_draws_lost(draws, effect_names(fit))
  nulls <- ifelse(names(fit$coefficients) %in% effect_names(fit), request$null, 0)
  c(list(draws = draws, nulls = nulls), percentiles(found, nulls, request$level), list(
    engine = engine_of(answer$report, request, started, "coefficients from cross-products")))
}

# list(std.error, interval, p.value) of every column. Where all draws are finite the core counts; the plain way is percentile_interval() and percentile_p().
percentiles <- function(draws, nulls, level) {
  ends <- ranks_of(nrow(draws), level)
  if (ends[1] < 1 || !all(is.finite(draws))) return(plain_percentiles(draws, nulls, level))
  counted <- summarise_draws_cpp(draws, ends[1], ends[2], nulls, threads())
  list(std.error = stats::setNames(counted[5, ], colnames(draws)), interval = t(counted[1:2, , drop = FALSE]), p.value = pmin(1, 2 * (1 + pmin(counted[3, ], counted[4, ])) / (nrow(draws) + 1)))
}

plain_percentiles <- function(draws, nulls, level) {
  list(std.error = apply(draws, 2, stats::sd, na.rm = TRUE), interval = percentile_interval(draws, level), p.value = vapply(seq_along(nulls), function(j) percentile_p(draws[, j], nulls[j]), 0))
}

say_percentiles_weak <- function(fit) {
  f <- fit$first_stage$F
  if (length(f) == 0 || !any(f < 10, na.rm = TRUE)) return(invisible(fit))
  warn_miv("weak_first_stage", "With a first-stage F of %s percentile intervals and the draws' standard deviation are not to be trusted; use `scheme = \"wild\"` or \"permutation\", or anderson_rubin().", show_f(min(f)))
}

# The core's order is controls, then beliefs.
coefficient_order <- function(fit) {
  p <- length(fit$beliefs)
  k <- length(fit$coefficients)
  places <- fit$places$exogenous
  c(if (p) k - p + seq_len(p), match(places, sort(places)))
}

core_request <- function(request, drawn, tell, scheme) {
  list(scheme = scheme, draws = request$R, seed = request$seed, memory = memory_budget(), blas = isTRUE(getOption("miv.blas")), threads = threads(), progress = tell,
       reference = drawn$reference, units = drawn$index)
}

check_draws_lost <- function(draws, effects) {
  if (length(effects) == 0 || all(is.finite(draws))) return(draws)
  lost <- rowSums(!is.finite(draws[, effects, drop = FALSE])) > 0
  if (sum(!lost) < 2) abort_miv("not_identified", "In %d of %d draws the belief is not identified; at least two must be left.", sum(lost), nrow(draws))
  say_columns_lost(draws[!lost, , drop = FALSE])
  if (any(lost)) warn_miv("draws_lost", "In %d of %d draws nothing identified the belief (all clusters drawn were in one arm, or nobody moved); they are NA in `draws` and left out of the interval, which then says too little. Use \"bayesian\", \"wild\" or \"permutation\".", sum(lost), nrow(draws))
  draws[!lost, , drop = FALSE]
}

# A dummy of few people is absent from some draws.
say_columns_lost <- function(draws) {
  lost <- colSums(!is.finite(draws))
  if (all(lost == 0)) return(invisible(draws))
  worst <- names(which.max(lost))
  inform_miv("columns_lost", "%d coefficient%s missing in some draws (most often `%s`, in %d of %d), in which nobody has the value; the rest are used for %s.", sum(lost > 0),
             if (sum(lost > 0) == 1) " is" else "s are", worst, max(lost), nrow(draws), if (sum(lost > 0) == 1) "it" else "them")
}

percentile_interval <- function(draws, level) {
  out <- t(vapply(seq_len(ncol(draws)), function(j) quantiles_of(finite_only(draws[, j]), level), c(0, 0)))
  if (any(is.infinite(out))) warn_miv("few_draws", "%d draws are too few for an interval at level %s; it is unbounded. Take R = %d or more.", nrow(draws), format(level), ceiling(round(2 / alpha_of(level), 6)) - 1)
  out
}

# The order statistics that an interval lies between.
quantiles_of <- function(x, level) {
  ends <- ranks_of(length(x), level)
  if (ends[1] < 1) c(-Inf, Inf) else sort.int(x, partial = ends)[ends]
}

ranks_of <- function(n, level) floor(alpha_of(level) / 2 * (n + 1) + 1e-9) * c(1, -1) + c(0, n + 1)

finite_only <- function(x) {
  finite <- is.finite(x)
  if (all(finite)) x else x[finite]
}

percentile_p <- function(x, null) {
  x <- finite_only(x)
  min(1, 2 * (1 + min(sum(x <= null), sum(x >= null))) / (length(x) + 1))
}

# ---- wild ----

resample_wild <- function(fit, request, tell) {
  started <- proc.time()[["elapsed"]]
  say_studentised(fit, "The wild bootstrap")
  check_not_exact(fit)
  check_instrument_count(fit)
  drawn <- drawn_design(fit, request$units, wild = TRUE)
  core <- core_request(request, drawn, tell, scheme = if (request$points == "webb") 3L else 2L)
  at_nulls <- function(nulls) draw_wild_cpp(drawn$design, core, nulls)
  answer <- at_nulls(request$null)
  engine <- engine_of(answer$report, request, started, "t statistics from cross-products")
  core["progress"] <- list(NULL)
  errors <- unit_errors(fit, request$units)
  p_of <- function(nulls) {
    few <- max(1, floor(2e6 / request$R))                     # nulls at a time: the statistics of all take memory
    unlist(lapply(split(nulls, (seq_along(nulls) - 1) %/% few), function(some) {
      found <- at_nulls(some)
      vapply(seq_along(some), function(j) test_p(found$draws[, j], found$observed[j], request$tails), 0)
    }), use.names = FALSE)
  }
  scale <- errors[["plain"]] / errors[["adjusted"]]
  possible <- (if (request$points == "webb") 6 else 2)^answer$report$units
  c(null_answer(fit, answer$draws * scale, answer$observed * scale, errors[["adjusted"]], p_of, request, possible), list(engine = engine, possible = possible))
}

# Standard errors of the belief with the usual scores over the units: without small-sample factor, and with it.
unit_errors <- function(fit, units) {
  error <- function(type) sqrt(covariance_over(fit, type, units)[fit$beliefs, fit$beliefs])
  if (is.null(units$index)) c(plain = error("HC0"), adjusted = error("HC1")) else c(plain = error("CR0"), adjusted = error("CR1"))
}

covariance_over <- function(fit, type, units) {
  problem <- problem_of(fit)
  choice <- list(type = type, ways = list())
  answer <- run_core(problem, sample_of(fit), choice, "usual", clusters = if (!is.null(units$index)) list(units$index))
  name_answer(answer, problem, choice)$vcov
}

# Squares of what is left of the outcome must be more than rounding.
check_not_exact <- function(fit) {
  if (fit$rss > 1e-10 * fit$tss) return(invisible(fit))
  abort_miv("exact_fit", "The fit explains the outcome almost exactly (all but %s of its variance): nothing but rounding is left to draw from; look for the outcome among belief and controls.", format(fit$rss / fit$tss, digits = 2))
}

check_instrument_count <- function(fit) {
  if (length(fit$instruments) <= 8) return(invisible(fit))
  abort_miv("too_many_instruments", "The wild bootstrap takes up to 8 instruments, and the fit has %d; use anderson_rubin(), \"pairs\" or \"bayesian\".", length(fit$instruments))
}

say_studentised <- function(fit, what) {
  kind <- fit$vcov_kind
  if (kind$type %in% c("HC0", "HC1", "CR0", "CR1") && kind$scores == "usual") return(invisible(fit))
  inform_miv("covariance", "%s studentises by %s with the usual scores; the fit has %s.", what, if (length(kind$cluster)) "CR1" else "HC1", vcov_words(kind))
}

# Ties with the statistic itself count, whatever rounding does to them.
test_p <- function(draws, observed, tails) {
  slack <- 1e-9 * abs(observed)
  if (tails == "symmetric") return((1 + sum(abs(draws) >= abs(observed) - slack)) / (length(draws) + 1))
  min(1, 2 * (1 + min(sum(draws >= observed - slack), sum(draws <= observed + slack))) / (length(draws) + 1))
}

kManyPatterns <- 1e6

# Where few patterns can be drawn at all, p cannot be small.
say_few_patterns <- function(possible, request) {
  if (!request$interval) return(invisible(possible))
  alpha <- alpha_of(request$level)
  least <- (if (request$tails == "equal") 2 else 1) / (request$R + 1)
  if (max(1 / possible, least) <= alpha) return(invisible(possible))
  if (1 / possible > alpha) {
    warn_miv("few_patterns", "Only %s %s are possible, so p cannot fall below %s: no interval at level %s.%s", big_number(possible), pattern_words(request), format(signif(1 / possible, 2)), format(request$level),
             if (request$scheme == "wild" && request$points == "rademacher") " Use `points = \"webb\"`." else "")
  } else {
    warn_miv("few_draws", "With %d draws p cannot fall below %s: no interval at level %s. Take R = 999 or more.", request$R, format(signif(least, 2)), format(request$level))
  }
}

pattern_words <- function(x) if (x$scheme == "permutation") "assignments of the arms" else "patterns of signs"

# What both tests of a null have in common. possible: how many patterns there are to draw from.
null_answer <- function(fit, draws, observed, error, p_of, request, possible) {
  say_few_patterns(possible, request)
  p <- test_p(draws, observed, request$tails)
  set <- if (request$interval) invert_test(p_of, fit$coefficients[[fit$beliefs]], error, request$level, request$null)
  draws <- matrix(draws, ncol = 1, dimnames = list(NULL, fit$beliefs))
  list(draws = draws, std.error = stats::setNames(error, fit$beliefs), statistic = observed, p.value = p, set = set, interval = matrix(if (request$interval) hull(set) else NA_real_, 1, 2))
}

# ---- the result ----

new_resample <- function(fit, request, answer) {
  names <- colnames(answer$draws)
  rows <- matrix(answer$interval, ncol = 2, dimnames = list(names, interval_names(request$level)))
  estimate <- fit$coefficients[names]
  statistic <- if (is.null(answer$statistic)) (estimate - answer$nulls) / answer$std.error else answer$statistic
  set <- if (request$scheme %in% c("pairs", "bayesian")) data.frame(lower = rows[1, 1], upper = rows[1, 2], row.names = NULL) else answer$set
  p <- stats::setNames(answer$p.value, names)
  structure(list(
    draws = answer$draws, estimate = estimate, std.error = answer$std.error, statistic = stats::setNames(statistic, names), p.value = p,
    p.error = monte_carlo_error(p, request), interval = rows, set = set,
    scheme = request$scheme, R = request$R, seed = request$seed, null = request$null, level = request$level, points = request$points, tails = request$tails,
    units = if (is.null(answer$units)) request$units$label else answer$units, n_units = answer$engine$units, words = answer$words, possible = answer$possible,
    engine = answer$engine, title = fit_title(fit), instruments = length(fit$instruments)), class = "miv_resample")
}

# Of twice a tail the error is that of the tail, doubled.
monte_carlo_error <- function(p, request) {
  twice <- request$scheme %in% c("pairs", "bayesian") || (request$scheme == "wild" && request$tails == "equal")
  sqrt(p * ((if (twice) 2 else 1) - p) / (request$R + 1))
}

interval_names <- function(level) paste(format(100 * c((1 - level) / 2, (1 + level) / 2), trim = TRUE, digits = 7), "%")

# Time against what the registers could do: products of weights and columns alone, without drawing and solving.
engine_of <- function(report, request, started, path) {
  seconds <- max(proc.time()[["elapsed"]] - started, 1e-3)
  cores <- threads()
  list(path = path, kernel = if (isTRUE(report$blas)) "R's BLAS" else report$kernel, asked_blas = isTRUE(getOption("miv.blas")), threads = cores, units = report$units, columns = report$columns,
       replicates_per_second = request$R / seconds, ratio_to_bound = seconds / (report$flops / (measure_rate_cpp() * cores)), seconds = seconds)
}

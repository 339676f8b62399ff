# P values of several effects tested together: Romano and Wolf's step-down over joint draws, and Holm's bound.

kAdjustments <- c("romano-wolf", "holm")

#' P values of several effects together
#'
#' Of many outcomes or subgroups some effect is found by chance. Adjusted p values hold the probability of one false finding or more at the level, however many
#' effects there are and however they depend on each other.
#'
#' **Holm** needs the p values only: the smallest times m, the next times m - 1, and so on, none smaller than the one before ([stats::p.adjust()]). It is
#' right under any dependence,
#' and for that it pays.
#'
#' **Romano-Wolf** learns the dependence from draws, in which all fits are drawn together. With t_1 the largest statistic in size of m, t_2 the next, and
#' so on, and \eqn{t^*_j}{t*_j} their draws,
#' \deqn{p_j = \frac{1 + \#\{\max_{k \ge j} |t^*_k| \ge |t_j|\}}{R + 1},}{p_j = (1 + number of draws with max(abs(t*_k), k >= j) >= abs(t_j)) / (R + 1),}
#' and then no p_j smaller than the one before (Romano and Wolf 2016). Which statistic is drawn depends on the scheme, as in [resample()]:
#'
#' - `"wild"`: t* of the restricted efficient bootstrap, the null of each fit imposed, against the t of the fit under HC1 or CR1;
#' - `"pairs"`, `"bayesian"`: \eqn{t^* = (b^* - b) / s}{t* = (b* - b) / s} against (b - null) / s, s the standard deviation of the draws b*. For a strong
#'   first stage;
#' - `"permutation"`: the Anderson-Rubin statistic over the arms drawn again, exact for each effect; every fit must have the same people.
#'
#' **Drawn together** means that a person (or cluster) has the same sign, count or weight in every fit of a draw. Units are the people or clusters that
#' are in any of the fits, numbered once for all of them; each fit
#' is estimated on its own complete people, so outcomes may be missing for different people. Where all fits have the same people, the draws are those that
#' `resample(fit, scheme, seed = seed)` gives for each. Where a draw does not identify one of the effects it is left out for all, with a warning.
#'
#' The unadjusted `p.value` comes from the same draws, (1 + draws with abs(t*) >= abs(t)) / (R + 1); under `"pairs"` and `"bayesian"` this is the
#' symmetric t test, not the percentile p value of [resample()]. Holm's are
#' made of these. With `method = "holm"` alone nothing is drawn, and the p values are those of the fits' t.
#'
#' The family is what is handed over: choose it before seeing the p values.
#'
#' @param fits A set of fits ([miv_set]: several outcomes, subgroups, or `c(fit1, fit2)`) or a list of fits, all on the same data frame.
#' @param method `"romano-wolf"`, `"holm"`, or both.
#' @param R Number of draws.
#' @param seed A whole number, or `NULL` for one from R's generator.
#' @param null Effect under the null hypothesis: one number for all, or one for each fit.
#' @param scheme As in [resample()]; `NULL`: `"wild"`, or `"pairs"` where a fit has several beliefs, none, or more than 8 instruments.
#' @param cluster One-sided formula of the clusters to draw. `NULL`: those of the fits, which must then be the same in all.
#' @param points Of the wild bootstrap: `"rademacher"` or `"webb"`.
#' @param ... Nothing: misspelt arguments are refused here.
#' @return A data frame of class `miv_adjusted_p`, one row per fit (and belief), in the order given: the columns of the set (`outcome`, ...), `term`,
#'   `estimate`, `std.error` (the one in the
#'   statistic), `statistic`, `p.value` (unadjusted), `p.romano.wolf`, `p.holm`. `tidy()` and `as.data.frame()` give it without class. Attributes:
#'   `draws` (R x m, the t*), `scheme`, `R`, `seed`, `units`,
#'   `n_units`.
#' @section Errors: `miv_error_one_fit` (fewer than two effects), `miv_error_different_data`, `miv_error_several_units` (fits clustered by different
#'   variables: say `cluster =`), `miv_error_different_people`
#'   (permutation, people differ), `miv_error_missing_cluster`, `miv_error_unknown_method`, `miv_error_bad_null`; those of [resample()].
#' @references
#' Romano, J. P. and Wolf, M. (2005). Exact and approximate stepdown methods for multiple hypothesis testing. *Journal of the American Statistical
#' Association* 100(469), 94-108.
#'
#' Romano, J. P. and Wolf, M. (2016). Efficient computation of adjusted p-values for resampling-based stepdown multiple testing. *Statistics &
#' Probability Letters* 113, 38-40.
#'
#' Holm, S. (1979). A simple sequentially rejective multiple test procedure. *Scandinavian Journal of Statistics* 6(2), 65-70.
#' @seealso [resample()] for one fit.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fits <- miv(c(pay_claim, learning_rate) ~ age, experiment)
#' adjust_p(fits, R = 999, seed = 1)
#' adjust_p(miv(pay_claim ~ age, experiment, by = ~ region), "holm")
#' @export
adjust_p <- function(fits, method = c("romano-wolf", "holm"), R = 9999, seed = NULL, null = 0, scheme = NULL, cluster = NULL, points = "rademacher", ...) {
  check_dots(dot_names(...), setdiff(names(formals(adjust_p)), "..."))
  check_adjustments(method)
  fits <- as_set(fits)
  null <- read_nulls(null, fits)
  if (!"romano-wolf" %in% method) return(adjust_by_holm(fits, null))
  check_same_data(fits)
  request <- joint_request(fits, scheme, R, seed, points, cluster)
  joint <- draw_jointly(fits, request, null)
  new_adjusted_p(fits, joint$table, method, joint$draws, request)
}

check_adjustments <- function(method) {
  lost <- if (is.character(method)) setdiff(method, kAdjustments) else deparse_one(method)
  if (length(lost) == 0 && length(method) > 0) return(invisible(method))
  abort_miv("unknown_method", "`%s` is not a known method.%s", if (length(lost)) lost[1] else "", suggest_name(if (length(lost)) lost[1] else "", kAdjustments))
}

# A list of fits counts as a set.
as_set <- function(fits) {
  if (is_set(fits)) set <- fits
  else if (inherits(fits, "miv")) abort_miv("one_fit", "One fit needs no adjustment; give several, `c(fit1, fit2)`.")
  else if (is.list(fits) && length(fits)) set <- do.call(c.miv, fits)
  else abort_miv("not_a_fit", "`fits` is of class `%s`; give a set or a list of fits.", class(fits)[1])
  effects <- sum(vapply(unclass(set), function(fit) length(effect_names(fit)), 0L))
  if (effects < 2) abort_miv("one_fit", "There is %d effect to test; adjustment is for two or more.", effects)
  set
}

read_nulls <- function(null, fits) {
  if (is.numeric(null) && length(null) %in% c(1, length(fits)) && all(is.finite(null)) && all(abs(null) <= 1e100)) return(rep_len(null, length(fits)))
  abort_miv("bad_null", "`null` is `%s`; give one finite number, at most 1e100 in size, or one for each of %d fits.", deparse_one(null), length(fits))
}

# One row per fit and belief: what the fit itself says.
effect_table <- function(fits, null) {
  rows <- lapply(seq_along(fits), function(i) {
    fit <- fits[[i]]
    terms <- effect_names(fit)
    error <- sqrt(diag(fit$vcov))[terms]
    statistic <- (fit$coefficients[terms] - null[i]) / error
    data.frame(term = terms, estimate = unname(fit$coefficients[terms]), std.error = unname(error), statistic = unname(statistic),
               p.value = 2 * stats::pt(-abs(unname(statistic)), df_of(fit, terms)))
  })
  stack_frames(set_key(fits), rows)
}

adjust_by_holm <- function(fits, null) new_adjusted_p(fits, effect_table(fits, null), "holm", NULL, NULL)

# ---- joint draws ----

joint_request <- function(fits, scheme, R, seed, points, cluster) {
  if (is.null(scheme)) scheme <- joint_scheme(fits)
  request <- check_resample(fits[[1]], scheme, R, 0, 0.95, points, "symmetric")
  if (scheme %in% c("wild", "permutation")) for (fit in unclass(fits)) check_scheme_beliefs(fit, scheme)
  request$interval <- FALSE
  request$own <- lapply(unclass(fits), read_units, cluster = cluster)
  request$units <- joint_units(fits, request$own, cluster)
  request$seed <- take_seed(seed)
  request
}

# The wild bootstrap studentises every draw and imposes the null, so that a first stage that is not overwhelming leaves its p values alone.
joint_scheme <- function(fits) {
  can <- vapply(unclass(fits), function(fit) length(fit$beliefs) == 1 && length(fit$instruments) %in% 1:8, NA)
  if (all(can)) "wild" else "pairs"
}

# Units of all fits together, numbered by first appearance among the rows that are in any of them: list(index: ids of all rows of the data, count, ...; label).
joint_units <- function(fits, own, cluster) {
  labels <- unique(vapply(own, `[[`, "", "label"))
  if (length(labels) > 1) {
    abort_miv("several_units", "The fits are drawn by different units (%s), and a joint draw needs one; name it, `cluster = ~ variable`, or fit all with the same `vcov`.", quote_names(labels))
  }
  inside <- Reduce(`|`, lapply(unclass(fits), in_fit))
  kept <- if (all(inside)) NULL else as.raw(inside)
  if (is.null(own[[1]]$index)) {
    ids <- rep(-1L, length(inside))
    ids[inside] <- seq_len(sum(inside)) - 1L
    return(list(index = list(ids = ids, count = sum(inside), missing = 0, sign = 1, way = 1L, label = "people"), label = "people"))
  }
  problem <- start_problem(fits[[1]]$recipe, fits[[1]]$data)
  index <- cluster_indices(problem, add_clusters(problem, units_choice(fits[[1]], cluster)), kept)[[1]]
  list(index = index, label = index$label)
}

# list(table, draws): statistics of the fits and their t*, R x effects.
draw_jointly <- function(fits, request, null) {
  progress <- new_progress(sprintf("%s of %d fits, %s draws", scheme_title(request$scheme), length(fits), big_number(request$R)))
  on.exit(progress$close())
  part <- switch(request$scheme, wild = draw_wild_part, permutation = draw_permuted_part, draw_coefficient_part)
  if (request$scheme == "permutation") check_same_people(fits)
  parts <- lapply(seq_along(fits), function(i) naming(names(fits)[i], part(fits[[i]], request, null[i], request$own[[i]], joint_share(progress$tell, i, length(fits)))))
  list(table = stack_frames(set_key(fits), lapply(parts, `[[`, "table")), draws = keep_whole(do.call(cbind, lapply(parts, `[[`, "draws"))))
}

joint_share <- function(tell, i, count) if (is.null(tell)) NULL else function(share) tell((i - 1 + share) / count)

# The statistic has the factor of the fit's own people, whatever the union has.
draw_wild_part <- function(fit, request, null, own, tell) {
  request$null <- null
  answer <- resample_wild(fit, request, tell)
  error <- unit_errors(fit, own)[["adjusted"]]
  scale <- answer$std.error[[1]] / error
  test_part(fit, answer, answer$statistic * scale, answer$draws * scale, error)
}

draw_permuted_part <- function(fit, request, null, own, tell) {
  request$null <- null
  request$units <- own
  answer <- resample_permutation(fit, request, tell)
  test_part(fit, answer, answer$statistic, answer$draws, answer$std.error[[1]])
}

test_part <- function(fit, answer, statistic, draws, error) {
  list(table = data.frame(term = fit$beliefs, estimate = fit$coefficients[[fit$beliefs]], std.error = error, statistic = statistic), draws = unname(draws))
}

draw_coefficient_part <- function(fit, request, null, own, tell) {
  request$null <- null
  answer <- resample_coefficients(fit, request, tell)
  terms <- effect_names(fit)
  draws <- answer$draws[, terms, drop = FALSE]
  error <- answer$std.error[terms]
  b <- fit$coefficients[terms]
  list(table = data.frame(term = terms, estimate = unname(b), std.error = unname(error), statistic = unname((b - null) / error)), draws = unname(sweep(sweep(draws, 2, b), 2, error, "/")))
}

# Arms are drawn among the people of the fit, in their order.
check_same_people <- function(fits) {
  first <- in_fit(fits[[1]])
  other <- vapply(unclass(fits), function(fit) !identical(in_fit(fit), first), NA)
  if (!any(other)) return(invisible(fits))
  abort_miv("different_people", "`%s` has %s people and `%s` %s, not all the same; the arms are drawn again for one set of people. Use \"pairs\" or \"wild\", or fit all on those complete in every outcome (`subset =`).",
            names(fits)[1], big_number(fits[[1]]$nobs), names(fits)[other][1], big_number(fits[[which(other)[1]]]$nobs))
}

# A draw counts for all effects or for none.
keep_whole <- function(draws) {
  lost <- rowSums(is.na(draws)) > 0
  if (!any(lost)) return(draws)
  if (sum(!lost) < 2) abort_miv("not_identified", "In %d of %d draws some effect is not identified; at least two must be left.", sum(lost), nrow(draws))
  warn_miv("draws_lost", "%d of %d draws, in which some effect was not identified, are left out for all effects.", sum(lost), nrow(draws))
  draws[!lost, , drop = FALSE]
}

# ---- the step-down ----

# Ties with the statistic itself count, whatever rounding does to them.
draws_beyond <- function(draws, statistic) (1 + sum(draws >= abs(statistic) * (1 - 1e-9))) / (length(draws) + 1)

romano_wolf <- function(statistic, draws) {
  order <- order(-abs(statistic))
  size <- abs(draws)
  p <- numeric(length(statistic))
  largest <- numeric(nrow(draws))
  for (j in rev(order)) {                                     # the maximum over what is not yet rejected grows from the smallest on
    largest <- pmax(largest, size[, j])
    p[j] <- draws_beyond(largest, statistic[j])
  }
  p[order] <- cummax(p[order])
  p
}

new_adjusted_p <- function(fits, table, method, draws, request) {
  if (!is.null(draws)) {
    table$p.value <- vapply(seq_along(table$statistic), function(j) draws_beyond(abs(draws[, j]), table$statistic[j]), 0)
    table$p.romano.wolf <- romano_wolf(table$statistic, draws)
  }
  if ("holm" %in% method) table$p.holm <- stats::p.adjust(table$p.value, "holm")
  structure(table, draws = draws, scheme = request$scheme, R = request$R, seed = request$seed, units = request$units$label, n_units = request$units$index$count, title = set_title(fits),
            labels = rep(names(fits), vapply(unclass(fits), function(fit) length(effect_names(fit)), 0L)), class = c("miv_adjusted_p", "data.frame"))
}

# ---- words ----

#' @rdname adjust_p
#' @param x From `adjust_p()`.
#' @param digits Significant digits.
#' @export
print.miv_adjusted_p <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  if (!all(c("term", "estimate", "statistic", "p.value") %in% names(x)) || length(attr(x, "labels")) != nrow(x)) return(invisible(print(as.data.frame(x))))
  print_words(attr(x, "title"))
  cat("\n")
  print_frame(adjusted_frame(x, digits))
  cat("\n")
  print_line("Together", sprintf("%d effects; to reject where the adjusted p is at most 0.05 keeps the probability of any false rejection at 5 percent.", nrow(x)))
  print_line("Drawn", joint_words(x))
  invisible(x)
}

adjusted_frame <- function(x, digits) {
  number <- function(v) mapply(function(b, error) fixed(b, decimals_for(error, digits - 1)), v, x$std.error)
  p <- function(v) if (!is.null(v)) format.pval(v, digits = 3, eps = 1e-4)
  shown <- cbind(estimate = number(x$estimate), "std. error" = number(x$std.error), t = formatC(x$statistic, digits = 2, format = "f"), p = p(x$p.value), "Romano-Wolf" = p(x$p.romano.wolf), Holm = p(x$p.holm))
  labels <- attr(x, "labels")
  if (anyDuplicated(labels)) labels <- paste(labels, x$term, sep = ": ")
  rownames(shown) <- shorten(labels, 32)
  shown
}

joint_words <- function(x) {
  if (is.null(attr(x, "scheme"))) return("nothing; p values of the fits' t, adjusted by Holm's bound.")
  how <- switch(attr(x, "scheme"), permutation = "the arms", sprintf("%s %s", big_number(attr(x, "n_units")), if (attr(x, "units") == "people") "people" else sprintf("clusters of `%s`", attr(x, "units"))))
  sprintf("%s, %s draws of %s, together for all fits; seed %s.", tolower_first(scheme_title(attr(x, "scheme"))), big_number(attr(x, "R")), how, format(attr(x, "seed"), scientific = FALSE))
}

tolower_first <- function(text) paste0(tolower(substr(text, 1, 1)), substring(text, 2))

#' @rdname adjust_p
#' @export
tidy.miv_adjusted_p <- function(x, ...) bare_frame(x)

#' @export
as.data.frame.miv_adjusted_p <- function(x, row.names = NULL, optional = FALSE, ...) bare_frame(x, row.names)

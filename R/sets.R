# Several fits as one object: a named list of class miv_set with a key, a data frame with one row per fit that says what it is of (outcome,
# group, or the name it was given).

new_set <- function(fits, key, by = NULL, left_out = NULL, missing = NULL) {
  structure(fits, class = "miv_set", key = key, by = by, left_out = left_out, missing = missing)
}

# Sets made elsewhere have names only.
set_key <- function(set) {
  key <- attr(set, "key")
  if (is.null(key)) data.frame(outcome = names(set)) else key
}

# The same set with other fits in its places.
like_set <- function(set, fits) new_set(stats::setNames(fits, names(set)), set_key(set), attr(set, "by"), attr(set, "left_out"), attr(set, "missing"))

each_fit <- function(set, f, ...) lapply(as.list.miv_set(set), f, ...)

outcome_of <- function(fit) deparse_one(fit$formula[[2]])

is_set <- function(x) inherits(x, "miv_set")

# ---- gathering ----

#' Several fits as one set
#'
#' Fits gathered by `c()`, of several outcomes (`c(y1, y2) ~ x`) or of subgroups (`by =`) are a set: a named list of class `miv_set` that prints as one table
#' and answers every method for each of its fits.
#'
#' `print()` shows fits in columns and coefficients in rows, standard errors in parentheses below; then people, clusters, the first-stage F, the negative
#' weight (see [effect_weights()]) and the mean outcome of the base arm. A table wider than the console is broken into several. No stars. Level controls that the
#' package added are left out, as in [summary()][summary.miv]. `print(fits, all = TRUE)` shows them, and more than 20 coefficients.
#'
#' In data frames ([tidy()][tidy.miv], [glance()][tidy.miv], `as.data.frame()`, the `table` of `summary()`) the first columns say which fit a row is of: `fit` (the
#' name given to `c()`), `outcome` (where there are several, and after `c()`), and one column per variable of `by`, under its own name and with its own
#' values. A variable of
#' `by` called as a column that is there anyway (`term`, `exposure`, ...) has `by_` put in front.
#'
#' Packages that take a plain list of fits (`modelsummary::modelsummary()`, `texreg::screenreg()`, ...) are given `as.list(fits)`.
#'
#' @param ... Fits of [miv()], [tsls()], [ols()] and so on, or sets of them; names become those of the set, `(1)`, `(2)` where there are none.
#' @return A `miv_set`: a named list of fits. `attr(fits, "key")` is the data frame of what the names mean, one row per fit.
#' @section Errors: `miv_error_not_a_fit` where something else is among the arguments, `miv_error_duplicated_name`, `miv_error_unknown_fit` and `miv_error_no_fits` (of `[`).
#' @seealso [adjust_p()] for p values of several outcomes together, [equal_effects()] for subgroups.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age + female, experiment)
#' fits <- c(OLS = ols(fit), "First stage" = first_stage(fit),
#'           "Reduced form" = reduced_form(fit), IV = fit)
#' fits
#' tidy(fits)[1:3, ]
#' fits["IV"]
#' @name miv_set
NULL

#' @rdname miv_set
#' @export
c.miv <- function(...) {
  parts <- list(...)
  given <- names(parts)
  if (is.null(given)) given <- rep("", length(parts))
  check_fits(parts)
  fits <- do.call(base::c, Map(part_fits, parts, given, seq_along(parts), USE.NAMES = FALSE))
  keys <- Map(part_key, parts, given, seq_along(parts), USE.NAMES = FALSE)
  twice <- names(fits)[duplicated(names(fits))]
  if (length(twice)) abort_miv("duplicated_name", "Two fits are called `%s`; give each a name of its own, `c(first = fit1, second = fit2)`.", twice[1])
  new_set(fits, bind_filled(keys))
}

#' @rdname miv_set
#' @export
c.miv_set <- c.miv

check_fits <- function(parts) {
  odd <- which(!vapply(parts, inherits, NA, what = c("miv", "miv_set")))
  if (length(odd) == 0) return(invisible(parts))
  abort_miv("not_a_fit", "Argument %d is of class `%s`; a set is made of fits of `miv()` or `tsls()`.", odd[1], class(parts[[odd[1]]])[1])
}

part_name <- function(name, place) if (nzchar(name)) name else sprintf("(%d)", place)

part_fits <- function(part, name, place) {
  if (!is_set(part)) return(stats::setNames(list(part), part_name(name, place)))
  stats::setNames(unclass(part)[seq_along(part)], if (nzchar(name)) paste(name, names(part), sep = ", ") else names(part))
}

part_key <- function(part, name, place) {
  if (!is_set(part)) return(data.frame(fit = part_name(name, place), outcome = outcome_of(part)))
  key <- set_key(part)
  if (!"outcome" %in% names(key)) key <- cbind(outcome = vapply(unclass(part), outcome_of, ""), key)
  if (nzchar(name)) key <- cbind(fit = name, key[setdiff(names(key), "fit")])
  key
}

# Rows of frames with not the same columns; what one does not have is missing there.
bind_filled <- function(frames) {
  columns <- unique(unlist(lapply(frames, names)))
  filled <- lapply(frames, function(frame) {
    frame[setdiff(columns, names(frame))] <- NA
    frame[columns]
  })
  out <- do.call(rbind, unname(filled))
  rownames(out) <- NULL
  out
}

#' @rdname miv_set
#' @param x A `miv_set`.
#' @param i Names or positions of fits.
#' @export
`[.miv_set` <- function(x, i) {
  if (missing(i)) return(x)
  at <- if (is.character(i)) match(i, names(x)) else seq_along(x)[i]
  if (anyNA(at)) abort_miv("unknown_fit", "`%s` is not a fit of the set.%s", as.character(i)[is.na(at)][1], suggest_name(as.character(i)[is.na(at)][1], names(x)))
  if (length(at) == 0) abort_miv("no_fits", "No fit of the %d is chosen; a set has at least one.", length(x))
  new_set(stats::setNames(lapply(at, function(j) x[[j]]), names(x)[at]), unrowed(set_key(x)[at, , drop = FALSE]), attr(x, "by"), attr(x, "left_out"), attr(x, "missing"))
}

unrowed <- function(frame) {
  rownames(frame) <- NULL
  frame
}

# ---- one frame ----

#' @rdname miv_set
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.miv_set <- function(x, row.names = NULL, optional = FALSE, ...) tidy(x, ...)

#' @export
as.list.miv_set <- function(x, ...) stats::setNames(unclass(x)[seq_along(x)], names(x))

# Rows of each fit's frame, with its row of the key before them.
stack_frames <- function(key, frames) {
  rows <- lapply(seq_along(frames), function(i) {
    at <- rep(i, NROW(frames[[i]]))
    cbind(unrowed(key[at, , drop = FALSE]), unrowed(as.data.frame(frames[[i]])))
  })
  bind_filled(rows)
}

# ---- results of a verb for each fit ----

# A named list with the set's key: prints one after the other, tidies into one frame.
set_results <- function(set, results) structure(stats::setNames(results, names(set)), key = set_key(set), class = "miv_results")

#' Results of several fits
#'
#' What [resample()], [anderson_rubin()], [effect_weights()], [compare_specs()] and [iv_tests()] give for a set of fits: a named list with one result per fit, which
#' prints one after the other and becomes one data frame by `tidy()` or `as.data.frame()`, with the columns of the set (`outcome`, the variables of `by`) first.
#'
#' @param x Results.
#' @param ... Passed to the method of each result.
#' @return A data frame; `print()` its argument, invisibly.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fits <- miv(pay_claim ~ age, experiment, by = ~ female)
#' tidy(anderson_rubin(fits))
#' @name miv_results
NULL

#' @rdname miv_results
#' @export
print.miv_results <- function(x, ...) {
  for (name in names(x)) {
    cat(sprintf("---- %s ----\n", name))
    print(x[[name]], ...)
    cat("\n")
  }
  invisible(x)
}

#' @rdname miv_results
#' @export
tidy.miv_results <- function(x, ...) stack_frames(attr(x, "key"), lapply(unclass(x), result_frame, ...))

#' @rdname miv_results
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.miv_results <- function(x, row.names = NULL, optional = FALSE, ...) stack_frames(attr(x, "key"), lapply(unclass(x), as.data.frame))

# Draws have no columns that say what they are; everything else is its own frame.
result_frame <- function(x, ...) if (inherits(x, c("miv_resample", "miv_ar_set", "miv_iv_tests"))) tidy(x, ...) else as.data.frame(x)

#' @rdname effect_weights
#' @export
effect_weights.miv_set <- function(fit, by = "side", ...) set_results(fit, each_fit(fit, effect_weights, by = by, ...))

#' @rdname compare_specs
#' @export
compare_specs.miv_set <- function(fit, ...) set_results(fit, each_fit(fit, compare_specs, ...))

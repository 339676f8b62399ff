# Formula, model frame and model matrix of a fit. The frame holds what the flat formula names, with the columns that the package
# made (`.side`, `.gap`, ...) as variables of their own.

#' Formula, terms, model frame and model matrix of a fit
#'
#' What other packages ask of a fit, made from the data when asked; a fit keeps none of it.
#'
#' **Formula.** `component = "flat"` is the outcome on belief, level controls, controls and fixed effects, without `|`; crossed effects `a^b`
#' read `a:b`. Its environment holds the people kept, under the name that the data have in the call, so that
#' `expand.model.frame()` (and with it `sandwich::vcovCL(fit, ~ g)`) finds any column of the data, wherever it is called and whatever became of the user's object. `"full"` is the formula as written.
#'
#' **Model frame.** One row per person kept: outcome, beliefs, level controls where they are controls (`.side`, a factor; `.gap`; `.pattern`, a factor, the
#' sides of several informed arms; `.gap_<arm>`; `.exposure`; `.arm`, a factor), the variables of the controls, the fixed effects, and `(weights)`.
#'
#' **Model matrix.** n people by k coefficients, in the order of `coef()`. With absorbed effects the columns are net of the effects
#' (weighted). `"instruments"` has the exogenous regressors and the instruments instead, n x (k - p + l).
#'
#' @param x,formula,object A fit of [miv()] or [tsls()].
#' @param component For `formula()`: `"flat"` or `"full"`. For `model.matrix()`: `"projected"` (beliefs replaced by their first stage's fitted values, as in
#'   `ivreg::ivreg()`; `sandwich` divides the scores by it), `"regressors"` (as observed) or `"instruments"`.
#' @param ... Nothing.
#' @return A formula; a terms object; a data frame; a numeric matrix with the attribute `assign` (position of the column's term among
#'   `attr(terms(x), "term.labels")`, 0 for the constant, `NA` for instruments). Row names are those of the data.
#' @section Errors: `miv_error_unknown_component` for another component.
#' @examples
#' fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
#' formula(fit)
#' formula(fit, "full")
#' head(model.frame(fit))
#' head(model.matrix(fit))
#' @name frame_methods
NULL

#' @rdname frame_methods
#' @importFrom stats formula
#' @export
formula.miv <- function(x, component = "flat", ...) {
  check_choice(component, c("flat", "full"), "component")
  if (component == "full") return(x$formula_full)
  flat <- x$formula
  environment(flat) <- flat_env(x)
  flat
}

# The captured environment, the roles' own captures, and the people kept under the data's name in the call.
flat_env <- function(fit) {
  env <- new.env(parent = environment(fit$formula))
  captured <- role_captures(fit)
  for (name in names(captured)) assign(name, captured[[name]], env)
  if (is.symbol(fit$call$data)) delayedAssign(as.character(fit$call$data), frame_kept(fit), assign.env = env)
  env
}

role_captures <- function(fit) {
  roles <- fit$experiment$roles
  captured <- lapply(c(if (!is.null(roles)) list(roles$belief), roles$strata), function(role) as.list(role$env, all.names = TRUE))
  captured <- unlist(captured, recursive = FALSE)
  captured[setdiff(names(captured), ls(environment(fit$formula), all.names = TRUE))]
}

# The user's columns, those the package made, and what the formula captured besides (expand.model.frame() evaluates in the data only),
# for the people kept.
frame_kept <- function(fit) {
  problem <- problem_of(fit)
  frame <- as.data.frame(fit$data)
  captured <- c(as.list(environment(fit$formula), all.names = TRUE), role_captures(fit))
  captured <- Filter(function(x) is.atomic(x) && length(x) %in% c(1L, fit$rows), captured)
  captured <- captured[setdiff(names(captured), names(frame))]
  frame[names(captured)] <- captured
  if (!is.null(fit$na.action)) frame <- frame[-fit$na.action, , drop = FALSE]
  made <- made_names(problem)
  frame[made] <- made_variables(made, fit, problem)
  frame
}

#' @rdname frame_methods
#' @importFrom stats terms
#' @export
terms.miv <- function(x, ...) stats::terms(formula.miv(x))

#' @rdname frame_methods
#' @importFrom stats model.frame
#' @export
model.frame.miv <- function(formula, ...) {
  problem <- problem_of(formula)
  terms <- terms.miv(formula)
  exprs <- as.list(attr(terms, "variables"))[-1]
  names <- vapply(exprs, deparse_one, "")
  made <- intersect(names, made_names(problem))
  values <- lapply(exprs[!names %in% made], frame_variable, fit = formula, env = environment(terms))
  frame <- stats::setNames(vector("list", length(names)), names)
  frame[!names %in% made] <- values
  frame[made] <- made_variables(made, formula, problem)
  frame <- lapply(frame, function(x) if (is.factor(x)) settle_factor(x) else x)
  attr(terms, "dataClasses") <- vapply(frame, stats::.MFclass, "")
  frame[["(weights)"]] <- kept_weights(formula, problem)
  structure(frame, class = "data.frame", row.names = kept_names(formula), terms = terms, na.action = formula$na.action)
}

frame_variable <- function(expr, fit, env) {
  x <- evaluate_variable(expr, fit$data, env)
  if (is.null(fit$na.action)) return(x)
  if (is.matrix(x)) x[-fit$na.action, , drop = FALSE] else x[-fit$na.action]
}

# ---- variables the package made ----

# Names of variables in the flat formula that are not in the data.
made_names <- function(problem) {
  levels <- vapply(problem$level_exprs, deparse_one, "")
  moved <- if (problem$recipe$door == "miv") column_names(Filter(function(column) isTRUE(column$added), problem$controls)) else character()
  c(levels, setdiff(moved, problem$levels))
}

made_variables <- function(names, fit, problem) {
  raw <- if (!all(names %in% c(".side", ".pattern", ".arm"))) fit_columns(fit, problem)
  lapply(stats::setNames(names, names), function(name) {
    if (name %in% colnames(raw)) return(unname(raw[, name]))
    kept_rows(side_or_arm(name, fit$experiment, problem$people), fit)
  })
}

kept_rows <- function(x, fit) if (is.null(fit$na.action)) x else x[-fit$na.action]

side_or_arm <- function(name, experiment, people) {
  if (name == ".arm") return(factor(experiment$arm$levels[arm_index(experiment)], experiment$arm$levels))
  sides <- lapply(experiment$arm$informed, function(arm) sign(gap_values(experiment, arm)))
  side_factor(sides, people$patterns)
}

# "1", or "-1,1" for the sides of two informed arms; the levels are those that can occur.
side_factor <- function(sides, grid) {
  factor(do.call(paste, c(sides, sep = ",")), levels = do.call(paste, c(unname(as.list(grid)), sep = ",")))
}

# ---- model matrix ----

#' @rdname frame_methods
#' @importFrom stats model.matrix
#' @export
model.matrix.miv <- function(object, component = "projected", ...) {
  check_choice(component, c("projected", "regressors", "instruments"), "component")
  problem <- problem_of(object)
  rows <- read_rows(object, problem)
  net <- length(rows$groups) > 0
  x <- if (component == "instruments") instruments_of(object, rows, net) else regressors_of(object, rows, net, component == "projected")
  attr(x, "assign") <- assign_of(object, problem, component)
  x
}

# Position of each column's term among the labels of the flat formula; labels match whatever the order within an interaction.
assign_of <- function(fit, problem, component) {
  labels <- attr(terms.miv(fit), "term.labels")
  own <- c("", column_terms(problem))[fit$places$exogenous + 1L]
  first <- vapply(problem$first_terms, deparse_one, "")[seq_along(fit$beliefs)]
  at <- match(term_key(c(first, own)), term_key(labels))
  at[c(first, own) == ""] <- 0L
  if (component != "instruments") return(at)
  c(at[length(first) + seq_along(own)], rep(NA_integer_, length(fit$instruments)))
}

# Names that are not syntactic stand in backticks among terms and without among coefficients.
term_key <- function(labels) vapply(strsplit(gsub("`", "", labels, fixed = TRUE), ":", fixed = TRUE), function(parts) paste(sort(parts), collapse = ":"), "")

# The term of every column among the controls: level controls, the user's, and in a stage what took the beliefs' place.
column_terms <- function(problem) {
  first <- vapply(problem$first_terms, deparse_one, "")
  moved <- if (problem$leading == 0L) character() else if (length(first) == problem$leading) first else problem$instrument_of_term
  c(problem$of_term, moved)
}

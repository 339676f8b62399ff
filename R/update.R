# A fit again with something changed, from its own recipe: the experiment or data, and every name in the formula, as they were.

#' Fit again with something changed
#'
#' The data are the fit's own; their name is never looked up again. What is not given stays: exposure, covariance (with its clusters), scores,
#' weights, `subset`, the rule for missing values.
#'
#' In the new formula `.` stands for the old part. `. ~ . - college` changes the controls; fixed effects, and in [tsls()] beliefs and
#' instruments, stay. Later parts are changed by writing them: `. ~ . | . + wave` (fixed effects; `| 0` drops them),
#' `. ~ . | x ~ . + z2` or `. ~ . | . | x ~ . + z2` (beliefs and instruments).
#' Other names are looked up where the new formula was written; those that the old one captured keep their old values.
#'
#' @param object A fit of [miv()] or [tsls()]; for several outcomes see [miv_set_methods].
#' @param formula. Changes to the formula.
#' @param ... `vcov`, `scores`, `na.action`, `by`; for [miv()] `exposure`, `arm_control`, `pool`; for [tsls()] `weights`. A covariance that is a
#'   matrix belongs to the old coefficients and must be given anew.
#' @param data Another experiment (for [tsls()], another data frame).
#' @param subset Another subset, an expression in the data; `NULL` for everybody. A fit of a subgroup (`by =`) stays within its group.
#' @param evaluate `FALSE` gives the call only.
#' @return A fit, as from [miv()] or [tsls()]; the fit of a [first_stage()], [reduced_form()] or [ols()] stays one.
#' @section Errors: `miv_error_bad_formula`, `miv_error_unknown_argument`, `miv_error_bad_covariance`, and those of the fit.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age + college | region, experiment)
#' update(fit, . ~ . - college)
#' update(fit, exposure = "gap", subset = age < 65)
#' @importFrom stats update
#' @export
update.miv <- function(object, formula., ..., data, subset, evaluate = TRUE) {
  allowed <- c("vcov", "scores", "na.action", if (object$recipe$door == "miv") c("exposure", "arm_control", "pool") else "weights", if (is.null(object$recipe$group)) "by")
  check_dots(dot_names(...), c("formula.", allowed, "data", "subset", "evaluate"))
  changes <- list(...)
  given <- as.list(match.call(expand.dots = TRUE))[-(1:2)]
  recipe <- change_recipe(object$recipe, changes, if (!missing(data)) data)
  if (!missing(subset)) recipe["subset"] <- list(join_subset(substitute(subset), object$recipe$group))
  formula <- recipe$formula
  if (!missing(formula.)) formula <- change_formula(formula, formula., recipe$door)
  environment(formula) <- joint_env(environment(recipe$formula), if (missing(formula.)) parent.frame() else environment(formula.))
  if (!is.null(object$recipe$group) && !missing(subset)) given["subset"] <- list(recipe$subset)
  call <- changed_call(object$call, given, formula)
  if (!evaluate) return(call)
  refit(object, recipe, formula, changes, call)
}

# `vcov = NULL` asks for the default, so what is given is told by name.
refit <- function(object, recipe, formula, changes, call) {
  named <- function(name, otherwise) if (name %in% names(changes)) changes[[name]] else otherwise()
  vcov <- named("vcov", function() kept_vcov(object))
  scores <- named("scores", function() object$vcov_kind$scores)
  na_action <- read_na_action(named("na.action", function() object$na_rule))
  recipe$formula <- NULL
  fits <- recipe_fits(recipe, formula, recipe_data(recipe), vcov, scores, call, na_action, changes$by)
  if (inherits(fits, "miv")) as_first_stage(fits) else like_set(fits, each_fit(fits, as_first_stage))
}

recipe_data <- function(recipe) if (recipe$door == "miv") recipe$experiment$data else recipe$data

change_recipe <- function(recipe, changes, data) {
  for (flag in intersect(c("arm_control", "pool"), names(changes))) check_flag(changes[[flag]], flag)
  recipe[intersect(c("exposure", "arm_control", "pool"), names(changes))] <- changes[intersect(c("exposure", "arm_control", "pool"), names(changes))]
  if (!is.null(data)) recipe <- change_data(recipe, data)
  if ("weights" %in% names(changes)) {
    recipe["weights"] <- list(if (!is.null(changes$weights)) read_role(changes$weights, "weights", recipe$data))
  }
  recipe
}

change_data <- function(recipe, data) {
  if (recipe$door == "miv") {
    if (!is_experiment(data)) abort_miv("not_an_experiment", "`data` is of class `%s`; describe it with info_experiment() first.", class(data)[1])
    recipe$experiment <- data
    return(recipe)
  }
  if (is_experiment(data)) data <- data$data
  recipe$data <- keep_frame(check_data(data))
  recipe
}

# What the fit was asked for, as an argument.
kept_vcov <- function(fit) {
  kind <- fit$vcov_kind
  if (kind$type == "function") return(kind$value)
  if (kind$type == "matrix") abort_miv("bad_covariance", "The covariance was given as a matrix, which belongs to the old coefficients; give `vcov =` too.")
  if (length(kind$ways) == 0) return(kind$type)
  if (!is.null(kind$ways[[1]]$role)) return(NULL)   # the experiment's own clusters
  sum <- sum_terms(lapply(kind$cluster, str2lang))
  CR(stats::as.formula(call("~", sum), env = kind$ways[[1]]$env), kind$type)
}

# Old captures first, so that the old parts of the formula keep their meaning.
joint_env <- function(old, new) {
  list2env(as.list(old, all.names = TRUE), new.env(parent = if (is.null(new)) emptyenv() else new))
}

changed_call <- function(call, given, formula) {
  given$evaluate <- NULL
  if (!is.null(given$formula.)) call$formula <- as.call(as.list(formula))
  for (name in setdiff(names(given), c("formula.", ""))) call[name] <- list(given[[name]])
  if ("subset" %in% names(given) && is.null(given$subset)) call$subset <- NULL
  call
}

# ---- the formula's parts ----

change_formula <- function(old, new, door) {
  if (!is_formula(new)) abort_miv("bad_formula", "The new formula is of class `%s`; write `. ~ . + w`.", class(new)[1])
  was <- suppressWarnings(read_formula(old, door))
  now <- read_changes(new)
  if (door == "miv" && !is.null(now$instruments)) abort_miv("bad_formula", "`miv()` makes the instruments itself; write `. ~ . | fixed effects`.")
  parts <- list(
    outcome = replace_dot(now$outcome, was$outcome),
    controls = change_terms(was$controls, now$controls),
    effects = change_list(as.list(if (!is.null(was$effects)) split_sum(was$effects)), now$effects),
    beliefs = change_list(was$beliefs, now$beliefs),
    instruments = if (!is.null(was$instruments) || !is.null(now$instruments)) change_terms(was$instruments, now$instruments))
  structure(compose_formula(parts), class = "formula", .Environment = environment(new))
}

# The same parts as read_formula(); NULL where a part is not written.
read_changes <- function(new) {
  instruments <- NULL
  inner <- two_sided(new)
  if (is_call_to(inner[[2]], "~")) {
    instruments <- inner[[3]]
    inner <- two_sided(inner[[2]])
  }
  bars <- split_bars(inner[[3]])
  most <- if (is.null(instruments)) 2 else 3
  if (length(bars) > most || (most == 3 && length(bars) < 2)) {
    abort_miv("bad_formula", "The new formula has %d parts before the instruments; see ?update.miv.", length(bars))
  }
  list(outcome = inner[[2]], controls = bars[[1]], effects = if (length(bars) == most) bars[[2]], beliefs = if (!is.null(instruments)) bars[[length(bars)]],
       instruments = instruments)
}

two_sided <- function(expr) if (length(expr) == 2) call("~", quote(.), expr[[2]]) else expr

replace_dot <- function(expr, old) do.call(substitute, list(expr, list(. = old)))

# Sums of terms, as stats::update.formula() reads them.
change_terms <- function(old, new) {
  if (is.null(new)) return(old)
  if (is.null(old)) old <- 1
  stats::update.formula(stats::as.formula(call("~", old)), stats::as.formula(call("~", new)))[[2]]
}

# Plain lists (effects, beliefs): `.` for the old ones, + and - by their text; NULL or 0 for none.
change_list <- function(old, new) {
  if (is.null(new)) return(old)
  if (is_call_to(new, "c")) new <- sum_terms(as.list(new)[-1])
  apply_signed(list(), new, old)
}

apply_signed <- function(items, expr, old) {
  if (is_call_of(expr, "+", 3)) return(apply_signed(apply_signed(items, expr[[2]], old), expr[[3]], old))
  if (is_call_of(expr, "-", 3)) return(drop_items(apply_signed(items, expr[[2]], old), apply_signed(list(), expr[[3]], old)))
  if (identical(expr, quote(.))) return(c(items, old))
  if (is.numeric(expr) && expr == 0) return(items)
  c(items, list(expr))
}

drop_items <- function(items, gone) items[!vapply(items, deparse_one, "") %in% vapply(gone, deparse_one, "")]

compose_formula <- function(parts) {
  rhs <- parts$controls
  if (length(parts$effects)) rhs <- call("|", rhs, sum_terms(parts$effects))
  if (length(parts$beliefs) == 0) return(call("~", parts$outcome, rhs))
  beliefs <- if (length(parts$beliefs) == 1) parts$beliefs[[1]] else as.call(c(quote(c), unname(parts$beliefs)))
  call("~", call("~", parts$outcome, call("|", rhs, beliefs)), parts$instruments)
}

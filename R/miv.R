#' Effect of beliefs on an outcome, by mover instrumental variables
#'
#' @export
miv <- function(formula, data, exposure = "sign", ..., arm_control = FALSE, pool = TRUE, vcov = NULL, scores = "usual", subset, na.action = "omit") {
  check_dots(dot_names(...), setdiff(c(names(formals()), names(formals(info_experiment))), c("...", "data")))
  call <- match.call()
  if (missing(data)) abort_miv("missing_data", "`data` is missing; give an experiment (see info_experiment()) or a data frame and the roles.")
  experiment <- as_experiment(data, list(...))
  check_formula(formula, "miv")
  check_flag(arm_control, "arm_control")
  check_flag(pool, "pool")
  recipe <- list(door = "miv", experiment = experiment, exposure = exposure, arm_control = arm_control, pool = pool,
                 subset = if (!missing(subset)) substitute(subset))
  recipe_fits(recipe, formula, experiment$data, vcov, scores, call, read_na_action(na.action))
}

check_flag <- function(x, name) {
  if (!isTRUE(x) && !isFALSE(x)) abort_miv("bad_argument", "`%s` is `%s`; it must be TRUE or FALSE.", name, deparse_one(x))
  invisible(x)
}

# One fit, or a miv_set where the outcome is c(y1, y2).
recipe_fits <- function(recipe, formula, data, vcov, scores, call, na_action) {
  formula <- own_formula(formula, data, recipe$subset)
  outcomes <- read_outcomes(formula)
  one <- function(formula) fit_recipe(c(list(formula = formula), recipe), vcov, scores, call, na_action)
  if (is.null(outcomes)) return(one(formula))
  fits <- lapply(outcomes, function(y) one(with_outcome(formula, y)))
  names(fits) <- vapply(outcomes, deparse_one, "")
  structure(fits, class = "miv_set")
}

# The formula in an environment of its own, which holds whatever it uses besides the data.
own_formula <- function(formula, data, subset) {
  env <- environment(formula)
  environment(formula) <- capture_env(call("{", formula, subset), data, if (is.null(env)) emptyenv() else env)
  formula
}

with_outcome <- function(formula, outcome) {
  formula[[2]] <- outcome
  formula
}

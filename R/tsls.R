#' Two-stage least squares, any specification
#'
#' @export
tsls <- function(formula, data, vcov = "HC1", ..., weights = NULL, scores = "usual", subset, na.action = "omit") {
  check_dots(dot_names(...), setdiff(names(formals()), "..."))
  call <- match.call()
  if (missing(data)) abort_miv("missing_data", "`data` is missing; give a data frame.")
  if (is_experiment(data)) data <- data$data
  check_data(data)
  data <- keep_frame(data)
  check_formula(formula, "tsls")
  recipe <- list(door = "tsls", data = data, weights = if (!is.null(weights)) read_role(weights, "weights", data),
                 subset = if (!missing(subset)) substitute(subset))
  recipe_fits(recipe, formula, data, vcov, scores, call, read_na_action(na.action))
}

# Predictions for the people of the fit or for new ones. New people's columns are made by the core from the same recipes as the fit's: a
# vector of new values takes the place of each source.

#' Predictions of a fit
#'
#' Outcome on beliefs, controls and fixed effects, at the values given: x_i' b plus the effect. The belief is taken as it is, not as its first stage fits it.
#'
#' `newdata` holds the belief (the columns of its role), the variables of the controls, the fixed effects, and, for the level controls of [miv()], either
#' the variables of `model.frame(fit)` (`.side`, `.gap`, `.pattern`, `.gap_<arm>`, `.exposure`, `.arm`) or the roles they come from (prior, signal where it
#' is a column, arm where it is controlled). An exposure that is a function is called on the new gaps.
#'
#' A fixed effect is the (weighted) mean of what beliefs and controls leave of the outcome in its group. A group that is not among the fit's people has
#' none, and is refused. Several absorbed effects cannot be told apart for new people: write all but one as `factor()`.
#'
#' @param object A fit of [miv()] or [tsls()].
#' @param newdata A data frame of new people; the people of the fit where left out.
#' @param se.fit Whether to give standard errors of the predicted mean, sqrt(x_i' V x_i). Not with absorbed effects.
#' @param interval `"none"`, or `"confidence"` for that of the predicted mean, with t as in [confint()][miv_methods].
#' @param level Of the interval, between 0 and 1.
#' @param vcov,scores Another covariance than the fit's own, as in [miv()].
#' @param na.action For `newdata`: `na.pass` gives `NA` where a value is missing, `na.omit` leaves those rows out, `na.fail` stops.
#' @param ... Nothing: misspelt arguments are refused here.
#' @return A numeric vector, one per row of `newdata` (or per person kept; per row of the data under `na.exclude`), in units of the outcome. With
#'   `interval = "confidence"` a matrix with columns `fit`, `lwr`, `upr`. With `se.fit = TRUE` a list of `fit`, `se.fit`, `df` and `residual.scale`.
#' @section Errors: `miv_error_unknown_column` (a column that `newdata` lacks), `miv_error_unknown_level` (a level of a factor, arm or fixed
#'   effect that the fit has not seen),
#'   `miv_error_absorbed_effects` (standard errors with absorbed effects, new people with several), `miv_error_missing_values` under `na.fail`.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age | region, experiment)
#' predict(fit, data.frame(posterior = 3:5, prior = 8, age = 40, region = "north"))
#' @importFrom stats predict
#' @export
predict.miv <- function(object, newdata, se.fit = FALSE, interval = "none", level = 0.95, vcov = NULL, na.action = stats::na.pass, ..., scores = NULL) {
  check_dots(dot_names(...), c("newdata", "se.fit", "interval", "level", "vcov", "na.action", "scores"))
  check_flag(se.fit, "se.fit")
  check_choice(interval, c("none", "confidence"), "interval")
  check_level(level, "level")
  fit <- with_vcov(object, vcov, scores)
  problem <- problem_of(fit)
  spread <- se.fit || interval != "none"
  if (spread) check_no_effects(problem)
  made <- if (missing(newdata) || is.null(newdata)) predict_kept(fit, problem, spread) else predict_new(fit, problem, newdata, na.action)
  shape_prediction(made, fit, se.fit, interval, level)
}

check_no_effects <- function(problem) {
  if (length(problem$effects) == 0) return(invisible(problem))
  abort_miv("absorbed_effects", "%s", no_effects_words(problem))
}

no_effects_words <- function(problem) {
  sprintf("Standard errors of predictions need the effects of %s as coefficients; write them as `factor()` among the controls.", quote_names(effect_labels(problem)))
}

effect_labels <- function(problem) vapply(problem$effects, `[[`, "", "label")

# list(fit, x: regressors or NULL, pad: how rows left out come back)
predict_kept <- function(fit, problem, spread) {
  rows <- read_rows(fit, problem)
  list(fit = rows$raw[, ncol(rows$raw)] - residuals_of(fit, rows), x = if (spread) regressors_of(fit, rows, net = FALSE),
       pad = function(values) stats::napredict(fit$na.action, values))
}

# About the means (of the group), so that large levels of a column cost no digit.
predict_new <- function(fit, problem, newdata, na_action) {
  check_newdata(newdata, problem)
  newdata <- as.data.frame(newdata)
  rule <- read_new_na(na_action)
  x <- new_regressors(fit, problem, newdata)
  centre <- centres_of(fit, problem, newdata)
  value <- centre[, ncol(centre)] + drop((x - centre[, -ncol(centre), drop = FALSE]) %*% fit$coefficients)
  names(value) <- rownames(x) <- row.names(newdata)
  value[is.nan(value)] <- NA
  lost <- sum(is.na(value))
  if (rule == "fail" && lost > 0) abort_miv("missing_values", "`newdata` has %d rows with missing values, and `na.action` is na.fail.", lost)
  keep <- if (rule == "omit") !is.na(value) else rep(TRUE, length(value))
  list(fit = value[keep], x = x[keep, , drop = FALSE], pad = identity)
}

check_newdata <- function(newdata, problem) {
  if (!is.data.frame(newdata)) abort_miv("not_a_data_frame", "`newdata` is of class `%s`; give a data frame.", class(newdata)[1])
  if (length(problem$effects) < 2) return(invisible(newdata))
  abort_miv("absorbed_effects", "Predictions for new people need the effects of %s one by one; write all but one as `factor()` among the controls.",
            quote_names(effect_labels(problem)))
}

read_new_na <- function(na_action) {
  if (identical(na_action, stats::na.pass) || identical(na_action, "pass")) return("pass")
  read_na_action(na_action)
}

# m x (k + 1): for each new person the means of the regressors and of the outcome among the fit's people (of the person's group).
centres_of <- function(fit, problem, newdata) {
  rows <- read_rows(fit, problem)
  own <- cbind(regressors_of(fit, rows, net = FALSE), rows$raw[, ncol(rows$raw)])
  if (!rows$constant && length(rows$groups) == 0) return(matrix(0, nrow(newdata), ncol(own)))
  mean <- weighted_means(own, rows$weights)
  at <- rep(1L, nrow(newdata))
  groups <- matrix(0, 1, ncol(own))
  if (length(rows$groups)) {
    at <- new_ids(fit, problem, problem$effects[[1]], newdata) + 1L
    groups <- group_means(sweep(own, 2, mean), rows$groups[[1]], rows$weights)
  }
  sweep(groups[at, , drop = FALSE], 2, mean, "+")
}

shape_prediction <- function(made, fit, se.fit, interval, level) {
  value <- made$pad(made$fit)
  if (!se.fit && interval == "none") return(value)
  se <- made$pad(stats::setNames(sqrt(pmax(0, rowSums((made$x %*% fit$vcov) * made$x))), names(made$fit)))
  if (interval == "confidence") {
    reach <- stats::qt((1 + level) / 2, least_df(fit)) * se
    value <- cbind(fit = value, lwr = value - reach, upr = value + reach)
  }
  if (se.fit) list(fit = value, se.fit = se, df = least_df(fit), residual.scale = fit$sigma) else value
}

# ---- new people's columns ----

# m x k in the order of coef().
new_regressors <- function(fit, problem, newdata) {
  columns <- c(problem$beliefs, problem$controls[fit$places$exogenous])   # 0, the constant, drops out
  given <- lapply(columns, given_column, newdata = newdata, problem = problem)
  open <- vapply(given, is.null, NA)
  x <- matrix(NA_real_, nrow(newdata), length(columns))
  if (any(open)) x[, open] <- make_columns(columns[open], fit, problem, newdata)
  for (j in which(!open)) x[, j] <- given[[j]]
  constant <- match(0L, fit$places$exogenous)
  if (!is.na(constant)) x <- insert_column(x, length(fit$beliefs) + constant, 1)
  colnames(x) <- names(fit$coefficients)
  x
}

insert_column <- function(x, at, value) cbind(x[, seq_len(at - 1L), drop = FALSE], rep(value, nrow(x)), x[, seq_len(ncol(x) - at + 1L) + at - 1L, drop = FALSE])

# A column the package made, where newdata has it or the variable it is read off; else NULL.
given_column <- function(column, newdata, problem) {
  if (!isTRUE(column$added)) return(NULL)
  if (column$name %in% names(newdata)) return(as.numeric(newdata[[column$name]]))
  stem <- level_stems(column$name)
  if (!stem %in% names(newdata)) return(NULL)
  value <- newdata[[stem]]
  as.numeric(if (stem == ".arm" && is.numeric(value)) number_label(value) == sub(stem, "", column$name, fixed = TRUE)
             else as.character(value) == sub(stem, "", column$name, fixed = TRUE))
}

# The core's own recipes over new vectors; sources that no column reads stay empty.
make_columns <- function(columns, fit, problem, newdata) {
  recipes <- lapply(columns, `[[`, "products")
  vectors <- problem$sources$vectors
  if (problem$centred) {
    shared <- fill_shares(problem, recipes, vectors, kept_of(fit))
    recipes <- shared$recipes
    vectors <- shared$vectors
  }
  used <- sources_used(recipes, problem$gaps)
  new <- rep(list(rep(NA_real_, nrow(newdata))), length(vectors))
  new[used] <- lapply(used, new_vector, fit = fit, problem = problem, newdata = newdata, pieces = new_pieces(problem, newdata, used))
  dense_columns_cpp(list(sources = new, gaps = problem$gaps, columns = recipes, controls = length(columns) - 1L, instruments = 0L, beliefs = 0L,
                         intercept = FALSE, weights = -1L, groups = NULL, n_groups = 0, rows = nrow(newdata), kept = NULL))
}

# 1-based positions of the sources that the recipes read, by themselves or through a gap.
sources_used <- function(recipes, gaps) {
  atoms <- unlist(unlist(recipes, recursive = FALSE), recursive = FALSE)
  of_gap <- vapply(atoms, function(atom) atom[[1]] %in% 2:4, NA)
  direct <- vapply(atoms[!of_gap], function(atom) as.numeric(c(atom[[2]], atom[[5]])), c(0, 0))
  through <- gaps[c(1, 3), vapply(atoms[of_gap], function(atom) atom[[2]] + 1, 0)]
  used <- c(direct, through)
  sort(unique(as.integer(used[used >= 0]))) + 1L
}

# The new values of one source, found by what its label says.
new_vector <- function(source, fit, problem, newdata, pieces) {
  if (source > length(problem$sources$labels)) return(new_ids(fit, problem, stratum_of(problem), newdata))   # strata, appended by fill_shares()
  label <- problem$sources$labels[source]
  if (label %in% names(pieces)) return(pieces[[label]])
  belief <- match(label, vapply(problem$belief_exprs, label_of, ""))
  if (is.na(belief)) return(new_role_vector(label, problem, newdata))
  x <- if (problem$recipe$door == "miv") role_at(problem$recipe$experiment$roles$belief, newdata, problem) else
    new_variable(problem$belief_exprs[[belief]], newdata, problem)
  check_numeric(x, label, "belief")
  plain_vector(x)
}

label_of <- function(expr) if (is.symbol(expr)) as.character(expr) else deparse_one(expr)

stratum_of <- function(problem) problem$effects[[match(problem$stratum, effect_labels(problem))]]

# Sources that come from the experiment: arm, signals, prior, probability, exposure.
new_role_vector <- function(label, problem, newdata) {
  experiment <- new_experiment_data(problem, newdata)
  people <- problem$people
  if (startsWith(label, "arm ")) return(people$values[new_arm_index(experiment)])
  if (label == "minus probability") return(-as.numeric(role_at(experiment$probability, newdata, problem)))
  arm <- suppressWarnings(as.integer(sub("^.* ", "", label)))
  operands <- new_operands(experiment, problem, people$arms[if (is.na(arm)) 1L else arm])
  x <- switch(sub(" [0-9]+$", "", label), subtrahend = operands$subtrahend, minuend = operands$minuend,
              check_function_value(problem$recipe$exposure(operands$minuend - operands$subtrahend), operands$minuend - operands$subtrahend))
  rep_len(as.numeric(x), nrow(newdata))
}

new_experiment_data <- function(problem, newdata) {
  experiment <- problem$recipe$experiment
  experiment$data <- newdata
  experiment["kept"] <- list(NULL)
  experiment
}

new_operands <- function(experiment, problem, arm) {
  passive <- experiment$design == "passive"
  roles <- c(list(experiment$signals[[arm]]$role), if (passive) list(experiment$roles$prior) else list(experiment$signals[[experiment$arm$base]]$role))
  for (role in Filter(Negate(is.null), roles)) check_new_columns(role$expr, experiment$data, problem)
  gap_operands(experiment, arm)
}

new_arm_index <- function(experiment) {
  arm <- experiment$arm
  label <- experiment$roles$arm$label
  check_new_columns(experiment$roles$arm$expr, experiment$data, list(data = experiment$data))
  x <- arm_column(experiment$data, experiment$roles$arm)
  text <- if (is.numeric(x)) ifelse(is.na(x), NA, number_label(x)) else as.character(x)
  check_seen(text, arm$levels, label, "arm")
  match(text, arm$levels)
}

role_at <- function(role, newdata, problem) {
  check_new_columns(role$expr, newdata, problem)
  check_length(x <- evaluate_role(newdata, role), nrow(newdata), role$label)
  x
}

new_variable <- function(expr, newdata, problem) {
  check_new_columns(expr, newdata, problem)
  evaluate_variable(expr, newdata, problem$env)
}

# Columns of the fit's data that newdata lacks; without this a name could be found elsewhere.
check_new_columns <- function(expr, newdata, problem) {
  lost <- setdiff(intersect(all.vars(expr), names(problem$data)), names(newdata))
  if (length(lost) == 0) return(invisible(expr))
  abort_miv("unknown_column", "`newdata` has no column `%s`.%s", lost[1], suggest_name(lost[1], names(newdata)))
}

check_seen <- function(text, levels, label, what) {
  lost <- setdiff(text[!is.na(text)], levels)
  if (length(lost) == 0) return(invisible(text))
  abort_miv("unknown_level", "`%s` (%s) has %d level%s that the fit has not seen: %s.", label, what, length(lost), plural(length(lost)), quote_names(lost, 5))
}

# ---- variables of the controls ----

# By source label: the new values of every variable of the controls (and of the instruments, which a stage has among them).
new_pieces <- function(problem, newdata, used) {
  labels <- problem$sources$labels[used[used <= length(problem$sources$labels)]]
  pieces <- c(terms_pieces(problem$terms, problem, newdata, labels), terms_pieces(problem$instrument_terms, problem, newdata, labels))
  pieces[!duplicated(names(pieces))]
}

terms_pieces <- function(terms, problem, newdata, labels) {
  exprs <- as.list(attr(terms, "variables"))[-1]
  how <- as.list(attr(terms, "predvars"))[-1]
  made <- Map(variable_pieces, exprs, how, MoreArgs = list(problem = problem, newdata = newdata, labels = labels))
  unlist(unname(made), recursive = FALSE)
}

# A variable becomes the sources that it was in the fit: itself, its matrix's columns, or codes among the levels that the fit has seen.
variable_pieces <- function(expr, how, problem, newdata, labels) {
  label <- deparse_one(expr)
  was <- evaluate_variable(expr, problem$data, problem$env)
  if (!any(source_labels(was, label) %in% labels)) return(list())
  check_new_columns(expr, newdata, problem)
  x <- evaluate_variable(how, newdata, problem$env)
  if (is.matrix(was)) return(stats::setNames(lapply(seq_len(ncol(was)), function(j) as.numeric(x[, j])), source_labels(was, label)))
  if (is.logical(was)) return(stats::setNames(list(as.logical(x)), source_labels(was, label)))
  if (!is.character(was) && !is.factor(was)) return(new_number(x, label))
  levels <- c(problem$xlevels, problem$instrument_xlevels)[[label]]
  check_seen(as.character(x), levels, label, "control")
  stats::setNames(list(match(as.character(x), levels)), source_labels(was, label))
}

source_labels <- function(x, label) {
  if (is.matrix(x)) return(matrix_names(x, label))
  if (is.character(x) || is.factor(x) || is.logical(x)) paste0("factor ", label) else label
}

new_number <- function(x, label) {
  if (is_numeric_like(x) || (is.logical(x) && all(is.na(x)))) return(stats::setNames(list(as.numeric(x)), label))
  abort_miv("not_numeric", "`%s` is of class `%s` in `newdata` and numeric in the fit.", label, class(x)[1])
}

# ---- fixed effects ----

# 0-based group of each new person; NA where a value is missing, refused where the fit has nobody in the group.
new_ids <- function(fit, problem, effect, newdata) {
  kept <- kept_of(fit)
  ids <- keep_ids(effect_index(problem, effect, kept), kept)
  somebody <- match(seq_len(ids$count) - 1L, ids$ids)
  seen <- lapply(problem$sources$vectors[effect$sources + 1L], function(x) keep_rows(x, kept)[somebody])
  new <- effect_vectors(effect, problem, newdata)
  text <- join_labels(new)
  text[Reduce(`|`, lapply(new, is.na))] <- NA
  check_seen(text, join_labels(seen), effect$label, "fixed effect")
  match(text, join_labels(seen)) - 1L
}

join_labels <- function(vectors) do.call(paste, c(lapply(unname(vectors), as.character), sep = "^"))

effect_vectors <- function(effect, problem, newdata) {
  if (!identical(effect$label, problem$stratum)) return(lapply(split_power(effect$expr), new_variable, newdata = newdata, problem = problem))
  lapply(problem$recipe$experiment$roles$strata, role_at, newdata = newdata, problem = problem)
}

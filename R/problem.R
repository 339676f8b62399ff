# A problem: what a formula, an experiment or a data frame and an exposure amount to, as recipes for the core. Nothing is estimated.

# recipe: list(door, formula, exposure, arm_control, pool, weights, subset, contrasts, experiment or data), all that is needed to build
# it again. settled: raw mask of the people whose levels of factors count; NULL until they are known, and where all are in.
read_problem <- function(recipe, settled = NULL) {
  old <- options(contrasts = recipe$contrasts)
  on.exit(options(old))
  problem <- if (recipe$door == "miv") read_miv_problem(recipe, settled) else read_tsls_problem(recipe, settled)
  if (is.null(recipe$stage)) problem else as_stage(problem, recipe$stage)
}

read_miv_problem <- function(recipe, settled) {
  experiment <- recipe$experiment
  problem <- start_problem(recipe, experiment$data, settled)
  parts <- read_formula(recipe$formula, "miv")
  exposed <- read_exposure(experiment, recipe$exposure, recipe$arm_control, recipe$pool, problem$sources)
  belief <- role_column(experiment$roles$belief, experiment, problem$sources)
  check_belief_apart(parts, belief$name)
  problem <- add_controls(problem, parts, exposed$levels, level_variables(exposed$levels), "required")
  problem <- add_outcome(problem, parts$outcome)
  problem$beliefs <- list(belief)
  problem$belief_exprs <- list(experiment$roles$belief$expr)
  problem$instruments <- exposed$instruments
  problem$people <- exposed$people
  problem$exposure <- exposed$name
  problem$guarantee <- exposed$guarantee
  problem <- add_effects(problem, parts$effects, experiment)
  problem$weights <- weights_source(experiment$roles$weights, experiment, problem$sources)
  problem$kept <- as_mask(experiment$kept)
  finish_problem(problem, parts)
}

read_tsls_problem <- function(recipe, settled) {
  problem <- start_problem(recipe, recipe$data, settled)
  parts <- read_formula(recipe$formula, "tsls")
  problem <- add_controls(problem, parts, list(), list(), "optional")
  problem <- add_outcome(problem, parts$outcome)
  problem$beliefs <- lapply(parts$beliefs, belief_column, problem = problem)
  problem$belief_exprs <- parts$beliefs
  problem <- add_instruments(problem, parts$instruments)
  problem$gaps <- matrix(0, 4, 0)
  problem <- add_effects(problem, parts$effects, NULL)
  if (!is.null(recipe$weights)) {
    x <- plain_vector(evaluate_role(problem$data, recipe$weights))
    check_numeric(x, recipe$weights$label, "weights")
    problem$weights <- add_source(problem$sources, x, recipe$weights$label)
  }
  finish_problem(problem, parts)
}

start_problem <- function(recipe, data, settled = NULL) {
  list(recipe = recipe, settled = settled, door = recipe$door, data = data, env = environment(recipe$formula), rows = nrow(data), sources = new_sources(),
       weights = -1L, kept = NULL, gaps = matrix(0, 4, 0), centred = FALSE, leading = 0L)
}

# Level controls come before the user's, so that a user's control that repeats one is the one dropped.
add_controls <- function(problem, parts, levels, level_exprs, intercept) {
  read <- read_terms(parts$controls, problem$data, problem$env, problem$sources, intercept, problem$settled)
  problem$terms <- read$terms
  problem$xlevels <- read$xlevels
  problem$of_term <- c(level_stems(column_names(levels)), read$of_term)   # by control: the term of the flat formula it is of
  problem$controls <- c(levels, read$columns)
  problem$levels <- column_names(levels)
  problem$level_exprs <- level_exprs
  problem$control_exprs <- as.list(attr(read$terms, "variables"))[-1]
  problem$constant <- read$constant
  problem
}

add_outcome <- function(problem, expr) {
  x <- evaluate_variable(expr, problem$data, problem$env)
  label <- deparse_one(expr)
  check_length(x, problem$rows, label)
  check_numeric(x, label, "outcome")
  problem$outcome <- new_column(label, list(atom_numeric(add_source(problem$sources, plain_vector(x), label))))
  problem$outcome_expr <- expr
  problem
}

belief_column <- function(expr, problem) {
  x <- evaluate_variable(expr, problem$data, problem$env)
  label <- deparse_one(expr)
  check_length(x, problem$rows, label)
  check_numeric(x, label, "belief")
  new_column(label, list(atom_numeric(add_source(problem$sources, plain_vector(x), label))))
}

role_column <- function(role, experiment, sources) {
  new_column(role$label, list(atom_numeric(add_source(sources, role_values(experiment, role), role$label))))
}

weights_source <- function(role, experiment, sources) {
  if (is.null(role)) -1L else add_source(sources, role_values(experiment, role), role$label)
}

check_belief_apart <- function(parts, belief) {
  controls <- vapply(split_sum(parts$controls), deparse_one, "")
  if (belief %in% controls) abort_miv("duplicated_variable", "`%s` is the belief of the experiment and a control too; take it out of the formula.", belief)
  if (belief == deparse_one(parts$outcome)) abort_miv("duplicated_variable", "`%s` is the belief of the experiment and the outcome too.", belief)
  invisible(parts)
}

add_instruments <- function(problem, expr) {
  problem$instruments <- list()
  if (is.null(expr)) return(problem)
  read <- read_terms(expr, problem$data, problem$env, problem$sources, "optional", problem$settled)
  if (length(read$columns) == 0) abort_miv("too_few_instruments", "The formula names no instrument after the last `~`.")
  problem$instruments <- read$columns
  problem$instrument_terms <- read$terms
  problem$instrument_xlevels <- read$xlevels
  problem$instrument_of_term <- read$of_term
  problem
}

# Fixed effects of the formula, and the experiment's strata: effects of them are always absorbed.
add_effects <- function(problem, expr, experiment) {
  effects <- read_effects(expr, problem$data, problem$env)
  strata <- strata_effect(experiment)
  problem$stratum <- if (!is.null(strata)) strata$label
  known <- vapply(effects, `[[`, "", "label")
  if (!is.null(strata) && !strata$label %in% known) effects <- c(effects, list(strata))
  for (j in seq_along(effects)) {
    labels <- paste0("effect ", effects[[j]]$label, seq_along(effects[[j]]$vectors))
    effects[[j]]$sources <- mapply(add_source, effects[[j]]$vectors, labels, MoreArgs = list(sources = problem$sources))
    effects[[j]]$vectors <- NULL
  }
  problem$effects <- effects
  problem
}

strata_effect <- function(experiment) {
  roles <- experiment$roles$strata
  if (length(roles) == 0) return(NULL)
  labels <- vapply(roles, `[[`, "", "label")
  list(label = paste(labels, collapse = "^"), expr = str2lang(paste(labels, collapse = "^")), labels = labels,
       vectors = lapply(roles, function(role) as_source_vector(role_values(experiment, role))))
}

finish_problem <- function(problem, parts) {
  if (!is.null(problem$people)) {
    problem$gaps <- problem$people$gaps
    problem$centred <- problem$people$centred && is.null(problem$people$probability)
  }
  problem$kept <- combine_masks(problem$kept, subset_mask(problem))
  set_formula(problem, lapply(problem$belief_exprs, as_term))
}

# first: what stands before the level controls and the controls.
set_formula <- function(problem, first) {
  exprs <- c(first, problem$level_exprs, labels_as_exprs(problem$terms))
  problem$first_terms <- first
  problem$formula <- flat_formula(problem$outcome_expr, exprs, lapply(problem$effects, crossed_effect), problem$constant, problem$env)
  problem
}

# a + b as one variable: a term of a formula reads operators otherwise.
as_term <- function(expr) {
  operators <- c("+", "-", "*", "/", "^", ":", "%in%", "(", "|", "~")
  if (is.call(expr) && is.symbol(expr[[1]]) && as.character(expr[[1]]) %in% operators) call("I", expr) else expr
}

# a^b is a:b to terms().
crossed_effect <- function(effect) {
  effect$expr <- Reduce(function(left, right) call(":", left, right), split_power(effect$expr))
  effect
}

labels_as_exprs <- function(terms) lapply(attr(terms, "term.labels"), str2lang)

subset_mask <- function(problem) {
  subset <- problem$recipe$subset
  if (is.null(subset)) return(NULL)
  x <- tryCatch(eval(subset, problem$data, problem$env), error = function(e) stop_variable(e, subset, problem$data, problem$env))
  check_length(x, problem$rows, "subset")
  if (!is.logical(x)) abort_miv("bad_subset", "`subset` is of class `%s`; it must be TRUE or FALSE for each row.", class(x)[1])
  if (!any(x, na.rm = TRUE)) abort_miv("empty_data", "`subset` keeps 0 of %d rows.", problem$rows)
  as.raw(x & !is.na(x))
}

combine_masks <- function(a, b) {
  if (is.null(a)) return(b)
  if (is.null(b)) return(a)
  a & b
}

# Whether a factor has a level that nobody kept has.
has_empty_levels <- function(problem, kept) {
  if (is.null(kept) || identical(kept, problem$settled)) return(FALSE)
  factors <- problem$sources$vectors[startsWith(problem$sources$labels, "factor ")]
  any(vapply(Filter(is.factor, factors), function(x) !all(used_levels(x, kept)), NA))
}

# ---- the sample ----

# kept: raw mask or NULL (all rows); n people. Stops on infinite values and bad weights.
read_sample <- function(problem) {
  vectors <- problem$sources$vectors
  scan <- scan_columns_cpp(vectors, problem$kept, problem$rows, threads())
  labels <- column_of_source(problem$sources$labels)
  if (any(scan$infinite > 0)) {
    j <- which(scan$infinite > 0)[1]
    abort_miv("infinite", "`%s` has %d infinite value%s; make them missing or drop the rows.", labels[j], scan$infinite[j], plural(scan$infinite[j]))
  }
  kept <- if (is.null(scan$kept)) problem$kept else scan$kept
  if (problem$weights >= 0) kept <- check_weight_column(vectors[[problem$weights + 1L]], labels[problem$weights + 1L], scan, problem$weights + 1L, kept)
  n <- if (is.null(kept)) problem$rows else sum(kept == 1L)
  if (n == 0) stop_no_rows(scan, labels, problem)
  missing <- scan$missing
  names(missing) <- labels
  list(kept = kept, n = n, missing = missing[missing > 0], rows = problem$rows)
}

check_weight_column <- function(x, label, scan, j, kept) {
  check_weights(scan$minimum[j], scan$maximum[j], x, label)
  if (scan$minimum[j] > 0) return(kept)
  positive <- as.raw(!is.na(x) & x > 0)
  if (!any(positive == 1L)) check_weights(0, 0, x, label)
  combine_masks(kept, positive)
}

stop_no_rows <- function(scan, labels, problem) {
  worst <- which.max(scan$missing)
  abort_miv("no_complete_rows", "No row of %d is complete; `%s` is missing in %d of them.", problem$rows, labels[worst], scan$missing[worst])
}

# ---- the design: what crosses to the core ----

# groups: NULL or an index of the absorbed effect. Shares of the sample are filled in here.
core_design <- function(problem, kept, groups = NULL) {
  columns <- c(problem$controls, problem$instruments, problem$beliefs, list(problem$outcome))
  recipes <- lapply(columns, `[[`, "products")
  vectors <- problem$sources$vectors
  if (problem$centred) {
    shared <- fill_shares(problem, recipes, vectors, kept)
    recipes <- shared$recipes
    vectors <- shared$vectors
  }
  list(sources = vectors, gaps = problem$gaps, columns = recipes, controls = length(problem$controls), instruments = length(problem$instruments),
       beliefs = length(problem$beliefs), intercept = problem$constant, weights = problem$weights, groups = groups$ids,
       n_groups = if (is.null(groups)) 0 else groups$count, rows = problem$rows, kept = kept)
}

# The share of each arm, in the stratum where there are strata, weighted, among the people kept.
fill_shares <- function(problem, recipes, vectors, kept) {
  people <- problem$people
  strata <- stratum_index(problem, kept)
  totals <- arm_totals_cpp(list(sources = vectors, rows = problem$rows, kept = kept, weights = problem$weights), people$arm, as.numeric(people$values),
                           strata$ids, if (is.null(strata)) 1 else strata$count)
  shares <- totals / rowSums(totals)
  at <- if (is.null(strata)) -1L else length(vectors)
  if (!is.null(strata)) vectors <- c(vectors, list(strata$ids))
  fill <- function(atom) {
    if (is.na(atom[[6]])) return(atom)
    atom[[4]] <- shares[, atom[[6]]]
    atom[[5]] <- at
    atom
  }
  list(recipes = lapply(recipes, lapply, lapply, fill), vectors = vectors)
}

stratum_index <- function(problem, kept) {
  if (is.null(problem$stratum)) return(NULL)
  effects <- if (is.null(problem$dummied)) problem$effects else problem$dummied
  labels <- vapply(effects, `[[`, "", "label")
  effect_index(problem, effects[[match(problem$stratum, labels)]], kept)
}

effect_index <- function(problem, effect, kept) {
  index_clusters_cpp(problem$sources$vectors[effect$sources + 1L], kept, problem$rows)
}

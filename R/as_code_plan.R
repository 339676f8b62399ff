# The plan of the lines: every variable of the fit as an R expression in the columns of the raw data frame, with what the expressions
# need besides written out.

# list(fit, problem, name, said: of the data, env: defs, taken, columns; people; outcome, beliefs, controls, effects, instruments, levels, weights, ways, type)
read_plan <- function(fit, data) {
  problem <- problem_of(fit)
  plan <- list(fit = fit, problem = problem, recipe = fit$recipe, name = data$name, said = c(data_words(data), converted_words(fit, data$name)), frame = fit$data, state = new_plan_state(fit, data$name))
  plan$type <- plan_type(fit)
  plan <- plan_people(plan)
  plan <- plan_regression(plan)
  plan$sample <- plan_sample(plan)
  plan
}

# What is to be known of the data frame before the first line; text in backticks.
data_words <- function(data) if (!is.null(data$said)) sprintf("`%s` is what `%s` was in the call.", data$name, data$said)

converted_words <- function(fit, name) {
  changed <- fit$experiment$conversions
  if (NROW(changed) == 0) return(NULL)
  sprintf("as_experiment() had converted %d column%s (%s): `%s` must be the converted data, which `as.data.frame()` of the experiment gives.",
          nrow(changed), plural(nrow(changed)), quote_names(changed$column), name)
}

new_plan_state <- function(fit, name) {
  state <- new.env(parent = emptyenv())
  state$columns <- names(fit$data)
  state$taken <- c(names(fit$data), name, "people", "fit", "second", "fits")
  state$defs <- list()
  state
}

# A name that nothing else has.
fresh_name <- function(state, name) {
  made <- utils::tail(make.unique(c(state$taken, name), sep = "_"), 1)
  state$taken <- c(state$taken, made)
  made
}

plan_type <- function(fit) {
  kind <- fit$vcov_kind
  if (identical(kind$scores, "heterogeneous") && fit$over_identified) {
    abort_miv("no_counterpart", "Scores that stay valid when effects differ exist in neither program; take the usual ones: `update(fit, scores = \"usual\")`.")
  }
  if (!kind$type %in% c("function", "matrix")) return(kind$type)
  warn_miv("covariance", "The covariance was given as a %s, which lines cannot say; they give HC1.", kind$type)
  "HC1"
}

# ---- expressions ----

kWrittenOut <- 20   # most values of a user's vector that are written into the lines

# The expression with the user's own numbers and functions in place. env: what was captured when it was read.
settle_expr <- function(expr, env, state) {
  if (is.symbol(expr)) return(settle_symbol(expr, env, state))
  if (!is.call(expr)) return(expr)
  head <- expr[[1]]
  out <- as.list(expr)
  out[[1]] <- if (is.symbol(head)) settle_function(head, env, state) else settle_expr(head, env, state)
  for (i in seq_along(out)[-1]) if (!identical(out[[i]], quote(expr = ))) out[[i]] <- settle_expr(out[[i]], env, state)
  as.call(out)
}

settle_symbol <- function(expr, env, state) {
  name <- as.character(expr)
  if (name %in% state$columns || !exists(name, env, inherits = FALSE)) return(expr)
  value <- get(name, env, inherits = FALSE)
  if (is.function(value)) return(settle_function(expr, env, state))
  written_value(value, name)
}

written_value <- function(value, name) {
  if (is.atomic(value) && !is.null(value) && length(value) <= kWrittenOut && is.null(attributes(value))) return(plain_literal(value))
  abort_miv("not_self_contained", "`%s` (%s of %d values) is not a column of the data and too much to write out; add it to the data as a column.", name, class(value)[1],
            length(value))
}

plain_literal <- function(value) str2lang(literal_text(value))

literal_text <- function(value) {
  one <- if (is.numeric(value)) vapply(value, number_text, "") else vapply(value, function(v) paste(deparse(v), collapse = ""), "")
  if (length(one) == 1) one else sprintf("c(%s)", paste(one, collapse = ", "))
}

# The fewest digits that read back as the same number.
number_text <- function(x) {
  for (digits in 15:17) {
    text <- format(as.numeric(x), digits = digits, trim = TRUE)
    if (is.na(x) || identical(as.numeric(text), as.numeric(x))) return(text)
  }
  text
}

# A function of the user's is defined in the lines; one of a package is called by its full name.
settle_function <- function(symbol, env, state) {
  name <- as.character(symbol)
  f <- if (exists(name, env, inherits = FALSE)) get(name, env, inherits = FALSE)
  if (is.null(f)) return(symbol)
  if (!is.function(f)) return(symbol)
  shipped <- package_name(f, name)
  if (!is.null(shipped)) return(shipped)
  define_function(name, f, state)
  symbol
}

# pkg::name, a bare name for what base R ships, or NULL for the user's own.
package_name <- function(f, name = NULL) {
  if (is.primitive(f)) return(as.name(primitive_name(f)))
  home <- environment(f)
  if (is.null(home) || !isNamespace(home)) return(NULL)
  package <- getNamespaceName(home)[[1]]
  exported <- getNamespaceExports(package)
  same <- function(n) identical(get0(n, getNamespace(package), inherits = FALSE), f)
  found <- if (!is.null(name) && name %in% exported && same(name)) name else Find(same, exported)
  if (is.null(found) && is.null(Find(same, ls(getNamespace(package), all.names = TRUE)))) return(NULL)
  if (is.null(found)) abort_miv("not_self_contained", "`%s` is an internal function of the package %s; use an exported one.", if (is.null(name)) "the function" else name, package)
  if (package %in% c("base", "stats")) as.name(found) else call("::", as.name(package), as.name(found))
}

primitive_name <- function(f) sub("^.*\"(.*)\".*$", "\\1", paste(deparse(f), collapse = ""))

# Its own captures first: numbers are written into the body, functions are defined before it.
define_function <- function(name, f, state) {
  known <- state$defs[[name]]
  if (!is.null(known)) {
    if (identical(known$f, f)) return(invisible())
    abort_miv("not_self_contained", "Two different functions are called `%s`; rename one.", name)
  }
  state$defs[[name]] <- list(f = f)                                   # it may call itself
  inner <- new.env(parent = emptyenv())
  inner$columns <- c(names(formals(f)), assigned_names(body(f)))
  inner$defs <- state$defs
  settled <- f
  body(settled) <- settle_expr(body(f), environment(f), inner)
  before <- inner$defs[setdiff(names(inner$defs), names(state$defs))]
  state$defs <- c(state$defs[setdiff(names(state$defs), name)], before, stats::setNames(list(list(f = f, text = function_text(settled))), name))
  state$taken <- c(state$taken, name)
}

assigned_names <- function(expr) {
  if (!is.call(expr)) return(character())
  own <- if (as.character(expr[[1]])[1] %in% c("<-", "=") && is.symbol(expr[[2]])) as.character(expr[[2]])
  c(own, unlist(lapply(as.list(expr)[-1], function(e) if (identical(e, quote(expr = ))) NULL else assigned_names(e))))
}

function_text <- function(f) {
  attributes(f) <- NULL
  text <- deparse(f, width.cutoff = 140L, control = c("keepNA", "keepInteger", "digits17"))
  text[1] <- sub(" $", "", sub("^function [(]", "function(", text[1]))
  if (length(text) == 2) paste(text[1], trimws(text[2])) else text
}

role_expr <- function(role, state) settle_expr(role$expr, role$env, state)

formula_expr <- function(expr, plan) settle_expr(expr, plan$problem$env, plan$state)

# ---- arm, gap, side, exposure ----

# steps: list(name, expr, note), in order; by arm the names of told, gap, side and exposure.
plan_people <- function(plan) {
  if (plan$recipe$door != "miv") return(plan)
  experiment <- plan$fit$experiment
  arm <- role_expr(experiment$roles$arm, plan$state)
  uses <- plan_uses(plan)
  plan$arms <- lapply(experiment$arm$informed, plan_arm, plan = plan, experiment = experiment, arm = arm, uses = uses)
  plan$steps <- unlist(lapply(plan$arms, `[[`, "steps"), recursive = FALSE)
  plan$probability <- plan_probability(experiment, plan$state)
  plan$strata <- lapply(experiment$roles$strata, role_expr, state = plan$state)
  plan
}

plan_uses <- function(plan) {
  exposure <- plan$recipe$exposure
  if (is.function(exposure)) return(c("gap", "exposure"))
  switch(exposure, sign = , `arm+sign` = c("gap", "side"), gap = , `arm+gap` = "gap", character())
}

plan_arm <- function(level, plan, experiment, arm, uses) {
  state <- plan$state
  several <- length(experiment$arm$informed) > 1
  name <- function(stem) fresh_name(state, if (several) paste0(stem, "_", tame_name(level)) else stem)
  out <- list(level = level, told = name("informed"), steps = list())
  add <- function(name, expr, note) list(list(name = name, expr = expr, note = note))
  told <- call("as.numeric", call("==", arm, arm_literal(level, experiment, arm)))
  steps <- add(out$told, told, sprintf("1 in the informed arm%s", if (several) paste0(" ", level) else ""))
  if ("gap" %in% uses) {
    out$gap <- name("gap")
    passive <- experiment$design == "passive"
    minuend <- signal_expr(experiment$signals[[level]], state)
    subtrahend <- if (passive) role_expr(experiment$roles$prior, state) else signal_expr(experiment$signals[[experiment$arm$base]], state)
    steps <- c(steps, add(out$gap, call("-", minuend, subtrahend), if (passive) "gap: signal minus prior" else "gap: the arm's signal minus the base arm's"))
  }
  if ("side" %in% uses) {
    out$side <- name("side")
    steps <- c(steps, add(out$side, call("sign", as.name(out$gap)), "side on which the signal lies"))
  }
  if ("exposure" %in% uses) {
    out$exposure <- name("exposure")
    steps <- c(steps, add(out$exposure, exposure_expr(plan, as.name(out$gap)), "exposure: a function of the gap"))
  }
  out$steps <- steps
  out
}

tame_name <- function(x) gsub("[^A-Za-z0-9]+", "_", x)

# Text and factors compare with the level's name, numbers and logicals with their value. A factor's levels may be numbers in words.
arm_literal <- function(level, experiment, arm) {
  if (arm_kind(arm_column(experiment$data, experiment$roles$arm), experiment$arm$label) %in% c("factor", "text")) return(level)
  value <- experiment$arm$values[[match(level, experiment$arm$levels)]]
  if (is.logical(value)) value else plain_literal(value)
}

signal_expr <- function(signal, state) if (is.null(signal$role)) plain_literal(signal$value) else role_expr(signal$role, state)

# The function defined under the name `exposure_of`, or called by its name where a package has it.
exposure_expr <- function(plan, gap) {
  f <- plan$recipe$exposure
  shipped <- package_name(f)
  if (is.null(shipped)) {
    plan$state$exposure <- if (is.null(plan$state$exposure)) fresh_name(plan$state, "exposure_of") else plan$state$exposure
    define_function(plan$state$exposure, f, plan$state)
    shipped <- as.name(plan$state$exposure)
  }
  as.call(list(shipped, gap))
}

# NULL, or by informed arm an expression.
plan_probability <- function(experiment, state) {
  p <- experiment$probability
  if (is.null(p)) return(NULL)
  if (is.list(p)) return(list(role_expr(p, state)))
  lapply(unname(if (is.null(names(p))) rep(p, length(experiment$arm$informed)) else p[experiment$arm$informed]), plain_literal)
}

# ---- the regression ----

# variables: by label of a variable in the formula its expression; terms: lists of labels. What was wholly dropped is left out.
plan_regression <- function(plan) {
  problem <- plan$problem
  fit <- plan$fit
  plan$stage <- plan$recipe$stage$kind
  plan$outcome <- plan_outcome(plan)
  plan$beliefs <- plan_beliefs(plan)
  plan$constant <- problem$constant
  plan$weights <- plan_weights(plan)
  plan$variables <- list()
  plan <- plan_terms(plan, problem$terms, problem$of_term, "controls")
  plan <- plan_levels(plan)
  plan <- if (plan$recipe$door == "miv") plan_instruments(plan) else plan_terms(plan, problem$instrument_terms, problem$instrument_of_term, "instruments")
  plan$effects <- lapply(problem$effects, plan_effect, plan = plan)
  plan$ways <- lapply(if (plan$type %in% kClusterTypes) fit$vcov_kind$ways, plan_way, plan = plan)
  plan_places(plan)
}

# Outcome and beliefs of the whole fit; a stage moves them in plan_places().
plan_outcome <- function(plan) {
  parts <- suppressWarnings(read_formula(plan$recipe$formula, plan$recipe$door))
  formula_expr(parts$outcome, plan)
}

plan_beliefs <- function(plan) {
  if (plan$recipe$door == "miv") return(list(role_expr(plan$fit$experiment$roles$belief, plan$state)))
  parts <- suppressWarnings(read_formula(plan$recipe$formula, "tsls"))
  lapply(as.list(parts$beliefs), formula_expr, plan = plan)
}

plan_weights <- function(plan) {
  role <- if (plan$recipe$door == "miv") plan$fit$experiment$roles$weights else plan$recipe$weights
  if (!is.null(role)) role_expr(role, plan$state)
}

# Terms with at least one column left, as lists of variables' labels.
plan_terms <- function(plan, terms, of_term, part) {
  if (is.null(terms)) {
    plan[[part]] <- list()
    return(plan)
  }
  variables <- as.list(attr(terms, "variables"))[-1]
  labels <- vapply(variables, deparse_one, "")
  plan$variables <- utils::modifyList(plan$variables, stats::setNames(lapply(variables, formula_expr, plan = plan), labels))
  plan$values <- utils::modifyList(as.list(plan$values), stats::setNames(lapply(variables, evaluate_variable, data = plan$problem$data, env = plan$problem$env), labels))
  factors <- attr(terms, "factors")
  kept <- Filter(function(label) term_kept(label, plan, of_term, part), attr(terms, "term.labels"))
  plan[[part]] <- lapply(kept, function(label) labels[factors[, label] > 0])
  plan[[paste0(part, "_dropped")]] <- setdiff(attr(terms, "term.labels"), kept)
  plan
}

# Whether the regression kept a column of the term. A stage has the instruments among its controls, or in ols() nowhere.
term_kept <- function(label, plan, of_term, part) {
  problem <- plan$problem
  if (part == "instruments" && is.null(plan$stage)) return(any(column_names(problem$instruments)[of_term == label] %in% plan$fit$instruments))
  if (part == "instruments" && plan$stage == "ols") return(FALSE)
  any(column_names(problem$controls)[column_terms(problem) == label] %in% names(plan$fit$coefficients))
}

# list(kind: "factor" or "plain", names): the level controls of miv().
plan_levels <- function(plan) {
  plan$levels <- list()
  if (plan$recipe$door != "miv") return(plan)
  exposure <- plan$recipe$exposure
  pick <- function(what) vapply(plan$arms, `[[`, "", what)
  kept <- any(plan$problem$levels %in% names(plan$fit$coefficients) & !startsWith(plan$problem$levels, ".arm"))
  plan$levels <- if (is.function(exposure)) list(kind = "plain", names = pick("exposure")) else {
    switch(exposure, sign = , `arm+sign` = list(kind = "factor", names = pick("side")), gap = , `arm+gap` = list(kind = "plain", names = pick("gap")), list())
  }
  if (!kept) plan$levels <- list()
  if (plan$recipe$arm_control) plan$arm_controls <- pick("told")[paste0(".arm", vapply(plan$arms, `[[`, "", "level")) %in% names(plan$fit$coefficients)]
  if (length(plan$levels) && plan$levels$kind == "plain") {
    present <- plan$problem$levels[seq_along(plan$levels$names)] %in% names(plan$fit$coefficients)
    plan$levels$names <- plan$levels$names[present]
  }
  plan
}

# list(name, products: list(arm, parts of h as an expression)) for every instrument that was kept.
plan_instruments <- function(plan) {
  experiment <- plan$fit$experiment
  parts <- instrument_parts(plan)
  pooled <- plan$recipe$pool || length(plan$arms) == 1
  groups <- if (pooled) list(seq_along(plan$arms)) else as.list(seq_along(plan$arms))
  made <- unlist(lapply(groups, function(arms) lapply(names(parts), function(part) {
    arm <- if (!pooled) plan$arms[[arms]]$level else if (length(plan$arms) > 1) "informed" else plan$arms[[1]]$level
    list(called = instrument_name(part, arm), stem = paste0(instrument_stem(part, names(parts)), if (!pooled) paste0("_", tame_name(arm))),
         products = lapply(arms, function(a) list(arm = a, h = parts[[part]](plan$arms[[a]]))))
  })), recursive = FALSE)
  present <- if (is.null(plan$stage)) plan$fit$instruments else if (plan$stage == "ols") character() else plan$fit$leading
  made <- Filter(function(one) one$called %in% present, made)
  plan$made <- lapply(made, function(one) c(list(name = fresh_name(plan$state, one$stem)), one))
  plan$instruments <- lapply(plan$made, `[[`, "name")
  people <- plan$problem$people
  plan$centring <- if (!is.null(plan$probability)) "probability" else if (isTRUE(people$centred)) "share" else "none"
  plan
}

instrument_parts <- function(plan) {
  if (is.function(plan$recipe$exposure)) return(list(`function` = function(arm) as.name(arm$exposure)))
  side_is <- function(side) function(arm) call("(", call("==", as.name(arm$side), side))
  switch(plan$recipe$exposure,
    sign = list(sign = function(arm) as.name(arm$side)),
    gap = list(gap = function(arm) as.name(arm$gap)),
    arm = list(arm = function(arm) NULL),
    `arm+gap` = list(arm = function(arm) NULL, gap = function(arm) as.name(arm$gap)),
    `arm+sign` = list(`-1` = side_is(-1), `+1` = side_is(1)))
}

instrument_stem <- function(part, parts) {
  if (length(parts) == 1) return("instrument")
  switch(part, arm = "instrument_arm", gap = "instrument_gap", `-1` = "instrument_below", `+1` = "instrument_above")
}

# list(parts: expressions that are crossed)
plan_effect <- function(effect, plan) {
  own <- plan$recipe$door == "miv" && identical(effect$label, plan$problem$stratum) && !effect$label %in% formula_effects(plan)
  if (own) return(list(parts = plan$strata))
  list(parts = lapply(split_power(effect$expr), formula_expr, plan = plan))
}

formula_effects <- function(plan) {
  parts <- suppressWarnings(read_formula(plan$recipe$formula, plan$recipe$door))
  if (is.null(parts$effects)) character() else vapply(split_sum(parts$effects), deparse_one, "")
}

plan_way <- function(way, plan) {
  if (!is.null(way$role)) return(list(parts = list(role_expr(way$role, plan$state))))
  list(parts = lapply(way$exprs, settle_expr, env = way$env, state = plan$state))
}

# What stands where: a stage has no beliefs to instrument; lead: what its first coefficients are.
plan_places <- function(plan) {
  stage <- if (is.null(plan$stage)) "" else plan$stage
  plan$role_beliefs <- plan$beliefs
  plan$role_outcome <- plan$outcome
  plan$lead <- list()
  if (stage == "endogeneity") abort_miv("no_counterpart", "The auxiliary regression of a test has no lines of its own; give the fit itself.")
  if (stage == "ols") plan$lead <- plan$beliefs
  if (stage == "first_stage") plan$outcome <- plan$beliefs[[plan$recipe$stage$belief]]
  if (stage %in% c("first_stage", "reduced_form")) plan$front <- plan$instruments
  if (stage != "") plan$beliefs <- list()
  if (stage != "") plan$instruments <- list()
  plan
}

# ---- the sample ----

# vars: every expression whose missing values leave a person out, list(expr, kind): "number", "label" (of groups) or "variable" (of the
# formula, of any kind); subset: an expression or NULL.
plan_sample <- function(plan) {
  experiment <- if (plan$recipe$door == "miv") plan$fit$experiment
  settled <- function(roles) lapply(unname(roles), role_expr, state = plan$state)
  signals <- Filter(Negate(is.null), lapply(unname(experiment$signals), `[[`, "role"))
  shares <- if (is.list(experiment$probability)) list(experiment$probability)
  numbers <- c(list(plan$role_outcome), plan$role_beliefs, settled(c(experiment$roles[c("belief", "prior")], signals, shares)), if (!is.null(plan$weights)) list(plan$weights))
  groups <- settled(c(if (!is.null(experiment)) experiment$roles["arm"], experiment$roles$cluster, experiment$roles$strata))
  labels <- c(groups, parts_of(plan$effects), parts_of(plan$ways))
  vars <- c(lapply(numbers, of_kind, "number"), lapply(labels, of_kind, "label"), lapply(unname(plan$variables), of_kind, "variable"))
  vars <- Filter(function(var) any(all.vars(var$expr) %in% plan$state$columns), vars)
  subset <- plan$recipe$subset
  list(vars = vars[!duplicated(vapply(vars, function(var) deparse_one(var$expr), ""))], subset = if (!is.null(subset)) formula_expr(subset, plan))
}

of_kind <- function(expr, kind) list(expr = expr, kind = kind)

# Effects and clusters are crossed parts.
parts_of <- function(crossed) unlist(lapply(crossed, `[[`, "parts"), recursive = FALSE)

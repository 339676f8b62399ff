# The fit. Nothing of length n is kept but `na.action`: the fit refers to the experiment or data frame it was made from, with every
# name its formulas use, and recomputes from there.

new_miv <- function(problem, answer, choice, scores, call, na_action) {
  named <- name_answer(answer, problem, core_choice(choice))
  fit <- list(
    coefficients = named$coefficients,              # beliefs, (Intercept), level controls, the user's controls
    vcov = named$vcov,                              # k x k, of the kind below
    vcov_kind = kind_of(choice, answer, scores),    # list(type, cluster, n_clusters, scores)
    bread = named$bread,                            # (Xhat' W Xhat)^{-1}
    nobs = named$n,                                 # people with positive weight
    rank = named$rank,                              # coefficients, absorbed effects included
    df.residual = named$n - named$rank,
    df_inference = inference_df(named, answer),     # n - k, or the smallest number of clusters less 1; under CR2 one per coefficient
    sigma = sqrt(named$sigma2),
    r.squared = 1 - named$rss / named$tss,
    rss = named$rss, tss = named$tss,
    beliefs = column_names(problem$beliefs),
    instruments = named$instruments,
    levels = intersect(problem$levels, named$exogenous),
    controls = setdiff(named$exogenous, c("(Intercept)", problem$levels)),
    fixed_effects = effect_counts(problem, answer),
    stratum = problem$stratum,
    dropped = named$dropped,
    first_stage = named$first_stage,                # F, df1, df2, coefficients
    over_identified = length(named$instruments) > length(problem$beliefs),
    path = named$path,
    smallest_pivot = named$smallest_pivot,
    leading = named$leading,                        # of a first stage, reduced form or ols(): what stands in the beliefs' place
    places = named$places,                          # design columns of the exogenous coefficients (0: the constant) and of the instruments
    exposure = problem$exposure, arm_control = problem$recipe$arm_control, guarantee = problem$guarantee,
    door = problem$door,
    experiment = problem$recipe$experiment, data = problem$data, recipe = problem$recipe,
    missing = answer$sample$missing,                # people left out, by cause
    rows = problem$rows,
    formula = problem$formula,                      # flat
    formula_full = problem$recipe$formula,
    terms = problem$terms, xlevels = problem$xlevels,
    na.action = omitted_rows(answer$sample$kept, problem$data, na_action),
    na_rule = na_action,
    call = settled_call(call, na_action))
  fit <- structure(fit, class = "miv")
  finish_vcov(fit, choice)
}

# expand.model.frame() evaluates these two again: formula() binds the data to one name, and na.action is a function there.
settled_call <- function(call, na_action) {
  if (!is.null(call$data) && !is.symbol(call$data)) call$data <- as.name(if (is.language(call$data)) deparse_one(call$data) else "data")
  if (!is.null(call$na.action)) call$na.action <- as.name(paste0("na.", na_action))
  call
}

# What the core is asked for where the user brings the covariance along.
core_choice <- function(choice) if (choice$type %in% c("function", "matrix")) list(type = "HC1", ways = list()) else choice

finish_vcov <- function(fit, choice) {
  if (choice$type == "function") fit$vcov <- check_vcov_value(call_given(choice$value, fit, "vcov", "bad_covariance"), fit)
  if (choice$type == "matrix") fit$vcov <- check_vcov_value(choice$value, fit)
  fit
}

# A function of the user's, with its error told as ours.
call_given <- function(f, x, name, cause) {
  tryCatch(f(x), error = function(e) abort_miv(cause, "The function given as `%s` stopped: %s", name, conditionMessage(e)))
}

check_vcov_value <- function(v, fit) {
  k <- length(fit$coefficients)
  if (!is.matrix(v) || !is.numeric(v) || any(dim(v) != k) || any(!is.finite(v))) {
    abort_miv("bad_covariance", "`vcov` gives %s where a finite %d x %d matrix is due, in the order of `coef()`.",
              if (is.matrix(v)) sprintf("a %d x %d matrix", nrow(v), ncol(v)) else class(v)[1], k, k)
  }
  with_names(unname(v), names(fit$coefficients))
}

kind_of <- function(choice, answer, scores) {
  ways <- Filter(function(c) !is.na(c$way), answer$clusters)
  list(type = choice$type, cluster = vapply(choice$ways, `[[`, "", "label"), n_clusters = vapply(ways, `[[`, 0, "count"), scores = scores, ways = choice$ways,
       value = if (choice$type == "function") choice$value)
}

inference_df <- function(named, answer) {
  if (!is.null(named$satterthwaite)) return(named$satterthwaite)
  if (length(answer$clusters)) smallest_count(answer$clusters) - 1 else named$n - named$rank
}

effect_counts <- function(problem, answer) {
  if (length(problem$effects) == 0) return(integer())
  counts <- vapply(problem$effects, function(effect) effect_index(problem, effect, answer$sample$kept)$count, 0)
  stats::setNames(counts, vapply(problem$effects, `[[`, "", "label"))
}

omitted_rows <- function(kept, data, na_action) {
  if (is.null(kept)) return(NULL)
  rows <- which(kept == 0L)
  if (length(rows) == 0) return(NULL)
  names(rows) <- as.character(attr(data, "row.names"))[rows]
  structure(rows, class = if (identical(na_action, "exclude")) "exclude" else "omit")
}

# omit or exclude, from a function or its name; na.fail stops where rows are missing.
read_na_action <- function(na_action) {
  if (is.function(na_action)) {
    for (name in c("omit", "exclude", "fail")) if (identical(na_action, get(paste0("na.", name), asNamespace("stats")))) return(name)
    abort_miv("unknown_na_action", "`na.action` is not one of na.omit, na.exclude and na.fail.")
  }
  name <- if (is.character(na_action)) sub("^na[.]", "", na_action) else na_action
  check_choice(name, c("omit", "exclude", "fail"), "na_action")
  name
}

# Rows left out by `subset` or a weight of 0 do not count.
check_na_fail <- function(answer, problem, na_action) {
  if (na_action != "fail") return(invisible(answer))
  missing <- c(answer$sample$missing, missing_roles(problem))
  if (length(missing) == 0) return(invisible(answer))
  abort_miv("missing_values", "Rows are not complete (%s), and `na.action` is na.fail.", paste(sprintf("`%s` missing in %d", names(missing), missing), collapse = ", "))
}

# Of the roles of an experiment, within `subset`.
missing_roles <- function(problem) {
  experiment <- problem$recipe$experiment
  if (is.null(experiment$kept)) return(integer())
  roles <- used_roles(experiment)
  off <- subset_mask(problem) == 0L
  counts <- vapply(roles, function(role) sum(if (length(off)) is.na(role$values) & !off else is.na(role$values)), 0)
  names(counts) <- vapply(roles, `[[`, "", "label")
  counts[counts > 0 & !duplicated(names(counts))]
}

# The three steps of both doors after the recipe: problem, numbers, object.
fit_recipe <- function(recipe, vcov, scores, call, na_action) {
  check_choice(scores, c("usual", "heterogeneous"), "scores")
  problem <- read_problem(recipe)
  choice <- own_clusters(read_vcov(vcov, recipe$experiment), problem$data)
  answer <- fit_problem(problem, core_choice(choice), scores)
  problem <- answer$problem
  check_na_fail(answer, problem, na_action)
  fit <- new_miv(problem, answer, choice, scores, call, na_action)
  say_cautions(fit)
  fit
}

# ---- cautions ----

say_cautions <- function(fit) {
  say_dropped(fit)
  weak <- which(fit$first_stage$F < 10)
  for (j in weak) {
    warn_miv("weak_first_stage", "The first stage of `%s` is weak: F = %s, below 10. Estimates and intervals may be far off; read them with Anderson-Rubin sets in mind.",
             names(fit$first_stage$F)[j], format(fit$first_stage$F[[j]], digits = 3))
  }
  for (belief in names(which(is.na(fit$first_stage$F)))) {
    clusters <- fit$vcov_kind$n_clusters
    warn_miv(if (length(clusters)) "few_clusters" else "no_first_stage_F", "The first-stage F of `%s` is missing: %d instrument%s and %s leave its covariance without an inverse; %suse fewer instruments.",
             belief, fit$first_stage$df1, plural(fit$first_stage$df1), if (length(clusters)) paste(paste(clusters, collapse = " and "), "clusters") else paste(fit$nobs, "people"),
             if (length(clusters)) "cluster less coarsely, or " else "")
  }
  if (isTRUE(fit$smallest_pivot < 1e-14)) {
    warn_miv("nearly_collinear", "Controls or instruments are nearly collinear (%s of one is left after the others); its coefficient has few digits.", format(sqrt(fit$smallest_pivot), digits = 2))
  }
  if (length(fit$experiment$roles$cluster) && fit$vcov_kind$type %in% c("iid", "HC0", "HC1", "HC2", "HC3")) {
    warn_miv("cluster_ignored", "The experiment has clusters (`%s`), but the standard errors are %s; leave `vcov` out to cluster them.",
             paste(vapply(fit$experiment$roles$cluster, `[[`, "", "label"), collapse = "`, `"), fit$vcov_kind$type)
  }
  invisible(fit)
}

say_dropped <- function(fit) {
  lost <- setdiff(fit$dropped, problem_levels(fit))
  if (length(lost) == 0) return(invisible(fit))
  inform_miv("collinear", "Dropped because collinear with what stands before %s: %s.", if (length(lost) == 1) "it" else "them", quote_names(lost))
}

# Level controls of the package are dropped in silence where a side does not occur.
problem_levels <- function(fit) grep("^[.](side|pattern|gap|arm|exposure)", fit$dropped, value = TRUE)

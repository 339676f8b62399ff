# Subgroups: `by =` of miv() and tsls(). A group is a condition on the rows, joined to `subset`, so that each fit is the one that
# `subset` would give.

kMostGroups <- 60

# list(label, expr, env) by variable; `~ a + b` are crossed cells.
read_by <- function(by, data) {
  if (is_formula(by) && length(by) == 2 && is_call_to(by[[2]], "*")) {
    abort_miv("bad_by", "`by = ~ %s`: crossed groups are written with a plus, `~ %s`.", deparse_one(by[[2]]), gsub(" * ", " + ", deparse_one(by[[2]]), fixed = TRUE))
  }
  roles <- lapply(read_roles(by, "by", data), by_days, data = data)
  names <- vapply(roles, by_label, "")
  if (anyDuplicated(names)) abort_miv("duplicated_variable", "`%s` stands twice in `by`; name it once.", names[duplicated(names)][1])
  stats::setNames(roles, names)
}

# Other roles read days as numbers; groups are called by the day.
by_days <- function(role, data) {
  if (!identical(role$expr, call("as.numeric", as.name(role$label))) || !is_whole_date(.subset2(data, role$label))) return(role)
  role[c("expr", "plain")] <- list(as.name(role$label), TRUE)
  role
}

# I(age > 40) is called age > 40.
by_label <- function(role) if (is_call_to(role$expr, "I")) deparse_one(role$expr[[2]]) else role$label

# list(key: one row per group; conditions: one expression per group; rows: how many; missing: rows without a value, by variable; env)
read_groups <- function(by, recipe, formula, data) {
  roles <- read_by(by, data)
  values <- lapply(roles, function(role) group_values(evaluate_role(data, role), role$label))
  inside <- subset_mask(list(recipe = recipe, data = data, env = environment(formula), rows = nrow(data)))
  inside <- if (is.null(inside)) rep(TRUE, nrow(data)) else inside == 1L
  cells <- group_cells(values, inside)
  check_groups(cells, names(roles))
  own <- as_key_names(names(roles))
  key <- as.data.frame(stats::setNames(lapply(seq_along(values), function(j) natural_levels(values[[j]])[cells$codes[, j]]), own), optional = TRUE)
  list(key = key, conditions = lapply(seq_len(nrow(key)), function(i) cell_condition(roles, key, i)), rows = cells$rows,
       missing = vapply(values, function(x) sum(is.na(x) & inside), 0), roles = roles,
       names = vapply(seq_len(nrow(key)), function(i) paste(sprintf("%s = %s", names(roles), vapply(key[i, , drop = FALSE], value_text, "")), collapse = ", "), ""))
}

group_values <- function(x, label) {
  if (is.factor(x)) return(if (anyNA(levels(x))) factor(x, exclude = NA) else x)
  if (is.logical(x) || is_whole_date(x)) return(x)
  x <- if (inherits(x, c("Date", "POSIXct"))) as.numeric(x) else plain_vector(x)
  if (is.numeric(x) || is.character(x)) return(x)
  abort_miv("bad_by", "`%s` (by) is of class `%s`; groups are told by numbers, logicals, a factor or text.", label, class(x)[1])
}

# Days as they are written are days; parts of days would be written alike.
is_whole_date <- function(x) inherits(x, "Date") && all(unclass(x) == floor(unclass(x)), na.rm = TRUE)

# Levels that occur, in their natural order.
natural_levels <- function(x) if (is.factor(x)) factor(levels(x), levels(x)) else sort(unique(x[!is.na(x)]), method = "radix")

# codes: places among natural_levels(), one row per cell that occurs; rows: how many rows it has.
group_cells <- function(values, inside) {
  codes <- do.call(cbind, lapply(values, function(x) if (is.factor(x)) as.integer(x) else match(x, natural_levels(x))))
  codes <- codes[inside & !rowSums(is.na(codes)), , drop = FALSE]
  name <- do.call(paste, as.data.frame(codes))
  first <- !duplicated(name)
  cells <- codes[first, , drop = FALSE]
  order <- do.call(order, unname(as.data.frame(cells)))
  list(codes = cells[order, , drop = FALSE], rows = as.vector(table(factor(name, name[first])))[order])
}

check_groups <- function(cells, names) {
  count <- nrow(cells$codes)
  if (count == 0) abort_miv("all_missing", "`%s` (by) is missing in all rows of the fit.", paste(names, collapse = "`, `"))
  if (count == 1) abort_miv("one_group", "`%s` (by) has one value in all %s rows of the fit; leave `by` out, or name a variable that differs.", paste(names, collapse = "`, `"), big_number(cells$rows))
  if (count > kMostGroups) abort_miv("too_many_groups", "`%s` (by) makes %s groups, and %d are allowed; cut it into ranges, `by = ~ cut(%s, 3)`.", paste(names, collapse = "`, `"), big_number(count), kMostGroups, names[1])
  invisible(cells)
}

kKeyTaken <- c("outcome", "fit", "term", "estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high", "nobs", "n_clusters", "first_stage_F", "exposure",
               "negative_weight", "negative_share", "control_mean", "control_sd", "r.squared", "adj.r.squared", "sigma", "df.residual", "over_identified", "path", "vcov",
               "effective_F", "cell", "n", "share", "weight", "effect", "ratio", "spec", "guarantee", "lower", "upper", "group", "p.romano.wolf", "p.holm", "rows", "reason", "conf.level",
               "weight.std.error", "weight.low", "weight.high", "effect.low", "effect.high", "weight_down", "weight_at", "weight_up", "test", "df1", "df2", "says")

as_key_names <- function(names) {
  taken <- names %in% kKeyTaken
  for (i in which(taken)) while (names[i] %in% c(kKeyTaken, names[-i])) names[i] <- paste0("by_", names[i])
  names
}

value_text <- function(x) if (is.numeric(x)) number_label(x) else as.character(x)

# Comparisons with the group's own values, as a user would write them in `subset`.
cell_condition <- function(roles, key, i) {
  parts <- Map(function(role, value) call("==", role$expr, if (is.factor(value)) as.character(value) else as.vector(unclass(value))), roles, key[i, , drop = FALSE])
  Reduce(function(left, right) call("&", left, right), unname(parts))
}

join_subset <- function(first, second) if (is.null(first)) second else if (is.null(second)) first else call("&", first, second)

# What the groups' expressions use besides the data must mean the same beside the formula.
join_captures <- function(formula, roles) {
  env <- environment(formula)
  for (role in roles) for (name in ls(role$env, all.names = TRUE)) {
    if (exists(name, env, inherits = FALSE) && !identical(get(name, env), get(name, role$env))) {
      abort_miv("bad_by", "`%s` means one thing where the formula was written and another where `by` was; rename one of the two.", name)
    }
    assign(name, get(name, role$env), env)
  }
  invisible(formula)
}

# ---- fitting ----

# fit_one: function(formula, recipe, call) of one outcome in one group.
fit_set <- function(fit_one, formula, recipe, call, outcomes, groups) {
  labels <- vapply(outcomes, deparse_one, "")
  formulas <- if (length(outcomes)) lapply(outcomes, with_outcome, formula = formula) else list(formula)
  parts <- if (is.null(groups)) outcomes_alone(fit_one, formulas, labels, recipe, call) else outcomes_by_group(fit_one, formulas, labels, recipe, call, groups)
  if (!is.null(groups)) say_missing_groups(groups)
  new_set(parts$fits, parts$key, if (!is.null(groups)) names(groups$key), parts$left_out, if (!is.null(groups)) groups$missing)
}

outcomes_alone <- function(fit_one, formulas, labels, recipe, call) {
  fits <- Map(function(formula, label) naming(label, fit_one(formula, recipe, call)), formulas, labels)
  list(fits = stats::setNames(fits, labels), key = data.frame(outcome = labels))
}

outcomes_by_group <- function(fit_one, formulas, labels, recipe, call, groups) {
  plan <- expand.grid(group = seq_len(nrow(groups$key)), outcome = seq_along(formulas))
  name <- if (length(labels)) paste(labels[plan$outcome], groups$names[plan$group], sep = ", ") else groups$names[plan$group]
  fits <- lapply(seq_len(nrow(plan)), function(i) {
    try_group(name[i], fit_one(formulas[[plan$outcome[i]]], group_recipe(recipe, groups$conditions[[plan$group[i]]]), group_call(call, groups$conditions[[plan$group[i]]])))
  })
  failed <- vapply(fits, inherits, NA, what = "miv_error")
  for (j in unique(plan$outcome)) if (all(failed[plan$outcome == j])) stop_no_group(fits[plan$outcome == j][[1]], name[plan$outcome == j][1])
  key <- groups$key[plan$group, , drop = FALSE]
  if (length(labels)) key <- cbind(outcome = labels[plan$outcome], key)
  left_out <- if (any(failed)) cbind(unrowed(key[failed, , drop = FALSE]), rows = groups$rows[plan$group[failed]], reason = group_reasons(fits[failed]))
  for (i in which(failed)) warn_miv("group_left_out", "`%s` is left out (%s rows): %s", name[i], big_number(groups$rows[plan$group[i]]), conditionMessage(fits[[i]]))
  list(fits = stats::setNames(fits[!failed], name[!failed]), key = unrowed(key[!failed, , drop = FALSE]), left_out = left_out)
}

# `group` stays apart from `subset`, for update().
group_recipe <- function(recipe, condition) {
  recipe$group <- condition
  recipe$subset <- join_subset(recipe$subset, condition)
  recipe
}

group_call <- function(call, condition) {
  call$by <- NULL
  call$subset <- join_subset(call$subset, condition)
  call
}

group_reasons <- function(errors) vapply(errors, conditionMessage, "")

try_group <- function(name, expr) tryCatch(naming(name, expr), miv_error = identity)

# What is the matter with every group is not a matter of groups.
stop_no_group <- function(error, name) {
  error$message <- sprintf("No group can be estimated. In `%s`: %s", name, conditionMessage(error))
  class(error) <- c("miv_error_no_group", class(error))
  stop(error)
}

# Cautions and notes of one fit among several say which.
naming <- function(name, expr) {
  said <- function(condition) {
    condition$message <- sprintf("In `%s`: %s", name, conditionMessage(condition))
    condition
  }
  withCallingHandlers(expr, miv_warning = function(w) { warning(said(w)); invokeRestart("muffleWarning") },
                      miv_message = function(m) { message(said(m)); invokeRestart("muffleMessage") })
}

say_missing_groups <- function(groups) {
  lost <- groups$missing[groups$missing > 0]
  if (length(lost)) inform_miv("missing_group", "%s; they are in no group.", missing_group_words(lost))
}

missing_group_words <- function(lost) paste(sprintf("`%s` (by) is missing in %s row%s", names(lost), vapply(lost, big_number, ""), vapply(lost, plural, "")), collapse = ", ")

# ---- are the effects the same? ----

#' Are effects the same in all groups?
#'
#' The Wald test that the belief effect is equal in the groups of a set made with `by =`, with the covariance between groups where clusters lie in several of them.
#'
#' With b the effects of K groups, V their covariance and R the K - 1 differences, F = (R b)' (R V R')^-1 (R b) / (K - 1). On the diagonal of V stand the
#' squared standard
#' errors of the fits. Groups have no person in common, so without clusters, and with clusters that lie within groups, V is diagonal. Where a cluster has
#' people in several
#' groups the correlation of two effects is that of their scores summed by cluster, \eqn{\sum_c \psi_{gc} \psi_{hc}}{sum_c psi_gc psi_hc} over the root
#' of the sums of squares, \eqn{\psi}{psi} being a person's
#' part in the estimate; under CR1 this is the covariance of the stacked fits. Degrees of freedom: K - 1, and the sum of the fits' n - k; the number of
#' clusters less 1 when
#' clustered, at most the smallest Satterthwaite number under CR2. With a covariance given as function or matrix groups are taken to be independent.
#'
#' It asks less than an interaction in one regression: every coefficient, the first stage included, is the group's own.
#'
#' @param fits A `miv_set` made with `by =`, or several fits of one outcome on people that do not overlap ([c()][c.miv] of fits with `subset`).
#' @param vcov Another covariance, as in [miv()].
#' @return A data frame of class `miv_equal_effects` with one row per outcome and belief: (`outcome`,) `term`, `groups`, `statistic` (F), `df1`, `df2`,
#'   `p.value`; `difference`
#'   (second less first group) and its `std.error` where there are two groups, `NA` where there are more; `independent`, whether V is diagonal. `attr(, "covariance")` has
#'   V, one matrix for each row.
#' @section Errors: `miv_error_no_groups` where the set has none or one, `miv_error_overlap` where people are in several groups,
#'   `miv_error_too_few_clusters` where V has no inverse,
#'   `miv_error_different_data`, `miv_error_several_units` where fits are clustered by different variables and `vcov` is not given.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fits <- miv(pay_claim ~ age, experiment, by = ~ region)
#' equal_effects(fits)
#' equal_effects(fits)$p.value
#' @export
equal_effects <- function(fits, vcov = NULL) {
  check_set(fits)
  check_same_data(fits)
  fits <- like_set(fits, each_fit(fits, with_vcov, vcov = vcov))
  check_same_clusters(fits)
  outcome <- vapply(unclass(fits), outcome_of, "")
  tests <- lapply(unique(outcome), function(y) equal_in(unclass(fits)[outcome == y]))
  out <- do.call(rbind, lapply(tests, `[[`, "table"))
  if (length(tests) > 1) out <- cbind(outcome = rep(unique(outcome), vapply(tests, function(test) nrow(test$table), 0L)), out)
  structure(out, covariance = unlist(lapply(tests, `[[`, "covariance"), recursive = FALSE), groups = attr(fits, "by"), class = c("miv_equal_effects", "data.frame"))
}

check_set <- function(fits) {
  if (inherits(fits, "miv")) abort_miv("no_groups", "This is one fit; give several, `miv(..., by = ~ group)` or `c(fit1, fit2)`.")
  if (!is_set(fits)) abort_miv("not_a_fit", "`fits` is of class `%s`; give a set of fits, from `by =`, `c(y1, y2) ~ x` or `c(fit1, fit2)`.", class(fits)[1])
  invisible(fits)
}

# Rows are matched by their place in the data.
check_same_data <- function(fits) {
  same <- vapply(fits, function(fit) identical(fit$data, fits[[1]]$data), NA)
  if (all(same)) return(invisible(fits))
  abort_miv("different_data", "`%s` was fitted on other data than `%s`, so that people cannot be matched by row; fit all on one data frame, with `subset =` where they differ.", names(fits)[!same][1], names(fits)[1])
}

# The covariance between groups is that of one clustering.
check_same_clusters <- function(fits) {
  clusters <- vapply(unclass(fits), function(fit) if (length(fit$vcov_kind$cluster)) quote_names(fit$vcov_kind$cluster) else "nothing", "")
  other <- which(clusters != clusters[1])
  if (length(other) == 0) return(invisible(fits))
  abort_miv("several_units", "`%s` is clustered by %s and `%s` by %s, and the test needs one covariance for all; give it, `vcov = ~ cluster`.", names(fits)[1], clusters[1], names(fits)[other[1]], clusters[other[1]])
}

equal_in <- function(fits) {
  if (length(fits) < 2) abort_miv("no_groups", "The effect on `%s` is estimated in %d group; two are needed to compare.", outcome_of(fits[[1]]), length(fits))
  check_apart(fits)
  terms <- Reduce(intersect, lapply(fits, effect_names))
  if (length(terms) == 0) abort_miv("no_groups", "The fits have no belief in common.")
  rows <- lapply(terms, equal_term, fits = fits)
  list(table = do.call(rbind, lapply(rows, `[[`, "row")), covariance = lapply(rows, `[[`, "covariance"))
}

check_apart <- function(fits) {
  inside <- Reduce(`+`, lapply(fits, function(fit) in_fit(fit) + 0L))
  if (all(inside <= 1)) return(invisible(fits))
  abort_miv("overlap", "%s rows are in several of the fits; groups must not overlap.", big_number(sum(inside > 1)))
}

# Logical, one per row of the data.
in_fit <- function(fit) {
  kept <- kept_of(fit)
  if (is.null(kept)) rep(TRUE, fit$rows) else kept == 1L
}

equal_term <- function(term, fits) {
  b <- vapply(fits, function(fit) fit$coefficients[[term]], 0)
  v <- effect_covariance(fits, term)
  steps <- cbind(-1, diag(length(b) - 1))
  statistic <- wald(drop(steps %*% b), steps %*% v %*% t(steps)) / (length(b) - 1)
  if (is.na(statistic)) abort_miv("too_few_clusters", "The clusters leave the covariance of %d effects without an inverse; compare fewer groups, or cluster less coarsely.", length(b))
  df2 <- equal_df(fits)
  two <- length(b) == 2
  row <- data.frame(term = term, groups = length(b), statistic = statistic, df1 = length(b) - 1, df2 = df2, p.value = stats::pf(statistic, length(b) - 1, df2, lower.tail = FALSE),
                    difference = if (two) b[[2]] - b[[1]] else NA_real_, std.error = if (two) sqrt(drop(steps %*% v %*% t(steps))) else NA_real_,
                    independent = all(v[row(v) != col(v)] == 0))
  list(row = row, covariance = v)
}

equal_df <- function(fits) {
  df <- vapply(fits, function(fit) least_df(fit, effect_names(fit)), 0)
  if (length(fits[[1]]$vcov_kind$ways) == 0) return(sum(vapply(fits, function(fit) fit$df.residual, 0)))
  clusters <- min(vapply(cluster_rows(fits), function(set) if (set$single) length(unique(set$ids[Reduce(`|`, lapply(fits, in_fit))])) else Inf, 0)) - 1
  if (is.null(names(fits[[1]]$df_inference))) clusters else min(clusters, df)
}

# Standard errors of the fits, correlations of their scores over clusters.
effect_covariance <- function(fits, term) {
  errors <- vapply(fits, function(fit) sqrt(fit$vcov[term, term]), 0)
  correlation <- diag(length(fits))
  sets <- cluster_rows(fits)
  if (length(sets) && straddle(sets, fits)) correlation <- score_correlation(fits, term, sets)
  out <- correlation * tcrossprod(errors)
  dimnames(out) <- list(names(fits), names(fits))
  out
}

# Per set of cluster variables: ids of all rows of the data, and the sign of inclusion and exclusion.
cluster_rows <- function(fits) {
  ways <- fits[[1]]$vcov_kind$ways
  if (length(ways) == 0) return(list())
  problem <- start_problem(fits[[1]]$recipe, fits[[1]]$data)
  choice <- add_clusters(problem, list(type = "CR1", ways = ways))
  sets <- lapply(seq_len(2^length(ways) - 1), function(code) which(bitwAnd(code, 2^(seq_along(ways) - 1)) > 0))
  lapply(sets, function(set) {
    sources <- unlist(lapply(choice$ways[set], `[[`, "sources"))
    index <- index_clusters_cpp(problem$sources$vectors[sources + 1L], NULL, fits[[1]]$rows)
    list(ids = index$ids, sign = if (length(set) %% 2) 1 else -1, single = length(set) == 1)
  })
}

straddle <- function(sets, fits) {
  shared <- function(ids) {
    own <- unlist(lapply(fits, function(fit) unique(ids[in_fit(fit)])))
    anyDuplicated(own) > 0
  }
  any(vapply(sets, function(set) shared(set$ids), NA))
}

score_correlation <- function(fits, term, sets) {
  parts <- vapply(fits, effect_scores, numeric(fits[[1]]$rows), term = term)
  inside <- Reduce(`|`, lapply(fits, in_fit))
  meat <- Reduce(`+`, lapply(sets, function(set) set$sign * crossprod(rowsum(parts[inside, , drop = FALSE], set$ids[inside]))))
  if (any(diag(meat) <= 0)) abort_miv("negative_variance", "The covariance over several ways of clustering is not positive; compare groups under one cluster variable, `vcov = ~ cluster`.")
  stats::cov2cor(meat)
}

# A person's part in the estimate: the row of the bread times the score; 0 for whoever is not in the fit.
effect_scores <- function(fit, term) {
  out <- numeric(fit$rows)
  out[in_fit(fit)] <- scores_of(fit, read_rows(fit)) %*% fit$bread[, term]
  out
}

#' @export
print.miv_equal_effects <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  if (!all(c("term", "groups", "statistic", "p.value") %in% names(x))) return(print(as.data.frame(x)))
  for (i in seq_len(nrow(x))) print_words(equal_words(x[i, ], digits))
  invisible(x)
}

#' @export
as.data.frame.miv_equal_effects <- function(x, row.names = NULL, optional = FALSE, ...) bare_frame(x, row.names)

#' @rdname equal_effects
#' @param x From `equal_effects()`.
#' @param ... Nothing.
#' @export
tidy.miv_equal_effects <- function(x, ...) bare_frame(x)

equal_words <- function(row, digits) {
  difference <- if (is.na(row$difference)) "" else sprintf("; the second less the first %s (SE %s)", fixed(row$difference, decimals_for(row$std.error, digits - 1)), fixed(row$std.error, decimals_for(row$std.error, digits - 1)))
  sprintf("Test that the effect of `%s`%s is the same in %d groups: F = %s on %d and %s degrees of freedom, p %s%s%s.", row$term, if (is.null(row$outcome)) "" else sprintf(" on `%s`", row$outcome), row$groups,
          show_f(row$statistic), row$df1, df_words(row$df2), p_short(row$p.value), difference, if (row$independent) "" else "; clusters lie in several groups, and their covariance is in the test")
}

p_short <- function(p) if (p < 1e-4) "< 0.0001" else paste("=", format(signif(p, 3), scientific = FALSE))

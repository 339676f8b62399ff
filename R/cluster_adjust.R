# CR2 and CR3: what the core is asked for, effects that must enter as dummies, and the degrees of freedom that CR2 brings for each
# coefficient. The arithmetic is in core/cluster_adjust.

kAdjustedTypes <- c("CR2", "CR3")

kMostDummies <- 100   # each cluster then has a matrix of this size to take apart

is_adjusted <- function(choice) choice$type %in% kAdjustedTypes

check_one_way <- function(formula, type) {
  if (!type %in% kAdjustedTypes) return(invisible(formula))
  ways <- split_sum(formula[[2]])
  if (length(ways) == 1) return(invisible(formula))
  abort_miv("several_clusters", "%s is for one cluster variable; the formula names %d (%s). Cluster by the coarser one, or use \"CR1\" for several.",
            type, length(ways), quote_names(vapply(ways, deparse_one, "")))
}

# ---- absorbed effects ----

# Effects within clusters leave the adjustment as it is: the cluster's residuals are orthogonal to them, and so are the regressors. CR2
# with weights adjusts residuals without their weights, where that is not so.
needs_dummies <- function(problem, choice, clusters, kept) {
  if (!is_adjusted(choice) || length(problem$effects) == 0) return(FALSE)
  if (choice$type == "CR2" && problem$weights >= 0) return(TRUE)
  !all(vapply(problem$effects, function(effect) is_nested_cpp(effect_index(problem, effect, kept), clusters[[1]]), NA))
}

# The answer with the meats of the same regression in which the effects are dummies.
with_dummy_meats <- function(answer, problem, sample, choice, scores, wide) {
  if (answer$verdict != 0L) return(answer)
  dummied <- dummies_for_effects(problem, sample$kept, choice)
  whole <- run_core(dummied$problem, sample, choice, scores, wide)
  check_same_columns(answer, whole, dummied$count, choice)
  own <- which(whole$exogenous > dummied$count)
  at <- c(own, length(whole$exogenous) + seq_along(problem$beliefs))
  answer$covariances <- list(whole$covariances[[1]][at, at, drop = FALSE])
  answer$satterthwaite <- whole$satterthwaite[at]
  answer[c("first_meats", "first_direction")] <- whole[c("first_meats", "first_direction")]
  answer
}

# Dummies stand before the controls, so that a control they determine is the one dropped, as when they are absorbed.
dummies_for_effects <- function(problem, kept, choice) {
  indices <- lapply(problem$effects, effect_index, problem = problem, kept = kept)
  check_dummy_count(problem, sum(vapply(indices, `[[`, 0, "count")) - length(indices), choice)
  columns <- unlist(Map(dummy_columns, indices, effect_labels(problem), list(problem$sources)), recursive = FALSE)
  problem$controls <- c(columns, problem$controls)
  problem$dummied <- problem$effects
  problem$effects <- list()
  problem$constant <- TRUE
  list(problem = problem, count = length(columns))
}

dummy_columns <- function(index, label, sources) {
  source <- add_source(sources, pmax(index$ids, 0L), paste("dummies of", label))
  one <- diag(index$count)
  lapply(seq_len(index$count)[-1], function(j) new_column(paste0(label, j), list(atom_lookup(source, 0, one[, j]))))
}

check_dummy_count <- function(problem, count, choice) {
  if (count <= kMostDummies) return(invisible(problem))
  why <- if (choice$type == "CR2" && problem$weights >= 0) "with weights" else "that do not lie within its clusters"
  abort_miv("absorbed_effects", "%s with fixed effects %s (%s) is computed with their dummies, %d here and at most %d; use \"CR1\", or cluster by the effect.",
            choice$type, why, quote_names(effect_labels(problem)), count, kMostDummies)
}

check_same_columns <- function(answer, whole, count, choice) {
  same <- whole$verdict == 0L && identical(whole$exogenous[whole$exogenous > count] - as.integer(count), answer$exogenous) &&
    identical(whole$instruments - as.integer(count), answer$instruments)
  if (same) return(invisible(answer))
  abort_miv("absorbed_effects", "%s with these fixed effects needs their dummies, with which other columns are collinear; drop the collinear controls, or use \"CR1\".", choice$type)
}

# ---- degrees of freedom ----

# Of t for coefficients: one number for all, or under CR2 each its own. x: a fit or its summary.
df_of <- function(x, names) if (is.null(names(x$df_inference))) x$df_inference else unname(x$df_inference[names])

# For what several coefficients make: the smallest of theirs.
least_df <- function(x, names = rownames(x$vcov)) min(df_of(x, names))

# Of statistics that are no coefficient: an F of several, and weights, which are taken with CR1 where the fit has CR2.
df_without_cr2 <- function(fit) if (is.null(names(fit$df_inference))) fit$df_inference else min(fit$vcov_kind$n_clusters) - 1

df_words <- function(df) if (isTRUE(abs(df - round(df)) > 1e-6)) formatC(df, digits = 1, format = "f") else big_number(df)

# ---- CR2 beside CR1 ----

kFewClusters <- 40

# One row per belief under CR2, where a summary shows CR1 of few clusters; NULL elsewhere.
cr2_beside <- function(fit, level) {
  kind <- fit$vcov_kind
  if (kind$type != "CR1" || length(kind$n_clusters) != 1 || kind$n_clusters >= kFewClusters || length(effect_names(fit)) == 0) return(NULL)
  again <- tryCatch(quiet_miv(with_choice(fit, list(type = "CR2", ways = kind$ways), kind$scores)), miv_error = function(e) NULL)
  if (is.null(again)) return(NULL)
  names <- effect_names(fit)
  table <- coefficient_table(again)[names, , drop = FALSE]
  interval <- belief_intervals(again, level)
  data.frame(term = names, std.error = table[, 2], df = df_of(again, names), p.value = table[, 4], conf.low = interval[, 1],
             conf.high = interval[, 2], row.names = NULL)
}

cr2_words <- function(x, digits) {
  if (is.null(x$cr2)) return("")
  rows <- lapply(seq_len(nrow(x$cr2)), function(i) cr2_row_words(x$cr2[i, ], digits))
  named <- if (nrow(x$cr2) > 1) sprintf("`%s` ", x$cr2$term) else ""
  sprintf(" CR2 beside it: %s.", paste0(named, rows, collapse = "; "))
}

cr2_row_words <- function(row, digits) {
  number <- function(v) fixed(v, decimals_for(row$std.error, digits - 1))
  sprintf("SE %s, %s degrees of freedom, p = %s, interval %s", number(row$std.error), df_words(row$df), format.pval(row$p.value, digits = 2),
          range_words(c(row$conf.low, row$conf.high), number))
}

# ---- clubSandwich on our fits: it asks for regressors, residuals and, for CR2, what else was in the regression ----

#' @exportS3Method clubSandwich::residuals_CS miv
residuals_CS.miv <- function(obj) residuals_of(obj, read_rows(obj))   # never padded

# Dummies of the absorbed effects where they matter; clubSandwich inverts their cross-products.
#' @exportS3Method clubSandwich::augmented_model_matrix miv
augmented_model_matrix.miv <- function(obj, cluster, inverse_var, ignore_FE) {
  problem <- problem_of(obj)
  if (ignore_FE || length(problem$effects) == 0) return(NULL)
  groups <- kept_groups(obj, problem)
  if (problem$weights < 0 && all(vapply(groups, within_labels, NA, labels = cluster))) return(NULL)
  parts <- lapply(seq_along(groups), function(j) dummies_of(groups[[j]], drop_first = j > 1))
  out <- do.call(cbind, parts)
  q <- qr(out)
  out[, q$pivot[seq_len(q$rank)], drop = FALSE]
}

within_labels <- function(ids, labels) all(rowSums(table(ids, labels) > 0) == 1)

dummies_of <- function(ids, drop_first) {
  levels <- sort(unique(ids))
  if (drop_first) levels <- levels[-1]
  1 * outer(ids, levels, `==`)
}

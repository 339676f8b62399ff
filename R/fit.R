# The only file that calls the estimation exports: columns in, numbers out. A problem becomes a design, the core runs, its verdict is
# told with the user's names, and the small-sample factors are put on.

# The core's numbers for a problem under a covariance choice: everything new_miv() needs.
fit_problem <- function(problem, choice, scores = "usual") {
  check_leverage(problem, choice)
  asked <- choice
  choice <- add_clusters(problem, asked)
  quick <- length(problem$effects) == 0 && problem$weights < 0 && !problem$centred && length(choice$ways) == 0 && is.null(problem$recipe$stage)
  sample <- if (quick) list(kept = problem$kept, n = NA, missing = integer(), rows = problem$rows) else read_sample(problem)
  answer <- run_core(problem, sample, choice, scores)
  if (answer$verdict == 1L) {                                # a value was not finite: look at the rows, then once more
    sample <- read_sample(problem)
    answer <- run_core(problem, sample, choice, scores, wide = is.null(sample$kept) || identical(sample$kept, problem$kept))
  }
  if (has_empty_levels(problem, sample$kept)) {              # contrasts of the levels that are there
    problem <- read_problem(problem$recipe, sample$kept)
    answer <- run_core(problem, sample, add_clusters(problem, asked), scores)
  }
  check_verdict(answer, problem)
  check_rows_left(answer, problem)
  answer$sample <- sample
  answer$problem <- problem
  answer
}

run_core <- function(problem, sample, choice, scores, wide = FALSE, clusters = NULL) {
  absorbed <- absorb(problem, sample)
  if (is.null(clusters)) clusters <- cluster_indices(problem, choice, sample$kept)
  request <- c(meat_request(choice, absorbed$match(clusters), scores == "heterogeneous"),
               list(threads = threads(), reference = absorbed$reference, wide = wide))
  dummied <- needs_dummies(problem, choice, clusters, sample$kept)
  if (dummied) request$meat <- FALSE
  answer <- tsls_cpp(absorbed$design, request)
  if (dummied) answer <- with_dummy_meats(answer, problem, sample, choice, scores, wide)
  answer$clusters <- clusters
  answer$absorbed <- absorbed$count
  answer$nested <- absorbed$nested(clusters)
  answer
}

check_leverage <- function(problem, choice) {
  if (length(problem$effects) < 2 || !choice$type %in% c("HC2", "HC3")) return(invisible(choice))
  abort_miv("unknown_covariance", "%s needs the leverage of %d fixed effects together, which is not computed; write all but one as `factor()` among the controls, or use \"HC1\".",
            choice$type, length(problem$effects))
}

# ---- absorbed effects ----

# list(design, reference, count: coefficients absorbed, match(): cluster ids for the design's rows, nested(): those of them within a cluster)
absorb <- function(problem, sample) {
  as_they_are <- function(clusters) clusters
  if (length(problem$effects) == 0) {
    return(list(design = core_design(problem, sample$kept), reference = numeric(), count = 0, match = as_they_are, nested = function(clusters) 0))
  }
  indices <- lapply(problem$effects, effect_index, problem = problem, kept = sample$kept)
  sizes <- vapply(indices, `[[`, 0, "count")
  nested <- function(clusters) nested_count(indices, sizes, clusters)
  count <- sum(sizes) - (length(sizes) - 1)
  if (length(indices) == 1) {
    return(list(design = core_design(problem, sample$kept, indices[[1]]), reference = numeric(), count = count, match = as_they_are, nested = nested))
  }
  demeaned <- demean_columns(problem, sample, indices)
  list(design = demeaned$design, reference = demeaned$reference, count = count, match = function(clusters) lapply(clusters, keep_ids, sample$kept), nested = nested)
}

# Effects nested in a cluster count only as the constant.
nested_count <- function(indices, sizes, clusters) {
  ways <- Filter(function(c) !is.na(c$way), clusters)
  inside <- vapply(indices, function(index) any(vapply(ways, function(way) is_nested_cpp(index, way), NA)), NA)
  sum(sizes[inside] - 1)
}

# Several effects: fixest's alternating projections, on the columns of the people kept.
demean_columns <- function(problem, sample, indices) {
  if (!requireNamespace("fixest", quietly = TRUE)) {
    abort_miv("needs_fixest", "Absorbing %d fixed effects (%s) needs the package fixest; install it, or write all but one as `factor()` among the controls.",
              length(indices), quote_names(vapply(problem$effects, `[[`, "", "label")))
  }
  x <- dense_columns_cpp(core_design(problem, sample$kept))
  w <- if (problem$weights >= 0) keep_rows(problem$sources$vectors[[problem$weights + 1L]], sample$kept)
  demeaned <- demean_several(x, lapply(indices, function(index) keep_ids(index, sample$kept)$ids), w)
  net <- demeaned$net
  columns <- lapply(seq_len(ncol(net)), function(j) net[, j])
  vectors <- if (is.null(w)) columns else c(columns, list(as.numeric(w)))
  recipes <- lapply(seq_along(columns), function(j) list(list(atom_numeric(j - 1L))))
  design <- list(sources = vectors, gaps = matrix(0, 4, 0), columns = recipes, controls = length(problem$controls), instruments = length(problem$instruments),
                 beliefs = length(problem$beliefs), intercept = FALSE, weights = if (is.null(w)) -1L else length(columns), groups = NULL, n_groups = 0,
                 rows = nrow(net), kept = NULL)
  list(design = design, reference = 1e4 * demeaned$reference)   # they leave more of an absorbed column than rounding would
}

# list(net: x less the effects; reference: weighted sums of squares about the mean before that)
demean_several <- function(x, ids, w) {
  centre <- colSums(if (is.null(w)) x / nrow(x) else x * (w / sum(w)))
  x <- sweep(x, 2, centre)
  reference <- colSums(if (is.null(w)) x^2 else x^2 * w)
  scale <- ifelse(reference > 0, sqrt(reference / nrow(x)), 1)   # the projections stop at an absolute distance
  net <- fixest::demean(sweep(x, 2, scale, "/"), as.data.frame(ids, col.names = seq_along(ids)), weights = w, tol = 1e-12, iter = 100000L, nthreads = threads(), notes = FALSE)
  list(net = sweep(net, 2, scale, "*"), reference = reference)
}

keep_rows <- function(x, kept) if (is.null(kept)) x else x[kept == 1L]

keep_ids <- function(index, kept) {
  index$ids <- keep_rows(index$ids, kept)
  index
}

# ---- verdicts ----

check_verdict <- function(answer, problem) {
  switch(as.character(answer$verdict),
    `0` = invisible(answer),
    `1` = abort_miv("overflow", "Numbers overflow although every value is finite; rescale the columns."),
    `2` = abort_miv("no_complete_rows", "No row of %d is complete.", problem$rows),
    `3` = stop_rows(answer, problem),
    `4` = stop_instruments(answer, problem),
    `5` = stop_belief(answer, problem),
    `6` = stop_first_stage(answer, problem),
    `7` = abort_miv("no_variation", "`%s` (outcome) is constant over the %d people in the fit%s.", problem$outcome$name, answer$n, within_effects(problem)))
}

# The core knows nothing of what was absorbed.
check_rows_left <- function(answer, problem) {
  k <- length(answer$exogenous) + max(length(answer$instruments), length(problem$beliefs)) + answer$absorbed
  if (answer$n > k) return(invisible(answer))
  abort_miv("too_few_rows", "%d complete rows are too few for %d coefficients, fixed effects (%d) included; absorb coarser effects, drop controls or check what is missing.",
            answer$n, k, answer$absorbed)
}

stop_rows <- function(answer, problem) {
  abort_miv("too_few_rows", "%d complete row%s too few for %d coefficient%s; drop controls or check what is missing.",
            answer$n, if (answer$n == 1) " is" else "s are", planned_columns(problem), plural(planned_columns(problem)))
}

planned_columns <- function(problem) length(problem$controls) + max(length(problem$instruments), length(problem$beliefs)) + problem$constant

within_effects <- function(problem) {
  if (length(problem$effects) == 0) return("")
  sprintf(" within %s", paste(sprintf("`%s`", vapply(problem$effects, `[[`, "", "label")), collapse = " and "))
}

stop_instruments <- function(answer, problem) {
  if (answer$n <= planned_columns(problem)) stop_rows(answer, problem)
  all <- column_names(problem$instruments)
  lost <- setdiff(seq_along(all), answer$instruments - length(problem$controls))
  why <- if (length(lost)) {
    sprintf("; %s %s constant or a combination of the controls%s", quote_names(all[lost]), if (length(lost) == 1) "is" else "are", within_effects(problem))
  } else ""
  abort_miv("too_few_instruments", "%d instrument%s left for %d belief%s%s. Give at least one instrument per belief that the controls do not determine.",
            length(answer$instruments), if (length(answer$instruments) == 1) " is" else "s are", length(problem$beliefs), plural(length(problem$beliefs)), why)
}

stop_belief <- function(answer, problem) {
  name <- problem$beliefs[[answer$culprit]]$name
  abort_miv("no_variation", "`%s` (belief) is constant or a combination of the controls%s over the %d people in the fit; nothing can be learned from it.",
            name, within_effects(problem), answer$n)
}

stop_first_stage <- function(answer, problem) {
  name <- problem$beliefs[[answer$culprit]]$name
  abort_miv("not_identified", "The instruments (%s) do not move `%s`%s; the effect is not identified.", quote_names(column_names(problem$instruments)), name,
            if (answer$culprit > 1) " apart from the beliefs before it" else "")
}

# ---- numbers with names ----

# Coefficients, covariance and first stage in the user's order: beliefs (in a stage: what took their place), constant, controls.
name_answer <- function(answer, problem, choice) {
  names <- c("(Intercept)", column_names(problem$controls), column_names(problem$instruments))
  leading <- answer$exogenous > length(problem$controls) - problem$leading
  places <- c(answer$exogenous[leading], answer$exogenous[!leading])
  exogenous <- names[places + 1L]
  beliefs <- column_names(problem$beliefs)
  order <- c(length(exogenous) + seq_along(beliefs), which(leading), which(!leading))
  labels <- c(beliefs, exogenous)
  scale2 <- answer$outcome_scale^2
  n <- answer$n
  k <- length(labels) + answer$absorbed
  rss <- answer$rss / scale2
  out <- list(
    coefficients = stats::setNames(answer$coefficients[order], labels),
    bread = with_names(answer$unscaled[order, order, drop = FALSE] * scale2, labels), n = n, rank = k, rss = rss, tss = answer$tss / scale2,
    sigma2 = rss / (n - k), leading = exogenous[seq_len(sum(leading))], places = list(exogenous = places, instruments = answer$instruments), instruments = names[answer$instruments + 1L], exogenous = exogenous,
    dropped = setdiff(names[-1], c(exogenous, names[answer$instruments + 1L])), k_nested = k - answer$nested,
    path = if (answer$householder) "Householder QR" else "cross-products", smallest_pivot = answer$smallest_pivot)
  out$vcov <- covariance_of(answer, choice, out, order, labels)
  if (!is.null(answer$satterthwaite)) out$satterthwaite <- stats::setNames(answer$satterthwaite[order], labels)
  out$first_stage <- first_stage_of(answer, choice, out, c(exogenous, out$instruments), beliefs)
  out
}

with_names <- function(m, labels) {
  dimnames(m) <- list(labels, labels)
  m
}

covariance_of <- function(answer, choice, out, order, labels) {
  if (choice$type == "iid") return(out$bread * out$sigma2)
  if (is.null(answer$covariances)) return(NULL)
  v <- signed_sum(answer$covariances, answer$clusters)[order, order, drop = FALSE]
  v <- v * small_sample_factor(choice, out$n, out$rank, out$k_nested, answer$clusters)
  with_names(mend_negative((v + t(v)) / 2, answer$clusters), labels)
}

# F of the instruments, one per belief, under the same covariance as the fit.
first_stage_of <- function(answer, choice, out, rows, beliefs) {
  coefficients <- answer$first_stage
  if (length(beliefs) == 0) return(NULL)
  dimnames(coefficients) <- list(rows, beliefs)
  l <- length(out$instruments)
  k1 <- out$rank - length(beliefs) + l
  f <- vapply(seq_along(beliefs), function(j) {
    direction <- answer$first_direction[, j]
    if (is.null(answer$first_meats)) return(sum(direction^2) / l / (answer$first_rss[j] / (out$n - k1)))
    meat <- signed_sum(lapply(answer$first_meats, `[[`, j), answer$clusters) * small_sample_factor(choice, out$n, k1, k1 - answer$nested, answer$clusters)
    wald(direction, meat) / l
  }, 0)
  names(f) <- beliefs
  df2 <- if (length(answer$clusters)) smallest_count(answer$clusters) - 1 else out$n - k1
  list(F = f, df1 = l, df2 = df2, coefficients = coefficients, instruments_on_controls = named_matrix(answer$instruments_on_controls, out$exogenous, out$instruments))
}

named_matrix <- function(m, rows, columns) {
  dimnames(m) <- list(rows, columns)
  m
}

# direction' meat^{-1} direction. NA where the meat is not positive: as many instruments as clusters, or several ways of clustering.
wald <- function(direction, meat) {
  root <- tryCatch(chol(meat), error = function(e) NULL)
  if (is.null(root) || min(diag(root)) < 1e-7 * max(diag(root))) return(NA_real_)
  sum(backsolve(root, direction, transpose = TRUE)^2)
}

# Randomisation inference: the arms drawn again as they were drawn, the instruments rebuilt, the studentised statistic of the
# Anderson-Rubin regression at every draw. Exact under the sharp null Y_i(x) = b0 x + U_i; method.md, section 5.

# fit: of miv(), one belief. way: NULL or the index of the one cluster variable (list(ids, count, label), ids by row of the data).
# progress: NULL or a function of the share done. Parts are columns Z'y (l), Z'x (l), S_yy, S_yx, S_xx (l x l each), one row
# per draw; permutation_statistic() makes statistics of them at any null. flops: floating-point operations of one draw.
permutation_draws <- function(fit, R, seed, way = NULL, progress = NULL) {
  setup <- permutation_setup(fit, way)
  answer <- permute_cpp(setup$core, list(draws = R, seed = seed, threads = threads(), progress = progress))
  list(parts = answer$parts[-1, , drop = FALSE], observed = answer$parts[1, , drop = FALSE], instruments = length(fit$instruments),
       factor = setup$factor, possible = setup$possible, words = setup$words, units = setup$core$drawn$units, label = setup$label, flops = 2 * answer$work, kernel = answer$kernel)
}

# The answer of scheme "permutation" for new_resample(): symmetric tails, which are the only ones that a Wald statistic has.
resample_permutation <- function(fit, request, tell) {
  started <- proc.time()[["elapsed"]]
  say_studentised(fit, "Randomisation inference")
  check_not_exact(fit)
  drawn <- permutation_draws(fit, request$R, request$seed, request$units$index, tell)
  statistic <- function(parts, null) permutation_statistic(parts, null, drawn$instruments, drawn$factor)
  p_of <- function(nulls) vapply(nulls, function(null) test_p(statistic(drawn$parts, null), statistic(drawn$observed, null), "symmetric"), 0)
  report <- list(flops = request$R * drawn$flops, kernel = drawn$kernel, units = drawn$units, columns = ncol(drawn$parts))
  engine <- engine_of(report, request, started, "studentised statistics of the rows")
  error <- sqrt(fit$vcov[fit$beliefs, fit$beliefs])
  answer <- null_answer(fit, statistic(drawn$parts, request$null), statistic(drawn$observed, request$null), error, p_of, request, drawn$possible)
  c(answer, list(engine = engine, units = drawn$label, words = drawn$words, possible = drawn$possible))
}

permutation_setup <- function(fit, way) {
  problem <- check_permutable(fit)
  kept <- kept_of(fit)
  people <- list(arm = arm_positions(fit, kept), strata = kept_ids(stratum_index(problem, kept), kept), weights = kept_weights(fit, problem))
  drawn <- read_assignment(fit, problem, people, way, kept)
  columns <- permutation_columns(fit, problem, people, drawn, kept)
  cluster <- kept_ids(way, kept)
  core <- c(columns[c("controls", "movers", "moving_controls")], lapply(columns$by_row, in_order, drawn$order),
            list(rows = fit$nobs, drawn = drawn$core, unit_of_row = in_order(drawn$unit, drawn$order), observed = people$arm[drawn$order],
                 groups = in_order(columns$groups$ids, drawn$order), n_groups = columns$groups$count, clusters = in_order(cluster$ids, drawn$order),
                 n_clusters = cluster$count, share_strata = if (columns$shares_move) people$strata$ids[drawn$order],
                 n_share_strata = if (columns$shares_move) people$strata$count else 0))
  list(core = core, factor = permutation_factor(fit, problem, way, kept), possible = drawn$possible, words = drawn$words, label = drawn$label)
}

# ---- who can be drawn ----

check_permutable <- function(fit) {
  if (is.null(fit$experiment)) abort_miv("no_arms", "The fit knows no arms to draw again; fit the experiment with `miv()`, or use scheme \"wild\".")
  if (length(fit$beliefs) == 0 || length(fit$instruments) == 0) abort_miv("no_instruments", "The fit has no instruments to draw again; give the fit of `miv()` itself.")
  problem <- problem_of(fit)
  if (length(problem$effects) > 1) {
    abort_miv("several_effects", "Permutation takes one absorbed effect, and there are %d (%s; strata are absorbed too); write all but one as `factor()` among the controls.",
              length(problem$effects), quote_names(vapply(problem$effects, `[[`, "", "label")))
  }
  check_controls_fixed(fit, problem)
  problem
}

# A control that is written with the arm would have to be drawn again with it.
check_controls_fixed <- function(fit, problem) {
  arm <- all.vars(fit$experiment$roles$arm$expr)
  moves <- Filter(function(expr) any(arm %in% all.vars(expr)), c(problem$control_exprs, lapply(problem$effects, `[[`, "expr")))
  if (length(moves) == 0) return(invisible(problem))
  abort_miv("arm_among_controls", "%d control%s made of the arm `%s` (%s) and would change with every draw; take %s out, or use `arm_control = TRUE`.", length(moves),
            if (length(moves) == 1) " is" else "s are", fit$experiment$roles$arm$label, quote_names(vapply(moves, deparse_one, "")), if (length(moves) == 1) "it" else "them")
}

# 0 for the base arm, then the informed arms in their order, for the people in the fit.
arm_positions <- function(fit, kept) {
  codes <- arm_codes(fit$experiment)
  match(keep_rows(codes$x, kept), codes$values) - 1L
}

kept_ids <- function(index, kept) {
  if (is.null(index)) return(list(ids = NULL, count = 0))
  list(ids = as.integer(keep_rows(index$ids, kept)), count = index$count, label = index$label)
}

in_order <- function(x, order) if (is.null(x)) NULL else if (is.matrix(x)) x[order, , drop = FALSE] else x[order]

# ---- how arms were drawn ----

# list(core: the assignment for the core, unit: 0-based unit of each person or NULL where people are drawn, order: people in the order of
# their units, words). Units stand in the order of their strata.
read_assignment <- function(fit, problem, people, way, kept) {
  units <- drawn_units(fit, way, people$arm, kept)
  unit <- if (is.null(units)) seq_along(people$arm) - 1L else units$ids
  count <- if (is.null(units)) length(unit) else units$count
  person <- match(seq_len(count) - 1L, unit)                  # the first of each unit
  known <- unit_probabilities(fit, kept, unit, person, units)
  strata <- if (is.null(known)) people$strata else list(ids = NULL)
  stratum <- if (is.null(strata$ids)) rep(0L, count) else unit_strata(strata, unit, person, units, fit)
  place <- order(stratum)
  new <- order(place) - 1L
  arms <- length(fit$experiment$arm$informed)
  counts <- if (is.null(known)) check_counts(arm_counts(people$arm[person], stratum, arms), stratum[unit + 1L], units, fit)
  core <- list(units = count, arms = arms, first = c(0, cumsum(tabulate(stratum + 1L))), counts = as.numeric(counts), probability = in_order(known, place))
  list(core = core, unit = if (!is.null(units)) new[unit + 1L], order = order(new[unit + 1L]), by_cluster = !is.null(units), possible = if (is.null(known)) count_assignments(counts, tabulate(stratum + 1L)) else Inf,
       label = if (is.null(units)) "people" else units$label, words = assignment_words(fit, units, count, strata, !is.null(known)))
}

# NULL: people. Clusters in which nobody's arm differs are drawn as a whole: those of the statistic or of the experiment,
# the coarser where both are.
drawn_units <- function(fit, way, arm, kept) {
  ways <- c(if (!is.null(way)) list(way), experiment_clusters(fit, kept))
  whole <- Filter(function(way) constant_within(arm, way$ids) && way$count < length(arm), lapply(ways, kept_ids, kept))
  if (length(whole) == 0) NULL else whole[[which.min(vapply(whole, `[[`, 0, "count"))]]
}

experiment_clusters <- function(fit, kept) {
  lapply(fit$experiment$roles$cluster, function(role) {
    c(index_clusters_cpp(list(as_source_vector(role_values(fit$experiment, role))), kept, fit$rows), list(label = role$label))
  })
}

constant_within <- function(x, ids) all(x == x[match(ids, ids)])

unit_strata <- function(strata, unit, person, units, fit) {
  of_unit <- strata$ids[person]
  spanning <- unique(unit[strata$ids != of_unit[unit + 1L]])
  if (length(spanning) == 0) return(of_unit)
  abort_miv("cluster_spans_strata", "%s of %s clusters of `%s`, drawn as a whole, lie in several strata (`%s`); use strata that do not cut clusters, or `vcov = \"HC1\"` and an experiment without that cluster.",
            big_number(length(spanning)), big_number(units$count), units$label, fit$stratum)
}

# units x arms, cumulative over the arms; NULL where the probabilities are not known.
unit_probabilities <- function(fit, kept, unit, person, units) {
  p <- fit$experiment$probability
  if (is.null(p)) return(NULL)
  informed <- fit$experiment$arm$informed
  if (!is.list(p)) {
    each <- cumsum(if (is.null(names(p))) rep(p, length(informed)) else p[informed])
    return(matrix(rep(each, each = length(person)), length(person)))
  }
  of_row <- as.numeric(keep_rows(role_values(fit$experiment, p), kept))
  if (all(of_row == of_row[person][unit + 1L])) return(matrix(of_row[person]))
  abort_miv("bad_probability", "`%s` (probability) differs within %s clusters of `%s`, which are drawn as a whole; give it one value per cluster.", p$label,
            big_number(length(unique(unit[of_row != of_row[person][unit + 1L]]))), units$label)
}

# (base, informed arms) x strata: units of each.
arm_counts <- function(arm, stratum, arms) matrix(tabulate(arm + 1L + (arms + 1L) * stratum, (arms + 1L) * (max(stratum) + 1L)), arms + 1L)

# How many ways there are to draw: informed arms x strata of counts, and units by stratum.
count_assignments <- function(counts, units) {
  base <- units - colSums(counts)
  exp(sum(lfactorial(units)) - sum(lfactorial(counts)) - sum(lfactorial(base)))
}

# Counts of the informed arms, where there is something to draw. stratum: of each person.
check_counts <- function(counts, stratum, units, fit) {
  strata <- ncol(counts)
  what <- if (is.null(units)) "people" else "clusters"
  singles <- sum(colSums(counts) == 1)
  if (strata > 1 && strata > sum(counts) / 2 && singles > strata / 2) {
    abort_miv("too_many_strata", "%s strata (`%s`) for %s %s drawn leave fewer than two in each; merge strata.", big_number(strata), fit$stratum, big_number(sum(counts)), what)
  }
  constant <- which(colSums(counts > 0) == 1)
  if (length(constant)) {
    abort_miv("constant_arm", "In %s of %s strata%s, with %s people, everybody is in one arm, and there is nothing to draw; leave them out by `subset =`, or merge strata.",
              big_number(length(constant)), big_number(strata), if (is.null(fit$stratum)) "" else sprintf(" (`%s`)", fit$stratum), big_number(sum((stratum + 1L) %in% constant)))
  }
  counts[-1, , drop = FALSE]
}

assignment_words <- function(fit, units, count, strata, known) {
  who <- if (is.null(units)) sprintf("%s people", big_number(count)) else sprintf("%s clusters of `%s`, each as a whole", big_number(count), units$label)
  if (known) return(sprintf("%s, independently, with the known probabilities", who))
  within <- if (!is.null(strata$ids)) sprintf(", within %s strata of `%s`", big_number(strata$count), fit$stratum) else ""
  sprintf("%s%s; the number in each arm is kept", who, within)
}

# ---- columns ----

# What the core needs by row, in the order of the people in the fit: list(by_row, controls, movers, moving_controls, groups, shares_move).
permutation_columns <- function(fit, problem, people, drawn, kept) {
  x <- dense_columns_cpp(core_design(problem, kept))
  by_arm <- lapply(seq_along(people_levels(problem)), function(a) everybody_in(problem, a, kept))
  steps <- lapply(by_arm[-1], `-`, by_arm[[1]])
  exogenous <- setdiff(fit$places$exogenous, 0)
  moving <- exogenous[vapply(exogenous, function(j) any(vapply(steps, function(d) any(d[, j] != 0), NA)), NA)]
  effect <- if (length(problem$effects)) effect_index(problem, problem$effects[[1]], kept)
  groups <- kept_ids(effect, kept)
  root <- sqrt(if (is.null(people$weights)) rep(1, nrow(x)) else people$weights)
  net <- net_of_fixed(x[, setdiff(exogenous, moving), drop = FALSE], 0 %in% fit$places$exogenous, groups, root)
  places <- c(moving, fit$places$instruments)
  shares_move <- problem$centred && !is.null(people$strata$ids) && (drawn$by_cluster || !is.null(people$weights))
  start <- centred_start(problem, by_arm[[1]][, places, drop = FALSE], lapply(steps, function(d) d[, places, drop = FALSE]), length(moving), people, shares_move)
  by_row <- list(basis = net$basis, outcome = net$of(x[, ncol(x)] - mean(x[, ncol(x)])), belief = net$of(x[, ncol(x) - 1] - mean(x[, ncol(x) - 1])),
                 start = root * start$start - (root * start$expected - net$of(start$expected)),
                 step = do.call(cbind, lapply(places, function(j) root * vapply(steps, function(d) d[, j], numeric(nrow(x))))), root_weight = root)
  list(by_row = by_row, controls = ncol(net$basis), movers = length(places), moving_controls = length(moving), groups = groups, shares_move = shares_move)
}

people_levels <- function(problem) problem$people$values

# The columns of the design with everybody in one arm, instruments not centred at shares.
everybody_in <- function(problem, a, kept) {
  vectors <- problem$sources$vectors
  vectors[[problem$people$arm + 1L]] <- rep(as.numeric(people_levels(problem)[a]), problem$rows)
  problem$sources <- list(vectors = vectors)
  problem$centred <- FALSE
  dense_columns_cpp(core_design(problem, kept))
}

# list(start: centred at the shares where these stay, expected: about what the columns are on average, to be netted for accuracy)
centred_start <- function(problem, start, steps, moving, people, shares_move) {
  mean_step <- Reduce(`+`, Map(`*`, steps, fit_shares(people, length(steps))))
  instrument <- seq_len(ncol(start)) > moving
  expected <- start
  if (!problem$centred) return(list(start = start, expected = start + mean_step))
  expected[, !instrument] <- (start + mean_step)[, !instrument]
  if (!shares_move) start[, instrument] <- (start - mean_step)[, instrument]
  list(start = start, expected = expected)
}

# By informed arm: its weighted share in each person's stratum.
fit_shares <- function(people, arms) {
  stratum <- if (is.null(people$strata$ids)) rep(1L, length(people$arm)) else people$strata$ids + 1L
  weight <- if (is.null(people$weights)) rep(1, length(people$arm)) else people$weights
  lapply(seq_len(arms), function(a) (rowsum(weight * (people$arm == a), stratum) / rowsum(weight, stratum))[match(stratum, sort(unique(stratum)))])
}

# list(basis: orthonormal columns of what is fixed, in root-weight coordinates and net of the absorbed effect; of(): a column net of both)
net_of_fixed <- function(controls, constant, groups, root) {
  at <- groups$ids + 1L
  out_groups <- function(m) if (is.null(groups$ids)) m else m - root * (rowsum(root * m, at) / as.vector(rowsum(root^2, at)))[at, , drop = FALSE]
  if (constant || !is.null(groups$ids)) controls <- sweep(controls, 2, colMeans(controls))
  controls <- sweep(controls, 2, pmax(apply(abs(controls), 2, max), .Machine$double.xmin), "/")
  columns <- out_groups(root * cbind(if (constant) rep(1, nrow(controls)), controls))
  basis <- if (ncol(columns)) qr.Q(qr(columns, tol = 1e-14)) else columns
  out_basis <- function(m) m - basis %*% crossprod(basis, m)
  list(basis = basis, of = function(x) out_basis(out_groups(out_basis(out_groups(root * as.matrix(x))))))
}

# ---- the statistic ----

# The fit's small-sample factor, with the coefficients of the Anderson-Rubin regression.
permutation_factor <- function(fit, problem, way, kept) {
  effect <- if (length(problem$effects)) effect_index(problem, problem$effects[[1]], kept)
  nested <- if (!is.null(effect) && !is.null(way) && is_nested_cpp(effect, way)) effect$count - 1 else 0
  k <- length(fit$places$exogenous) + length(fit$places$instruments) + if (is.null(effect)) 0 else effect$count
  if (fit$vcov_kind$type %in% c("HC0", "CR0")) return(1)
  small_sample_factor(list(type = if (is.null(way)) "HC1" else "CR1"), fit$nobs, k, k - nested, if (!is.null(way)) list(list(way = 1L, count = way$count)))
}

# By draw: the signed t of one instrument, else the Wald statistic by the number of instruments, at a null, which may be infinite. A draw
# in which the instruments do not vary has 0.
permutation_statistic <- function(parts, null, l, factor) {
  at <- function(k, size) parts[, k + seq_len(size), drop = FALSE]
  far <- is.infinite(null)
  direction <- if (far) -sign(null) * at(l, l) else at(0, l) - null * at(l, l)
  meat <- if (far) at(2 * l + 2 * l^2, l^2) else at(2 * l, l^2) - 2 * null * at(2 * l + l^2, l^2) + null^2 * at(2 * l + 2 * l^2, l^2)
  if (l > 1) return(quadratic_forms(direction, factor * meat) / l)
  t <- drop(direction) / sqrt(factor * drop(meat))
  ifelse(drop(meat) > 0, t, 0)
}

# d' M^{-1} d by row, M given by its l x l columns: a Cholesky decomposition of all rows at once. 0 where M is not positive.
quadratic_forms <- function(d, m) {
  l <- ncol(d)
  entry <- function(j, k) m[, j + l * (k - 1L)]
  root <- vector("list", l * l)
  u <- matrix(0, nrow(d), l)
  bad <- logical(nrow(d))
  for (j in seq_len(l)) {
    before <- seq_len(j - 1L)
    for (k in before) {
      inner <- Reduce(`+`, lapply(seq_len(k - 1L), function(i) root[[j + l * (i - 1L)]] * root[[k + l * (i - 1L)]]), 0)
      root[[j + l * (k - 1L)]] <- (entry(j, k) - inner) / root[[k + l * (k - 1L)]]
    }
    pivot <- entry(j, j) - Reduce(`+`, lapply(before, function(k) root[[j + l * (k - 1L)]]^2), 0)
    bad <- bad | !(pivot > 1e-12 * entry(j, j))
    root[[j + l * (j - 1L)]] <- sqrt(ifelse(bad, 1, pivot))
    u[, j] <- (d[, j] - Reduce(`+`, lapply(before, function(k) root[[j + l * (k - 1L)]] * u[, k]), 0)) / root[[j + l * (j - 1L)]]
  }
  ifelse(bad, 0, rowSums(u^2))
}

# ---- for the tests ----

# Arm (0 the base) of each person in the fit in draws first + 1, first + 2, ...: people x count.
permuted_arms <- function(fit, seed, count, way = NULL, first = 0) {
  problem <- check_permutable(fit)
  kept <- kept_of(fit)
  people <- list(arm = arm_positions(fit, kept), strata = kept_ids(stratum_index(problem, kept), kept))
  drawn <- read_assignment(fit, problem, people, way, kept)
  by_unit <- drawn_arms_cpp(drawn$core, seed, first, count)
  by_unit[if (is.null(drawn$unit)) order(drawn$order) else drawn$unit + 1L, , drop = FALSE]
}

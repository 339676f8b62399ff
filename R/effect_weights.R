# Who carries the estimate: weights on outcomes and weights on belief effects by cell. Method note, section 3.

#' Weights of the estimate on people's outcomes
#'
#' A two-stage least squares estimate is a weighted sum of outcomes. With q the fitted instrument index net of the controls (and times the sampling weight),
#' \deqn{a_i = q_i / \sum_j q_j X_j, \qquad \sum a_i Y_i = \hat\beta, \quad \sum a_i X_i = 1, \quad \sum a_i C_i = 0}
#' for every control C, the constant included.
#'
#' @param fit A fit of [miv()] or [tsls()] (over-identified, weighted or with absorbed effects too), or of fixest::feols(), ivreg::ivreg(), AER::ivreg() or
#'   estimatr::iv_robust() with one endogenous variable.
#' @param ... For methods; misspelt arguments are refused.
#' @param belief The belief whose coefficient is meant, where the fit has several.
#' @return A numeric vector, one weight per person in the fit, in row order; in units of outcome coefficient per outcome.
#' @section Errors: `miv_error_no_instrument` for a fit without one, `miv_error_several_beliefs` where `belief` must say which.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age, experiment)
#' a <- outcome_weights(fit)
#' sum(a * model.frame(fit)$pay_claim) - coef(fit)[["posterior"]]
#' @export
outcome_weights <- function(fit, ...) UseMethod("outcome_weights")

#' @rdname outcome_weights
#' @export
outcome_weights.default <- function(fit, ...) stop_no_weights(fit)

#' @rdname outcome_weights
#' @export
outcome_weights.miv <- function(fit, ..., belief = NULL) {
  check_dots(dot_names(...), "belief")
  j <- which_belief(fit, belief)
  net <- net_columns(fit)
  projected <- net$instruments %*% solve_least_squares(net$instruments, net$beliefs)
  weights <- drop(projected %*% solve(crossprod(projected))[, j])
  drop(unname(net$root * weights))
}

stop_no_weights <- function(fit) {
  abort_miv("no_instrument", "A fit of class `%s` has no instrument that miv knows; give a fit of miv(), tsls(), feols(), ivreg() or iv_robust().", class(fit)[1])
}

which_belief <- function(fit, belief) {
  if (length(fit$beliefs) == 0) abort_miv("no_instrument", "The fit has no belief and no instrument: `%s` is least squares.", deparse_one(fit$formula_full))
  if (is.null(belief)) {
    if (length(fit$beliefs) == 1) return(1L)
    abort_miv("several_beliefs", "The fit has %d beliefs (%s); say which by `belief =`.", length(fit$beliefs), quote_names(fit$beliefs))
  }
  check_choice(belief, fit$beliefs, "belief")
  match(belief, fit$beliefs)
}

# Instruments and beliefs net of constant, controls and absorbed effects, times the root of the weight, for the people in the fit.
net_columns <- function(fit, problem = problem_of(fit), extra = NULL) {
  absorbed <- absorb(problem, sample_of(fit))
  x <- dense_columns_cpp(absorbed$design)
  weight <- design_weights(absorbed$design)
  x <- centre_columns(x, weight, absorbed$design)
  controls <- fit$places$exogenous[fit$places$exogenous > 0]
  first <- length(problem$controls) + length(problem$instruments)
  wanted <- cbind(x[, fit$places$instruments, drop = FALSE], x[, first + seq_along(problem$beliefs), drop = FALSE])
  root <- sqrt(weight)
  net <- residuals_on(root * x[, controls, drop = FALSE], root * wanted)
  l <- length(fit$places$instruments)
  list(instruments = net[, seq_len(l), drop = FALSE], beliefs = net[, -seq_len(l), drop = FALSE], root = root)
}

design_weights <- function(design) {
  n <- if (is.null(design$kept)) design$rows else sum(design$kept == 1L)
  if (design$weights < 0) return(rep(1, n))
  as.numeric(keep_rows(design$sources[[design$weights + 1L]], design$kept))
}

# Less the weighted mean, of the absorbed group or of everybody; unchanged in a fit without a constant.
centre_columns <- function(x, weight, design) {
  if (!is.null(design$groups)) {
    group <- keep_rows(design$groups, design$kept) + 1L
    totals <- rowsum(cbind(weight, weight * x), group)
    means <- totals[, -1, drop = FALSE] / totals[, 1]
    return(x - means[match(group, as.integer(rownames(totals))), , drop = FALSE])
  }
  if (!design$intercept) return(x)
  sweep(x, 2, colSums(x * weight) / sum(weight))
}

# The columns are independent to 1e-11 already: nothing may be dropped here.
residuals_on <- function(x, y) if (ncol(x) == 0) y else stats::.lm.fit(unit_columns(x), y, tol = 1e-14)$residuals

unit_columns <- function(x) sweep(x, 2, sqrt(colSums(x^2)), "/")

solve_least_squares <- function(x, y) {
  norm <- sqrt(colSums(x^2))
  as.matrix(stats::.lm.fit(sweep(x, 2, norm, "/"), y, tol = 1e-14)$coefficients) / norm
}

# ---- effect weights ----

#' Weights of the estimate on belief effects
#'
#' A two-stage least squares estimate averages belief effects with weights that nobody chose. This says how much of the weight each cell of
#' people carries (a side of the signal, a bin of the gap or the prior, a region), what the effect in each cell is, and whether anybody counts negatively.
#'
#' @details
#' **Weights.** q is the fitted instrument index net of the controls, D the sum of q X over everybody, and \eqn{q^w} the deviation of q from its mean in the cell. The
#' weight and the effect of cell c are
#' \deqn{\omega_c = \sum_{i \in c} q^w_i X_i / D, \qquad b_c = \sum_{i \in c} q^w_i Y_i \Big/ \sum_{i \in c} q^w_i X_i.}
#' What the cells' means carry is the remainder (`belief` and `outcome`): \eqn{\sum \omega_c} + `belief` = 1 and \eqn{\sum \omega_c b_c} + `outcome` = estimate, which is checked at
#' every call. The remainder is 0 in expectation when arms are randomised, and exactly 0 where the cells are saturated in the controls (the sides under `exposure = "sign"`
#' without other controls). A cell in which the instrument moves nobody (gap 0 under `sign`), or where only one arm is, has weight 0 and no effect (`NA`).
#'
#' **Standard errors** come from influence functions that count the estimation of the controls' part, the first stage and the cells' means, with the kind of the fit's
#' covariance: HC0, HC1, or clustered. Where that is `iid`, HC2, HC3, a function or a matrix, they are HC1. Intervals use t with the fit's degrees of freedom.
#'
#' **Negative weight** is the total of the negative cell weights with the sign dropped; its share is that total over the total of absolute weights (at most 1/2).
#' Its interval comes from `draws` Bayesian draws of people (clusters in a clustered fit), in each of which the cells' means, the controls' part and the first stage are estimated again (to first order); with more
#' than 100,000 people, or several ways of clustering, from normal draws of the cell weights. Near 0 no two-sided interval is right. So it is two-sided
#' where every cell weight is at least 3 standard errors from 0, else it runs from 0 to the upper bound at 1 - (1 - level)/2. It depends on the cells: fine cells find noise.
#'
#' **By person** the weights of informed people i are proportional to \eqn{g_i (X_i - \hat X_i(base))}, where g is how much the fitted index moves with the arm and the base
#' belief is fitted in the base arm (belief on side times prior). The column `weight.prior` shows the short cut of taking the prior for the base belief, which is off
#' where beliefs drift. Noise alone makes single weights negative, so there is no negative total.
#'
#' @param fit A fit of [miv()] or [tsls()], or of fixest::feols(), ivreg::ivreg(), AER::ivreg() or estimatr::iv_robust() with one endogenous variable.
#' @param by `"side"` (of the gap; with several informed arms the pattern of sides), `"gap"` or `"prior"` (bins), `"person"`, or a one-sided formula, `~ region`: a factor, text or
#'   logical gives categories, a number with more than 12 values bins. Other packages' fits and those of [tsls()] know no prior, signal and arm: give the formula, or the experiment as `data` (not for `"person"`).
#' @param ... For methods; misspelt arguments are refused.
#' @param data Data frame in which a formula `by` is evaluated, row by row that of the fit, or an experiment of the same rows; the fit's own where left out.
#' @param bins Number of quantile bins (5 where left out; ties may make fewer), or the breaks between bins (in units of the variable).
#' @param draws Draws for the interval of the negative weight.
#' @param seed A whole number, or `NULL` for one from R's generator. The same seed gives the same digits for any number of threads.
#' @param level Of the intervals.
#' @param vcov Another covariance than the fit's own, as in [miv()].
#' @return An object of class `effect_weights`, a list with
#' * `cells`, also `as.data.frame()`: one row per cell, ascending: `cell`, `n` (people), `share` (of people, weighted), `weight`, `effect` (outcome per unit of belief), `std.error`
#'   (of the effect), `ratio` (weight over share), and `weight.std.error`, `weight.low`, `weight.high`, `effect.low`, `effect.high`;
#' * `estimate`, `std.error`; `remainder` (named `belief`, `outcome`);
#' * `negative_weight`, `negative_share`, `interval` (of the negative weight), `interval_share`, `interval_kind`, `seed`, `draws`;
#' * `covariance`: that of the cell weights; `notes`: what was found on the way.
#'
#' With `by = "person"`, `as.data.frame()` has one row per informed person: `cell` (the row's name), `side`, `weight` (adding to 1) and `weight.prior`.
#' @section Errors: Of class `miv_error`: `no_instrument`, `several_beliefs`, `unknown_side` (a fit that knows no sides), `units` (gap and person with a belief in other units), `one_cell`,
#' `too_many_cells` (more than half as many as people, or more than 1,000), `missing_cells` (the covariate is missing for some), `several_arms`, `identity` (the weights do not rebuild the estimate: a
#' bug, or numbers at the limit of double precision).
#' @source Vilfort and Zhang (2025), *AER: Insights* 7(3), 376-395, for the framework; the intervals and the remainder are derived in the package.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' told <- miv(pay_claim ~ 1, experiment, exposure = "arm")
#' effect_weights(told)                       # those below the signal count negatively
#' effect_weights(miv(pay_claim ~ 1, experiment))
#' as.data.frame(effect_weights(told, by = ~ region))
#' @export
effect_weights <- function(fit, by = "side", ...) UseMethod("effect_weights")

#' @rdname effect_weights
#' @export
effect_weights.default <- function(fit, by = "side", ...) stop_no_weights(fit)

#' @rdname effect_weights
#' @export
effect_weights.miv <- function(fit, by = "side", ..., data = NULL, bins = NULL, draws = 999, seed = NULL, level = 0.95, vcov = NULL, gap = NULL) {
  check_dots(dot_names(...), setdiff(names(formals(sys.function())), c("fit", "...")))
  if (is.character(by) && length(by) == 1 && by %in% names(cell_data(fit, data)) && !by %in% kBy) abort_miv("unknown_by", "`by = \"%s\"` is a column; write `by = ~ %s`.", by, by)
  if (!is_formula(by)) check_choice(by, kBy, "by")
  check_weights_call(draws, level)
  which_belief(fit, if (length(fit$beliefs) > 1) stop_several(fit))
  known <- known_sides(fit, data, gap)
  if (identical(by, "person")) return(person_weights(fit))
  fit <- with_vcov(fit, vcov)
  problem <- problem_of(fit)
  cells <- read_cells(fit, by, bins, cell_data(fit, data), known)
  out <- new_effect_weights(fit, cells, weigh_cells(fit, cells, problem, draws, seed, level), level)
  if (fit$door == "tsls") out["level_test"] <- list(missing_level(fit, known$gap))
  out
}

# What is known of prior and gap: list(experiment, gap), from the fit, from an experiment given as `data`, or from `gap`.
known_sides <- function(fit, data, gap) {
  if (fit$door == "miv") return(list(experiment = fit$experiment))
  experiment <- if (is_experiment(data)) data
  data <- cell_data(fit, data)
  if (!is.null(gap)) {
    if (!is_formula(gap) || length(gap) != 2) abort_miv("bad_gap", "`gap` must be a one-sided formula such as `~ signal - prior`.")
    label <- deparse_one(gap[[2]])
    x <- evaluate_variable(gap[[2]], data, environment(gap))
    check_cells_complete(x, label, kept_of(fit))
    return(list(experiment = experiment, gap = as.numeric(check_numeric(x, label, "gap"))))
  }
  if (is.null(experiment) || length(experiment$arm$informed) > 1) return(list(experiment = experiment))
  x <- gap_values(experiment, experiment$arm$informed)
  check_cells_complete(x, "gap", kept_of(fit))
  list(experiment = experiment, gap = x)
}

stop_several <- function(fit) {
  abort_miv("several_beliefs", "The fit has %d beliefs (%s); effect weights are for one.", length(fit$beliefs), quote_names(fit$beliefs))
}

check_weights_call <- function(draws, level) {
  if (!is.numeric(draws) || length(draws) != 1 || !isTRUE(draws >= 40)) abort_miv("bad_draws", "`draws` is `%s`; it must be a number of 40 or more.", deparse_one(draws))
  check_level(level, "level")
}

cell_data <- function(fit, data) {
  if (is.null(data)) return(fit$data)
  if (is_experiment(data)) data <- data$data
  check_data(data)
  if (nrow(data) != fit$rows) abort_miv("wrong_length", "`data` has %d rows, but the fit was made from %d.", nrow(data), fit$rows)
  data
}

# The numbers: list(sums, numerator, total, alive, weight and effect by cell with their covariances, draws).
weigh_cells <- function(fit, cells, problem, draws, seed, level) {
  choice <- weights_choice(fit)
  choice <- add_clusters(problem, choice)
  sample <- sample_of(fit)
  absorbed <- absorb(problem, sample)
  clusters <- cluster_indices(problem, choice, sample$kept)
  seed <- take_seed(seed)
  people <- fit$nobs <= 1e5 && length(choice$ways) < 2
  request <- cell_request(fit, cells, problem, absorbed)
  matched <- absorbed$match(clusters)
  request[c("scores", "clusters", "draws", "seed")] <- list(TRUE, matched, if (people) draws else 0, seed)
  if (length(matched) == 1) request["units"] <- matched
  if (length(problem$effects) > 1) request$fitted <- fitted_deviations(absorbed, request, sample, problem)
  answer <- cell_weights_cpp(absorbed$design, request)
  check_cell_verdict(answer)
  factor <- small_sample_factor(choice, fit$nobs, fit$rank, fit$rank - absorbed$nested(clusters), clusters)
  answer$covariance <- signed_sum(answer$weight_meats, clusters) * factor
  answer$effect_variance <- signed_sum(answer$effect_meats, clusters) * factor
  answer$choice <- choice
  answer$seed <- seed
  answer$by_people <- people
  answer$count <- draws
  answer
}

# iid has no meaning for a weight, and leverage none for an influence function.
weights_choice <- function(fit) {
  choice <- kept_choice(fit)
  if (choice$type %in% c("HC0", "HC1", "CR0", "CR1")) return(choice)
  if (is_adjusted(choice)) list(type = "CR1", ways = choice$ways) else list(type = "HC1", ways = list())
}

take_seed <- function(seed) {
  if (is.null(seed)) return(sample.int(.Machine$integer.max, 1))
  if (is.numeric(seed) && length(seed) == 1 && isTRUE(seed >= 0 && seed <= 2^53 && seed == floor(seed))) return(seed)
  abort_miv("bad_seed", "`seed` is `%s`; it must be one whole number of 0 or more.", deparse_one(seed))
}

cell_request <- function(fit, cells, problem, absorbed) {
  ids <- cells$ids
  several <- length(problem$effects) > 1
  if (several) ids <- keep_rows(ids, kept_of(fit))
  list(ids = as.integer(ids), cells = length(cells$labels), threads = threads(), reference = absorbed$reference,
       levels = if (several) undemeaned(fit, problem, absorbed), scores = FALSE, dead = cells$still, fitted = NULL, clusters = list(), draws = 0, seed = 0, units = NULL)
}

check_cell_verdict <- function(answer) {
  if (answer$verdict != 0) abort_miv("not_identified", "The fit cannot be computed again from its data; refit it.")
  invisible(answer)
}

# ---- several absorbed effects: columns that were demeaned outside of the core ----

undemeaned <- function(fit, problem, absorbed) {
  design <- absorbed$design
  x <- dense_columns_cpp(core_design(problem, kept_of(fit)))
  design$sources[seq_len(ncol(x))] <- lapply(seq_len(ncol(x)), function(j) x[, j])
  design
}

# What the effects fit of belief and outcome as deviations from their cell's mean, for each cell alone: rows x (2 cells), as the core uses it.
fitted_deviations <- function(absorbed, request, sample, problem) {
  request$scores <- FALSE
  sums <- cell_weights_cpp(absorbed$design, request)
  check_cell_verdict(sums)
  alive <- !request$dead
  m <- length(request$levels$columns)
  cell <- request$ids + 1L
  w <- if (absorbed$design$weights >= 0) absorbed$design$sources[[absorbed$design$weights + 1L]]
  indices <- lapply(problem$effects, effect_index, problem = problem, kept = sample$kept)
  ids <- lapply(indices, function(index) keep_ids(index, sample$kept)$ids)
  fitted <- function(j) {
    x <- request$levels$sources[[j]] * sums$scales[j - m + 2]
    f <- if (is.null(w)) rep(1, length(x)) else w
    x <- x - (rowsum(f * x, cell) / rowsum(f, cell))[cell, 1]
    each <- outer(cell, seq_len(request$cells), "==") * x
    each - demean_several(each, ids, w)$net
  }
  numerator <- sums$q_belief - mean_product(sums$q, sums$belief, sums$weight)
  effect <- (sums$q_outcome - mean_product(sums$q, sums$outcome, sums$weight)) / numerator
  x <- fitted(m - 1)
  y <- sweep(fitted(m) - sweep(x, 2, effect, "*"), 2, numerator, "/")
  x[, !alive] <- 0
  y[, !alive] <- 0
  cbind(x, y)
}

# ---- from sums to weights ----

# Weight, effect and remainder from the sums by cell; cells that are not alive give what they carry to the remainder.
combine_cells <- function(sums, alive) {
  total <- sum(sums$q_belief)
  per_belief <- sums$scales[1] / sums$scales[2]
  numerator <- sums$q_belief - mean_product(sums$q, sums$belief, sums$weight)
  outcome <- sums$q_outcome - mean_product(sums$q, sums$outcome, sums$weight)
  weight <- ifelse(alive, numerator / total, 0)
  effect <- ifelse(alive, outcome / numerator * per_belief, NA_real_)
  rest <- function(product, part) (sum(mean_product(sums$q, product, sums$weight)) + sum(part[!alive])) / total
  list(weight = weight, effect = effect, remainder = c(belief = rest(sums$belief, numerator), outcome = rest(sums$outcome, outcome) * per_belief))
}

mean_product <- function(q, x, weight) ifelse(weight > 0, q * x / ifelse(weight > 0, weight, 1), 0)

coef_of_belief <- function(fit) fit$coefficients[[1]]

# [id] sum(weight) + remainder = 1 and sum(weight * effect) + remainder = estimate.
check_identity <- function(found, estimate) {
  some <- !is.na(found$effect)
  parts <- c(found$weight[some] * found$effect[some], found$remainder[["outcome"]])
  off <- c(abs(sum(found$weight) + found$remainder[["belief"]] - 1) / (1 + sum(abs(found$weight))), abs(sum(parts) - estimate) / max(sum(abs(parts)), abs(estimate), 1e-300))
  if (all(is.finite(off)) && all(off < 1e-8)) return(invisible(found))
  abort_miv("identity", "The weights do not rebuild the estimate: %s from the cells, %s from the fit. The first stage may be too weak for double precision.",
            format(sum(parts), digits = 10), format(estimate, digits = 10))
}

new_effect_weights <- function(fit, cells, answer, level) {
  found <- combine_cells(answer, answer$alive)
  check_identity(found, coef_of_belief(fit))
  k <- length(cells$labels)
  variance <- answer$covariance
  scale <- answer$scales[1] / answer$scales[2]
  table <- cell_table(cells, answer, found, sqrt(pmax(diag(variance)[seq_len(k)], 0)), sqrt(pmax(answer$effect_variance, 0)) * scale, fit, level)
  out <- list(cells = table, estimate = coef_of_belief(fit), std.error = sqrt(fit$vcov[1, 1]), remainder = found$remainder)
  out <- c(out, negative_part(table, variance[seq_len(k), seq_len(k), drop = FALSE], answer, level))
  out$covariance <- variance[seq_len(k), seq_len(k), drop = FALSE]
  out$first_stage_vcov <- first_stage_vcov(answer, variance, k, fit)
  out$notes <- c(cells$notes, unmoved_note(cells, answer))
  out[c("title", "by_gap", "level", "fit", "vcov")] <- list(cells$title, identical(cells$title, "gap"), level, fit, weights_vcov_label(answer, fit))
  structure(out, class = "effect_weights")
}

cell_table <- function(cells, answer, found, weight_se, effect_se, fit, level) {
  reach <- stats::qt((1 + level) / 2, df_without_cr2(fit))
  share <- answer$weight / sum(answer$weight)
  effect_se[!answer$alive] <- NA
  weight_se[!answer$alive] <- 0
  data.frame(cell = cells$labels, n = answer$people, share = share, weight = found$weight, effect = found$effect, std.error = effect_se, ratio = found$weight / share,
             weight.std.error = weight_se, weight.low = found$weight - reach * weight_se, weight.high = found$weight + reach * weight_se,
             effect.low = found$effect - reach * effect_se, effect.high = found$effect + reach * effect_se)
}

unmoved_note <- function(cells, answer) {
  still_note(cells$labels[!answer$alive & !cells$still], "the instrument does not vary there")
}

# Covariance of the instruments' first-stage coefficients.
first_stage_vcov <- function(answer, variance, k, fit) {
  slopes <- k + seq_len(nrow(answer$instrument_root))
  v <- answer$instrument_root %*% variance[slopes, slopes, drop = FALSE] %*% t(answer$instrument_root)
  with_names(v, fit$instruments)
}

weights_vcov_label <- function(answer, fit) {
  kind <- fit$vcov_kind
  if (kind$type == answer$choice$type) return(vcov_label(kind))
  sprintf("%s (the fit's own, %s, does not apply to weights)", answer$choice$type, vcov_label(kind))
}

# ---- the negative weight ----

# Two-sided where every cell weight is at least 3 standard errors from 0, else an upper bound.
negative_part <- function(table, covariance, answer, level) {
  negative <- negative_of(table$weight)
  some <- table$weight.std.error > 0
  drawn <- if (answer$by_people) answer$draws else draw_negative_cpp(table$weight, covariance, answer$count, answer$seed, threads())
  clear <- all(abs(table$weight[some]) >= 3 * table$weight.std.error[some])
  interval <- function(x) {
    upper <- stats::quantile(x, (1 + level) / 2, names = FALSE, type = 6)
    c(if (clear) stats::quantile(x, (1 - level) / 2, names = FALSE, type = 6) else 0, upper)
  }
  list(negative_weight = negative[["weight"]], negative_share = negative[["share"]], interval = interval(drawn[, 1]), interval_share = interval(drawn[, 2]),
       interval_kind = interval_words(clear, answer, level), draws = nrow(drawn), seed = answer$seed)
}

interval_words <- function(clear, answer, level) {
  units <- if (!answer$by_people) "the cell weights (normal)" else if (length(answer$choice$ways)) "clusters" else "people"
  sprintf("%s, %d draws of %s", if (clear) sprintf("two-sided %s%%", format(100 * level)) else sprintf("upper bound at %s%%", format(50 + 50 * level)), as.integer(answer$count), units)
}

negative_of <- function(weight) {
  negative <- sum(-pmin(weight, 0))
  if (negative < 1e-12) negative <- 0   # a cell nobody moves in is 0 but for rounding
  c(weight = negative, share = negative / sum(abs(weight)))
}

# Total of the negative weights (sign dropped) over cells of side x sign(g), and their share of all absolute weight.
# NA where sides are not known (tsls()) or several arms are informed.
negative_weight <- function(fit) {
  if (fit$door != "miv" || length(fit$experiment$arm$informed) != 1) return(c(weight = NA_real_, share = NA_real_))
  problem <- problem_of(fit)
  gap <- gap_values(fit$experiment, fit$experiment$arm$informed)
  code <- 3 * (sign(gap) + 1) + sign(index_slope(fit, gap)) + 1
  code[is.na(code)] <- 0
  absorbed <- absorb(problem, sample_of(fit))
  sums <- cell_weights_cpp(absorbed$design, cell_request(fit, list(ids = code, labels = 0:8, still = logical(9)), problem, absorbed))
  check_cell_verdict(sums)
  moved <- 0:8 %% 3 != 1                                     # whom the instrument moves: g is not 0
  negative_of(combine_cells(sums, sums$people > 0 & moved)$weight)
}

# g: how much a person's fitted instrument index moves with the arm. The part of the index that the arm's own dummy takes away counts.
index_slope <- function(fit, gap) {
  h <- exposure_values(fit$exposure, fit$recipe$exposure, gap)
  slope <- fit$first_stage$coefficients[fit$instruments, 1]
  moved <- 0
  for (j in seq_along(fit$instruments)) moved <- moved + slope[[j]] * h[[match(fit$instruments[j], instrument_labels(fit))]]
  moved - sum(slope * arm_slope(fit))
}

exposure_values <- function(name, exposure, gap) {
  one <- rep(1, length(gap))
  switch(name, sign = list(sign(gap)), gap = list(gap), arm = list(one), `arm+gap` = list(one, gap),
         `arm+sign` = list(1 * (gap < 0), 1 * (gap > 0)), list(exposure(gap)))
}

# All instruments of the fit in the exposure's order, dropped ones too.
instrument_labels <- function(fit) column_names(problem_of(fit)$instruments)

# Coefficient of the arm's dummy in each kept instrument's regression on the controls; 0 without arm control.
arm_slope <- function(fit) {
  on_controls <- fit$first_stage$instruments_on_controls
  row <- grep("^[.]arm", rownames(on_controls))
  if (length(row) == 0) rep(0, length(fit$instruments)) else on_controls[row[1], ]
}

#' @export
as.data.frame.effect_weights <- function(x, row.names = NULL, optional = FALSE, ...) {
  out <- x$cells
  if (!is.null(row.names)) row.names(out) <- row.names
  out
}

# Simulated information experiments with known belief effects. Nothing here estimates anything.
# "Told" means shown a signal: every arm but the base in the passive design, every arm in the active one.

#' Simulate an information experiment with known belief effects
#'
#' Draws people, their beliefs in every arm, and what they would do, then assigns the arms and keeps what a survey
#' would see beside the truth: everybody's learning rate, update and belief effect. For tests, teaching and planning.
#'
#' @details
#' **Beliefs.** Person i has a prior X0 and would report, untold, X0 plus a drift. In an arm with signal S the person
#' reports
#' \deqn{X_i(a) = X0_i + drift_i + \alpha_i (S_i(a) - X0_i),}
#' or exactly S for those who heap at the signal (\eqn{\alpha_i = 1}, no drift). The update is
#' \eqn{dX_i = X_i(a) - X_i(base)}: with a passive base and no heaping, \eqn{\alpha_i} times the gap. Nobody moves
#' away from the signal unless `learning` says so (`away`): the untold belief of somebody who heaps stops at the
#' signal rather than drift across it, which leaves some untold people exactly there, as in real data.
#'
#' **Outcome.** Linear in the person's own belief, \eqn{Y_i = level_i + b_i (X_i - \bar S)}, where \eqn{\bar S} is the
#' mean signal: the slope b is the person's belief effect, whatever the arm. The level rises with the prior (half of
#' `outcome_sd` per standard deviation, so that least squares is biased), differs by age, sex, schooling, region,
#' cluster and stratum, and in later strata it rises faster with the prior. Information works through the belief alone
#' unless `effect` asks for a direct effect.
#'
#' **Arms** are drawn independently by person (or cluster) with the probabilities of `treated` or `strata`. Strata are
#' slices of equal size of a noisy index of the prior; where arms are assigned by cluster, slices of the clusters in
#' random order.
#'
#' @param n Number of people.
#' @param design `"passive"` (the base arm is told nothing) or `"active"` (every arm is told something; the first
#'   signal is the base arm's).
#' @param signal In units of the belief. One number: arms 0 and 1. A vector named by arm, `c(low = 8, high = 14)`:
#'   several informed arms against `control` (passive), or all the arms (active).
#' @param signal_sd Standard deviation, over people, of personal signals around `signal`; 0 tells everybody in an arm
#'   the same.
#' @param prior Function of `n` that draws that many priors, in units of the belief. It fixes where priors lie
#'   relative to the signal, their skew, rounding and bounds.
#' @param treated Share of people in the informed arms (the second and later arms if active): one number, split
#'   evenly, or one share per informed arm.
#' @param strata `NULL`, or the share treated in each stratum, e.g. `c(0.2, 0.8)` for two strata. Replaces the total
#'   of `treated`; the split over arms stays.
#' @param clusters `number` of clusters of equal expected size (0: none) and `icc`, the part of the outcome's
#'   unexplained variance that a cluster shares.
#' @param assignment `"person"` or `"cluster"`: what is randomised.
#' @param learning `mean` and `sd` of the learning rates \eqn{\alpha} over people (a beta distribution between 0 and
#'   1; `list(mean = c(low = 0.2, high = 0.8))` gives one mean per informed arm); `heaping`, the share of people who
#'   take over a signal exactly, counted in the mean; `away`, the share of the others who move away from the signal
#'   (their rate turns negative), which breaks the assumption that beliefs move toward it.
#' @param drift Of untold beliefs: `mean` and `sd`, in units of the belief, among the `share` of people whose belief
#'   drifts at all, and `reversion`, the part of a prior's distance from the mean prior that the same people lose.
#' @param effect Belief effects, in units of outcome per unit of belief: `mean`; `sd` of their part unrelated to
#'   anything (normal); `gap`, the standard deviation of the part that rises with the rank of the gap (mean over
#'   informed arms; uniform; negative for a part that falls); `direct`, the effect of being told as such, the same for
#'   everybody (it cancels in the active design).
#' @param outcome_sd Standard deviation of the outcome given belief, prior and controls, in units of the outcome.
#' @param reports What the survey sees of the prior: `reliability`, the variance of true over reported priors (1: no
#'   error), and `top_code`, the largest prior on the form.
#' @param attrition Share of people whose posterior and outcome are missing, at random: one number, or two, of the
#'   base arm and of the others.
#' @param seed `NULL`: R's generator goes on from where it is, so [set.seed()] governs. A number: the same data
#'   under every [RNGkind()], and the caller's generator is left as it was, kind and state.
#'
#' `clusters`, `learning`, `drift`, `effect` and `reports` are named vectors or lists; what is left out keeps its
#' default. The same seed with another effect, rate or drift simulates the same people.
#'
#' @return A data frame with one row per person: `id`, `age` (years), `female`, `college` (0/1), `region` (factor),
#'   `cluster`, `stratum` (integer, where asked for); `prior` as reported; `signal`, known for everybody, told or not
#'   (`signal_<arm>`, one column per told arm, where several are); `arm` (0/1, or a factor with the base first);
#'   `posterior` and `outcome`, `NA` where lost; and the truth: `learning_rate` (`learning_rate_<arm>` where every
#'   informed arm has its own mean), `belief_effect` and `update` (`update_<arm>` with several informed arms, the base
#'   arm's being 0).
#'
#' Errors: `unknown_design`, `unknown_assignment`, `unknown_learning` (and the like for the other groups),
#' `simulation` for a value out of range.
#' @source The setting is that of Vilfort and Zhang (2025), "Interpreting TSLS estimators in information provision
#'   experiments", *American Economic Review: Insights* 7(3), 376-395; linear learning is the normal-normal Bayesian
#'   case of Haaland, Roth and Wohlfart (2023), "Designing information provision experiments", *Journal of Economic
#'   Literature* 61(1), 3-40.
#' @seealso [inflation_survey], simulated with this function.
#' @examples
#' people <- simulate_experiment(n = 500, seed = 1)
#' head(people)
#' mean(people$belief_effect)
#' # two informed arms, personal signals, heaping at the signal
#' three <- simulate_experiment(500, signal = c(low = 8, high = 14), signal_sd = 1,
#'   learning = c(heaping = 0.2), seed = 1)
#' table(three$arm)
#' @export
simulate_experiment <- function(n = 2000, design = "passive", signal = 10, signal_sd = 0,
                                prior = function(n) stats::rnorm(n, 12, 5),
                                treated = 0.5, strata = NULL,
                                clusters = c(number = 0, icc = 0.1), assignment = "person",
                                learning = c(mean = 0.5, sd = 0.2, heaping = 0, away = 0),
                                drift = c(mean = 0, sd = 1, share = 1, reversion = 0),
                                effect = c(mean = 0.5, sd = 0.1, gap = 0.3, direct = 0),
                                outcome_sd = 1,
                                reports = c(reliability = 1, top_code = Inf),
                                attrition = 0, seed = NULL) {
  plan <- new_plan(mget(setdiff(names(formals()), "seed")))
  with_seed(seed, simulate_plan(plan))
}

# ---- the plan: arguments checked and completed -------------------------------------------------

new_plan <- function(plan) {
  for (group in c("clusters", "learning", "drift", "effect", "reports")) {
    plan[[group]] <- fill_group(plan[[group]], group)
  }
  check_choice(plan$design, c("passive", "active"), "design")
  check_choice(plan$assignment, c("person", "cluster"), "assignment")
  plan$signal <- name_signals(plan$signal, plan$design)
  plan$arms <- arm_names(plan)
  check_plan(plan)
  plan$shares <- arm_shares(plan)
  plan
}

# The defaults live in the signature alone.
fill_group <- function(given, group) {
  default <- as.list(eval(formals(simulate_experiment)[[group]]))
  given <- as.list(given)
  if (length(given) > 0 && is.null(names(given))) names(given) <- rep("", length(given))
  for (name in names(given)) check_choice(name, names(default), group)
  utils::modifyList(default, given)
}

name_signals <- function(signal, design) {
  check_numbers(signal, "signal")
  if (design == "active" && length(signal) < 2) {
    abort_simulation("signal", "name a signal for every arm of an active design, `c(low = 8, high = 14)`")
  }
  if (length(signal) == 1 && is.null(names(signal))) names(signal) <- "1"
  if (is.null(names(signal)) || anyDuplicated(names(signal)) || any(names(signal) %in% c("", "control"))) {
    abort_simulation("signal", "be named by arm, each arm once, `c(low = 8, high = 14)`; `control` is the untold arm")
  }
  signal
}

# All arms, base first.
arm_names <- function(plan) {
  if (plan$design == "active") return(names(plan$signal))
  c(if (is_binary(plan)) "0" else "control", names(plan$signal))
}

is_binary <- function(plan) identical(names(plan$signal), "1")

# Share of each arm (columns) in each stratum (rows).
arm_shares <- function(plan) {
  informed <- length(plan$arms) - 1
  each <- if (length(plan$treated) == 1) rep(plan$treated / informed, informed) else plan$treated
  total <- if (is.null(plan$strata)) sum(each) else plan$strata
  cbind(1 - total, outer(total, each / sum(each)))
}

abort_simulation <- function(name, must) {
  abort_miv("simulation", "`%s` must %s.", name, must)
}

check_numbers <- function(x, name, lower = -Inf, upper = Inf, lengths = NULL) {
  fits <- is.numeric(x) && length(x) > 0 && !anyNA(x) && all(x >= lower & x <= upper) &&
    (is.null(lengths) || length(x) %in% lengths)
  if (fits) return(invisible(x))
  many <- if (is.null(lengths)) "numeric" else sprintf("of length %s", paste(lengths, collapse = " or "))
  abort_simulation(name, sprintf("be %s, between %g and %g, without missing values", many, lower, upper))
}

check_plan <- function(plan) {
  check_numbers(plan$n, "n", 2, .Machine$integer.max, 1)
  if (plan$n != round(plan$n)) abort_simulation("n", "be a whole number")
  check_numbers(plan$signal_sd, "signal_sd", 0, lengths = 1)
  if (!is.function(plan$prior)) abort_simulation("prior", "be a function of `n` that draws `n` priors")
  check_shares(plan)
  check_cluster_plan(plan)
  check_learning(plan)
  check_numbers(plan$outcome_sd, "outcome_sd", 0, lengths = 1)
  check_numbers(plan$attrition, "attrition", 0, 1, 1:2)
  check_scalars(plan$drift, "drift", c(mean = -Inf, sd = 0, share = 0, reversion = 0), c(mean = Inf, sd = Inf, share = 1, reversion = 1))
  check_scalars(plan$effect, "effect", c(mean = -Inf, sd = 0, gap = -Inf, direct = -Inf), Inf)
  check_scalars(plan$reports, "reports", c(reliability = 1e-6, top_code = -Inf), c(reliability = 1, top_code = Inf))
}

check_scalars <- function(group, name, lower, upper) {
  upper <- stats::setNames(rep_len(upper, length(lower)), names(lower))
  for (part in names(lower)) {
    check_numbers(group[[part]], sprintf("%s$%s", name, part), lower[[part]], upper[[part]], 1)
  }
}

check_shares <- function(plan) {
  informed <- length(plan$arms) - 1
  check_numbers(plan$treated, "treated", 0, 1, unique(c(1, informed)))
  if (sum(plan$treated) <= 0 || sum(plan$treated) >= 1) abort_simulation("treated", "add to more than 0 and less than 1")
  if (!is.null(plan$strata)) check_numbers(plan$strata, "strata", 0, 1)
}

check_cluster_plan <- function(plan) {
  check_scalars(plan$clusters, "clusters", c(number = 0, icc = 0), c(number = plan$n, icc = 1))
  if (plan$assignment == "cluster" && plan$clusters$number < 2) {
    abort_simulation("clusters", "have a `number` of 2 or more where the arm is assigned by cluster")
  }
}

check_learning <- function(plan) {
  rates <- plan$learning
  several <- if (plan$design == "passive") length(plan$arms) - 1 else 1
  check_numbers(rates$mean, "learning$mean", 0, 1, unique(c(1, several)))
  check_scalars(rates, "learning", c(sd = 0, heaping = 0, away = 0), 1)
  if (rates$heaping > min(rates$mean)) abort_simulation("learning$heaping", "not exceed `mean`, in which it is counted with rate 1")
}

# ---- the people --------------------------------------------------------------------------------

simulate_plan <- function(plan) {
  people <- draw_people(plan)
  signals <- people$noise_signal * plan$signal_sd + rep(plan$signal, each = plan$n)
  dimnames(signals) <- list(NULL, names(plan$signal))
  rates <- learning_rates(people, plan)
  beliefs <- potential_beliefs(people, signals, rates, plan)
  effect <- belief_effects(people, signals, plan)
  arm <- draw_arms(people, plan)
  posterior <- beliefs[cbind(seq_len(plan$n), arm)]
  told <- plan$design == "active" | arm > 1
  outcome <- people$level + effect * (posterior - mean(plan$signal)) + plan$effect$direct * told
  lost <- people$chance_lost < rep_len(plan$attrition, 2)[1 + (arm > 1)]
  data.frame(
    observed_background(people, plan),
    prior = reported_prior(people, plan), named_columns(signals, "signal"),
    arm = observed_arm(arm, plan), posterior = replace(posterior, lost, NA), outcome = replace(outcome, lost, NA),
    named_columns(rates, "learning_rate"), belief_effect = effect, update_columns(beliefs),
    check.names = FALSE
  )
}

# Every random number is drawn here, in one order and number whatever the effects, rates and drifts, so that two plans
# that differ in those alone describe the same people. The user's prior() comes last: it may consume any number of
# draws.
draw_people <- function(plan) {
  n <- plan$n
  people <- list(
    age = round(stats::runif(n, 18, 80)), female = stats::rbinom(n, 1, 0.5), college = stats::rbinom(n, 1, 0.4),
    region = sample.int(4, n, replace = TRUE),
    chance_rate = stats::runif(n), chance_heap = stats::runif(n), chance_away = stats::runif(n),
    chance_drift = stats::runif(n), chance_arm = stats::runif(n), chance_lost = stats::runif(n),
    noise_drift = stats::rnorm(n), noise_effect = stats::rnorm(n), noise_outcome = stats::rnorm(n),
    noise_prior = stats::rnorm(n), noise_index = stats::rnorm(n)
  )
  people$noise_signal <- matrix(stats::rnorm(n * length(plan$signal)), n)
  people <- draw_clusters(people, plan)
  people$prior <- check_priors(plan$prior(n), n)
  people$stratum <- assign_strata(people, plan)
  people$level <- outcome_levels(people, plan)
  people
}

draw_clusters <- function(people, plan) {
  number <- plan$clusters$number
  if (number == 0) return(people)
  people$cluster <- sample.int(number, plan$n, replace = TRUE)
  people$noise_cluster <- stats::rnorm(number)[people$cluster]
  if (plan$assignment == "cluster") {
    people$chance_arm <- stats::runif(number)[people$cluster]
    people$noise_index <- sample.int(number)[people$cluster]
  }
  people
}

check_priors <- function(prior, n) {
  if (is.numeric(prior) && length(prior) == n && all(is.finite(prior))) return(as.numeric(prior))
  abort_simulation("prior", sprintf("return %d finite numbers for n = %d", n, n))
}

# 1 for everybody where there are no strata. By cluster, noise_index is the cluster's place in a random order.
assign_strata <- function(people, plan) {
  strata <- length(plan$strata)
  if (strata < 2) return(rep(1L, plan$n))
  by_cluster <- plan$assignment == "cluster"
  index <- if (by_cluster) people$noise_index else rank(standardise(people$prior) + people$noise_index, ties.method = "first")
  as.integer(ceiling(index / (if (by_cluster) plan$clusters$number else plan$n) * strata))
}

# Mean 0 and standard deviation 1 (divisor n), or 0 for everybody where x does not vary.
standardise <- function(x) {
  spread <- sqrt(mean((x - mean(x))^2))
  if (spread > 0) (x - mean(x)) / spread else rep(0, length(x))
}

outcome_levels <- function(people, plan) {
  icc <- if (is.null(people$cluster)) 0 else plan$clusters$icc
  shared <- if (is.null(people$cluster)) 0 else sqrt(icc) * people$noise_cluster
  explained <- 0.5 * people$stratum * (1 + standardise(people$prior)) - 0.01 * (people$age - 49) +
    0.2 * people$female + 0.3 * people$college + 0.1 * people$region
  plan$outcome_sd * (explained + shared + sqrt(1 - icc) * people$noise_outcome)
}

# n x 1, or n x informed arms where each has its own mean. One chance per person orders the rates in every arm.
learning_rates <- function(people, plan) {
  learning <- plan$learning
  heaps <- people$chance_heap < learning$heaping
  turned <- ifelse(people$chance_away < learning$away, -1, 1)
  one_arm <- function(mean) {
    rest <- if (learning$heaping < 1) (mean - learning$heaping) / (1 - learning$heaping) else 1
    ifelse(heaps, 1, turned * beta_quantile(people$chance_rate, rest, learning$sd))
  }
  rates <- vapply(learning$mean, one_arm, numeric(plan$n))
  rates <- matrix(rates, plan$n)
  if (ncol(rates) > 1) colnames(rates) <- plan$arms[-1]
  rates
}

# By mean and standard deviation; no beta distribution has sd^2 >= mean (1 - mean).
beta_quantile <- function(chance, mean, sd) {
  if (sd == 0 || mean == 0 || mean == 1) return(rep(mean, length(chance)))
  size <- mean * (1 - mean) / sd^2 - 1
  if (size <= 0) {
    limit <- sprintf("be less than %.3g where the mean of those who do not heap is %.3g", sqrt(mean * (1 - mean)), mean)
    abort_simulation("learning$sd", limit)
  }
  stats::qbeta(chance, mean * size, (1 - mean) * size)
}

# n x arms, base first. Nobody's untold belief crosses a signal that the person would take over exactly: with
# it the update keeps the sign of the gap.
potential_beliefs <- function(people, signals, rates, plan) {
  n <- plan$n
  heaps <- people$chance_heap < plan$learning$heaping
  gaps <- signals - people$prior
  drift <- drifts(people, plan)
  told <- people$prior + drift + as.vector(rates) * gaps
  told[heaps, ] <- signals[heaps, ]
  beliefs <- if (plan$design == "active") told else cbind(people$prior + ifelse(heaps, hold_drift(drift, gaps), drift), told)
  dimnames(beliefs) <- list(NULL, plan$arms)
  beliefs
}

drifts <- function(people, plan) {
  drift <- plan$drift
  shift <- drift$mean + drift$sd * people$noise_drift - drift$reversion * (people$prior - mean(people$prior))
  ifelse(people$chance_drift < drift$share, shift, 0)
}

# At most the smallest positive gap and at least the largest negative one; none at all where a gap is 0.
hold_drift <- function(drift, gaps) {
  arms <- seq_len(ncol(gaps))
  above <- do.call(pmin, lapply(arms, function(a) ifelse(gaps[, a] >= 0, gaps[, a], Inf)))
  below <- do.call(pmax, lapply(arms, function(a) ifelse(gaps[, a] <= 0, gaps[, a], -Inf)))
  pmin(pmax(drift, below), above)
}

belief_effects <- function(people, signals, plan) {
  informed <- setdiff(colnames(signals), if (plan$design == "active") plan$arms[1])
  reference <- if (plan$design == "active") signals[, 1] else people$prior
  gap <- rowMeans(signals[, informed, drop = FALSE] - reference)
  plan$effect$mean + plan$effect$gap * standardise(rank(round(gap, 9))) + plan$effect$sd * people$noise_effect
}

# Integer code of the arm, 1 = base.
draw_arms <- function(people, plan) {
  bounds <- t(apply(plan$shares, 1, cumsum))[people$stratum, -length(plan$arms), drop = FALSE]
  1L + as.integer(rowSums(people$chance_arm >= bounds))
}

# ---- what the survey sees, and the truth beside it ----------------------------------------------

observed_background <- function(people, plan) {
  out <- data.frame(
    id = seq_len(plan$n), age = people$age, female = people$female, college = people$college,
    region = factor(people$region, 1:4, c("north", "south", "east", "west"))
  )
  out$cluster <- people$cluster
  if (length(plan$strata) > 1) out$stratum <- people$stratum
  out
}

reported_prior <- function(people, plan) {
  error_sd <- stats::sd(people$prior) * sqrt(1 / plan$reports$reliability - 1)
  pmin(people$prior + error_sd * people$noise_prior, plan$reports$top_code)
}

observed_arm <- function(arm, plan) {
  if (plan$design == "passive" && is_binary(plan)) arm - 1L else factor(plan$arms[arm], plan$arms)
}

# One column bears the bare name, several have the arm's behind it.
named_columns <- function(x, name) {
  colnames(x) <- if (ncol(x) == 1) name else paste(name, colnames(x), sep = "_")
  as.data.frame(x)
}

update_columns <- function(beliefs) {
  updates <- beliefs - beliefs[, 1]
  if (ncol(updates) == 2) updates <- updates[, 2, drop = FALSE]
  named_columns(updates, "update")
}

# ---- seeds --------------------------------------------------------------------------------------

# Evaluates code under its own generator, always of the same kind, and puts the caller's back, kind and state.
with_seed <- function(seed, code) {
  if (is.null(seed)) return(code)
  check_numbers(seed, "seed", -.Machine$integer.max, .Machine$integer.max, 1)
  kind <- RNGkind()
  state <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(restore_generator(state, kind))
  set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  code
}

# R keeps the kind in .Random.seed and once more inside, where asking for it brings the two together.
restore_generator <- function(state, kind) {
  if (!is.null(state)) {
    assign(".Random.seed", state, envir = globalenv())
    return(RNGkind())
  }
  suppressWarnings(RNGkind(kind[1], kind[2], kind[3]))
  rm(".Random.seed", envir = globalenv())
}

# ---- what each specification estimates ----------------------------------------------------------

# The weighted mean of true belief effects to which a specification converges (method note, section 2), over people
# whose posterior and outcome are there. J is the fitted index of the instruments, arms partialled out under
# arm_control; its covariance with the assigned arms is q_a = p_a (J_a - sum_b p_b J_b), and person i weighs
# q_ia dX_ia in arm a. Gaps come from the prior as reported, updates from what people believe.
estimand_of <- function(data, exposure = "sign", arm_control = FALSE, pool = TRUE) {
  truth <- true_experiment(data)
  instruments <- instrument_indices(truth$gap, exposure, pool)
  arms <- if (arm_control) indicator_indices(truth$gap)
  weight <- assigned(fitted_index(instruments, arms, truth), truth$share) * truth$update
  sum(weight * truth$effect) / sum(weight)
}

# Gap, update and share, each people x informed arms.
true_experiment <- function(data) {
  data <- data[!is.na(data$posterior) & !is.na(data$outcome), ]
  arms <- if (is.factor(data$arm)) levels(data$arm) else c("0", "1")
  informed <- arms[-1]
  one <- length(informed) == 1
  columns <- function(name, arms) as.matrix(data[if (name %in% names(data)) name else paste(name, arms, sep = "_")])
  base <- paste("signal", arms[1], sep = "_")
  list(
    gap = columns("signal", informed) - (if (base %in% names(data)) data[[base]] else data$prior),
    update = columns("update", informed),
    share = observed_shares(data, informed, if (is.factor(data$arm)) data$arm else factor(data$arm, 0:1)),
    effect = data$belief_effect
  )
}

observed_shares <- function(data, informed, arm) {
  stratum <- if (is.null(data$stratum)) rep(1, nrow(data)) else data$stratum
  vapply(informed, function(a) stats::ave(as.numeric(arm == a), stratum), numeric(nrow(data)))
}

assigned <- function(index, share) share * (index - rowSums(share * index))

instrument_indices <- function(gap, exposure, pool) {
  indices <- if (is.function(exposure)) list(exposure(gap)) else switch(exposure,
    arm = list(1 + 0 * gap), sign = list(sign(gap)), gap = list(gap),
    "arm+gap" = list(1 + 0 * gap, gap), "arm+sign" = list(1 * (gap < 0), 1 * (gap > 0))
  )
  if (pool) return(indices)
  unlist(lapply(indices, function(index) lapply(indicator_indices(gap), `*`, index)), recursive = FALSE)
}

# One index per informed arm: 1 in it, 0 elsewhere.
indicator_indices <- function(gap) {
  lapply(seq_len(ncol(gap)), function(a) 1 * (col(gap) == a))
}

fitted_index <- function(instruments, arms, truth) {
  product <- function(x, y) vapply(y, function(b) vapply(x, function(a) sum(assigned(a, truth$share) * b), 0), numeric(length(x)))
  project <- function(on, what) Reduce(`+`, Map(`*`, on, solve(matrix(product(on, on), length(on)), product(on, list(what)))))
  if (!is.null(arms)) instruments <- lapply(instruments, function(z) z - project(arms, z))
  project(instruments, truth$update)
}

# Randomisation inference. Reference: the Anderson-Rubin regression by lm() and sandwich, on the columns of a fit made anew with the
# drawn arms, so that levels, shares and moving controls are rebuilt by another road.

permutation_of <- function(fit, R = 40, seed = 7, way = way_of(fit)) quietly(miv:::permutation_draws(fit, R, seed, way))

# The fit's one cluster variable, as resample() hands it on.
way_of <- function(fit) {
  problem <- miv:::problem_of(fit)
  choice <- miv:::add_clusters(problem, miv:::kept_choice(fit))
  if (length(choice$ways)) miv:::cluster_indices(problem, choice, miv:::kept_of(fit))[[1]]
}

statistic_of <- function(drawn, null, rows = drawn$parts) miv:::permutation_statistic(rows, null, drawn$instruments, drawn$factor)

# Signed t of one instrument, Wald / l of several, at a null; effects as dummies.
by_lm <- function(fit, null, cluster = NULL) {
  problem <- miv:::problem_of(fit)
  kept <- miv:::kept_of(fit)
  x <- miv:::fit_columns(fit)
  w <- if (is.null(stats::weights(fit))) rep(1, nrow(x)) else as.numeric(stats::weights(fit))
  d <- data.frame(r = x[, ncol(x)] - null * x[, ncol(x) - 1], w = w)
  d$z <- x[, fit$places$instruments, drop = FALSE]
  d$controls <- x[, setdiff(fit$places$exogenous, 0), drop = FALSE]
  if (length(problem$effects)) d$effect <- factor(miv:::keep_rows(miv:::effect_index(problem, problem$effects[[1]], kept)$ids, kept))
  terms <- c("z", if (ncol(d$controls)) "controls", if (!is.null(d$effect)) "effect")
  m <- lm(reformulate(terms, "r"), d, weights = w)
  at <- grep("^z", names(coef(m)))
  v <- if (is.null(cluster)) sandwich::vcovHC(m, type = "HC1") else sandwich::vcovCL(m, cluster, type = "HC1")
  b <- coef(m)[at]
  if (length(at) == 1) b / sqrt(v[at, at]) else drop(b %*% solve(v[at, at], b)) / length(at)
}

passive_data <- function(n = 600, seed = 3) {
  d <- random_experiment_data(n, seed)
  d$told_group <- as.integer(with_seed(1, sample(rep(0:1, 20)))[d$group])
  d$wide <- ceiling(d$group / 10)                              # strata that do not cut groups
  d
}

passive <- function(data = passive_data(), ...) told_experiment(data, ...)
by_group <- function(data, ...) quietly(info_experiment(data, belief = ~post, prior = ~prior, signal = 18, arm = ~told_group, cluster = ~group, ...))
with_units <- function(data) { data$told <- data$told_group; data }

# name -> list(make(data): the fit, data, arm: its column, cluster: values of the statistic's cluster)
permutation_cases <- function() {
  d <- passive_data()
  a <- three_arms()
  complete <- a[stats::complete.cases(a[c("y", "post")]), ]
  miv_of <- function(formula, experiment, ...) quietly(miv(formula, experiment, ...))
  list(
    sign = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d))),
    strata = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, strata = ~stratum))),
    weights = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, weights = ~u))),
    "weights and strata" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, weights = ~u, strata = ~stratum))),
    "fixed effect" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age | group, passive(d))),
    probability = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, strata = ~stratum, probability = 0.4))),
    gap = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d), exposure = "gap")),
    "arm and gap" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d), exposure = "arm+gap")),
    "arm controlled" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d), arm_control = TRUE)),
    "function" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, strata = ~stratum), exposure = function(g) sign(g) * sqrt(abs(g)))),
    clusters = list(data = d, arm = "told", cluster = "group", make = function(d) miv_of(y ~ age, passive(d), vcov = ~group)),
    "drawn by cluster" = list(data = d, arm = "told_group", cluster = "group", make = function(d) miv_of(y ~ age, by_group(d))),
    "drawn by cluster, strata" = list(data = d, arm = "told_group", cluster = "group", loose = TRUE, make = function(d) miv_of(y ~ age, by_group(d, strata = ~wide))),
    "several arms" = list(data = complete, arm = "arm", make = function(d) miv_of(y ~ age + town, three_arms_experiment(d))),
    "several arms, strata" = list(data = complete, arm = "arm", make = function(d) miv_of(y ~ age, three_arms_experiment(d, strata = ~town, weights = ~w))),
    "one instrument per arm" = list(data = complete, arm = "arm", make = function(d) miv_of(y ~ age, three_arms_experiment(d), pool = FALSE, arm_control = TRUE)))
}

# The data with the arms of one draw.
redrawn <- function(case, arms, levels) {
  d <- case$data
  d[[case$arm]] <- if (is.factor(d[[case$arm]])) factor(levels[arms + 1], levels(d[[case$arm]])) else as.numeric(levels[arms + 1])
  d
}

test_that("the statistic of the arms as they were is that of lm() and sandwich, at any null and in any design", {
  skip_if_not_installed("sandwich")
  cases <- permutation_cases()
  for (name in names(cases)) {
    fit <- cases[[name]]$make(cases[[name]]$data)
    drawn <- permutation_of(fit, 3)
    cluster <- if (!is.null(cases[[name]]$cluster)) cases[[name]]$data[[cases[[name]]$cluster]]
    for (null in c(0, -1.3, 40)) {
      expect_close(statistic_of(drawn, null, drawn$observed), by_lm(fit, null, cluster), 1e-9, paste(name, "at", null))
    }
  }
})

test_that("the statistic of a draw is that of the fit made anew with the drawn arms", {
  skip_if_not_installed("sandwich")
  cases <- permutation_cases()
  for (name in names(cases)) {
    case <- cases[[name]]
    fit <- case$make(case$data)
    drawn <- permutation_of(fit, 20)
    arms <- miv:::permuted_arms(fit, 7, 20, way_of(fit))
    for (r in c(1, 17, 20)) {
      again <- case$make(redrawn(case, arms[, r], fit$experiment$arm$levels))
      cluster <- if (!is.null(case$cluster)) case$data[[case$cluster]]
      expect_close(statistic_of(drawn, 0.7)[r], by_lm(again, 0.7, cluster), 1e-9, paste(name, "draw", r))
    }
  }
})

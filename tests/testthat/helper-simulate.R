# Designs with known belief effects, and two-stage least squares by two lm() fits: what the tests of simulate.R and of
# the known effects share. In every design effects rise with the gap, so that one wrong weight shows.

known_designs <- function(n = 20000) {
  simulate <- function(..., seed) simulate_experiment(n, ..., learning = c(mean = 0.5, sd = 0.15), seed = seed)
  list(
    passive = simulate(seed = 1),
    "passive, heaping and drift" = simulate_experiment(
      n, learning = c(mean = 0.5, heaping = 0.3), drift = c(mean = 0.5, sd = 2, share = 0.7, reversion = 0.3),
      attrition = c(0.15, 0.25), seed = 2
    ),
    "personal signals" = simulate(signal_sd = 4, treated = 0.3, seed = 3),
    active = simulate(design = "active", signal = c(low = 9, high = 11), signal_sd = 3, seed = 4),
    "three arms" = simulate(signal = c(low = 7, high = 11), treated = c(0.25, 0.4), seed = 5),
    "strata with unequal shares" = simulate(strata = c(0.2, 0.5, 0.8), seed = 6)
  )
}

complete_people <- function(data) data[!is.na(data$posterior) & !is.na(data$outcome), ]

# The instrument and its exogenous controls written out as a researcher would: pooled over informed arms, centred in
# the stratum, with every pattern of levels.
by_hand <- function(data, exposure = sign, level = sign, centred = TRUE) {
  data <- complete_people(data)
  gaps <- true_experiment(data)$gap
  stratum <- if (is.null(data$stratum)) rep(1, nrow(data)) else data$stratum
  arm <- factor(data$arm)
  told <- sapply(levels(arm)[-1], function(a) (arm == a) - if (centred) ave(as.numeric(arm == a), stratum) else 0)
  patterns <- do.call(paste, as.data.frame(level(gaps)))
  list(
    outcome = data$outcome, belief = data$posterior, instrument = rowSums(told * exposure(gaps)),
    exogenous = cbind(1, dummies(patterns), dummies(stratum))
  )
}

dummies <- function(x) outer(x, unique(x)[-1], "==") + 0

one <- function(gap) 1 + 0 * gap

# Coefficient and HC1 standard error of the belief, just identified.
two_lms <- function(problem) {
  fitted_belief <- fitted(lm(problem$belief ~ problem$exogenous + problem$instrument - 1))
  second <- lm(problem$outcome ~ fitted_belief + problem$exogenous - 1)
  slope <- coef(second)[["fitted_belief"]]
  error <- residuals(second) - slope * (problem$belief - fitted_belief)
  part <- residuals(lm(fitted_belief ~ problem$exogenous - 1))
  spread <- sum((part * error)^2) / sum(part^2)^2 * nobs(second) / df.residual(second)
  c(estimate = slope, std.error = sqrt(spread))
}

# Makes data/inflation_survey.rda. Run from the root of the repository: Rscript data-raw/inflation_survey.R
# Beside each number: the moment of Haaland & Roth (2023), experiment 2, that it imitates. ?inflation_survey has the table of both.
source("R/conditions.R")
source("R/simulate.R")

# Skewed to the right as there; seven people in ten answer in whole numbers, so that some stand exactly at the signal.
draw_priors <- function(n) {
  prior <- 0.5 + stats::rgamma(n, shape = 1.6, scale = 3.6)
  ifelse(stats::runif(n) < 0.7, round(prior), round(prior, 1))
}

simulate_survey <- function(n, seed) {
  simulate_experiment(
    n,
    signal = 5, prior = draw_priors, # sides above, at, below the signal: 46, 7, 47 %
    reports = c(top_code = 20), # top-coded there too, 10 % of people against 2 % here
    learning = c(mean = 0.6, sd = 0.15, heaping = 0.4), # 47 % of the informed answer the signal itself
    drift = c(mean = 0.4, sd = 2, share = 0.74, reversion = 0.5), # 26 % of the untold do not move; slope on the prior 0.64
    effect = c(mean = 0.35, sd = 0.05, gap = 0.2), # chosen: larger for those below the signal, positive for nearly everybody
    outcome_sd = 0.8, # chosen
    attrition = c(0.153, 0.206), # as there
    seed = seed
  )
}

as_survey <- function(people) {
  data.frame(
    people[c("id", "age", "female", "college", "region", "prior", "signal")],
    told = people$arm,
    posterior = round(people$posterior, 2),
    pay_claim = round(people$outcome + 3, 2),
    learning_rate = round(people$learning_rate, 4),
    update = round(people$update, 4),
    belief_effect = round(people$belief_effect, 4)
  )
}

if (sys.nframe() == 0) {
  inflation_survey <- as_survey(simulate_survey(n = 2000, seed = 2025))
  save(inflation_survey, file = "data/inflation_survey.rda", compress = "xz", version = 2)
}

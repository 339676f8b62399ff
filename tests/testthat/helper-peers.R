# Fits of every kind that other packages must understand, and routes by which a standard error comes back.

peer_data <- function() {
  d <- inflation_survey
  d$g <- factor(d$region)
  d$weight <- 0.5 + (seq_len(nrow(d)) %% 7) / 4
  d$village <- d$age %/% 2
  d$income <- 20 + d$age / 2 + 5 * sin(seq_len(nrow(d)))
  d$age[c(5, 9)] <- NA
  d
}

peer_experiment <- function(d = peer_data(), ...) info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told, ...)

peer_fits <- function() {
  survey <- peer_data()
  experiment <- peer_experiment(survey)
  plain <- miv(pay_claim ~ age + female, experiment)
  clustered <- miv(pay_claim ~ age + female, experiment, vcov = ~village)
  list(
    plain = plain, clustered = clustered, few = miv(pay_claim ~ age, experiment, vcov = CR(~g, "CR2")),
    effects = miv(pay_claim ~ age | region, experiment, vcov = ~village),
    weighted = miv(pay_claim ~ age + g, peer_experiment(survey, weights = ~weight)),
    over_identified = miv(pay_claim ~ age, experiment, exposure = "arm+gap"),
    terms = miv(pay_claim ~ log(age) + factor(region) * female + poly(income, 2) + age:college, experiment),
    excluded = miv(pay_claim ~ age, experiment, na.action = "exclude"),
    armed = miv(pay_claim ~ age, experiment, arm_control = TRUE),
    two = tsls(pay_claim ~ age + g | c(posterior, prior) ~ told + I(told * prior) + I(prior^2), survey),
    ols = ols(clustered), first_stage = first_stage(clustered), reduced_form = reduced_form(plain))
}

absorbs <- function(fit) length(fit$fixed_effects) > 0
leading_term <- function(fit) names(coef(fit))[1]
own_errors <- function(fit, ...) sqrt(diag(vcov(fit, ...)))

for_each_fit <- function(check, leave_out = character()) {
  fits <- quietly(peer_fits())
  for (name in setdiff(names(fits), leave_out)) check(fits[[name]], name)
}

# Labels of a column for the people kept, by row names.
kept_labels <- function(fit, column) fit$data[[column]][as.integer(rownames(model.frame(fit)))]

skip_without <- function(...) for (package in c(...)) testthat::skip_if_not_installed(package)

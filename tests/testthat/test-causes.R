# Causes that no other file has: each refusal and caution is met at least once, with a message that names what is wrong.

experiment_here <- function() info_experiment(inflation_survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)

test_that("cells are asked for in words that can be followed", {
  fit <- miv(pay_claim ~ age, experiment_here())
  expect_error(effect_weights(fit, by = "gap", bins = "four"), class = "miv_error_bad_bins")
  expect_error(effect_weights(fit, by = "gap", bins = 2.5), class = "miv_error_bad_bins")
  expect_error(effect_weights(fit, by = age ~ region), class = "miv_error_bad_by")
  expect_error(effect_weights(fit, by = ~ cbind(age, age)), class = "miv_error_bad_by")
  expect_error(summary(effect_weights(fit), profile = "age"), class = "miv_error_bad_profile")
})

test_that("cells of the gap are for one informed arm", {
  d <- inflation_survey
  d$arm <- ifelse(d$told == 0, "none", ifelse(seq_len(nrow(d)) %% 2, "low", "high"))
  experiment <- suppressMessages(info_experiment(d, belief = ~posterior, prior = ~prior, arm = ~arm, signal = list(low = 4, high = 8)))
  expect_error(effect_weights(miv(pay_claim ~ age, experiment), by = "gap"), class = "miv_error_several_arms")
})

test_that("people who move away from the signal are pointed out", {
  d <- inflation_survey
  d$posterior <- with(d, ifelse(told == 1, prior - (5 - prior), prior))
  said <- character()
  withCallingHandlers(info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told), miv_warning_moves_away = function(w) {
    said <<- c(said, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  expect_match(said, "above their signal move away", all = FALSE)
  expect_match(said, "below their signal move away", all = FALSE)
})

test_that("draws without an interval have none to give", {
  fit <- miv(pay_claim ~ age, experiment_here())
  expect_error(confint(resample(fit, "wild", R = 99, seed = 1, interval = FALSE)), class = "miv_error_no_interval")
})

test_that("the wild bootstrap counts the instruments it is given", {
  set.seed(1)
  d <- as.data.frame(matrix(stats::rnorm(300 * 11), 300))
  names(d) <- c("y", "x", paste0("z", 1:9))
  d$x <- d$x + rowSums(d[3:11])
  expect_error(resample(tsls(y ~ 1 | x ~ z1 + z2 + z3 + z4 + z5 + z6 + z7 + z8 + z9, d), "wild", R = 99, seed = 1), class = "miv_error_too_many_instruments")
})

test_that("numbers too large to square are refused, not returned as NA", {
  d <- inflation_survey
  d$pay_claim <- ifelse(seq_len(nrow(d)) %% 2, 1, -1) * 1.7e308
  expect_error(miv(pay_claim ~ age, info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)), class = "miv_error_overflow")
})

test_that("another package's fit whose data have changed since is found out", {
  skip_if_not_installed("fixest")
  d <- inflation_survey
  d$instrument <- d$told * sign(5 - d$prior)
  d$side <- factor(sign(5 - d$prior))
  other <- fixest::feols(pay_claim ~ age + side | posterior ~ instrument, d, notes = FALSE)
  expect_error(effect_weights(other, by = ~side, gap = "prior", data = d), class = "miv_error_bad_gap")
  d$pay_claim <- d$pay_claim + d$age * d$told
  expect_error(effect_weights(other, by = ~side), class = "miv_error_other_estimate")
})

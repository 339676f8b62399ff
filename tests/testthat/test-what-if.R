told_people <- function(n = 1200, seed = 6) {
  d <- simulate_experiment(n, seed = seed)
  d$gap <- d$signal - d$prior
  d
}
described <- function(d) quietly(info_experiment(d, belief = ~ posterior, prior = ~ prior, signal = ~ signal, arm = ~ arm))

test_that("a direct effect of being told is taken off the outcome, under every covariance", {
  d <- told_people()
  for (kind in list("iid", "HC1", "HC3", ~ region)) for (exposure in c("sign", "arm+gap")) {
    fit <- quietly(miv(outcome ~ age | region, described(d), exposure = exposure, vcov = kind))
    table <- as.data.frame(what_if(fit, "exclusion", values = c(-2, 0.3)))
    for (i in 1:2) {
      moved <- transform(d, outcome = outcome - table$value[i] * arm)
      again <- quietly(miv(outcome ~ age | region, described(moved), exposure = exposure, vcov = kind))
      expect_close(c(table$estimate[i], table$std.error[i]), c(coef(again)[[1]], sqrt(vcov(again)[1, 1])), 1e-8, paste(exposure, format(kind)))
      expect_close(unlist(table[i, c("conf.low", "conf.high")]), confint(again)[1, ], 1e-7)
    }
  }
})

test_that("at the turning points the estimate is 0 and the interval ends at 0", {
  fit <- quietly(miv(outcome ~ age, described(told_people())))
  turn <- attr(what_if(fit), "turn")
  at <- as.data.frame(what_if(fit, values = c(turn$zero, turn$conclusion)))
  expect_lt(abs(at$estimate[1]), 1e-10)
  expect_lt(min(abs(unlist(at[2, c("conf.low", "conf.high")]))), 1e-9)
  inner <- as.data.frame(what_if(fit, values = turn$conclusion * c(0.2, 0.5, 0.99)))
  expect_true(all(inner$conf.low > 0) || all(inner$conf.high < 0))
})

test_that("where the arm is controlled such an effect changes nothing, and in an active design the question is refused", {
  d <- told_people()
  fit <- quietly(miv(outcome ~ age, described(d), arm_control = TRUE))
  x <- what_if(fit)
  expect_close(range(x$estimate), rep(coef(fit)[[1]], 2), 1e-12)
  expect_equal(attr(x, "turn"), list(zero = NA_real_, conclusion = NA_real_))
  expect_output(print(x), "changes nothing: the arm is")
  active <- simulate_experiment(800, signal = c(low = 4, high = 9), design = "active", seed = 2)
  told <- quietly(info_experiment(active, belief = ~ posterior, prior = ~ prior, signal = list(low = 4, high = 9), arm = ~ arm))
  expect_error(what_if(quietly(miv(outcome ~ 1, told))), class = "miv_error_assumption")
})

test_that("a donut is the fit of the people left", {
  d <- told_people()
  fit <- quietly(miv(outcome ~ age, described(d)))
  table <- as.data.frame(what_if(fit, "donut", values = c(2, 0, 1)))
  expect_equal(table$value, c(0, 1, 2))
  for (i in 1:3) {
    again <- quietly(miv(outcome ~ age, described(d[abs(d$gap) >= table$value[i], ])))
    expect_close(unlist(table[i, c("estimate", "std.error", "nobs", "first_stage_F")]), c(coef(again)[[1]], sqrt(vcov(again)[1, 1]), nobs(again), glance(again)$first_stage_F), 1e-10)
  }
  old <- quietly(miv(outcome ~ age, described(d), subset = age > 70))      # clear of 0, and not without those near the signal
  inside <- function(x) x$conf.low < 0 & x$conf.high > 0
  far <- what_if(old, "donut", values = 5)
  expect_equal(c(inside(what_if(old, "donut", values = 0)), inside(far)), c(FALSE, TRUE))
  expect_equal(attr(far, "turn")$conclusion, 5)                            # compared with the fit, not with the first value
  expect_error(what_if(fit, "donut", values = 1e9), class = "miv_error_bad_values")
  expect_warning(some <- what_if(fit, "donut", values = c(0, 1e9)), "1e\\+09", class = "miv_warning_values_dropped")
  expect_equal(some$value, 0)
})

test_that("a less reliable prior is moved to its mean, and the wrong sides it implies are those of a simulation", {
  d <- told_people()
  fit <- quietly(miv(outcome ~ age, described(d)))
  table <- as.data.frame(what_if(fit, "reliability", values = c(1, 0.7)))
  expect_close(table$estimate[1], coef(fit)[[1]], 1e-12)
  expect_equal(table$wrong_side[1], 0)
  again <- quietly(miv(outcome ~ age, described(transform(d, prior = mean(prior) + 0.7 * (prior - mean(prior))))))
  expect_close(c(table$estimate[2], table$std.error[2]), c(coef(again)[[1]], sqrt(vcov(again)[1, 1])), 1e-9)
  with_seed(1, {
    n <- 400000
    true <- rnorm(n)
    report <- true + rnorm(n, 0, sqrt(1 / 0.8 - 1))   # reliability 0.8
    arm <- rbinom(n, 1, 0.5)
    big <- data.frame(report, arm, posterior = true * (1 - 0.5 * arm), y = rnorm(n))
  })
  noisy <- quietly(miv(y ~ 1, info_experiment(big, belief = ~ posterior, prior = ~ report, signal = 0, arm = ~ arm)))
  found <- as.data.frame(what_if(noisy, "reliability", values = 0.8))
  wrong <- sign(true) != sign(report)
  moved <- sign(0 - report) * (0 - true)
  expect_equal(found$wrong_side, mean(wrong), tolerance = 0.02)
  expect_equal(found$negative_weight, sum(-moved[wrong]) / sum(moved), tolerance = 0.03)
  expect_equal(found$wrong_side, acos(sqrt(0.8)) / pi, tolerance = 0.01)
})

test_that("questions without an answer are refused, and words and figures say what turns", {
  d <- told_people()
  fit <- quietly(miv(outcome ~ age, described(d)))
  expect_error(what_if(quietly(miv(outcome ~ 1, described(d), exposure = "arm")), "reliability"), class = "miv_error_assumption")
  expect_error(what_if(fit, "relability"), "reliability", class = "miv_error_unknown_assumption")
  expect_error(what_if(fit, "reliability", values = 0), class = "miv_error_bad_values")
  expect_error(what_if(fit, "donut", values = -1), class = "miv_error_bad_values")
  expect_error(what_if(fit, vals = 1), class = "miv_error_unknown_argument")
  expect_error(what_if(lm(outcome ~ age, d)), class = "miv_error_no_experiment")
  expect_output(print(what_if(fit)), "What the interval says about")
  expect_output(print(what_if(fit, "reliability", values = c(1, 0.9))), "wrong side")
  skip_if_not_installed("ggplot2")
  for (assumption in c("exclusion", "donut", "reliability")) expect_s3_class(plot(what_if(fit, assumption)), "ggplot")
})

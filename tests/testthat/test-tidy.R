test_that("tidy() of least squares is lm()'s table with its intervals", {
  theirs <- lm(mpg ~ wt + factor(cyl), mtcars)
  ours <- tidy(tsls(mpg ~ wt + factor(cyl), mtcars, vcov = "iid"), conf.level = 0.9)
  expect_equal(names(ours), c("term", "estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"))
  expect_equal(as.matrix(ours[2:5]), summary(theirs)$coefficients, tolerance = 1e-9, ignore_attr = TRUE)
  expect_equal(as.matrix(ours[6:7]), confint(theirs, level = 0.9), tolerance = 1e-9, ignore_attr = TRUE)
  expect_identical(class(ours), "data.frame")
  expect_equal(ncol(tidy(tsls(mpg ~ wt, mtcars), conf.int = FALSE)), 5)
})

test_that("the belief comes first, and another covariance brings its own errors and degrees of freedom", {
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_equal(tidy(fit)$term, c("hp", "(Intercept)", "wt"))
  clustered <- tidy(fit, vcov = ~cyl)
  expect_equal(clustered$std.error, unname(sqrt(diag(vcov(fit, ~cyl)))))
  expect_equal(clustered$p.value, 2 * pt(-abs(clustered$statistic), 2))
  expect_error(tidy(fit, conf.int = NA), class = "miv_error_bad_argument")
  expect_error(tidy(fit, conf_level = 0.9), class = "miv_error_unknown_argument")
})

test_that("glance() of least squares has lm()'s R-squared, with and without a constant, and with weights", {
  for (form in list(mpg ~ wt + hp, mpg ~ wt + hp - 1)) {
    theirs <- summary(lm(form, mtcars, weights = qsec))
    ours <- glance(tsls(form, mtcars, weights = ~qsec))
    expect_equal(c(ours$r.squared, ours$adj.r.squared, ours$sigma), c(theirs$r.squared, theirs$adj.r.squared, theirs$sigma), tolerance = 1e-10)
    expect_equal(c(ours$nobs, ours$df.residual), c(32, theirs$df[2]))
  }
  expect_true(is.na(ours$first_stage_F))
})

test_that("R-squared with an absorbed effect is fixest's within", {
  skip_if_not_installed("fixest")
  theirs <- fixest::feols(mpg ~ wt + hp | cyl, mtcars, notes = FALSE)
  ours <- glance(tsls(mpg ~ wt + hp | cyl, mtcars))
  expect_equal(ours$r.squared, fixest::r2(theirs, "wr2")[[1]], tolerance = 1e-10)
  expect_equal(ours$adj.r.squared, fixest::r2(theirs, "war2")[[1]], tolerance = 1e-10)
})

test_that("glance() says how the fit was made, and the control group's outcome among the people in the fit", {
  fit <- miv(pay_claim ~ age, inflation_experiment(), subset = age > 30)
  base <- with(inflation_survey, pay_claim[told == 0 & age > 30 & !is.na(posterior)])
  row <- glance(fit, vcov = ~region)
  expect_equal(nrow(row), 1)
  expect_equal(c(row$control_mean, row$control_sd), c(mean(base), sd(base)), tolerance = 1e-12)
  expect_equal(row$n_clusters, 4L)
  expect_true(is.na(glance(fit)$n_clusters))
  expect_equal(row$exposure, "sign")
  expect_equal(row$vcov, "CR1 by region (4)")
  expect_equal(row$first_stage_F, unname(summary(fit, vcov = ~region)$first_stage$F))
  expect_equal(glance(miv(pay_claim ~ age, inflation_experiment(), exposure = "arm"))$exposure, "arm")
  expect_true(all(is.na(glance(tsls(mpg ~ wt | hp ~ disp, mtcars))[c("exposure", "control_mean", "negative_weight")])))
})

test_that("weights weigh the control group, by any scale of them", {
  weighted <- glance(miv(pay_claim ~ 1, inflation_experiment(weights = ~age)))
  base <- subset(inflation_survey, told == 0 & !is.na(posterior))
  expect_equal(weighted$control_mean, weighted.mean(base$pay_claim, base$age), tolerance = 1e-12)
  again <- glance(miv(pay_claim ~ 1, inflation_experiment(weights = ~ I(age * 7))))
  expect_equal(again$control_sd, weighted$control_sd, tolerance = 1e-12)
  expect_equal(glance(miv(pay_claim ~ 1, inflation_experiment(weights = ~ I(0 * age + 3))))$control_sd, sd(base$pay_claim), tolerance = 1e-12)
})

test_that("with several beliefs the smallest first-stage F is shown", {
  fit <- tsls(mpg ~ 1 | hp + wt ~ disp + qsec, mtcars)
  expect_equal(glance(fit)$first_stage_F, min(fit$first_stage$F))
})

test_that("augment() has one row per person kept, beside the frame, all rows of the data, or those kept", {
  d <- airquality
  fit <- quietly(tsls(Ozone ~ Wind | Temp ~ Solar.R, d))
  own <- augment(fit)
  expect_equal(names(own), c("Ozone", "Temp", "Wind", ".fitted", ".resid"))
  expect_equal(own$.fitted + own$.resid, own$Ozone, tolerance = 1e-14)
  expect_equal(augment(fit, d)[c(names(d), ".resid")], cbind(d[complete.cases(d), ], .resid = own$.resid))
  expect_equal(augment(fit, d[complete.cases(d), ]), augment(fit, d))
  expect_equal(augment(fit, newdata = data.frame(Temp = 70, Wind = 9))$.fitted, predict(fit, data.frame(Temp = 70, Wind = 9)), ignore_attr = TRUE)
  expect_error(augment(fit, d[1:3, ]), class = "miv_error_wrong_length")
  whole <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_equal(nrow(augment(whole, mtcars)), 32)
})

test_that("several outcomes tidy and glance into one frame", {
  both <- tsls(c(mpg, qsec) ~ wt | hp ~ disp, mtcars)
  expect_equal(tidy(both, vcov = "HC3")$outcome, rep(c("mpg", "qsec"), each = 3))
  expect_equal(tidy(both, vcov = "HC3")[4:6, -1], tidy(both$qsec, vcov = "HC3"), ignore_attr = TRUE)
  expect_equal(glance(both)[2, -1], glance(both$qsec), ignore_attr = TRUE)
  expect_equal(names(tidy(both))[1], "outcome")
})

test_that("the flat formula names the belief, level controls, controls and effects; the full one is as written", {
  fit <- miv(pay_claim ~ age + I(age^2) | region, inflation_experiment())
  expect_equal(formula(fit), pay_claim ~ posterior + .side + age + I(age^2) + region, ignore_attr = TRUE)
  expect_equal(formula(fit, "full"), pay_claim ~ age + I(age^2) | region, ignore_attr = TRUE)
  expect_equal(formula(tsls(y ~ w | f^h | x ~ z, random_rows())), y ~ x + w + f:h, ignore_attr = TRUE)
  expect_equal(formula(tsls(mpg ~ 1 | hp + wt ~ disp + qsec, mtcars)), mpg ~ hp + wt, ignore_attr = TRUE)
})

test_that("least squares of the flat formula on the model frame is ols()", {
  d <- three_arms()
  fits <- quietly(list(
    miv(pay_claim ~ age * female + region, inflation_experiment()), miv(pay_claim ~ age, inflation_experiment(), exposure = "gap", arm_control = TRUE),
    miv(pay_claim ~ age, inflation_experiment(weights = ~ I(age / 40)), exposure = function(gap) tanh(gap)), miv(y ~ age + town, three_arms_experiment(d)),
    miv(y ~ splines::ns(age, 3), three_arms_experiment(d, weights = ~w), exposure = "gap", pool = FALSE, arm_control = TRUE),
    tsls(y ~ poly(age, 2) * town | post ~ arm, d)))
  for (fit in fits) {
    frame <- model.frame(fit)
    w <- if (is.null(weights(fit))) rep(1, nobs(fit)) else frame[["(weights)"]]
    reference <- lm.wfit(model.matrix(terms(fit), frame), model.response(frame), w)$coefficients
    expect_equal(reference[names(coef(ols(fit)))], coef(ols(fit)), tolerance = 1e-8, label = deparse(formula(fit)))
    expect_equal(rownames(frame), names(residuals(fit)))
    expect_equal(model.response(frame), residuals(fit) + fitted(fit), tolerance = 1e-12)
  }
})

test_that("level controls are variables of the frame: side, patterns of sides, gaps, the function's values, the arm", {
  d <- three_arms()
  kept <- complete.cases(d)
  sides <- factor(paste(sign(74 - d$prior), sign(94 - d$prior), sep = ","), c("-1,-1", "-1,1", "1,1"))
  frame <- model.frame(miv(y ~ age, three_arms_experiment(d), arm_control = TRUE))
  expect_equal(as.character(frame$.pattern), as.character(sides[kept]))
  expect_equal(frame$.arm, d$arm[kept])
  frame <- model.frame(miv(y ~ age, three_arms_experiment(d), exposure = "gap"))
  expect_equal(frame$.gap_low, 74 - d$prior[kept])
  expect_equal(frame$.gap_high, 94 - d$prior[kept])
  frame <- model.frame(miv(pay_claim ~ 1, inflation_experiment(), exposure = function(gap) gap^3))
  expect_equal(frame$.exposure, (5 - inflation_survey$prior[!is.na(inflation_survey$posterior)])^3)
})

test_that("a belief that is an expression with the user's own numbers keeps its meaning in the frame", {
  experiment <- local({
    k <- 100
    info_experiment(inflation_survey, belief = ~ posterior * k, prior = ~ prior, signal = 5, arm = ~ told, units = "other")
  })
  fit <- miv(pay_claim ~ age, experiment)
  expect_equal(names(coef(fit))[1], "posterior * k")
  expect_equal(model.frame(fit)[["I(posterior * k)"]], 100 * inflation_survey$posterior[!is.na(inflation_survey$posterior)], ignore_attr = TRUE)
})

test_that("assign tells each column's term in the flat formula", {
  fit <- miv(pay_claim ~ region:age + female + age, inflation_experiment())
  labels <- attr(terms(fit), "term.labels")
  x <- model.matrix(fit)
  at <- attr(x, "assign")
  expect_equal(length(at), ncol(x))
  expect_equal(at[1:4], c(1, 0, 2, 2))
  expect_equal(labels[at[colnames(x) == "female"]], "female")
  expect_setequal(labels[at[grepl("region.*:age|age:region", colnames(x))]], intersect(labels, c("region:age", "age:region")))
  lm_assign <- attr(model.matrix(tsls(mpg ~ factor(cyl) * wt, mtcars)), "assign")
  expect_equal(lm_assign, attr(model.matrix(lm(mpg ~ factor(cyl) * wt, mtcars)), "assign"))
})

test_that("expand.model.frame() finds any column of the data for the people kept", {
  fit <- miv(pay_claim ~ age, inflation_experiment())
  more <- expand.model.frame(fit, ~ region)
  expect_equal(nrow(more), nobs(fit))
  expect_equal(more$region, inflation_survey$region[!is.na(inflation_survey$posterior)])
  expect_equal(rownames(more), names(residuals(fit)))
})

same_fit <- function(got, want) {
  expect_equal(coef(got), coef(want), tolerance = 1e-12)
  expect_equal(vcov(got), vcov(want), tolerance = 1e-12)
  expect_equal(nobs(got), nobs(want))
}

test_that("the controls, the outcome, the fixed effects change; what is not written stays", {
  e <- inflation_experiment()
  fit <- miv(pay_claim ~ age + college | region, e, exposure = "gap", vcov = "HC3")
  same_fit(update(fit, . ~ . - college), miv(pay_claim ~ age | region, e, exposure = "gap", vcov = "HC3"))
  same_fit(update(fit, abs(.) ~ . + female), miv(abs(pay_claim) ~ age + college + female | region, e, exposure = "gap", vcov = "HC3"))
  same_fit(update(fit, . ~ . | 0), miv(pay_claim ~ age + college, e, exposure = "gap", vcov = "HC3"))
  same_fit(update(fit, ~ 1 | . + female - region), miv(pay_claim ~ 1 | female, e, exposure = "gap", vcov = "HC3"))
  expect_equal(names(update(fit, c(pay_claim, learning_rate) ~ .)), c("pay_claim", "learning_rate"))
})

test_that("exposure, covariance, scores, subset and the rule for missing values change", {
  e <- inflation_experiment()
  fit <- miv(pay_claim ~ age, e, subset = age < 70)
  same_fit(update(fit, exposure = "arm+gap", scores = "heterogeneous"), miv(pay_claim ~ age, e, "arm+gap", subset = age < 70, scores = "heterogeneous"))
  same_fit(update(fit, vcov = ~region, arm_control = TRUE), miv(pay_claim ~ age, e, vcov = ~region, arm_control = TRUE, subset = age < 70))
  mixed <- miv(pay_claim ~ age, e, "arm+gap", scores = "heterogeneous")
  same_fit(update(mixed, . ~ . + female), miv(pay_claim ~ age + female, e, "arm+gap", scores = "heterogeneous"))
  limit <- 40
  same_fit(update(fit, subset = age < limit), miv(pay_claim ~ age, e, subset = age < 40))
  same_fit(update(fit, subset = NULL), miv(pay_claim ~ age, e))
  expect_length(residuals(update(fit, na.action = na.exclude)), nrow(inflation_survey))
  expect_length(residuals(update(update(fit, na.action = na.exclude), . ~ 1)), nrow(inflation_survey))
})

test_that("beliefs and instruments of tsls() change, in the later parts of the formula", {
  d <- random_rows()
  fit <- tsls(y ~ w | f | x ~ z, d, vcov = "HC0", weights = ~u)
  want <- function(formula, ...) tsls(formula, d, vcov = "HC0", weights = ~u, ...)
  same_fit(update(fit, . ~ . + v), want(y ~ w + v | f | x ~ z))
  same_fit(update(fit, . ~ . | . | . ~ . + z2), want(y ~ w | f | x ~ z + z2))
  same_fit(update(fit, . ~ . | . + x2 ~ z + z2), want(y ~ w | f | x + x2 ~ z + z2))
  same_fit(update(fit, . ~ . - w | f^h | x2 ~ z2), want(y ~ 1 | f^h | x2 ~ z2))
  same_fit(update(fit, . ~ . | 0), want(y ~ w | x ~ z))
  same_fit(update(fit, weights = NULL), tsls(y ~ w | f | x ~ z, d, vcov = "HC0"))
})

test_that("the data's name is never looked up again; other data can be given", {
  d <- random_rows()
  fit <- tsls(y ~ w | x ~ z, d, vcov = ~g)
  want <- tsls(y ~ w + v | x ~ z, random_rows(), vcov = ~g)
  d <- d[1:50, ]
  same_fit(update(fit, . ~ . + v), want)
  same_fit(update(fit, data = random_rows(seed = 2)), tsls(y ~ w | x ~ z, random_rows(seed = 2), vcov = ~g))
  times <- 3
  scaled <- tsls(y ~ I(times * w) | x ~ z, random_rows())
  times <- 5
  expect_equal(names(coef(update(scaled, . ~ . + v))), names(coef(scaled))[c(1:3, NA)] |> replace(4, "v"))
  expect_equal(coef(update(scaled, . ~ .))[["I(times * w)"]], coef(scaled)[["I(times * w)"]])
})

test_that("the experiment's clusters stay the default, a function is called again, a matrix must be given anew", {
  e <- inflation_experiment(cluster = ~region)
  fit <- miv(pay_claim ~ age, e)
  same_fit(update(fit, . ~ . + female), miv(pay_claim ~ age + female, e))
  width <- 7
  e <- inflation_experiment(cluster = ~ I(age %/% width))
  fit <- miv(pay_claim ~ age, e)
  width <- 30
  same_fit(update(fit, . ~ . + female), miv(pay_claim ~ age + female, e))
  half <- function(fit) vcov(fit, "HC1") / 4
  fit <- quietly(miv(pay_claim ~ age, e, vcov = half))
  expect_equal(vcov(quietly(update(fit, . ~ 1))), half(miv(pay_claim ~ 1, e)))
  fit <- quietly(miv(pay_claim ~ age, e, vcov = diag(5)))
  expect_error(update(fit, . ~ 1), class = "miv_error_bad_covariance")
  expect_equal(unname(vcov(quietly(update(fit, vcov = "HC0")))), unname(vcov(fit, "HC0")))
})

test_that("the call says what was fitted; evaluate = FALSE gives it alone", {
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_equal(update(fit, . ~ . + am, vcov = "iid", evaluate = FALSE), quote(tsls(formula = mpg ~ wt + am | hp ~ disp, data = mtcars, vcov = "iid")))
})

test_that("an updated first stage stays one", {
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  same_fit(update(first_stage(fit), . ~ . + am), first_stage(update(fit, . ~ . + am)))
  expect_s3_class(update(first_stage(fit), vcov = "iid"), "miv_first_stage")
})

test_that("changes that make no sense are refused", {
  fit <- miv(pay_claim ~ age, inflation_experiment())
  expect_error(update(fit, . ~ . | posterior ~ told), class = "miv_error_bad_formula")
  expect_error(update(fit, exposre = "gap"), "Did you mean `exposure`", class = "miv_error_unknown_argument")
  expect_error(update(fit, weights = ~age), class = "miv_error_unknown_argument")
  expect_error(update(fit, data = inflation_survey), class = "miv_error_not_an_experiment")
  expect_error(update(fit, . ~ . + agee), "Did you mean `age`", class = "miv_error_unknown_column")
  expect_error(update(fit, "age"), class = "miv_error_bad_formula")
})

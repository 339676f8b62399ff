# sandwich and clubSandwich on every kind of fit.

test_that("vcovHC() is vcov() of the same type", {
  skip_without("sandwich")
  for_each_fit(leave_out = "effects", function(fit, name) {
    for (type in c("HC0", "HC1", "HC2", "HC3")) expect_close(sandwich::vcovHC(fit, type = type), vcov(fit, type), 1e-8, paste(name, type))
  })
})

test_that("with absorbed effects vcovHC() counts the coefficients shown only", {
  skip_without("sandwich")
  fit <- quietly(peer_fits())$effects
  expect_close(sandwich::vcovHC(fit, type = "HC0"), vcov(fit, "HC0"), 1e-8)
  factor <- (nobs(fit) - length(coef(fit))) / fit$df.residual
  expect_close(sandwich::vcovHC(fit, type = "HC1") * factor, vcov(fit, "HC1"), 1e-8)
})

test_that("vcovCL() is CR1 with type HC1, and by default G / (G - 1) times HC0; clusters come as formula or labels", {
  skip_without("sandwich")
  for_each_fit(leave_out = "effects", function(fit, name) {
    expect_close(sandwich::vcovCL(fit, ~village, type = "HC1"), vcov(fit, ~village), 1e-8, name)
    groups <- length(unique(kept_labels(fit, "village")))
    expect_close(sandwich::vcovCL(fit, kept_labels(fit, "village")), vcov(fit, CR(~village, "CR0")) * groups / (groups - 1), 1e-8, name)
  })
})

test_that("vcovBS() is the covariance of resample()'s draws, by people, by clusters and with random weights", {
  skip_without("sandwich")
  fits <- quietly(peer_fits())
  draws <- function(fit, ...) cov(resample(fit, ..., R = 99, seed = 5)$draws)
  expect_equal(sandwich::vcovBS(fits$plain, R = 99, seed = 5), draws(fits$plain, "pairs"), ignore_attr = TRUE)
  expect_equal(sandwich::vcovBS(fits$clustered, R = 99, seed = 5), draws(fits$clustered, "pairs", cluster = ~village), ignore_attr = TRUE)
  labels <- kept_labels(fits$effects, "g")
  expect_equal(sandwich::vcovBS(fits$effects, labels, R = 99, seed = 5, type = "fractional"), draws(fits$effects, "bayesian", cluster = ~g), ignore_attr = TRUE)
  expect_equal(sandwich::vcovBS(fits$plain, data.frame(peer_data()$g), R = 99, seed = 5), draws(fits$plain, "pairs", cluster = ~g), ignore_attr = TRUE)
  expect_equal(dimnames(sandwich::vcovBS(fits$plain, R = 99)), dimnames(vcov(fits$plain)))
  with_seed(3, first <- sandwich::vcovBS(fits$plain, R = 99))
  with_seed(3, expect_equal(sandwich::vcovBS(fits$plain, R = 99), first))
  expect_error(sandwich::vcovBS(fits$plain, type = "jackknife"), class = "miv_error_unknown_scheme")
  expect_error(sandwich::vcovBS(fits$plain, 1:7), class = "miv_error_bad_cluster")
})

test_that("vcovBS() is near sandwich's own on the same least squares", {
  skip_without("sandwich")
  ours <- tsls(mpg ~ wt + hp, mtcars)
  theirs <- with_seed(1, sandwich::vcovBS(lm(mpg ~ wt + hp, mtcars), R = 3000))
  expect_lt(max(abs(sqrt(diag(sandwich::vcovBS(ours, R = 3000, seed = 1)))[c("(Intercept)", "wt", "hp")] / sqrt(diag(theirs)) - 1)), 0.06)
})

test_that("clubSandwich's vcovCR() and coef_test() are CR2 with Satterthwaite's degrees of freedom", {
  skip_without("clubSandwich")
  for_each_fit(leave_out = "effects", function(fit, name) {
    labels <- kept_labels(fit, "village")
    for (type in c("CR0", "CR2", "CR3")) {
      expect_close(as.matrix(clubSandwich::vcovCR(fit, cluster = labels, type = type)), vcov(fit, CR(~village, type)), 1e-7, paste(name, type))
    }
    tests <- clubSandwich::coef_test(fit, vcov = "CR2", cluster = labels)
    ours <- summary(fit, vcov = CR(~village, "CR2"))
    expect_close(tests$SE, ours$coefficients[, 2], 1e-7, name)
    expect_close(tests$df_Satt, ours$df_inference, 1e-6, name)
  })
})

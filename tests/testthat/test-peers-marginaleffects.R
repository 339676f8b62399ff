# marginaleffects differentiates numerically. Predictions are linear in the coefficients, so a large step is exact; `exactly` asks for one.

exactly <- list("fdcenter", eps = 0.1)

test_that("the option with the class is there as soon as marginaleffects is", {
  skip_without("marginaleffects")
  expect_true("miv" %in% getOption("marginaleffects_model_classes"))
})

test_that("average slopes of beliefs are the coefficients with their errors, under any covariance", {
  skip_without("marginaleffects", "sandwich")
  for_each_fit(leave_out = c("first_stage", "reduced_form"), function(fit, name) {
    belief <- leading_term(fit)
    slope <- function(...) marginaleffects::avg_slopes(fit, variables = belief, numderiv = exactly, ...)
    expect_close(c(slope()$estimate, slope()$std.error), c(coef(fit)[[1]], own_errors(fit)[[1]]), 1e-8, name)
    expect_close(slope(vcov = "HC3")$std.error, own_errors(fit, "HC3")[[1]], 1e-8, name)
    expect_close(slope(vcov = vcov(fit, "iid"))$std.error, own_errors(fit, "iid")[[1]], 1e-8, name)
    groups <- length(unique(kept_labels(fit, "village")))
    expect_close(slope(vcov = ~village)$std.error, own_errors(fit, CR(~village, "CR0"))[[1]] * sqrt(groups / (groups - 1)), 1e-8, name)
    default <- marginaleffects::avg_slopes(fit, variables = belief)
    expect_close(default$std.error, own_errors(fit)[[1]], 1e-4, name)
  })
})

test_that("predictions and their errors are those of predict(se.fit = TRUE)", {
  skip_without("marginaleffects")
  for_each_fit(leave_out = c("effects", "first_stage", "reduced_form"), function(fit, name) {
    theirs <- marginaleffects::predictions(fit, numderiv = exactly)
    ours <- predict(fit, insight::get_data(fit), se.fit = TRUE)
    expect_close(theirs$estimate, ours$fit, 1e-10, name)
    expect_close(theirs$std.error, ours$se.fit, 1e-8, name)
    means <- colMeans(model.matrix(fit, "regressors"))
    average <- marginaleffects::avg_predictions(fit, numderiv = exactly)
    expect_close(c(average$estimate, average$std.error), c(sum(means * coef(fit)), sqrt(drop(means %*% vcov(fit) %*% means))), 1e-8, name)
  })
})

test_that("comparisons, transformed controls, grids and groups work", {
  skip_without("marginaleffects")
  fits <- quietly(peer_fits())
  ten <- marginaleffects::avg_comparisons(fits$plain, variables = list(posterior = 10), numderiv = exactly)
  expect_close(c(ten$estimate, ten$std.error), 10 * c(coef(fits$plain)[[1]], own_errors(fits$plain)[[1]]), 1e-8)
  log_fit <- miv(pay_claim ~ log(age), peer_experiment())
  slope <- marginaleffects::slopes(log_fit, newdata = marginaleffects::datagrid(age = c(20, 40)), variables = "age")
  expect_close(slope$estimate, coef(log_fit)[["log(age)"]] / c(20, 40), 1e-6)
  groups <- marginaleffects::avg_predictions(fits$plain, by = "region")
  expect_close(groups$estimate, tapply(fitted(fits$plain), kept_labels(fits$plain, "region"), mean)[as.character(groups$region)], 1e-8)
  hypothesis <- marginaleffects::hypotheses(fits$plain, "posterior / female = 1", numderiv = exactly)
  expect_close(hypothesis$estimate, coef(fits$plain)[["posterior"]] / coef(fits$plain)[["female"]] - 1, 1e-8)
  weighted <- marginaleffects::avg_predictions(fits$weighted, wts = "weight")
  expect_close(weighted$estimate, weighted.mean(fitted(fits$weighted), weights(fits$weighted)), 1e-8)
})

test_that("levels of a fit with absorbed effects come with one warning, differences without", {
  skip_without("marginaleffects")
  fit <- quietly(peer_fits())$effects
  warnings <- 0
  withCallingHandlers(levels <- marginaleffects::predictions(fit), miv_warning_absorbed_effects = function(w) {
    warnings <<- warnings + 1
    invokeRestart("muffleWarning")
  })
  expect_equal(warnings, 1)
  expect_close(levels$estimate, fitted(fit), 1e-10)
  expect_no_warning(marginaleffects::avg_comparisons(fit, variables = "posterior"), class = "miv_warning")
})

# insight, parameters and performance, Debian's versions and today's.

test_that("model_parameters() gives estimates, errors, intervals, p values and degrees of freedom of the fit", {
  skip_without("parameters")
  for_each_fit(function(fit, name) {
    table <- as.data.frame(parameters::model_parameters(fit, ci = 0.9))
    ours <- tidy(fit, conf.level = 0.9)
    expect_equal(table$Parameter, ours$term, label = name)
    expect_close(as.matrix(table[c("Coefficient", "SE", "t", "p", "CI_low", "CI_high")]),
                 as.matrix(ours[c("estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high")]), 1e-10, name)
    expect_close(table$df_error, rep_len(fit$df_inference, nrow(table)), 1e-12, name)
  })
})

test_that("`vcov` of model_parameters() changes errors, intervals, p values and degrees of freedom together", {
  skip_without("parameters")
  for_each_fit(function(fit, name) {
    for (kind in list("iid", "HC1", "HC3", ~village, CR(~village, "CR2"))) {
      table <- as.data.frame(parameters::model_parameters(fit, vcov = kind))
      ours <- tidy(fit, vcov = kind)
      expect_close(as.matrix(table[c("SE", "t", "p", "CI_low", "CI_high")]),
                   as.matrix(ours[c("std.error", "statistic", "p.value", "conf.low", "conf.high")]), 1e-10, name)
    }
    for (kind in list(vcov(fit, "iid"), function(x) vcov(x, "iid"))) {
      expect_close(as.data.frame(parameters::model_parameters(fit, vcov = kind))$SE, own_errors(fit, "iid"), 1e-12, name)
    }
    expect_close(as.data.frame(parameters::model_parameters(fit, vcov = vcov(fit)))$p, tidy(fit)$p.value, 1e-10, paste(name, "own matrix"))
  })
})

test_that("sandwich and clubSandwich are reached through `vcov` and `vcov_args`", {
  skip_without("parameters", "sandwich", "clubSandwich")
  fit <- quietly(peer_fits())$terms
  errors <- function(...) as.data.frame(parameters::model_parameters(fit, ...))$SE
  expect_close(errors(vcov = "vcovCL", vcov_args = list(cluster = ~village, type = "HC1")), own_errors(fit, ~village), 1e-8)
  expect_close(errors(vcov = "CL", vcov_args = list(cluster = ~ factor(region), type = "HC1")), own_errors(fit, ~region), 1e-8)
  expect_close(errors(vcov = "CR2", vcov_args = list(cluster = kept_labels(fit, "village"))), own_errors(fit, CR(~village, "CR2")), 1e-7)
})

test_that("standard_error(), p_value() and ci() stand alone too", {
  skip_without("parameters")
  for_each_fit(function(fit, name) {
    expect_close(parameters::standard_error(fit, vcov = "HC3")$SE, own_errors(fit, "HC3"), 1e-12, name)
    expect_close(parameters::p_value(fit)$p, tidy(fit)$p.value, 1e-12, name)
    two <- parameters::ci(fit, ci = c(0.8, 0.95))
    expect_close(cbind(two$CI_low, two$CI_high), rbind(confint(fit, level = 0.8), confint(fit)), 1e-12, name)
  })
})

test_that("keep, digits and print work, and the object's name and class are the user's", {
  skip_without("parameters")
  our_fit <- quietly(peer_fits())$clustered
  table <- parameters::model_parameters(our_fit, keep = "posterior")
  expect_equal(nrow(table), 1)
  expect_equal(attr(table, "object_name"), "our_fit")
  expect_equal(attr(table, "model_class"), "miv")
  expect_match(paste(capture.output(print(table)), collapse = " "), "posterior")
  both <- capture.output(print(parameters::compare_parameters(parameters::model_parameters(our_fit), parameters::model_parameters(ols(our_fit)))))
  expect_match(paste(both, collapse = " "), "posterior")
})

test_that("insight finds response, predictors, data, weights, statistics, family and covariance", {
  skip_without("insight")
  for_each_fit(function(fit, name) {
    expect_equal(insight::find_response(fit), deparse(formula(fit)[[2]]), label = name)
    expect_equal(insight::find_formula(fit)$conditional, formula(fit), ignore_attr = TRUE, label = name)
    expect_setequal(insight::find_predictors(fit, flatten = TRUE), all.vars(formula(fit)[[3]]))
    data <- insight::get_data(fit)
    expect_equal(nrow(data), nobs(fit), label = name)
    expect_true(all(insight::find_predictors(fit, flatten = TRUE) %in% names(data)), label = name)
    expect_equal(insight::get_parameters(fit)$Estimate, unname(coef(fit)), label = name)
    expect_equal(insight::get_statistic(fit)$Statistic, unname(coef(summary(fit))[, 3]), label = name)
    expect_equal(attr(insight::get_statistic(fit), "statistic"), "t-statistic")
    expect_true(insight::model_info(fit)$is_linear, label = name)
    expect_equal(insight::n_obs(fit), nobs(fit), label = name)
    expect_equal(insight::get_df(fit), fit$df.residual, label = name)
    expect_equal(insight::get_df(fit, type = "wald"), unname(fit$df_inference), label = name)
    expect_close(insight::get_varcov(fit), vcov(fit), 1e-12, name)
    for (type in c("iid", "HC1", "HC3")) expect_close(insight::get_varcov(fit, vcov = type), vcov(fit, type), 1e-12, paste(name, type))
  })
  fits <- quietly(peer_fits())
  expect_equal(insight::find_weights(fits$weighted), "weight")
  expect_null(insight::find_weights(fits$plain))
  expect_true(is.factor(insight::get_data(fits$plain)$.side))
})

test_that("performance has R2 and sigma", {
  skip_without("performance")
  for_each_fit(function(fit, name) {
    line <- performance::model_performance(fit)
    expect_equal(c(line$R2, line$Sigma), c(glance(fit)$r.squared, sigma(fit)), label = name)
  })
})

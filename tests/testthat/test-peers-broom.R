# broom and its generics; estimates and errors are those of coef() and vcov().

test_that("broom's tidy() gives coef(), vcov() and the fit's degrees of freedom, under any covariance", {
  skip_without("broom")
  for_each_fit(function(fit, name) {
    for (kind in list(NULL, "iid", "HC3", ~village)) {
      table <- broom::tidy(fit, conf.int = TRUE, conf.level = 0.9, vcov = kind)
      expect_equal(table$estimate, unname(coef(fit)), label = name)
      expect_close(table$std.error, own_errors(fit, vcov = kind), 1e-12, name)
      expect_close(cbind(table$conf.low, table$conf.high), confint(fit, level = 0.9, vcov = kind), 1e-12, name)
      expect_close(table$p.value, coef(summary(fit, vcov = kind))[, 4], 1e-10, name)
    }
    expect_false("conf.low" %in% names(broom::tidy(fit, conf.int = FALSE)))
  })
})

test_that("broom's glance() is one row and augment() one per person kept", {
  skip_without("broom")
  for_each_fit(function(fit, name) {
    expect_equal(nrow(broom::glance(fit)), 1, label = name)
    people <- broom::augment(fit)
    expect_equal(nrow(people), nobs(fit), label = name)
    expect_close(people$.fitted + people$.resid, model.response(model.frame(fit)), 1e-10, name)
  })
})

test_that("a stage of an experiment's fit knows the base arm's mean: of the outcome, in the first stage of the belief", {
  d <- peer_data()
  fit <- miv(pay_claim ~ age, peer_experiment(d))
  base <- d[!is.na(d$age) & !is.na(d$posterior) & d$told == 0, ]
  expect_equal(glance(ols(fit))$control_mean, mean(base$pay_claim), tolerance = 1e-12)
  expect_equal(glance(reduced_form(fit))$control_mean, mean(base$pay_claim), tolerance = 1e-12)
  expect_equal(glance(first_stage(fit))$control_mean, mean(base$posterior), tolerance = 1e-12)
})

test_that("arguments that makers of tables hand on are taken, misspelt ones refused", {
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_equal(tidy(fit, exponentiate = FALSE, coef_rename = FALSE), tidy(fit))
  expect_equal(glance(fit, gof_map = NULL), glance(fit))
  expect_error(tidy(fit, conf.levl = 0.9), class = "miv_error_unknown_argument")
  expect_error(tidy(fit, TRUE, 0.9, NULL, NULL, 3), class = "miv_error_unknown_argument")
  expect_error(tidy(fit, exponentiate = TRUE), class = "miv_error_bad_argument")
})

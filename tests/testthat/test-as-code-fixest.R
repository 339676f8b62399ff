# The fixest lines, run by fixest from the raw data alone: same people, coefficients and standard errors to 1e-8.

test_shared_lines("fixest", expect_same_fit, function() {
  skip_without_feols()
  skip_if_not_installed("clubSandwich")
})

test_that("every covariance, weighted or not, with and without fixed effects", {
  skip_without_feols()
  skip_if_not_installed("clubSandwich")
  d <- coded_data()
  kinds <- list("iid", "HC0", "HC1", "HC2", "HC3", ~group, ~ group + wave, ~ group:wave, CR(~group, "CR0"), CR(~ group + wave, "CR0"), CR(~group, "CR2"), CR(~group, "CR3"))
  for (weights in list(NULL, ~u)) for (formula in list(y ~ age + town, y ~ age + town | wave, y ~ age | village, y ~ age | group)) for (kind in kinds) {
    if (inherits(kind, "miv_cluster") && kind$type %in% c("CR2", "CR3") && grepl("village", deparse(formula))) next
    fit <- quietly(miv(formula, told_experiment(d, weights = weights), vcov = kind))
    expect_same_fit(fit, d, paste(deparse(formula), paste(format(kind), collapse = " "), if (!is.null(weights)) "weighted"), least = 2)
  }
})

test_that("collinear controls are left out, names of the data are not taken, a set ends in a list", {
  skip_without_feols()
  d <- coded_data()
  d$double <- 2 * d$age
  d$people <- d$told
  d$exposure <- 3
  expect_same_fit(quietly(miv(y ~ age + double, told_experiment(d))), d, "collinear", least = 3)
  expect_false(any(grepl("+ double", as_code(quietly(miv(y ~ age + double, told_experiment(d))), "fixest"), fixed = TRUE)))
  set <- quietly(miv(c(y, u) ~ age, told_experiment(d)))
  got <- run_code(as_code(set, "fixest", data = "d"), d)
  expect_named(got, c("y", "u"))
  for (name in names(got)) expect_close(fixest::coeftable(got[[name]])["fit_post", 1:2], first_two(set[[name]]), 1e-8)
})

test_that("where feols() errs: leverage of crossed effects, logical regressors alone, powers under CR2", {
  skip_without_feols()
  skip_if_not_installed("clubSandwich")
  skip_if_not_installed("sandwich")
  d <- coded_data()
  for (kind in list("HC2", "HC3")) expect_same_fit(quietly(miv(y ~ age | town^college, told_experiment(d), vcov = kind)), d, kind)
  expect_same_fit(quietly(tsls(log(y + 3000) ~ age | village, d, vcov = CR(~group, "CR2"))), d, "computed outcome under CR2")
  expect_same_fit(quietly(tsls(log(y + 3000) ~ age | wave, d, vcov = "HC3")), d, "computed outcome")
  expect_same_fit(quietly(miv(y ~ (age > 40) | wave, told_experiment(d), exposure = "arm")), d, "logical")
  expect_same_fit(quietly(miv(y ~ I(wave^2) + (age > 40), told_experiment(d), vcov = CR(~group, "CR2"))), d, "powers")
  expect_same_fit(quietly(miv(y ~ I(wave^2) + (age > 40), told_experiment(d, weights = ~u), vcov = "HC3")), d, "weighted leverage")
})

test_that("predictions, standard errors and intervals of least squares are lm()'s", {
  ours <- tsls(mpg ~ wt * factor(cyl), mtcars, vcov = "iid")
  theirs <- lm(mpg ~ wt * factor(cyl), mtcars)
  new <- data.frame(wt = c(2, 3.5, NA), cyl = c(4, 8, 6))
  expect_equal(predict(ours, new), predict(theirs, new), tolerance = 1e-10)
  expect_equal(predict(ours, new, interval = "confidence", level = 0.9), predict(theirs, new, interval = "confidence", level = 0.9), tolerance = 1e-10)
  expect_equal(predict(ours, new, se.fit = TRUE), predict(theirs, new, se.fit = TRUE), tolerance = 1e-10)
  expect_equal(predict(ours, se.fit = TRUE)$se.fit, predict(theirs, se.fit = TRUE)$se.fit, tolerance = 1e-9, ignore_attr = TRUE)
  expect_equal(predict(ours, new, na.action = na.omit), predict(theirs, new, na.action = na.omit)[1:2], tolerance = 1e-10)
  expect_error(predict(ours, new, na.action = na.fail), "1 row", class = "miv_error_missing_values")
})

test_that("splines, polynomials, contrasts and factors keep in new data the meaning they had in the fit", {
  d <- transform(three_arms(), town2 = C(town, contr.sum), text = as.character(town), old = age > 45)
  form <- y ~ poly(age, 3) + splines::ns(prior, 3) + town2 + text:w + old + scale(w)
  ours <- quietly(tsls(form, d[-(1:2), ]))
  theirs <- lm(form, droplevels(d[-(1:2), ]))
  new <- d[c(10:20), ]
  new$town2 <- as.character(new$town2)
  expect_equal(predict(ours, d[10:20, ]), suppressWarnings(predict(theirs, droplevels(d)[10:20, ])), tolerance = 1e-8)
  expect_equal(predict(ours, new[3, ]), predict(ours, d[12, ]), tolerance = 1e-10)
  expect_equal(predict(ours, d[-(1:2), ])[names(residuals(ours))], fitted(ours), tolerance = 1e-10)
})

test_that("predictions for the people of the fit are its fitted values, from level controls or from the roles they come from", {
  d <- three_arms()
  told <- inflation_experiment()
  fits <- quietly(list(
    miv(pay_claim ~ age + region, told), miv(pay_claim ~ age | region, told, exposure = "gap", arm_control = TRUE),
    miv(pay_claim ~ 1, told, exposure = function(gap) tanh(gap)), miv(y ~ age + town, three_arms_experiment(d, weights = ~w), arm_control = TRUE),
    miv(y ~ age, three_arms_experiment(d, strata = ~town), exposure = "gap"), miv(y ~ town, three_arms_experiment(d), exposure = "arm+gap", pool = FALSE)))
  for (fit in fits) {
    frame <- model.frame(fit)
    roles <- fit$data[names(residuals(fit)), ]
    expect_equal(predict(fit, frame), fitted(fit), tolerance = 1e-10, label = deparse(formula(fit)))
    expect_equal(predict(fit, roles), fitted(fit), tolerance = 1e-10, label = deparse(formula(fit)))
    expect_equal(predict(fit, roles[5, ]), fitted(fit)[5], tolerance = 1e-10)
  }
})

test_that("personal signals come from new data", {
  d <- transform(three_arms(), s = 74 + round(age))
  experiment <- quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = list(low = ~s, high = 94), arm = ~arm))
  fit <- quietly(miv(y ~ age, experiment, exposure = "gap"))
  new <- d[10:12, ]
  expect_equal(predict(fit, new), fitted(fit)[rownames(new)], tolerance = 1e-10)
  before <- predict(fit, new)
  new$s <- new$s + 1
  expect_equal(unname(predict(fit, new) - before), rep(coef(fit)[[".gap_low"]], 3), tolerance = 1e-8)
  new$s <- NULL
  expect_error(predict(fit, new), "`s`", class = "miv_error_unknown_column")
})

test_that("an absorbed effect predicts as its dummies do, weighted or not", {
  d <- random_rows()
  for (weights in list(NULL, ~u)) {
    absorbed <- tsls(y ~ w | f^h | x ~ z, d, weights = weights)
    dummies <- tsls(y ~ w + f:h - 1 | x ~ z, d, weights = weights)
    expect_equal(predict(absorbed, d[20:40, ]), predict(dummies, d[20:40, ]), tolerance = 1e-9)
  }
  new <- transform(d[1:3, ], f = c(NA, "b", "zoo"))
  expect_error(predict(absorbed, new), "zoo", class = "miv_error_unknown_level")
  expect_equal(is.na(predict(absorbed, new[1:2, ])), c("1" = TRUE, "2" = FALSE))
  expect_error(predict(absorbed, d, se.fit = TRUE), class = "miv_error_absorbed_effects")
})

test_that("several absorbed effects are not predicted for new people", {
  skip_if_not_installed("fixest")
  d <- random_rows()
  expect_error(predict(tsls(y ~ w | f + g | x ~ z, d), d), class = "miv_error_absorbed_effects")
})

test_that("first stage, reduced form and ols() predict for new people too, whatever the instruments are made of", {
  d <- three_arms()
  fits <- quietly(list(
    miv(pay_claim ~ age, inflation_experiment(), exposure = "arm+gap"),
    miv(pay_claim ~ age, inflation_experiment(probability = ~ I(0.4 + age / 400)), exposure = "gap"), miv(y ~ age, three_arms_experiment(d, strata = ~town)),
    miv(y ~ age, three_arms_experiment(d, probability = c(low = 0.3, high = 0.3)), exposure = function(gap) gap^3),
    tsls(y ~ age | town | post ~ arm * prior, d, weights = ~w)))
  for (fit in fits) {
    roles <- fit$data[names(residuals(fit)), ]
    for (stage in list(first_stage(fit), reduced_form(fit), ols(fit))) {
      expect_equal(predict(stage, roles), fitted(stage), tolerance = 1e-9, label = deparse(formula(stage)))
      expect_equal(predict(stage, model.frame(stage)), fitted(stage), tolerance = 1e-9, label = deparse(formula(stage)))
    }
  }
})

test_that("what new data lack, or have and the fit has not seen, is named", {
  fit <- miv(pay_claim ~ age + region, inflation_experiment())
  assign("age", 40, globalenv())   # a variable of that name elsewhere is no substitute
  on.exit(rm("age", envir = globalenv()))
  new <- data.frame(posterior = 3, prior = 8, region = "north")
  expect_error(predict(fit, new), "`age`", class = "miv_error_unknown_column")
  new$age <- 40
  expect_error(predict(fit, transform(new, region = "moon")), "moon", class = "miv_error_unknown_level")
  expect_error(predict(fit, transform(new, age = "old")), "age", class = "miv_error_not_numeric")
  expect_error(predict(fit, new[c("posterior", "age", "region")]), "`prior`", class = "miv_error_unknown_column")
  expect_error(predict(fit, as.list(new)), class = "miv_error_not_a_data_frame")
  expect_error(predict(fit, new, interval = "prediction"), class = "miv_error_unknown_interval")
  expect_error(predict(fit, new, se_fit = TRUE), class = "miv_error_unknown_argument")
  arm <- miv(pay_claim ~ 1, inflation_experiment(), arm_control = TRUE)
  expect_error(predict(arm, transform(new, told = 7)), "`told`", class = "miv_error_unknown_level")
})

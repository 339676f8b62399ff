# lm(), ivreg(), sandwich and fixest as references.

cars_ols <- function() tsls(mpg ~ wt + factor(cyl), mtcars, vcov = "iid")
cars_lm <- function() lm(mpg ~ wt + factor(cyl), mtcars)

test_that("a least-squares fit answers as lm() does", {
  ours <- cars_ols()
  theirs <- cars_lm()
  expect_equal(coef(ours), coef(theirs), tolerance = 1e-12)
  expect_equal(variable.names(ours), variable.names(theirs))
  expect_equal(confint(ours), confint(theirs), tolerance = 1e-10)
  expect_equal(confint(ours, "wt", level = 0.9), confint(theirs, "wt", level = 0.9), tolerance = 1e-10)
  expect_equal(confint(ours, 2), confint(theirs, 2), tolerance = 1e-10)
  expect_equal(residuals(ours), residuals(theirs), tolerance = 1e-10)
  expect_equal(fitted(ours), fitted(theirs), tolerance = 1e-12)
  expect_equal(hatvalues(ours), hatvalues(theirs), tolerance = 1e-12)
  expect_equal(sigma(ours), sigma(theirs), tolerance = 1e-12)
  expect_equal(deviance(ours), deviance(theirs), tolerance = 1e-12)
  expect_equal(c(nobs(ours), df.residual(ours)), c(nobs(theirs), df.residual(theirs)))
  expect_null(weights(ours))
  expect_equal(model.matrix(ours)[, ], model.matrix(theirs)[, ])
  expect_equal(attr(model.matrix(ours), "assign"), attr(model.matrix(theirs), "assign"))
  expect_equal(model.response(model.frame(ours)), model.response(model.frame(theirs)))
})

test_that("weights are those of the people kept, and carry residuals, leverage and scores as lm()'s do", {
  skip_if_not_installed("sandwich")
  d <- transform(mtcars, u = c(0, seq(0.5, 2, length.out = 31)))
  d$mpg[5] <- NA
  ours <- tsls(mpg ~ wt + hp, d, weights = ~u)
  theirs <- lm(mpg ~ wt + hp, d, weights = u, subset = u > 0)
  expect_equal(weights(ours), d$u[-c(1, 5)])
  expect_equal(residuals(ours), residuals(theirs), tolerance = 1e-10)
  expect_equal(hatvalues(ours), hatvalues(theirs), tolerance = 1e-10)
  expect_equal(sandwich::estfun(ours)[, ], sandwich::estfun(theirs)[, ], tolerance = 1e-9, ignore_attr = TRUE)
  expect_equal(sigma(ours), sigma(theirs), tolerance = 1e-12)
  expect_equal(model.frame(ours)[["(weights)"]], weights(ours))
})

test_that("without a constant the fit is lm()'s, too", {
  ours <- tsls(mpg ~ wt + factor(cyl) - 1, mtcars)
  theirs <- lm(mpg ~ wt + factor(cyl) - 1, mtcars)
  expect_equal(residuals(ours), residuals(theirs), tolerance = 1e-10)
  expect_equal(hatvalues(ours), hatvalues(theirs), tolerance = 1e-10)
  expect_equal(predict(ours, mtcars[3:5, ]), predict(theirs, mtcars[3:5, ]), tolerance = 1e-10)
  expect_equal(formula(ours), formula(theirs), ignore_attr = TRUE)
})

test_that("a TSLS fit answers as ivreg() does", {
  for (maker in ivreg_peers()) {
    ours <- tsls(mpg ~ wt | c(hp, qsec) ~ disp + drat + gear, mtcars, vcov = "iid")
    theirs <- maker(mpg ~ hp + qsec + wt | disp + drat + gear + wt, data = mtcars)
    order <- names(coef(ours))
    expect_equal(coef(ours), coef(theirs)[order], tolerance = 1e-9)
    expect_equal(residuals(ours), residuals(theirs), tolerance = 1e-9)
    expect_equal(fitted(ours), fitted(theirs), tolerance = 1e-9)
    for (part in c("projected", "regressors")) {
      expect_equal(model.matrix(ours, component = part)[, ], model.matrix(theirs, component = part)[, order], tolerance = 1e-9, ignore_attr = TRUE)
    }
    instruments <- model.matrix(theirs, component = "instruments")
    expect_equal(model.matrix(ours, component = "instruments")[, ], instruments[, c("(Intercept)", "wt", "disp", "drat", "gear")], ignore_attr = TRUE)
    expect_equal(predict(ours, mtcars[1:3, ]), predict(theirs, mtcars[1:3, ]), tolerance = 1e-9)
    expect_equal(vcov(ours), vcov(theirs)[order, order], tolerance = 1e-8)
  }
})

test_that("leverage is the diagonal of the projected regressors' hat matrix", {
  fit <- tsls(mpg ~ wt | hp ~ disp + drat, mtcars)
  x <- model.matrix(fit)
  expect_equal(hatvalues(fit), diag(x %*% solve(crossprod(x)) %*% t(x)), tolerance = 1e-9)
  expect_equal(sum(hatvalues(fit)), 3, tolerance = 1e-12)
  skip_if_not_installed("ivreg")
  expect_equal(hatvalues(fit), hatvalues(ivreg::ivreg(mpg ~ hp + wt | disp + drat + wt, data = mtcars)), tolerance = 1e-9)
})

test_that("na.exclude pads residuals, fitted values and leverage to the rows of the data, as lm() does", {
  d <- airquality
  ours <- tsls(Ozone ~ Wind + Temp, d, na.action = na.exclude)
  theirs <- lm(Ozone ~ Wind + Temp, d, na.action = na.exclude)
  expect_equal(residuals(ours), residuals(theirs), tolerance = 1e-10)
  expect_equal(fitted(ours), fitted(theirs), tolerance = 1e-10)
  expect_equal(predict(ours), predict(theirs), tolerance = 1e-10)
  expect_length(hatvalues(ours), nrow(d))
  expect_equal(nrow(model.matrix(ours)), nobs(ours))
  expect_length(residuals(tsls(Ozone ~ Wind + Temp, d)), nobs(ours))
})

test_that("residuals and fitted values add to the outcome on NIST's worst columns, and residuals have NIST's sum of squares", {
  filip <- utils::read.csv(shared_file("nist/Filip.csv"))
  for (p in 2:10) filip[[paste0("x", p)]] <- filip$x^p
  fit <- quietly(tsls(reformulate(c("x", paste0("x", 2:10)), "y"), filip))
  expect_equal(unname(residuals(fit) + fitted(fit)), filip$y, tolerance = 1e-14)
  expect_equal(sum(residuals(fit)^2), 0.795851382172941e-3, tolerance = 1e-8)
  expect_equal(sum(hatvalues(fit)), 11, tolerance = 1e-8)
})

test_that("1e8 added to a control changes no residual, fitted value, leverage or score of the belief", {
  skip_if_not_installed("sandwich")
  near <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  far <- tsls(mpg ~ wt | hp ~ disp, transform(mtcars, wt = wt + 1e8))
  expect_equal(residuals(far), residuals(near), tolerance = 1e-7)
  expect_equal(hatvalues(far), hatvalues(near), tolerance = 1e-6)
  expect_equal(sandwich::estfun(far)[, "hp"], sandwich::estfun(near)[, "hp"], tolerance = 1e-7)
  expect_equal(predict(far, transform(mtcars, wt = wt + 1e8)), predict(near, mtcars), tolerance = 1e-7)
})

# ---- sandwich ----

expect_sandwich <- function(fit) {
  expect_close(sandwich::sandwich(fit), vcov(fit, "HC0"), 1e-8, "sandwich")
  for (type in c("HC0", "HC1", "HC2", "HC3")) expect_close(sandwich::vcovHC(fit, type), vcov(fit, type), 1e-8, type)
}

test_that("sandwich() and vcovHC() of a fit are its own covariances, in both doors, weighted and over-identified", {
  skip_if_not_installed("sandwich")
  d <- random_rows()
  expect_sandwich(tsls(y ~ w + f | x ~ z, d))
  expect_sandwich(tsls(y ~ w + f | x + x2 ~ z + z2 + z:w, d, weights = ~u))
  expect_sandwich(tsls(y ~ w + f, d))
  for (exposure in c("sign", "gap", "arm", "arm+gap", "arm+sign")) expect_sandwich(miv(pay_claim ~ age + region, inflation_experiment(), exposure = exposure))
})

test_that("scores valid under heterogeneous effects go through estfun()", {
  skip_if_not_installed("sandwich")
  fit <- tsls(y ~ w + f | x + x2 ~ z + z2 + z:w, random_rows(), weights = ~u, scores = "heterogeneous")
  expect_close(sandwich::sandwich(fit), vcov(fit, "HC0"), 1e-8)
  expect_gt(max(abs(vcov(fit) / vcov(fit, scores = "usual") - 1)), 1e-4)
})

test_that("with an absorbed effect sandwich() is HC0, and vcovHC() differs by the count of coefficients only", {
  skip_if_not_installed("sandwich")
  for (weights in list(NULL, ~u)) {
    fit <- tsls(y ~ w | f | x ~ z + z2, random_rows(), weights = weights)
    expect_close(sandwich::sandwich(fit), vcov(fit, "HC0"), 1e-8)
    for (type in c("HC0", "HC2", "HC3")) expect_close(sandwich::vcovHC(fit, type), vcov(fit, type), 1e-8, type)
    expect_close(sandwich::vcovHC(fit, "HC1") * (700 - 2) / (700 - 6), vcov(fit, "HC1"), 1e-8)
  }
})

test_that("vcovCL(fit, ~ g) finds the clusters: missing rows, subset, data changed or gone, data given as an expression, inside a function", {
  skip_if_not_installed("sandwich")
  d <- random_rows()
  d$y[3] <- NA
  d$w[70] <- NA
  fits <- local({
    mine <- d
    cut <- 1
    rows <- list(tsls(y ~ w + f | x ~ z, mine, subset = v > cut - 1), tsls(y ~ w + f | x ~ z, data = mine[mine$v > 0, ], na.action = "exclude"),
                 do.call(tsls, list(y ~ w + f | x ~ z, mine, na.action = na.exclude)), tsls(y ~ w | f | x ~ z, mine, weights = ~u))
    mine <- NULL
    rows
  })
  for (fit in fits) expect_close(sandwich::vcovCL(fit, ~g, type = "HC0", cadjust = FALSE), vcov(fit, CR(~g, "CR0")), 1e-8)
  survey <- inflation_experiment()
  fit <- miv(pay_claim ~ age, survey, subset = age < 60)
  survey <- NULL
  expect_close(sandwich::vcovCL(fit, ~age, type = "HC0", cadjust = FALSE), vcov(fit, CR(~age, "CR0")), 1e-8)
})

test_that("lmtest::coeftest() is the table of the fit", {
  skip_if_not_installed("lmtest")
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_equal(lmtest::coeftest(fit)[, ], summary(fit)$coefficients, tolerance = 1e-12, ignore_attr = TRUE)
})

# ---- absorbed effects ----

test_that("an absorbed effect is its dummies: residuals, fitted values, leverage; the model matrix is net of it", {
  for (weights in list(NULL, ~u)) {
    absorbed <- tsls(y ~ w | f | x ~ z + z2, random_rows(), weights = weights)
    dummies <- tsls(y ~ w + f | x ~ z + z2, random_rows(), weights = weights)
    expect_equal(residuals(absorbed), residuals(dummies), tolerance = 1e-9)
    expect_equal(fitted(absorbed), fitted(dummies), tolerance = 1e-9)
    expect_equal(hatvalues(absorbed), hatvalues(dummies), tolerance = 1e-9)
    x <- model.matrix(dummies)
    net <- lm.wfit(x[, -(1:2 + c(0, 1))], x[, c("x", "w")], if (is.null(weights)) rep(1, 700) else random_rows()$u)$residuals
    expect_equal(model.matrix(absorbed)[, ], net[, ], tolerance = 1e-8, ignore_attr = TRUE)
  }
})

test_that("two absorbed effects have fixest's residuals", {
  skip_if_not_installed("fixest")
  d <- random_rows()
  ours <- tsls(y ~ w | g + g2 | x ~ z, d, weights = ~u)
  theirs <- fixest::feols(y ~ w | g + g2 | x ~ z, d, weights = ~u, notes = FALSE)
  expect_equal(unname(residuals(ours)), unname(residuals(theirs)), tolerance = 1e-6)
  expect_equal(unname(fitted(ours)), d$y - unname(residuals(theirs)), tolerance = 1e-6)   # feols() fits with the projected belief
  expect_error(hatvalues(ours), class = "miv_error_unknown_covariance")
})

# ---- refusals and sets ----

test_that("a coefficient that is not there, a level outside 0 to 1 and a misspelt argument are refused", {
  fit <- cars_ols()
  expect_error(confint(fit, "wd"), "Did you mean `wt`", class = "miv_error_unknown_coefficient")
  expect_error(confint(fit, 9), class = "miv_error_unknown_coefficient")
  expect_error(confint(fit, level = 95), class = "miv_error_bad_level")
  expect_error(confint(fit, vcv = "HC1"), class = "miv_error_unknown_argument")
  expect_error(model.matrix(fit, component = "projetced"), class = "miv_error_unknown_component")
  expect_error(formula(fit, component = "flatt"), class = "miv_error_unknown_component")
})

test_that("confint() of a clustered fit uses t with G - 1", {
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  half <- qt(0.975, 2) * sqrt(diag(vcov(fit, ~cyl)))
  expect_equal(confint(fit, vcov = ~cyl)[, 2] - coef(fit), half, tolerance = 1e-12)
})

test_that("several outcomes answer each for itself, on their own complete people", {
  d <- transform(mtcars, qsec = replace(qsec, 1:4, NA))
  both <- tsls(c(mpg, qsec) ~ wt | hp ~ disp, d)
  alone <- tsls(qsec ~ wt | hp ~ disp, d)
  expect_equal(nobs(both), c(mpg = 32L, qsec = 28L))
  expect_equal(coef(both)$qsec, coef(alone))
  expect_equal(vcov(both)$qsec, vcov(alone))
  expect_equal(confint(both, level = 0.9)$qsec, confint(alone, level = 0.9))
  expect_equal(residuals(both)$qsec, residuals(alone))
  expect_equal(coef(update(both, . ~ . + am))$qsec, coef(update(alone, . ~ . + am)))
})

# lmtest, car and, through coeftest(), stargazer.

test_that("coeftest() is coef(summary()) and coefci() is confint(), with the fit's own degrees of freedom", {
  skip_without("lmtest")
  for_each_fit(function(fit, name) {
    expect_close(unclass(lmtest::coeftest(fit))[, 1:4], coef(summary(fit)), 1e-10, name)
    expect_close(lmtest::coefci(fit, level = 0.9), confint(fit, level = 0.9), 1e-12, name)
    for (kind in list("HC3", ~village, CR(~village, "CR2"))) {
      expect_close(unclass(lmtest::coeftest(fit, vcov. = kind))[, 1:4], coef(summary(fit, vcov = kind)), 1e-10, name)
    }
    expect_close(lmtest::coeftest(fit, vcov. = vcov(fit))[, 4], coef(summary(fit))[, 4], 1e-10, paste(name, "own matrix"))
    expect_close(lmtest::coeftest(fit, vcov. = function(x) vcov(x, "HC0"), df = 9)[, 4], 2 * pt(-abs(coef(fit) / own_errors(fit, "HC0")), 9), 1e-10, name)
  })
  fit <- quietly(peer_fits())$plain
  expect_equal(rownames(lmtest::coefci(fit, "age")), "age")
  expect_error(lmtest::coefci(fit, "agee"), class = "miv_error_unknown_coefficient")
})

test_that("coeftest() hands its dots to a covariance function, sandwich's among them", {
  skip_without("lmtest", "sandwich")
  fit <- quietly(peer_fits())$plain
  expect_close(lmtest::coeftest(fit, vcov. = sandwich::vcovHC, type = "HC3")[, 2], own_errors(fit, "HC3"), 1e-8)
  expect_close(lmtest::coeftest(fit, vcov. = sandwich::vcovCL, cluster = ~village, type = "HC1")[, 2], own_errors(fit, ~village), 1e-8)
})

test_that("waldtest() of nested fits is the Wald statistic of what is left out", {
  skip_without("lmtest")
  fits <- quietly(peer_fits())
  both <- lmtest::waldtest(fits$clustered, . ~ . - age - female)
  at <- c("age", "female")
  wald_of <- function(fit, at, ...) drop(coef(fit)[at] %*% solve(vcov(fit, ...)[at, at]) %*% coef(fit)[at])
  expect_close(both$Chisq[2], wald_of(fits$clustered, at), 1e-8)
  expect_close(lmtest::waldtest(fits$effects, vcov = "HC3")$Chisq[2], wald_of(fits$effects, "age", "HC3"), 1e-8)
  smaller <- lmtest::waldtest(fits$clustered, fits$few, test = "F", vcov = function(x) vcov(x, "HC1"))
  expect_close(smaller$F[2], (coef(fits$plain)[["female"]] / own_errors(fits$plain)[["female"]])^2, 1e-8)
})

test_that("linearHypothesis() and deltaMethod() use the fit's covariance", {
  skip_without("car")
  for_each_fit(function(fit, name) {
    lead <- leading_term(fit)
    hypothesis <- diag(length(coef(fit)))[1, , drop = FALSE]
    expect_close(car::linearHypothesis(fit, hypothesis)$Chisq[2], (coef(fit)[[1]] / own_errors(fit)[[1]])^2, 1e-8, name)
    expect_close(car::linearHypothesis(fit, hypothesis, vcov. = vcov(fit, "HC3"))$Chisq[2], (coef(fit)[[1]] / own_errors(fit, "HC3")[[1]])^2, 1e-8, name)
    if (make.names(lead) != lead) return()
    expect_close(unlist(car::deltaMethod(fit, sprintf("3 * %s", lead)))[1:2], 3 * c(coef(fit)[[1]], own_errors(fit)[[1]]), 1e-7, name)
  })
  fit <- quietly(peer_fits())$clustered
  ratio <- car::deltaMethod(fit, "posterior / female")
  slope <- c(1 / coef(fit)[["female"]], -coef(fit)[["posterior"]] / coef(fit)[["female"]]^2)
  v <- vcov(fit)[c("posterior", "female"), c("posterior", "female")]
  expect_close(ratio$SE, sqrt(drop(slope %*% v %*% slope)), 1e-7)
  expect_close(car::linearHypothesis(fit, "posterior = 0.2", test = "F")$F[2], ((coef(fit)[[1]] - 0.2) / own_errors(fit)[[1]])^2, 1e-8)
})

test_that("stargazer shows the numbers of coeftest()", {
  skip_without("lmtest", "stargazer")
  fits <- quietly(peer_fits())[c("plain", "clustered", "effects")]
  tests <- lapply(fits, lmtest::coeftest)
  text <- capture.output(suppressMessages(stargazer::stargazer(tests, type = "text", keep = "posterior", digits = 6, star.cutoffs = NA)))
  numbers <- function(line) as.numeric(regmatches(line, gregexpr("[0-9]*[.][0-9]+", line))[[1]])
  at <- grep("^posterior", text)
  expect_equal(numbers(text[at]), unname(round(vapply(fits, function(fit) coef(fit)[[1]], 0), 6)))
  expect_equal(numbers(text[at + 1]), unname(round(vapply(fits, function(fit) own_errors(fit)[[1]], 0), 6)))
})

# sandwich on fits of AER and ivreg, estimatr and clubSandwich: the same covariances by other hands.

# One of the two: each overwrites the other's methods.
ivreg_maker <- function() {
  if (requireNamespace("AER", quietly = TRUE)) return(AER::ivreg)
  if (requireNamespace("ivreg", quietly = TRUE)) return(ivreg::ivreg)
  skip("neither AER nor ivreg")
}

iv_models <- list(
  list(ours = y ~ w + f | x ~ z, theirs = y ~ x + w + f | z + w + f),
  list(ours = y ~ w + f | x ~ z + z2, theirs = y ~ x + w + f | z + z2 + w + f),
  list(ours = y ~ w | x + x2 ~ z + z2 + z:w, theirs = y ~ x + x2 + w | z + z2 + z:w + w)
)

for_each_peer <- function(check) {
  maker <- ivreg_maker()
  d <- random_rows(seed = 31)
  for (model in iv_models) check(tsls(model$ours, d), maker(model$theirs, data = d), d, deparse(model$ours))
}

expect_same_vcov <- function(ours, theirs, label, tolerance = 1e-8) {
  expect_close(ours[rownames(theirs), colnames(theirs)], theirs, tolerance, label)
}

test_that("coefficients, iid and residual standard error are those of ivreg()", {
  for_each_peer(function(ours, theirs, d, label) {
    expect_close(coef(ours)[names(coef(theirs))], coef(theirs), 1e-10, label)
    expect_same_vcov(vcov(ours, "iid"), stats::vcov(theirs), label)
    expect_close(ours$sigma, summary(theirs)$sigma, 1e-10, label)
    expect_equal(ours$df.residual, theirs$df.residual, label = label)
  })
})

# AER and ivreg disagree on hat values; ours are the diagonal of the projected regressors' hat matrix.
hat_of_second_stage <- function(fit) {
  x <- model.matrix(fit, component = "projected")
  rowSums((x %*% chol2inv(qr.R(qr(x)))) * x)
}

vcov_by_hat <- function(fit, hat, type) {
  sandwich::vcovHC(fit, omega = function(residuals, diaghat, df) residuals^2 / (1 - hat)^(if (type == "HC3") 2 else 1))
}

test_that("HC0 to HC3 are sandwich's, with the hat matrix of the second stage", {
  skip_if_not_installed("sandwich")
  for_each_peer(function(ours, theirs, d, label) {
    for (type in c("HC0", "HC1")) expect_same_vcov(vcov(ours, type), sandwich::vcovHC(theirs, type = type), paste(label, type))
    hat <- hat_of_second_stage(theirs)
    for (type in c("HC2", "HC3")) expect_same_vcov(vcov(ours, type), vcov_by_hat(theirs, hat, type), paste(label, type))
  })
})

test_that("one-way CR1 is vcovCL's HC1, and CR0 its HC0 without cadjust", {
  skip_if_not_installed("sandwich")
  for_each_peer(function(ours, theirs, d, label) {
    expect_same_vcov(vcov(ours, ~g), sandwich::vcovCL(theirs, d$g, type = "HC1"), label)
    expect_same_vcov(vcov(ours, CR(~g, "CR0")), sandwich::vcovCL(theirs, d$g, type = "HC0", cadjust = FALSE), label)
  })
})

test_that("two-way CR0 is vcovCL's; CR1 has one factor by the smallest number of clusters where vcovCL has three", {
  skip_if_not_installed("sandwich")
  for_each_peer(function(ours, theirs, d, label) {
    cr0 <- sandwich::vcovCL(theirs, d[c("g", "g2")], type = "HC0", cadjust = FALSE, fix = TRUE)   # negative eigenvalues to 0
    expect_same_vcov(quietly(vcov(ours, CR(~ g + g2, "CR0"))), cr0, label)
    n <- nobs(ours)
    smallest <- min(length(unique(d$g)), length(unique(d$g2)))
    factor <- smallest / (smallest - 1) * (n - 1) / (n - length(coef(ours)))
    expect_same_vcov(quietly(vcov(ours, ~ g + g2)), cr0 * factor, label)
  })
})

test_that("least squares has lm()'s HC0 to HC3, weighted or not", {
  skip_if_not_installed("sandwich")
  d <- random_rows(seed = 32)
  for (weights in list(NULL, d$u)) {
    ours <- tsls(y ~ x + w + f + h, d, weights = if (!is.null(weights)) ~u)
    theirs <- lm(y ~ x + w + f + h, d, weights = weights)
    for (type in c("HC0", "HC1", "HC2", "HC3")) expect_same_vcov(vcov(ours, type), sandwich::vcovHC(theirs, type = type), type)
    expect_same_vcov(vcov(ours, ~g), sandwich::vcovCL(theirs, d$g, type = "HC1"), "cluster")
  }
})

test_that("estimatr::iv_robust gives the same classical, HC0, HC1, stata and CR0 errors and degrees of freedom", {
  skip_if_not_installed("estimatr")
  d <- random_rows(seed = 33)
  kinds <- list(classical = "iid", HC0 = "HC0", HC1 = "HC1", HC2 = "HC2", HC3 = "HC3", stata = ~g, CR0 = CR(~g, "CR0"))
  for (model in iv_models) for (kind in names(kinds)) {
    clusters <- if (kind %in% c("stata", "CR0")) d$g
    theirs <- suppressWarnings(estimatr::iv_robust(model$theirs, d, se_type = kind, clusters = clusters))
    ours <- tsls(model$ours, d, vcov = kinds[[kind]])
    at <- names(coef(theirs))
    expect_close(std_errors(ours)[at], theirs$std.error, 1e-8, paste(deparse(model$ours), kind))
    if (kind != "CR0") expect_equal(unname(rep(ours$df_inference, length(at))), unname(theirs$df), label = kind)
  }
})

test_that("estimatr::lm_robust gives the same HC2 and HC3 for least squares with an absorbed effect", {
  skip_if_not_installed("estimatr")
  d <- random_rows(seed = 34)
  for (kind in c("HC0", "HC1", "HC2", "HC3")) {
    theirs <- estimatr::lm_robust(y ~ x + w, d, fixed_effects = ~g, se_type = kind)
    expect_close(std_errors(tsls(y ~ x + w | g, d, vcov = kind))[c("x", "w")], theirs$std.error, 1e-8, kind)
  }
})

stages_of <- function(fit) list(first_stage = first_stage(fit), reduced_form = reduced_form(fit), ols = ols(fit))

various_fits <- function() {
  d <- random_rows()
  d$y[5] <- NA
  d$x[9] <- NA
  told <- inflation_experiment()
  two_effects <- if (requireNamespace("fixest", quietly = TRUE)) list(quietly(tsls(y ~ w | g + g2 | x ~ z, d, vcov = ~g)))   # demeaned there
  quietly(c(list(
    tsls(y ~ w + f | x ~ z, d), tsls(y ~ w | f | x ~ z + z2, d, weights = ~u, vcov = "HC3"),
    tsls(y ~ w - 1 | x ~ z + z2, d, vcov = "iid"), tsls(y ~ w | x ~ z + I(2 * z) + I(w + 1), d, vcov = ~ g + g2), miv(pay_claim ~ age | region, told),
    miv(pay_claim ~ age, told, exposure = "arm+sign", vcov = ~region), miv(y ~ age, three_arms_experiment(strata = ~town, weights = ~w), pool = FALSE)), two_effects))
}

test_that("all three are fits of the same people, with the same kind of covariance", {
  for (fit in various_fits()) {
    for (stage in stages_of(fit)) {
      expect_equal(nobs(stage), nobs(fit))
      expect_equal(names(residuals(stage)), names(residuals(fit)))
      expect_equal(weights(stage), weights(fit))
      expect_equal(stage$vcov_kind[c("type", "cluster", "n_clusters")], fit$vcov_kind[c("type", "cluster", "n_clusters")])
      expect_equal(stage$fixed_effects, fit$fixed_effects)
    }
  }
})

test_that("they are lm() fits of belief or outcome, instruments or beliefs first", {
  d <- random_rows()
  fit <- tsls(y ~ w + f | x ~ z + z2, d, vcov = "iid", weights = ~u)
  forms <- list(first_stage = x ~ z + z2 + w + f, reduced_form = y ~ z + z2 + w + f, ols = y ~ x + w + f)
  for (kind in names(forms)) {
    theirs <- summary(lm(forms[[kind]], d, weights = u))$coefficients
    ours <- summary(stages_of(fit)[[kind]])$coefficients
    lead <- if (kind == "ols") "x" else c("z", "z2")
    expect_equal(rownames(ours), c(lead, "(Intercept)", "w", "fb", "fc", "fd"))
    expect_equal(ours, theirs[rownames(ours), ], tolerance = 1e-9)
  }
})

test_that("the F of the instruments is that of the fit, to 1e-10, under every covariance", {
  for (fit in various_fits()) {
    expect_equal(glance(first_stage(fit))$first_stage_F, glance(fit)$first_stage_F, tolerance = 1e-10)
    for (kind in list("iid", "HC0", "HC1", "HC2", "HC3", ~told, ~g)) {
      if (length(fit$fixed_effects) > 1 && identical(kind, "HC2") || identical(kind, "HC3") && length(fit$fixed_effects) > 1) next
      if (is.call(kind) && !all(all.vars(kind) %in% names(fit$data))) next
      f <- glance(fit, vcov = kind)$first_stage_F
      if (!is.na(f) && f > 1e15) next  # scores that add to 0 in each of two clusters: rounding over rounding
      expect_equal(glance(first_stage(fit), vcov = kind)$first_stage_F, f, tolerance = 1e-10, label = deparse(kind))
    }
  }
})

test_that("the first stage of each belief is a fit of its own", {
  d <- random_rows()
  fit <- tsls(y ~ w | x + x2 ~ z + z2 + v, d)
  both <- first_stage(fit)
  expect_s3_class(both, "miv_set")
  expect_equal(names(both), c("x", "x2"))
  expect_equal(vapply(both, function(stage) glance(stage)$first_stage_F, 0), fit$first_stage$F, tolerance = 1e-10)
  expect_equal(coef(both$x2)["z2"], coef(lm(x2 ~ z + z2 + v + w, d))["z2"], tolerance = 1e-10)
  expect_equal(unique(tidy(both)$outcome), c("x", "x2"))
})

test_that("just identified, reduced form over first stage is the estimate", {
  for (fit in Filter(function(fit) !fit$over_identified, various_fits())) {
    expect_equal(coef(reduced_form(fit))[[1]] / coef(first_stage(fit))[[1]], coef(fit)[[1]], tolerance = 1e-10)
  }
})

test_that("an instrument that the fit dropped stays dropped, and the controls stay", {
  fit <- quietly(tsls(mpg ~ wt | hp ~ I(wt + 1) + disp + I(2 * disp), mtcars))
  expect_equal(names(coef(first_stage(fit))), c("disp", "(Intercept)", "wt"))
  expect_equal(glance(first_stage(fit))$first_stage_F, glance(fit)$first_stage_F, tolerance = 1e-10)
})

test_that("the effective F is the F with one instrument, and follows its formula with several", {
  skip_if_not_installed("sandwich")
  d <- random_rows()
  for (kind in list("HC1", ~g)) {
    one <- glance(first_stage(tsls(y ~ w + f | x ~ z, d, vcov = kind)))
    expect_equal(one$effective_F, one$first_stage_F, tolerance = 1e-10)
  }
  fit <- first_stage(tsls(y ~ w + f | x ~ z + z2 + v, d, weights = ~u))
  net <- residuals(lm(cbind(z, z2, v) ~ w + f, d, weights = u))
  theirs <- lm(x ~ z + z2 + v + w + f, d, weights = u)
  v <- sandwich::vcovHC(theirs, "HC1")[2:4, 2:4]
  q <- crossprod(net * sqrt(d$u))
  pi <- coef(theirs)[2:4]
  expect_equal(glance(fit)$effective_F, drop(pi %*% q %*% pi) / sum(diag(v %*% q)), tolerance = 1e-8)
  iid <- glance(first_stage(tsls(y ~ w + f | x ~ z + z2 + v, d, vcov = "iid")))
  expect_equal(iid$effective_F, iid$first_stage_F, tolerance = 1e-8)
})

test_that("with two beliefs there is no effective F", {
  expect_true(is.na(glance(first_stage(tsls(y ~ w | x + x2 ~ z + z2 + v, random_rows()))$x)$effective_F))
})

test_that("a first stage prints its F and, with several instruments, the effective F", {
  fit <- tsls(mpg ~ wt | hp ~ disp + drat, mtcars)
  expect_output(print(first_stage(fit)), "F = .* on 2 and 28 degrees of freedom; effective F = ")
  expect_output(print(first_stage(tsls(mpg ~ wt | hp ~ disp, mtcars))), "F = .* on 1 and 29 degrees of freedom[.]")
})

test_that("they answer every method", {
  skip_if_not_installed("sandwich")
  for (fit in various_fits()[c(2, 4, 5, 7)]) {
    for (stage in stages_of(fit)) {
      expect_output(print(stage))
      expect_output(print(summary(stage)))
      expect_equal(residuals(stage) + fitted(stage), model.response(model.frame(stage)), tolerance = 1e-12)
      expect_equal(vcov(stage, "HC0"), sandwich::sandwich(stage), tolerance = 1e-8, ignore_attr = TRUE)
      expect_equal(dim(confint(stage)), c(length(coef(stage)), 2))
      expect_equal(nrow(augment(stage)), nobs(fit))
      expect_equal(sum(hatvalues(stage)), stage$rank, tolerance = 1e-8)
      expect_equal(coef(quietly(update(stage, . ~ .))), coef(stage))
    }
  }
})

test_that("sets of fits have sets of stages; least squares has none", {
  both <- tsls(c(mpg, qsec) ~ 1 | hp + wt ~ disp + drat, mtcars)
  expect_equal(names(first_stage(both)), c("mpg.hp", "mpg.wt", "qsec.hp", "qsec.wt"))
  expect_equal(names(ols(both)), c("mpg", "qsec"))
  expect_error(first_stage(tsls(mpg ~ wt, mtcars)), class = "miv_error_no_instruments")
  expect_error(ols(first_stage(tsls(mpg ~ wt | hp ~ disp, mtcars))), class = "miv_error_no_instruments")
  expect_error(reduced_form(lm(mpg ~ wt, mtcars)), class = "miv_error_not_a_fit")
})

test_that("a covariance that is a function is called on the stage, one that is a matrix gives way to HC1 with a note", {
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars, vcov = function(fit) vcov(fit, "HC3"))
  expect_equal(vcov(first_stage(fit)), vcov(first_stage(fit), "HC3"))
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars, vcov = diag(3))
  expect_message(stage <- ols(fit), "HC1", class = "miv_message_covariance")
  expect_equal(vcov(stage), vcov(stage, "HC1"))
})

# What the method note, section 2 (and 5), marks [id]: it holds to rounding error in every sample, here on random data.

dummy <- function(x) outer(as.character(x), sort(unique(as.character(x)))[-1], "==") + 0

# ---- just identified: reduced form over first stage ----

slope_of <- function(formula, data, weights = rep(1, nrow(data))) {
  data$.weight <- weights
  unname(coef(lm(formula, data, weights = .weight))["z"])
}

test_that("just identified, the estimate is the reduced form over the first stage", {
  d <- random_rows()
  expect_close(coef(tsls(y ~ w + f | x ~ z, d))[[1]], slope_of(y ~ z + w + f, d) / slope_of(x ~ z + w + f, d), 1e-11)
  expect_close(coef(tsls(y ~ w | f | x ~ z, d))[[1]], slope_of(y ~ z + w + f, d) / slope_of(x ~ z + w + f, d), 1e-11)
  weighted <- tsls(y ~ w + f | x ~ z, d, weights = ~u)
  expect_close(coef(weighted)[[1]], slope_of(y ~ z + w + f, d, weights = d$u) / slope_of(x ~ z + w + f, d, weights = d$u), 1e-11)
})

test_that("the first stage kept in the fit is lm()'s", {
  d <- random_rows()
  first <- tsls(y ~ w + f | c(x, x2) ~ z + z2, d)$first_stage$coefficients
  for (belief in c("x", "x2")) {
    own <- lm(reformulate(c("w", "f", "z", "z2"), belief), d)
    expect_close(first[names(coef(own)), belief], coef(own), 1e-11, belief)
  }
})

test_that("for each exposure of a just identified miv(), the estimate is the reduced form over the first stage", {
  d <- random_experiment_data()
  d$tanh <- tanh(d$gap / 10)
  experiment <- told_experiment(d)
  ratio <- function(instrument, controls) {
    form <- function(y) reformulate(c("z", controls), y)
    d$z <- instrument
    slope_of(form("y"), d) / slope_of(form("post"), d)
  }
  expect_close(coef(quietly(miv(y ~ age, experiment)))[[1]], ratio(d$told * d$side, c("factor(side)", "age")), 1e-11)
  expect_close(coef(quietly(miv(y ~ age, experiment, arm_control = TRUE)))[[1]], ratio(d$told * d$side, c("factor(side)", "told", "age")), 1e-11)
  expect_close(coef(quietly(miv(y ~ age, experiment, exposure = "gap")))[[1]], ratio(d$told * d$gap, c("gap", "age")), 1e-11)
  expect_close(coef(quietly(miv(y ~ age, experiment, exposure = "gap", arm_control = TRUE)))[[1]], ratio(d$told * d$gap, c("gap", "told", "age")), 1e-11)
  expect_close(coef(quietly(miv(y ~ age, experiment, exposure = "arm")))[[1]], ratio(d$told, "age"), 1e-11)
  expect_close(coef(quietly(miv(y ~ age, experiment, exposure = function(gap) tanh(gap / 10))))[[1]], ratio(d$told * d$tanh, c("tanh", "age")), 1e-11)
})

# ---- the two sides ----

# sum over sides of n_s p_s (1 - p_s) s dX_s Wald_s, over the same without the Wald ratio; n and p weighted where weights are given.
sides_mean <- function(d, weights = rep(1, nrow(d)), outcome = d$y) {
  part <- vapply(sort(unique(d$side)), function(s) {
    own <- d$side == s
    p <- weighted.mean(d$told[own], weights[own])
    moved <- function(v) weighted.mean(v[own & d$told == 1], weights[own & d$told == 1]) - weighted.mean(v[own & d$told == 0], weights[own & d$told == 0])
    sum(weights[own]) * p * (1 - p) * s * c(moved(d$post), moved(outcome))
  }, c(0, 0))
  sum(part[2, ]) / sum(part[1, ])
}

test_that("`sign` is the mean of its sides' Wald ratios, weighted by n_s p_s (1 - p_s) s dX_s", {
  for (seed in 1:5) {
    d <- random_experiment_data(seed = seed)
    expect_close(coef(quietly(miv(y ~ 1, told_experiment(d))))[[1]], sides_mean(d), 1e-12, paste("seed", seed))
  }
})

test_that("with weights the sides' counts and shares are weighted", {
  d <- random_experiment_data(seed = 6)
  expect_close(coef(quietly(miv(y ~ 1, told_experiment(d, weights = ~u))))[[1]], sides_mean(d, d$u), 1e-12)
})

test_that("with one side only, `sign` and `arm` are that side's Wald ratio", {
  d <- random_experiment_data(seed = 7)
  d <- d[d$side > 0, ]
  wald <- diff(tapply(d$y, d$told, mean)) / diff(tapply(d$post, d$told, mean))
  for (exposure in c("sign", "arm", "arm+sign")) {
    expect_close(coef(quietly(miv(y ~ 1, told_experiment(d), exposure = exposure)))[[1]], wald, 1e-12, exposure)
  }
})

# ---- two lm() fits ----

test_that("two lm() fits reproduce every coefficient: several instruments, two beliefs, factors, no constant, weights", {
  d <- random_rows()
  exogenous <- cbind(1, d$w, dummy(d$f))
  expect_close(coef(tsls(y ~ w + f | x ~ z, d)), by_two_lms(d$y, d$x, exogenous, d$z), 1e-10)
  expect_close(coef(tsls(y ~ w + f | x ~ z + z2, d)), by_two_lms(d$y, d$x, exogenous, cbind(d$z, d$z2)), 1e-10)
  expect_close(coef(tsls(y ~ w + f | x ~ z * z2 + z:w, d)), by_two_lms(d$y, d$x, exogenous, cbind(d$z, d$z2, d$z * d$z2, d$z * d$w)), 1e-10)
  expect_close(coef(tsls(y ~ w + f | c(x, x2) ~ z + z2, d)), by_two_lms(d$y, d[c("x", "x2")], exogenous, cbind(d$z, d$z2)), 1e-10)
  expect_close(coef(quietly(tsls(y ~ 0 + w | x ~ z + z2, d))), by_two_lms(d$y, d$x, d$w, cbind(d$z, d$z2)), 1e-10)
  expect_close(coef(tsls(y ~ w + f | x ~ z + z2, d, weights = ~u)), by_two_lms(d$y, d$x, exogenous, cbind(d$z, d$z2), d$u), 1e-10)
})

test_that("two lm() fits reproduce every coefficient of miv(), exposure by exposure", {
  d <- random_experiment_data()
  sides <- cbind(d$side == 0, d$side == 1)
  made <- list(
    sign = list(instruments = d$told * d$side, levels = sides),
    gap = list(instruments = d$told * d$gap, levels = d$gap),
    arm = list(instruments = d$told, levels = NULL),
    `arm+gap` = list(instruments = cbind(d$told, d$told * d$gap), levels = d$gap),
    `arm+sign` = list(instruments = cbind(d$told * (d$side < 0), d$told * (d$side > 0)), levels = sides)
  )
  for (exposure in names(made)) {
    fit <- quietly(miv(y ~ age, told_experiment(d, weights = ~u), exposure = exposure))
    want <- by_two_lms(d$y, d$post, cbind(1, made[[exposure]]$levels, d$age), made[[exposure]]$instruments, d$u)
    expect_close(coef(fit), want, 1e-10, exposure)
  }
})

test_that("with strata, two lm() fits on (T - share in the stratum) times the side reproduce the estimate", {
  d <- random_experiment_data(n = 1200, seed = 3)
  for (weighted in c(FALSE, TRUE)) {
    w <- if (weighted) d$u else rep(1, nrow(d))
    share <- ave(d$told * w, d$stratum, FUN = sum) / ave(w, d$stratum, FUN = sum)
    experiment <- told_experiment(d, strata = ~stratum, weights = if (weighted) ~u)
    want <- by_two_lms(d$y, d$post, cbind(1, d$side == 0, d$side == 1, d$age, dummy(d$stratum)), (d$told - share) * d$side, w)
    expect_close(coef(quietly(miv(y ~ age, experiment)))[[1]], want[1], 1e-10, paste("weighted", weighted))
  }
})

test_that("shares are those of the estimation sample: a missing outcome, subset or weight 0 counts nobody", {
  d <- random_experiment_data(n = 1200, seed = 4)
  d$y[d$stratum == 1 & d$told == 1][1:30] <- NA
  kept <- d[!is.na(d$y) & d$age > 35, ]
  whole <- quietly(miv(y ~ age, told_experiment(d, strata = ~stratum), subset = age > 35))
  part <- quietly(miv(y ~ age, told_experiment(kept, strata = ~stratum)))
  expect_close(first_two(whole), first_two(part), 1e-12)
  d$zero <- ifelse(is.na(d$y) | d$age <= 35, 0, 1)
  d$y[is.na(d$y)] <- 0
  weighted <- quietly(miv(y ~ age, told_experiment(d, strata = ~stratum, weights = ~zero)))
  expect_close(first_two(weighted), first_two(part), 1e-12)
  expect_equal(nobs(weighted), nobs(part))
})

# ---- covariances written out ----

test_that("every covariance is the sandwich written out in matrices, weighted or not", {
  d <- random_rows()
  exogenous <- cbind(1, d$w, dummy(d$f))
  for (weighted in c(FALSE, TRUE)) {
    hand <- hand_tsls(d$y, d[c("x", "x2")], exogenous, cbind(d$z, d$z2, d$z * d$w), if (weighted) d$u else rep(1, nrow(d)))
    fit <- tsls(y ~ w + f | c(x, x2) ~ z + z2 + z:w, d, weights = if (weighted) ~u)
    for (type in c("iid", "HC0", "HC1", "HC2", "HC3")) expect_close(vcov(fit, type), hand_vcov(hand, type), 1e-9, paste(type, weighted))
    expect_close(vcov(fit, CR(~g, "CR0")), hand_vcov(hand, "CR0", d$g), 1e-9, paste("CR0", weighted))
    expect_close(vcov(fit, ~g), hand_vcov(hand, "CR1", d$g), 1e-9, paste("CR1", weighted))
  }
})

test_that("the bread is the inverse of the projected cross-products, and the residual sum of squares is that of y - xb", {
  d <- random_rows()
  hand <- hand_tsls(d$y, d$x, cbind(1, d$w), cbind(d$z, d$z2), d$u)
  fit <- tsls(y ~ w | x ~ z + z2, d, weights = ~u)
  expect_close(fit$bread, hand$bread, 1e-10)
  expect_close(fit$rss, sum(d$u * hand$error^2), 1e-11)
  expect_close(fit$sigma, sqrt(sum(d$u * hand$error^2) / (nrow(d) - 3)), 1e-11)
})

test_that("scores valid under heterogeneous effects equal the usual ones when just identified", {
  d <- random_rows()
  one <- tsls(y ~ w + f | x ~ z, d)
  two <- tsls(y ~ w | c(x, x2) ~ z + z2, d)
  for (kind in list("HC0", "HC1", "HC3", ~g, ~ g + g2)) {
    expect_close(vcov(one, kind, scores = "heterogeneous"), vcov(one, kind), 1e-9, deparse(kind))
    expect_close(vcov(two, kind, scores = "heterogeneous"), vcov(two, kind), 1e-9, deparse(kind))
  }
})

test_that("over-identified, they are xhat e + (x - xhat) times the projected error", {
  d <- random_rows()
  exogenous <- cbind(1, d$w)
  z <- cbind(exogenous, d$z, d$z2, d$z * d$w)
  for (weighted in c(FALSE, TRUE)) {
    w <- if (weighted) d$u else rep(1, nrow(d))
    hand <- hand_tsls(d$y, d$x, exogenous, z[, -(1:2)], w)
    x <- cbind(d$x, exogenous)
    projected_error <- drop(z %*% qr.coef(qr(z * sqrt(w)), hand$error * sqrt(w)))
    scores <- w * (hand$projected * hand$error + (x - hand$projected) * projected_error)
    fit <- tsls(y ~ w | x ~ z + z2 + z:w, d, weights = if (weighted) ~u)
    expect_close(vcov(fit, "HC0", scores = "heterogeneous"), hand$bread %*% crossprod(scores) %*% hand$bread, 1e-9, paste("weighted", weighted))
    sums <- rowsum(scores, d$g)
    expect_close(vcov(fit, CR(~g, "CR0"), scores = "heterogeneous"), hand$bread %*% crossprod(sums) %*% hand$bread, 1e-9, paste("clustered", weighted))
    expect_gt(largest_error(vcov(fit, "HC0"), vcov(fit, "HC0", scores = "heterogeneous")), 1e-6)
  }
})

# ---- weights ----

lm_errors <- function(fit) sqrt(diag(stats::vcov(fit)))

test_that("integer weights are repeated rows for the coefficients; standard errors treat them as lm() does", {
  d <- random_rows()
  repeated <- d[rep(seq_len(nrow(d)), d$k), ]
  fit <- tsls(y ~ w + f | x ~ z + z2, d, weights = ~k, vcov = "iid")
  expect_close(coef(fit), coef(tsls(y ~ w + f | x ~ z + z2, repeated)), 1e-11)
  expect_equal(nobs(fit), sum(d$k > 0))
  ours <- tsls(y ~ x + w + f, d, weights = ~k, vcov = "iid")
  theirs <- lm(y ~ x + w + f, d, weights = k)
  expect_close(std_errors(ours)[names(coef(theirs))], lm_errors(theirs), 1e-10)
  expect_close(ours$sigma, summary(theirs)$sigma, 1e-11)
  expect_close(ours$r.squared, summary(theirs)$r.squared, 1e-11)
})

test_that("integer weights are repeated rows in miv(), with strata and without", {
  d <- random_experiment_data(seed = 5)
  d$k <- with_seed(5, sample(0:3, nrow(d), TRUE))
  repeated <- d[rep(seq_len(nrow(d)), d$k), ]
  for (exposure in c("sign", "gap", "arm+gap", "arm+sign")) {
    for (strata in list(NULL, ~stratum)) {
      weighted <- quietly(miv(y ~ age, told_experiment(d, weights = ~k, strata = strata), exposure = exposure))
      expect_close(coef(weighted), coef(quietly(miv(y ~ age, told_experiment(repeated, strata = strata), exposure = exposure))), 1e-10, exposure)
    }
  }
})

test_that("a weight of 0 is a dropped row, whatever is in it, in both doors and every covariance", {
  d <- random_rows()
  d$u[1:40] <- 0
  d$y[1:5] <- 1e6
  d$f <- factor(d$f, levels = c(levels(d$f), "only there"))
  d$f[6] <- "only there"
  kept <- droplevels(d[-(1:40), ])
  for (kind in list("iid", "HC0", "HC1", "HC2", "HC3", ~g, ~ g + g2)) {
    expect_close(vcov(quietly(tsls(y ~ w + f | x ~ z + z2, d, weights = ~u, vcov = kind))),
                 vcov(tsls(y ~ w + f | x ~ z + z2, kept, weights = ~u, vcov = kind)), 1e-10, deparse(kind))
  }
  e <- random_experiment_data()
  e$u[1:100] <- 0
  expect_close(first_two(quietly(miv(y ~ age, told_experiment(e, weights = ~u)))), first_two(quietly(miv(y ~ age, told_experiment(e[-(1:100), ], weights = ~u)))), 1e-12)
})

test_that("weights all equal change nothing but sigma", {
  d <- random_rows()
  d$five <- 5
  one <- tsls(y ~ w | x ~ z + z2, d)
  five <- tsls(y ~ w | x ~ z + z2, d, weights = ~five)
  expect_close(coef(five), coef(one), 1e-12)
  for (kind in list("iid", "HC1", "HC3", ~g)) expect_close(vcov(five, kind), vcov(one, kind), 1e-11)
  expect_close(five$sigma, one$sigma * sqrt(5), 1e-12)
})

# ---- absorbed effects ----

test_that("absorbed effects are dummies: coefficients and every covariance", {
  d <- random_rows()
  for (weighted in c(FALSE, TRUE)) {
    absorbed <- tsls(y ~ w | g2 | c(x, x2) ~ z + z2, d, weights = if (weighted) ~u)
    dummies <- tsls(y ~ w + factor(g2) | c(x, x2) ~ z + z2, d, weights = if (weighted) ~u)
    at <- names(coef(absorbed))
    expect_close(coef(absorbed), coef(dummies)[at], 1e-10)
    for (kind in list("iid", "HC0", "HC1", "HC2", "HC3", ~g, CR(~k, "CR0"))) {
      expect_close(quietly(vcov(absorbed, kind)), quietly(vcov(dummies, kind))[at, at], 1e-8, paste(deparse(kind), weighted))
    }
    expect_close(absorbed$first_stage$F, dummies$first_stage$F, 1e-9)
    expect_equal(absorbed$df.residual, dummies$df.residual)
    expect_close(absorbed$sigma, dummies$sigma, 1e-11)
  }
})

test_that("a^b absorbs the combinations, as interaction() does", {
  d <- random_rows()
  expect_close(coef(tsls(y ~ w | f^h | x ~ z, d)), coef(tsls(y ~ w + interaction(f, h) | x ~ z, d))[c("x", "w")], 1e-11)
})

test_that("strata effects are absorbed in miv() and count in the degrees of freedom", {
  d <- random_experiment_data(seed = 8)
  fit <- quietly(miv(y ~ age, told_experiment(d, strata = ~stratum)))
  share <- ave(d$told, d$stratum)
  d$z <- (d$told - share) * d$side
  hand <- tsls(y ~ factor(side) + age + factor(stratum) | post ~ z, d)
  for (kind in c("iid", "HC1", "HC3")) expect_close(first_two(fit, kind), first_two(hand, kind), 1e-9, kind)
  expect_equal(fit$df.residual, hand$df.residual)
})

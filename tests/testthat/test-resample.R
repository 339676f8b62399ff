# Draws against plain loops on the same weights, their invariances, and what is refused.

panel <- function(n = 300, G = 20, seed = 1, strength = 0.8, effect = 1) {
  with_seed(seed, {
    d <- data.frame(g = sample(G, n, TRUE), w = rnorm(n), z = rbinom(n, 1, 0.5), z2 = rnorm(n))
    u <- rnorm(n) + rnorm(G)[d$g]
    d$x <- strength * (d$z + 0.3 * d$z2) + 0.5 * d$w + 0.6 * u + rnorm(n)
    d$y <- effect * d$x + d$w + u
    d$weight <- runif(n, 0.5, 2)
    d$area <- d$g %% 4
    d$room <- sample(6, n, TRUE)
    d
  })
}

quiet <- function(x) suppressMessages(suppressWarnings(x))

# TSLS of weighted rows, by hand.
plain_tsls <- function(y, X, Z, w) {
  fitted <- Z %*% solve(crossprod(Z, w * Z), crossprod(Z, w * X))
  drop(solve(crossprod(fitted, w * X), crossprod(fitted, w * y)))
}

test_that("pairs and Bayesian draws are the fit on the same weights", {
  d <- panel()
  plans <- list(
    clustered = list(fit = quiet(tsls(y ~ w | x ~ z, d, vcov = ~ g)), ids = d$g, Z = cbind(d$z)),
    people = list(fit = quiet(tsls(y ~ w | x ~ z + z2, d)), ids = seq_len(nrow(d)), Z = cbind(d$z, d$z2)))
  for (plan in plans) for (scheme in c("pairs", "bayesian")) {
    drawn <- quiet(resample(plan$fit, scheme, R = 30, seed = 5))
    labels <- match(plan$ids, unique(plan$ids))
    weights <- miv:::unit_weights_cpp(match(scheme, c("pairs", "bayesian")) - 1L, max(labels), 30, 5)
    byhand <- t(apply(weights, 2, function(v) plain_tsls(d$y, cbind(d$x, 1, d$w), cbind(plan$Z, 1, d$w), v[labels])))
    expect_equal(unname(drawn$draws), unname(byhand), tolerance = 1e-10)
  }
})

test_that("weights of the fit multiply those of the draws, and integer draws are repeated rows", {
  d <- panel()
  fit <- quiet(tsls(y ~ w | x ~ z, d, weights = ~ weight))
  drawn <- resample(fit, "pairs", R = 5, seed = 2)
  v <- miv:::unit_weights_cpp(0L, nrow(d), 5, 2)
  for (r in 1:5) {
    repeated <- d[rep(seq_len(nrow(d)), v[, r]), ]
    expect_equal(drawn$draws[r, ], coef(quiet(tsls(y ~ w | x ~ z, repeated, weights = ~ weight))), tolerance = 1e-10)
  }
})

test_that("fixed effects are estimated again in every draw, within clusters and across them", {
  d <- panel()
  for (vcov in list("HC1", ~ g)) {
    absorbed <- quiet(resample(tsls(y ~ w | room | x ~ z, d, vcov = vcov), "pairs", R = 40, seed = 3))
    dummies <- quiet(resample(tsls(y ~ w + factor(room) | x ~ z, d, vcov = vcov), "pairs", R = 40, seed = 3))
    expect_equal(absorbed$draws[, c("x", "w")], dummies$draws[, c("x", "w")], tolerance = 1e-9)
  }
  nested <- quiet(resample(tsls(y ~ w | area | x ~ z, d, vcov = ~ g), "bayesian", R = 40, seed = 3))
  plain <- quiet(resample(tsls(y ~ w + factor(area) | x ~ z, d, vcov = ~ g), "bayesian", R = 40, seed = 3))
  expect_equal(nested$draws[, "x"], plain$draws[, "x"], tolerance = 1e-9)
})

# The restricted efficient bootstrap, with every regression run again on the signed residuals.
plain_wild <- function(d, ids, signs, null, Z) {
  net <- function(v) lm.fit(cbind(1, d$w), as.matrix(v))$residuals
  y <- net(d$y); x <- net(d$x); Z <- as.matrix(net(Z))
  t_of <- function(y, x) {
    fitted <- drop(Z %*% solve(crossprod(Z), crossprod(Z, x)))
    b <- sum(fitted * y) / sum(fitted * x)
    (b - null) / (sqrt(sum(rowsum(fitted * (y - b * x), ids)^2)) / sum(fitted * x))
  }
  u <- y - null * x
  first <- lm.fit(cbind(Z, u), x)$coefficients[seq_len(ncol(Z))]
  mean_x <- drop(Z %*% first)
  v <- x - mean_x
  draws <- apply(signs, 2, function(s) {
    xs <- mean_x + v * s[ids]
    t_of(drop(net(null * xs + u * s[ids])), drop(net(xs)))
  })
  list(draws = draws, observed = t_of(y, x))
}

test_that("wild statistics are those of a plain loop on the same signs, for any null, points, instruments and units", {
  d <- panel(n = 200, G = 9)
  labels <- match(d$g, unique(d$g))
  cases <- list(list(formula = y ~ w | x ~ z, Z = cbind(d$z)), list(formula = y ~ w | x ~ z + z2, Z = cbind(d$z, d$z2)))
  for (case in cases) for (points in c("rademacher", "webb")) for (null in c(0, 1.3)) {
    fit <- quiet(tsls(case$formula, d, vcov = CR(~ g, "CR0")))
    drawn <- quiet(resample(fit, "wild", R = 25, seed = 8, null = null, points = points))
    signs <- miv:::unit_weights_cpp(if (points == "webb") 3L else 2L, 9, 25, 8)
    byhand <- plain_wild(d, labels, signs, null, case$Z)
    factor <- sqrt(diag(vcov(fit, CR(~ g, "CR0"))) / diag(vcov(fit, ~ g)))[["x"]]
    expect_equal(unname(drawn$draws[, 1]), byhand$draws * factor, tolerance = 1e-9)
    expect_equal(drawn$statistic[[1]], byhand$observed * factor, tolerance = 1e-9)
  }
  fit <- quiet(tsls(y ~ w | x ~ z, d))
  drawn <- quiet(resample(fit, "wild", R = 25, seed = 8))
  byhand <- plain_wild(d, seq_len(200), miv:::unit_weights_cpp(2L, 200, 25, 8), 0, cbind(d$z))
  factor <- sqrt(diag(vcov(fit, "HC0")) / diag(vcov(fit, "HC1")))[["x"]]
  expect_equal(unname(drawn$draws[, 1]), byhand$draws * factor, tolerance = 1e-9)
})

test_that("the wild statistic is the fit's t at the null", {
  d <- panel()
  fit <- quiet(tsls(y ~ w | x ~ z, d, vcov = ~ g))
  expect_equal(quiet(resample(fit, R = 9, seed = 1, null = 0.7))$statistic[["x"]], (coef(fit)[["x"]] - 0.7) / sqrt(vcov(fit)["x", "x"]), tolerance = 1e-9)
})

test_that("wild and fixed effects: absorbed across clusters as with dummies", {
  d <- panel()
  absorbed <- quiet(resample(tsls(y ~ w | room | x ~ z, d, vcov = ~ g), "wild", R = 50, seed = 4))
  dummies <- quiet(resample(tsls(y ~ w + factor(room) | x ~ z, d, vcov = ~ g), "wild", R = 50, seed = 4))
  expect_equal(absorbed$draws, dummies$draws, tolerance = 1e-8)
})

test_that("a null is in the wild interval exactly when its own p value is above 5 percent", {
  for (strength in c(0.8, 0.2)) {
    d <- panel(n = 200, G = 15, seed = 11, strength = strength)
    fit <- quiet(tsls(y ~ w | x ~ z, d, vcov = ~ g))
    drawn <- quiet(resample(fit, R = 199, seed = 6))
    for (null in c(-3, 0, 0.6, 0.9, 1.1, 1.5, 4)) {
      p <- quiet(resample(fit, R = 199, seed = 6, null = null))$p.value[[1]]
      expect_identical(any(null > drawn$set$lower & null < drawn$set$upper), p > 0.05)
    }
  }
})

test_that("the percentile interval leaves out zero exactly when its p value is at most 5 percent", {
  for (seed in 1:8) {
    fit <- quiet(tsls(y ~ w | x ~ z, panel(n = 60, seed = seed, effect = 0.5)))
    drawn <- quiet(resample(fit, "pairs", R = 199, seed = seed))
    inside <- drawn$interval[, 1] <= 0 & drawn$interval[, 2] >= 0
    expect_identical(unname(inside), unname(drawn$p.value > 0.05))
  }
})

test_that("counted in the core, interval and p value are those of the plain way, ties included", {
  draws <- cbind(round(qnorm(seq(0.002, 0.998, length.out = 499)), 2), sqrt(1:499), 7)
  nulls <- c(0.01, 15, 7)
  internal <- asNamespace("miv")
  for (level in c(0.5, 0.95, 0.99)) {
    found <- internal$percentiles(draws, nulls, level)
    plain <- internal$plain_percentiles(draws, nulls, level)
    expect_identical(found[c("interval", "p.value")], plain[c("interval", "p.value")])
    expect_equal(found$std.error, plain$std.error, tolerance = 1e-13)
  }
})

test_that("the percentile interval and its p value are the order statistics that the help names", {
  fit <- quiet(tsls(y ~ w | x ~ z, panel(), vcov = ~ g))
  drawn <- resample(fit, "pairs", R = 199, seed = 3, null = 0.9)
  x <- sort(drawn$draws[, "x"])
  expect_equal(unname(confint(drawn)["x", ]), x[c(5, 195)])
  expect_equal(unname(confint(drawn, level = 0.9)["x", ]), x[c(10, 190)])
  expect_equal(tidy(drawn, conf.level = 0.9)$conf.low[1], x[10])
  expect_equal(drawn$p.value[["x"]], 2 * (1 + min(sum(x <= 0.9), sum(x >= 0.9))) / 200)
})

test_that("where few patterns are possible it is said, and nobody blames the first stage", {
  fit <- quiet(tsls(y ~ w | x ~ z, panel(n = 100, G = 4), vcov = ~ g))
  expect_warning(drawn <- resample(fit, R = 99, seed = 1), class = "miv_warning_few_patterns")
  expect_output(print(drawn), "16\\s+patterns of signs are possible")
  expect_output(print(drawn), "p cannot fall\\s+below 0.062")
  expect_warning(resample(fit, R = 9, seed = 1, points = "webb"), class = "miv_warning_few_draws")
  weak <- quiet(tsls(y ~ w | x ~ z, panel(strength = 0.02), vcov = ~ g))
  expect_warning(resample(weak, "pairs", R = 99, seed = 1), class = "miv_warning_weak_first_stage")
})

test_that("a control that a draw does not have is missing there, and the others are lm's", {
  d <- panel(n = 60)
  d$rare <- as.numeric(seq_len(60) <= 2)
  fit <- quiet(tsls(y ~ rare + w | x ~ z, d))
  drawn <- quiet(resample(fit, "pairs", R = 40, seed = 2))
  v <- miv:::unit_weights_cpp(0L, 60, 40, 2)
  absent <- colSums(v[1:2, ]) == 0
  expect_true(any(absent))
  expect_identical(is.na(drawn$draws[, "rare"]), absent)
  expect_message(suppressWarnings(resample(fit, "pairs", R = 40, seed = 2)), class = "miv_message_columns_lost")
  r <- which(absent)[1]
  byhand <- plain_tsls(d$y, cbind(d$x, 1, d$w), cbind(d$z, 1, d$w), v[, r])
  expect_equal(unname(drawn$draws[r, c("x", "(Intercept)", "w")]), byhand, tolerance = 1e-9)
})

test_that("draws with fixed effects do not depend on the scale of the weights", {
  d <- panel()
  d$tiny <- 1e-12 * d$weight
  draw <- function(weights) quiet(resample(tsls(y ~ w | room | x ~ z, d, weights = weights), "bayesian", R = 20, seed = 3))$draws
  expect_equal(draw(~ tiny), draw(~ weight), tolerance = 1e-9)
})

test_that("the Monte Carlo error is that of p over seeds", {
  fit <- quiet(tsls(y ~ w | x ~ z, panel(), vcov = ~ g))
  for (plan in list(list("pairs", "symmetric"), list("wild", "equal"), list("wild", "symmetric"))) {
    each <- lapply(1:150, function(seed) resample(fit, plan[[1]], R = 99, seed = seed, null = 0.7, tails = plan[[2]], interval = FALSE))
    p <- vapply(each, function(r) r$p.value[["x"]], 0)
    said <- mean(vapply(each, function(r) r$p.error[["x"]], 0))
    expect_true(abs(sd(p) / said - 1) < 0.25)
  }
})

test_that("the default scheme of a clustered least-squares fit is pairs, and its null is that of what stands in the belief's place", {
  fit <- quiet(ols(tsls(y ~ w | x ~ z, panel(), vcov = ~ g)))
  drawn <- resample(fit, R = 99, seed = 1, null = 1)
  expect_identical(drawn$scheme, "pairs")
  expect_equal(drawn$statistic[["x"]], (coef(fit)[["x"]] - 1) / drawn$std.error[["x"]])
})

test_that("digits do not depend on threads, memory, R or the instruction set", {
  old <- options(miv.threads = 1)
  on.exit({ options(old); miv:::choose_kernel_cpp(FALSE) })
  d <- panel(n = 900, G = 50)
  fits <- list(quiet(tsls(y ~ w | x ~ z, d, vcov = ~ g)), quiet(tsls(y ~ w | x ~ z, d)), quiet(tsls(y ~ w | room | x ~ z, d)))
  for (fit in fits) for (scheme in c("pairs", "bayesian", "wild")) {
    draw <- function(R = 70) quiet(resample(fit, scheme, R = R, seed = 12))$draws
    options(miv.threads = 1, miv.memory = 512)
    one <- draw()
    options(miv.threads = 2)
    expect_identical(draw(), one)
    options(miv.memory = 0.05)
    expect_identical(draw(), one)
    expect_identical(draw(9), one[1:9, , drop = FALSE])
    miv:::choose_kernel_cpp(TRUE)
    expect_identical(draw(), one)
    miv:::choose_kernel_cpp(FALSE)
  }
})

test_that("R's BLAS agrees to 1e-10, and the result says what ran", {
  fit <- quiet(tsls(y ~ w | x ~ z, panel(), vcov = ~ g))
  own <- resample(fit, "pairs", R = 100, seed = 1)
  old <- options(miv.blas = TRUE)
  on.exit(options(old))
  blas <- resample(fit, "pairs", R = 100, seed = 1)
  expect_equal(blas$draws, own$draws, tolerance = 1e-10)
  expect_identical(blas$engine$kernel, "R's BLAS")
  expect_false(own$engine$kernel == "R's BLAS")
})

test_that("a seed governs the draws, and R's own numbers are left alone", {
  fit <- quiet(tsls(y ~ w | x ~ z, panel(), vcov = ~ g))
  set.seed(3)
  before <- .Random.seed
  a <- resample(fit, "pairs", R = 20, seed = 1)
  expect_identical(.Random.seed, before)
  expect_false(identical(resample(fit, "pairs", R = 20, seed = 2)$draws, a$draws))
  set.seed(3); b <- resample(fit, "pairs", R = 20)
  set.seed(3); c <- resample(fit, "pairs", R = 20)
  expect_identical(b$draws, c$draws)
})

test_that("units are drawn with equal chances", {
  counts <- miv:::unit_weights_cpp(0L, 7, 4000, 1)
  expect_equal(colSums(counts), rep(7, 4000))
  expect_true(all(abs(rowMeans(counts) - 1) < 4.5 * sqrt(6 / 7 / 4000)))
  expect_true(abs(mean(apply(counts, 1, var)) - 6 / 7) < 0.05)
  exponential <- miv:::unit_weights_cpp(1L, 50, 2000, 1)
  expect_true(abs(mean(exponential) - 1) < 4.5 / sqrt(1e5))
  expect_true(suppressWarnings(ks.test(as.vector(exponential), "pexp")$p.value) > 1e-3)
  signs <- miv:::unit_weights_cpp(2L, 50, 2000, 1)
  expect_setequal(unique(as.vector(signs)), c(-1, 1))
  expect_true(abs(mean(signs)) < 4.5 / sqrt(1e5))
  webb <- miv:::unit_weights_cpp(3L, 50, 2000, 1)
  expect_equal(sort(unique(as.vector(webb))), c(-sqrt(1.5), -1, -sqrt(0.5), sqrt(0.5), 1, sqrt(1.5)))
  expect_true(all(abs(table(webb) / 1e5 - 1 / 6) < 4.5 * sqrt(5 / 36 / 1e5)))
})

test_that("bad input is refused by cause", {
  d <- panel()
  d$one <- 1
  fit <- quiet(tsls(y ~ w | x ~ z, d, vcov = ~ g))
  refuse <- function(x, cause) expect_error(quiet(x), class = paste0("miv_error_", cause))
  refuse(resample(fit, R = 0), "bad_draws")
  refuse(resample(fit, R = 2.5), "bad_draws")
  refuse(resample(fit, "jack"), "unknown_scheme")
  refuse(resample(fit, "RI"), "unknown_scheme")
  refuse(resample(fit, reps = 9), "unknown_argument")
  refuse(confint(resample(fit, R = 99, seed = 1), level = 0.9), "bad_level")
  refuse(tidy(resample(fit, R = 99, seed = 1), confidence = 0.9), "unknown_argument")
  refuse(resample(fit, seed = -1), "bad_seed")
  refuse(resample(fit, null = NA), "bad_null")
  refuse(resample(fit, level = 1), "bad_level")
  refuse(resample(lm(y ~ x, d)), "not_a_fit")
  refuse(resample(fit, points = "gamma"), "unknown_points")
  refuse(resample(fit, "pairs", tails = "equal"), "bad_argument")
  refuse(resample(fit, "pairs", points = "webb"), "bad_argument")
  refuse(resample(tsls(y ~ w, d), "wild"), "no_instruments")
  refuse(resample(tsls(y ~ 1 | c(x, w) ~ z + z2, d), "wild"), "several_beliefs")
  refuse(resample(fit, cluster = ~ one), "one_cluster")
  d$id <- seq_len(nrow(d))
  refuse(resample(tsls(y ~ w | x ~ z, d, vcov = ~ id)), "single_clusters")
  refuse(resample(tsls(y ~ w | x ~ z, d, vcov = ~ g + room)), "several_clusters")
  d$heavy <- ifelse(d$g == 1, 1, 1e-12)
  refuse(resample(tsls(y ~ w | x ~ z, d, weights = ~ heavy, vcov = ~ g)), "one_cluster")
})

test_that("draws that lose the belief are counted, and too few draws are said to be", {
  d <- data.frame(z = rep(0:1, c(36, 4)), w = 0)
  with_seed(1, { d$x <- d$z + rnorm(40) ; d$y <- d$x + rnorm(40) })
  fit <- quiet(tsls(y ~ 1 | x ~ z, d))
  expect_warning(drawn <- resample(fit, "pairs", R = 999, seed = 1), class = "miv_warning_draws_lost")
  v <- miv:::unit_weights_cpp(0L, 40, 999, 1)
  expect_identical(sum(!is.finite(drawn$draws[, "x"])), sum(colSums(v[37:40, ]) == 0))
  expect_false(anyNA(confint(drawn)))
  expect_warning(few <- resample(fit, "bayesian", R = 19, seed = 1), class = "miv_warning_few_draws")
  expect_true(all(is.infinite(few$interval)))
})

test_that("the result prints, tidies and draws", {
  fit <- quiet(tsls(y ~ w | x ~ z, panel(), vcov = ~ g))
  wild <- resample(fit, R = 99, seed = 1)
  expect_output(print(wild), "Wild bootstrap, 99 draws of 20 clusters of `g`")
  expect_output(print(resample(fit, "pairs", R = 99, seed = 1)), "percentiles at 95%")
  expect_named(tidy(wild), c("term", "estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"))
  expect_identical(dim(confint(wild)), c(1L, 2L))
  skip_if_not_installed("ggplot2")
  expect_s3_class(plot(wild), "ggplot")
  expect_s3_class(plot(resample(fit, "pairs", R = 99, seed = 1)), "ggplot")
})

# Conventions of fixest (0.14): the same model and covariance through feols() and through tsls() and miv(), to 1e-8.

skip_without_fixest <- function() {
  skip_if_not_installed("fixest", "0.13.0")
  fixest::setFixest_nthreads(1)
}

# 30 clusters g, 25 clusters g2, h nested in g, s nested in g2; p is nested in nothing; one row of `single` stands alone.
fixest_data <- function(n = 800) {
  d <- random_rows(n, seed = 21)
  with_seed(22, {
    d$h <- d$g * 10 + sample(3, n, TRUE)
    d$s <- d$g * 10 + sample(2, n, TRUE)
    d$p <- sample(8, n, TRUE)
    d$single <- c(99, sample(12, n - 1, TRUE))
    d$village <- rnorm(30)[d$g]
    d$y <- d$y + d$village
  })
  d
}

# feols() says fit_x where we say x.
peer_names <- function(names) sub("^fit_", "", names)

peer_fit <- function(formula, data, vcov, weights = NULL) {
  quietly(fixest::feols(formula, data, vcov = vcov, weights = weights, notes = FALSE, fixef.rm = "none", fixef.tol = 3e-12, fixef.iter = 1e5))
}

peer_kind <- function(kind) if (identical(kind, "HC1")) "hetero" else kind

expect_like_fixest <- function(formula, data, kind, weights = NULL, label = "") {
  label <- paste(label, deparse(formula)[1], deparse(kind), if (!is.null(weights)) "weighted")
  theirs <- peer_fit(formula, data, peer_kind(kind), weights)
  ours <- quietly(tsls(formula, data, vcov = kind, weights = weights))
  at <- peer_names(names(coef(theirs)))
  expect_close(coef(ours)[at], coef(theirs), 1e-8, paste("coefficients:", label))
  expect_close(std_errors(ours)[at], sqrt(diag(stats::vcov(theirs))), 1e-8, paste("standard errors:", label))
  expect_equal(nobs(ours), theirs$nobs, label = label)
  expect_equal(ours$df_inference, unname(fixest::degrees_freedom(theirs, type = "t")), label = paste("df:", label))
}

models <- list(
  "just identified" = y ~ w + v | x ~ z,
  "over-identified" = y ~ w + v | x ~ z + z2,
  "two beliefs" = y ~ w + f | x + x2 ~ z + z2,
  "two beliefs, over-identified" = y ~ w | x + x2 ~ z + z2 + z:w,
  "least squares" = y ~ x + w + f
)

simple_kinds <- list("iid", "HC1", ~g, ~ g + g2, ~ g + g2 + p)

test_that("without fixed effects: iid, HC1, one, two and three ways of clustering, weighted or not", {
  skip_without_fixest()
  d <- fixest_data()
  for (name in names(models)) for (kind in simple_kinds) for (weights in list(NULL, ~u)) {
    expect_like_fixest(models[[name]], d, kind, weights, name)
  }
})

# One effect: not nested in the cluster, nested in it, the cluster itself, and one that is nested in the second of two.
one_effect <- list(y ~ w | p | x ~ z, y ~ w | h | x ~ z + z2, y ~ w | g | x ~ z, y ~ w | single | x ~ z, y ~ x + w | g)

test_that("one absorbed effect: nested in the cluster, not nested, the cluster itself, with a singleton", {
  skip_without_fixest()
  d <- fixest_data()
  for (formula in one_effect) for (kind in simple_kinds) for (weights in list(NULL, ~u)) expect_like_fixest(formula, d, kind, weights)
})

# Of two effects none, one or both are nested in the clusters.
two_effects <- list(y ~ w | g2 + p | x ~ z, y ~ w | g + p | x ~ z, y ~ w | h + s | x ~ z, y ~ w + v | g + single | x ~ z + z2)

test_that("two absorbed effects, of which none, one or both are nested in the cluster", {
  skip_without_fixest()
  d <- fixest_data()
  for (formula in two_effects) for (kind in list("iid", "HC1", ~g, ~ g + g2)) for (weights in list(NULL, ~u)) {
    expect_like_fixest(formula, d, kind, weights)
  }
})

test_that("combinations a^b as effect and as cluster", {
  skip_without_fixest()
  d <- fixest_data()
  for (kind in list("HC1", ~g, ~ g^p)) expect_like_fixest(y ~ w | p^f | x ~ z, d, kind)
  for (kind in list("HC1", ~g)) expect_like_fixest(y ~ w | g^f | x ~ z, d, kind)
})

test_that("missing values in any part leave the same rows out", {
  skip_without_fixest()
  d <- fixest_data()
  d$y[1:3] <- NA
  d$x[4:5] <- NA
  d$p[6] <- NA
  d$u[7] <- NA
  d$g[8] <- NA
  expect_like_fixest(y ~ w | p | x ~ z, d, ~g, ~u)
  expect_like_fixest(y ~ w | p | x ~ z, d, "HC1")
})

test_that("weights of 0 leave rows out where fixest leaves them out", {
  skip_without_fixest()
  d <- fixest_data()
  d$u[1:50] <- 0
  kept <- d[-(1:50), ]
  theirs <- peer_fit(y ~ w | x ~ z, kept, ~g, ~u)
  ours <- tsls(y ~ w | x ~ z, d, vcov = ~g, weights = ~u)
  expect_close(std_errors(ours)[c("(Intercept)", "x", "w")], sqrt(diag(stats::vcov(theirs))), 1e-8)
})

test_that("the first-stage Wald F is fixest's, under each covariance", {
  skip_without_fixest()
  d <- fixest_data()
  for (formula in list(y ~ w | x ~ z + z2, y ~ w | p | x ~ z + z2, y ~ w | g | x ~ z)) for (kind in list("iid", "HC1", ~g)) {
    theirs <- fixest::fitstat(peer_fit(formula, d, peer_kind(kind)), "ivwald1", simplify = TRUE)
    ours <- quietly(tsls(formula, d, vcov = kind))$first_stage
    expect_close(c(ours$F, ours$df1), c(theirs$stat, theirs$df1), 1e-8, paste(deparse(formula), deparse(kind)))
  }
})

test_that("miv() with strata and clusters is feols() with the instrument written out", {
  skip_without_fixest()
  d <- random_experiment_data(n = 1500, seed = 23)
  d$iv <- (d$told - ave(d$told, d$stratum)) * d$side
  d$side0 <- as.numeric(d$side == 0)
  d$side1 <- as.numeric(d$side == 1)
  ours <- quietly(miv(y ~ age, told_experiment(d, strata = ~stratum, cluster = ~group)))
  theirs <- peer_fit(y ~ side0 + side1 + age | stratum | post ~ iv, d, ~group)
  expect_close(unname(coef(ours)), unname(coef(theirs)), 1e-8)
  expect_close(std_errors(ours), sqrt(diag(stats::vcov(theirs))), 1e-8)
  absorbed <- quietly(miv(y ~ 1 | group, told_experiment(d), exposure = "gap", vcov = ~group))
  theirs <- peer_fit(y ~ gap | group | post ~ iv2, transform(d, iv2 = told * gap), ~group)
  expect_close(first_two(absorbed), c(coef(theirs)[[1]], sqrt(stats::vcov(theirs)[1, 1])), 1e-8)
})

test_that("people alone in an effect stay in, as where fixest is told to remove nobody", {
  skip_without_fixest()
  d <- fixest_data(400)
  d$a <- c(1:3, rep(4:6, length.out = 397))
  d$b <- c(7, 8, rep(9:12, length.out = 398))
  for (formula in list(y ~ w | a | x ~ z, y ~ w | a + b | x ~ z)) for (kind in list("iid", "HC1", ~g)) {
    expect_like_fixest(formula, d, kind, label = "singletons")
  }
})

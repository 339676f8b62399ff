# Romano and Wolf's step-down against a plain loop from the paper, Holm's against stats, and what must not change the answer.

families <- function(n = 300, missing = TRUE, seed = 4) {
  with_seed(seed, {
    d <- data.frame(g = sample(25, n, TRUE), w = rnorm(n), z = rbinom(n, 1, 0.5))
    u <- rnorm(n)
    d$x <- d$z + 0.5 * d$w + 0.5 * u + rnorm(n)
    for (j in 1:4) d[[paste0("y", j)]] <- 0.15 * (j == 1) * d$x + 0.1 * (j == 2) * d$x + u + rnorm(n) + rnorm(25)[d$g] / 3
    if (missing) for (j in 2:4) d[[paste0("y", j)]][sample(n, 20 * j)] <- NA
    d
  })
}

family_fits <- function(d = families(), ...) tsls(c(y1, y2, y3, y4) ~ w | x ~ z, d, ...)

family_miv_missing <- function() {
  d <- inflation_survey
  d$learning_rate[1:40] <- NA
  miv(c(pay_claim, learning_rate) ~ age, info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told))
}

# Romano and Wolf (2016), one effect after the other.
plain_romano_wolf <- function(t, draws) {
  left <- seq_along(t)
  p <- numeric(length(t))
  before <- 0
  while (length(left)) {
    j <- left[which.max(abs(t[left]))]
    exceed <- 0
    for (r in seq_len(nrow(draws))) exceed <- exceed + (max(abs(draws[r, left])) >= abs(t[j]))
    p[j] <- before <- max(before, (exceed + 1) / (nrow(draws) + 1))
    left <- setdiff(left, j)
  }
  p
}

test_that("the step-down is that of a plain loop on the same draws, for every scheme", {
  plans <- list(list(scheme = "pairs", vcov = "HC1"), list(scheme = "bayesian", vcov = ~ g), list(scheme = "wild", vcov = ~ g), list(scheme = "wild", vcov = "HC1"))
  for (plan in plans) {
    p <- quietly(adjust_p(family_fits(vcov = plan$vcov), R = 199, seed = 2, scheme = plan$scheme))
    expect_identical(dim(attr(p, "draws")), c(199L, 4L))
    expect_equal(p$p.romano.wolf, plain_romano_wolf(p$statistic, attr(p, "draws")), tolerance = 1e-12)
    expect_equal(p$p.value, vapply(1:4, function(j) (1 + sum(abs(attr(p, "draws")[, j]) >= abs(p$statistic[j]))) / 200, 0))
    expect_equal(p$p.holm, p.adjust(p$p.value, "holm"))
    expect_true(all(p$p.romano.wolf >= p$p.value))
  }
})

# Two-stage least squares with weights, by hand.
weighted_slope <- function(y, x, z, w, v) {
  use <- !is.na(y)
  X <- cbind(x, 1, w)[use, ]; Z <- cbind(z, 1, w)[use, ]
  solve(crossprod(Z, v[use] * X), crossprod(Z, v[use] * y[use]))[1]
}

test_that("people and clusters have one weight in every fit of a draw, though outcomes are missing for different people", {
  d <- families()
  d$y1[1:30] <- NA
  d[d$g == d$g[1], c("y2", "y3")] <- NA
  for (vcov in list("HC1", ~ g)) {
    p <- quietly(adjust_p(family_fits(d, vcov = vcov), R = 20, seed = 6, scheme = "pairs"))
    inside <- rowSums(!is.na(d[paste0("y", 1:4)])) > 0
    ids <- if (is.character(vcov)) cumsum(inside) else match(d$g, unique(d$g[inside]))
    weights <- miv:::unit_weights_cpp(0L, max(ids[inside]), 20, 6)
    for (j in 1:4) {
      b <- apply(weights, 2, function(v) weighted_slope(replace(d[[paste0("y", j)]], !inside, NA), d$x, d$z, d$w, ifelse(inside, v[pmax(ids, 1)], 0)))
      expect_equal(attr(p, "draws")[, j], (b - p$estimate[j]) / sd(b), tolerance = 1e-8)
    }
  }
})

test_that("absorbed effects are estimated again in every joint draw, as dummies would be", {
  d <- families()
  d$room <- d$g %% 4
  d$bed <- with_seed(1, sample(3, nrow(d), TRUE))
  for (vcov in list("HC1", ~ g)) for (scheme in c("pairs", "wild")) {
    draw <- function(formula) attr(quietly(adjust_p(tsls(formula, d, vcov = vcov), R = 30, seed = 2, scheme = scheme)), "draws")
    expect_equal(draw(c(y1, y2) ~ w | bed | x ~ z), draw(c(y1, y2) ~ w + factor(bed) | x ~ z), tolerance = 1e-8)
    expect_equal(draw(c(y1, y2) ~ w | room | x ~ z), draw(c(y1, y2) ~ w + factor(room) | x ~ z), tolerance = 1e-8)
  }
})

test_that("wild statistics are on the fits' own errors, whoever else is in the union", {
  d <- families()
  d$y2[d$g <= 3] <- NA
  fits <- family_fits(d, vcov = ~ g)
  p <- adjust_p(fits, R = 49, seed = 1)
  expect_identical(attr(p, "scheme"), "wild")
  expect_close(p$statistic, vapply(fits, function(fit) summary(fit)$coefficients[1, 3], 0), 1e-9)
  expect_close(p$std.error, vapply(fits, function(fit) std_errors(fit)[[1]], 0), 1e-9)
  people <- adjust_p(family_fits(), R = 49, seed = 1, scheme = "wild")
  expect_close(people$std.error, vapply(family_fits(), function(fit) std_errors(fit)[[1]], 0), 1e-9)
  expect_close(people$statistic, vapply(family_fits(), function(fit) summary(fit)$coefficients[1, 3], 0), 1e-9)
})

test_that("where everybody is in every fit the draws are those of resample()", {
  d <- families(missing = FALSE)
  for (vcov in list("HC1", ~ g)) for (scheme in c("wild", "pairs")) {
    fits <- family_fits(d, vcov = vcov)
    p <- adjust_p(fits, R = 60, seed = 9, scheme = scheme)
    alone <- resample(fits[[3]], scheme, R = 60, seed = 9, interval = FALSE)
    expected <- if (scheme == "wild") alone$draws[, 1] else (alone$draws[, 1] - coef(fits[[3]])[[1]]) / alone$std.error[[1]]
    expect_equal(attr(p, "draws")[, 3], unname(expected), tolerance = 1e-9)
  }
})

test_that("the same outcome four times has the p value of one", {
  d <- families(missing = FALSE)
  d$y2 <- d$y1; d$y3 <- d$y1; d$y4 <- 7 * d$y1
  for (scheme in c("pairs", "wild")) {
    p <- adjust_p(family_fits(d), R = 299, seed = 3, scheme = scheme)
    expect_equal(p$p.romano.wolf, p$p.value)
    expect_length(unique(p$p.romano.wolf), 1)
  }
})

test_that("with independent outcomes the smallest p is near Sidak's", {
  d <- with_seed(8, {
    n <- 400
    d <- data.frame(w = rnorm(n), z = rbinom(n, 1, 0.5))
    d$x <- d$z + rnorm(n)
    for (j in 1:4) d[[paste0("y", j)]] <- rnorm(n)
    d
  })
  d$y1 <- d$y1 + 0.25 * d$x
  p <- adjust_p(family_fits(d), R = 9999, seed = 1)
  first <- which.max(abs(p$statistic))
  expect_lt(abs(p$p.romano.wolf[first] - (1 - (1 - p$p.value[first])^4)), 0.012)
})

test_that("the order of the outcomes does not matter", {
  d <- families()
  for (scheme in c("wild", "pairs")) {
    a <- adjust_p(family_fits(d), R = 199, seed = 5, scheme = scheme)
    b <- adjust_p(tsls(c(y3, y1, y4, y2) ~ w | x ~ z, d), R = 199, seed = 5, scheme = scheme)
    expect_equal(b[match(a$outcome, b$outcome), c("p.value", "p.romano.wolf", "p.holm")], as.data.frame(a)[c("p.value", "p.romano.wolf", "p.holm")], ignore_attr = TRUE, tolerance = 1e-12)
  }
})

test_that("Holm alone needs no draws and adjusts the fits' own p values, at any null", {
  fits <- family_fits()
  p <- adjust_p(fits, "holm")
  own <- vapply(fits, function(fit) tidy(fit)$p.value[1], 0)
  expect_equal(p$p.holm, unname(p.adjust(own, "holm")))
  expect_null(p$p.romano.wolf)
  expect_null(attr(p, "draws"))
  expect_equal(adjust_p(fits, "holm", null = unname(vapply(fits, function(fit) coef(fit)[[1]], 0)))$p.value, rep(1, 4))
  drawn <- adjust_p(fits, R = 99, seed = 1, null = c(0.15, 0.1, 0, 0))
  expect_equal(drawn$statistic, (drawn$estimate - c(0.15, 0.1, 0, 0)) / drawn$std.error)
  expect_null(adjust_p(fits, "romano-wolf", R = 99, seed = 1)$p.holm)
})

test_that("subgroups, lists of fits and the arms drawn again", {
  groups <- miv(pay_claim ~ age, inflation_experiment(), by = ~ region)
  p <- adjust_p(groups, R = 199, seed = 1)
  expect_identical(as.character(p$region), levels(inflation_survey$region))
  expect_identical(names(tidy(p))[1:2], c("region", "term"))
  a <- miv(pay_claim ~ age, inflation_experiment())
  b <- miv(learning_rate ~ age, inflation_experiment())
  expect_identical(adjust_p(list(a = a, b = b), R = 99, seed = 1)$fit, c("a", "b"))
  arms <- adjust_p(c(a = a, b = b), R = 99, seed = 1, scheme = "permutation")
  expect_equal(attr(arms, "draws")[, 2], resample(b, "permutation", R = 99, seed = 1)$draws[, 1], ignore_attr = TRUE)
  expect_error(adjust_p(family_miv_missing(), R = 99, scheme = "permutation"), class = "miv_error_different_people")
})

test_that("a seed governs the draws, and R's own numbers are left alone", {
  fits <- family_fits()
  set.seed(3)
  before <- .Random.seed
  p <- adjust_p(fits, R = 49, seed = 1)
  expect_identical(.Random.seed, before)
  expect_identical(p, adjust_p(fits, R = 49, seed = 1))
})

test_that("what cannot be tested together is refused", {
  fits <- family_fits()
  expect_error(adjust_p(fits[[1]]), class = "miv_error_one_fit")
  expect_error(adjust_p(fits[1]), class = "miv_error_one_fit")
  expect_error(adjust_p(lm(mpg ~ wt, mtcars)), class = "miv_error_not_a_fit")
  expect_error(adjust_p(fits, "bonferroni"), class = "miv_error_unknown_method")
  expect_error(adjust_p(fits, null = 1:2), class = "miv_error_bad_null")
  expect_error(adjust_p(fits, null = 1e200), class = "miv_error_bad_null")
  expect_error(adjust_p(fits, sed = 1), "Did you mean `seed`", class = "miv_error_unknown_argument")
  expect_error(adjust_p(c(fits[[1]], tsls(y1 ~ w | x ~ z, families(200)))), class = "miv_error_different_data")
  d <- families()
  expect_error(adjust_p(c(tsls(y1 ~ w | x ~ z, d, vcov = ~ g), tsls(y2 ~ w | x ~ z, d))), class = "miv_error_several_units")
  expect_identical(attr(quietly(adjust_p(c(tsls(y1 ~ w | x ~ z, d, vcov = ~ g), tsls(y2 ~ w | x ~ z, d)), R = 49, seed = 1, cluster = ~ g)), "scheme"), "wild")
})

test_that("the print has every effect with its three p values, and says what was drawn", {
  text <- paste(capture.output(print(adjust_p(family_fits(vcov = ~ g), R = 99, seed = 1))), collapse = "\n")
  expect_match(text, "Romano-Wolf +Holm")
  expect_match(text, "99 draws of 25 clusters of `g`,\\s+together\\s+for\\s+all\\s+fits; seed 1")
})

test_that("four true nulls are rejected in about 5 percent of families, by both", {
  skip_on_cran()
  skip_if_not(identical(Sys.getenv("MIV_SLOW"), "true"), "a simulation")
  any_false <- vapply(1:400, function(seed) {
    d <- families(200, seed = seed)
    for (j in 1:2) d[[paste0("y", j)]] <- d[[paste0("y", j)]] - c(0.15, 0.1)[j] * d$x
    p <- quietly(adjust_p(family_fits(d), R = 199, seed = seed, scheme = "wild"))
    c(min(p$p.romano.wolf), min(p$p.holm), min(p$p.value)) <= 0.05
  }, logical(3))
  expect_lt(abs(mean(any_false[1, ]) - 0.05), 0.035)
  expect_lt(mean(any_false[2, ]), 0.08)
  expect_gt(mean(any_false[3, ]), 0.08)
})

test_that("drawn is the wild bootstrap unless a fit cannot have it", {
  experiment <- info_experiment(inflation_survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)
  fits <- miv(c(pay_claim, age) ~ 1, experiment)
  expect_identical(attr(adjust_p(fits, R = 99, seed = 1), "scheme"), "wild")
  two <- tsls(c(pay_claim, age) ~ 1 | c(posterior, prior) ~ told + I(told * prior), inflation_survey)
  expect_identical(attr(suppressWarnings(adjust_p(two, R = 99, seed = 1)), "scheme"), "pairs")
})

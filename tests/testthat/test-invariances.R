# What must not change when the data are written down otherwise. Method note, section 2.

all_kinds <- list("iid", "HC0", "HC1", "HC2", "HC3", ~g, ~ g + g2)

quiet_errors <- function(...) quietly(std_errors(...))

expect_same_fit <- function(fit, other, tolerance, rows = names(coef(other)), label = "", kinds = all_kinds) {
  expect_close(coef(fit)[rows], coef(other)[rows], tolerance, paste(label, "coefficients"))
  for (kind in kinds) {
    expect_close(quiet_errors(fit, kind)[rows], quiet_errors(other, kind)[rows], tolerance, paste(label, deparse(kind)))
  }
}

model <- y ~ w + v + f | x ~ z + z2

test_that("a constant added to the outcome changes the intercept by it, and nothing else", {
  d <- random_rows()
  base <- tsls(model, d)
  for (shift in c(-3, 1e6)) {
    fit <- tsls(model, transform(d, y = y + shift))
    expect_same_fit(fit, base, 1e-8, setdiff(names(coef(base)), "(Intercept)"), label = paste("shift", shift))
    expect_close(coef(fit)[["(Intercept)"]] - shift, coef(base)[["(Intercept)"]], 1e-8)
  }
  e <- random_experiment_data()
  for (exposure in c("sign", "gap", "arm+gap")) {
    one <- quietly(miv(y ~ age, told_experiment(e), exposure = exposure))
    two <- quietly(miv(y ~ age, told_experiment(transform(e, y = y + 1e6)), exposure = exposure))
    expect_close(coef(two)[-2], coef(one)[-2], 1e-8, exposure)
    expect_close(std_errors(two), std_errors(one), 1e-8, exposure)
  }
})

test_that("belief times c scales the effect by 1/c, from 1e-140 to 1e140", {
  d <- random_rows()
  base <- tsls(model, d)
  for (times in c(-2, 1e-7, 1e-140, 1e140)) {
    fit <- tsls(model, transform(d, x = x * times))
    expect_same_fit(fit, base, 1e-10, setdiff(names(coef(base)), "x"), label = paste("times", times))
    expect_close(coef(fit)[["x"]] * times, coef(base)[["x"]], 1e-10, paste("times", times))
    for (kind in all_kinds) expect_close(quiet_errors(fit, kind)[["x"]] * abs(times), quiet_errors(base, kind)[["x"]], 1e-10)
    expect_close(fit$first_stage$F, base$first_stage$F, 1e-10)
  }
})

test_that("scaling the belief in an experiment does the same, prior and signal left alone", {
  e <- random_experiment_data()
  base <- quietly(miv(y ~ age, told_experiment(e)))
  for (times in c(1e-140, 1e140)) {
    experiment <- quietly(info_experiment(transform(e, post = post * times), belief = ~post, prior = ~prior, signal = 18, arm = ~told, units = "other"))
    fit <- quietly(miv(y ~ age, experiment))
    expect_close(c(first_two(fit) * times, coef(fit)[-1], std_errors(fit)[-1]), c(first_two(base), coef(base)[-1], std_errors(base)[-1]), 1e-10)
  }
})

test_that("outcome and weights of any size scale as they should", {
  d <- random_rows()
  base <- tsls(model, d, weights = ~u)
  for (times in c(1e-140, 1e140)) {
    fit <- tsls(model, transform(d, y = y * times), weights = ~u)
    expect_close(coef(fit) / times, coef(base), 1e-10)
    for (kind in all_kinds) expect_close(quiet_errors(fit, kind) / times, quiet_errors(base, kind), 1e-10)
  }
  for (times in c(1e-100, 1e100)) {
    expect_same_fit(tsls(model, transform(d, u = u * times), weights = ~u), base, 1e-10, label = paste("weights times", times))
  }
})

test_that("a control or an instrument in other units changes its own coefficient only", {
  d <- random_rows()
  base <- tsls(model, d)
  for (times in c(1e-9, 1e9)) {
    fit <- tsls(model, transform(d, w = w * times, z2 = z2 / times))
    expect_same_fit(fit, base, 1e-10, setdiff(names(coef(base)), "w"))
    expect_close(coef(fit)[["w"]] * times, coef(base)[["w"]], 1e-10)
  }
})

test_that("a constant added to a control, a belief or an instrument changes only the intercept", {
  d <- random_rows()
  base <- tsls(model, d)
  slopes <- setdiff(names(coef(base)), "(Intercept)")
  for (shift in c(1e4, 1e8)) {
    for (column in c("w", "x", "z2")) {
      moved <- d
      moved[[column]] <- moved[[column]] + shift
      # what rounding of the shifted column itself leaves: shift * 1e-16 of a standard deviation of about 1
      expect_same_fit(tsls(model, moved), base, 10 * shift * 1e-15 + 1e-9, slopes, label = paste(column, "+", shift))
    }
  }
})

test_that("a multiple of a control added to the belief leaves the effect alone", {
  d <- random_rows()
  base <- tsls(model, d)
  for (times in c(1, 1e4, 1e6)) {
    fit <- tsls(model, transform(d, x = x + times * w))
    expect_same_fit(fit, base, 1e-8, setdiff(names(coef(base)), "w"), label = paste("times", times))
    expect_close(fit$first_stage$F, base$first_stage$F, 1e-8, paste("F, times", times))
  }
})

test_that("an invertible recombination of controls or of instruments leaves the effect alone", {
  d <- random_rows()
  base <- tsls(model, d)
  other <- tsls(y ~ a + b + f | x ~ m + q, transform(d, a = w + v, b = w - 2 * v, m = z + z2, q = z - 3 * z2))
  expect_same_fit(other, base, 1e-10, "x")
  expect_close(other$rss, base$rss, 1e-11)
})

test_that("row order does not matter", {
  d <- random_rows()
  expect_same_fit(tsls(model, d[with_seed(3, sample(nrow(d))), ]), tsls(model, d), 1e-10)
  e <- random_experiment_data()
  shuffled <- e[with_seed(4, sample(nrow(e))), ]
  for (exposure in c("sign", "gap", "arm+sign")) {
    expect_close(first_two(quietly(miv(y ~ age, told_experiment(shuffled, strata = ~stratum, cluster = ~group), exposure = exposure))),
                 first_two(quietly(miv(y ~ age, told_experiment(e, strata = ~stratum, cluster = ~group), exposure = exposure))), 1e-10, exposure)
  }
})

test_that("the order of controls, instruments and fixed effects does not matter, up to naming", {
  d <- random_rows()
  expect_same_fit(tsls(y ~ f + v + w | x ~ z2 + z, d), tsls(model, d), 1e-10)
  skip_if_not_installed("fixest")
  expect_same_fit(tsls(y ~ w | g + f | x ~ z, d), tsls(y ~ w | f + g | x ~ z, d), 1e-9, kinds = list("iid", "HC1", ~g, ~ g + g2))
})

test_that("cluster and effect labels do not matter: numbers, text, factors with unused levels, other names", {
  d <- random_rows()
  base <- vcov(tsls(model, d), ~g)
  labels <- list(d$g * 1000, paste("village", d$g), factor(d$g, levels = 60:1), as.numeric(d$g) + 0.5, -d$g)
  for (label in labels) {
    d$label <- label
    expect_close(vcov(tsls(model, d), ~label), base, 1e-12)
    expect_close(first_two(tsls(y ~ w | label | x ~ z, d)), first_two(tsls(y ~ w | g | x ~ z, d)), 1e-12)
  }
})

test_that("row names, unused columns and the class of the data frame do not matter", {
  d <- random_rows()
  base <- tsls(model, d)
  named <- d
  rownames(named) <- paste0("person", rev(seq_len(nrow(d))))
  named$text <- "unused"
  named$list <- as.list(seq_len(nrow(d)))
  expect_identical(coef(tsls(model, named)), coef(base))
  if (requireNamespace("tibble", quietly = TRUE)) expect_identical(coef(tsls(model, tibble::as_tibble(d))), coef(base))
  if (requireNamespace("data.table", quietly = TRUE)) expect_identical(coef(tsls(model, data.table::as.data.table(d))), coef(base))
})

test_that("rows with missing values are as if they were not there", {
  d <- random_rows()
  d$y[c(3, 200)] <- NA
  d$w[c(3, 300)] <- NaN
  d$f[400] <- NA
  d$z2[500] <- NA
  kept <- d[complete.cases(d), ]
  fit <- tsls(model, d)
  expect_same_fit(fit, tsls(model, kept), 1e-12)
  expect_equal(nobs(fit), nrow(kept))
  expect_equal(as.integer(fit$na.action), c(3, 200, 300, 400, 500))
})

test_that("integer, logical and double columns of the same numbers give the same fit", {
  d <- random_rows()
  whole <- transform(d, w = round(w * 10), z = as.integer(z))
  double <- transform(whole, z = as.numeric(z))
  expect_identical(coef(tsls(y ~ w | x ~ z, transform(whole, w = as.integer(w)))), coef(tsls(y ~ w | x ~ z, double)))
  truth <- coef(tsls(y ~ w | x ~ z, transform(double, z = z == 1)))
  expect_close(truth, coef(tsls(y ~ w | x ~ z, double)), 1e-12)
  expect_close(coef(tsls(I(y > 1) ~ w | x ~ z, d)), coef(tsls(as.numeric(y > 1) ~ w | x ~ z, d)), 1e-12)
})

test_that("one thread and two give the same digits, also over several chunks of rows", {
  d <- random_rows(70000, seed = 9)
  fits <- lapply(1:2, function(threads) {
    old <- options(miv.threads = threads)
    on.exit(options(old))
    fit <- tsls(y ~ w + f | x ~ z + z2, d, weights = ~u)
    list(coef(fit), vcov(fit), vcov(fit, ~g), vcov(fit, "HC3"))
  })
  expect_identical(fits[[1]], fits[[2]])
})

test_that("a sample over several chunks is the sum of its parts: against the matrices written out", {
  d <- random_rows(70000, seed = 10)
  hand <- hand_tsls(d$y, d$x, cbind(1, d$w), cbind(d$z, d$z2))
  fit <- tsls(y ~ w | x ~ z + z2, d)
  expect_close(coef(fit), hand$coefficients, 1e-10)
  for (type in c("iid", "HC1", "HC3")) expect_close(vcov(fit, type), hand_vcov(hand, type), 1e-9, type)
  expect_close(vcov(fit, ~g), hand_vcov(hand, "CR1", d$g), 1e-9)
})

test_that("the side is all that `sign` takes from prior and signal", {
  e <- random_experiment_data()
  base <- quietly(miv(y ~ age, told_experiment(e)))
  e$other <- 18 - e$side * (1 + (e$gap / 7)^2)
  fit <- quietly(miv(y ~ age, info_experiment(e, belief = ~post, prior = ~other, signal = 18, arm = ~told)))
  expect_close(coef(fit), coef(base), 1e-12)
})

test_that("signal, prior and belief in other units (times 100) scale the effect and nothing else, under every exposure", {
  e <- random_experiment_data()
  for (exposure in c("sign", "gap", "arm", "arm+gap", "arm+sign")) {
    one <- quietly(miv(y ~ age, told_experiment(e), exposure = exposure))
    hundred <- quietly(info_experiment(e, belief = ~ I(100 * post), prior = ~ I(100 * prior), signal = 1800, arm = ~told))
    two <- quietly(miv(y ~ age, hundred, exposure = exposure))
    expect_close(first_two(two) * 100, first_two(one), 1e-10, exposure)
    expect_close(two$first_stage$F, one$first_stage$F, 1e-10, exposure)
  }
})

test_that("arms renamed, or the arm as factor, logical or text, give the same fit", {
  e <- random_experiment_data()
  base <- coef(quietly(miv(y ~ age, told_experiment(e))))
  for (arm in list(e$told == 1, factor(e$told, labels = c("no", "yes")), ifelse(e$told == 1, "told", "control"), e$told + 5L)) {
    e$arm <- arm
    experiment <- quietly(info_experiment(e, belief = ~post, prior = ~prior, signal = 18, arm = ~arm))
    expect_close(coef(quietly(miv(y ~ age, experiment))), base, 1e-12)
  }
})

test_that("the base arm chosen the other way round turns the side and leaves the estimate", {
  e <- random_experiment_data()
  e$low <- 10
  e$high <- 30
  told <- function(...) quietly(info_experiment(e, belief = ~post, prior = ~prior, signal = list(`0` = ~low, `1` = ~ high + prior / 10), arm = ~told, ...))
  for (exposure in c("sign", "gap", "arm")) {
    expect_close(first_two(quietly(miv(y ~ age, told(base = 1), exposure = exposure))), first_two(quietly(miv(y ~ age, told(), exposure = exposure))), 1e-10, exposure)
  }
})

test_that("noise of the size of rounding in every column changes no more than the last digits", {
  e <- random_experiment_data()
  for (seed in 1:3) {
    noisy <- e
    set.seed(seed)
    for (column in c("y", "post", "age")) noisy[[column]] <- noisy[[column]] * (1 + stats::runif(nrow(e), -1, 1) * .Machine$double.eps)
    for (exposure in c("sign", "gap", "arm+gap")) {
      expect_close(first_two(quietly(miv(y ~ age, told_experiment(noisy), exposure = exposure))), first_two(quietly(miv(y ~ age, told_experiment(e), exposure = exposure))), 1e-11, exposure)
    }
  }
})

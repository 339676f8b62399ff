# A flawless design, and arguments that break one thing at a time. Drift is that of 60 percent of people; 15 percent of the told stay.
flawless <- function(n = 2000, seed = 6, shape = identity, rate = function(d) ifelse(runif(nrow(d)) < 0.15, 0, 0.6), drift = function(d) rnorm(nrow(d)) * (runif(nrow(d)) < 0.6),
                     told = function(d) rbinom(nrow(d), 1, 0.5), lost = c(0.05, 0.05), slope = function(d) 0.5, finish = identity) {
  with_seed(seed, {
    d <- data.frame(prior = rnorm(n, 20, 6), age = rnorm(n, 45, 12), place = sample(100, n, TRUE), chance = runif(n), signal = 20, noise = rnorm(n))
    d <- shape(d)
    d$told <- told(d)
    d$gap <- d$signal - d$prior
    d$post <- d$prior + drift(d) + d$told * rate(d) * d$gap
    d <- finish(d)
    d$y <- slope(d) * d$post + 0.02 * d$age + d$noise
    d[d$chance < lost[d$told + 1], c("post", "y")] <- NA
    d
  })
}

described <- function(d, ...) quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = ~signal, arm = ~told, ...))

audited <- function(d, ...) audit(described(d, ...), covariates = ~age)

row_of <- function(x, check) x[x$check == check, ]

# Names of the checks whose word is another one, and the new word.
changed <- function(x, other = audited(flawless())) {
  both <- intersect(x$check, other$check)
  new <- x$verdict[match(both, x$check)]
  old <- other$verdict[match(both, other$check)]
  differ <- !is.na(new) & new != old
  stats::setNames(new[differ], both[differ])
}

haaland_roth <- function() {
  d <- shared_csv("experiments/haaland_roth_exp2.csv")
  list(data = d, experiment = quietly(info_experiment(d, belief = ~posterior, prior = ~prior, signal = 15, arm = ~T)))
}

# ---- one broken thing, one changed word ----

test_that("a flawless design is ok throughout, as experiment and as fit", {
  expect_true(all(audited(flawless())$verdict %in% c("ok", NA)))
  fit <- miv(y ~ age, described(flawless()))
  expect_true(all(audit(fit)$verdict %in% c("ok", NA)))
  expect_true(all(c("equal effects, sides", "first stage") %in% audit(fit)$check))
})

test_that("a side that does not move, or moves away, changes the word on that side alone", {
  still <- flawless(rate = function(d) ifelse(d$gap < 0, 0, 0.6))
  expect_equal(changed(audited(still)), c("direction, side -1" = "look"))
  few_far <- flawless(rate = function(d) ifelse(d$gap > 0 & runif(nrow(d)) < 0.1, -30 / abs(d$gap), 0.2), seed = 8)
  expect_equal(changed(audited(few_far)), c("direction, side +1" = "stop"))
})

test_that("told people who stay away from the signal change the word on toward, away or overshooting alone", {
  of <- function(shares, rates) function(d) rates[findInterval(runif(nrow(d)), cumsum(shares)) + 1]
  none <- function(d) 0
  lazy <- flawless(rate = of(c(0.5, 0.12), c(0, -0.1, 0.8)), drift = function(d) rnorm(nrow(d)) * (d$told == 0))
  expect_equal(changed(audited(lazy)), c("told, toward" = "look"))
  contrary <- flawless(rate = of(0.3, c(-0.1, 0.8)), drift = function(d) rnorm(nrow(d)) * (d$told == 0))
  expect_equal(changed(audited(contrary)), c("told, away" = "look"))
  eager <- flawless(rate = of(0.4, c(1.4, 0.6)))
  expect_equal(changed(audited(eager)), c("told, overshoots" = "look"))
})

test_that("untold people who drift on average, or toward the signal, change that word alone", {
  expect_equal(changed(audited(flawless(drift = function(d) rnorm(nrow(d), 1)))), c("drift, mean" = "look"))
  expect_equal(changed(audited(flawless(drift = function(d) 0.1 * d$gap + rnorm(nrow(d), 0, 0.5)))), c("drift, toward" = "look"))
})

test_that("an arm that depends on age changes the word on balance alone", {
  expect_equal(changed(audited(flawless(told = function(d) rbinom(nrow(d), 1, plogis((d$age - 45) / 12 * 0.5))))), c(balance = "stop"))
  expect_equal(changed(audited(flawless(told = function(d) rbinom(nrow(d), 1, plogis((d$prior - 20) / 6 * 0.5))))), c(balance = "stop"))
})

test_that("people lost in one arm change the word on attrition alone", {
  expect_equal(changed(audited(flawless(lost = c(0.05, 0.1)))), c(attrition = "look"))
  expect_equal(changed(audited(flawless(lost = c(0.05, 0.2)))), c(attrition = "stop"))
})

test_that("people at the signal before they hear it change the word on gap 0 alone", {
  at_signal <- function(share) flawless(shape = function(d) transform(d, prior = ifelse(runif(nrow(d)) < share, 20, prior)))
  expect_equal(changed(audited(at_signal(0.15))), c("gap 0" = "look"))
  expect_equal(changed(audited(at_signal(0.6))), c("gap 0" = "stop"))
})

test_that("a form that ends too early changes the word on its own bounds alone", {
  expect_equal(changed(audited(flawless(shape = function(d) transform(d, prior = pmin(prior, 28))))), c("bounds, prior" = "look"))
  crowded <- flawless(shape = function(d) transform(d, prior = ifelse(runif(nrow(d)) < 0.15, runif(nrow(d), 27.9, 28), pmin(prior, runif(nrow(d), 26, 27.5)))),
                      finish = function(d) transform(d, post = ifelse(prior > 27.9 & told == 0, 28, pmin(post, runif(nrow(d), 27, 28)))))
  expect_equal(changed(audited(crowded)), c("bounds, belief" = "look"))
})

test_that("people who repeat the signal change the word on heaping alone", {
  expect_equal(changed(audited(flawless(finish = function(d) transform(d, post = ifelse(told == 1 & runif(nrow(d)) < 0.4, signal, post))))), c(heaping = "look"))
})

test_that("signals out of the prior's range change that word alone; so does a forgotten logarithm; other units stop", {
  far <- function(d) transform(d, signal = ifelse(runif(nrow(d)) < 0.1, ifelse(runif(nrow(d)) < 0.5, min(prior) - 1, max(prior) + 1), 20))
  expect_equal(changed(audited(flawless(shape = far))), c("signal in range" = "look"))
  logged <- quietly(info_experiment(flawless(), belief = ~post, prior = ~prior, signal = log(20), arm = ~told))
  expect_equal(row_of(audit(logged), "signal in range")$verdict, "look")     # a few priors are as low as that
  dollars <- quietly(info_experiment(flawless(), belief = ~post, prior = ~prior, signal = 20000, arm = ~told))
  expect_equal(row_of(audit(dollars), "signal in range")$verdict, "stop")
})

test_that("few clusters change the word on clusters alone", {
  d <- flawless()
  many <- audited(d, cluster = ~place)
  expect_equal(row_of(many, "clusters")$verdict, "ok")
  expect_equal(changed(audited(d, cluster = ~ I(place %% 30)), many), c(clusters = "look"))
})

test_that("effects that differ by side, and a weak first stage, change that word alone in a fit", {
  clean <- audit(miv(y ~ age, described(flawless())))
  apart <- miv(y ~ age, described(flawless(slope = function(d) ifelse(d$gap > 0, 0.2, 0.8))))
  expect_equal(changed(audit(apart), clean), c("equal effects, sides" = "look"))
  noisy <- flawless(drift = function(d) ifelse(runif(nrow(d)) < 0.1, 25, 0.2) * rnorm(nrow(d)), seed = 3)
  expect_equal(changed(audit(quietly(miv(y ~ age, described(noisy)))), clean), c("first stage" = "look"))
})

test_that("over-identified fits test the instruments too, which is the sides' test again", {
  fit_of <- function(d) audit(miv(y ~ age, described(d), exposure = "arm+sign"))
  clean <- fit_of(flawless())
  expect_true(all(clean$verdict %in% c("ok", NA)))
  apart <- fit_of(flawless(slope = function(d) ifelse(d$gap > 0, 0.2, 0.8)))
  expect_setequal(names(changed(apart, clean)), c("equal effects, sides", "equal effects, instruments"))
})

# ---- a real experiment ----

test_that("experiment 2 of Haaland and Roth shows what is known of it", {
  x <- audit(haaland_roth()$experiment)
  estimate <- function(...) vapply(c(...), function(check) row_of(x, check)$estimate, 0, USE.NAMES = FALSE)
  expect_equal(round(100 * estimate("told, toward", "told, stays", "told, away")), c(81, 10, 9))     # without those at gap 0
  expect_equal(round(100 * estimate("drift, toward", "drift, stays", "drift, away")), c(52, 25, 23))
  expect_equal(round(estimate("direction, side +1", "direction, side -1"), 2), c(2.70, -11.02))
  attrition <- row_of(x, "attrition")
  expect_equal(round(attrition$p.value, 4), 0.0016)
  expect_equal(attrition$verdict, "look")
  expect_match(attrition$says, "15.3% of arm `0` and 20.6% of arm `1`", fixed = TRUE)
})

# ---- numbers against R's own ----

test_that("attrition is prop.test() without continuity correction, chi-squared with three arms", {
  real <- haaland_roth()
  lost <- is.na(real$data$posterior)
  test <- prop.test(tapply(lost, real$data$T, sum)[2:1], table(real$data$T)[2:1], correct = FALSE)
  row <- row_of(audit(real$experiment), "attrition")
  expect_equal(c(row$estimate, row$conf.low, row$conf.high, row$p.value), c(-diff(test$estimate)[[1]], test$conf.int, test$p.value), tolerance = 1e-12)
  d <- three_arms()
  d$post[d$arm == "high"][1:20] <- NA
  chi <- suppressWarnings(chisq.test(table(d$arm, is.na(d$post)), correct = FALSE))
  expect_equal(row_of(audit(three_arms_experiment(d)), "attrition")$p.value, chi$p.value, tolerance = 1e-12)
})

test_that("direction is lm() by side with robust errors, one-sided and after Holm", {
  skip_if_not_installed("sandwich")
  d <- flawless(n = 300)
  x <- audited(d)
  known <- function(side, vcov, df, data = d) {
    fit <- lm(post ~ told, data, subset = sign(gap) == side)
    t <- side * coef(fit)[[2]] / sqrt(vcov(fit)[2, 2])
    c(coef(fit)[[2]], sqrt(vcov(fit)[2, 2]), pt(t, if (is.null(df)) fit$df.residual else df, lower.tail = FALSE))
  }
  rows <- x[grepl("direction", x$check), ]
  for (side in c(-1, 1)) {
    row <- row_of(x, sprintf("direction, side %+d", side))
    want <- known(side, function(f) sandwich::vcovHC(f, "HC1"), NULL)
    expect_equal(c(row$estimate, row$p.raw), want[c(1, 3)], tolerance = 1e-9)
    expect_equal(row$conf.high - row$estimate, want[2] * qt(0.975, sum(sign(d$gap) == side & !is.na(d$post)) - 2), tolerance = 1e-9)
  }
  expect_equal(rows$p.value, p.adjust(rows$p.raw, "holm"))
  rows <- row_of(audited(d, cluster = ~place), "direction, side -1")
  groups <- length(unique(d$place[d$gap < 0 & !is.na(d$post)]))
  expect_equal(rows$p.raw, known(-1, function(f) sandwich::vcovCL(f, d$place[as.integer(names(residuals(f)))], type = "HC1"), groups - 1)[3], tolerance = 1e-9)
})

test_that("Holm is over all sides and arms; an unchanged word needs the adjusted p", {
  x <- audit(three_arms_experiment())
  rows <- x[grepl("direction", x$check), ]
  expect_equal(nrow(rows), 4)
  expect_equal(rows$p.value, p.adjust(rows$p.raw, "holm"))
  expect_setequal(rows$arm, c("low", "high"))
})

test_that("mean drift is the one-sample t test; shares have Wilson intervals", {
  d <- flawless(n = 500)
  x <- audited(d)
  base <- d[d$told == 0 & !is.na(d$post), ]
  test <- t.test(base$post - base$prior)
  row <- row_of(x, "drift, mean")
  expect_equal(c(row$estimate, row$conf.low, row$conf.high, row$p.value), c(test$estimate[[1]], test$conf.int, test$p.value), tolerance = 1e-9)
  away <- (base$post - base$prior) * base$gap < 0
  row <- row_of(x, "drift, away")
  expect_equal(c(row$conf.low, row$conf.high), as.vector(prop.test(sum(away), length(away), correct = FALSE)$conf.int), tolerance = 1e-9)
})

test_that("balance is the robust Wald test of lm(), with strata absorbed as dummies", {
  skip_if_not_installed("sandwich")
  d <- transform(flawless(n = 400), stratum = place %% 4, side = factor(sign(gap)))
  d$told <- with_seed(2, rbinom(nrow(d), 1, c(0.3, 0.5, 0.6, 0.7)[d$stratum + 1]))
  wald_of <- function(formula) {
    fit <- lm(formula, d)
    at <- grep("prior|side|age", names(coef(fit)))
    drop(coef(fit)[at] %*% solve(sandwich::vcovHC(fit, "HC1")[at, at]) %*% coef(fit)[at]) / length(at)
  }
  expect_equal(row_of(audited(d), "balance")$estimate, wald_of(told ~ prior + side + age), tolerance = 1e-8)
  expect_equal(row_of(audited(d, strata = ~stratum), "balance")$estimate, wald_of(told ~ prior + side + age + factor(stratum)), tolerance = 1e-8)
  row <- row_of(audited(d), "balance")
  expect_equal(row$p.raw, pf(row$estimate, 3, nrow(d) - 4, lower.tail = FALSE), tolerance = 1e-8)   # prior, one side (nobody at gap 0), age
})

test_that("without controls the sides' difference is that of two Wald ratios, and so is its error", {
  skip_if_not_installed("sandwich")
  d <- flawless(n = 600)
  row <- row_of(audit(miv(y ~ 1, described(d))), "equal effects, sides")
  k <- d[!is.na(d$post), ]
  ratio <- function(side) { at <- k[sign(k$gap) == side, ]; m <- function(v) diff(tapply(v, at$told, mean)); m(at$y) / m(at$post) }
  expect_equal(row$estimate, unname(ratio(1) - ratio(-1)), tolerance = 1e-9)
  z <- cbind(k$gap > 0, k$gap < 0, (k$gap > 0) * k$told, (k$gap < 0) * k$told)
  w <- cbind(k$gap > 0, k$gap < 0, (k$gap > 0) * k$post, (k$gap < 0) * k$post)
  b <- solve(crossprod(z, w), crossprod(z, k$y))
  v <- solve(crossprod(z, w)) %*% crossprod(z * drop(k$y - w %*% b)) %*% t(solve(crossprod(z, w))) * nrow(k) / (nrow(k) - 4)
  expect_equal(row$conf.high - row$estimate, qt(0.975, nrow(k) - 4) * sqrt(v[3, 3] + v[4, 4] - 2 * v[3, 4]), tolerance = 1e-8)
})

test_that("Hansen's J is the criterion of two-step GMM written out", {
  d <- flawless(n = 600)
  row <- row_of(audit(miv(y ~ age, described(d), exposure = "arm+sign")), "equal effects, instruments")
  k <- d[!is.na(d$post), ]
  z <- cbind(1, k$gap > 0, k$age, (k$gap > 0) * k$told, (k$gap < 0) * k$told)
  w <- cbind(k$post, 1, k$gap > 0, k$age)
  gmm <- function(s) solve(t(w) %*% z %*% solve(s, t(z) %*% w), t(w) %*% z %*% solve(s, t(z) %*% k$y))
  s <- crossprod(z * drop(k$y - w %*% gmm(crossprod(z))))
  g <- crossprod(z, k$y - w %*% gmm(s))
  expect_equal(row$estimate, drop(t(g) %*% solve(s, g)), tolerance = 1e-8)
  expect_equal(row$p.value, pchisq(row$estimate, 1, lower.tail = FALSE))
})

test_that("weight 2 is the same as everybody twice, up to the errors", {
  d <- flawless(n = 400)
  d$w <- with_seed(1, sample(1:2, nrow(d), TRUE))
  weighted <- audited(d, weights = ~w)
  twice <- audited(d[rep(seq_len(nrow(d)), d$w), ])
  same <- !weighted$check %in% "balance"                      # an F, not a mean
  expect_equal(weighted$check, twice$check)
  expect_equal(weighted$estimate[same], twice$estimate[same], tolerance = 1e-9)
})

# ---- designs ----

test_that("a belief in other units leaves out what has no meaning, and says so", {
  d <- transform(flawless(), post = -3 * post)
  other <- described(d, units = "other", direction = -1)
  x <- audit(other)
  expect_false(any(grepl("told|drift|heaping", x$check)))
  expect_true(all(x$verdict == "ok"))
  expect_output(print(x), "other units")
  expect_match(paste(x$verdict[grepl("direction", audit(described(d, units = "other"))$check)], collapse = " "), "ok")
  expect_equal(unique(audit(described(d, units = "other"))$verdict[1:2]), "stop")
})

test_that("an active design has no untold people, and every arm's told are shown", {
  d <- simulate_experiment(800, design = "active", signal = c(low = 8, high = 14), signal_sd = 1, seed = 1)
  x <- audit(info_experiment(d, belief = ~posterior, prior = ~prior, signal = list(low = ~signal_low, high = ~signal_high), arm = ~arm))
  expect_false(any(grepl("drift", x$check)))
  expect_true(all(c("told, toward, arm low", "told, toward, arm high", "direction, side +1") %in% x$check))
  expect_false(anyDuplicated(x$check) > 0)
})

test_that("a fit is audited on its own people: subset, outcome and controls count", {
  d <- flawless()
  d$y[d$told == 1][1:150] <- NA
  e <- described(d)
  expect_equal(row_of(audit(e), "attrition")$verdict, "ok")
  expect_equal(row_of(audit(miv(y ~ age, e)), "attrition")$verdict, "stop")
  young <- miv(y ~ age, e, subset = age < 40)
  expect_equal(row_of(audit(young), "attrition")$n, sum(d$age < 40))
  expect_equal(row_of(audit(young), "bounds, prior")$n, nobs(young))
  expect_match(row_of(audit(young), "balance")$what, "covariates")
})

# ---- table, words, refusals, figures ----

test_that("the table has the promised columns, and the plain frame is plain", {
  x <- audited(flawless(n = 200))
  expect_equal(names(x)[1:6], c("check", "estimate", "conf.low", "conf.high", "p.value", "verdict"))
  expect_s3_class(x, c("miv_audit", "data.frame"), exact = TRUE)
  expect_identical(class(as.data.frame(x)), "data.frame")
  expect_setequal(names(attributes(as.data.frame(x))), c("names", "class", "row.names"))
  expect_false(anyNA(x$says))
})

test_that("a test that cannot be made is not ok", {
  expect_equal(miv:::tested(NA, "stop"), "look")
  expect_equal(c(miv:::tested(0.04, "stop"), miv:::tested(0.06, "stop")), c("stop", "ok"))
  d <- transform(flawless(n = 300), half = place %% 2)
  x <- audited(d, cluster = ~half)
  expect_equal(row_of(x, "balance")$verdict, "look")
  expect_match(row_of(x, "balance")$says, "cannot be tested")
})

test_that("printing counts, fits into 80 characters, and says what to do about every row that is not ok", {
  x <- audited(flawless(lost = c(0.05, 0.2)))
  old <- options(width = 80)
  on.exit(options(old))
  lines <- capture.output(print(x))
  expect_equal(lines[1], sprintf("%d checks: %d ok, 1 stop. %d more rows only describe.", sum(!is.na(x$verdict)), sum(x$verdict %in% "ok"), sum(is.na(x$verdict))))
  expect_lte(max(nchar(lines)), 80)
  expect_match(paste(lines, collapse = " "), "STOP: attrition.*Whoever stays")
  capture.output(seen <- withVisible(print(x))$visible)
  expect_false(seen)
})

test_that("what cannot be audited is refused with the way out", {
  d <- flawless(n = 100)
  expect_error(audit(d), "info_experiment", class = "miv_error_not_an_experiment")
  expect_error(audit(1), class = "miv_error_not_an_experiment")
  expect_error(audit(quietly(tsls(y ~ age | post ~ told, d))), "tsls", class = "miv_error_not_an_experiment")
  e <- described(d)
  expect_error(audit(e, covariate = ~age), "covariates", class = "miv_error_unknown_argument")
  expect_error(audit(e, covariates = ~agee), "age", class = "miv_error_unknown_column")
  expect_error(audit(e, covariates = "age"), class = "miv_error_bad_covariates")
  expect_error(audit(miv(c(y, age) ~ 1, e)), "y", class = "miv_error_not_an_experiment")
})

test_that("both figures draw, with alt text, and other figures are refused", {
  skip_if_not_installed("ggplot2")
  pdf(NULL)
  on.exit(dev.off())
  for (x in list(audited(flawless(n = 300)), audit(three_arms_experiment()), audit(described(flawless(n = 300), units = "other")))) {
    for (which in c("first_stage", "distributions")) {
      figure <- plot(x, which = which)
      expect_s3_class(figure, "ggplot")
      expect_silent(print(figure))
      expect_true(nzchar(ggplot2::get_alt_text(figure)))
    }
  }
  expect_error(plot(x, which = "gap"), class = "miv_error_unknown_figure")
  expect_error(plot(x, wich = "gap"), "which", class = "miv_error_unknown_argument")
  expect_error(plot(structure(as.data.frame(x), class = class(x))), class = "miv_error_no_figure")
})

test_that("the first-stage figure shows the means of belief less prior by arm", {
  d <- flawless(n = 1000)
  bins <- attr(audited(d), "panels")$bins
  kept <- d[!is.na(d$post), ]
  expect_equal(sum(bins$people), nrow(kept))
  expect_equal(sum(bins$people * bins$mean * (bins$told == 1)) / sum(bins$people[bins$told == 1]), mean((kept$post - kept$prior)[kept$told == 1]))
  curves <- attr(audited(d), "panels")$curves
  told <- kept$post[kept$told == 1]
  at <- curves[curves$what == "belief" & curves$arm == "1", ]
  inner <- at[-c(1, nrow(at)), ]
  expect_equal(inner$share, ecdf(told)(inner$value))
})

test_that("clusters and strata count where everybody's weight differs too", {
  skip_if_not_installed("sandwich")
  d <- transform(flawless(n = 500), w = 1 + place / 50, stratum = place %% 3)
  x <- audited(d, weights = ~w, strata = ~stratum, cluster = ~place)
  k <- d[!is.na(d$post) & d$gap > 0, ]
  fit <- lm(post ~ told + factor(stratum), k, weights = k$w)
  t <- coef(fit)[[2]] / sqrt(sandwich::vcovCL(fit, k$place, type = "HC1")[2, 2])
  expect_equal(row_of(x, "direction, side +1")$p.raw, pt(t, length(unique(k$place)) - 1, lower.tail = FALSE), tolerance = 1e-9)
  fit <- lm(is.na(post) ~ told + factor(stratum), d, weights = d$w)
  t <- coef(fit)[[2]] / sqrt(sandwich::vcovCL(fit, d$place, type = "HC1")[2, 2])
  expect_equal(row_of(x, "attrition")$p.value, 2 * pt(-abs(t), length(unique(d$place)) - 1), tolerance = 1e-9)
})

test_that("covariates may be factors and expressions, miss values, and repeat each other", {
  d <- transform(flawless(n = 400), town = factor(place %% 4), half = ifelse(place > 50, NA, place), one = "a")
  row <- row_of(audit(described(d), covariates = ~ town + log(age + 100) + half + I(2 * half)), "balance")
  expect_equal(row$n, sum(d$place <= 50))
  expect_match(row$what, "(7)", fixed = TRUE)                 # prior, side, three towns, age, half
  expect_error(audit(described(d), covariates = ~one), class = "miv_error_bad_covariates")
})

test_that("with clusters the two sides' ratios vary together, and the error of their difference says so", {
  d <- flawless(n = 600)
  d$y <- d$y + with_seed(1, rnorm(100))[d$place] * (1 + d$told)
  row <- row_of(audit(miv(y ~ age, described(d, cluster = ~place))), "equal effects, sides")
  k <- d[!is.na(d$post), ]
  up <- k$gap > 0
  z <- cbind(1, up, k$age, up * k$told, (!up) * k$told)
  w <- cbind(1, up, k$age, up * k$post, (!up) * k$post)
  b <- solve(crossprod(z, w), crossprod(z, k$y))
  groups <- length(unique(k$place))
  meat <- crossprod(rowsum(z * drop(k$y - w %*% b), k$place)) * groups / (groups - 1) * (nrow(k) - 1) / (nrow(k) - 5)
  v <- (solve(crossprod(z, w)) %*% meat %*% t(solve(crossprod(z, w))))[4:5, 4:5]
  expect_equal(row$estimate, b[4] - b[5], tolerance = 1e-8)
  expect_equal(row$conf.high - row$estimate, qt(0.975, groups - 1) * sqrt(sum(v * c(1, -1, -1, 1))), tolerance = 1e-8)
})

test_that("a base arm of one cluster has no test of drift, which is then no `ok`, and nothing warns", {
  d <- flawless()
  d$place <- ifelse(d$told == 0, 0, 1 + seq_along(d$told) %% 9)
  expect_no_warning(x <- audited(d, cluster = ~place))
  for (check in c("drift, mean", "drift, toward")) {
    row <- row_of(x, check)
    expect_equal(row$verdict, "look")
    expect_true(is.na(row$p.value) && !is.nan(row$p.value))
    expect_match(row$todo, "cannot be made")
  }
  expect_match(row_of(x, "clusters")$says, "10 clusters, each in one arm: 1 in `0` and 9 in `1`")
  expect_match(row_of(x, "clusters")$todo, "CR2.*resample")
  d$place <- seq_along(d$told) %% 10
  expect_match(row_of(audited(d, cluster = ~place), "clusters")$says, "^There are 10 clusters[.]$")
})

test_that("untold people who all stay have no drift, and that is ok", {
  x <- audited(flawless(drift = function(d) 0))
  expect_equal(row_of(x, "drift, mean")$verdict, "ok")
  expect_equal(row_of(x, "drift, mean")$p.value, 1)
})

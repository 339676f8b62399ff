# CR2, CR3 and Satterthwaite degrees of freedom: by the formulas on whole matrices, by clubSandwich, and by leaving clusters out.

clustered_rows <- function(sizes, seed = 1) {
  with_seed(seed, {
    g <- rep(seq_along(sizes), sizes)
    n <- length(g)
    d <- data.frame(g = g, w = rnorm(n), z = rbinom(n, 1, 0.5), z2 = rnorm(n), f = runif(n, 0.2, 3), s = sample(4, n, TRUE))
    u <- rnorm(n) + rnorm(length(sizes))[g]
    d$x <- 0.8 * d$z + 0.3 * d$z2 + 0.5 * d$w + 0.6 * u + rnorm(n)
    d$y <- d$x + d$w + u
    d$part <- interaction(d$g, d$s %% 2, drop = TRUE)
    d
  })
}

shapes <- list(five = rep(40, 5), twelve = rep(c(10, 30), 6), forty = rep(6, 40), singletons = c(1, 1, 1, 2, 30, 20, 5, 8))
models <- list(just = y ~ w | x ~ z, over = y ~ w | x ~ z + z2)
terms_shown <- c("x", "(Intercept)", "w")

# n x n matrices throughout, weights as clubSandwich takes them: residuals of one variance.
by_hand <- function(x, e, g, type, w = rep(1, length(e))) {
  bread <- solve(crossprod(x, w * x))
  h <- x %*% bread %*% t(x * w)
  left <- diag(length(e)) - h
  v <- if (type == "CR3") left else left %*% t(left)
  a <- matrix(0, length(e), length(e))
  for (own in split(seq_along(e), g)) {
    block <- v[own, own, drop = FALSE]
    if (type == "CR3") { a[own, own] <- solve(block); next }
    eigen <- eigen((block + t(block)) / 2, symmetric = TRUE)
    a[own, own] <- eigen$vectors %*% (ifelse(eigen$values > 1e-10, eigen$values^-0.5, 0) * t(eigen$vectors))
  }
  scores <- rowsum(x * w * drop(a %*% e), g)
  forms <- function(c) {
    pulls <- t(vapply(split(seq_along(e), g), function(own) { p <- numeric(length(e)); p[own] <- (a %*% (x * w) %*% bread[, c])[own]; drop(t(left) %*% p) }, e))
    p <- tcrossprod(pulls)
    sum(diag(p))^2 / sum(p^2)
  }
  list(vcov = bread %*% crossprod(scores) %*% bread, df = vapply(seq_len(ncol(x)), forms, 0))
}

expect_as_by_hand <- function(fit, d, type, w = rep(1, nrow(d))) {
  hand <- by_hand(model.matrix(fit), residuals(fit), d$g, type, w)
  ours <- with_vcov(fit, CR(~g, type))
  expect_equal(unname(ours$vcov), unname(hand$vcov), tolerance = 1e-9)
  if (type == "CR2") expect_equal(unname(ours$df_inference), hand$df, tolerance = 1e-9)
}

test_that("CR2, its degrees of freedom and CR3 are their formulas on whole matrices", {
  for (shape in shapes) for (model in models) for (type in c("CR2", "CR3")) {
    d <- clustered_rows(shape)
    expect_as_by_hand(quiet_miv(tsls(model, d)), d, type)
  }
})

test_that("with weights the residuals, not their weighted form, are taken to have one variance in CR2", {
  for (shape in shapes[c("five", "forty", "singletons")]) {
    d <- clustered_rows(shape)
    expect_as_by_hand(quiet_miv(tsls(models$over, d, weights = ~f)), d, "CR2", d$f)
    expect_as_by_hand(quiet_miv(tsls(models$over, d, weights = ~f)), d, "CR3", d$f)
    d$f <- d$g %% 3 + 1
    expect_as_by_hand(quiet_miv(tsls(models$just, d, weights = ~f)), d, "CR2", d$f)
  }
})

test_that("equal weights are no weights", {
  d <- transform(clustered_rows(shapes$twelve), f = 2)
  fit <- with_vcov(tsls(models$over, d), CR(~g, "CR2"))
  weighted <- with_vcov(tsls(models$over, d, weights = ~f), CR(~g, "CR2"))
  expect_equal(weighted$vcov, fit$vcov, tolerance = 1e-10)
  expect_equal(weighted$df_inference, fit$df_inference, tolerance = 1e-10)
})

ivreg_or_skip <- function() {
  skip_if_not_installed("clubSandwich")
  if (requireNamespace("AER", quietly = TRUE)) return(AER::ivreg)
  if (requireNamespace("ivreg", quietly = TRUE)) return(ivreg::ivreg)
  skip("neither AER nor ivreg")
}

expect_as_club <- function(fit, peer, d, names = terms_shown, types = c("CR0", "CR2", "CR3")) {
  for (type in types) {
    theirs <- clubSandwich::vcovCR(peer, cluster = d$g, type = type)
    ours <- with_vcov(fit, CR(~g, type))
    expect_equal(ours$vcov[names, names], as.matrix(theirs)[names, names], tolerance = 1e-8, ignore_attr = TRUE)
    if (type == "CR2") expect_as_satterthwaite(ours, clubSandwich::coef_test(peer, vcov = theirs, test = "Satterthwaite")[names, ], names)
  }
}

expect_as_satterthwaite <- function(fit, test, names) {
  p <- if (is.null(test$p_Satt)) test$p else test$p_Satt
  df <- if (is.null(test$df_Satt)) test$df else test$df_Satt
  table <- tidy(fit)
  expect_equal(df_of(fit, names), df, tolerance = 1e-6)
  expect_equal(table$p.value[match(names, table$term)], p, tolerance = 1e-8)
}

test_that("CR0, CR2, CR3 and p values are clubSandwich's on fits of ivreg, with and without weights", {
  maker <- ivreg_or_skip()
  for (shape in shapes) {
    d <- clustered_rows(shape)
    expect_as_club(quiet_miv(tsls(models$just, d)), maker(y ~ w + x | w + z, data = d), d)
    expect_as_club(quiet_miv(tsls(models$over, d)), maker(y ~ w + x | w + z + z2, data = d), d)
    expect_as_club(quiet_miv(tsls(models$over, d, weights = ~f)), maker(y ~ w + x | w + z + z2, data = d, weights = f), d)
  }
})

test_that("a cluster with its own dummy changes nothing for the others, as in clubSandwich", {
  maker <- ivreg_or_skip()
  d <- transform(clustered_rows(shapes$twelve), own = as.numeric(g == 2))
  expect_as_club(tsls(y ~ w + own | x ~ z + z2, d), maker(y ~ w + own + x | w + own + z + z2, data = d), d, c("x", "w"), "CR2")
})

test_that("absorbed effects, within clusters or not, are as their dummies in clubSandwich", {
  maker <- ivreg_or_skip()
  d <- clustered_rows(shapes$twelve)
  inside <- maker(y ~ w + part + x | w + part + z + z2, data = d)
  across <- maker(y ~ w + factor(s) + x | w + factor(s) + z + z2, data = d)
  expect_as_club(tsls(y ~ w | part | x ~ z + z2, d), inside, d, c("x", "w"), "CR2")
  expect_as_club(tsls(y ~ w | s | x ~ z + z2, d), across, d, c("x", "w"), c("CR2", "CR3"))
  weighted <- maker(y ~ w + factor(g) + x | w + factor(g) + z + z2, data = d, weights = f)
  expect_as_club(tsls(y ~ w | g | x ~ z + z2, d, weights = ~f), weighted, d, c("x", "w"), "CR2")
})

test_that("absorbing clusters is the demeaned regression", {
  d <- clustered_rows(shapes$twelve)
  net <- transform(d, y = y - ave(y, g), x = x - ave(x, g), w = w - ave(w, g), z = z - ave(z, g), z2 = z2 - ave(z2, g))
  for (type in c("CR2", "CR3")) {
    absorbed <- with_vcov(tsls(y ~ w | g | x ~ z + z2, d), CR(~g, type))
    plain <- with_vcov(tsls(y ~ 0 + w | x ~ z + z2, net), CR(~g, type))
    expect_equal(absorbed$vcov, plain$vcov, tolerance = 1e-10)
    expect_equal(absorbed$df_inference, plain$df_inference, tolerance = 1e-10)
  }
})

test_that("stratum shares stay those of the strata where these enter as dummies", {
  d <- transform(clustered_rows(rep(20, 12)), prior = z2, arm = z)
  fit <- quiet_miv(miv(y ~ w, d, belief = ~x, prior = ~prior, signal = 1, arm = ~arm, strata = ~s))
  ours <- with_vcov(fit, CR(~g, "CR3"))
  absorbed <- model.matrix(fit)
  dummies <- outer(d$s, sort(unique(d$s)), `==`) * 1
  hand <- by_hand(cbind(absorbed, dummies), residuals(fit), d$g, "CR3")$vcov
  k <- seq_len(ncol(absorbed))
  expect_equal(unname(ours$vcov), unname(hand[k, k]), tolerance = 1e-8)
})

# ---- leaving clusters out ----

test_that("CR3 is the jackknife around the estimate: by deleting clusters where it is least squares", {
  d <- clustered_rows(shapes$twelve)
  fit <- tsls(y ~ x + w, d)
  without <- vapply(unique(d$g), function(g) coef(tsls(y ~ x + w, d[d$g != g, ])) - coef(fit), coef(fit))
  expect_equal(vcov(fit, CR(~g, "CR3")), tcrossprod(without), tolerance = 1e-9)
})

test_that("CR3 is the jackknife with the first stage held where it is two-stage", {
  d <- clustered_rows(shapes$twelve)
  fit <- tsls(models$over, d)
  projected <- model.matrix(fit)
  e <- residuals(fit)
  without <- vapply(unique(d$g), function(g) lm.fit(projected[d$g != g, ], e[d$g != g])$coefficients, coef(fit))
  expect_equal(vcov(fit, CR(~g, "CR3")), tcrossprod(without), tolerance = 1e-9)
})

# ---- other rooms ----

test_that("with everybody a cluster CR2 is HC2 and CR3 is HC3, under both scores and in the first stage", {
  d <- transform(clustered_rows(shapes$five), i = seq_along(y))
  for (scores in c("usual", "heterogeneous")) for (fit in list(tsls(models$over, d), tsls(models$just, d))) {
    expect_equal(vcov(fit, CR(~i, "CR2"), scores = scores), vcov(fit, "HC2", scores = scores), tolerance = 1e-10)
    expect_equal(vcov(fit, CR(~i, "CR3"), scores = scores), vcov(fit, "HC3", scores = scores), tolerance = 1e-10)
    expect_equal(glance(fit, vcov = CR(~i, "CR2"))$first_stage_F, glance(fit, vcov = "HC2")$first_stage_F, tolerance = 1e-10)
  }
  weighted <- tsls(models$over, d, weights = ~f)
  expect_equal(vcov(weighted, CR(~i, "CR3"), scores = "heterogeneous"), vcov(weighted, "HC3", scores = "heterogeneous"), tolerance = 1e-10)
})

test_that("the first-stage F is that of the first stage fitted with the same covariance", {
  d <- clustered_rows(shapes$twelve)
  for (type in c("CR2", "CR3")) for (weights in list(NULL, ~f)) {
    fit <- tsls(models$over, d, vcov = CR(~g, type), weights = weights)
    expect_equal(glance(first_stage(fit))$first_stage_F, fit$first_stage$F[["x"]], tolerance = 1e-9)
  }
})

test_that("threads change no digit", {
  old <- options(miv.threads = 1)
  on.exit(options(old))
  d <- clustered_rows(rep(2, 1500))
  fit <- tsls(models$over, d)
  one <- with_vcov(fit, CR(~g, "CR2"))[c("vcov", "df_inference")]
  options(miv.threads = 2)
  expect_identical(with_vcov(fit, CR(~g, "CR2"))[c("vcov", "df_inference")], one)
})

test_that("every interval and p value of a coefficient has the coefficient's own degrees of freedom", {
  d <- clustered_rows(shapes$five)
  fit <- quiet_miv(tsls(models$over, d, vcov = CR(~g, "CR2")))
  df <- fit$df_inference
  expect_named(df, names(coef(fit)))
  se <- sqrt(diag(vcov(fit)))
  reach <- qt(0.975, df) * se
  expect_equal(unname(confint(fit)[, 2]), unname(coef(fit) + reach))
  expect_equal(unname(confint(fit, "w")[1, 2]), unname((coef(fit) + reach)["w"]))
  expect_equal(tidy(fit)$conf.high, unname(coef(fit) + reach))
  expect_equal(unname(coef(summary(fit))[, 4]), unname(2 * pt(-abs(coef(fit) / se), df)))
  expect_equal(summary(fit)$conf.int[1, 2], (coef(fit) + reach)[["x"]])
  expect_output(print(summary(fit)), sprintf("t with %s degrees", df_words(df[["x"]])))
  two <- quiet_miv(summary(tsls(c(y, w) ~ 1 | x ~ z, d, vcov = CR(~g, "CR2"))))$table
  expect_equal(two$conf.high[1], tidy(quiet_miv(tsls(y ~ 1 | x ~ z, d, vcov = CR(~g, "CR2"))))$conf.high[1])
})

test_that("below 40 clusters a summary under CR1 has CR2 beside it, and says it", {
  d <- clustered_rows(shapes$twelve)
  fit <- tsls(models$over, d, vcov = ~g)
  row <- tidy(fit, vcov = CR(~g, "CR2"))[1, ]
  beside <- summary(fit)$cr2
  expect_equal(c(beside$std.error, beside$p.value, beside$conf.low, beside$conf.high), c(row$std.error, row$p.value, row$conf.low, row$conf.high))
  expect_output(print(summary(fit)), "CR2 beside")
  expect_null(summary(fit, vcov = "HC1")$cr2)
  expect_null(summary(fit, vcov = CR(~g, "CR2"))$cr2)
  expect_null(summary(tsls(models$over, clustered_rows(shapes$forty), vcov = ~g))$cr2)
})

test_that("what CR2 and CR3 cannot do is refused with the cure", {
  d <- clustered_rows(rep(2, 210))
  d$many <- (seq_len(420) + 2) %/% 3
  expect_error(CR(~ g + s, "CR2"), "one cluster variable", class = "miv_error_several_clusters")
  expect_error(vcov(tsls(y ~ w | many | x ~ z, d), CR(~g, "CR3")), "at most 100", class = "miv_error_absorbed_effects")
  expect_error(CR(~g, "CR4"), class = "miv_error_unknown_covariance")
})

test_that("verbs that make several coefficients into one number take a fit with CR2", {
  d <- clustered_rows(shapes$twelve)
  fit <- quiet_miv(tsls(models$over, d, vcov = CR(~g, "CR2")))
  value <- predict(fit, se.fit = TRUE)
  expect_equal(value$df, min(fit$df_inference))
  expect_silent(quiet_miv(effect_weights(fit, by = ~z, data = d)))
  expect_equal(vcov(update(fit, . ~ .)), vcov(fit))
})

# ---- clubSandwich on our fits ----

test_that("clubSandwich finds our numbers on our fits", {
  skip_if_not_installed("clubSandwich")
  d <- clustered_rows(shapes$twelve)
  d$w[c(3, 50)] <- NA
  fits <- list(tsls(models$over, d), tsls(models$just, d, weights = ~f), tsls(y ~ w | part | x ~ z + z2, d), tsls(y ~ w | s | x ~ z + z2, d),
               tsls(y ~ w | g | x ~ z, d, weights = ~f), first_stage(tsls(models$over, d)), tsls(y ~ w, d))
  for (fit in fits) {
    theirs <- clubSandwich::vcovCR(fit, cluster = d$g, type = "CR2")
    ours <- with_vcov(fit, CR(~g, "CR2"))
    expect_equal(unname(ours$vcov), unname(as.matrix(theirs)), tolerance = 1e-8, ignore_attr = TRUE)
    expect_as_satterthwaite(ours, clubSandwich::coef_test(fit, vcov = theirs, test = "Satterthwaite"), names(coef(fit)))
  }
  padded <- tsls(models$over, d, na.action = "exclude")
  kept <- d$g[-padded$na.action]
  expect_equal(unname(vcov(padded, CR(~g, "CR2"))), unname(as.matrix(clubSandwich::vcovCR(padded, cluster = kept, type = "CR2"))), tolerance = 1e-8, ignore_attr = TRUE)
})

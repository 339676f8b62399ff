# A random problem: l instruments, weak or strong, valid or not, heteroskedastic; clusters g and h.
ar_problem <- function(seed) {
  with_seed(seed, {
    n <- sample(60:140, 1)
    l <- sample(4, 1)
    z <- matrix(rnorm(n * l), n)
    d <- data.frame(w = rnorm(n), g = sample(22, n, TRUE), h = sample(18, n, TRUE))
    u <- rnorm(n) + 0.5 * rnorm(22)[d$g]
    strength <- sample(c(0.03, 0.1, 0.25, 0.8), 1)
    d$x <- drop(z %*% (strength * runif(l, 0.3, 1))) + 0.5 * d$w + 0.7 * u + rnorm(n) * (1 + 0.5 * abs(z[, 1]))
    d$y <- runif(1, -2, 2) * d$x + d$w + u + drop(z %*% rnorm(l)) * sample(c(0, 0, 0.25), 1)
    names <- paste0("z", seq_len(l))
    d[names] <- z
    kind <- sample(c("iid", "HC0", "HC1", "HC2", "HC3", "one", "two"), 1)
    list(data = d, z = names, kind = kind, level = sample(c(0.8, 0.95, 0.99), 1),
         vcov = switch(kind, one = ~g, two = ~ g + h, kind), formula = reformulate("w", "y"))
  })
}

ar_fit <- function(p) {
  formula <- as.formula(sprintf("y ~ w | x ~ %s", paste(p$z, collapse = " + ")))
  quietly(tsls(formula, p$data, vcov = p$vcov))
}

# F of the instruments in the least-squares regression of y - b x, over its critical value: matrices, none of the package's code.
ar_by_hand <- function(p) {
  d <- p$data
  x <- cbind(as.matrix(d[p$z]), 1, d$w)
  l <- length(p$z)
  n <- nrow(x)
  k <- ncol(x)
  inverse <- solve(crossprod(x))
  leverage <- rowSums((x %*% inverse) * x)
  by <- function(s, ids) crossprod(rowsum(s, ids))
  df <- switch(p$kind, one = length(unique(d$g)) - 1, two = min(length(unique(d$g)), length(unique(d$h))) - 1, n - k)
  small <- (df + 1) / df * (n - 1) / (n - k)
  function(b) {
    r <- d$y - b * d$x
    coefficients <- drop(inverse %*% crossprod(x, r))
    e <- drop(r - x %*% coefficients)
    s <- x * e
    v <- switch(p$kind, iid = crossprod(x) * sum(e^2) / (n - k), HC0 = crossprod(s), HC1 = crossprod(s) * n / (n - k), HC2 = crossprod(s / sqrt(1 - leverage)),
                HC3 = crossprod(s / (1 - leverage)), one = small * by(s, d$g), two = small * (by(s, d$g) + by(s, d$h) - by(s, paste(d$g, d$h))))
    v <- (inverse %*% v %*% inverse)[seq_len(l), seq_len(l), drop = FALSE]
    drop(coefficients[seq_len(l)] %*% solve(v, coefficients[seq_len(l)], tol = 0)) / l / qf(p$level, l, df)
  }
}

# Points between and beyond the ends, and over the line.
ar_probes <- function(ends, estimate, width) {
  finite <- sort(ends[is.finite(ends)])
  between <- if (length(finite) > 1) (finite[-1] + finite[-length(finite)]) / 2
  c(between, if (length(finite)) c(finite[1] - width, finite[length(finite)] + width), estimate + width * c(-1e6, -20, -5, -1, -0.2, 0.2, 1, 5, 20, 1e6))
}

# Instruments that find one effect.
agreeing_rows <- function() transform(random_rows(), y = y + 0.4 * x2)

test_that("on 1,000 random problems the set is what brute force finds, unbounded, disjoint and empty ones among them", {
  worst <- 0
  kinds <- character()
  wrong <- integer()
  for (seed in 1:1000) {
    p <- ar_problem(seed)
    fit <- ar_fit(p)
    mended <- FALSE
    set <- withCallingHandlers(anderson_rubin(fit, p$level), miv_warning_negative_variance = function(w) { mended <<- TRUE; invokeRestart("muffleWarning") })
    kinds <- c(kinds, attr(set, "kind"))
    if (mended) next
    by_hand <- ar_by_hand(p)
    ends <- c(set$lower, set$upper)
    finite <- ends[is.finite(ends)]
    if (length(finite)) worst <- max(worst, abs(vapply(finite, by_hand, 0) - 1))
    probes <- ar_probes(ends, coef(fit)[[1]], sqrt(vcov(fit)[1, 1]))
    clear <- vapply(probes, function(b) all(abs(b - finite) > 1e-7 * (1 + abs(b))), NA)
    inside <- vapply(probes, function(b) any(b >= set$lower & b <= set$upper), NA)
    if (any((inside != (vapply(probes, by_hand, 0) <= 1))[clear])) wrong <- c(wrong, seed)
  }
  expect_lt(worst, 1e-6)
  expect_equal(wrong, integer())
  expect_true(all(c("interval", "rays", "line", "empty", "pieces") %in% kinds))
})

test_that("iid sets are those of the F test of lm(), at the ends and at 0", {
  d <- agreeing_rows()
  for (form in list(y ~ w | x ~ z, y ~ w | x ~ z + z2)) {
    fit <- tsls(form, d, vcov = "iid")
    set <- anderson_rubin(fit, 0.9)
    f <- function(b) anova(lm(I(y - b * x) ~ w, d), lm(reformulate(c("w", fit$instruments), "I(y - b * x)"), d))[2, "F"]
    expect_close(vapply(c(set$lower, set$upper), f, 0), rep(qf(0.9, length(fit$instruments), attr(set, "df")[2]), 2), 1e-9)
    expect_close(attr(set, "statistic"), f(0), 1e-9)
    expect_close(attr(set, "p.value"), pf(f(0), attr(set, "df")[1], attr(set, "df")[2], lower.tail = FALSE), 1e-9)
  }
})

test_that("absorbed effects, strata and weights give the set of dummies in a weighted regression", {
  d <- agreeing_rows()
  for (kind in list("HC1", "HC2", "HC3", ~g)) {
    dummies <- tsls(y ~ w + f | x ~ z + z2, d, vcov = kind, weights = ~u)
    absorbed <- tsls(y ~ w | f | x ~ z + z2, d, vcov = kind, weights = ~u)
    expect_equal(as.matrix(anderson_rubin(absorbed)), as.matrix(anderson_rubin(dummies)), tolerance = 1e-8)
  }
  skip_if_not_installed("fixest")
  both <- quietly(tsls(y ~ w | f + h | x ~ z + z2, d, vcov = ~g))
  expect_equal(as.matrix(anderson_rubin(both)), as.matrix(anderson_rubin(quietly(tsls(y ~ w + f + h | x ~ z + z2, d, vcov = ~g)))), tolerance = 1e-7)
})

test_that("an effect nested in the clusters counts as the constant, as in the first-stage F", {
  d <- transform(agreeing_rows(), town = g %% 10)
  fit <- tsls(y ~ w | g | x ~ z + z2, d, vcov = ~town)
  swapped <- tsls(x ~ w | g | y ~ z + z2, d, vcov = ~town)
  expect_close(attr(quietly(anderson_rubin(fit)), "statistic"), swapped$first_stage$F[[1]], 1e-8)
})

test_that("the set bears the units of belief and outcome, also extreme ones", {
  d <- agreeing_rows()
  for (form in list(y ~ w | x ~ z, y ~ w | x ~ z + z2)) {
    own <- anderson_rubin(tsls(form, d))
    for (c in c(1e-100, 1e100)) expect_equal(as.matrix(anderson_rubin(tsls(form, transform(d, x = c * x)))) * c, as.matrix(own), tolerance = 1e-8)
    expect_equal(as.matrix(anderson_rubin(tsls(form, transform(d, y = y + 1e6 * x)))) - 1e6, as.matrix(own), tolerance = 1e-5)
    expect_equal(as.matrix(anderson_rubin(tsls(form, transform(d, w = w + 1e8)))), as.matrix(own), tolerance = 1e-6)
  }
})

test_that("a higher level gives a larger set, and with one instrument the estimate is always inside", {
  for (seed in 1:60) {
    p <- ar_problem(seed)
    p$z <- p$z[1]
    fit <- ar_fit(p)
    sets <- lapply(c(0.5, 0.9, 0.999), function(level) quietly(anderson_rubin(fit, level)))
    holds <- function(set, b) any(b >= set$lower & b <= set$upper)
    expect_true(all(vapply(sets, holds, NA, coef(fit)[[1]])))
    for (b in coef(fit)[[1]] + c(-3, -0.5, 0.5, 3)) expect_false(is.unsorted(vapply(sets, holds, NA, b)))
  }
})

test_that("a belief that instruments and controls determine has the interval of least squares", {
  d <- agreeing_rows()
  expect_equal(unlist(anderson_rubin(tsls(y ~ w | x ~ x, d))), confint(tsls(y ~ x + w, d), "x")[1, ], ignore_attr = TRUE, tolerance = 1e-9)
})

test_that("an outcome fitted exactly has the set of its one effect", {
  d <- transform(agreeing_rows(), y = 2 * x + 3)
  set <- anderson_rubin(quietly(tsls(y ~ w | x ~ z, d)))
  expect_equal(unlist(set), c(lower = 2, upper = 2), tolerance = 1e-9)
})

test_that("what has no statistic is refused with the reason", {
  d <- transform(agreeing_rows(), two = g %% 2, three = g %% 3)
  expect_error(anderson_rubin(quietly(tsls(y ~ w | x ~ z + z2 + v, d, vcov = ~three))), "3 instruments and 3 clusters", class = "miv_error_singular_covariance")
  expect_error(anderson_rubin(quietly(tsls(y ~ w | c(x, x2) ~ z + z2, d))), class = "miv_error_several_beliefs")
  expect_error(anderson_rubin(tsls(y ~ w, d)), class = "miv_error_no_instruments")
  expect_error(anderson_rubin(lm(y ~ w, d)), class = "miv_error_not_a_fit")
  expect_error(anderson_rubin(tsls(y ~ w | x ~ z, d), 95), class = "miv_error_bad_level")
})

test_that("a function or matrix as covariance gives the set of HC1, with a note", {
  d <- agreeing_rows()
  fit <- tsls(y ~ w | x ~ z, d)
  expect_message(set <- anderson_rubin(tsls(y ~ w | x ~ z, d, vcov = function(fit) vcov(fit, "HC3"))), "HC1", class = "miv_message_covariance")
  expect_equal(as.matrix(set), as.matrix(anderson_rubin(fit)))
  expect_message(anderson_rubin(tsls(y ~ w | x ~ z, d, vcov = vcov(fit))), class = "miv_message_covariance")
})

test_that("each kind of set is said in words, drawn, and tidied", {
  said <- function(lower, upper) {
    intervals <- cbind(lower = lower, upper = upper)
    ar_words(intervals, ar_kind(intervals), 0.95)
  }
  expect_match(said(1, 2), "interval 1.0* to 2.0*")
  expect_match(said(c(-Inf, 3), c(1, Inf)), "unbounded, two rays: up to 1.0* and from 3.0*")
  expect_match(said(-Inf, Inf), "unbounded, the whole line")
  expect_match(said(numeric(), numeric()), "empty")
  expect_match(said(c(1, 3), c(2, 4)), "2 pieces")
  expect_match(said(-Inf, 4), "one ray: up to 4")
  set <- anderson_rubin(tsls(mpg ~ gear | hp ~ wt, mtcars))
  expect_equal(tidy(set), data.frame(term = "hp", conf.low = set$lower, conf.high = set$upper, conf.level = 0.95))
  expect_output(print(set), "At effect 0")
  expect_named(anderson_rubin(tsls(c(mpg, qsec) ~ gear | hp ~ wt, mtcars)), c("mpg", "qsec"))
  expect_false(any(ar_curve(set)$inside != (ar_curve(set)$effect >= set$lower & ar_curve(set)$effect <= set$upper)))
  skip_if_not_installed("ggplot2")
  expect_s3_class(plot(set), "ggplot")
})

test_that("the summary prints the set of its own covariance and level, and J where over-identified", {
  fit <- miv(pay_claim ~ age, inflation_experiment(), exposure = "arm+sign")
  shown <- summary(fit, vcov = ~region, conf.level = 0.9)
  expect_equal(as.matrix(shown$weak_robust), as.matrix(anderson_rubin(update(fit, vcov = ~region), 0.9)))
  expect_equal(shown$over_identification$statistic, iv_tests(update(fit, vcov = ~region))$statistic[iv_tests(fit)$test == "Hansen J"])
  expect_output(print(shown), "Weak-robust.*90%.*Anderson-Rubin.*Hansen J = ")
  expect_null(summary(tsls(mpg ~ wt, mtcars))$weak_robust)
  expect_output(print(summary(quietly(tsls(mpg ~ 1 | hp ~ wt + gear, mtcars, vcov = ~am)))), "no Anderson-Rubin set")
})

test_that("another covariance is that of the refitted fit, and misspelt arguments are refused with the nearest name", {
  fit <- tsls(y ~ w | x ~ z + z2, agreeing_rows())
  expect_equal(as.matrix(anderson_rubin(fit, vcov = ~g)), as.matrix(anderson_rubin(update(fit, vcov = ~g))))
  expect_gt(max(abs(as.matrix(anderson_rubin(fit, vcov = ~g)) - as.matrix(anderson_rubin(fit)))), 1e-4)
  set <- anderson_rubin(fit)
  expect_error(anderson_rubin(fit, conf.level = 0.9), "`level`", class = "miv_error_unknown_argument")
  expect_error(anderson_rubin(fit, vcv = ~g), "`vcov`", class = "miv_error_unknown_argument")
  expect_error(tidy(set, conf.level = 0.9), "level = 0.9", class = "miv_error_unknown_argument")
  for (f in list(tidy, plot)) expect_error(f(set, digits = 3), "`digits`", class = "miv_error_unknown_argument")
})

test_that("confint() is the hull: with a note where there are pieces, an error where empty", {
  fit <- tsls(mpg ~ gear | hp ~ wt, mtcars)
  set <- anderson_rubin(fit, 0.9)
  expect_equal(confint(set), matrix(c(set$lower, set$upper), 1, dimnames = list("hp", c("5 %", "95 %"))))
  expect_error(confint(set, level = 0.95), "level = 0.95", class = "miv_error_bad_level")
  rays <- anderson_rubin(quietly(tsls(mpg ~ wt | hp ~ qsec:am, mtcars)))
  expect_equal(attr(rays, "kind"), "rays")
  expect_message(hull <- confint(rays), "2 pieces.*up to", class = "miv_message_several_pieces")
  expect_equal(c(hull), c(-Inf, Inf))
  empty <- new_ar_set(attr(set, "parts"), matrix(numeric(), 0, 2, dimnames = list(NULL, c("lower", "upper"))), 0.95)
  expect_error(confint(empty), "every effect", class = "miv_error_empty_set")
})

test_that("few clusters are said by the set and by the summary, many are not, and CR2 is said to be CR1 here", {
  fit <- miv(pay_claim ~ age, inflation_experiment())
  expect_output(print(anderson_rubin(fit, vcov = ~region)), "4 clusters its size.*permutation")
  expect_output(print(summary(fit, vcov = ~region)), "Weak-robust.*4 clusters its\\s+size.*permutation")
  expect_false(any(grepl("its size", capture.output(print(anderson_rubin(fit))))))
  d <- transform(agreeing_rows(), many = seq_along(y) %% 50)
  expect_false(any(grepl("its size", capture.output(print(anderson_rubin(tsls(y ~ w | x ~ z, d, vcov = ~many)))))))
  expect_output(print(anderson_rubin(tsls(y ~ w | x ~ z, d, vcov = ~I(many %% 8)))), "8 clusters.*wild")
  expect_message(anderson_rubin(tsls(y ~ w | x ~ z, d, vcov = CR(~many, "CR2"))), "made with CR1; `summary[(][)]` has CR2", class = "miv_message_covariance")
})

test_that("the figure marks the estimate, where the statistic is 0 with one instrument, and its height is 3 critical values", {
  set <- anderson_rubin(tsls(mpg ~ gear | hp ~ wt, mtcars))
  figure <- ar_figure(set)
  expect_equal(figure$estimate$effect, coef(tsls(mpg ~ gear | hp ~ wt, mtcars))[["hp"]])
  expect_equal(figure$estimate$statistic, 0, tolerance = 1e-10)
  expect_equal(figure$top, 3 * qf(0.95, 1, 29))
  expect_match(figure$label, "95% critical value, 4.18")
  old <- options(miv.ggplot2 = FALSE)
  on.exit(options(old))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off(), add = TRUE)
  for (kind in list(set, quietly(anderson_rubin(tsls(mpg ~ wt | hp ~ qsec:am, mtcars))))) expect_equal(plot(kind), ar_curve(kind))
})

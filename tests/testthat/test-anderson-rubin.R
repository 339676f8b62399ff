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
  expect_true(all(c("interval", "rays", "line", "empty") %in% kinds))
})

# Random data and two-stage least squares written out with R's own qr(), for identities and invariances.

# One belief, controls of several kinds, an instrument for each taste. 700 rows: tiles of 256 do not divide it.
random_rows <- function(n = 700, seed = 1) {
  with_seed(seed, {
    d <- data.frame(w = rnorm(n, 3, 2), v = rexp(n), f = factor(sample(c("a", "b", "c", "d"), n, TRUE)), h = sample(c("x", "y"), n, TRUE),
                    z = rbinom(n, 1, 0.4), z2 = rnorm(n), g = sample(30, n, TRUE), g2 = sample(25, n, TRUE), k = sample(0:3, n, TRUE))
    shock <- rnorm(n)
    d$x <- d$z + 0.7 * d$z2 + 0.5 * d$w + shock + rnorm(n)
    d$x2 <- d$z2 - d$z + 0.2 * d$v + shock * 0.3 + rnorm(n)
    d$y <- 1 + 0.8 * d$x - 0.4 * d$x2 + 0.3 * d$w + (d$f == "b") + shock + rnorm(n) * (1 + d$z)
    d$u <- runif(n, 0.2, 3)
    d
  })
}

# A passive experiment with everybody's prior, side and stratum; effects differ by side.
random_experiment_data <- function(n = 900, seed = 1, share = c(0.3, 0.6, 0.5)) {
  with_seed(seed, {
    d <- data.frame(stratum = sample(length(share), n, TRUE), age = rnorm(n, 45, 12), group = sample(40, n, TRUE))
    d$told <- rbinom(n, 1, share[d$stratum])
    d$prior <- round(rnorm(n, 20, 8))
    d$gap <- 18 - d$prior
    d$side <- sign(d$gap)
    d$post <- d$prior + 1 + 0.5 * d$told * d$gap + rnorm(n, 0, 3)
    d$y <- 0.02 * d$age + (1 + 0.4 * d$side) * d$post + rnorm(n, 0, 2)
    d$u <- runif(n, 0.3, 2)
    d
  })
}

told_experiment <- function(data, ...) quietly(info_experiment(data, belief = ~post, prior = ~prior, signal = 18, arm = ~told, ...))

# Two lm() fits: coefficients of the second, named as tsls() names them.
by_two_lms <- function(outcome, beliefs, exogenous, instruments, weights = NULL) {
  fitted <- apply(as.matrix(beliefs), 2, function(x) stats::lm.fit(sqrt_times(weights, cbind(exogenous, instruments)), sqrt_times(weights, x))$coefficients)
  projected <- cbind(exogenous, instruments) %*% fitted
  second <- stats::lm.fit(sqrt_times(weights, cbind(projected, exogenous)), sqrt_times(weights, outcome))
  unname(second$coefficients)
}

sqrt_times <- function(weights, m) if (is.null(weights)) m else m * sqrt(weights)

# Everything in matrices: coefficients, projected regressors, errors, (Xhat'WXhat)^-1.
hand_tsls <- function(y, x, exogenous, z, weights = rep(1, length(y))) {
  all <- cbind(exogenous, z)
  projected <- cbind(all %*% qr.coef(qr(all * sqrt(weights)), as.matrix(x) * sqrt(weights)), exogenous)
  regressors <- cbind(as.matrix(x), exogenous)
  bread <- chol2inv(qr.R(qr(projected * sqrt(weights), tol = 1e-14)))
  coefficients <- drop(bread %*% crossprod(projected, weights * y))
  list(coefficients = coefficients, projected = projected, error = drop(y - regressors %*% coefficients), bread = bread, weights = weights, k = ncol(bread),
       n = length(y))
}

hand_vcov <- function(fit, type, cluster = NULL) {
  e <- fit$error
  w <- fit$weights
  if (type == "iid") return(fit$bread * sum(w * e^2) / (fit$n - fit$k))
  leverage <- w * rowSums((fit$projected %*% fit$bread) * fit$projected)
  power <- c(HC2 = 1, HC3 = 2)[type]
  scores <- fit$projected * (w * e) / if (is.na(power)) 1 else (1 - leverage)^(power / 2)
  if (!is.null(cluster)) scores <- rowsum(scores, cluster)
  g <- nrow(scores)
  factor <- switch(type, HC1 = fit$n / (fit$n - fit$k), CR1 = g / (g - 1) * (fit$n - 1) / (fit$n - fit$k), 1)
  fit$bread %*% crossprod(scores) %*% fit$bread * factor
}

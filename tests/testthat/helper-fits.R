# Fits that the tests of methods share.

inflation_experiment <- function(...) {
  info_experiment(inflation_survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told, ...)
}

# Three arms with missing values, weights and a factor whose first level nobody has.
three_arms <- function(n = 400, seed = 11) {
  with_seed(seed, {
    d <- data.frame(prior = rnorm(n, 80, 10), arm = factor(sample(c("none", "low", "high"), n, TRUE), c("none", "low", "high")))
    signal <- c(none = NA, low = 74, high = 94)[as.character(d$arm)]
    d$post <- d$prior + ifelse(is.na(signal), 0, 0.5 * (signal - d$prior)) + rnorm(n)
    d$age <- rnorm(n, 40, 9)
    d$town <- factor(sample(c("a", "b", "c"), n, TRUE), c("nowhere", "a", "b", "c"))
    d$w <- runif(n, 0.5, 2)
    d$y <- 0.4 * d$post + 0.1 * d$age + rnorm(n) + (d$town == "c")
    d$y[c(3, 50)] <- NA
    d$post[7] <- NA
    d
  })
}

three_arms_experiment <- function(d = three_arms(), ...) {
  info_experiment(d, belief = ~post, prior = ~prior, signal = list(low = 74, high = 94), arm = ~arm, ...)
}

# ivreg() of the two packages that have one.
ivreg_peers <- function() {
  peers <- Filter(function(name) requireNamespace(name, quietly = TRUE), c("AER", "ivreg"))
  if (length(peers) == 0) testthat::skip("neither AER nor ivreg")
  lapply(stats::setNames(peers, peers), function(name) getExportedValue(name, "ivreg"))
}

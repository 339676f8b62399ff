# Data that the tests of as_code() share.

every_exposure <- list("sign", "gap", "arm", "arm+gap", "arm+sign", `function` = function(gap) tanh(gap / 3))

# 40 people in each of several roles missing, text, weights of 0, two cluster variables and a factor.
coded_data <- function(n = 600) {
  d <- random_experiment_data(n, seed = 5)
  with_seed(6, {
    d$town <- sample(c("York", "Bath", "Ely"), n, TRUE)
    d$wave <- sample(12, n, TRUE)
    d$village <- d$group * 100 + sample(3, n, TRUE)
    d$college <- runif(n) > 0.6
    d$y[sample(n, 30)] <- NA
    d$age[sample(n, 20)] <- NA
    d$prior[sample(n, 10)] <- NA
    d$group[sample(n, 5)] <- NA
    d$u[sample(n, 8)] <- 0
  })
  d
}

# Random rows with an effect p.
code_rows <- function(n = 400) {
  d <- random_rows(n, seed = 21)
  d$p <- rep(1:8, length.out = n)
  d
}

# Every specification of method note, section 2, in every design: miv() finds its own weighted mean of true effects.

roles_of <- function(data) {
  roles <- list(belief = ~posterior, prior = ~prior, arm = ~arm)
  told <- grep("^signal_", names(data), value = TRUE)
  roles$signal <- if (length(told) == 0) ~signal else stats::setNames(lapply(told, identity), sub("^signal_", "", told))
  if (!is.null(data$stratum)) roles$strata <- ~stratum
  if (!is.null(data$cluster)) roles$cluster <- ~cluster
  roles
}

fit_of <- function(data, ...) {
  experiment <- do.call(info_experiment, c(list(data), roles_of(data)))
  suppressMessages(miv(outcome ~ age + female, experiment, ..., scores = "heterogeneous"))
}

expect_known <- function(data, exposure, ..., label) {
  estimate <- unlist(tidy(fit_of(data, exposure = exposure, ...))[1, c("estimate", "std.error")])
  target <- estimand_of(data, exposure, ...)
  expect_lt(abs(estimate[["estimate"]] - target), 4 * estimate[["std.error"]], label = label)
}

specifications <- list(
  sign = "sign", gap = "gap", arm = "arm", "arm+gap" = "arm+gap", "arm+sign" = "arm+sign",
  tanh = function(gap) tanh(gap / 5)
)

test_that("every specification finds its own weighted mean of true effects in every design", {
  designs <- known_designs()
  for (name in names(designs)) {
    for (spec in names(specifications)) {
      expect_known(designs[[name]], specifications[[spec]], label = paste(name, spec))
    }
  }
})

test_that("with the arm controlled, sign and gap find the weighted means of that specification", {
  designs <- known_designs()
  for (name in names(designs)) {
    for (spec in c("sign", "gap")) {
      expect_known(designs[[name]], spec, arm_control = TRUE, label = paste(name, spec, "arm controlled"))
    }
  }
})

test_that("one instrument per informed arm finds the weighted mean of that specification", {
  three <- known_designs()[["three arms"]]
  for (spec in c("sign", "gap", "arm+sign")) expect_known(three, spec, pool = FALSE, label = paste(spec, "pool = FALSE"))
})

test_that("the arm alone does not find the weighted mean of the mover instrument", {
  designs <- known_designs()
  for (name in names(designs)) {
    naive <- unlist(tidy(fit_of(designs[[name]], exposure = "arm"))[1, c("estimate", "std.error")])
    distance <- abs(naive[["estimate"]] - estimand_of(designs[[name]], "sign"))
    expect_gt(distance, 4 * naive[["std.error"]], label = paste(name, "arm"))
  }
})

test_that("a direct effect that is the same for everybody needs the arm among the controls", {
  told <- simulate_experiment(20000, effect = c(direct = 0.5), seed = 7)
  plain <- unlist(tidy(fit_of(told))[1, c("estimate", "std.error")])
  expect_gt(abs(plain[["estimate"]] - estimand_of(told, "sign")), 4 * plain[["std.error"]])
  expect_known(told, "sign", arm_control = TRUE, label = "sign, arm controlled")
})

test_that("arms assigned by cluster leave the weighted mean where it is", {
  villages <- simulate_experiment(20000, clusters = c(number = 400, icc = 0.3), assignment = "cluster", seed = 8)
  for (spec in names(specifications)) expect_known(villages, specifications[[spec]], label = paste("by cluster", spec))
})

test_that("over seeds and growing samples the error of the estimate shrinks as its standard error says", {
  errors <- vapply(c(500, 8000), function(n) {
    vapply(1:12, function(seed) {
      data <- simulate_experiment(n = n, seed = seed)
      unlist(tidy(fit_of(data))[1, "estimate"]) - estimand_of(data, "sign")
    }, 0)
  }, numeric(12))
  ratio <- sqrt(mean(errors[, 1]^2) / mean(errors[, 2]^2))
  expect_gt(ratio, 2)     # 4 in the limit
  expect_lt(ratio, 8)
})

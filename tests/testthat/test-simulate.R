# ---- the truth that the data carry ----

test_that("the update is the learning rate times the gap, and the outcome moves by the belief effect", {
  told <- simulate_experiment(400, drift = c(sd = 0), treated = 0.999, outcome_sd = 0, seed = 1)
  told <- told[told$arm == 1, ]
  expect_equal(told$update, told$learning_rate * (told$signal - told$prior))
  expect_equal(told$posterior, told$prior + told$update)
  expect_equal(told$outcome, told$belief_effect * (told$posterior - told$signal))
})

test_that("the same seed with another learning rate, effect or drift simulates the same people", {
  people <- c("age", "region", "prior", "arm")
  first <- simulate_experiment(300, seed = 4)
  other <- simulate_experiment(
    300, learning = c(mean = 0.8), effect = c(mean = 2, direct = 1), drift = c(mean = 1), attrition = 0.2, seed = 4
  )
  expect_equal(first[people], other[people])
})

test_that("nobody's update goes against the gap, whatever the drift and the heaping", {
  for (design in list(
    list(), list(signal_sd = 3), list(signal = c(low = 8, high = 14)),
    list(design = "active", signal = c(low = 8, high = 14), signal_sd = 3)
  )) {
    arguments <- c(list(3000, learning = c(heaping = 0.4), drift = c(mean = 2, sd = 6), seed = 2), design)
    truth <- true_experiment(do.call(simulate_experiment, arguments))
    expect_true(all(truth$gap * truth$update >= 0))
    expect_true(any(truth$gap * truth$update > 0))
  }
})

test_that("people who move away from the signal appear as asked", {
  truth <- true_experiment(simulate_experiment(20000, learning = c(away = 0.1), seed = 3))
  expect_equal(mean(truth$gap * truth$update < 0), 0.1, tolerance = 0.1)
})

test_that("means, shares and spreads are those asked for", {
  d <- simulate_experiment(
    40000, treated = 0.3, learning = c(mean = 0.6, sd = 0.1, heaping = 0.25), drift = c(mean = 1, sd = 2, share = 0.6),
    effect = c(mean = 0.8, sd = 0.2, gap = 0.4), attrition = c(0.1, 0.3), seed = 5
  )
  told <- d$arm == 1
  expect_equal(mean(told), 0.3, tolerance = 0.03)
  expect_equal(mean(d$learning_rate), 0.6, tolerance = 0.01)
  expect_equal(sd(d$learning_rate[d$learning_rate < 1]), 0.1, tolerance = 0.03)
  expect_equal(mean(d$posterior[told] == d$signal[told], na.rm = TRUE), 0.25, tolerance = 0.05)
  expect_equal(mean(d$posterior[!told] == d$prior[!told], na.rm = TRUE), 0.4, tolerance = 0.05)
  expect_equal(c(mean(d$belief_effect), sd(d$belief_effect)), c(0.8, sqrt(0.2^2 + 0.4^2)), tolerance = 0.02)
  expect_equal(as.numeric(tapply(is.na(d$outcome), d$arm, mean)), c(0.1, 0.3), tolerance = 0.05)
  expect_identical(is.na(d$posterior), is.na(d$outcome))
})

test_that("a misreported prior has the reliability asked for, and a top code cuts the report alone", {
  noisy <- simulate_experiment(40000, reports = c(reliability = 0.5), seed = 6)
  exact <- simulate_experiment(40000, seed = 6)
  expect_equal(cor(noisy$prior, exact$prior)^2, 0.5, tolerance = 0.02)
  expect_equal(noisy$update, exact$update)
  coded <- simulate_experiment(40000, reports = c(top_code = 15), seed = 6)
  expect_equal(coded$prior, pmin(exact$prior, 15))
  expect_equal(coded$posterior, exact$posterior)
})

test_that("the direct effect is added to everybody who is told something", {
  told_more <- function(...) {
    simulate_experiment(200, effect = c(direct = 5), ..., seed = 7)$outcome - simulate_experiment(200, ..., seed = 7)$outcome
  }
  expect_equal(told_more(), 5 * simulate_experiment(200, seed = 7)$arm)
  expect_equal(told_more(design = "active", signal = c(a = 8, b = 12)), rep(5, 200))
})

test_that("arms can be assigned by cluster, and a cluster shares its part of the outcome", {
  by_cluster <- simulate_experiment(6000, clusters = c(number = 60, icc = 0.4), assignment = "cluster",
                                    strata = c(0.3, 0.7), effect = c(mean = 0, sd = 0, gap = 0), seed = 8)
  expect_true(all(tapply(by_cluster$arm, by_cluster$cluster, function(a) length(unique(a))) == 1))
  expect_true(all(tapply(by_cluster$stratum, by_cluster$cluster, function(s) length(unique(s))) == 1))
  by_person <- simulate_experiment(20000, clusters = c(number = 400, icc = 0.4), prior = function(n) rep(12, n),
                                   effect = c(mean = 0, sd = 0, gap = 0), seed = 8)
  rest <- residuals(lm(outcome ~ age + female + college + region, by_person))
  shared <- ave(rest, by_person$cluster)
  between <- sum(shared^2) / 399
  within <- sum((rest - shared)^2) / 19600
  expect_equal((between - within) / (between + 49 * within), 0.4, tolerance = 0.1)
})

test_that("several arms carry one signal and one update each, the base arm an update of zero", {
  three <- simulate_experiment(500, signal = c(low = 8, high = 14), treated = c(0.2, 0.5),
                               learning = list(mean = c(low = 0.2, high = 0.8)), seed = 9)
  expect_identical(levels(three$arm), c("control", "low", "high"))
  expect_true(all(c("signal_low", "signal_high", "learning_rate_low", "learning_rate_high", "update_low") %in% names(three)))
  expect_true(all(three$update_control == 0))
  expect_lt(mean(three$learning_rate_low), mean(three$learning_rate_high))
  expect_equal(mean(three$arm == "high"), 0.5, tolerance = 0.1)
  active <- simulate_experiment(500, design = "active", signal = c(low = 8, high = 14), drift = c(sd = 0), seed = 9)
  expect_identical(levels(active$arm), c("low", "high"))
  expect_equal(active$update, 6 * active$learning_rate)
})

# ---- the seed ----

test_that("a seed gives the same data under every kind of generator and leaves the caller's as it was", {
  kind <- RNGkind()
  on.exit(suppressWarnings(RNGkind(kind[1], kind[2], kind[3])))
  first <- simulate_experiment(100, seed = 11)
  suppressWarnings(RNGkind("Wichmann-Hill", "Box-Muller", "Rounding"))
  set.seed(3)
  before <- .Random.seed
  expect_identical(simulate_experiment(100, seed = 11), first)
  expect_identical(.Random.seed, before)
  expect_error(simulate_experiment(100, prior = function(n) NULL, seed = 11))
  expect_identical(.Random.seed, before)
  rm(".Random.seed", envir = globalenv())
  simulate_experiment(100, seed = 11)
  after <- list(seeded = exists(".Random.seed", globalenv(), inherits = FALSE), kind = RNGkind())
  expect_false(after$seeded)
  expect_identical(after$kind, c("Wichmann-Hill", "Box-Muller", "Rounding"))
})

test_that("without a seed set.seed() governs", {
  draw <- function() {
    set.seed(5)
    simulate_experiment(50)
  }
  expect_identical(draw(), draw())
  expect_false(identical(simulate_experiment(50), simulate_experiment(50)))
})

# ---- bad input ----

test_that("bad input is refused by name", {
  refused <- function(class, ...) expect_error(simulate_experiment(...), class = paste0("miv_error_", class))
  refused("unknown_design", design = "passiv")
  refused("unknown_assignment", assignment = "village")
  refused("unknown_learning", learning = c(rate = 0.5))
  refused("unknown_effect", effect = 0.5)
  for (bad in list(
    list(n = 1), list(n = 10.5), list(signal = c(8, 14)), list(signal = "5"), list(design = "active"), list(treated = 1),
    list(strata = 1.2), list(signal_sd = -1), list(prior = 5), list(prior = function(n) 1),
    list(assignment = "cluster"), list(learning = c(mean = 0.3, heaping = 0.5)), list(learning = c(sd = 0.5)),
    list(drift = c(share = 2)), list(effect = c(sd = -1)), list(reports = c(reliability = 0)), list(attrition = c(0, 0, 0)),
    list(seed = "a"), list(outcome_sd = NA)
  )) {
    expect_error(do.call(simulate_experiment, utils::modifyList(list(n = 50), bad)), class = "miv_error_simulation", info = deparse(bad))
  }
})

# ---- known effects, by two lm() fits ----

test_that("in every design the mover instrument finds its own weighted mean of true effects and the arm does not", {
  designs <- known_designs()
  for (name in names(designs)) {
    d <- designs[[name]]
    target <- estimand_of(d, "sign")
    mover <- two_lms(by_hand(d))
    expect_lt(abs(mover[["estimate"]] - target), 3 * mover[["std.error"]], label = paste(name, "sign"))
    naive <- two_lms(by_hand(d, exposure = one, level = one))
    expect_gt(abs(naive[["estimate"]] - target), 4 * naive[["std.error"]], label = paste(name, "arm"))
    expect_lt(abs(naive[["estimate"]] - estimand_of(d, "arm")), 3 * naive[["std.error"]], label = paste(name, "arm's own"))
  }
})

test_that("the gap finds its own weighted mean, and without its level among the controls nothing", {
  d <- known_designs()$passive
  people <- complete_people(d)
  gap <- people$signal - people$prior
  problem <- list(outcome = people$outcome, belief = people$posterior, instrument = people$arm * gap, exogenous = cbind(1, gap))
  right <- two_lms(problem)
  expect_lt(abs(right[["estimate"]] - estimand_of(d, "gap")), 3 * right[["std.error"]])
  problem$exogenous <- cbind(rep(1, nrow(people)))
  wrong <- two_lms(problem)
  expect_gt(abs(wrong[["estimate"]] - estimand_of(d, "gap")), 4 * wrong[["std.error"]])
})

test_that("shares that differ by stratum need centring: stratum dummies alone do not find the effect", {
  d <- simulate_experiment(20000, strata = c(0.1, 0.9), seed = 6)
  uncentred <- two_lms(by_hand(d, centred = FALSE))
  expect_gt(abs(uncentred[["estimate"]] - estimand_of(d, "sign")), 4 * uncentred[["std.error"]])
})

test_that("controlling for the arm absorbs a direct effect of being told", {
  d <- simulate_experiment(20000, effect = c(direct = 0.5), seed = 7)
  problem <- by_hand(d)
  plain <- two_lms(problem)
  expect_gt(abs(plain[["estimate"]] - estimand_of(d, "sign")), 4 * plain[["std.error"]])
  problem$exogenous <- cbind(problem$exogenous, d$arm)
  controlled <- two_lms(problem)
  expect_lt(abs(controlled[["estimate"]] - estimand_of(d, "sign", arm_control = TRUE)), 3 * controlled[["std.error"]])
})

test_that("with equal belief effects every specification estimates the same number", {
  designs <- list(
    simulate_experiment(500, effect = c(mean = 0.7, sd = 0, gap = 0), seed = 1),
    simulate_experiment(500, signal = c(low = 8, high = 14), strata = c(0.3, 0.6), effect = c(mean = 0.7, sd = 0, gap = 0), seed = 1)
  )
  for (d in designs) {
    for (exposure in list("sign", "gap", "arm", "arm+gap", "arm+sign", tanh)) expect_equal(estimand_of(d, exposure), 0.7)
    expect_equal(estimand_of(d, "sign", arm_control = TRUE), 0.7)
    expect_equal(estimand_of(d, "gap", pool = FALSE), 0.7)
  }
})

test_that("the weight of a stratum keeps the factor share times one minus share", {
  d <- simulate_experiment(5000, strata = c(0.05, 0.5), seed = 12)
  share <- ave(d$arm, d$stratum)
  weight <- share * (1 - share) * sign(d$signal - d$prior) * d$update
  expect_equal(estimand_of(d, "sign"), weighted.mean(d$belief_effect, weight))
  expect_gt(abs(estimand_of(d, "sign") - estimand_of(transform(d, stratum = 1), "sign")), 0.01)
})

# ---- the shipped data ----

test_that("in inflation_survey the arm lies outside both local effects and the mover instrument at its weighted mean", {
  people <- inflation_survey
  people$arm <- people$told
  people$outcome <- people$pay_claim
  side <- sign(people$signal - people$prior)
  expect_equal(as.numeric(table(side)) / 2000, c(0.46, 0.07, 0.47), tolerance = 0.05)
  naive <- two_lms(by_hand(people, one, one))
  local <- sapply(c(-1, 1), function(s) two_lms(by_hand(people[side == s, ], one, one))[["estimate"]])
  expect_lt(naive[["estimate"]], 0)
  expect_true(all(local > 0))
  expect_gt(mean(people$belief_effect > 0), 0.95)
  mover <- two_lms(by_hand(people))
  expect_lt(abs(mover[["estimate"]] - estimand_of(people)), 2 * mover[["std.error"]])
  expect_gt(abs(naive[["estimate"]] - estimand_of(people)), 3 * naive[["std.error"]])
})

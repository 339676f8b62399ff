# Randomisation inference. Reference: the Anderson-Rubin regression by lm() and sandwich, on the columns of a fit made anew with the
# drawn arms, so that levels, shares and moving controls are rebuilt by another road.

permutation_of <- function(fit, R = 40, seed = 7, way = way_of(fit)) quietly(miv:::permutation_draws(fit, R, seed, way))

# The fit's one cluster variable, as resample() hands it on.
way_of <- function(fit) {
  problem <- miv:::problem_of(fit)
  choice <- miv:::add_clusters(problem, miv:::kept_choice(fit))
  if (length(choice$ways)) miv:::cluster_indices(problem, choice, miv:::kept_of(fit))[[1]]
}

statistic_of <- function(drawn, null, rows = drawn$parts) miv:::permutation_statistic(rows, null, drawn$instruments, drawn$factor)

# Signed t of one instrument, Wald / l of several, at a null; effects as dummies.
by_lm <- function(fit, null, cluster = NULL) {
  problem <- miv:::problem_of(fit)
  kept <- miv:::kept_of(fit)
  x <- miv:::fit_columns(fit)
  w <- if (is.null(stats::weights(fit))) rep(1, nrow(x)) else as.numeric(stats::weights(fit))
  d <- data.frame(r = x[, ncol(x)] - null * x[, ncol(x) - 1], w = w)
  d$z <- x[, fit$places$instruments, drop = FALSE]
  d$controls <- x[, setdiff(fit$places$exogenous, 0), drop = FALSE]
  if (length(problem$effects)) d$effect <- factor(miv:::keep_rows(miv:::effect_index(problem, problem$effects[[1]], kept)$ids, kept))
  terms <- c("z", if (ncol(d$controls)) "controls", if (!is.null(d$effect)) "effect")
  m <- lm(reformulate(terms, "r"), d, weights = w)
  at <- grep("^z", names(coef(m)))
  v <- if (is.null(cluster)) sandwich::vcovHC(m, type = "HC1") else sandwich::vcovCL(m, cluster, type = "HC1")
  b <- coef(m)[at]
  if (length(at) == 1) b / sqrt(v[at, at]) else drop(b %*% solve(v[at, at], b)) / length(at)
}

passive_data <- function(n = 600, seed = 3) {
  d <- random_experiment_data(n, seed)
  d$told_group <- as.integer(with_seed(1, sample(rep(0:1, 20)))[d$group])
  d$wide <- ceiling(d$group / 10)                              # strata that do not cut groups
  d
}

passive <- function(data = passive_data(), ...) told_experiment(data, ...)
by_group <- function(data, ...) quietly(info_experiment(data, belief = ~post, prior = ~prior, signal = 18, arm = ~told_group, cluster = ~group, ...))
with_units <- function(data) { data$told <- data$told_group; data }

# name -> list(make(data): the fit, data, arm: its column, cluster: values of the statistic's cluster)
permutation_cases <- function() {
  d <- passive_data()
  a <- three_arms()
  complete <- a[stats::complete.cases(a[c("y", "post")]), ]
  miv_of <- function(formula, experiment, ...) quietly(miv(formula, experiment, ...))
  list(
    sign = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d))),
    strata = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, strata = ~stratum))),
    weights = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, weights = ~u))),
    "weights and strata" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, weights = ~u, strata = ~stratum))),
    "fixed effect" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age | group, passive(d))),
    probability = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, strata = ~stratum, probability = 0.4))),
    gap = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d), exposure = "gap")),
    "arm and gap" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d), exposure = "arm+gap")),
    "arm controlled" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d), arm_control = TRUE)),
    "function" = list(data = d, arm = "told", make = function(d) miv_of(y ~ age, passive(d, strata = ~stratum), exposure = function(g) sign(g) * sqrt(abs(g)))),
    clusters = list(data = d, arm = "told", cluster = "group", make = function(d) miv_of(y ~ age, passive(d), vcov = ~group)),
    "drawn by cluster" = list(data = d, arm = "told_group", cluster = "group", make = function(d) miv_of(y ~ age, by_group(d))),
    "drawn by cluster, strata" = list(data = d, arm = "told_group", cluster = "group", loose = TRUE, make = function(d) miv_of(y ~ age, by_group(d, strata = ~wide))),
    "several arms" = list(data = complete, arm = "arm", make = function(d) miv_of(y ~ age + town, three_arms_experiment(d))),
    "several arms, strata" = list(data = complete, arm = "arm", make = function(d) miv_of(y ~ age, three_arms_experiment(d, strata = ~town, weights = ~w))),
    "one instrument per arm" = list(data = complete, arm = "arm", make = function(d) miv_of(y ~ age, three_arms_experiment(d), pool = FALSE, arm_control = TRUE)))
}

# The data with the arms of one draw.
redrawn <- function(case, arms, levels) {
  d <- case$data
  d[[case$arm]] <- if (is.factor(d[[case$arm]])) factor(levels[arms + 1], levels(d[[case$arm]])) else as.numeric(levels[arms + 1])
  d
}

test_that("the statistic of the arms as they were is that of lm() and sandwich, at any null and in any design", {
  skip_if_not_installed("sandwich")
  cases <- permutation_cases()
  for (name in names(cases)) {
    fit <- cases[[name]]$make(cases[[name]]$data)
    drawn <- permutation_of(fit, 3)
    cluster <- if (!is.null(cases[[name]]$cluster)) cases[[name]]$data[[cases[[name]]$cluster]]
    for (null in c(0, -1.3, 40)) {
      expect_close(statistic_of(drawn, null, drawn$observed), by_lm(fit, null, cluster), 1e-9, paste(name, "at", null))
    }
  }
})

test_that("the statistic of a draw is that of the fit made anew with the drawn arms", {
  skip_if_not_installed("sandwich")
  cases <- permutation_cases()
  for (name in names(cases)) {
    case <- cases[[name]]
    fit <- case$make(case$data)
    drawn <- permutation_of(fit, 20)
    arms <- miv:::permuted_arms(fit, 7, 20, way_of(fit))
    for (r in c(1, 17, 20)) {
      again <- case$make(redrawn(case, arms[, r], fit$experiment$arm$levels))
      cluster <- if (!is.null(case$cluster)) case$data[[case$cluster]]
      expect_close(statistic_of(drawn, 0.7)[r], by_lm(again, 0.7, cluster), 1e-9, paste(name, "draw", r))
    }
  }
})

# Independent of the loops: projections by lm.fit() on the core's own columns, the same arms.
parts_by_hand <- function(core, arms) {
  pick <- function(j) core$start[, j] + vapply(seq_len(core$rows), function(i) if (arms[i] == 0) 0 else core$step[i, (j - 1) * core$drawn$arms + arms[i]], 0)
  z <- vapply(seq_len(core$movers), pick, numeric(core$rows))
  fixed <- cbind(core$basis, if (!is.null(core$groups)) dummies_all(core$groups) * core$root_weight)
  moving <- z[, seq_len(core$moving_controls), drop = FALSE]
  z <- as.matrix(lm.fit(cbind(fixed, moving), z[, core$moving_controls + seq_len(core$movers - core$moving_controls), drop = FALSE])$residuals)
  scores <- lapply(list(core$outcome, core$belief), function(v) {
    s <- z * lm.fit(cbind(fixed, moving, z), v)$residuals
    if (is.null(core$clusters)) s else rowsum(s, core$clusters)
  })
  cross <- crossprod(scores[[1]], scores[[2]])
  c(crossprod(z, core$outcome), crossprod(z, core$belief), crossprod(scores[[1]]), (cross + t(cross)) / 2, crossprod(scores[[2]]))
}

dummies_all <- function(ids) outer(ids, unique(ids), "==") + 0

test_that("a plain loop on the same arms gives the same parts", {
  cases <- permutation_cases()
  for (name in setdiff(names(cases), c("weights and strata", "drawn by cluster, strata", "several arms, strata"))) {   # their shares move with the draw
    fit <- cases[[name]]$make(cases[[name]]$data)
    setup <- quietly(miv:::permutation_setup(fit, way_of(fit)))
    drawn <- permutation_of(fit, 18)
    by_unit <- miv:::drawn_arms_cpp(setup$core$drawn, 7, 0, 18)
    for (r in c(2, 18)) {
      arms <- if (is.null(setup$core$unit_of_row)) by_unit[, r] else by_unit[setup$core$unit_of_row + 1, r]
      want <- parts_by_hand(setup$core, arms)
      expect_lt(max(abs(drawn$parts[r, ] - want) / max(abs(want))), 1e-12, label = name)
      expect_close(drawn$parts[r, ], want, 1e-8, name)
    }
  }
})

test_that("every draw has as many people in each arm of each stratum as there are", {
  d <- passive_data()
  fit <- quietly(miv(y ~ 1, passive(d, strata = ~stratum)))
  arms <- miv:::permuted_arms(fit, 3, 50)
  counts <- apply(arms, 2, function(a) table(a, d$stratum))
  expect_equal(counts, matrix(as.vector(table(d$told, d$stratum)), 6, 50))
  a <- three_arms(90)
  a <- a[stats::complete.cases(a[c("y", "post")]), ]
  fit <- quietly(miv(y ~ 1, three_arms_experiment(a, strata = ~town)))
  counts <- apply(miv:::permuted_arms(fit, 3, 50), 2, function(x) table(factor(x, 0:2), droplevels(a$town)))
  expect_equal(counts, matrix(as.vector(table(a$arm, droplevels(a$town))), 9, 50))
})

test_that("clusters in which nobody's arm differs are drawn as a whole", {
  d <- passive_data()
  fit <- quietly(miv(y ~ 1, by_group(d)))
  arms <- miv:::permuted_arms(fit, 1, 30, way_of(fit))
  expect_true(all(arms == arms[match(d$group, d$group), ]))
  expect_equal(colSums(arms[!duplicated(d$group), ]), rep(sum(d$told_group[!duplicated(d$group)]), 30))
  expect_match(permutation_of(fit, 3)$words, "40 clusters of `group`, each as a whole")
  people <- quietly(miv(y ~ 1, passive(d), vcov = ~group))
  expect_match(permutation_of(people, 3)$words, "600 people")
})

# Of m units k are chosen by bits and corrections above 32, by a shuffle below: all sets and all pairs equally likely.
assignment_core <- function(first, counts, arms = 1, probability = NULL) {
  list(units = if (is.null(probability)) max(first) else nrow(probability), arms = arms, first = first, counts = counts, probability = probability)
}

test_that("all twenty ways of choosing three of six are equally frequent", {
  arms <- miv:::drawn_arms_cpp(assignment_core(c(0, 6), 3), 5, 0, 20000)
  frequency <- table(colSums(arms * 2^(0:5))) / 20000
  expect_length(frequency, 20)
  expect_lt(max(abs(frequency - 1 / 20)), 4.5 * sqrt(0.05 * 0.95 / 20000))
})

test_that("all ways of dealing three arms to five people are equally frequent", {
  arms <- miv:::drawn_arms_cpp(assignment_core(c(0, 5), c(2, 1), 2), 5, 0, 20000)
  frequency <- table(colSums(arms * 3^(0:4))) / 20000
  expect_length(frequency, 30)
  expect_lt(max(abs(frequency - 1 / 30)), 4.5 * sqrt(1 / 30 * 29 / 30 / 20000))
})

test_that("in a large stratum every person and every pair is as likely as another, whatever the share", {
  for (chosen in c(1, 7, 35, 40, 69)) {
    arms <- miv:::drawn_arms_cpp(assignment_core(c(0, 70), chosen), 11, 0, 20000)
    expect_true(all(colSums(arms) == chosen))
    p <- chosen / 70
    expect_lt(max(abs(rowMeans(arms) - p)), 4.5 * sqrt(p * (1 - p) / 20000))
    pair <- p * (chosen - 1) / 69
    together <- tcrossprod(arms) / 20000
    expect_lt(max(abs(together[upper.tri(together)] - pair)), 5.2 * sqrt(max(pair * (1 - pair), 1e-12) / 20000) + 1e-12)
  }
})

test_that("draws of strata, of draws and of seeds do not repeat one another", {
  arms <- miv:::drawn_arms_cpp(assignment_core(c(0, 100, 200), c(50, 50)), 1, 0, 64)
  other <- miv:::drawn_arms_cpp(assignment_core(c(0, 100, 200), c(50, 50)), 2, 0, 64)
  all <- cbind(arms[1:100, ], arms[101:200, ], other[1:100, ], other[101:200, ])
  apart <- abs(cor(all))
  expect_lt(max(apart[upper.tri(apart)]), 0.6)                  # 5.9 standard errors of 1 / sqrt(99)
})

test_that("known probabilities are drawn independently with them", {
  p <- cbind(c(0.2, 0.5, 0.7), c(0.5, 0.9, 0.8))
  arms <- miv:::drawn_arms_cpp(assignment_core(0, numeric(), 2, p), 4, 0, 20000)
  got <- cbind(rowMeans(arms == 1), rowMeans(arms == 2))
  want <- cbind(p[, 1], p[, 2] - p[, 1])
  expect_lt(max(abs(got - want) / sqrt(want * (1 - want) / 20000)), 4.5)
  expect_lt(max(abs(cor(t(arms))[c(2, 3, 6)])), 4.5 / sqrt(20000))
})

with_option_threads <- function(n, code) {
  old <- options(miv.threads = n)
  on.exit(options(old))
  code
}

test_that("threads, the number of draws and the kernel change no digit", {
  cases <- permutation_cases()
  for (name in c("sign", "weights and strata", "several arms, strata", "drawn by cluster", "arm controlled", "arm and gap")) {
    fit <- cases[[name]]$make(cases[[name]]$data)
    one <- with_option_threads(1, permutation_of(fit, 999)$parts)
    two <- with_option_threads(2, permutation_of(fit, 99)$parts)
    expect_identical(one[1:99, ], two, label = name)
    kernel <- miv:::choose_kernel_cpp(TRUE)
    portable <- permutation_of(fit, 99)$parts
    miv:::choose_kernel_cpp(FALSE)
    expect_identical(kernel, "portable")
    expect_identical(portable, two, label = paste(name, "portable"))
  }
})

test_that("the statistic at infinity is that of the belief alone, and Wald over l is t squared", {
  cases <- permutation_cases()
  drawn <- permutation_of(cases$sign$make(cases$sign$data), 9)
  p <- drawn$parts
  expect_close(statistic_of(drawn, Inf), -p[, 2] / sqrt(drawn$factor * p[, 5]), 1e-14)
  expect_close(statistic_of(drawn, -Inf), p[, 2] / sqrt(drawn$factor * p[, 5]), 1e-14)
  expect_close(abs(statistic_of(drawn, 1e9)), abs(statistic_of(drawn, Inf)), 1e-6)
  expect_close(miv:::quadratic_forms(cbind(p[, 1]), cbind(p[, 3])), p[, 1]^2 / p[, 3], 1e-14)
  m <- crossprod(matrix(sin((1:20)^2), 5))
  d <- cos(1:4)
  expect_close(miv:::quadratic_forms(rbind(d, d), rbind(as.vector(m), as.vector(2 * m))), c(1, 0.5) * drop(d %*% solve(m, d)), 1e-10)
})

test_that("a draw in which the instrument does not vary counts as no evidence", {
  d <- data.frame(told = c(0, 1, 0, 1, 1, 0), prior = c(10, 12, 30, 9, 14, 25), y = c(1, 2, 2, 3, 1, 4))
  d$post <- d$prior + d$told * (18 - d$prior) / 2 + c(0.1, -0.2, 0.3, 0, 0.2, -0.1)
  fit <- quietly(miv(y ~ 1, passive(d, probability = 0.5)))
  drawn <- permutation_of(fit, 2000)
  arms <- miv:::permuted_arms(fit, 7, 2000)
  none <- colSums(arms) %in% c(0, 6)
  expect_true(any(none))
  expect_false(anyNA(statistic_of(drawn, 0)))
})

test_that("the small-sample factor is the one of the fit's kind: none, people, clusters, effects nested in clusters", {
  d <- passive_data()
  factor_of <- function(vcov, formula = y ~ age) { fit <- quietly(miv(formula, passive(d), vcov = vcov)); permutation_of(fit, 1)$factor }
  k <- length(coef(quietly(miv(y ~ age, passive(d)))))
  expect_equal(factor_of("HC0"), 1)
  expect_equal(factor_of("HC1"), 600 / (600 - k))
  expect_equal(factor_of("HC3"), 600 / (600 - k))
  expect_equal(factor_of(CR(~group, "CR0")), 1)
  expect_equal(factor_of(~group), 40 / 39 * 599 / (600 - k))
  expect_equal(factor_of(~group, y ~ age | group), 40 / 39 * 599 / (600 - k))
})

test_that("what cannot be drawn is refused, with the reason", {
  d <- passive_data(80)
  d$pair <- rep(1:40, each = 2)
  refused <- function(fit, cause, words = "", way = way_of(fit)) {
    expect_error(permutation_of(fit, 9, way = way), class = paste0("miv_error_", cause))
    expect_error(permutation_of(fit, 9, way = way), words)
  }
  refused(quietly(tsls(y ~ age | post ~ told, d)), "no_arms", "wild")
  refused(quietly(miv(y ~ age + told, passive(d))), "arm_among_controls", "told")
  refused(quietly(miv(y ~ age, passive(d, strata = ~pair))), "constant_arm", "of 40 strata")
  lonely <- transform(d, pair = c(1:50, rep(1:5, 6)))
  refused(quietly(miv(y ~ age, passive(lonely, strata = ~pair))), "too_many_strata", "merge")
  one_arm <- transform(d, stratum = ifelse(told == 1 & age > 45, 9, stratum))
  refused(quietly(miv(y ~ age, passive(one_arm, strata = ~stratum))), "constant_arm", "In 1 of 4 strata")
  cut <- passive_data(200)
  refused(quietly(miv(y ~ age, by_group(cut, strata = ~stratum))), "cluster_spans_strata", "`group`")
  p <- transform(cut, p = ifelse(age > 45, 0.3, 0.5))
  refused(quietly(miv(y ~ age, by_group(p, probability = ~p))), "bad_probability", "per cluster")
})

test_that("an outcome that is fitted exactly leaves nothing to draw from", {
  d <- passive_data(80)
  d$y <- 2 * d$post + 1
  for (scheme in c("wild", "permutation")) expect_error(quietly(resample(miv(y ~ 1, passive(d)), scheme, R = 19, seed = 1)), class = "miv_error_exact_fit")
})

test_that("several absorbed effects are refused", {
  skip_if_not_installed("fixest")
  d <- passive_data(80)
  d$pair <- rep(1:40, each = 2)
  fit <- quietly(miv(y ~ age | stratum, passive(d, strata = ~pair)))
  expect_error(permutation_of(fit, 9, way = way_of(fit)), "factor", class = "miv_error_several_effects")
})

test_that("probabilities named by arm are those of the arms drawn", {
  fit <- quietly(miv(y ~ age, three_arms_experiment(probability = c(high = 0.5, low = 0.2))))
  shares <- table(factor(miv:::permuted_arms(fit, 1, 200), 0:2)) / (200 * nobs(fit))
  want <- c(none = 0.3, low = 0.2, high = 0.5)[fit$experiment$arm$levels]
  expect_lt(max(abs(shares - want)), 4.5 * sqrt(0.25 / (200 * nobs(fit))))
})

test_that("with given probabilities a stratum may have one arm only", {
  d <- passive_data()
  d <- transform(d, stratum = ifelse(told == 1 & age > 60, 9, stratum))
  fit <- quietly(miv(y ~ age, passive(d, strata = ~stratum, probability = 0.5)))
  expect_match(permutation_of(fit, 9)$words, "known probabilities")
})

test_that("the statistic is that of anderson_rubin(), and resample() hands on draws, p value and set", {
  cases <- permutation_cases()
  for (name in c("sign", "fixed effect", "clusters", "arm and gap", "one instrument per arm")) {
    fit <- cases[[name]]$make(cases[[name]]$data)
    test <- quietly(resample(fit, "permutation", R = 199, seed = 3))
    size <- if (length(fit$instruments) == 1) test$statistic[[1]]^2 else test$statistic[[1]]
    expect_close(size, attr(quietly(anderson_rubin(fit)), "statistic"), 1e-8, name)
    drawn <- permutation_of(fit, 199, 3)
    expect_equal(unname(test$draws[, 1]), unname(statistic_of(drawn, 0)), label = name)
    rejects <- function(b) (1 + sum(abs(statistic_of(drawn, b)) >= abs(statistic_of(drawn, b, drawn$observed)) * (1 - 1e-9))) / 200 <= 0.05
    width <- test$set$upper - test$set$lower
    expect_true(rejects(test$set$lower - 1e-5 * width) && rejects(test$set$upper + 1e-5 * width), label = name)
    expect_false(rejects(test$set$lower + 1e-5 * width) || rejects(test$set$upper - 1e-5 * width), label = name)
  }
})

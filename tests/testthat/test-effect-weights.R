# A second implementation of the cell weights (method note, section 3): q = instrument index net of the controls, by lm().
cells_by_hand <- function(y, x, instruments, controls, cell, w = rep(1, length(y))) {
  net <- function(v) lm.wfit(cbind(rep(1, length(v)), controls), v, w)$residuals
  z <- apply(cbind(instruments), 2, net)
  q <- w * drop(z %*% lm.wfit(z, net(x), w)$coefficients)
  total <- sum(q * x)
  sum_by <- function(v) as.vector(tapply(v, cell, sum))
  mean_by <- function(v) ave(v * w, cell, FUN = sum) / ave(w, cell, FUN = sum)
  within <- q - w * mean_by(q / w)
  list(weight = sum_by(within * x) / total, effect = sum_by(within * y) / sum_by(within * x), outcome = q / total, estimate = sum(q * y) / total)
}

weighted_people <- function(n = 600, seed = 3, ...) {
  d <- simulate_experiment(n, seed = seed, ...)
  d$gap <- d$signal - d$prior
  d$side <- sign(d$gap)
  d$f <- rep(c(0.5, 1, 2), length.out = n)
  d$block <- factor(rep(letters[1:7], length.out = n))
  d
}

experiment_of <- function(d, ...) quietly(info_experiment(d, belief = ~ posterior, prior = ~ prior, signal = ~ signal, arm = ~ arm, ...))
table_of <- function(...) as.data.frame(quietly(effect_weights(..., draws = 40, seed = 1)))

test_that("cell weights and effects are those of a second implementation, under every exposure, with controls and weights", {
  d <- weighted_people()
  x <- experiment_of(d, weights = ~ f)
  instruments <- list(sign = d$arm * d$side, gap = d$arm * d$gap, arm = d$arm, `arm+gap` = cbind(d$arm, d$arm * d$gap))
  levels <- list(sign = 1 * (d$side > 0), gap = d$gap, arm = NULL, `arm+gap` = d$gap)
  for (exposure in names(instruments)) {
    fit <- quietly(miv(outcome ~ age + female, x, exposure = exposure))
    want <- cells_by_hand(d$outcome, d$posterior, instruments[[exposure]], cbind(levels[[exposure]], d$age, d$female), d$region, d$f)
    got <- table_of(fit, by = ~ region)
    expect_close(got$weight, want$weight, 1e-9, paste(exposure, "weights"))
    expect_close(got$effect, want$effect, 1e-8, paste(exposure, "effects"))
    expect_close(outcome_weights(fit), want$outcome, 1e-7, paste(exposure, "outcome weights"))
  }
})

test_that("outcome weights rebuild the estimate, count the belief once and every control not at all", {
  skip_if_not_installed("fixest")
  d <- weighted_people()
  fits <- list(quietly(miv(outcome ~ age | block, experiment_of(d, weights = ~ f), exposure = "arm+gap")), quietly(miv(outcome ~ age | block + region, experiment_of(d))),
               quietly(tsls(outcome ~ age | posterior ~ arm + arm:side, d)))
  for (fit in fits) {
    a <- outcome_weights(fit)
    expect_equal(sum(a * d$outcome), coef(fit)[[1]], tolerance = 1e-9)
    expect_equal(c(sum(a * d$posterior), sum(a), sum(a * d$age)), c(1, 0, 0), tolerance = 1e-8)
  }
  fit <- quietly(tsls(mpg ~ 1 | c(hp, disp) ~ wt + qsec + drat, mtcars))
  expect_error(outcome_weights(fit), class = "miv_error_several_beliefs")
  expect_equal(sum(outcome_weights(fit, belief = "disp") * mtcars$mpg), coef(fit)[["disp"]], tolerance = 1e-9)
})

test_that("weights and remainder rebuild the estimate; the remainder is 0 where the cells are saturated in the controls", {
  x <- experiment_of(weighted_people())
  for (exposure in c("sign", "gap", "arm", "arm+gap", "arm+sign")) for (by in c("side", "gap", "prior")) {
    w <- quietly(effect_weights(miv(outcome ~ 1, x, exposure = exposure), by = by, draws = 40))
    some <- !is.na(w$cells$effect)
    expect_equal(sum(w$cells$weight) + w$remainder[["belief"]], 1, tolerance = 1e-12)
    expect_equal(sum((w$cells$weight * w$cells$effect)[some]) + w$remainder[["outcome"]], w$estimate, tolerance = 1e-10)
    if (exposure %in% c("sign", "arm+sign") && by == "side") expect_lt(max(abs(w$remainder)), 1e-12)
  }
})

test_that("standard errors are those of the derivatives by each person's weight", {
  skip_if_not_installed("fixest")
  d <- weighted_people(90, seed = 4)
  fits <- list(list(function(d) miv(outcome ~ age, experiment_of(d, weights = ~ f), vcov = "HC0"), "side"),
               list(function(d) miv(outcome ~ age | region, experiment_of(d, weights = ~ f), exposure = "arm+gap", vcov = "HC0"), ~ female),
               list(function(d) miv(outcome ~ 1 | region + female, experiment_of(d, weights = ~ f), exposure = "gap", vcov = "HC0"), "side"))
  for (fit in fits) {
    numbers <- function(f) {
      d$f <- f
      t <- table_of(quietly(fit[[1]](d)), by = fit[[2]], data = d)
      c(t$weight, t$effect)
    }
    slopes <- vapply(seq_len(nrow(d)), function(i) {
      step <- replace(numeric(nrow(d)), i, 1e-4 * d$f[i])
      (numbers(d$f + step) - numbers(d$f - step)) / 2e-4
    }, numbers(d$f))
    got <- table_of(quietly(fit[[1]](d)), by = fit[[2]], data = d)
    expect_close(c(got$weight.std.error, got$std.error), sqrt(rowSums(slopes^2)), 1e-5)
  }
})

test_that("one cluster per person gives HC1 errors, and doubled people within clusters leave clustered errors alone", {
  d <- weighted_people(200)
  d$id <- seq_len(200)
  table <- function(d, vcov) table_of(quietly(miv(outcome ~ age, experiment_of(d), vcov = vcov)))[c("weight.std.error", "std.error")]
  expect_equal(table(d, CR(~ id, "CR0")), table(d, "HC0"), tolerance = 1e-10)
  expect_equal(table(rbind(d, d), CR(~ id, "CR0")), table(d, "HC0"), tolerance = 1e-10)
})

test_that("draws are the same for any number of threads and follow the seed", {
  fit <- quietly(miv(outcome ~ age | block, experiment_of(weighted_people(1000)), exposure = "arm"))
  draw <- function(threads, seed) {
    old <- options(miv.threads = threads)
    on.exit(options(old))
    effect_weights(fit, by = "gap", bins = 12, seed = seed)[c("interval", "interval_share")]
  }
  expect_identical(draw(1, 5), draw(2, 5))
  expect_false(identical(draw(1, 5), draw(1, 6)))
  set.seed(2)
  first <- effect_weights(fit)$seed
  set.seed(2)
  expect_identical(effect_weights(fit)$seed, first)
})

test_that("draws spread as the influence functions say, whichever kernel runs", {
  d <- weighted_people(3000, clusters = c(number = 60, icc = 0.1))
  for (vcov in list("HC0", CR(~ cluster, "CR0"))) {
    fit <- quietly(miv(outcome ~ age | block, experiment_of(d), exposure = "arm", vcov = vcov))
    w <- effect_weights(fit, by = "side", draws = 4000, seed = 1, level = 0.6827)
    se <- w$cells$weight.std.error[w$cells$weight < 0]
    expect_match(w$interval_kind, if (is.character(vcov)) "two-sided 68.27%, 4000 draws of people" else "two-sided 68.27%, 4000 draws of clusters")
    expect_equal(diff(w$interval) / 2, se, tolerance = 0.1)
    choose_kernel_cpp(TRUE)
    portable <- effect_weights(fit, by = "side", draws = 4000, seed = 1, level = 0.6827)$interval
    choose_kernel_cpp(FALSE)
    expect_equal(w$interval, portable, tolerance = 1e-12)
  }
})

test_that("a cell whose people are not moved, or who are all in one arm, has weight 0 and no effect", {
  d <- weighted_people()
  d$prior[1:40] <- d$signal[1:40]
  d$kind <- ifelse(seq_len(600) <= 100 & d$arm == 1, "told", "mixed")
  fit <- quietly(miv(outcome ~ age, experiment_of(d)))
  t <- table_of(fit)
  expect_identical(t$weight[t$cell == 0], 0)
  expect_true(is.na(t$effect[t$cell == 0]))
  w <- quietly(effect_weights(fit, by = ~ kind))
  expect_identical(w$cells$weight[2], 0)
  expect_match(w$notes, "only one arm")
})

test_that("weights by person add to 1 and use the base belief of the base arm", {
  d <- weighted_people(4000, drift = c(mean = 3))
  w <- effect_weights(quietly(miv(outcome ~ 1, experiment_of(d))), by = "person")
  cells <- table_of(quietly(miv(outcome ~ 1, experiment_of(d))))
  expect_equal(sum(as.data.frame(w)$weight), 1, tolerance = 1e-12)
  expect_equal(w$sides$weight, cells$weight, tolerance = 0.05)
  expect_gt(max(abs(w$sides$weight.prior - cells$weight)), 0.15)
})

test_that("refusals name what is wrong", {
  d <- weighted_people()
  d$hole <- replace(d$age, 1:3, NA)
  fit <- quietly(miv(outcome ~ 1, experiment_of(d)))
  other <- quietly(miv(outcome ~ 1, info_experiment(d, belief = ~ posterior, prior = ~ prior, signal = ~ signal, arm = ~ arm, units = "other")))
  plain <- quietly(tsls(outcome ~ 1 | posterior ~ arm, d))
  expect_error(effect_weights(lm(outcome ~ age, d)), class = "miv_error_no_instrument")
  expect_error(effect_weights(tsls(outcome ~ age, d)), class = "miv_error_no_instrument")
  expect_error(effect_weights(other, by = "person"), class = "miv_error_units")
  expect_error(effect_weights(other, by = "gap"), class = "miv_error_units")
  expect_error(effect_weights(fit, by = ~ I(0 * prior)), class = "miv_error_one_cell")
  expect_error(effect_weights(fit, by = ~ factor(id)), class = "miv_error_too_many_cells")
  many <- weighted_people(21000)
  expect_error(effect_weights(quietly(miv(outcome ~ 1, experiment_of(many))), by = ~ factor(rep(1:10000, length.out = 21000))), "10,000 cells", class = "miv_error_too_many_cells")
  expect_error(effect_weights(fit, by = ~ hole), "3 of 600", class = "miv_error_missing_cells")
  expect_error(effect_weights(plain), class = "miv_error_unknown_side")
  expect_error(effect_weights(fit, by = "sides"), "side", class = "miv_error_unknown_by")
  expect_message(effect_weights(fit, by = ~ prior), class = "miv_message_binned")
})

test_that("other packages' fits have the weights of the same tsls() fit", {
  d <- weighted_people()
  d$up <- 1 * (d$side > 0)
  d$z1 <- d$arm * d$side
  d$z2 <- d$arm * d$gap
  same <- function(fit, own) {
    expect_equal(outcome_weights(fit), outcome_weights(own), tolerance = 1e-10)
    expect_equal(table_of(fit, by = ~ side, data = d)[1:7], table_of(own, by = ~ side)[1:7], tolerance = 1e-10)
    b <- coef(fit)
    expect_equal(sum(outcome_weights(fit) * d$outcome[d$age > 30]), b[[grep("posterior", names(b))]], tolerance = 1e-9)
  }
  own <- quietly(tsls(outcome ~ up + factor(region) | posterior ~ z1 + z2, d, weights = ~ f, subset = age > 30))
  if (requireNamespace("fixest", quietly = TRUE)) same(fixest::feols(outcome ~ up | region | posterior ~ z1 + z2, d, weights = ~ f, subset = ~ age > 30, notes = FALSE), own)
  if (requireNamespace("AER", quietly = TRUE)) same(AER::ivreg(outcome ~ up + factor(region) + posterior | . - posterior + z1 + z2, data = d, weights = f, subset = age > 30), own)
  if (requireNamespace("estimatr", quietly = TRUE)) {
    same(estimatr::iv_robust(outcome ~ up + factor(region) + posterior | up + factor(region) + z1 + z2, data = d, weights = f, subset = age > 30), own)
  }
  if (requireNamespace("ivreg", quietly = TRUE)) same(ivreg::ivreg(outcome ~ up + factor(region) | posterior | z1 + z2, data = d, weights = f, subset = age > 30), own)
})

test_that("a level missing among the controls is told, and one that is there is not", {
  d <- weighted_people(3000)
  d$z <- d$arm * d$side
  expect_warning(w <- effect_weights(quietly(tsls(outcome ~ 1 | posterior ~ z, d)), by = ~ side, gap = ~ gap), class = "miv_warning_missing_level")
  expect_equal(w$level_test$estimate, coef(quietly(tsls(outcome ~ I(side > 0) + gap | posterior ~ z, d)))[[1]], tolerance = 1e-9)
  expect_no_warning(effect_weights(quietly(tsls(outcome ~ I(side > 0) | posterior ~ z, d)), by = ~ side, gap = ~ gap))
})

test_that("the sensitivity numbers are those of the quadratic programme, solved over every set of bounds", {
  set.seed(1)
  for (draw in 1:100) {
    k <- 6
    p <- runif(k)
    p <- p / sum(p)
    repeat if (sum(w <- rnorm(k, 0.3)) > 0.1) break
    w <- w / sum(w)
    r <- w / p
    b <- 1
    got <- unname(sensitivity(data.frame(share = p, ratio = r), list(estimate = b, remainder = c(outcome = 0))))
    solve_on <- function(free, centred) {             # effects 0 outside of `free`; sum(w * effect) = b; least variance
      m <- sum(free)
      quadratic <- diag(p[free], m) - if (centred) 0 else tcrossprod(p[free])
      constraints <- rbind(w[free], if (centred) p[free])
      system <- rbind(cbind(quadratic, t(constraints)), cbind(constraints, matrix(0, nrow(constraints), nrow(constraints))))
      effect <- numeric(k)
      effect[free] <- tryCatch(solve(system, c(numeric(m), b, if (centred) 0))[seq_len(m)], error = function(e) NaN)
      if (anyNA(effect)) return(c(sd = Inf, most = Inf))
      c(sd = sqrt(max(0, sum(p * effect^2) - sum(p * effect)^2)), most = max(effect))
    }
    sets <- as.matrix(expand.grid(rep(list(c(TRUE, FALSE)), k)))[-2^k, ]
    all <- apply(sets, 1, function(free) solve_on(free, FALSE))
    feasible <- all["most", ] <= 1e-9
    expect_close(got[1], solve_on(rep(TRUE, k), TRUE)[["sd"]], 1e-8)
    if (any(feasible)) expect_close(got[2], min(all["sd", feasible]), 1e-8) else expect_identical(got[2], Inf)
  }
})

test_that("a profile does not change when a constant is added to the belief, and is the share of weight for a category", {
  d <- weighted_people()
  d$up <- 1 * (d$side > 0)
  fit <- function(d) quietly(miv(outcome ~ 1, experiment_of(d, weights = ~ f)))
  profile <- function(d) summary(effect_weights(fit(d), draws = 40), profile = ~ age + factor(side))$profile
  shifted <- d
  shifted$posterior <- d$posterior + 7
  expect_equal(profile(d), profile(shifted), tolerance = 1e-8)
  expect_equal(profile(d)$weighted[2:3], table_of(fit(d))$weight, tolerance = 1e-9)
})

test_that("the real experiment gives the numbers known of it", {
  d <- shared_csv("experiments/haaland_roth_exp2.csv")
  x <- quietly(info_experiment(d, belief = ~ posterior, prior = ~ prior, signal = 15, arm = ~ T))
  weigh <- function(exposure, ...) effect_weights(quietly(miv(problackindex ~ 1, x, exposure = exposure)), ..., seed = 1)
  arm <- weigh("arm")
  expect_equal(arm$cells$weight, c(1.379, 0.015, -0.340), tolerance = 1e-3)
  expect_equal(arm$remainder[["belief"]], -0.054, tolerance = 2e-2)
  expect_equal(arm$negative_weight, 0.339850295957, tolerance = 1e-9)
  expect_output(print(arm), "1 cell (46.7% of people) counts negatively, with total weight -0.34", fixed = TRUE)
  sign <- weigh("sign")
  expect_equal(sign$cells$weight, c(0.802, 0, 0.198), tolerance = 1e-3)
  expect_equal(sign$cells$effect, c(0.00171, NA, -0.03659), tolerance = 2e-3)
  expect_lt(max(abs(sign$remainder)), 1e-12)
  turn <- summary(weigh("arm+gap"))$reversal
  expect_equal(c(turn$from, turn$to), c(0, 4.187), tolerance = 1e-3)
  expect_equal(turn$people, 0.0194, tolerance = 1e-2)
  person <- weigh("sign", by = "person")
  expect_equal(person$sides$weight[c(1, 3)], c(0.795, 0.205), tolerance = 2e-3)
  expect_equal(person$sides$weight.prior[c(1, 3)], c(0.578, 0.422), tolerance = 2e-3)
})

test_that("the figure draws a few cells, many cells and people, and says in words what it shows", {
  skip_if_not_installed("ggplot2")
  fit <- quietly(miv(outcome ~ 1, experiment_of(weighted_people()), exposure = "arm"))
  for (w in list(effect_weights(fit), effect_weights(fit, by = "prior", bins = 50), effect_weights(quietly(update(fit, exposure = "sign")), by = "person"))) {
    figure <- plot.effect_weights(w)
    expect_s3_class(figure, "ggplot")
    expect_s3_class(autoplot.effect_weights(w), "ggplot")
    expect_no_error(ggplot2::ggplotGrob(figure))
    expect_gt(nchar(figure$labels$alt), 20)
  }
})

test_that("the same estimator has the same table through either door, whom the instrument does not move included", {
  d <- weighted_people()
  d$prior[1:40] <- d$signal[1:40]
  d$side <- sign(d$signal - d$prior)
  d$z <- d$arm * d$side
  own <- as.data.frame(quietly(effect_weights(miv(outcome ~ age, experiment_of(d)), draws = 40, seed = 1)))
  back <- as.data.frame(quietly(effect_weights(tsls(outcome ~ factor(side) + age | posterior ~ z, d), by = ~ side, draws = 40, seed = 1)))
  expect_equal(back$weight[2], 0)
  expect_close(back$weight, own$weight, 1e-10)
  expect_close(back$effect[-2], own$effect[-2], 1e-8)
})

test_that("bins are as many as asked for, and a column's name is not a kind of cell", {
  d <- weighted_people()
  fit <- quietly(miv(outcome ~ 1, experiment_of(d)))
  d$few <- rep(1:8, length.out = nrow(d))
  expect_equal(nrow(table_of(fit, by = ~ few, data = d)), 8)
  expect_equal(nrow(table_of(fit, by = ~ few, data = d, bins = 4)), 4)
  expect_message(effect_weights(fit, by = ~ few, data = d, bins = 20, draws = 40), class = "miv_message_fewer_bins")
  expect_error(effect_weights(fit, by = "region"), "write `by = ~ region`", class = "miv_error_unknown_by")
  missing <- tsls(outcome ~ age | posterior ~ I(arm * gap), d)
  expect_output(print(quietly(effect_weights(missing, by = ~ side, gap = ~ gap, draws = 40, seed = 1))), "no weighted mean of belief")
})

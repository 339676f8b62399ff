# Patterns of sides where there are many informed arms.

many_arms <- function(n_arms) {
  d <- inflation_survey
  d$arm <- c("none", paste0("a", seq_len(n_arms)))[1 + seq_len(nrow(d)) %% (n_arms + 1)]
  d$arm <- factor(d$arm, c("none", paste0("a", seq_len(n_arms))))
  signal <- stats::setNames(as.list(seq(3.1, 7.1, length.out = n_arms)), paste0("a", seq_len(n_arms)))
  suppressWarnings(suppressMessages(info_experiment(d, belief = ~posterior, prior = ~prior, arm = ~arm, signal = signal)))
}

test_that("nineteen informed arms are fitted without listing every combination of sides", {
  fit <- suppressWarnings(suppressMessages(miv(pay_claim ~ age, many_arms(19))))
  expect_true(is.finite(coef(fit)[["posterior"]]))
  expect_lte(length(unique(model.frame(fit)$.pattern)), 39)
})

test_that("patterns that people have give the fit of all combinations", {
  experiment <- many_arms(4)
  internal <- asNamespace("miv")
  all <- internal$side_patterns(experiment)
  seen <- internal$patterns_seen(experiment)
  expect_gt(nrow(all), nrow(seen))
  key <- function(grid) do.call(paste, unname(as.list(grid)))
  expect_true(all(key(seen) %in% key(all)))
  five <- many_arms(5)
  sides <- as.data.frame(lapply(five$arm$informed, function(arm) sign(internal$gap_values(five, arm))))
  pattern <- factor(do.call(paste, unname(as.list(sides))))
  d <- cbind(as.data.frame(five), pattern = pattern)
  shares <- prop.table(table(d$arm[d$.complete]))
  side_of <- as.matrix(sides)
  d$z <- 0
  for (a in seq_along(five$arm$informed)) d$z <- d$z + ((d$arm == five$arm$informed[a]) - shares[[five$arm$informed[a]]]) * side_of[, a]
  by_hand <- suppressWarnings(tsls(pay_claim ~ age + pattern | posterior ~ z, d))
  expect_equal(coef(suppressWarnings(suppressMessages(miv(pay_claim ~ age, five))))[["posterior"]], coef(by_hand)[["posterior"]], tolerance = 1e-9)
})

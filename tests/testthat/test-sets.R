# Several fits as one object and one table.

set_fit <- function(...) miv(pay_claim ~ age + female, inflation_experiment(), ...)
set_words <- function(x, ...) paste(capture.output(print(x, ...)), collapse = "\n")

test_that("c() gathers fits under their names, and every row says which fit it is of", {
  fit <- set_fit()
  fits <- c(OLS = ols(fit), IV = fit)
  expect_identical(names(fits), c("OLS", "IV"))
  expect_identical(tidy(fits)$fit, rep(c("OLS", "IV"), each = length(coef(fit))))
  expect_identical(tidy(fits)$outcome, rep("pay_claim", 2 * length(coef(fit))))
  expect_equal(tidy(fits)[tidy(fits)$fit == "IV", -(1:2)], tidy(fit), ignore_attr = TRUE)
  expect_identical(as.data.frame(fits), tidy(fits))
  expect_identical(names(c(fit, fit)), c("(1)", "(2)"))
  expect_identical(as.list(fits), list(OLS = fits[[1]], IV = fit))
  expect_identical(class(as.list(fits)), "list")
  expect_equal(coef(fits[2])[[1]], coef(fit))
  expect_identical(tidy(fits["IV"])$fit, rep("IV", length(coef(fit))))
})

test_that("sets join sets, and keep what their columns mean", {
  by_sex <- miv(pay_claim ~ age, inflation_experiment(), by = ~ female)
  joined <- c(women = by_sex, everybody = set_fit())
  expect_identical(names(joined), c("women, female = 0", "women, female = 1", "everybody"))
  expect_identical(glance(joined)$fit, c("women", "women", "everybody"))
  expect_identical(glance(joined)$female, c(0L, 1L, NA))
  expect_identical(attr(by_sex[2], "key")$female, 1L)
  expect_identical(tidy(first_stage(by_sex))$female, rep(0:1, each = 5))
})

test_that("what is no fit, a name twice and an unknown fit are refused", {
  fit <- set_fit()
  expect_error(c(fit, 3), "Argument 2", class = "miv_error_not_a_fit")
  expect_error(c(a = fit, a = fit), class = "miv_error_duplicated_name")
  expect_error(c(a = fit, b = fit)["c"], class = "miv_error_unknown_fit")
})

test_that("the table has estimates over standard errors, people, first-stage F and base-arm mean, to the digits shown", {
  fit <- set_fit()
  text <- set_words(c(OLS = ols(fit), IV = fit))
  shown <- function(x, digits = 4) formatC(x, digits = digits, format = "f")
  expect_match(text, paste0("posterior +", shown(coef(ols(fit))[[1]]), " +", shown(coef(fit)[[1]])))
  expect_match(text, sprintf("\\(%s\\)", shown(std_errors(fit)[[1]])))
  expect_match(text, "People +1,628 +1,628")
  expect_match(text, sprintf("First-stage F +%.1f", glance(fit)$first_stage_F))
  expect_match(text, sprintf("Base-arm mean +%.3f", glance(fit)$control_mean))
  expect_false(grepl("[*]|NA", text))
  expect_false(grepl(".side", text, fixed = TRUE))
  expect_match(set_words(c(fit, fit), all = TRUE), ".side", fixed = TRUE)
  expect_match(set_words(c(fit, fit), vcov = "iid"), "one variance for everybody")
})

test_that("a wide set is broken to the width of the console, every block with its head", {
  fits <- quietly(miv(pay_claim ~ age | college, inflation_experiment(), by = ~ female + region))
  old <- options(width = 60)
  on.exit(options(old))
  lines <- capture.output(print(fits))
  expect_true(all(nchar(lines) <= 60))
  expect_gt(length(grep("^female ", lines)), 1)
  expect_length(grep("^female ", lines), length(grep("^region ", lines)))
  expect_match(paste(lines, collapse = "\n"), "Effects of `college` +yes")
  fit <- set_fit()
  lines <- capture.output(print(c("First stage" = first_stage(fit), "A fit with a long name" = fit, "Another long name" = fit)))
  expect_length(grep("^arm 1 x side", lines), 1)
  expect_length(grep("^female", lines), 2)
})

test_that("verbs that give one result per fit give one frame", {
  fits <- miv(c(pay_claim, learning_rate) ~ age, inflation_experiment())
  drawn <- resample(fits, "pairs", R = 99, seed = 1)
  expect_equal(tidy(drawn)[tidy(drawn)$outcome == "learning_rate", -1], tidy(resample(fits[[2]], "pairs", R = 99, seed = 1)), ignore_attr = TRUE)
  expect_identical(tidy(anderson_rubin(fits))$outcome, names(fits))
  expect_equal(tidy(effect_weights(fits))$weight[1:3], as.data.frame(effect_weights(fits[[1]]))$weight)
  expect_identical(unique(tidy(compare_specs(fits, donut = FALSE))$outcome), names(fits))
  expect_output(print(anderson_rubin(fits)), "---- learning_rate ----")
  expect_identical(unique(tidy(iv_tests(fits))$outcome), names(fits))
})

test_that("a summary of groups says whether effects are the same", {
  fits <- miv(pay_claim ~ age, inflation_experiment(), by = ~ region)
  expect_match(set_words(summary(fits)), sprintf("Same effect +.*F = %.2f on 3", equal_effects(fits)$statistic))
  expect_equal(summary(fits, vcov = "iid")$equal_effects$p.value, equal_effects(fits, vcov = "iid")$p.value)
})

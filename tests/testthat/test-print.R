said <- function(x, ...) paste(capture.output(print(x, ...)), collapse = "\n")

# Words only, so that where a line breaks does not matter.
words <- function(x, ...) gsub("\\s+", " ", said(x, ...))

number_after <- function(text, before) as.numeric(gsub(",", "", sub(paste0(".*", before, "([-0-9.,e]*[0-9]).*"), "\\1", text)))

survey <- function(...) info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told, ...)

test_that("a fit prints what is estimated, how much, for whom and the first stage", {
  fit <- miv(pay_claim ~ age | region, survey())
  text <- words(fit)
  expect_match(text, "Effect of `posterior` on `pay_claim`, mover instrument (arm x side)", fixed = TRUE)
  expect_match(text, "pay_claim ~ age | region", fixed = TRUE)
  expect_equal(number_after(text, "Estimate "), coef(fit)[[1]], tolerance = 1e-3)
  expect_equal(number_after(text, "SE "), sqrt(vcov(fit)[1, 1]), tolerance = 1e-2)
  expect_equal(number_after(text, "People "), nobs(fit))
  expect_match(text, "of 2,000", fixed = TRUE)
  expect_equal(number_after(text, "F = "), fit$first_stage$F[[1]], tolerance = 1e-3)
  expect_lte(length(capture.output(print(fit))), 8)
})

test_that("a summary fits 80 columns and prints no stars", {
  local_reproducible_output(width = 80)
  clustered <- miv(pay_claim ~ age + college + factor(region), survey(), vcov = ~ age)
  for (fit in list(clustered, miv(pay_claim ~ 1, survey(strata = ~ region), exposure = "arm+sign"))) {
    lines <- capture.output(print(summary(fit)))
    expect_lte(max(nchar(lines)), 80)
    expect_false(any(grepl("*", lines, fixed = TRUE)))
  }
})

test_that("the table shows belief and controls; level controls are named in words, and shown when all is asked for", {
  fit <- miv(pay_claim ~ age, survey())
  expect_match(said(summary(fit)), "\nage ")
  expect_no_match(said(summary(fit)), "\n.side1 ")
  expect_match(words(summary(fit)), "Added dummies of the side of the gap (`.side0`, `.side1`)", fixed = TRUE)
  expect_match(said(summary(fit), all = TRUE), "\n.side1 ")
})

test_that("more than 20 rows are cut short, with the way to see them", {
  fit <- miv(pay_claim ~ factor(age), survey())
  expect_match(words(summary(fit)), "and [0-9]+ more; `print[(]summary[(]fit[)], all = TRUE[)]` shows them")
  expect_match(said(summary(fit), all = TRUE), "factor(age)80", fixed = TRUE)
})

test_that("the last words are one sentence on the weights, of the exposure", {
  last <- function(...) sub(".*Weights: ", "Weights: ", words(summary(suppressWarnings(miv(pay_claim ~ age, survey(), ...)))))
  people <- sum(inflation_survey$prior == 5 & !is.na(inflation_survey$posterior))
  expect_match(last(), "nobody counts negatively as long as people move toward the signal", fixed = TRUE)
  expect_match(last(), sprintf("the %d people at gap 0 carry no weight.", people), fixed = TRUE)
  expect_match(last(exposure = "gap"), "but large prior errors weigh more", fixed = TRUE)
  expect_match(last(exposure = "gap", arm_control = TRUE), "weights are negative for gaps between 0 and their mean.", fixed = TRUE)
  expect_match(last(exposure = "arm"), "weights are negative for whoever moves against the average.", fixed = TRUE)
  expect_match(last(exposure = "arm+gap"), "weights are negative where the gap and the fitted move differ in sign.", fixed = TRUE)
  expect_match(last(exposure = "arm+sign"), "no side counts negatively as long as each side moves toward the signal on average", fixed = TRUE)
  expect_match(last(exposure = function(gap) abs(gap)), "weights may be negative: the function changes the gap's sign.", fixed = TRUE)
  for (exposure in kExposures) expect_equal(lengths(regmatches(last(exposure = exposure), gregexpr("[.](?= |$)", last(exposure = exposure), perl = TRUE))), 1)
})

test_that("one instrument per arm has no guarantee, and the title says what was pooled", {
  arms <- simulate_experiment(600, signal = c(low = 7, high = 11), seed = 5)
  experiment <- info_experiment(arms, belief = ~ posterior, prior = ~ prior, signal = list(low = 7, high = 11), arm = ~ arm)
  expect_match(words(miv(outcome ~ 1, experiment)), "pooled over 2 informed arms (`low`, `high`)", fixed = TRUE)
  apart <- words(summary(miv(outcome ~ 1, experiment, pool = FALSE)))
  expect_match(apart, "one per informed arm", fixed = TRUE)
  expect_match(apart, "there is no guarantee with one instrument per arm.", fixed = TRUE)
})

test_that("causes of missing people, clusters and their number, dropped and absorbed columns are told", {
  fit <- suppressMessages(miv(pay_claim ~ age + I(2 * age) | region, survey(cluster = ~ female)))
  text <- words(summary(fit))
  expect_match(text, sprintf("Left out: %d with `posterior` missing", sum(is.na(inflation_survey$posterior))), fixed = TRUE)
  expect_match(text, "CR1, clustered by `female` (2 clusters); with fewer than 40 clusters", fixed = TRUE)
  expect_match(text, "Dropped `I(2 * age)`", fixed = TRUE)
  expect_match(text, "fixed effects of `region` (4)", fixed = TRUE)
})

test_that("strata are named as added, with the centred arm", {
  text <- words(summary(miv(pay_claim ~ 1, survey(strata = ~ region))))
  expect_match(text, "effects of the strata `region`. In the instrument the arm is centred at its share in the stratum.", fixed = TRUE)
})

test_that("over-identified fits print both standard errors", {
  fit <- miv(pay_claim ~ 1, survey(), exposure = "arm+gap")
  both <- summary(fit)$both_scores
  text <- words(summary(fit))
  expect_equal(number_after(text, "two standard errors: "), both[[1, 1]], tolerance = 1e-3)
  expect_match(text, sprintf("%s valid when effects differ", show_number(both[[2, 1]], 4)), fixed = TRUE)
})

test_that("without an experiment the weights are said to be unknown; least squares has none", {
  expect_match(words(summary(tsls(mpg ~ am | hp ~ wt, mtcars))), "Weights: not known.", fixed = TRUE)
  text <- words(summary(tsls(mpg ~ wt, mtcars)))
  expect_match(text, "Least squares: `mpg` on `wt`", fixed = TRUE)
  expect_no_match(text, "Weights|First stage")
  expect_match(words(tsls(mpg ~ wt, mtcars)), "(Intercept) wt", fixed = TRUE)
})

test_that("first stage, reduced form and least squares say what they are", {
  fit <- miv(pay_claim ~ age, survey())
  expect_match(words(first_stage(fit)), "First stage: `posterior` on `arm 1 x side`", fixed = TRUE)
  expect_match(words(summary(first_stage(fit))), "Instruments F = ", fixed = TRUE)
  expect_match(words(summary(reduced_form(fit))), "Reduced form: `pay_claim` on `arm 1 x side`", fixed = TRUE)
  expect_match(words(ols(fit)), "Least squares: `pay_claim` on `posterior`", fixed = TRUE)
})

test_that("several outcomes print one row each", {
  set <- miv(c(pay_claim, learning_rate) ~ age, survey())
  lines <- capture.output(print(summary(set)))
  expect_length(grep("^(pay_claim|learning_rate) ", lines), 2)
  expect_match(words(summary(set)), "Weights: the estimate is a weighted mean", fixed = TRUE)
  expect_match(words(set), "Effect of `posterior` on 2 outcomes", fixed = TRUE)
})

test_that("two beliefs each get their interval and F", {
  text <- words(summary(tsls(mpg ~ 1 | c(hp, am) ~ wt + gear, mtcars)))
  expect_match(text, "Effect of `hp` and `am` on `mpg`", fixed = TRUE)
  expect_match(text, "Interval `hp`", fixed = TRUE)
  expect_match(text, "Interval `am`", fixed = TRUE)
  expect_match(text, "`hp` F = [0-9.]+, `am` F = ")
})

test_that("numbers keep their digits from 1e-9 to 1e9", {
  for (scale in c(1e-9, 1e9)) {
    fit <- tsls(mpg ~ 1 | hp ~ wt, transform(mtcars, mpg = scale * mpg))
    expect_equal(number_after(words(fit), "Estimate "), coef(fit)[["hp"]], tolerance = 5e-3)
  }
})

test_that("printing returns its argument unseen", {
  fit <- miv(pay_claim ~ age, survey())
  expect_output(expect_identical(withVisible(print(fit)), list(value = fit, visible = FALSE)))
  expect_output(expect_invisible(print(summary(fit))))
})

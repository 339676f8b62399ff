survey_fit <- function(formula = pay_claim ~ age + female, ..., roles = list()) {
  survey <- transform(inflation_survey, town = rep(1:50, length.out = nrow(inflation_survey)))
  survey$age[1:12] <- NA
  experiment <- do.call(info_experiment, c(list(survey, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told), roles))
  miv(formula, experiment, ...)
}

test_that("coef(summary(fit)) is the four-column matrix, belief first", {
  fit <- survey_fit()
  table <- coef(summary(fit))
  expect_equal(colnames(table), c("Estimate", "Std. Error", "t value", "Pr(>|t|)"))
  expect_equal(table[, "Estimate"], coef(fit))
  expect_equal(table[, "Std. Error"], sqrt(diag(vcov(fit))))
  expect_equal(rownames(table)[1], "posterior")
  expect_equal(table[, 4], 2 * pt(-abs(table[, 3]), df.residual(fit)))
})

test_that("the interval uses t with n - k, and with G - 1 under clusters", {
  fit <- survey_fit()
  table <- coef(summary(fit))["posterior", ]
  reach <- function(se, df, level) qt((1 + level) / 2, df) * se
  expect_equal(unname(summary(fit, conf.level = 0.9)$conf.int[1, ]), unname(table[1] + c(-1, 1) * reach(table[2], df.residual(fit), 0.9)))
  clustered <- summary(fit, vcov = ~ town)
  expect_equal(clustered$df_inference, 49)
  expect_equal(unname(clustered$conf.int[1, 2] - clustered$coefficients[1, 1]), unname(reach(clustered$coefficients[1, 2], 49, 0.95)))
})

test_that("another covariance changes standard errors and F, never the estimate", {
  fit <- survey_fit()
  one <- summary(fit, vcov = "iid")
  other <- summary(fit, vcov = "HC3")
  expect_equal(one$coefficients[, 1], other$coefficients[, 1])
  expect_equal(one$coefficients[, 2], sqrt(diag(vcov(fit, "iid"))))
  expect_equal(other$coefficients[, 2], sqrt(diag(vcov(fit, "HC3"))))
  expect_false(one$first_stage$F == other$first_stage$F)
})

test_that("people left out are counted by cause, and add up where nobody has several", {
  fit <- survey_fit()
  summary <- summary(fit)
  expect_equal(summary$left_out[["posterior"]], sum(is.na(inflation_survey$posterior)))
  expect_equal(summary$left_out[["age"]], sum(!is.na(inflation_survey$posterior[1:12])))
  expect_equal(sum(summary$left_out), summary$rows - summary$nobs)
})

test_that("rows off `subset` are a cause of their own", {
  fit <- survey_fit(pay_claim ~ 1, subset = female == 1)
  expect_equal(summary(fit)$left_out[["subset"]], sum(inflation_survey$female == 0))
})

test_that("factors and fixed effects are named by their column among the causes", {
  survey <- transform(inflation_survey, college = factor(college))
  survey$region[1:30] <- NA
  survey$college[31:60] <- NA
  fit <- tsls(pay_claim ~ college | region, survey)
  expect_setequal(names(summary(fit)$left_out), c("college", "pay_claim", "region"))
})

test_that("people at gap 0 in the fit carry no weight, and are counted in the fit's own sample", {
  all <- survey_fit(pay_claim ~ 1)
  at_signal <- with(inflation_survey, prior == 5 & !is.na(posterior))
  expect_equal(summary(all)$weightless, sum(at_signal))
  women <- survey_fit(pay_claim ~ 1, subset = female == 1)
  expect_equal(summary(women)$weightless, sum(at_signal & inflation_survey$female == 1))
  expect_null(summary(survey_fit(exposure = "arm"))$weightless)
  expect_null(summary(survey_fit(arm_control = TRUE))$weightless)
})

test_that("over-identified fits give the belief's standard error under both scores", {
  fit <- survey_fit(exposure = "arm+sign")
  both <- summary(fit)$both_scores
  expect_equal(both["usual", "posterior"], sqrt(vcov(fit)["posterior", "posterior"]))
  expect_equal(both["heterogeneous", "posterior"], sqrt(vcov(fit, scores = "heterogeneous")["posterior", "posterior"]))
  table <- coef(summary(fit, scores = "heterogeneous"))
  expect_equal(table["posterior", 2], both["heterogeneous", "posterior"])
  expect_null(summary(survey_fit())$both_scores)
  expect_null(summary(fit, vcov = "iid")$both_scores)
})

test_that("several outcomes have one row each, equal to the fits alone", {
  set <- survey_fit(c(pay_claim, learning_rate) ~ age)
  table <- summary(set)$table
  expect_equal(table$outcome, c("pay_claim", "learning_rate"))
  expect_equal(table$estimate, vapply(set, function(fit) coef(fit)[[1]], 0), ignore_attr = TRUE)
  expect_equal(table$first_stage_F, vapply(set, function(fit) fit$first_stage$F[[1]], 0), ignore_attr = TRUE)
  expect_equal(table$conf.low, vapply(set, function(fit) summary(fit)$conf.int[1, 1], 0), ignore_attr = TRUE)
})

test_that("several outcomes work behind the back door, also with instruments", {
  set <- tsls(c(mpg, qsec) ~ am | hp ~ wt, mtcars)
  expect_equal(coef(set$qsec), coef(tsls(qsec ~ am | hp ~ wt, mtcars)))
})

test_that("a summary keeps nothing of the data", {
  expect_lt(as.numeric(object.size(summary(survey_fit()))), 40000)
})

test_that("a wrong level and a misspelt argument are refused", {
  fit <- survey_fit()
  expect_error(summary(fit, conf.level = 95), class = "miv_error_bad_level")
  expect_error(summary(fit, conflevel = 0.9), "conf.level", class = "miv_error_unknown_argument")
})

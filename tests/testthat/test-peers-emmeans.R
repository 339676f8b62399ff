test_that("estimated means are x'b with sqrt(x'Vx), under any covariance, with the fit's degrees of freedom", {
  skip_without("emmeans")
  for_each_fit(leave_out = c("effects", "first_stage", "reduced_form"), function(fit, name) {
    belief <- leading_term(fit)
    at <- stats::setNames(list(c(10, 11)), belief)
    grid <- emmeans::ref_grid(fit, at = at)
    means <- as.data.frame(emmeans::emmeans(grid, belief))
    expect_close(diff(means$emmean), coef(fit)[[1]], 1e-8, name)
    contrast <- as.data.frame(emmeans::contrast(emmeans::emmeans(grid, belief), "revpairwise"))
    expect_close(contrast$SE, own_errors(fit)[[1]], 1e-8, name)
    expect_equal(contrast$df, min(fit$df_inference), label = name)
    robust <- emmeans::contrast(emmeans::emmeans(fit, belief, at = at, vcov. = vcov(fit, "HC3")), "revpairwise")
    expect_close(as.data.frame(robust)$SE, own_errors(fit, "HC3")[[1]], 1e-8, name)
    points <- grid@grid
    expect_close(stats::predict(grid), predict(fit, points), 1e-8, name)
    expect_close(as.data.frame(summary(grid))$SE, predict(fit, points, se.fit = TRUE)$se.fit, 1e-8, name)
  })
})

test_that("least squares gives lm()'s means", {
  skip_without("emmeans")
  ours <- as.data.frame(emmeans::emmeans(tsls(mpg ~ factor(cyl) * wt, mtcars, vcov = "iid"), ~ cyl))
  theirs <- as.data.frame(suppressMessages(emmeans::emmeans(lm(mpg ~ factor(cyl) * wt, mtcars), ~ cyl)))
  expect_close(as.matrix(ours[c("emmean", "SE", "df", "lower.CL")]), as.matrix(theirs[c("emmean", "SE", "df", "lower.CL")]), 1e-8)
})

test_that("proportional means count people with their weights", {
  skip_if_not_installed("emmeans", "2.0")   # 1.8 counts rows, for lm() too
  fit <- quietly(peer_fits())$weighted
  mean <- as.data.frame(emmeans::emmeans(fit, ~ posterior, at = list(posterior = 8, age = 40), weights = "proportional"))$emmean
  people <- frame_kept(fit)
  people[c("posterior", "age")] <- list(8, 40)
  expect_close(mean, weighted.mean(predict(fit, people), weights(fit)), 1e-8)
})

test_that("absorbed effects are refused with their cure", {
  skip_without("emmeans")
  fit <- quietly(peer_fits())$effects
  expect_error(emmeans::emmeans(fit, "posterior"), "as `factor\\(\\)` among the controls")
})

people <- function(n = 1500, seed = 4, ...) {
  d <- simulate_experiment(n, seed = seed, ...)
  list(data = d, experiment = quietly(info_experiment(d, belief = ~ posterior, prior = ~ prior, signal = ~ signal, arm = ~ arm)))
}

test_that("each row is the fit of its specification, on one sample, with scores valid when effects differ where over-identified", {
  one <- people()
  fit <- quietly(miv(outcome ~ age + female, one$experiment, subset = age > 25))
  table <- as.data.frame(compare_specs(fit, donut = 1))
  expect_equal(table$spec, c("sign", "sign, donut", "sign, arm controlled", "gap", "gap, arm controlled", "arm", "arm+gap", "arm+sign"))
  for (i in setdiff(seq_len(nrow(table)), 2)) {
    exposure <- sub(",.*", "", table$spec[i])
    scores <- if (grepl("[+]", exposure)) "heterogeneous" else "usual"
    own <- quietly(miv(outcome ~ age + female, one$experiment, exposure = exposure, arm_control = grepl("controlled", table$spec[i]), scores = scores, subset = age > 25))
    seen <- glance(own)
    expect_close(unlist(table[i, c("estimate", "std.error", "first_stage_F")]), c(coef(own)[[1]], sqrt(vcov(own)[1, 1]), seen$first_stage_F), 1e-12, table$spec[i])
    expect_equal(table$negative_weight[i], seen$negative_weight, tolerance = 1e-12)
    sides <- as.data.frame(quietly(effect_weights(own, draws = 40, seed = 1)))
    expect_close(unlist(table[i, c("weight_down", "weight_at", "weight_up")])[sides$cell + 2], sides$weight, 1e-10, table$spec[i])
    expect_equal(table$nobs[i], fit$nobs)
  }
  gap <- one$data$signal - one$data$prior
  donut <- quietly(miv(outcome ~ age + female, one$experiment, subset = age > 25 & abs(gap) >= 1))
  expect_close(unlist(table[2, c("estimate", "std.error")]), c(coef(donut)[[1]], sqrt(vcov(donut)[1, 1])), 1e-12)
  expect_equal(table$nobs[2], donut$nobs)
})

test_that("the fit's own covariance is used, and F is robust where that is iid", {
  one <- people()
  for (kind in list("HC3", ~ region, "iid")) {
    fit <- quietly(miv(outcome ~ age, one$experiment, vcov = kind))
    table <- as.data.frame(compare_specs(fit))
    expect_close(table$std.error[1], sqrt(vcov(fit)[1, 1]), 1e-12)
    expect_close(table$first_stage_F[1], glance(fit, vcov = if (identical(kind, "iid")) "HC1" else NULL)$first_stage_F, 1e-12)
  }
  expect_output(print(compare_specs(fit, vcov = "HC2")), "Std. errors  HC2")
  given <- quietly(miv(outcome ~ age, one$experiment, vcov = 2 * vcov(fit)))
  expect_warning(table <- compare_specs(given), class = "miv_warning_matrix_covariance")
  expect_close(table$std.error[1], sqrt(vcov(given, vcov = "HC1")[1, 1]), 1e-12)
  expect_close(as.data.frame(compare_specs(fit, vcov = "HC2"))$std.error[1], sqrt(vcov(fit, vcov = "HC2")[1, 1]), 1e-12)
})

test_that("only the specifications of the data are shown", {
  d <- people()$data
  other <- quietly(info_experiment(d, belief = ~ I(3 * posterior + 1), prior = ~ prior, signal = ~ signal, arm = ~ arm, units = "other"))
  table <- as.data.frame(compare_specs(quietly(miv(outcome ~ 1, other))))
  expect_equal(table$spec, c("sign", "sign, arm controlled", "arm", "arm+sign"))
  expect_error(compare_specs(quietly(miv(outcome ~ 1, other)), donut = 1), class = "miv_error_units")
  arms <- simulate_experiment(1000, signal = c(low = 7, high = 11), seed = 1)
  told <- quietly(info_experiment(arms, belief = ~ posterior, prior = ~ prior, signal = list(low = 7, high = 11), arm = ~ arm))
  several <- as.data.frame(compare_specs(quietly(miv(outcome ~ 1, told))))
  expect_true("sign, one per arm" %in% several$spec)
  expect_false(anyNA(several$estimate))
  size <- pmin(abs(7 - arms$prior), abs(11 - arms$prior))
  edge <- size[which.min(abs(size - 1))]                     # somebody stands right on the edge, and stays in
  inside <- as.data.frame(compare_specs(quietly(miv(outcome ~ 1, told)), donut = edge))
  expect_equal(inside$nobs[2], sum(size >= edge & !is.na(arms$posterior) & !is.na(arms$outcome), na.rm = TRUE))
  above <- quietly(info_experiment(d[d$prior > d$signal, ], belief = ~ posterior, prior = ~ prior, signal = ~ signal, arm = ~ arm))
  one_side <- compare_specs(quietly(miv(outcome ~ 1, above)))
  expect_match(attr(one_side, "refused"), "sign, arm controlled: ", all = FALSE)
  expect_output(print(one_side), "Refused: sign, arm controlled")
})

test_that("own functions of the gap, and what cannot be compared", {
  one <- people()
  table <- as.data.frame(compare_specs(quietly(miv(outcome ~ 1, one$experiment, exposure = function(gap) tanh(gap))), donut = FALSE))
  expect_equal(table$spec[1:2], c("function", "sign"))
  expect_error(compare_specs(lm(outcome ~ age, one$data)), class = "miv_error_no_experiment")
  expect_error(compare_specs(quietly(tsls(outcome ~ 1 | posterior ~ arm, one$data))), class = "miv_error_no_experiment")
  both <- quietly(compare_specs(miv(c(outcome, age) ~ 1, one$experiment), donut = FALSE))
  expect_equal(unique(tidy(both)$outcome), c("outcome", "age"))
  fit <- quietly(miv(outcome ~ 1, one$experiment))
  expect_error(compare_specs(fit, donut = -1), class = "miv_error_bad_donut")
  expect_error(compare_specs(fit, dount = 1), class = "miv_error_unknown_argument")
  far <- compare_specs(fit, donut = 1e6)
  expect_false(any(grepl("donut", far$spec)))
  expect_match(attr(far, "refused"), "donut: Nobody of 1,500 people")
})

test_that("it prints what was found and draws it", {
  table <- compare_specs(quietly(miv(outcome ~ age, people()$experiment)))
  shown <- gsub("\\s+", " ", paste(capture.output(print(table)), collapse = " "))
  expect_match(shown, "nobody counts negatively as long as people move toward the signal", fixed = TRUE)
  expect_match(shown, "`arm`: negative for whoever moves against the average", fixed = TRUE)
  expect_identical(class(as.data.frame(table)), "data.frame")
  expect_output(print(table[1:2]), "estimate")
  skip_if_not_installed("ggplot2")
  figure <- plot(table)
  expect_s3_class(figure, "ggplot")
  expect_match(figure$labels$alt, "8 specifications")
  bars <- ggplot2::layer_data(figure, 3)
  expect_close(min(bars$xmin), min(table$weight_up), 1e-12)   # the arm's negative side lies left of 0
})

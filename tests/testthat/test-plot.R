survey <- function(...) info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told, ...)

local_base <- function(env = parent.frame()) {
  old <- options(miv.ggplot2 = FALSE)
  do.call("on.exit", list(bquote(options(.(old))), add = TRUE), envir = env)
  pdf(NULL)
  do.call("on.exit", list(quote(dev.off()), add = TRUE), envir = env)
}

kept <- function() subset(inflation_survey, !is.na(posterior))

test_that("the figure's means are those of the people in the fit, by arm and side", {
  table <- side_means(miv(pay_claim ~ age, survey()), 0.95)
  for (what in c(belief = "posterior", outcome = "pay_claim")) {
    panel <- if (what == "posterior") "belief" else "outcome"
    means <- with(kept(), tapply(get(what), list(told, sign(5 - prior)), mean))
    expect_equal(matrix(table$mean[table$panel == panel], 2), unname(means))
  }
  expect_equal(sum(table$people), 2 * nrow(kept()))
})

test_that("intervals are t intervals of the mean, by cluster where errors are clustered", {
  people <- subset(kept(), told == 1 & prior < 5)
  row <- function(fit) { table <- side_means(fit, 0.9); table[table$panel == "outcome" & table$told & table$side == 1, ] }
  alone <- row(miv(pay_claim ~ 1, survey()))
  expect_equal(c(alone$low, alone$high), as.vector(t.test(people$pay_claim, conf.level = 0.9)$conf.int))
  clustered <- row(miv(pay_claim ~ 1, survey(cluster = ~ age)))
  se <- sqrt(diag(vcov(tsls(pay_claim ~ 1, people, vcov = CR(~ age, "CR0")))))
  groups <- length(unique(people$age))
  expect_equal(clustered$high - clustered$mean, unname(qt(0.95, groups - 1) * se * sqrt(groups / (groups - 1))))
})

test_that("weights and `subset` of the fit are those of the figure", {
  survey <- transform(inflation_survey, w = 1 + age / 50)
  experiment <- info_experiment(survey, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told, weights = ~ w)
  table <- side_means(miv(pay_claim ~ 1, experiment, subset = female == 1), 0.95)
  people <- subset(survey, !is.na(posterior) & female == 1 & told == 0 & prior > 5)
  expect_equal(table$mean[table$panel == "outcome" & !table$told & table$side == -1], weighted.mean(people$pay_claim, people$w))
  expect_equal(table$people[table$panel == "outcome" & !table$told & table$side == -1], nrow(people))
})

test_that("without controls the estimate is a weighted mean of the two ratios in the caption", {
  fit <- miv(pay_claim ~ 1, survey())
  changes <- side_changes(side_means(fit, 0.95))
  change <- function(panel) changes$change[changes$panel == panel & changes$side != 0]
  share <- with(subset(kept(), prior != 5), tapply(told, sign(5 - prior), function(t) length(t) * mean(t) * (1 - mean(t))))
  weight <- share * c(-1, 1) * change("belief")
  expect_equal(sum(weight * change("outcome") / change("belief")) / sum(weight), coef(fit)[["posterior"]])
})

test_that("the figure speaks of arms, sides and numbers in words", {
  figure <- sides_figure(miv(pay_claim ~ age, survey()), 0.95)
  expect_match(figure$title, "^Effect of posterior on pay_claim: 0[.][0-9]+ [(]95% CI ")
  expect_equal(levels(figure$table$facet), c("First stage: mean posterior", "Reduced form: mean pay_claim"))
  expect_equal(levels(figure$table$arm), c("arm 0 (told nothing)", "arm 1 (told 5)"))
  expect_match(figure$table$label[1], "prior above\nthe signal\n[0-9]+ people")
  expect_match(figure$alt, "prior below the signal")
  expect_equal(figure$signal[["1"]], 5)
  told_above <- with(subset(kept(), prior > 5), diff(tapply(posterior, told, mean)))
  expect_equal(figure$changes$label[figure$changes$panel == "belief" & figure$changes$side == -1], sprintf("%+.2f", told_above))
})

test_that("ggplot2 draws the two sides, with alt text", {
  skip_if_not_installed("ggplot2")
  drawn <- plot(miv(pay_claim ~ age, survey()))
  expect_s3_class(drawn, "ggplot")
  expect_true(withVisible(plot(miv(pay_claim ~ age, survey())))$visible)
  expect_length(unique(ggplot2::ggplot_build(drawn)$layout$layout$PANEL), 2)
  expect_match(drawn$labels$alt, "Mean belief and mean outcome")
  expect_no_warning(ggplot2::ggplot_build(drawn))
  expect_s3_class(ggplot2::autoplot(miv(pay_claim ~ age, survey())), "ggplot")
})

test_that("base graphics draw what ggplot2 draws, and put the device back as it was", {
  local_base()
  before <- par("mfrow", "mar", "las")
  expect_no_warning(table <- plot(miv(pay_claim ~ age, survey())))
  expect_equal(nrow(table), 12)
  expect_equal(par("mfrow", "mar", "las"), before)
  expect_invisible(plot(tsls(mpg ~ wt + hp, mtcars)))
  expect_invisible(plot(miv(c(pay_claim, learning_rate) ~ 1, survey())))
})

test_that("every design can be drawn", {
  skip_if_not_installed("ggplot2")
  people <- simulate_experiment(600, signal = c(low = 7, high = 11), seed = 5)
  three <- info_experiment(people, belief = ~ posterior, prior = ~ prior, signal = list(low = 7, high = 11), arm = ~ arm)
  active <- simulate_experiment(600, design = "active", signal = c(low = 9, high = 11), signal_sd = 3, seed = 4)
  active <- info_experiment(active, belief = ~ posterior, prior = ~ prior, signal = list(low = ~ signal_low, high = ~ signal_high), arm = ~ arm)
  drawn <- lapply(list(three, active), function(experiment) plot(miv(outcome ~ 1, experiment)))
  panels <- vapply(drawn, function(p) nrow(ggplot2::ggplot_build(p)$layout$layout), 0L)
  expect_equal(panels, c(4L, 2L))
  high <- subset(drawn[[1]]$data, told & informed == "high" & panel == "outcome")
  expect_equal(high$mean, as.vector(with(subset(people, arm == "high"), tapply(outcome, sign(11 - prior), mean))))
  expect_match(drawn[[2]]$data$label[1], "told less\nthan in arm low")
  local_base()
  expect_no_warning(for (experiment in list(three, active)) plot(miv(outcome ~ 1, experiment)))
})

test_that("fits of tsls() and several outcomes are drawn as coefficients with intervals", {
  fit <- tsls(mpg ~ am | hp ~ wt, mtcars)
  figure <- new_figure(fit, 0.9, NULL)
  expect_equal(as.character(figure$table$term), c("hp", "am"))
  expect_equal(as.integer(figure$table$term), 2:1)                 # the belief on top
  expect_equal(unname(unlist(figure$table[1, c("low", "high")])), unname(summary(fit, conf.level = 0.9)$conf.int[1, ]))
  set <- outcomes_figure(miv(c(pay_claim, learning_rate) ~ 1, survey()), 0.95)
  expect_equal(as.character(set$table$term), c("pay_claim", "learning_rate"))
  expect_equal(as.character(new_figure(miv(pay_claim ~ age, survey()), 0.95, c("posterior", ".side1"))$table$term), c("posterior", ".side1"))
})

test_that("unknown terms, wrong levels and misspelt arguments are refused", {
  fit <- miv(pay_claim ~ age, survey())
  expect_error(plot(fit, terms = "agee"), "Did you mean `age`", class = "miv_error_unknown_term")
  expect_error(plot(fit, conf.level = 2), class = "miv_error_bad_level")
  expect_error(plot(fit, level = 0.9), class = "miv_error_unknown_argument")
})

test_that("an experiment is drawn as its audit is", {
  skip_if_not_installed("ggplot2")
  experiment <- quietly(info_experiment(simulate_experiment(400, seed = 3), belief = ~ posterior, prior = ~ prior, signal = ~ signal, arm = ~ arm))
  expect_s3_class(plot(experiment), "ggplot")
  expect_equal(plot(experiment, which = "distributions")$labels, plot(audit(experiment), which = "distributions")$labels)
  expect_error(plot(experiment, whcih = 1), class = "miv_error_unknown_argument")
})

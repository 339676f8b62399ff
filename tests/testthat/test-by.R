# Subgroups: each fit is the one that `subset` gives; together they are the pooled regression with everything interacted.

rnorm_by <- function(g) with_seed(3, rnorm(max(g)))[g]

test_that("each subgroup fit is miv() with `subset`, standard errors, first stage and people included", {
  d <- inflation_survey
  d$town <- d$id %% 57
  experiment <- info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)
  fits <- miv(pay_claim ~ age | college, experiment, by = ~ region, vcov = ~ town, subset = age > 25)
  expect_s3_class(fits, "miv_set")
  expect_identical(names(fits), paste("region =", levels(d$region)))
  for (here in levels(d$region)) {
    alone <- miv(pay_claim ~ age | college, experiment, vcov = ~ town, subset = age > 25 & region == here)
    fit <- fits[[paste("region =", here)]]
    expect_identical(coef(fit), coef(alone))
    expect_identical(vcov(fit), vcov(alone))
    expect_identical(glance(fit), glance(alone))
    expect_identical(residuals(fit), residuals(alone))
    expect_identical(resample(fit, R = 19, seed = 1, interval = FALSE)$draws, resample(alone, R = 19, seed = 1, interval = FALSE)$draws)
  }
})

test_that("weights, strata and their shares, and the experiment's clusters are the group's own", {
  d <- random_experiment_data()
  d$half <- d$group %% 2
  experiment <- told_experiment(d, strata = ~stratum, weights = ~u, cluster = ~group)
  fits <- quietly(miv(y ~ age, experiment, by = ~ half))
  for (h in 0:1) {
    part <- quietly(miv(y ~ age, told_experiment(d[d$half == h, ], strata = ~stratum, weights = ~u, cluster = ~group)))
    expect_equal(coef(fits[[h + 1]]), coef(part), tolerance = 1e-12)
    expect_equal(vcov(fits[[h + 1]]), vcov(part), tolerance = 1e-12)
  }
})

test_that("a pooled regression with everything interacted has the subgroups' effects and HC0 errors", {
  d <- random_rows()
  d$h <- factor(d$h)
  fits <- tsls(y ~ w + v | x ~ z + z2, d, by = ~ h, vcov = "HC0")
  a <- d$h == "x"
  d$x_a <- d$x * a; d$x_b <- d$x * !a
  pooled <- quietly(tsls(y ~ h * (w + v) | c(x_a, x_b) ~ h:z + h:z2, d, vcov = "HC0"))
  expect_close(c(coef(fits[[1]])[1], coef(fits[[2]])[1]), coef(pooled)[c("x_a", "x_b")], 1e-9)
  expect_close(c(std_errors(fits[[1]])[1], std_errors(fits[[2]])[1]), std_errors(pooled)[c("x_a", "x_b")], 1e-9)
  test <- equal_effects(fits)
  v <- vcov(pooled)[c("x_a", "x_b"), c("x_a", "x_b")]
  expect_close(test$statistic, diff(coef(pooled)[c("x_a", "x_b")])^2 / (v[1, 1] + v[2, 2] - 2 * v[1, 2]), 1e-8)
  expect_true(test$independent)
})

test_that("where clusters lie in several groups the test has the covariance of the pooled regression", {
  d <- random_rows()
  d$third <- d$k %% 3
  d$y <- d$y + rnorm_by(d$g)
  zero <- function(fit, cluster) quietly(vcov(fit, CR(cluster, "CR0")))
  for (ways in 1:2) {
    fits <- quietly(tsls(y ~ w | x ~ z + z2, d, by = ~ third, vcov = CR(if (ways == 1) ~ g else ~ g + g2, "CR0")))
    for (j in 0:2) d[[paste0("x_", j)]] <- d$x * (d$third == j)
    pooled <- quietly(tsls(y ~ factor(third) * w | c(x_0, x_1, x_2) ~ factor(third):z + factor(third):z2, d))
    v <- zero(pooled, ~ g)
    if (ways == 2) v <- v + zero(pooled, ~ g2) - zero(pooled, ~ g^g2)     # before negative eigenvalues are mended
    names <- paste0("x_", 0:2)
    v <- v[names, names]
    test <- equal_effects(fits)
    expect_false(test$independent)
    expect_close(attr(test, "covariance")[[1]], v, 1e-8)
    steps <- cbind(-1, diag(2))
    b <- steps %*% coef(pooled)[names]
    expect_close(test$statistic, drop(t(b) %*% solve(steps %*% v %*% t(steps), b)) / 2, 1e-7)
  }
  expect_equal(equal_effects(quietly(tsls(y ~ w | x ~ z + z2, d, by = ~ third, vcov = ~ g)))$df2, length(unique(d$g)) - 1)
})

test_that("fits of subsets gathered by hand are tested as groups are", {
  d <- random_rows()
  by_hand <- c(x = tsls(y ~ w | x ~ z, d, subset = h == "x", vcov = ~ g), y = tsls(y ~ w | x ~ z, d, subset = h == "y", vcov = ~ g))
  by_name <- tsls(y ~ w | x ~ z, d, by = ~ h, vcov = ~ g)
  expect_identical(tidy(equal_effects(by_hand)), tidy(equal_effects(by_name)))
  expect_equal(equal_effects(by_name, vcov = "HC3")$std.error^2, vcov(by_name[[1]], "HC3")[1, 1] + vcov(by_name[[2]], "HC3")[1, 1])
})

test_that("clusters that lie within groups leave the effects independent", {
  d <- random_rows()
  d$half <- d$g %% 2
  test <- equal_effects(tsls(y ~ w | x ~ z, d, by = ~ half, vcov = ~ g))
  fits <- tsls(y ~ w | x ~ z, d, by = ~ half, vcov = ~ g)
  expect_true(test$independent)
  expect_close(test$statistic, diff(vapply(fits, function(fit) coef(fit)[[1]], 0))^2 / sum(vapply(fits, function(fit) vcov(fit)[1, 1], 0)), 1e-12)
  expect_close(test$difference / test$std.error, sqrt(test$statistic) * sign(test$difference), 1e-12)
})

test_that("crossed groups and several outcomes have a column each, and the list says what it holds", {
  d <- random_rows()
  fits <- quietly(tsls(c(y, v) ~ w | x ~ z + z2, d, by = ~ h + (k > 1)))
  expect_length(fits, 8)
  table <- tidy(fits)
  expect_identical(names(table)[1:4], c("outcome", "h", "(k > 1)", "term"))
  row <- table[table$outcome == "v" & table$h == "y" & table[["(k > 1)"]] & table$term == "x", ]
  expect_equal(row$estimate, coef(tsls(v ~ w | x ~ z + z2, d, subset = h == "y" & k > 1))[["x"]])
  expect_identical(names(glance(fits))[1:4], c("outcome", "h", "(k > 1)", "nobs"))
  expect_identical(nrow(equal_effects(fits)), 2L)
  one <- tsls(y ~ w | x ~ z, d, by = "h")
  expect_identical(names(tidy(one))[1:2], c("h", "term"))
  expect_identical(names(tidy(tsls(y ~ w | x ~ z, d, by = ~ I(w > 3))))[1], "w > 3")
  d$exposure <- d$h
  expect_identical(names(glance(tsls(y ~ w | x ~ z, d, by = ~ exposure)))[1], "by_exposure")
})

test_that("values of `by` that are missing are counted, and nobody there is in a fit", {
  d <- random_rows()
  d$h[1:9] <- NA
  expect_message(fits <- tsls(y ~ w | x ~ z, d, by = ~ h), "`h` \\(by\\) is missing in 9 rows", class = "miv_message_missing_group")
  expect_identical(sum(nobs(fits)), 691L)
  expect_output(print(fits), "`h` \\(by\\) is missing in 9 rows")
})

test_that("a group that cannot be estimated is left out, named and counted; where none can it is an error", {
  d <- random_experiment_data()
  d$place <- ifelse(seq_len(nrow(d)) <= 4, "few", ifelse(d$told == 1 & d$age > 60, "told", "rest"))
  experiment <- told_experiment(d)
  warned <- capture_warnings(fits <- miv(y ~ age, experiment, by = ~ place))
  expect_match(warned, "`place = told` is left out \\([0-9]+ rows\\)", all = FALSE)
  expect_identical(names(fits), "place = rest")
  left <- attr(fits, "left_out")
  expect_setequal(left$place, c("few", "told"))
  expect_identical(left$rows[left$place == "few"], 4L)
  expect_output(print(fits), "Left out +`place = few` \\(4 rows\\)")
  expect_output(print(summary(fits)), "Left out +`place = few` \\(4 rows\\)")
  expect_error(miv(y ~ oge, experiment, by = ~ place), "In `place = few`.*`oge` is not a column", class = "miv_error_no_group")
  expect_error(miv(y ~ oge, experiment, by = ~ place), class = "miv_error_unknown_column")
})

test_that("what `by` cannot be is refused", {
  d <- random_rows()
  fit <- function(by) tsls(y ~ w | x ~ z, d, by = by)
  expect_error(fit(~ gg), "Did you mean", class = "miv_error_unknown_column")
  expect_error(fit(~ w), "700 groups", class = "miv_error_too_many_groups")
  expect_error(fit(~ rep(1, nrow(d))), class = "miv_error_one_group")
  expect_error(fit(~ h * k), "~ h \\+ k", class = "miv_error_bad_by")
  expect_error(fit(~ h + h), class = "miv_error_duplicated_variable")
  expect_error(tsls(y ~ w | x ~ z, d, byy = ~ h), "Did you mean `by`", class = "miv_error_unknown_argument")
  expect_error(equal_effects(tsls(y ~ w | x ~ z, d)), class = "miv_error_no_groups")
  expect_error(equal_effects(c(tsls(y ~ w | x ~ z, d), tsls(y ~ v | x ~ z, d))), class = "miv_error_overlap")
})

test_that("names in `by` are looked up once, and update() stays within the group", {
  d <- random_rows()
  cutoff <- 2
  fits <- quietly(tsls(y ~ w | x ~ z, d, by = ~ I(v > cutoff)))
  cutoff <- 100
  again <- quietly(update(fits, . ~ . + f))
  expect_identical(nobs(again), nobs(fits))
  narrow <- quietly(update(fits, subset = w > 2))
  expect_equal(coef(narrow)[[2]], coef(quietly(tsls(y ~ w | x ~ z, d, subset = w > 2 & v > 2))))
  whole <- tsls(y ~ w | x ~ z, d)
  expect_equal(coef(update(whole, by = ~ h)), coef(tsls(y ~ w | x ~ z, d, by = ~ h)))
})

test_that("cautions of one fit among several say which", {
  d <- random_experiment_data()
  d$post <- d$post + ifelse(d$told == 1 & d$age > 45, -0.48 * d$gap, 0)
  experiment <- told_experiment(d)
  expect_warning(miv(y ~ age, experiment, by = ~ I(age > 45)), "In `age > 45 = TRUE`", class = "miv_warning_weak_first_stage")
})

test_that("a level NA of a factor is a missing value, and days are called as days", {
  d <- random_rows()
  d$gone <- addNA(factor(ifelse(d$k == 1, NA, d$k)))
  expect_message(fits <- tsls(y ~ w | x ~ z, d, by = ~ gone), sprintf("missing in %d rows", sum(d$k == 1)), class = "miv_message_missing_group")
  expect_null(attr(fits, "left_out"))
  d$day <- as.Date("2024-01-01") + (d$h == "x")
  fits <- tsls(y ~ w | x ~ z, d, by = ~ day)
  expect_identical(names(fits), c("day = 2024-01-01", "day = 2024-01-02"))
  expect_identical(coef(fits[[2]]), coef(tsls(y ~ w | x ~ z, d, subset = h == "x")))
  expect_identical(tidy(fits)$day[1], as.Date("2024-01-01"))
  expect_output(print(fits), "2024-01-02")
  expect_identical(fits[[1]]$call$subset, quote(day == 19723))     # a plain number, which other languages take too
  d$day <- d$day + 0.5 * (d$k == 1)
  expect_identical(sum(vapply(quietly(tsls(y ~ w | x ~ z, d, by = ~ day)), nobs, 0)), as.numeric(nobs(tsls(y ~ w | x ~ z, d))))
})

test_that("no variable of `by` is hidden by a column of a result, or by another variable", {
  d <- random_rows()
  d$statistic <- d$by_statistic <- d$p.holm <- d$rows <- as.numeric(d$h == "x")
  d$by_statistic <- d$k > 1
  fits <- quietly(tsls(y ~ w | x ~ z, d, by = ~ statistic + by_statistic))
  expect_identical(names(tidy(fits))[1:3], c("by_by_statistic", "by_statistic", "term"))
  expect_identical(names(adjust_p(tsls(y ~ w | x ~ z, d, by = ~ p.holm), "holm"))[1], "by_p.holm")
  d$rows[1:3] <- 7
  fits <- suppressWarnings(quietly(tsls(y ~ w | x ~ z, d, by = ~ rows)))
  expect_output(print(fits), "by_rows = 7` (3 rows)", fixed = TRUE)
})

test_that("equal_effects() of fits with different clusters asks for one covariance", {
  d <- random_rows()
  fits <- c(a = tsls(y ~ w | x ~ z, d, subset = h == "x", vcov = ~ g), b = tsls(y ~ w | x ~ z, d, subset = h == "y"))
  expect_error(equal_effects(fits), "`a` is clustered by `g` and `b` by nothing", class = "miv_error_several_units")
  expect_error(equal_effects(fits[2:1]), class = "miv_error_several_units")
  expect_equal(equal_effects(fits, vcov = ~ g)$statistic, equal_effects(fits[2:1], vcov = ~ g)$statistic)
  expect_error(fits[0], class = "miv_error_no_fits")
})

test_that("in a document the rows of groups are fits, those of outcomes outcomes", {
  skip_if_not_installed("knitr")
  experiment <- info_experiment(inflation_survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)
  expect_match(knitr::knit_print(miv(pay_claim ~ age, experiment, by = ~female)), "\\|fit +\\|")
  expect_match(knitr::knit_print(miv(c(pay_claim, learning_rate) ~ age, experiment)), "\\|outcome +\\|")
})

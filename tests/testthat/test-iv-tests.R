statistic_of <- function(tests, name) tests$statistic[match(name, tests$test)]

kStataFits <- list(`(hp = wt)` = mpg ~ 1 | hp ~ wt, `(hp am = wt gear)` = mpg ~ 1 | c(hp, am) ~ wt + gear, `gear (hp = wt)` = mpg ~ gear | hp ~ wt,
                   `gear (hp = wt am)` = mpg ~ gear | hp ~ wt + am)

stata_fit <- function(row, d) {
  formula <- kStataFits[[row$stata_model]]
  if (grepl("noconstant", row$options)) formula <- as.formula(gsub("~ (1|gear) [|]", "~ \\1 - 1 |", deparse(formula)))
  kind <- sub(" noconstant", "", row$options)
  quietly(tsls(formula, d, vcov = switch(kind, small = "iid", rob = "HC1", ~cyl), weights = if (row$aweight_drat_over_5 == 1) ~aweight))
}

test_that("first-stage F, endogeneity and over-identification are Stata's, to the digits printed", {
  want <- shared_csv("iv/mtcars_iv_diagnostics_expected.csv", colClasses = "character")
  want <- want[want$statistic != "", ]
  want <- want[!(want$test == "overid" & grepl("^rob", want$options) & want$aweight_drat_over_5 == "1"), ]   # Stata weighs the second regression of its score test once
  d <- transform(shared_csv("iv/mtcars.csv"), aweight = drat / 5)
  for (i in seq_len(nrow(want))) {
    row <- want[i, ]
    tests <- quietly(iv_tests(stata_fit(row, d)))
    fstage <- which(grepl("^first-stage F($|, (hp|am)$)", tests$test))
    at <- switch(row$test, weak1 = fstage[1], weak2 = fstage[2], endog = which(tests$test == "endogeneity"), which(tests$test %in% c("Sargan", "Hansen J")))
    label <- paste(row$stata_model, row$options, row$test, row$aweight_drat_over_5)
    # Stata keeps the columns as floats: relative 5e-6 beside half of the last digit.
    expect_as_printed(tests$statistic[at], row$statistic, label, printed_half_unit(row$statistic) + 5e-6 * as.numeric(row$statistic))
    expect_equal(tests$df1[at], as.numeric(row$df1), label = label)
    if (nzchar(row$df2)) expect_equal(tests$df2[at], as.numeric(row$df2), label = label)
    expect_as_printed(tests$p.value[at], row$p_value, label, printed_half_unit(row$p_value) + 1e-4 * as.numeric(row$p_value))
  }
})

test_that("under iid the tests are those of ivreg, and Cragg-Donald that of fixest", {
  d <- random_rows()
  tests <- iv_tests(tsls(y ~ w | c(x, x2) ~ z + z2 + v, d, vcov = "iid"))
  if (requireNamespace("ivreg", quietly = TRUE)) {
    theirs <- summary(ivreg::ivreg(y ~ w + x + x2 | w + z + z2 + v, data = d), diagnostics = TRUE)$diagnostics
    expect_close(tests$statistic[match(c("first-stage F, x", "first-stage F, x2", "endogeneity", "Sargan"), tests$test)], theirs[, "statistic"], 1e-9)
    expect_close(tests$p.value[match(c("endogeneity", "Sargan"), tests$test)], theirs[3:4, "p-value"], 1e-7)
  }
  if (requireNamespace("fixest", quietly = TRUE)) {
    theirs <- fixest::fitstat(fixest::feols(y ~ w | x + x2 ~ z + z2 + v, d), ~cd)$cd
    expect_close(statistic_of(tests, "Cragg-Donald F"), theirs * (700 - 5) / (700 - 2 - 3 - 1), 1e-9)   # fixest takes n - p - l - 1 whatever the controls
  }
})

test_that("Kleibergen-Paap is Cragg-Donald with one variance for everybody, and the first-stage F with one belief", {
  d <- random_rows()
  several <- tsls(y ~ w | c(x, x2) ~ z + z2 + v, d, vcov = "iid")
  forms <- reduced_forms(several, list(type = "iid", ways = list()))
  expect_close(kleibergen_paap_row(forms, 2)$statistic, cragg_donald_row(forms, 2)$statistic, 1e-9)
  for (kind in list("HC1", "HC3", ~g)) {
    fit <- tsls(y ~ w | x ~ z + z2 + v, d, vcov = kind)
    expect_close(kleibergen_paap_row(reduced_forms(fit, kept_choice(fit)), 1)$statistic, fit$first_stage$F[[1]], 1e-9)
  }
})

test_that("Kleibergen-Paap does not change with the units and combinations of beliefs and instruments", {
  d <- random_rows()
  d <- transform(d, xa = 3 * x - x2, xb = 1e4 * x2, za = z + 2 * z2, zb = z2 - v, zc = 100 * v)
  for (kind in list("HC1", ~g)) {
    own <- iv_tests(tsls(y ~ w | c(x, x2) ~ z + z2 + v, d, vcov = kind))
    turned <- iv_tests(tsls(y ~ w | c(xa, xb) ~ za + zb + zc, d, vcov = kind))
    expect_close(statistic_of(turned, "Kleibergen-Paap F"), statistic_of(own, "Kleibergen-Paap F"), 1e-8)
    expect_close(statistic_of(turned, "Hansen J"), statistic_of(own, "Hansen J"), 1e-8)
  }
})

test_that("the effective F is that of first_stage(), and the first-stage F with one instrument", {
  d <- random_rows()
  for (kind in list("iid", "HC1", ~g)) {
    many <- tsls(y ~ w | x ~ z + z2 + v, d, vcov = kind)
    expect_close(statistic_of(iv_tests(many), "effective F"), glance(first_stage(many))$effective_F, 1e-9)
    one <- iv_tests(tsls(y ~ w | x ~ z, d, vcov = kind))
    expect_close(statistic_of(one, "effective F"), statistic_of(one, "first-stage F"), 1e-9)
  }
})

test_that("the critical value of tF is the published one: 1.96 from 104.67 on, 3.43 at 10, infinite below 3.84", {
  expect_equal(round(tf_critical(104.67), 2), 1.96)
  expect_equal(tf_critical(200), qnorm(0.975))
  expect_equal(round(tf_critical(10), 2), 3.43)
  expect_equal(tf_critical(3.84), Inf)
  expect_gt(tf_critical(104), qnorm(0.975))
})

test_that("the critical value of tF rejects a true effect in 5 percent of samples, however weak the instrument, in the worst case", {
  ends <- tf_ends()
  f <- seq(-18, 18, length.out = 40001)
  critical <- ifelse(abs(f) < 10.23, pmax(qnorm(0.975), tf_from(abs(f), ends)), qnorm(0.975))
  for (f0 in c(0.3, 1, 2, 4, 8)) {
    reject <- abs(f * (f - f0) / f0) > critical & abs(f) > qnorm(0.975)
    expect_equal(sum(dnorm(f - f0)[which(reject)]) * (f[2] - f[1]), 0.05, tolerance = 2e-3)
  }
})

test_that("endogeneity with absorbed effects, weights and clusters is the regression with the residuals, written out", {
  d <- random_rows()
  fit <- tsls(y ~ w | f | x ~ z + z2, d, vcov = ~g, weights = ~u)
  d$r <- residuals(lm(x ~ z + z2 + w + f, d, weights = u))
  long <- tsls(y ~ x + r + w | f, d, vcov = ~g, weights = ~u)
  expect_close(statistic_of(iv_tests(fit), "endogeneity"), (coef(long)[["r"]] / sqrt(vcov(long)["r", "r"]))^2, 1e-9)
})

test_that("clustered J is that of two-step moments written out, over one way and two", {
  d <- random_rows()
  z <- qr.Q(qr(qr.resid(qr(cbind(1, d$w)), as.matrix(d[c("z", "z2", "v")]))))
  for (vcov in list(~g, ~ g + g2)) {
    fit <- tsls(y ~ w | x ~ z + z2 + v, d, vcov = vcov)
    scores <- z * residuals(fit)
    by <- function(ids) crossprod(rowsum(scores, ids))
    s <- if (length(all.vars(vcov)) == 1) by(d$g) else by(d$g) + by(d$g2) - by(paste(d$g, d$g2))
    zx <- crossprod(z, d$x)
    zy <- crossprod(z, d$y - residuals(fit)) + crossprod(z, residuals(fit))
    b <- solve(t(zx) %*% solve(s, zx), t(zx) %*% solve(s, zy))
    moments <- zy - zx %*% b
    expect_close(statistic_of(iv_tests(fit), "Hansen J"), sum(moments * solve(s, moments)), 1e-8)
  }
})

test_that("the two sides' effects differ as two-stage least squares on each side's belief says", {
  survey <- subset(transform(inflation_survey, side = sign(5 - prior)), side != 0 & !is.na(posterior) & !is.na(pay_claim))
  survey <- transform(survey, up = as.numeric(side > 0), told = told - mean(told))
  survey <- transform(survey, x_up = posterior * up, x_down = posterior * (1 - up), z_up = told * up, z_down = told * (1 - up))
  fit <- tsls(pay_claim ~ age + up | c(x_up, x_down) ~ z_up + z_down, survey)
  v <- vcov(fit)[1:2, 1:2]
  want <- (coef(fit)[[1]] - coef(fit)[[2]])^2 / (v[1, 1] + v[2, 2] - 2 * v[1, 2])
  expect_close(statistic_of(iv_tests(miv(pay_claim ~ age, inflation_experiment())), "equal effects, sides"), want, 1e-8)
})

test_that("equal effects on the two sides is the row of audit()", {
  fit <- miv(pay_claim ~ age, inflation_experiment())
  tests <- iv_tests(fit)
  audited <- as.data.frame(audit(fit))
  expect_equal(tests$p.value[tests$test == "equal effects, sides"], audited$p.value[audited$check == "equal effects, sides"])
})

test_that("it prints one sentence for each test and refuses what has no instruments", {
  fit <- tsls(mpg ~ gear | hp ~ wt + am, mtcars)
  shown <- capture.output(print(iv_tests(fit)))
  expect_equal(sum(startsWith(shown, "- ")), nrow(iv_tests(fit)))
  expect_output(print(iv_tests(fit)[, 1:4]), "first-stage F")
  expect_error(iv_tests(tsls(mpg ~ wt, mtcars)), class = "miv_error_no_instruments")
  expect_error(iv_tests(lm(mpg ~ wt, mtcars)), class = "miv_error_not_a_fit")
  expect_message(iv_tests(tsls(mpg ~ gear | hp ~ wt, mtcars, vcov = function(fit) vcov(fit, "HC3"))), class = "miv_message_covariance")
  expect_equal(names(iv_tests(tsls(c(mpg, qsec) ~ gear | hp ~ wt, mtcars))), c("mpg", "qsec"))
})

test_that("Hansen's J is Wooldridge's score test of the first step, robust and clustered", {
  d <- random_rows()
  for (vcov in list("HC1", ~g)) {
    fit <- tsls(y ~ w | x ~ z + z2 + v, d, vcov = vcov)
    fitted <- fitted(lm(x ~ w + z + z2 + v, d))
    scores <- residuals(lm(cbind(z, z2) ~ fitted + w, d)) * residuals(fit)
    want <- if (is.character(vcov)) nrow(d) - deviance(lm(rep(1, nrow(d)) ~ scores - 1)) else sum(colSums(scores) * solve(crossprod(rowsum(scores, d$g)), colSums(scores)))
    expect_close(statistic_of(iv_tests(fit), "Hansen J"), want, 1e-8)
  }
})

test_that("the interval of tF is never shorter than that of t, and says of which the critical value is", {
  d <- transform(random_rows(), few = g %% 8)
  for (kind in list("iid", "HC1", ~few)) {
    fit <- tsls(y ~ w | x ~ x2, transform(d, x2 = x + v), vcov = kind)
    row <- subset(iv_tests(fit), grepl("tF", test))
    interval <- confint(fit, "x")
    expect_lte(row$conf.low, interval[1] + 1e-12)
    expect_gte(row$conf.high, interval[2] - 1e-12)
    strong <- fit$first_stage$F[[1]] > 104.67
    if (strong) expect_equal(c(row$conf.low, row$conf.high), c(interval), tolerance = 1e-9)
  }
  expect_true(strong)
  expect_match(row$says, "must exceed 2.36 in size [(]tF's own 1.96, that of t with 8 clusters 2.36[)].*For large samples, which few clusters are not")
  expect_equal(apart(c(2.3011, 2.3014)), c("2.3011", "2.3014"))
  expect_match(tf_words(2, c(tF = Inf, t = 2), 3, c(-Inf, Inf)), "whole line")
})

test_that("a test that does not reject claims no agreement, and says less where the first stage is weak", {
  weak <- quietly(iv_tests(tsls(mpg ~ wt | hp ~ qsec:am + am, mtcars)))
  said <- weak$says[weak$test == "Hansen J"]
  expect_match(said, "^Hansen J: the instruments do not contradict one another [(]3.33, p = 0.0682[)], which says little at F = 9.96[.]$")
  expect_match(weak$says[weak$test == "endogeneity"], "^endogeneity: not rejected [(]p = 0.287[)]: least squares -0.0318, instruments -0.042, which says little")
  expect_output(print(summary(quietly(tsls(mpg ~ wt | hp ~ qsec:am + am, mtcars)))), "they do not\\s+contradict one another, which says little at F = 9.96")
  fit <- miv(pay_claim ~ age, inflation_experiment())
  strong <- iv_tests(fit)
  expect_match(strong$says[strong$test == "endogeneity"], "not rejected.*; the two also average different people[.]$")
  expect_false(any(grepl("says little", strong$says)))
  expect_match(strong$says[strong$test == "equal effects, sides"], "rejected [(]p < 1e-04[)].*difference 0.458 [(]SE 0.0")
  expect_equal(agreement_words(0.01), "do not agree on one effect")
  expect_equal(little_words(0.01, 2), "")
})

test_that("every sentence begins with its test's name and only one says that the belief moves; tidy() gives the plain table; another covariance is that of the refit", {
  fit <- tsls(mpg ~ gear | hp ~ wt + am, mtcars)
  tests <- iv_tests(fit)
  expect_true(all(startsWith(tests$says, paste0(tests$test, ": "))))
  expect_equal(sum(grepl("the instruments move", tests$says)), 1)
  expect_match(tests$says[tests$test == "first-stage F, iid"], "if one variance held for everybody")
  expect_identical(class(tidy(tests)), "data.frame")
  expect_named(attributes(tidy(tests)), c("names", "row.names", "class"), ignore.order = TRUE)
  expect_equal(tidy(quietly(iv_tests(fit, vcov = ~cyl))), tidy(quietly(iv_tests(update(fit, vcov = ~cyl)))))
  expect_error(iv_tests(fit, vcv = ~cyl), "`vcov`", class = "miv_error_unknown_argument")
  expect_error(tidy(tests, conf.level = 0.9), class = "miv_error_unknown_argument")
})

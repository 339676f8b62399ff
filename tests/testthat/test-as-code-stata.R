# The Stata lines, run by the interpreter of helper-stata.R from the raw data alone: same people, coefficients and standard errors.

test_shared_lines("Stata", function(fit, data, label, least) expect_same_stata(fit, data, label))

test_that("every covariance, weighted or not, with and without fixed effects", {
  d <- coded_data()
  kinds <- list("iid", "HC0", "HC1", "HC2", "HC3", ~group, ~ group + wave, ~ group:wave, CR(~group, "CR0"), CR(~ group + wave, "CR0"), CR(~group, "CR2"))
  for (weights in list(NULL, ~u)) for (formula in list(y ~ age + town, y ~ age + town | wave, y ~ age | village, y ~ age | group)) for (kind in kinds) {
    if (inherits(kind, "miv_cluster") && kind$type == "CR2" && (!is.null(weights) || grepl("village|group", deparse(formula)))) next
    fit <- quietly(miv(formula, told_experiment(d, weights = weights), vcov = kind))
    expect_same_stata(fit, d, paste(deparse(formula), paste(format(kind), collapse = " "), if (!is.null(weights)) "weighted"))
  }
})

test_that("collinear controls are left out, names of the data are not taken, a set ends in a list", {
  d <- coded_data()
  d$double <- 2 * d$age
  d$people <- d$told
  d$exposure <- 3
  expect_same_stata(quietly(miv(y ~ age + double, told_experiment(d))), d, "collinear")
})

test_that("columns of every kind: odd names, text that looks like numbers, logicals, dates, unused levels, quotes", {
  d <- coded_data()
  d$month <- as.Date("2020-01-01") + d$wave * 31
  d$code <- as.character(d$wave %% 3)
  d$rank <- factor(d$wave %% 4, levels = c(3, 1, 0, 2, 9))
  d$quoted <- ifelse(d$wave > 6, "a \"b\"", "it's")
  d$odd <- factor(ifelse(d$wave > 4, "x, y", "+ z & w"))
  d$arm <- factor(d$told)
  d$flag <- d$told == 1
  names(d)[match(c("age", "y"), names(d))] <- c("a very long name of a column that Stata has no room for", "y.1")
  d[["a very long name of a column that Stata has no room for.2"]] <- d$group / 7
  experiment <- quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = 18, arm = ~arm))
  formulas <- list(y.1 ~ `a very long name of a column that Stata has no room for` + `a very long name of a column that Stata has no room for.2`, y.1 ~ month + code, y.1 ~ rank * college,
                   y.1 ~ quoted + odd, y.1 ~ factor(u > 1) + I(wave > 3) + (wave > 5) + ifelse(code == "1", 2, wave), y.1 ~ code | rank, y.1 ~ 1 | quoted^odd, y.1 ~ wave:college + cut(wave, 3):odd)
  for (formula in formulas) {
    fit <- quietly(miv(formula, experiment))
    expect_same_stata(fit, d, deparse(formula)[1])
    if (requireNamespace("fixest", quietly = TRUE)) expect_same_fit(fit, d, deparse(formula)[1])
  }
  for (cluster in list(~code, ~rank, ~ quoted + code, ~month, ~ code:odd)) {
    fit <- quietly(miv(y.1 ~ 1, experiment, vcov = cluster))
    expect_same_stata(fit, d, format(cluster))
    if (requireNamespace("fixest", quietly = TRUE)) expect_same_fit(fit, d, format(cluster))
  }
  for (arm in c("flag", "code")) {
    told <- quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = 18, arm = arm, strata = ~ rank:college))
    expect_same_stata(quietly(miv(y.1 ~ 1, told)), d, arm)
    if (requireNamespace("fixest", quietly = TRUE)) expect_same_fit(quietly(miv(y.1 ~ 1, told)), d, arm)
  }
})

test_that("a missing value is never a large number", {
  d <- coded_data()
  d$income <- d$u
  d$income[seq(1, 600, 7)] <- NA
  experiment <- told_experiment(d)
  fits <- list(quietly(miv(y ~ ifelse(is.na(income), 0, income) + is.na(income), experiment)), quietly(miv(y ~ wave, experiment, subset = income > 1)),
               quietly(miv(y ~ wave, experiment, subset = income > 1 | wave < 9)), quietly(miv(y ~ I(income > 1), experiment)), quietly(miv(y ~ log(income + 0.001), experiment)),
               quietly(miv(y ~ pmax(income, 1), experiment)))
  for (i in seq_along(fits)) expect_same_stata(fits[[i]], d, paste("fit", i))
})

test_that("R functions in Stata's words, and the same values", {
  d <- with_seed(1, data.frame(a = rnorm(50), b = runif(50, 0.1, 2), k = sample(0:5, 50, TRUE), s = sample(c("x", "y"), 50, TRUE)))
  d$a[1:3] <- NA
  state <- list(names = as.list(stats::setNames(names(d), names(d))), kinds = c(a = "number", b = "number", k = "number", s = "text"))
  m <- new.env()
  m$data <- d
  exprs <- expression(a + b * k - 3, (a + b) * k, a - (b - k), a / (b / (k + 1)), a / b * k, -a^2, (-a)^2, 2^a^b, (a^2)^k, log(b), log(b, 2), log2(b), log10(b), log1p(b), exp(-b / 2), sqrt(b) - abs(a), k %% 3, k %/% 2,
                      ifelse(k > 2, b, k), (k > 2) + (s == "x"), !(k == 2), k %in% c(1, 3), s %in% c("x"), pmin(b, 1), k > 1 & b < 1 | s != "y", I(b^2), as.numeric(k >= 2) * b, -(a + b), a - -b,
                      1e-10 + b, floor(b) + ceiling(b) + trunc(b) + sign(k - 2), 0.1 + 1 / 3 * b, tanh(b) * sin(k))
  for (e in as.list(exprs)) {
    words <- miv:::stata_words(e, state)
    complete <- stats::complete.cases(d)
    expect_equal(as.numeric(stata_eval(words$text, m))[complete], as.numeric(eval(e, d))[complete], tolerance = 1e-14, label = paste(deparse(e), "as", words$text))
  }
  for (e in as.list(expression(round(b), a == s, s + 1, as.numeric(s), unknown(a), zzz + 1, b[2], mean(b)))) expect_error(miv:::stata_words(e, state), class = "miv_untranslated")
})

test_that("what has no words is computed in R, with a warning; what has no counterpart is refused", {
  d <- coded_data()
  experiment <- told_experiment(d)
  expect_warning(as_code(quietly(miv(y ~ scale(age), experiment)), "stata"), class = "miv_warning_computed_in_r")
  steep <- function(gap) {
    size <- abs(gap)
    sign(gap) * size / (1 + size)
  }
  expect_warning(as_code(quietly(miv(y ~ 1, experiment, exposure = steep)), "stata"), class = "miv_warning_computed_in_r")
  expect_same_stata(quietly(miv(y ~ 1, experiment, exposure = steep)), d, "a function of several lines")
  expect_silent(as_code(quietly(miv(y ~ log(u + 1), experiment, exposure = function(gap) gap / (1 + abs(gap)))), "stata"))
  expect_error(as_code(quietly(miv(y ~ 1, experiment, vcov = CR(~group, "CR3"))), "stata"), class = "miv_error_no_counterpart")
  expect_error(as_code(quietly(miv(y ~ 1, told_experiment(d, weights = ~u), vcov = CR(~group, "CR2"))), "stata"), class = "miv_error_no_counterpart")
})

test_that("effects whose dummies are collinear count as in the fit", {
  skip_if_not_installed("fixest")
  d <- coded_data()
  for (kind in list("iid", "HC1", ~group, ~ group + wave)) {
    fit <- quietly(miv(y ~ age | town^college, told_experiment(d, strata = ~ stratum + college), vcov = kind))
    expect_same_stata(fit, d, format(kind))
    expect_same_stata(quietly(ols(fit)), d, paste("least squares", format(kind)))
  }
})

test_that("a computed arm keeps its brackets", {
  d <- coded_data()
  for (arm in list(~ I(told == 1), ~ factor(told), ~ told > 0.5)) {
    fit <- quietly(miv(y ~ 1, info_experiment(d, belief = ~post, prior = ~prior, signal = 18, arm = arm)))
    expect_same_stata(fit, d, format(arm))
  }
})

test_that("arguments by name, empty text, and gaps that the file's 15 digits would close", {
  d <- coded_data()
  d$empty <- ifelse(d$town == "York", "", d$town)
  for (formula in list(y ~ log(base = 2, x = age + 10), y ~ log(age + 10, base = 2), y ~ log(x = age + 10), y ~ empty, y ~ 1 | empty)) {
    expect_same_stata(quietly(miv(formula, told_experiment(d))), d, deparse(formula))
  }
  expect_same_stata(quietly(miv(y ~ age, told_experiment(d), vcov = CR(~ empty + group, "CR0"))), d, "clusters with empty text")
  d$prior[seq(1, nrow(d), 3)] <- 0.1 + 0.2
  experiment <- quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = 0.3, arm = ~told))
  expect_warning(as_code(quietly(miv(y ~ age, experiment)), "stata"), class = "miv_warning_computed_in_r")
  expect_same_stata(quietly(miv(y ~ age, experiment)), d, "tie")
})

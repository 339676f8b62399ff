# as_code(): its class, names, refusals, and what both languages share.

test_that("it prints its language, joins, parses and is written as lines", {
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  for (language in c("stata", "fixest")) {
    code <- as_code(fit, language, data = "survey")
    expect_s3_class(code, "miv_code")
    expect_output(print(code), sprintf("Code for %s, %d lines", if (language == "stata") "Stata" else "fixest", length(code)), fixed = TRUE)
    file <- tempfile()
    writeLines(code, file)
    expect_identical(readLines(file), as.character(unclass(code)), ignore_attr = TRUE)
    expect_false(any(grepl("\n", code)))
    expect_true(grepl("survey", paste(code, collapse = "\n")))
  }
  expect_no_error(parse(text = as_code(fit, "fixest")))
})

test_that("the data's name is that of the call, or said where it was none", {
  named <- function(fit) sub("^.*as.data.frame[(](.*?)[)].*$", "\\1", grep("as.data.frame", as_code(fit, "fixest"), value = TRUE)[1])
  survey <- inflation_survey
  experiment <- quietly(info_experiment(survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told))
  expect_identical(named(quietly(miv(pay_claim ~ 1, experiment))), "survey")
  expect_identical(named(quietly(first_stage(miv(pay_claim ~ 1, experiment)))), "survey")
  expect_identical(named(quietly(miv(pay_claim ~ 1, survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told))), "survey")
  expect_identical(named(quietly(tsls(pay_claim ~ age, survey))), "survey")
  fit <- quietly(tsls(pay_claim ~ age, survey[survey$age > 30, ]))
  expect_identical(named(fit), "data")
  expect_true(any(grepl("survey[survey$age > 30, ]", as_code(fit, "fixest"), fixed = TRUE)))
  expect_true(any(grepl("in the call", as_code(fit, "stata"), fixed = TRUE)))
})

test_that("refusals are classed", {
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  expect_error(as_code(fit), class = "miv_error_unknown_language")
  expect_error(as_code(fit, "Stata"), "Did you mean `stata`", class = "miv_error_unknown_language")
  expect_error(as_code(fit, "stata", data = c("a", "b")), class = "miv_error_bad_data_name")
  expect_error(as_code(fit, "stata", data = "my data"), class = "miv_error_bad_data_name")
  expect_error(as_code(fit, "stata", frame = "d"), class = "miv_error_unknown_argument")
  expect_error(as_code(lm(mpg ~ hp, mtcars), "stata"), class = "miv_error_not_a_fit")
  two <- quietly(miv(pay_claim ~ age, inflation_experiment(), exposure = "arm+sign", scores = "heterogeneous"))
  expect_error(as_code(two, "fixest"), class = "miv_error_no_counterpart")
  long <- as.numeric(seq_len(nrow(inflation_survey)))
  outside <- quietly(miv(pay_claim ~ long, inflation_experiment()))
  for (language in c("stata", "fixest")) expect_error(as_code(outside, language), "`long`.*column", class = "miv_error_not_self_contained")
})

test_that("a covariance from a function or a matrix becomes HC1 and says so", {
  robust <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  for (fit in list(quietly(miv(pay_claim ~ age, inflation_experiment(), vcov = function(fit) vcov(fit, "HC3"))), quietly(miv(pay_claim ~ age, inflation_experiment(), vcov = diag(5))))) {
    for (language in c("stata", "fixest")) {
      expect_warning(code <- as_code(fit, language), class = "miv_warning_covariance")
      expect_true(any(grepl("the fit's own came from a", gsub("\n[*#] ", " ", paste(code, collapse = "\n")))))
      expect_identical(code[!grepl("^[#*]", code)], as_code(robust, language)[!grepl("^[#*]", as_code(robust, language))])
    }
  }
})

test_that("a set of fits is one block after the other", {
  set <- quietly(miv(c(pay_claim, learning_rate) ~ age, inflation_experiment()))
  stata <- as_code(set, "stata")
  expect_length(grep("^ivregress 2sls (pay_claim|learning_rate) ", stata), 2)
  expect_length(grep("^import delimited", stata), 2)
  skip_without_feols()
  got <- run_code(as_code(set, "fixest", data = "d"), inflation_survey)
  expect_named(got, c("pay_claim", "learning_rate"))
  for (name in names(got)) expect_close(fixest::coeftable(got[[name]])["fit_posterior", 1:2], first_two(set[[name]]), 1e-8)
})

test_that("names of the data are left alone, collinear controls left out, functions of the user's written out", {
  d <- coded_data()
  d$double <- 2 * d$age
  d$people <- d$instrument <- d$told
  half <- 0.5
  inner <- function(x) x * half
  outer_one <- function(x) inner(x) + half
  fit <- quietly(miv(y ~ age + double + outer_one(wave), told_experiment(d)))
  for (language in c("stata", "fixest")) {
    code <- quietly(as_code(fit, language))
    expect_false(any(grepl("[+] double|age double", code[!grepl("^[#*]", code)])))
    expect_true(any(grepl("inner <- function(x) x * 0.5", code, fixed = TRUE)))
  }
  expect_same_stata(fit, d, "own functions")
  skip_without_feols()
  expect_same_fit(fit, d, "own functions")
})

test_that("tibbles and data tables are data frames", {
  skip_without_feols()
  for (package in c("tibble", "data.table")) {
    if (!requireNamespace(package, quietly = TRUE)) next
    d <- if (package == "tibble") tibble::as_tibble(inflation_survey) else data.table::as.data.table(inflation_survey)
    expect_same_fit(quietly(miv(pay_claim ~ age | region, info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told))), d, package)
  }
})

test_that("lines of an experiment read from an export name the columns that were converted", {
  d <- inflation_survey
  d$prior <- paste0(d$prior, "%")
  experiment <- suppressMessages(as_experiment(d, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told))
  fit <- miv(pay_claim ~ age, experiment)
  for (language in c("stata", "fixest")) {
    text <- paste(as_code(fit, language), collapse = " ")
    expect_match(text, "had converted 1 column", fixed = TRUE)
    expect_match(text, "as.data.frame", fixed = TRUE)
  }
})

# Every mistake gets a classed condition whose message names the column, the count and the cure; never a number.
# What info_experiment() itself refuses is in test-experiment.R.

expect_refusal <- function(code, cause, ...) {
  class <- paste0("miv_error_", cause)
  got <- tryCatch(quietly(code), error = identity)
  label <- deparse(substitute(code))[1]
  if (!inherits(got, "error")) return(testthat::fail(sprintf("%s gave a result", label)))
  testthat::expect(inherits(got, class), sprintf("%s: class %s, wanted %s (%s)", label, class(got)[1], class, conditionMessage(got)))
  testthat::expect(inherits(got, "miv_error"), sprintf("%s: not a miv_error", label))
  for (words in c(...)) {
    testthat::expect(grepl(words, conditionMessage(got), fixed = TRUE), sprintf("%s: `%s` is not in \"%s\"", label, words, conditionMessage(got)))
  }
}

rows <- random_rows(400, seed = 61)
people <- random_experiment_data(400, seed = 62)
described <- told_experiment(people)

test_that("a variable that is not there is refused in every part of the formula, with the nearest name", {
  expect_refusal(tsls(yy ~ w | x ~ z, rows), "unknown_column", "`yy`", "Did you mean `y`?")
  expect_refusal(tsls(y ~ ww | x ~ z, rows), "unknown_column", "`ww`", "Did you mean `w`?")
  expect_refusal(tsls(y ~ log(vv) | x ~ z, rows), "unknown_column", "`vv`", "Did you mean `v`?")
  expect_refusal(tsls(y ~ w | xx ~ z, rows), "unknown_column", "`xx`", "Did you mean `x`?")
  expect_refusal(tsls(y ~ w | x ~ zz2, rows), "unknown_column", "`zz2`", "Did you mean `z2`?")
  expect_refusal(tsls(y ~ w | gg | x ~ z, rows), "unknown_column", "`gg`", "Did you mean `g`?")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = ~gg), "unknown_column", "`gg`", "Did you mean `g`?")
  expect_refusal(vcov(tsls(y ~ w | x ~ z, rows), ~gg), "unknown_column", "`gg`", "Did you mean `g`?")
  expect_refusal(tsls(y ~ w | x ~ z, rows, weights = ~uu), "unknown_column", "`uu`", "Did you mean `u`?")
  expect_refusal(tsls(y ~ w | x ~ z, rows, weights = "uu"), "unknown_column", "`uu`", "Did you mean `u`?")
  expect_refusal(tsls(y ~ w | x ~ z, rows, subset = ww > 1), "unknown_column", "`ww`", "Did you mean `w`?")
  expect_refusal(tsls(c(y, yy) ~ w | x ~ z, rows), "unknown_column", "`yy`", "Did you mean `y`?")
  expect_refusal(miv(y ~ agee, described), "unknown_column", "`agee`", "Did you mean `age`?")
  expect_refusal(miv(yy ~ 1, described), "unknown_column", "`yy`", "Did you mean `y`?")
  expect_refusal(miv(y ~ 1 | strata, described), "unknown_column", "`strata`", "Did you mean `stratum`?")
  expect_refusal(tsls(y ~ mean | x ~ z, rows), "unknown_column", "`mean`")
})

test_that("a misspelt argument or role is refused with the nearest name, and one without a name too", {
  expect_refusal(tsls(y ~ w | x ~ z, rows, weigts = ~u), "unknown_argument", "`weigts`", "Did you mean `weights`?")
  expect_refusal(miv(y ~ 1, described, arm_contol = TRUE), "unknown_argument", "`arm_contol`", "Did you mean `arm_control`?")
  expect_refusal(miv(y ~ 1, people, beleif = ~post, prior = ~prior, signal = 18, arm = ~told), "unknown_argument", "`beleif`", "Did you mean `belief`?")
  expect_refusal(miv(y ~ 1, described, "sign", TRUE), "unknown_argument", "no name")
  expect_refusal(vcov(tsls(y ~ w | x ~ z, rows), vcv = "HC1"), "unknown_argument", "`vcv`", "Did you mean `vcov`?")
})

test_that("columns without ~, ivreg's order of parts and instruments before fixed effects are told how to write it", {
  d <- data.frame(own_belief = rnorm(20), before = rnorm(20), shown = rep(0:1, 10), size = 1)
  expect_refusal(info_experiment(d, belief = own_belief, prior = ~ before, signal = 1, arm = ~ shown), "bad_role", "write `belief = ~ own_belief`")
  expect_refusal(info_experiment(d, belief = ~ own_belief, prior = ~ before, signal = 1, arm = ~ shown, weights = size), "bad_role", "write `weights = ~ size`")
  expect_error(info_experiment(d, belief = ~ own_belief, prior = ~ before, signal = nowhere, arm = ~ shown), "'nowhere' not found")
  expect_refusal(tsls(y ~ w + x | w + z, rows), "bad_formula", "`y ~ w | x ~ z`")
  expect_refusal(tsls(y ~ w | x ~ z | f, rows), "bad_formula", "come last")
})

test_that("an unknown exposure, covariance, kind of scores or na.action is refused with the choices", {
  expect_refusal(miv(y ~ 1, described, exposure = "sing"), "unknown_exposure", "`sing`", "Did you mean `sign`?")
  expect_refusal(miv(y ~ 1, described, exposure = NULL), "unknown_exposure", "`arm+gap`")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = "hc1"), "unknown_covariance", "`hc1`", "Did you mean `HC1`?")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = "robust"), "unknown_covariance", "Write `HC1`", "vcov = ~ village")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = "nothing like it"), "unknown_covariance", "`HC0`", "vcov = ~ village")
  for (bad in list(1, NA, list(1))) expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = bad), "unknown_covariance", "`HC0`")
  expect_refusal(CR(~g, "CR9"), "unknown_covariance", "`CR9`")
  for (type in c("CR0", "CR1", "CR2", "CR3")) expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = type), "unknown_covariance", sprintf("vcov = CR(~ cluster, \"%s\")", type))
  expect_refusal(CR("g"), "bad_cluster", "`~ village`", "`CR(~ g, \"CR2\")`")
  expect_refusal(CR("g", "CR3"), "bad_cluster", "`CR(~ g, \"CR3\")`")
  expect_refusal(CR("CR0"), "bad_cluster", "`CR(~ village, \"CR0\")`")
  expect_refusal(CR(), "bad_cluster", "`~ village`")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = y ~ g), "bad_cluster", "one-sided")
  expect_refusal(tsls(y ~ w | x ~ z, rows, scores = "het"), "unknown_scores", "`het`", "`heterogeneous`")
  expect_refusal(tsls(y ~ w | x ~ z, rows, na.action = "drop"), "unknown_na_action", "`drop`", "`omit`")
  expect_refusal(tsls(y ~ w | x ~ z, rows, na.action = na.pass), "unknown_na_action", "na.exclude")
  expect_refusal(miv(y ~ 1, described, arm_control = 3), "bad_argument", "`arm_control`", "TRUE or FALSE")
})

test_that("a covariance given as function or matrix has to fit", {
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = diag(2)), "bad_covariance", "2 x 2", "3 x 3")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = diag(NA_real_, 3)), "bad_covariance", "finite 3 x 3")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = function(fit) 1:3), "bad_covariance", "integer", "3 x 3")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = function(fit) stop("no luck")), "bad_covariance", "`vcov`", "no luck")
})

test_that("formulas that are none, or have too few or too many parts, are refused with the form", {
  form <- "y ~ w | fe | x ~ z"
  expect_refusal(tsls("y ~ w", rows), "bad_formula", "`character`", form)
  expect_refusal(tsls(~w, rows), "bad_formula", "no outcome", form)
  expect_refusal(tsls(y ~ w | g | h | x ~ z, rows), "bad_formula", "4 parts", form)
  expect_refusal(tsls(y ~ w | g | h, rows), "bad_formula", "too many parts", form)
  expect_refusal(tsls(y ~ . | x ~ z, rows), "bad_formula", "`.`", "name the controls")
  expect_refusal(tsls(y ~ w + offset(v) | x ~ z, rows), "offset", "subtract it from the outcome")
  expect_refusal(miv(y ~ age | post ~ told, described), "bad_formula", "`tsls()`")
  expect_refusal(miv(y ~ 0 + age, described), "no_constant", "`0 +`")
})

test_that("a variable on two sides of the formula, or twice, is refused or said", {
  expect_refusal(tsls(y ~ x | x ~ z, rows), "duplicated_variable", "`x`", "belief and a control")
  expect_refusal(tsls(y ~ y | x ~ z, rows), "duplicated_variable", "`y`", "outcome")
  expect_refusal(tsls(y ~ w | x ~ y, rows), "duplicated_variable", "`y`", "outcome")
  expect_refusal(tsls(y ~ w | y ~ z, rows), "duplicated_variable", "`y`", "outcome")
  expect_refusal(tsls(y ~ w | c(x, x) ~ z + z2, rows), "duplicated_variable", "`x`", "twice")
  expect_refusal(tsls(c(y, y) ~ w | x ~ z, rows), "duplicated_variable", "`y`", "twice")
  expect_refusal(miv(y ~ post, described), "duplicated_variable", "`post`", "take it out")
  expect_refusal(miv(post ~ 1, described), "duplicated_variable", "`post`", "outcome too")
  expect_warning(tsls(y ~ w + w | x ~ z, rows), "`w` stands twice", class = "miv_warning_duplicated_variable")
  doubled <- cbind(rows, w = rows$v)
  expect_refusal(tsls(y ~ w | x ~ z, doubled), "duplicate_column", "2 columns called `w`", "rename")
  expect_refusal(tsls(y ~ log(w + 100) | x ~ z, doubled), "duplicate_column", "2 columns called `w`")
  expect_close(coef(tsls(y ~ v | x ~ z, doubled)), coef(tsls(y ~ v | x ~ z, rows)), 1e-14)
})

test_that("no data, no data frame, no rows", {
  expect_refusal(tsls(y ~ w | x ~ z), "missing_data", "`data`")
  expect_refusal(miv(y ~ 1), "missing_data", "`data`")
  expect_refusal(tsls(y ~ w | x ~ z, as.list(rows)), "not_a_data_frame", "`list`")
  expect_refusal(tsls(y ~ w | x ~ z, as.matrix(rows[c("y", "w", "x", "z")])), "not_a_data_frame", "`matrix`")
  expect_refusal(tsls(y ~ w | x ~ z, rows[0, ]), "empty_data", "0 rows")
  expect_refusal(miv(y ~ 1, people[0, ], belief = ~post, prior = ~prior, signal = 18, arm = ~told), "empty_data", "0 rows")
  expect_refusal(tsls(y ~ w | x ~ z, rows, subset = w > 1e6), "empty_data", "0 of 400")
  expect_refusal(miv(y ~ 1, described, belief = ~post), "roles_twice", "`belief`", "info_experiment()")
})

test_that("`subset` is logical, one value for each row", {
  expect_refusal(tsls(y ~ w | x ~ z, rows, subset = 1:10), "wrong_length", "`subset`", "10 values", "400 rows")
  expect_refusal(tsls(y ~ w | x ~ z, rows, subset = c(TRUE, FALSE)), "wrong_length", "2 values")
  expect_refusal(tsls(y ~ w | x ~ z, rows, subset = w), "bad_subset", "`numeric`", "TRUE or FALSE")
})

test_that("text, factors, dates, lists and matrices where numbers are due are refused, naming what is none", {
  expect_refusal(tsls(h ~ w | x ~ z, rows), "not_numeric", "`h` (outcome)", "400 values", "`as.numeric()`")
  expect_refusal(tsls(f ~ w | x ~ z, rows), "not_numeric", "`f` (outcome)", "`factor`", "400 values")
  expect_refusal(tsls(y ~ w | h ~ z, rows), "not_numeric", "`h` (belief)", "400 values")
  odd <- rows
  odd$x <- as.character(odd$x)
  odd$x[3] <- "many"
  expect_refusal(tsls(y ~ w | x ~ z, odd), "not_numeric", "`x` (belief)", "1 values are not numbers", "`many`")
  odd$x <- as.Date("2020-01-01") + rows$x
  expect_refusal(tsls(y ~ w | x ~ z, odd), "not_numeric", "`x` (belief)", "`Date`")
  expect_refusal(tsls(y ~ w | x ~ z, rows, weights = ~h), "not_numeric", "`h` (weights)")
  odd$list <- as.list(rows$w)
  odd$complex <- rows$w + 1i
  odd$raw <- as.raw(rows$k)
  for (column in c("list", "complex", "raw")) {
    expect_refusal(tsls(as.formula(sprintf("y ~ %s | x2 ~ z2", column)), odd), "bad_variable", sprintf("`%s` is of class `%s`", column, column))
  }
  odd$matrix <- as.matrix(rows[c("y", "w")])
  expect_refusal(tsls(matrix ~ 1 | x2 ~ z2, odd), "bad_role", "`matrix`", "2 columns")
  expect_refusal(tsls(cbind(y, w) ~ 1 | x2 ~ z2, rows), "bad_role", "2 columns")
  odd$frame <- rows[c("w", "v")]
  expect_refusal(tsls(y ~ frame | x2 ~ z2, odd), "bad_variable", "`frame` is of class `data.frame`")
})

test_that("integer64 is refused everywhere: its bits are no number that R reads", {
  skip_if_not_installed("bit64")
  odd <- rows
  odd$big <- getExportedValue("bit64", "as.integer64")(odd$k)
  expect_refusal(tsls(y ~ big | x ~ z, odd), "not_numeric", "`big`", "400 values of type integer64", "`as.numeric()`")
  expect_refusal(tsls(big ~ w | x ~ z, odd), "not_numeric", "integer64")
  expect_refusal(tsls(y ~ w | big | x ~ z, odd), "not_numeric", "integer64")
  expect_refusal(tsls(y ~ w | x ~ z, odd, vcov = ~big), "not_numeric", "integer64")
})

test_that("infinite values are refused in every part, with their number", {
  put <- function(column, value, n = 1) {
    odd <- rows
    odd[[column]][seq_len(n)] <- value
    odd
  }
  expect_refusal(tsls(y ~ w | x ~ z, put("y", Inf)), "infinite", "`y`", "1 infinite value", "drop the rows")
  expect_refusal(tsls(y ~ w | x ~ z, put("w", -Inf, 3)), "infinite", "`w`", "3 infinite values")
  expect_refusal(tsls(y ~ w | x ~ z, put("x", Inf, 2)), "infinite", "`x`", "2 infinite values")
  expect_refusal(tsls(y ~ w | x ~ z2, put("z2", Inf)), "infinite", "`z2`", "1 infinite value")
  expect_refusal(tsls(y ~ w | x ~ z, put("u", Inf), weights = ~u), "infinite", "`u`", "1 infinite value")
  expect_refusal(tsls(y ~ log(k) | x ~ z, rows), "infinite", "`log(k)`", sprintf("%d infinite values", sum(rows$k == 0)))
  infinite <- people
  infinite$age[5] <- Inf
  expect_refusal(miv(y ~ age, told_experiment(infinite)), "infinite", "`age`", "1 infinite value")
  expect_refusal(miv(y ~ log(age - age), described), "infinite", "400 infinite values")
})

test_that("variables of another length are refused with both", {
  short <- 1:3
  expect_refusal(tsls(y ~ short | x ~ z, rows), "wrong_length", "`short` has 3 values for 400 rows")
  expect_refusal(tsls(y ~ w | x ~ z, rows, weights = ~ c(1, 2)), "wrong_length", "2 values for 400 rows")
  expect_refusal(tsls(y ~ w | x ~ z, rows, weights = rows$u), "bad_role", "one-sided formula")
  expect_refusal(tsls(y ~ w | x ~ z, rows, vcov = ~short), "wrong_length", "`short`")
  expect_refusal(tsls(short ~ w | x ~ z, rows), "wrong_length", "`short`")
})

test_that("columns that are missing throughout are refused by name", {
  for (nothing in list(NA, NA_real_, NA_character_, factor(NA))) {
    odd <- rows
    odd$o <- nothing
    cause <- if (is.logical(nothing) || is.numeric(nothing)) "no_complete_rows" else "all_missing"
    expect_refusal(tsls(y ~ o | x ~ z, odd), cause, "`o` is missing in", "400")
  }
  odd$y <- NA_real_
  expect_refusal(tsls(y ~ w | x ~ z, odd), "no_complete_rows", "`y` is missing in 400")
})

test_that("fewer rows than coefficients are refused with both numbers", {
  expect_refusal(tsls(y ~ w + v | x ~ z, rows[1:4, ]), "too_few_rows", "4 complete rows", "4 coefficients", "drop controls")
  expect_refusal(tsls(y ~ w | x ~ z, rows[1:2, ]), "too_few_rows", "2 complete rows", "3 coefficients")
  expect_refusal(miv(y ~ age + u, described, subset = seq_along(age) < 6), "too_few_rows", "5 complete rows")
})

test_that("a constant instrument, one that the controls determine, or too few are refused, saying which is lost", {
  expect_refusal(tsls(y ~ w | x ~ one, transform(rows, one = 1)), "too_few_instruments", "0 instruments", "`one` is constant")
  expect_refusal(tsls(y ~ w + z | x ~ z, rows), "too_few_instruments", "`z`", "combination of the controls")
  expect_refusal(tsls(y ~ w | x ~ both, transform(rows, both = 3 * w - 1)), "too_few_instruments", "`both`")
  expect_refusal(tsls(y ~ w | c(x, x2) ~ z, rows), "too_few_instruments", "1 instrument is left for 2 beliefs")
  expect_refusal(tsls(y ~ w | c(x, x2) ~ z + again, transform(rows, again = 2 * z + 1)), "too_few_instruments", "1 instrument", "`again`")
  expect_refusal(tsls(y ~ w | k | x ~ squared, transform(rows, squared = k^2)), "too_few_instruments", "`squared`", "within `k`")
  expect_refusal(tsls(y ~ w | x ~ 1, rows), "too_few_instruments", "no instrument")
  expect_refusal(miv(y ~ 1 | told, described, exposure = "arm"), "too_few_instruments", "within `told`")
  expect_refusal(miv(y ~ told, described, exposure = "arm"), "too_few_instruments", "combination of the controls")
  cells <- transform(people, cell = paste(told, side))
  expect_refusal(miv(y ~ 1 | cell, told_experiment(cells)), "too_few_instruments", "within `cell`")
  expect_refusal(miv(y ~ 1, described, subset = told == 1), "too_few_instruments", "arm 1 x side")
  expect_refusal(miv(y ~ 1, described, exposure = function(gap) 0 * gap), "too_few_instruments", "exposure")
})

test_that("a belief or outcome that does not vary, by itself or given the controls, is refused", {
  expect_refusal(tsls(y ~ w | x ~ z, transform(rows, x = 3)), "no_variation", "`x` (belief)", "400 people")
  expect_refusal(tsls(y ~ w | x ~ z, transform(rows, x = 2 * w + 1)), "no_variation", "`x` (belief)", "combination of the controls")
  expect_refusal(tsls(y ~ w | x ~ z, transform(rows, y = 3)), "no_variation", "`y` (outcome)", "400 people")
  expect_refusal(tsls(y ~ w | g | x ~ z, transform(rows, x = g)), "no_variation", "`x` (belief)", "within `g`")
  expect_refusal(tsls(y ~ w | g | x ~ z, transform(rows, y = g)), "no_variation", "`y` (outcome)", "within `g`")
  same <- transform(people, post = ifelse(age > 45, 20, post))
  expect_refusal(miv(y ~ 1, told_experiment(same), subset = age > 45), "no_variation", "`post` (belief)")
})

test_that("instruments that do not move the belief at all are refused", {
  still <- rows
  still$z <- residuals(lm(z ~ w, still))
  still$x <- residuals(lm(x ~ z + w, still))
  expect_refusal(tsls(y ~ w | x ~ z, still), "not_identified", "`z`", "`x`")
  still <- transform(rows, x2 = 2 * x)
  expect_refusal(tsls(y ~ w | c(x, x2) ~ z + z2, still), "not_identified", "`x2`", "apart from the beliefs before it")
})

test_that("weights that are negative or all 0 are refused with their number", {
  expect_refusal(tsls(y ~ w | x ~ z, transform(rows, u = u - 1), weights = ~u), "negative_weights", "`u` (weights)",
                 sprintf("%d negative values", sum(rows$u < 1)))
  expect_refusal(tsls(y ~ w | x ~ z, transform(rows, u = 0), weights = ~u), "zero_weights", "`u` (weights)", "400 rows")
  expect_refusal(tsls(y ~ w | x ~ z, transform(rows, u = ifelse(w > 0, 0, NA)), weights = ~u), "zero_weights", "`u` (weights)")
})

test_that("one cluster is refused, in the fit and after it; so is a cluster that is missing for people in the fit", {
  one <- transform(rows, one = 1)
  expect_refusal(tsls(y ~ w | x ~ z, one, vcov = ~one), "one_cluster", "`one`", "1 cluster", "at least 2")
  expect_refusal(tsls(y ~ w | x ~ z, one, vcov = ~ g + one), "one_cluster", "`one`")
  expect_refusal(vcov(tsls(y ~ w | x ~ z, one), ~one), "one_cluster", "`one`")
  lost <- rows
  lost$g[1:2] <- NA
  expect_refusal(vcov(tsls(y ~ w | x ~ z, lost), ~g), "missing_cluster", "`g`", "missing for 2", "fill it in")
})

test_that("sizes of the gap are refused where the belief is in other units", {
  other <- quietly(info_experiment(people, belief = ~ I(100 * post), prior = ~prior, signal = 18, arm = ~told, units = "other"))
  for (exposure in list("gap", "arm+gap", function(gap) gap)) expect_refusal(miv(y ~ 1, other, exposure = exposure), "units", "other units", "sign")
  expect_s3_class(quietly(miv(y ~ 1, other)), "miv")
})

test_that("an exposure function has to return one finite number for each gap", {
  expect_refusal(miv(y ~ 1, described, exposure = function(gap) "a"), "bad_exposure", "1 values of type character", "400 gaps")
  expect_refusal(miv(y ~ 1, described, exposure = function(gap) 1), "bad_exposure", "1 values")
  expect_refusal(miv(y ~ 1, described, exposure = function(gap) 1 / gap), "bad_exposure", sprintf("at %d gaps", sum(people$gap == 0)))
  expect_refusal(miv(y ~ 1, described, exposure = function(gap) stop("no luck")), "bad_exposure", "`exposure`", "no luck")
})

test_that("leverage of several absorbed effects is refused with the way out", {
  expect_refusal(tsls(y ~ w | g + f | x ~ z, rows, vcov = "HC3"), "unknown_covariance", "HC3", "`factor()`")
})

test_that("an option that is no number of threads is refused", {
  for (bad in list("two", 0, NA, 1:2)) {
    old <- options(miv.threads = bad)
    expect_refusal(tsls(y ~ w | x ~ z, rows), "bad_option", "miv.threads", "1 or more")
    options(old)
  }
})

# ---- cautions ----

test_that("a weak first stage, few clusters, ignored clusters and nearly collinear controls are said, by class and by name", {
  weak <- transform(rows, z = with_seed(63, rnorm(400)))
  expect_warning(tsls(y ~ w | x ~ z, weak), "`x` is weak: F = .*, below 10", class = "miv_warning_weak_first_stage")
  expect_warning(tsls(y ~ w | x ~ z + z2 + z:w + z2:w, rows, vcov = ~k), "4 instruments and 4 clusters", class = "miv_warning_few_clusters")
  expect_true(is.na(quietly(tsls(y ~ w | x ~ z + z2 + z:w + z2:w, rows, vcov = ~k))$first_stage$F))
  clustered <- told_experiment(people, cluster = ~group)
  expect_warning(miv(y ~ 1, clustered, vcov = "HC1"), "`group`.*HC1", class = "miv_warning_cluster_ignored")
  expect_warning(tsls(y ~ w + I(w + 1e-9 * v) | x ~ z, rows), "nearly collinear", class = "miv_warning_nearly_collinear")
})

test_that("a refusal of one outcome of several names it", {
  expect_refusal(tsls(c(y, v, constant) ~ w | x ~ z, transform(rows, constant = 1)), "no_variation", "`constant` (outcome)")
})

test_that("absorbed effects count among what rows must be enough for", {
  d <- with_seed(1, data.frame(y = rnorm(12), x = rnorm(12), z = rnorm(12), w = rnorm(12), v = rnorm(12), g = rep(1:8, length.out = 12)))
  expect_error(suppressWarnings(tsls(y ~ w + v + I(w^2) | g | x ~ z, d)), class = "miv_error_too_few_rows")
  expect_error(suppressWarnings(tsls(y ~ w + v + I(w^2) + factor(g) | x ~ z, d)), class = "miv_error_too_few_rows")
})

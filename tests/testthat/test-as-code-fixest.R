# The fixest lines, run by fixest from the raw data alone: same people, coefficients and standard errors to 1e-8.

test_that("every exposure, with and without arm control, on a real experiment", {
  skip_without_feols()
  d <- shared_csv("experiments/haaland_roth_exp2.csv")
  experiment <- quietly(info_experiment(d, belief = ~posterior, prior = ~prior, signal = ~signal, arm = ~T))
  for (exposure in every_exposure) for (arm_control in c(FALSE, TRUE)) {
    fit <- tryCatch(quietly(miv(problackindex ~ age + factor(region) | hhsize, experiment, exposure = exposure, arm_control = arm_control)), miv_error = function(e) NULL)
    if (!is.null(fit)) expect_same_fit(fit, d, paste(format(exposure)[1], arm_control), least = 4)
  }
})

test_that("every covariance, weighted or not, with and without fixed effects", {
  skip_without_feols()
  skip_if_not_installed("clubSandwich")
  d <- coded_data()
  kinds <- list("iid", "HC0", "HC1", "HC2", "HC3", ~group, ~ group + wave, ~ group:wave, CR(~group, "CR0"), CR(~ group + wave, "CR0"), CR(~group, "CR2"), CR(~group, "CR3"))
  for (weights in list(NULL, ~u)) for (formula in list(y ~ age + town, y ~ age + town | wave, y ~ age | village, y ~ age | group)) for (kind in kinds) {
    if (inherits(kind, "miv_cluster") && kind$type %in% c("CR2", "CR3") && grepl("village", deparse(formula))) next
    fit <- quietly(miv(formula, told_experiment(d, weights = weights), vcov = kind))
    expect_same_fit(fit, d, paste(deparse(formula), paste(format(kind), collapse = " "), if (!is.null(weights)) "weighted"), least = 2)
  }
})

test_that("several fixed effects, crossed and nested ones", {
  skip_without_feols()
  d <- coded_data()
  for (formula in list(y ~ age | wave + village, y ~ 1 | wave^town, y ~ age | wave:town + group)) for (kind in list("iid", "HC1", ~group, ~ group + wave)) {
    expect_same_fit(quietly(miv(formula, told_experiment(d), vcov = kind)), d, paste(deparse(formula), format(kind)))
  }
})

test_that("strata, known probabilities and their weights", {
  skip_without_feols()
  d <- coded_data()
  d$p <- c(0.3, 0.6, 0.5)[d$stratum]
  d$half <- rep(1:2, length.out = nrow(d))
  experiments <- list(told_experiment(d, strata = ~stratum), told_experiment(d, strata = ~stratum, weights = ~u), told_experiment(d, strata = ~ stratum + half, weights = "u"),
                      told_experiment(d, probability = 0.4), told_experiment(d, probability = ~p), told_experiment(d, strata = ~stratum, probability = ~p, weights = ~ u + 1),
                      told_experiment(d, strata = ~ (stratum > 1)))
  for (i in seq_along(experiments)) for (exposure in every_exposure) {
    expect_same_fit(quietly(miv(y ~ age + town, experiments[[i]], exposure = exposure)), d, paste("experiment", i, format(exposure)[1]), least = 3)
  }
})

test_that("several informed arms, pooled and not, passive and active", {
  skip_without_feols()
  d <- three_arms()
  cut <- 3
  tamed <- function(gap) gap / (cut + abs(gap))
  experiments <- list(three_arms_experiment(d), three_arms_experiment(d, weights = ~w),
                      quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = list(none = 80, low = 74, high = 94), arm = ~arm)))
  for (i in seq_along(experiments)) for (exposure in c(every_exposure[-6], tamed)) for (pool in c(TRUE, FALSE)) for (arm_control in c(TRUE, FALSE)) {
    fit <- tryCatch(quietly(miv(y ~ age + town, experiments[[i]], exposure = exposure, pool = pool, arm_control = arm_control)), miv_error = function(e) NULL)
    if (!is.null(fit)) expect_same_fit(fit, d, paste("experiment", i, format(exposure)[1], pool, arm_control), least = 3)
  }
})

test_that("an active design, other units and another direction, base, and arms of every kind", {
  skip_without_feols()
  lls <- shared_csv("experiments/lls_info_sim.csv")
  active <- quietly(info_experiment(lls, belief = ~posterior, prior = ~prior, signal = list(`FALSE` = -1, `TRUE` = 1), arm = ~Z))
  for (exposure in every_exposure[-1]) expect_same_fit(quietly(miv(Y ~ prior, active, exposure = exposure)), lls, paste("active", format(exposure)[1]))
  d <- coded_data()
  d$minus <- -10 * d$post
  d$text <- ifelse(d$told == 1, "was told", "left alone")
  d$factor <- factor(d$text, c("was told", "left alone"))
  d$flag <- d$told == 1
  other <- quietly(info_experiment(d, belief = ~minus, prior = ~prior, signal = 18, arm = ~told, units = "other", direction = -1))
  expect_same_fit(quietly(miv(y ~ age, other)), d, "other units")
  for (arm in c("text", "factor", "flag")) {
    experiment <- quietly(info_experiment(d, belief = "post", prior = "prior", signal = 18, arm = arm, base = if (arm == "flag") FALSE else "left alone"))
    expect_same_fit(quietly(miv(y ~ age, experiment)), d, arm, least = 3)
  }
  crossed <- quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = 18, arm = ~ ifelse(told == 1, "yes", "no")))
  expect_same_fit(quietly(miv(y ~ age, crossed)), d, "an arm that is computed")
})

test_that("expressions in roles and formula, objects of the user's, subset and columns that need everybody", {
  skip_without_feols()
  d <- coded_data()
  d$post <- exp(d$post / 20)
  names(d)[names(d) == "age"] <- "age in years"
  shift <- 0.123456789012345678
  middle <- function(x) x - stats::median(x, na.rm = TRUE) * shift
  experiment <- quietly(info_experiment(d, belief = ~ log(post), prior = ~ prior / 20 + shift, signal = 0.9 + shift, arm = ~told, weights = ~ u + shift, cluster = ~ round(group / 2)))
  expect_same_fit(quietly(miv(log(3e3 + y^2) ~ log(`age in years`) * town + I(college + 0) + middle(wave), experiment, exposure = "gap")), d, "expressions", least = 4)
  young <- 50
  expect_same_fit(quietly(miv(y ~ poly(wave, 2) + I(u^2), experiment, subset = `age in years` < young | town == "Ely")), d, "subset")
  expect_same_fit(quietly(miv(y ~ cut(wave, 3):u + factor(stratum) + splines::bs(wave, 4), experiment, vcov = "HC3")), d, "belief log(post) under HC3", least = 0)
  sums <- quietly(info_experiment(d, belief = ~ post + wave / 50, prior = ~prior, signal = 18, arm = ~told))
  expect_same_fit(quietly(miv(y ~ 1, sums)), d, "a sum as belief", least = 1)
})

test_that("tsls(): two beliefs, over-identified, no instrument, no constant, fixed effects", {
  skip_without_feols()
  d <- code_rows(400)
  formulas <- list(y ~ w + v | x ~ z, y ~ w + f | x ~ z + z2, y ~ 1 | c(x, x2) ~ z + z2 + z:w, y ~ w | p | x ~ z, y ~ w | p | log(x + 50) ~ z * f, y ~ x + w + f, y ~ x | p, y ~ 0 + f + w | x ~ z,
                   y ~ 0 + x + w, y ~ w + v | x ~ z + w, y ~ w:f + h | x ~ z)
  for (formula in formulas) for (kind in list("iid", "HC0", "HC1", "HC3", ~g, ~ g + g2)) for (weights in list(NULL, "u")) {
    expect_same_fit(quietly(tsls(formula, d, vcov = kind, weights = weights, subset = v < 4)), d, paste(deparse(formula), format(kind), weights))
  }
})

test_that("first stage, reduced form and least squares of a fit", {
  skip_without_feols()
  skip_if_not_installed("clubSandwich")
  d <- coded_data()
  for (kind in list("HC1", "HC2", ~group, CR(~group, "CR2"))) for (exposure in every_exposure[1:5]) {
    fit <- quietly(miv(y ~ age + wave, told_experiment(d, strata = ~stratum), exposure = exposure, vcov = kind))
    for (stage in list(first_stage, reduced_form, ols)) expect_same_fit(quietly(stage(fit)), d, paste(exposure, format(kind)))
  }
  two <- quietly(tsls(y ~ w | c(x, x2) ~ z + z2, code_rows()))
  expect_same_fit(quietly(first_stage(two))[[2]], code_rows(), "second belief", least = 4)
  expect_same_fit(quietly(reduced_form(two)), code_rows(), "reduced form", least = 4)
})

test_that("collinear controls are left out, names of the data are not taken, a set ends in a list", {
  skip_without_feols()
  d <- coded_data()
  d$double <- 2 * d$age
  d$people <- d$told
  d$exposure <- 3
  expect_same_fit(quietly(miv(y ~ age + double, told_experiment(d))), d, "collinear", least = 3)
  expect_false(any(grepl("+ double", as_code(quietly(miv(y ~ age + double, told_experiment(d))), "fixest"), fixed = TRUE)))
  set <- quietly(miv(c(y, u) ~ age, told_experiment(d)))
  got <- run_code(as_code(set, "fixest", data = "d"), d)
  expect_named(got, c("y", "u"))
  for (name in names(got)) expect_close(fixest::coeftable(got[[name]])["fit_post", 1:2], first_two(set[[name]]), 1e-8)
})

test_that("where feols() errs: leverage of crossed effects, logical regressors alone, powers under CR2", {
  skip_without_feols()
  skip_if_not_installed("clubSandwich")
  skip_if_not_installed("sandwich")
  d <- coded_data()
  for (kind in list("HC2", "HC3")) expect_same_fit(quietly(miv(y ~ age | town^college, told_experiment(d), vcov = kind)), d, kind)
  expect_same_fit(quietly(tsls(log(y + 3000) ~ age | village, d, vcov = CR(~group, "CR2"))), d, "computed outcome under CR2")
  expect_same_fit(quietly(tsls(log(y + 3000) ~ age | wave, d, vcov = "HC3")), d, "computed outcome")
  expect_same_fit(quietly(miv(y ~ (age > 40) | wave, told_experiment(d), exposure = "arm")), d, "logical")
  expect_same_fit(quietly(miv(y ~ I(wave^2) + (age > 40), told_experiment(d), vcov = CR(~group, "CR2"))), d, "powers")
  expect_same_fit(quietly(miv(y ~ I(wave^2) + (age > 40), told_experiment(d, weights = ~u), vcov = "HC3")), d, "weighted leverage")
})

# Data that the tests of as_code() share.

every_exposure <- list("sign", "gap", "arm", "arm+gap", "arm+sign", `function` = function(gap) tanh(gap / 3))

# 40 people in each of several roles missing, text, weights of 0, two cluster variables and a factor.
coded_data <- function(n = 600) {
  d <- random_experiment_data(n, seed = 5)
  with_seed(6, {
    d$town <- sample(c("York", "Bath", "Ely"), n, TRUE)
    d$wave <- sample(12, n, TRUE)
    d$village <- d$group * 100 + sample(3, n, TRUE)
    d$college <- runif(n) > 0.6
    d$y[sample(n, 30)] <- NA
    d$age[sample(n, 20)] <- NA
    d$prior[sample(n, 10)] <- NA
    d$group[sample(n, 5)] <- NA
    d$u[sample(n, 8)] <- 0
  })
  d
}

# Random rows with an effect p.
code_rows <- function(n = 400) {
  d <- random_rows(n, seed = 21)
  d$p <- rep(1:8, length.out = n)
  d
}

# fixest's names in ours: level controls are factor(side)1 there and .side1 here.
name_by_ours <- function(names) {
  names <- sub("^factor[(]paste[(](.*)[)][)]", ".pattern", sub("^factor[(]side[)]", ".side", sub("^fit_", "", names)))
  names <- ifelse(startsWith(names, ".pattern"), gsub(" ", ",", names), names)
  sub("^(gap|exposure|informed)(_|$)", ".\\1\\2", names)
}

run_code <- function(code, data, name = "d") {
  env <- new.env(parent = globalenv())
  env[[name]] <- data
  quietly(eval(parse(text = code), env))
}

# Belief and, where they go by the same name, controls.
expect_same_fit <- function(fit, data, label = "", least = 1) {
  code <- quietly(as_code(fit, "fixest", data = "d"))
  got <- tryCatch(run_code(code, data), error = function(e) e)
  if (inherits(got, "error")) return(testthat::fail(paste0(label, ": ", conditionMessage(got), "\n", paste(code, collapse = "\n"))))
  expect_s3_class(got, "fixest")
  table <- fixest::coeftable(got)
  rownames(table) <- gsub("`", "", name_by_ours(rownames(table)))
  names <- gsub("`", "", sub("^[.]arm", ".informed_", names(coef(fit))))
  ours <- cbind(coef(fit), std_errors(fit))
  rownames(ours) <- names
  shared <- intersect(names, rownames(table))
  testthat::expect(length(shared) >= least, sprintf("%s: %d names shared, of ours %s and theirs %s", label, length(shared), toString(names), toString(rownames(table))))
  expect_close(table[shared, 1], ours[shared, 1], 1e-8, paste(label, "coefficients"))
  expect_close(table[shared, 2], ours[shared, 2], 1e-8, paste(label, "standard errors"))
  expect_equal(got$nobs, nobs(fit), label = label)
}

# The first p coefficients by place; those of plain least squares by name.
expect_same_stata <- function(fit, data, label = "", p = max(1, length(fit$beliefs), length(fit$leading))) {
  mended <- FALSE
  code <- suppressWarnings(withCallingHandlers(as_code(fit, "stata", data = "d"), miv_warning_negative_variance = function(w) mended <<- TRUE))
  machine <- tryCatch(run_stata(code, data), error = function(e) e)
  if (inherits(machine, "error")) return(testthat::fail(paste0(label, ": ", conditionMessage(machine), "\n", paste(code, collapse = "\n"))))
  got <- stata_numbers(machine, p)
  at <- seq_len(p)
  if (length(fit$beliefs) + length(fit$leading) == 0) {
    got <- if (length(machine$shown)) do.call(rbind, machine$shown) else stata_numbers(machine, length(machine$e$b))
    rownames(got) <- sub("^root_weight#", "", rownames(got))
    at <- intersect(rownames(got), names(coef(fit)))
    got <- got[at, , drop = FALSE]
    if (length(at) == 0) return(testthat::fail(paste(label, "no coefficient in common")))
  }
  expect_close(got[, 1], coef(fit)[at], 1e-8, paste(label, "coefficients"))
  expect_close(got[, 2], std_errors(fit)[at], if (mended) 0.05 else 1e-8, paste(label, "standard errors"))
  if (!any(grepl("^[*] Whoever is alone", code))) expect_equal(machine$e$N, nobs(fit), label = label)
}

skip_without_feols <- function() {
  skip_if_not_installed("fixest", "0.13.0")
  fixest::setFixest_nthreads(1)
}

# What every language must be able to say. expect_same(fit, data, label, least) runs the lines; least: columns that must have been compared.
test_shared_lines <- function(language, expect_same, skip_without = function() invisible()) {
  test_that(paste0(language, ": every exposure, with and without arm control, on a real experiment"), {
    skip_without()
    d <- shared_csv("experiments/haaland_roth_exp2.csv")
    experiment <- quietly(info_experiment(d, belief = ~posterior, prior = ~prior, signal = ~signal, arm = ~T))
    for (exposure in every_exposure) for (arm_control in c(FALSE, TRUE)) {
      fit <- tryCatch(quietly(miv(problackindex ~ age + factor(region) | hhsize, experiment, exposure = exposure, arm_control = arm_control)), miv_error = function(e) NULL)
      if (!is.null(fit)) expect_same(fit, d, paste(format(exposure)[1], arm_control), least = 4)
    }
  })

  test_that(paste0(language, ": several fixed effects, crossed and nested ones"), {
    skip_without()
    skip_if_not_installed("fixest")   # it absorbs several effects
    d <- coded_data()
    for (formula in list(y ~ age | wave + village, y ~ 1 | wave^town, y ~ age | wave:town + group)) for (kind in list("iid", "HC1", ~group, ~ group + wave)) {
      expect_same(quietly(miv(formula, told_experiment(d), vcov = kind)), d, paste(deparse(formula), format(kind)))
    }
  })

  test_that(paste0(language, ": strata, known probabilities and their weights"), {
    skip_without()
    d <- coded_data()
    d$p <- c(0.3, 0.6, 0.5)[d$stratum]
    d$half <- rep(1:2, length.out = nrow(d))
    experiments <- list(told_experiment(d, strata = ~stratum), told_experiment(d, strata = ~stratum, weights = ~u), told_experiment(d, strata = ~ stratum + half, weights = "u"),
                        told_experiment(d, probability = 0.4), told_experiment(d, probability = ~p), told_experiment(d, strata = ~stratum, probability = ~p, weights = ~ u + 1),
                        told_experiment(d, strata = ~ (stratum > 1)))
    for (i in seq_along(experiments)) for (exposure in every_exposure) {
      expect_same(quietly(miv(y ~ age + town, experiments[[i]], exposure = exposure)), d, paste("experiment", i, format(exposure)[1]), least = 3)
    }
  })

  test_that(paste0(language, ": several informed arms, pooled and not, passive and active"), {
    skip_without()
    d <- three_arms()
    cut <- 3
    tamed <- function(gap) gap / (cut + abs(gap))
    experiments <- list(three_arms_experiment(d), three_arms_experiment(d, weights = ~w),
                        quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = list(none = 80, low = 74, high = 94), arm = ~arm)))
    for (i in seq_along(experiments)) for (exposure in c(every_exposure[-6], tamed)) for (pool in c(TRUE, FALSE)) for (arm_control in c(TRUE, FALSE)) {
      fit <- tryCatch(quietly(miv(y ~ age + town, experiments[[i]], exposure = exposure, pool = pool, arm_control = arm_control)), miv_error = function(e) NULL)
      if (!is.null(fit)) expect_same(fit, d, paste("experiment", i, format(exposure)[1], pool, arm_control), least = 3)
    }
  })

  test_that(paste0(language, ": an active design, other units and another direction, base, and arms of every kind"), {
    skip_without()
    lls <- shared_csv("experiments/lls_info_sim.csv")
    active <- quietly(info_experiment(lls, belief = ~posterior, prior = ~prior, signal = list(`FALSE` = -1, `TRUE` = 1), arm = ~Z))
    for (exposure in every_exposure[-1]) expect_same(quietly(miv(Y ~ prior, active, exposure = exposure)), lls, paste("active", format(exposure)[1]))
    d <- coded_data()
    d$minus <- -10 * d$post
    d$text <- ifelse(d$told == 1, "was told", "left alone")
    d$factor <- factor(d$text, c("was told", "left alone"))
    d$flag <- d$told == 1
    other <- quietly(info_experiment(d, belief = ~minus, prior = ~prior, signal = 18, arm = ~told, units = "other", direction = -1))
    expect_same(quietly(miv(y ~ age, other)), d, "other units")
    for (arm in c("text", "factor", "flag")) {
      experiment <- quietly(info_experiment(d, belief = "post", prior = "prior", signal = 18, arm = arm, base = if (arm == "flag") FALSE else "left alone"))
      expect_same(quietly(miv(y ~ age, experiment)), d, arm, least = 3)
    }
    crossed <- quietly(info_experiment(d, belief = ~post, prior = ~prior, signal = 18, arm = ~ ifelse(told == 1, "yes", "no")))
    expect_same(quietly(miv(y ~ age, crossed)), d, "an arm that is computed")
  })

  test_that(paste0(language, ": expressions in roles and formula, objects of the user's, subset and columns that need everybody"), {
    skip_without()
    d <- coded_data()
    d$post <- exp(d$post / 20)
    names(d)[names(d) == "age"] <- "age in years"
    shift <- 0.123456789012345678
    middle <- function(x) x - stats::median(x, na.rm = TRUE) * shift
    experiment <- quietly(info_experiment(d, belief = ~ log(post), prior = ~ prior / 20 + shift, signal = 0.9 + shift, arm = ~told, weights = ~ u + shift, cluster = ~ round(group / 2)))
    expect_same(quietly(miv(log(3e3 + y^2) ~ log(`age in years`) * town + I(college + 0) + middle(wave), experiment, exposure = "gap")), d, "expressions", least = 4)
    young <- 50
    expect_same(quietly(miv(y ~ poly(wave, 2) + I(u^2), experiment, subset = `age in years` < young | town == "Ely")), d, "subset")
    expect_same(quietly(miv(y ~ cut(wave, 3):u + factor(stratum) + splines::bs(wave, 4), experiment, vcov = "HC3")), d, "belief log(post) under HC3", least = 0)
    sums <- quietly(info_experiment(d, belief = ~ post + wave / 50, prior = ~prior, signal = 18, arm = ~told))
    expect_same(quietly(miv(y ~ 1, sums)), d, "a sum as belief", least = 1)
  })

  test_that(paste0(language, ": tsls(): two beliefs, over-identified, no instrument, no constant, fixed effects"), {
    skip_without()
    d <- code_rows(400)
    formulas <- list(y ~ w + v | x ~ z, y ~ w + f | x ~ z + z2, y ~ 1 | c(x, x2) ~ z + z2 + z:w, y ~ w | p | x ~ z, y ~ w | p | log(x + 50) ~ z * f, y ~ x + w + f, y ~ x | p, y ~ 0 + f + w | x ~ z,
                     y ~ 0 + x + w, y ~ w + v | x ~ z + w, y ~ w:f + h | x ~ z)
    for (formula in formulas) for (kind in list("iid", "HC0", "HC1", "HC3", ~g, ~ g + g2)) for (weights in list(NULL, "u")) {
      expect_same(quietly(tsls(formula, d, vcov = kind, weights = weights, subset = v < 4)), d, paste(deparse(formula), format(kind), weights))
    }
  })

  test_that(paste0(language, ": first stage, reduced form and least squares of a fit"), {
    skip_without()
    d <- coded_data()
    for (kind in list("HC1", "HC2", ~group, CR(~group, "CR2"))) for (exposure in every_exposure[1:5]) {
      fit <- quietly(miv(y ~ age + wave, told_experiment(d, strata = ~stratum), exposure = exposure, vcov = kind))
      for (stage in list(first_stage, reduced_form, ols)) expect_same(quietly(stage(fit)), d, paste(exposure, format(kind)))
    }
    two <- quietly(tsls(y ~ w | c(x, x2) ~ z + z2, code_rows()))
    expect_same(quietly(first_stage(two))[[2]], code_rows(), "second belief", least = 4)
    expect_same(quietly(reduced_form(two)), code_rows(), "reduced form", least = 4)
  })
}

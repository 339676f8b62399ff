# modelsummary: the covariance that its label names, and rows below the table that do not contradict it.

shown <- function(models, ...) suppressMessages(modelsummary::modelsummary(models, ..., output = "data.frame"))
row_of <- function(table, name) unlist(table[table$term == name, -(1:3)], use.names = FALSE)

test_that("every kind of `vcov` gives its own standard errors", {
  skip_without("modelsummary", "sandwich")
  for_each_fit(function(fit, name) {
    error <- function(kind) modelsummary::get_estimates(fit, vcov = kind)$std.error
    expect_close(error(NULL), own_errors(fit), 1e-8, name)
    for (type in c("HC1", "HC3")) expect_close(error(type), own_errors(fit, type), 1e-8, paste(name, type))
    expect_close(error(vcov(fit, "iid")), own_errors(fit, "iid"), 1e-8, paste(name, "matrix"))
    expect_close(error(function(x) vcov(x, ~village)), own_errors(fit, ~village), 1e-8, paste(name, "function"))
    groups <- length(unique(kept_labels(fit, "village")))
    cr0 <- own_errors(fit, CR(~village, "CR0")) * sqrt(groups / (groups - 1))        # sandwich::vcovCL()'s default
    expect_close(error(~village), cr0, 1e-8, paste(name, "formula"))
  })
})

test_that("clusters may be factors, transformed, several, and not in the model", {
  skip_without("modelsummary", "sandwich")
  fit <- quietly(peer_fits())$plain
  error <- function(kind) modelsummary::get_estimates(fit, vcov = kind)$std.error
  expect_close(error(~ factor(village)), error(~village), 1e-12)
  expect_close(error(~ floor(income / 10)), sqrt(diag(sandwich::vcovCL(fit, floor(kept_labels(fit, "income") / 10)))), 1e-8)
  two <- data.frame(kept_labels(fit, "village"), floor(kept_labels(fit, "income")))
  expect_close(error(~ village + floor(income)), sqrt(diag(sandwich::vcovCL(fit, two))), 1e-8)
})

test_that("a table by the name of broom only shows the covariance asked for as well", {
  skip_without("modelsummary")
  old <- options(modelsummary_get = "broom")
  on.exit(options(old))
  fit <- quietly(peer_fits())$clustered
  error <- function(kind) modelsummary::get_estimates(fit, vcov = kind)$std.error
  expect_close(error("HC3"), own_errors(fit, "HC3"), 1e-8)
  expect_close(error(NULL), own_errors(fit), 1e-8)
  expect_equal(row_of(shown(fit), "First-stage F"), show_f(glance(fit)$first_stage_F))
})

test_that("OLS, first stage, reduced form and IV stand side by side with rows that a reader needs", {
  skip_without("modelsummary")
  fit <- quietly(peer_fits())$clustered
  table <- shown(list(OLS = ols(fit), "First stage" = first_stage(fit), "Reduced form" = reduced_form(fit), IV = fit))
  expect_equal(names(table)[-(1:3)], c("OLS", "First stage", "Reduced form", "IV"))
  line <- glance(fit)
  rows <- c("Num.Obs.", "R2", "R2 Adj.", "Std.Errors", "Clusters", "Mean, base arm", "First-stage F", "95% AR set", "Negative weight")
  expect_equal(unique(table$term[table$part == "gof"]), rows)
  expect_equal(row_of(table, "Num.Obs."), rep(as.character(nobs(fit)), 4))
  expect_equal(row_of(table, "Clusters"), rep(as.character(line$n_clusters), 4))
  expect_equal(row_of(table, "First-stage F"), c("", show_f(line$first_stage_F), "", show_f(line$first_stage_F)))
  expect_equal(row_of(table, "Mean, base arm")[c(1, 3, 4)], rep(sprintf("%.3f", line$control_mean), 3))
  set <- anderson_rubin(fit)
  expect_equal(row_of(table, "95% AR set"), c("", "", "", sprintf("[%.3f, %.3f]", set$lower, set$upper)))
  expect_equal(row_of(table, "Negative weight")[4], sprintf("%.3f", line$negative_weight))
  expect_equal(row_of(table, "Std.Errors")[4], vcov_label(fit$vcov_kind))
})

test_that("p values and intervals of the table have the fit's degrees of freedom", {
  skip_without("modelsummary")
  for_each_fit(function(fit, name) {
    table <- modelsummary::get_estimates(fit, conf_level = 0.9)
    expect_close(table$p.value, tidy(fit)$p.value, 1e-10, name)
    expect_close(cbind(table$conf.low, table$conf.high), confint(fit, level = 0.9), 1e-10, name)
  })
  few <- quietly(peer_fits())$few
  expect_close(modelsummary::get_estimates(few, vcov = vcov(few))$p.value, tidy(few)$p.value, 1e-10)
})

test_that("where the errors are another covariance's, a row says under which one F and set are", {
  skip_without("modelsummary", "sandwich")
  fit <- quietly(peer_fits())$clustered
  expect_false("F and AR set under" %in% shown(fit)$term)
  table <- shown(list(fit, ols(fit)), vcov = "HC3")
  expect_equal(row_of(table, "Std.Errors"), c("HC3", "HC3"))
  expect_equal(row_of(table, "F and AR set under"), c(vcov_label(fit$vcov_kind), ""))
  own <- vcov(fit, "HC3")
  expect_equal(row_of(shown(update(fit, vcov = own)), "F and AR set under"), "HC1")
  by <- sub("^CR1", "", vcov_label(fit$vcov_kind))
  expect_equal(row_of(shown(update(fit, vcov = CR(~village, "CR2"))), "F and AR set under"), sprintf("CR2%s, CR1%s", by, by))
})

test_that("\"iid\" shows the fit's own errors, and a warning says what they are", {
  skip_without("modelsummary")
  fit <- quietly(peer_fits())$clustered
  expect_warning(table <- shown(fit, vcov = "iid"), class = "miv_warning_mislabelled_errors")
  expect_equal(row_of(table, "F and AR set under"), vcov_label(fit$vcov_kind))
  expect_no_warning(shown(update(fit, vcov = "iid"), vcov = "iid"))
  named <- shown(fit, vcov = list("CR1 by village" = vcov(fit), "iid" = vcov(fit, "iid")), fmt = 6)
  expect_equal(row_of(named, "Std.Errors"), c("CR1 by village", "iid"))
  error <- unlist(named[named$term == "posterior" & named$statistic == "std.error", -(1:3)])
  expect_equal(unname(error), sprintf("(%.6f)", c(own_errors(fit)[[1]], own_errors(fit, "iid")[[1]])))
})

test_that("the bootstrap of modelsummary is resample()'s", {
  skip_without("modelsummary", "sandwich")
  fit <- quietly(peer_fits())$clustered
  set.seed(4)
  theirs <- modelsummary::get_estimates(fit, vcov = "bootstrap", R = 99, seed = 7)$std.error
  expect_close(theirs, sqrt(diag(cov(resample(fit, "pairs", R = 99, seed = 7)$draws))), 1e-10)
})

test_that("sets that are empty, unbounded or in pieces are written so", {
  text <- function(lower, upper) set_as_text(data.frame(lower, upper), 2)
  expect_equal(text(-Inf, Inf), "(-Inf, Inf)")
  expect_equal(text(c(-Inf, 3), c(1, Inf)), "(-Inf, 1.00] or [3.00, Inf)")
  expect_equal(set_as_text(data.frame(lower = numeric(), upper = numeric()), 2), "empty")
})

test_that("the word for a model's own errors is found out under another label, and nothing else is", {
  skip_if_not_installed("modelsummary")
  fit <- miv(pay_claim ~ age, info_experiment(inflation_survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told), vcov = ~age)
  table <- function(vcov) modelsummary::modelsummary(fit, vcov = vcov, output = "data.frame")
  expect_warning(modelsummary::modelsummary(fit, vcov = list(classical = "iid"), output = "data.frame"), class = "miv_warning_mislabelled_errors")
  expect_warning(modelsummary::modelsummary(fit, vcov = list(iid = "iid"), output = "data.frame"), class = "miv_warning_mislabelled_errors")
  expect_warning(modelsummary::modelsummary(list(fit, fit), vcov = list(x = "HC1", y = "classical"), output = "data.frame"), class = "miv_warning_mislabelled_errors")
  mislabelled <- function(vcov) tryCatch(is.null(table(vcov)), miv_warning_mislabelled_errors = function(w) TRUE)
  for (fine in list(list(iid = vcov(fit, "iid")), list(own = NULL), "HC1", list(a = "HC1"))) expect_false(mislabelled(fine))
})

test_that("a covariance that is the fit's own has no row of its own, and another one has", {
  skip_if_not_installed("modelsummary")
  fit <- miv(pay_claim ~ age, info_experiment(inflation_survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told), vcov = "HC1")
  rows <- function(vcov) modelsummary::modelsummary(fit, vcov = vcov, output = "data.frame")$term
  expect_false("F and AR set under" %in% rows("HC1"))
  expect_true("F and AR set under" %in% rows("HC3"))
})

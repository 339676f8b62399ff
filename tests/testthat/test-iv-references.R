# Stata, textbooks and exact rational arithmetic (shared/data/iv). Printed numbers hold to half a unit of their last digit.

as_text <- function(name) shared_csv(name, colClasses = "character")

# "y ~ x + w | w + z" as tsls() writes it: regressors that are not instruments are beliefs.
from_ivreg <- function(model) {
  sides <- strsplit(model, " | ", fixed = TRUE)[[1]]
  halves <- strsplit(sides[1], " ~ ", fixed = TRUE)[[1]]
  x <- strsplit(halves[2], " + ", fixed = TRUE)[[1]]
  z <- strsplit(sides[2], " + ", fixed = TRUE)[[1]]
  both <- intersect(x, z)
  as.formula(sprintf("%s ~ %s | c(%s) ~ %s", halves[1], paste(c("1", both), collapse = " + "),
                     paste(setdiff(x, z), collapse = ", "), paste(setdiff(z, x), collapse = " + ")))
}

at_terms <- function(x, terms) unname(x[ifelse(terms == "_cons", "(Intercept)", terms)])

# ---- housing: Stata 13 ----

# Stata's covariance by name, from ours: without `small` it divides by n, and leaves out G/(G-1).
stata_vcov <- function(fit, kind, adjust) {
  n <- nobs(fit)
  k <- length(coef(fit))
  if (kind == "unadjusted") return(vcov(fit, "iid") * if (adjust == "small") 1 else (n - k) / n)
  if (kind == "robust") return(vcov(fit, if (adjust == "small") "HC1" else "HC0"))
  vcov(fit, if (adjust == "small") CR(~division) else CR(~division, "CR0"))
}

wald_of_slopes <- function(fit, v) {
  slopes <- names(coef(fit)) != "(Intercept)"
  b <- coef(fit)[slopes]
  sum(b * solve(v[slopes, slopes], b))
}

# By quantity of the file, the numbers in the order of `terms`.
stata_quantity <- function(quantity, terms, fit, v, adjust) {
  n <- nobs(fit)
  k <- length(coef(fit))
  slopes <- k - 1
  switch(quantity,
    coef = at_terms(coef(fit), terms),
    tstat = at_terms(coef(fit) / sqrt(diag(v)), terms),
    vcov = mapply(function(a, b) v[a, b], sub("_cons", "(Intercept)", sub(":.*", "", terms)), sub("_cons", "(Intercept)", sub(".*:", "", terms))),
    r2 = fit$r.squared,
    r2_a = 1 - (1 - fit$r.squared) * (n - 1) / (n - k),
    rss = fit$rss,
    mss = fit$tss - fit$rss,
    rmse = if (adjust == "small") fit$sigma else sqrt(fit$rss / n),
    F = wald_of_slopes(fit, v) / slopes,
    chi2 = wald_of_slopes(fit, v))
}

test_that("housing: Stata's coefficients, full covariances (unadjusted, robust, cluster; small or not), fit and Wald statistics", {
  housing <- shared_csv("iv/housing.csv")
  rows <- as_text("iv/housing_expected.csv")
  rows <- rows[rows$estimator == "2sls" & !rows$quantity %in% c("kappa", "p"), ]
  fit <- quietly(tsls(rent ~ pcturban | hsngval ~ faminc + factor(region), housing))
  for (group in split(rows, rows[c("vcov", "df_adjust", "quantity")], drop = TRUE)) {
    kind <- group$vcov[1]
    adjust <- group$df_adjust[1]
    quantity <- group$quantity[1]
    got <- stata_quantity(quantity, group$term, fit, stata_vcov(fit, kind, adjust), adjust)
    expect_as_printed(got, group$value, paste("housing", kind, adjust, quantity))
  }
})

test_that("housing: the degrees of freedom are Stata's `small`: n - k, and clusters less 1", {
  housing <- shared_csv("iv/housing.csv")
  rows <- as_text("iv/housing_expected.csv")
  p_of <- function(kind) rows$value[rows$estimator == "2sls" & rows$df_adjust == "small" & rows$quantity == "p" & rows$vcov == kind]
  for (kind in c("unadjusted", "robust", "cluster")) {
    fit <- quietly(tsls(rent ~ pcturban | hsngval ~ faminc + factor(region), housing,
                        vcov = switch(kind, unadjusted = "iid", robust = "HC1", cluster = ~division)))
    p <- pf(wald_of_slopes(fit, vcov(fit)) / 2, 2, fit$df_inference, lower.tail = FALSE)
    expect_close(p, p_of(kind), 1e-6, kind)
  }
})

# ---- mtcars: Stata ----

# Stata held the columns in single precision; printed digits beyond the sixth depend on it.
single_precision <- function(x) readBin(writeBin(as.numeric(x), raw(), size = 4), "double", n = length(x), size = 4)
stata_cars <- function() {
  cars <- shared_csv("iv/mtcars.csv")
  cars[] <- lapply(cars, single_precision)
  aweight <- single_precision(cars$drat / 5)
  cars$aweight <- aweight / mean(aweight)                    # Stata rescales aweights to mean 1; only rmse sees it
  cars
}

mtcars_formula <- function(estimator, model) {
  switch(estimator, `2sls` = from_ivreg(model), ols = mpg ~ hp, ols_absorb_carb = mpg ~ hp | carb)
}

mtcars_vcov <- list(classical = "iid", robust_HC1 = "HC1", cluster_cyl = ~cyl, HC2 = "HC2", HC3 = "HC3")

mtcars_fit <- function(data, estimator, model, weighted, kind) {
  formula <- mtcars_formula(estimator, model)
  quietly(tsls(formula, data, vcov = mtcars_vcov[[kind]], weights = if (weighted) ~aweight))
}

mtcars_quantity <- function(quantity, terms, fit) {
  n <- nobs(fit)
  k <- fit$rank
  switch(quantity,
    variance = at_terms(diag(vcov(fit)), terms),
    F = wald_of_slopes(fit, vcov(fit)) / sum(names(coef(fit)) != "(Intercept)"),
    df = fit$df_inference,
    r2 = fit$r.squared,
    adj_r2 = 1 - (1 - fit$r.squared) * (n - 1) / (n - k),
    rmse = fit$sigma)
}

test_that("mtcars: Stata's variances and statistics for 2SLS, OLS and an absorbed effect, weighted or not", {
  rows <- as_text("iv/mtcars_expected.csv")
  cars <- stata_cars()
  rows <- rows[!(rows$aweight_drat_over_5 == "1" & rows$vcov %in% c("HC2", "HC3")), ]   # differ by design: shared/data/README.md
  for (group in split(rows, rows[c("estimator", "aweight_drat_over_5", "vcov", "quantity")], drop = TRUE)) {
    one <- group[1, ]
    fit <- mtcars_fit(cars, one$estimator, one$model, one$aweight_drat_over_5 == "1", one$vcov)
    got <- mtcars_quantity(one$quantity, group$term, fit)
    expect_as_printed(got, group$value, paste("mtcars", one$estimator, one$aweight_drat_over_5, one$vcov, one$quantity))
  }
})

test_that("mtcars: the size of the weights changes no variance, drat / 5 as drat", {
  cars <- transform(shared_csv("iv/mtcars.csv"), a = drat / 5)
  for (kind in names(mtcars_vcov)) {
    one <- vcov(quietly(tsls(mpg ~ gear | hp ~ wt + am, cars, vcov = mtcars_vcov[[kind]], weights = ~a)))
    other <- vcov(quietly(tsls(mpg ~ gear | hp ~ wt + am, cars, vcov = mtcars_vcov[[kind]], weights = ~drat)))
    expect_close(one, other, 1e-11, kind)
  }
})

# "gear (hp am = wt)" and its options as tsls() takes them.
diagnostics_formula <- function(model, options) {
  inside <- sub("^.*\\((.*)\\).*$", "\\1", model)
  sides <- lapply(strsplit(inside, " = ", fixed = TRUE)[[1]], function(s) strsplit(s, " ")[[1]])
  exogenous <- c(if (grepl("noconstant", options)) "0" else "1", if (grepl("^gear", model)) "gear")
  as.formula(sprintf("mpg ~ %s | c(%s) ~ %s", paste(exogenous, collapse = " + "), paste(sides[[1]], collapse = ", "), paste(sides[[2]], collapse = " + ")))
}

diagnostics_vcov <- function(options) {
  if (grepl("cluster", options)) ~cyl else if (grepl("^rob", options)) "HC1" else "iid"
}

test_that("mtcars: Stata's first-stage F and its degrees of freedom, one per belief, with and without a constant or weights", {
  rows <- as_text("iv/mtcars_iv_diagnostics_expected.csv")
  rows <- rows[grepl("^weak", rows$test) & nzchar(rows$statistic), ]
  cars <- stata_cars()
  for (i in seq_len(nrow(rows))) {
    row <- rows[i, ]
    formula <- diagnostics_formula(row$stata_model, row$options)
    fit <- quietly(tsls(formula, cars, vcov = diagnostics_vcov(row$options), weights = if (row$aweight_drat_over_5 == "1") ~aweight))
    belief <- as.integer(sub("weak", "", row$test))
    label <- paste(row$stata_model, row$options, row$aweight_drat_over_5, row$test)
    expect_as_printed(fit$first_stage$F[[belief]], row$statistic, label)
    expect_equal(c(fit$first_stage$df1, fit$first_stage$df2), as.numeric(row[c("df1", "df2")]), label = label)
  }
})

# ---- textbooks ----

textbook_data <- function(name) {
  if (name == "mroz") {
    mroz <- shared_csv("iv/mroz.csv")
    return(mroz[!is.na(mroz$lwage), ])
  }
  if (name == "kmenta") return(shared_csv("iv/kmenta.csv"))
  cigarettes <- shared_csv("iv/cigarettes_sw.csv")
  transform(cigarettes, rprice = price / cpi, rincome = income / population / cpi, rtdiff = (taxs - tax) / cpi, rtax = tax / cpi)
}

textbook_sample <- function(data, sample) if (sample == "year==1995") data[data$year == 1995, ] else data

textbook_formula <- function(model) {
  if (model == "educ ~ fatheduc (first stage)") return(educ ~ fatheduc)
  from_ivreg(model)
}

# Ten-year differences by state, under the names that the file's model uses.
cigarette_differences <- function(data) {
  early <- data[data$year == 1985, ]
  late <- data[data$year == 1995, ]
  late <- late[match(early$state, late$state), ]
  data.frame(dlog_packs = log(late$packs) - log(early$packs), dlog_rprice = log(late$rprice) - log(early$rprice),
             dlog_rincome = log(late$rincome) - log(early$rincome), d_rtdiff = late$rtdiff - early$rtdiff)
}

textbook_fit <- function(row) {
  data <- textbook_data(row$dataset)
  if (grepl("differences", row$sample)) {
    return(quietly(tsls(dlog_packs ~ dlog_rincome | dlog_rprice ~ d_rtdiff, cigarette_differences(data))))
  }
  quietly(tsls(textbook_formula(row$model), textbook_sample(data, row$sample)))
}

textbook_errors <- function(fit, kind) {
  n <- nobs(fit)
  k <- length(coef(fit))
  switch(kind,
    iid_small = std_errors(fit, "iid"),
    iid_asymptotic = std_errors(fit, "iid") * sqrt((n - k) / n),
    std_errors(fit, kind))
}

# Cragg-Donald F of one belief is the iid first-stage F; Anderson's LM is n times the share of the belief, net of the
# controls, that the instruments explain: F l / (F l + df2).
textbook_quantity <- function(row, fit) {
  term <- sub("^dlog\\((.*)\\)$", "dlog_\\1", row$term)
  first <- with_vcov(fit, "iid")$first_stage
  explained <- first$F * first$df1
  switch(row$quantity,
    coef = coef(fit)[[term]],
    se = textbook_errors(fit, row$vcov)[[term]],
    rss = fit$rss,
    ess = fit$tss - fit$rss,
    r2 = fit$r.squared,
    sigma = fit$sigma,
    F = wald_of_slopes(fit, vcov(fit, "iid")),
    cragg_donald_F = first$F,
    anderson_LM_chi2_2 = nobs(fit) * explained / (explained + first$df2))
}

# A number in the column `precision` is relative for sums of squares, absolute for the rest. The wages of mroz.csv are
# single precision where R's own output had double: its eighth digit may differ by one.
textbook_precision <- function(row) {
  if (row$precision %in% c("printed", "computed")) return(printed_half_unit(row$value) * if (row$dataset == "mroz") 2 else 1)
  as.numeric(row$precision) * if (row$quantity %in% c("ess", "rss")) abs(as.numeric(row$value)) else 1
}

test_that("mroz, cigarettes and kmenta: what the textbooks print, each number to its own precision", {
  rows <- as_text("iv/textbook_expected.csv")
  for (i in seq_len(nrow(rows))) {
    row <- rows[i, ]
    allowed <- textbook_precision(row)
    expect_as_printed(textbook_quantity(row, textbook_fit(row)), row$value, paste(row$dataset, row$model, row$vcov, row$quantity, row$term), allowed)
  }
})

# ---- exact rational arithmetic, 25 digits ----

exact_data <- function(name) shared_csv(if (name == "Longley") "nist/Longley.csv" else sprintf("iv/%s.csv", name))

exact_quantity <- function(quantity, kind, fit) {
  if (quantity == "coef") return(coef(fit))
  if (quantity == "rss") return(fit$rss)
  n <- nobs(fit)
  k <- length(coef(fit))
  switch(kind,
    iid_asymptotic = std_errors(fit, "iid") * sqrt((n - k) / n),
    iid_small = std_errors(fit, "iid"),
    `CR0:cyl` = std_errors(fit, CR(~cyl, "CR0")),
    `CR1_stata:cyl` = std_errors(fit, ~cyl),
    std_errors(fit, kind))
}

# Longley is nearly collinear (condition number of the scaled columns about 1e5), which costs five digits.
exact_digits <- c(kmenta = 1e-13, mtcars = 1e-13, Longley = 1e-10)

test_that("two-stage least squares in exact arithmetic: coefficients, every covariance and the residual sum of squares", {
  rows <- as_text("iv/exact_tsls.csv")
  for (group in split(rows, rows[c("dataset", "model", "vcov", "quantity")], drop = TRUE)) {
    one <- group[1, ]
    fit <- quietly(tsls(from_ivreg(one$model), exact_data(one$dataset)))
    got <- exact_quantity(one$quantity, one$vcov, fit)
    if (one$quantity != "rss") got <- got[group$term]
    expect_close(got, group$value, exact_digits[[one$dataset]], paste(one$dataset, one$model, one$vcov, one$quantity))
  }
})

# Rscript tools/peers.R [FILE]: every route of other packages to a number of a fit, beside our own. Writes FILE (tools/peers.md) and ends with status 1 where
# a route says something else than it claims. Packages that are not installed are listed as such. Needs the package installed; reads nothing but its own data.
suppressPackageStartupMessages(library(miv))
options(warn = -1, miv.quiet = TRUE, stringsAsFactors = FALSE)

survey <- transform(inflation_survey, village = age %/% 2, weight = 0.5 + (seq_along(age) %% 7) / 4, g = factor(region))
experiment <- info_experiment(survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)
fit <- miv(pay_claim ~ age + female, experiment, vcov = ~village)
effects <- miv(pay_claim ~ age | region, experiment)
over <- miv(pay_claim ~ log(age) + g * female, info_experiment(survey, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told, weights = ~weight), exposure = "arm+gap")
village <- survey$village[as.integer(rownames(model.frame(fit)))]
groups <- length(unique(village))
se <- function(v) sqrt(diag(as.matrix(v)))[[1]]
error_of <- function(x, ...) se(vcov(x, ...))
at <- function(table, column) as.data.frame(table)[[column]][match("posterior", as.data.frame(table)[[intersect(c("term", "Parameter"), names(as.data.frame(table)))[1]]])]
number_after <- function(text, pattern) {
  rest <- sub(paste0("(?s)^.*?", pattern), "", paste(text, collapse = " "), perl = TRUE)
  as.numeric(regmatches(rest, regexpr("-?[0-9]+[.]?[0-9]*", rest)))
}
quiet <- function(x) { utils::capture.output(out <- suppressMessages(x)); out }

# package, call, what it claims, our number, the route's; `allowed` where the route differentiates numerically or prints few digits.
routes <- list()
route <- function(package, call, claims, ours, allowed = 1e-8, needs = package) {
  routes[[length(routes) + 1]] <<- list(package = package, call = call, claims = claims, ours = substitute(ours), allowed = allowed, needs = needs)
}

route("broom", "at(broom::tidy(fit), 'std.error')", "own CR1", error_of(fit))
route("broom", "at(broom::tidy(fit, conf.int = TRUE, conf.level = 0.9), 'conf.low')", "own interval", confint(fit, level = 0.9)[1, 1])
route("broom", "at(broom::tidy(fit, vcov = 'HC3'), 'std.error')", "HC3", error_of(fit, "HC3"))
route("broom", "broom::glance(fit)$first_stage_F", "F", fit$first_stage$F[[1]])
route("broom", "sum(broom::augment(fit)$.resid^2)", "squared residuals", deviance(fit))
route("sandwich", "se(sandwich::vcovHC(fit, type = 'HC1'))", "HC1", error_of(fit, "HC1"))
route("sandwich", "se(sandwich::vcovHC(over, type = 'HC3'))", "HC3, weighted, over-identified", error_of(over, "HC3"))
route("sandwich", "se(sandwich::vcovCL(fit, ~ village, type = 'HC1'))", "CR1", error_of(fit))
route("sandwich", "se(sandwich::vcovCL(fit, ~ village))", "CR0 x G/(G-1)", sqrt(groups / (groups - 1)) * error_of(fit, CR(~village, "CR0")))
route("sandwich", "se(sandwich::vcovBS(fit, R = 199, seed = 1))", "draws of resample()", se(cov(resample(fit, "pairs", R = 199, seed = 1)$draws)))
route("clubSandwich", "se(clubSandwich::vcovCR(fit, cluster = village, type = 'CR2'))", "CR2", error_of(fit, CR(~village, "CR2")))
route("clubSandwich", "clubSandwich::coef_test(fit, vcov = 'CR2', cluster = village)$df_Satt[1]", "Satterthwaite's df", summary(fit, vcov = CR(~village, "CR2"))$df_inference[[1]], 1e-7)
route("lmtest", "lmtest::coeftest(fit)[1, 2]", "own CR1", error_of(fit))
route("lmtest", "lmtest::coeftest(fit)[1, 4]", "p, t with G - 1", tidy(fit)$p.value[1])
route("lmtest", "lmtest::coeftest(fit, vcov. = 'HC3')[1, 2]", "HC3", error_of(fit, "HC3"))
route("lmtest", "lmtest::coefci(fit)[1, 1]", "own interval", confint(fit)[1, 1])
route("lmtest", "lmtest::waldtest(fit, . ~ . - female)$Chisq[2]", "Wald, own CR1", summary(fit)$coefficients["female", 3]^2)
route("car", "car::linearHypothesis(fit, 'posterior = 0')$Chisq[2]", "Wald, own CR1", summary(fit)$coefficients[1, 3]^2)
route("car", "car::deltaMethod(fit, '2 * posterior')$SE", "twice the own CR1", 2 * error_of(fit), 1e-7)
route("modelsummary", "at(modelsummary::get_estimates(fit), 'std.error')", "own CR1", error_of(fit))
route("modelsummary", "at(modelsummary::get_estimates(fit), 'p.value')", "p, t with G - 1", tidy(fit)$p.value[1])
route("modelsummary", "at(modelsummary::get_estimates(fit, vcov = 'HC1'), 'std.error')", "HC1", error_of(fit, "HC1"))
route("modelsummary", "at(modelsummary::get_estimates(effects, vcov = 'HC1'), 'std.error')", "HC1, absorbed effects", error_of(effects, "HC1"))
route("modelsummary", "at(modelsummary::get_estimates(fit, vcov = ~ village), 'std.error')", "vcovCL()'s default", sqrt(groups / (groups - 1)) * error_of(fit, CR(~village, "CR0")), needs = c("modelsummary", "sandwich"))
route("modelsummary", "at(modelsummary::get_estimates(fit, vcov = function(x) vcov(x, ~ village)), 'std.error')", "CR1", error_of(fit))
route("modelsummary", "at(modelsummary::get_estimates(fit, vcov = vcov(fit, 'iid')), 'std.error')", "iid, a matrix", error_of(fit, "iid"))
route("modelsummary", "number_after(modelsummary::modelsummary(fit, output = 'data.frame')[, c('term', '(1)')] |> t(), 'First-stage F')", "F in the table", as.numeric(sprintf("%.1f", fit$first_stage$F)))
route("marginaleffects", "marginaleffects::avg_slopes(fit, variables = 'posterior')$std.error", "own CR1", error_of(fit), 1e-5)
route("marginaleffects", "marginaleffects::avg_slopes(fit, variables = 'posterior', numderiv = list('fdcenter', eps = 0.1))$std.error", "own CR1", error_of(fit))
route("marginaleffects", "marginaleffects::avg_slopes(effects, variables = 'posterior', vcov = 'HC1', numderiv = list('fdcenter', eps = 0.1))$std.error", "HC1, absorbed effects", error_of(effects, "HC1"))
route("marginaleffects", "sum(marginaleffects::predictions(over, numderiv = list('fdcenter', eps = 0.1))$std.error)", "predict(se.fit = TRUE)", sum(predict(over, insight::get_data(over), se.fit = TRUE)$se.fit))
route("parameters", "at(parameters::model_parameters(fit), 'SE')", "own CR1", error_of(fit))
route("parameters", "at(parameters::model_parameters(fit), 'CI_low')", "own interval", confint(fit)[1, 1])
route("parameters", "at(parameters::model_parameters(fit, vcov = 'HC3'), 'SE')", "HC3", error_of(fit, "HC3"))
route("parameters", "at(parameters::model_parameters(effects, vcov = 'HC1'), 'SE')", "HC1, absorbed effects", error_of(effects, "HC1"))
route("parameters", "at(parameters::model_parameters(fit, vcov = vcov(fit, 'iid')), 'SE')", "iid, a matrix", error_of(fit, "iid"))
route("insight", "insight::get_statistic(fit)$Statistic[1]", "t", summary(fit)$coefficients[1, 3])
route("insight", "se(insight::get_varcov(fit))", "own CR1", error_of(fit))
route("insight", "nrow(insight::get_data(fit))", "people", nobs(fit))
route("performance", "performance::model_performance(fit)$R2", "R-squared", fit$r.squared)
route("emmeans", "as.data.frame(emmeans::contrast(emmeans::emmeans(fit, 'posterior', at = list(posterior = 10:11)), 'revpairwise'))$SE", "own CR1", error_of(fit))
route("emmeans", "as.data.frame(summary(emmeans::ref_grid(over)))$SE[1]", "predict(se.fit = TRUE)", predict(over, emmeans::ref_grid(over)@grid, se.fit = TRUE)$se.fit[[1]])
route("texreg", "texreg::extract(fit)@se[1]", "own CR1", error_of(fit))
route("texreg", "texreg::extract(fit, vcov = 'HC3')@se[1]", "HC3", error_of(fit, "HC3"))
route("gtsummary", "at(gtsummary::tbl_regression(fit)$table_body, 'std.error')", "own CR1", error_of(fit))
route("stargazer", "number_after(stargazer::stargazer(lmtest::coeftest(fit), type = 'text', digits = 8), 'posterior.*?[(]')", "own CR1, 8 decimals", round(error_of(fit), 8), needs = c("stargazer", "lmtest"))
route("fixest", "fixest::coeftable(fit)[1, 2]", "own CR1", error_of(fit))
if (exists("as_code", where = asNamespace("miv"), inherits = FALSE)) {
  route("fixest", "fixest::coeftable(eval(parse(text = as_code(effects, 'fixest', data = 'survey')), new.env()))['fit_posterior', 2]", "HC1, fitted again by feols()", error_of(effects))
}
route("knitr", "number_after(knitr::knit_print(fit), 'posterior. *[|]')", "estimate, 4 digits", coef(fit)[[1]], 1e-3)

present <- function(packages) all(vapply(packages, requireNamespace, NA, quietly = TRUE))
version <- function(package) if (present(package)) as.character(utils::packageVersion(package)) else "not installed"

run_route <- function(r) {
  if (!present(r$needs)) return(data.frame(r[c("package", "call", "claims")], ours = NA, theirs = NA, difference = NA, word = "not installed"))
  ours <- as.numeric(eval(r$ours))
  theirs <- tryCatch(as.numeric(quiet(eval(str2lang(r$call)))), error = function(e) { message(r$call, ": ", conditionMessage(e)); NA_real_ })
  difference <- if (length(theirs) == 1) abs(theirs / ours - 1) else NA
  data.frame(r[c("package", "call", "claims")], ours = ours, theirs = theirs[1], difference = difference, word = if (isTRUE(difference <= r$allowed)) "same" else "DIFFERS")
}

table <- do.call(rbind, lapply(routes, run_route))
packages <- unique(table$package)
cell <- function(x) gsub("|", "\\|", x, fixed = TRUE)
number <- function(x) ifelse(is.na(x), "", trimws(formatC(x, digits = 10, format = "fg")))
bare_gt <- present("gtsummary") && present("gt") && length(getNamespaceExports("gt")) == 0   # gt needs V8, which not every machine can build
lines <- c(
  "# Routes of other packages to a fit's numbers", "",
  sprintf("Made by `Rscript tools/peers.R` with R %s.%s, miv %s: %d calls, %d the same, %d different, %d not run because a package is not installed.", R.version$major, R.version$minor,
          utils::packageVersion("miv"), nrow(table), sum(table$word == "same"), sum(table$word == "DIFFERS"), sum(table$word == "not installed")), "",
  paste0("`fit` is clustered (CR1 by village), `effects` absorbs a fixed effect (HC1), `over` is weighted and over-identified with a factor and an interaction. *same* means a relative ",
         "difference below 1e-8; below 1e-7 for Satterthwaite's degrees of freedom and `deltaMethod()`, 1e-5 where marginaleffects differentiates with its default step, and as printed in a knitted table."), "",
  if (bare_gt) c("gtsummary ran beside an empty stand-in for gt: the numbers of its table are compared, not its display.", ""),
  "| package | version |", "|:---|:---|", sprintf("| %s | %s |", packages, vapply(packages, version, "")), "",
  "| package | call | claims | ours | the route's | relative difference | |", "|:---|:---|:---|---:|---:|---:|:---|",
  sprintf("| %s | `%s` | %s | %s | %s | %s | %s |", table$package, cell(table$call), table$claims, number(table$ours), number(table$theirs),
          ifelse(is.na(table$difference), "", formatC(table$difference, digits = 1, format = "e")), table$word))
file <- c(commandArgs(TRUE), "tools/peers.md")[1]
writeLines(lines, file)
cat(sprintf("-- %s: %d calls, %d the same, %d different, %d not run\n", file, nrow(table), sum(table$word == "same"), sum(table$word == "DIFFERS"), sum(table$word == "not installed")))
if (any(table$word == "DIFFERS")) {
  print(table[table$word == "DIFFERS", c("package", "call", "ours", "theirs", "difference")], row.names = FALSE)
  quit(status = 1, save = "no")
}

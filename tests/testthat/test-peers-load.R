# In a new R each: what loading the package does, and in which order packages may come.

in_new_r <- function(...) {
  file <- tempfile(fileext = ".R")
  on.exit(unlink(file))
  writeLines(c(...), file)
  out <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(file)), stdout = TRUE, stderr = TRUE,
                                  env = paste0("R_LIBS=", paste(.libPaths(), collapse = .Platform$path.sep))))
  list(lines = as.character(out), status = attr(out, "status"))
}

expect_runs <- function(..., says = "fine") {
  got <- in_new_r(...)
  expect_null(got$status, label = paste(c("status of", ..., got$lines), collapse = "\n"))
  expect_true(says %in% got$lines, label = paste(c(..., got$lines), collapse = "\n"))
  expect_false(any(grepl("^(Error|Warning)", got$lines)), label = paste(got$lines, collapse = "\n"))
}

fit_line <- "fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)"

test_that("loading the package loads none of the others and leaves options alone", {
  expect_runs(
    "before <- options(); before$dvipscmd <- NULL",
    "library(miv)",
    "after <- options()[names(before)]",
    "peers <- c('modelsummary', 'marginaleffects', 'insight', 'parameters', 'performance', 'emmeans', 'texreg', 'sandwich', 'lmtest', 'car', 'broom',",
    "           'clubSandwich', 'knitr', 'fixest', 'gtsummary', 'ggplot2')",
    "stopifnot(!any(peers %in% loadedNamespaces()), identical(before, after), is.null(getOption('marginaleffects_model_classes')))",
    "cat('fine\\n')")
})

test_that("marginaleffects may come before or after, and classes in its option stay", {
  skip_without("marginaleffects")
  slope <- c(fit_line, "s <- marginaleffects::avg_slopes(fit, variables = 'hp')", "stopifnot(abs(s$estimate - coef(fit)[[1]]) < 1e-6)", "cat('fine\\n')")
  expect_runs("suppressPackageStartupMessages(library(marginaleffects))", "library(miv)", slope)
  expect_runs("library(miv)", "suppressPackageStartupMessages(library(marginaleffects))", slope)
  expect_runs("options(marginaleffects_model_classes = 'mine')", "library(miv)", "loadNamespace('marginaleffects')",
              "stopifnot(identical(getOption('marginaleffects_model_classes'), c('mine', 'miv')))", slope)
})

test_that("texreg may come before or after", {
  skip_without("texreg")
  check <- c(fit_line, "first <- function(x) texreg::extract(x)@gof.names[1]",
             "stopifnot(first(fit) == 'First-stage F', first(first_stage(fit)) == 'First-stage F')",
             "invisible(texreg::extract(lm(mpg ~ wt, mtcars)))", "cat('fine\\n')")
  expect_runs("loadNamespace('texreg')", "library(miv)", check)
  expect_runs("library(miv)", "loadNamespace('texreg')", check)
})

test_that("the others may come before or after", {
  uses <- c(parameters = "parameters::model_parameters(fit)$SE[1]", emmeans = "as.data.frame(emmeans::ref_grid(fit))$SE[1]",
            lmtest = "lmtest::coeftest(fit)[1, 2]", sandwich = "sandwich::vcovBS(fit, R = 50)[1, 1]",
            insight = "insight::get_statistic(fit)$Statistic[1]", modelsummary = "modelsummary::get_estimates(fit)$std.error[1]",
            knitr = "nchar(knitr::knit_print(fit))")
  uses <- uses[vapply(names(uses), requireNamespace, NA, quietly = TRUE)]
  work <- c(fit_line, sprintf("stopifnot(is.finite(%s))", uses), "cat('fine\\n')")
  loads <- sprintf("suppressMessages(loadNamespace('%s'))", names(uses))
  expect_runs(loads, "library(miv)", work)
  expect_runs("library(miv)", loads, work)
})

test_that("the package can be unloaded and loaded again beside the others", {
  peers <- Filter(function(p) requireNamespace(p, quietly = TRUE), c("marginaleffects", "texreg", "insight", "emmeans", "modelsummary"))
  loads <- sprintf("suppressMessages(loadNamespace('%s'))", peers)
  after <- c(if (requireNamespace("texreg", quietly = TRUE)) "stopifnot(texreg::extract(fit)@gof.names[1] == 'First-stage F')",
             if (requireNamespace("marginaleffects", quietly = TRUE)) "stopifnot(sum(getOption('marginaleffects_model_classes') == 'miv') == 1)")
  expect_runs("library(miv)", loads, "unloadNamespace('miv')", "library(miv)", fit_line, after, "cat('fine\\n')")
  expect_runs(loads, "library(miv)", "unloadNamespace('miv')", "library(miv)", fit_line, after, "cat('fine\\n')")
  expect_runs("library(miv)", "unloadNamespace('miv')", loads, "library(miv)", fit_line, after, "cat('fine\\n')")
})

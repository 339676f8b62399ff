# Rscript tools/run_tests.R: the tests of tests/testthat on the installed package. Leaves `passed failed skipped` (in
# expectations; an error is a failure) in tests/.counts-r for .ci/run; ends with status 1 on a failure.
suppressPackageStartupMessages(library(testthat))
Sys.setenv(NOT_CRAN = "true")

cat("-- tests in R\n")
results <- as.data.frame(test_dir(
  "tests/testthat",
  package = "miv", load_package = "installed", stop_on_failure = FALSE,
  reporter = ProgressReporter$new(max_failures = Inf, show_praise = FALSE, update_interval = Inf)
))
failed <- sum(results$failed) + sum(results$error)
counts <- c(sum(results$passed), failed, sum(results$skipped))
cat(counts, "\n", file = "tests/.counts-r")
cat(sprintf("-- slowest files: %s\n", paste(sprintf("%s %.0f s", names(slow <- head(sort(tapply(results$real, results$file, sum), decreasing = TRUE), 3)), slow), collapse = ", ")))
if (failed > 0 || counts[1] == 0) quit(status = 1, save = "no")

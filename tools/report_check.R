# Rscript tools/report_check.R [OUT]: writes the report of a few kinds of fits with the installed package and opens each in headless Chromium (tools/report_check.mjs) at laptop and phone
# width, light and dark. Says how long each page took and how large it is; pages and screenshots stay in OUT (default: report-check in the temporary folder). Status 1 on a fault: a console
# message of level error, anything loaded, a page wider than its window, a verb that failed. Needs rmarkdown, pandoc, node and chromium; says which is missing (status 2).
suppressPackageStartupMessages(library(miv))
options(miv.quiet = TRUE, miv.progress = FALSE)
arguments <- commandArgs(TRUE)
out <- if (length(arguments)) arguments[1] else file.path(tempdir(check = TRUE), "report-check")
dir.create(out, showWarnings = FALSE, recursive = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))

missing <- c(if (!requireNamespace("rmarkdown", quietly = TRUE)) "rmarkdown", if (Sys.which("pandoc") == "") "pandoc", if (Sys.which("node") == "") "node",
             if (Sys.which(Sys.getenv("CHROMIUM", "chromium")) == "") "chromium")
if (length(missing)) {
  cat("-- missing:", missing, "\n")
  quit(status = 2, save = "no")
}

quietly <- function(x) suppressMessages(suppressWarnings(x))
survey <- transform(inflation_survey, village = rep_len(1:24, nrow(inflation_survey)))
told <- function(data = survey, ...) quietly(info_experiment(data, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told, ...))
arms <- simulate_experiment(1500, signal = c(low = 7, high = 11), seed = 1)
three <- quietly(info_experiment(arms, belief = ~ posterior, prior = ~ prior, signal = list(low = 7, high = 11), arm = ~ arm))
odd <- stats::setNames(survey, sub("^posterior$", "a<b> & \"c\"", names(survey)))
strange <- quietly(info_experiment(odd, belief = "a<b> & \"c\"", prior = ~ prior, signal = 5, arm = ~ told))
fits <- quietly(list(
  told = miv(pay_claim ~ age + female | region, told()), clustered = miv(pay_claim ~ age, told(cluster = ~ village)), arms = miv(outcome ~ age, three),
  arm = miv(pay_claim ~ age, told(), exposure = "arm"), labels = miv(pay_claim ~ age, strange), outcomes = miv(c(pay_claim, learning_rate) ~ age, told()),
  tsls = tsls(mpg ~ gear | hp ~ wt + qsec, mtcars)))

faults <- 0
pages <- file.path(out, paste0(names(fits), ".html"))
for (i in seq_along(fits)) {
  seconds <- system.time(miv_report(fits[[i]], pages[i], resample = if (names(fits)[i] == "clustered") c("wild", "permutation")))[["elapsed"]]
  text <- readLines(pages[i], warn = FALSE)
  failed <- sum(grepl("class=\"refused fault\"", text))
  faults <- faults + failed
  cat(sprintf("%s: %.1f s, %.0f kB%s\n", basename(pages[i]), seconds, file.size(pages[i]) / 1000, if (failed) sprintf("; %d parts failed", failed) else ""))
}
status <- system2("node", shQuote(c(file.path(here, "report_check.mjs"), out, pages)))
cat(sprintf("-- pages and screenshots: %s\n", out))
quit(status = if (status != 0 || faults > 0) 1 else 0, save = "no")

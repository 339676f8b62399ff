# Timings as ratios, in one run: to fixest and fereg, and to the machine's own bound (the bytes of the model's columns over the
# measured read bandwidth). Medians of interleaved runs. `Rscript bench/run.R [quick]`; bench/README.md says what each row means.
suppressPackageStartupMessages(library(miv))
options(warn = -1, miv.quiet = TRUE)
quick <- "quick" %in% commandArgs(TRUE)
runs <- if (quick) 3 else 11
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
progress <- function(...) cat(sprintf(...), "\n", file = stderr())
have <- function(package) requireNamespace(package, quietly = TRUE)

survey <- function(n, seed = 1) {
  set.seed(seed)
  d <- as.data.frame(replicate(6, stats::rnorm(n)))
  names(d) <- paste0("w", 1:6)
  d$prior <- stats::rnorm(n)
  d$t <- as.numeric(stats::runif(n) < 0.5)
  d$x <- d$prior - 0.5 * d$t * d$prior + d$w1 + stats::rnorm(n)
  d$y <- d$x + d$w2 + stats::rnorm(n)
  d$iv <- d$t * sign(-d$prior)
  d
}
model <- y ~ w1 + w2 + w3 + w4 + w5 + w6 | x ~ iv
controls <- y ~ w1 + w2 + w3 + w4 + w5 + w6
# The columns each door reads.
used <- list(tsls = c("y", "x", "iv", paste0("w", 1:6)), miv = c("y", "x", "prior", "t", paste0("w", 1:6)))

# Seconds of each call, interleaved: matrix of runs x calls. `times` calls make one run, for calls too short to time alone.
interleave <- function(calls, times = 1) {
  for (f in calls) f()
  t(vapply(seq_len(runs), function(i) {
    seconds <- rep(NA_real_, length(calls))
    names(seconds) <- names(calls)
    for (j in order((seq_along(calls) * (2 * i + 1) * 7) %% 11)) {   # nobody always runs behind the same other
      gc(FALSE)
      start <- Sys.time()
      for (k in seq_len(times)) calls[[j]]()
      seconds[[j]] <- as.numeric(Sys.time() - start, units = "secs") / times
    }
    seconds
  }, numeric(length(calls))))
}
middle <- function(m) apply(m, 2, stats::median)

fits <- function(d, threads) {
  options(miv.threads = threads)
  experiment <- info_experiment(d, belief = ~ x, prior = ~ prior, signal = 0, arm = ~ t)
  calls <- list(miv = function() summary(miv(controls, experiment, vcov = "HC1")), tsls = function() summary(tsls(model, d, vcov = "HC1")))
  if (have("fixest")) {
    fixest::setFixest_nthreads(threads)
    calls$fixest <- function() summary(fixest::feols(model, d, vcov = "hetero", notes = FALSE))
  }
  if (have("fereg")) calls$fereg <- function() fereg::feols(model, d, vcov = "hetero")
  calls
}

rows <- list()
add <- function(what, value, target = "") {
  rows[[length(rows) + 1]] <<- data.frame(what = what, value = value, target = target)
  progress("%-58s %10s  %s", what, value, target)
}
ratio_row <- function(t, ours, peer, target) {
  if (peer %in% names(t)) add(sprintf("%s / %s", peer, ours), sprintf("%.1f", t[[peer]] / t[[ours]]), target)
}

progress("compiling the bandwidth probe ...")
Rcpp::sourceCpp(file.path(here, "bandwidth.cpp"))

progress("n = 1e6, 8 regressors, HC1 and its summary (%d interleaved runs) ...", runs)
d <- survey(1e6)
# Seconds inside the compiled core: what is left of a call is R's evaluator reading the formula and naming the answer.
core_seconds <- new.env()
core_seconds$spent <- 0
local({
  namespace <- asNamespace("miv")
  plain <- get("tsls_cpp", namespace)
  timed <- function(...) {
    start <- proc.time()[["elapsed"]]
    on.exit(core_seconds$spent <- core_seconds$spent + proc.time()[["elapsed"]] - start)
    plain(...)
  }
  do.call("unlockBinding", list("tsls_cpp", namespace))
  assign("tsls_cpp", timed, namespace)
})
# Milliseconds tick too slowly for one call: the mean of a hundred.
seconds_in_core <- function(f) {
  core_seconds$spent <- 0
  for (i in 1:100) {
    gc(FALSE)
    f()
  }
  core_seconds$spent / 100
}

for (threads in 1:2) {
  calls <- fits(d, threads)
  bounds <- lapply(c(bound_tsls = "tsls", bound_miv = "miv"), function(door) {
    columns <- d[used[[door]]]
    function() read_seconds(columns, threads)
  })
  t <- middle(interleave(c(calls, bounds)))
  alone <- middle(interleave(c(calls[c("miv", "tsls")], bounds)))
  add(sprintf("threads: %d; miv(), tsls() (ms)", threads), sprintf("%.1f, %.1f", 1e3 * t[["miv"]], 1e3 * t[["tsls"]]))
  for (ours in c("miv", "tsls")) {
    ratio_row(t, ours, "fixest", if (threads == 2) ">= 40" else "")
    ratio_row(t, ours, "fereg", if (threads == 2) ">= 5" else "")
    bytes <- 8 * length(used[[ours]]) * nrow(d)
    for (company in list(list(t, "among the peers"), list(alone, "on a quiet machine"))) {
      bound <- company[[1]][[paste0("bound_", ours)]]
      add(sprintf("%s / bound (%.0f MB at %.0f GB/s), %s", ours, 1e-6 * bytes, 1e-9 * bytes / bound, company[[2]]),
          sprintf("%.1f", company[[1]][[ours]] / bound), if (threads == 2) "<= 6" else "")
    }
    add(sprintf("its compiled core alone / bound, on a quiet machine"), sprintf("%.1f", seconds_in_core(calls[[ours]]) / bound))
  }
}

progress("n = 2,000 ...")
t <- middle(interleave(fits(d[1:2000, ], 2), times = 50))
add("n = 2,000; miv(), tsls() (ms)", sprintf("%.2f, %.2f", 1e3 * t[["miv"]], 1e3 * t[["tsls"]]))
for (ours in c("miv", "tsls")) ratio_row(t, ours, "fereg", ">= 1")

progress("growth with n ...")
options(miv.threads = 2)
sizes <- if (quick) c(1e5, 1e6) else c(1e5, 1e6, 1e7)
per_row <- vapply(sizes, function(n) {
  d <- if (n == 1e6) d else survey(n)
  stats::median(vapply(seq_len(runs), function(i) system.time(tsls(model, d, vcov = "HC1"))[["elapsed"]], 0)) / n
}, 0)
add(sprintf("ns a row at n = %s", paste(format(sizes, scientific = TRUE), collapse = ", ")), paste(sprintf("%.1f", 1e9 * per_row), collapse = ", "), "flat")

# Peak memory beyond the data, in a process of its own: the high-water mark is reset before the fit (Linux).
memory_of <- function(door, n) {
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script))
  survey_text <- paste(deparse(survey), collapse = "\n")
  writeLines(c("suppressPackageStartupMessages(library(miv)); options(warn = -1, miv.quiet = TRUE)", paste("survey <-", survey_text),
    sprintf("d <- survey(%g)", n), if (door == "miv") "e <- info_experiment(d, belief = ~ x, prior = ~ prior, signal = 0, arm = ~ t)",
    "invisible(gc()); status <- function(what) as.numeric(gsub('[^0-9]', '', grep(what, readLines('/proc/self/status'), value = TRUE))) / 1024",
    "small <- survey(1000); invisible(tsls(y ~ w1 | x ~ iv, small)); invisible(gc())",
    "writeLines('5', '/proc/self/clear_refs'); before <- status('VmRSS')",
    switch(door, miv = sprintf("fit <- miv(%s, e, vcov = 'HC1')", deparse(controls)), tsls = sprintf("fit <- tsls(%s, d, vcov = 'HC1')", deparse(model)),
           probe = "fit <- rep(1, 50 * 2^17)"),
    if (door != "probe") "invisible(summary(fit))", "cat(status('VmHWM') - before)"), script)
  as.numeric(system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE))
}
if (file.exists("/proc/self/clear_refs")) {
  progress("memory ...")
  n <- if (quick) 1e6 else 1e7
  add("the same reading for a vector of 50 MB", sprintf("%.0f", memory_of("probe", n)))
  for (door in c("tsls", "miv")) add(sprintf("%s(): peak memory beyond the data at n = %g (MB)", door, n), sprintf("%.0f", memory_of(door, n)), "< 100")
}

cpu <- tryCatch(sub(".*: ", "", grep("model name", readLines("/proc/cpuinfo"), value = TRUE)[1]), error = function(e) "unknown")
cat(sprintf("\n%s; %d cores; R %s; miv %s%s\n", cpu, parallel::detectCores(), getRversion(), utils::packageVersion("miv"),
            paste0(vapply(Filter(have, c("fixest", "fereg")), function(p) sprintf("; %s %s", p, utils::packageVersion(p)), ""), collapse = "")))
table <- do.call(rbind, rows)
cat(sprintf("%-62s %12s  %s\n", table$what, table$value, table$target), sep = "")

# Inference in time: our draws and covariances beside those of other packages, and beside what the machine could do at best.
#   Rscript bench/inference.R [quick]      writes bench/inference.md; bench/README.md says what the bounds are
suppressPackageStartupMessages(library(miv))
options(warn = -1, miv.quiet = TRUE, miv.progress = FALSE)
quick <- "quick" %in% commandArgs(TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
have <- function(package) requireNamespace(package, quietly = TRUE)
threads <- getOption("miv.threads", 2L)
internal <- asNamespace("miv")
Rcpp::sourceCpp(file.path(here, "bandwidth.cpp"))

# Eight regressors: a constant, six controls, the belief; one instrument. G = n: people.
survey <- function(n, G) {
  set.seed(n + G)
  d <- as.data.frame(replicate(6, stats::rnorm(n)))
  names(d) <- paste0("w", 1:6)
  d$g <- if (G < n) sample(G, n, TRUE) else seq_len(n)
  shock <- stats::rnorm(n) + if (G < n) stats::rnorm(G)[d$g] else 0
  d$prior <- stats::rnorm(n)
  d$t <- as.numeric(stats::runif(n) < 0.5)
  d$x <- d$prior - 0.5 * d$t * d$prior + d$w1 + 0.5 * shock + stats::rnorm(n)
  d$iv <- -d$t * d$prior
  d$y <- d$x + d$w2 + shock
  d
}
model <- y ~ w1 + w2 + w3 + w4 + w5 + w6 | x ~ iv
controls <- y ~ w1 + w2 + w3 + w4 + w5 + w6
for_ivreg <- y ~ x + w1 + w2 + w3 + w4 + w5 + w6 | iv + w1 + w2 + w3 + w4 + w5 + w6
columns <- 9                  # read by the fit: outcome, belief, instrument, six controls; the clusters' ids are half a column
basis <- 8; width <- 10       # controls and instrument; and belief and outcome

seconds <- function(f) { gc(FALSE); start <- Sys.time(); f(); as.numeric(Sys.time() - start, units = "secs") }
# Medians of interleaved runs of several calls; what takes long is run less often.
medians <- function(calls, runs = if (quick) 3 else 7) {
  first <- vapply(calls, seconds, 0)
  runs <- if (max(first) > 20) 1 else if (max(first) > 3) 3 else runs
  t <- matrix(vapply(seq_len(runs), function(i) vapply(calls, seconds, 0), first), nrow = length(calls))
  stats::setNames(apply(t, 1, stats::median), names(calls))
}

rows <- character()
say <- function(...) { rows <<- c(rows, sprintf(...)); message(sprintf(...)) }
show <- function(s) if (s < 0.1) sprintf("%.3g ms", 1000 * s) else sprintf("%.3g s", s)

# ---- the machine ----
rate <- stats::median(replicate(9, internal$measure_rate_cpp()))
bytes <- as.numeric(1:1.2e7)
bandwidth <- 8 * length(bytes) / stats::median(vapply(1:9, function(i) read_seconds(list(bytes), threads), 0))
rm(bytes)
read_time <- function(n, clustered) 8 * n * (columns + if (clustered) 0.5 else 0) / bandwidth
work_time <- function(flops) flops / (rate * threads)
block <- basis * width - basis * (basis - 1) / 2     # numbers per unit: q times (q, belief, outcome)
bound <- function(scheme, n, G, R) {
  if (scheme == "permutation") return(read_time(n, FALSE) + work_time(n * R * (2 * (2 * 7 + 10))))
  units <- min(G, n)
  extended <- 3
  per_unit <- if (scheme == "wild") (basis) * extended + extended * basis + 9 else block
  read_time(n, G < n) + work_time(2 * n * block) + work_time(2 * units * R * per_unit)
}

say("# Inference: times and ratios")
say("")
say("`Rscript bench/inference.R%s` on %s. %d threads; read bandwidth %.1f GB/s, %.1f billion multiplications and additions a second and thread; %s.", if (quick) " quick" else "", Sys.Date(), threads, bandwidth / 1e9, rate / 1e9,
    trimws(sub("^model name\\s*:", "", grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)[1])))
say("Medians of interleaved runs, whole calls from R; eight regressors (a constant, six controls, the belief), one instrument.")
say("")

# ---- covariances beside peers ----
say("| covariance | n | G | miv | ivreg + sandwich | clubSandwich | fixest | estimatr |")
say("|:---|---:|---:|---:|---:|---:|---:|---:|")
covariance_row <- function(type, n, G) {
  d <- survey(n, G)
  fit <- tsls(model, d, vcov = ~ g)
  calls <- list(miv = function() tidy(fit, vcov = CR(~ g, type)))
  if (have("ivreg")) {
    peer <- ivreg::ivreg(for_ivreg, data = d)
    if (type == "CR1" && have("sandwich")) calls$sandwich <- function() sandwich::vcovCL(peer, d$g, type = "HC1")
    if (type != "CR1" && have("clubSandwich") && n <= 1e5) calls$clubSandwich <- function() clubSandwich::coef_test(peer, vcov = type, cluster = d$g, test = if (type == "CR2") "Satterthwaite" else "naive-t")
  }
  if (type == "CR1" && have("fixest")) {
    fe <- fixest::feols(model, d, notes = FALSE)
    calls$fixest <- function() summary(fe, vcov = ~ g)
  }
  if (have("estimatr") && n <= 1e5 && type != "CR3") calls$estimatr <- function() estimatr::iv_robust(for_ivreg, d, clusters = g, se_type = if (type == "CR1") "stata" else "CR2")
  t <- medians(calls)
  cell <- function(name) if (name %in% names(t)) sprintf("%s (%.3g x)", show(t[[name]]), t[[name]] / t[["miv"]]) else ""
  say("| %s | %s | %s | %s | %s | %s | %s | %s |", type, format(n, big.mark = ",", scientific = FALSE), format(G, big.mark = ","), show(t[["miv"]]), cell("sandwich"), cell("clubSandwich"), cell("fixest"), cell("estimatr"))
}
covariance_row("CR1", 1e4, 50); covariance_row("CR1", 1e5, 1000); if (!quick) covariance_row("CR1", 1e6, 1000)
covariance_row("CR2", 2000, 20); covariance_row("CR2", 1e4, 50); covariance_row("CR2", 1e4, 1000); covariance_row("CR3", 1e4, 50)
if (!quick) covariance_row("CR2", 1e6, 10000)
say("")
say("In brackets how many times our time. estimatr fits again; the others start from a fit.")
say("")

# ---- a replicate beside peers ----
say("| one bootstrap replicate of clusters | n | G | miv | sandwich::vcovBS | fixest, refitted | fereg, refitted |")
say("|:---|---:|---:|---:|---:|---:|---:|")
replicate_row <- function(n, G) {
  d <<- survey(n, G)      # vcovBS() fits again by the name of the data
  fit <- tsls(model, d, vcov = ~ g)
  R <- 9999
  ours <- medians(list(miv = function() resample(fit, "pairs", R = R, seed = 1)))[[1]] / R
  few <- if (n >= 1e5) 2 else 20
  by <- split(seq_len(n), d$g)
  again <- function(f) function() for (r in seq_len(few)) f(d[unlist(by[sample(length(by), length(by), TRUE)], use.names = FALSE), ])
  calls <- list()
  if (have("ivreg") && have("sandwich")) {
    library(sandwich)
    peer <- ivreg::ivreg(for_ivreg, data = d)
    calls$vcovBS <- function() vcovBS(peer, cluster = d$g, R = few)
  }
  if (have("fixest")) calls$fixest <- again(function(e) fixest::feols(model, e, notes = FALSE))
  if (have("fereg")) calls$fereg <- again(function(e) fereg::feols(model, e))
  t <- if (length(calls)) medians(calls, 3) / few
  cell <- function(name) if (name %in% names(t)) sprintf("%s (%s x)", show(t[[name]]), format(signif(t[[name]] / ours, 2), big.mark = ",", scientific = FALSE)) else ""
  say("| R = 9,999 | %s | %s | %.3g us | %s | %s | %s |", format(n, big.mark = ",", scientific = FALSE), format(G, big.mark = ","), 1e6 * ours, cell("vcovBS"), cell("fixest"), cell("fereg"))
}
replicate_row(1e4, 50); replicate_row(1e5, 1000); if (!quick) replicate_row(1e6, 1000)
say("")

# ---- every scheme beside the bound ----
say("| scheme | n | drawn | R | time | bound | time / bound | draws a second |")
say("|:---|---:|---:|---:|---:|---:|---:|---:|")
scheme_row <- function(scheme, n, G, R, fit = NULL) {
  d <- survey(n, G)
  fit <- if (scheme == "permutation") miv(controls, info_experiment(d, belief = ~ x, prior = ~ prior, signal = 0, arm = ~ t), exposure = "gap") else tsls(model, d, vcov = if (G < n) ~ g else "HC1")
  t <- medians(list(function() resample(fit, scheme, R = R, seed = 1)))[[1]]
  b <- bound(scheme, n, G, R)
  say("| %s | %s | %s | %s | %s | %s | %.1f | %s |", scheme, format(n, big.mark = ",", scientific = FALSE), if (G < n) paste(format(G, big.mark = ","), "clusters") else if (scheme == "permutation") "arms" else "people",
      format(R, big.mark = ",", scientific = FALSE), show(t), show(b), t / b, format(signif(R / t, 2), big.mark = ",", scientific = FALSE))
}
for (scheme in c("pairs", "bayesian", "wild")) {
  for (G in c(20, 1000)) for (n in if (quick) c(1e4, 1e6) else c(1e4, 1e5, 1e6)) scheme_row(scheme, n, G, 9999)
  scheme_row(scheme, 2000, 2000, 9999)
}
if (!quick) {
  for (R in c(999, 99999)) for (scheme in c("pairs", "wild")) { scheme_row(scheme, 1e4, 20, R); scheme_row(scheme, 1e5, 1000, R) }
  scheme_row("pairs", 1e4, 1e4, 9999); scheme_row("bayesian", 1e4, 1e4, 9999); scheme_row("wild", 1e4, 1e4, 999); scheme_row("pairs", 1e5, 1e5, 999)
}
scheme_row("wild", 1e4, 50, 9999)
scheme_row("permutation", 2000, 2000, 9999); scheme_row("permutation", 1e4, 1e4, 9999)
if (!quick) { scheme_row("permutation", 1e5, 1e5, 9999); scheme_row("permutation", 1e5, 1e5, 999) }
say("")
say("Wild and permutation include the interval by inversion.")
writeLines(rows, file.path(here, "inference.md"))

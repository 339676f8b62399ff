# Rejection rates of a true null at 5 %: where each method holds, and where it breaks.
#   Rscript bench/size.R                       every cell below, 2,000 draws each (about an hour on two cores)
#   Rscript bench/size.R people-F5 [draws]     one cell, by its name; bench/size.md is made again from bench/size.csv
# Passive design, signal 0: prior ~ N(0, 1), the told move a share of the way to the signal, beliefs are measured again with noise whose size sets the
# first-stage F; the outcome is effect x belief + error, the error correlated 0.6 with that noise. Effects have mean 0 (the null) and standard deviation `spread`, so the
# weighted mean is 0 too. G = 0: people are drawn; else sessions of equal size share part of the error and, under "by", the arm.
library(miv)
options(miv.quiet = TRUE, miv.threads = 1, miv.progress = FALSE, warn = -1)

cell <- function(name, n, G = 0, F, share = 0.5, spread = 0, by = FALSE, exposure = "sign", skew = FALSE) {
  data.frame(name, n, G, F, share, spread, by, exposure, skew)
}
cells <- rbind(
  cell("people-F50", 1000, 0, 50), cell("people-F20", 1000, 0, 20), cell("people-F10", 1000, 0, 10), cell("people-F5", 1000, 0, 5), cell("people-F2", 1000, 0, 2),
  cell("people-small", 200, 0, 20), cell("people-large", 2000, 0, 50),
  cell("people-few-told", 400, 0, 20, share = 0.15), cell("people-few-told-unequal", 400, 0, 20, share = 0.15, spread = 1.5),
  cell("people-few-told-unequal-large", 2000, 0, 50, share = 0.15, spread = 1.5),
  cell("people-unequal-F20", 1000, 0, 20, spread = 1.5), cell("people-unequal-F5", 1000, 0, 5, spread = 1.5), cell("people-skewed", 200, 0, 20, skew = TRUE),
  cell("over-F20", 1000, 0, 20, exposure = "arm+sign"), cell("over-F2", 1000, 0, 2, exposure = "arm+sign"), cell("over-unequal", 1000, 0, 20, spread = 1.5, exposure = "arm+sign"),
  cell("sessions50", 1000, 50, 30), cell("sessions20", 1000, 20, 30), cell("sessions12", 600, 12, 30), cell("sessions6", 600, 6, 30),
  cell("sessions12-F5", 600, 12, 5), cell("sessions20-unequal", 1000, 20, 30, spread = 1.5),
  cell("by-sessions50", 1000, 50, 20, by = TRUE), cell("by-sessions20", 1000, 20, 20, by = TRUE), cell("by-sessions12", 600, 12, 20, by = TRUE), cell("by-sessions6", 600, 6, 20, by = TRUE),
  cell("by-sessions20-few-told", 1000, 20, 20, share = 0.15, by = TRUE), cell("by-sessions12-F3", 600, 12, 3, by = TRUE),
  cell("by-sessions20-unequal", 1000, 20, 20, spread = 1.5, by = TRUE), cell("by-sessions20-few-told-unequal", 1000, 20, 20, share = 0.15, spread = 1.5, by = TRUE))

one_sample <- function(c) {
  units <- if (c$by) c$G else c$n
  session <- if (c$G) rep(seq_len(c$G), length.out = c$n) else seq_len(c$n)
  drawn <- sample(rep(0:1, c(units - round(c$share * units), round(c$share * units))))
  told <- if (c$by) drawn[session] else drawn
  prior <- stats::rnorm(c$n)
  rate <- stats::rbeta(c$n, 2, 2)
  noise_sd <- sqrt(c$n * c$share * (1 - c$share) * (0.5 * sqrt(2 / pi))^2 / c$F)
  shock <- if (c$skew) stats::rexp(c$n) - 1 else stats::rnorm(c$n)
  common <- if (c$G) stats::rnorm(c$G, sd = 0.6)[session] else 0
  noise <- noise_sd * (0.6 * shock + 0.8 * stats::rnorm(c$n) + 0.5 * common)
  belief <- prior - told * rate * prior + noise
  outcome <- c$spread * stats::rnorm(c$n) * belief + 0.5 * prior + shock + common
  data.frame(prior, told, belief, outcome, session)
}

reject <- function(c, seed) {
  set.seed(seed)
  d <- one_sample(c)
  experiment <- info_experiment(d, belief = ~ belief, prior = ~ prior, signal = 0, arm = ~ told, cluster = if (c$G) ~ session)
  fit <- miv(outcome ~ prior, experiment, exposure = c$exposure)
  p <- function(vcov = NULL, scores = NULL) tidy(fit, vcov = vcov, scores = scores)$p.value[1]
  drawn <- function(scheme, ...) tryCatch(resample(fit, scheme, R = 199, seed = seed, interval = FALSE, ...)$p.value[[1]], error = function(e) NA)
  set <- function(fit) { s <- anderson_rubin(fit); !any(s$lower <= 0 & s$upper >= 0) }
  clustered <- c$G > 0
  strength <- glance(fit)$first_stage_F
  c(F = strength,
    HC1 = p("HC1") <= .05, HC3 = if (!clustered) p("HC3") <= .05 else NA, het = if (c$exposure == "arm+sign") p(scores = "heterogeneous") <= .05 else NA,
    CR1 = if (clustered) p() <= .05 else NA, CR2 = if (clustered) p(CR(~ session, "CR2")) <= .05 else NA, CR3 = if (clustered) p(CR(~ session, "CR3")) <= .05 else NA,
    AR = set(fit), pairs = drawn("pairs") <= .05, bayesian = drawn("bayesian") <= .05, wild = drawn("wild") <= .05,
    webb = if (clustered) drawn("wild", points = "webb") <= .05 else NA, permutation = drawn("permutation") <= .05)
}

run_cell <- function(c, draws) {
  first <- 1e6 * match(c$name, cells$name)
  rates <- parallel::mclapply(seq_len(draws), function(i) reject(c, first + i), mc.cores = 2, mc.preschedule = TRUE)
  m <- do.call(rbind, rates)
  shares <- colMeans(m[, -1], na.rm = TRUE)
  cbind(c, draws = draws, median_F = stats::median(m[, "F"]), as.data.frame(as.list(round(shares, 4))), lost = sum(is.na(m[, c("AR", "pairs", "wild", "permutation")])))
}

table_row <- function(r) {
  shown <- function(x) ifelse(is.na(x), "", sprintf("%.1f", 100 * x))
  rates <- r[c("HC1", "HC3", "het", "CR1", "CR2", "CR3", "AR", "pairs", "bayesian", "wild", "webb", "permutation")]
  paste0("| ", paste(c(r$name, r$n, ifelse(r$G > 0, r$G, "people"), sprintf("%.1f", r$median_F), r$share, r$spread, vapply(rates, shown, "")), collapse = " | "), " |")
}

write_table <- function(all, path) {
  all <- all[order(match(all$name, cells$name)), ]
  head <- c("# Rejection rates of a true null at 5 %, in percent", "",
    sprintf("`Rscript bench/size.R`, any cell alone by its name. %s draws a cell (Monte Carlo error of 5 %% with 2,000 draws: 0.5), R = 199 in the resampling methods. F is the median of the first-stage F with the fit's covariance;", format(max(all$draws), big.mark = ",")),
    "share the told; spread the standard deviation of belief effects (their mean is 0, the null). Cells are defined in bench/size.R.", "",
    "| cell | n | drawn | F | share | spread | HC1 | HC3 | het. scores | CR1 | CR2 | CR3 | AR | pairs | Bayesian | wild | wild, Webb | permutation |",
    paste0("|:---|", strrep("---:|", 17)))
  writeLines(c(head, vapply(seq_len(nrow(all)), function(i) table_row(all[i, ]), "")), path)
}

arguments <- commandArgs(TRUE)
draws <- as.integer(c(grep("^[0-9]+$", arguments, value = TRUE), 2000)[1])
names <- setdiff(arguments, as.character(draws))
if (!all(names %in% cells$name)) stop("cells are: ", paste(cells$name, collapse = ", "))
if (length(names) == 0) names <- cells$name
for (name in names) {
  started <- proc.time()[["elapsed"]]
  row <- run_cell(cells[cells$name == name, ], draws)
  all <- if (file.exists("bench/size.csv")) utils::read.csv("bench/size.csv") else NULL
  all <- rbind(all[all$name != name, ], row)
  utils::write.csv(all, "bench/size.csv", row.names = FALSE)
  write_table(all, "bench/size.md")
  message(sprintf("%s: %d draws in %.0f s", name, draws, proc.time()[["elapsed"]] - started))
}

# Coverage of the interval of the negative weight: Rscript bench/coverage.R [draws = 2000] [file = bench/coverage.md]
# Two sides of the signal; those on side +1 move by 1, those on side -1 by -delta, so that `arm` gives side -1 the weight -delta / (1 - delta). Under `kinds` each side
# is cut into two cells at random, half the weight each. Beliefs are skewed, 40 % are told. `t` is the distance of the cell weight of side -1 from 0 in standard errors.
library(miv)
arguments <- commandArgs(TRUE)
draws <- if (length(arguments) > 0) as.integer(arguments[1]) else 2000L
file <- if (length(arguments) > 1) arguments[2] else "bench/coverage.md"
options(miv.quiet = TRUE, miv.threads = 1, warn = -1)

one_sample <- function(n, delta) {
  prior <- stats::rnorm(n)
  told <- stats::rbinom(n, 1, 0.4)
  side <- ifelse(prior < 0, 1, -1)
  d <- data.frame(prior, told, belief = 0.3 * prior + told * ifelse(side > 0, 1, -delta) + (stats::rexp(n) - 1) / 2, kind = stats::rbinom(n, 1, 0.5), village = rep(seq_len(n / 4), 4))
  d$outcome <- d$belief + stats::rnorm(n)
  d
}

cover <- function(design, draws) {
  truth <- design$delta / (1 - design$delta)
  by <- switch(design$cells, side = "side", kinds = ~ interaction(sign(-prior), kind))
  hits <- t(vapply(seq_len(draws), function(i) {
    d <- one_sample(design$n, design$delta)
    x <- info_experiment(d, belief = ~ belief, prior = ~ prior, signal = 0, arm = ~ told)
    fit <- miv(outcome ~ 1, x, exposure = "arm", vcov = if (design$clustered) ~ village)
    w <- effect_weights(fit, by = by, draws = 999)
    clear <- grepl("^two", w$interval_kind)
    far <- min(abs(w$cells$weight) / w$cells$weight.std.error)
    c(covers = w$interval[1] <= truth && truth <= w$interval[2], clear = clear, covers_clear = if (clear) w$interval[1] <= truth && truth <= w$interval[2] else NA, far = far,
      length = diff(w$interval))
  }, numeric(5)))
  data.frame(design[c("cells", "n", "clustered", "t")], delta = round(design$delta, 3), distance = round(stats::median(hits[, "far"]), 1), two_sided = mean(hits[, "clear"]),
             rule_covers = mean(hits[, "covers"]), two_sided_covers = mean(hits[, "covers_clear"], na.rm = TRUE))
}

# delta at which the weight of a cell on side -1 lies t standard errors from 0; `each`: cells per side.
delta_at <- function(t, n, each = 1) {
  error <- sqrt((0.25 + 0.09 * 0.36) / (0.24 * n / 2))   # of the move of one side
  distance <- function(delta) delta * (1 - delta) / (error * sqrt(each * (1 + delta^2)))
  if (t == 0) 0 else stats::uniroot(function(delta) distance(delta) - t, c(0, 0.45))$root
}
new_design <- function(cells, n, clustered, t) list(cells = cells, n = n, clustered = clustered, t = t, delta = delta_at(t, n, if (cells == "side") 1 else 2))
designs <- c(lapply(0:3, function(t) new_design("side", 600, FALSE, t)),
             list(new_design("side", 2000, FALSE, 5.5), new_design("side", 2000, TRUE, 5.5), new_design("kinds", 4000, FALSE, 5.5)))
set.seed(20)
rows <- do.call(rbind, lapply(designs, function(design) {
  row <- cover(design, draws)
  print(row)
  row
}))
table <- c("| cells | people | clustered | t | delta | median distance of the nearest weight (SE) | two-sided in | the rule covers | two-sided ones cover |", "|---|---|---|---|---|---|---|---|---|",
           sprintf("| %s | %d | %s | %.1f | %.3f | %.1f | %.1f %% | %.1f %% | %.1f %% |", rows$cells, as.integer(rows$n), ifelse(rows$clustered, "yes", "no"), rows$t, rows$delta, rows$distance, 100 * rows$two_sided,
                   100 * rows$rule_covers, 100 * rows$two_sided_covers))
writeLines(c("# Coverage of the interval of the negative weight", "", sprintf("`Rscript bench/coverage.R`, %d draws of every design, 999 draws inside each, nominal 95 %%.", draws), "", table), file)

# The figure of README.md: man/figures/README-problem.png. Run from the top, with miv installed: Rscript tools/readme_figure.R
library(miv)
options(miv.quiet = TRUE)
experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior, signal = 5, arm = ~ told)
side <- with(inflation_survey, sign(5 - prior))
truth <- function(rows) with(inflation_survey[rows, ], weighted.mean(belief_effect, abs(update)))
estimate <- function(exposure) unlist(tidy(miv(pay_claim ~ 1, experiment, exposure = exposure))[1, c("estimate", "conf.low", "conf.high")])
rows <- rbind(
  "true effect, prior below 5 percent" = rep(truth(side == 1), 3),
  "true effect, prior above 5 percent" = rep(truth(side == -1), 3),
  "2SLS with the arm" = estimate("arm"),
  "miv: arm x side" = estimate("sign"))
png("man/figures/README-problem.png", width = 1500, height = 600, res = 150)
par(mar = c(3.4, 18, 2.2, 1), mgp = c(2.1, 0.6, 0), las = 1)
at <- nrow(rows):1
plot(NA, xlim = c(-0.35, 0.75), ylim = c(0.6, nrow(rows) + 0.4), yaxt = "n", ylab = "", bty = "n",
     xlab = "points of pay claim per point of expected inflation")
rect(rows[2, 1], 0, rows[1, 1], nrow(rows) + 1, col = "grey92", border = NA)
abline(v = 0, col = "grey60")
segments(rows[, 2], at, rows[, 3], at, lwd = 3, col = c("black", "black", "#D55E00", "#0072B2"))
points(rows[, 1], at, pch = c(18, 18, 1, 19), cex = 1.6, lwd = 2, col = c("black", "black", "#D55E00", "#0072B2"))
axis(2, at, rownames(rows), tick = FALSE)
title("Effect of expected inflation on pay claims", adj = 0, cex.main = 1)
text(mean(rows[1:2, 1]), 2, "between the two\ngroups' true effects", col = "grey35", cex = 0.85)
invisible(dev.off())

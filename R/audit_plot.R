# Figures of an audit. The numbers are made with the audit, so that it keeps no person's row; here they are drawn.

#' Figures of an audit
#'
#' `"first_stage"`: how far beliefs move by bin of the gap (tenths of the complete people), told and untold. The vertical axis is the mean of belief less prior, with
#' 95 percent intervals (by cluster
#' where there are clusters). The told lie between the zero line (nobody moves) and the 45-degree line (everybody ends at the signal) where people move toward it
#' part of the way; the untold
#' show drift. In active designs the gap is that between signals and there is no 45-degree line; under `units = "other"` the axis is the mean belief itself.
#'
#' `"distributions"`: cumulative shares of prior and belief by arm. The priors' lines should lie on each other; a jump in the belief is heaping, mostly at the
#' signal, whose place is
#' the dotted line where it is one number.
#'
#' @param x,object From [audit()].
#' @param which `"first_stage"` or `"distributions"`.
#' @param ... Nothing; misspelt arguments are refused.
#' @return A ggplot (drawn when printed) with alt text; needs ggplot2.
#' @section Errors: `miv_error_needs_ggplot2`, `miv_error_unknown_figure`, `miv_error_no_figure` for an audit whose rows were taken apart.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' checks <- audit(experiment)
#' if (requireNamespace("ggplot2", quietly = TRUE)) {
#'   plot(checks)
#'   plot(checks, which = "distributions")
#' }
#' @export
plot.miv_audit <- function(x, which = "first_stage", ...) {
  check_dots(dot_names(...), "which")
  draw_audit(x, which)
}

#' @rdname plot.miv_audit
#' @exportS3Method ggplot2::autoplot
autoplot.miv_audit <- function(object, which = "first_stage", ...) {
  check_dots(dot_names(...), "which")
  draw_audit(object, which)
}

draw_audit <- function(x, which) {
  check_choice(which, c("first_stage", "distributions"), "figure")
  check_ggplot2("The figure of an audit")
  panels <- attr(x, "panels")
  if (is.null(panels)) abort_miv("no_figure", "The audit has lost what its figures are made of, as `[` and merge() do; plot what audit() returned.")
  if (which == "first_stage") draw_gap_bins(panels) else draw_distributions(panels)
}

# ---- numbers ----

kGapBins <- 10
kCurvePoints <- 400

audit_panels <- function(people) {
  experiment <- people$experiment
  list(bins = do.call(rbind, lapply(seq_along(people$gaps), gap_bins, people = people)), curves = belief_curves(people), signals = constant_signals(experiment),
       arms = experiment$arm$levels,
       several = length(experiment$arm$informed) > 1, belief = experiment$roles$belief$label, prior = experiment$roles$prior$label,
       same_units = people$same_units, passive = people$passive,
       clustered = !is.null(people$cluster))
}

# Mean of belief less prior by bin of the gap and arm; bins with fewer than two people of an arm have no interval.
gap_bins <- function(a, people) {
  rows <- which(people$complete & people$index %in% c(1, a + 1))
  gap <- people$gaps[[a]][rows]
  breaks <- unique(stats::quantile(gap, seq(0, 1, length.out = kGapBins + 1), names = FALSE, type = 1))
  bin <- findInterval(gap, breaks, rightmost.closed = TRUE)
  y <- people$belief[rows] - (if (people$same_units) people$prior[rows] else 0)
  told <- people$index[rows] == a + 1
  cells <- split(seq_along(rows), 2L * bin + told)
  out <- do.call(rbind, lapply(cells, function(at) {
    w <- people$weight[rows][at]
    cbind(gap = stats::weighted.mean(gap[at], w), told = told[at[1]], mean_interval(y[at], w, people$cluster[rows][at], 0.95))
  }))
  cbind(informed = people$experiment$arm$informed[a], out, row.names = NULL)
}

# Cumulative shares of prior and belief by arm, at so many points at most.
belief_curves <- function(people) {
  rows <- which(people$complete)
  one <- function(what, x, j) {
    at <- rows[people$index[rows] == j]
    points <- unique(stats::quantile(x[at], seq(0, 1, length.out = kCurvePoints), names = FALSE, type = 1))
    w <- people$weight[at]
    share <- rowsum(w, findInterval(x[at], points, left.open = TRUE) + 1L)
    full <- replace(numeric(length(points) + 1), as.integer(rownames(share)), share)
    ends <- range(x[rows])
    data.frame(what = what, arm = people$experiment$arm$levels[j], value = c(ends[1], points, ends[2]), share = c(0, cumsum(full)[seq_along(points)] / sum(w), 1))
  }
  arms <- seq_along(people$experiment$arm$levels)
  do.call(rbind, c(lapply(arms, function(j) one("prior", people$prior, j)), lapply(arms, function(j) one("belief", people$belief, j))))
}

# ---- first stage by gap ----

draw_gap_bins <- function(panels) {
  .data <- ggplot2::.data
  bins <- panels$bins
  legend <- c("base arm", if (panels$several) "informed arm" else sprintf("arm %s (told)", panels$arms[2]))
  if (!panels$several) legend[1] <- sprintf("arm %s (%s)", panels$arms[1], if (panels$passive) "told nothing" else "base")
  bins$arm <- factor(legend[bins$told + 1], legend)
  bins$panel <- factor(paste("Arm", bins$informed), unique(paste("Arm", bins$informed)))
  line <- panels$same_units && panels$passive
  span <- max(bins$gap) - min(bins$gap)
  bins$gap <- bins$gap + (bins$told - 0.5) * 0.012 * span   # side by side
  ggplot2::ggplot(bins, ggplot2::aes(.data$gap, .data$mean, colour = .data$arm, shape = .data$arm, fill = .data$arm)) +
    (if (panels$same_units) ggplot2::geom_hline(yintercept = 0, colour = "grey40")) +
    (if (line) ggplot2::geom_abline(slope = 1, intercept = 0, linetype = "dashed", colour = "grey40")) +
    ggplot2::geom_vline(xintercept = 0, colour = "grey80") +
    ggplot2::geom_line(linewidth = 0.4) +
    ggplot2::geom_linerange(ggplot2::aes(ymin = .data$low, ymax = .data$high), na.rm = TRUE) +
    ggplot2::geom_point(size = 2.2) +
    (if (panels$several) ggplot2::facet_wrap("panel")) +
    arm_scales(legend) +
    ggplot2::labs(x = gap_title(panels), y = if (panels$same_units) sprintf("Mean of %s less %s", panels$belief, panels$prior) else sprintf("Mean of %s", panels$belief),
                  colour = NULL, shape = NULL, fill = NULL, title = "How far beliefs move, by gap", caption = gap_caption(panels, line), alt = gap_alt(panels, bins)) +
    audit_theme()
}

gap_title <- function(panels) if (panels$passive) "Gap: signal less prior, mean of the bin" else "Gap: signal of the arm less that of the base arm, mean of the bin"

gap_caption <- function(panels, line) {
  paste0("95% intervals", if (panels$clustered) " by cluster", ".", if (line) " Dashed: the 45-degree line, where beliefs end at the signal." else "",
         if (panels$same_units) " Solid: no change." else "")
}

gap_alt <- function(panels, bins) {
  ends <- function(told) { at <- bins[bins$told == told, ]; show_number(at$mean[c(which.min(at$gap), which.max(at$gap))], 3) }
  what <- if (panels$same_units) "belief less prior" else "belief"
  sprintf("Mean %s by bin of the gap. From the lowest to the highest bin the informed arm goes from %s, the base arm from %s.", what,
          paste(ends(1), collapse = " to "), paste(ends(0), collapse = " to "))
}

# ---- distributions ----

draw_distributions <- function(panels) {
  .data <- ggplot2::.data
  curves <- panels$curves
  arms <- paste("arm", panels$arms)
  curves$arm <- factor(paste("arm", curves$arm), arms)
  titles <- c(prior = sprintf("Prior: %s", panels$prior), belief = sprintf("Belief: %s", panels$belief))
  curves$panel <- factor(titles[curves$what], titles)
  signals <- if (panels$same_units) unique(panels$signals)
  ggplot2::ggplot(curves, ggplot2::aes(.data$value, .data$share, colour = .data$arm, linetype = .data$arm)) +
    (if (length(signals)) ggplot2::geom_vline(xintercept = signals, linetype = "dotted", colour = "grey30")) +
    ggplot2::geom_step(linewidth = 0.7) +
    ggplot2::facet_wrap("panel", scales = if (panels$same_units) "fixed" else "free_x") +
    ggplot2::scale_colour_manual(values = arm_colours(length(arms))) +
    ggplot2::scale_linetype_manual(values = rep_len(c("solid", "longdash", "dotdash", "twodash"), length(arms))) +
    ggplot2::scale_y_continuous(labels = function(v) sprintf("%.0f%%", 100 * v), limits = c(0, 1)) +
    ggplot2::labs(x = NULL, y = "Share of people at or below", colour = NULL, linetype = NULL, title = "What people believe, by arm",
                  caption = if (length(signals)) sprintf("Dotted: the signal (%s).", paste(signals, collapse = ", ")),
                  alt = curves_alt(curves, panels)) +
    audit_theme()
}

curves_alt <- function(curves, panels) {
  middle <- function(what) paste(vapply(panels$arms, function(arm) {
    at <- curves[curves$what == what & as.character(curves$arm) == paste("arm", arm), ]
    sprintf("%s in arm %s", show_number(at$value[which(at$share >= 0.5)[1]], 3), arm)
  }, ""), collapse = ", ")
  sprintf("Cumulative shares by arm. Median prior: %s. Median belief: %s.", middle("prior"), middle("belief"))
}

# ---- looks ----

# Okabe-Ito; the base arm first, and grey from the seventh arm on.
arm_colours <- function(n) c(kArmColours, "#009E73", "#CC79A7", "#000000", "#56B4E9", rep("#777777", 20))[seq_len(n)]

arm_scales <- function(legend) {
  list(ggplot2::scale_colour_manual(values = stats::setNames(kArmColours, legend)), ggplot2::scale_fill_manual(values = stats::setNames(kArmColours, legend)),
       ggplot2::scale_shape_manual(values = stats::setNames(kArmShapes, legend)))
}

audit_theme <- function() {
  ggplot2::theme_minimal() +
    ggplot2::theme(legend.position = "top", panel.grid.minor = ggplot2::element_blank(), plot.title = ggplot2::element_text(size = 12))
}

# The figure of an Anderson-Rubin set: numbers and words first, then ggplot2 or base graphics draw them.

#' @param x,object From `anderson_rubin()`.
#' @param ... Nothing: misspelt arguments are refused here.
#' @rdname anderson_rubin
#' @export
plot.miv_ar_set <- function(x, ...) {
  check_set_dots(dot_names(...), x, "x")
  if (has_ggplot2()) return(ggplot_ar(ar_figure(x)))
  base_ar(ar_figure(x))
}

#' @rdname anderson_rubin
#' @exportS3Method ggplot2::autoplot
autoplot.miv_ar_set <- function(object, ...) {
  check_set_dots(dot_names(...), object, "object")
  ggplot_ar(ar_figure(object))
}

# The statistic over twice the span of the finite ends; of the estimate and four units where there are none.
ar_curve <- function(x, points = 401) {
  parts <- attr(x, "parts")
  ends <- c(x$lower, x$upper)
  range <- range(c(parts$estimate, if (any(is.finite(ends))) ends[is.finite(ends)] else parts$estimate + c(-4, 4) * parts$unit))
  reach <- if (diff(range) > 0) diff(range) / 2 else abs(parts$unit)
  effect <- seq(range[1] - reach, range[2] + reach, length.out = points)
  statistic <- ar_wald(parts, effect)
  data.frame(effect = effect, statistic = statistic, inside = statistic <= ar_critical(parts, attr(x, "level")))
}

# Numbers and words of the figure.
ar_figure <- function(x) {
  parts <- attr(x, "parts")
  curve <- ar_curve(x)
  critical <- ar_critical(parts, attr(x, "level"))
  list(curve = curve, critical = critical, top = max(3 * critical, 1.2 * min(curve$statistic)), set = data.frame(lower = x$lower, upper = x$upper),
       estimate = data.frame(effect = parts$estimate, statistic = ar_wald(parts, parts$estimate)), axis = sprintf("Effect of %s on %s", parts$belief, parts$outcome),
       label = sprintf("%s%% critical value, %s", format(100 * attr(x, "level")), fixed(critical, 2)), title = sprintf("Anderson-Rubin set, %s%%", format(100 * attr(x, "level"))), words = attr(x, "words"))
}

kArAxis <- "Anderson-Rubin statistic (F)"

base_ar <- function(figure) {
  graphics::plot(figure$curve$effect, figure$curve$statistic, type = "n", ylim = c(0, figure$top), xlab = figure$axis, ylab = kArAxis, main = figure$title)
  panel <- graphics::par("usr")
  if (nrow(figure$set)) graphics::rect(pmax(figure$set$lower, panel[1]), panel[3], pmin(figure$set$upper, panel[2]), panel[4], col = "grey92", border = NA)
  graphics::lines(figure$curve$effect, figure$curve$statistic)
  graphics::abline(h = figure$critical, lty = 2)
  graphics::text(figure$curve$effect[1], figure$critical, figure$label, adj = c(0, -0.5), cex = 0.8)
  graphics::points(figure$estimate$effect, figure$estimate$statistic, pch = 19)
  graphics::mtext(figure$words, 3, 0.3, cex = 0.8)
  graphics::box()
  invisible(figure$curve)
}

ggplot_ar <- function(figure) {
  .data <- ggplot2::.data
  ggplot2::ggplot(figure$curve, ggplot2::aes(x = .data$effect, y = .data$statistic)) +
    ggplot2::geom_rect(ggplot2::aes(xmin = .data$lower, xmax = .data$upper, ymin = -Inf, ymax = Inf), figure$set, inherit.aes = FALSE, fill = kPositive, alpha = 0.15) +
    ggplot2::geom_line(colour = "grey35") + ggplot2::geom_hline(yintercept = figure$critical, linetype = "dashed") +
    ggplot2::annotate("text", x = figure$curve$effect[1], y = figure$critical, label = figure$label, hjust = 0, vjust = -0.5, size = 3.2) +
    ggplot2::geom_point(data = figure$estimate, size = 2.5, colour = kPositive) + ggplot2::coord_cartesian(ylim = c(0, figure$top)) +
    ggplot2::labs(x = figure$axis, y = kArAxis, title = figure$title, subtitle = wrapped(figure$words), caption = "Point: the estimate. Shaded: the set.", alt = figure$words) +
    ggplot2::theme_minimal()
}

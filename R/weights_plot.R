# The weights figure: who carries the estimate, and how large the effect is there.

#' Figure of effect weights
#'
#' Left, one bar per cell: its weight with interval, and a hollow diamond at its share of people, where the bar would end if everybody counted alike. Right, the effect in the
#' cell with interval, and a dashed line at the estimate. Bars of cells that count negatively have another colour and lie left of 0. Above 25 cells the labels are thinned.
#'
#' @param x,object From [effect_weights()].
#' @param ... Nothing.
#' @return A ggplot (drawn when printed) with alt text; needs ggplot2.
#' @section Errors: `miv_error_needs_ggplot2`.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' weights <- effect_weights(miv(pay_claim ~ 1, experiment, exposure = "arm"))
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(weights)
#' @export
plot.effect_weights <- function(x, ...) draw_cell_weights(x)

#' @rdname plot.effect_weights
#' @exportS3Method ggplot2::autoplot
autoplot.effect_weights <- function(object, ...) draw_cell_weights(object)

kPositive <- "#0072B2"
kNegative <- "#E69F00"   # apart from the blue in grey too

draw_cell_weights <- function(x) {
  check_ggplot2("The weights figure")
  if (inherits(x, "person_weights")) return(draw_person_sides(x))
  .data <- ggplot2::.data
  bars <- weight_panel(x$cells)
  points <- effect_panel(x$cells)
  ggplot2::ggplot(bars, ggplot2::aes(y = .data$cell)) +
    ggplot2::geom_col(ggplot2::aes(x = .data$value, fill = .data$sign), width = 0.7, orientation = "y") +
    ggplot2::geom_vline(data = line_panel(0, kWeightTitle), ggplot2::aes(xintercept = .data$at)) +
    ggplot2::geom_vline(data = line_panel(x$estimate, kEffectTitle), ggplot2::aes(xintercept = .data$at), linetype = "dashed") +
    ggplot2::geom_segment(data = rbind(bars, points), ggplot2::aes(x = .data$low, xend = .data$high, yend = .data$cell), na.rm = TRUE) +
    ggplot2::geom_point(ggplot2::aes(x = .data$share), shape = 23, fill = "white", size = 2.2) +
    ggplot2::geom_point(data = points, ggplot2::aes(x = .data$value), size = 2, na.rm = TRUE) +
    ggplot2::facet_grid(cols = ggplot2::vars(.data$panel), scales = "free_x") +
    ggplot2::scale_fill_manual(values = c(positive = kPositive, negative = kNegative), guide = "none") +
    ggplot2::scale_y_discrete(breaks = thinned_labels(levels(bars$cell)), drop = FALSE) +
    ggplot2::labs(x = NULL, y = x$title, subtitle = wrapped(weights_words(x)), caption = effect_caption(points, x$cells), alt = weights_words(x)) +
    ggplot2::theme_minimal() + ggplot2::theme(panel.grid.major.y = ggplot2::element_blank(), plot.subtitle = ggplot2::element_text(size = 9), panel.spacing = ggplot2::unit(16, "pt"))
}

kWeightTitle <- "Weight"
kEffectTitle <- "Effect (outcome per unit of belief)"

panel_of <- function(title) factor(title, levels = c(kWeightTitle, kEffectTitle))

weight_panel <- function(table) {
  data.frame(cell = ordered_cells(table$cell), panel = panel_of(kWeightTitle), value = table$weight, low = table$weight.low, high = table$weight.high, share = table$share,
             sign = ifelse(table$weight < 0, "negative", "positive"))
}

# Effects of cells that hardly move are all noise and would hide the others: the panel shows where the clear ones lie, and intervals end there.
effect_panel <- function(table) {
  range <- clear_range(table)
  within <- function(v) pmin(pmax(v, range[1]), range[2])
  seen <- !is.na(table$effect) & table$effect.high >= range[1] & table$effect.low <= range[2]
  data.frame(cell = ordered_cells(table$cell), panel = panel_of(kEffectTitle), value = ifelse(within(table$effect) == table$effect, table$effect, NA),
             low = ifelse(seen, within(table$effect.low), NA), high = ifelse(seen, within(table$effect.high), NA), share = NA_real_, sign = "positive")
}

clear_range <- function(table) {
  middle <- stats::median(abs(table$weight))
  heavy <- abs(table$weight) >= middle
  clear <- !is.na(table$effect) & abs(table$weight) >= 0.2 * middle & table$std.error <= 5 * stats::median(table$std.error[heavy], na.rm = TRUE)
  if (!any(clear)) clear <- !is.na(table$effect)
  range(table$effect.low[clear], table$effect.high[clear], -Inf, Inf, finite = TRUE)
}

effect_caption <- function(points, table) {
  off <- sum(is.na(points$value) & !is.na(table$effect))
  cut <- sum(!is.na(points$low) & !is.na(points$value) & (points$low > table$effect.low | points$high < table$effect.high))
  text <- paste0("Diamond: share of people. Dashed line: the estimate.", if (off > 0) sprintf(" %d noisy effect%s outside of the panel.", off, if (off == 1) " lies" else "s lie"),
         if (cut > 0) sprintf(" %d interval%s out of the panel.", cut, if (cut == 1) " runs" else "s run"))
  wrapped(text, 80)
}

line_panel <- function(at, title) data.frame(at = at, panel = panel_of(title))

ordered_cells <- function(cell) factor(as.character(cell), levels = as.character(cell))

thinned_labels <- function(labels) if (length(labels) <= 25) labels else labels[seq(1, length(labels), by = ceiling(length(labels) / 25))]

wrapped <- function(text, width = 90) paste(strwrap(text, width), collapse = "\n")

draw_person_sides <- function(x) {
  .data <- ggplot2::.data
  sides <- data.frame(cell = factor(rep(x$sides$side, 2)), weight = c(x$sides$weight, x$sides$weight.prior), base = rep(c("fitted in the base arm", "taken from the prior"), each = nrow(x$sides)))
  ggplot2::ggplot(sides[!is.na(sides$weight), ], ggplot2::aes(x = .data$weight, y = .data$cell, fill = .data$base)) +
    ggplot2::geom_col(position = "dodge", width = 0.7, orientation = "y") + ggplot2::geom_vline(xintercept = 0) +
    ggplot2::scale_fill_manual(values = c(kPositive, kNegative)) +
    ggplot2::labs(x = "Weight of informed people", y = "side of the gap", fill = "Base belief", alt = "Weights of informed people by side of the gap, under two base beliefs.") + ggplot2::theme_minimal()
}

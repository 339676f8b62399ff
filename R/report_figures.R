# Figures of the report, written as SVG: places along x are percent of the width and all else is in pixels, so that text keeps its size at
# any width; colours are classes of the page, light or dark. No graphics device is opened.

# ---- scales and marks ----

# A scale: the ends, and ticks between them.
new_scale <- function(values, most = 5) {
  values <- values[is.finite(values)]
  if (length(values) == 0) values <- c(0, 1)
  ends <- range(values)
  if (ends[1] == ends[2]) ends <- ends + c(-0.5, 0.5) * max(abs(ends[1]), 1)
  ticks <- pretty(ends, most)
  near <- ticks >= ends[1] - 0.25 * diff(ends) & ticks <= ends[2] + 0.25 * diff(ends)
  ends <- range(ends, ticks[near])
  list(ends = ends, ticks = ticks[ticks >= ends[1] & ticks <= ends[2]])
}

share_of_scale <- function(scale, x) (pmin(pmax(x, scale$ends[1]), scale$ends[2]) - scale$ends[1]) / diff(scale$ends)

at_percent <- function(scale, x) sprintf("%.2f%%", 100 * share_of_scale(scale, x))

pixels <- function(y) formatC(y, digits = 5, format = "fg", width = 1)

svg_line <- function(x1, y1, x2, y2, class) {
  if (length(x1) == 0) return(NULL)
  sprintf("<line class=\"%s\" x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>", class, x1, pixels(y1), x2, pixels(y2))
}

svg_text <- function(x, y, text, class = "", anchor = "start", right = 0) {
  class <- ifelse(nzchar(class), sprintf(" class=\"%s\"", class), "")
  sprintf("<text%s x=\"%s\" y=\"%s\" dx=\"%d\" text-anchor=\"%s\">%s</text>", class, x, pixels(y), right, anchor, plain_text(no_ticks(text)))
}

svg_circle <- function(x, y, class, r = 4.5) {
  if (length(x) == 0) return(NULL)
  sprintf("<circle class=\"%s\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>", class, x, pixels(y), r)
}

svg_square <- function(x, y, class) {
  if (length(x) == 0) return(NULL)
  sprintf("<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"8\" height=\"8\" transform=\"translate(-4 -4)\"/>", class, x, pixels(y))
}

svg_bar <- function(from, to, scale, y, height, class) {
  width <- 100 * abs(to - from) / diff(scale$ends)
  left <- at_percent(scale, pmin(from, to))
  sprintf("<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"%.2f%%\" height=\"%s\"/>", class, left, pixels(y), width, pixels(height))
}

svg_upright <- function(scale, x, height, class) svg_line(at_percent(scale, x), 0, at_percent(scale, x), height, class)

svg_axis <- function(scale, top, bottom) {
  at <- at_percent(scale, scale$ticks)
  numbers <- format(scale$ticks, trim = TRUE, scientific = FALSE, drop0trailing = TRUE, digits = 4)
  zero <- if (scale$ends[1] <= 0 && scale$ends[2] >= 0) svg_line(at_percent(scale, 0), top, at_percent(scale, 0), bottom, "zero")
  c(svg_line(at, top, at, bottom, "grid"), svg_text(at, bottom + 15, numbers, "tick", "middle"), zero)
}

# A drawing of that height, with the axis' numbers below.
svg_box <- function(height, alt, ...) {
  sprintf("<svg height=\"%s\" role=\"img\" aria-label=\"%s\">\n%s\n</svg>", pixels(height + 22), plain_text(no_ticks(alt)),
          paste(unlist(list(...)), collapse = "\n"))
}

# ---- panels ----

panel <- function(title, svg) sprintf("<div class=\"panel\"><p>%s</p>\n%s</div>", as_words(title), svg)

figure <- function(panels, caption, legend = "") {
  sprintf("<figure>\n%s<div class=\"panels\">\n%s\n</div>\n<figcaption>%s</figcaption>\n</figure>", legend, paste(panels, collapse = "\n"),
          as_words(caption))
}

# Base arm in squares, informed arm in circles.
arms_legend <- function(labels) {
  marks <- c("<rect class=\"base\" x=\"2\" y=\"2\" width=\"8\" height=\"8\"/>", "<circle class=\"told\" cx=\"6\" cy=\"6\" r=\"4.5\"/>")
  items <- sprintf("<span><svg aria-hidden=\"true\" viewBox=\"0 0 12 12\">%s</svg>%s</span>", marks, as_words(labels))
  sprintf("<div class=\"legend\">%s</div>\n", paste(items, collapse = ""))
}

arm_marks <- function(x, y, told) c(svg_square(x[!told], y[!told], "base"), svg_circle(x[told], y[told], "told"))

kRowHeight <- 42

row_tops <- function(n, height = kRowHeight) height * (seq_len(n) - 1)

# A row's label on the left and its number on the right.
row_labels <- function(top, label, shown) c(svg_text("0", top + 14, label), svg_text("100%", top + 14, shown, "soft", "end"))

# rows: label, shown, value, low, high and class of the point, one row each; mark: where a dashed line stands.
interval_rows <- function(rows, scale, alt, mark) {
  top <- row_tops(nrow(rows))
  y <- top + 29
  height <- kRowHeight * nrow(rows)
  known <- !is.na(rows$value)
  seen <- known & !is.na(rows$low)
  svg_box(height, alt, svg_axis(scale, 0, height), svg_upright(scale, mark, height, "dash"),
          svg_line(at_percent(scale, rows$low)[seen], y[seen], at_percent(scale, rows$high)[seen], y[seen], "whisker"),
          svg_circle(at_percent(scale, rows$value)[known], y[known], rows$class[known]), row_labels(top, rows$label, rows$shown))
}

range_label <- function(value, low, high) {
  interval <- sprintf("%s [%s, %s]", show_number_each(value), show_number_each(low), show_number_each(high))
  ifelse(is.na(value), "", ifelse(is.na(low), show_number_each(value), interval))
}

show_number_each <- function(x, digits = 3) vapply(x, show_number, "", digits = digits)

# ---- means by side and arm: the numbers of plot(fit) ----

sides_drawing <- function(fit, level) {
  numbers <- sides_figure(fit, level)
  panels <- vapply(levels(numbers$table$facet), function(facet) sides_panel(numbers, facet), "")
  caption <- gsub("Arrows: base to informed arm.( Dotted: the signal.)?", "On the right: the change from base to informed arm.",
                  gsub("\n", " ", numbers$caption))
  figure(panels, caption, arms_legend(levels(numbers$table$arm)))
}

kSideHeight <- 54

sides_panel <- function(numbers, facet) {
  rows <- numbers$table[numbers$table$facet == facet, ]
  changes <- numbers$changes[numbers$changes$facet == facet, ]
  places <- unique(rows$place)
  change <- changes$label[match(places, changes$place)]
  top <- row_tops(length(places), kSideHeight)
  labels <- row_labels(top, side_labels(rows)[match(places, rows$place)], ifelse(is.na(change), "", change))
  panel(facet, sides_box(rows, top, labels, sides_words_of(rows, facet)))
}

# "prior above the signal, 781 people"
side_labels <- function(rows) gsub("\n", " ", sub("\n([^\n]*)$", ", \\1", rows$label))

sides_words_of <- function(rows, facet) {
  paste0(facet, ": ", paste(sprintf("%s, %s: %s", side_labels(rows), rows$arm, show_number_each(rows$mean)), collapse = "; "))
}

sides_box <- function(rows, top, labels, alt) {
  scale <- new_scale(c(rows$mean, rows$low, rows$high))
  height <- kSideHeight * length(top)
  y <- top[match(rows$place, unique(rows$place))] + ifelse(rows$told, 40, 28)
  known <- !is.na(rows$low)
  class <- ifelse(rows$told, "told", "base")
  svg_box(height, alt, svg_axis(scale, 0, height),
          svg_line(at_percent(scale, rows$low)[known], y[known], at_percent(scale, rows$high)[known], y[known], class[known]),
          arm_marks(at_percent(scale, rows$mean), y, rows$told), labels)
}

# ---- how far beliefs move by bin of the gap: the figure of audit() ----

gap_drawing <- function(checks) {
  parts <- attr(checks, "panels")
  bins <- split(parts$bins, factor(parts$bins$informed, unique(parts$bins$informed)))
  panels <- vapply(bins, gap_panel, "", parts = parts)
  caption <- sprintf("How far beliefs move, by tenths of the gap, with 95%% intervals%s.%s", if (parts$clustered) " by cluster" else "",
                     if (has_learning_line(parts)) " On the dashed line everybody would end at the signal." else "")
  figure(panels, caption, arms_legend(c("base arm", "informed arm")))
}

has_learning_line <- function(parts) parts$same_units && parts$passive

gap_panel <- function(bins, parts) {
  x <- new_scale(c(0, bins$gap))
  y <- new_scale(c(if (parts$same_units) 0, bins$mean, bins$low, bins$high))
  title <- arm_gap_title(bins$informed[1], parts)
  points <- sprintf("gap %s, %s %s", show_number_each(bins$gap, 2), ifelse(bins$told, "informed", "base"), show_number_each(bins$mean, 2))
  panel(title, gap_box(bins, x, y, paste0(title, ": ", paste(points, collapse = "; ")), has_learning_line(parts)))
}

arm_gap_title <- function(arm, parts) {
  what <- if (parts$same_units) sprintf("Mean of `%s` less `%s`", parts$belief, parts$prior) else sprintf("Mean of `%s`", parts$belief)
  sprintf("%s, against the gap%s", what, if (parts$several) sprintf(" to the signal of arm `%s`", arm) else "")
}

kGapHeight <- 250

gap_box <- function(bins, x, y, alt, line) {
  down <- function(v) kGapHeight * (1 - share_of_scale(y, v))
  at <- at_percent(x, bins$gap)
  known <- !is.na(bins$low)
  ends <- c(max(x$ends[1], y$ends[1]), min(x$ends[2], y$ends[2]))       # of the line on which all end at the signal, inside of the panel
  svg_box(kGapHeight, alt, svg_axis(x, 0, kGapHeight), svg_line("0", down(y$ticks), "100%", down(y$ticks), ifelse(y$ticks == 0, "zero", "grid")),
          svg_text("0", down(y$ticks[-1]) - 4, format(y$ticks[-1], trim = TRUE, digits = 4), "tick", right = 4),
          if (line && ends[1] < ends[2]) svg_line(at_percent(x, ends[1]), down(ends[1]), at_percent(x, ends[2]), down(ends[2]), "dash"),
          svg_line(at[known], down(bins$low[known]), at[known], down(bins$high[known]), ifelse(bins$told, "told", "base")[known]),
          arm_marks(at, down(bins$mean), bins$told))
}

# ---- weight and effect by cell: the figure of effect_weights() ----

weights_drawing <- function(x) {
  table <- utils::head(x$cells, kMostRows)
  effects <- effect_panel(table)
  caption <- paste0("Bar: weight in the estimate, with interval; circle: share of people, where the bar would end if everybody counted alike. ",
                    "Dashed line: the estimate.", outside_words(effects, table))
  figure(c(weights_panel(table, x), effects_panel(table, effects, x)), caption)
}

# What the panel of effects leaves out, as plot() of the weights says it.
outside_words <- function(effects, table) sub("^.*Dashed line: the estimate[.]", "", gsub("\n", " ", effect_caption(effects, table)))

effects_panel <- function(table, effects, x) {
  rows <- data.frame(label = cell_labels(x, table), shown = range_label(table$effect, table$effect.low, table$effect.high), value = effects$value,
                     low = effects$low, high = effects$high, class = "point")
  scale <- new_scale(c(effects$low, effects$high, effects$value, x$estimate))
  alt <- paste0("Effect by ", x$title, ": ", paste(rows$label, ifelse(nzchar(rows$shown), rows$shown, "none"), collapse = "; "))
  panel(sprintf("Effect (outcome per unit of belief), by %s", x$title), interval_rows(rows, scale, alt, x$estimate))
}

weights_panel <- function(table, x) {
  scale <- new_scale(c(0, table$weight.low, table$weight.high, table$weight, table$share))
  top <- row_tops(nrow(table))
  height <- kRowHeight * nrow(table)
  labels <- cell_labels(x, table)
  said <- sprintf("%s has weight %.3f and %s of people", labels, table$weight, percent(table$share))
  bars <- svg_bar(0, table$weight, scale, top + 22, 14, ifelse(table$weight < 0, "negative", "positive"))
  svg <- svg_box(height, paste0("Weight by ", x$title, ": ", paste(said, collapse = "; ")), svg_axis(scale, 0, height), bars,
                 svg_line(at_percent(scale, table$weight.low), top + 29, at_percent(scale, table$weight.high), top + 29, "whisker"),
                 svg_circle(at_percent(scale, table$share), top + 29, "share", 4), row_labels(top, labels, sprintf("%.3f", table$weight)))
  panel(sprintf("Weight, by %s", x$title), svg)
}

# Sides in the words of the design.
cell_labels <- function(x, table) {
  cell <- as.character(table$cell)
  if (x$title != "side of the gap" || !all(cell %in% c("-1", "0", "1")) || !is_experiment(x$fit$experiment)) return(cell)
  side_words(x$fit$experiment)[as.numeric(cell) + 2]
}

# ---- estimates of all specifications: the figure of compare_specs() ----

specs_drawing <- function(specs) {
  rows <- data.frame(label = specs$spec, shown = range_label(specs$estimate, specs$conf.low, specs$conf.high), value = specs$estimate,
                     low = specs$conf.low, high = specs$conf.high, class = ifelse(grepl("^none", specs$guarantee), "open", "point"))
  scale <- new_scale(c(0, rows$low, rows$high))
  svg <- interval_rows(rows, scale, paste(rows$label, rows$shown, collapse = "; "), specs$estimate[1])
  caption <- paste("Filled: nobody counts negatively as long as people move toward the signal. Open: no such guarantee.",
                   "Dashed line: the estimate of the fit.")
  figure(panel(sprintf("Effect of `%s` on `%s`", attr(specs, "belief"), attr(specs, "outcome")), svg), caption)
}

# ---- histogram of the draws: the figure of resample() ----

kDrawsHeight <- 160

draws_drawing <- function(x) {
  parts <- resample_figure(x)
  bins <- graphics::hist(parts$draws, breaks = 50, plot = FALSE)
  scale <- new_scale(c(bins$breaks, parts$mark, parts$interval))
  tall <- kDrawsHeight * bins$counts / max(bins$counts)
  bars <- svg_bar(bins$breaks[-length(bins$breaks)], bins$breaks[-1], scale, kDrawsHeight - tall, tall, "draw")
  marks <- c(svg_upright(scale, parts$mark, kDrawsHeight, "whisker"), svg_upright(scale, unname(parts$interval), kDrawsHeight, "dash"))
  svg <- svg_box(kDrawsHeight, paste(parts$title, parts$words), bars, svg_axis(scale, kDrawsHeight, kDrawsHeight), marks)
  figure(panel(parts$axis, svg), paste(parts$words, "The middle 99 percent of the draws."))
}

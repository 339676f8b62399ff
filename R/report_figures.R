# Figures of the report, written as SVG: places along x are percent of the width and all else is in pixels, so that text keeps its size at any width; colours are classes
# of the page, light or dark. No graphics device is opened.

# A scale: percent of the width at x, and its ticks.
new_scale <- function(values, most = 5) {
  values <- values[is.finite(values)]
  if (length(values) == 0) values <- c(0, 1)
  ends <- range(values)
  if (ends[1] == ends[2]) ends <- ends + c(-0.5, 0.5) * max(abs(ends[1]), 1)
  ticks <- pretty(ends, most)
  ends <- range(ends, ticks[ticks >= ends[1] - 0.25 * diff(ends) & ticks <= ends[2] + 0.25 * diff(ends)])
  list(ends = ends, ticks = ticks[ticks >= ends[1] & ticks <= ends[2]])
}

at_percent <- function(scale, x) sprintf("%.2f%%", 100 * (pmin(pmax(x, scale$ends[1]), scale$ends[2]) - scale$ends[1]) / diff(scale$ends))

svg_line <- function(x1, y1, x2, y2, class) sprintf("<line class=\"%s\" x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>", class, x1, pixels(y1), x2, pixels(y2))

svg_text <- function(x, y, text, class = "", anchor = "start", right = 0) {
  sprintf("<text%s x=\"%s\" y=\"%s\" dx=\"%d\" text-anchor=\"%s\">%s</text>", ifelse(nzchar(class), sprintf(" class=\"%s\"", class), ""), x, pixels(y), right, anchor, plain_text(no_ticks(text)))
}

svg_circle <- function(x, y, class, r = 4.5) sprintf("<circle class=\"%s\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>", class, x, pixels(y), r)

svg_square <- function(x, y, class) sprintf("<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"8\" height=\"8\" transform=\"translate(-4 -4)\"/>", class, x, pixels(y))

svg_bar <- function(from, to, scale, y, height, class) {
  width <- 100 * abs(to - from) / diff(scale$ends)
  sprintf("<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"%.2f%%\" height=\"%s\"/>", class, at_percent(scale, pmin(from, to)), pixels(y), width, pixels(height))
}

pixels <- function(y) if (is.character(y)) y else formatC(y, digits = 5, format = "fg", width = 1)

svg_box <- function(height, alt, ...) sprintf("<svg height=\"%s\" role=\"img\" aria-label=\"%s\">\n%s\n</svg>", pixels(height), plain_text(no_ticks(alt)), paste(unlist(list(...)), collapse = "\n"))

svg_axis <- function(scale, top, bottom) {
  at <- at_percent(scale, scale$ticks)
  c(svg_line(at, top, at, bottom, "grid"), svg_text(at, bottom + 15, format(scale$ticks, trim = TRUE, scientific = FALSE, drop0trailing = TRUE, digits = 4), "tick", "middle"),
    if (scale$ends[1] <= 0 && scale$ends[2] >= 0) svg_line(at_percent(scale, 0), top, at_percent(scale, 0), bottom, "zero"))
}

panel <- function(title, svg) sprintf("<div class=\"panel\"><p>%s</p>\n%s</div>", as_words(title), svg)

figure <- function(panels, caption, legend = "") {
  sprintf("<figure>\n%s<div class=\"panels\">\n%s\n</div>\n<figcaption>%s</figcaption>\n</figure>", legend, paste(panels, collapse = "\n"), as_words(caption))
}

# shapes: "circle" or "square" by entry.
legend_line <- function(labels, classes, shapes) {
  mark <- ifelse(shapes == "circle", sprintf("<circle class=\"%s\" cx=\"6\" cy=\"6\" r=\"4.5\"/>", classes), sprintf("<rect class=\"%s\" x=\"2\" y=\"2\" width=\"8\" height=\"8\"/>", classes))
  sprintf("<div class=\"legend\">%s</div>\n", paste(sprintf("<span><svg aria-hidden=\"true\" viewBox=\"0 0 12 12\">%s</svg>%s</span>", mark, as_words(labels)), collapse = ""))
}

# ---- rows with an estimate and an interval each ----

kRowHeight <- 42

# rows: data frame label, shown, value, low, high and class of the point; marks: where a dashed line stands.
interval_rows <- function(rows, scale, alt, marks = numeric(), points = svg_circle) {
  n <- nrow(rows)
  top <- kRowHeight * (seq_len(n) - 1)
  y <- top + 29
  bottom <- kRowHeight * n
  known <- !is.na(rows$value)
  seen <- known & !is.na(rows$low)
  dash <- if (length(marks)) svg_line(at_percent(scale, marks), 0, at_percent(scale, marks), bottom, "dash")
  svg_box(bottom + 22, alt, svg_axis(scale, 0, bottom), dash,
          if (any(seen)) svg_line(at_percent(scale, rows$low[seen]), y[seen], at_percent(scale, rows$high[seen]), y[seen], "whisker"),
          if (any(known)) points(at_percent(scale, rows$value[known]), y[known], rows$class[known]),
          svg_text("0", top + 14, rows$label), svg_text("100%", top + 14, rows$shown, "soft", "end"))
}

range_label <- function(value, low, high, digits = 3) {
  number <- function(v) show_number(v, digits)
  ifelse(is.na(value), "", ifelse(is.na(low), vapply(value, number, ""), sprintf("%s [%s, %s]", vapply(value, number, ""), vapply(low, number, ""), vapply(high, number, ""))))
}

# ---- the figures ----

# Mean belief and mean outcome by side and arm, from the numbers of plot(fit).
sides_drawing <- function(fit, level) {
  numbers <- sides_figure(fit, level)
  panels <- vapply(levels(numbers$table$facet), function(facet) sides_panel(numbers, facet, fit$experiment), "")
  caption <- paste0(gsub("Arrows: base to informed arm. Dotted: the signal.|Arrows: base to informed arm.", "On the right: the change from base to informed arm.", gsub("\n", " ", numbers$caption)))
  arms <- levels(numbers$table$arm)
  figure(panels, caption, legend_line(arms, c("base", "told"), c("square", "circle")))
}

sides_panel <- function(numbers, facet, experiment) {
  rows <- numbers$table[numbers$table$facet == facet, ]
  changes <- numbers$changes[numbers$changes$facet == facet, ]
  places <- unique(rows$place)
  scale <- new_scale(c(rows$mean, rows$low, rows$high))
  height <- 54
  row <- match(rows$place, places) - 1
  y <- height * row + ifelse(rows$told, 40, 28)
  bottom <- height * length(places)
  class <- ifelse(rows$told, "told", "base")
  x <- at_percent(scale, rows$mean)
  change <- changes$label[match(places, changes$place)]
  known <- !is.na(rows$low)
  label <- gsub("\n", " ", sub("\n([^\n]*)$", ", \\1", rows$label[match(places, rows$place)]))
  panel(facet, svg_box(bottom + 22, paste0(facet, ": ", paste(sprintf("%s, %s: %s", label[row + 1], rows$arm, show_number_each(rows$mean)), collapse = "; ")), svg_axis(scale, 0, bottom),
    svg_line(at_percent(scale, rows$low[known]), y[known], at_percent(scale, rows$high[known]), y[known], class[known]),
    svg_square(x[!rows$told], y[!rows$told], "base"), svg_circle(x[rows$told], y[rows$told], "told"),
    svg_text("0", height * (seq_along(places) - 1) + 14, label), svg_text("100%", height * (seq_along(places) - 1) + 14, ifelse(is.na(change), "", change), "soft", "end")))
}

show_number_each <- function(x, digits = 3) vapply(x, show_number, "", digits = digits)

# How far beliefs move by bin of the gap: the figure of audit().
gap_drawing <- function(checks) {
  parts <- attr(checks, "panels")
  bins <- parts$bins
  panels <- vapply(unique(bins$informed), function(arm) gap_panel(bins[bins$informed == arm, ], parts, arm), "")
  line <- if (parts$same_units && parts$passive) " On the dashed line everybody would end at the signal." else ""
  caption <- sprintf("How far beliefs move, by tenths of the gap%s.%s", if (parts$clustered) ", with 95% intervals by cluster" else ", with 95% intervals", line)
  figure(panels, caption, legend_line(c("base arm", "informed arm"), c("base", "told"), c("square", "circle")))
}

gap_panel <- function(bins, parts, arm) {
  height <- 250
  x <- new_scale(c(0, bins$gap))
  y <- new_scale(c(if (parts$same_units) 0, bins$mean, bins$low, bins$high))
  down <- function(v) height * (1 - (pmin(pmax(v, y$ends[1]), y$ends[2]) - y$ends[1]) / diff(y$ends))
  ends <- c(max(x$ends[1], y$ends[1]), min(x$ends[2], y$ends[2]))
  class <- ifelse(bins$told, "told", "base")
  at <- at_percent(x, bins$gap)
  known <- !is.na(bins$low)
  title <- sprintf("%s, against the gap%s", if (parts$same_units) sprintf("Mean of `%s` less `%s`", parts$belief, parts$prior) else sprintf("Mean of `%s`", parts$belief),
                   if (parts$several) sprintf(" to the signal of arm `%s`", arm) else "")
  alt <- paste0(title, ": ", paste(sprintf("gap %s, %s %s", show_number_each(bins$gap, 2), ifelse(bins$told, "informed", "base"), show_number_each(bins$mean, 2)), collapse = "; "))
  panel(title, svg_box(height + 22, alt, svg_axis(x, 0, height), svg_line("0", down(y$ticks), "100%", down(y$ticks), ifelse(y$ticks == 0, "zero", "grid")),
    svg_text("0", down(y$ticks[-1]) - 4, format(y$ticks[-1], trim = TRUE, digits = 4), "tick", right = 4),
    if (parts$same_units && parts$passive && ends[1] < ends[2]) svg_line(at_percent(x, ends[1]), down(ends[1]), at_percent(x, ends[2]), down(ends[2]), "dash"),
    svg_line(at[known], down(bins$low[known]), at[known], down(bins$high[known]), class[known]),
    svg_square(at[!bins$told], down(bins$mean[!bins$told]), "base"), svg_circle(at[bins$told], down(bins$mean[bins$told]), "told")))
}

# Weight and effect by cell: the figure of effect_weights().
weights_drawing <- function(x) {
  table <- utils::head(x$cells, kMostRows)
  effects <- effect_panel(table)
  rows <- data.frame(label = cell_labels(x, table), shown = range_label(table$effect, table$effect.low, table$effect.high), value = effects$value, low = effects$low, high = effects$high, class = "point")
  scale <- new_scale(c(effects$low, effects$high, effects$value, x$estimate))
  alt <- paste0("Effect by ", x$title, ": ", paste(rows$label, ifelse(nzchar(rows$shown), rows$shown, "none"), collapse = "; "))
  figure(c(weights_panel(table, x), panel(sprintf("Effect (outcome per unit of belief), by %s", x$title), interval_rows(rows, scale, alt, x$estimate))),
         paste0("Bar: weight in the estimate, with interval; circle: share of people, where the bar would end if everybody counted alike. Dashed line: the estimate.", outside_words(effects, table)))
}

# What the panel of effects leaves out, as plot() of the weights says it.
outside_words <- function(effects, table) sub("^.*Dashed line: the estimate[.]", "", gsub("\n", " ", effect_caption(effects, table)))

weights_panel <- function(table, x) {
  scale <- new_scale(c(0, table$weight.low, table$weight.high, table$weight, table$share))
  top <- kRowHeight * (seq_len(nrow(table)) - 1)
  bottom <- kRowHeight * nrow(table)
  alt <- paste0("Weight by ", x$title, ": ", paste(sprintf("%s has weight %.3f and %s of people", cell_labels(x, table), table$weight, percent(table$share)), collapse = "; "))
  panel(sprintf("Weight, by %s", x$title), svg_box(bottom + 22, alt, svg_axis(scale, 0, bottom),
    svg_bar(0, table$weight, scale, top + 22, 14, ifelse(table$weight < 0, "negative", "positive")),
    svg_line(at_percent(scale, table$weight.low), top + 29, at_percent(scale, table$weight.high), top + 29, "whisker"),
    svg_circle(at_percent(scale, table$share), top + 29, "share", 4),
    svg_text("0", top + 14, cell_labels(x, table)), svg_text("100%", top + 14, sprintf("%.3f", table$weight), "soft", "end")))
}

# Sides in the words of the design.
cell_labels <- function(x, table) {
  cell <- as.character(table$cell)
  if (x$title != "side of the gap" || !all(cell %in% c("-1", "0", "1")) || !is_experiment(x$fit$experiment)) return(cell)
  side_words(x$fit$experiment)[as.numeric(cell) + 2]
}

# Estimates of all specifications: the figure of compare_specs().
specs_drawing <- function(specs) {
  safe <- !grepl("^none", specs$guarantee)
  rows <- data.frame(label = specs$spec, shown = range_label(specs$estimate, specs$conf.low, specs$conf.high), value = specs$estimate, low = specs$conf.low, high = specs$conf.high, class = ifelse(safe, "point", "open"))
  scale <- new_scale(c(0, rows$low, rows$high))
  figure(panel(sprintf("Effect of `%s` on `%s`", attr(specs, "belief"), attr(specs, "outcome")), interval_rows(rows, scale, paste(rows$label, rows$shown, collapse = "; "), specs$estimate[1])),
         "Filled: nobody counts negatively as long as people move toward the signal. Open: no such guarantee. Dashed line: the estimate of the fit.")
}

# Histogram of the draws: the figure of resample().
draws_drawing <- function(x) {
  parts <- resample_figure(x)
  bins <- graphics::hist(parts$draws, breaks = 50, plot = FALSE)
  height <- 160
  scale <- new_scale(c(bins$breaks, parts$mark, parts$interval))
  tall <- height * bins$counts / max(bins$counts)
  bars <- svg_bar(bins$breaks[-length(bins$breaks)], bins$breaks[-1], scale, height - tall, tall, "draw")
  marks <- function(v, class) if (length(v)) svg_line(at_percent(scale, v), 0, at_percent(scale, v), height, class)
  figure(panel(parts$axis, svg_box(height + 22, paste(parts$title, parts$words), bars, svg_axis(scale, height, height), marks(parts$mark, "whisker"), marks(unname(parts$interval), "dash"))),
         paste(parts$words, "The middle 99 percent of the draws."))
}

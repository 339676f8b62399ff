# Figures of fits. A figure is computed as a plain list first (numbers, words); one function draws it with ggplot2, one with base graphics.

#' Figures of a fit
#'
#' The estimate of [miv()] is the ratio of two things that can be seen: how far the information moved beliefs on either side of the signal (the
#' first stage, left panel), and how far it moved the outcome there (the reduced form, right panel). Points are mean beliefs and mean outcomes by
#' arm and side, with intervals; the number above each pair is the change from the base to the informed arm. Fits of [tsls()], several outcomes and
#' least-squares fits are drawn as coefficients with intervals.
#'
#' Means are raw: of the people in the fit, weighted where the fit is, without adjustment for controls and fixed effects, so that they agree with
#' the estimate up to what the controls take out. Their intervals use t; where the fit's errors are clustered they are clustered too (with several
#' ways, by the one with the fewest clusters). With several informed arms there is one row of panels for each, and people of the base arm appear in
#' every row.
#'
#' Where ggplot2 is installed the value is a ggplot, which draws when printed and can be changed (`plot(fit) + ggplot2::theme_minimal()`). Without
#' it, or under `options(miv.ggplot2 = FALSE)`, base graphics draw the same figure.
#'
#' @param x,object A fit of [miv()] or [tsls()], or several (`miv_set`).
#' @param conf.level Of the intervals, between 0 and 1.
#' @param terms Names of coefficients to draw as coefficients with intervals; `NULL` draws the two sides for a fit of [miv()], and all coefficients
#'   but the constant for other fits.
#' @param ... Nothing: misspelt arguments are refused here.
#' @return A ggplot; with base graphics the numbers drawn, invisibly (a data frame).
#' @section Errors: `miv_error_unknown_term` where `terms` names no coefficient; `miv_error_bad_level`.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' plot(miv(pay_claim ~ age, experiment))
#' plot(tsls(pay_claim ~ age + female + college, inflation_survey))
#' @export
plot.miv <- function(x, conf.level = 0.95, terms = NULL, ...) {
  check_dots(dot_names(...), c("conf.level", "terms"))
  draw_figure(new_figure(x, conf.level, terms))
}

#' @rdname plot.miv
#' @export
plot.miv_set <- function(x, conf.level = 0.95, ...) {
  check_dots(dot_names(...), "conf.level")
  draw_figure(outcomes_figure(x, conf.level))
}

#' @rdname plot.miv
#' @exportS3Method ggplot2::autoplot
autoplot.miv <- function(object, conf.level = 0.95, terms = NULL, ...) {
  check_dots(dot_names(...), c("conf.level", "terms"))
  draw_ggplot(new_figure(object, conf.level, terms))
}

#' @rdname plot.miv
#' @exportS3Method ggplot2::autoplot
autoplot.miv_set <- function(object, conf.level = 0.95, ...) {
  check_dots(dot_names(...), "conf.level")
  draw_ggplot(outcomes_figure(object, conf.level))
}

new_figure <- function(fit, conf.level, terms) {
  check_level(conf.level, "conf.level")
  if (fit$door == "miv" && length(fit$beliefs) && is.null(terms)) sides_figure(fit, conf.level) else coefficients_figure(fit, conf.level, terms)
}

draw_figure <- function(figure) {
  if (has_ggplot2()) return(draw_ggplot(figure))
  draw_base(figure)
  invisible(figure$table)
}

has_ggplot2 <- function() !isFALSE(getOption("miv.ggplot2")) && requireNamespace("ggplot2", quietly = TRUE)

draw_ggplot <- function(figure) if (figure$kind == "sides") ggplot_sides(figure) else ggplot_coefficients(figure)

draw_base <- function(figure) if (figure$kind == "sides") base_sides(figure) else base_coefficients(figure)

# Okabe-Ito, apart in grey too; base arm first.
kArmColours <- c("#E69F00", "#0072B2")
kArmShapes <- c(21, 24)

# ---- the two sides: numbers ----

sides_figure <- function(fit, level) {
  table <- side_means(fit, level)
  changes <- side_changes(table)
  list(kind = "sides", table = table, changes = changes, title = figure_title(fit, level), subtitle = figure_subtitle(fit),
       caption = sides_caption(fit, changes, level), alt = sides_alt(table), signal = constant_signals(fit$experiment))
}

# One row per panel (belief, outcome), informed arm, side and arm: mean, low, high, people.
side_means <- function(fit, level) {
  people <- people_in_fit(fit)
  arms <- fit$experiment$arm$informed
  rows <- lapply(seq_along(arms), function(a) lapply(c("belief", "outcome"), function(what) arm_means(people, a, what, level)))
  table <- do.call(rbind, unlist(rows, recursive = FALSE))
  table$informed <- factor(arms[table$informed], arms)
  label_sides(table, fit)
}

# Everybody in the fit, with the gap's side for every informed arm.
people_in_fit <- function(fit) {
  experiment <- fit$experiment
  kept <- kept_of(fit)
  rows <- if (is.null(kept)) seq_len(fit$rows) else which(kept == 1L)
  weights <- experiment$roles$weights
  outcome <- evaluate_variable(fit$formula[[2]], fit$data, environment(fit$formula))
  list(index = arm_index(experiment)[rows], belief = as.numeric(role_values(experiment, experiment$roles$belief))[rows], outcome = as.numeric(outcome)[rows],
       weight = if (is.null(weights)) rep(1, length(rows)) else role_values(experiment, weights)[rows], cluster = cluster_ids(fit)[rows],
       side = lapply(experiment$arm$informed, function(arm) sign(gap_values(experiment, arm))[rows]))
}

# Ids of the way with the fewest clusters; NULL without clusters.
cluster_ids <- function(fit) {
  kind <- fit$vcov_kind
  if (length(kind$ways) == 0) return(NULL)
  way <- kind$ways[[which.min(kind$n_clusters)]]
  vectors <- if (!is.null(way$role)) list(evaluate_role(fit$data, way$role)) else lapply(way$exprs, evaluate_variable, data = fit$data, env = way$env)
  index_clusters_cpp(lapply(vectors, as_source_vector), kept_of(fit), fit$rows)$ids
}

arm_means <- function(people, a, what, level) {
  cells <- expand.grid(told = 0:1, side = c(-1, 0, 1))
  means <- Map(function(told, side) {
    rows <- which(people$index == (if (told) a + 1 else 1) & people$side[[a]] == side)
    mean_interval(people[[what]][rows], people$weight[rows], people$cluster[rows], level)
  }, cells$told, cells$side)
  table <- cbind(data.frame(panel = what, informed = a, side = cells$side, told = cells$told == 1), do.call(rbind, means))
  table[table$people > 0, ]
}

# Weighted mean, its t interval (by cluster where there are clusters), and the number of people.
mean_interval <- function(x, weight, cluster, level) {
  share <- weight / sum(weight)
  mean <- sum(share * x)
  parts <- share * (x - mean)
  if (!is.null(cluster)) parts <- rowsum(parts, cluster)
  g <- length(parts)
  reach <- if (g > 1) stats::qt((1 + level) / 2, g - 1) * sqrt(g / (g - 1) * sum(parts^2)) else NA_real_
  data.frame(mean = mean, low = mean - reach, high = mean + reach, people = length(x))
}

# Where both arms have people: from the base arm's mean to the informed arm's, the change in words, and the height above both.
side_changes <- function(table) {
  cells <- split(table, interaction(table[c("panel", "informed", "side")], drop = TRUE, lex.order = TRUE))
  both <- Filter(function(cell) nrow(cell) == 2, cells)
  changes <- do.call(rbind, unname(lapply(both, function(cell) {
    cbind(cell[1, c("panel", "informed", "side", "place", "facet")], from = cell$mean[1], to = cell$mean[2], top = max(cell$high, cell$mean, na.rm = TRUE))
  })))
  changes$change <- changes$to - changes$from
  changes$almost <- changes$from + 0.85 * changes$change
  changes$label <- stats::ave(changes$change, changes$panel, FUN = signed)
  changes
}

# One precision for all that stand in one panel.
signed <- function(x) {
  decimals <- max(0, 2 - floor(log10(max(abs(x), 1e-300))))
  paste0(ifelse(x < 0, "-", "+"), fixed(abs(x), decimals))
}

constant_signals <- function(experiment) {
  if (experiment$units != "prior" || experiment$design != "passive") return(NULL)
  values <- lapply(experiment$signals, `[[`, "value")
  if (any(vapply(values, is.null, NA))) NULL else unlist(values)
}

# ---- the two sides: words ----

# Columns place (a number for every arm and side), label (that place in words, with its people), facet (panel title) and arm (legend).
label_sides <- function(table, fit) {
  experiment <- fit$experiment
  people <- stats::ave(table$people, table$panel, table$informed, table$side, FUN = sum)
  table$place <- match(interaction(table$side, table$informed), levels(interaction(table$side, table$informed, drop = TRUE)))
  table$label <- sprintf("%s\n%s people", side_places(experiment)[table$side + 2], big_number(people))
  facet <- paste0(if (length(experiment$arm$informed) > 1) sprintf("Arm %s. ", table$informed), panel_titles(fit)[table$panel])
  table$facet <- factor(facet, unique(facet))
  table$arm <- factor(arm_legend(experiment)[table$told + 1], arm_legend(experiment))
  rownames(table) <- NULL
  table
}

panel_titles <- function(fit) {
  c(belief = paste("First stage: mean", fit$experiment$roles$belief$label), outcome = paste("Reduced form: mean", deparse_one(fit$formula[[2]])))
}

arm_legend <- function(experiment) {
  arms <- experiment$arm$informed
  c(told_words(experiment, experiment$arm$base), if (length(arms) > 1) "informed arm" else told_words(experiment, arms))
}

side_places <- function(experiment) {
  if (experiment$design == "active") return(paste0(c("told less", "told the same", "told more"), "\nthan in arm ", experiment$arm$base))
  paste0("prior ", c("above", "at", "below"), "\nthe signal")
}

told_words <- function(experiment, arm) {
  signal <- experiment$signals[[arm]]
  sprintf("arm %s (%s)", arm, if (is.null(signal)) "told nothing" else paste("told", gsub("`", "", signal_label(signal))))
}

figure_title <- function(fit, level) {
  name <- fit$beliefs[1]
  error <- sqrt(fit$vcov[name, name])
  number <- function(x) fixed(x, decimals_for(error, 2))
  title <- sprintf("Effect of %s on %s: %s (%s%% CI %s)", name, deparse_one(fit$formula[[2]]), number(fit$coefficients[[name]]), format(100 * level),
                   range_words(belief_intervals(fit, level)[name, ], number))
  wrap(title, 74)
}

figure_subtitle <- function(fit) {
  words <- gsub("`", "", sprintf("%s; %s; %s people", instrument_words(fit), vcov_words(fit$vcov_kind), big_number(fit$nobs)))
  wrap(paste0(toupper(substr(words, 1, 1)), substring(words, 2)), 90)
}

wrap <- function(text, width) paste(strwrap(text, width), collapse = "\n")

sides_caption <- function(fit, changes, level) {
  clusters <- if (length(fit$vcov_kind$ways)) " by cluster" else ""
  signal <- if (is.null(constant_signals(fit$experiment))) "" else " Dotted: the signal."
  means <- sprintf("Unadjusted means with %s%% intervals%s. Arrows: base to informed arm.%s", format(100 * level), clusters, signal)
  paste(c(wrap(means, 98), ratio_words(changes, fit)), collapse = "\n")
}

# The two sides' own ratios; under `sign` without controls the estimate is a weighted mean of the two.
ratio_words <- function(changes, fit) {
  if (length(fit$experiment$arm$informed) > 1) return(NULL)
  ratio <- function(side) {
    at <- function(panel) changes$change[changes$panel == panel & changes$side == side]
    if (length(at("belief")) == 1) at("outcome") / at("belief") else NA_real_
  }
  ratios <- c(ratio(-1), ratio(1))
  if (anyNA(ratios)) return(NULL)
  where <- if (fit$experiment$design == "active") c("where told less", "where told more") else c("for priors above the signal", "below it")
  sprintf("Change in outcome over change in belief: %s.", paste(vapply(ratios, show_number, "", digits = 2), where, collapse = ", "))
}

sides_alt <- function(table) {
  cells <- sprintf("%s, %s, %s: %s (%s to %s)", table$facet, gsub("\n", " ", table$label), table$arm, show_number(table$mean, 3), show_number(table$low, 3),
                   show_number(table$high, 3))
  paste("Mean belief and mean outcome by side of the gap and arm, with intervals.", paste(cells, collapse = "; "))
}

# ---- the two sides: drawn ----

ggplot_sides <- function(figure) {
  .data <- ggplot2::.data
  table <- transform(figure$table, x = figure$table$place + ifelse(figure$table$told, kApart, -kApart))
  labels <- table[!duplicated(table$place), ]
  ggplot2::ggplot(table, ggplot2::aes(.data$x, .data$mean, colour = .data$arm, shape = .data$arm, fill = .data$arm)) +
    ggplot_signal(figure) + ggplot_changes(figure) +
    ggplot2::geom_linerange(ggplot2::aes(ymin = .data$low, ymax = .data$high), linewidth = 0.8, na.rm = TRUE) +
    ggplot2::geom_point(size = 3) +
    ggplot2::facet_wrap(~ facet, ncol = 2, scales = "free") +
    ggplot2::scale_colour_manual(values = kArmColours, drop = FALSE) + ggplot2::scale_shape_manual(values = kArmShapes, drop = FALSE) +
    ggplot2::scale_fill_manual(values = c("white", kArmColours[2]), drop = FALSE) +
    ggplot2::scale_x_continuous(breaks = labels$place, labels = labels$label, expand = ggplot2::expansion(add = 0.4)) +
    ggplot2::scale_y_continuous(expand = ggplot2::expansion(mult = c(0.06, 0.2))) +
    ggplot2::coord_cartesian(clip = "off") + ggplot_words(figure, x = NULL, y = NULL) + ggplot_theme(grid = "y")
}

# How far each arm stands from the middle of its place.
kApart <- 0.14

# An arrow leaves room for the points at its ends.
kReach <- 0.7 * kApart

ggplot_changes <- function(figure) {
  .data <- ggplot2::.data
  list(
    ggplot2::geom_segment(ggplot2::aes(.data$place - kReach, .data$from, xend = .data$place + kReach, yend = .data$almost), figure$changes,
                          arrow = ggplot2::arrow(length = ggplot2::unit(0.07, "inches")), colour = "grey55", inherit.aes = FALSE),
    ggplot2::geom_text(ggplot2::aes(.data$place, .data$top, label = .data$label), figure$changes, vjust = -0.7, size = 3.4, inherit.aes = FALSE))
}

ggplot_signal <- function(figure) {
  if (is.null(figure$signal)) return(NULL)
  beliefs <- unique(figure$table[figure$table$panel == "belief", c("facet", "informed")])
  beliefs$signal <- figure$signal[as.character(beliefs$informed)]
  .data <- ggplot2::.data
  ggplot2::geom_hline(ggplot2::aes(yintercept = .data$signal), beliefs, linetype = "dotted", colour = "grey60")
}

ggplot_words <- function(figure, x, y) {
  ggplot2::labs(title = figure$title, subtitle = figure$subtitle, caption = figure$caption, alt = figure$alt, x = x, y = y,
                colour = NULL, shape = NULL, fill = NULL)
}

# Grid lines across one axis only.
ggplot_theme <- function(grid) {
  none <- ggplot2::element_blank()
  text <- ggplot2::element_text
  across <- stats::setNames(list(none), if (grid == "y") "panel.grid.major.x" else "panel.grid.major.y")
  ggplot2::theme_bw(base_size = 12) + do.call(ggplot2::theme, across) +
    ggplot2::theme(plot.title = text(size = 12, face = "bold"), plot.subtitle = text(size = 10.5), plot.title.position = "plot",
                   plot.caption = text(hjust = 0, colour = "grey30"), plot.caption.position = "plot", panel.grid.minor = none, strip.background = none,
                   strip.text = text(hjust = 0, face = "bold"), legend.position = "top", legend.justification = "left",
                   legend.margin = ggplot2::margin(0, 0, 0, 0), legend.box.spacing = ggplot2::unit(4, "pt"))
}

# A header, the panels in rows of two, and a footer; header and footer are as high as their lines.
base_sides <- function(figure) {
  facets <- levels(figure$table$facet)
  panels <- matrix(seq_along(facets) + 1, ncol = 2, byrow = TRUE)
  head <- count_lines(figure$title) + count_lines(figure$subtitle) + 2.5
  foot <- count_lines(figure$caption) + 0.5
  old <- graphics::par(no.readonly = TRUE)
  on.exit(graphics::par(old))
  graphics::layout(rbind(1, panels, max(panels) + 1), heights = c(graphics::lcm(0.5 * head), rep(1, nrow(panels)), graphics::lcm(0.5 * foot)))
  graphics::par(cex = 1)
  base_head(figure, head)
  for (facet in facets) base_panel(figure, facet)
  base_text(figure$caption, foot, cex = 0.75)
}

count_lines <- function(text) if (is.null(text)) 0 else length(strsplit(text, "\n")[[1]])

# Lines from the top of an empty panel that holds `lines` of them.
base_text <- function(text, lines, from = 0, new = TRUE, ...) {
  if (new) {
    graphics::par(mar = rep(0, 4))
    graphics::plot.new()
    graphics::plot.window(0:1, c(lines, 0), xaxs = "i", yaxs = "i")
  }
  parts <- strsplit(text, "\n")[[1]]
  graphics::text(0.01, from + seq_along(parts) - 0.4, parts, adj = c(0, 0.5), ...)
}

base_head <- function(figure, lines) {
  base_text(figure$title, lines, 0.3, font = 2)
  below <- 0.3 + count_lines(figure$title)
  base_text(figure$subtitle, lines, below, new = FALSE, cex = 0.85)
  graphics::legend(0, below + count_lines(figure$subtitle) + 0.1, levels(figure$table$arm), pch = kArmShapes, col = kArmColours,
                   pt.bg = c("white", kArmColours[2]), pt.cex = 1.3, horiz = TRUE, bty = "n", cex = 0.85)
}

base_panel <- function(figure, facet) {
  table <- figure$table[figure$table$facet == facet, ]
  changes <- figure$changes[figure$changes$facet == facet, ]
  signal <- if (table$panel[1] == "belief") figure$signal[as.character(table$informed[1])]
  reach <- range(table$low, table$high, table$mean, signal, na.rm = TRUE)
  graphics::par(mar = c(4.2, 3.5, 2, 1), las = 1, cex = 1)
  graphics::plot(range(table$place) + c(-0.5, 0.5), reach + c(0, 0.2 * diff(reach)), type = "n", xaxt = "n", xlab = "", ylab = "", cex.axis = 0.85)
  graphics::abline(h = signal, lty = 3, col = "grey60")
  graphics::mtext(facet, adj = 0, font = 2, line = 0.4, cex = 0.85)
  labels <- table[!duplicated(table$place), ]
  graphics::axis(1, labels$place, labels$label, tick = FALSE, line = 1.4, cex.axis = 0.7, gap.axis = -1)
  base_points(table)
  base_changes(changes)
}

base_points <- function(table) {
  x <- table$place + ifelse(table$told, kApart, -kApart)
  colour <- kArmColours[table$told + 1]
  graphics::segments(x, table$low, x, table$high, col = colour, lwd = 2)
  graphics::points(x, table$mean, pch = kArmShapes[table$told + 1], col = colour, bg = ifelse(table$told, kArmColours[2], "white"), cex = 1.3)
}

base_changes <- function(changes) {
  x <- changes$place
  suppressWarnings(graphics::arrows(x - kReach, changes$from, x + kReach, changes$almost, length = 0.06, col = "grey55"))   # no arrow of length 0
  graphics::text(x, changes$top, changes$label, pos = 3, cex = 0.8, xpd = NA)
}

# ---- coefficients ----

coefficients_figure <- function(fit, level, terms) {
  terms <- check_figure_terms(terms, fit)
  table <- coefficient_table(fit)[terms, , drop = FALSE]
  reach <- stats::qt((1 + level) / 2, df_of(fit, terms)) * table[, 2]
  interval_figure(terms, table[, 1], reach, title = gsub("`", "", fit_title(fit)), subtitle = figure_notes(fit), what = "Estimate", level = level)
}

check_figure_terms <- function(terms, fit) {
  all <- names(fit$coefficients)
  if (is.null(terms)) return(if (length(all) > 1) setdiff(all, c("(Intercept)", fit$levels)) else all)
  lost <- setdiff(terms, all)
  if (length(lost)) abort_miv("unknown_term", "`terms` names `%s`, which is not a coefficient of the fit.%s", lost[1], suggest_name(lost[1], all))
  terms
}

figure_notes <- function(fit) gsub("`", "", sprintf("%s; %s %s", vcov_words(fit$vcov_kind), big_number(fit$nobs), tolower(people_title(fit))))

outcomes_figure <- function(set, level) {
  check_level(level, "conf.level")
  summary <- summary(set, conf.level = level)
  table <- summary$table
  labels <- if (anyDuplicated(summary$labels)) paste(summary$labels, table$term, sep = ": ") else summary$labels
  interval_figure(labels, table$estimate, table$conf.high - table$estimate, title = gsub("`", "", summary$title),
                  subtitle = gsub("`", "", vcov_words(set[[1]]$vcov_kind)), what = "Effect", level = level)
}

interval_figure <- function(labels, estimate, reach, title, subtitle, what, level) {
  table <- data.frame(term = factor(labels, rev(labels)), estimate = unname(estimate), low = unname(estimate - reach), high = unname(estimate + reach))
  short <- function(x) vapply(x, show_number, "", digits = 3)
  alt <- paste0(title, ". ", paste(sprintf("%s: %s (%s to %s)", table$term, short(table$estimate), short(table$low), short(table$high)), collapse = "; "))
  list(kind = "coefficients", table = table, title = wrap(title, 75), subtitle = subtitle, caption = NULL, alt = alt,
       axis = sprintf("%s with %s%% interval", what, format(100 * level)))
}

ggplot_coefficients <- function(figure) {
  .data <- ggplot2::.data
  ggplot2::ggplot(figure$table, ggplot2::aes(.data$estimate, .data$term)) +
    ggplot2::geom_vline(xintercept = 0, linetype = "dashed", colour = "grey50") +
    ggplot2::geom_linerange(ggplot2::aes(xmin = .data$low, xmax = .data$high), colour = kArmColours[2], linewidth = 0.8, na.rm = TRUE) +
    ggplot2::geom_point(colour = kArmColours[2], size = 3) +
    ggplot_words(figure, x = figure$axis, y = NULL) + ggplot_theme(grid = "x")
}

base_coefficients <- function(figure) {
  table <- figure$table
  height <- as.integer(table$term)
  wide <- max(graphics::strwidth(levels(table$term), units = "inches", cex = 0.9))
  old <- graphics::par(mai = c(0.9, min(3, wide + 0.4), 1, 0.3), las = 1)
  on.exit(graphics::par(old))
  graphics::plot(table$estimate, height, type = "n", yaxt = "n", xlab = figure$axis, ylab = "", xlim = range(0, table$low, table$high, na.rm = TRUE),
                 ylim = c(0.5, nrow(table) + 0.5))
  graphics::abline(v = 0, lty = 2, col = "grey50")
  graphics::axis(2, height, table$term, tick = FALSE, cex.axis = 0.9)
  graphics::segments(table$low, height, table$high, height, col = kArmColours[2], lwd = 2)
  graphics::points(table$estimate, height, pch = 19, col = kArmColours[2], cex = 1.3)
  graphics::mtext(figure$title, adj = 0, line = 2, font = 2)
  graphics::mtext(figure$subtitle, adj = 0, line = 0.7, cex = 0.85)
}

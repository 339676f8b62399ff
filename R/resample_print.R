# A result of resample() in words, as data frames and as a figure.

scheme_title <- function(scheme) switch(scheme, pairs = "Pairs bootstrap", bayesian = "Bayesian bootstrap", wild = "Wild bootstrap", permutation = "Randomisation inference")

#' @export
print.miv_resample <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  print_words(sprintf("%s, %s draws of %s", scheme_title(x$scheme), big_number(x$R), drawn_words(x)))
  print_words(x$title)
  cat("\n")
  if (is_test(x)) print_test(x, digits) else print_coefficient_draws(x, digits)
  print_line("Drawn", paste0(how_words(x), possible_words(x), "."))
  print_line("Seed", sprintf("%s. The same seed gives the same digits on any number of threads.", format(x$seed, scientific = FALSE)))
  print_line("Computed", engine_words(x$engine))
  invisible(x)
}

is_test <- function(x) x$scheme %in% c("wild", "permutation")

drawn_words <- function(x) {
  if (x$scheme == "permutation") return("the arms")
  if (x$units == "people") sprintf("%s people", big_number(x$n_units)) else sprintf("%s clusters of `%s`", big_number(x$n_units), x$units)
}

print_test <- function(x, digits) {
  print_line("Estimate", sprintf("%s (SE %s).", show_number(x$estimate[[1]], digits), show_number(x$std.error[[1]], digits)))
  print_line("Test", sprintf("effect = %s: %s = %s, p %s (%sMonte Carlo error %s).", format(x$null), statistic_name(x), show_number(x$statistic[[1]], digits), draw_p_words(x), tail_words(x),
                             format(signif(x$p.error[[1]], 1), scientific = FALSE)))
  if (!is.null(x$set)) print_line("Interval", inversion_words(x))
}

statistic_name <- function(x) if (x$scheme == "permutation" && x$instruments > 1) "F" else "t"

tail_words <- function(x) if (x$scheme == "permutation") "" else if (x$tails == "equal") "equal tails; " else "symmetric; "

# Three digits, so that 0.0495 is not said to be 0.05 beside an interval that leaves out the null.
draw_p_words <- function(x) if (x$p.value[[1]] < 1e-4) "< 0.0001" else paste("=", format(signif(x$p.value[[1]], 3), scientific = FALSE))

inversion_words <- function(x) {
  level <- paste0(format(100 * x$level), "%")
  if (nrow(x$set) == 0) return(sprintf("empty at %s: every value tried is rejected.", level))
  words <- sprintf("%s (%s, by inversion)", set_words(x$set), level)
  if (any(is.infinite(unlist(x$set)))) words <- paste0(words, "; unbounded: ", unbounded_words(x))
  if (nrow(x$set) > 1) words <- paste0(words, sprintf("; %d pieces, the hull is what confint() gives", nrow(x$set)))
  paste0(words, ".")
}

unbounded_words <- function(x) {
  if (1 / x$possible > alpha_of(x$level)) return(sprintf("with %s %s p cannot fall below %s", big_number(x$possible), pattern_words(x), format(signif(1 / x$possible, 2))))
  if (1 / (x$R + 1) > alpha_of(x$level)) return(sprintf("with %s draws p cannot fall below %s", big_number(x$R), format(signif(1 / (x$R + 1), 2))))
  "very large effects are not rejected, as happens where the first stage is weak"
}

print_coefficient_draws <- function(x, digits) {
  table <- tidy(x)
  shown <- utils::head(table, 20)
  print(data.frame(Estimate = show_column(shown$estimate, digits), "Std. Error" = show_column(shown$std.error, digits), Low = show_column(shown$conf.low, digits),
                   High = show_column(shown$conf.high, digits), "p value" = format.pval(shown$p.value, digits = 3), row.names = shown$term, check.names = FALSE))
  if (nrow(table) > 20) print_words(sprintf("... and %d more; tidy() has them.", nrow(table) - 20))
  cat("\n")
  print_line("Interval", sprintf("percentiles at %s%%; p values invert them.", format(100 * x$level)))
}

show_column <- function(x, digits) vapply(x, show_number, "", digits = digits)

possible_words <- function(x) {
  if (is.null(x$possible) || x$possible > kManyPatterns) return("")
  hint <- if (x$scheme == "wild" && x$points == "rademacher" && x$possible < 5000) ", few: `points = \"webb\"` has more" else ""
  sprintf("; %s %s are possible%s", big_number(round(x$possible)), pattern_words(x), hint)
}

how_words <- function(x) {
  switch(x$scheme,
    pairs = "with replacement; the whole fit again in every draw", bayesian = "exponential weights; the whole fit again in every draw",
    wild = sprintf("restricted efficient bootstrap, %s, null imposed", if (x$points == "webb") "Webb's six points" else "Rademacher signs"), permutation = x$words)
}

engine_words <- function(engine) {
  blas <- if (isTRUE(engine$asked_blas) && engine$kernel != "R's BLAS") "; not on R's BLAS, whose product this scheme does not fit" else ""
  sprintf("%s, %s kernel, %d thread%s%s (`$engine` has times).", engine$path, engine$kernel, engine$threads, plural(engine$threads), blas)
}

#' @rdname resample
#' @param x,object From `resample()`.
#' @param parm Coefficients, by name or number; all where left out.
#' @param ... Nothing.
#' @export
confint.miv_resample <- function(object, parm, level = object$level, ...) {
  check_dots(dot_names(...), c("parm", "level"))
  check_level(level, "level")
  if (is.null(object$set)) abort_miv("no_interval", "The draws were taken with `interval = FALSE`; leave that out.")
  if (level != object$level) object <- at_level(object, level)
  if (nrow(object$set) > 1) inform_miv("several_pieces", "The set has %d pieces (%s); this is their hull.", nrow(object$set), set_words(object$set))
  if (nrow(object$set) == 0) abort_miv("empty_set", "The set is empty: every value of the effect is rejected at level %s. `$set` has no rows.", format(object$level))
  at <- if (missing(parm)) seq_len(nrow(object$interval)) else read_parm(parm, rownames(object$interval))
  object$interval[at, , drop = FALSE]
}

# Percentiles can be read at any level; an inversion belongs to one.
at_level <- function(x, level) {
  if (is_test(x)) {
    abort_miv("bad_level", "The draws were inverted at level %s; for another: `resample(fit, \"%s\", R = %s, seed = %s, level = %s)`.", format(x$level), x$scheme, format(x$R, scientific = FALSE),
              format(x$seed, scientific = FALSE), format(level))
  }
  x$interval[] <- percentile_interval(x$draws, level)
  colnames(x$interval) <- interval_names(level)
  x$level <- level
  x$set[1, ] <- x$interval[1, ]
  x
}

#' @rdname resample
#' @param conf.level As `level`.
#' @export
tidy.miv_resample <- function(x, conf.level = x$level, ...) {
  check_dots(dot_names(...), "conf.level")
  check_level(conf.level, "conf.level")
  if (conf.level != x$level) x <- at_level(x, conf.level)
  data.frame(term = colnames(x$draws), estimate = unname(x$estimate), std.error = unname(x$std.error), statistic = unname(x$statistic), p.value = unname(x$p.value),
             conf.low = unname(x$interval[, 1]), conf.high = unname(x$interval[, 2]), row.names = NULL)
}

#' @rdname resample
#' @export
coef.miv_resample <- function(object, ...) object$estimate

#' @rdname resample
#' @export
as.data.frame.miv_resample <- function(x, ...) as.data.frame(x$draws)

# ---- figure ----

#' @rdname resample
#' @export
plot.miv_resample <- function(x, ...) {
  figure <- resample_figure(x)
  if (has_ggplot2()) return(draw_resample(figure))
  graphics::hist(figure$draws, breaks = 50, col = "grey85", border = "white", main = figure$title, xlab = figure$axis)
  graphics::abline(v = c(figure$mark, figure$interval), lwd = 2, lty = c(1, rep(2, length(figure$interval))), col = kPositive)
  invisible(x)
}

#' @rdname resample
#' @exportS3Method ggplot2::autoplot
autoplot.miv_resample <- function(object, ...) draw_resample(resample_figure(object))

# Draws far out would squeeze the rest: the figure shows the middle 99 % and says so.
resample_figure <- function(x) {
  draws <- x$draws[is.finite(x$draws[, 1]), 1]
  observed <- if (is_test(x)) x$statistic[[1]] else x$estimate[[1]]
  other <- if (is_test(x) && x$tails == "symmetric" && statistic_name(x) == "t") -observed      # a two-sided test has two tails
  ends <- if (is_test(x)) other else x$interval[1, ]
  range <- range(stats::quantile(draws, c(0.005, 0.995)), observed, ends[is.finite(ends)])
  axis <- if (is_test(x)) sprintf("%s statistic for an effect of `%s` of %s", statistic_name(x), names(x$estimate)[1], format(x$null)) else sprintf("Draws of the effect of `%s`", names(x$estimate)[1])
  words <- if (is_test(x)) sprintf("p %s: the share of draws beyond the line%s.", draw_p_words(x), if (is.null(other)) "" else "s") else sprintf("Estimate (line) and %s%% interval (dashed).", format(100 * x$level))
  list(draws = draws[draws >= range[1] & draws <= range[2]], mark = observed, interval = ends[is.finite(ends)], axis = axis, title = sprintf("%s, %s draws", scheme_title(x$scheme), big_number(x$R)), words = words)
}

draw_resample <- function(figure) {
  check_ggplot2("The figure of draws")
  .data <- ggplot2::.data
  lines <- data.frame(at = c(figure$mark, figure$interval), kind = c("observed", rep("interval", length(figure$interval))))
  ggplot2::ggplot(data.frame(draw = figure$draws), ggplot2::aes(.data$draw)) +
    ggplot2::geom_histogram(bins = 60, fill = "grey80", colour = "white", linewidth = 0.2) +
    ggplot2::geom_vline(data = lines, ggplot2::aes(xintercept = .data$at, linetype = .data$kind), colour = kPositive, linewidth = 0.8) +
    ggplot2::scale_linetype_manual(values = c(observed = "solid", interval = "dashed"), guide = "none") +
    ggplot2::labs(x = figure$axis, y = "Draws", title = figure$title, subtitle = figure$words, caption = "The middle 99 percent of the draws.", alt = paste(figure$title, figure$words)) +
    ggplot2::theme_minimal()
}

# Who stands in which cell: side of the gap, bins of the gap or the prior, a covariate.

kBy <- c("side", "gap", "prior", "person")
kMostCells <- 1000   # their covariance is cells x cells
kBins <- 5          # where `bins` is left out
kMostValues <- 12   # a number with more values is cut into bins

# list(ids: 0-based cell of every row (0 where the row is not in the fit), labels: one per cell, ascending, title, still: cells in which
# the instrument moves nobody, notes).
read_cells <- function(fit, by, bins, data, known) {
  kept <- kept_of(fit)
  found <- if (is_formula(by)) covariate_cells(by, bins, data, kept) else known_cells(known, by, bins, kept)
  check_cells(found, fit)
  mark_still(found, fit, kept)
}

known_cells <- function(known, by, bins, kept) {
  experiment <- known$experiment
  if (by == "gap" && !is.null(known$gap)) return(bin_cells(known$gap, bins, kept, "gap"))
  if (by == "side" && !is.null(known$gap)) return(sign_cells(sign(known$gap), kept))
  check_sides_known(experiment, by)
  if (by == "side") return(side_cells(experiment, kept))
  if (by == "gap") {
    check_units(experiment, "`by = \"gap\"`", "use `by = \"side\"` or `\"prior\"`")
    check_one_signal(experiment, by, "give `by = ~ ` with the gap you mean")
    return(bin_cells(gap_values(experiment, experiment$arm$informed), bins, kept, "gap"))
  }
  prior <- experiment$roles$prior
  bin_cells(as.numeric(role_values(experiment, prior)), bins, kept, prior$label)
}

check_sides_known <- function(experiment, by) {
  if (!is.null(experiment)) return(invisible(experiment))
  abort_miv("unknown_side", "`by = \"%s\"`: the fit knows no prior, signal and arm; give the cells as `by = ~ variable`, or the experiment as `data =`.", by)
}

check_one_signal <- function(experiment, by, cure) {
  informed <- experiment$arm$informed
  if (length(informed) == 1) return(invisible(experiment))
  abort_miv("several_arms", "`by = \"%s\"` is for one informed arm, and there are %d (%s); %s.", by, length(informed), quote_names(informed), cure)
}

# With several informed arms the cells are the patterns of sides, which are the level controls of `sign`.
side_cells <- function(experiment, kept) {
  sides <- lapply(experiment$arm$informed, function(arm) sign(gap_values(experiment, arm)))
  if (length(sides) == 1) return(sign_cells(sides[[1]], kept))
  title <- sprintf("side of the gap to %s", paste(quote_names(experiment$arm$informed), collapse = ", "))
  code <- Reduce(function(code, side) 3 * code + side + 1, sides, 0)
  code_cells(code, kept, title, function(values) pattern_labels(values, length(sides)))
}

sign_cells <- function(side, kept) new_cells(side + 2, c(-1L, 0L, 1L), kept, "side of the gap")

# position: which of the labels every row has; those that nobody in the fit has are left out.
new_cells <- function(position, labels, kept, title) {
  used <- which(tabulate(keep_rows(position, kept), length(labels)) > 0)
  if (length(used) < length(labels)) position <- match(position, used)
  ids <- as.integer(position) - 1L
  if (anyNA(ids)) ids[is.na(ids)] <- 0L                  # of rows that are not in the fit
  list(ids = ids, labels = if (is.numeric(labels)) labels[used] else factor(labels[used], levels = labels[used]), title = title, notes = character())
}

pattern_labels <- function(codes, arms) {
  digits <- vapply(seq_len(arms) - 1, function(place) codes %/% 3^(arms - 1 - place) %% 3 - 1, codes)
  apply(matrix(digits, ncol = arms), 1, paste, collapse = ",")
}

# Every value a cell, ascending.
code_cells <- function(x, kept, title, as_label) {
  values <- sort(unique(keep_rows(x, kept)))
  new_cells(match(x, values), as_label(values), kept, title)
}

# Quantiles of the people in the fit, or the breaks given; what lies outside of these has cells of its own.
bin_cells <- function(x, bins, kept, title) {
  inside <- keep_rows(x, kept)
  if (is.null(bins)) bins <- kBins
  breaks <- read_breaks(bins, inside)
  if (length(bins) == 1 && length(breaks) - 1 < bins && length(breaks) > 2)
    inform_miv("fewer_bins", "`%s` has ties: %s bins instead of %s.", title, big_number(length(breaks) - 1), big_number(bins))
  new_cells(findInterval(x, breaks, rightmost.closed = is.finite(breaks[length(breaks)])), bin_labels(breaks), kept, title)
}

read_breaks <- function(bins, x) {
  if (!is.numeric(bins) || length(bins) == 0 || anyNA(bins)) abort_miv("bad_bins", "`bins` is `%s`; give a number of bins, or the breaks between them.", deparse_one(bins))
  if (length(bins) > 1) {
    breaks <- sort(unique(bins))
    return(c(if (min(x) < breaks[1]) -Inf, breaks, if (max(x) > breaks[length(breaks)]) Inf))
  }
  if (bins < 1 || bins != round(bins)) abort_miv("bad_bins", "`bins` is %s; a number of bins is whole and at least 2.", format(bins))
  breaks <- unique(stats::quantile(x, seq(0, 1, length.out = bins + 1), names = FALSE))
  if (length(breaks) == 1) c(breaks, breaks) else breaks
}

bin_labels <- function(breaks) {
  shown <- distinct_format(breaks)
  k <- length(breaks) - 1
  closed <- ifelse(seq_len(k) == k & is.finite(breaks[k + 1]), "]", ")")
  paste0(ifelse(is.finite(breaks[seq_len(k)]), "[", "("), shown[seq_len(k)], ", ", shown[-1], closed)
}

# As few digits as keep neighbours apart.
distinct_format <- function(x) {
  for (digits in 3:15) {
    shown <- trimws(formatC(x, digits = digits, format = "fg", width = 1))
    if (!anyDuplicated(shown) || digits == 15) return(sub("^-0$", "0", shown))
  }
}

covariate_cells <- function(by, bins, data, kept) {
  if (length(by) != 2) abort_miv("bad_by", "`by` is a formula with two sides; give a one-sided one, `~ region`.")
  label <- deparse_one(by[[2]])
  x <- evaluate_variable(by[[2]], data, environment(by))
  if (is.matrix(x)) abort_miv("bad_by", "`%s` has %d columns; cells come from one variable.", label, ncol(x))
  check_cells_complete(x, label, kept)
  if (is.numeric(x) && !is.factor(x)) return(number_cells(plain_vector(x), label, bins, kept))
  x <- as.factor(x)
  new_cells(as.integer(x), levels(x), kept, label)
}

check_cells_complete <- function(x, label, kept) {
  inside <- keep_rows(x, kept)
  missing <- sum(is.na(inside))
  infinite <- if (is.numeric(inside)) sum(is.infinite(inside)) else 0
  if (missing > 0) {
    abort_miv("missing_cells", "`%s` is missing for %d of %d people in the fit; give them a category of their own, or fit without them (`subset = !is.na(%s)`).",
              label, missing, length(inside), label)
  }
  if (infinite > 0) abort_miv("infinite", "`%s` is infinite for %d people in the fit; make a category of them.", label, infinite)
  invisible(x)
}

# As many bins as asked for where a number has many values, and that is told.
number_cells <- function(x, label, bins, kept) {
  values <- distinct_values(x, kMostValues, if (!is.null(kept)) kept == 1L)
  if (length(values) <= kMostValues && is.null(bins)) {
    return(code_cells(x, kept, label, number_label))
  }
  cells <- bin_cells(as.numeric(x), bins, kept, label)
  if (is.null(bins)) inform_miv("binned", "`%s` has more than %d values and is cut into %d bins; set `bins =` for others, or `factor(%s)` for one cell per value.",
             label, kMostValues, length(cells$labels), label)
  cells
}

check_cells <- function(cells, fit) {
  k <- length(cells$labels)
  if (k < 2) abort_miv("one_cell", "`%s` puts all %s people of the fit into one cell, whose weight is 1; give at least two cells.", cells$title, big_number(fit$nobs))
  if (k > fit$nobs / 2) {
    abort_miv("too_many_cells", "`%s` makes %s cells of %s people; a cell needs people of both arms, so group them.", cells$title, big_number(k), big_number(fit$nobs))
  }
  if (k > kMostCells) {
    abort_miv("too_many_cells", "`%s` makes %s cells; at most %s can be weighed with intervals, so group them (a number by `bins =`).", cells$title, big_number(k), big_number(kMostCells))
  }
  invisible(cells)
}

# ---- cells without an effect ----

# Nobody is moved where every exposure is 0 (and no arm control shifts it), or where only one arm is in the cell.
mark_still <- function(cells, fit, kept) {
  k <- length(cells$labels)
  ids <- keep_rows(cells$ids, kept) + 1L
  if (fit$door != "miv") {
    cells$still <- same_instruments(fit, ids, k, kept)
    cells$notes <- c(cells$notes, still_note(cells$labels[cells$still], "the instrument does not vary there"))
    return(cells)
  }
  cells$still <- logical(k)
  moved <- anybody_moved(fit)
  unmoved <- if (is.null(moved)) logical(k) else tabulate(ids[keep_rows(moved, kept)], k) == 0
  alone <- arms_in_cells(fit, ids, k, kept) < 2
  cells$still <- unmoved | alone
  cells$notes <- c(cells$notes, still_note(cells$labels[unmoved], "the instrument moves nobody"), still_note(cells$labels[alone & !unmoved], "only one arm is there"))
  cells
}

# Cells in which every instrument, as it stands in the data, has one value.
same_instruments <- function(fit, ids, k, kept) {
  x <- dense_columns_cpp(core_design(problem_of(fit), kept))[, fit$places$instruments, drop = FALSE]
  one <- match(seq_len(k), ids)
  Reduce(`&`, lapply(seq_len(ncol(x)), function(j) tabulate(ids[x[, j] != x[one, j][ids]], k) == 0))
}

# NULL: everybody can be.
anybody_moved <- function(fit) {
  informed <- fit$experiment$arm$informed
  if (fit$arm_control || fit$exposure %in% c("arm", "arm+gap")) return(NULL)
  moved <- lapply(informed, function(arm) {
    h <- exposure_values(fit$exposure, fit$recipe$exposure, gap_values(fit$experiment, arm))
    Reduce(`|`, lapply(h, function(x) !is.na(x) & x != 0))
  })
  Reduce(`|`, moved)
}

arms_in_cells <- function(fit, ids, k, kept) {
  codes <- arm_codes(fit$experiment)
  x <- keep_rows(codes$x, kept)
  present <- vapply(codes$values, function(value) tabulate(ids[x == value], k) > 0, logical(k))
  rowSums(present)
}

still_note <- function(labels, why) {
  if (length(labels) == 0) return(character())
  sprintf("Cell%s %s: weight 0 and no effect, because %s.", plural(length(labels)), quote_names(as.character(labels), 5), why)
}

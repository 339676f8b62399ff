# The data frame's columns as the core reads them: a list of plain vectors (sources), and recipes (atoms) that make every column
# of the problem from them, tile by tile. Nothing of length n is formed here for a numeric column.

# ---- sources ----

new_sources <- function() {
  sources <- new.env(parent = emptyenv())
  sources$vectors <- list()
  sources$labels <- character()
  sources
}

# 0-based position of x among the sources; a label already there is the same vector.
add_source <- function(sources, x, label) {
  known <- match(label, sources$labels)
  if (!is.na(known)) return(known - 1L)
  sources$vectors[[length(sources$vectors) + 1L]] <- x
  sources$labels <- c(sources$labels, label)
  length(sources$vectors) - 1L
}

# What the core can read: double, integer, logical, factor codes. Text becomes a factor.
as_source_vector <- function(x) {
  if (is.character(x)) x <- factor(x)
  if (is.numeric(x) || is.logical(x) || is.factor(x)) return(x)
  as.numeric(x)
}

# ---- atoms: list(kind, source, value, table, strata), kinds as in core/columns.h ----

new_atom <- function(kind, source, value = 0, table = numeric(), strata = -1L, share_of = NA_integer_) {
  list(kind, source, value, table, strata, share_of)
}
atom_numeric <- function(source) new_atom(0L, source)
atom_lookup <- function(source, base, table) new_atom(1L, source, base, as.numeric(table))
atom_gap <- function(gap) new_atom(2L, gap)
atom_side <- function(gap) new_atom(3L, gap)
atom_side_is <- function(gap, side) new_atom(4L, gap, side)
# share_of: position of the arm whose share is subtracted once the sample is known.
atom_arm <- function(source, value, share_of = NA_integer_) new_atom(5L, source, as.numeric(value), share_of = share_of)

# A column of the problem: its name, a sum of products of atoms, and whether the package added it.
new_column <- function(name, ..., added = FALSE) list(name = name, products = list(...), added = added)

column_names <- function(columns) vapply(columns, `[[`, "", "name")

# ---- terms of a formula ----

# The right-hand side as columns, with the terms object that reads new data the same way. kept: raw mask of the people whose
# levels count, or NULL for all.
read_terms <- function(rhs, data, env, sources, intercept, kept = NULL) {
  terms <- stats::terms(stats::as.formula(call("~", rhs), env = env))
  check_terms(terms)
  variables <- as.list(attr(terms, "variables"))[-1]
  values <- lapply(lapply(variables, evaluate_variable, data = data, env = env), settle_factor, kept = kept)
  labels <- vapply(variables, deparse_one, "")
  pieces <- Map(read_pieces, values, labels, MoreArgs = list(sources = sources))
  factors <- attr(terms, "factors")
  has_constant <- attr(terms, "intercept") == 1L
  if (!has_constant && intercept == "required") abort_miv("no_constant", "The formula drops the constant; `miv()` needs it, so leave out `- 1` and `0 +`.")
  if (!has_constant) factors <- full_first(factors, values)
  by_term <- lapply(seq_along(attr(terms, "term.labels")), function(j) term_columns(pieces, factors[, j]))
  attr(terms, "predvars") <- as.call(c(quote(list), Map(stats::makepredictcall, values, variables)))
  list(terms = terms, columns = as.list(unlist(by_term, recursive = FALSE)), of_term = rep(attr(terms, "term.labels"), lengths(by_term)), constant = has_constant, xlevels = read_levels(values, labels))
}

check_terms <- function(terms) {
  if (!is.null(attr(terms, "offset"))) abort_miv("offset", "`offset()` is not used here; subtract it from the outcome instead.")
  invisible(terms)
}

# Evaluated in the data, else where the formula was written. One row per person.
evaluate_variable <- function(expr, data, env) {
  label <- deparse_one(expr)
  if (anyDuplicated(names(data))) for (name in intersect(all.vars(expr), names(data))) check_column(name, data)
  if (is.symbol(expr) && label %in% names(data)) {
    x <- data[[label]]
  } else {
    x <- tryCatch(eval(expr, data, env), error = function(e) stop_variable(e, expr, data, env))
    if (is.function(x)) stop_variable(NULL, expr, data, env)
  }
  if (NROW(x) != nrow(data)) abort_miv("wrong_length", "`%s` has %d value%s for %d rows of the data.%s", label, NROW(x), plural(NROW(x)), nrow(data),
                                    if (is.symbol(expr)) suggest_name(label, names(data)) else "")
  if (inherits(x, "integer64")) abort_miv("not_numeric", "`%s` has %d values of type integer64; convert it with `as.numeric()`.", label, length(x))
  x
}

stop_variable <- function(e, expr, data, env) {
  for (name in all.vars(expr)) {
    if (name %in% names(data) || !is.null(find_value(name, env, "numeric"))) next
    if (!is.null(e) && !grepl(sprintf("'%s'", name), conditionMessage(e), fixed = TRUE)) next
    abort_miv("unknown_column", "`%s` is not a column of the data.%s", name, suggest_name(name, names(data)))
  }
  abort_miv("bad_variable", "`%s` cannot be evaluated: %s", deparse_one(expr), if (is.null(e)) "it is a function" else conditionMessage(e))
}

# A variable's columns: $main under contrasts, $full one per level (for interactions without their main effect).
read_pieces <- function(x, label, sources) {
  if (is.matrix(x)) return(matrix_pieces(x, label, sources))
  if (is.character(x) || is.factor(x) || is.logical(x)) return(factor_pieces(x, label, sources))
  if (!is_numeric_like(x)) abort_miv("bad_variable", "`%s` is of class `%s`; a control is numeric, logical, a factor or text.", label, class(x)[1])
  piece <- list(list(name = label, atom = atom_numeric(add_source(sources, as_source_vector(x), label))))
  list(main = piece, full = piece)
}

is_numeric_like <- function(x) is.numeric(x) || inherits(x, c("Date", "POSIXct", "difftime"))

matrix_pieces <- function(x, label, sources) {
  if (!is.numeric(x)) abort_miv("bad_variable", "`%s` is a matrix of type %s; it must be numeric.", label, typeof(x))
  names <- matrix_names(x, label)
  piece <- lapply(seq_len(ncol(x)), function(j) {
    name <- names[j]
    list(name = name, atom = atom_numeric(add_source(sources, as.numeric(x[, j]), name)))
  })
  list(main = piece, full = piece)
}

matrix_names <- function(x, label) {
  paste0(label, if (!is.null(colnames(x))) colnames(x) else if (ncol(x) > 1) seq_len(ncol(x)))
}

# A factor is looked up by its codes; dummies are never formed.
factor_pieces <- function(x, label, sources) {
  levels <- if (is.logical(x)) c("FALSE", "TRUE") else levels(x)
  if (length(levels) == 0) abort_miv("all_missing", "`%s` is missing in all %d rows.", label, length(x))
  base <- if (is.logical(x)) 0 else 1
  source <- add_source(sources, x, paste0("factor ", label))
  codings <- list(main = contrasts_of(x, levels), full = diag(length(levels)))
  colnames(codings$full) <- levels
  lapply(codings, function(coding) {
    lapply(seq_len(ncol(coding)), function(j) list(name = paste0(label, colnames(coding)[j]), atom = atom_lookup(source, base, coding[, j])))
  })
}

# Text becomes a factor; levels that nobody kept has are dropped, as lm() does.
settle_factor <- function(x, kept = NULL) {
  if (!is.character(x) && !is.factor(x)) return(x)
  x <- as.factor(x)
  used <- used_levels(x, kept)
  if (all(used)) x else factor(x, levels = levels(x)[used])
}

used_levels <- function(x, kept) tabulate(keep_rows(x, kept), nlevels(x)) > 0

# Without a constant the first factor of the first term that has one keeps all its levels.
full_first <- function(factors, values) {
  labelled <- vapply(values, function(x) is.factor(x) || is.logical(x), NA)
  if (!any(labelled)) return(factors)
  at <- which(factors > 0 & labelled, arr.ind = TRUE)
  if (nrow(at) > 0) factors[at[1, 1], at[1, 2]] <- 2L
  factors
}

contrasts_of <- function(x, levels) {
  if (length(levels) < 2) return(matrix(1, length(levels), 1, dimnames = list(NULL, levels)))
  coding <- stats::contrasts(if (is.logical(x)) factor(levels, levels) else x)
  if (is.null(colnames(coding))) colnames(coding) <- seq_len(ncol(coding))
  coding
}

read_levels <- function(values, labels) {
  out <- lapply(values, function(x) if (is.factor(x)) levels(x))
  names(out) <- labels
  out[!vapply(out, is.null, NA)]
}

# use: by variable, 0 not in the term, 1 under contrasts, 2 all levels. The first variable varies fastest.
term_columns <- function(pieces, use) {
  used <- Map(function(piece, how) if (how == 1L) piece$main else piece$full, pieces[use > 0L], use[use > 0L])
  Reduce(cross_columns, lapply(used, function(piece) lapply(piece, function(part) new_column(part$name, list(part$atom)))))
}

cross_columns <- function(left, right) {
  pairs <- lapply(right, function(r) lapply(left, function(l) new_column(paste0(l$name, ":", r$name), c(l$products[[1]], r$products[[1]]))))
  unlist(pairs, recursive = FALSE)
}

# ---- the core's view of the rows ----

# Complete rows and extremes of a named list of vectors. kept: NULL (all), logical or raw.
scan_columns <- function(columns, kept = NULL) {
  mask <- as_mask(kept)
  rows <- length(columns[[1]])
  scan <- scan_columns_cpp(unname(lapply(columns, as_source_vector)), mask, rows, threads())
  scan$kept <- if (!is.null(scan$kept)) as.logical(scan$kept)
  for (part in c("missing", "infinite", "minimum", "maximum")) names(scan[[part]]) <- names(columns)
  scan
}

as_mask <- function(kept) if (is.null(kept) || is.raw(kept)) kept else as.raw(kept)

# People by arm (all rows with an arm), complete people by arm, and sides (arm x informed arm x side) over kept rows; with a
# value also its weighted moments by the same cells.
# operands: by informed arm list(minuend, subtrahend), each a number or a vector.
count_sides <- function(arm_x, arm_values, operands, kept = NULL, value = NULL, weights = NULL) {
  sources <- new_sources()
  arm <- add_source(sources, arm_x, "arm")
  gaps <- gap_matrix(operands, sources)
  at <- function(x, label) if (is.null(x)) -1L else add_source(sources, x, label)
  people <- list(gaps = gaps, rows = length(arm_x), kept = as_mask(kept), value = at(value, "value"), weights = at(weights, "weights"))
  counts <- count_arms_cpp(c(list(sources = sources$vectors), people), arm, as.numeric(arm_values))
  cells <- c("sides", "weight", "mean", "spread")
  counts[cells] <- lapply(counts[cells], array, dim = c(length(arm_values), length(operands), 3))
  counts
}

# 4 x gaps: source and constant of minuend and subtrahend; source -1 for a constant.
gap_matrix <- function(operands, sources) {
  columns <- lapply(seq_along(operands), function(j) {
    c(operand_of(operands[[j]]$minuend, paste("minuend", j), sources), operand_of(operands[[j]]$subtrahend, "subtrahend", sources))
  })
  matrix(as.numeric(unlist(columns)), 4)
}

operand_of <- function(x, label, sources) {
  if (length(x) == 1) c(-1, x) else c(add_source(sources, x, label), 0)
}

threads <- function() {
  wanted <- getOption("miv.threads", 2L)
  if (!is.numeric(wanted) || length(wanted) != 1 || is.na(wanted) || wanted < 1) {
    abort_miv("bad_option", "`options(miv.threads = )` is `%s`; it must be a number of 1 or more.", deparse_one(wanted))
  }
  as.integer(wanted)
}

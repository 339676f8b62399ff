# A set of fits as one table: fits in columns, coefficients in rows; and its summary, fits in rows.

kMostShown <- 20

# Numbers of the table before anything is text: coefficients and standard errors, terms x fits, and what stands below them.
fits_numbers <- function(set, all = FALSE) {
  fits <- unclass(set)[seq_along(set)]
  shown <- lapply(fits, function(fit) if (all) names(fit$coefficients) else setdiff(names(fit$coefficients), fit$levels))
  effects <- unique(unlist(lapply(fits, effect_names)))
  terms <- unique(unlist(shown))
  terms <- c(intersect(effects, terms), setdiff(terms, c(effects, "(Intercept)")), intersect("(Intercept)", terms))
  take <- function(of) vapply(fits, function(fit) ifelse(terms %in% shown[[1]] | terms %in% names(of(fit)), of(fit)[terms], NA_real_), numeric(length(terms)))
  matrix_of <- function(of) matrix(take(of), length(terms), dimnames = list(terms, names(set)))
  list(estimate = matrix_of(function(fit) fit$coefficients), std.error = matrix_of(function(fit) sqrt(diag(fit$vcov))), glance = bind_filled(lapply(fits, glance)))
}

#' @rdname miv_set
#' @param digits Significant digits of the standard errors, at least 2.
#' @param all `TRUE` shows level controls and more than 20 coefficients.
#' @param vcov Another covariance for all fits, as in [miv()].
#' @export
print.miv_set <- function(x, digits = 3, all = FALSE, vcov = NULL, ...) {
  check_dots(dot_names(...), c("digits", "all", "vcov"))
  set <- if (is.null(vcov)) x else like_set(x, each_fit(x, with_vcov, vcov = vcov))
  print_words(set_title(set))
  cat("\n")
  table <- fits_numbers(set, all)
  hidden <- if (all) 0 else max(0, nrow(table$estimate) - kMostShown)
  print_blocks(fits_text(set, table, nrow(table$estimate) - hidden, max(2, digits)))
  if (hidden > 0) print_words(sprintf("... and %d more coefficients; `print(fits, all = TRUE)` shows them.", hidden))
  cat("\n")
  print_set_notes(set)
  invisible(x)
}

print_set_notes <- function(set) {
  kinds <- unique(vapply(unclass(set), function(fit) vcov_words(fit$vcov_kind), ""))
  kinds <- if (length(kinds) == 1) kinds else vcov_sort(set)
  print_line("In brackets", sprintf("standard errors%s.", if (nzchar(kinds)) paste0(", ", kinds) else ", of several kinds"))
  print_left_out(attr(set, "left_out"), attr(set, "by"), attr(set, "missing"))
}

# Clusters of the same variables, whose numbers differ between groups and stand in the table.
vcov_sort <- function(set) {
  kinds <- unique(vapply(unclass(set), function(fit) if (length(fit$vcov_kind$cluster)) sprintf("%s, clustered by %s", fit$vcov_kind$type, quote_names(fit$vcov_kind$cluster)) else "", ""))
  if (length(kinds) == 1) kinds else ""
}

print_left_out <- function(left_out, by, missing) {
  for (i in seq_len(NROW(left_out))) print_line("Left out", left_out_group(left_out[i, ], by))
  lost <- missing[missing > 0]
  if (length(lost)) print_line("No group", paste0(missing_group_words(lost), "."))
}

left_out_group <- function(row, by) {
  values <- vapply(row[setdiff(names(row), c("rows", "reason"))], value_text, "")
  sprintf("`%s` (%s rows): %s", paste(sprintf("%s = %s", names(values), values), collapse = ", "), big_number(row$rows), row$reason)
}

# ---- text ----

# A matrix of text, with the heads of its columns: list(head, body); rows of both are named.
fits_text <- function(set, table, rows, digits) {
  decimals <- vapply(seq_len(rows), function(i) row_decimals(table$std.error[i, ], digits), 0)
  cell <- function(m, i, wrap) ifelse(is.na(m[i, ]), "", sprintf(wrap, fixed(m[i, ], decimals[i])))
  lines <- unlist(lapply(seq_len(rows), function(i) list(cell(table$estimate, i, "%s"), cell(table$std.error, i, "(%s)"))), recursive = FALSE)
  body <- do.call(rbind, lines)
  rownames(body) <- as.vector(rbind(shorten(rownames(table$estimate)[seq_len(rows)], 28), " "))
  # A bracket hangs over to the right, so that digits stand below digits.
  odd <- seq_len(nrow(body)) %% 2 == 1
  body[odd, ] <- paste0(body[odd, ], " ")
  list(head = set_head(set), body = rbind(body, "", set_foot(set, table$glance)))
}

row_decimals <- function(errors, digits) {
  each <- vapply(errors[is.finite(errors) & errors > 0], function(e) decimals_for(e, digits), 0)
  if (length(each) == 0) 3 else min(8, stats::median(each, na.rm = TRUE))
}

# What the columns are of, a line for each column of the key that tells fits apart.
set_head <- function(set) {
  key <- set_key(set)
  differs <- vapply(key, function(x) length(unique(x)) > 1, NA)
  if ("fit" %in% names(key)) differs[names(key) == "outcome"] <- any(differs[names(key) == "outcome"])
  key <- key[if (any(differs)) differs else 1]
  head <- do.call(rbind, lapply(key, function(x) ifelse(is.na(x), "", shorten(vapply(as.list(x), value_text, ""), 20))))
  rownames(head) <- ifelse(names(key) == "fit", "", names(key))
  head[] <- paste0(head, " ")
  head
}

set_foot <- function(set, glance) {
  number <- function(x, how) ifelse(is.na(x), "", how(x))
  rows <- list(
    "People" = number(glance$nobs, big_number), "Clusters" = number(glance$n_clusters, big_number), "First-stage F" = number(glance$first_stage_F, show_f),
    "Exposure" = if (length(unique(glance$exposure)) > 1) number(glance$exposure, identity),
    "Negative weight" = number(glance$negative_weight, function(w) formatC(w, digits = 3, format = "f")), "Base-arm mean" = number(glance$control_mean, function(m) vapply(m, show_number, "", digits = 4)))
  if (!is.null(rows$`Base-arm mean`)) rows$`Base-arm mean`[is.na(glance$control_mean)] <- ""
  rows <- c(effect_lines(set), rows, if (length(unique(glance$vcov)) > 1 && !nzchar(vcov_sort(set))) list("Std. errors" = glance$vcov))
  rows <- Filter(function(row) any(nzchar(row)), rows)
  foot <- do.call(rbind, rows)
  foot[] <- paste0(foot, " ")
  foot
}

# Absorbed effects: which fit has them.
effect_lines <- function(set) {
  labels <- unique(unlist(lapply(unclass(set), function(fit) names(fit$fixed_effects))))
  lines <- lapply(labels, function(label) ifelse(vapply(unclass(set), function(fit) label %in% names(fit$fixed_effects), NA), "yes", "no"))
  stats::setNames(lines, sprintf("Effects of `%s`", labels))
}

# As many columns side by side as the console is wide. A row that no column of a block has is left out there; rows without a name part the table.
print_blocks <- function(text) {
  all <- rbind(text$head, text$body)
  names <- rownames(all)
  left <- max(nchar(names, "width"))
  wide <- apply(nchar(all, "width"), 2, max) + 2
  block <- column_block(wide, max(40, getOption("width")) - left)
  for (b in unique(block)) {
    if (b > 1) cat("\n")
    at <- which(block == b)
    empty <- nzchar(names) & !apply(all[, at, drop = FALSE], 1, function(cells) any(nzchar(trimws(cells))))
    for (i in which(!empty)) cat_row(names[i], all[i, at], left, wide[at])
  }
}

cat_row <- function(name, cells, left, wide) {
  pad <- function(text, width) strrep(" ", pmax(0, width - nchar(text, "width")))
  cat(trimws(paste0(name, pad(name, left), paste0(pad(cells, wide), cells, collapse = "")), "right"), "\n", sep = "")
}

column_block <- function(wide, room) {
  block <- integer(length(wide))
  used <- Inf
  b <- 0L
  for (j in seq_along(wide)) {
    if (used + wide[j] > room) {
      b <- b + 1L
      used <- 0
    }
    used <- used + wide[j]
    block[j] <- b
  }
  block
}

# ---- title ----

set_title <- function(set) {
  fits <- unclass(set)
  first <- fits[[1]]
  same <- function(f) length(unique(vapply(fits, f, ""))) == 1
  if (!same(fit_sort)) return(sprintf("%d fits%s", length(fits), if (same(outcome_of)) sprintf(" of `%s`", outcome_of(first)) else ""))
  on <- set_extent(set, same(outcome_of))
  if (!is.null(first$recipe$stage)) return(sprintf("%s, %s", stage_words(first), sub("^[^ ]+ ", "", paste("on", on))))
  if (length(first$beliefs) == 0) return(sprintf("Least squares, %s", on))
  sprintf("Effect of %s on %s, %s", and_names(first$beliefs), on, instrument_words(first))
}

# Fits of one sort have one title.
fit_sort <- function(fit) paste(fit$recipe$stage$kind, paste(fit$beliefs, collapse = " "), if (length(fit$beliefs)) instrument_words(fit))

# "2 outcomes", "`pay_claim` by `female`", "2 outcomes by `female` and `region`", "2 fits".
set_extent <- function(set, one_outcome) {
  outcomes <- length(unique(vapply(unclass(set), outcome_of, "")))
  by <- attr(set, "by")
  what <- if (one_outcome) quote_names(outcome_of(set[[1]])) else sprintf("%d outcomes", outcomes)
  if (is.null(by)) return(if (one_outcome || outcomes < length(set)) sprintf("%s, %d fits", what, length(set)) else what)
  groups <- nrow(unique(set_key(set)[intersect(by, names(set_key(set)))]))
  sprintf("%s by %s (%d group%s)", what, and_names(by), groups, plural(groups))
}

# ---- summary ----

#' @rdname summary.miv
#' @export
print.summary.miv_set <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  print_words(x$title)
  cat("\n")
  print_frame(set_frame(x$table, digits, x$conf.level))
  cat("\n")
  kinds <- unique(vapply(x$summaries, function(s) vcov_words(s$vcov_kind), ""))
  print_line("Std. errors", paste0(if (length(kinds) == 1) kinds else vcov_of_several(x$summaries), "."))
  if (!is.null(x$equal_effects)) print_line("Same effect", equal_lines(x$equal_effects, digits))
  print_left_out(x$left_out, NULL, x$missing)
  sentences <- unique(vapply(x$summaries, function(s) weights_sentence(utils::modifyList(s, list(weightless = NULL))), ""))
  if (length(sentences) == 1) print_weights(utils::modifyList(x$summaries[[1]], list(weightless = NULL)))
  invisible(x)
}

vcov_of_several <- function(fits) {
  words <- vapply(fits, function(fit) vcov_words(fit$vcov_kind), "")
  sorts <- unique(gsub(" \\([0-9,]+ clusters\\)", "", words))
  counts <- vapply(fits, function(fit) if (length(fit$vcov_kind$n_clusters)) min(fit$vcov_kind$n_clusters) else NA_real_, 0)
  if (length(sorts) == 1 && !anyNA(counts)) sprintf("%s (%s to %s clusters)", sorts, big_number(min(counts)), big_number(max(counts))) else "of several kinds, `fits[[1]]` has its own"
}

equal_lines <- function(equal, digits) {
  if (is.character(equal)) return(sprintf("not tested: %s.", equal))
  lines <- vapply(seq_len(nrow(equal)), function(i) equal_words(equal[i, ], digits), "")
  paste(sub("^Test that the effect of ", "", lines), collapse = " ")
}

# table: of a summary.
set_frame <- function(table, digits, level) {
  number <- function(v) mapply(function(x, error) fixed(x, decimals_for(error, digits - 1)), v, table$std.error)
  shown <- cbind(estimate = number(table$estimate), "std. error" = number(table$std.error),
                 interval = sprintf("%s to %s", number(table$conf.low), number(table$conf.high)), p = format.pval(table$p.value, digits = 3, eps = 1e-4),
                 people = big_number(table$nobs), F = ifelse(is.na(table$first_stage_F), "", show_f(table$first_stage_F)))
  colnames(shown)[3] <- paste0(format(100 * level), "% interval")
  if (length(unique(table$term)) > 1) shown <- cbind(term = table$term, shown)
  if (all(is.na(table$first_stage_F))) shown <- shown[, colnames(shown) != "F", drop = FALSE]
  name_rows(shown, table[seq_len(match("term", names(table)) - 1)])
}

# The one column that tells the fits apart names the rows; of several the others stand beside it.
name_rows <- function(shown, key) {
  differs <- vapply(key, function(column) length(unique(column)) > 1, NA)
  key <- key[if (any(differs)) differs else 1]
  if (ncol(key) == 1) {
    own <- vapply(as.list(key[[1]]), value_text, "")
    rownames(shown) <- shorten(if (names(key) %in% c("outcome", "fit")) own else sprintf("%s = %s", names(key), own), 28)
    return(shown)
  }
  text <- vapply(key, function(column) shorten(vapply(as.list(column), value_text, ""), 20), character(nrow(key)))
  shown <- cbind(text[, -1, drop = FALSE], shown)
  rownames(shown) <- text[, 1]
  shown
}

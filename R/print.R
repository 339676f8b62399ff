# Words for fits and their summaries. Nothing is computed here that a caller might want as a number.

#' @export
print.miv <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  print_words(fit_title(x))
  print_line("Formula", deparse_one(if (is.null(x$recipe$stage)) x$formula_full else x$formula))
  if (length(effect_names(x))) print_effects(x, digits) else print(format(x$coefficients, digits = digits), quote = FALSE)
  print_line(people_title(x), people_words(x$nobs, x$rows))
  print_line("First stage", first_stage_words(x$first_stage))
  invisible(x)
}

print_effects <- function(fit, digits) {
  interval <- belief_intervals(fit, 0.95)
  for (name in rownames(interval)) {
    error <- sqrt(fit$vcov[name, name])
    number <- function(x) fixed(x, decimals_for(error, digits - 1))
    print_line("Estimate", sprintf("%s%s (SE %s), 95%% interval %s.", which_effect(fit, name), number(fit$coefficients[[name]]), number(error),
                                   range_words(interval[name, ], number)))
  }
  print_line("Std. errors", paste0(vcov_words(fit$vcov_kind), few_clusters_words(fit$vcov_kind), "."))
}

# The name in front of a number, where the title leaves it open.
which_effect <- function(x, name) if (length(effect_names(x)) == 1) "" else sprintf("`%s` ", name)

#' @param x A summary.
#' @param digits Significant digits.
#' @param all `TRUE` shows every row of the table: more than 20 controls, and the level controls that the package added.
#' @rdname summary.miv
#' @export
print.summary.miv <- function(x, digits = max(3, getOption("digits") - 3), all = FALSE, ...) {
  print_words(x$title)
  cat("\n")
  print_table(x, digits, all)
  cat("\n")
  print_intervals(x, digits)
  print_line("Weak-robust", weak_robust_words(x$weak_robust, x$vcov_kind))
  print_line("Std. errors", paste0(vcov_words(x$vcov_kind), few_clusters_words(x$vcov_kind), ".", cr2_words(x, digits), both_scores_words(x, digits)))
  print_line(x$who, paste0(people_words(x$nobs, x$rows), left_out_words(x$left_out, x$rows - x$nobs)))
  print_line("First stage", first_stage_words(x$first_stage))
  print_line("Instruments", over_identification_words(x$over_identification, min(x$first_stage$F)))
  if (!is.null(x$instrument_tests)) print_line("Instruments", tests_words(x$instrument_tests, x$single_belief))
  print_line("Added", x$added)
  print_line("Absorbed", effects_words(x$fixed_effects))
  print_line("Dropped", dropped_words(setdiff(x$dropped, problem_levels(x))))
  print_line("Computed", computed_words(x, digits))
  print_weights(x)
  invisible(x)
}

# ---- layout ----

kTitleWidth <- 13

# Nothing where there is nothing to say.
print_line <- function(title, text) if (length(text) && nzchar(text)) print_item(title, text, kTitleWidth)

print_words <- function(text) cat(strwrap(text, width = max(40, getOption("width"))), sep = "\n")

print_table <- function(x, digits, all) {
  table <- x$coefficients
  if (!all) table <- table[!rownames(table) %in% x$levels, , drop = FALSE]
  hidden <- if (all) 0 else max(0, nrow(table) - 20)
  table <- utils::head(table, nrow(table) - hidden)
  rownames(table) <- shorten(rownames(table), max(12, getOption("width") - 48))
  stats::printCoefmat(table, digits = digits, signif.stars = FALSE, has.Pvalue = TRUE, P.values = TRUE)
  if (hidden > 0) print_words(sprintf("... and %d more; `print(summary(fit), all = TRUE)` shows them.", hidden))
}

shorten <- function(names, most) ifelse(nchar(names) > most, paste0(substr(names, 1, most - 3), "..."), names)

show_number <- function(x, digits) format(signif(x, digits), digits = digits, trim = TRUE)

# Estimate and interval are shown as precisely as the standard error, which has `digits` digits.
decimals_for <- function(error, digits) {
  if (!is.finite(error) || error <= 0) return(NULL)
  max(0, digits - 1 - floor(log10(error)))
}

fixed <- function(x, decimals) {
  if (is.null(decimals) || decimals > 8) return(formatC(x, digits = 3, format = "g"))
  formatC(x, digits = decimals, format = "f", big.mark = ",")
}

range_words <- function(interval, number) paste(number(interval), collapse = " to ")

print_weights <- function(x) {
  sentence <- weights_sentence(x)
  if (nzchar(sentence)) cat("\n", paste0(strwrap(sentence, width = max(40, getOption("width"))), "\n"), sep = "")
}

print_intervals <- function(x, digits) {
  for (name in rownames(x$conf.int)) {
    number <- function(v) fixed(v, decimals_for(x$coefficients[name, 2], digits - 1))
    print_line("Interval", sprintf("%s%s (%s%%, t with %s degrees of freedom).", which_effect(x, name), range_words(x$conf.int[name, ], number),
                                   format(100 * x$conf.level), df_words(df_of(x, name))))
  }
}

# ---- what is estimated ----

fit_title <- function(fit) {
  outcome <- quote_names(deparse_one(fit$formula[[2]]))
  if (!is.null(fit$recipe$stage)) return(sprintf("%s: %s on %s", stage_words(fit), outcome, quote_names(fit$leading, 4)))
  if (length(fit$beliefs) == 0) return(sprintf("Least squares: %s on %s", outcome, least_squares_words(fit)))
  sprintf("Effect of %s on %s, %s", and_names(fit$beliefs), outcome, instrument_words(fit))
}

and_names <- function(names) paste0("`", names, "`", collapse = " and ")

stage_words <- function(fit) {
  switch(fit$recipe$stage$kind, first_stage = "First stage", reduced_form = "Reduced form", ols = "Least squares")
}

least_squares_words <- function(fit) {
  labels <- attr(fit$terms, "term.labels")
  if (length(labels)) quote_names(labels, 4) else "a constant"
}

instrument_words <- function(fit) {
  if (fit$door == "tsls") return(sprintf("instrument%s %s", plural(length(fit$instruments)), quote_names(fit$instruments, 4)))
  words <- switch(fit$exposure,
    sign = "mover instrument (arm x side)", gap = "instrument arm x gap", arm = "instrument arm",
    `arm+gap` = "instruments arm and arm x gap", `arm+sign` = "one instrument per side (arm x side)", "instrument arm x a function of the gap")
  paste0(words, several_words(fit), if (fit$arm_control) ", arm controlled")
}

several_words <- function(fit) {
  arms <- fit$experiment$arm$informed
  if (length(arms) == 1) return("")
  if (isFALSE(fit$recipe$pool)) return(sprintf(", one per informed arm (%s)", quote_names(arms)))
  sprintf(", pooled over %d informed arms (%s)", length(arms), quote_names(arms))
}

# ---- lines ----

vcov_words <- function(kind) {
  robust <- switch(kind$type, iid = " (one variance for everybody)", HC0 = , HC1 = , HC2 = , HC3 = " (robust to unequal variances)", "")
  ways <- sprintf("`%s` (%s clusters)", kind$cluster, vapply(kind$n_clusters, big_number, ""))
  clustered <- if (length(kind$cluster)) sprintf("%s, clustered by %s", kind$type, paste(ways, collapse = " and ")) else vcov_label(kind)
  paste0(clustered, robust, if (identical(kind$scores, "heterogeneous")) ", with scores valid when effects differ")
}

few_clusters_words <- function(kind) {
  if (length(kind$n_clusters) == 0 || min(kind$n_clusters) >= kFewClusters || kind$type %in% kAdjustedTypes) return("")
  "; with fewer than 40 clusters such errors tend to be too small"
}

both_scores_words <- function(x, digits) {
  if (is.null(x$both_scores)) return("")
  errors <- apply(x$both_scores, 2, function(e) sprintf("%s usual, %s valid when effects differ", show_number(e[1], digits), show_number(e[2], digits)))
  if (length(errors) > 1) errors <- sprintf("`%s` %s", names(errors), errors)
  sprintf(" More instruments than beliefs, so two standard errors: %s.", paste(errors, collapse = "; "))
}

# Any data may come through the back door.
people_title <- function(fit) if (fit$recipe$door == "miv") "People" else "Rows"

people_words <- function(n, rows) if (n == rows) sprintf("%s, nobody left out.", big_number(n)) else sprintf("%s of %s.", big_number(n), big_number(rows))

left_out_words <- function(causes, lost) {
  if (length(causes) == 0) return("")
  said <- paste(vapply(causes, big_number, ""), vapply(names(causes), cause_words, ""), collapse = ", ")
  sprintf(" Left out: %s%s.", said, if (sum(causes) > lost) " (some for several causes)" else "")
}

cause_words <- function(cause) {
  if (cause == "subset") return("by `subset`")
  if (cause == "weight 0") return("with weight 0")
  sprintf("with `%s` missing", cause)
}

first_stage_words <- function(stage) {
  if (is.null(stage)) return("")
  f <- ifelse(is.finite(stage$F), paste("F =", show_f(stage$F)), "F not available (more instruments than clusters)")
  if (length(f) > 1) f <- sprintf("`%s` %s", names(stage$F), f)
  weak <- if (any(stage$F < 10, na.rm = TRUE)) "; below 10 is weak" else ""
  sprintf("%s, on %d and %s degrees of freedom%s.", paste(f, collapse = ", "), stage$df1, big_number(stage$df2), weak)
}

show_f <- function(f) ifelse(f < 10, formatC(f, digits = 2, format = "f"), formatC(f, digits = 1, format = "f", big.mark = ","))

# What the package put in beside the user's controls.
added_words <- function(fit) {
  if (fit$recipe$door != "miv") return("")
  said <- c(level_words(fit$levels), if (length(fit$stratum)) sprintf("effects of the strata `%s`", fit$stratum))
  words <- if (length(said)) paste0(paste(said, collapse = "; "), ".") else ""
  if (identical(fit$recipe$stage$kind, "ols")) words else paste0(words, centring_words(fit))
}

kLevelWords <- c(.side = "dummies of the side of the gap", .pattern = "dummies of the pattern of sides", .gap = "the gap",
                 .exposure = "the function of the gap", .arm = "dummies of the informed arm")

level_words <- function(levels) {
  stems <- sub("^([.](side|pattern|gap|exposure|arm)).*$", "\\1", levels)
  vapply(unique(stems), function(stem) sprintf("%s (%s)", kLevelWords[[stem]], paste0("`", levels[stems == stem], "`", collapse = ", ")), "")
}

centring_words <- function(fit) {
  experiment <- fit$experiment
  if (!is.null(experiment$probability)) return(" In the instrument the arm is centred at its known probability.")
  if (length(fit$stratum)) return(" In the instrument the arm is centred at its share in the stratum.")
  if (length(experiment$arm$informed) > 1) return(" In the instrument each arm is centred at its share.")
  ""
}

effects_words <- function(effects) {
  if (length(effects) == 0) return("")
  sprintf("fixed effects of %s.", paste(sprintf("`%s` (%s)", names(effects), vapply(effects, big_number, "")), collapse = ", "))
}

dropped_words <- function(dropped) {
  if (length(dropped) == 0) return("")
  sprintf("%s, collinear with what stands before.", quote_names(dropped))
}

computed_words <- function(x, digits) {
  path <- if (x$path == "cross-products") "from cross-products" else "by Householder QR, because cross-products were not exact enough"
  sprintf("%s; residual SD %s, R-squared %s.", path, show_number(x$sigma, digits), fixed(x$r.squared, 3))
}

# ---- the sentence about the weights ----

weights_sentence <- function(x) {
  if (length(x$beliefs) == 0) return("")
  if (is.null(x$guarantee)) {
    return(paste("Weights: not known. Without prior, signal and arm nobody can say whose effects count, and whether some count negatively;",
                 "info_experiment() and miv() say it."))
  }
  paste0("Weights: the estimate is a weighted mean of people's belief effects, ", guarantee_words(x$guarantee), gap_zero_words(x$weightless), ".")
}

# The guarantee of the exposure, as the second half of a sentence.
guarantee_words <- function(guarantee) {
  if (grepl("^none: negative", guarantee)) return(sub("^none:", "in which weights are", guarantee))
  if (grepl("^none with", guarantee)) return(sub("^none( with [^:]*): .*$", "in which weights may be negative: there is no guarantee\\1", guarantee))
  if (grepl("^none", guarantee)) return(sub("^none", "in which weights may be negative", guarantee))
  sub("^never negative when", sprintf("in which %s counts negatively as long as", if (grepl("each side", guarantee)) "no side" else "nobody"), guarantee)
}

gap_zero_words <- function(people) {
  if (is.null(people) || people == 0) return("")
  sprintf("; the %s at gap 0 carr%s no weight", if (people == 1) "person" else paste(big_number(people), "people"), if (people == 1) "ies" else "y")
}

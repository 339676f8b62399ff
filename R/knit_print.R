# In a knitted document what the package returns is a table: a sentence above, the numbers, and below what a reader must know about them. Documents that are
# no Markdown (.Rnw) show the console's print.

#' Tables in documents
#'
#' In R Markdown and Quarto a fit, several fits, effect weights, a comparison, an audit and the result of [resample()] that stand at the end of a chunk become
#' tables. The chunk option `render = knitr::normal_print`, or `print()`, gives the console's words instead.
#'
#' The table of a fit has the belief and the user's controls; the level controls that the package adds are left out, as in [summary()][summary.miv]. The
#' numbers are those of [tidy()][tidy.miv]. For a table of several fits side by side see the guide "Tables and post-estimation".
#'
#' @param x A fit, a `miv_set`, or the result of [effect_weights()], [compare_specs()], [audit()] or [resample()].
#' @param ... Nothing.
#' @return Text of class `knit_asis`: a Markdown table between two paragraphs.
#' @examples
#' fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
#' if (requireNamespace("knitr", quietly = TRUE)) cat(knitr::knit_print(fit))
#' @name knit_print
NULL

#' @exportS3Method knitr::knit_print miv
knit_print.miv <- function(x, ...) {
  knit_page(x, fit_title(x), fit_columns_shown(x), c("Std. errors" = paste0(vcov_words(x$vcov_kind), few_clusters_words(x$vcov_kind), "."), fit_notes(x)))
}

#' @exportS3Method knitr::knit_print miv_set
knit_print.miv_set <- function(x, ...) {
  whole <- summary(x)
  shown <- set_frame(whole$table, 4, whole$conf.level)
  table <- data.frame(code(rownames(shown)), unclass(shown), check.names = FALSE)
  names(table)[1] <- if (is.null(attr(x, "by"))) "outcome" else "fit"
  knit_page(x, whole$title, table,
            c("Std. errors" = paste0(vcov_words(whole$summaries[[1]]$vcov_kind), ".")))
}

#' @exportS3Method knitr::knit_print effect_weights
knit_print.effect_weights <- function(x, ...) {
  if (inherits(x, "person_weights")) return(knit_as_printed(x))
  remainder <- sprintf("weight %s, of the estimate %s.", show_number(x$remainder[["belief"]], 3), show_number(x$remainder[["outcome"]], 3))
  level <- missing_level_words(x)
  more <- if (nrow(x$cells) > kMostRows) more_cells_words(x)
  knit_page(x, weights_words(x), cell_columns(x, 3),
            c(more, "Remainder" = remainder, "Negative" = negative_words(x, 3), if (length(level)) c("Level" = level),
              "Std. errors" = paste0(x$vcov, "."), x$notes))
}

#' @exportS3Method knitr::knit_print spec_comparison
knit_print.spec_comparison <- function(x, ...) {
  if (!all(c("spec", "estimate", "std.error", "guarantee") %in% names(x))) return(knit_as_printed(x))
  lost <- grepl("^none", x$guarantee)
  why <- sprintf("No guarantee, `%s`: %s.", x$spec[lost], sub("^none:? ?", "", x$guarantee[lost]))
  knit_page(x, comparison_words(x), comparison_columns(x, 3), c("Std. errors" = comparison_errors_words(x), why, attr(x, "refused")))
}

comparison_errors_words <- function(x) {
  paste0(attr(x, "vcov"), if (any(x$spec %in% c("arm+gap", "arm+sign"))) "; scores valid when effects differ where over-identified", ".")
}

#' @exportS3Method knitr::knit_print miv_audit
knit_print.miv_audit <- function(x, ...) {
  if (!all(c("check", "estimate", "verdict", "says", "todo") %in% names(x))) return(knit_as_printed(x))
  open <- x[x$verdict %in% c("stop", "look"), ]
  open <- open[order(open$verdict != "stop"), ]
  knit_page(x, audit_sentence(x), as.data.frame(audit_columns(x), optional = TRUE),
            c(sprintf("**%s: %s.** %s %s", toupper(open$verdict), open$check, open$says, open$todo), attr(x, "notes")))
}

#' @exportS3Method knitr::knit_print miv_resample
knit_print.miv_resample <- function(x, ...) {
  title <- sprintf("%s, %s draws of %s. %s", scheme_title(x$scheme), big_number(x$R), drawn_words(x), x$title)
  knit_page(x, title, estimate_columns(tidy(x), x$level), c("Seed" = paste0(format(x$seed, scientific = FALSE), ".")))
}

# ---- parts ----

knit_page <- function(x, title, table, notes) {
  if (identical(knitr::opts_knit$get("out.format"), "latex")) return(knitr::normal_print(x))
  align <- paste0("l", strrep("r", length(table) - 1))
  named <- if (is.null(names(notes))) rep("", length(notes)) else names(notes)
  notes <- paste0(ifelse(nzchar(named), sprintf("*%s*: ", named), ""), safe_stars(notes))
  rows <- knitr::kable(table, align = align, row.names = FALSE)
  parts <- c(safe_stars(title), paste(rows, collapse = "\n"), if (length(notes)) paste(notes, collapse = "  \n"))
  knitr::asis_output(paste0("\n", paste(parts, collapse = "\n\n"), "\n\n"))
}

# A star alone is a footnote mark; two of them on a line would set what is between in italics.
safe_stars <- function(text) gsub("(*)", "(\\*)", text, fixed = TRUE)

knit_as_printed <- function(x) knitr::asis_output(paste0("\n```\n", paste(utils::capture.output(print(x)), collapse = "\n"), "\n```\n\n"))

code <- function(names) paste0("`", names, "`")

fit_columns_shown <- function(fit) {
  table <- tidy(fit)
  estimate_columns(table[!table$term %in% fit$levels, , drop = FALSE], 0.95)
}

estimate_columns <- function(table, level, digits = 4) {
  number <- function(v) mapply(function(x, error) fixed(x, decimals_for(error, digits - 1)), v, table$std.error)
  shown <- data.frame(term = code(table$term), estimate = number(table$estimate), std.error = number(table$std.error),
                      interval = sprintf("%s to %s", number(table$conf.low), number(table$conf.high)), p = p_shown(table$p.value))
  names(shown)[3:4] <- c("std. error", paste0(format(100 * level), "% interval"))
  shown
}

p_shown <- function(p) ifelse(p < 1e-4, "< 0.0001", vapply(p, function(one) format(signif(one, 2), scientific = FALSE), ""))

fit_notes <- function(fit) {
  notes <- list(people_words(fit$nobs, fit$rows), first_stage_words(fit$first_stage),
                weak_robust_words(weak_robust_set(fit, 0.95), fit$vcov_kind), added_words(fit))
  names(notes) <- c(people_title(fit), "First stage", "Weak-robust", "Added")
  if (inherits(fit, "miv_first_stage")) notes[["Instruments"]] <- tests_words(instrument_tests(fit), single_belief(fit))
  unlist(Filter(function(text) length(text) == 1 && nzchar(text), notes))
}

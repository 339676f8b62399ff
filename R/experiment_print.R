#' @importFrom stats nobs
#' @export
nobs.info_experiment <- function(object, ...) object$counts$complete

#' @export
as.data.frame.info_experiment <- function(x, row.names = NULL, optional = FALSE, ...) {
  frame <- experiment_frame(x)
  if (!is.null(row.names)) row.names(frame) <- row.names
  frame
}

# ---- print ----

#' @export
print.info_experiment <- function(x, ...) {
  cat(sprintf("Information experiment: %s people, %s complete (%s)\n", big_number(x$counts$rows), big_number(x$counts$complete),
              percent(x$counts$complete / x$counts$rows)))
  print_item("Design", design_sentence(x))
  print_item("Roles", roles_sentence(x))
  print_item("Arms", arms_sentence(x))
  print_sides(x)
  print_missing(x)
  if (NROW(x$conversions)) print_item("Read", sprintf("%d column%s converted from the export; see `$conversions`.", nrow(x$conversions), plural(nrow(x$conversions))))
  invisible(x)
}

print_item <- function(title, text, indent = 9) {
  width <- max(40, getOption("width"))
  cat(strwrap(text, width = width, initial = formatC(title, width = -indent), prefix = strrep(" ", indent)), sep = "\n")
}

percent <- function(share, digits = 1) sprintf("%.*f%%", digits, 100 * share)

# What each arm was told: arms told the same are named together.
design_sentence <- function(x) {
  told <- vapply(x$signals, signal_text, "", experiment = x)
  groups <- split(names(told), factor(told, unique(told)))
  words <- sprintf("%s told %s", vapply(groups, were, ""), names(groups))
  base <- if (x$design == "passive") sprintf("Passive control: the base arm `%s` was told nothing; ", x$arm$base)
          else sprintf("Active control, base arm `%s`: ", x$arm$base)
  paste0(base, paste(words, collapse = "; "), ".", units_sentence(x))
}

were <- function(arms) sprintf("arm%s %s %s", plural(length(arms)), quote_names(arms), if (length(arms) == 1) "was" else "were")

signal_text <- function(signal, experiment) {
  if (is.null(signal$role)) return(signal_label(signal))
  range <- range(role_values(experiment, signal$role), na.rm = TRUE)
  if (range[1] == range[2]) return(sprintf("%s (%s)", signal_label(signal), format(range[1], digits = 4)))
  sprintf("%s, %s to %s", signal_label(signal), format(range[1], digits = 4), format(range[2], digits = 4))
}

units_sentence <- function(x) {
  if (x$units == "prior") return("")
  sprintf(" The belief is in other units than the prior; a positive gap %s it.", if (x$direction == 1) "raises" else "lowers")
}

roles_sentence <- function(x) {
  roles <- x$roles
  said <- c(belief = quote_role(roles$belief), prior = quote_role(roles$prior), arm = quote_role(roles$arm),
            cluster = cluster_words(x), strata = strata_words(roles$strata),
            weights = if (!is.null(roles$weights)) quote_role(roles$weights), probability = probability_words(x$probability))
  paste(names(said), said, collapse = ", ")
}

quote_role <- function(role) paste0("`", role$label, "`")

quote_roles <- function(roles, between) paste(vapply(roles, quote_role, ""), collapse = between)

cluster_words <- function(x) {
  if (is.null(x$roles$cluster)) return(NULL)
  sizes <- vapply(x$roles$cluster, function(role) length(distinct_values(role_values(x, role), Inf, x$kept)), 0)
  paste(sprintf("%s (%s clusters)", vapply(x$roles$cluster, quote_role, ""), big_number(sizes)), collapse = " and ")
}

strata_words <- function(roles) if (!is.null(roles)) quote_roles(roles, " by ")

probability_words <- function(probability) {
  if (is.null(probability)) return(NULL)
  if (is.list(probability)) return(quote_role(probability))
  if (is.null(names(probability))) return(format(probability))
  paste(sprintf("%s for `%s`", format(probability), names(probability)), collapse = ", ")
}

arms_sentence <- function(x) {
  arms <- x$counts$arms
  name <- paste0("`", arms$arm, "`", ifelse(arms$arm == x$arm$base, " (base)", ""))
  paste0(paste(sprintf("%s %s people (%s), %s complete", name, big_number(arms$people), percent(arms$people / sum(arms$people)),
                       big_number(arms$complete)), collapse = "; "), ".")
}

# One informed arm: a row per arm, which shows the balance of sides. Several: a row per informed arm, over everybody.
sides_table <- function(x) {
  sides <- x$counts$sides_by_arm
  if (dim(sides)[2] == 1) array(sides, dim(sides)[c(1, 3)], dimnames(sides)[c(1, 3)]) else t(x$counts$sides)
}

print_sides <- function(x) {
  table <- sides_table(x)
  shown <- sprintf("%s (%s)", big_number(c(table)), trimws(percent(c(table / rowSums(table)))))
  shown <- array(shown, dim(table), list(paste0("  `", rownames(table), "`"), side_words(x)))
  against <- if (x$design == "passive") "signal minus prior" else sprintf("signal minus that of `%s`", x$arm$base)
  who <- if (length(x$arm$informed) == 1) "complete people by arm" else "all complete people, by informed arm"
  print_item("Sides", sprintf("of the gap (%s), %s:", against, who))
  print_frame(shown)
}

# The prior's place as seen from the signal; side +1 is a prior below it.
side_words <- function(x) {
  if (x$design == "active") return(c("told less (-1)", "same (0)", "told more (+1)"))
  c("prior above (-1)", "at signal (0)", "prior below (+1)")
}

print_frame <- function(shown) print(noquote(shown), right = TRUE)

print_missing <- function(x) {
  missing <- x$counts$missing
  if (length(missing) == 0) return(print_item("Missing", "nothing: every row is complete."))
  print_item("Missing", "people left out by cause (one person may count twice), in all and by arm:")
  table <- cbind(all = missing, missing_table(x, names(missing)))
  print_frame(array(big_number(c(table)), dim(table), list(paste0("  ", rownames(table)), colnames(table))))
}

# Causes in rows, arms in columns. A person without an arm counts in no column.
missing_table <- function(x, causes) {
  used <- used_roles(x)
  codes <- arm_codes(x)
  labels <- vapply(used, function(role) role$label, "")
  row <- function(cause) {
    x <- if (cause == "weight 0") ifelse(used$weights$values %in% 0, NA, 1) else used[[match(cause, labels)]]$values
    missing_by_arm(x, codes)
  }
  table <- t(vapply(causes, row, numeric(length(codes$values))))
  dimnames(table) <- list(causes, paste0("`", x$arm$levels, "`"))
  table
}

# ---- summary ----

#' The first stage side by side
#'
#' For each informed arm and each side of the gap: how many complete people, their share, the mean belief in the base arm
#' and in the informed arm, and the difference with its standard error. Where the information moves beliefs toward the signal, the difference has the
#' sign of the side.
#'
#' The means are weighted where the experiment has weights. The standard error is Welch's: unequal variances, no clusters, no strata. With weights w
#' and deviations e from the arm's mean, each arm adds n / (n - 1) times sum(w^2 e^2) / sum(w)^2, which is the variance of a mean where weights are equal.
#'
#' @param object An `info_experiment`.
#' @param ... Nothing.
#' @return An object of class `summary.info_experiment`: a list with `table`, a data frame with the columns
#'   `arm`, `side` (-1, 0, 1), `people` (complete, in both arms), `share` (of the complete people of the two arms), `base_mean`, `informed_mean`,
#'   `difference`, `std.error` (units of the belief) and `toward` (`TRUE` where the belief moves toward the signal, `NA` at gap 0 or where an arm is empty),
#'   and with `experiment`.
#' @export
summary.info_experiment <- function(object, ...) {
  check_dots(dot_names(...), character())
  belief <- role_values(object, object$roles$belief)
  weights <- if (is.null(object$roles$weights)) rep(1, length(belief)) else role_values(object, object$roles$weights)
  person <- data.frame(index = arm_index(object), belief = belief, weight = weights)
  rows <- lapply(object$arm$informed, summarise_arm, experiment = object, person = person)
  structure(list(table = do.call(rbind, rows), experiment = object), class = "summary.info_experiment")
}

summarise_arm <- function(arm, experiment, person) {
  person$side <- sign(gap_values(experiment, arm))
  person$told <- person$index == match(arm, experiment$arm$levels)
  person <- person[complete_rows(experiment) & (person$told | person$index == 1), ]
  sides <- Filter(function(side) any(person$side == side), c(-1, 0, 1))
  cells <- lapply(sides, function(side) compare_arms(person[person$side == side, ], nrow(person)))
  table <- cbind(data.frame(arm = arm, side = sides), do.call(rbind, cells))
  moved <- table$side * experiment$direction * table$difference
  table$toward <- ifelse(table$side == 0, NA, moved > 0)
  table
}

compare_arms <- function(person, total) {
  base <- mean_and_variance(person[!person$told, ])
  informed <- mean_and_variance(person[person$told, ])
  data.frame(people = nrow(person), share = nrow(person) / total, base_mean = base[1], informed_mean = informed[1],
             difference = informed[1] - base[1], std.error = sqrt(base[2] + informed[2]))
}

# Weighted mean and the variance of it; NA where there is no one, or only one.
mean_and_variance <- function(person) {
  n <- nrow(person)
  if (n == 0) return(c(NA_real_, NA_real_))
  w <- person$weight / sum(person$weight)
  mean <- sum(w * person$belief)
  c(mean, if (n > 1) n / (n - 1) * sum((w * (person$belief - mean))^2) else NA_real_)
}

#' @export
print.summary.info_experiment <- function(x, digits = 3, ...) {
  print_item("Beliefs", sprintf("`%s` by side of the gap, informed arm minus base arm `%s` (Welch standard errors):",
                                x$experiment$roles$belief$label, x$experiment$arm$base))
  table <- x$table
  number <- function(v) formatC(v, digits = digits, format = "f")
  arms <- if (length(x$experiment$arm$informed) > 1) cbind(arm = paste0("`", table$arm, "`"))
  shown <- cbind(arms, side = side_words(x$experiment)[table$side + 2], people = big_number(table$people), share = percent(table$share),
                 base = number(table$base_mean), informed = number(table$informed_mean), change = number(table$difference),
                 "(SE)" = paste0("(", number(table$std.error), ")"), "to signal" = moves_words(table))
  rownames(shown) <- rep(" ", nrow(shown))
  print_frame(shown)
  invisible(x)
}

# A move of less than 1.96 standard errors has no clear direction.
moves_words <- function(table) {
  noise <- !is.na(table$std.error) & abs(table$difference) < stats::qnorm(0.975) * table$std.error
  words <- ifelse(table$toward, "toward", "away")
  words[noise & !is.na(words)] <- "unclear"
  replace(words, is.na(words), "-")
}

# ---- figure ----

#' Figure of an experiment
#'
#' How far beliefs moved by gap, told and untold people, or what people believed before and after: the figures of its [audit()].
#'
#' @param x,object From [info_experiment()].
#' @param which `"first_stage"` or `"distributions"`.
#' @param ... Nothing: misspelt arguments are refused.
#' @return A ggplot (drawn when printed) with alt text; needs ggplot2.
#' @section Errors: `miv_error_needs_ggplot2`.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(experiment)
#' @export
plot.info_experiment <- function(x, which = "first_stage", ...) plot.miv_audit(quiet_miv(audit(x)), which = which, ...)

#' @rdname plot.info_experiment
#' @exportS3Method ggplot2::autoplot
autoplot.info_experiment <- function(object, which = "first_stage", ...) plot.info_experiment(object, which = which, ...)

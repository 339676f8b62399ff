# What each section of the report says. Numbers and sentences are those of the verbs and of their print-outs; here they are put in order.

# `shared` is written once, `each` for every fit of the page.
kSections <- list(
  design = list(shared = function(page) design_shared(page), each = function(fit, page, i) design_of(fit, page)),
  audit = list(each = function(fit, page, i) audit_of(fit, page)),
  estimates = list(shared = function(page) outcomes_together(page), each = function(fit, page, i) estimates_of(fit, page)),
  weights = list(each = function(fit, page, i) weights_of(fit, page)),
  specifications = list(each = function(fit, page, i) specifications_of(fit, page)),
  inference = list(each = function(fit, page, i) inference_of(fit, page, i)),
  methods = list(shared = function(page) methods_text(page)),
  made = list(shared = function(page) made_text(page)))

knows_design <- function(fit) fit$door == "miv" && length(fit$beliefs) > 0

# ---- head ----

head_parts <- function(page) {
  fit <- page$fits[[1]]
  under <- if (length(fit$beliefs) && is.null(fit$recipe$stage)) instrument_words(fit) else "least squares"
  said <- if (is.null(page$set)) said_or_refused(c(lead_text(fit, page), lead_tiles(fit, page))) else paragraph(sprintf("%d outcomes of one experiment, each on its own complete people.", length(page$fits)), class = "lead")
  c(paragraph(capital(under), ". ", format(Sys.Date()), ".", class = "under"), said)
}

capital <- function(text) paste0(toupper(substr(text, 1, 1)), substring(text, 2))

effect_numbers <- function(fit, level, name) {
  error <- sqrt(fit$vcov[name, name])
  number <- function(v) fixed(v, decimals_for(error, 3))
  list(value = fit$coefficients[[name]], shown = number(fit$coefficients[[name]]), error = number(error), interval = range_words(belief_intervals(fit, level)[name, ], number))
}

lead_text <- function(fit, page) {
  outcome <- deparse_one(fit$formula[[2]])
  says <- vapply(fit$beliefs, function(name) {
    x <- effect_numbers(fit, page$level, name)
    sprintf("One more unit of `%s` is estimated to change `%s` by %s (%s%% interval %s).", name, outcome, x$shown, format(100 * page$level), x$interval)
  }, "")
  if (length(says) == 0) says <- sprintf("A least-squares regression of `%s`, without instruments.", outcome)
  c(paragraph(paste(says, collapse = " "), class = "lead"), paragraph(weights_sentence(summary(fit))))
}

lead_tiles <- function(fit, page) {
  if (length(fit$beliefs) != 1) return(NULL)
  x <- effect_numbers(fit, page$level, fit$beliefs)
  set <- weak_robust_set(fit, page$level)
  tiles <- c("Estimate" = x$shown, "Standard error" = sprintf("%s (%s)", x$error, vcov_label(fit$vcov_kind)), "Interval" = x$interval,
             "Anderson-Rubin set" = if (is.character(set)) "none" else sub("^The set is (the interval )?(.*)[.]$", "\\2", set_in_short(set)), "First-stage F" = show_f(fit$first_stage$F[[1]]), "People" = big_number(fit$nobs))
  names(tiles)[6] <- people_title(fit)
  sprintf("<dl class=\"tiles\">%s</dl>", paste(sprintf("<div><dt>%s</dt><dd>%s</dd></div>", plain_text(names(tiles)), as_words(tiles)), collapse = "\n"))
}

set_in_short <- function(set) switch(attr(set, "kind"), empty = "empty", line = "the whole line", attr(set, "words"))

# ---- design ----

design_shared <- function(page) {
  fit <- page$fits[[1]]
  if (!is_experiment(fit$experiment)) {
    return(no_design_text(fit))
  }
  experiment <- fit$experiment
  several <- length(experiment$arm$informed) > 1
  who <- if (several) "All complete people by side of the gap, for every informed arm" else "Complete people by arm and side of the gap"
  c(paragraph(design_sentence(experiment)), paragraph("Roles: ", roles_sentence(experiment), "."), arms_table(experiment), sides_counts(experiment, who),
    beliefs_table(experiment), missing_counts(experiment))
}

no_design_text <- function(fit) {
  if (length(fit$beliefs) == 0) return(paragraph("A least-squares fit, without instruments: there is no design to describe, and nothing to say on weights and weak instruments. This page has its estimates."))
  paragraph("A fit of `tsls()` knows no prior, signal and arms. So this page has no design, no checks of it, no weights and no other specifications. Describe the experiment with `info_experiment()` and fit ",
            "with `miv()` for these, or ask `effect_weights(fit, by = ~ variable)`.")
}

arms_table <- function(experiment) {
  arms <- experiment$counts$arms
  told <- vapply(as.character(arms$arm), function(arm) if (is.null(experiment$signals[[arm]])) "nothing" else signal_text(experiment$signals[[arm]], experiment), "")
  html_table(list(arm = paste0("`", arms$arm, "`", ifelse(arms$arm == experiment$arm$base, " (base)", "")), told = unname(told), people = counts(arms$people),
                  share = shares(arms$people / sum(arms$people)), complete = counts(arms$complete)), "Arms: what they were told, and how many people are in them")
}

sides_counts <- function(experiment, caption) {
  table <- sides_table(experiment)
  words <- side_words(experiment)
  cell <- function(j) html_cells(sprintf("<span%s>%s</span> <small>(%s)</small>", data_value(table[, j]), vapply(table[, j], big_number, ""), percent(table[, j] / rowSums(table))), "num")
  against <- if (experiment$design == "passive") "the signal minus the prior" else sprintf("the signal minus that of `%s`", experiment$arm$base)
  html_table(c(list(arm = paste0("`", rownames(table), "`")), stats::setNames(lapply(seq_along(words), cell), words)), sprintf("%s; the gap is %s", caption, against))
}

beliefs_table <- function(experiment) {
  table <- summary(experiment)$table
  several <- length(experiment$arm$informed) > 1
  html_table(c(if (several) list(arm = paste0("`", table$arm, "`")), list(side = side_words(experiment)[table$side + 2], people = counts(table$people), share = shares(table$share), "base arm" = significant(table$base_mean),
               "informed arm" = significant(table$informed_mean), change = measured(table$difference, table$std.error), "std. error" = measured(table$std.error, table$std.error), "to the signal" = moves_words(table))),
             sprintf("Mean of `%s` by side of the gap: informed arm less base arm `%s` (Welch standard errors)", experiment$roles$belief$label, experiment$arm$base))
}

missing_counts <- function(experiment) {
  missing <- experiment$counts$missing
  if (length(missing) == 0) return(paragraph("Every row of the experiment is complete."))
  table <- missing_table(experiment, names(missing))
  columns <- stats::setNames(lapply(seq_len(ncol(table)), function(j) counts(table[, j])), colnames(table))
  html_table(c(list(missing = paste0("`", names(missing), "`"), people = counts(unname(missing))), columns), "Who is left out of the experiment and why (one person may count under several causes)")
}

# The fit's own sample and what was added to it.
design_of <- function(fit, page) {
  left <- left_out_words(rows_left_out(fit), fit$rows - fit$nobs)
  x <- summary(fit)
  said <- c(sprintf("%s in the fit: %s%s", people_title(fit), people_words(fit$nobs, fit$rows), left), labelled("Controls", quote_list(fit$controls)), labelled("Added by the package", x$added),
            labelled("Absorbed", effects_words(fit$fixed_effects)), labelled("Weights", weights_label(fit)), labelled("Dropped", dropped_words(setdiff(fit$dropped, problem_levels(fit)))))
  item_list(as_words(said[nzchar(said)]))
}

labelled <- function(label, text) if (length(text) && nzchar(text)) sprintf("%s: %s", label, sub("[.]?$", ".", text)) else ""

quote_list <- function(names) if (length(names)) quote_names(names, 40) else ""

weights_label <- function(fit) {
  role <- if (fit$door == "miv") fit$experiment$roles$weights else fit$recipe$weights
  if (is.null(role)) "" else quote_role(role)
}

# ---- audit ----

audit_of <- function(fit, page) {
  checks <- audit(fit)
  c(paragraph(audit_sentence(checks), " `look`: read on before the estimate is trusted. `stop`: the design, or its description, is not what the estimate needs."),
    audit_table(checks), paragraph(attr(checks, "notes")), gap_drawing(checks))
}

audit_table <- function(checks) {
  verdict <- ifelse(is.na(checks$verdict), "<span class=\"verdict none\">\u2013</span>", sprintf("<span class=\"verdict %s\">%s</span>", checks$verdict, checks$verdict))
  if (!isTRUE(l10n_info()[["UTF-8"]])) verdict <- gsub("\u2013", "&#8211;", verdict, fixed = TRUE)
  says <- sprintf("%s%s", as_words(checks$says), ifelse(nzchar(checks$todo), paste0(" <small>", as_words(checks$todo), "</small>"), ""))
  html_table(list(check = checks$check, verdict = html_cells(verdict), finding = html_cells(says, "text"), estimate = number_cells(checks$estimate, audit_number(checks$estimate)),
                  "95% interval" = between(checks$conf.low, checks$conf.high, audit_number), p = p_cells(checks$p.value), people = counts(checks$n)), "Checks, each with its estimate and a word")
}

# ---- estimates ----

outcomes_together <- function(page) {
  if (is.null(page$set)) return(NULL)
  table <- summary(page$set, conf.level = page$level)$table
  number <- function(v) measured(v, table$std.error)
  html_table(list(outcome = paste0("`", table$outcome, "`"), term = paste0("`", table$term, "`"), estimate = number(table$estimate), "std. error" = number(table$std.error),
                  interval = html_cells(plain_text(sprintf("%s to %s", number(table$conf.low)$text, number(table$conf.high)$text)), "num"), p = p_cells(table$p.value),
                  people = counts(table$nobs), F = number_cells(table$first_stage_F, ifelse(is.na(table$first_stage_F), "", show_f(table$first_stage_F)))),
             sprintf("All outcomes side by side (%s%% intervals)", format(100 * page$level)))
}

estimates_of <- function(fit, page) {
  c(coefficients_table(fit, page), paragraph("Standard errors: ", vcov_words(fit$vcov_kind), few_clusters_words(fit$vcov_kind), "."), base_arm_text(fit),
    if (knows_design(fit) && is.null(fit$recipe$stage)) sides_or_words(fit, page), if (length(fit$beliefs)) said_or_refused(four_regressions(fit, page)))
}

sides_or_words <- function(fit, page) said_or_refused(c(sub_heading(page, "What the information moved"), sides_drawing(fit, page$level)))

coefficients_table <- function(fit, page) {
  table <- tidy(fit, conf.level = page$level)
  level <- table$term %in% fit$levels
  term <- paste0("`", table$term, "`", ifelse(level, " (level control, added)", ""))
  number <- function(v) measured(v, table$std.error)
  html_table(list(term = term, estimate = number(table$estimate), "std. error" = number(table$std.error), t = significant(table$statistic), p = p_cells(table$p.value),
                  interval = html_cells(plain_text(sprintf("%s to %s", number(table$conf.low)$text, number(table$conf.high)$text)), "num")),
             sprintf("Coefficients of the fit (%s%% intervals)", format(100 * page$level)))
}

base_arm_text <- function(fit) {
  row <- glance(fit)
  said <- c(if (!is.na(row$control_mean)) sprintf("In the base arm the outcome has mean %s and standard deviation %s.", show_number(row$control_mean, 3), show_number(row$control_sd, 3)),
            if (!is.na(row$first_stage_F)) sprintf("First-stage F %s.", show_f(row$first_stage_F)),
            if (!is.na(row$negative_weight)) sprintf("Negative weight %s, over cells of side x sign of the fitted move.", show_number(row$negative_weight, 3)))
  paragraph(paste(said, collapse = " "))
}

# Least squares, first stage, reduced form and the fit: one column each, terms in rows, standard errors beneath.
four_regressions <- function(fit, page) {
  firsts <- first_stage(fit)
  firsts <- if (inherits(firsts, "miv_set")) stats::setNames(unclass(firsts), sprintf("First stage of `%s`", names(firsts))) else list("First stage" = firsts)
  fits <- c(list("Least squares" = ols(fit)), firsts, list("Reduced form" = reduced_form(fit), "Instrumental variables" = fit))
  tables <- lapply(fits, tidy, conf.int = FALSE)
  terms <- regression_terms(fit, tables)
  columns <- lapply(tables, regression_cells, terms = terms)
  foot <- list(of = deparse_regressand(fit, fits), people = vapply(fits, function(f) big_number(f$nobs), ""), F = vapply(fits, function(f) first_f(f), ""))
  columns <- Map(function(cells, i) html_cells(c(as_words(foot$of[i]), cells, foot$people[i], foot$F[i]), "num"), columns, seq_along(columns))
  html <- html_table(c(list(term = c("regressand", paste0("`", terms, "`"), tolower(people_title(fit)), "F of the instruments")), columns),
                     "The regressions around the estimate, on the same people: coefficients, standard errors in brackets", length(terms) + 2)
  c(sub_heading(page, "First stage, reduced form and least squares"), html)
}

deparse_regressand <- function(fit, fits) paste0("`", vapply(fits, function(f) deparse_one(f$formula[[2]]), ""), "`")

first_f <- function(fit) {
  f <- if (inherits(fit, "miv_first_stage")) glance(fit)$first_stage_F else if (length(fit$beliefs)) min(fit$first_stage$F) else NA
  if (is.na(f)) "" else show_f(f)
}

# Beliefs and instruments first, then the rest in the order of the fit.
regression_terms <- function(fit, tables) {
  all <- unique(unlist(lapply(tables, `[[`, "term")))
  lead <- c(fit$beliefs, fit$instruments)
  c(intersect(lead, all), setdiff(all, c(lead, fit$levels)), intersect(fit$levels, all))
}

regression_cells <- function(table, terms) {
  row <- match(terms, table$term)
  shown <- measured(table$estimate, table$std.error)$text[row]
  error <- measured(table$std.error, table$std.error)$text[row]
  ifelse(is.na(row), "", sprintf("<span%s>%s</span><br><small>(%s)</small>", data_value(table$estimate[row]), plain_text(shown), plain_text(error)))
}

# ---- weights ----

# By side; where everybody is on one side, by bins of the gap.
weights_of <- function(fit, page) {
  x <- tryCatch(effect_weights(fit, seed = page$seed, level = page$level), miv_error_one_cell = function(e) effect_weights(fit, "gap", seed = page$seed, level = page$level))
  further <- summary(x)
  said <- c(labelled("Negative weight", negative_words(x, 3)), labelled("Remainder", sprintf("weight %s, of the estimate %s", show_number(x$remainder[["belief"]], 3), show_number(x$remainder[["outcome"]], 3))),
            labelled("Evenness", sprintf("the weights are as uneven as those of %s equal people", big_number(round(further$effective_size)))), labelled("Sensitivity", sensitivity_words(further$sensitivity, 3)),
            labelled("Reversal", reversal_words(further$reversal, 3)), labelled("Standard errors", x$vcov), labelled("Level", missing_level_words(x)))
  c(paragraph(sub("^(\\S+) (averages|is no)", "The estimate, \\1, \\2", weights_words(x)), class = "lead"), weights_drawing(x), cells_table(x), item_list(as_words(said[nzchar(said)])), paragraph(x$notes))
}

cells_table <- function(x) {
  table <- utils::head(x$cells, kMostRows)
  number <- function(v) formatC(v, digits = 3, format = "f")
  html <- html_table(list(cell = cell_labels(x, table), people = counts(table$n), share = shares(table$share), weight = number_cells(table$weight, number(table$weight)),
                          interval = between(table$weight.low, table$weight.high, number), ratio = number_cells(table$ratio, formatC(table$ratio, digits = 2, format = "f")),
                          effect = significant(table$effect), "std. error" = significant(table$std.error)),
                     sprintf("Weights by %s (%s%% intervals); ratio: weight over share of people", x$title, format(100 * x$level)))
  more <- nrow(x$cells) - nrow(table)
  c(html, if (more > 0) paragraph(sprintf("... and %d more cells; as.data.frame() of effect_weights() has them all.", more)))
}

# ---- other specifications ----

specifications_of <- function(fit, page) {
  specs <- compare_specs(fit, level = page$level)
  guarantee <- capital(sub("^none:? ?", "none: ", specs$guarantee))
  weight <- function(v) number_cells(v, ifelse(is.na(v), "", formatC(v, digits = 3, format = "f")))
  width <- attr(specs, "width")
  sides <- if (!anyNA(specs$weight_up)) list("gap below 0" = weight(specs$weight_down), "gap above 0" = weight(specs$weight_up))
  c(paragraph(gsub(" (*)", "", comparison_words(specs), fixed = TRUE)), specs_drawing(specs),
    html_table(c(list(specification = specs$spec, estimate = significant(specs$estimate), "std. error" = significant(specs$std.error), F = number_cells(specs$first_stage_F, show_f(specs$first_stage_F)),
                      "negative weight" = weight(specs$negative_weight)), sides, list(people = counts(specs$nobs), "counts nobody negatively?" = guarantee)),
               sprintf("Specifications on one sample (standard errors: %s); the fit's own first", attr(specs, "vcov"))),
    paragraph(if (any(grepl("donut", specs$spec)) && !is.null(width)) sprintf("The donut leaves out people whose gap is below %s.", show_number(width, 3))),
    paragraph(if (length(attr(specs, "refused"))) sprintf("Refused by the data: %s", attr(specs, "refused"))))
}

# ---- inference ----

inference_of <- function(fit, page, i) {
  c(interval_text(fit, page), said_or_refused(set_text(fit, page)), said_or_refused(tests_text(fit, page)), draws_text(fit, page, i))
}

interval_text <- function(fit, page) {
  x <- summary(fit, conf.level = page$level)
  says <- vapply(fit$beliefs, function(name) sprintf("Interval of `%s`: %s (%s%%, t with %s degrees of freedom).", name, effect_numbers(fit, page$level, name)$interval, format(100 * page$level), df_words(df_of(x, name))), "")
  paragraph(paste(says, collapse = " "), " Standard errors: ", vcov_words(x$vcov_kind), few_clusters_words(x$vcov_kind), ".", cr2_words(x, 3), both_scores_words(x, 3))
}

set_text <- function(fit, page) {
  set <- anderson_rubin(fit, page$level)
  few <- few_clusters_ar(attr(set, "parts"))
  pieces <- if (nrow(set)) html_table(list(piece = as.character(seq_len(nrow(set))), lower = number_cells(set$lower, end_text(set$lower, set)), upper = number_cells(set$upper, end_text(set$upper, set))),
                                      sprintf("Anderson-Rubin set, %s%%", format(100 * page$level)))
  c(sub_heading(page, "However weak the first stage"), paragraph("Anderson-Rubin: ", attr(set, "words"), sprintf(" At effect 0 F = %s on %d and %s degrees of freedom, %s.", show_f(attr(set, "statistic")),
    attr(set, "df")[1], big_number(attr(set, "df")[2]), p_value_words(attr(set, "p.value"))), if (nzchar(few)) paste0(" ", capital(few), ".")), pieces)
}

end_text <- function(x, set) ifelse(is.infinite(x), ifelse(x > 0, "no upper end", "no lower end"), show_ends(unlist(set))[match(x, unlist(set))])

tests_text <- function(fit, page) {
  tests <- iv_tests(fit)
  says <- capital(sub("^[^:]*: ", "", tests$says))
  number <- function(v) number_cells(v, ifelse(is.na(v), "", formatC(v, digits = 4, format = "fg", big.mark = ",", width = 1)))
  c(sub_heading(page, "Tests of instruments and belief"),
    html_table(list(test = tests$test, "in words" = says, statistic = number(tests$statistic), df1 = number(tests$df1), df2 = number(tests$df2), p = p_cells(tests$p.value)),
               sprintf("Tests (standard errors: %s)", attr(tests, "covariance"))))
}

draws_text <- function(fit, page, i) {
  if (length(page$draws[[i]]) == 0) return(NULL)
  c(sub_heading(page, "By resampling"), unlist(lapply(page$draws[[i]], function(draws) said_or_refused(draws_of(draws, fit, page)))))
}

# draws: a result, or a scheme to be drawn now.
draws_of <- function(draws, fit, page) {
  x <- if (is.character(draws)) resample(fit, draws, seed = page$seed, level = page$level) else draws
  table <- tidy(x)
  html <- html_table(list(term = paste0("`", table$term, "`"), estimate = significant(table$estimate, 4), "std. error" = significant(table$std.error, 3), p = p_cells(table$p.value),
                          interval = between(table$conf.low, table$conf.high, function(v) show_number_each(v, 4))),
                     sprintf("%s, %s draws of %s, seed %s", scheme_title(x$scheme), big_number(x$R), drawn_words(x), format(x$seed, scientific = FALSE)))
  test <- if (is_test(x)) sprintf("Test of the effect %s: p %s.", format(x$null), draw_p_words(x))
  interval <- if (is_test(x) && !is.null(x$set)) sprintf("Interval %s", inversion_words(x))
  c(paragraph(sprintf("%s: %s%s. ", scheme_title(x$scheme), how_words(x), possible_words(x)), paste(c(test, interval), collapse = " ")), html, draws_drawing(x))
}

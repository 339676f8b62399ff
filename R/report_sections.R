# What each section of the report says. Numbers and sentences are those of the verbs and of their print-outs; here they are put in order.

# `shared` is written once, `each` for every fit of the page.
kSections <- list(
  design = list(shared = function(page) design_shared(page), each = function(fit, page, i) design_of(fit)),
  audit = list(each = function(fit, page, i) audit_of(fit)),
  estimates = list(shared = function(page) outcomes_together(page), each = function(fit, page, i) estimates_of(fit, page)),
  weights = list(each = function(fit, page, i) weights_of(fit, page)),
  specifications = list(each = function(fit, page, i) specifications_of(fit, page)),
  inference = list(each = function(fit, page, i) inference_of(fit, page, i)),
  methods = list(shared = function(page) methods_text(page)),
  made = list(shared = function(page) made_text(page)))

knows_design <- function(fit) fit$door == "miv" && length(fit$beliefs) > 0

level_percent <- function(level) paste0(format(100 * level), "%")

backticked <- function(names) paste0("`", names, "`")

# ---- head ----

head_parts <- function(page) {
  fit <- page$fits[[1]]
  under <- if (length(fit$beliefs)) instrument_words(fit) else "least squares"
  c(paragraph(capital(under), ". ", format(Sys.Date()), ".", class = "under"),
    if (is.null(page$set)) said_or_refused(c(lead_text(fit, page), lead_tiles(fit, page))) else outcomes_lead(page))
}

outcomes_lead <- function(page) {
  key <- attr(page$set, "key")
  grouped <- !is.null(key) && !identical(names(key), "outcome")
  paragraph(sprintf("%d %s of one experiment, each on its own complete people.", length(page$fits), if (grouped) "fits" else "outcomes"), class = "lead")
}

capital <- function(text) paste0(toupper(substr(text, 1, 1)), substring(text, 2))

# Of one belief, in digits that its standard error deserves.
effect_numbers <- function(fit, level, name) {
  error <- sqrt(fit$vcov[name, name])
  number <- function(v) fixed(v, decimals_for(error, 3))
  list(shown = number(fit$coefficients[[name]]), error = number(error), interval = range_words(belief_intervals(fit, level)[name, ], number))
}

lead_text <- function(fit, page) {
  outcome <- deparse_one(fit$formula[[2]])
  says <- vapply(fit$beliefs, belief_sentence, "", fit = fit, outcome = outcome, level = page$level)
  if (length(says) == 0) says <- sprintf("A least-squares regression of `%s`, without instruments.", outcome)
  c(paragraph(paste(says, collapse = " "), class = "lead"), paragraph(weights_sentence(summary(fit))))
}

belief_sentence <- function(name, fit, outcome, level) {
  x <- effect_numbers(fit, level, name)
  sprintf("One more unit of `%s` is estimated to change `%s` by %s (%s interval %s).", name, outcome, x$shown, level_percent(level), x$interval)
}

lead_tiles <- function(fit, page) {
  if (length(fit$beliefs) != 1) return(NULL)
  x <- effect_numbers(fit, page$level, fit$beliefs)
  tiles <- c("Estimate" = x$shown, "Standard error" = sprintf("%s (%s)", x$error, vcov_label(fit$vcov_kind)), "Interval" = x$interval,
             "Anderson-Rubin set" = set_in_short(weak_robust_set(fit, page$level)), "First-stage F" = show_f(fit$first_stage$F[[1]]),
             stats::setNames(big_number(fit$nobs), people_title(fit)))
  items <- sprintf("<div><dt>%s</dt><dd>%s</dd></div>", plain_text(names(tiles)), as_words(tiles))
  sprintf("<dl class=\"tiles\">%s</dl>", paste(items, collapse = "\n"))
}

set_in_short <- function(set) {
  if (is.character(set)) return("none")
  switch(attr(set, "kind"), empty = "empty", line = "the whole line", sub("^The set is (the interval )?(.*)[.]$", "\\2", attr(set, "words")))
}

# ---- design ----

design_shared <- function(page) {
  fit <- page$fits[[1]]
  if (!knows_design(fit)) return(no_design_text(fit))
  experiment <- fit$experiment
  c(paragraph(design_sentence(experiment)), paragraph("Roles: ", roles_sentence(experiment), "."), arms_table(experiment),
    sides_counts(experiment), beliefs_table(experiment), missing_counts(experiment))
}

no_design_text <- function(fit) {
  if (length(fit$beliefs) == 0) {
    return(paragraph("A least-squares fit, without instruments: there is no design to describe, and nothing to say on weights and weak instruments. ",
                     "This page has its estimates."))
  }
  paragraph("A fit of `tsls()` knows no prior, signal and arms. So this page has no design, no checks of it, no weights and no other specifications. ",
            "Describe the experiment with `info_experiment()` and fit with `miv()` for these, or ask `effect_weights(fit, by = ~ variable)`.")
}

arms_table <- function(experiment) {
  arms <- experiment$counts$arms
  arm <- as.character(arms$arm)
  columns <- list(arm = paste0(backticked(arm), ifelse(arm == experiment$arm$base, " (base)", "")),
                  told = vapply(arm, told_text, "", experiment = experiment, USE.NAMES = FALSE), people = counts(arms$people),
                  share = shares(arms$people / sum(arms$people)), complete = counts(arms$complete))
  html_table(columns, "Arms: what they were told, and how many people are in them")
}

told_text <- function(arm, experiment) {
  signal <- experiment$signals[[arm]]
  if (is.null(signal)) "nothing" else signal_text(signal, experiment)
}

sides_counts <- function(experiment) {
  table <- sides_table(experiment)
  columns <- lapply(seq_len(ncol(table)), function(j) counts_with_shares(table[, j], table[, j] / rowSums(table)))
  several <- length(experiment$arm$informed) > 1
  who <- if (several) "All complete people by side of the gap, for every informed arm" else "Complete people by arm and side of the gap"
  gap <- if (experiment$design == "passive") "the signal minus the prior" else sprintf("the signal minus that of `%s`", experiment$arm$base)
  html_table(c(list(arm = backticked(rownames(table))), stats::setNames(columns, side_words(experiment))), sprintf("%s; the gap is %s", who, gap))
}

counts_with_shares <- function(n, share) {
  html_cells(sprintf("<span%s>%s</span> <small>(%s)</small>", data_value(n), vapply(n, big_number, ""), percent(share)), "num")
}

beliefs_table <- function(experiment) {
  table <- summary(experiment)$table
  arms <- if (length(experiment$arm$informed) > 1) list(arm = backticked(table$arm))
  columns <- list(side = side_words(experiment)[table$side + 2], people = counts(table$people), share = shares(table$share),
                  "base arm" = significant(table$base_mean), "informed arm" = significant(table$informed_mean),
                  change = measured(table$difference, table$std.error), "std. error" = measured(table$std.error, table$std.error),
                  "to the signal" = moves_words(table))
  html_table(c(arms, columns), sprintf("Mean of `%s` by side of the gap: informed arm less base arm `%s` (Welch standard errors)",
                                       experiment$roles$belief$label, experiment$arm$base))
}

missing_counts <- function(experiment) {
  missing <- experiment$counts$missing
  if (length(missing) == 0) return(paragraph("Every row of the experiment is complete."))
  table <- missing_table(experiment, names(missing))
  arms <- stats::setNames(lapply(seq_len(ncol(table)), function(j) counts(unname(table[, j]))), colnames(table))
  html_table(c(list(missing = backticked(names(missing)), people = counts(unname(missing))), arms),
             "Who is left out of the experiment and why (one person may count under several causes)")
}

# The fit's own sample, and what was added to it.
design_of <- function(fit) {
  people <- sprintf("%s in the fit: %s%s", people_title(fit), people_words(fit$nobs, fit$rows),
                    left_out_words(rows_left_out(fit), fit$rows - fit$nobs))
  notes <- c(people, labelled("Controls", quote_list(fit$controls)), labelled("Added by the package", added_words(fit)),
             labelled("Absorbed", effects_words(fit$fixed_effects)), labelled("Weights", weights_label(fit)),
             labelled("Dropped", dropped_words(setdiff(fit$dropped, problem_levels(fit)))))
  notes_list(notes)
}

notes_list <- function(notes) item_list(as_words(notes[nzchar(notes)]))

labelled <- function(label, text) if (length(text) && nzchar(text)) sprintf("%s: %s", label, sub("[.]?$", ".", text)) else ""

quote_list <- function(names) if (length(names)) quote_names(names, 40) else ""

weights_label <- function(fit) {
  role <- if (fit$door == "miv") fit$experiment$roles$weights else fit$recipe$weights
  if (is.null(role)) "" else quote_role(role)
}

# ---- audit ----

audit_of <- function(fit) {
  checks <- audit(fit)
  c(paragraph(audit_sentence(checks), " `look`: read on before the estimate is trusted. ",
              "`stop`: the design, or its description, is not what the estimate needs."),
    audit_table(checks), paragraph(attr(checks, "notes")), gap_drawing(checks))
}

audit_table <- function(checks) {
  word <- ifelse(is.na(checks$verdict), "&ndash;", checks$verdict)
  verdict <- sprintf("<span class=\"verdict %s\">%s</span>", ifelse(is.na(checks$verdict), "none", checks$verdict), word)
  todo <- ifelse(nzchar(checks$todo), paste0(" <small>", as_words(checks$todo), "</small>"), "")
  columns <- list(check = checks$check, verdict = html_cells(verdict), finding = html_cells(paste0(as_words(checks$says), todo), "text"),
                  estimate = value_cells(checks$estimate, audit_number(checks$estimate)),
                  "95% interval" = between(checks$conf.low, checks$conf.high, audit_number), p = p_cells(checks$p.value), people = counts(checks$n))
  html_table(columns, "Checks, each with its estimate and a word")
}

# ---- estimates ----

outcomes_together <- function(page) {
  if (is.null(page$set)) return(NULL)
  table <- summary(page$set, conf.level = page$level)$table
  columns <- list(outcome = backticked(table$outcome), term = backticked(table$term), estimate = measured(table$estimate, table$std.error),
                  "std. error" = measured(table$std.error, table$std.error), interval = ends_of(table), p = p_cells(table$p.value),
                  people = counts(table$nobs), F = f_cells(table$first_stage_F))
  html_table(columns, sprintf("All outcomes side by side (%s intervals)", level_percent(page$level)))
}

ends_of <- function(table) {
  number <- function(v) measured(v, table$std.error)$text
  html_cells(plain_text(sprintf("%s to %s", number(table$conf.low), number(table$conf.high))), "num")
}

estimates_of <- function(fit, page) {
  c(coefficients_table(fit, page), paragraph("Standard errors: ", vcov_words(fit$vcov_kind), few_clusters_words(fit$vcov_kind), "."),
    base_arm_text(fit), if (knows_design(fit)) said_or_refused(sides_text(fit, page)),
    if (length(fit$beliefs)) said_or_refused(regressions_text(fit, page)))
}

sides_text <- function(fit, page) c(sub_heading(page, "What the information moved"), sides_drawing(fit, page$level))

coefficients_table <- function(fit, page) {
  table <- tidy(fit, conf.level = page$level)
  added <- ifelse(table$term %in% fit$levels, " (level control, added)", "")
  columns <- list(term = paste0(backticked(table$term), added), estimate = measured(table$estimate, table$std.error),
                  "std. error" = measured(table$std.error, table$std.error), t = significant(table$statistic), p = p_cells(table$p.value),
                  interval = ends_of(table))
  html_table(columns, sprintf("Coefficients of the fit (%s intervals)", level_percent(page$level)))
}

base_arm_text <- function(fit) {
  row <- glance(fit)
  base <- sprintf("In the base arm the outcome has mean %s and standard deviation %s.", show_number(row$control_mean, 3),
                  show_number(row$control_sd, 3))
  negative <- sprintf("Negative weight %s, over cells of side x sign of the fitted move.", show_number(row$negative_weight, 3))
  said <- c(if (!is.na(row$control_mean)) base, if (!is.na(row$first_stage_F)) sprintf("First-stage F %s.", show_f(row$first_stage_F)),
            if (!is.na(row$negative_weight)) negative)
  paragraph(paste(said, collapse = " "))
}

# Least squares, first stage, reduced form and the fit: one column each, terms in rows, standard errors beneath.
regressions_text <- function(fit, page) {
  fits <- c(list("Least squares" = ols(fit)), first_stages(fit), list("Reduced form" = reduced_form(fit), "Instrumental variables" = fit))
  tables <- lapply(fits, tidy, conf.int = FALSE)
  terms <- regression_terms(fit, tables)
  column <- function(one, table) c(regressand(one), regression_cells(table, terms), big_number(one$nobs), instruments_f(one))
  columns <- Map(function(one, table) html_cells(column(one, table), "num"), fits, tables)
  rows <- c("regressand", backticked(terms), tolower(people_title(fit)), "F of the instruments")
  caption <- "The regressions around the estimate, on the same people: coefficients, standard errors in brackets"
  c(sub_heading(page, "First stage, reduced form and least squares"),
    html_table(c(list(term = rows), columns), caption, rules = length(terms) + 2))
}

first_stages <- function(fit) {
  stages <- first_stage(fit)
  if (!inherits(stages, "miv_set")) return(list("First stage" = stages))
  stats::setNames(unclass(stages), sprintf("First stage of `%s`", names(stages)))
}

regressand <- function(fit) as_words(backticked(deparse_one(fit$formula[[2]])))

instruments_f <- function(fit) {
  f <- if (inherits(fit, "miv_first_stage")) glance(fit)$first_stage_F else if (length(fit$beliefs)) min(fit$first_stage$F) else NA
  if (is.na(f)) "" else show_f(f)
}

# Beliefs and instruments first, then the rest in the order of the fits, level controls last.
regression_terms <- function(fit, tables) {
  all <- unique(unlist(lapply(tables, `[[`, "term")))
  lead <- c(fit$beliefs, fit$instruments)
  c(intersect(lead, all), setdiff(all, c(lead, fit$levels)), intersect(fit$levels, all))
}

regression_cells <- function(table, terms) {
  row <- match(terms, table$term)
  shown <- measured(table$estimate, table$std.error)$text[row]
  error <- measured(table$std.error, table$std.error)$text[row]
  cell <- sprintf("<span%s>%s</span><br><small>(%s)</small>", data_value(table$estimate[row]), plain_text(shown), plain_text(error))
  ifelse(is.na(row), "", cell)
}

# ---- weights ----

# By side; where everybody is on one side, by bins of the gap.
weights_of <- function(fit, page) {
  by <- function(cells) effect_weights(fit, cells, seed = page$seed, level = page$level)
  x <- tryCatch(by("side"), miv_error_one_cell = function(e) by("gap"))
  lead <- sub("^(\\S+) (averages|is no)", "The estimate, \\1, \\2", weights_words(x))
  c(paragraph(lead, class = "lead"), weights_drawing(x), cells_table(x), weights_notes(x), paragraph(x$notes))
}

weights_notes <- function(x) {
  further <- summary(x)
  remainder <- show_number_each(x$remainder)
  notes_list(c(labelled("Negative weight", negative_words(x, 3)),
               labelled("Remainder", sprintf("weight %s, of the estimate %s", remainder[["belief"]], remainder[["outcome"]])),
               labelled("Evenness", sprintf("the weights are as uneven as those of %s equal people", big_number(round(further$effective_size)))),
               labelled("Sensitivity", sensitivity_words(further$sensitivity, 3)), labelled("Reversal", reversal_words(further$reversal, 3)),
               labelled("Standard errors", x$vcov)))
}

cells_table <- function(x) {
  table <- utils::head(x$cells, kMostRows)
  number <- function(v) formatC(v, digits = 3, format = "f")
  columns <- list(cell = cell_labels(x, table), people = counts(table$n), share = shares(table$share), weight = decimal(table$weight),
                  interval = between(table$weight.low, table$weight.high, number), ratio = decimal(table$ratio, 2),
                  effect = significant(table$effect), "std. error" = significant(table$std.error))
  more <- nrow(x$cells) - nrow(table)
  c(html_table(columns, sprintf("Weights by %s (%s intervals); ratio: weight over share of people", x$title, level_percent(x$level))),
    if (more > 0) paragraph(sprintf("... and %d more cells; `as.data.frame()` of the weights has them all.", more)))
}

# ---- other specifications ----

specifications_of <- function(fit, page) {
  specs <- compare_specs(fit, level = page$level)
  width <- attr(specs, "width")
  refused <- attr(specs, "refused")
  donut <- any(grepl("donut", specs$spec)) && !is.null(width)
  c(paragraph(gsub(" (*)", "", comparison_words(specs), fixed = TRUE)), specs_drawing(specs), specs_table(specs),
    if (donut) paragraph(sprintf("The donut leaves out people whose gap is below %s.", show_number(width, 3))),
    if (length(refused)) paragraph(sprintf("Refused by the data: %s", refused)))
}

specs_table <- function(specs) {
  sides <- if (!anyNA(specs$weight_up)) list("gap below 0" = decimal(specs$weight_down), "gap above 0" = decimal(specs$weight_up))
  columns <- list(specification = specs$spec, estimate = significant(specs$estimate), "std. error" = significant(specs$std.error),
                  F = f_cells(specs$first_stage_F), "negative weight" = decimal(specs$negative_weight))
  guarantee <- list(people = counts(specs$nobs), "counts nobody negatively?" = capital(sub("^none:? ?", "none: ", specs$guarantee)))
  html_table(c(columns, sides, guarantee), sprintf("Specifications on one sample (standard errors: %s); the fit's own first", attr(specs, "vcov")))
}

# ---- inference ----

inference_of <- function(fit, page, i) {
  c(interval_text(fit, page), said_or_refused(ar_set_words(fit, page)), said_or_refused(tests_text(fit, page)), draws_text(fit, page, i))
}

interval_text <- function(fit, page) {
  x <- summary(fit, conf.level = page$level)
  one <- function(name) {
    sprintf("Interval of `%s`: %s (%s, t with %s degrees of freedom).", name, effect_numbers(fit, page$level, name)$interval,
            level_percent(page$level), df_words(df_of(x, name)))
  }
  paragraph(paste(vapply(fit$beliefs, one, ""), collapse = " "), " Standard errors: ", vcov_words(x$vcov_kind),
            few_clusters_words(x$vcov_kind), ".", cr2_words(x, 3), both_scores_words(x, 3))
}

ar_set_words <- function(fit, page) {
  set <- anderson_rubin(fit, page$level)
  few <- few_clusters_ar(attr(set, "parts"))
  zero <- sprintf("At effect 0 F = %s on %d and %s degrees of freedom, %s.", show_f(attr(set, "statistic")), attr(set, "df")[1],
                  big_number(attr(set, "df")[2]), p_value_words(attr(set, "p.value")))
  c(sub_heading(page, "However weak the first stage"),
    paragraph("Anderson-Rubin: ", attr(set, "words"), " ", zero, if (nzchar(few)) paste0(" ", capital(few), ".")), if (nrow(set)) set_table(set))
}

set_table <- function(set) {
  shown <- if (any(is.finite(unlist(set)))) show_ends(unlist(set)) else ""
  end <- function(x) ifelse(is.infinite(x), ifelse(x > 0, "no upper end", "no lower end"), shown[match(x, unlist(set))])
  columns <- list(piece = as.character(seq_len(nrow(set))), lower = value_cells(set$lower, end(set$lower)),
                  upper = value_cells(set$upper, end(set$upper)))
  html_table(columns, sprintf("Anderson-Rubin set, %s", level_percent(attr(set, "level"))))
}

tests_text <- function(fit, page) {
  tests <- iv_tests(fit)
  number <- function(v) value_cells(v, ifelse(is.na(v), "", formatC(v, digits = 4, format = "fg", big.mark = ",", width = 1)))
  columns <- list(test = tests$test, "in words" = capital(sub("^[^:]*: ", "", tests$says)), statistic = number(tests$statistic),
                  df1 = number(tests$df1), df2 = number(tests$df2), p = p_cells(tests$p.value))
  c(sub_heading(page, "Tests of instruments and belief"), html_table(columns, sprintf("Tests (standard errors: %s)", attr(tests, "covariance"))))
}

draws_text <- function(fit, page, i) {
  if (length(page$draws[[i]]) == 0) return(NULL)
  c(sub_heading(page, "By resampling"), unlist(lapply(page$draws[[i]], function(draws) said_or_refused(draws_of(draws, fit, page)))))
}

# draws: a result, or a scheme to be drawn now.
draws_of <- function(draws, fit, page) {
  x <- if (is.character(draws)) resample(fit, draws, seed = page$seed, level = page$level) else draws
  test <- if (is_test(x)) sprintf("Test of the effect %s: p %s.", format(x$null), draw_p_words(x))
  interval <- if (is_test(x) && !is.null(x$set)) sprintf("Interval %s", inversion_words(x))
  c(paragraph(sprintf("%s: %s%s. ", scheme_title(x$scheme), how_words(x), possible_words(x)), paste(c(test, interval), collapse = " ")),
    draws_table(x), draws_drawing(x))
}

draws_table <- function(x) {
  table <- tidy(x)
  columns <- list(term = backticked(table$term), estimate = significant(table$estimate, 4), "std. error" = significant(table$std.error),
                  p = p_cells(table$p.value), interval = between(table$conf.low, table$conf.high, function(v) show_number_each(v, 4)))
  caption <- sprintf("%s, %s draws of %s, seed %s", scheme_title(x$scheme), big_number(x$R), drawn_words(x), format(x$seed, scientific = FALSE))
  html_table(columns, caption)
}

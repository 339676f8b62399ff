# Summaries compute; print.R says it in words. A summary keeps numbers and a few words, never the data.

#' Summary of a fit
#'
#' What a reader of the estimate needs: the coefficient table, the interval of the belief effect, the kind of standard error, who is in and who is
#' left out and why, the first stage, what the package added and dropped, and one plain sentence about the weights.
#'
#' The printed table shows the belief first, then the constant and the controls; the level controls that the package added (the side of the gap,
#' ...) are named below it and stand in `coef(summary(fit))`. Where there are more than 20 rows, `print(summary(fit), all = TRUE)` shows the rest.
#'
#' **The last sentence.** For a fit of [miv()] it says which effects can count negatively and on which assumption, and how many people lie at gap 0
#' and so carry no weight. The assumption is about what people believed *before*. A misreported prior puts people near gap 0 on the wrong side of
#' the signal, and then some of the weight is negative even where everybody moves toward the signal: with a reliability of the prior of 0.8, 14
#' percent of the people and 5.6 percent of the weight; with 0.5, 20 percent of the weight. For a fit of [tsls()] the package knows no prior, signal
#' and arm, and the sentence says so.
#'
#' **Over-identified fits** have two standard errors: the usual one is right where every instrument finds the same effect, the other one also where
#' effects differ (see [miv()]). The summary gives both for the belief, `scores` says which is in the table.
#'
#' **Weak-robust** is the Anderson-Rubin set of a fit with one belief (see [anderson_rubin()]): right however weak the first stage is, and the one to
#' quote where F is small or where it and the interval differ. Over-identified fits show Hansen's J beside it (Sargan's under `"iid"`; see [iv_tests()]).
#'
#' @param object A fit of [miv()] or [tsls()], or several (a [miv_set]: `c(y1, y2) ~ x`, `by =`, `c(fit1, fit2)`).
#' @param vcov,scores Another covariance than the fit's own, as in [miv()]. The first-stage F changes with it.
#' @param conf.level Of the interval, between 0 and 1.
#' @param ... Nothing: misspelt arguments are refused here.
#' @return An object of class `summary.miv`: a list in which `coefficients` is the matrix of `Estimate`, `Std. Error`, `t value` and `Pr(>|t|)`, one
#'   row per coefficient, belief first, so that `coef(summary(fit))` is that matrix; `conf.int` the intervals of the beliefs (in a [first_stage()],
#'   [reduced_form()] or [ols()] of what stands in their place); `vcov`, `vcov_kind`, `df_inference` (of t; named by coefficient under CR2), `both_scores` (the beliefs'
#'   standard errors under both scores, where over-identified), `cr2` (of the beliefs under CR2: `term`, `std.error`, `df`, `p.value`, `conf.low`,
#'   `conf.high`; `NULL` unless clustered one way by CR1 in fewer than 40 clusters), `nobs`, `rows`, `left_out` (rows left out, by cause; one person may count under several),
#'   `first_stage` (`F`, `df1`, `df2`), `fixed_effects`, `dropped`, `sigma`, `r.squared`, `path`, `guarantee`, `weightless` (people at gap 0 in
#'   the fit, who carry no weight; `NULL` where not known), `weak_robust` (the Anderson-Rubin set; the reason in words where there is none; `NULL` but for
#'   one belief) and `over_identification` (a row of [iv_tests()]; `NULL` where just identified).
#'
#'   For a `miv_set` an object of class `summary.miv_set`, whose `table` has one row per fit (and belief): the columns of the set ([miv_set]; `outcome` where there are several), `term`, `estimate`,
#'   `std.error`, `statistic`, `p.value`, `conf.low`, `conf.high`, `nobs`, `first_stage_F`; with `equal_effects` (of subgroups: [equal_effects()], or the reason in words
#'   where there is no test) and `left_out` (groups that could not be estimated, with rows and reason).
#' @section Errors: `miv_error_bad_level` where `conf.level` is not between 0 and 1; those of the covariance as in [miv()].
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age + female | region, experiment)
#' summary(fit)
#' coef(summary(fit, vcov = "HC3"))["posterior", ]
#' summary(miv(c(pay_claim, learning_rate) ~ age, experiment))
#' @export
summary.miv <- function(object, vcov = NULL, scores = NULL, conf.level = 0.95, ...) {
  check_dots(dot_names(...), c("vcov", "scores", "conf.level"))
  check_level(conf.level, "conf.level")
  fit <- with_vcov(object, vcov, scores)
  kept <- c("vcov", "vcov_kind", "nobs", "rows", "df.residual", "df_inference", "sigma", "r.squared", "beliefs", "leading", "instruments", "levels",
            "controls", "fixed_effects", "dropped", "first_stage", "over_identified", "path", "door", "exposure", "guarantee", "call")
  structure(c(
    list(title = fit_title(fit), who = people_title(fit), coefficients = coefficient_table(fit), conf.int = belief_intervals(fit, conf.level),
         conf.level = conf.level),
    fit[kept],
    list(both_scores = both_scores(fit), cr2 = cr2_beside(fit, conf.level), left_out = rows_left_out(fit), added = added_words(fit), weightless = weightless_people(fit),
         weak_robust = weak_robust_set(fit, conf.level), over_identification = over_identification(fit)),
    if (inherits(fit, "miv_first_stage")) list(instrument_tests = instrument_tests(fit), single_belief = single_belief(fit))),
    class = "summary.miv")
}

check_level <- function(level, name) {
  if (is.numeric(level) && length(level) == 1 && isTRUE(level > 0 && level < 1)) return(invisible(level))
  abort_miv("bad_level", "`%s` is `%s`; it must be one number between 0 and 1, such as 0.95.", name, deparse_one(level))
}

coefficient_table <- function(fit) {
  se <- sqrt(diag(fit$vcov))
  t <- fit$coefficients / se
  cbind(Estimate = fit$coefficients, "Std. Error" = se, "t value" = t, "Pr(>|t|)" = 2 * stats::pt(-abs(t), fit$df_inference))
}

# What the fit is about: the beliefs, or what stands in their place in a first stage, reduced form or ols().
effect_names <- function(fit) c(fit$beliefs, fit$leading)

belief_intervals <- function(fit, level) {
  names <- effect_names(fit)
  table <- coefficient_table(fit)[names, , drop = FALSE]
  reach <- stats::qt((1 + level) / 2, df_of(fit, names)) * table[, 2]
  matrix(c(table[, 1] - reach, table[, 1] + reach), ncol = 2, dimnames = list(names, c("conf.low", "conf.high")))
}

# Standard errors of the beliefs under both scores, where the two can differ; else NULL.
both_scores <- function(fit) {
  if (!fit$over_identified || fit$vcov_kind$type %in% c("iid", "function", "matrix")) return(NULL)
  errors <- function(scores) sqrt(diag(with_vcov(fit, scores = scores)$vcov))[fit$beliefs]
  rbind(usual = errors("usual"), heterogeneous = errors("heterogeneous"))
}

# ---- who is in ----

# Causes with counts: those of the experiment, of the formula and of `subset`.
rows_left_out <- function(fit) {
  own <- fit$missing
  names(own) <- column_of_source(names(own))
  causes <- c(fit$experiment$counts$missing, own, subset = rows_off_subset(fit))
  causes <- causes[!duplicated(names(causes))]
  causes[causes > 0]
}

# The scan's labels say what a column is for ("factor college", "effect region1"); a reader wants the column.
column_of_source <- function(labels) {
  labels <- sub("^effect (.*)[0-9]$", "\\1", labels)
  sub("^(factor|arm) ", "", labels)
}

rows_off_subset <- function(fit) {
  if (is.null(fit$recipe$subset)) return(0)
  sum(subset_mask(start_problem(fit$recipe, fit$data)) == 0L)
}

# People in the fit at gap 0, whom the instrument does not touch; NULL where gap 0 does not mean that.
weightless_people <- function(fit) {
  known <- fit$door == "miv" && length(fit$experiment$arm$informed) == 1 && !fit$arm_control && fit$exposure %in% c("sign", "gap", "arm+sign")
  if (!known) return(NULL)
  counts <- fit$experiment$counts
  if (fit$nobs == counts$complete) return(counts$sides[["0", 1]])
  codes <- arm_codes(fit$experiment)
  operands <- list(gap_operands(fit$experiment, fit$experiment$arm$informed))
  sum(count_sides(codes$x, codes$values, operands, kept_of(fit))$sides[, 1, 2])
}

# ---- several outcomes ----

#' @rdname summary.miv
#' @export
summary.miv_set <- function(object, vcov = NULL, scores = NULL, conf.level = 0.95, ...) {
  check_dots(dot_names(...), c("vcov", "scores", "conf.level"))
  each <- lapply(unclass(object), summary, vcov = vcov, scores = scores, conf.level = conf.level)
  rows <- lapply(each, effect_rows)
  table <- stack_frames(set_key(object), rows)
  equal <- if (!is.null(attr(object, "by"))) tryCatch(equal_effects(object, vcov = vcov), miv_error = function(e) sub("[.]$", "", conditionMessage(e)))
  structure(list(table = table, summaries = each, title = set_title(object), conf.level = conf.level, labels = rep(names(each), vapply(rows, nrow, 0L)), equal_effects = equal,
                 left_out = attr(object, "left_out"), missing = attr(object, "missing")), class = "summary.miv_set")
}

# One row per belief; all coefficients where nothing is the belief.
effect_rows <- function(summary) {
  terms <- effect_names(summary)
  if (length(terms) == 0) terms <- rownames(summary$coefficients)
  table <- summary$coefficients[terms, , drop = FALSE]
  reach <- stats::qt((1 + summary$conf.level) / 2, df_of(summary, terms)) * table[, 2]
  data.frame(term = terms, estimate = table[, 1], std.error = table[, 2], statistic = table[, 3], p.value = table[, 4],
             conf.low = table[, 1] - reach, conf.high = table[, 1] + reach, nobs = summary$nobs,
             first_stage_F = if (length(summary$first_stage$F)) unname(summary$first_stage$F) else NA_real_, row.names = NULL)
}

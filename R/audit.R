# Checks of the design, method note, section 4: who is audited, the table and its methods. The checks themselves stand in audit_checks.R.

# Where a word changes. Each stands with its reason in the help page below.
kAuditP <- 0.05              # a departure counts from here on (tests of one family after Holm)
kBalanceStopP <- 0.001       # chance does this to one experiment in a thousand
kAttritionStop <- 0.10       # difference in shares lost that no adjustment repairs
kTowardShare <- 0.5          # at least half of the told move toward the signal
kAwayShare <- 0.2
kOvershootShare <- 0.25
kDriftSize <- 0.05           # of a standard deviation of the prior; as a share, of people
kGapZeroLook <- 0.10         # as info_experiment() warns
kGapZeroStop <- 0.5
kBoundShare <- 0.05
kHeapShare <- 0.25
kRangeLook <- 0.05
kRangeStop <- 0.5
kSideShare <- 0.01           # fewer on one side of the signal than this
kStrongF <- 23.1             # Montiel Olea and Pflueger (2013), one instrument: bias above a tenth refused at 5 percent
kWeakF <- 10
kFewClusters <- 40

#' Checks of the design
#'
#' Belief effects rest on what can be looked at: that people move toward the signal, that arms are alike before they are told, that nobody leaves because of what
#' they were told. `audit()` makes a table of such checks with estimate, interval, p value and a word: `ok`, `look` (read on before you trust the estimate) or `stop`
#' (the design, or its description, is not
#' what the estimate needs). Rows without a word only describe.
#'
#' @details
#' | check | estimate | `look` | `stop` | why |
#' |:---|:---|:---|:---|:---|
#' | direction, by side | mean belief, informed less base arm | not clearly toward the signal (Holm) | clearly away | else `sign` has negative weights |
#' | told, toward | share of the told | interval below 1/2 | | people do not follow the signal |
#' | told, away | share of the told | interval above 0.20 | | averages may hide negative weights |
#' | told, overshoots | share of the told going beyond the signal | interval above 0.25 | | the number was not read as meant, or much drift |
#' | drift, mean | mean belief less prior, base arm | p < 0.05 and above 0.05 SD of the prior | | the prior does not stand for the untold belief |
#' | drift, toward | share of the base arm | more toward than away (p < 0.05, and by 0.05) | | regression to the mean, or the base arm heard of it |
#' | balance | Wald F of prior, gap, side, covariates | p < 0.05 | p < 0.001 | arms were not alike |
#' | attrition | difference in the share lost | p < 0.05 | and 0.10 or more | who stays is not who was drawn |
#' | gap 0 | share | above 0.10 | above 0.50 | nobody there is moved |
#' | bounds | share at the more frequent extreme | interval above 0.05 | | true beliefs lie beyond the form |
#' | heaping | share of the told (gap not 0) | interval above 0.25 | | the number may be repeated, not believed |
#' | signal in range | share whose signal is outside the range of the prior | above 0.05, or below 0.01 on one side | above 0.50 | a logarithm or a unit forgotten |
#' | equal effects, sides | difference of the sides' Wald ratios (+1 less -1; outcome per belief) | p < 0.05 | | the estimate averages different effects |
#' | equal effects, instruments | Hansen's J | p < 0.05 | | the same, over-identified |
#' | first stage | F | below 23.1 | below 10 | normal intervals are off |
#' | clusters | number | below 40 | | clustered errors are too small |
#'
#' Equal effects and the first stage are checked for fits only, clusters where there are any. With tests at 5 percent some `look` comes up by chance. A test that cannot be made (a base arm
#' of one cluster, too few people) is `look` too, and `todo` says so. Where every cluster is in one arm the row on clusters counts them by arm.
#'
#' **Direction.** The belief on the arm among the complete people of a side, with heteroskedasticity-robust (HC1) errors, clustered (CR1) where the experiment has
#' clusters (several ways: the one with
#' the fewest), strata absorbed. Side +1 must move up and side -1 down, the reverse under `direction = -1`. `p.value` is Holm's over all sides and informed arms,
#' `p.raw` the test's own. Intervals are two-sided, 95 percent, with t.
#'
#' **Told people.** Shares of the complete told people whose gap to the signal they were shown (signal less prior, in active designs too) is not 0; those at 0 stand
#' apart. A person who
#' overshoots also moves toward. Shares have Wilson intervals; with weights they are weighted, with the effective number of people \eqn{(\sum w)^2 / \sum w^2},
#' divided by the design effect
#' where people are in clusters. The last row counts those at gap 0 who move all the same.
#'
#' **Untold people** (passive designs): the same shares among the base arm, with the share and the mean of all that changes between prior and belief; toward and away
#' only where one arm is informed.
#'
#' **Balance**: being in the informed arm (against the base arm; one row per informed arm, Holm) on prior, gap, side and covariates, among all who were assigned and
#' asked, complete or not; joint Wald test, F distribution. Fixed effects of a fit are not tested.
#'
#' **Attrition**: belief missing (for a fit, belief or outcome) by arm, among everybody assigned: test of proportions without continuity correction, chi-squared with more
#' arms (estimate: largest less smallest share); with strata, clusters or weights a linear regression with the errors above.
#'
#' **Equal effects**: two-stage least squares of the outcome on the belief by side, instrument arm by side (net of strata shares), with the fit's controls, clusters
#' and weights. J is that of two-step GMM, robust, clustered as the fit.
#'
#' Under `units = "other"` belief and prior cannot be compared: told, drift and heaping are left out, and `attr(x, "notes")` says so.
#'
#' @param x An experiment ([info_experiment()]) or a fit of [miv()], whose people, outcome, controls and clusters are then audited.
#' @param ... Nothing; misspelt arguments are refused.
#' @param covariates One-sided formula of what else must balance, `~ age + female`; for a fit its controls, unless given.
#' @return A data frame of class `miv_audit` (plain: `as.data.frame()`), one row per check: `check`, `estimate`, `conf.low`, `conf.high`, `p.value`, `verdict` (`ok`,
#'   `look`, `stop`, `NA` where the row only describes),
#'   then `p.raw` (before Holm), `n` (people), `arm` (`NA` where one row is for all), `what` (the estimate in words), `says` (the finding in a sentence) and `todo`
#'   (what to do, empty when `ok`).
#' @section Errors: `miv_error_not_an_experiment` for a data frame or a fit that knows no experiment; `miv_error_unknown_argument`, `miv_error_bad_covariates`,
#'   `miv_error_unknown_column`.
#' @seealso [plot.miv_audit()], [effect_weights()]
#' @source Haaland, Roth and Wohlfart (2023), *Journal of Economic Literature* 61(1), 3-40, for the practice; Montiel Olea and Pflueger (2013), *JBES* 31(3),
#'   358-369, for the F.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' audit(experiment, covariates = ~ age + female + region)
#' fit <- miv(pay_claim ~ age + female, experiment)
#' subset(as.data.frame(audit(fit)), verdict != "ok", c(check, estimate, p.value, says))
#' @export
audit <- function(x, ...) UseMethod("audit")

#' @rdname audit
#' @export
audit.default <- function(x, ...) {
  how <- "give an experiment (`info_experiment()`) or a fit of `miv()`"
  if (is.data.frame(x)) how <- "describe it first with `info_experiment(data, belief, prior, signal, arm)`"
  abort_miv("not_an_experiment", "`x` is of class `%s`, and only an experiment knows its arms and signals; %s.", class(x)[1], how)
}

#' @rdname audit
#' @export
audit.info_experiment <- function(x, ..., covariates = NULL) {
  check_dots(dot_names(...), "covariates")
  new_audit(audit_people(x, NULL, covariates))
}

#' @rdname audit
#' @export
audit.miv <- function(x, ..., covariates = NULL) {
  check_dots(dot_names(...), "covariates")
  if (!identical(x$door, "miv")) abort_miv("not_an_experiment",
                                           "A fit of `tsls()` knows no prior, signal and arms; audit the experiment of `info_experiment()`, or a fit of `miv()`.")
  new_audit(audit_people(x$experiment, x, covariates))
}

#' @rdname audit
#' @export
audit.miv_set <- function(x, ...) {
  abort_miv("not_an_experiment", "These are %d fits; audit one of them: `audit(fits[[\"%s\"]])`.", length(x), names(x)[1])
}

# ---- who is audited ----

# One entry per row of the data: complete (in the fit, or with every role), assigned (in an arm, positive weight, within `subset`), lost (belief or outcome missing).
audit_people <- function(experiment, fit, covariates) {
  rows <- nrow(experiment$data)
  value <- function(role, otherwise = NULL) if (is.null(role)) otherwise else role_values(experiment, role)
  index <- arm_index(experiment)
  belief <- as.numeric(value(experiment$roles$belief))
  prior <- as.numeric(value(experiment$roles$prior))
  weight <- as.numeric(value(experiment$roles$weights, rep(1, rows)))
  people <- list(
    experiment = experiment, fit = fit, index = index, belief = belief, prior = prior, weight = weight, weighted = !is.null(experiment$roles$weights),
    cluster = audit_clusters(experiment, fit), stratum = label_ids(lapply(experiment$roles$strata, function(role) evaluate_role(experiment$data, role)), rows),
    gaps = lapply(experiment$arm$informed, gap_values, experiment = experiment), own_gap = audit_own_gap(experiment, index, prior),
    complete = if (is.null(fit)) complete_rows(experiment) else if (is.null(kept_of(fit))) rep(TRUE, rows) else kept_of(fit) == 1L,
    assigned = !is.na(index) & !is.na(weight) & weight > 0 & within_subset(fit, rows), same_units = experiment$units == "prior", passive = experiment$design == "passive")
  people$lost <- is.na(belief) | (if (is.null(fit)) FALSE else is.na(audit_outcome(fit)))
  people$covariates <- audit_covariates(experiment, fit, covariates)
  people
}

within_subset <- function(fit, rows) {
  if (is.null(fit) || is.null(fit$recipe$subset)) return(rep(TRUE, rows))
  subset_mask(start_problem(fit$recipe, fit$data)) == 1L
}

audit_outcome <- function(fit) as.numeric(evaluate_variable(read_formula(fit$recipe$formula, "miv")$outcome, fit$data, environment(fit$recipe$formula)))

# The signal of a person's own arm less the prior; NA for whoever was told nothing.
audit_own_gap <- function(experiment, index, prior) {
  gap <- rep(NA_real_, length(index))
  for (arm in names(experiment$signals)) {
    at <- which(index == match(arm, experiment$arm$levels))
    gap[at] <- (rep_len(signal_values(experiment, arm), length(index)) - prior)[at]
  }
  gap
}

# Ids of the way with the fewest clusters, for every row; NULL without clusters. A fit's own clusters count.
audit_clusters <- function(experiment, fit) {
  rows <- nrow(experiment$data)
  ids <- lapply(cluster_ways(experiment, fit), function(way) {
    vectors <- if (!is.null(way$role)) list(evaluate_role(experiment$data, way$role)) else lapply(way$exprs, evaluate_variable, data = experiment$data, env = way$env)
    label_ids(vectors, rows)
  })
  if (length(ids) == 0) return(NULL)
  ids[[which.min(vapply(ids, function(id) length(unique(id)), 0L))]]
}

cluster_ways <- function(experiment, fit) if (is.null(fit)) lapply(experiment$roles$cluster, function(role) list(role = role)) else fit$vcov_kind$ways

label_ids <- function(vectors, rows) if (length(vectors)) index_clusters_cpp(lapply(vectors, as_source_vector), NULL, rows)$ids + 1L

# A numeric matrix, one column per covariate or level of one; NULL without any.
audit_covariates <- function(experiment, fit, covariates) {
  formula <- if (!is.null(covariates)) covariates else if (!is.null(fit)) controls_formula(fit)
  if (is.null(formula)) return(NULL)
  if (!is_formula(formula) || length(formula) != 2) abort_miv("bad_covariates", "`covariates` must be a one-sided formula such as `~ age + female`.")
  data <- as.data.frame(experiment$data)
  terms <- tryCatch(stats::terms(formula, data = data), error = function(e) abort_miv("bad_covariates", "`covariates` cannot be read: %s", conditionMessage(e)))
  for (expr in as.list(attr(terms, "variables"))[-1]) evaluate_variable(expr, data, environment(formula))
  attr(terms, "intercept") <- 1L
  frame <- droplevels(stats::model.frame(terms, data, na.action = stats::na.pass))
  x <- tryCatch(stats::model.matrix(terms, frame), error = function(e) abort_miv("bad_covariates", "The covariates make no matrix: %s", conditionMessage(e)))
  x <- x[, -1, drop = FALSE]
  if (ncol(x)) x
}

controls_formula <- function(fit) {
  controls <- read_formula(fit$recipe$formula, "miv")$controls
  stats::as.formula(call("~", controls), environment(fit$recipe$formula))
}

# ---- the table ----

new_audit <- function(people) {
  table <- do.call(rbind, lapply_steps(kAuditChecks, function(check) do.call(check, list(people)), "Audit"))
  rownames(table) <- NULL
  structure(table, class = c("miv_audit", "data.frame"), notes = audit_notes(people), panels = audit_panels(people))
}

audit_notes <- function(people) {
  experiment <- people$experiment
  c(if (!people$same_units) sprintf("`%s` is in other units than the prior: overshooting, drift and heaping are not defined and left out.",
                                    experiment$roles$belief$label),
    if (!people$passive) "Every arm is told something, so there are no untold people to show drift; `told` compares the belief with the person's own signal.",
    if (length(cluster_ways(experiment, people$fit)) > 1) "Clusters of several ways: errors here are by the one with the fewest clusters.")
}

kToldChecks <- "^(told|heaping|signal)"   # a row per told arm, which in active designs the base arm is too

# interval: two numbers. arm: of the row, where there are several informed arms.
audit_row <- function(people, check, estimate, interval, p, verdict, n, what, says, todo = "", p_raw = p, arm = NULL) {
  several <- length(people$experiment$arm$informed) > 1 || (!people$passive && grepl(kToldChecks, check))
  if (several && !is.null(arm)) check <- sprintf("%s, arm %s", check, arm)
  p[is.nan(p)] <- NA
  data.frame(check = check, estimate = as.numeric(estimate), conf.low = as.numeric(interval[1]), conf.high = as.numeric(interval[2]), p.value = as.numeric(p),
             verdict = as.character(verdict),
             p.raw = as.numeric(p_raw), n = as.integer(n), arm = if (is.null(arm)) NA_character_ else arm, what = what, says = says,
             todo = if (verdict %in% c("look", "stop")) todo else "", stringsAsFactors = FALSE)
}

#' @export
as.data.frame.miv_audit <- function(x, row.names = NULL, optional = FALSE, ...) bare_frame(x, row.names)

# ---- print ----

#' @export
print.miv_audit <- function(x, ...) {
  if (!all(c("check", "estimate", "verdict", "says", "todo") %in% names(x))) return(invisible({ print(as.data.frame(x)); x }))
  print_words(audit_sentence(x))
  cat("\n")
  cat(paste0(trimws(audit_lines(x), "right"), "\n"), sep = "")
  for (i in which(x$verdict %in% c("stop", "look"))[order(x$verdict[x$verdict %in% c("stop", "look")] != "stop")]) {
    cat("\n")
    print_words(sprintf("%s: %s. %s %s", toupper(x$verdict[i]), x$check[i], x$says[i], x$todo[i]))
  }
  if (length(attr(x, "notes"))) cat("\n")
  for (note in attr(x, "notes")) print_words(note)
  invisible(x)
}

# "12 checks: 9 ok, 2 to look at, 1 stop."
audit_sentence <- function(x) {
  count <- function(word) sum(x$verdict %in% word)
  said <- c(sprintf("%d ok", count("ok")), if (count("look")) sprintf("%d to look at", count("look")), if (count("stop")) sprintf("%d stop", count("stop")))
  silent <- sum(is.na(x$verdict))
  total <- nrow(x) - silent
  sprintf("%d check%s: %s.%s", total, plural(total), paste(said, collapse = ", "),
          if (silent) sprintf(" %d more row%s only describe%s.", silent, plural(silent), if (silent == 1) "s" else "") else "")
}

# Aligned columns; the people go first where the lines would be too wide.
audit_lines <- function(x) {
  columns <- audit_columns(x)
  lines <- align_columns(columns)
  if (max(nchar(lines)) > max(60, getOption("width"))) align_columns(columns[names(columns) != "n"]) else lines
}

audit_columns <- function(x) {
  interval <- ifelse(is.na(x$conf.low), "", sprintf("[%s, %s]", audit_number(x$conf.low), audit_number(x$conf.high)))
  p <- ifelse(is.na(x$p.value), "", ifelse(x$p.value < 0.0001, "<.0001", formatC(x$p.value, digits = 4, format = "f")))
  list(check = x$check, n = big_number_each(x$n), estimate = audit_number(x$estimate), "95% interval" = interval, p = p,
       verdict = ifelse(is.na(x$verdict), "-", x$verdict))
}

big_number_each <- function(n) vapply(n, big_number, "")

audit_number <- function(v) {
  shown <- formatC(v, digits = 3, format = "fg", flag = "#", width = 1)
  shown[v %in% 0] <- "0"
  small <- which(abs(v) < 0.001 & v != 0)
  shown[small] <- formatC(v[small], digits = 2, format = "g")
  large <- which(abs(v) >= 1000)
  shown[large] <- big_number_each(round(v[large]))
  shown[is.na(v)] <- ""
  sub("[.]$", "", shown)
}

align_columns <- function(columns) {
  left <- names(columns) %in% c("check", "verdict")
  padded <- Map(function(name, values, left) formatC(c(name, values), width = (if (left) -1 else 1) * max(nchar(c(name, values)))), names(columns), columns, left)
  do.call(paste, c(unname(padded), sep = "  "))
}

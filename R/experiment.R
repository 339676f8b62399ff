#' Describe an information experiment
#'
#' Says which columns of a data frame hold the belief, the prior, the signal and the arm, checks them, and counts who is
#' complete. Every row is kept; estimates use the complete people.
#'
#' **Roles** are one-sided formulas, in which expressions are allowed (`~ log(prior)`, `~ I(100 * posterior)`), or column names
#' as strings. Names that are not columns are looked up once, when the experiment is described: values and functions are stored
#' with it, so changing them later changes nothing. All roles have one value per row of `data`.
#'
#' **Who is told what.** A number, a formula or a string as `signal` is one signal: the design is passive, the base arm is told
#' nothing and every other arm is told the signal (even where the column is filled in for the base arm too). A list named by arm
#' level, such as `list(low = 74, high = 94)`, gives each arm its own. The arm without an entry is the passive base. Only where
#' every arm has an entry is the design active. Levels are ordered as a factor's are, numbers ascending, `FALSE` before `TRUE`,
#' text by the alphabet; the first one is the base where the signals do not decide. Unused levels of a factor are left out.
#'
#' **Gap and side.** In a passive design the gap is the signal minus the prior, in an active one the arm's signal minus the base
#' arm's, both in the units of the prior. The side is its sign: +1 where the signal lies above. Both are known for
#' everybody, in every arm, before assignment. With several informed arms a person has one gap for each.
#'
#' **Complete people** have no missing value in any role and a positive weight.
#'
#' @param data A data frame, tibble or data.table with one row per person. It is never changed.
#' @param belief The belief after the information (posterior), numeric.
#' @param prior The belief before it, numeric, in the units of the signal.
#' @param signal What the informed arms were told: a number, a role, or a list of these named by arm level.
#' @param arm The assigned arm: numeric, logical, factor (ordered or not: its levels in their order) or text, with 2 to 20 levels.
#' @param cluster,strata Roles, several as `~ a + b` or `c("a", "b")`: clusters of several ways; strata crossed with each other.
#'   `~ a:b` is one variable, the combinations of two.
#' @param weights A role: sampling weights, 0 or more. A person with weight 0 is left out.
#' @param base The level of the base arm, where the rule above is not what was meant.
#' @param probability Known assignment probabilities, between 0 and 1: a number (of each informed arm), a role (of the one informed
#'   arm) or a numeric vector named by arm.
#' @param units `"prior"`, or `"other"` where the belief is not in the prior's units, so that only the side carries over.
#' @param direction 1, or -1 where a positive gap lowers the belief; -1 needs `units = "other"`.
#' @param ... Nothing: misspelt arguments are refused here.
#'
#' @return An object of class `info_experiment`. Use its methods: `print()`, [summary()][summary.info_experiment],
#'   `nobs()` (the number of complete people) and
#'   `as.data.frame()` (every row, with `.gap`, `.side`, `.arm` and `.complete` beside the user's columns; `.gap` and `.side` are those
#'   of the person's own arm, in the base arm those of the one informed arm and missing where there are several).
#'
#' @section Errors:
#' All are of class `miv_error`: a role that is missing (`miv_error_missing_role`), misspelt (`miv_error_unknown_column`), not numeric
#' (`miv_error_not_numeric`) or infinite (`miv_error_infinite`); an arm with one level (`miv_error_one_arm`), a signal for an arm that does not
#' exist (`miv_error_unknown_arm`), two arms without a signal (`miv_error_two_uninformed_arms`), informed people without one
#' (`miv_error_missing_signal`), a prior missing in the whole base arm (`miv_error_missing_prior`), an arm without complete people
#' (`miv_error_empty_arm`), weights that are negative or all 0, one cluster, a constant belief, and others alike. Warnings are of class `miv_warning`:
#' more than a tenth of the people at gap 0 (`miv_warning_gap_zero`), a signal outside the range of the prior
#' (`miv_warning_signal_out_of_range`), some priors or signals missing (`miv_warning_missing_prior`, `miv_warning_missing_signal`),
#' numbers that a column's value labels call missing (`miv_warning_labelled_missing`; [as_experiment()] makes them missing). Notes,
#' silenced by `options(miv.quiet = TRUE)`, name the base of a text arm and unused levels.
#'
#' @references
#' Vilfort, V. and Zhang, W. (2025). Interpreting TSLS estimators in information provision experiments. *AER: Insights* 7(3), 376-395.
#'
#' Haaland, I., Roth, C. and Wohlfart, J. (2023). Designing information provision experiments. *Journal of Economic Literature* 61(1), 3-40.
#'
#' @examples
#' beliefs <- data.frame(treated = rep(0:1, 50), prior = rep(c(10, 12, 22, 30), 25))
#' beliefs$posterior <- beliefs$prior + 0.5 * beliefs$treated * (15 - beliefs$prior) + sin(1:100)
#' experiment <- info_experiment(beliefs, belief = ~ posterior, prior = ~ prior,
#'                               signal = 15, arm = ~ treated)
#' experiment
#' summary(experiment)
#' head(as.data.frame(experiment))
#' @export
info_experiment <- function(data, belief, prior, signal, arm, cluster = NULL, strata = NULL, weights = NULL,
                            base = NULL, probability = NULL, units = "prior", direction = 1, ...) {
  check_dots(dot_names(...), names(formals()))
  check_data(data)
  check_given(c(belief = missing(belief), prior = missing(prior), signal = missing(signal), arm = missing(arm)))
  check_direction(direction, units)
  check_evaluates(list(belief = quote(belief), prior = quote(prior), signal = quote(signal), arm = quote(arm), cluster = quote(cluster), strata = quote(strata),
                       weights = quote(weights)), data, environment())
  data <- keep_frame(data)
  roles <- list(belief = read_role(belief, "belief", data), prior = read_role(prior, "prior", data), arm = read_role(arm, "arm", data),
                cluster = read_roles(cluster, "cluster", data), strata = read_roles(strata, "strata", data),
                weights = if (!is.null(weights)) read_role(weights, "weights", data))
  told <- read_signals(signal, read_arm(roles$arm, data), base, data)
  experiment <- new_experiment(data, roles, told, read_probability(probability, told$arm, data), units, direction, tidy_call(match.call()))
  count_people(experiment)
}

new_experiment <- function(data, roles, told, probability, units, direction, call) {
  structure(
    list(data = data, roles = roles, arm = told$arm, design = told$design, signals = told$signals, probability = probability,
         units = units, direction = direction, kept = NULL, counts = NULL, call = call),
    class = "info_experiment"
  )
}

# data.table changes by reference, so it is copied; anything else R copies when the user changes it.
keep_frame <- function(data) if (inherits(data, "data.table")) as.data.frame(data) else data

# do.call() puts the whole data frame into the call.
tidy_call <- function(call) {
  if (!is.language(call$data)) call$data <- quote(data)
  call
}

is_experiment <- function(x) inherits(x, "info_experiment")

# roles: list of arguments of info_experiment(), for callers that take an experiment or a data frame.
experiment_of <- function(data, roles = list()) {
  if (is_experiment(data)) {
    if (length(roles) == 0) return(data)
    abort_miv("roles_twice", "`data` is an experiment already; give %s to info_experiment() instead%s.", quote_names(names(roles)),
              if ("cluster" %in% names(roles)) ", or cluster this fit alone by `vcov = ~ village`" else "")
  }
  check_data(data)
  do.call(info_experiment, c(list(data = quote(data)), roles))
}

# ---- arms ----

kMostArms <- 20

# The arm's levels in their natural order, as text and as they stand in the column.
read_arm <- function(role, data) {
  x <- arm_column(data, role)
  kind <- arm_kind(x, role$label)
  values <- arm_levels(x, kind, role$label)
  levels <- if (kind == "number") number_label(values) else as.character(values)
  check_arm(levels, x, role$label)
  list(label = role$label, kind = kind, levels = levels, values = values)
}

# A factor may hold NA as a level; people there are in no arm.
arm_column <- function(data, role) {
  x <- suppressWarnings(evaluate_role(data, role))
  if (is.factor(x)) return(if (anyNA(levels(x))) factor(x, exclude = NA) else x)
  plain <- (is.numeric(x) || is.character(x) || is.logical(x)) && !inherits(x, "integer64")
  if (plain && (is.object(x) || is.array(x))) as.vector(unclass(x)) else x
}

arm_kind <- function(x, label) {
  if (is.factor(x)) return("factor")
  if (is.logical(x)) return("logical")
  if (is.numeric(x) && !inherits(x, "integer64")) return("number")
  if (is.character(x)) return("text")
  abort_miv("bad_role", "`%s` (arm) is of class `%s`; an arm is numeric, logical, a factor or text.", label, class(x)[1])
}

# One more than the most allowed is enough to refuse.
arm_levels <- function(x, kind, label) {
  found <- if (kind %in% c("number", "logical")) guess_levels(x)
  if (is.null(found)) found <- distinct_values(x, kMostArms)
  if (kind != "factor") return(sort(found, method = "radix"))     # the same order in every locale
  if (length(found) <= kMostArms) inform_unused(levels(x)[-found], label)
  levels(x)[sort(found)]
}

# Levels seen in rows spread over the data, where the core's count finds nobody outside of them; else NULL.
guess_levels <- function(x) {
  seen <- unique(x[unique(round(seq(1, length(x), length.out = 1000)))])
  seen <- seen[is.finite(seen)]
  if (length(seen) == 0 || length(seen) > kMostArms) return(NULL)
  people <- sum(count_sides(x, as.numeric(seen), list())$people)
  if (people + scan_columns(list(arm = x))$missing == length(x)) seen
}

inform_unused <- function(unused, label) {
  if (length(unused) == 0) return(invisible())
  inform_miv("unused_levels", "`%s` (arm) has %d level%s that nobody is in, left out: %s.", label, length(unused),
             plural(length(unused)), quote_names(unused))
}

check_arm <- function(levels, x, label) {
  if (length(levels) == 0) abort_miv("one_arm", "`%s` (arm) is missing in all %d rows.", label, length(x))
  if (length(levels) == 1) {
    abort_miv("one_arm", "`%s` (arm) has one level, `%s`; an experiment compares at least two arms.", label, levels)
  }
  if (length(levels) > kMostArms) {
    abort_miv("too_many_arms", "`%s` (arm) has more than %d levels; is it another column, or an assignment that was never grouped?",
              label, kMostArms)
  }
  if (any(!nzchar(trimws(levels)))) {
    n <- sum(!nzchar(trimws(as.character(x))), na.rm = TRUE)
    abort_miv("blank_arm", "`%s` (arm) has %d blank entr%s; make them missing or name the arm.", label, n, if (n == 1) "y" else "ies")
  }
  invisible(levels)
}

# Positions of names among the arm's levels; 1.0 finds 1.
match_arm <- function(names, arm, what) {
  found <- match(as.character(names), arm$levels)
  if (arm$kind == "number") {
    open <- is.na(found)
    found[open] <- match(suppressWarnings(as.numeric(as.character(names)[open])), arm$values)
  }
  if (!anyNA(found)) return(found)
  lost <- as.character(names)[is.na(found)][1]
  abort_miv("unknown_arm", "%s names `%s`, which is not a level of `%s` (arm).%s", what, lost, arm$label, suggest_name(lost,
            arm$levels))
}

order_arm <- function(arm, base) {
  order <- c(base, setdiff(seq_along(arm$levels), base))
  list(levels = arm$levels[order], values = arm$values[order], base = arm$levels[base], informed = arm$levels[order][-1])
}

# ---- signals ----

# Who is told what decides the design and the base: an arm without a signal is the passive base.
read_signals <- function(signal, arm, base, data) {
  base <- if (!is.null(base)) read_base(base, arm)
  if (is_named_signals(signal)) return(signals_by_arm(as.list(signal), arm, base, data))
  one <- read_signal(signal, data)
  ordered <- order_arm(arm, default_base(base, arm))
  signals <- rep(list(one), length(ordered$informed))
  list(arm = ordered, design = "passive", signals = stats::setNames(signals, ordered$informed))
}

is_named_signals <- function(signal) {
  if (is_formula(signal)) return(FALSE)
  if (is.list(signal)) return(TRUE)
  is.vector(signal) && !is.null(names(signal))
}

read_base <- function(base, arm) {
  if (length(base) != 1 || is.na(base)) abort_miv("unknown_arm", "`base` must be one level of `%s` (arm): %s.", arm$label,
                                                  quote_names(arm$levels))
  match_arm(if (is.numeric(base)) number_label(base) else base, arm, "`base`")
}

default_base <- function(base, arm) {
  if (!is.null(base)) return(base)
  if (arm$kind == "text") {
    inform_miv("text_arm", "The base arm is `%s`, by the alphabet the first of `%s` (arm); set `base =` where another is meant.",
               arm$levels[1], arm$label)
  }
  1L
}

signals_by_arm <- function(signal, arm, base, data) {
  signal <- signal[!vapply(signal, is.null, NA)]
  at <- signal_places(signal, arm)
  silent <- setdiff(seq_along(arm$levels), at)
  check_silent(silent, base, arm)
  ordered <- order_arm(arm, if (length(silent) == 1) silent else default_base(base, arm))
  signals <- stats::setNames(lapply(signal, read_signal, data = data), arm$levels[at])
  list(arm = ordered, design = if (length(silent) == 1) "passive" else "active",
       signals = signals[intersect(ordered$levels, names(signals))])
}

signal_places <- function(signal, arm) {
  given <- names(signal)
  if (length(signal) == 0 || is.null(given) || any(!nzchar(given))) {
    abort_miv("bad_signal", "A list of signals is named by arm level: %s of `%s`.", quote_names(arm$levels), arm$label)
  }
  at <- match_arm(given, arm, "`signal`")
  if (anyDuplicated(at)) abort_miv("bad_signal", "`signal` names the arm `%s` %d times.", arm$levels[at[duplicated(at)][1]],
                                   sum(at == at[duplicated(at)][1]))
  at
}

check_silent <- function(silent, base, arm) {
  if (length(silent) > 1) {
    abort_miv("two_uninformed_arms",
              "%d arms of `%s` have no signal (%s); give `signal` an entry for all but one, or drop those people.",
              length(silent), arm$label, quote_names(arm$levels[silent]))
  }
  if (length(silent) == 1 && !is.null(base) && base != silent) {
    abort_miv("bad_base", "`base` is `%s`, but the arm without a signal, `%s`, is the passive base; give it a signal or drop `base`.",
              arm$levels[base], arm$levels[silent])
  }
  invisible(silent)
}

# A number, or a role; a formula without a column that gives one number is that number.
read_signal <- function(spec, data) {
  if (is.numeric(spec)) return(list(value = check_signal(spec), role = NULL))
  role <- read_role(spec, "signal", data, constant = TRUE)
  x <- evaluate_role(data, role)
  if (length(x) != 1 || nrow(data) == 1) return(list(value = NULL, role = role))
  list(value = check_signal(as.numeric(x)), role = NULL)
}

check_signal <- function(value) {
  if (length(value) == 1 && is.finite(value)) return(as.numeric(value))
  if (length(value) == 1) abort_miv("bad_signal", "`signal` is %s; it must be a finite number.", value)
  abort_miv("bad_signal", "`signal` has %d numbers; give one, a one-sided formula (`~ column`), or a list named by arm level.",
            length(value))
}

# ---- assignment probabilities ----

read_probability <- function(probability, arm, data) {
  if (is.null(probability)) return(NULL)
  if (!is.numeric(probability)) return(check_one_informed(read_role(probability, "probability", data), arm))
  if (is.null(names(probability))) return(check_probability(probability, arm, "a number"))
  at <- match_arm(names(probability), utils::modifyList(arm, list(kind = "text", label = "arm")), "`probability`")
  check_probability(stats::setNames(as.numeric(probability), arm$levels[at]), arm, "named by arm")
}

check_one_informed <- function(role, arm) {
  if (length(arm$informed) == 1) return(role)
  abort_miv("bad_probability", "`%s` (probability) is one column for %d informed arms; give a numeric vector named by arm.", role$label,
            length(arm$informed))
}

check_probability <- function(p, arm, what) {
  if (anyNA(p) || any(p <= 0 | p >= 1)) {
    abort_miv("bad_probability", "`probability` has %d value%s outside 0 to 1 (%s); each must lie strictly between.",
              sum(is.na(p) | p <= 0 | p >= 1), plural(sum(is.na(p) | p <= 0 | p >= 1)), list_some(p))
  }
  if (what == "a number") check_same_probability(p, arm) else check_named_probability(p, arm)
  p
}

check_same_probability <- function(p, arm) {
  if (length(p) != 1) abort_miv("bad_probability", "`probability` has %d numbers without names; name them by arm: %s.", length(p),
                                quote_names(arm$levels))
  if (p * length(arm$informed) < 1) return(invisible(p))
  abort_miv("bad_probability", "`probability` %s for each of %d informed arms leaves nothing for the base arm `%s`.", format(p),
            length(arm$informed), arm$base)
}

check_named_probability <- function(p, arm) {
  lost <- setdiff(arm$informed, names(p))
  if (length(lost) > 0) abort_miv("bad_probability", "`probability` has no entry for %d informed arm%s: %s.", length(lost),
                                  plural(length(lost)), quote_names(lost))
  if (anyDuplicated(names(p))) abort_miv("bad_probability", "`probability` names the arm `%s` more than once.",
                                         names(p)[duplicated(names(p))][1])
  whole <- arm$base %in% names(p)
  if (if (whole) abs(sum(p) - 1) < 1e-8 else sum(p) < 1) return(invisible(p))
  abort_miv("bad_probability", "`probability` adds to %s over the arms given (%d); it must %s.", format(sum(p)), length(p),
            if (whole) "add to 1" else "leave something for the base arm")
}

# ---- counting ----

# One scan over every role, then one over gaps and arms. Nothing of length n is made where the roles are plain numeric
# columns without missing values; the mask is the exception where some are missing.
count_people <- function(experiment) {
  used <- used_roles(experiment)
  scan <- scan_used(used)
  check_used(used, scan)
  kept <- keep_positive(scan, used)
  experiment["kept"] <- list(kept$kept)
  codes <- arm_codes(experiment)
  values <- function(kind) used[[kind]]$values
  tally <- count_sides(codes$x, codes$values, lapply(experiment$arm$informed, gap_operands, experiment = experiment), experiment$kept,
                       value = values("belief"), weights = if (!is.null(used$weights)) values("weights"))
  experiment$counts <- new_counts(experiment, tally, missing_causes(used, scan, kept$zero))
  check_people(experiment, used, scan, codes)
  warn_away(experiment, tally)
  experiment
}

# A side whose mean belief moves away from the signal by more than two standard errors: what `sign` rests on fails there.
warn_away <- function(experiment, tally) {
  for (a in seq_along(experiment$arm$informed)) for (s in c(1, 3)) {
    told <- match(experiment$arm$informed[a], experiment$arm$levels)
    if (min(tally$sides[c(1, told), a, s]) < 2) next
    variance <- tally$spread[, a, s] / tally$weight[, a, s] / (tally$sides[, a, s] - 1)
    toward <- (s - 2) * experiment$direction * (tally$mean[told, a, s] - tally$mean[1, a, s])
    se <- sqrt(variance[told] + variance[1])
    if (toward >= -2 * se) next
    warn_miv("moves_away", "People in arm `%s` %s their signal move away from it: `%s` changes by %s (SE %s) against the base arm. The weights of `sign` are then negative; check the signal, the prior, `direction`, and whether `%s` is the base arm (`base =`).",
             experiment$arm$informed[a], if (s == 3) "below" else "above", experiment$roles$belief$label,
             format((s - 2) * experiment$direction * toward, digits = 3), format(se, digits = 2), experiment$arm$base)
  }
  invisible(experiment)
}

# Every role with its values: names say what it is for, and repeat where there are several of a kind.
used_roles <- function(experiment) {
  roles <- experiment$roles
  signals <- unique(Filter(Negate(is.null), lapply(unname(experiment$signals), `[[`, "role")))
  probability <- if (is.list(experiment$probability)) list(experiment$probability)
  all <- list(belief = list(roles$belief), prior = list(roles$prior), arm = list(roles$arm), signal = signals, probability = probability,
              weights = if (!is.null(roles$weights)) list(roles$weights), cluster = roles$cluster, strata = roles$strata)
  flat <- unlist(unname(all), recursive = FALSE)
  names(flat) <- rep(names(all), lengths(all))
  Map(function(role, kind) c(role, list(kind = kind, values = used_values(experiment, role, kind))), flat, names(flat))
}

used_values <- function(experiment, role, kind) {
  if (kind == "arm") return(arm_column(experiment$data, role))
  if (role$plain) warn_labelled(.subset2(experiment$data, role$label), role$label, kind)
  x <- role_values(experiment, role)
  if (kind %in% c("cluster", "strata")) check_label(x, role$label, kind) else check_numeric(x, role$label, kind)
}

scan_used <- function(used) {
  columns <- lapply(used, function(role) scannable(role$values))
  names(columns) <- seq_along(columns)
  open <- !vapply(columns, is.null, NA)
  scan <- scan_columns(columns[open])
  list(kept = scan$kept, missing = spread(as.integer(scan$missing), open, 0L), infinite = spread(as.integer(scan$infinite), open, 0L),
       minimum = spread(scan$minimum, open, NA_real_), maximum = spread(scan$maximum, open, NA_real_))
}

spread <- function(values, open, otherwise) replace(rep(otherwise, length(open)), open, unname(values))

# The scan takes no text: a text column stands for its missing values only, or is left out.
scannable <- function(x) {
  if (!is.character(x)) return(x)
  if (anyNA(x)) ifelse(is.na(x), NA, TRUE)
}

check_used <- function(used, scan) {
  for (i in seq_along(used)) {
    role <- used[[i]]
    check_finite(scan$infinite[i], role$values, role$label, role$kind)
    if (scan$missing[i] == length(role$values)) abort_miv("all_missing", "`%s` (%s) is missing in all %d rows.", role$label, role$kind,
                                                          length(role$values))
    if (role$kind == "weights") check_weights(scan$minimum[i], scan$maximum[i], role$values, role$label)
    if (role$kind == "probability") check_between(scan$minimum[i], scan$maximum[i], role$values, role$label)
  }
  invisible(used)
}

# A weight of 0 drops the row.
keep_positive <- function(scan, used) {
  at <- match("weights", names(used))
  if (is.na(at) || scan$minimum[at] > 0) return(list(kept = scan$kept, zero = 0L))
  positive <- used[[at]]$values > 0
  zero <- sum(!positive, na.rm = TRUE)
  list(kept = if (is.null(scan$kept)) positive else scan$kept & positive, zero = zero)
}

missing_causes <- function(used, scan, zero) {
  labels <- vapply(used, function(role) role$label, "")
  causes <- c(stats::setNames(scan$missing, labels), "weight 0" = zero)
  causes <- causes[!duplicated(names(causes))]
  causes[causes > 0]
}

new_counts <- function(experiment, tally, missing) {
  arm <- experiment$arm
  storage.mode(tally$sides) <- "integer"
  dimnames(tally$sides) <- list(arm = arm$levels, informed = arm$informed, side = c("-1", "0", "1"))
  list(rows = nrow(experiment$data), complete = as.integer(sum(tally$complete)), missing = missing,
       arms = data.frame(arm = arm$levels, people = as.integer(tally$people), complete = as.integer(tally$complete)),
       sides = t(apply(tally$sides, c(2, 3), sum)), sides_by_arm = tally$sides)
}

# ---- what the others ask ----

# "person is in arm a" is x == values[a], with x the plain column itself where the arm is numeric or logical.
arm_codes <- function(experiment) {
  x <- arm_column(experiment$data, experiment$roles$arm)
  arm <- experiment$arm
  if (is.factor(x)) return(list(x = as.integer(x), values = as.numeric(match(arm$levels, levels(x)))))
  if (is.character(x)) return(list(x = match(x, arm$levels), values = as.numeric(seq_along(arm$levels))))
  list(x = x, values = as.numeric(arm$values))
}

arm_index <- function(experiment) {
  codes <- arm_codes(experiment)
  match(codes$x, codes$values)
}

# gap = minuend - subtrahend; the core takes the difference in tiles. Each is a number or a vector.
gap_operands <- function(experiment, arm) {
  passive <- experiment$design == "passive"
  subtrahend <- if (passive) role_values(experiment, experiment$roles$prior) else signal_values(experiment, experiment$arm$base)
  list(minuend = signal_values(experiment, arm), subtrahend = subtrahend)
}

signal_values <- function(experiment, arm) {
  signal <- experiment$signals[[arm]]
  if (is.null(signal$role)) signal$value else role_values(experiment, signal$role)
}

gap_values <- function(experiment, arm) {
  operands <- gap_operands(experiment, arm)
  rep_len(operands$minuend - operands$subtrahend, nrow(experiment$data))
}

complete_rows <- function(experiment) if (is.null(experiment$kept)) rep(TRUE, nrow(experiment$data)) else experiment$kept

# Gap to the signal of one's own arm; in the base arm to that of the one informed arm, and none where there are several.
own_gap <- function(experiment, index) {
  informed <- experiment$arm$informed
  if (length(informed) == 1) return(gap_values(experiment, informed))
  gap <- rep(NA_real_, nrow(experiment$data))
  for (a in seq_along(informed)) {
    rows <- which(index == a + 1)
    gap[rows] <- gap_values(experiment, informed[a])[rows]
  }
  gap
}

experiment_frame <- function(experiment) {
  added <- c(".gap", ".side", ".arm", ".complete")
  taken <- intersect(added, names(experiment$data))
  if (length(taken) > 0) abort_miv("reserved_column", "`data` has %d column%s of a name that is added here, %s; rename first.",
                                   length(taken), plural(length(taken)), quote_names(taken))
  index <- arm_index(experiment)
  gap <- own_gap(experiment, index)
  frame <- as.data.frame(experiment$data)
  frame[added] <- list(gap, sign(gap), factor(experiment$arm$levels[index], experiment$arm$levels), complete_rows(experiment))
  frame
}

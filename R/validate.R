# One small check per mistake: each stops with a classed condition or returns its argument invisibly.
# Roles are read here too; capture_env() is what makes a role or a control mean later what it meant when it was read.

# ---- arguments ----

# Names of the dots without evaluating them; "" where an argument has no name.
dot_names <- function(...) {
  given <- names(substitute(list(...)))[-1]
  if (is.null(given)) rep("", ...length()) else given
}

check_dots <- function(names, allowed) {
  unknown <- setdiff(names, allowed)
  if (length(unknown) == 0) return(invisible(names))
  if (!nzchar(unknown[1])) abort_miv("unknown_argument", "An argument has no name and no place; name it (%s).", quote_names(allowed,
                                     20))
  abort_miv("unknown_argument", "`%s` is not an argument.%s", unknown[1], suggest_name(unknown[1], setdiff(allowed, "...")))
}

check_data <- function(data) {
  if (missing(data)) abort_miv("missing_data", "`data` is missing; give a data frame with one row per person.")
  if (!is.data.frame(data)) {
    abort_miv("not_a_data_frame", "`data` is of class `%s`; give a data frame, tibble or data.table with one row per person.",
              class(data)[1])
  }
  if (nrow(data) == 0) abort_miv("empty_data", "`data` has 0 rows; was a filter too strict or a file not read?")
  invisible(data)
}

# absent: named logical, one per role that must be given.
check_given <- function(absent) {
  if (!any(absent)) return(invisible(absent))
  role <- names(absent)[absent][1]
  how <- if (role == "signal") "a number, a one-sided formula, a column name, or a list by arm" else "a one-sided formula or a column name"
  abort_miv("missing_role", "`%s` is missing; give %s.", role, how)
}

# A column written without ~ is looked up where the call stands, and is not there.
check_evaluates <- function(roles, data, env) {
  for (name in names(roles)) {
    typed <- do.call(substitute, list(roles[[name]], env))
    tryCatch(eval(roles[[name]], env), error = function(e) if (is.language(typed)) stop_unquoted(name, typed, data, e) else stop(e))
  }
  invisible(roles)
}

stop_unquoted <- function(name, typed, data, e) {
  lost <- setdiff(all.vars(typed), names(data))
  if (inherits(e, "miv_error") || length(all.vars(typed)) == 0 || length(lost)) stop(e)
  abort_miv("bad_role", "`%s = %s`: a column is given as a one-sided formula; write `%s = ~ %s`.", name, deparse_one(typed), name, deparse_one(typed))
}

check_direction <- function(direction, units) {
  check_choice(units, c("prior", "other"), "units")
  if (!is.numeric(direction) || length(direction) != 1 || !direction %in% c(-1, 1)) {
    abort_miv("bad_direction", "`direction` is `%s`; it must be 1, or -1 where a positive gap lowers the belief.",
              deparse_one(direction))
  }
  if (direction == -1 && units == "prior") {
    abort_miv("bad_direction",
              "`direction = -1` needs `units = \"other\"`: a belief in the prior's units moves up when the gap is positive.")
  }
  invisible(direction)
}

# ---- columns ----

check_column <- function(name, data) {
  hits <- sum(names(data) == name)
  if (hits == 1) return(invisible(name))
  if (hits > 1) abort_miv("duplicate_column", "`data` has %d columns called `%s`; rename all but one.", hits, name)
  abort_miv("unknown_column", "`%s` is not a column of `data`.%s", name, suggest_name(name, names(data)))
}

check_length <- function(x, n, label) {
  if (is.list(x) || is.function(x) || is.language(x) || NCOL(x) != 1) {
    abort_miv("bad_role", "`%s` is a %s (%d column%s), not one plain value per person.", label, typeof(x), NCOL(x), plural(NCOL(x)))
  }
  if (NROW(x) != n) {
    abort_miv("wrong_length", "`%s` gives %d value%s for %d rows of `data`; it must give one per person.", label, NROW(x),
              plural(NROW(x)), n)
  }
  invisible(x)
}

check_numeric <- function(x, label, role) {
  if (inherits(x, "integer64")) {
    abort_miv("not_numeric", "`%s` (%s) has %d values of type integer64; convert it with `as.numeric()`.", label, role, length(x))
  }
  if (is.numeric(x) || is.logical(x)) return(invisible(x))
  odd <- not_numbers(x)
  cure <- if (!is.factor(x)) "convert it with `as.numeric()`" else if (anyNA(suppressWarnings(as.numeric(levels(x))))) "give the labels their numbers, or name it in `numbers =` of as_experiment()" else "convert it with `as.numeric(as.character())`"
  if (length(odd) == 0) {
    abort_miv("not_numeric", "`%s` (%s) is of class `%s` in all %d rows where numbers are due; %s.", label, role, class(x)[1], length(x),
              cure)
  }
  abort_miv("not_numeric", "`%s` (%s) is of class `%s`: %d values are not numbers, first %s; recode them, then %s.",
            label, role, class(x)[1], length(odd), quote_names(unique(odd), 3), cure)
}

# The entries of a text or factor that do not read as numbers.
not_numbers <- function(x) {
  if (!is.character(x) && !is.factor(x)) return(character())
  text <- as.character(x)
  text[!is.na(text) & is.na(suppressWarnings(as.numeric(text)))]
}

check_finite <- function(infinite, x, label, role) {
  if (infinite == 0) return(invisible(x))
  rows <- which(is.infinite(x))
  abort_miv("infinite", "`%s` (%s) has %d infinite value%s, in row%s %s; make them missing or drop the rows.",
            label, role, infinite, plural(infinite), plural(infinite), list_some(rows))
}

check_weights <- function(minimum, maximum, x, label) {
  if (minimum < 0) {
    n <- sum(x < 0, na.rm = TRUE)
    abort_miv("negative_weights", "`%s` (weights) has %d negative value%s; weights must be 0 or more.", label, n, plural(n))
  }
  if (maximum <= 0) abort_miv("zero_weights", "`%s` (weights) is 0 in all %d rows; at least two people need a positive weight.", label,
                              length(x))
  invisible(x)
}

# Assignment probabilities given as a column.
check_between <- function(minimum, maximum, x, label) {
  if (minimum > 0 && maximum < 1) return(invisible(x))
  n <- sum(x <= 0 | x >= 1, na.rm = TRUE)
  abort_miv("bad_probability", "`%s` (probability) has %d value%s outside 0 to 1; each must lie strictly between.", label, n, plural(n))
}

# Clusters and strata are labels of any plain kind.
check_label <- function(x, label, role) {
  if ((is.numeric(x) || is.character(x) || is.factor(x)) && !inherits(x, "integer64")) return(invisible(x))
  abort_miv("bad_role", "`%s` (%s) is of class `%s` in all %d rows; make it numeric, text or a factor.", label, role, class(x)[1],
            length(x))
}

check_clusters <- function(x, label, kept) {
  if (length(distinct_values(x, 1, kept)) > 1) return(invisible(x))
  abort_miv("one_cluster", "`%s` (cluster) has 1 cluster among the complete people; clustered errors need at least 2, and better 40.",
            label)
}

check_variation <- function(x, label, kept) {
  if (length(distinct_values(x, 1, kept)) > 1) return(invisible(x))
  abort_miv("no_variation", "`%s` (belief) is constant over the %d complete people; nothing can be learned from it.",
            label, if (is.null(kept)) length(x) else sum(kept))
}

# ---- checks over people ----

check_people <- function(experiment, used, scan, codes) {
  place <- function(kind) which(names(used) == kind)
  if (scan$missing[place("prior")] > 0) check_missing_prior(experiment, used$prior, codes)
  for (i in place("signal")) if (scan$missing[i] > 0) check_missing_signal(experiment, used[[i]], codes)
  check_arms_complete(experiment)
  check_variation(used$belief$values, used$belief$label, experiment$kept)
  for (i in place("cluster")) check_clusters(used[[i]]$values, used[[i]]$label, experiment$kept)
  warn_gap_zero(experiment)
  warn_out_of_range(experiment, scan$minimum[place("prior")], scan$maximum[place("prior")])
}

# People of each arm in whom x is missing.
missing_by_arm <- function(x, codes) {
  total <- integer(length(codes$values))
  for (rows in row_blocks(length(x))) {
    lost <- codes$x[rows][is.na(x[rows])]
    total <- total + tabulate(match(lost, codes$values), length(codes$values))
  }
  total
}

by_arm <- function(counts, arms, some = counts > 0) {
  paste(sprintf("%d of %d in arm `%s`", counts, arms$people, arms$arm)[some], collapse = ", ")
}

check_missing_prior <- function(experiment, role, codes) {
  arms <- experiment$counts$arms
  lost <- missing_by_arm(role$values, codes)
  if (lost[1] == arms$people[1]) {
    abort_miv("missing_prior",
              "`%s` (prior) is missing for all %d people in the base arm `%s`, so nobody there has a side; ask the prior before assignment.",
              role$label, lost[1], arms$arm[1])
  }
  if (any(lost > 0)) warn_miv("missing_prior", "`%s` (prior) is missing for %s; they are left out.", role$label, by_arm(lost, arms))
}

# Whoever was informed was told something; the others need the signal they would have been told, or they have no side.
check_missing_signal <- function(experiment, role, codes) {
  arms <- experiment$counts$arms
  lost <- missing_by_arm(role$values, codes)
  own <- arms$arm %in% names(experiment$signals)[vapply(experiment$signals, function(signal) identical(signal$role$label, role$label), NA)]
  if (any(lost[own] > 0)) {
    abort_miv("missing_signal", "`%s` (signal) is missing for informed people, %s; fill in what they were told, or drop them.",
              role$label, by_arm(lost, arms, own & lost > 0))
  }
  whole <- !own & lost == arms$people
  if (any(whole)) {
    abort_miv("missing_signal",
              "`%s` (signal) is missing for all %d people in arm `%s`, whose side is unknown; fill in what they would have been told.",
              role$label, lost[whole][1], arms$arm[whole][1])
  }
  if (any(lost > 0)) warn_miv("missing_signal", "`%s` (signal) is missing for %s; they have no side and are left out.", role$label,
                              by_arm(lost, arms))
}

check_arms_complete <- function(experiment) {
  arms <- experiment$counts$arms
  empty <- which(arms$complete == 0)
  if (length(empty) == 0) return(invisible(experiment))
  missing <- experiment$counts$missing
  why <- paste(sprintf("`%s` %d", names(missing), missing), collapse = ", ")
  abort_miv("empty_arm", "The arm `%s` has %d people and none of them is complete; missing over all arms: %s.", arms$arm[empty[1]],
            arms$people[empty[1]], why)
}

warn_gap_zero <- function(experiment) {
  counts <- experiment$counts
  zero <- stats::setNames(counts$sides["0", ], colnames(counts$sides))
  for (arm in names(zero)[zero > 0.1 * counts$complete]) {
    warn_miv("gap_zero",
             "%d of %d complete people (%.0f%%) have a gap of 0 to the signal of arm `%s`; `sign` and `gap` give them no weight.",
             zero[[arm]], counts$complete, 100 * zero[[arm]] / counts$complete, arm)
  }
}

# In a passive design a signal outside the range puts everybody on one side, which also finds personal signals of another unit.
warn_out_of_range <- function(experiment, minimum, maximum) {
  for (arm in names(experiment$signals)) {
    value <- experiment$signals[[arm]]$value
    outside <- if (!is.null(value)) value < minimum || value > maximum else one_sided(experiment, arm)
    if (outside) {
      warn_miv("signal_out_of_range",
               "The signal of arm `%s` (%s) is outside the range of `%s` (prior, %s to %s) for all %d complete people; is one of the two in logs or other units?",
               arm, signal_label(experiment$signals[[arm]]), experiment$roles$prior$label, format(minimum), format(maximum), experiment$counts$complete)
    }
  }
}

one_sided <- function(experiment, arm) {
  if (experiment$design == "active") return(FALSE)
  any(experiment$counts$sides[c("-1", "1"), arm] == experiment$counts$complete)
}

signal_label <- function(signal) if (is.null(signal$role)) format(signal$value, digits = 7) else paste0("`", signal$role$label, "`")

# ---- small words ----

plural <- function(n) if (n == 1) "" else "s"

list_some <- function(x, most = 5) {
  shown <- paste(format(utils::head(x, most), big.mark = "", trim = TRUE), collapse = ", ")
  if (length(x) > most) sprintf("%s and %d more", shown, length(x) - most) else shown
}

big_number <- function(n) format(n, big.mark = ",", trim = TRUE, scientific = FALSE)

# 100000, not 1e+05: these are names that users type.
number_label <- function(x) {
  vapply(x, function(value) format(value, digits = 15, scientific = FALSE, trim = TRUE), "")
}

# ---- rows in blocks ----

# Start and end of blocks of rows: what is made per block never grows with n.
row_blocks <- function(n, size = 65536L) {
  first <- seq(1, max(n, 1), by = size)
  Map(function(from, to) from:to, first, pmin(first + size - 1, n))
}

# unique() without missing values, stopping once more than `most` are found. In blocks, since one call at n = 1e7
# would make a hash table of 128 MB.
distinct_values <- function(x, most = Inf, kept = NULL) {
  if (is.factor(x)) x <- as.integer(x)
  found <- x[0]
  for (rows in row_blocks(length(x))) {
    part <- unique(if (is.null(kept)) x[rows] else x[rows][kept[rows]])
    found <- unique(c(found, part[!is.na(part)]))
    if (length(found) > most) break
  }
  found
}

# ---- what an expression means ----

# An environment with every value and function that `expr` finds in `env`, not in `data`; base and stats lie behind it. User
# functions come with what they use themselves. So the expression means the same when the user's objects have changed or gone.
capture_env <- function(expr, data, env) {
  captured <- new.env(parent = environment(stats::sd))
  pairs <- new.env()
  pairs$list <- list(list(from = env, to = captured))
  copy_names(expr, names(data), env, captured, pairs)
  captured
}

copy_names <- function(expr, masked, from, to, pairs) {
  for (name in unique(all.names(expr))) {
    if (!exists(name, to, inherits = FALSE)) copy_name(name, name %in% masked, from, to, pairs)
  }
}

copy_name <- function(name, masked, from, to, pairs) {
  value <- if (!masked) find_value(name, from, "any")
  if (is.null(value)) value <- find_value(name, from, "function")
  if (is.null(value) || is_shipped(name, value)) return(invisible())
  assign(name, value, to)                                   # before the function's own names: it may call itself
  if (is.function(value)) assign(name, freeze(value, pairs), to)
}

# NULL where there is none; a missing argument of a calling function counts as none.
find_value <- function(name, env, mode) {
  tryCatch(get0(name, envir = env, mode = mode), error = function(e) NULL)
}

is_shipped <- function(name, value) {
  for (home in list(baseenv(), environment(stats::sd))) {
    if (identical(get0(name, home, inherits = FALSE), value)) return(TRUE)
  }
  FALSE
}

# Functions of packages stay as they are. Functions that shared an environment share its twin.
freeze <- function(f, pairs) {
  home <- environment(f)
  if (is.null(home) || isNamespace(home)) return(f)
  twin <- twin_of(home, pairs)
  used <- as.call(c(quote(`{`), unname(drop_empty(formals(f))), body(f)))
  copy_names(used, names(formals(f)), home, twin, pairs)
  environment(f) <- twin
  f
}

freeze_alone <- function(f) {
  pairs <- new.env()
  pairs$list <- list()
  freeze(f, pairs)
}

drop_empty <- function(arguments) {
  arguments <- as.list(arguments)
  arguments[nzchar(as.character(arguments))]
}

twin_of <- function(home, pairs) {
  for (pair in pairs$list) if (identical(pair$from, home)) return(pair$to)
  twin <- new.env(parent = environment(stats::sd))
  pairs$list <- c(pairs$list, list(list(from = home, to = twin)))
  twin
}

# ---- roles ----

# A role: its label, its expression, what the expression needs besides the data, and whether it is just a column.
new_role <- function(expr, data, env) {
  plain <- is.symbol(expr) && as.character(expr) %in% names(data)
  label <- if (is.symbol(expr)) as.character(expr) else deparse_one(expr)
  list(label = label, expr = expr, env = capture_env(expr, data, env), plain = plain)
}

read_role <- function(spec, name, data, constant = FALSE) {
  parts <- role_parts(spec, name, data)
  if (length(parts) > 1) abort_miv("bad_role", "`%s` names %d columns; it takes one.", name, length(parts))
  finish_role(new_role(parts[[1]], data, role_env(spec)), data, constant)
}

# Clusters of several ways and crossed strata: ~ a + b, or c("a", "b").
read_roles <- function(spec, name, data) {
  if (is.null(spec)) return(NULL)
  parts <- role_parts(spec, name, data)
  if (is_formula(spec)) parts <- split_sum(parts[[1]])
  lapply(parts, function(part) finish_role(label_role(new_role(part, data, role_env(spec)), data, role_env(spec)), data))
}

is_formula <- function(x) inherits(x, "formula") && is.call(x)

role_env <- function(spec) if (is_formula(spec) && !is.null(environment(spec))) environment(spec) else emptyenv()

role_parts <- function(spec, name, data) {
  if (is.character(spec) && length(spec) > 0) {
    for (column in spec) check_column(column, data)
    return(lapply(spec, as.name))
  }
  if (is_formula(spec) && length(spec) == 2) return(list(spec[[2]]))
  what <- if (is_formula(spec)) "a formula with two sides" else if (is.null(spec)) "NULL" else sprintf("of class '%s'", class(spec)[1])
  abort_miv(if (is.null(spec)) "missing_role" else "bad_role",
            "`%s` is %s; give a one-sided formula (`~ column`) or a column name as a string.", name, what)
}

is_call_to <- function(expr, name) is.call(expr) && identical(expr[[1]], as.name(name))

split_sum <- function(expr) {
  if (!is_call_to(expr, "+") || length(expr) != 3) return(list(expr))
  c(split_sum(expr[[2]]), split_sum(expr[[3]]))
}

# Labels: a:b means the combinations, where R would make a sequence of numbers; a date is its number.
label_role <- function(role, data, env) {
  expr <- role$expr
  if (is_call_to(expr, ":")) return(recast_role(role, as.call(c(quote(interaction), as.list(expr)[-1], drop = TRUE)), data, env))
  x <- tryCatch(evaluate_role(data, role), error = function(e) NULL)
  if (inherits(x, c("Date", "POSIXct"))) return(recast_role(role, call("as.numeric", expr), data, env))
  role
}

# Another expression under the same label.
recast_role <- function(role, expr, data, env) list(label = role$label, expr = expr, env = capture_env(expr, data, env), plain = FALSE)

# The first evaluation: here the user's own mistakes surface, and warnings of the expression are shown.
finish_role <- function(role, data, constant = FALSE) {
  if (is.symbol(role$expr)) check_symbol(role, data) else check_called(role, data)
  x <- evaluate_role(data, role)
  if (constant && is.numeric(x) && length(x) == 1) return(role)
  check_length(x, nrow(data), role$label)
  role
}

# A bare name that is not a column may be a vector of the user's; a function of that name is a misspelt column.
check_symbol <- function(role, data) {
  if (is.atomic(get0(role$label, role$env, inherits = FALSE)) && exists(role$label, role$env, inherits = FALSE)) return(invisible(role))
  check_column(role$label, data)
}

check_called <- function(role, data) {
  for (name in intersect(all.vars(role$expr), names(data))) check_column(name, data)
  invisible(role)
}

evaluate_role <- function(data, role) {
  if (role$plain) return(.subset2(data, role$label))
  tryCatch(eval(role$expr, data, role$env), error = function(e) stop_role(e, role, data))
}

stop_role <- function(e, role, data) {
  lost <- setdiff(all.vars(role$expr), c(names(data), ls(role$env, all.names = TRUE)))
  lost <- lost[vapply(lost, function(name) is.null(find_value(name, role$env, "any")), NA)]
  if (length(lost) > 0) {
    abort_miv("unknown_column", "`%s` in `%s` is not a column of `data`.%s", lost[1], role$label, suggest_name(lost[1], names(data)))
  }
  abort_miv("bad_role", "`%s` cannot be computed: %s.", role$label, sub("[.]$", "", conditionMessage(e)))
}

# A role's values as the core takes them: a plain double, integer, text or factor; a plain column comes back uncopied.
role_values <- function(experiment, role) plain_vector(suppressWarnings(evaluate_role(experiment$data, role)))

plain_vector <- function(x) {
  if (is.factor(x) || inherits(x, "integer64")) return(x)
  if (is.logical(x)) return(as.integer(x))
  if ((is.object(x) || is.array(x)) && (is.numeric(x) || is.character(x))) attributes(x) <- NULL
  x
}

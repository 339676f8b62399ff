# Formulas, parsed by walking the call tree: outcome ~ controls | fixed effects, and y ~ w | fe | x ~ z.

is_call_of <- function(expr, name, size) is.call(expr) && identical(expr[[1]], as.name(name)) && length(expr) == size

check_formula <- function(formula, door) {
  if (!inherits(formula, "formula")) abort_miv("bad_formula", "`formula` is of class `%s`; write `%s`.", class(formula)[1], door_form(door))
  if (length(formula) != 3) abort_miv("bad_formula", "The formula has no outcome; write `%s`.", door_form(door))
  if ("." %in% all.names(formula)) abort_miv("bad_formula", "`.` is not expanded here; name the controls.")
  invisible(formula)
}

door_form <- function(door) if (door == "miv") "outcome ~ controls | fixed effects" else "y ~ w | fe | x ~ z"

# list(outcome, controls, effects, beliefs, instruments): expressions; NULL where a part is absent.
read_formula <- function(formula, door) {
  check_formula(formula, door)
  parts <- if (is_call_of(formula[[2]], "~", 3)) read_instrumented(formula) else read_plain(formula, door)
  if (door == "miv" && !is.null(parts$beliefs)) abort_miv("bad_formula", "`miv()` makes the instruments itself; write `%s`, or use `tsls()`.", door_form("miv"))
  check_overlap(parts)
  parts
}

# y ~ w | fe | x ~ z parses as (y ~ w | fe | x) ~ z.
read_instrumented <- function(formula) {
  inner <- formula[[2]]
  if (length(inner) != 3) abort_miv("bad_formula", "The formula has no outcome; write `%s`.", door_form("tsls"))
  if ("|" %in% all.names(formula[[3]])) abort_miv("bad_formula", "The instruments come last, and `|` stands among them; write `%s`.", door_form("tsls"))
  bars <- split_bars(inner[[3]])
  if (length(bars) < 2 || length(bars) > 3) abort_miv("bad_formula", "The formula has %d parts before the instruments; write `%s`.", length(bars), door_form("tsls"))
  list(outcome = inner[[2]], controls = bars[[1]], effects = if (length(bars) == 3) bars[[2]], beliefs = read_list(bars[[length(bars)]]), instruments = formula[[3]])
}

read_plain <- function(formula, door) {
  bars <- split_bars(formula[[3]])
  if (door == "tsls" && length(bars) == 2) check_not_ivreg(bars)
  if (length(bars) > 2 || any(vapply(bars, is_call_of, NA, name = "~", size = 3))) abort_miv("bad_formula", "The formula has too many parts; write `%s`.", door_form(door))
  list(outcome = formula[[2]], controls = bars[[1]], effects = if (length(bars) == 2) bars[[2]], beliefs = NULL, instruments = NULL)
}

# y ~ w + x | w + z is how ivreg writes it; here what stands behind | is absorbed.
check_not_ivreg <- function(bars) {
  sides <- lapply(bars, function(bar) vapply(split_sum(bar), deparse_one, ""))
  both <- intersect(sides[[1]], sides[[2]])
  belief <- setdiff(sides[[1]], sides[[2]])
  if (length(both) == 0 || length(belief) == 0) return(invisible(bars))
  abort_miv("bad_formula", "`%s` is both a control and a fixed effect. If `%s` are instruments as in ivreg, write `y ~ %s | %s ~ %s`.", both[1], deparse_one(bars[[2]]),
            paste(both, collapse = " + "), paste(belief, collapse = " + "), paste(c(setdiff(sides[[2]], both), "z")[1], collapse = " + "))
}

split_bars <- function(expr) {
  if (!is_call_of(expr, "|", 3)) return(list(expr))
  c(split_bars(expr[[2]]), list(expr[[3]]))
}

# x, c(x1, x2) or x1 + x2.
read_list <- function(expr) {
  parts <- if (is_call_to(expr, "c")) as.list(expr)[-1] else split_sum(expr)
  unname(parts)
}

# Nothing may be on two sides; a control written twice is said.
check_overlap <- function(parts) {
  controls <- vapply(split_sum(parts$controls), deparse_one, "")
  beliefs <- vapply(as.list(parts$beliefs), deparse_one, "")
  twice <- c(controls[duplicated(controls)])
  if (length(twice)) warn_miv("duplicated_variable", "%s stands twice among the controls; it is used once.", quote_names(unique(twice)))
  if (anyDuplicated(beliefs)) abort_miv("duplicated_variable", "`%s` stands twice among the beliefs; name each once.", beliefs[duplicated(beliefs)][1])
  both <- intersect(beliefs, controls)
  if (length(both)) abort_miv("duplicated_variable", "`%s` is both a belief and a control; take it out of one.", both[1])
  outcome <- deparse_one(parts$outcome)
  instruments <- if (!is.null(parts$instruments)) vapply(split_sum(parts$instruments), deparse_one, "")
  if (outcome %in% c(controls, beliefs, instruments)) abort_miv("duplicated_variable", "`%s` is the outcome and stands on the right too; take it out there.", outcome)
  invisible(parts)
}

# fe1 + fe2, a^b for the combinations: list(label, vectors).
read_effects <- function(expr, data, env) {
  if (is.null(expr)) return(list())
  parts <- split_sum(expr)
  lapply(parts, function(part) {
    crossed <- split_power(part)
    list(label = deparse_one(part), expr = part, vectors = lapply(crossed, function(v) as_source_vector(evaluate_variable(v, data, env))), labels = vapply(crossed, deparse_one, ""))
  })
}

split_power <- function(expr) {
  if (is_call_of(expr, "^", 3) || is_call_of(expr, ":", 3)) return(c(split_power(expr[[2]]), split_power(expr[[3]])))
  list(expr)
}

# Several outcomes: c(y1, y2) ~ x.
read_outcomes <- function(formula) {
  if (length(formula) != 3) return(NULL)
  outcome <- if (is_call_of(formula[[2]], "~", 3)) formula[[2]][[2]] else formula[[2]]   # y ~ w | x ~ z is (y ~ w | x) ~ z
  if (is_call_to(outcome, "c")) as.list(outcome)[-1] else NULL
}

# a + b + c, or 1 where there is nothing.
sum_terms <- function(exprs) {
  if (length(exprs) == 0) return(1)
  Reduce(function(left, right) call("+", left, right), exprs)
}

# outcome on beliefs, controls and fixed effects, one `~`, no `|`.
flat_formula <- function(outcome, exprs, effects, constant, env) {
  terms <- c(exprs, lapply(effects, `[[`, "expr"))
  rhs <- sum_terms(terms[!vapply(terms, function(e) identical(e, 1) || identical(e, 1L), NA)])
  if (!constant && length(effects) == 0) rhs <- call("-", rhs, 1)
  stats::as.formula(call("~", outcome, rhs), env = env)
}

# The plan of a fit as lines for fixest.

# Functions whose value for a person needs that person's row only, so that it does not matter who else is in the data.
kRowwise <- c("+", "-", "*", "/", "^", "%%", "%/%", "(", "I", "log", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs", "sign", "round",
              "floor", "ceiling", "trunc", "sin", "cos", "tan", "tanh", "ifelse", "is.na", "!", "&", "|", "==", "!=", "<", ">", "<=", ">=", "%in%", "c",
              "as.numeric", "as.integer", "as.character", "as.logical", "factor", "as.factor", "pmin", "pmax", "nchar", "substr")

fixest_lines <- function(plan, name = NULL) {
  plan <- name_columns(joined_effects(plan))
  regression <- fixest_regression(plan)
  body <- c(fixest_definitions(plan), fixest_people(plan), fixest_sample(plan), fixest_instruments(plan), fixest_estimate(plan, regression, name))
  c(fixest_head(plan), body)
}

fixest_head <- function(plan) {
  others <- if (plan$type %in% kAdjustedTypes) " and clubSandwich" else if (is_second(plan) && by_lm(plan)) " and sandwich" else ""
  c(comment_lines(sprintf("%s, from the data frame `%s`, with fixest (0.13 or newer)%s.", plan_title(plan), plan$name, others)),
    unlist(lapply(plan$said, comment_lines)), "library(fixest)", "")
}

# "Two-stage least squares of `support` on `posterior`, exposure "sign"".
plan_title <- function(plan) {
  quoted <- function(exprs) paste(sprintf("`%s`", vapply(exprs, deparse_one, "")), collapse = " and ")
  on <- if (length(plan$beliefs)) plan$beliefs else plan$lead
  stage <- if (is.null(plan$stage)) "" else plan$stage
  what <- if (length(plan$beliefs)) "Two-stage least squares" else switch(stage, first_stage = "First stage: least squares", reduced_form = "Reduced form: least squares", "Least squares")
  exposure <- plan$recipe$exposure
  sprintf("%s of `%s`%s%s", what, deparse_one(plan$outcome), if (length(on)) paste(" on", quoted(on)) else "",
          if (plan$recipe$door == "miv") sprintf(", exposure %s", if (is.function(exposure)) "a function of the gap" else dQuote(exposure, FALSE)) else "")
}

comment_lines <- function(text, mark = "# ", width = 90) strwrap(text, width, prefix = mark)

fixest_definitions <- function(plan) {
  texts <- lapply(names(plan$state$defs), function(name) {
    text <- plan$state$defs[[name]]$text
    c(paste(code_name(name), "<-", text[1]), text[-1])
  })
  if (length(texts) == 0) NULL else c("# Functions used below", unlist(texts), "")
}

code_name <- function(name) paste(deparse(as.name(name), backtick = TRUE), collapse = "")

# All digits only where a number has more than deparse() shows by itself: a tie in the gap must stay one.
code_text <- function(expr) {
  digits <- if (has_long_number(expr)) "digits17"
  paste(trimws(deparse(expr, width.cutoff = 500L, backtick = TRUE, control = c("keepNA", "keepInteger", digits))), collapse = " ")
}

has_long_number <- function(expr) {
  if (is.call(expr)) return(any(vapply(as.list(expr), has_long_number, NA)))
  is.double(expr) && length(expr) == 1 && !is.na(expr) && as.numeric(format(expr, digits = 15)) != expr
}

# ---- columns made before anybody is left out ----

# Expressions that need other rows, and those that feols() takes as names only, become columns; plan$map: their text -> their names.
name_columns <- function(plan) {
  plan$columns <- list()
  plan$map <- list()
  leverage <- plan$type %in% c("HC2", "HC3")                                  # there feols() stops at an outcome that is computed
  plan <- name_column(plan, plan$outcome, needs_rows(plan$outcome) || (leverage && !is_plain_name(plan$outcome)))
  for (expr in c(plan$beliefs, plan$lead)) plan <- name_column(plan, expr, needs_rows(expr))
  for (label in names(plan$variables)) plan <- name_column(plan, plan$variables[[label]], needs_rows(plan$variables[[label]]), label)
  named <- list(weight = if (!is.null(plan$weights)) list(plan$weights), cluster = parts_of(plan$ways), stratum = plan$strata, effect = parts_of(plan$effects))
  for (stem in names(named)) for (expr in named[[stem]]) plan <- name_column(plan, expr, !is_plain_name(expr), stem = stem)
  plan
}

# feols() takes the leverage of crossed effects (a^b) wrongly, so they become one column.
joined_effects <- function(plan) {
  if (!plan$type %in% c("HC2", "HC3")) return(plan)
  plan$effects <- lapply(plan$effects, function(effect) {
    if (length(effect$parts) == 1) effect else list(parts = list(as.call(c(quote(interaction), effect$parts, drop = TRUE))))
  })
  plan
}

is_plain_name <- function(expr) is.symbol(expr) && make.names(as.character(expr)) == as.character(expr)

needs_rows <- function(expr) !is.symbol(expr) && !is_rowwise(expr)

is_rowwise <- function(expr) {
  if (!is.call(expr)) return(TRUE)
  head <- expr[[1]]
  if (!is.symbol(head) || !as.character(head) %in% kRowwise) return(FALSE)
  if (as.character(head) %in% c("factor", "as.factor") && length(expr) > 2) return(FALSE)
  all(vapply(as.list(expr)[-1], is_rowwise, NA))
}

# Standard errors that come from a second regression. feols() has leverage for least squares only, but not with weights and without
# effects, nor where somebody is alone in an effect.
is_second <- function(plan) {
  if (plan$type %in% kAdjustedTypes) return(TRUE)
  plan$type %in% c("HC2", "HC3") && (length(plan$beliefs) > 0 || !is.null(plan$weights) || length(plan$effects) > 0)
}

name_column <- function(plan, expr, wanted, label = deparse_one(expr), stem = gsub("^_+|_+$", "", tame_name(label))) {
  key <- deparse_one(expr)
  if (!wanted || !is.null(plan$map[[key]])) return(plan)
  value <- plan$values[[label]]
  stems <- if (is.matrix(value) && ncol(value) > 1) paste0(stem, "_", seq_len(ncol(value))) else stem
  names <- vapply(stems, function(one) fresh_name(plan$state, one), "", USE.NAMES = FALSE)
  plan$map[[key]] <- names
  plan$columns <- c(plan$columns, list(list(names = names, expr = expr)))
  plan
}

# The names under which an expression stands in the data, or its text.
mapped <- function(plan, expr) {
  names <- plan$map[[deparse_one(expr)]]
  if (is.null(names)) code_text(expr) else vapply(names, code_name, "", USE.NAMES = FALSE)
}

# ---- who was told what ----

fixest_people <- function(plan) {
  steps <- lapply(plan$steps, function(step) list(text = paste(code_name(step$name), "<-", code_text(step$expr)), note = step$note))
  c(if (length(steps)) c("# Who was told what; `people` is a copy", within_lines(sprintf("as.data.frame(%s)", plan$name), steps), "")
    else c("# A copy", sprintf("people <- as.data.frame(%s)", plan$name), ""),
    if (length(plan$columns)) c("# Variables of the formula, made while everybody is there", unlist(lapply(plan$columns, column_line)), ""))
}

within_lines <- function(data, steps) {
  texts <- vapply(steps, `[[`, "", "text")
  notes <- vapply(steps, function(step) if (is.null(step$note)) "" else step$note, "")
  lines <- ifelse(nzchar(notes), paste0("  ", formatC(texts, width = -max(nchar(texts))), "  # ", notes), paste0("  ", texts))
  c(sprintf("people <- within(%s, {", data), lines, "})")
}

column_line <- function(column) {
  if (length(column$names) == 1) return(sprintf("people$%s <- with(people, %s)", code_name(column$names), code_text(column$expr)))
  sprintf("people[c(%s)] <- as.data.frame(unclass(with(people, %s)))", paste(dQuote(column$names, FALSE), collapse = ", "), code_text(column$expr))
}

# ---- the people in the fit ----

fixest_sample <- function(plan) {
  vars <- unlist(lapply(plan$sample$vars, function(var) mapped(plan, var$expr)))
  conditions <- c(sprintf("complete.cases(%s)", paste(unique(vars), collapse = ", ")),
                  if (!is.null(plan$sample$subset)) condition_text(plan$sample$subset),
                  if (!is.null(plan$weights)) paste(mapped(plan, plan$weights), "> 0"))
  says <- c("nothing missing", if (!is.null(plan$sample$subset)) "in the subset", if (!is.null(plan$weights)) "of positive weight")
  subset <- sprintf("subset(people, %s)", paste(conditions, collapse = " & "))
  if (any(vapply(plan$values, is.factor, NA))) subset <- sprintf("droplevels(%s)", subset)
  c(sprintf("# The people in the fit: %s (%s of %s)", paste(says, collapse = ", "), big_number(plan$fit$nobs), big_number(plan$fit$rows)),
    break_line(paste("people <-", subset)), sprintf("stopifnot(nrow(people) == %d)", as.integer(plan$fit$nobs)), "")
}

condition_text <- function(expr) {
  low <- is.call(expr) && is.symbol(expr[[1]]) && as.character(expr[[1]]) %in% c("|", "||", "!", "?", "~", "<-", "=")
  if (low) sprintf("(%s)", code_text(expr)) else code_text(expr)
}

# At commas behind `at` characters, continued under an indent.
break_line <- function(text, at = 90, indent = "  ") {
  out <- character()
  while (nchar(text) > at) {
    cuts <- gregexpr(", | [&|+] ", text)[[1]]
    cuts <- cuts[cuts > nchar(indent) & cuts <= at - 2]
    cuts <- cuts[!vapply(cuts, in_quotes, NA, text = text)]
    if (length(cuts) == 0) break
    cut <- max(cuts)
    keep <- if (substr(text, cut, cut) == ",") cut else cut + 2
    out <- c(out, trimws(substr(text, 1, keep), "right"))
    text <- paste0(indent, trimws(substring(text, keep + 1), "left"))
  }
  c(out, text)
}

in_quotes <- function(at, text) {
  before <- substr(text, 1, at)
  any(vapply(c("\"", "`"), function(mark) nchar(gsub(sprintf("[^%s]", mark), "", before)) %% 2 == 1, NA))
}

# ---- instruments ----

fixest_instruments <- function(plan) {
  if (length(plan$made) == 0) return(NULL)
  steps <- lapply(plan$made, function(one) list(text = paste(one$name, "<-", instrument_text(one, plan)), note = NULL))
  one <- plan$made[[1]]
  lines <- if (length(steps) == 1) break_line(sprintf("people$%s <- with(people, %s)", one$name, instrument_text(one, plan))) else within_lines("people", steps)
  c(comment_lines(made_words(plan)), lines, "")
}

made_words <- function(plan) {
  exposure <- plan$recipe$exposure
  times <- if (is.function(exposure)) "arm times exposure" else {
    switch(exposure, sign = "arm times side", gap = "arm times gap", arm = "the arm", `arm+gap` = "the arm, and arm times gap", "arm on either side")
  }
  less <- switch(plan$centring, probability = ", the arm less its known probability", none = "",
                 paste0(", the arm less its share among these people", if (length(plan$strata)) " in the stratum", if (!is.null(plan$weights)) ", weighted"))
  arms <- if (length(plan$arms) == 1) "" else if (length(plan$made[[1]]$products) > 1) ", added over the arms" else ", one for each arm"
  sprintf("Instrument%s: %s%s%s", plural(length(plan$made)), times, less, arms)
}

instrument_text <- function(one, plan) {
  products <- vapply(one$products, function(product) {
    told <- centred_text(plan, product$arm)
    if (is.null(product$h)) told else paste(told, "*", code_text(product$h))
  }, "")
  paste(products, collapse = " + ")
}

centred_text <- function(plan, arm) {
  told <- code_name(plan$arms[[arm]]$told)
  share <- switch(plan$centring, none = NULL, probability = code_text(plan$probability[[arm]]), share_text(plan, told))
  if (is.null(share)) told else sprintf("(%s - %s)", told, share)
}

share_text <- function(plan, told) {
  strata <- paste(vapply(plan$strata, mapped, "", plan = plan), collapse = ", ")
  w <- if (!is.null(plan$weights)) mapped(plan, plan$weights)
  if (nzchar(strata) && is.null(w)) return(sprintf("ave(%s, %s)", told, strata))
  if (nzchar(strata)) return(sprintf("ave(%s * %s, %s) / ave(%s, %s)", w, told, strata, w, strata))
  if (is.null(w)) sprintf("mean(%s)", told) else sprintf("weighted.mean(%s, %s)", told, w)
}

# ---- the regression ----

# list(outcome, controls, effects, beliefs, instruments): text of the formula's parts.
fixest_regression <- function(plan) {
  term <- function(labels) term_texts(labels, plan)
  first <- c(unlist(lapply(plan$lead, function(expr) term_name(expr, plan))), unlist(lapply(plan$front, term)))
  controls <- unique(c(first, level_text(plan), plan$arm_controls, unlist(lapply(plan$controls, term))))
  if (!plan$constant && length(plan$effects) == 0) controls <- c("0", controls)
  list(outcome = mapped(plan, plan$outcome), controls = if (length(controls)) paste(controls, collapse = " + ") else "1",
       effects = vapply(plan$effects, function(effect) paste(vapply(effect$parts, mapped, "", plan = plan), collapse = "^"), ""),
       beliefs = vapply(plan$beliefs, term_name, "", plan = plan), instruments = unlist(lapply(plan$instruments, term)))
}

term_name <- function(expr, plan) {
  if (is.null(plan$map[[deparse_one(expr)]])) code_text(as_term(expr)) else mapped(plan, expr)
}

# One text per product of columns: variables that are matrices have several.
term_texts <- function(labels, plan) {
  texts <- lapply(labels, function(label) {
    if (is.null(plan$variables[[label]])) return(code_name(label))
    text <- as_variable(mapped(plan, plan$variables[[label]]), plan$variables[[label]])
    # feols() with effects stops where every regressor is logical
    if (is.logical(plan$values[[label]]) && length(plan$effects) && length(labels) == 1) sprintf("as.numeric(%s)", text) else text
  })
  Reduce(function(left, right) as.vector(outer(left, right, paste, sep = ":")), texts)
}

# Comparisons stand in I(): they bind less than the + of a formula.
as_variable <- function(text, expr) {
  loose <- is.call(expr) && as.character(expr[[1]])[1] %in% c("==", "!=", "<", ">", "<=", ">=", "!", "&", "|", "&&", "||", "%in%")
  if (loose && identical(text, code_text(expr))) sprintf("I(%s)", text) else text
}

level_text <- function(plan) {
  if (length(plan$levels) == 0) return(NULL)
  names <- vapply(plan$levels$names, code_name, "", USE.NAMES = FALSE)
  if (plan$levels$kind == "plain") return(names)
  if (length(names) == 1) sprintf("factor(%s)", names) else sprintf("factor(paste(%s))", paste(names, collapse = ", "))
}

formula_text <- function(r, beliefs = TRUE) {
  first <- sprintf("%s ~ %s", r$outcome, r$controls)
  if (length(r$effects)) first <- paste(first, "|", paste(r$effects, collapse = " + "))
  if (beliefs && length(r$beliefs)) first <- sprintf("%s | %s ~ %s", first, paste(r$beliefs, collapse = " + "), paste(r$instruments, collapse = " + "))
  first
}

fixest_estimate <- function(plan, r, name) {
  keep <- if (is.null(name)) "" else sprintf("fits[[%s]] <- ", dQuote(name, FALSE))
  words <- comment_lines(estimate_words(plan))
  if (!is_second(plan)) return(c(words, call_lines(keep, formula_text(r), plan, fixest_vcov(plan))))
  c(words, call_lines("fit <- ", formula_text(r), plan, "vcov = \"iid\""), fixest_second(plan, r, keep))
}

estimate_words <- function(plan) {
  levels <- if (length(plan$levels)) "the level of the exposure is among the controls; "
  dropped <- c(plan$controls_dropped, plan$instruments_dropped)
  paste0("The estimate; ", levels, "standard errors ", covariance_words(plan), if (length(dropped)) sprintf("; left out as collinear: %s", paste(dropped, collapse = ", ")))
}

covariance_words <- function(plan) {
  given <- if (plan$fit$vcov_kind$type %in% c("function", "matrix")) sprintf(" (the fit's own came from a %s)", plan$fit$vcov_kind$type) else ""
  paste0(switch(plan$type, iid = "for equal variances", HC0 = "HC0, robust without a factor", HC1 = "HC1, robust with n/(n-k)",
                HC2 = , HC3 = paste0(plan$type, ", leverage of the second stage"),
                CR0 = "clustered, CR0 without a factor", CR1 = "clustered, CR1 with G/(G-1) (n-1)/(n-k)",
                paste0(plan$type, ", by the leverage of clusters in the second stage")), if (length(plan$ways) > 1) ", the smallest G of the ways", given)
}

call_lines <- function(keep, formula, plan, vcov) {
  several <- length(plan$effects) > 1
  alone <- if (isTRUE(plan$alone)) "singleton" else "none"
  arguments <- c("data = people", if (!is.null(plan$weights)) sprintf("weights = ~ %s", mapped(plan, plan$weights)), vcov,
                 if (length(plan$effects)) sprintf("fixef.rm = \"%s\"", alone), if (several) "fixef.tol = 3e-12, fixef.iter = 1e5")
  c(break_line(paste0(keep, "feols(", formula, ","), indent = "      "), break_line(paste0("      ", paste(arguments, collapse = ", "), ")"), indent = "      "))
}

fixest_vcov <- function(plan) {
  ways <- paste(vapply(plan$ways, function(way) paste(vapply(way$parts, mapped, "", plan = plan), collapse = "^"), ""), collapse = " + ")
  kind <- switch(plan$type, iid = "\"iid\"", HC0 = , HC1 = "\"hetero\"", HC2 = "\"HC2\"", HC3 = "\"HC3\"", paste("~", ways))
  small <- if (plan$type %in% c("HC0", "CR0")) "K.adj = FALSE, G.adj = FALSE" else "K.adj = TRUE, K.fixef = \"nonnested\", G.adj = TRUE, G.df = \"min\""
  sprintf("vcov = %s, ssc = ssc(%s)", kind, small)
}

# ---- covariances from a second regression ----

fixest_second <- function(plan, r, keep) {
  hats <- vapply(plan$beliefs, function(belief) if (is_plain_name(belief)) paste0("fit_", belief) else fresh_name(plan$state, "belief_fitted"), "")
  second <- r
  if (length(hats)) {
    second$outcome <- fresh_name(plan$state, "net_outcome")
    own <- setdiff(strsplit(r$controls, " + ", fixed = TRUE)[[1]], c("0", "1"))
    second$controls <- paste(c(if (grepl("^0", r$controls)) "0", hats, own), collapse = " + ")
  }
  c("", comment_lines(second_words(plan)), hat_lines(r, hats, second$outcome), second_lines(plan, second), keep_text(plan), sprintf("%ssummary(fit, vcov = V)", keep))
}

second_words <- function(plan) {
  if (length(plan$beliefs) == 0) return(sprintf("feols() has no %s here; it comes from another regression of the same kind.", plan$type))
  paste(sprintf("feols() has no %s for instrumental variables. Least squares on the first stage's fit has", plan$type),
        "the same coefficients, and with this outcome the residuals of two-stage least squares.")
}

hat_lines <- function(r, hats, outcome) {
  if (length(hats) == 0) return(NULL)
  terms <- sprintf("coef(fit)[[%s]] * (%s - %s)", vapply(paste0("fit_", r$beliefs), function(name) deparse(name), ""), r$beliefs, hats)
  c(sprintf("people$%s <- fitted(fit$iv_first_stage[[%d]])", hats, seq_along(hats)),
    break_line(sprintf("people$%s <- with(people, %s)", outcome, paste(c(r$outcome, terms), collapse = " - "))))
}

# Both regressions have the beliefs first; lm() has a constant before them also where effects are dummies, which come last.
keep_text <- function(plan) {
  dummies <- plan$type %in% kAdjustedTypes && length(plan$effects) > 0 && !effects_within(plan)
  if (dummies) c("at <- seq_along(coef(fit)) + 1  # behind the constant, before the dummies of the effects", "V <- V[at, at, drop = FALSE]")
}

second_lines <- function(plan, second) {
  if (plan$type %in% kAdjustedTypes) return(if (effects_within(plan)) club_lines_within(plan, second) else club_lines(plan, second))
  if (by_lm(plan)) return(c(lm_lines(plan, second), sprintf("V <- sandwich::vcovHC(second, type = \"%s\")", plan$type)))
  plan$alone <- length(plan$effects) > 0 && any(effect_sizes(plan) == 1)
  regression <- call_lines("second <- ", formula_text(second, FALSE), plan, sprintf("vcov = \"%s\"", plan$type))
  c(if (plan$alone) "# whoever is alone in an effect adds nothing, but has a leverage of 1", regression, "V <- vcov(second)")
}

# feols() takes the leverage of weighted regressions without effects wrongly.
by_lm <- function(plan) !is.null(plan$weights) && length(plan$effects) == 0

# People by level of the first absorbed effect.
effect_sizes <- function(plan) {
  kept <- kept_of(plan$fit)
  tabulate(keep_ids(effect_index(plan$problem, plan$problem$effects[[1]], kept), kept)$ids + 1L)
}

# Effects within clusters are taken out first: their dummies change nothing, but leave matrices without an inverse.
effects_within <- function(plan) {
  if (length(plan$effects) == 0) return(FALSE)
  kept <- kept_of(plan$fit)
  choice <- add_clusters(plan$problem, kept_choice(plan$fit))
  !needs_dummies(plan$problem, choice, cluster_indices(plan$problem, choice, kept), kept)
}

lm_lines <- function(plan, r) {
  formula <- sprintf("%s ~ %s", r$outcome, paste(c(r$controls, vapply(plan$effects, dummies_text, "", plan = plan)), collapse = " + "))
  weights <- if (is.null(plan$weights)) "" else sprintf(", weights = %s", mapped(plan, plan$weights))
  break_line(sprintf("second <- lm(%s, data = people%s)", formula, weights), indent = "             ")
}

dummies_text <- function(effect, plan) crossed_text(effect$parts, plan, "factor(%s)", "")

crossed_text <- function(parts, plan, one = "%s", from = "people$") {
  names <- paste0(from, vapply(parts, mapped, "", plan = plan))
  if (length(names) == 1) sprintf(one, names) else sprintf("interaction(%s, drop = TRUE)", paste(names, collapse = ", "))
}

club_text <- function(plan) {
  sprintf("V <- as.matrix(clubSandwich::vcovCR(second, cluster = %s, type = \"%s\"))", crossed_text(plan$ways[[1]]$parts, plan), plan$type)
}

club_lines <- function(plan, second) c(lm_lines(plan, second), club_text(plan))

club_lines_within <- function(plan, second) {
  effects <- sprintf("list(%s)", paste(vapply(plan$effects, function(effect) crossed_text(effect$parts, plan), ""), collapse = ", "))
  w <- if (!is.null(plan$weights)) paste0("people$", mapped(plan, plan$weights))
  net <- function(x) sprintf("demean(%s, %s%s, tol = 1e-12)", x, effects, if (is.null(w)) "" else paste0(", weights = ", w))
  c(call_lines("second <- ", formula_text(second, FALSE), plan, "vcov = \"iid\""), "# the effects lie within clusters and are taken out first",
    paste("X <-", net("model.matrix(second)")), paste("Y <-", net(sprintf("with(people, %s)", second$outcome))), 
    sprintf("second <- lm(as.vector(Y) ~ 0 + X%s)", if (is.null(w)) "" else paste0(", weights = ", w)), club_text(plan))
}

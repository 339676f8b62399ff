# The plan of a fit as lines for Stata. The commands are the ones that helper-stata.R of the tests can run.

stata_lines <- function(plan) {
  state <- new_stata(plan)
  sample <- stata_sample(plan, state)
  people <- stata_people(plan, state)
  instruments <- stata_instruments(plan, state)
  parts <- stata_parts(plan, state)
  made <- take_lines(state)
  estimate <- stata_estimate(plan, parts, state)
  warn_computed(state)
  variables <- if (length(made)) c("* Variables of the regression", made, "")
  c(stata_head(plan, state), stata_import(plan, state), sample, people, instruments, variables, estimate)
}

# names, kinds: of the data's columns there; used: those that are written; computed: columns made in R, as lines; lines: pending.
new_stata <- function(plan) {
  state <- new.env(parent = emptyenv())
  columns <- names(plan$frame)
  state$names <- list()
  state$kinds <- stats::setNames(lapply(columns, function(name) column_kind(plan$frame[[name]])), columns)
  for (name in columns) state$names[[name]] <- stata_name(name, unlist(state$names))
  state$taken <- unlist(state$names)
  state$frame <- plan$frame
  state$kept <- kept_of(plan$fit)
  state$used <- state$lines <- state$computed_words <- character()
  state$computed <- state$variables <- list()
  state
}

# Empty text is a value in R and a missing one in Stata.
column_kind <- function(x) if (has_empty_text(x)) "other" else if (is.character(x) || is.factor(x)) "text" else if (is_numeric_like(x) || is.logical(x)) "number" else "other"

has_empty_text <- function(x) (is.character(x) || is.factor(x)) && "" %in% x

stata_new <- function(state, name) {
  made <- stata_name(name, state$taken)
  state$taken <- c(state$taken, made)
  made
}

add_line <- function(state, ...) state$lines <- c(state$lines, sprintf(...))

take_lines <- function(state) {
  lines <- state$lines
  state$lines <- character()
  lines
}

# ---- values ----

# The words of an expression, list(text, text_valued); computed in R where it has none, or where Stata would read a missing value otherwise.
stata_value <- function(expr, state, label = deparse_one(expr), kind = "number") {
  words <- stata_try(expr, state)
  if (is.null(words) || (kind == "number" && words$text_valued)) return(computed_value(expr, state, label, kind))
  state$used <- union(state$used, columns_in(expr, state))
  words
}

# NULL where there is no translation.
stata_try <- function(expr, state) {
  vars <- columns_in(expr, state)
  if (any(unlist(state$kinds[vars]) == "other") || sees_missing(expr, vars, state)) return(NULL)
  tryCatch(stata_words(expr, state), miv_untranslated = function(e) NULL)
}

columns_in <- function(expr, state) intersect(all.vars(expr), names(state$frame))

# Somebody in the fit lacks a column that the expression can do without.
sees_missing <- function(expr, vars, state) {
  if (is.symbol(expr) || !any(kSeesMissing %in% all.names(expr))) return(FALSE)
  any(vapply(vars, function(name) anyNA(keep_rows(state$frame[[name]], state$kept)), NA))
}

# A column written by R beside the data: numbers, or the codes of groups.
computed_value <- function(expr, state, label, kind = "number", code = code_text(in_brackets(expr))) {
  key <- paste(kind, code)
  if (is.null(state$computed[[key]])) {
    name <- stata_new(state, label)
    state$computed[[key]] <- list(name = name, text = sprintf("out[[\"%s\"]] <- with(data, %s)", name, sprintf(if (kind == "label") "as.integer(factor(%s))" else "as.numeric(%s)", code)))
    state$computed_words <- c(state$computed_words, label)
  }
  word(state$computed[[key]]$name)
}

# Columns with odd names as data[["a b"]]: a backtick opens a macro in Stata, in comments too.
in_brackets <- function(expr) {
  if (is.symbol(expr) && nzchar(as.character(expr)) && !is_plain_name(expr)) return(call("[[", quote(data), as.character(expr)))
  if (!is.call(expr)) return(expr)
  head <- expr[[1]]
  out <- lapply(as.list(expr), function(e) if (identical(e, quote(expr = ))) e else in_brackets(e))
  out[[1]] <- if (is.symbol(head)) head else in_brackets(head)
  as.call(out)
}

is_computed <- function(words, state) words$text %in% vapply(state$computed, `[[`, "", "name")

warn_computed <- function(state) {
  if (length(state$computed_words) == 0) return(invisible())
  it <- if (length(state$computed) == 1) "it" else "them"
  warn_miv("computed_in_r", "Stata has no counterpart of %s; the R lines at the top compute %s and write %s with the data.", quote_names(unique(state$computed_words)), it, it)
}

# The name of a variable that holds the expression.
stata_variable <- function(expr, state, stem, type = "double", kind = "number") {
  key <- paste(kind, deparse_one(expr))
  if (!is.null(state$variables[[key]])) return(state$variables[[key]])
  words <- stata_value(expr, state, stem, kind)
  name <- words$text
  if (!name %in% state$taken) {
    name <- stata_new(state, stem)
    add_line(state, "generate %s= %s", if (words$text_valued) paste0(name, " ") else paste0(type, " ", name, " "), words$text)
  }
  state$variables[[key]] <- name
  name
}

# ---- head and data ----

stata_head <- function(plan, state) {
  c(comment_lines(sprintf("%s, from the data frame %s of R.", gsub("`", "", plan_title(plan)), plan$name), "* "),
    unlist(lapply(gsub("[`$]", "", plan$said), comment_lines, "* ")),
    if (is_cr2(plan)) "version 18" else "version 14", "set varabbrev off", "")
}

is_cr2 <- function(plan) plan$type == "CR2"

# The R lines that write the columns, as comments, and the line that reads them.
stata_import <- function(plan, state) {
  renamed <- Filter(function(name) state$names[[name]] != name, state$used)
  whole <- vapply(state$used, function(name) is.logical(plan$frame[[name]]) || inherits(plan$frame[[name]], c("Date", "POSIXct", "difftime")), NA)
  lines <- c(if (length(state$computed)) unlist(lapply(names(plan$state$defs), function(name) {
               text <- plan$state$defs[[name]]$text
               c(paste(code_name(name), "<-", text[1]), text[-1])
             })),
             sprintf("data <- as.data.frame(%s)", plan$name),
             break_line(sprintf("out <- data[c(%s)]", paste(vapply(state$used, deparse, ""), collapse = ", ")), 86),
             sprintf("out[[%s]] <- as.numeric(out[[%s]])", vapply(state$used[whole], deparse, ""), vapply(state$used[whole], deparse, "")),
             vapply(unname(state$computed), `[[`, "", "text"),
             sprintf("names(out)[names(out) == %s] <- \"%s\"", vapply(renamed, deparse, ""), unlist(state$names[renamed])),
             sprintf("write.csv(out, \"%s.csv\", row.names = FALSE, na = \"\")", plan$name))
  c("* The columns used, written in R by these lines (start behind import if you have a .dta file):", paste0("*   ", lines),
    if (length(renamed)) "* Names that Stata does not take were changed there.",
    sprintf("import delimited using \"%s.csv\", clear varnames(1) case(preserve) asdouble%s", plan$name, string_columns(plan, state)), "")
}

# Text that looks like numbers would be read as numbers.
string_columns <- function(plan, state) {
  at <- which(vapply(state$used, function(name) {
    x <- plan$frame[[name]]
    state$kinds[[name]] == "text" && length(not_numbers(x)) == 0
  }, NA))
  if (length(at)) sprintf(" stringcols(%s)", paste(at, collapse = " ")) else ""
}

# ---- the people ----

stata_sample <- function(plan, state) {
  present <- unlist(lapply(plan$sample$vars, present_words, plan = plan, state = state))
  subset <- if (!is.null(plan$sample$subset)) stata_value(plan$sample$subset, state, "in_subset")
  if (!is.null(subset)) present <- c(present, present_value(plan$sample$subset, subset, state))
  conditions <- c(sprintf("!missing(%s)", paste(unique(present), collapse = ", ")),
                  if (!is.null(subset)) if (subset$binds == 10) paste(subset$text, "!= 0") else bracketed(subset, 3),
                  if (!is.null(plan$weights)) paste(bracketed(stata_value(plan$weights, state, "weight"), 5), "> 0"))
  says <- c("nothing missing", if (!is.null(subset)) "in the subset", if (!is.null(plan$weights)) "of positive weight")
  c(sprintf("* The people in the fit: %s (%s of %s)", paste(says, collapse = ", "), big_number(plan$fit$nobs), big_number(plan$fit$rows)),
    stata_break(paste("keep if", paste(conditions, collapse = " & "))), sprintf("assert _N == %d", as.integer(plan$fit$nobs)), "")
}

# Texts that must not be missing. A variable of the formula that is a matrix has several.
present_words <- function(var, plan, state) {
  if (var$kind != "variable") return(present_value(var$expr, stata_value(var$expr, state, kind = var$kind), state))
  label <- Find(function(label) identical(plan$variables[[label]], var$expr), names(plan$variables))
  value <- plan$values[[label]]
  if (is.matrix(value)) return(if (is_powers(var$expr, state)) present_value(var$expr[[2]], stata_value(var$expr[[2]], state), state) else matrix_columns(var$expr, label, value, state))
  if (!is_factor_like(value)) return(present_value(var$expr, stata_value(var$expr, state, label), state))
  inner <- inside_factor(var$expr)
  words <- stata_try(inner, state)
  if (is.null(words)) return(computed_value(var$expr, state, label, "label")$text)
  state$used <- union(state$used, columns_in(inner, state))
  present_value(inner, words, state)
}

# Comparisons have a value in Stata where a column is missing, so the columns must be there.
present_value <- function(expr, words, state) {
  if (is.symbol(expr) || is_computed(words, state)) return(words$text)
  sees <- any(kSeesMissing %in% all.names(expr))
  c(if (sees) unlist(state$names[columns_in(expr, state)], use.names = FALSE), if (!sees || any(c("ifelse", "log", "sqrt", "log2", "log10", "log1p", "/", "^") %in% all.names(expr))) words$text)
}

# Lines of more than 88 characters go on behind ///.
stata_break <- function(text) {
  lines <- break_line(text, 88, indent = "    ")
  if (length(lines) > 1) lines[-length(lines)] <- paste(trimws(lines[-length(lines)], "right"), "///")
  lines
}

# ---- who was told what ----

stata_people <- function(plan, state) {
  if (length(plan$arms) == 0) return(NULL)
  for (arm in plan$arms) for (step in arm$steps) stata_step(step, arm, plan, state)
  lines <- c(take_lines(state), stata_levels(plan, state))
  c("* Who was told what", lines, "")
}

# plan's names stay where Stata takes them.
stata_step <- function(step, arm, plan, state) {
  name <- stata_new(state, step$name)
  type <- if (step$name %in% c(arm$told, arm$side)) "byte" else "double"
  words <- if (identical(step$name, arm$exposure)) exposure_words(step, arm, plan, state)
           else if (step$name == arm$told) stata_told(step, state)
           else if (step$name == arm$gap) gap_words(step, state)
           else stata_words(step$expr, state)
  add_line(state, "generate %s %s = %s  // %s", type, name, words$text, step$note)
  state$names[[step$name]] <- name
  state$kinds[[step$name]] <- "number"
}

stata_told <- function(step, state) {
  words <- stata_value(step$expr[[2]], state, step$name)
  if (is_computed(words, state)) words else word(sprintf("(%s)", words$text))
}

gap_words <- function(step, state) {
  if (file_moves_ties(step$expr, state)) return(computed_value(step$expr, state, step$name))
  sides <- lapply(as.list(step$expr)[-1], function(side) stata_value(side, state, deparse_one(side)))
  word(sprintf("%s - %s", bracketed(sides[[1]], 5), bracketed(sides[[2]], 6)), 5)
}

# write.csv() keeps 15 digits, fewer than R: 0.1 + 0.2 less 0.3 is not 0, and would be 0 there. The gap itself keeps its sign.
file_moves_ties <- function(expr, state) {
  columns <- as.list(state$frame[columns_in(expr, state)])
  written <- lapply(columns, function(x) if (is.double(x)) signif(unclass(x), 15) else x)
  sides <- function(columns) sign(eval(expr, columns, topenv()))
  tryCatch(!identical(as.numeric(sides(columns)), as.numeric(sides(written))), error = function(e) FALSE)
}

# The body of a function of one expression; else its values come from R.
exposure_words <- function(step, arm, plan, state) {
  f <- plan$recipe$exposure
  words <- tryCatch(stata_words(inlined_call(step$expr, f, plan$state), state), miv_untranslated = function(e) NULL)
  if (!is.null(words)) return(words)
  gap <- Find(function(s) s$name == arm$gap, arm$steps)$expr
  computed_value(as.call(list(step$expr[[1]], gap)), state, paste0(step$name, "_r"))
}

inlined_call <- function(call, f, plan_state) {
  def <- plan_state$defs[[as.character(call[[1]])[1]]]
  if (is.null(def)) return(call)
  settled <- eval(parse(text = def$text), baseenv())
  expr <- body(settled)
  while (is_call_to(expr, "{") && length(expr) == 2) expr <- expr[[2]]
  replacement <- stats::setNames(list(call[[2]]), names(formals(settled))[1])
  do.call(substitute, list(expr, replacement))
}

# Factor variables are whole numbers from 0 up there, so that sides -1, 0, 1 become 1, 2, 3.
stata_levels <- function(plan, state) {
  if (length(plan$levels) == 0 || plan$levels$kind == "plain") return(NULL)
  sides <- unlist(state$names[plan$levels$names])
  if (length(sides) == 1) {
    state$level <- stata_new(state, "side_level")
    return(sprintf("generate byte %s = %s + 2  // factor variables start at 0: below 1, at 2, above 3", state$level, sides))
  }
  state$level <- stata_new(state, "pattern")
  sprintf("egen %s = group(%s)  // every pattern of sides", state$level, paste(sides, collapse = " "))
}

# ---- instruments ----

stata_instruments <- function(plan, state) {
  if (length(plan$made) == 0) return(NULL)
  shares <- stata_shares(plan, state)
  for (one in plan$made) {
    name <- stata_new(state, one$name)
    state$names[[one$name]] <- name
    products <- vapply(one$products, function(product) {
      told <- state$names[[plan$arms[[product$arm]]$told]]
      share <- shares[[product$arm]]
      centred <- if (is.null(share)) told else sprintf("(%s - %s)", told, share)
      if (is.null(product$h)) centred else paste(centred, "*", bracketed(stata_words(product$h, state), 7))
    }, "")
    add_line(state, "generate double %s = %s", name, paste(products, collapse = " + "))
  }
  lines <- unlist(lapply(take_lines(state), stata_break))
  c(comment_lines(made_words(plan), "* "), lines, "")
}

# By arm what is taken from it, or NULL.
stata_shares <- function(plan, state) {
  if (plan$centring == "none") return(vector("list", length(plan$arms)))
  if (plan$centring == "probability") return(lapply(plan$probability, function(p) bracketed(stata_value(p, state, "probability"), 6)))
  weight <- if (!is.null(plan$weights)) stata_variable(plan$weights, state, "weight")
  strata <- vapply(plan$strata, stata_variable, "", state = state, stem = "stratum", kind = "label")
  lapply(plan$arms, function(arm) stata_share(state$names[[arm$told]], weight, strata, state))
}

stata_share <- function(told, weight, strata, state) {
  share <- stata_new(state, paste0("share_", told))
  if (length(strata) == 0) {
    add_line(state, "summarize %s%s, meanonly", told, aweight(weight))
    add_line(state, "scalar %s = r(mean)", share)
    return(sprintf("scalar(%s)", share))
  }
  by <- sprintf("by(%s)", paste(strata, collapse = " "))
  if (is.null(weight)) add_line(state, "egen double %s = mean(%s), %s", share, told, by)
  else {
    sums <- c(stata_new(state, paste0("sum_", told)), stata_new(state, paste0("sum_all_", told)))
    add_line(state, "egen double %s = total(%s * %s), %s", sums[1], weight, told, by)
    add_line(state, "egen double %s = total(%s), %s", sums[2], weight, by)
    add_line(state, "generate double %s = %s / %s", share, sums[1], sums[2])
  }
  share
}

aweight <- function(weight) if (is.null(weight)) "" else sprintf(" [aw = %s]", weight)

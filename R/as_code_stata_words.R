# R expressions in Stata's words. What has none becomes a column that R writes with the data, never a guess.

# Larger binds tighter, as in R's syntax; Stata agrees on these but for `!`, which is always given brackets.
kBinds <- c("|" = 1, "&" = 2, "==" = 4, "!=" = 4, "<" = 4, ">" = 4, "<=" = 4, ">=" = 4, "+" = 5, "-" = 5, "*" = 6, "/" = 6, "^" = 9)

kStataFunctions <- c(exp = "exp", sqrt = "sqrt", abs = "abs", sign = "sign", floor = "floor", ceiling = "ceil", trunc = "trunc", sin = "sin", cos = "cos", tan = "tan", tanh = "tanh",
                     log10 = "log10", pmin = "min", pmax = "max")

# Their value may be there although a column is missing; in Stata a missing value is larger than every number.
kSeesMissing <- c("ifelse", "is.na", "!", "&", "|", "==", "!=", "<", ">", "<=", ">=", "%in%", "pmin", "pmax")

# Signalled where an expression has no translation.
stop_untranslated <- function(expr) stop(structure(class = c("miv_untranslated", "error", "condition"), list(message = deparse_one(expr), call = NULL)))

# list(text, binds, text_valued). state$names: columns by their name in R; state$kinds: "number" or "text".
stata_words <- function(expr, state) {
  if (is.symbol(expr)) return(stata_symbol(expr, state))
  if (!is.call(expr)) return(stata_constant(expr))
  head <- if (is.symbol(expr[[1]])) as.character(expr[[1]]) else ""
  args <- as.list(expr)[-1]
  if (head %in% c("(", "I", "as.numeric") && length(args) == 1) return(stata_same(expr, args[[1]], head, state))
  if (head %in% names(kBinds)) return(stata_operator(head, args, expr, state))
  stata_call(head, args, expr, state)
}

word <- function(text, binds = 10, text_valued = FALSE) list(text = text, binds = binds, text_valued = text_valued)

stata_symbol <- function(expr, state) {
  name <- as.character(expr)
  if (name %in% names(state$names)) return(word(state$names[[name]], text_valued = state$kinds[[name]] == "text"))
  constant <- c(TRUE. = "1", FALSE. = "0", T. = "1", F. = "0", pi. = "_pi")[paste0(name, ".")]
  if (is.na(constant)) stop_untranslated(expr)
  word(constant[[1]])
}

stata_constant <- function(x) {
  if (length(x) != 1 || is.null(x)) stop_untranslated(x)
  if (is.character(x)) return(word(stata_string(x), text_valued = TRUE))
  if (is.na(x)) return(word("."))
  if (is.logical(x)) return(word(if (x) "1" else "0"))
  if (!is.finite(x)) stop_untranslated(x)
  word(number_text(x), if (x < 0) 5 else 10)
}

# Texts that mean the same in a text file and between quotes: no quotes, macros or blanks at the ends.
is_plain_text <- function(x) !grepl("[`$\"\\\\]|[^ -~]|^ | $|^$", x)

stata_string <- function(x) {
  if (!is_plain_text(x)) stop_untranslated(x)
  sprintf("\"%s\"", x)
}

# as.numeric() of text or a factor's codes is another matter.
stata_same <- function(expr, arg, head, state) {
  out <- stata_words(arg, state)
  if (head == "as.numeric" && out$text_valued) stop_untranslated(expr)
  out
}

number_word <- function(expr, state) {
  out <- stata_words(expr, state)
  if (out$text_valued) stop_untranslated(expr)
  out
}

bracketed <- function(one, least) if (one$binds < least) sprintf("(%s)", one$text) else one$text

stata_operator <- function(head, args, expr, state) {
  binds <- kBinds[[head]]
  if (length(args) == 1) {
    if (head == "+") return(number_word(args[[1]], state))
    return(word(paste0("-", bracketed(number_word(args[[1]], state), 9)), 5))
  }
  sides <- lapply(args, stata_words, state = state)
  text <- vapply(sides, `[[`, NA, "text_valued")
  if (any(text) && (!head %in% c("==", "!=") || !all(text))) stop_untranslated(expr)
  left <- bracketed(sides[[1]], if (head == "^") 10 else if (binds == 4) 5 else binds)                      # -2^2 and 2^3^2 are read differently by people
  right <- bracketed(sides[[2]], if (head == "^") 10 else binds + 1)
  space <- if (head == "^") "" else " "
  word(paste0(left, space, head, space, right), binds)
}

stata_call <- function(head, args, expr, state) {
  n <- length(args)
  plain <- is.null(names(args)) || all(names(args) == "")
  if (!plain && !(head == "log" && named_in_order(names(args), c("x", "base")))) stop_untranslated(expr)
  inner <- function(i) number_word(args[[i]], state)$text
  if (head %in% names(kStataFunctions) && n == (if (head %in% c("pmin", "pmax")) n else 1)) {
    return(word(sprintf("%s(%s)", kStataFunctions[[head]], paste(vapply(seq_len(n), inner, ""), collapse = ", "))))
  }
  shape <- paste(head, n)
  switch(shape,
    `log 1` = word(sprintf("ln(%s)", inner(1))),
    `log 2` = word(sprintf("ln(%s) / ln(%s)", inner(1), inner(2)), 6),
    `log2 1` = word(sprintf("ln(%s) / ln(2)", inner(1)), 6),
    `log1p 1` = word(sprintf("ln(1 + %s)", bracketed(number_word(args[[1]], state), 6))),
    `! 1` = word(sprintf("!(%s)", inner(1))),
    `is.na 1` = word(sprintf("missing(%s)", stata_words(args[[1]], state)$text)),
    `%% 2` = word(sprintf("mod(%s, %s)", inner(1), inner(2))),
    `%/% 2` = word(sprintf("floor((%s) / (%s))", inner(1), inner(2))),
    `ifelse 3` = stata_cond(args, expr, state),
    `%in% 2` = stata_in(args, expr, state),
    stop_untranslated(expr))
}

# Arguments given by name stand where they would without one.
named_in_order <- function(names, formals) all(names == "" | names == formals[seq_along(names)])

stata_cond <- function(args, expr, state) {
  choices <- lapply(args[-1], stata_words, state = state)
  text <- vapply(choices, `[[`, NA, "text_valued")
  if (any(text) != all(text)) stop_untranslated(expr)
  word(sprintf("cond(%s, %s, %s)", number_word(args[[1]], state)$text, choices[[1]]$text, choices[[2]]$text), text_valued = all(text))
}

# inlist() takes 9 texts at most.
stata_in <- function(args, expr, state) {
  set <- tryCatch(eval(args[[2]], baseenv()), error = function(e) NULL)
  x <- stata_words(args[[1]], state)
  if (is.null(set) || anyNA(set) || length(set) > 9 || is.character(set) != x$text_valued) stop_untranslated(expr)
  word(sprintf("inlist(%s, %s)", x$text, paste(vapply(as.list(set), function(v) stata_constant(v)$text, ""), collapse = ", ")))
}

# ---- names ----

kStataReserved <- c("_all", "_b", "byte", "_coef", "_cons", "double", "float", "if", "in", "int", "long", "_n", "_N", "_pi", "_pred", "_rc", "_skip", "using", "with", "strL", "_se",
                    "e", "r", "c", "s")

is_stata_name <- function(x) grepl("^[A-Za-z_][A-Za-z0-9_]{0,31}$", x) & !x %in% kStataReserved & !grepl("^str[0-9]+$", x)

# A legal name close to x that is not taken.
stata_name <- function(x, taken) {
  if (!is_stata_name(x)) x <- substr(gsub("^_+|_+$", "", gsub("[^A-Za-z0-9]+", "_", x)), 1, 28)
  if (!nzchar(x) || grepl("^[0-9]", x)) x <- paste0("v_", x)
  if (!is_stata_name(x)) x <- paste0(x, "_")
  if (!x %in% taken) return(x)
  tail <- 2
  while (paste0(substr(x, 1, 28), "_", tail) %in% taken) tail <- tail + 1
  paste0(substr(x, 1, 28), "_", tail)
}

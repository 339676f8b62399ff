# Every refusal, caution and note of the package goes through these three, so that callers can catch them by class.
# A message names the column in backticks, the count, and the cure.

new_condition <- function(kind, cause, parent, fmt, ..., call = NULL) {
  structure(
    class = c(paste0("miv_", kind, "_", cause), paste0("miv_", kind), parent, "condition"),
    list(message = sprintf(fmt, ...), call = call)
  )
}

abort_miv <- function(cause, fmt, ..., call = NULL) {
  stop(new_condition("error", cause, "error", fmt, ..., call = call))
}

warn_miv <- function(cause, fmt, ...) {
  warning(new_condition("warning", cause, "warning", fmt, ...))
}

# Silent under options(miv.quiet = TRUE): notes say what was chosen, never that something is wrong.
inform_miv <- function(cause, fmt, ...) {
  if (isTRUE(getOption("miv.quiet"))) return(invisible())
  message(new_condition("message", cause, "message", "%s\n", style_note(sprintf(fmt, ...))))
}

# In colours where cli is installed and the terminal has them: a sign in front, names in backticks.
style_note <- function(text) {
  if (!requireNamespace("cli", quietly = TRUE) || cli::num_ansi_colors() < 2) return(text)
  paste(cli::col_cyan(cli::symbol$info), gsub("(`[^`]+`)", cli::col_blue("\\1"), text))
}

# The choice with the fewest edits from x (case ignored), or NULL where nothing is near enough to be a slip.
nearest_name <- function(x, choices) {
  if (length(choices) == 0 || is.na(x)) return(NULL)
  edits <- drop(utils::adist(x, choices, ignore.case = TRUE))
  if (anyNA(edits)) return(NULL)
  best <- which.min(edits)
  allowed <- if (nchar(x) < 3) 1 else max(2, nchar(x) %/% 3)
  if (edits[best] <= allowed) choices[best] else NULL
}

# " Did you mean `prior`?", or the choices where few, or nothing.
suggest_name <- function(x, choices, show = 12) {
  near <- nearest_name(x, choices)
  if (!is.null(near)) return(sprintf(" Did you mean `%s`?", near))
  if (length(choices) == 0 || length(choices) > show) return("")
  sprintf(" Choose among %s.", quote_names(choices))
}

quote_names <- function(x, most = 12) {
  shown <- paste0("`", utils::head(x, most), "`", collapse = ", ")
  if (length(x) > most) sprintf("%s and %d more", shown, length(x) - most) else shown
}

check_choice <- function(x, choices, what) {
  if (is.character(x) && length(x) == 1 && x %in% choices) return(invisible(x))
  shown <- if (is.character(x) && length(x) == 1) x else deparse_one(x)
  abort_miv(paste0("unknown_", what), "`%s` is not a known %s.%s", shown, what, suggest_name(shown, choices))
}

deparse_one <- function(x) {
  text <- deparse(x, width.cutoff = 500L)
  if (length(text) > 1) paste(trimws(text), collapse = " ") else text
}

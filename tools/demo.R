# The main job on a survey file, step by step, as a user would type it:
#   Rscript tools/demo.R DATA=survey.csv BELIEF=posterior PRIOR=prior SIGNAL=15 ARM=treated OUTCOME=support
#     [CONTROLS="age + female | region"] [CLUSTER=village] [STRATA=district] [WEIGHTS=w] [EXPOSURE=sign] [OUT=figure.png]
# Roles are columns or expressions (PRIOR="log(prior)"). SIGNAL is a number, a column, or who was told what: SIGNAL="low = 74, high = 94".
# `make demo` passes the same words. Without DATA it writes the package's own simulated survey to a file and reads that.

known <- c("DATA", "BELIEF", "PRIOR", "SIGNAL", "ARM", "OUTCOME", "CONTROLS", "CLUSTER", "STRATA", "WEIGHTS", "EXPOSURE", "OUT")
required <- c("BELIEF", "PRIOR", "SIGNAL", "ARM", "OUTCOME")
own_survey <- list(BELIEF = "posterior", PRIOR = "prior", SIGNAL = "5", ARM = "told", OUTCOME = "pay_claim", CONTROLS = "age + female + college")

give_up <- function(...) {
  message(sprintf(...))
  quit(status = 1, save = "no")
}

# --- what was asked for -----------------------------------------------------------------------------------------------

read_settings <- function(arguments) {
  settings <- as.list(Sys.getenv(known))
  typed <- regmatches(arguments, regexpr("=", arguments), invert = TRUE)
  for (word in typed) {
    if (length(word) != 2 || !word[1] %in% known) give_up("`%s` is not one of %s (as in ARM=treated).", paste(word, collapse = "="), paste(known, collapse = ", "))
    settings[[word[1]]] <- word[2]
  }
  Filter(nzchar, settings)
}

write_own_survey <- function() {
  utils::data("inflation_survey", package = "miv", envir = environment())
  file <- file.path(tempdir(), "inflation_survey.csv")
  write.csv(get("inflation_survey"), file, row.names = FALSE)
  file
}

complete_settings <- function(settings) {
  if (is.null(settings$DATA)) {
    if (any(required %in% names(settings))) give_up("%s without DATA=: which file?", paste(intersect(required, names(settings)), collapse = ", "))
    return(c(DATA = write_own_survey(), settings[intersect(names(settings), c("EXPOSURE", "OUT"))], own_survey))
  }
  if (!file.exists(settings$DATA)) give_up("There is no file `%s`.", settings$DATA)
  missing <- setdiff(required, names(settings))
  if (length(missing)) give_up("Still to say: %s. The columns of `%s` are: %s.", paste0(missing, "=", collapse = " "), settings$DATA,
                               paste(names(eval(reading_call(settings$DATA))), collapse = ", "))
  settings
}

reading_call <- function(file) {
  if (grepl("[.]rds$", file, ignore.case = TRUE)) return(bquote(readRDS(.(file))))
  head <- readLines(file, 1, warn = FALSE)
  commas <- function(mark) lengths(regmatches(head, gregexpr(mark, head)))
  if (commas("\t") > commas(",")) return(bquote(read.delim(.(file))))
  if (commas(";") > commas(",")) return(bquote(read.csv2(.(file))))
  bquote(read.csv(.(file)))
}

role <- function(text) if (!is.null(text)) as.formula(paste("~", text))

signal_value <- function(text) { # "15", "signal" or "low = 74, high = 94"
  number <- suppressWarnings(as.numeric(text))
  if (!is.na(number)) return(number)
  if (!grepl("=", text)) return(role(text))
  named <- gsub("[[:space:]]*([^,=]*[^,=[:space:]])[[:space:]]*=", "`\\1` =", text) # levels such as 1 are no names to R
  entries <- as.list(str2lang(sprintf("list(%s)", named)))[-1]
  as.call(c(quote(list), lapply(entries, function(e) if (length(all.vars(e))) call("~", e) else eval(e))))
}

# --- how it is shown --------------------------------------------------------------------------------------------------

heading <- function(text) cat("\n", strrep("-", 4), " ", text, " ", strrep("-", max(4, 110 - nchar(text))), "\n\n", sep = "")

run <- function(call) { # the line as a user would type it, then what it says
  lines <- gsub("~(?=[[:alnum:].(])", "~ ", deparse(call, width.cutoff = 110), perl = TRUE)
  cat(paste0(c(">", rep("+", length(lines) - 1)), " ", lines), sep = "\n")
  withCallingHandlers(
    shown <- withVisible(eval(call, globalenv())),
    warning = function(w) { cat("Warning: ", conditionMessage(w), "\n", sep = ""); invokeRestart("muffleWarning") },
    message = function(m) { cat(conditionMessage(m)); invokeRestart("muffleMessage") }
  )
  if (shown$visible) {
    print(shown$value)
    cat("\n")
  }
  invisible(shown$value)
}

describe_call <- function(s) {
  roles <- list(belief = role(s$BELIEF), prior = role(s$PRIOR), signal = signal_value(s$SIGNAL), arm = role(s$ARM),
                cluster = role(s$CLUSTER), strata = role(s$STRATA), weights = role(s$WEIGHTS))
  as.call(c(quote(info_experiment), quote(survey), lapply(Filter(Negate(is.null), roles), as_typed)))
}

as_typed <- function(x) if (inherits(x, "formula")) call("~", x[[2]]) else x

fit_formula <- function(s) str2lang(paste(s$OUTCOME, "~", if (is.null(s$CONTROLS)) "1" else s$CONTROLS))

draw <- function(fit, out) {
  if (dir.exists(out)) out <- file.path(out, "miv-demo.png")
  vector <- grepl("[.]pdf$", out)
  if (!vector && !capabilities("png")) { out <- sub("[.]png$", ".pdf", out); vector <- TRUE }
  if (vector) pdf(out, width = 9, height = 5.6) else png(out, width = 1620, height = 1010, res = 180)
  on.exit(dev.off())
  drawn <- plot(fit)
  if (inherits(drawn, "ggplot")) print(drawn)
  out
}

# --- the job ----------------------------------------------------------------------------------------------------------

main <- function() {
  options(width = 120, digits = 4)
  suppressPackageStartupMessages(library(miv))
  s <- complete_settings(read_settings(commandArgs(TRUE)))
  exposure <- if (is.null(s$EXPOSURE)) "sign" else s$EXPOSURE
  heading("The survey")
  cat("> library(miv)\n")
  run(call("<-", quote(survey), reading_call(s$DATA)))
  heading("The experiment as the package understands it")
  run(call("<-", quote(experiment), describe_call(s)))
  run(quote(experiment))
  heading("The two sides of the signal, and how far the information moved each")
  run(quote(summary(experiment)))
  heading("The design, check by check")
  run(quote(audit(experiment)))
  heading("The estimate")
  run(call("<-", quote(fit), as.call(c(list(quote(miv), fit_formula(s), quote(experiment)), if (exposure != "sign") list(exposure = exposure)))))
  run(quote(summary(fit)))
  heading("Who carries the estimate")
  run(quote(effect_weights(fit)))
  heading("Every specification side by side")
  run(quote(compare_specs(fit)))
  heading("The figure")
  out <- draw(get("fit", globalenv()), if (is.null(s[["OUT"]])) "miv-demo.png" else s[["OUT"]])
  cat("> plot(fit)\nwritten to ", normalizePath(out), "\n", sep = "")
}

tryCatch(main(), error = function(e) give_up("%s", conditionMessage(e)))

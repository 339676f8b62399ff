# Survey exports: columns become what info_experiment() and formulas need, and every change is said and recorded.

#' An experiment from a survey export
#'
#' [info_experiment()] for data as survey software writes them: numbers as text, value labels, codes for missing values, header rows of Qualtrics.
#' Converts what must be converted,
#' says what it did column by column, and refuses what could be read in two ways.
#'
#' **Text** (Qualtrics and other CSV files). Spaces around an entry go; empty entries, `NA`, `N/A`, `.` and `-` are missing. `15%`, `$ 3.50`, `1,200`,
#' `1'200` and `-5` are numbers; the signs of percent and currency are dropped,
#' the number stays (15, not 0.15). What a comma or point means is decided for a column as a whole:
#' - an entry such as `3.5` or `1,200.50` shows decimal points, one such as `12,5` or `1.200,50` decimal commas. If both kinds occur the column is refused;
#' - if every comma stands before exactly three digits (`1,200`) and nothing else decides, commas are taken for thousands, and that is said. Points
#'   before three digits are decimal points, as in R, and where nothing else shows it that is said too;
#' - `decimal = ","` or `"."` decides for all columns.
#'
#' A column in which some entries have a percent sign, others lie between 0 and 1 without one, is refused; so are two currencies.
#'
#' **Which columns.** Belief, prior, signal, weights and probability must become numbers: an entry that is none (`about 10`) stops with its count and
#' examples, or is made missing with a warning under `unreadable = "missing"`. Every other text column
#' that is wholly numeric becomes numeric, since it may be a control later, unless its entries are labels: leading zeros (`01234`), more than 15 digits,
#' or a role as stratum or cluster. Columns of nothing but
#' Yes/No or TRUE/FALSE become logical. Other text stays; where at least four in five entries are numbers, a note shows those that are not.
#'
#' **Value labels** (`labelled` columns of haven for Stata, SPSS and SAS; the package haven itself is not needed). Values declared missing (`na_values`,
#' `na_range`, Stata's `.a` to `.z`) become missing. So do values whose label says so ("Don't know", "Refused", "Not applicable", ...): in numbers
#' always,
#' in categories only where the code is negative or made of nines (99, 998, ...), since "don't know" may be an answer like others. Then, with the values
#' that are left,
#' - belief, prior, signal, weights, probability, and whatever `numbers` names, keep their codes as numbers;
#' - arm, strata, clusters become factors if every value that occurs has a label; so does whatever `categories` names;
#' - any other column becomes a factor if every value that occurs has a label, but stays numeric if labels are missing for some (a scale labelled at its
#'   ends), if exactly two labels stand more than 1 apart (the ends, though nobody answered between them), or if at least half of the labels
#'   only repeat their codes.
#'
#' Levels stand in the order of their codes, so the arm with the smallest code is the base. A fully labelled scale (1 "disagree" to 5 "agree") becomes a
#' factor too: as outcome name it in `numbers`.
#'
#' **Qualtrics.** The two header rows below the names (question texts, and `{"ImportId": ...}`) are dropped; question texts stay as the attribute `label`
#' of the columns. Previews, unfinished answers and refused consent are counted in a note and stay in: leave them out by `subset =`.
#'
#' Dates, times, factors and numbers are left as they are (a factor in a numeric role is read as its text). Numeric roles in which a code such as -99 or
#' 999 lies apart from everything else give a warning; `missing_values = -99` makes it missing. Expressions in roles see the converted columns.
#'
#' @param data A data frame, or the path of a CSV file (UTF-8; commas, semicolons or tabs between columns). An experiment alone comes back as it is.
#' @param belief,prior,signal,arm,cluster,strata,weights,probability Roles, as in [info_experiment()].
#' @param ... The other arguments of [info_experiment()]: `base`, `units`, `direction`.
#' @param numbers,categories Columns with value labels that stay numbers, or become factors, against the rule: a one-sided formula (`~ trust + support`) or names.
#' @param missing_values Values that mean missing: numbers (however written in text) or text, for all columns; or a list of such named by column.
#' @param decimal `"."` or `","` for all text columns; `NULL` decides by column.
#' @param unreadable What becomes of entries of numeric roles that are no numbers: `"stop"`, or `"missing"`.
#' @return An `info_experiment`, with `$conversions` beside its fields: a data frame with one row per column that was changed: `column`, `role`, `from`,
#'   `to`, `count` (values that are there after), `missing` (values that were made
#'   missing) and `note`.
#' @section Errors: `miv_error_not_numeric` (entries of a numeric role that are no numbers), `miv_error_ambiguous_numbers` (decimal commas and points,
#'   two units), `miv_error_unknown_column`, `miv_error_not_a_data_frame`, `miv_error_no_file`, `miv_error_bad_file` (empty, not UTF-8, rows longer than the names, a
#'   quotation mark left open), `miv_error_bad_argument` (a list without names, a column in `numbers` and `categories`);
#'   those of [info_experiment()]. Warnings: `miv_warning_unreadable`, `miv_warning_missing_code`. Notes, silenced by `options(miv.quiet = TRUE)`:
#'   `miv_message_converted`, `miv_message_header_rows`, `miv_message_kept_text`, `miv_message_answers`.
#' @seealso [info_experiment()]
#' @examples
#' raw <- data.frame(arm = rep(c("Control", "Told"), 30),
#'                   prior = rep(c("5%", "12 %", " 7", "1", "20"), 12),
#'                   age = as.character(21:80))
#' told <- raw$arm == "Told"
#' prior <- as.numeric(sub("%", "", raw$prior))
#' raw$posterior <- format(prior + 0.5 * told * (10 - prior) + sin(1:60), digits = 3)
#' raw$posterior[8] <- ""
#' experiment <- as_experiment(raw, belief = ~ posterior, prior = ~ prior, signal = 10, arm = ~ arm)
#' experiment$conversions
#' @export
as_experiment <- function(data, belief, prior, signal, arm, cluster = NULL, strata = NULL, weights = NULL, probability = NULL, ..., numbers = NULL, categories = NULL, missing_values = NULL,
                          decimal = NULL, unreadable = "stop") {
  check_dots(dot_names(...), c(setdiff(names(formals(info_experiment)), c("data", "...")), setdiff(names(formals(as_experiment)), c("data", "..."))))
  call <- match.call()
  if (!missing(data) && is_experiment(data)) {
    if (length(call) == 2) return(data)
    abort_miv("roles_twice", "`data` is an experiment already; give the data frame it was made from.")
  }
  check_given(c(belief = missing(belief), prior = missing(prior), signal = missing(signal), arm = missing(arm)))
  export <- drop_header_rows(read_export(data))
  check_evaluates(list(belief = quote(belief), prior = quote(prior), signal = quote(signal), arm = quote(arm), cluster = quote(cluster), strata = quote(strata),
                       weights = quote(weights), probability = quote(probability)), export$data, environment())
  roles <- list(belief = belief, prior = prior, signal = signal, arm = arm, cluster = cluster, strata = strata, weights = weights, probability = probability)
  check_role_columns(roles, export$data)
  asked <- read_asked(export$data, roles, numbers, categories, missing_values, decimal, unreadable)
  converted <- convert_columns(export$data, asked)
  say_header_rows(export)
  say_conversions(converted)
  say_answers(converted$data)
  warn_missing_codes(converted$data, asked)
  data <- converted$data
  experiment <- do.call(info_experiment, c(list(data = quote(data)), Filter(Negate(is.null), roles), list(...)))
  experiment$call <- tidy_call(call)
  experiment$conversions <- converted$record
  experiment
}

# ---- what was handed over ----

read_export <- function(data) {
  if (is.character(data) && length(data) == 1) data <- read_file(data)
  check_data(data)
  keep_frame(data)
}

read_file <- function(path) {
  if (!file.exists(path)) abort_miv("no_file", "There is no file `%s`; give a data frame or the path of a CSV file.", path)
  if (dir.exists(path)) abort_miv("no_file", "`%s` is a folder; give the path of a CSV file in it.", path)
  if (file.size(path) == 0) abort_miv("bad_file", "`%s` is empty.", basename(path))
  kind <- tolower(sub("^.*[.]", "", path))
  reader <- c(dta = "haven::read_dta", sav = "haven::read_sav", sas7bdat = "haven::read_sas", rds = "readRDS", xlsx = "readxl::read_excel")
  if (kind %in% names(reader)) abort_miv("no_file", "`%s` is no CSV file; read it first, `as_experiment(%s(\"%s\"), ...)`.", basename(path), reader[[kind]], basename(path))
  sep <- separator_of(path)
  check_file(path, sep)
  open_quote <- function(w) {
    if (grepl("EOF within quoted", conditionMessage(w))) abort_miv("bad_file", "In `%s` a quotation mark is opened and never closed, so that rows would run together; close it, or read the file yourself.", basename(path))
  }
  withCallingHandlers(utils::read.csv(path, sep = sep, colClasses = "character", check.names = FALSE, na.strings = character(), fileEncoding = "UTF-8-BOM", stringsAsFactors = FALSE), warning = open_quote)
}

# read.csv() ends at bytes that are not UTF-8, breaks longer rows in two, and takes a first column without a name for names of rows.
check_file <- function(path, sep) {
  bytes <- readBin(path, "raw", min(4, file.size(path)))
  if (any(bytes == 0) || any(!validUTF8(readLines(path, warn = FALSE)))) abort_miv("bad_file", "`%s` is not in UTF-8; save it as CSV UTF-8, or read it yourself, `read.csv(..., fileEncoding = \"latin1\")`.", basename(path))
  fields <- utils::count.fields(path, sep, quote = "\"", comment.char = "")
  first <- fields[!is.na(fields)][1]                                       # NA: lines within an entry
  longer <- which(fields > first)
  if (length(longer)) abort_miv("bad_file", "%s row%s of `%s` %s more columns than the %d names (line %d has %d); look for marks inside entries that are not quoted.", big_number(length(longer)), plural(length(longer)),
                                basename(path), if (length(longer) == 1) "has" else "have", first, longer[1], fields[longer[1]])
  invisible(path)
}

# The mark that stands most often in the line of names.
separator_of <- function(path) {
  marks <- c(",", ";", "\t")
  line <- readLines(path, n = 1, warn = FALSE)
  marks[which.max(vapply(marks, function(mark) lengths(regmatches(line, gregexpr(mark, line, fixed = TRUE))), 0L))]
}

kImportId <- "^\\s*\\{\\s*[\"']{1,2}ImportId"

# The row of import ids is the last of the header rows; the one before it has the question texts.
drop_header_rows <- function(data) {
  at <- Find(function(i) is_import_row(data, i), seq_len(min(3, nrow(data))))
  if (is.null(at)) return(list(data = data, dropped = 0L))
  texts <- if (at > 1) vapply(data, function(x) text_at(x, at - 1L), "")
  data <- data[-seq_len(at), , drop = FALSE]
  if (nrow(data) == 0) abort_miv("empty_data", "`data` has header rows of Qualtrics and no answers.")
  attr(data, "row.names") <- .set_row_names(nrow(data))
  for (name in names(data)) data[[name]] <- with_label(if (is.factor(data[[name]])) as.character(data[[name]]) else data[[name]], texts[[name]])
  list(data = data, dropped = at)
}

text_at <- function(x, i) if (is.character(x) || is.factor(x)) as.character(x)[i] else ""

is_import_row <- function(data, i) {
  row <- vapply(data, text_at, "", i = i)
  row <- row[!is.na(row) & nzchar(row)]
  length(row) > 0 && mean(grepl(kImportId, row)) >= 0.5
}

with_label <- function(x, label) {
  if (length(label) == 1 && !is.na(label) && nzchar(label)) attr(x, "label") <- as.character(label)
  x
}

# ---- what was asked for ----

kNumericRoles <- c("belief", "prior", "signal", "weights", "probability")

# list(use: role by column, "" where none; numbers, categories: columns; missing: function of the column's name; decimal; unreadable)
read_asked <- function(data, roles, numbers, categories, missing_values, decimal, unreadable) {
  check_choice(unreadable, c("stop", "missing"), "unreadable")
  if (!is.null(decimal)) check_choice(decimal, c(".", ","), "decimal")
  named <- if (is.list(missing_values)) names(missing_values)
  if (is.list(missing_values) && (is.null(named) || any(!nzchar(named)))) abort_miv("bad_argument", "A list of `missing_values` is named by column, `list(age = -99)`; a vector is for all columns.")
  for (name in named) check_column(name, data)
  both <- intersect(asked_columns(numbers, "numbers", data), asked_columns(categories, "categories", data))
  if (length(both)) abort_miv("bad_argument", "`%s` is named in `numbers` and in `categories`; it can be one of the two.", both[1])
  list(use = column_uses(roles, data), numbers = asked_columns(numbers, "numbers", data), categories = asked_columns(categories, "categories", data),
       missing = function(name) if (is.list(missing_values)) missing_values[[name]] else missing_values, decimal = decimal, unreadable = unreadable)
}

asked_columns <- function(spec, name, data) {
  if (is.null(spec)) return(character())
  found <- if (is_formula(spec)) all.vars(spec) else spec
  if (!is.character(found)) abort_miv("bad_role", "`%s` is of class `%s`; give a one-sided formula (`~ a + b`) or column names.", name, class(spec)[1])
  for (column in found) check_column(column, data)
  found
}

# A column in several roles counts for the first; numeric roles come first.
column_uses <- function(roles, data) {
  use <- stats::setNames(rep("", ncol(data)), names(data))
  for (role in rev(c(kNumericRoles, "arm", "strata", "cluster"))) use[intersect(role_columns(roles[[role]]), names(data))] <- role
  use
}

# Misspelt columns are found before anything is converted.
check_role_columns <- function(roles, data) {
  for (spec in roles) {
    if (is.character(spec)) for (column in spec) check_column(column, data)
    if (is_formula(spec) && length(spec) == 2 && is.symbol(spec[[2]])) check_symbol(new_role(spec[[2]], data, role_env(spec)), data)
  }
  invisible(roles)
}

role_columns <- function(spec) {
  if (is_formula(spec)) return(all.vars(spec))
  if (is.list(spec)) return(unlist(lapply(spec, role_columns)))
  if (is.character(spec)) spec else character()
}

# ---- column by column ----

# list(data, record)
convert_columns <- function(data, asked) {
  changes <- Map(function(i, name) convert_column(data[[i]], name, asked), seq_along(data), names(data))     # by place: names may stand twice
  for (i in seq_along(changes)) if (!is.null(changes[[i]]$value)) data[[i]] <- changes[[i]]$value
  record <- do.call(rbind, c(list(empty_record()), lapply(unname(changes), `[[`, "record")))
  list(data = data, record = record)
}

empty_record <- function() data.frame(column = character(), role = character(), from = character(), to = character(), count = integer(), missing = integer(), note = character())

# NULL where nothing is to be done; else list(value, record).
convert_column <- function(x, name, asked) {
  if (is.list(x) || !is.null(dim(x)) || inherits(x, c("Date", "POSIXt", "difftime", "integer64"))) return(NULL)
  use <- asked$use[[name]]
  found <- if (is_labelled(x)) convert_labelled(x, name, use, asked)
           else if (is.character(x) || (is.factor(x) && use %in% kNumericRoles)) convert_text(as.character(x), name, use, asked)
           else drop_missing_values(x, asked$missing(name))
  if (is.null(found)) return(NULL)
  value <- with_label(found$value, attr(x, "label", exact = TRUE))
  if (identical(value, x)) return(NULL)
  lost <- sum(is.na(value)) - sum(is.na(unclass(x)))
  list(value = value, record = data.frame(column = name, role = use, from = kind_of_column(x), to = kind_of_column(value), count = sum(!is.na(value)), missing = lost + found_tagged(found),
                                          note = paste(found$note, collapse = "; ")))
}

found_tagged <- function(found) if (is.null(found$tagged)) 0L else found$tagged

kind_of_column <- function(x) {
  if (is_labelled(x)) return("labels")
  if (is.factor(x)) "factor" else if (is.logical(x)) "logical" else if (is.numeric(x)) "number" else "text"
}

# Of numbers, factors and logicals: what the user says is missing.
drop_missing_values <- function(x, values) {
  if (length(values) == 0) return(NULL)
  gone <- if (is.numeric(x)) x %in% suppressWarnings(as.numeric(values)) else as.character(x) %in% as.character(values)
  gone <- gone & !is.na(x)
  if (!any(gone)) return(NULL)
  x[gone] <- NA
  list(value = x, note = "values that mean missing")
}

# ---- words ----

say_header_rows <- function(export) {
  if (export$dropped == 0) return(invisible())
  inform_miv("header_rows", "%d header row%s of a Qualtrics export dropped%s.", export$dropped, plural(export$dropped), if (export$dropped > 1) "; the question texts are kept as the columns' labels" else "")
}

kMostSaid <- 15

say_conversions <- function(converted) {
  record <- converted$record
  if (nrow(record) == 0) return(invisible())
  record <- record[order(!nzchar(record$role)), ]
  lines <- conversion_lines(utils::head(record, kMostSaid))
  more <- if (nrow(record) > kMostSaid) sprintf("\n  and %d more", nrow(record) - kMostSaid) else ""
  inform_miv("converted", "%s", sprintf("%d column%s converted (`$conversions` of the experiment lists all):\n%s%s", nrow(record), plural(nrow(record)), paste(lines, collapse = "\n"), more))
}

conversion_lines <- function(record) {
  name <- sprintf("`%s`%s", record$column, ifelse(nzchar(record$role), sprintf(" (%s)", record$role), ""))
  how <- ifelse(record$from == record$to, record$to, sprintf("%s to %s", record$from, record$to))
  lost <- ifelse(record$missing > 0, sprintf(", %s made missing", vapply(record$missing, big_number, "")), "")
  sprintf("  %s  %s, %s values%s%s", format(name), how, vapply(record$count, big_number, ""), lost, ifelse(nzchar(record$note), sprintf("; %s", record$note), ""))
}

# Answers that many would leave out, counted.
say_answers <- function(data) {
  said <- c(count_answers(data, "Status", function(x) x %in% c("Survey Preview", "Preview", "1", "Spam", "8"), "are previews or spam (`%s`)"),
            count_answers(data, "DistributionChannel", function(x) tolower(x) == "preview", "are previews (`%s`)"),
            count_answers(data, "Finished", function(x) toupper(x) %in% c("FALSE", "0", "NO"), "are unfinished (`%s`)"),
            count_answers(data, "Progress", function(x) suppressWarnings(as.numeric(x)) < 100, "have less than 100 percent of the questions (`%s`)"),
            unlist(lapply(grep("consent", names(data), ignore.case = TRUE, value = TRUE), function(name) count_answers(data, name, is_refusal, "gave no consent (`%s`)"))))
  if (length(said)) inform_miv("answers", "Of %s rows %s. They are kept; leave them out by `subset =` of miv().", big_number(nrow(data)), paste(said, collapse = ", "))
}

is_refusal <- function(x) grepl("^(no\\b|false$|0$|i do not|disagree|refus)", tolower(x))

count_answers <- function(data, name, is, words) {
  if (!name %in% names(data)) return(NULL)
  n <- sum(is(as.character(data[[name]])), na.rm = TRUE)
  if (n == 0) return(NULL)
  sprintf("%s %s", big_number(n), sprintf(words, name))
}

# A code is further from the others than they are spread; a negative one among values that are none is apart however near.
lies_apart <- function(code, others) {
  if (code < 0 && min(others) >= 0) return(TRUE)
  width <- max(others) - min(others)
  if (code < 0) code < min(others) - max(width, 1) else code > max(others) + max(width, abs(max(others)))
}

kMissingCodes <- c(-9, -77, -88, -97, -98, -99, -997, -998, -999, -9999, 99, 999, 9999, 99999)

# Codes that lie apart from every other value of a numeric role.
warn_missing_codes <- function(data, asked) {
  for (name in names(asked$use)[asked$use %in% kNumericRoles]) {
    x <- data[[name]]
    if (!is.numeric(x)) next
    others <- x[is.finite(x) & !x %in% kMissingCodes]
    if (length(others) == 0) next
    codes <- Filter(function(code) any(x == code, na.rm = TRUE) && lies_apart(code, others), kMissingCodes)
    for (code in codes) {
      warn_miv("missing_code", "`%s` (%s) has %s value%s of %s, apart from all others (%s to %s); if it means missing give `missing_values = %s`.", name, asked$use[[name]], big_number(sum(x == code, na.rm = TRUE)),
               plural(sum(x == code, na.rm = TRUE)), number_label(code), format(min(others)), format(max(others)), number_label(code))
    }
  }
}

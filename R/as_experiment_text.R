# Text as numbers. What commas and points mean is decided for a column as a whole.

kBlankWords <- c("", "na", "n/a", "#n/a", "nan", ".", "-", "--", "null")

kYes <- c("yes", "true")
kNo <- c("no", "false")

# list(value, note), or NULL where the text stays as it is.
convert_text <- function(text, name, use, asked) {
  plain <- trimws(text, whitespace = "[\\h\\v]")
  plain[tolower(plain) %in% kBlankWords | means_missing(plain, asked$missing(name), asked$decimal)] <- NA
  if (use %in% c("strata", "cluster")) return(list(value = plain))
  seen <- unique(plain[!is.na(plain)])
  if (length(seen) == 0) return(list(value = plain))
  if (all(tolower(seen) %in% c(kYes, kNo))) return(yes_or_no(plain, use))
  if (!use %in% kNumericRoles && use != "arm" && is_code(seen)) return(list(value = plain))
  read <- read_numbers(seen, asked$decimal)
  if (use %in% kNumericRoles) return(numeric_role(plain, seen, read, name, use, asked$unreadable))
  if (!is.null(read$trouble)) return(kept_as_text(text, plain, sprintf("`%s` stays text: %s.", name, read$trouble)))
  odd <- is.na(read$value)
  if (!any(odd)) return(list(value = read$value[match(plain, seen)], note = read$note))
  numeric <- mean(plain[!is.na(plain)] %in% seen[!odd])
  if (use != "arm" && numeric >= 0.8) return(kept_as_text(text, plain, sprintf("`%s` stays text: %s are not numbers, %s.", name, of_entries(plain, seen[odd]), examples_of(seen[odd]))))
  list(value = plain)
}

# Numbers are told by their value: -99 is "-99.0" too.
means_missing <- function(plain, values, decimal) {
  if (length(values) == 0) return(logical(length(plain)))
  numbers <- suppressWarnings(as.numeric(values))
  seen <- unique(plain[!is.na(plain)])
  read <- read_numbers(seen, decimal)$value
  if (is.null(read)) read <- suppressWarnings(as.numeric(seen))
  plain %in% c(as.character(values), seen[read %in% numbers[!is.na(numbers)]])
}

# Blanks still become missing; a column that is not changed at all is only spoken of.
kept_as_text <- function(text, plain, words) {
  inform_miv("kept_text", "%s", words)
  if (identical(text, plain)) NULL else list(value = plain)
}

yes_or_no <- function(plain, use) {
  value <- tolower(plain) %in% kYes
  value[is.na(plain)] <- NA
  if (use %in% kNumericRoles) list(value = as.numeric(value), note = "1 for yes, 0 for no") else list(value = value)
}

# Entries that name something: 01234, or more digits than a number can hold.
is_code <- function(seen) any(grepl("^0[0-9]", seen)) || any(grepl("^[0-9]{16,}$", seen))

numeric_role <- function(plain, seen, read, name, use, unreadable) {
  if (!is.null(read$trouble)) abort_miv("ambiguous_numbers", "`%s` (%s) cannot be read as numbers: %s.", name, use, read$trouble)
  odd <- seen[is.na(read$value)]
  value <- read$value[match(plain, seen)]
  if (length(odd) == 0) return(list(value = value, note = read$note))
  if (unreadable == "stop") {
    abort_miv("not_numeric", "`%s` (%s): %s are not numbers, %s. Recode them, name those that mean missing in `missing_values`, or make all such missing by `unreadable = \"missing\"`.",
              name, use, of_entries(plain, odd), examples_of(odd))
  }
  warn_miv("unreadable", "`%s` (%s): %s are not numbers and are made missing, %s.", name, use, of_entries(plain, odd), examples_of(odd))
  list(value = value, note = c(read$note, sprintf("not numbers: %s", examples_of(odd))))
}

of_entries <- function(plain, odd) sprintf("%s of %s entries", big_number(sum(plain %in% odd)), big_number(sum(!is.na(plain))))

examples_of <- function(odd) sprintf("such as %s", quote_names(shorten(odd, 30), 3))

# ---- reading ----

kCurrency <- "US\\$|\\$|\u00a3|\u20ac|\u00a5|USD|EUR|GBP|CHF"

# seen: entries, trimmed. list(value: NA where it is no number; note) or list(trouble: why the column as a whole cannot be read).
read_numbers <- function(seen, decimal = NULL) {
  bare <- gsub("[\u2212\u2013]", "-", gsub("[\u00a0\u202f\u2009]", " ", seen))
  percent <- grepl("(%|percent|per cent|pct[.]?)$", bare, ignore.case = TRUE)
  bare <- sub("\\s*(%|percent|per cent|pct[.]?)$", "", bare, ignore.case = TRUE)
  currency <- currency_of(bare)
  bare <- trimws(gsub(sprintf("^([-+]?)\\s*(%s)\\s*|\\s*(%s)$", kCurrency, kCurrency), "\\1", bare))
  bare <- sub("^([-+])\\s+", "\\1", bare)
  bare <- ungroup(ungroup(bare, " "), "'")
  like <- grepl("^[-+]?([0-9][0-9.,]*|[.,][0-9]+)([eE][-+]?[0-9]+)?$", bare) & !grepl(",$", bare)
  mark <- decimal_mark(bare[like], seen[like], decimal)
  if (!is.null(mark$trouble)) return(mark)
  value <- rep(NA_real_, length(seen))
  value[like] <- number_with(bare[like], mark$mark)
  value[is.infinite(value)] <- NA                                          # 1e400 is more than a number can hold
  trouble <- unit_trouble(value, seen, percent, currency)
  if (!is.null(trouble)) return(list(trouble = trouble))
  list(value = value, note = c(mark$note, if (any(percent & like)) "percent signs dropped", if (any(nzchar(currency) & like)) "currency signs dropped"))
}

currency_of <- function(bare) {
  at <- regexpr(kCurrency, bare)
  out <- rep("", length(bare))
  out[at > 0] <- regmatches(bare, at)
  signs <- c("US$" = "$", USD = "$", EUR = "\u20ac", GBP = "\u00a3")
  ifelse(out %in% names(signs), signs[out], out)
}

# Thousands told apart by a mark that cannot be anything else.
ungroup <- function(bare, mark) {
  grouped <- grepl(sprintf("^[-+]?[0-9]{1,3}(%s[0-9]{3})+([.,][0-9]+)?$", mark), bare)
  bare[grouped] <- gsub(mark, "", bare[grouped], fixed = TRUE)
  bare
}

# Which entries show what: point and comma as decimal marks, and those that could be either.
decimal_mark <- function(bare, seen, decimal) {
  if (!is.null(decimal)) return(list(mark = decimal))
  digits <- sub("[eE].*$", "", sub("^[-+]", "", bare))
  shows <- function(mark, other) {
    last <- grepl(sprintf("^[0-9]*[%s][0-9]*$", mark), digits) & !grepl(sprintf("^[1-9][0-9]{0,2}[%s][0-9]{3}$", mark), digits)      # one mark, and not before three digits; or the other one between thousands
    last | grepl(sprintf("^[0-9]{1,3}([%s][0-9]{3})+[%s][0-9]+$", other, mark), digits) | grepl(sprintf("^[0-9]{1,3}([%s][0-9]{3}){2,}$", other), digits)
  }
  point <- shows(".", ",")
  comma <- shows(",", ".")
  open_comma <- grepl("^[1-9][0-9]{0,2},[0-9]{3}$", digits)
  open_point <- grepl("^[1-9][0-9]{0,2}[.][0-9]{3}$", digits)
  if (any(point) && any(comma)) return(two_marks(seen, point, comma))
  if (!any(point) && !any(comma) && any(open_comma) && any(open_point)) return(two_marks(seen, open_point, open_comma))
  if (any(comma)) return(list(mark = ",", note = "decimal commas"))
  list(mark = ".", note = if (any(open_comma)) "commas taken for thousands" else if (any(open_point) && !any(point)) "points before three digits taken for decimal points")
}

two_marks <- function(seen, point, comma) {
  list(trouble = sprintf("some entries have a decimal point or a thousands comma (%s), others a decimal comma or a thousands point (%s); recode one kind, or say which by `decimal = \".\"` or `\",\"`",
                         quote_names(seen[point], 3), quote_names(seen[comma], 3)))
}

# NA where thousands are not groups of three.
number_with <- function(bare, mark) {
  group <- if (mark == ".") "," else "[.]"
  own <- if (mark == ".") "[.]" else ","
  exponent <- "([eE][-+]?[0-9]+)?$"
  fits <- grepl(sprintf("^[-+]?[0-9]{1,3}(%s[0-9]{3})+(%s[0-9]*)?%s", group, own, exponent), bare) | grepl(sprintf("^[-+]?[0-9]*%s?[0-9]*%s", own, exponent), bare)
  bare <- sub(own, "\u0001", gsub(group, "", bare))
  suppressWarnings(ifelse(fits, as.numeric(sub("\u0001", ".", bare, fixed = TRUE)), NA_real_))
}

unit_trouble <- function(value, seen, percent, currency) {
  plain <- !is.na(value) & !percent & value != 0
  signed <- !is.na(value) & percent
  if (any(signed) && any(plain) && all(abs(value[plain]) <= 1) && any(abs(value[signed]) > 1)) {
    return(sprintf("some entries have a percent sign (%s), others have none and lie between 0 and 1 (%s), so that 0.15 may be 15%%; recode one kind", quote_names(seen[signed], 3), quote_names(seen[plain], 3)))
  }
  kinds <- setdiff(unique(currency[!is.na(value)]), "")
  if (length(kinds) > 1) return(sprintf("%d currencies occur (%s); convert to one", length(kinds), quote_names(kinds)))
  NULL
}

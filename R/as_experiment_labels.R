# Columns with value labels, as haven reads them. The class is attributes only, so that haven itself is not needed.

# Hmisc's "labelled" may be a factor, which has no value labels.
is_labelled <- function(x) {
  !is.factor(x) && (inherits(x, c("haven_labelled", "labelled")) || (!is.null(attr(x, "labels", exact = TRUE)) && !is.null(names(attr(x, "labels", exact = TRUE)))))
}

# list(value, note, tagged)
convert_labelled <- function(x, name, use, asked) {
  labels <- attr(x, "labels", exact = TRUE)
  values <- as.vector(unclass(x))
  declared <- declared_missing(values, attr(x, "na_values", exact = TRUE), attr(x, "na_range", exact = TRUE), asked$missing(name))
  tagged <- count_tagged(values)
  values[declared] <- NA
  if (is.numeric(values)) values <- as.numeric(values)                     # tags go
  values[is.na(values)] <- NA
  codes <- unname(labels[!is.na(labels)])
  words <- trimws(names(labels)[!is.na(labels)])
  note <- c(if (any(declared)) sprintf("%s declared missing", big_number(sum(declared))), if (tagged > 0) sprintf("%s missing with a reason (.a to .z)", big_number(tagged)))
  if (is.character(values)) return(labelled_text(values, codes, words, name, use, asked, note))
  worded <- codes[says_missing(words)]
  coded <- worded[is_missing_code(worded, setdiff(codes, worded))]
  category <- is_category(values, codes, words, coded, use, name, asked)
  gone <- values %in% (if (category) coded else worded) & !is.na(values)
  if (any(gone)) note <- c(note, sprintf("%s with a label that means missing (%s)", big_number(sum(gone)), quote_names(unique(words[match(unique(values[gone]), codes)]), 3)))
  values[gone] <- NA
  keep <- if (category) !codes %in% coded else !logical(length(codes))
  if (category) list(value = as_categories(values, codes[keep], words[keep]), note = note, tagged = tagged)
  else list(value = values, note = c(note, number_note(values, codes, worded, use)), tagged = tagged)
}

declared_missing <- function(values, na_values, na_range, named) {
  out <- values %in% na_values | values %in% if (is.numeric(values)) suppressWarnings(as.numeric(named)) else as.character(named)
  if (length(na_range) == 2) out <- out | (values >= na_range[1] & values <= na_range[2])
  out & !is.na(values)
}

# Stata's .a to .z are missing values with a letter in their fifth byte.
count_tagged <- function(values) {
  if (!is.double(values)) return(0L)
  gone <- values[is.na(values) & !is.nan(values)]
  if (length(gone) == 0) return(0L)
  sum(matrix(writeBin(gone, raw(), endian = "little"), 8)[5, ] != 0)
}

kMissingWords <- paste0("^\\W*(don.?t know|do not know|dk|dk/na|no answer|no response|not answered|unanswered|refus|prefer not|rather not|not applicable|inapplicable|n/?a\\b|missing|skipped|not asked|not stated|unknown|",
                        "no opinion|can.?t say|cannot say|wei(ss|\u00df) nicht|keine angabe|no sabe|no contesta|ne sait pas|sans r)")

says_missing <- function(words) grepl(kMissingWords, words, ignore.case = TRUE)

# Below 0, or nines beyond the other codes.
is_missing_code <- function(codes, others) {
  nines <- grepl("^9+[0-9]$", number_label(codes))
  codes < 0 | (nines & codes > max(c(others, -Inf)))
}

# Whether numbers with labels are categories.
is_category <- function(values, codes, words, coded, use, name, asked) {
  if (use %in% kNumericRoles || name %in% asked$numbers) return(FALSE)
  if (name %in% asked$categories) return(TRUE)
  seen <- unique(values[!is.na(values) & !values %in% coded])
  codes_left <- codes[!codes %in% coded]
  if (length(codes_left) < 2 || !all(seen %in% codes_left)) return(FALSE)
  if (use %in% c("arm", "strata", "cluster")) return(TRUE)
  if (length(codes_left) == 2 && abs(diff(codes_left)) > 1) return(FALSE)
  repeated <- words[!codes %in% coded] == number_label(codes_left)
  mean(repeated) < 0.5
}

as_categories <- function(values, codes, words) {
  order <- order(codes)
  codes <- codes[order]
  words <- words[order]
  words[!nzchar(words)] <- number_label(codes[!nzchar(words)])
  twice <- words %in% words[duplicated(words)]
  words[twice] <- sprintf("%s (%s)", words[twice], number_label(codes[twice]))
  extra <- sort(setdiff(unique(values[!is.na(values)]), codes))            # `categories` may have values without a label
  all <- c(codes, extra)
  factor(values, sort(all), c(words, number_label(extra))[order(all)])
}

number_note <- function(values, codes, worded, use) {
  left <- setdiff(codes, worded)
  seen <- unique(values[!is.na(values)])
  if (use %in% kNumericRoles || length(left) == 0) return(NULL)
  if (!all(seen %in% left)) return("labels do not cover all values")
  if (length(left) == 2 && abs(diff(left)) > 1) return("two labels, read as the ends of a scale; `categories = ` makes a factor")
  NULL
}

labelled_text <- function(values, codes, words, name, use, asked, note) {
  plain <- trimws(values)
  plain[!is.na(plain) & !nzchar(plain)] <- NA
  seen <- unique(plain[!is.na(plain)])
  if (!use %in% kNumericRoles && length(seen) && all(seen %in% codes)) return(list(value = factor(plain, codes, make.unique(words)), note = note))
  found <- convert_text(plain, name, use, asked)
  if (is.null(found)) list(value = plain, note = note) else list(value = found$value, note = c(note, found$note))
}

# A role as haven read it, with numbers that its labels call missing: they would count as answers.
warn_labelled <- function(x, label, kind) {
  if (is.null(attributes(x)) || !is_labelled(x) || !is.numeric(unclass(x))) return(invisible(x))
  values <- as.vector(unclass(x))
  labels <- attr(x, "labels", exact = TRUE)
  called <- declared_missing(values, attr(x, "na_values", exact = TRUE), attr(x, "na_range", exact = TRUE), NULL) | values %in% unname(labels)[says_missing(trimws(names(labels)))]
  called <- called & !is.na(values)
  if (!any(called)) return(invisible(x))
  warn_miv("labelled_missing", "`%s` (%s) has %s value%s that its labels call missing (%s), and they count as numbers; read the data with as_experiment(), which makes them missing.",
           label, kind, big_number(sum(called)), plural(sum(called)), quote_names(number_label(sort(unique(values[called]))), 3))
}

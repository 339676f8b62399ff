# What the tests against other people's numbers share.

shared_csv <- function(name, ...) utils::read.csv(shared_file(name), ...)

quietly <- function(x) suppressMessages(suppressWarnings(x))

# Largest relative error; absolute where 0 is wanted. Inf where a number is missing.
largest_error <- function(got, want) {
  got <- as.numeric(got)
  want <- as.numeric(want)
  stopifnot(length(got) == length(want), length(want) > 0)
  if (anyNA(got)) return(Inf)
  max(ifelse(want == 0, abs(got), abs(got - want) / abs(want)))
}

expect_close <- function(got, want, tolerance, label = NULL) {
  label <- if (is.null(label)) deparse(substitute(got))[1] else label
  if (length(got) != length(want)) return(testthat::fail(sprintf("%s: %d numbers for %d wanted", label, length(got), length(want))))
  error <- largest_error(got, want)
  testthat::expect(
    error <= tolerance,
    sprintf("%s: relative error %.1e, allowed %.0e (got %s, want %s)", label, error, tolerance, shown_numbers(got), shown_numbers(want))
  )
}

shown_numbers <- function(x) paste(utils::head(format(as.numeric(x), digits = 12), 4), collapse = " ")

# Half a unit of the last digit in a printed number, and a hair for the digit that was rounded.
printed_half_unit <- function(text) {
  mantissa <- sub("[eE].*$", "", text)
  power <- ifelse(grepl("[eE]", text), suppressWarnings(as.numeric(sub("^.*[eE]", "", text))), 0)
  decimals <- ifelse(grepl(".", mantissa, fixed = TRUE), nchar(sub("^[^.]*[.]", "", mantissa)), 0)
  0.5001 * 10^(power - decimals)
}

# want: text as printed. Every number agrees to the last digit printed.
expect_as_printed <- function(got, want, label, allowed = printed_half_unit(want)) {
  off <- abs(as.numeric(got) - as.numeric(want))
  testthat::expect(
    length(got) == length(want) && all(is.finite(off)) && all(off <= allowed),
    sprintf("%s: got %s, printed %s", label, shown_numbers(got[!(off <= allowed)]), paste(utils::head(want[!(off <= allowed)], 4), collapse = " "))
  )
}

std_errors <- function(fit, ...) sqrt(diag(stats::vcov(fit, ...)))

# Estimate and standard error of the first coefficient.
first_two <- function(fit, ...) c(stats::coef(fit)[[1]], std_errors(fit, ...)[[1]])

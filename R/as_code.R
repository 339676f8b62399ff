# as_code(): a fit as the lines that another program needs, from the raw data frame to the estimate. What is to be said stands in a plan
# (as_code_plan.R), as R expressions; as_code_fixest.R and as_code_stata.R put it into words.

kCodeLanguages <- c("stata", "fixest")

#' The same fit as Stata or fixest lines
#'
#' Every line that a referee needs who does not have this package: from the raw data frame, arm, gap, side, instrument and level controls; the
#' people in the fit; the regression; the same standard errors.
#'
#' @details
#' **What the lines do.** They evaluate what the experiment and the formula say (numbers and functions of yours that a formula used are
#' written out), keep the complete people, stop if their number is not that of the fit, build instruments and level controls, and estimate.
#' Shares for centring are taken among the people kept, weighted where the fit is. Controls that the fit dropped as collinear are left out.
#' Names for new columns are chosen beside those of the data.
#'
#' **`"fixest"`** (0.13 or newer). The value of the last line is the fixest object, so `eval(parse(text = code))` gives it; the belief's
#' row is `fit_<belief>`. The small-sample options are written out, so `setFixest_ssc()` changes nothing. `"HC2"`, `"HC3"`, `"CR2"` and
#' `"CR3"` do not exist there for instrumental variables: the lines take them from least squares on the first stage's fit, with the
#' residuals of two-stage least squares (by sandwich where there are weights and no effects, and the last two by clubSandwich), and hand the matrix to
#' `summary()`. Degrees of freedom of t are fixest's, under CR2 not Satterthwaite's.
#'
#' **`"stata"`** (14 or newer; under `"CR2"` 18 or newer). The data go there as a text file, written by the R lines in the comment at the
#' top; with a `.dta` file start behind `import`. Commands are Stata's own, `ivregress 2sls` above all. The conventions: `small` divides by n - k
#' and uses t; with `vce(robust)` it is HC1, without it HC0; `vce(cluster g)` with `small` has G/(G-1) (n-1)/(n-k). Fixed effects enter as
#' dummies, `i.region`; where Stata counts other coefficients than the fit (effects within clusters, several effects), and for several ways of
#' clustering, the last lines display the fit's standard error. `"HC2"` and `"HC3"` come from `regress` on the first stage's fit.
#' Weights are `aweight`s. Columns whose names Stata does not take are renamed. What has no counterpart there
#' is computed in the R lines, with a warning: R functions, columns with empty text (missing in Stata), and gaps that are 0 only in the 15 digits
#' of the text file, or only in R.
#'
#' A covariance given as a function or a matrix becomes HC1, with a warning and a comment.
#'
#' @param fit A fit of [miv()] or [tsls()], also a [first_stage()], [reduced_form()] or [ols()]. Of several outcomes (`miv_set`) every
#'   fit's lines stand one after the other; in fixest the last value is then the list of the fits.
#' @param language `"stata"` or `"fixest"`.
#' @param data Name of the raw data frame, a string; for Stata also that of the file. `NULL`: the name in the call of [info_experiment()],
#'   [miv()] or [tsls()], or `data`, with a comment, where that was not a name.
#' @param ... Nothing: misspelt arguments are refused.
#' @return A character vector of class `miv_code`, one element per line: `print()` shows it, `writeLines(code, "fit.do")` saves it, and
#'   `parse(text = code)` reads the fixest lines.
#' @section Errors:
#' `miv_error_unknown_language`, `miv_error_bad_data_name`, `miv_error_not_a_fit`; `miv_error_not_self_contained` where the formula uses an
#' object of yours that is too long to write out (add it to the data as a column); `miv_error_no_counterpart` where the other program has
#' no such covariance: `scores = "heterogeneous"` in an over-identified fit, and in Stata CR3 and CR2 with weights or with effects within the clusters. Warnings:
#' `miv_warning_computed_in_r`, `miv_warning_covariance`, and `miv_warning_negative_variance` where the fit mended a covariance over several ways of
#' clustering and the Stata lines cannot.
#' @source Conventions: reference results of Stata 13's `ivregress`, and fixest 0.14, which the tests run. The Stata lines are run by the
#'   tests through an interpreter of the commands used, not by Stata; `vce(hc2 village, dfadjust)` is as Stata's pages describe it.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age | region, experiment)
#' as_code(fit, "fixest")
#' code <- as_code(fit, "stata")
#' code
#' writeLines(code, file.path(tempdir(), "fit.do"))
#' @export
as_code <- function(fit, language, data = NULL, ...) UseMethod("as_code")

#' @rdname as_code
#' @export
as_code.default <- function(fit, language, data = NULL, ...) {
  abort_miv("not_a_fit", "`fit` is of class `%s`; give a fit of `miv()` or `tsls()`.", class(fit)[1])
}

#' @rdname as_code
#' @export
as_code.miv <- function(fit, language, data = NULL, ...) {
  check_dots(dot_names(...), c("language", "data"))
  check_language(language)
  new_code(code_lines(fit, language, data), language)
}

#' @rdname as_code
#' @export
as_code.miv_set <- function(fit, language, data = NULL, ...) {
  check_dots(dot_names(...), c("language", "data"))
  check_language(language)
  blocks <- lapply(names(fit), function(name) c(code_lines(fit[[name]], language, data, name), ""))
  lines <- unlist(blocks)
  if (language == "fixest") lines <- c("fits <- list()", "", lines, "fits")
  new_code(lines, language)
}

# name: of the fit in a list of several, or NULL.
code_lines <- function(fit, language, data, name = NULL) {
  plan <- read_plan(fit, code_data_name(fit, data))
  if (language == "stata") stata_lines(plan) else fixest_lines(plan, name)
}

new_code <- function(lines, language) structure(lines, class = "miv_code", language = language)

#' @export
print.miv_code <- function(x, ...) {
  language <- attr(x, "language")
  file <- if (language == "stata") "fit.do" else "fit.R"
  cat(sprintf("Code for %s, %d lines; `writeLines(x, \"%s\")` saves it.\n\n", if (language == "stata") "Stata" else "fixest", length(x), file))
  cat(unclass(x), sep = "\n")
  invisible(x)
}

check_language <- function(language) {
  if (missing(language)) abort_miv("unknown_language", "`language` is missing; choose among %s.", quote_names(kCodeLanguages))
  check_choice(language, kCodeLanguages, "language")
}

# ---- the data's name ----

# list(name, said): said is what stood in the call where that was not a name.
code_data_name <- function(fit, data) {
  if (!is.null(data)) return(list(name = check_data_name(data), said = NULL))
  called <- data_in_call(fit)
  if (is.symbol(called) && make.names(as.character(called)) == as.character(called)) return(list(name = as.character(called), said = NULL))
  list(name = "data", said = deparse_one(called))
}

check_data_name <- function(data) {
  if (is.character(data) && length(data) == 1 && !is.na(data) && make.names(data) == data) return(data)
  abort_miv("bad_data_name", "`data` is `%s`; give the name of the raw data frame as a string, such as \"survey\".", deparse_one(data))
}

# Roles handed to miv() make the experiment by do.call(), where the call holds the function itself and the data have no name.
data_in_call <- function(fit) {
  experiment <- fit$experiment$call
  if (is.null(experiment) || is.function(experiment[[1]])) fit$call$data else experiment$data
}

# miv_report(): checks, the page's contents in order, and the rendering. What a section says stands in report_sections.R and
# report_methods.R, how it is written in HTML in report_html.R, its figures in report_figures.R, the page in inst/report.

#' A report of a fit as one HTML page
#'
#' Everything a co-author or referee asks of a fit on one page that can be sent by mail: what was shown to whom and who is left out, the checks
#' of the design, the
#' estimates with first stage, reduced form and least squares beside them, who carries the estimate, the other specifications, inference that
#' does not rest on a strong
#' first stage, a methods section with references and assumptions to start the paper's from, and the versions and calls that made it.
#'
#' The page is one file: no scripts, and nothing is loaded from elsewhere. Figures are drawings inside it, light or dark as the reader's system
#' is, and everything fits a
#' phone (wide tables scroll in their own box) and prints.
#'
#' Every number is that of a verb: [print][info_experiment()] and [summary()][summary.info_experiment] of the experiment, [audit()],
#' [summary()][summary.miv], [tidy()][tidy.miv],
#' [glance()][tidy.miv], [first_stage()], [reduced_form()], [ols()], [effect_weights()], [compare_specs()], [anderson_rubin()], [iv_tests()],
#' [resample()]. Cells of tables hold all
#' digits of their number in the attribute `data-value`. Where a verb refuses the fit (several beliefs have no effect weights, a fit of [tsls()]
#' knows no design) its reason stands
#' on the page in words, and its warnings and notes stand where they arose.
#'
#' Draws (those of the negative weight's interval, and of `resample` where it names schemes) start from `seed`, and R's own random numbers are
#' left alone: two reports of one
#' fit by the same versions differ in their date only.
#'
#' The page of a fit of two thousand people takes about a second, that of a hundred thousand about four. A bar shows how far it is (see `miv.progress`
#' in [miv-package]).
#'
#' @param fit A fit of [miv()] or [tsls()], or several outcomes at once (`miv_set`): they share one page.
#' @param file Where to write: a path ending in `.html` (which is added where there is no ending), in a folder that exists. An existing file of
#'   that name is replaced, and nothing else is written outside
#'   of R's temporary folder.
#' @param ... Nothing: misspelt arguments are refused.
#' @param title Of the page, in place of the one made from the fit.
#' @param resample Draws to show: `NULL` for none, a result of [resample()] or a list of such results of this fit (for several outcomes a list
#'   named by outcome), or names of schemes, such as
#'   `c("wild", "permutation")`, to be drawn now with 9,999 draws.
#' @param level Of the intervals, between 0 and 1.
#' @param seed A whole number for the draws, or `NULL` for one from R's generator.
#' @return The path of the file, invisibly.
#' @section Errors: Of class `miv_error`: `needs_rmarkdown` and `needs_pandoc` where these are missing, with what to install; `bad_file` (no
#'   path, or another ending than `.html`),
#'     `no_folder` and `cannot_write`; `not_a_fit`; `bad_resample` (not draws, or those of another fit), `unknown_scheme`; `bad_level`,
#'   `bad_seed`, `unknown_argument`.
#' @source The page follows what Vilfort and Zhang (2025), *AER: Insights* 7(3), 376-395 (arXiv:2309.04793), and Haaland, Roth and Wohlfart
#'   (2023), *Journal of Economic
#'   Literature* 61(1), 3-40, ask of such experiments. Each page lists the references of what it shows.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age + female, experiment)
#' if (requireNamespace("rmarkdown", quietly = TRUE) && rmarkdown::pandoc_available("2.0")) {
#'   page <- miv_report(fit, file = tempfile(fileext = ".html"))
#'   file.size(page)
#' }
#' @export
miv_report <- function(fit, file = "fit.html", ..., title = NULL, resample = NULL, level = 0.95, seed = 1) {
  check_dots(dot_names(...), setdiff(names(formals()), "..."))
  file <- with_ending(file)
  check_report(fit, file, title, level)
  page <- new_page(fit, title, resample, level, seed)
  check_renders()
  page$progress <- new_progress("Report")
  on.exit(page$progress$close())
  write_page(with_seed(1, render_page(page)), file)   # whatever rmarkdown draws, R's generator is left as it was
}

# ---- checks ----

check_report <- function(fit, file, title, level) {
  if (!inherits(fit, c("miv", "miv_set"))) {
    abort_miv("not_a_fit", "`fit` is of class `%s`; give a fit of `miv()` or `tsls()`.", class(fit)[1])
  }
  check_report_file(file)
  if (!is.null(title) && !is_string(title)) abort_miv("bad_argument", "`title` is `%s`; it must be one text.", deparse_one(title))
  check_level(level, "level")
}

is_string <- function(x) is.character(x) && length(x) == 1 && !is.na(x) && nzchar(x)

with_ending <- function(file) {
  bare <- is_string(file) && !grepl("[.]", basename(file)) && !dir.exists(file)
  if (bare) paste0(file, ".html") else file
}

check_report_file <- function(file) {
  if (!is_string(file)) abort_miv("bad_file", "`file` is `%s`; give a path such as \"fit.html\".", deparse_one(file))
  if (!grepl("[.]html?$", file, ignore.case = TRUE)) {
    abort_miv("bad_file", "`file` is `%s`; the report is an HTML page, so let it end in .html.", file)
  }
  if (!dir.exists(dirname(file))) {
    abort_miv("no_folder", "The folder `%s` of `%s` does not exist; make it by dir.create().", dirname(file), basename(file))
  }
  if (dir.exists(file)) abort_miv("bad_file", "`%s` is a folder; give the path of a file in it.", file)
}

check_renders <- function(rmarkdown = has_rmarkdown(), pandoc = pandoc_here()) {
  if (!rmarkdown) abort_miv("needs_rmarkdown", "miv_report() needs the package rmarkdown; `install.packages(\"rmarkdown\")`.")
  if (!is.null(pandoc) && pandoc >= "2.0") return(invisible(pandoc))
  abort_miv("needs_pandoc", paste("miv_report() needs pandoc 2.0 or newer, which %s; it comes with RStudio,",
                                  "or install it from pandoc.org, by `sudo apt install pandoc` or the like."),
            if (is.null(pandoc)) "was not found" else sprintf("is here as %s", pandoc))
}

has_rmarkdown <- function() requireNamespace("rmarkdown", quietly = TRUE)

pandoc_here <- function() if (rmarkdown::pandoc_available()) rmarkdown::pandoc_version()

# ---- contents ----

# Everything the sections need. `fits`: one fit per outcome; `draws`: of each, a list of results of resample() or names of schemes.
new_page <- function(fit, title, resample, level, seed) {
  fits <- if (inherits(fit, "miv_set")) unclass(fit) else list(fit)
  list(fits = fits, set = if (inherits(fit, "miv_set")) fit, title = if (is.null(title)) page_title(fit) else title, level = level,
       seed = take_seed(seed), draws = page_draws(resample, fits), sections = sections_of(fits[[1]]))
}

# Nobody knows the design of a fit of tsls(), and least squares has no instruments; the first section says so.
sections_of <- function(fit) {
  without <- c(if (!knows_design(fit)) c("audit", "weights", "specifications"), if (length(fit$beliefs) == 0) "inference")
  kPageSections[setdiff(names(kPageSections), without)]
}

page_title <- function(fit) {
  if (inherits(fit, "miv_set")) return(set_title(fit))
  if (length(fit$beliefs) == 0) return(fit_title(fit))
  sprintf("Effect of %s on %s", and_names(fit$beliefs), quote_names(deparse_one(fit$formula[[2]])))
}

page_draws <- function(resample, fits) {
  if (is.null(resample)) return(lapply(fits, function(fit) list()))
  if (is.character(resample) && length(resample)) {
    for (scheme in resample) check_scheme(scheme)
    return(lapply(fits, function(fit) as.list(resample)))
  }
  if (inherits(resample, "miv_resample")) resample <- list(resample)
  if (!is.list(resample)) stop_resample(sprintf("`resample` is `%s`", deparse_one(resample)))
  by_outcome <- length(names(fits)) > 0 && length(names(resample)) > 0 && all(names(resample) %in% names(fits))
  draws <- if (by_outcome) lapply(names(fits), function(name) results_of(resample[[name]])) else rep(list(resample), length(fits))
  Map(check_results, draws, fits)
}

results_of <- function(x) if (is.null(x)) list() else if (inherits(x, "miv_resample")) list(x) else x

check_results <- function(draws, fit) {
  if (!all(vapply(draws, inherits, NA, what = "miv_resample"))) stop_resample("`resample` holds something else than draws")
  if (!all(vapply(draws, is_of_fit, NA, fit = fit))) stop_resample("`resample` holds draws of another fit")
  draws
}

is_of_fit <- function(draws, fit) isTRUE(all.equal(draws$estimate, fit$coefficients[names(draws$estimate)]))

stop_resample <- function(what) {
  abort_miv("bad_resample", "%s; give `resample(fit, ...)`, a list of such results, or names of schemes among %s.", what, quote_names(kSchemes))
}

# ---- rendering ----

# Path of the page in the temporary folder. The template's chunks see `page` and the package's functions.
render_page <- function(page) {
  folder <- tempfile("miv-report-")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  file.copy(system.file("report", "report.Rmd", package = "miv"), folder)
  fill_template(page, folder)
  frame <- new.env(parent = topenv())
  frame$page <- page
  out <- leaving_options(rmarkdown::render(
    file.path(folder, "report.Rmd"), page_format(file.path(folder, "page.html")), output_file = "report.html", output_dir = folder,
    intermediates_dir = folder, knit_root_dir = folder, envir = frame, quiet = TRUE))
  kept <- tempfile(fileext = ".html")
  file.copy(out, kept)
  kept
}

# The title goes in here: on pandoc's command line it would pass through the system's encoding.
fill_template <- function(page, folder) {
  template <- readLines(system.file("report", "page.html", package = "miv"), encoding = "UTF-8")
  title <- gsub("$", "$$", plain_text(no_ticks(page$title)), fixed = TRUE)
  writeLines(sub("PAGETITLE", title, template, fixed = TRUE), file.path(folder, "page.html"), useBytes = TRUE)
}

page_format <- function(template) {
  chunks <- list(echo = FALSE, results = "asis", fig.keep = "none", cache = FALSE, error = FALSE)
  arguments <- c("--standalone", "--template", template)
  rmarkdown::output_format(knitr = rmarkdown::knitr_options(opts_chunk = chunks),
                           pandoc = rmarkdown::pandoc_options(to = "html5", from = "markdown-smart", args = arguments, ext = ".html"))
}

# The user's options come back whatever rendering sets. Chunk labels may be those of a document being knitted, and drawings need points.
leaving_options <- function(code) {
  before <- options()
  on.exit({
    after <- options()
    added <- setdiff(names(after), names(before))
    options(stats::setNames(vector("list", length(added)), added))
    options(before)
  })
  options(knitr.duplicate.label = "allow", OutDec = ".", scipen = 0, digits = 7)
  code
}

write_page <- function(made, file) {
  on.exit(unlink(made))
  if (!isTRUE(suppressWarnings(file.copy(made, file, overwrite = TRUE)))) {
    abort_miv("cannot_write", "`%s` cannot be written; is it open elsewhere, or the folder read-only?", file)
  }
  if (interactive()) inform_miv("report", "The report is in `%s` (%s kB).", file, big_number(ceiling(file.size(file) / 1000)))
  invisible(file)
}

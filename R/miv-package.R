#' miv: belief effects from information experiments
#'
#' @description
#' Some people are shown a number, others not (or another one); all say what they believe and then act. A person's *belief effect* is how much the
#' outcome changes per unit of the person's own belief, over the stretch the information moved it. Every two-stage least squares specification of
#' such an experiment estimates a weighted mean of these effects, with weights that its instrument decides, and some specifications count people
#' negatively. The default here, the mover instrument (arm times the side of the signal on which the prior lies), weighs people by how far they move
#' and counts nobody negatively as long as people move toward the signal.
#'
#' @section Verbs:
#' | verb | does |
#' |:---|:---|
#' | [info_experiment()] | says which columns hold belief, prior, signal and arm; checks, counts, prints what it understood |
#' | [summary()][summary.info_experiment] of an experiment | the first stage side by side |
#' | [as_experiment()] | the same for survey exports: Qualtrics files, value labels, numbers as text; says what it converted |
#' | [miv()] | the estimate: outcome on controls and fixed effects, by exposure; several outcomes by `c(y1, y2) ~ x`, subgroups by `by =` |
#' | [tsls()] | any two-stage least squares; least squares without instruments |
#' | [summary()][summary.miv], [plot()][plot.miv] | the estimate with its first stage and a sentence on the weights; the two sides as a figure |
#' | [tidy()][tidy.miv], [glance()][tidy.miv], [augment()][tidy.miv] | data frames by coefficient, fit and person |
#' | [effect_weights()], [outcome_weights()] | who carries the estimate, and whether anybody counts negatively; for other packages' fits too |
#' | [compare_specs()], [what_if()] | every specification on one sample; assumptions that fail a little |
#' | [audit()] | checks of the design, each with a word |
#' | [first_stage()], [reduced_form()], [ols()] | ordinary fits on the same people, with the same covariance |
#' | [anderson_rubin()] | the effects that data with a weak first stage do not reject |
#' | [resample()] | bootstrap (pairs, Bayesian, wild) and randomisation inference: draws, interval, p value |
#' | [c()][miv_set], [adjust_p()], [equal_effects()] | several fits as one table; p values of several effects together (Romano-Wolf, Holm); the test that subgroups have the same effect |
#' | [iv_tests()] | strength of the first stage, over-identification, endogeneity, equal effects on the two sides |
#' | `vcov()`, [CR()] | another covariance after the fit; clusters |
#' | [miv_report()] | one HTML page of a fit, for a co-author: design, checks, table, weights, inference, a methods text |
#' | [as_code()] | the same fit as lines of Stata or fixest, from the raw data, for a referee |
#' | [other_packages] | tables, tidiers and post-estimation of other packages: the calls, and which standard errors they show |
#' | [simulate_experiment()], [inflation_survey] | experiments whose belief effects are known |
#'
#' Fits also answer `coef()`, `confint()`, `nobs()`, `residuals()`, `fitted()`, `predict()`, `update()`, `formula()`, `model.frame()`,
#' `model.matrix()`, `hatvalues()`, `sigma()`, `weights()`, and sandwich's `estfun()` and `bread()`.
#'
#' @section Options:
#' | option | default | does |
#' |:---|:---|:---|
#' | `miv.threads` | 2 | threads of the compiled core; the digits do not depend on it |
#' | `miv.quiet` | `FALSE` | `TRUE` silences notes (what was chosen: the base of a text arm, collinear controls); never errors and warnings; with cli and a terminal that has colours, notes are coloured |
#' | `miv.blas` | `FALSE` | `TRUE` sends the products of pairs and Bayesian draws to R's BLAS, through Armadillo; the draws then agree to 1e-10 instead of to the last digit |
#' | `miv.memory` | 512 | megabytes that weights and cross-products of [resample()] may take; digits do not depend on it |
#' | `miv.progress` | `TRUE` | `FALSE` hides the bars of [resample()], [adjust_p()], [audit()], [compare_specs()] and [miv_report()]; they show after two seconds in an interactive R with cli |
#' | `miv.ggplot2` | `TRUE` | `FALSE` draws with base graphics even where ggplot2 is installed |
#'
#' @section At load time:
#' Nothing is changed outside the package, and no other package is loaded. Methods for other packages wait in R's own table of methods. Two packages leave no
#' such way; for each of them one thing is added, at the moment when both packages are loaded, and nothing is taken away:
#'
#' - marginaleffects: `"miv"` joins the model classes in its option `marginaleffects_model_classes`;
#' - texreg: its S4 generic `extract()` gets a method for fits.
#'
#' What goes into which package, and with which standard errors, is listed in [other_packages].
#'
#' @section Case:
#' Names of columns, arms and choices (`exposure`, `vcov`, `scheme`, ...) are case sensitive, as R's own are; a slip is answered with the nearest name.
#'
#' @section Conditions:
#' Every refusal is of class `miv_error` and `miv_error_<cause>`, every caution `miv_warning` and `miv_warning_<cause>`, every note `miv_message`
#' and `miv_message_<cause>`, so that `tryCatch()` can tell them apart.
#'
#' @name miv-package
#' @docType package
#' @keywords internal
#' @useDynLib miv, .registration = TRUE
#' @importFrom Rcpp evalCpp
#' @importFrom generics tidy glance augment
NULL

# What happens when the package is loaded: two settings for packages that leave no other way, each made only where that package is loaded, and each
# only adding. Everything else is an S3 method that R registers when the generic's package is loaded.

#' Fits in other packages
#'
#' A fit of [miv()] or [tsls()] goes into the tools below as it is; each shows the fit's own covariance unless it is asked for another one.
#'
#' | package | calls | covariance |
#' |:---|:---|:---|
#' | broom | `tidy()`, `glance()`, `augment()` | `vcov =` as in [miv()] |
#' | modelsummary | `modelsummary(list(ols(fit), first_stage(fit), reduced_form(fit), fit))` | `vcov =`, see below |
#' | sandwich | `vcovHC()`, `vcovCL()`, `vcovBS()` ([draws of resample()][vcovBS.miv]) | |
#' | clubSandwich | `vcovCR()`, `coef_test()`, with `cluster =` labels of the people kept | |
#' | lmtest | `coeftest()`, `coefci()`, `waldtest()` | `vcov. =` a matrix, function, type, formula, [CR()] |
#' | car | `linearHypothesis()`, `deltaMethod()`, `Anova()` | `vcov. =` a matrix or function |
#' | marginaleffects | `avg_slopes()`, `avg_comparisons()`, `avg_predictions()`, `hypotheses()` | `vcov =` a type (`"HC0"` to `"HC3"`), matrix, cluster formula |
#' | insight, parameters, performance | `model_parameters()`, `get_data()`, `find_formula()`, ... | `vcov =` as in [miv()]; `vcov_args` for sandwich's |
#' | emmeans | `emmeans()`, `emtrends()`, `contrast()` | `vcov. =` as in [miv()] |
#' | texreg | `screenreg()`, `texreg()`, `htmlreg()` | `vcov =` as in [miv()], given to `extract()` |
#' | gtsummary | `tbl_regression()` | `tidy_fun = function(x, ...) tidy(x, vcov = "HC3", ...)` |
#' | stargazer | `stargazer(lmtest::coeftest(fit))` | that of `coeftest()` |
#' | fixest | `coeftable()`; `etable()` takes fixest's own fits only | |
#' | knitr | a fit at the end of a chunk: [knit_print] | |
#'
#' `tools/peers.md` in the sources has the numbers of every route beside ours; the guide "Tables and post-estimation" shows them at work.
#'
#' @section What to know:
#' - **t or normal.** Degrees of freedom are n - k; with clusters the smallest G - 1; under CR2 Satterthwaite's. broom, parameters, modelsummary, lmtest,
#'   emmeans, texreg and gtsummary take them from the fit. car's F tests have n - k, and marginaleffects the normal distribution:
#'   `avg_slopes(fit, df = fit$df_inference)`.
#'   A covariance that comes as a matrix or function has n - k everywhere, except where it is the fit's own.
#' - **modelsummary's `vcov`** is a type (`"HC1"`), a matrix, a function, a cluster formula, or a named list of these. For CR2 and the like write
#'   `vcov = function(x) vcov(x, CR(~ village, "CR2"))`.
#' - **R2.** ours is ivreg's, about the mean with the outcome's own residuals; `fixest::etable()` shows that of its second stage, another number.
#' - **modelsummary's `~ village`** is `sandwich::vcovCL()` with its default, HC0 times G / (G - 1): not CR1, which has (n - 1) / (n - k) besides. For CR1 write
#'   `vcov = function(x) vcov(x, ~ village)`, or fit with it: `update(fit, vcov = ~ village)`.
#' - **modelsummary's `"iid"`** (`"classical"`, ...) means the errors that a model has, whatever they are; for a fit with others a warning
#'   (`miv_warning_mislabelled_errors`) says so.
#'   `vcov = list("CR1 by village" = vcov(fit))` labels the fit's own,
#'   `vcov = list("iid" = vcov(fit, "iid"))` gives the others.
#' - **Rows below the table** (First-stage F, 95% AR set) are those of the fit's covariance. Where modelsummary shows another one, a row "F and AR set under"
#'   names it; `update(fit, vcov = )` changes all of them together.
#' - **Absorbed effects.** sandwich counts the coefficients shown only, so its HC1 is smaller than ours by (n - k) / (n - k shown); parameters, modelsummary and
#'   marginaleffects get ours for `"HC1"`. Levels of predictions have no complete standard error then: emmeans refuses, marginaleffects comes with a warning
#'   (`miv_warning_absorbed_effects`); write the effects as `factor()`. Slopes and comparisons are right.
#' - **marginaleffects** differentiates numerically: its errors agree to about six digits, and to ten with `numderiv = list("fdcenter", eps = 0.1)`.
#' - **easystats.** `insight::is_model_supported()` knows a closed list of classes and says `FALSE`; `compare_parameters()` takes what
#'   `model_parameters()` returns.
#' - **Several outcomes.** A `miv_set` is a list of fits: `modelsummary(unclass(fits))`, `texreg::screenreg(unclass(fits))`.
#' - **etable.** `eval(parse(text = as_code(fit, "fixest")))` makes the same fit with fixest, from the raw data (`data =` where its name in the call is
#'   that of an experiment), for `etable()`.
#' @name other_packages
NULL

.onLoad <- function(libname, pkgname) {
  when_loaded("marginaleffects", add_model_class)
  when_loaded("texreg", set_texreg_method)
}

# Now where the package is there already, and whenever it is loaded later.
when_loaded <- function(package, action) {
  setHook(packageEvent(package, "onLoad"), action)
  if (isNamespaceLoaded(package)) action()
}

# marginaleffects refuses a class that is not in its option; classes that are there stay.
add_model_class <- function(...) {
  option <- "marginaleffects_model_classes"
  options(stats::setNames(list(union(getOption(option), "miv")), option))
}

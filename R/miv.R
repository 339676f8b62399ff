#' Effect of beliefs on an outcome, by mover instrumental variables
#'
#' How much one more unit of a belief changes what people do, from an experiment that moved beliefs by information. Two-stage least squares with the
#' arm times a function of the gap as instrument; by default its sign (the mover instrument), which gives nobody a negative weight as long as people
#' move toward the signal.
#'
#' **The estimand.** Person i has a belief \eqn{X_i(a)} in arm a and an outcome \eqn{Y_i = G_i(X_i)}, on which information acts through the belief
#' alone. The update is \eqn{dX_i = X_i(a) - X_i(base)}, and the belief effect \eqn{b_i = [G_i(X_i(a)) - G_i(X_i(base))] / dX_i} is the slope of the
#' person's own outcome over the stretch the person moved. Every specification here estimates a weighted mean of belief effects,
#' \deqn{\beta = \sum_i w_i b_i, \qquad w_i \propto p_i (1 - p_i)\, g_i\, dX_i,}{beta = sum_i w_i b_i, w_i proportional to p_i (1 - p_i) g_i dX_i,}
#' with p the probability of the informed arm and \eqn{g_i} how far the fitted instrument moves with the arm. They differ in g, and so in whose
#' effect counts. The weights are not equal: who moves little counts little, and who is not moved does not count.
#'
#' **Exposures.** With T = 1 in the informed arm, the gap (signal minus prior; in an active design, minus the base arm's signal) and its sign, the
#' side s:
#'
#' | `exposure` | instruments | level controls added | g | weights |
#' |:---|:---|:---|:---|:---|
#' | `"sign"` | T s | dummies of the side | s | abs(dX): never negative when people move toward the signal |
#' | `"sign"`, arm controlled | T s | dummies of the side, T | s - mean(s) | never negative then; the two sides are re-weighted |
#' | `"gap"` | T gap | gap | gap | abs(gap) abs(dX): never negative then, but large prior errors weigh more |
#' | `"gap"`, arm controlled | T gap | gap, T | gap - mean(gap) | negative for gaps between 0 and their mean |
#' | `"arm"` | T | none | 1 | dX: negative for whoever moves against the average |
#' | `"arm+gap"` | T, T gap | gap | pi1 + pi2 gap (first-stage coefficients) | negative where the gap and pi1 + pi2 gap differ in sign |
#' | `"arm+sign"` | T at s = -1, T at s = +1 | dummies of the side | mean move of the side | never negative if each side moves toward the signal on average |
#' | function h | T h(gap) | h(gap) | h(gap) | never negative where h(gap) has the gap's sign |
#'
#' "People move toward the signal" means \eqn{gap_i\, dX_i \ge 0}{gap_i dX_i >= 0} for everybody; linear learning with a rate between 0 and 1 is one
#' model of it, which the package never needs. People at gap 0 cannot be predicted to move and carry no weight under `"sign"` and `"gap"`. The side
#' comes from the *reported* prior: a misreported one puts people near gap 0 on the wrong side, and some negative weight returns (reliability 0.8:
#' 14 percent of people, 5.6 percent of the weight; 0.5: 20 percent of the weight).
#'
#' The level of the exposure must be a control: without it the estimator is inconsistent, not only oddly weighted. It is always added, first among
#' the controls, and [summary()][summary.miv] names it. `arm_control = TRUE` allows being told as such to have an effect, the same for everybody.
#'
#' **Unequal shares.** With strata the arm enters the instrument less its share in the stratum, (T - p) h(gap), and effects of the strata are
#' absorbed. Known probabilities of [info_experiment()] take the place of shares. Shares are those of the people in the fit, weighted.
#'
#' **Several informed arms** against one base have one pooled instrument, \eqn{\sum_a (T_a - p_a) h(gap_{ia})}{sum_a (T_a - p_a) h(gap_ia)}, with
#' every pattern of sides among the controls (h(gap) of every arm under `"gap"` or a function). `pool = FALSE` gives one instrument per arm, which
#' is more precise but guarantees nothing about weights.
#'
#' @section Missing rows:
#' One rule over every column used: a person is in the fit when belief, prior, signal, arm, weights, strata and clusters of the experiment, the
#' outcome, the controls, the fixed effects and the cluster variables of `vcov` are all there, `subset` is `TRUE` and the weight is positive.
#' `summary()` counts who is left out, by cause; `fit$na.action` lists the rows. Infinite values are refused, never dropped. Whoever is alone in a
#' level of an absorbed effect stays in, as in Stata's areg and with dummies; fixest and reghdfe leave them out, which changes n in HC1 and CR1
#' (`fixef.rm = "none"` there keeps them). Of several outcomes each has its own complete people.
#'
#' @section Subgroups:
#' `by =` fits every group by itself: each fit is the one that `subset = ` the group would give, with its own complete people, shares for centring, clusters and dropped
#' controls. The list is named `female = 0`, `female = 1` (`pay_claim, female = 0` where there are several outcomes too). Rows without a value of `by` are in no group; a note
#' counts them. A group that cannot be estimated (everybody in one arm, too few rows) is left out with the warning `miv_warning_group_left_out`, which names it, counts its rows and says
#' why; if none can, `miv_error_no_group`. Numbers of few values make groups as they are; cut others into ranges. [equal_effects()], also printed by `summary()`, tests whether the effect is
#' the same in all groups.
#'
#' @section Standard errors and degrees of freedom:
#' n people with positive weight, k coefficients with absorbed effects counted (all their levels less one per further factor), G clusters, e = Y - X
#' b the residual, \eqn{\hat x_i}{xhat_i} the regressors with the belief replaced by its first-stage fit.
#'
#' - `"iid"`: \eqn{\sum e^2 / (n - k)}{sum(e^2) / (n - k)}. `"HC0"`: no factor. `"HC1"`: times n / (n - k). `"HC2"`, `"HC3"`: \eqn{e_i^2} divided by \eqn{1 -
#'   h_i} or its square, where h is the leverage of the second stage, that of \eqn{\hat x_i}{xhat_i}.
#' - Clusters (`~ village`, or [CR()] for the type): `"CR0"` without a factor, `"CR1"` with G / (G - 1) (n - 1) / (n - k), `"CR2"` and `"CR3"` with the
#'   residuals of each cluster freed of the second stage's leverage, for few clusters. Below 40 clusters `summary()` gives CR2 beside CR1. Effects nested in a
#'   cluster count in k only as the constant. With several cluster variables (`~ village + wave`) one common factor with the smallest G; if the sum
#'   of their parts is not positive definite, negative eigenvalues are set to 0, with a warning. Clusters are never inferred from fixed effects.
#' - t and intervals: n - k degrees of freedom, the smallest G - 1 when clustered, Satterthwaite's for each coefficient under CR2. The first-stage F has the same covariance, with n less the first
#'   stage's coefficients (or G - 1) in the denominator.
#'
#' These are the conventions of fixest and of Stata's reghdfe and `ivregress, small`. They differ elsewhere: `ivregress` without `small` uses no
#' factor at all (divides by n, no G / (G - 1)) and the normal distribution; `sandwich::vcovCL()` gives every cluster variable its own G / (G - 1),
#' and knows nothing of absorbed effects in k.
#'
#' `scores = "heterogeneous"` replaces the score \eqn{\hat x_i e_i}{xhat_i e_i} by \eqn{\hat x_i e_i + (x_i - \hat x_i)(P_Z e)_i}{xhat_i e_i + (x_i
#' - xhat_i) (P_Z e)_i}, P_Z the projection on instruments and controls, which stays valid when belief effects differ (Maasoumi and Phillips 1982;
#' Lee 2018). The two agree when there are as many instruments as beliefs; otherwise `summary()` prints both.
#'
#' Integer weights give the coefficients of repeated rows; n still counts rows.
#'
#' @param formula `outcome ~ controls | fixed effects`. The outcome is numeric, or `c(y1, y2)` for several. Controls are as in [lm()] (factors,
#'   interactions, `I()`, splines; no `.` and no `offset()`), `1` for none. Fixed effects are absorbed: `fe1 + fe2`, `a^b` for combinations; more
#'   than one needs the package fixest. The belief, the instrument and the level controls are not written: the experiment knows them.
#' @param data An experiment, from [info_experiment()], or a data frame with one row per person, with the roles in the dots.
#' @param exposure `"sign"`, `"gap"`, `"arm"`, `"arm+gap"`, `"arm+sign"`, or a function of the gap: given the numeric vector of gaps (in units of
#'   the prior, one per row), it returns as many finite numbers. `"gap"`, `"arm+gap"` and functions need a belief in the prior's units.
#' @param ... Roles, where `data` is a data frame: `belief`, `prior`, `signal`, `arm` and the other arguments of [info_experiment()]. Anything else
#'   is refused, with the nearest name.
#' @param arm_control `TRUE` adds a dummy of each informed arm to the controls.
#' @param pool With several informed arms: one pooled instrument (`TRUE`), or one per arm.
#' @param vcov Covariance: `"iid"`, `"HC0"` to `"HC3"`, a one-sided formula of clusters, [CR()], a function of the fit that returns a k x k matrix,
#'   or that matrix, in the order of `coef()`. `NULL`: `"CR1"` by the experiment's cluster if it has one, else `"HC1"`. It can be changed later:
#'   `summary(fit, vcov = )`, `vcov(fit, "HC3")`.
#' @param scores `"usual"`, or `"heterogeneous"`, valid when effects differ: see the section on standard errors.
#' @param by Subgroups: a one-sided formula (`~ female`, `~ cut(age, 3)`; `~ female + region` for crossed cells) or column names as strings. One fit for each group, as a
#'   [miv_set].
#' @param subset Expression in the columns of `data`, `TRUE` for the rows to use.
#' @param na.action `"omit"`, `"exclude"` (pads residuals and fitted values with `NA` to all rows), `"fail"`, or the function of that name
#'   (`na.omit`, ...).
#'
#' @return An object of class `miv`, or, for several outcomes or groups, a named list of them of class [miv_set]. Use its methods: [summary()][summary.miv],
#'   [plot()][plot.miv], `coef()` (the belief first, under its own name), `vcov()`, `confint()`, [tidy()][tidy.miv], [glance()][tidy.miv],
#'   `residuals()`, `predict()`, `update()`, [first_stage()], and so on. Fields that may be read: `nobs`, `df.residual`, `df_inference` (of t),
#'   `first_stage` (`F`, `df1`, `df2`, `coefficients`), `levels`, `dropped` (collinear columns, later ones first to go), `fixed_effects` (levels of
#'   each), `guarantee` (on the weights, in words), `path` (`"cross-products"`, or `"Householder QR"` where these are not exact enough),
#'   `na.action`. A fit refers to the experiment it was made from and recomputes from it what has one value per person, so it stays small and does
#'   not change when the user's data do.
#'
#' @section Errors:
#' Refusals have class `miv_error` and `miv_error_<cause>`: `unknown_argument` (misspelt), `unknown_column`, `unknown_exposure`,
#' `unknown_covariance`, `bad_formula`, `duplicated_variable` (the belief or the outcome among the controls), `not_numeric`, `infinite`,
#' `wrong_length`, `no_complete_rows`, `too_few_rows`, `no_variation` (belief or outcome constant), `too_few_instruments` (constant, or a
#' combination of the controls or fixed effects), `not_identified`, `one_cluster`, `units` (a size of the gap is asked for, but the belief is in
#' other units), `bad_exposure`, `bad_covariance`, `needs_fixest`, and those of [info_experiment()].
#'
#' Warnings have class `miv_warning` and `miv_warning_<cause>`: `weak_first_stage` (F below 10), `moves_away` (a side that moves away from the
#' signal), `nearly_collinear`, `cluster_ignored` (the experiment has clusters, but HC errors are asked for), `negative_variance`. A note,
#' `miv_message_collinear`, says which controls were dropped.
#'
#' @references
#' Vilfort, V. and Zhang, W. (2025). Interpreting TSLS estimators in information provision experiments. *AER: Insights* 7(3), 376-395. For the
#' framework. Only its abstracts were at hand: that `"sign"` is their preferred mover instrument and `"gap"` the common one "that overweights people
#' with larger prior errors" is our reading.
#'
#' Balla-Elliott, D. Identifying causal effects in information provision experiments. arXiv:2309.11387.
#'
#' Haaland, I., Roth, C. and Wohlfart, J. (2023). Designing information provision experiments. *Journal of Economic Literature* 61(1), 3-40.
#'
#' Maasoumi, E. and Phillips, P. C. B. (1982). On the behavior of inconsistent instrumental variable estimators. *Journal of Econometrics* 19,
#' 183-201.
#'
#' Lee, S. (2018). A consistent variance estimator for 2SLS when instruments identify different LATEs. *Journal of Business & Economic Statistics*
#' 36(3), 400-410.
#'
#' @seealso [tsls()] for any other specification, [CR()] for clustered covariance, [simulate_experiment()] for data with known belief effects.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age + female | region, data = experiment)
#' summary(fit)
#' plot(fit)
#'
#' # The truth that `sign` aims at, known because the survey is simulated, and what the arm finds:
#' with(inflation_survey, weighted.mean(belief_effect, abs(update)))
#' coef(miv(pay_claim ~ age + female | region, experiment, exposure = "arm"))[1]
#'
#' # Roles passed on, HC3 errors, two outcomes at once:
#' miv(c(pay_claim, learning_rate) ~ age, inflation_survey, belief = "posterior", prior = "prior",
#'     signal = 5, arm = "told", vcov = "HC3")
#'
#' # Subgroups, and whether the effect is the same in them:
#' equal_effects(miv(pay_claim ~ age, experiment, by = ~ region))
#'
#' # Any function of the gap; several informed arms:
#' coef(miv(pay_claim ~ 1, experiment, exposure = function(gap) tanh(gap / 3)))[1]
#' arms <- simulate_experiment(1000, signal = c(low = 7, high = 11), seed = 1)
#' told <- info_experiment(arms, belief = ~ posterior, prior = ~ prior,
#'                         signal = list(low = 7, high = 11), arm = ~ arm)
#' coef(miv(outcome ~ 1, told))
#' @export
miv <- function(formula, data, exposure = "sign", ..., arm_control = FALSE, pool = TRUE, vcov = NULL, scores = "usual", by = NULL, subset, na.action = "omit") {
  check_dots(dot_names(...), setdiff(c(names(formals()), names(formals(info_experiment))), c("...", "data")))
  call <- match.call()
  if (missing(data)) abort_miv("missing_data", "`data` is missing; give an experiment (see info_experiment()) or a data frame and the roles.")
  experiment <- experiment_of(data, list(...))
  check_formula(formula, "miv")
  check_flag(arm_control, "arm_control")
  check_flag(pool, "pool")
  recipe <- list(door = "miv", experiment = experiment, exposure = if (is.function(exposure)) freeze_alone(exposure) else exposure, arm_control = arm_control, pool = pool,
                 subset = if (!missing(subset)) substitute(subset))
  recipe_fits(recipe, formula, experiment$data, vcov, scores, call, read_na_action(na.action), by)
}

check_flag <- function(x, name) {
  if (!isTRUE(x) && !isFALSE(x)) abort_miv("bad_argument", "`%s` is `%s`; it must be TRUE or FALSE.", name, deparse_one(x))
  invisible(x)
}

# One fit, or a miv_set where the outcome is c(y1, y2) or there are groups.
recipe_fits <- function(recipe, formula, data, vcov, scores, call, na_action, by = NULL) {
  formula <- own_formula(formula, data, recipe$subset)
  recipe$contrasts <- getOption("contrasts")
  outcomes <- read_outcomes(formula)
  check_outcomes(outcomes)
  one <- function(formula, recipe, call) fit_recipe(c(list(formula = formula), recipe), vcov, scores, call, na_action)
  if (is.null(outcomes) && is.null(by)) return(one(formula, recipe, call))
  groups <- if (!is.null(by)) read_groups(by, recipe, formula, data)
  if (!is.null(by)) join_captures(formula, groups$roles)
  fit_set(one, formula, recipe, call, outcomes, groups)
}

check_outcomes <- function(outcomes) {
  names <- vapply(as.list(outcomes), deparse_one, "")
  if (anyDuplicated(names)) abort_miv("duplicated_variable", "`%s` stands twice among the outcomes; name each once.", names[duplicated(names)][1])
  invisible(outcomes)
}

# The formula in an environment of its own, which holds whatever it uses besides the data.
own_formula <- function(formula, data, subset) {
  env <- environment(formula)
  environment(formula) <- capture_env(call("{", formula, subset), data, if (is.null(env)) emptyenv() else env)
  formula
}

with_outcome <- function(formula, outcome) {
  if (is_call_of(formula[[2]], "~", 3)) formula[[2]][[2]] <- outcome else formula[[2]] <- outcome
  formula
}

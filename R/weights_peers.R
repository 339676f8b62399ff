# Weights of other people's fits: the same specification is read from their object and fitted again by tsls(); the two estimates must agree.

#' @rdname effect_weights
#' @param gap One-sided formula for the gap, where the fit knows none: then it is tested that the instrument index is unrelated to the side and the size of the gap. Where it is
#'   not, the exposure's own level is missing among the controls, and the estimator is inconsistent; a warning says so and gives the estimate with the level.
#' @export
effect_weights.fixest <- function(fit, by = "side", ..., data = NULL) effect_weights(as_tsls(fit, data), by, ..., data = data)

#' @rdname effect_weights
#' @export
effect_weights.ivreg <- effect_weights.fixest

#' @rdname effect_weights
#' @export
effect_weights.iv_robust <- effect_weights.fixest

#' @rdname outcome_weights
#' @param data The data frame of the fit, where it is no longer found under the name in the fit's call.
#' @export
outcome_weights.fixest <- function(fit, ..., data = NULL) outcome_weights(as_tsls(fit, data), ...)

#' @rdname outcome_weights
#' @export
outcome_weights.ivreg <- outcome_weights.fixest

#' @rdname outcome_weights
#' @export
outcome_weights.iv_robust <- outcome_weights.fixest

as_tsls <- function(fit, data) {
  if (is_experiment(data)) data <- data$data
  spec <- read_peer(fit)
  data <- peer_data(spec, data)
  spec <- complete_spec(spec, data)
  check_spec(spec, fit)
  env <- new.env(parent = spec$env)
  env$.miv_rows <- spec$rows(data)
  recipe <- list(formula = peer_formula(spec, env), door = "tsls", data = data, weights = peer_weights(spec, data, env), subset = quote(.miv_rows),
                 contrasts = getOption("contrasts"))
  out <- quietly_fit(recipe, spec$vcov)
  check_same_estimate(out, spec, fit)
  out
}

# Its cautions were the other package's to give.
quietly_fit <- function(recipe, vcov) {
  withCallingHandlers(fit_recipe(recipe, vcov, "usual", quote(tsls()), "omit"), miv_warning = function(w) invokeRestart("muffleWarning"),
                      miv_message = function(m) invokeRestart("muffleMessage"))
}

# list(call, env, outcome, exogenous, endogenous, excluded, effects: expressions, rows(), weights, vcov, estimate, n)
read_peer <- function(fit) UseMethod("read_peer")

#' @export
read_peer.fixest <- function(fit) {
  if (!isTRUE(fit$is_iv)) stop_no_weights(fit)
  if (!identical(fit$iv_stage, 2)) abort_miv("no_instrument", "This is the first stage of feols(); give the whole fit.")
  parts <- fit$fml_all
  rows <- function(data) fixest_rows(fit, nrow(data))
  list(call = fit$call, env = if (is.environment(fit$call_env)) fit$call_env else environment(parts$linear), outcome = parts$linear[[2]], exogenous = parts$linear[[3]],
       endogenous = split_sum(parts$iv[[2]]), excluded = parts$iv[[3]], effects = if (!is.null(parts$fixef)) parts$fixef[[2]], rows = rows,
       weights = function(data, env) if (!is.null(fit$weights)) replace(numeric(nrow(data)), which(rows(data)), fit$weights),
       vcov = first_formula(fit$call$vcov, fit$call$cluster, fit$call_env), estimate = fit$coefficients[[fit$iv_endo_names_fit[1]]], n = fit$nobs)
}

fixest_rows <- function(fit, n) {
  rows <- seq_len(n)
  for (selection in fit$obs_selection) rows <- rows[selection]
  seq_len(n) %in% rows
}

#' @export
read_peer.ivreg <- function(fit) read_two_parts(fit, fit$formula, NULL, NULL)

#' @export
read_peer.iv_robust <- function(fit) {
  effects <- fit$call$fixed_effects
  read_two_parts(fit, fit$formula, if (!is.null(effects)) effects[[2]], if (!is.null(fit$call$clusters)) as.call(list(as.name("~"), fit$call$clusters)))
}

# y ~ x + w | w + z, or ivreg's y ~ w | x | z; which terms are which waits for the data (`.`).
read_two_parts <- function(fit, formula, effects, clusters) {
  call <- fit$call
  env <- home_of(call$data, formula, if (inherits(fit$terms, "terms")) fit$terms else fit$terms$full)
  in_data <- function(expr, data, env) if (!is.null(expr)) eval(expr, data, env)
  list(call = call, env = env, outcome = formula[[2]], parts = split_bars(formula[[3]]), effects = effects,
       rows = function(data) {
         chosen <- in_data(call$subset, data, env)
         if (is.null(chosen)) rep(TRUE, nrow(data)) else seq_len(nrow(data)) %in% seq_len(nrow(data))[chosen]
       },
       weights = function(data, env) in_data(call$weights, data, env), vcov = if (is.null(clusters)) "HC1" else stats::as.formula(clusters, env), coefficients = fit$coefficients, n = fit$nobs)
}

# Where the fit was made: the first of the formulas' environments in which its data are found.
home_of <- function(data, ...) {
  homes <- c(Filter(is.environment, lapply(list(...), environment)), globalenv())
  found <- Filter(function(env) is.data.frame(tryCatch(eval(data, env), error = function(e) NULL)), homes)
  if (length(found)) found[[1]] else homes[[1]]
}

# A one-sided formula among the arguments, else HC1.
first_formula <- function(..., env = NULL) {
  for (x in list(...)) if (is.call(x) && identical(x[[1]], as.name("~")) && length(x) == 2) return(stats::as.formula(x, if (is.environment(env)) env else emptyenv()))
  "HC1"
}

peer_data <- function(spec, data) {
  if (is.null(data)) {
    data <- tryCatch(eval(spec$call$data, spec$env), error = function(e) NULL)
    if (!is.data.frame(data)) abort_miv("missing_data", "The data of the fit (`%s`) are not found; give them as `data =`.", deparse_one(spec$call$data))
  }
  check_data(data)
  keep_frame(data)
}

# Sorts the terms of a two-part formula: regressors that are no instruments are endogenous.
complete_spec <- function(spec, data) {
  if (is.null(spec$parts)) return(spec)
  terms <- lapply(spec$parts, function(part) stats::terms(stats::as.formula(call("~", part), spec$env), data = data))
  labels <- lapply(terms, attr, "term.labels")
  constant <- attr(terms[[1]], "intercept") == 1
  spec$exogenous <- sum_of_terms(if (length(labels) == 3) labels[[1]] else intersect(labels[[1]], labels[[2]]), constant)
  endogenous <- if (length(labels) == 3) labels[[2]] else if (length(labels) == 2) setdiff(labels[[1]], labels[[2]]) else character()
  excluded <- if (length(labels) == 3) labels[[3]] else if (length(labels) == 2) setdiff(labels[[2]], labels[[1]])
  spec$endogenous <- lapply(endogenous, str2lang)
  spec$excluded <- if (length(excluded)) sum_of_terms(excluded, TRUE)
  spec$estimate <- if (length(endogenous)) spec$coefficients[[match(endogenous[1], names(spec$coefficients))]]
  spec
}

sum_of_terms <- function(labels, constant) {
  exprs <- c(if (!constant) list(0), lapply(labels, str2lang))
  if (length(exprs) == 0) return(1)
  Reduce(function(a, b) call("+", a, b), exprs)
}

check_spec <- function(spec, fit) {
  if (length(spec$endogenous) == 0 || is.null(spec$excluded)) stop_no_weights(fit)
  if (length(spec$endogenous) == 1) return(invisible(spec))
  abort_miv("several_beliefs", "The fit has %d endogenous variables (%s); weights are for one.", length(spec$endogenous), quote_names(vapply(spec$endogenous, deparse_one, "")))
}

peer_formula <- function(spec, env) {
  last <- call("~", spec$endogenous[[1]], spec$excluded)
  left <- if (is.null(spec$effects)) spec$exogenous else call("|", spec$exogenous, spec$effects)
  # y ~ w | fe | x ~ z parses as (y ~ w | fe | x) ~ z
  formula <- call("~", call("~", spec$outcome, call("|", left, last[[2]])), last[[3]])
  own <- stats::as.formula(formula, env)
  environment(own) <- env
  own
}

peer_weights <- function(spec, data, env) {
  w <- spec$weights(data, env)
  if (is.null(w)) return(NULL)
  env$.miv_weights <- as.numeric(w)
  new_role(quote(.miv_weights), data, env)
}

check_same_estimate <- function(own, spec, fit) {
  mine <- coef_of_belief(own)
  if (own$nobs == spec$n && isTRUE(abs(mine - spec$estimate) <= 1e-6 * max(abs(mine), abs(spec$estimate)))) return(invisible(own))
  abort_miv("other_estimate", "The fit of class `%s` says %s from %s people, the same specification fitted again %s from %s. Have the data changed since? Give those of the fit as `data =`.", class(fit)[1],
            format(spec$estimate, digits = 8), big_number(spec$n), format(mine, digits = 8), big_number(own$nobs))
}

# ---- is the exposure's own level among the controls? ----

# NULL where not checked; else list(statistic, df, p.value, estimate: with side and gap among the controls). Under randomisation the index is
# unrelated to whatever was known before the arms were drawn.
missing_level <- function(fit, gap) {
  if (is.null(gap)) return(NULL)
  kept <- kept_of(fit)
  level <- level_values(keep_rows(gap, kept))
  test <- wald_of_index(fit, level)
  test$estimate <- estimate_with(fit, gap)
  if (test$p.value < 0.01) {
    warn_miv("missing_level", "The instrument index is related to the side and the gap (p %s), which it cannot be under randomisation: the exposure's own level is missing among the controls, and the estimate is not of weighted belief effects. With side and gap controlled it is %s instead of %s.",
             p_words(test$p.value), format(test$estimate, digits = 4), format(coef_of_belief(fit), digits = 4))
  }
  test
}

level_values <- function(gap) {
  columns <- cbind(1 * (gap < 0), 1 * (gap > 0), gap)
  columns <- columns[, apply(columns, 2, function(x) diff(range(x)) > 0), drop = FALSE]
  qr <- qr(cbind(1, scale(columns)))
  columns[, setdiff(qr$pivot[seq_len(qr$rank)], 1) - 1, drop = FALSE]
}

# HC1 Wald test that the index has no slope on the columns; an index that is orthogonal to them is not related.
wald_of_index <- function(fit, columns) {
  net <- net_columns(fit)
  q <- drop(net$instruments %*% solve_least_squares(net$instruments, net$beliefs))
  x <- net$root * cbind(1, scale(columns))
  qr <- qr(x)
  e <- qr.resid(qr, q)
  if (sum((q - e)^2) < 1e-16 * sum(q^2)) return(list(statistic = 0, df = ncol(columns), p.value = 1))
  bread <- chol2inv(qr.R(qr))
  n <- length(q)
  v <- bread %*% crossprod(x * e) %*% bread * n / (n - ncol(x))
  statistic <- wald(qr.coef(qr, q)[-1], v[-1, -1, drop = FALSE])
  list(statistic = statistic, df = ncol(columns), p.value = stats::pchisq(statistic, ncol(columns), lower.tail = FALSE))
}

# The estimate with side and gap among the controls; NA where they leave nothing of the instrument.
estimate_with <- function(fit, gap) {
  recipe <- fit$recipe
  env <- new.env(parent = environment(recipe$formula))
  env$.miv_gap <- gap
  recipe$formula <- add_control(recipe$formula, quote(I(sign(.miv_gap) < 0) + I(sign(.miv_gap) > 0) + .miv_gap))
  environment(recipe$formula) <- env
  tryCatch(coef_of_belief(quietly_fit(recipe, "HC1")), miv_error = function(e) NA_real_)
}

# Into the first part of ((y ~ w | fe | x) ~ z).
add_control <- function(formula, expr) {
  parts <- split_bars(formula[[2]][[3]])
  parts[[1]] <- call("+", parts[[1]], expr)
  formula[[2]][[3]] <- Reduce(function(a, b) call("|", a, b), parts)
  formula
}

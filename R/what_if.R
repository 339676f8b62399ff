# What if the exclusion, the near people or the prior are not as assumed: the estimate as a function of one number.

#' What if an assumption does not hold?
#'
#' The estimate and its interval as a function of one number that the design assumes: a direct effect of being told, the people too near the signal to be sure of
#' their side, or the reliability of the reported prior; with the number at which the conclusion turns.
#'
#' @details
#' **`"exclusion"`**: information acts on the outcome through the belief alone. Suppose being told changes the outcome by d for everybody, whatever the signal says. Then Y - d T
#' (T: told or not) is what should have been regressed, and the estimate is \eqn{b(d) = b - d \kappa}, a straight line; \eqn{\kappa} is the coefficient of the same specification with T as the
#' outcome. The variance is a quadratic function of d, so that the turning points are solved for, not searched. Under `sign` \eqn{\kappa} is small where the two sides
#' are about equally large, and with `arm_control = TRUE` it is 0: that specification allows for such an effect.
#'
#' **`"donut"`**: leaves out the people whose absolute gap is below the value. Someone who misreports the prior a little stands on the wrong side only near gap 0.
#'
#' **`"reliability"`**: suppose that a share `value` of the variance of the reported prior is true and the rest is noise. The best linear prediction of the true prior then moves towards the mean,
#' \eqn{m + \rho (prior - m)}; the instrument and the level controls are built from that, so that everybody is put on the likeliest side, and the estimate is made again. Beside it stands what
#' such noise does to the fit as it is, under normal errors and one learning rate: the share of people on the wrong side (`wrong_side`) and the negative weight they bring back (`negative_weight`). For a
#' normal prior centred on the signal with reliability 0.8 these are 15% of people and 0.06. Controls that use the prior stay as they are.
#'
#' @param fit A fit of [miv()].
#' @param assumption `"exclusion"`, `"donut"` or `"reliability"`.
#' @param values Numbers to try, in units of the outcome (`exclusion`), in units of the prior (`donut`), above 0 and up to 1 (`reliability`). Chosen from the data where left out.
#' @param level Of the intervals.
#' @param ... Nothing: misspelt arguments are refused.
#' @return A data frame of class `what_if`, one row per value, with columns `value`, `estimate` (outcome per unit of belief), `std.error`, `conf.low`, `conf.high`, `nobs`; for
#'   `donut` and `reliability` also `first_stage_F`, for `reliability` also `wrong_side` and `negative_weight`. The attribute `turn` holds `zero` (the value at which the estimate is 0) and
#'   `conclusion` (the value nearest to the assumption at which the interval says something else: 0 enters it or leaves it); `NA` where neither happens within the values (for `exclusion`, at any value).
#' @section Errors: Of class `miv_error`: `no_experiment`, `unknown_assumption`, `bad_values`, `assumption` (a question that the specification cannot be asked: reliability under `exposure = "arm"`, exclusion with an
#'   active control, where everybody is told something), `units`.
#' @source Derived in the package; the shares of the wrong side are those of a normal prior and error.
#' @seealso [compare_specs()], [effect_weights()].
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age, experiment)
#' what_if(fit, "exclusion")
#' what_if(fit, "donut", values = c(0, 1, 2))
#' direct <- what_if(fit, "reliability", values = c(0.6, 0.8, 1))
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(direct)
#' @export
what_if <- function(fit, assumption = "exclusion", ...) UseMethod("what_if")

kAssumptions <- c("exclusion", "donut", "reliability")

#' @rdname what_if
#' @export
what_if.default <- function(fit, assumption = "exclusion", ...) {
  abort_miv("no_experiment", "The fit is of class `%s`; assumptions are those of one fit of miv(), which knows prior, signal and arm.", class(fit)[1])
}

#' @rdname what_if
#' @export
what_if.miv <- function(fit, assumption = "exclusion", values = NULL, level = 0.95, ...) {
  check_dots(dot_names(...), c("assumption", "values", "level"))
  check_door(fit, "Assumptions are those of a fit of miv()")
  check_choice(assumption, kAssumptions, "assumption")
  check_level(level, "level")
  if (!is.null(values)) check_values(values, assumption)
  fit <- settle_vcov(fit)
  switch(assumption, exclusion = what_if_told(fit, values, level), donut = what_if_donut(fit, values, level), reliability = what_if_reliability(fit, values, level))
}

check_values <- function(values, assumption) {
  fine <- is.numeric(values) && length(values) > 0 && all(is.finite(values)) &&
    switch(assumption, exclusion = TRUE, donut = all(values >= 0), reliability = all(values > 0 & values <= 1))
  if (fine) return(invisible(values))
  abort_miv("bad_values", "`values` is `%s`; give finite numbers%s.", deparse_one(values),
            switch(assumption, exclusion = " in units of the outcome", donut = " of 0 or more, in units of the prior", reliability = " above 0 and up to 1"))
}

new_what_if <- function(table, fit, assumption, level, turn) {
  rownames(table) <- NULL
  structure(table, class = c("what_if", "data.frame"), assumption = assumption, turn = turn, level = level, belief = fit$beliefs[1], outcome = deparse_one(fit$formula[[2]]),
            spec = spec_name(fit$recipe$exposure, fit$arm_control), estimate = fit$coefficients[[1]], vcov = vcov_label(fit$vcov_kind))
}

estimate_row <- function(value, fit, level) {
  interval <- belief_intervals(fit, level)[1, ]
  data.frame(value = value, estimate = fit$coefficients[[1]], std.error = sqrt(fit$vcov[1, 1]), conf.low = interval[[1]], conf.high = interval[[2]], nobs = fit$nobs)
}

# ---- a direct effect of being told ----

what_if_told <- function(fit, values, level) {
  if (fit$experiment$design == "active") {
    abort_miv("assumption", "Everybody in an active design is told something, so a direct effect of being told that is the same for everybody drops out of every estimate.")
  }
  line <- told_line(fit)
  if (is.null(values)) values <- told_values(fit, line)
  reach <- stats::qt((1 + level) / 2, df_of(fit, fit$beliefs[1]))
  estimate <- line$b - values * line$kappa
  error <- sqrt(pmax(line$variance(values), 0))
  table <- data.frame(value = values, estimate = estimate, std.error = error, conf.low = estimate - reach * error, conf.high = estimate + reach * error, nobs = fit$nobs)
  new_what_if(table, fit, "exclusion", level, told_turn(line, reach))
}

# Three fits tell the whole line and the whole quadratic: list(b, kappa, variance()).
told_line <- function(fit) {
  told <- as.numeric(arm_index(fit$experiment) > 1)
  step <- outcome_spread(fit)
  at <- function(d) {
    again <- refit_outcome(fit, told, d)
    c(again$coefficients[[1]], again$vcov[1, 1])
  }
  minus <- at(-step)
  zero <- c(fit$coefficients[[1]], fit$vcov[1, 1])
  plus <- at(step)
  kappa <- (minus[1] - plus[1]) / (2 * step)
  if (abs(kappa) * step < 1e-9 * (abs(zero[1]) + sqrt(zero[2]))) kappa <- 0          # the arm is controlled
  linear <- if (kappa == 0) 0 else (plus[2] - minus[2]) / (2 * step)
  square <- if (kappa == 0) 0 else (plus[2] + minus[2] - 2 * zero[2]) / (2 * step^2)
  list(b = zero[1], kappa = kappa, coefficients = c(zero[2], linear, square), variance = function(d) zero[2] + linear * d + square * d^2)
}

outcome_spread <- function(fit) {
  sd <- control_moments(fit)[["sd"]]
  if (is.finite(sd) && sd > 0) sd else 1
}

# The fit with Y - d T as the outcome.
refit_outcome <- function(fit, told, d) {
  recipe <- fit$recipe
  formula <- with_outcome(recipe$formula, call("-", recipe$formula[[2]], call("*", d, quote(.miv_told))))
  environment(formula) <- list2env(list(.miv_told = told), parent = environment(recipe$formula))
  recipe$formula <- NULL
  quiet_miv(recipe_fits(recipe, formula, recipe$experiment$data, kept_vcov(fit), fit$vcov_kind$scores, fit$call, fit$na_rule))
}

# Around 0, as far as the turning points where they are within a standard deviation of the outcome.
told_values <- function(fit, line) {
  spread <- outcome_spread(fit)
  turn <- if (line$kappa == 0) Inf else abs(line$b / line$kappa)
  end <- min(max(1.5 * turn, 0.05 * spread), spread)
  end * (-20:20) / 20
}

# (b - kappa d)^2 = reach^2 variance(d): where the interval ends at 0.
told_turn <- function(line, reach) {
  if (line$kappa == 0) return(list(zero = NA_real_, conclusion = NA_real_))
  v <- line$coefficients
  roots <- real_roots(c(line$b^2 - reach^2 * v[1], -2 * line$b * line$kappa - reach^2 * v[2], line$kappa^2 - reach^2 * v[3]))
  list(zero = line$b / line$kappa, conclusion = if (length(roots)) roots[which.min(abs(roots))] else NA_real_)
}

# Of c[1] + c[2] x + c[3] x^2.
real_roots <- function(c) {
  inside <- c[2]^2 - 4 * c[1] * c[3]
  if (inside < 0) return(numeric())
  if (c[3] == 0) return(if (c[2] == 0) numeric() else -c[1] / c[2])
  half <- -(c[2] + (if (c[2] < 0) -1 else 1) * sqrt(inside)) / 2
  c(half / c[3], if (half != 0) c[1] / half)
}

# ---- people near the signal ----

what_if_donut <- function(fit, values, level) {
  check_units(fit$experiment, "A donut", "ask for \"exclusion\" or \"reliability\"")
  size <- smallest_gap(fit$experiment)
  if (is.null(values)) values <- unique(c(0, stats::quantile(keep_rows(size, kept_of(fit)), seq(0.05, 0.5, by = 0.05), names = FALSE, type = 1)))
  values <- sort(unique(values))
  rows <- lapply(values, function(width) answered(refit_inside(fit, fit$recipe, size >= width, kept_vcov(fit)), width, level))
  table <- kept_values(rows, "donut", values)
  new_what_if(table, fit, "donut", level, grid_turn(table, fit, level, from = 0))
}

# NULL where the people left cannot be fitted.
answered <- function(fit, value, level) {
  again <- tryCatch(quiet_miv(fit), miv_error = function(e) NULL)
  if (is.null(again)) return(NULL)
  cbind(estimate_row(value, again, level), first_stage_F = again$first_stage$F[[1]])
}

kept_values <- function(rows, assumption, values) {
  table <- do.call(rbind, rows)
  lost <- values[vapply(rows, is.null, NA)]
  if (!is.null(table)) {
    if (length(lost)) warn_miv("values_dropped", "No fit at %d value%s (%s): too few people, or nothing to compare.", length(lost), plural(length(lost)), list_some(lost))
    return(table)
  }
  abort_miv("bad_values", "No value of `values` leaves a fit; try %s.", if (assumption == "donut") "smaller ones" else "values nearer to 1")
}

# ---- a prior that is not quite reliable ----

what_if_reliability <- function(fit, values, level) {
  if (fit$exposure == "arm") abort_miv("assumption", "`exposure = \"arm\"` does not use the prior, so its reliability changes nothing; ask a fit of `exposure = \"sign\"`.")
  if (is.null(values)) values <- seq(0.4, 1, by = 0.05)
  values <- sort(unique(values), decreasing = TRUE)
  prior <- as.numeric(role_values(fit$experiment, fit$experiment$roles$prior))
  inside <- keep_rows(prior, kept_of(fit))
  weight <- people_weights(fit)
  mean <- sum(weight * inside) / sum(weight)
  variance <- sum(weight * (inside - mean)^2) / sum(weight)
  rows <- lapply(values, function(rho) {
    row <- answered(refit_recipe(fit, recipe_with_prior(fit$recipe, mean + rho * (prior - mean)), fit$recipe$formula, kept_vcov(fit)), rho, level)
    if (is.null(row)) row else cbind(row, wrong_side(fit, rho, mean, variance, inside, weight))
  })
  table <- kept_values(rows, "reliability", values)
  new_what_if(table, fit, "reliability", level, grid_turn(table, fit, level, from = 1))
}

people_weights <- function(fit) {
  w <- kept_weights(fit, problem_of(fit))
  if (is.null(w)) rep(1, fit$nobs) else w
}

recipe_with_prior <- function(recipe, prior) {
  experiment <- recipe$experiment
  experiment$data[[".miv_prior"]] <- prior
  experiment$roles$prior <- read_role(".miv_prior", "prior", experiment$data)
  recipe$experiment <- quiet_miv(count_people(experiment))
  recipe
}

# True gap of somebody who reports `prior`: normal, with mean signal - (m + rho (prior - m)) and variance rho (1 - rho) var(prior). The first informed arm's.
wrong_side <- function(fit, rho, mean, variance, prior, weight) {
  gap <- keep_rows(gap_values(fit$experiment, fit$experiment$arm$informed[1]), kept_of(fit))
  expected <- sign(gap) * (gap + (1 - rho) * (prior - mean))                    # of the true gap, towards the side taken
  sd <- sqrt(rho * (1 - rho) * variance)
  wrong <- if (sd == 0) 1 * (expected < 0) else stats::pnorm(-expected / sd)
  lost <- if (sd == 0) pmax(-expected, 0) else sd * stats::dnorm(expected / sd) - expected * stats::pnorm(-expected / sd)
  some <- gap != 0
  data.frame(wrong_side = sum((weight * wrong)[some]) / sum(weight), negative_weight = sum((weight * lost)[some]) / sum((weight * expected)[some]))
}

# ---- where the conclusion turns, on a grid ----

# By linear interpolation between the values, outward from the fit, which assumes nothing new.
grid_turn <- function(table, fit, level, from) {
  shared <- c("value", "estimate", "conf.low", "conf.high")
  table <- rbind(estimate_row(from, fit, level)[shared], table[order(abs(table$value - from)), shared])
  says <- function(low, high) sign(low) * (sign(low) == sign(high))
  now <- says(table$conf.low[1], table$conf.high[1])
  other <- which(says(table$conf.low, table$conf.high) != now)
  crossing <- which(sign(table$estimate) != sign(table$estimate[1]))
  list(zero = if (length(crossing)) cross_at(table$value, table$estimate, crossing[1]) else NA_real_, conclusion = if (length(other)) table$value[other[1]] else NA_real_)
}

cross_at <- function(value, y, i) value[i - 1] + (value[i] - value[i - 1]) * y[i - 1] / (y[i - 1] - y[i])

# ---- words ----

kWhatIfTitles <- c(exclusion = "direct effect of being told (units of the outcome)", donut = "people left out: absolute gap below", reliability = "reliability of the prior")

#' @export
print.what_if <- function(x, digits = 3, ...) {
  if (!all(c("value", "estimate", "conf.low", "conf.high") %in% names(x))) return(invisible(print(as.data.frame(x))))
  print_words(what_if_words(x, digits))
  cat("\n")
  shown <- if (nrow(x) > 15) x[round(seq(1, nrow(x), length.out = 11)), ] else x
  plain <- as.data.frame(shown)
  number <- function(v) ifelse(is.na(v), "", formatC(v, digits = digits, format = "fg", flag = "#"))
  fine <- as.data.frame(lapply(plain, number), check.names = FALSE)
  fine$nobs <- vapply(plain$nobs, big_number, "")
  fine$value <- format(signif(plain$value, digits))
  short <- c(first_stage_F = "F", wrong_side = "wrong side", negative_weight = "negative")
  names(fine) <- ifelse(names(fine) %in% names(short), short[names(fine)], names(fine))
  print(fine, row.names = FALSE, right = TRUE)
  if (nrow(shown) < nrow(x)) print_words(sprintf("(%d of %d values; as.data.frame() has them all.)", nrow(shown), nrow(x)))
  invisible(x)
}

what_if_words <- function(x, digits = 3) {
  start <- sprintf("Effect of `%s` on `%s` (%s): %s. ", attr(x, "belief"), attr(x, "outcome"), attr(x, "spec"), show_number(attr(x, "estimate"), digits))
  paste0(start, switch(attr(x, "assumption"), exclusion = told_words_turn(x, digits), donut = grid_words(x, digits, "when people with a gap below %s are left out"),
                       reliability = grid_words(x, digits, "at a reliability of the prior of %s")))
}

told_words_turn <- function(x, digits) {
  turn <- attr(x, "turn")
  if (is.na(turn$zero)) return("A direct effect of being told that is the same for everybody changes nothing: the arm is controlled.")
  number <- function(v) show_number(v, digits)
  first <- if (is.na(turn$conclusion)) "No direct effect of being told changes what the interval says" else
    sprintf("What the interval says about 0 changes once being told itself moves the outcome by %s", number(turn$conclusion))
  sprintf("%s; at %s the estimate is 0.", first, number(turn$zero))
}

grid_words <- function(x, digits, where) {
  turn <- attr(x, "turn")
  first <- if (is.na(turn$conclusion)) sprintf("What the interval says about 0 is the same at all %d values", nrow(x)) else
    paste("What the interval says about 0 changes", sprintf(where, show_number(turn$conclusion, digits)))
  second <- if (is.na(turn$zero)) "the estimate keeps its sign" else sprintf("the estimate is 0 at %s", show_number(turn$zero, digits))
  sprintf("%s; %s (%s to %s).", first, second, show_number(min(x$estimate), digits), show_number(max(x$estimate), digits))
}

#' @export
as.data.frame.what_if <- function(x, row.names = NULL, optional = FALSE, ...) bare_frame(x, row.names)

# ---- figure ----

#' Figure of an assumption
#'
#' The estimate (line) and its interval (band) over the values of what is assumed; dotted, the assumption of the fit; a diamond where the estimate is 0, a hollow square where the conclusion turns.
#'
#' @param x,object From [what_if()].
#' @param ... Nothing.
#' @return A ggplot (drawn when printed) with alt text; needs ggplot2.
#' @section Errors: `miv_error_needs_ggplot2`.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' direct <- what_if(miv(pay_claim ~ age, experiment), "exclusion")
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(direct)
#' @export
plot.what_if <- function(x, ...) draw_what_if(x)

#' @rdname plot.what_if
#' @exportS3Method ggplot2::autoplot
autoplot.what_if <- function(object, ...) draw_what_if(object)

draw_what_if <- function(x) {
  check_ggplot2("The figure of an assumption")
  .data <- ggplot2::.data
  marks <- turning_marks(x)
  now <- switch(attr(x, "assumption"), exclusion = 0, donut = 0, reliability = 1)
  ggplot2::ggplot(as.data.frame(x), ggplot2::aes(.data$value, .data$estimate)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$conf.low, ymax = .data$conf.high), fill = "#0072B2", alpha = 0.2) +
    ggplot2::geom_hline(yintercept = 0, colour = "grey40", linewidth = 0.3) + ggplot2::geom_vline(xintercept = now, linetype = "dotted") +
    ggplot2::geom_line(colour = "#0072B2", linewidth = 0.8) + (if (attr(x, "assumption") != "exclusion") ggplot2::geom_point(colour = "#0072B2")) +
    (if (nrow(marks)) ggplot2::geom_point(ggplot2::aes(.data$value, .data$estimate, shape = .data$what), marks, size = 3, fill = "white")) +
    ggplot2::scale_shape_manual(values = c("estimate is 0" = 23, "interval turns" = 22)) +
    ggplot2::labs(x = paste0(toupper(substr(kWhatIfTitles[[attr(x, "assumption")]], 1, 1)), substring(kWhatIfTitles[[attr(x, "assumption")]], 2)),
                  y = sprintf("Effect of %s on %s", attr(x, "belief"), attr(x, "outcome")), shape = NULL, subtitle = wrapped(what_if_words(x), 80), alt = what_if_words(x),
                  caption = sprintf("%s%% intervals, %s. Dotted: the assumption of the fit.", format(100 * attr(x, "level")), attr(x, "vcov"))) +
    ggplot_theme(grid = "y") + ggplot2::theme(plot.subtitle = ggplot2::element_text(size = 9), axis.title.y = ggplot2::element_text(size = 10))
}

# Those within the values drawn.
turning_marks <- function(x) {
  turn <- attr(x, "turn")
  marks <- data.frame(what = c("estimate is 0", "interval turns"), value = c(turn$zero, turn$conclusion), estimate = 0)
  marks[!is.na(marks$value) & marks$value >= min(x$value) & marks$value <= max(x$value), ]
}

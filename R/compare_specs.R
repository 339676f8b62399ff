# Every specification of the method note, section 2, on the sample of one fit.

#' Specifications side by side
#'
#' Would another specification say something else? Every two-stage least squares specification of an information experiment is a weighted mean of belief effects; they
#' differ in the weights. This fits all of them with the outcome, controls, fixed effects, covariance and people of one fit, and shows beside each estimate how strong its
#' first stage is, who carries it, and what has to be assumed for nobody to count negatively.
#'
#' @details
#' The specifications are the exposures `sign`, `gap`, `arm`, `arm+gap` and `arm+sign` (see [miv()]), `sign` and `gap` with the arm among the controls (`, arm controlled`), the
#' function of the gap where the fit has one, with several informed arms also one instrument per arm (`, one per arm`), and the fit's own specification without the people
#' whose gap is small (`, donut`). A prior that is misreported puts people near gap 0 on the wrong side, and some negative weight returns; the donut leaves them out.
#' Without `donut` it has the width below which a tenth of the people with a gap other than 0 lie. Where the belief is in other units than the prior, only
#' `sign`, `arm`, `arm+sign` and `sign, arm controlled` are defined.
#'
#' Over-identified specifications (`arm+gap`, `arm+sign`) have scores that stay valid when effects differ (`scores = "heterogeneous"` in [miv()]).
#'
#' @param fit A fit of [miv()].
#' @param donut People whose absolute gap (to any informed arm) is below this are left out of the donut, in units of the prior; `FALSE` for no donut.
#' @param vcov Another covariance than the fit's own, as in [miv()].
#' @param level Of the intervals.
#' @param ... Nothing: misspelt arguments are refused.
#' @return A data frame of class `spec_comparison`, the fit's own specification first, with columns
#' * `spec`, `estimate` (outcome per unit of belief), `std.error`, `conf.low`, `conf.high`;
#' * `first_stage_F`: robust, with the covariance of the fit (HC1 where that is `iid`);
#' * `negative_weight`: total of the negative effect weights, sign dropped, over cells of side x sign of g (see [effect_weights()]); `NA` with several informed arms;
#' * `weight_down`, `weight_at`, `weight_up`: weight of the people whose gap is negative, 0 and positive (their sum differs from 1 by the remainder); `NA` with several informed arms;
#' * `guarantee`: what has to hold for weights never to be negative; `nobs`: people.
#'
#' Specifications that the data refuse are left out; the attribute `refused` says why.
#' @section Errors: Of class `miv_error`: `no_experiment` for other fits, `bad_donut`, and those of the covariance as in [miv()].
#' @source Vilfort and Zhang (2025), *AER: Insights* 7(3), 376-395, for the framework.
#' @seealso [effect_weights()], [what_if()].
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' specs <- compare_specs(miv(pay_claim ~ age + female, experiment))
#' specs
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(specs)
#' @export
compare_specs <- function(fit, ...) UseMethod("compare_specs")

#' @rdname compare_specs
#' @export
compare_specs.default <- function(fit, ...) {
  abort_miv("no_experiment", "The fit is of class `%s`; specifications differ only for a fit of miv().", class(fit)[1])
}

#' @rdname compare_specs
#' @export
compare_specs.miv <- function(fit, donut = NULL, vcov = NULL, level = 0.95, ...) {
  check_dots(dot_names(...), c("donut", "vcov", "level"))
  check_door(fit, "Specifications differ only for a fit of miv()")
  check_level(level, "level")
  fit <- settle_vcov(fit, vcov)
  width <- donut_width(fit, donut)
  found <- lapply_steps(specs_of(fit, width), function(spec) try_spec(spec, fit = fit, vcov = kept_vcov(fit), level = level), "Specifications")
  refused <- Filter(function(one) !is.null(one$refused), found)
  table <- do.call(rbind, lapply(found, `[[`, "row"))
  if (is.null(table)) abort_miv("no_specification", "No specification can be computed: %s", refused[[1]]$refused)
  new_comparison(table, fit, width, level, vapply(refused, function(one) sprintf("%s: %s", one$spec, one$refused), ""))
}

check_door <- function(fit, what) {
  if (fit$door == "miv" && length(fit$beliefs)) return(invisible(fit))
  abort_miv("no_experiment", "%s, which knows prior, signal and arm; see info_experiment().", what)
}

new_comparison <- function(table, fit, width, level, refused) {
  structure(table, class = c("spec_comparison", "data.frame"), refused = refused, width = width, level = level, own = table$spec[1], belief = fit$beliefs[1],
            outcome = deparse_one(fit$formula[[2]]), vcov = vcov_label(fit$vcov_kind))
}

# ---- which ----

spec_name <- function(exposure, arm_control = FALSE, pool = TRUE, donut = FALSE) {
  paste0(if (is.function(exposure)) "function" else exposure, if (arm_control) ", arm controlled", if (!pool) ", one per arm", if (donut) ", donut")
}

one_spec <- function(exposure, arm_control = FALSE, pool = TRUE, width = NULL) {
  list(name = spec_name(exposure, arm_control, pool, !is.null(width)), exposure = exposure, arm_control = arm_control, pool = pool, width = width)
}

# The fit's own first, then its donut, then the others in the order of the method note.
specs_of <- function(fit, width) {
  own <- fit$recipe[c("exposure", "arm_control", "pool")]
  sized <- fit$experiment$units == "prior"
  several <- length(fit$experiment$arm$informed) > 1
  all <- c(list(one_spec(own$exposure, own$arm_control, own$pool || !several), if (!is.null(width)) one_spec(own$exposure, own$arm_control, own$pool || !several, width),
                one_spec("sign"), one_spec("sign", TRUE), if (several) one_spec("sign", pool = FALSE)),
           if (sized) list(one_spec("gap"), one_spec("gap", TRUE)), list(one_spec("arm")), if (sized) list(one_spec("arm+gap")), list(one_spec("arm+sign")))
  all <- Filter(Negate(is.null), all)
  all[!duplicated(vapply(all, `[[`, "", "name"))]
}

# NULL without a donut.
donut_width <- function(fit, donut) {
  if (isFALSE(donut)) return(NULL)
  if (fit$experiment$units != "prior") {
    if (!is.null(donut)) check_units(fit$experiment, "A donut", "leave `donut` out")
    return(NULL)
  }
  if (!is.null(donut)) return(check_donut(donut))
  size <- keep_rows(smallest_gap(fit$experiment), kept_of(fit))
  size <- size[size > 0]
  if (length(size) == 0) NULL else stats::quantile(size, 0.1, names = FALSE, type = 1)
}

check_donut <- function(donut) {
  if (is.numeric(donut) && length(donut) == 1 && isTRUE(donut > 0) && is.finite(donut)) return(donut)
  abort_miv("bad_donut", "`donut` is `%s`; it must be one number above 0, in units of the prior, or FALSE.", deparse_one(donut))
}

# Of every row: the smallest absolute gap to an informed arm.
smallest_gap <- function(experiment) do.call(pmin, lapply(experiment$arm$informed, function(arm) abs(gap_values(experiment, arm))))

# ---- one of them ----

# list(row) or list(spec, refused)
try_spec <- function(spec, fit, vcov, level) {
  tryCatch(list(row = spec_row(spec, quiet_miv(fit_spec(spec, fit, vcov)), level)), miv_error = function(e) list(spec = spec$name, refused = conditionMessage(e)))
}

fit_spec <- function(spec, fit, vcov) {
  recipe <- fit$recipe
  recipe[c("exposure", "arm_control", "pool")] <- spec[c("exposure", "arm_control", "pool")]
  recipe$scores <- NULL
  if (!is.null(spec$width)) return(refit_inside(fit, recipe, smallest_gap(fit$experiment) >= spec$width, vcov))
  refit_recipe(fit, recipe, recipe$formula, vcov)
}

# The recipe's fit of the same rows; over-identified ones with scores that stay valid when effects differ.
refit_recipe <- function(fit, recipe, formula, vcov) {
  recipe$formula <- NULL
  again <- recipe_fits(recipe, formula, recipe$experiment$data, vcov, "usual", fit$call, fit$na_rule)
  if (again$over_identified) with_vcov(again, vcov, "heterogeneous") else again
}

# Only the rows where `inside` holds, within the fit's own subset.
refit_inside <- function(fit, recipe, inside, vcov) {
  if (!any(keep_rows(inside, kept_of(fit)))) abort_miv("empty_data", "Nobody of %s people has a gap as large.", big_number(fit$nobs))
  recipe$subset <- if (is.null(recipe$subset)) quote(.miv_inside) else call("&", recipe$subset, quote(.miv_inside))
  formula <- recipe$formula
  environment(formula) <- list2env(list(.miv_inside = inside & !is.na(inside)), parent = environment(formula))
  refit_recipe(fit, recipe, formula, vcov)
}

# The fit under a covariance that other fits can have too: a matrix belongs to its own coefficients.
settle_vcov <- function(fit, vcov = NULL) {
  if (!is.null(vcov)) return(quiet_miv(with_vcov(fit, vcov)))
  if (fit$vcov_kind$type != "matrix") return(fit)
  fit <- quiet_miv(refit_recipe(fit, fit$recipe, fit$recipe$formula, NULL))
  warn_miv("matrix_covariance", "The covariance was given as a matrix, which belongs to the fit's own coefficients; standard errors here are %s.", vcov_label(fit$vcov_kind))
  fit
}

quiet_miv <- function(expr) {
  withCallingHandlers(expr, miv_warning = function(w) invokeRestart("muffleWarning"), miv_message = function(m) invokeRestart("muffleMessage"))
}

spec_row <- function(spec, fit, level) {
  interval <- belief_intervals(fit, level)[1, ]
  robust <- if (fit$vcov_kind$type == "iid") quiet_miv(with_vcov(fit, "HC1")) else fit
  sides <- side_weights(fit)
  data.frame(spec = spec$name, estimate = fit$coefficients[[1]], std.error = sqrt(fit$vcov[1, 1]), conf.low = interval[[1]], conf.high = interval[[2]],
             first_stage_F = robust$first_stage$F[[1]], negative_weight = negative_weight(fit)[["weight"]], weight_down = sides[1], weight_at = sides[2], weight_up = sides[3],
             guarantee = paste0(fit$guarantee, if (!is.null(spec$width)) " (and the prior may be misreported a little)"), nobs = fit$nobs, row.names = NULL)
}

# Effect weights of the sides -1, 0 and 1; NA with several informed arms.
side_weights <- function(fit) {
  if (length(fit$experiment$arm$informed) != 1) return(rep(NA_real_, 3))
  problem <- problem_of(fit)
  gap <- gap_values(fit$experiment, fit$experiment$arm$informed)
  code <- sign(gap) + 1
  code[is.na(code)] <- 0
  still <- tabulate(code[which(index_slope(fit, gap) != 0)] + 1, 3) == 0
  absorbed <- absorb(problem, sample_of(fit))
  sums <- cell_weights_cpp(absorbed$design, cell_request(fit, list(ids = code, labels = 0:2, still = logical(3)), problem, absorbed))
  check_cell_verdict(sums)
  combine_cells(sums, sums$people > 0 & !still)$weight
}

# ---- words ----

#' @export
print.spec_comparison <- function(x, digits = 3, ...) {
  if (!all(c("spec", "estimate", "std.error", "guarantee") %in% names(x))) return(invisible(print(as.data.frame(x))))
  print_words(comparison_words(x))
  cat("\n")
  plain <- comparison_columns(x, digits)
  print(plain, row.names = FALSE, right = TRUE)
  cat("\n")
  print_line("Donut", if (!is.null(attr(x, "width")) && any(grepl("donut", x$spec))) sprintf("without people whose gap is below %s.", show_number(attr(x, "width"), digits)))
  print_line("Std. errors", comparison_errors_words(x))
  for (i in which(grepl("^none", x$guarantee))) print_line("No guarantee", sprintf("`%s`: %s.", x$spec[i], sub("^none:? ?", "", x$guarantee[i])))
  for (text in attr(x, "refused")) print_words(paste0("Refused: ", text))
  invisible(x)
}

comparison_columns <- function(x, digits) {
  number <- function(v) ifelse(is.na(v), "", formatC(v, digits = digits, format = "fg", flag = "#"))
  weight <- function(v) ifelse(is.na(v), "", formatC(v, digits = 3, format = "f"))
  out <- data.frame(spec = x$spec, estimate = number(x$estimate), SE = number(x$std.error), F = show_f(x$first_stage_F), negative = weight(x$negative_weight))
  if (!anyNA(x$weight_up)) out[c("down", "up")] <- list(weight(x$weight_down), weight(x$weight_up))
  out$guarantee <- ifelse(grepl("^none", x$guarantee), "no", "yes*")
  out
}

comparison_words <- function(x) {
  safe <- !grepl("^none", x$guarantee)
  span <- function(v) if (diff(range(v)) == 0) show_number(v[1], 3) else sprintf("%s to %s", show_number(min(v), 3), show_number(max(v), 3))
  sprintf("Effect of `%s` on `%s` under %d specifications: %s. The %d in which nobody counts negatively as long as people move toward the signal (*) say %s.",
          attr(x, "belief"), attr(x, "outcome"), nrow(x), span(x$estimate), sum(safe), if (any(safe)) span(x$estimate[safe]) else "nothing")
}

#' @export
as.data.frame.spec_comparison <- function(x, row.names = NULL, optional = FALSE, ...) bare_frame(x, row.names)

# A data frame of a class of ours without what it carries along.
bare_frame <- function(x, row.names = NULL) {
  attributes(x) <- list(names = attr(x, "names"), row.names = attr(x, "row.names"), class = "data.frame")
  if (!is.null(row.names)) row.names(x) <- row.names
  x
}

# ---- figure ----

#' Figure of specifications
#'
#' Left, the estimate of each specification with its interval, and a dashed line at that of the fit. Right, the weight of the people whose gap is negative, 0 and positive: where a
#' specification counts a side negatively, its bar lies left of 0.
#'
#' @param x,object From [compare_specs()].
#' @param ... Nothing.
#' @return A ggplot (drawn when printed) with alt text; needs ggplot2.
#' @section Errors: `miv_error_needs_ggplot2`.
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' specs <- compare_specs(miv(pay_claim ~ age, experiment))
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(specs)
#' @export
plot.spec_comparison <- function(x, ...) draw_comparison(x)

#' @rdname plot.spec_comparison
#' @exportS3Method ggplot2::autoplot
autoplot.spec_comparison <- function(object, ...) draw_comparison(object)

kSideColours <- c("gap below 0" = "#E69F00", "gap 0" = "grey75", "gap above 0" = "#0072B2")

draw_comparison <- function(x) {
  check_ggplot2("The figure of specifications")
  .data <- ggplot2::.data
  panels <- c("Estimate", "Weight by side of the gap")
  panel <- function(i) factor(panels[i], panels)
  spec <- factor(x$spec, rev(x$spec))
  points <- data.frame(spec = spec, value = x$estimate, low = x$conf.low, high = x$conf.high, panel = panel(1), safe = ifelse(grepl("^none", x$guarantee), "no guarantee", "never negative*"))
  bars <- if (!anyNA(x$weight_up)) comparison_bars(x, spec, panel(2))
  ggplot2::ggplot(points, ggplot2::aes(y = .data$spec)) +
    ggplot2::geom_vline(xintercept = 0, colour = "grey40", linewidth = 0.3) +
    ggplot2::geom_vline(data = data.frame(at = x$estimate[1], panel = panel(1)), ggplot2::aes(xintercept = .data$at), linetype = "dashed") +
    (if (!is.null(bars)) ggplot2::geom_col(ggplot2::aes(x = .data$weight, fill = .data$side), bars, width = 0.6, orientation = "y")) +
    ggplot2::geom_segment(ggplot2::aes(x = .data$low, xend = .data$high, yend = .data$spec)) +
    ggplot2::geom_point(ggplot2::aes(x = .data$value, shape = .data$safe), size = 2.6, fill = "white") +
    ggplot2::facet_grid(cols = ggplot2::vars(.data$panel), scales = "free_x") +
    ggplot2::scale_fill_manual(values = kSideColours) + ggplot2::scale_shape_manual(values = c("never negative*" = 19, "no guarantee" = 21)) +
    ggplot2::labs(x = NULL, y = NULL, shape = NULL, fill = NULL, subtitle = wrapped(sprintf("Effect of %s on %s under %d specifications", attr(x, "belief"), attr(x, "outcome"), nrow(x))), alt = comparison_words(x),
                  caption = wrapped(sprintf("%s%% intervals, %s. Dashed: the fit. * As long as people move toward the signal.", format(100 * attr(x, "level")), attr(x, "vcov")))) +
    ggplot_theme(grid = "x") + ggplot2::theme(plot.margin = ggplot2::margin(5, 14, 5, 5), legend.box = "vertical", legend.box.just = "left", legend.spacing.y = ggplot2::unit(0, "pt"),
                                                  legend.margin = ggplot2::margin(0, 0, 0, 0), panel.spacing = ggplot2::unit(14, "pt"))
}

check_ggplot2 <- function(what) {
  if (!requireNamespace("ggplot2", quietly = TRUE)) abort_miv("needs_ggplot2", "%s needs the package ggplot2; install it, or use as.data.frame().", what)
}

comparison_bars <- function(x, spec, panel) {
  weights <- c(x$weight_down, x$weight_at, x$weight_up)
  data.frame(spec = rep(spec, 3), weight = weights, side = factor(rep(names(kSideColours), each = nrow(x)), names(kSideColours)), panel = panel)
}

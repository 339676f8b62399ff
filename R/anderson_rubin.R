# Anderson-Rubin sets. The core gives belief and error on the instruments with their joint covariance; everything here is a function of
# the effect alone. Effects are measured from the estimate, in units of `parts$unit`, and the line of effects is closed to a circle of
# angles, on which infinity is a point like any other.

#' Anderson-Rubin set
#'
#' The effects that the test of Anderson and Rubin (1949) does not reject. It holds its level however weak the first stage is, because it tests the
#' reduced form: if the effect is b, the instruments do not move Y - bX.
#'
#' The statistic at b is the Wald statistic, divided by l, of the l instruments in the least-squares regression of Y - bX on instruments and controls,
#' with the fit's kind of covariance: \deqn{W(b) = \pi(b)' V(b)^{-1} \pi(b) / l,}{W(b) = pi(b)' V(b)^-1 pi(b) / l,} against F with l and n - l - (exogenous
#' columns, constant and absorbed effects counted) degrees of freedom; with the smallest number of clusters less 1 when clustered. Small-sample factors
#' and leverages are those of that regression. The set is all b with W(b) at most the critical value.
#'
#' With one instrument its ends solve a quadratic equation. With several they are the real roots of the polynomial pi' adj(V) pi - c l det(V) of degree 2 l,
#' found as eigenvalues and then polished on the statistic itself; never on a grid. So the set is returned as it is:
#' - an interval;
#' - two rays, or the whole line: **unbounded**, where the first stage is too weak to bound the effect. This is no failure but the right answer;
#' - several pieces;
#' - **empty**, with more instruments than beliefs: they disagree, about one effect or because one is not excluded, so that every effect is rejected. A
#'   short interval can mean the same. Read it beside Hansen's J ([iv_tests()]).
#'
#' Where effects differ between people, the test with one instrument is right for the weighted mean that the fit estimates. With several
#' it tests that all instruments find one and the same effect.
#'
#' **Few clusters.** The set holds its level whatever the strength of the first stage, not whatever the number of clusters: its covariance is CR1, whose
#' tests reject too often where clusters are few. With 12 clusters treated as a whole, a true effect was rejected in 9.7 percent of samples at 5 percent;
#' `resample(fit, "permutation")`, which draws the arms again, rejected in 5.3. Below 40 clusters print and summary say so.
#'
#' Under several ways of clustering the joint covariance may not be positive definite; it is then mended as in [vcov()][miv_methods], with a warning.
#'
#' LIML and Fuller's estimator, often offered beside such sets, are left out on purpose: where effects differ over the instruments they can lie
#' outside of the range of the local effects, so that they are no mean of anybody's.
#'
#' @param fit A fit of [miv()] or [tsls()] with one belief, or several (`miv_set`).
#' @param level Between 0 and 1.
#' @param vcov Another covariance than the fit's own, as in [miv()].
#' @return A data frame of class `miv_ar_set`, one row per interval, in ascending order: `lower`, `upper` in units of the effect; `-Inf` and `Inf` where
#'   unbounded, no rows when empty. Attributes: `statistic` and `p.value` at effect 0, `level`, `df` (two numbers), `kind` (`"interval"`,
#'   `"pieces"`, `"rays"`, `"ray"`, `"line"`, `"empty"`), `words`. Of several outcomes a named list. `tidy()` gives one row per interval, `confint()` the
#'   hull as a matrix of one row (with a note where there are several pieces), `plot()` the statistic against the effect, the set shaded.
#'
#'   With a function or matrix as covariance HC1 is used, with CR2 and CR3 CR1, and a note says so (`miv_message_covariance`).
#' @section Errors: `miv_error_not_a_fit`, `miv_error_no_instruments` for least squares, `miv_error_several_beliefs`, `miv_error_bad_level`,
#'   `miv_error_unknown_argument`, `miv_error_singular_covariance` where the statistic does not exist (as many instruments as clusters, an outcome fitted
#'   exactly), `miv_error_empty_set` from `confint()` of an empty set; those of the covariance as in [miv()].
#' @references
#' Anderson, T. W. and Rubin, H. (1949). Estimation of the parameters of a single equation in a complete system of stochastic equations. *Annals of
#' Mathematical Statistics* 20(1), 46-63.
#' @seealso [iv_tests()], [first_stage()]
#' @examples
#' experiment <- info_experiment(inflation_survey, belief = ~ posterior, prior = ~ prior,
#'                               signal = 5, arm = ~ told)
#' fit <- miv(pay_claim ~ age, experiment)
#' anderson_rubin(fit)
#' confint(anderson_rubin(fit, vcov = ~ region))
#' # One stratum of a weak instrument: the set says how little is known.
#' weak <- suppressWarnings(tsls(mpg ~ wt | hp ~ qsec:am + am, mtcars))
#' anderson_rubin(weak, level = 0.99)
#' @export
anderson_rubin <- function(fit, level = 0.95, vcov = NULL, ...) {
  check_ar_dots(dot_names(...))
  if (inherits(fit, "miv_set")) return(set_results(fit, each_fit(fit, anderson_rubin, level = level, vcov = vcov)))
  check_level(level, "level")
  parts <- ar_parts(with_vcov(check_one_belief(check_instrumented(fit)), vcov))
  new_ar_set(parts, ar_intervals(parts, ar_critical(parts, level)), level)
}

# Fits call it `conf.level`.
check_ar_dots <- function(names) {
  if ("conf.level" %in% names) abort_miv("unknown_argument", "`conf.level` is not an argument. Did you mean `level`?")
  check_dots(names, c("level", "vcov"))
}

# Of what is made from a set, whose level is given.
check_set_dots <- function(names, x, allowed) {
  if (any(c("conf.level", "level") %in% names)) {
    abort_miv("unknown_argument", "The set is that of level %s; `anderson_rubin(fit, level = %s)` gives another.", format(attr(x, "level")),
              if (identical(attr(x, "level"), 0.9)) "0.95" else "0.9")
  }
  check_dots(names, allowed)
}

# ---- parts ----

# Everything about a fit that the statistic needs: estimate and unit (effect = estimate + unit * d), l directions and 2 l covariance at d (belief, error), df.
ar_parts <- function(fit) {
  forms <- reduced_forms(fit, ar_choice(fit))
  l <- nrow(forms$directions)
  scale <- ar_scale(forms, l)
  parts <- list(estimate = fit$coefficients[[1]], unit = forms$unit[1] * scale$unit, l = l, df = c(l, forms$df2), belief = fit$beliefs,
                clusters = if (length(fit$vcov_kind$ways)) forms$df2 + 1, draws = if (fit$door == "miv") "permutation" else "wild",
                outcome = deparse_one(fit$formula[[2]]), pi_x = forms$directions[, 1] * scale$unit / scale$error, pi_u = forms$directions[, 2] / scale$error)
  v <- forms$vcov * rep(c(scale$unit, 1) / scale$error, each = l) * rep(rep(c(scale$unit, 1) / scale$error, each = l), each = 2 * l)
  block <- function(i, j) v[(i - 1) * l + seq_len(l), (j - 1) * l + seq_len(l), drop = FALSE]
  parts <- c(parts, list(v_uu = block(2, 2), v_xu = (block(1, 2) + block(2, 1)) / 2, v_xx = block(1, 1)))
  check_regular(parts, fit, forms)
}

check_one_belief <- function(fit) {
  if (length(fit$beliefs) == 1) return(invisible(fit))
  abort_miv("several_beliefs", "The fit has %d beliefs (%s); the set is for one.", length(fit$beliefs), quote_names(fit$beliefs))
}

ar_choice <- function(fit) {
  type <- fit$vcov_kind$type
  if (type %in% c("function", "matrix")) {
    inform_miv("covariance", "The covariance given as a %s is that of the fit's own regression; these tests are made with HC1.", type)
    return(list(type = "HC1", ways = list()))
  }
  if (!type %in% c("CR2", "CR3")) return(kept_choice(fit))
  inform_miv("covariance", "These tests are made with CR1; `summary()` has %s.", type)
  list(type = "CR1", ways = fit$vcov_kind$ways)
}

# The core's reduced forms of beliefs and error, with the covariance of their directions and its degrees of freedom.
reduced_forms <- function(fit, choice, whole_error = FALSE) {
  problem <- problem_of(fit)
  sample <- sample_of(fit)
  choice <- add_clusters(problem, choice)
  check_leverage(problem, choice)
  absorbed <- absorb(problem, sample)
  clusters <- cluster_indices(problem, choice, sample$kept)
  request <- c(meat_request(choice, absorbed$match(clusters), FALSE), list(threads = threads(), reference = absorbed$reference, wide = FALSE, whole_error = whole_error))
  forms <- anderson_rubin_cpp(absorbed$design, request)
  k <- forms$exogenous + absorbed$count + nrow(forms$directions)
  forms$vcov <- forms_covariance(forms, choice, clusters, k, absorbed$nested(clusters))
  forms$k <- k
  forms$df2 <- if (length(clusters)) smallest_count(clusters) - 1 else forms$n - k
  forms
}

forms_covariance <- function(forms, choice, clusters, k, nested) {
  if (choice$type == "iid") return(kronecker(forms$left, diag(nrow(forms$directions))) / (forms$n - k))
  v <- signed_sum(forms$meats, clusters) * small_sample_factor(choice, forms$n, k, k - nested, clusters)
  mend_negative(v, clusters)
}

# Units in which error and belief are of like size: sqrt of the error's variance, and the error over the belief.
ar_scale <- function(forms, l) {
  size <- function(target) sqrt(sum(diag(forms$vcov)[(target - 1) * l + seq_len(l)]))
  belief <- sqrt(size(1)^2 + sum(forms$directions[, 1]^2))
  error <- size(2)
  if (!(error > 0)) error <- belief * .Machine$double.eps
  list(error = error, unit = error / belief)
}

# The statistic must exist at some effect: V(b) is tried at five points of the circle.
check_regular <- function(parts, fit, forms) {
  condition <- vapply(c(0.1, 0.7, 1.3, 1.9, 2.5), function(angle) rcond_symmetric(at_angle(parts, angle)$v), 0)
  if (max(condition) > 1e-13 && !is_rounding(forms)) return(parts)
  clusters <- fit$vcov_kind$n_clusters
  if (length(clusters)) abort_miv("singular_covariance", "%d instrument%s and %s clusters leave the covariance without an inverse; cluster less coarsely, or use fewer instruments.",
                                  parts$l, plural(parts$l), paste(clusters, collapse = " and "))
  abort_miv("singular_covariance", "The covariance of `%s` less the effect of `%s` on %d instrument%s has no inverse: what they leave is 0 for too many of the %d people.",
            parts$outcome, parts$belief, parts$l, plural(parts$l), fit$nobs)
}

# Scores that add to 0 in every cluster leave rounding.
is_rounding <- function(forms) {
  l <- nrow(forms$directions)
  left <- rep(diag(forms$left), each = l)
  all(diag(forms$vcov) <= 1e-22 * pmax(left, .Machine$double.xmin))
}

rcond_symmetric <- function(v) {
  values <- eigen(v, symmetric = TRUE, only.values = TRUE)$values
  if (values[1] > 0) values[length(values)] / values[1] else 0
}

# ---- the statistic ----

# Error less tan(angle) times the belief, times cos(angle): its directions and their covariance.
at_angle <- function(parts, angle) {
  a <- cos(angle)
  b <- sin(angle)
  list(pi = a * parts$pi_u - b * parts$pi_x, v = a^2 * parts$v_uu - 2 * a * b * parts$v_xu + b^2 * parts$v_xx)
}

wald_at_angle <- function(parts, angle) {
  at <- at_angle(parts, angle)
  root <- suppressWarnings(tryCatch(chol(at$v), error = function(e) NULL))
  if (is.null(root)) return(if (all(at$pi == 0)) 0 else Inf)
  sum(backsolve(root, at$pi, transpose = TRUE)^2) / parts$l
}

# F at each effect, in the user's units; Inf is allowed.
ar_wald <- function(parts, b) vapply(atan((b - parts$estimate) / parts$unit), wald_at_angle, 0, parts = parts)

ar_critical <- function(parts, level) stats::qf(level, parts$df[1], parts$df[2])

# ---- the set ----

# Matrix of lower and upper, in the user's units.
ar_intervals <- function(parts, critical) {
  ends <- if (parts$l == 1) quadratic_ends(parts, critical) else pencil_ends(parts, critical)
  pieces <- pieces_between(ends$angles, ends$inside)
  matrix(as.numeric(ar_effect(parts, pieces)), ncol = 2, dimnames = list(NULL, c("lower", "upper")))
}

ar_effect <- function(parts, angle) ifelse(abs(angle) >= pi / 2, sign(angle) * Inf, parts$estimate + parts$unit * tan(angle))

# a d^2 + 2 h d - e <= 0 with one instrument, where the error's direction is 0. The estimate, at angle 0, is always inside.
quadratic_ends <- function(parts, critical) {
  a <- drop(parts$pi_x^2 - critical * parts$v_xx)
  h <- drop(critical * parts$v_xu)
  e <- drop(critical * parts$v_uu)
  disc <- max(0, h^2 + a * e)
  if (a < 0 && disc == 0) return(list(angles = numeric(), inside = TRUE))
  q <- -(h + (if (h < 0) -1 else 1) * sqrt(disc))
  angles <- if (q == 0) c(0, 0) else sort(wrap_angle(c(atan2(q, a), atan2(-e, q))))
  between <- angles[1] <= 0 && angles[2] >= 0
  list(angles = angles, inside = c(between, !between))
}

# To (-pi/2, pi/2]: an angle and its opposite are the same effect.
wrap_angle <- function(angle) {
  angle <- angle %% pi
  ifelse(angle > pi / 2, angle - pi, angle)
}

# Ends with several instruments: between two neighbouring probes of different verdict there is exactly one.
pencil_ends <- function(parts, critical) {
  excess <- function(angle) min(wald_at_angle(parts, angle), 1e300) - critical
  probes <- probe_angles(parts, critical, excess)
  inside <- vapply(probes, excess, 0) <= 0
  m <- length(probes)
  following <- c(seq_len(m)[-1], 1)
  changes <- which(inside != inside[following])
  if (length(changes) == 0) return(list(angles = numeric(), inside = inside[1]))
  to <- ifelse(changes == m, probes[following[changes]] + pi, probes[following[changes]])
  angles <- wrap_angle(mapply(crossing, probes[changes], to, MoreArgs = list(excess = excess)))
  order <- order(angles)
  first <- inside[following[changes[order[1]]]]
  list(angles = angles[order], inside = rep(c(first, !first), length.out = length(angles)))
}

crossing <- function(from, to, excess) stats::uniroot(excess, c(from, to), tol = 1e-16, maxiter = 200)$root

# Points between the roots of det(c l V - pi pi'), and beside them where two roots lie so close that rounding made them complex.
probe_angles <- function(parts, critical, excess) {
  roots <- pencil_roots(parts, critical)
  real <- sort(unique(Re(roots)[abs(Im(roots)) < 1e-3]))
  if (length(real) == 0) return(0)
  between <- (real + c(real[-1], real[1] + pi)) / 2
  double <- roots[Im(roots) > 0 & Im(roots) < 1e-3]
  extremes <- unlist(lapply(double, near_extremes, excess = excess))
  sort(unique(wrap_angle(c(between, extremes))))
}

near_extremes <- function(angle, excess) {
  range <- Re(angle) + c(-1, 1) * max(4 * Im(angle), 1e-10)
  c(stats::optimize(excess, range, tol = 1e-12)$minimum, stats::optimize(excess, range, maximum = TRUE, tol = 1e-12)$maximum)
}

# Complex angles where the polynomial is 0. The turn puts infinity where the leading coefficient is best conditioned.
pencil_roots <- function(parts, critical) {
  turns <- seq(0, 2.8, by = 0.4)
  leading <- lapply(turns, function(turn) pencil_at(parts, critical, turn + pi / 2))
  best <- which.max(vapply(leading, function(p) { s <- svd(p, 0, 0)$d; s[length(s)] / s[1] }, 0))
  p2 <- leading[[best]]
  turn <- turns[best]
  p0 <- pencil_at(parts, critical, turn)
  p1 <- 2 * pencil_at(parts, critical, turn + pi / 4) - p0 - p2
  l <- parts$l
  companion <- rbind(cbind(matrix(0, l, l), diag(l)), -solve(p2, cbind(p0, p1), tol = 0))
  t <- eigen(companion, only.values = TRUE)$values
  complex(real = wrap_angle(atan(Re(t)) + turn), imaginary = Im(t) / (1 + Re(t)^2))
}

pencil_at <- function(parts, critical, angle) {
  at <- at_angle(parts, angle)
  critical * parts$l * at$v - tcrossprod(at$pi)
}

# Pieces of the circle to intervals of the line, cut at infinity. inside[i]: between angles i and i + 1, the last one across infinity.
pieces_between <- function(angles, inside) {
  m <- length(angles)
  if (m == 0) return(if (inside[1]) c(-pi / 2, pi / 2) else numeric())
  inside <- rep(inside, length.out = m)
  own <- which(inside[-m])
  middle <- rbind(angles[own], angles[own + 1])
  if (!inside[m]) return(t(middle))
  left <- if (angles[1] > -pi / 2) c(-pi / 2, angles[1])
  right <- if (angles[m] < pi / 2) c(angles[m], pi / 2)
  t(cbind(left, middle, right))
}

# ---- the object ----

new_ar_set <- function(parts, intervals, level) {
  statistic <- ar_wald(parts, 0)
  kind <- ar_kind(intervals)
  structure(as.data.frame(intervals), class = c("miv_ar_set", "data.frame"), statistic = statistic,
            p.value = stats::pf(statistic, parts$df[1], parts$df[2], lower.tail = FALSE), level = level, df = parts$df, kind = kind,
            words = ar_words(intervals, kind, level), parts = parts)
}

ar_kind <- function(intervals) {
  infinite <- sum(is.infinite(intervals))
  if (nrow(intervals) == 0) return("empty")
  if (nrow(intervals) == 1) return(c("interval", "ray", "line")[infinite + 1])
  if (infinite == 0) "pieces" else "rays"
}

ar_words <- function(intervals, kind, level) {
  switch(kind,
    empty = "The set is empty: every effect is rejected, because the instruments find different effects or one of them is not excluded.",
    line = sprintf("The set is unbounded, the whole line: at %s%% the data exclude no effect, so weakly do the instruments move the belief.", format(100 * level)),
    interval = sprintf("The set is the interval %s.", pieces_words(intervals)),
    ray = sprintf("The set is unbounded, one ray: %s.", pieces_words(intervals)),
    rays = sprintf("The set is unbounded, %s: %s.", if (nrow(intervals) == 2) "two rays" else "two rays and what lies between", pieces_words(intervals)),
    pieces = sprintf("The set is in %d pieces: %s.", nrow(intervals), pieces_words(intervals)))
}

pieces_words <- function(intervals) paste(apply(intervals, 1, ends_words), collapse = " and ")

ends_words <- function(ends) {
  shown <- show_ends(ends)
  if (is.infinite(ends[[1]])) return(paste("up to", shown[2]))
  if (is.infinite(ends[[2]])) return(paste("from", shown[1]))
  paste(shown, collapse = " to ")
}

# Digits enough to see that the ends differ.
show_ends <- function(ends) {
  finite <- ends[is.finite(ends)]
  width <- if (length(finite) == 2) abs(diff(finite)) else abs(finite)
  fixed(ends, decimals_for(width / 4, 3))
}

#' @export
print.miv_ar_set <- function(x, ...) {
  if (is.null(attr(x, "parts"))) return(print(as.data.frame(x)))   # some of its columns or rows
  level <- attr(x, "level")
  print_words(sprintf("Anderson-Rubin set, %s%%, for the effect of `%s` on `%s`", format(100 * level), attr(x, "parts")$belief, attr(x, "parts")$outcome))
  print_line("Set", attr(x, "words"))
  print_line("At effect 0", sprintf("F = %s on %d and %s degrees of freedom, %s.", show_f(attr(x, "statistic")), attr(x, "df")[1], big_number(attr(x, "df")[2]),
                                    p_value_words(attr(x, "p.value"))))
  few <- few_clusters_ar(attr(x, "parts"))
  if (nzchar(few)) print_line("Clusters", paste0(few, "."))
  invisible(x)
}

# Half a sentence where the covariance is CR1 of few clusters.
few_clusters_ar <- function(parts) {
  if (is.null(parts$clusters) || parts$clusters >= kFewClusters) return("")
  sprintf("with %s clusters its size is that of CR1, too large: see resample(fit, \"%s\")", big_number(parts$clusters), parts$draws)
}

p_value_words <- function(p) {
  shown <- format.pval(p, digits = 3, eps = 1e-4)
  if (startsWith(shown, "<")) paste("p <", sub("^< *", "", shown)) else paste("p =", shown)
}

#' @export
tidy.miv_ar_set <- function(x, ...) {
  check_set_dots(dot_names(...), x, "x")
  data.frame(term = rep(attr(x, "parts")$belief, nrow(x)), conf.low = x$lower, conf.high = x$upper, conf.level = rep(attr(x, "level"), nrow(x)))
}

#' @param parm Nothing but the belief, by name or number.
#' @rdname anderson_rubin
#' @export
confint.miv_ar_set <- function(object, parm, level = attr(object, "level"), ...) {
  check_dots(dot_names(...), c("parm", "level"))
  own <- attr(object, "level")
  if (!identical(as.numeric(level), own)) abort_miv("bad_level", "The set is that of level %s; ask `anderson_rubin(fit, level = %s)` for another.", format(own), deparse_one(level))
  if (nrow(object) == 0) abort_miv("empty_set", "The set is empty: every effect is rejected at level %s.", format(own))
  if (nrow(object) > 1) inform_miv("several_pieces", "The set has %d pieces (%s); this is their hull.", nrow(object), pieces_words(as.matrix(object)))
  belief <- attr(object, "parts")$belief
  if (!missing(parm)) read_parm(parm, belief)
  matrix(c(min(object$lower), max(object$upper)), 1, dimnames = list(belief, interval_names(own)))
}

# ---- in a summary ----

# The set, or in words why there is none. Notes on the covariance go into the words.
weak_robust_set <- function(fit, level) {
  if (length(fit$beliefs) != 1) return(NULL)
  tryCatch(suppressWarnings(suppressMessages(anderson_rubin(fit, level))), miv_error = conditionMessage)
}

weak_robust_words <- function(set, kind) {
  if (is.null(set)) return("")
  if (is.character(set)) return(paste("no Anderson-Rubin set.", set))
  own <- switch(kind$type, `function` = , matrix = ", HC1", CR2 = , CR3 = ", CR1", "")
  few <- few_clusters_ar(attr(set, "parts"))
  sprintf("%s (%s%% Anderson-Rubin set%s)%s.", sub("^The set is (the interval )?(.*)[.]$", "\\2", attr(set, "words")), format(100 * attr(set, "level")), own,
          if (nzchar(few)) paste0("; ", few) else "")
}

# What has one row per person kept, made from the data whenever a method asks for it. Columns net of the constant (or of the absorbed
# effects) carry the arithmetic: a control shifted by 1e8 then costs no digit.

# list(raw, net: the design's columns; weights or NULL; groups: 0-based ids or NULL; centred: whether a constant or effects were taken out)
read_rows <- function(fit, problem = problem_of(fit)) {
  raw <- fit_columns(fit, problem)
  weights <- kept_weights(fit, problem)
  groups <- kept_groups(fit, problem)
  net <- if (length(groups)) net_of_groups(raw, groups, weights) else if (problem$constant) net_of_mean(raw, weights) else raw
  list(raw = raw, net = net, weights = weights, groups = groups, constant = problem$constant && length(groups) == 0,
       beliefs = ncol(raw) - 1L - rev(seq_along(fit$beliefs) - 1L))
}

kept_weights <- function(fit, problem) {
  if (problem$weights < 0) return(NULL)
  as.numeric(keep_rows(problem$sources$vectors[[problem$weights + 1L]], kept_of(fit)))
}

kept_groups <- function(fit, problem) {
  kept <- kept_of(fit)
  lapply(problem$effects, function(effect) keep_ids(effect_index(problem, effect, kept), kept)$ids)
}

weighted_means <- function(x, weights) if (is.null(weights)) colMeans(x) else colSums(x * (weights / sum(weights)))

net_of_mean <- function(x, weights) sweep(x, 2, weighted_means(x, weights))

# One effect: group means after the overall mean; several: alternating projections.
net_of_groups <- function(x, groups, weights) {
  x <- net_of_mean(x, weights)
  if (length(groups) > 1) return(named_like(demean_several(x, groups, weights)$net, x))
  x - group_means(x, groups[[1]], weights)[groups[[1]] + 1L, , drop = FALSE]
}

named_like <- function(x, other) {
  dimnames(x) <- dimnames(other)
  x
}

# One row per group.
group_means <- function(x, ids, weights) {
  w <- if (is.null(weights)) rep(1, nrow(x)) else weights
  unname(rowsum(x * w, ids)) / as.vector(rowsum(w, ids))
}

# ---- regressors ----

# Columns of the exogenous coefficients from raw or net columns; the constant is 1 among raw ones and leaves nothing net.
exogenous_columns <- function(x, places, constant) {
  columns <- x[, pmax(places, 1L), drop = FALSE]
  columns[, places == 0L] <- constant
  columns
}

# n x k in the order of coef(): net = TRUE less the constant or effects; projected = TRUE puts the first stage's fitted beliefs in.
regressors_of <- function(fit, rows, net = TRUE, projected = FALSE) {
  x <- if (net) rows$net else rows$raw
  beliefs <- x[, rows$beliefs, drop = FALSE]
  if (projected && length(fit$beliefs)) beliefs <- beliefs - first_residuals(fit, rows)
  out <- cbind(beliefs, exogenous_columns(x, fit$places$exogenous, if (net) 0 else 1))
  dimnames(out) <- list(rownames(rows$raw), names(fit$coefficients))
  out
}

instruments_of <- function(fit, rows, net = TRUE) {
  places <- c(fit$places$exogenous, fit$places$instruments)
  out <- exogenous_columns(if (net) rows$net else rows$raw, places, if (net) 0 else 1)
  dimnames(out) <- list(rownames(rows$raw), c(names(fit$coefficients)[length(fit$beliefs) + seq_along(fit$places$exogenous)], fit$instruments))
  out
}

# Beliefs less their first stage: n x p.
first_residuals <- function(fit, rows) {
  rows$net[, rows$beliefs, drop = FALSE] - instruments_of(fit, rows) %*% fit$first_stage$coefficients
}

# Outcome less its regression, on the beliefs themselves.
residuals_of <- function(fit, rows) {
  drop(rows$net[, ncol(rows$net)] - regressors_of(fit, rows) %*% fit$coefficients)
}

# What the covariance's scores are made of: net of effects where effects are absorbed, raw (with its constant) where not.
score_regressors <- function(fit, rows, projected = TRUE) {
  if (length(rows$groups)) return(regressors_of(fit, rows, net = TRUE, projected = projected))
  regressors_of(fit, rows, net = FALSE, projected = projected)
}

# ---- scores and leverage ----

# n x k: xhat e w, and with heterogeneous scores (x - xhat)(P_Z e) w beside it.
scores_of <- function(fit, rows) {
  error <- residuals_of(fit, rows)
  w <- if (is.null(rows$weights)) 1 else rows$weights
  scores <- score_regressors(fit, rows) * (error * w)
  if (identical(fit$vcov_kind$scores, "heterogeneous") && fit$over_identified) {
    at <- seq_along(fit$beliefs)
    scores[, at] <- scores[, at] + first_residuals(fit, rows) * (project_on_instruments(fit, rows, error) * w)
  }
  scores
}

project_on_instruments <- function(fit, rows, error) {
  root <- if (is.null(rows$weights)) 1 else sqrt(rows$weights)
  q <- orthonormal(instruments_of(fit, rows) * root)
  drop(q %*% crossprod(q, error * root)) / root
}

# Columns of unit length first, so that their sizes do not matter; columns of 0 (the constant, net) are left out.
orthonormal <- function(x) {
  size <- sqrt(colSums(x^2))
  x <- sweep(x[, size > 0, drop = FALSE], 2, size[size > 0], "/")
  if (ncol(x) == 0) x else qr.Q(qr(x, tol = 0))
}

# Second-stage leverage on the projected regressors; the constant, or the one absorbed effect, adds weight over total weight.
leverage_of <- function(fit, rows) {
  check_leverage(list(effects = rows$groups), list(type = "HC2"))
  w <- if (is.null(rows$weights)) rep(1, nrow(rows$raw)) else rows$weights
  own <- rowSums(orthonormal(regressors_of(fit, rows, projected = TRUE) * sqrt(w))^2)
  if (length(rows$groups)) return(own + w / as.vector(rowsum(w, rows$groups[[1]]))[rows$groups[[1]] + 1L])
  if (rows$constant) own + w / sum(w) else own
}

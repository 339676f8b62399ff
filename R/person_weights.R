# Effect weights by person: g (X - fitted base belief) for informed people. Method note, section 3.

person_weights <- function(fit) {
  check_person(fit)
  experiment <- fit$experiment
  kept <- kept_of(fit)
  people <- person_frame(fit, kept)
  base <- fitted_base(people)
  told <- people$arm == 2
  raw <- function(belief) (people$scale * people$g * (people$belief - belief))[told]
  share <- function(x) x / sum(x)
  table <- data.frame(cell = kept_names(fit)[told], side = as.integer(people$side[told]), n = 1L, share = 1 / sum(told), weight = share(raw(base)))
  table$weight.prior <- if (experiment$design == "passive") share(raw(people$prior)) else NA_real_
  structure(list(cells = table, estimate = coef_of_belief(fit), std.error = sqrt(fit$vcov[1, 1]), sides = side_totals(table), title = "person", level = NA,
                 notes = base_note(experiment), fit = fit), class = c("person_weights", "effect_weights"))
}

check_person <- function(fit) {
  if (is.null(fit$experiment)) abort_miv("unknown_side", "`by = \"person\"` needs to know how the index moves with the arm; give a fit of miv().")
  check_units(fit$experiment, "`by = \"person\"`", "use `by = \"side\"`")
  check_one_signal(fit$experiment, "person", "use `by = \"side\"`, whose cells are the patterns of sides")
}

# The people in the fit: belief, prior, side, arm (1 base), what the base arm was told, g, and the factor weight x share of the base arm in the stratum.
person_frame <- function(fit, kept) {
  experiment <- fit$experiment
  gap <- gap_values(experiment, experiment$arm$informed)
  codes <- arm_codes(experiment)
  out <- list(belief = role_values(experiment, experiment$roles$belief), prior = role_values(experiment, experiment$roles$prior), side = sign(gap),
              arm = match(codes$x, codes$values), g = index_slope(fit, gap),
              told = if (experiment$design == "active") rep_len(signal_values(experiment, experiment$arm$base), fit$rows) else numeric(fit$rows))
  out <- as.data.frame(lapply(out, function(x) as.numeric(keep_rows(x, kept))))
  weights <- experiment$roles$weights
  f <- if (is.null(weights)) rep(1, nrow(out)) else as.numeric(keep_rows(role_values(experiment, weights), kept))
  out$f <- f
  out$scale <- f * base_share(fit, kept, out$arm, f)
  out
}

# Known, or the sample's in the stratum.
base_share <- function(fit, kept, arm, f) {
  p <- fit$experiment$probability
  if (is.list(p)) return(1 - as.numeric(keep_rows(role_values(fit$experiment, p), kept)))
  strata <- fit$experiment$roles$strata
  if (length(strata) == 0 || !is.null(p)) return(rep(1, length(arm)))
  stratum <- interaction(lapply(strata, function(role) keep_rows(role_values(fit$experiment, role), kept)), drop = TRUE)
  as.numeric((rowsum(f * (arm == 1), stratum) / rowsum(f, stratum))[as.character(stratum), 1])
}

# Belief on side x prior among base people (and on what the base arm was told, where that differs).
fitted_base <- function(people) {
  x <- base_design(people)
  base <- people$arm == 1
  root <- sqrt(people$f[base])
  varies <- colSums(abs(x[base, , drop = FALSE])) > 0
  qr <- qr(root * x[base, varies, drop = FALSE])
  b <- qr.coef(qr, root * people$belief[base])
  b[is.na(b)] <- 0
  drop(x[, varies, drop = FALSE] %*% b)
}

base_design <- function(people) {
  centred <- people$prior - mean(people$prior)
  by_side <- lapply(sort(unique(people$side)), function(s) cbind(people$side == s, (people$side == s) * centred))
  cbind(do.call(cbind, by_side), if (any(people$told != 0)) people$told - mean(people$told))
}

side_totals <- function(table) {
  sides <- sort(unique(table$side))
  total <- function(x) vapply(sides, function(s) sum(x[table$side == s]), 0)
  data.frame(side = sides, n = as.integer(table(table$side)), weight = total(table$weight), weight.prior = total(table$weight.prior))
}

base_note <- function(experiment) {
  sprintf("Base beliefs are fitted in arm `%s` (belief on side x prior); `weight.prior` takes the prior for the base belief, which is off where beliefs drift.", experiment$arm$base)
}

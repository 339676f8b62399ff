# The checks of audit(), one function each: people (audit_people()) -> rows of the table, or NULL where a check is not defined.

kAuditChecks <- c("audit_direction", "audit_told", "audit_gap_movers", "audit_drift", "audit_balance", "audit_attrition", "audit_gap_zero", "audit_bounds",
                  "audit_heaping",
                  "audit_range", "audit_sides", "audit_instruments", "audit_strength", "audit_clusters_row")

belief_name <- function(people) quote_role(people$experiment$roles$belief)
prior_name <- function(people) quote_role(people$experiment$roles$prior)
share_words <- function(p) percent(p, 1)

# ---- direction ----

audit_direction <- function(people) {
  informed <- people$experiment$arm$informed
  cells <- expand.grid(side = c(-1, 1), a = seq_along(informed))
  found <- Filter(Negate(is.null), Map(function(side, a) side_first_stage(people, side, a), cells$side, cells$a))
  if (length(found) == 0) return(NULL)
  p <- vapply(found, `[[`, 0, "p")
  holm <- stats::p.adjust(p, "holm")
  away <- stats::p.adjust(1 - p, "holm")
  do.call(rbind, Map(function(cell, p_holm, p_away) direction_row(people, cell, p_holm, p_away), found, holm, away))
}

side_first_stage <- function(people, side, a) {
  rows <- which(people$complete & people$index %in% c(1, a + 1) & sign(people$gaps[[a]]) == side)
  told <- people$index[rows] == a + 1
  if (sum(told) < 2 || sum(!told) < 2) return(NULL)
  fit <- robust_fit(people$belief[rows], cbind(told), people, rows)
  if (length(fit$estimate) == 0) return(NULL)
  se <- sqrt(fit$vcov[1, 1])
  t <- side * people$experiment$direction * fit$estimate / se
  list(side = side, a = a, n = length(rows), estimate = fit$estimate, interval = t_interval(fit$estimate, se, fit$df), p = t_above(t, fit$df))
}

direction_row <- function(people, cell, p, p_away) {
  arm <- people$experiment$arm$informed[cell$a]
  verdict <- if (isTRUE(p < kAuditP)) "ok" else if (isTRUE(p_away < kAuditP)) "stop" else "look"
  place <- sub("\n.*", "", side_places(people$experiment)[cell$side + 2])
  who <- if (people$passive) sprintf("People with a %s the signal", place) else sprintf("People %s", place)
  moves <- if (cell$estimate > 0) "more" else "less"
  audit_row(people, sprintf("direction, side %+d", cell$side), cell$estimate, cell$interval, p, verdict, cell$n, "difference in mean belief, informed less base arm",
            sprintf("%s believe %s %s when told (%s)%s.", who, show_number(abs(cell$estimate), 3), moves, belief_name(people),
                    switch(verdict, ok = "", look = ", which is not clearly toward the signal", stop = ", away from the signal")),
            if (verdict == "stop") "Check the signal, the prior's units and `direction`; as it stands `sign` has negative weights."
            else "The weights of this side may be negative: see `effect_weights()`.",
            p_raw = cell$p, arm = arm)
}

# ---- told people ----

# By arm: complete told people with the sign of their own gap.
told_arms <- function(people) if (people$same_units) names(people$experiment$signals)

audit_told <- function(people) do.call(rbind, lapply(told_arms(people), told_rows, people = people))

told_rows <- function(arm, people) {
  rows <- which(people$complete & people$index == match(arm, people$experiment$arm$levels) & people$own_gap != 0)
  if (length(rows) == 0) return(NULL)
  way <- sign(people$own_gap)
  move <- sign_of(people$belief, people$prior) * way
  past <- sign_of(people$belief, people$prior + people$own_gap) * way
  told <- if (length(told_arms(people)) > 1) sprintf("those told in arm `%s` (gap not 0)", arm) else "the told (gap not 0)"
  row <- function(check, hit, words, verdict, todo = "") {
    found <- share_of(hit, people, rows)
    share_row(people, check, found, verdict(found$interval), paste("share of", told), sprintf("%s of %s %s.", share_words(found$share), told, words), todo, arm)
  }
  silent <- function(interval) NA
  rbind(row("told, toward", move > 0, "move toward the signal", function(i) if (i[2] < kTowardShare) "look" else "ok",
            "Most people do not follow the signal: is it read, and believed?"),
        row("told, stays", move == 0, "stay where they were", silent),
        row("told, away", move < 0, "move away from it", function(i) above(i[1], kAwayShare),
            "Compare with the drift of the untold; people who move away count negatively."),
        row("told, overshoots", move > 0 & past > 0, "go beyond it", function(i) above(i[1], kOvershootShare),
            "Was the number read as meant? Compare with the drift of the untold."))
}

audit_gap_movers <- function(people) do.call(rbind, lapply(told_arms(people), gap_mover_row, people = people))

gap_mover_row <- function(arm, people) {
  rows <- which(people$complete & people$index == match(arm, people$experiment$arm$levels) & people$own_gap == 0)
  if (length(rows) == 0) return(NULL)
  found <- share_of(sign_of(people$belief, people$prior) != 0, people, rows)
  share_row(people, "told, gap 0, moves", found, NA, "share of the told at gap 0",
            sprintf("%s of the %s told people at gap 0 move all the same.", share_words(found$share), big_number(found$n)), arm = arm)
}

# ---- untold people ----

audit_drift <- function(people) {
  if (!people$passive || !people$same_units) return(NULL)
  rows <- which(people$complete & people$index == 1)
  move <- sign_of(people$belief, people$prior)
  found <- share_of(move != 0, people, rows)
  rbind(share_row(people, "drift, share", found, NA, "share of the untold", sprintf("%s of the untold change their belief.", share_words(found$share))),
        drift_mean_row(people, rows), if (length(people$gaps) == 1) drift_side_rows(people, rows[people$gaps[[1]][rows] != 0], move * sign(people$gaps[[1]])))
}

drift_mean_row <- function(people, rows) {
  found <- mean_of(people$belief - people$prior, people, rows)
  p <- t_two_sided(t_of(found), found$df)
  spread <- abs(found$mean) / stats::sd(people$prior[people$complete])
  verdict <- tested(p, if (spread >= kDriftSize) "look" else "ok")
  audit_row(people, "drift, mean", found$mean, t_interval(found$mean, found$se, found$df), p, verdict, length(rows), "mean belief less prior, base arm",
            sprintf("Untold beliefs drift by %s on average, %s standard deviations of the prior.", show_number(found$mean, 3), show_number(spread, 2)),
            untested_words(p, "Do not take the prior for the untold belief; compare arms, as the fits here do."))
}

drift_side_rows <- function(people, rows, move) {
  if (length(rows) == 0) return(NULL)
  excess <- mean_of(move, people, rows)
  p <- t_above(t_of(excess), excess$df)
  row <- function(check, hit, words, verdict = NA, p = NA_real_, todo = "") {
    found <- share_of(hit, people, rows)
    share_row(people, check, found, verdict, "share of the untold (gap not 0)", sprintf("%s of the untold (gap not 0) %s.", share_words(found$share), words), todo, p = p)
  }
  verdict <- tested(p, if (excess$mean >= kDriftSize) "look" else "ok")
  rbind(row("drift, toward", move > 0, "move toward the signal", verdict, p,
            untested_words(p, "More than away: regression to the mean, or they heard of it. What the told do beyond that is the information's.")),
        row("drift, stays", move == 0, "stay where they were"), row("drift, away", move < 0, "move away from it"))
}

# ---- arms alike ----

audit_balance <- function(people) {
  tests <- lapply(seq_along(people$gaps), balance_test, people = people)
  p <- vapply(tests, `[[`, 0, "p")
  do.call(rbind, Map(function(test, p, arm) balance_row(people, test, p, arm), tests, stats::p.adjust(p, "holm"), people$experiment$arm$informed))
}

balance_test <- function(people, a) {
  gap <- people$gaps[[a]]
  x <- cbind(prior = people$prior, gap = gap, above = gap < 0, at = gap == 0, people$covariates)
  rows <- which(people$assigned & people$index %in% c(1, a + 1) & rowSums(is.na(x)) == 0)
  c(joint_test(robust_fit(as.numeric(people$index[rows] == a + 1), x[rows, , drop = FALSE], people, rows)), n = length(rows))
}

balance_row <- function(people, test, p, arm) {
  verdict <- if (is.na(p)) "look" else if (p < kBalanceStopP) "stop" else if (p < kAuditP) "look" else "ok"
  what <- sprintf("prior, gap, side%s", if (is.null(people$covariates)) "" else " and the covariates")
  audit_row(people, "balance", test$F, c(NA, NA), p, verdict, test$n, sprintf("F of %s (%d) over arms", what, as.integer(test$q)),
            if (is.na(p)) sprintf("Balance of %s cannot be tested: too few clusters, or nothing varies.",
                                  what) else sprintf("Before the information, %s %s over arms (F = %s, %d restrictions).", what,
              if (verdict == "ok") "are alike" else "differ", show_number(test$F, 3), as.integer(test$q)),
            "Check the assignment and its strata; control for what differs.", p_raw = test$p, arm = arm)
}

audit_attrition <- function(people) {
  rows <- which(people$assigned)
  index <- people$index[rows]
  lost <- as.numeric(people$lost[rows])
  share <- vapply(seq_along(people$experiment$arm$levels), function(j) stats::weighted.mean(lost[index == j], people$weight[rows][index == j]), 0)
  plain <- is.null(people$cluster) && is.null(people$stratum) && !people$weighted
  test <- if (plain) proportions_test(lost, index, length(share)) else regression_test(lost, index, people, rows, share)
  verdict <- tested(test$p, if (abs(test$estimate) >= kAttritionStop) "stop" else "look")
  missing <- if (is.null(people$fit)) belief_name(people) else sprintf("%s or the outcome", belief_name(people))
  audit_row(people, "attrition", test$estimate, test$interval, test$p, verdict, length(rows),
            "difference in the share lost, informed less base arm (several arms: largest less smallest)",
            sprintf("%s is missing for %s.", missing, paste(sprintf("%s of arm `%s`", share_words(share), people$experiment$arm$levels), collapse = " and ")),
            untested_words(test$p, "Whoever stays may differ over arms: compare them, bound the effect, or weight for staying."))
}

proportions_test <- function(lost, index, arms) {
  hits <- vapply(seq_len(arms), function(j) sum(lost[index == j]), 0)
  people <- tabulate(index, arms)
  if (sum(hits) %in% c(0, sum(people))) return(list(estimate = 0, interval = c(0, 0), p = 1))
  test <- suppressWarnings(stats::prop.test(rev(hits), rev(people), correct = FALSE))
  if (arms > 2) return(list(estimate = diff(range(hits / people)), interval = c(NA, NA), p = test$p.value))
  list(estimate = diff(hits / people), interval = test$conf.int, p = test$p.value)
}

regression_test <- function(lost, index, people, rows, share) {
  if (all(lost == lost[1])) return(list(estimate = 0, interval = c(0, 0), p = 1))
  fit <- robust_fit(lost, outer(index, seq_along(share)[-1], "==") * 1, people, rows)
  test <- joint_test(fit)
  if (length(share) > 2 || length(fit$estimate) != 1) return(list(estimate = diff(range(share)), interval = c(NA, NA), p = test$p))
  list(estimate = fit$estimate, interval = t_interval(fit$estimate, sqrt(fit$vcov[1, 1]), fit$df), p = test$p)
}

# ---- the form ----

audit_gap_zero <- function(people) do.call(rbind, lapply(seq_along(people$gaps), gap_zero_row, people = people))

gap_zero_row <- function(a, people) {
  found <- share_of(people$gaps[[a]] == 0, people, which(people$complete))
  verdict <- if (found$share > kGapZeroStop) "stop" else above(found$share, kGapZeroLook)
  share_row(people, "gap 0", found, verdict, "share of complete people", sprintf("%s of people have a gap of 0, where nobody is predicted to move.",
                                                                                 share_words(found$share)),
            "They carry no weight; the estimate is for the others.", arm = people$experiment$arm$informed[a])
}

audit_bounds <- function(people) rbind(bounds_row(people, "prior", people$prior, prior_name(people)), bounds_row(people, "belief", people$belief, belief_name(people)))

bounds_row <- function(people, which, x, name) {
  rows <- which(people$complete)
  ends <- range(x[rows])
  both <- lapply(ends, function(end) share_of(x == end, people, rows))
  top <- both[[2]]$share >= both[[1]]$share
  found <- both[[top + 1]]
  share_row(people, sprintf("bounds, %s", which), found, above(found$interval[1], kBoundShare), "share at the more frequent extreme",
            sprintf("%s of people are at the %s of %s, %s.", share_words(found$share), if (top) "largest value" else "smallest value", name,
                    show_number(ends[top + 1], 4)),
            sprintf("If the form ends there, what they believe lies beyond it: %s understated.", if (which == "prior") "gaps and moves are" else "moves are"))
}

audit_heaping <- function(people) do.call(rbind, lapply(told_arms(people), heaping_row, people = people))

heaping_row <- function(arm, people) {
  rows <- which(people$complete & people$index == match(arm, people$experiment$arm$levels) & people$own_gap != 0)
  if (length(rows) == 0) return(NULL)
  found <- share_of(sign_of(people$belief, people$prior + people$own_gap) == 0, people, rows)
  share_row(people, "heaping", found, above(found$interval[1], kHeapShare), "share of the told (gap not 0)",
            sprintf("%s of the told (gap not 0) answer exactly the signal.",
                    share_words(found$share)), "Do they believe the number or repeat it? Ask later, or in other words.", arm = arm)
}

# A constant signal is inside or outside for everybody. A side without people, in a passive design, is the same mistake where priors spread widely.
audit_range <- function(people) do.call(rbind, lapply(names(people$experiment$signals), range_row, people = people))

range_row <- function(arm, people) {
  rows <- which(people$complete)
  signal <- rep_len(signal_values(people$experiment, arm), length(people$index))
  ends <- range(people$prior[rows])
  found <- share_of(!is.na(signal) & (signal < ends[1] | signal > ends[2]), people, rows)
  sides <- vapply(c(-1, 1), function(side) share_of(sign(signal - people$prior) == side, people, rows)$share, 0)
  alone <- people$passive && min(sides) < kSideShare
  verdict <- if (found$share > kRangeStop) "stop" else if (alone) "look" else above(found$share, kRangeLook)
  words <- sprintf("The signal is outside the range of the prior, %s, for %s of people", range_words(ends, function(v) show_number(v, 4)), share_words(found$share))
  if (alone) words <- sprintf("%s; %s of priors lie %s it", words, share_words(max(sides)), if (sides[1] > sides[2]) "above" else "below")
  share_row(people, "signal in range", found, verdict, "share whose signal is outside the range of the prior", paste0(words, "."),
            "Is one of the two in logarithms, or in other units?", arm = arm)
}

# Who carries the estimate: weights by cell. Method note, section 3.

# Cells with their weight, effect and what the cell means carry; ids are 0-based, one per row of the data, labels one per cell.
cell_weights <- function(fit, ids, labels, problem = problem_of(fit)) {
  absorbed <- absorb(problem, sample_of(fit))
  if (is.null(absorbed$design$kept) && !is.null(fit$na.action)) ids <- keep_rows(ids, kept_of(fit))
  sums <- cell_sums_cpp(absorbed$design, absorbed$reference, as.integer(ids), length(labels), threads())
  total <- sum(sums$q_belief)
  within_x <- (sums$q_belief - mean_product(sums$q, sums$belief, sums$weight)) / total
  within_y <- (sums$q_outcome - mean_product(sums$q, sums$outcome, sums$weight)) / total * sums$outcome_per_belief
  cells <- data.frame(cell = labels, n = sums$weight, weight = within_x, effect = within_y / within_x)
  list(cells = cells, remainder = c(belief = 1 - sum(within_x), outcome = coef_of_belief(fit) - sum(within_y)))
}

mean_product <- function(q, x, weight) ifelse(weight > 0, q * x / ifelse(weight > 0, weight, 1), 0)

coef_of_belief <- function(fit) fit$coefficients[[1]]

# Total of the negative weights (sign dropped) over cells of side x sign(g), and their share of all absolute weight.
# NA where sides are not known (tsls()) or several arms are informed.
negative_weight <- function(fit) {
  if (fit$door != "miv" || length(fit$experiment$arm$informed) != 1) return(c(weight = NA_real_, share = NA_real_))
  problem <- problem_of(fit)
  gap <- person_gap(fit$experiment)
  code <- 3 * (sign(gap) + 1) + sign(index_slope(fit, gap)) + 1
  code[is.na(code)] <- 0
  weight <- cell_weights(fit, code, 0:8, problem)$cells$weight
  negative <- sum(-pmin(weight, 0))
  negative[abs(negative) < 1e-12] <- 0   # a cell nobody moves in is 0 but for rounding
  c(weight = negative, share = negative / sum(abs(weight)))
}

person_gap <- function(experiment) {
  operands <- gap_operands(experiment, experiment$arm$informed)
  operands$minuend - operands$subtrahend
}

# g: how much a person's fitted instrument index moves with the arm. The part of the index that the arm's own dummy takes away counts.
index_slope <- function(fit, gap) {
  h <- exposure_values(fit$exposure, fit$recipe$exposure, gap)
  slope <- fit$first_stage$coefficients[fit$instruments, 1]
  moved <- 0
  for (j in seq_along(fit$instruments)) moved <- moved + slope[[j]] * h[[match(fit$instruments[j], instrument_labels(fit))]]
  moved - sum(slope * arm_slope(fit))
}

exposure_values <- function(name, exposure, gap) {
  one <- rep(1, length(gap))
  switch(name, sign = list(sign(gap)), gap = list(gap), arm = list(one), `arm+gap` = list(one, gap),
         `arm+sign` = list(1 * (gap < 0), 1 * (gap > 0)), list(exposure(gap)))
}

# All instruments of the fit in the exposure's order, dropped ones too.
instrument_labels <- function(fit) column_names(problem_of(fit)$instruments)

# Coefficient of the arm's dummy in each kept instrument's regression on the controls; 0 without arm control.
arm_slope <- function(fit) {
  on_controls <- fit$first_stage$instruments_on_controls
  row <- grep("^[.]arm", rownames(on_controls))
  if (length(row) == 0) rep(0, length(fit$instruments)) else on_controls[row[1], ]
}

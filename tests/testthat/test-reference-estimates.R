# Haaland and Roth (2023), experiment 2: every row of reference_estimates.csv (R 4.2.2, AER::ivreg and sandwich).

haaland_roth <- function() {
  data <- shared_csv("experiments/haaland_roth_exp2.csv")
  transform(data, S = sign(15 - prior), G = 15 - prior, TS = T * sign(15 - prior), TG = T * (15 - prior))
}

reference_rows <- function() {
  rows <- shared_csv("experiments/reference_estimates.csv")
  rows[rows$dataset == "haaland_roth_exp2", ]
}

the_experiment <- function(data) info_experiment(data, belief = ~posterior, prior = ~prior, signal = 15, arm = ~T)

# The reference fits use the people whose posterior and outcome are there.
for_outcome <- function(data, y) data[!is.na(data$posterior) & !is.na(data[[y]]), ]

# What tsls() is asked for, by the words of the file: formula with Y for the outcome, the coefficient, and a side or 0.
by_tsls <- list(
  "FS: X ~ T" = list(posterior ~ T, "T"),
  "FS: X ~ T | sign=1" = list(posterior ~ T, "T", side = 1),
  "FS: X ~ T | sign=-1" = list(posterior ~ T, "T", side = -1),
  "learning: X ~ T*G, coef T:G" = list(posterior ~ T * G, "T:G"),
  "learning: X ~ T*G, coef T" = list(posterior ~ T * G, "T"),
  "FS: X ~ T*S + S, coef T*S" = list(posterior ~ TS + S, "TS"),
  "FS: X ~ T + T*G + G, coef T" = list(posterior ~ T + TG + G, "T"),
  "FS: X ~ T + T*G + G, coef T*G" = list(posterior ~ T + TG + G, "TG"),
  "OLS: Y ~ X + prior" = list(Y ~ posterior + prior, "posterior"),
  "IV T" = list(Y ~ 1 | posterior ~ T, "posterior"),
  "IV T | prior" = list(Y ~ prior | posterior ~ T, "posterior"),
  "IV T*S | S (MIV sign)" = list(Y ~ S | posterior ~ TS, "posterior"),
  "IV T*S | S,prior" = list(Y ~ S + prior | posterior ~ TS, "posterior"),
  "IV T*S | S,T" = list(Y ~ S + T | posterior ~ TS, "posterior"),
  "IV T*G | G" = list(Y ~ G | posterior ~ TG, "posterior"),
  "IV T*G | G,T" = list(Y ~ G + T | posterior ~ TG, "posterior"),
  "IV T,T*G | G" = list(Y ~ G | posterior ~ T + TG, "posterior"),
  "IV T | sign=1" = list(Y ~ 1 | posterior ~ T, "posterior", side = 1),
  "IV T | sign=-1" = list(Y ~ 1 | posterior ~ T, "posterior", side = -1)
)

fit_reference <- function(asked, y, data) {
  data <- for_outcome(data, if (y == "posterior") "problackindex" else y)
  if (!is.null(asked$side)) data <- data[data$S == asked$side, ]
  data$Y <- data[[y]]
  quietly(tsls(asked[[1]], data, vcov = "iid"))
}

test_that("tsls() gives every row of the reference estimates to 1e-7: coefficient, iid and HC1 errors, people, first-stage F", {
  rows <- reference_rows()
  data <- haaland_roth()
  expect_setequal(names(by_tsls), rows$spec)
  for (i in seq_len(nrow(rows))) {
    row <- rows[i, ]
    asked <- by_tsls[[row$spec]]
    fit <- fit_reference(asked, row$outcome, data)
    label <- paste(row$outcome, row$spec)
    at <- asked[[2]]
    got <- c(coef(fit)[[at]], std_errors(fit)[[at]], std_errors(fit, "HC1")[[at]])
    expect_close(got, row[c("coef", "se_iid", "se_hc1")], 1e-7, label)
    expect_equal(nobs(fit), row$n, label = label)
    if (!is.na(row$fs_F_hc1)) expect_close(with_vcov(fit, "HC1")$first_stage$F, row$fs_F_hc1, 1e-7, paste(label, "F"))
  }
})

# What miv() makes by itself. The file's `S` is linear in the side where the package has one dummy per side, so the rows
# of T*S are for tsls() only.
by_miv <- list(
  "IV T" = list(~1, exposure = "arm"),
  "IV T | prior" = list(~prior, exposure = "arm"),
  "IV T*G | G" = list(~1, exposure = "gap"),
  "IV T*G | G,T" = list(~1, exposure = "gap", arm_control = TRUE),
  "IV T,T*G | G" = list(~1, exposure = "arm+gap")
)

test_that("miv() gives the reference estimates of its own specifications to 1e-7", {
  rows <- reference_rows()
  data <- haaland_roth()
  for (y in setdiff(rows$outcome, "posterior")) for (spec in names(by_miv)) {
    row <- rows[rows$outcome == y & rows$spec == spec, ]
    asked <- by_miv[[spec]]
    formula <- as.formula(call("~", as.name(y), asked[[1]][[2]]))
    fit <- quietly(do.call(miv, c(list(formula, the_experiment(data)), asked[-1])))
    expect_close(c(first_two(fit), nobs(fit)), row[c("coef", "se_hc1", "n")], 1e-7, paste(y, spec))
    expect_close(std_errors(fit, "iid")[[1]], row$se_iid, 1e-7, paste(y, spec, "iid"))
    if (!is.na(row$fs_F_hc1)) expect_close(fit$first_stage$F, row$fs_F_hc1, 1e-7, paste(y, spec, "F"))
  }
})

test_that("without people at gap 0, `sign` is the reference's T*S with S controlled", {
  data <- haaland_roth()
  moved <- data[data$S != 0, ]
  ours <- quietly(miv(problackindex ~ 1, the_experiment(moved)))
  theirs <- quietly(tsls(problackindex ~ S | posterior ~ TS, moved))
  expect_close(first_two(ours), first_two(theirs), 1e-10)
})

# [id] of the method note, section 2.
sides_combined <- function(kept, y) {
  part <- vapply(c(-1, 1), function(s) {
    own <- kept[kept$S == s, ]
    p <- mean(own$T)
    moved <- function(v) diff(tapply(own[[v]], own$T, mean))
    nrow(own) * p * (1 - p) * s * c(moved("posterior"), moved(y))
  }, c(0, 0))
  sum(part[2, ]) / sum(part[1, ])
}

test_that("on the real experiment `sign` is the weighted mean of its two sides, to 1e-12, for every outcome", {
  data <- haaland_roth()
  for (y in c("problackindex", "black_pref", "black_ass")) {
    fit <- quietly(miv(as.formula(paste(y, "~ 1")), the_experiment(data)))
    expect_close(coef(fit)[[1]], sides_combined(for_outcome(data, y), y), 1e-12, y)
  }
})

test_that("the numbers of the README: sign -0.0058679, arm 0.0132 outside both local effects", {
  data <- haaland_roth()
  expect_as_printed(coef(quietly(miv(problackindex ~ 1, the_experiment(data))))[[1]], "-0.0058679", "sign")
  expect_as_printed(coef(quietly(miv(problackindex ~ 1, the_experiment(data), exposure = "arm")))[[1]], "0.0132", "arm")
})

test_that("active control: the info.sim data give 0.6924595 (0.1442724), with the prior controlled 0.7565019 (0.0905205)", {
  data <- shared_csv("experiments/lls_info_sim.csv")
  data$told <- as.integer(as.logical(data$Z))
  experiment <- info_experiment(data, belief = ~posterior, prior = ~prior, signal = list(`0` = -1, `1` = 1), arm = ~told)
  printed <- c("0.6924595", "0.1442724", "0.7565019", "0.0905205")
  for (exposure in c("sign", "gap", "arm")) {
    plain <- quietly(miv(Y ~ 1, experiment, exposure = exposure))
    controlled <- quietly(miv(Y ~ prior, experiment, exposure = exposure))
    expect_as_printed(c(first_two(plain), first_two(controlled)), printed, exposure)
  }
  expect_as_printed(first_two(quietly(tsls(Y ~ prior | posterior ~ told, data))), printed[3:4], "tsls")
})

# ---- data made here ----

# Passive, two arms: prior on both sides of 15, beliefs move half way.
passive <- function(n = 200) {
  data <- data.frame(person = seq_len(n), treated = rep(0:1, n / 2), prior = rep(c(8, 12, 20, 30, 10, 40, 5, 25), each = 2, length.out = n))
  data$told <- 15 + rep(c(-1, 0, 0, 1), length.out = n)
  data$posterior <- data$prior + 0.5 * data$treated * (15 - data$prior) + sin(data$person)
  data$village <- rep(1:10, length.out = n)
  data$f <- rep(c(1, 2, 0.5), length.out = n)
  data
}

describe <- function(data = passive(), ...) {
  given <- utils::modifyList(list(belief = ~ posterior, prior = ~ prior, signal = 15, arm = ~ treated), list(...), keep.null = TRUE)
  do.call(info_experiment, c(list(data), given))
}

three_arms <- function(n = 300) {
  data <- data.frame(arm = factor(rep(c("low", "none", "high"), n / 3), c("low", "none", "high")), prior = 70 + (seq_len(n) * 7) %% 31)
  data$posterior <- data$prior + c(low = 2, none = 0, high = 5)[as.character(data$arm)] + cos(seq_len(n))
  data
}

describe_three <- function(data = three_arms(), signal = list(low = 74, high = 94), ...) {
  info_experiment(data, belief = ~ posterior, prior = ~ prior, signal = signal, arm = ~ arm, ...)
}

# words: part of the message, as it stands.
refuses <- function(cause, words, ...) {
  expect_error(describe(...), words, fixed = TRUE, class = paste0("miv_error_", cause))
}

# ---- the real experiment ----

real <- function(...) {
  data <- read.csv(shared_file("experiments/haaland_roth_exp2.csv"))
  info_experiment(data, belief = ~ posterior, prior = ~ prior, signal = 15, arm = ~ T, ...)
}

test_that("the real experiment has 2,073 people, 1,701 of them complete, and sides as counted by hand", {
  experiment <- real()
  data <- experiment$data
  kept <- !is.na(data$posterior)
  expect_identical(c(experiment$counts$rows, nobs(experiment)), c(2073L, 1701L))
  expect_equal(c(experiment$counts$sides), c(table(sign(15 - data$prior)[kept])), ignore_attr = TRUE)
  expect_identical(experiment$counts$missing, c(posterior = 372L))
  expect_identical(experiment$kept, kept)
})

test_that("on the real experiment the information moves beliefs by 2.70 (1.14) below the signal and -11.02 (1.26) above it", {
  table <- summary(real())$table
  expect_equal(round(table$difference[c(1, 3)], 2), c(-11.02, 2.70))
  expect_equal(round(table$std.error[c(1, 3)], 2), c(1.26, 1.14))
  expect_identical(table$toward, c(TRUE, NA, TRUE))
  expect_equal(sum(table$share), 1)
})

test_that("the print-out of the real experiment names the design, the counts and the missing", {
  shown <- paste(capture.output(print(real())), collapse = "\n")
  for (words in c("2,073 people, 1,701 complete", "the base arm `0` was told nothing", "posterior 372 159 213", "397 (45.1%)")) {
    expect_match(shown, words, fixed = TRUE)
  }
})

# ---- roles ----

test_that("strings, formulas and expressions name the same roles", {
  by_formula <- describe(cluster = ~ village)
  by_string <- describe(belief = "posterior", prior = "prior", arm = "treated", cluster = "village")
  by_expression <- describe(belief = ~ I(posterior), prior = ~ prior + 0, arm = ~ treated == 1, cluster = ~ factor(village))
  expect_equal(as.data.frame(by_string), as.data.frame(by_formula))
  frames <- lapply(list(by_formula, by_expression), function(e) as.data.frame(e)[c(".gap", ".side", ".complete")])
  expect_equal(frames[[1]], frames[[2]])
  expect_identical(by_expression$roles$belief$label, "I(posterior)")
  expect_identical(by_expression$arm$base, "FALSE")
})

test_that("data.frame, tibble and data.table give the same experiment, and the user's data are left alone", {
  data <- passive()
  data$posterior[3] <- NA
  expected <- as.data.frame(describe(data))
  if (requireNamespace("tibble", quietly = TRUE)) expect_equal(as.data.frame(describe(tibble::as_tibble(data))), expected)
  skip_if_not_installed("data.table")
  table <- data.table::as.data.table(data)
  experiment <- describe(table)
  expect_equal(as.data.frame(experiment), expected)
  data.table::set(table, j = "prior", value = 0)
  expect_equal(as.data.frame(experiment), expected)
})

test_that("changing the user's values and functions after the description changes nothing", {
  rate <- 2
  inner <- function(x) x * rate
  scaled <- function(x) if (length(x) > 1e6) scaled(x[-1]) else inner(x)
  experiment <- describe(prior = ~ scaled(prior) / rate, signal = ~ told + rate - 2)
  before <- as.data.frame(experiment)
  expect_equal(before$.gap, passive()$told - passive()$prior)
  rate <- 50
  inner <- function(x) stop("never called")
  expect_equal(as.data.frame(experiment), before)
  rm(inner, scaled)
  expect_equal(as.data.frame(experiment), before)
})

test_that("a column wins over a user's object of the same name", {
  prior <- rep(1000, 200)
  told <- function(x) stop("never called")
  experiment <- describe(prior = ~ prior * 1, signal = ~ told)
  expect_equal(role_values(experiment, experiment$roles$prior), passive()$prior)
})

test_that("a user's function that shadows one of R's is the one that is kept", {
  log <- function(x) x / 2
  experiment <- describe(prior = ~ log(prior), signal = 7.5)
  rm(log)
  expect_equal(role_values(experiment, experiment$roles$prior), passive()$prior / 2)
})

test_that("a misspelt role is refused with the nearest column, in formulas, strings and expressions", {
  for (belief in list(~ postrior, "postrior", ~ log(postrior))) refuses("unknown_column", "Did you mean `posterior`", belief = belief)
  refuses("unknown_column", "`tt`", arm = ~ tt)
  refuses("unknown_column", "`sd`", prior = ~ sd)
})

test_that("a role that is missing, two-sided, a vector or of wrong length is refused", {
  expect_error(info_experiment(passive(), belief = ~ posterior, signal = 15, arm = ~ treated), "`prior`", class = "miv_error_missing_role")
  refuses("missing_role", "`belief`", belief = NULL)
  refuses("bad_role", "two sides", belief = posterior ~ prior)
  refuses("bad_role", "`weights`", weights = passive()$f)
  refuses("bad_role", "names 2 columns", prior = c("prior", "told"))
  refuses("wrong_length", "3 values for 200 rows", prior = ~ prior[1:3])
  refuses("bad_role", "cannot be computed", prior = ~ stop("no"))
})

test_that("a misspelt argument is refused with the nearest name", {
  expect_error(describe(clutser = ~ village), "Did you mean `cluster`", class = "miv_error_unknown_argument")
  expect_error(info_experiment(passive(), belief = ~ posterior, prior = ~ prior, singal = 15, arm = ~ treated), "Did you mean `signal`",
               class = "miv_error_unknown_argument")
})

test_that("no data, no data frame, no rows, and a column name that occurs twice are refused", {
  expect_error(info_experiment(belief = ~ posterior), class = "miv_error_missing_data")
  expect_error(describe(as.matrix(passive())), class = "miv_error_not_a_data_frame")
  expect_error(describe(passive()[0, ]), class = "miv_error_empty_data")
  twice <- cbind(passive(), prior = 1)
  expect_error(describe(twice), "2 columns called `prior`", class = "miv_error_duplicate_column")
})

test_that("text, factors and dates where a number is due are refused, naming the first that is none", {
  data <- passive()
  data$posterior <- as.character(data$posterior)
  expect_error(describe(data), "in all 200 rows", class = "miv_error_not_numeric")
  data$posterior[c(4, 9)] <- c("many", "few")
  expect_error(describe(data), "2 values are not numbers, first `many`, `few`", class = "miv_error_not_numeric")
  refuses("not_numeric", "(prior)", prior = ~ factor(prior))
  refuses("not_numeric", "class `Date`", prior = ~ as.Date("2020-01-01") + prior)
  refuses("not_numeric", "(signal)", signal = ~ as.character(told))
  refuses("not_numeric", "(weights)", weights = ~ factor(f))
})

test_that("infinite values are refused in every role, with their rows", {
  data <- passive()
  for (column in c("posterior", "prior", "told", "treated", "f", "village")) {
    bad <- data
    bad[[column]] <- as.numeric(bad[[column]])
    bad[[column]][c(3, 8)] <- c(Inf, -Inf)
    expect_error(describe(bad, signal = ~ told, weights = ~ f, cluster = ~ village), sprintf("`%s` .*2 infinite values, in rows 3, 8", column),
                 class = "miv_error_infinite")
  }
})

test_that("logical and labelled columns count as numbers, a one-column matrix as its column", {
  data <- passive()
  data$posterior <- data$posterior > 15
  data$prior <- structure(data$prior, label = "Prior", class = c("haven_labelled", "vctrs_vctr", "double"))
  experiment <- describe(data, signal = ~ scale(told, scale = FALSE) + 15)
  expect_identical(role_values(experiment, experiment$roles$belief), as.integer(data$posterior))
  expect_type(as.data.frame(experiment)$.gap, "double")
  expect_null(attributes(as.data.frame(experiment)$.gap))
})

# ---- arms and signals ----

test_that("one signal makes a passive design whose base is the first level, whatever the kind of arm", {
  data <- passive()
  expected <- as.data.frame(describe(data))$.gap
  kinds <- list(~ treated, ~ treated == 1, ~ factor(treated, labels = c("not told", "told")), ~ 10 * treated + 0.5)
  bases <- c("0", "FALSE", "not told", "0.5")
  for (i in seq_along(kinds)) {
    experiment <- describe(data, arm = kinds[[i]])
    expect_identical(c(experiment$design, experiment$arm$base), c("passive", bases[i]))
    expect_equal(as.data.frame(experiment)$.gap, expected)
  }
})

test_that("a text arm names its base and `base =`; with base = another level nothing is said", {
  words <- ~ ifelse(treated == 1, "told", "untold")
  expect_message(experiment <- describe(arm = words), "`told`.*`base =`", class = "miv_message_text_arm")
  expect_identical(experiment$arm$base, "told")
  expect_silent(experiment <- describe(arm = words, base = "untold"))
  expect_identical(experiment$arm[c("levels", "base", "informed")], list(levels = c("untold", "told"), base = "untold", informed = "told"))
  expect_silent(describe(arm = words, signal = list(told = 15)))
})

test_that("the base may be given as a number or a logical", {
  expect_identical(describe(base = 1)$arm$base, "1")
  expect_identical(describe(arm = ~ treated == 1, base = TRUE)$arm$base, "TRUE")
  refuses("unknown_arm", "`base`", base = 7)
})

test_that("the arm without an entry is the passive base, and both informed arms have their own gap", {
  data <- three_arms()
  experiment <- describe_three(data)
  expect_identical(c(experiment$design, experiment$arm$levels), c("passive", "none", "low", "high"))
  frame <- as.data.frame(experiment)
  signal <- c(low = 74, none = NA, high = 94)[as.character(data$arm)]
  expect_equal(frame$.gap, unname(signal) - data$prior)
  expect_identical(is.na(frame$.side), data$arm == "none")
  expect_equal(experiment$counts$sides[, "low"], c(table(factor(sign(74 - data$prior), -1:1))), ignore_attr = TRUE)
})

test_that("one signal for three arms goes to every arm but the base", {
  experiment <- describe_three(signal = 80)
  expect_identical(experiment$arm$informed, c("none", "high"))
  expect_identical(experiment$signals, list(none = list(value = 80, role = NULL), high = list(value = 80, role = NULL)))
})

test_that("where every arm has a signal the design is active: the gap is between the signals, the same in both arms", {
  experiment <- describe(signal = list(`0` = 10, `1` = ~ told))
  expect_identical(experiment$design, "active")
  expect_equal(as.data.frame(experiment)$.gap, passive()$told - 10)
  turned <- describe(signal = list(`0` = 10, `1` = ~ told), base = 1)
  expect_equal(as.data.frame(turned)$.gap, 10 - passive()$told)
})

test_that("two arms without a signal, a signal for nobody, and lists without or with doubled names are refused", {
  expect_error(describe_three(signal = list(low = 74)), "2 arms of `arm` have no signal (`none`, `high`)", fixed = TRUE,
               class = "miv_error_two_uninformed_arms")
  expect_error(describe_three(signal = list(lwo = 74, high = 94)), "Did you mean `low`", class = "miv_error_unknown_arm")
  expect_error(describe_three(signal = list(74, 94)), class = "miv_error_bad_signal")
  expect_error(describe_three(signal = list(low = 74, low = 75)), class = "miv_error_bad_signal")
  expect_error(describe_three(base = "low"), "`none`", class = "miv_error_bad_base")
  for (signal in list(NA_real_, Inf, c(1, 2), NULL, TRUE)) expect_error(describe_three(signal = signal), class = "miv_error")
})

test_that("a named vector of signals is a list by arm, and 1.0 names the arm 1", {
  expect_identical(describe(signal = c("1.0" = 15))$signals, list(`1` = list(value = 15, role = NULL)))
  expect_equal(as.data.frame(describe_three(signal = c(low = 74, high = 94))), as.data.frame(describe_three()))
  expect_error(describe(signal = c(told = 15)), "`told`", class = "miv_error_unknown_arm")
})

test_that("a formula that gives one number is that number, as it was when the experiment was described", {
  figure <- 15
  experiment <- describe(signal = ~ figure)
  figure <- 99
  expect_identical(experiment$signals$`1`$value, 15)
})

test_that("unused levels of a factor arm are left out with a note, and blank or too many levels are refused", {
  data <- passive()
  data$treated <- factor(data$treated, levels = c(0, 9, 1))
  expect_message(experiment <- describe(data), "1 level that nobody is in, left out: `9`", class = "miv_message_unused_levels")
  expect_identical(experiment$arm$levels, c("0", "1"))
  refuses("blank_arm", "100 blank entries", arm = ~ ifelse(treated == 1, "told", ""))
  refuses("too_many_arms", "more than 20 levels", arm = ~ person)
  refuses("one_arm", "one level, `1`", arm = ~ treated * 0 + 1)
  refuses("bad_role", "(arm)", arm = ~ as.Date("2020-01-01") + treated)
})

test_that("an arm with one person in 5,000 rows is found", {
  data <- passive(5000)
  data$treated[774] <- 2
  for (arm in list(~ treated, ~ factor(treated), ~ as.character(treated))) {
    experiment <- describe(data, arm = arm, base = 0)
    expect_identical(experiment$counts$arms$people[experiment$counts$arms$arm == "2"], 1L)
  }
})

test_that("a factor arm that has NA as a level leaves those people in no arm", {
  data <- passive()
  data$treated[1:5] <- NA
  experiment <- describe(data, arm = ~ factor(treated, exclude = NULL))
  expect_identical(nobs(experiment), 195L)
  expect_identical(sum(is.na(as.data.frame(experiment)$.arm)), 5L)
})

# ---- who is complete ----

test_that("every row is kept with a mask, and each cause counts its people, a person with two causes under both", {
  data <- passive()
  data$posterior[1:6] <- NA
  data$f[6:9] <- 0
  data$village[20] <- NA
  experiment <- describe(data, weights = ~ f, cluster = ~ village)
  frame <- as.data.frame(experiment)
  expect_identical(nrow(frame), 200L)
  expect_identical(frame$.complete, !is.na(data$posterior) & data$f > 0 & !is.na(data$village))
  expect_identical(nobs(experiment), 190L)
  expect_mapequal(experiment$counts$missing, c(posterior = 6L, village = 1L, "weight 0" = 4L))
  expect_identical(experiment$counts$arms$complete, c(table(data$treated[frame$.complete])), ignore_attr = TRUE)
})

test_that("with nothing missing there is no mask", {
  expect_null(describe()$kept)
  expect_true("kept" %in% names(describe()))
})

test_that("a missing text cluster or stratum leaves the person out", {
  data <- passive()
  data$school <- ifelse(data$person == 7, NA, paste("school", data$village))
  expect_identical(nobs(describe(data, cluster = ~ school)), 199L)
  expect_identical(nobs(describe(data, strata = ~ school + village)), 199L)
})

test_that("a prior missing in the whole base arm is refused, for some it is a warning by arm", {
  data <- passive()
  data$prior[data$treated == 0] <- NA
  expect_error(describe(data), "all 100 people in the base arm `0`", class = "miv_error_missing_prior")
  data <- passive()
  data$prior[c(1, 2, 4)] <- NA
  expect_warning(experiment <- describe(data), "1 of 100 in arm `0`, 2 of 100 in arm `1`", class = "miv_warning_missing_prior")
  expect_identical(nobs(experiment), 197L)
})

test_that("a personal signal may not be missing for the informed, nor for the whole base arm; for some there it is a warning", {
  data <- passive()
  informed <- replace(data, "told", replace(data$told, c(2, 4), NA))
  expect_error(describe(informed, signal = ~ told), "informed people, 2 of 100 in arm `1`", class = "miv_error_missing_signal")
  base <- replace(data, "told", replace(data$told, data$treated == 0, NA))
  expect_error(describe(base, signal = ~ told), "all 100 people in arm `0`", class = "miv_error_missing_signal")
  some <- replace(data, "told", replace(data$told, c(1, 3, 5), NA))
  expect_warning(experiment <- describe(some, signal = ~ told), "3 of 100 in arm `0`", class = "miv_warning_missing_signal")
  expect_identical(nobs(experiment), 197L)
})

test_that("an arm in which nobody is complete is refused", {
  data <- passive()
  data$posterior[data$treated == 1] <- NA
  expect_error(describe(data), "arm `1` has 100 people and none", class = "miv_error_empty_arm")
  data$posterior <- NA
  expect_error(describe(data), "missing in all 200 rows", class = "miv_error_all_missing")
})

test_that("a constant belief and a single cluster are refused, also where only the complete people show it", {
  data <- passive()
  data$posterior <- replace(rep(5, 200), 1, 9)
  data$prior[1] <- NA
  expect_error(suppressWarnings(describe(data)), "constant over the 199 complete people", class = "miv_error_no_variation")
  data <- passive()
  data$village <- 1 + (data$treated == 0 & is.na(replace(data$prior, 1:2, NA)))
  data$prior[1] <- NA
  expect_error(suppressWarnings(describe(data, cluster = ~ village)), "1 cluster among the complete", class = "miv_error_one_cluster")
  refuses("one_cluster", "`I(village * 0)`", cluster = ~ I(village * 0))
  refuses("one_cluster", "1 cluster", cluster = ~ village + I(village * 0))
})

test_that("negative weights and weights that are all 0 are refused", {
  refuses("negative_weights", "134 negative values", weights = ~ 0.7 - f)
  refuses("zero_weights", "all 200 rows", weights = ~ 0 * f)
})

test_that("more than a tenth of the people at gap 0 is a warning with the count, a tenth is none", {
  data <- passive()
  data$prior[1:20] <- 15
  expect_silent(describe(data))
  data$prior[21] <- 15
  expect_warning(describe(data), "21 of 200 complete people (10%)", fixed = TRUE, class = "miv_warning_gap_zero")
})

test_that("a signal outside the range of the prior is a warning, for one number and for personal signals in other units", {
  expect_warning(describe(signal = 400), "outside the range of `prior`.*5 to 40", class = "miv_warning_signal_out_of_range")
  expect_warning(describe(prior = ~ log(prior), signal = ~ told), "in logs", class = "miv_warning_signal_out_of_range")
  expect_silent(describe(prior = ~ log(prior), signal = ~ log(told)))
  expect_warning(describe(signal = list(`0` = 10, `1` = 90)), "arm `1`", class = "miv_warning_signal_out_of_range")
})

# ---- probabilities, units, direction ----

test_that("known probabilities are a number, a column, or a vector by arm", {
  expect_identical(describe(probability = 0.5)$probability, 0.5)
  expect_identical(describe(probability = ~ f / 4)$probability$label, "f/4")
  expect_identical(describe_three(probability = c(low = 0.3, high = 0.3))$probability, c(low = 0.3, high = 0.3))
})

test_that("probabilities outside 0 to 1, that do not add up, or for no arm are refused", {
  refuses("bad_probability", "1 value outside", probability = 1)
  refuses("bad_probability", "133 values outside", probability = ~ f - 0.5)
  refuses("bad_probability", "without names", probability = c(0.5, 0.5))
  expect_error(describe_three(probability = 0.5), "base arm `none`", class = "miv_error_bad_probability")
  expect_error(describe_three(probability = c(none = 0.3, low = 0.3, high = 0.3)), "adds to 0.9", class = "miv_error_bad_probability")
  expect_error(describe_three(probability = c(low = 0.3)), "`high`", class = "miv_error_bad_probability")
  expect_error(describe_three(probability = c(low = 0.3, hihg = 0.3)), "Did you mean `high`", class = "miv_error_unknown_arm")
  expect_error(describe_three(probability = ~ prior / 200), "2 informed arms", class = "miv_error_bad_probability")
})

test_that("direction is 1 or -1, and -1 only where the belief is in other units", {
  refuses("bad_direction", "must be 1", direction = 0)
  refuses("bad_direction", "needs", direction = -1)
  refuses("unknown_units", "Did you mean `other`", units = "ohter")
  expect_identical(describe(units = "other", direction = -1)$direction, -1)
})

# ---- what comes back ----

test_that("as.data.frame() adds four columns beside the user's and refuses to overwrite one of theirs", {
  data <- passive()
  frame <- as.data.frame(describe(data))
  expect_identical(frame[names(data)], data)
  expect_identical(setdiff(names(frame), names(data)), c(".gap", ".side", ".arm", ".complete"))
  expect_identical(levels(frame$.arm), c("0", "1"))
  experiment <- describe(frame)
  expect_error(as.data.frame(experiment), "4 columns", class = "miv_error_reserved_column")
})

test_that("an experiment passes through experiment_of(), a data frame needs roles, and roles beside an experiment are refused", {
  experiment <- describe()
  expect_identical(experiment_of(experiment), experiment)
  roles <- list(belief = ~ posterior, prior = "prior", signal = 15, arm = ~ treated)
  expect_equal(as.data.frame(experiment_of(passive(), roles)), as.data.frame(experiment))
  expect_error(experiment_of(experiment, roles), class = "miv_error_roles_twice")
  expect_error(experiment_of(passive(), list()), class = "miv_error_missing_role")
  expect_error(experiment_of("beliefs.csv", roles), class = "miv_error_not_a_data_frame")
  expect_error(experiment_of(passive(), c(roles, list(singal = 3))), class = "miv_error_unknown_argument")
})

test_that("what the core is given reproduces the frame: arm codes, and gap as minuend less subtrahend", {
  text <- three_arms()
  text$arm <- as.character(text$arm)
  for (experiment in list(describe(), describe(arm = ~ treated == 1), describe_three(), describe_three(text), describe_three(signal = list(low = 75, none = 82, high = ~ prior)))) {
    codes <- arm_codes(experiment)
    frame <- as.data.frame(experiment)
    given <- as.character(evaluate_role(experiment$data, experiment$roles$arm))
    expect_identical(as.character(frame$.arm), given)
    for (a in seq_along(codes$values)) expect_identical(codes$x == codes$values[a], given == experiment$arm$levels[a])
    for (arm in experiment$arm$informed) {
      operands <- gap_operands(experiment, arm)
      rows <- frame$.arm == arm
      expect_equal((operands$minuend - operands$subtrahend + 0 * frame$prior)[rows], frame$.gap[rows])
    }
  }
})

test_that("a plain numeric column is handed on without a copy", {
  skip_if_not(capabilities("profmem"))
  experiment <- describe()
  address <- function(x) tracemem(x)
  expect_identical(address(role_values(experiment, experiment$roles$prior)), address(experiment$data$prior))
})

test_that("clusters and strata may be several, and a:b is their combinations", {
  experiment <- describe(cluster = ~ village + person, strata = c("village", "f"))
  expect_identical(vapply(experiment$roles$cluster, function(role) role$label, ""), c("village", "person"))
  expect_identical(vapply(experiment$roles$strata, function(role) role$label, ""), c("village", "f"))
  crossed <- describe(cluster = ~ village:f)
  expect_identical(crossed$roles$cluster[[1]]$label, "village:f")
  expect_identical(nlevels(role_values(crossed, crossed$roles$cluster[[1]])), 30L)
  data <- passive()
  data$day <- as.Date("2020-01-01") + data$village
  expect_identical(nobs(describe(data, cluster = ~ day, strata = ~ day)), 200L)
})

# ---- print and summary ----

test_that("the summary is the difference of means by side with Welch's standard error", {
  data <- passive()
  table <- summary(describe(data))$table
  for (side in c(-1, 1)) {
    part <- data[sign(15 - data$prior) == side, ]
    welch <- t.test(part$posterior[part$treated == 1], part$posterior[part$treated == 0])
    row <- table[table$side == side, ]
    expect_equal(row$difference, unname(diff(rev(welch$estimate))))
    expect_equal(row$std.error, welch$stderr)
    expect_identical(row$people, nrow(part))
  }
})

test_that("integer weights give the summary's means of repeated rows", {
  data <- passive()
  data$times <- rep(c(1, 2, 0, 3), 50)
  weighted <- summary(describe(data, weights = ~ times))$table
  repeated <- summary(describe(data[rep(1:200, data$times), ]))$table
  expect_equal(weighted[c("base_mean", "informed_mean", "difference")], repeated[c("base_mean", "informed_mean", "difference")])
})

test_that("beliefs that move away from the signal are shown as such, and toward it under direction = -1", {
  data <- passive()
  data$posterior <- data$prior - 0.5 * data$treated * (15 - data$prior) + sin(data$person)
  expect_false(any(summary(describe(data))$table$toward))
  expect_true(all(summary(describe(data, units = "other", direction = -1))$table$toward))
  expect_output(print(summary(describe(data))), "away")
})

test_that("the print-out tells the design, the roles and who is left out, in at most 80 columns", {
  data <- three_arms()
  data$posterior[1:5] <- NA
  data$w <- 1 + seq_len(300) %% 3
  shown <- capture.output(print(describe_three(data, weights = ~ w, cluster = ~ w, probability = c(low = 0.3, high = 0.3))))
  expect_lte(max(nchar(shown)), 80)
  text <- gsub("\\s+", " ", paste(shown, collapse = " "))
  for (words in c("arm `low` was told 74; arm `high` was told 94", "cluster `w` (3 clusters)", "weights `w`", "300 people, 295 complete", "posterior 5 2 2 1")) {
    expect_match(text, words, fixed = TRUE)
  }
  expect_output(print(describe()), "every row is complete")
})

test_that("a function of the gap works where both signals are numbers", {
  d <- with_seed(1, data.frame(p = rnorm(200, 5, 2), t = rbinom(200, 1, 0.5)))
  d$arm <- factor(ifelse(d$t == 1, "hi", "lo"), levels = c("lo", "hi"))
  d$x <- with_seed(2, d$p + 0.5 * (ifelse(d$t == 1, 8, 3) - d$p) + rnorm(200))
  d$y <- with_seed(3, d$x + rnorm(200))
  e <- info_experiment(d, belief = ~ x, prior = ~ p, signal = list(lo = 3, hi = 8), arm = ~ arm)
  expect_equal(coef(miv(y ~ p, e, exposure = function(gap) gap^2))[["x"]], coef(miv(y ~ p, e, exposure = "gap"))[["x"]], tolerance = 1e-10)
})

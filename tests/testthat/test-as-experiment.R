# Survey exports: after conversion the fit is that of the clean data; nothing that could be read in two ways is read in silence.

clean_survey <- function(n = 600, seed = 3) {
  d <- simulate_experiment(n, attrition = c(0.1, 0.15), seed = seed)
  d$prior <- round(d$prior, 1)
  d$posterior <- round(d$posterior, 1)
  d$outcome <- round(d$outcome, 2)
  d$age <- with_seed(seed, sample(18:80, n, TRUE))
  d$female <- with_seed(seed, runif(n) < 0.5)
  d[c("arm", "prior", "posterior", "outcome", "age", "female")]
}

describe <- function(d, ..., signal = 10) quietly(info_experiment(d, belief = ~posterior, prior = ~prior, signal = signal, arm = ~arm, ...))
read <- function(d, ..., signal = 10) quietly(as_experiment(d, belief = ~posterior, prior = ~prior, signal = signal, arm = ~arm, ...))
said <- function(expr) paste(capture_messages(suppressWarnings(expr)), collapse = "")

# What Qualtrics writes: names, question texts, import ids, then answers as text.
qualtrics_rows <- function(d) {
  text <- function(x, form = "%s") ifelse(is.na(x), "", sprintf(form, format(x, trim = TRUE, scientific = FALSE)))
  out <- data.frame(StartDate = "2024-05-01 10:00:00", Status = ifelse(seq_len(nrow(d)) <= 4, "Survey Preview", "IP Address"), Progress = ifelse(is.na(d$outcome), "60", "100"),
                    Finished = ifelse(is.na(d$outcome), "False", "True"), ResponseId = sprintf("R_%05d", seq_len(nrow(d))),
                    arm = text(d$arm), prior = text(d$prior, "%s%%"), posterior = text(d$posterior, " %s "), outcome = text(d$outcome, "$ %s"), age = text(d$age), female = ifelse(d$female, "Yes", "No"))
  texts <- c("Start Date", "Response Type", "Progress", "Finished", "Response ID", "arm", "What inflation\ndo you expect, \"in percent\"?", "And now?", "Pay", "How old are you?", "Are you female?")
  rbind(texts, sprintf("{\"ImportId\":\"QID%d_TEXT\"}", seq_along(out)), as.matrix(out))
}

test_that("a Qualtrics export gives the fit of the clean data, digit for digit, read from the file or by the user", {
  d <- clean_survey()
  rows <- qualtrics_rows(d)
  file <- tempfile(fileext = ".csv")
  on.exit(unlink(file))
  utils::write.table(rows, file, sep = ",", qmethod = "double", row.names = FALSE)
  clean <- miv(outcome ~ age + female, describe(d))
  for (data in list(file, read.csv(file), read.csv(file, stringsAsFactors = TRUE))) {
    experiment <- read(data)
    fit <- miv(outcome ~ age + female, experiment)
    expect_identical(coef(fit), coef(clean))
    expect_identical(vcov(fit), vcov(clean))
    expect_identical(nobs(fit), nobs(clean))
    expect_identical(names(fit$na.action), names(clean$na.action))
  }
  expect_identical(attr(experiment$data$age, "label"), "How old are you?")
  expect_identical(experiment$data$ResponseId[2], "R_00002")
  words <- said(as_experiment(file, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm))
  expect_match(words, "2 header rows of a Qualtrics export dropped")
  expect_match(words, "`prior` (prior)", fixed = TRUE)
  expect_match(words, "percent signs dropped")
  expect_match(words, sprintf("4 are previews or spam (`Status`), %d are unfinished (`Finished`)", sum(is.na(d$outcome))), fixed = TRUE)
})

test_that("the record has every converted column with its counts, and notes can be silenced", {
  d <- clean_survey()
  raw <- as.data.frame(qualtrics_rows(d))
  names(raw) <- c("StartDate", "Status", "Progress", "Finished", "ResponseId", "arm", "prior", "posterior", "outcome", "age", "female")
  record <- read(raw)$conversions
  expect_identical(names(record), c("column", "role", "from", "to", "count", "missing", "note"))
  row <- record[record$column == "posterior", ]
  expect_identical(row$count, sum(!is.na(d$posterior)))
  expect_identical(row$missing, sum(is.na(d$posterior)))
  expect_identical(record$to[record$column == "female"], "logical")
  expect_false("StartDate" %in% record$column)
  expect_output(print(read(raw)), "Read +[0-9]+ columns converted")
  old <- options(miv.quiet = TRUE)
  on.exit(options(old))
  expect_silent(suppressWarnings(as_experiment(raw, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm)))
})

test_that("data that are clean pass through untouched", {
  d <- clean_survey()
  d$day <- as.Date("2024-01-01") + seq_len(nrow(d))
  d$when <- as.POSIXct(d$day)
  d$kind <- factor(d$age > 40)
  experiment <- read(d)
  expect_identical(experiment$data, d)
  expect_identical(nrow(experiment$conversions), 0L)
  d <- shared_csv("experiments/haaland_roth_exp2.csv")
  experiment <- quietly(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 15, arm = ~T))
  plain <- quietly(info_experiment(d, belief = ~posterior, prior = ~prior, signal = 15, arm = ~T))
  expect_identical(coef(quietly(miv(problackindex ~ age + college, experiment))), coef(quietly(miv(problackindex ~ age + college, plain))))
})

test_that("a file of the real experiment with everything as text gives its fit", {
  d <- shared_csv("experiments/haaland_roth_exp2.csv")
  raw <- as.data.frame(lapply(d, function(x) ifelse(is.na(x), "", trimws(format(x, digits = 17)))))
  read_both <- function(d, f) quietly(miv(problackindex ~ age + college, f(d, belief = ~posterior, prior = ~prior, signal = 15, arm = ~T)))
  expect_equal(coef(read_both(raw, as_experiment)), coef(read_both(d, info_experiment)), tolerance = 1e-12)
  expect_identical(nobs(read_both(raw, as_experiment)), nobs(read_both(d, info_experiment)))
})

test_that("files with semicolons or tabs between columns are read too", {
  d <- clean_survey()
  for (mark in c(";", "\t")) {
    file <- tempfile(fileext = ".csv")
    utils::write.table(d, file, sep = mark, dec = if (mark == ";") "," else ".", row.names = FALSE, na = "")
    expect_identical(coef(miv(outcome ~ age, read(file))), coef(miv(outcome ~ age, describe(d))))
    unlink(file)
  }
})

# ---- numbers as text ----

numbers <- function(...) miv:::read_numbers(c(...))

test_that("usual ways to write a number are read as it", {
  expect_identical(numbers("15", "15%", "$ 3.50", "7", "-5", "+3", ".5", "5.", "1e3", "1 200", "1'200", "\u22125", "3 percent")$value, c(15, 15, 3.5, 7, -5, 3, 0.5, 5, 1000, 1200, 1200, -5, 3))
  expect_identical(numbers("1,200", "3.5", "1,200,000.25")$value, c(1200, 3.5, 1200000.25))
  expect_identical(numbers("12,5", "3", "1.200,50")$value, c(12.5, 3, 1200.5))
  expect_identical(numbers("1.200.000", "3")$value, c(1200000, 3))
  expect_identical(numbers("1,200", "900")[["note"]], "commas taken for thousands")
  expect_identical(numbers("1.200", "900")$value, c(1.2, 900))
  expect_identical(miv:::read_numbers(c("1,200", "900"), ",")$value, c(1.2, 900))
  expect_identical(miv:::read_numbers(c("1.200", "900"), ",")$value, c(1200, 900))
  expect_identical(numbers("0,500")$value, 0.5)
  expect_identical(numbers("5 \u20ac", "7,50 \u20ac")$value, c(5, 7.5))
})

test_that("what is no number is none", {
  for (text in c("about 10", "10-15", "7 8", "1,20,000", "12,", "5kg", "ten", "1.2.3", "--5", "Inf", "0x10", "%")) {
    value <- numbers(text, "3.5")$value
    expect_true(is.na(value[1]), label = text)
  }
})

test_that("columns that can be read in two ways are refused as roles and stay text elsewhere", {
  for (pair in list(c("12,5", "3.5"), c("1,200", "1.200"), c("1.200,5", "1,200.5"), c("15%", "0.15"), c("$5", "\u20ac6"))) expect_type(numbers(pair)$trouble, "character")
  expect_null(numbers("15%", "15")$trouble)
  d <- clean_survey()
  d$pay <- rep(c("12,5", "3.5"), length.out = nrow(d))
  expect_match(said(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm)), "`pay` stays text: some entries have a decimal point")
  d$prior <- as.character(d$prior)
  d$prior[1] <- "12,5"
  expect_error(read(d), "`prior` \\(prior\\).*`12,5`", class = "miv_error_ambiguous_numbers")
  d$prior <- sub(".", ",", sub(",", ".", d$prior, fixed = TRUE), fixed = TRUE)
  expect_identical(read(d)$data$prior[2:600], clean_survey()$prior[2:600])
})

test_that("an entry that is no number stops a numeric role with its count, or is made missing with a warning", {
  d <- clean_survey()
  d$prior <- as.character(d$prior)
  d$prior[c(2, 5, 9)] <- c("about 10", "about 10", "don't know")
  expect_error(read(d), "3 of 600 entries are not numbers, such as `about 10`, `don't know`", class = "miv_error_not_numeric")
  warned <- capture_warnings(suppressMessages(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm, unreadable = "missing")))
  expect_match(warned, "`prior` \\(prior\\): 3 of 600", all = FALSE)
  experiment <- read(d, unreadable = "missing")
  expect_identical(which(is.na(experiment$data$prior)), c(2L, 5L, 9L))
  expect_identical(experiment$conversions$missing, 3L)
  expect_identical(is.na(read(d, missing_values = c("about 10", "don't know"))$data$prior), is.na(experiment$data$prior))
})

test_that("other text columns: wholly numeric ones become numbers, codes, labels and mixed ones do not", {
  d <- clean_survey()
  n <- nrow(d)
  d$zip <- rep(c("01234", "12345"), length.out = n)
  d$panel <- sprintf("%d", seq_len(n))
  d$income <- c("about 10", as.character(seq_len(n - 1)))
  d$note <- rep(c("", "fine"), length.out = n)
  d$town <- rep(c("001", "01", "2"), length.out = n)
  experiment <- read(d, cluster = ~town)
  expect_type(experiment$data$zip, "character")
  expect_type(experiment$data$panel, "double")
  expect_type(experiment$data$income, "character")
  expect_identical(is.na(experiment$data$note), rep(c(TRUE, FALSE), length.out = n))
  expect_identical(length(unique(experiment$data$town)), 3L)
  d$town <- rep(c("1", "1.0", "2"), length.out = n)
  expect_identical(length(unique(read(d, cluster = ~town)$data$town)), 3L)
  expect_match(said(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm)), "`income` stays text: 1 of 600 entries are not numbers, such as `about 10`")
})

test_that("codes for missing values that nobody declared are pointed at, and `missing_values` takes them", {
  d <- clean_survey()
  d$prior <- abs(d$prior)
  d$prior[1:7] <- -99
  expect_warning(suppressMessages(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm)), "7 values of -99", class = "miv_warning_missing_code")
  expect_identical(sum(is.na(read(d, missing_values = -99)$data$prior)), 7L)
  expect_identical(sum(is.na(read(d, missing_values = list(prior = -99))$data$prior)), 7L)
  expect_error(read(d, missing_values = list(pior = -99)), "Did you mean", class = "miv_error_unknown_column")
})

# ---- value labels ----

labelled_survey <- function(d = clean_survey()) {
  marked <- function(x, codes, ...) structure(x, class = c("haven_labelled_spss", "haven_labelled", "vctrs_vctr", typeof(x)), labels = codes, ...)
  n <- nrow(d)
  out <- data.frame(row.names = seq_len(n))
  out$arm <- marked(as.numeric(d$arm), c(Control = 0, Told = 1))
  prior <- replace(d$prior, 1:5, -99)
  out$prior <- marked(prior, c("Don't know" = -99, "Not at all" = 0))
  out$posterior <- marked(replace(d$posterior, 6:8, 999), c(Refused = 999), na_values = 999)
  out$outcome <- d$outcome
  out$trust <- marked(as.numeric(seq_len(n) %% 11), c("not at all" = 0, fully = 10))
  out$region <- marked(as.numeric(seq_len(n) %% 3 + 1), c(North = 1, South = 2, East = 3, Refused = 99), label = "Where do you live?")
  out$agree <- marked(as.numeric(seq_len(n) %% 5 + 1), c(no = 1, rather = 2, so = 3, quite = 4, yes = 5))
  out$ends <- marked(rep(c(1, 7), length.out = n), c(low = 1, high = 7))
  out
}

test_that("value labels: arms and fully labelled columns are factors in the order of codes, scales labelled at their ends are numbers", {
  raw <- labelled_survey()
  raw$region[3] <- 99
  experiment <- read(raw, numbers = ~ agree)
  d <- experiment$data
  expect_identical(levels(d$arm), c("Control", "Told"))
  expect_identical(experiment$arm$base, "Control")
  expect_identical(levels(d$region), c("North", "South", "East"))
  expect_identical(attr(d$region, "label"), "Where do you live?")
  expect_true(is.na(d$region[3]))
  expect_type(d$trust, "double")
  expect_type(d$agree, "double")
  expect_type(d$ends, "double")
  expect_null(attr(d$trust, "labels"))
  expect_identical(which(is.na(d$prior)), 1:5)
  expect_true(all(is.na(d$posterior[6:8])))
  expect_s3_class(read(raw, categories = ~ ends)$data$ends, "factor")
  expect_s3_class(read(raw)$data$agree, "factor")
  words <- said(as_experiment(raw, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm))
  expect_match(words, "5 with a label that means missing \\(`Don't know`\\)")
  expect_match(words, "3 declared missing")
})

test_that("labelled data give the fit of the clean data without their missing codes", {
  d <- clean_survey()
  d$prior[1:5] <- NA
  d$posterior[6:8] <- NA
  expect_identical(coef(miv(outcome ~ 1, read(labelled_survey()))), coef(miv(outcome ~ 1, describe(d))))
})

test_that("\"don't know\" is an answer among categories unless its code says otherwise", {
  raw <- labelled_survey()
  raw$vote <- structure(rep(c(1, 2, 3), length.out = nrow(raw)), labels = c(left = 1, right = 2, "Don't know" = 3), class = "haven_labelled")
  raw$vote2 <- structure(rep(c(1, 2, 98), length.out = nrow(raw)), labels = c(left = 1, right = 2, "Don't know" = 98), class = "haven_labelled")
  d <- read(raw)$data
  expect_identical(levels(d$vote), c("left", "right", "Don't know"))
  expect_identical(levels(d$vote2), c("left", "right"))
  expect_false(anyNA(d$vote))
  expect_identical(sum(is.na(d$vote2)), 200L)
})

test_that("labels twice, labels that repeat their codes and labelled text", {
  raw <- labelled_survey()
  n <- nrow(raw)
  raw$twice <- structure(rep(c(1, 2, 3), length.out = n), labels = c(other = 1, here = 2, other = 3), class = "haven_labelled")
  raw$scale <- structure(rep(1:4, length.out = n), labels = stats::setNames(1:4, c("never", "2", "3", "always")), class = "haven_labelled")
  raw$letters <- structure(rep(c("a", "b"), length.out = n), labels = c(Alpha = "a", Beta = "b"), class = "haven_labelled")
  d <- read(raw)$data
  expect_identical(levels(d$twice), c("other (1)", "here", "other (3)"))
  expect_true(is.numeric(d$scale))
  expect_identical(levels(d$letters), c("Alpha", "Beta"))
})

test_that("haven's own columns: tagged missing values, SPSS ranges, and files of Stata and SPSS", {
  skip_if_not_installed("haven")
  d <- clean_survey()
  raw <- d
  raw$arm <- haven::labelled(as.numeric(d$arm), c(Control = 0, Told = 1), label = "Assigned")
  raw$prior <- haven::labelled(replace(d$prior, 1:4, haven::tagged_na("a", "b", "a", "z")), c("Refused" = haven::tagged_na("a")))
  raw$posterior <- haven::labelled_spss(replace(d$posterior, 5:6, c(-98, -99)), c("Don't know" = -98), na_range = c(-99, -90))
  raw$female <- haven::labelled(as.numeric(d$female) + 1, c(male = 1, female = 2))
  d$prior[1:4] <- NA
  d$posterior[5:6] <- NA
  d$female <- factor(ifelse(d$female, "female", "male"), c("male", "female"))
  clean <- miv(outcome ~ age + female, describe(d))
  experiment <- read(raw)
  expect_identical(experiment$conversions$missing[experiment$conversions$column == "prior"], 4L)
  fits <- list(memory = experiment)
  dta <- tempfile(fileext = ".dta"); sav <- tempfile(fileext = ".sav")
  on.exit(unlink(c(dta, sav)))
  haven::write_dta(transform(raw, posterior = haven::zap_missing(posterior)), dta)
  haven::write_sav(transform(raw, prior = haven::zap_labels(haven::zap_missing(prior))), sav)
  fits$stata <- read(haven::read_dta(dta), missing_values = list(posterior = c(-98, -99)))
  fits$spss <- read(haven::read_sav(sav, user_na = TRUE))
  fits$spss_plain <- read(haven::read_sav(sav))
  for (which in names(fits)) {
    fit <- miv(outcome ~ age + female, fits[[which]])
    expect_equal(coef(fit), coef(clean), tolerance = 1e-12, label = which)
    expect_identical(nobs(fit), nobs(clean))
  }
})

# ---- what is refused ----

test_that("misspelt arguments, columns and files, and experiments are refused", {
  d <- clean_survey()
  expect_error(read(d, unit = "other"), "Did you mean `units`", class = "miv_error_unknown_argument")
  expect_error(as_experiment(d, belief = ~posteror, prior = ~prior, signal = 10, arm = ~arm), "Did you mean `posterior`", class = "miv_error_unknown_column")
  expect_error(as_experiment(d, belief = posterior, prior = ~prior, signal = 10, arm = ~arm), "~ posterior", class = "miv_error_bad_role")
  expect_error(as_experiment(d, prior = ~prior, signal = 10, arm = ~arm), class = "miv_error_missing_role")
  expect_error(read(describe(d)), class = "miv_error_roles_twice")
  expect_identical(as_experiment(describe(d)), describe(d))
  expect_error(read("nowhere.csv"), class = "miv_error_no_file")
  expect_error(read(1:3), class = "miv_error_not_a_data_frame")
  expect_error(read(d, numbers = ~ agee), class = "miv_error_unknown_column")
  expect_error(read(d, decimal = ";"), class = "miv_error_unknown_decimal")
  file <- tempfile(fileext = ".dta")
  writeLines("x", file)
  expect_error(read(file), "haven::read_dta", class = "miv_error_no_file")
})

test_that("arguments of info_experiment() pass on, expressions see the converted columns, and the user's data stay as they are", {
  d <- clean_survey()
  raw <- d
  raw$prior <- paste0(d$prior, "%")
  raw$told <- ifelse(d$arm == 1, "Yes", "No")
  before <- raw
  experiment <- quietly(as_experiment(raw, belief = ~ I(posterior / 100), prior = ~ I(prior / 100), signal = 0.1, arm = ~told, probability = 0.5))
  expect_identical(raw, before)
  expect_identical(experiment$probability, 0.5)
  expect_identical(experiment$arm$base, "FALSE")
  expect_close(coef(miv(outcome ~ 1, experiment))[1], 100 * coef(miv(outcome ~ 1, describe(d, probability = 0.5)))[1], 1e-10)
})

test_that("numbers in `missing_values` are found in text however they are written", {
  d <- clean_survey()
  d$prior <- paste0(abs(d$prior), "%")
  d$prior[1:4] <- c("-99.0", "\u221299", "-99%", "-99")
  expect_identical(which(is.na(read(d, missing_values = -99)$data$prior)), 1:4)
  d$pay <- rep(c("100000", "3", "4"), length.out = nrow(d))
  expect_identical(sum(is.na(read(d, missing_values = list(prior = -99, pay = 1e5))$data$pay)), 200L)
})

test_that("a factor with Hmisc's label stays a factor, and of two columns with one name both are converted", {
  d <- clean_survey()
  d$sex <- structure(factor(ifelse(d$female, "f", "m")), class = c("labelled", "factor"), label = "Sex")
  expect_identical(read(d)$data$sex, d$sex)
  d$u <- as.character(seq_len(nrow(d)))
  d$v <- as.character(rev(seq_len(nrow(d))))
  names(d)[names(d) == "v"] <- "u"
  read <- read(d)$data
  expect_identical(read[[8]], as.numeric(seq_len(nrow(d))))
  expect_identical(read[[9]], as.numeric(rev(seq_len(nrow(d)))))
})

test_that("one currency in two spellings, numbers too large, points that stand before three digits only", {
  expect_identical(numbers("5 EUR", "6 \u20ac")$value, c(5, 6))
  expect_identical(numbers("GBP 5", "\u00a36")$value, c(5, 6))
  expect_identical(numbers("1e400", "3")$value, c(NA, 3))
  expect_match(numbers("\u20ac1.500", "\u20ac900")$note, "points before three digits", all = FALSE)
  expect_null(numbers("1.500", "2.5")$note)
})

test_that("files that read.csv() would shift, break or cut short are refused", {
  d <- clean_survey()
  lines <- capture.output(utils::write.csv(d, row.names = FALSE, quote = FALSE))
  refused <- function(lines, words) {
    file <- tempfile(fileext = ".csv")
    on.exit(unlink(file))
    writeLines(lines, file, useBytes = TRUE)
    expect_error(read(file), words, class = "miv_error_bad_file")
  }
  refused(character(), "empty")
  refused(c(lines[1:50], sub("^", "\"", lines[51]), lines[-(1:51)]), "never closed")
  expect_error(read(tempdir()), "is a folder", class = "miv_error_no_file")
  expect_error(read(d, missing_values = list(-99)), "named by column", class = "miv_error_bad_argument")
  expect_error(read(d, numbers = ~ age, categories = ~ age), "`age` is named in", class = "miv_error_bad_argument")
  refused(c(lines[1], paste0(lines[-1], ",")), "600 rows.*line 2 has 7")
  refused(c(lines[1:50], paste0(lines[51], ",x,y"), lines[-(1:51)]), "1 row of .* has more columns than the 6 names")
  refused(c(lines[1:50], sub("^[^,]*", "\xe9", lines[51], useBytes = TRUE), lines[-(1:51)]), "not in UTF-8")
})

test_that("a code among values that may be negative is pointed out where it lies far from them, and not where it does not", {
  d <- inflation_survey
  d$posterior[c(3, 40, 77)] <- -99
  expect_warning(suppressMessages(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)), "3 values of -99", class = "miv_warning_missing_code")
  d$posterior <- inflation_survey$posterior * 20 - 200
  d$posterior[3] <- -99
  expect_silent(suppressMessages(as_experiment(d, belief = ~posterior, prior = ~ I(prior * 20 - 200), signal = -100, arm = ~told)))
})

test_that("info_experiment() points out answers that their labels call missing, and as_experiment() has none left", {
  d <- inflation_survey
  d$prior[1:4] <- 999
  d$prior <- structure(d$prior, labels = c(Refused = 999), class = c("haven_labelled", "vctrs_vctr", "double"))
  d$posterior <- structure(d$posterior, labels = c(none = 0), na_values = 0, class = c("haven_labelled_spss", "haven_labelled", "vctrs_vctr", "double"))
  d$posterior[7] <- 0
  said <- character()
  withCallingHandlers(suppressMessages(info_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told)), warning = function(w) {
    if (inherits(w, "miv_warning_labelled_missing")) said <<- c(said, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  expect_match(said, "`prior` (prior) has 4 values that its labels call missing (`999`)", fixed = TRUE, all = FALSE)
  expect_match(said, "`posterior` (belief) has 1 value", fixed = TRUE, all = FALSE)
  expect_false(any(grepl("labelled", capture_warnings(suppressMessages(as_experiment(d, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told))))))
})

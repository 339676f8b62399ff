skip_if_no_page <- function() {
  skip_if_not_installed("rmarkdown")
  skip_if_not(rmarkdown::pandoc_available("2.0"), "no pandoc")
}

page_of <- function(fit, ...) {
  file <- tempfile(fileext = ".html")
  quietly(miv_report(fit, file, ...))
  paste(readLines(file, encoding = "UTF-8", warn = FALSE), collapse = "\n")
}

# All digits of the numbers in the tables.
page_numbers <- function(page) as.numeric(gsub("[^0-9.eE+-]", "", sub("^data-value=", "", regmatches(page, gregexpr("data-value=\"[^\"]*\"", page))[[1]])))

# Every wanted number stands on the page, to 1e-12 of its size.
expect_numbers <- function(page, want, label) {
  want <- as.numeric(want)
  want <- want[is.finite(want)]
  found <- page_numbers(page)
  off <- vapply(want, function(x) min(abs(found - x) / max(abs(x), 1e-300)), 0)
  expect(length(want) > 0 && all(off < 1e-12), sprintf("%s: %s not on the page", label, shown_numbers(want[off >= 1e-12])))
}

section_of <- function(page, id) regmatches(page, regexpr(sprintf("(?s)<section aria-labelledby=\"%s\">.*?</section>", id), page, perl = TRUE))

text_of <- function(html) gsub("\\s+", " ", gsub("&quot;", "\"", gsub("&#39;", "'", gsub("<[^>]+>", "", html))))

sections <- c("design", "audit", "estimates", "weights", "specifications", "inference", "methods", "made")

test_that("the page holds every section, in order, and is one readable file", {
  skip_if_no_page()
  page <- page_of(miv(pay_claim ~ age + female | region, inflation_experiment()))
  ids <- regmatches(page, gregexpr("(?<=<section aria-labelledby=\")[a-z]+", page, perl = TRUE))[[1]]
  expect_identical(ids, sections)
  for (id in sections) expect_match(page, sprintf("<h2 id=\"%s\">", id), fixed = TRUE)
  expect_match(page, "<html lang=\"en\">", fixed = TRUE)
  expect_match(page, "<h1>Effect of <code>posterior</code> on <code>pay_claim</code></h1>", fixed = TRUE)
  expect_match(page, "prefers-color-scheme: dark", fixed = TRUE)
  expect_gt(nchar(page, "bytes"), 2e4)
  expect_lt(nchar(page, "bytes"), 1e6)
  expect_false(grepl("class=\"refused", page))
  count <- function(pattern) lengths(regmatches(page, gregexpr(pattern, page)))
  expect_identical(count("<table>"), count("<caption>"))
  expect_identical(count("<svg height"), count("<svg height=\"[0-9.]+\" role=\"img\" aria-label=\"[^\"]{10,}\""))
  expect_identical(count("<section "), count("</section>"))
  expect_gte(count("<svg height"), 6)
})

test_that("nothing is loaded from anywhere and no script runs", {
  skip_if_no_page()
  page <- page_of(miv(pay_claim ~ age, inflation_experiment()))
  expect_false(grepl("(src|href)\\s*=\\s*[\"']?(https?:|//)", page))
  expect_false(grepl("<script|@import|url\\(|<iframe|javascript:|on(load|click)=", page, ignore.case = TRUE))
})

test_that("the tables hold the numbers of the verbs, with all digits", {
  skip_if_no_page()
  experiment <- inflation_experiment()
  fit <- quietly(miv(pay_claim ~ age + female | region, experiment))
  page <- page_of(fit)
  expect_numbers(section_of(page, "design"), unlist(summary(experiment)$table[c("people", "share", "base_mean", "informed_mean", "difference", "std.error")]), "summary of the experiment")
  expect_numbers(section_of(page, "design"), experiment$counts$sides_by_arm, "sides by arm")
  expect_numbers(section_of(page, "audit"), unlist(as.data.frame(audit(fit))[c("estimate", "p.value", "n")]), "audit")
  expect_numbers(section_of(page, "estimates"), unlist(tidy(fit)[c("estimate", "std.error", "statistic", "p.value")]), "coefficients")
  for (beside in list(ols(fit), first_stage(fit), reduced_form(fit))) expect_numbers(section_of(page, "estimates"), tidy(beside)$estimate, "the regressions around it")
  expect_numbers(section_of(page, "weights"), unlist(as.data.frame(effect_weights(fit, seed = 1))[c("n", "share", "weight", "effect", "std.error", "ratio")]), "effect weights")
  expect_numbers(section_of(page, "specifications"), unlist(as.data.frame(compare_specs(fit))[c("estimate", "std.error", "first_stage_F", "negative_weight", "weight_down", "weight_up", "nobs")]), "specifications")
  expect_numbers(section_of(page, "inference"), c(unlist(as.data.frame(anderson_rubin(fit))), iv_tests(fit)$statistic, iv_tests(fit)$p.value), "inference")
  expect_match(text_of(section_of(page, "audit")), gsub("`", "", audit(fit)$says[1]), fixed = TRUE)
})

test_that("the numbers are also those of R's own functions", {
  skip_if_no_page()
  page <- page_of(quietly(miv(pay_claim ~ 1, inflation_experiment())))
  d <- subset(inflation_survey, !is.na(posterior))
  for (side in c(-1, 1)) {
    test <- with(subset(d, sign(5 - prior) == side), t.test(posterior[told == 1], posterior[told == 0]))
    expect_close(min(abs(page_numbers(section_of(page, "design")) - diff(rev(test$estimate)))), 0, 1e-10)
    expect_close(min(abs(page_numbers(section_of(page, "design")) - test$stderr)), 0, 1e-10)
  }
  side <- sign(5 - d$prior)
  effect <- by_two_lms(d$pay_claim, d$posterior, cbind(1, side == 0, side == 1), cbind(d$told * side))[1]
  expect_close(min(abs(page_numbers(section_of(page, "estimates")) - effect)), 0, 1e-10)
})

test_that("labels of the user are text, whatever they hold", {
  skip_if_no_page()
  d <- stats::setNames(inflation_survey, sub("^posterior$", "a<b> & \"c\"", sub("^pay_claim$", "L\u00f6hne & 'x'", names(inflation_survey))))
  d$told <- ifelse(d$told == 1, "<script>alert(1)</script>", "no` ```` {=html} *b* $x$")
  experiment <- quietly(info_experiment(d, belief = "a<b> & \"c\"", prior = ~prior, signal = 5, arm = ~told, base = "no` ```` {=html} *b* $x$"))
  fit <- quietly(miv(stats::as.formula("`L\u00f6hne & 'x'` ~ age"), experiment))
  page <- page_of(fit)
  expect_false(grepl("<script|<b>|<em>b", page))
  expect_match(page, "<code>a&lt;b&gt; &amp; &quot;c&quot;</code>", fixed = TRUE)
  expect_match(page, "&lt;script&gt;alert(1)&lt;/script&gt;", fixed = TRUE)
  expect_match(page, "L(\u00f6|&#246;)hne &amp; &#39;x&#39;")
  expect_match(page, "&#96;&#96;&#96;&#96; {=html} *b* $x$", fixed = TRUE)
  expect_match(page_of(fit, title = "R & D <i>"), "<h1>R &amp; D &lt;i&gt;</h1>", fixed = TRUE)
})

test_that("every kind of fit of miv() has its page", {
  skip_if_no_page()
  d <- transform(inflation_survey, village = rep_len(1:24, nrow(inflation_survey)), w = 1 + (seq_len(nrow(inflation_survey)) %% 3))
  told <- function(data = d, ...) quietly(info_experiment(data, belief = ~posterior, prior = ~prior, signal = 5, arm = ~told, ...))
  fits <- quietly(list(
    clustered = miv(pay_claim ~ age, told(cluster = ~village)), few = miv(pay_claim ~ age, told(), vcov = CR(~village, "CR2")), weighted = miv(pay_claim ~ age, told(weights = ~w)),
    arms = miv(y ~ age, three_arms_experiment()), separate = miv(y ~ age, three_arms_experiment(), pool = FALSE), over = miv(pay_claim ~ age, told(), exposure = "arm+sign"),
    reversal = miv(pay_claim ~ age, told(), exposure = "arm+gap"), arm = miv(pay_claim ~ age, told(), exposure = "arm"), control = miv(pay_claim ~ 1, told(), arm_control = TRUE),
    one_sided = miv(pay_claim ~ age, told(subset(d, prior > 5))), units = miv(pay_claim ~ age, told(units = "other")), fun = miv(pay_claim ~ 1, told(), exposure = function(gap) tanh(gap / 3)),
    strata = miv(y ~ age, told_experiment(random_experiment_data(), strata = ~stratum)), subset = miv(pay_claim ~ age, told(), subset = age > 40)))
  for (name in names(fits)) {
    page <- page_of(fits[[name]])
    expect_false(grepl("class=\"refused", page), label = paste(name, "refused"))
    expect_numbers(section_of(page, "estimates"), tidy(fits[[name]])$estimate, name)
    expect_numbers(section_of(page, "weights"), as.data.frame(effect_weights(fits[[name]], if (name == "one_sided") "gap" else "side", seed = 1))$weight, name)
  }
  expect_match(text_of(section_of(page_of(fits$few), "methods")), "Bell and McCaffrey 2002")
})

test_that("a fit of tsls() has fewer sections and says why; least squares fewer still", {
  skip_if_no_page()
  ids <- function(page) regmatches(page, gregexpr("(?<=<section aria-labelledby=\")[a-z]+", page, perl = TRUE))[[1]]
  page <- page_of(tsls(mpg ~ gear | hp ~ wt + qsec, mtcars))
  expect_identical(ids(page), c("design", "estimates", "inference", "methods", "made"))
  expect_match(text_of(page), "A fit of tsls() knows no prior, signal and arms.", fixed = TRUE)
  expect_match(text_of(section_of(page, "methods")), "Angrist and Imbens")
  expect_identical(ids(page_of(tsls(mpg ~ wt, mtcars))), c("design", "estimates", "methods", "made"))
  expect_identical(ids(page_of(quietly(first_stage(miv(pay_claim ~ age, inflation_experiment()))))), c("design", "estimates", "methods", "made"))
})

test_that("a verb that refuses is a sentence on the page, and its cautions stand there too", {
  skip_if_no_page()
  page <- page_of(tsls(mpg ~ 1 | c(hp, am) ~ wt + gear, mtcars))
  expect_match(text_of(section_of(page, "inference")), "Not available for this fit. The fit has 2 beliefs (hp, am); the set is for one.", fixed = TRUE)
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  given <- quietly(miv(pay_claim ~ age, inflation_experiment(), vcov = vcov(fit, "HC3")))
  expect_match(text_of(page_of(given)), "Note. The covariance was given as a matrix", fixed = TRUE)
  expect_no_warning(miv_report(given, tempfile(fileext = ".html")))
  broken <- fit
  broken$experiment$roles$belief$label <- NULL
  expect_match(page_of(broken), "which is a fault of the package")
})

test_that("a weak first stage ends in a set without ends", {
  skip_if_no_page()
  people <- simulate_experiment(300, learning = c(mean = 0.02, sd = 0.01), seed = 3)
  page <- page_of(quietly(miv(outcome ~ age, quietly(info_experiment(people, belief = ~posterior, prior = ~prior, signal = 10, arm = ~arm)))))
  expect_match(text_of(section_of(page, "inference")), "no lower end")
})

test_that("several outcomes share one page", {
  skip_if_no_page()
  fits <- quietly(miv(c(pay_claim, learning_rate) ~ age, inflation_experiment()))
  page <- page_of(fits)
  for (name in names(fits)) expect_match(section_of(page, "weights"), sprintf("<h3><code>%s</code></h3>", name), fixed = TRUE)
  expect_numbers(section_of(page, "estimates"), unlist(tidy(fits)[c("estimate", "std.error")]), "all outcomes")
  draws <- quietly(resample(fits, "wild", R = 99, seed = 1))
  expect_numbers(section_of(page_of(fits, resample = draws), "inference"), vapply(draws, function(x) tidy(x)$p.value, 0), "draws by outcome")
})

test_that("draws are shown when asked for", {
  skip_if_no_page()
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  expect_false(grepl("By resampling", page_of(fit)))
  draws <- quietly(list(resample(fit, "permutation", R = 199, seed = 2), resample(fit, "pairs", R = 199, seed = 2)))
  page <- page_of(fit, resample = draws)
  expect_numbers(section_of(page, "inference"), unlist(lapply(draws, function(x) unlist(tidy(x)[1, c("estimate", "std.error", "p.value")]))), "draws")
  expect_match(text_of(section_of(page, "methods")), "Chung, E. and Romano")
  now <- page_of(fit, resample = "wild", seed = 3)
  expect_numbers(section_of(now, "inference"), tidy(quietly(resample(fit, "wild", seed = 3)))$p.value, "draws made for the page")
})

test_that("the level asked for is that of every interval", {
  skip_if_no_page()
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  page <- page_of(fit, level = 0.9)
  expect_numbers(section_of(page, "inference"), unlist(as.data.frame(anderson_rubin(fit, 0.9))), "set")
  expect_match(text_of(page), "90% interval")
  expect_false(grepl("95% interval of|95%, t with", text_of(page)))
})

test_that("two reports of one fit are the same", {
  skip_if_no_page()
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment(), exposure = "arm"))
  set.seed(1)
  first <- page_of(fit)
  set.seed(2)
  expect_identical(page_of(fit), first)
})

test_that("options on how numbers are printed do not reach the page", {
  skip_if_no_page()
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  plain <- page_of(fit)
  old <- options(OutDec = ",", digits = 3, scipen = -5, width = 50)
  on.exit(options(old))
  expect_identical(page_of(fit), plain)
})

test_that("options, random numbers, folder, devices and files are left alone", {
  skip_if_no_page()
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  page_of(fit)
  folder <- tempfile("report")
  dir.create(folder)
  before_files <- list.files(tempdir())
  old <- options(digits = 4, width = 61, OutDec = ",", knitr.duplicate.label = "deny")
  on.exit(options(old))
  set.seed(11, kind = "Wichmann-Hill")
  on.exit(RNGkind("default"), add = TRUE)
  before <- list(options(), .Random.seed, getwd(), grDevices::dev.list(), RNGkind())
  expect_identical(suppressMessages(miv_report(fit, file.path(folder, "fit.html"))), file.path(folder, "fit.html"))
  expect_invisible(suppressMessages(miv_report(fit, file.path(folder, "fit.html"))))
  expect_identical(list(options(), .Random.seed, getwd(), grDevices::dev.list(), RNGkind()), before)
  expect_identical(list.files(folder), "fit.html")
  expect_identical(suppressMessages(miv_report(fit, file.path(folder, "fit"))), file.path(folder, "fit.html"))
  expect_identical(list.files(folder), "fit.html")
  expect_setequal(list.files(tempdir()), before_files)
})

test_that("refusals name the cure", {
  fit <- quietly(miv(pay_claim ~ age, inflation_experiment()))
  expect_error(miv_report(fit, file.path(tempfile(), "fit.html")), "does not exist; make it", class = "miv_error_no_folder")
  expect_error(miv_report(fit, "fit.pdf"), class = "miv_error_bad_file")
  expect_error(miv_report(fit, tempdir()), class = "miv_error_bad_file")
  expect_error(miv_report(lm(mpg ~ wt, mtcars)), class = "miv_error_not_a_fit")
  expect_error(miv_report(fit, tempfile(fileext = ".html"), titel = "x"), "title", class = "miv_error_unknown_argument")
  expect_error(miv_report(fit, tempfile(fileext = ".html"), level = 95), class = "miv_error_bad_level")
  expect_error(miv_report(fit, tempfile(fileext = ".html"), seed = 1.5), class = "miv_error_bad_seed")
  expect_error(miv_report(fit, tempfile(fileext = ".html"), resample = "jackknife"), class = "miv_error_unknown_scheme")
  expect_error(miv_report(fit, tempfile(fileext = ".html"), resample = 999), class = "miv_error_bad_resample")
  other <- quietly(resample(miv(pay_claim ~ female, inflation_experiment()), "pairs", R = 99, seed = 1))
  expect_error(miv_report(fit, tempfile(fileext = ".html"), resample = other), "another fit", class = "miv_error_bad_resample")
})

test_that("a file that cannot be written is an error", {
  skip_if_no_page()
  skip_if_not(dir.exists("/proc/self"), "no folder that refuses everybody")
  expect_error(miv_report(quietly(miv(pay_claim ~ age, inflation_experiment())), "/proc/self/fit.html"), "cannot be written", class = "miv_error_cannot_write")
})

test_that("without rmarkdown or pandoc the error says what to install", {
  expect_error(miv:::check_renders(rmarkdown = FALSE), "install.packages", class = "miv_error_needs_rmarkdown")
  expect_error(miv:::check_renders(rmarkdown = TRUE, pandoc = NULL), "not found; it comes with RStudio", class = "miv_error_needs_pandoc")
  expect_error(miv:::check_renders(rmarkdown = TRUE, pandoc = numeric_version("1.19")), "here as 1.19", class = "miv_error_needs_pandoc")
})

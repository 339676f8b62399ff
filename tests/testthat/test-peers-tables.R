# gtsummary, fixest's coeftable() and knitr.

test_that("tbl_regression() shows every coefficient of interest with its error", {
  skip_without("gtsummary")
  for_each_fit(leave_out = "two", function(fit, name) {
    table <- quietly(gtsummary::tbl_regression(fit))$table_body
    table <- table[!is.na(table$std.error), ]
    at <- match(table$term, names(coef(fit)))
    expect_false(anyNA(at), label = name)
    expect_true(leading_term(fit) %in% table$term, label = name)
    expect_close(cbind(table$estimate, table$std.error), cbind(coef(fit), own_errors(fit))[at, ], 1e-10, name)
  })
  fit <- quietly(peer_fits())$plain
  robust <- quietly(gtsummary::tbl_regression(fit, tidy_fun = function(x, ...) tidy(x, vcov = "HC3", ...)))$table_body
  expect_close(robust$std.error[robust$term %in% "posterior"], own_errors(fit, "HC3")[[1]], 1e-10)
})

test_that("fixest's coeftable() reads a fit; etable() takes its own fits only", {
  skip_without("fixest")
  fit <- quietly(peer_fits())$clustered
  expect_close(fixest::coeftable(fit), coef(summary(fit)), 1e-12)
  expect_error(fixest::etable(fit), "fixest")
})

test_that("what stands at the end of a chunk becomes a table with the numbers of tidy()", {
  skip_without("knitr")
  for_each_fit(function(fit, name) {
    page <- knitr::knit_print(fit)
    expect_s3_class(page, "knit_asis")
    lines <- strsplit(page, "\n")[[1]]
    belief <- lines[startsWith(gsub("^[| ]+", "", lines), paste0("`", leading_term(fit), "`"))]
    expect_length(belief, 1)
    number <- as.numeric(gsub(",", "", trimws(strsplit(belief, "|", fixed = TRUE)[[1]][3:4])))
    expect_close(number, c(coef(fit)[[1]], own_errors(fit)[[1]]), 0.005, name)
  })
})

test_that("several fits, weights, comparisons, audits and draws are tables too", {
  skip_without("knitr")
  experiment <- peer_experiment()
  fit <- miv(pay_claim ~ age, experiment)
  made <- quietly(list(miv(c(pay_claim, learning_rate) ~ age, experiment), effect_weights(fit, seed = 1), effect_weights(fit, by = "person"),
                       compare_specs(fit), audit(experiment), resample(fit, R = 99, seed = 1), resample(fit, "wild", R = 99, seed = 1)))
  for (x in made) {
    page <- knitr::knit_print(x)
    expect_s3_class(page, "knit_asis")
    expect_match(page, "\\|[:-]+|```", label = class(x)[1])
  }
})

test_that("what is said below a table is what the console says", {
  skip_without("knitr")
  fits <- quietly(peer_fits())
  expect_match(knitr::knit_print(fits$first_stage), "*Instruments*: F = ", fixed = TRUE)
  expect_match(knitr::knit_print(fits$plain), "*Weak-robust*: ", fixed = TRUE)
  other <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_match(knitr::knit_print(effect_weights(other, by = ~am, seed = 1)), "*Level*: not checked", fixed = TRUE)
})

test_that("a document that is no Markdown gets the console's print", {
  skip_without("knitr")
  old <- knitr::opts_knit$get("out.format")
  on.exit(knitr::opts_knit$set(out.format = old))
  knitr::opts_knit$set(out.format = "latex")
  fit <- tsls(mpg ~ wt | hp ~ disp, mtcars)
  expect_equal(capture.output(knitr::knit_print(fit)), capture.output(print(fit)))
})

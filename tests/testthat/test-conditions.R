caught <- function(expr) tryCatch(expr, condition = identity)

test_that("a refusal can be caught by its cause, as any refusal of the package, and as an error", {
  refusal <- caught(abort_miv("no_arm", "`%s` has %d levels.", "arm", 1L))
  expect_s3_class(refusal, c("miv_error_no_arm", "miv_error", "error", "condition"), exact = TRUE)
  expect_identical(conditionMessage(refusal), "`arm` has 1 levels.")
})

test_that("a caution lets the computation go on", {
  value <- withCallingHandlers(
    { warn_miv("few", "only %d", 3L); "went on" },
    miv_warning_few = function(w) invokeRestart("muffleWarning")
  )
  expect_identical(value, "went on")
})

test_that("notes are silent under options(miv.quiet = TRUE), cautions are not", {
  old <- options(miv.quiet = TRUE)
  on.exit(options(old))
  expect_silent(inform_miv("base", "the base is `%s`", "a"))
  expect_warning(warn_miv("few", "only %d", 3L), class = "miv_warning")
  options(miv.quiet = FALSE)
  expect_message(inform_miv("base", "the base is `%s`", "a"), "the base is `a`", class = "miv_message_base")
})

test_that("text of the user's that holds a per cent sign stays text", {
  expect_error(abort_miv("odd", "`%s` is odd.", "50%d"), "50%d", fixed = TRUE)
})

test_that("the nearest name is the one with the fewest edits, and nothing where no name is near", {
  expect_identical(nearest_name("postrior", c("prior", "posterior", "arm")), "posterior")
  expect_identical(nearest_name("SINGAL", c("signal", "single_item")), "signal")
  expect_null(nearest_name("zzzzzz", c("prior", "arm")))
  expect_null(nearest_name("a", character()))
})

test_that("an unknown choice is refused under the name of what was to be chosen, with the nearest choice", {
  refusal <- caught(check_choice("sing", c("sign", "gap"), "exposure"))
  expect_s3_class(refusal, "miv_error_unknown_exposure")
  expect_match(conditionMessage(refusal), "Did you mean `sign`", fixed = TRUE)
  for (odd in list(NA_character_, 3, NULL, c("sign", "gap"))) {
    expect_error(check_choice(odd, c("sign", "gap"), "exposure"), class = "miv_error_unknown_exposure")
  }
  expect_identical(check_choice("gap", c("sign", "gap"), "exposure"), "gap")
})

# Data that the tests of as_code() share.

every_exposure <- list("sign", "gap", "arm", "arm+gap", "arm+sign", `function` = function(gap) tanh(gap / 3))

# 40 people in each of several roles missing, text, weights of 0, two cluster variables and a factor.
coded_data <- function(n = 600) {
  d <- random_experiment_data(n, seed = 5)
  with_seed(6, {
    d$town <- sample(c("York", "Bath", "Ely"), n, TRUE)
    d$wave <- sample(12, n, TRUE)
    d$village <- d$group * 100 + sample(3, n, TRUE)
    d$college <- runif(n) > 0.6
    d$y[sample(n, 30)] <- NA
    d$age[sample(n, 20)] <- NA
    d$prior[sample(n, 10)] <- NA
    d$group[sample(n, 5)] <- NA
    d$u[sample(n, 8)] <- 0
  })
  d
}

# Random rows with an effect p.
code_rows <- function(n = 400) {
  d <- random_rows(n, seed = 21)
  d$p <- rep(1:8, length.out = n)
  d
}

# fixest's names in ours: level controls are factor(side)1 there and .side1 here.
name_by_ours <- function(names) {
  names <- sub("^factor[(]paste[(](.*)[)][)]", ".pattern", sub("^factor[(]side[)]", ".side", sub("^fit_", "", names)))
  names <- ifelse(startsWith(names, ".pattern"), gsub(" ", ",", names), names)
  sub("^(gap|exposure|informed)(_|$)", ".\\1\\2", names)
}

run_code <- function(code, data, name = "d") {
  env <- new.env(parent = globalenv())
  env[[name]] <- data
  quietly(eval(parse(text = code), env))
}

# Belief and, where they go by the same name, controls.
expect_same_fit <- function(fit, data, label = "", least = 1) {
  code <- quietly(as_code(fit, "fixest", data = "d"))
  got <- tryCatch(run_code(code, data), error = function(e) e)
  if (inherits(got, "error")) return(testthat::fail(paste0(label, ": ", conditionMessage(got), "\n", paste(code, collapse = "\n"))))
  expect_s3_class(got, "fixest")
  table <- fixest::coeftable(got)
  rownames(table) <- gsub("`", "", name_by_ours(rownames(table)))
  names <- gsub("`", "", sub("^[.]arm", ".informed_", names(coef(fit))))
  ours <- cbind(coef(fit), std_errors(fit))
  rownames(ours) <- names
  shared <- intersect(names, rownames(table))
  testthat::expect(length(shared) >= least, sprintf("%s: %d names shared, of ours %s and theirs %s", label, length(shared), toString(names), toString(rownames(table))))
  expect_close(table[shared, 1], ours[shared, 1], 1e-8, paste(label, "coefficients"))
  expect_close(table[shared, 2], ours[shared, 2], 1e-8, paste(label, "standard errors"))
  expect_equal(got$nobs, nobs(fit), label = label)
}

# The first p coefficients by place; those of plain least squares by name.
expect_same_stata <- function(fit, data, label = "", p = max(1, length(fit$beliefs), length(fit$leading))) {
  mended <- FALSE
  code <- suppressWarnings(withCallingHandlers(as_code(fit, "stata", data = "d"), miv_warning_negative_variance = function(w) mended <<- TRUE))
  machine <- tryCatch(run_stata(code, data), error = function(e) e)
  if (inherits(machine, "error")) return(testthat::fail(paste0(label, ": ", conditionMessage(machine), "\n", paste(code, collapse = "\n"))))
  got <- stata_numbers(machine, p)
  at <- seq_len(p)
  if (length(fit$beliefs) + length(fit$leading) == 0) {
    got <- if (length(machine$shown)) do.call(rbind, machine$shown) else stata_numbers(machine, length(machine$e$b))
    rownames(got) <- sub("^root_weight#", "", rownames(got))
    at <- intersect(rownames(got), names(coef(fit)))
    got <- got[at, , drop = FALSE]
    if (length(at) == 0) return(testthat::fail(paste(label, "no coefficient in common")))
  }
  expect_close(got[, 1], coef(fit)[at], 1e-8, paste(label, "coefficients"))
  expect_close(got[, 2], std_errors(fit)[at], if (mended) 0.05 else 1e-8, paste(label, "standard errors"))
  if (!any(grepl("^[*] Whoever is alone", code))) expect_equal(machine$e$N, nobs(fit), label = label)
}

skip_without_feols <- function() {
  skip_if_not_installed("fixest", "0.13.0")
  fixest::setFixest_nthreads(1)
}

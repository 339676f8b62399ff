# NIST StRD linear regression, against exact rational arithmetic that agrees with NIST to its last digit, as least squares
# and as two-stage least squares with Z = X.

nist_degree <- c(Norris = 1, Pontius = 2, NoInt1 = 1, NoInt2 = 1, Filip = 10, Wampler1 = 5, Wampler2 = 5, Wampler3 = 5, Wampler4 = 5, Wampler5 = 5)

nist_terms <- function(set) if (set == "Longley") paste0("x", 1:6) else paste0("x", seq_len(nist_degree[[set]]))

nist_data <- function(set) {
  data <- shared_csv(sprintf("nist/%s.csv", set))
  if (set == "Longley") return(data)
  powers <- lapply(seq_len(nist_degree[[set]]), function(p) data$x^p)
  data.frame(y = data$y, stats::setNames(powers, nist_terms(set)))
}

nist_formula <- function(set, form) {
  terms <- nist_terms(set)
  constant <- if (grepl("^NoInt", set)) "0" else "1"
  right <- if (form == "ols") paste(c(constant, terms), collapse = " + ") else
    sprintf("%s | c(%s) ~ %s", constant, paste(terms, collapse = ", "), paste(terms, collapse = " + "))
  as.formula(paste("y ~", right))
}

nist_fit <- function(set, form) quietly(tsls(nist_formula(set, form), nist_data(set), vcov = "iid"))

nist_expected <- function(set, quantity) {
  rows <- shared_csv("nist/exact_rational.csv", colClasses = "character")
  rows <- rows[rows$dataset == set & rows$quantity == quantity, ]
  value <- as.numeric(rows$value)
  names(value) <- ifelse(rows$term == "B0", "(Intercept)", sub("^B", "x", rows$term))
  value
}

# Digits that agree, at most 15.
agreeing_digits <- function(got, want) min(15, -log10(largest_error(got, want)))

# Pass marks of shared/data/README.md: worst coefficient and worst standard error. Wampler1 and 2 fit perfectly, so their
# errors are compared with 0.
nist_marks <- data.frame(
  set = c("Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley", "Wampler1", "Wampler2", "Wampler3", "Wampler4", "Wampler5"),
  coefficients = c(11, 11, 14, 14, 7, 10, 8, 11, 8, 7, 5),
  errors = c(12, 12, 12, 12, 7, 11, NA, NA, 12, 12, 12)
)

for (form in c("ols", "tsls")) {
  test_that(sprintf("NIST as %s: coefficients to the pass marks of a careful double-precision solver", form), {
    for (i in seq_len(nrow(nist_marks))) {
      want <- nist_expected(nist_marks$set[i], "coef")
      digits <- agreeing_digits(coef(nist_fit(nist_marks$set[i], form))[names(want)], want)
      expect_gte(digits, nist_marks$coefficients[i], label = sprintf("digits of the coefficients of %s", nist_marks$set[i]))
    }
  })

  test_that(sprintf("NIST as %s: standard errors to the pass marks, 0 where the fit is perfect", form), {
    for (i in seq_len(nrow(nist_marks))) {
      want <- nist_expected(nist_marks$set[i], "se")
      fit <- nist_fit(nist_marks$set[i], form)
      got <- std_errors(fit)[names(want)]
      if (is.na(nist_marks$errors[i])) {
        expect_lt(max(got / abs(coef(fit)[names(want)])), 1e-7, label = nist_marks$set[i])
      } else {
        expect_gte(agreeing_digits(got, want), nist_marks$errors[i], label = sprintf("digits of the errors of %s", nist_marks$set[i]))
      }
    }
  })

  test_that(sprintf("NIST as %s: residual sum of squares, standard deviation and R-squared", form), {
    for (set in setdiff(nist_marks$set, c("Wampler1", "Wampler2"))) {
      fit <- nist_fit(set, form)
      allowed <- if (set == "Filip") 1e-7 else 1e-11
      got <- c(fit$rss, fit$sigma, fit$r.squared)
      want <- c(nist_expected(set, "rss"), nist_expected(set, "resid_sd"), nist_expected(set, "r_squared"))
      expect_close(got, want, allowed, set)
    }
  })
}

test_that("cross-products are not enough for Filip and Wampler, and the fit says which path ran", {
  expect_equal(nist_fit("Filip", "ols")$path, "Householder QR")
  expect_equal(nist_fit("Wampler5", "ols")$path, "Householder QR")
  expect_equal(nist_fit("Longley", "ols")$path, "cross-products")
})

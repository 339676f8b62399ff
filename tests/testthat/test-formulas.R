# What a formula means is what lm() and ivreg() make of it: columns, names, coefficients; and it keeps its meaning after the fit.

formula_data <- function() {
  d <- random_rows(500, seed = 41)
  d$ordered <- factor(cut(d$w, 4, labels = letters[1:4]), ordered = TRUE)
  d$unused <- factor(d$f, levels = c("zz", "a", "b", "c", "d", "yy"))
  d$logical <- d$v > 1
  d$date <- as.Date("2020-01-01") + d$k
  d$named <- as.matrix(d[c("w", "v", "z2")])
  d$unnamed <- unname(d$named)
  d
}

right_sides <- c(
  "1", "w + v", "w^2 + I(w^2)", "log(v + 1)", "exp(-v) + sqrt(v)", "I(2.5 * w)", "w:v", "w * v", "(w + v)^2", "w + v - v", "pmin(w, 2)",
  "f", "f + h", "w + f", "f * h", "f:h", "f:w", "f * w", "f * h * w", "(w + f + h)^2", "h / w", "h + f:h", "f:h:logical",
  "0 + w", "0 + f", "0 + f + h", "0 + f:h", "f:w - 1", "w + f - 1", "0 + logical + w",
  "logical", "logical * f", "logical:w", "I(w > 2)", "factor(logical)", "as.integer(w > 2)", "ifelse(w > 1, 'u', 'l')",
  "factor(k)", "factor(k) * w", "relevel(f, 'c')", "cut(w, 3)", "interaction(f, h)", "C(f, contr.sum)", "C(f, contr.helmert):w",
  "ordered", "ordered * w", "unused", "unused:h", "date", "scale(w)", "named", "unnamed",
  "poly(w, 3)", "poly(w, 2, raw = TRUE)", "poly(w, v, degree = 2)", "splines::ns(w, 4)", "splines::bs(v, 5)", "stats::poly(v, 2) * f"
)

known <- function(coefficients) coefficients[!is.na(coefficients)]

expect_as_lm <- function(right, data) {
  formula <- as.formula(paste("y ~", right))
  theirs <- known(coef(lm(formula, data)))
  ours <- coef(quietly(tsls(formula, data)))
  expect_identical(names(ours), names(theirs), label = right)
  if (setequal(names(ours), names(theirs))) expect_close(ours[names(theirs)], theirs, 1e-7, right)
}

for (coding in c("contr.treatment", "contr.sum", "contr.helmert")) {
  test_that(sprintf("controls mean what they mean in lm(), under %s", coding), {
    old <- options(contrasts = c(unordered = coding, ordered = "contr.poly"))
    on.exit(options(old))
    d <- formula_data()
    for (right in right_sides) expect_as_lm(right, d)
  })
}

test_that("with a belief, coefficients are those of ivreg() on the same controls", {
  skip_if_not_installed("AER")
  d <- formula_data()
  for (right in c("w * f", "poly(w, 3) + ordered", "splines::ns(w, 4) + h", "logical + log(v + 1)", "0 + f + w")) {
    theirs <- AER::ivreg(as.formula(sprintf("y ~ x + %s | z + z2 + %s", right, right)), data = d)
    ours <- quietly(tsls(as.formula(sprintf("y ~ %s | x ~ z + z2", right)), d))
    expect_close(coef(ours)[names(coef(theirs))], coef(theirs), 1e-8, right)
  }
  expect_close(coef(tsls(log(y + 100) ~ w + f | log(x + 100) ~ f:z + z, d))[["log(x + 100)"]],
               coef(AER::ivreg(log(y + 100) ~ log(x + 100) + w + f | f * z + w, data = d))[["log(x + 100)"]], 1e-8)
})

test_that("a column name that is no R name is written in backticks", {
  d <- formula_data()
  names(d)[names(d) == "w"] <- "my var"
  expect_equal(coef(tsls(y ~ `my var` | x ~ z, d))[["my var"]], coef(tsls(y ~ w | x ~ z, formula_data()))[["w"]])
})

# ---- levels that nobody in the fit has ----

test_that("levels lost to missing values, `subset` or weight 0 are as if they had never been", {
  d <- formula_data()
  d$lost <- d$y
  d$lost[d$f == "a"] <- NA
  d$zero <- as.numeric(d$f != "a")
  part <- droplevels(d[d$f != "a", ])
  for (coding in c("contr.treatment", "contr.sum")) {
    old <- options(contrasts = c(unordered = coding, ordered = "contr.poly"))
    want <- tsls(y ~ f * w | x ~ z, part)
    fits <- list(tsls(lost ~ f * w | x ~ z, d), tsls(y ~ f * w | x ~ z, d, subset = f != "a"), tsls(y ~ f * w | x ~ z, d, weights = ~zero),
                 tsls(lost ~ f * w | x ~ z, d, vcov = ~g))
    options(old)
    for (fit in fits) {
      expect_close(coef(fit)[names(coef(want))], coef(want), 1e-10, coding)
      for (kind in list("HC1", "HC3", ~g)) expect_close(vcov(fit, kind), vcov(want, kind), 1e-9, coding)
      expect_equal(fit$dropped, character())
      expect_equal(fit$xlevels$f, c("b", "c", "d"))
    }
  }
})

test_that("the same in miv(), where roles leave people out", {
  e <- random_experiment_data()
  e$region <- factor(sample(c("a", "b", "c"), nrow(e), TRUE))
  e$post[e$region == "a"] <- NA
  fit <- quietly(miv(y ~ region, told_experiment(e)))
  want <- quietly(miv(y ~ region, told_experiment(droplevels(e[e$region != "a", ]))))
  expect_close(coef(fit)[names(coef(want))], coef(want), 1e-11)
  expect_equal(fit$dropped, character())
})

# ---- after the fit nothing is looked up again ----

test_that("values, functions and vectors of the user's may change or go; the fit's covariances do not", {
  d <- random_rows(600, seed = 42)
  factor_of <- 2
  shift <- function(v) v / factor_of
  outside <- d$v * 3
  weight <- d$u
  village <- d$g
  fit <- tsls(y ~ I(w * factor_of) + shift(v) + outside:w | x ~ z, d, weights = ~weight, subset = outside < 20, vcov = ~village)
  before <- list(vcov(fit), vcov(fit, "HC3"), vcov(fit, "HC1"))
  factor_of <- 50
  outside <- outside * 0
  weight <- weight * 0 + 1
  village <- rep(1:2, 300)
  expect_equal(list(vcov(fit), vcov(fit, "HC3"), vcov(fit, "HC1")), before)
  rm(factor_of, shift, outside, weight, village)
  expect_equal(list(vcov(fit), vcov(fit, "HC3"), vcov(fit, "HC1")), before)
  expect_equal(with_vcov(fit, scores = "heterogeneous")$vcov, before[[1]])
})

test_that("the data may change or go, a data.table by reference too", {
  d <- random_rows(600, seed = 43)
  fit <- tsls(y ~ w | x ~ z, d)
  before <- vcov(fit, "HC3")
  d$w <- 0
  expect_equal(vcov(fit, "HC3"), before)
  skip_if_not_installed("data.table")
  table <- data.table::as.data.table(random_rows(600, seed = 43))
  fit <- tsls(y ~ w | x ~ z, table)
  data.table::set(table, j = "w", value = 0)
  expect_equal(vcov(fit, "HC3"), before)
})

test_that("contrasts set after the fit change nothing", {
  d <- random_rows(600, seed = 44)
  fit <- tsls(y ~ f | x ~ z, d)
  before <- vcov(fit, "HC3")
  old <- options(contrasts = c(unordered = "contr.sum", ordered = "contr.poly"))
  on.exit(options(old))
  expect_equal(vcov(fit, "HC3"), before)
})

test_that("an exposure keeps what its function used", {
  e <- told_experiment(random_experiment_data(seed = 45))
  width <- 5
  bend <- function(gap) tanh(gap / width)
  fit <- quietly(miv(y ~ 1, e, exposure = bend))
  before <- vcov(fit, "HC3")
  width <- 500
  expect_equal(vcov(fit, "HC3"), before)
})

test_that("formulas made in functions and loops find their own values", {
  d <- random_rows(600, seed = 46)
  power <- function(p, data) tsls(y ~ I(w^p) | x ~ z, data, subset = w > p)
  fits <- lapply(1:2, power, data = d)
  expect_equal(unname(coef(fits[[2]])), unname(coef(tsls(y ~ I(w^2) | x ~ z, d[d$w > 2, ]))))
  expect_equal(unname(vcov(fits[[1]], "HC3")), unname(vcov(tsls(y ~ I(w^1) | x ~ z, d[d$w > 1, ]), "HC3")))
})

test_that("a column wins over an object of the same name, and a variable outside of the data is found where the formula was written", {
  d <- random_rows(600, seed = 47)
  w <- rev(d$w)
  expect_equal(coef(tsls(y ~ w | x ~ z, d))[["w"]], coef(tsls(y ~ own | x ~ z, transform(d, own = w)))[["own"]])
  other <- rev(d$w)
  expect_equal(coef(tsls(y ~ other | x ~ z, d))[["other"]], coef(tsls(y ~ o | x ~ z, transform(d, o = other)))[["o"]])
})

# ---- rows and classes ----

test_that("`subset` is an expression in the data; NA leaves a row out", {
  d <- random_rows(600, seed = 48)
  d$flag <- d$w > 1
  d$flag[1:20] <- NA
  fit <- tsls(y ~ w | x ~ z, d, subset = flag)
  expect_equal(coef(fit), coef(tsls(y ~ w | x ~ z, d[which(d$flag), ])))
  expect_equal(coef(tsls(y ~ w | x ~ z, d, subset = flag & v < 2)), coef(tsls(y ~ w | x ~ z, d[which(d$flag & d$v < 2), ])))
})

test_that("na.action takes a function or a name: omit, exclude and fail", {
  d <- random_rows(600, seed = 49)
  d$w[7] <- NA
  for (rule in list(na.omit, "na.omit", "omit")) expect_s3_class(tsls(y ~ w | x ~ z, d, na.action = rule)$na.action, "omit")
  for (rule in list(na.exclude, "na.exclude", "exclude")) expect_s3_class(tsls(y ~ w | x ~ z, d, na.action = rule)$na.action, "exclude")
  expect_equal(unname(unclass(tsls(y ~ w | x ~ z, d)$na.action)[1]), 7L)
  expect_error(tsls(y ~ w | x ~ z, d, na.action = na.fail), "`w` missing in 1", class = "miv_error_missing_values")
  expect_s3_class(tsls(y ~ w | x ~ z, d, subset = !is.na(w), na.action = na.fail), "miv")
  e <- random_experiment_data()
  e$post[3] <- NA
  expect_error(quietly(miv(y ~ 1, told_experiment(e), na.action = na.fail)), "`post` missing in 1", class = "miv_error_missing_values")
})

test_that("missing weights and clusters leave rows out, weights of TRUE and FALSE count as 1 and 0", {
  d <- random_rows(600, seed = 50)
  d$u[1:3] <- NA
  d$g[4] <- NA
  expect_equal(nobs(tsls(y ~ w | x ~ z, d, weights = ~u, vcov = ~g)), 596)
  expect_equal(coef(tsls(y ~ w | x ~ z, d, weights = ~ I(w > 2))), coef(tsls(y ~ w | x ~ z, d[d$w > 2, ])))
})

test_that("effects by a factor with unused levels count only the levels there are", {
  d <- random_rows(600, seed = 51)
  d$effect <- factor(d$f, levels = c(letters[1:6], "zz"))
  fit <- tsls(y ~ w | effect | x ~ z, d)
  expect_equal(unname(fit$fixed_effects), 4)
  expect_equal(fit$df.residual, 600 - 2 - 4)
})

test_that("a control with one level, or equal to another, is dropped with a note that names it", {
  d <- random_rows(600, seed = 52)
  d$one <- factor("a")
  d$twice <- 2 * d$w + 1
  expect_message(fit <- tsls(y ~ w + twice | x ~ z, d), "twice", class = "miv_message_collinear")
  expect_equal(names(coef(fit)), c("x", "(Intercept)", "w"))
  expect_equal(coef(fit), coef(tsls(y ~ w | x ~ z, d)))
  expect_message(tsls(y ~ one | x ~ z, d), "one", class = "miv_message_collinear")
  old <- options(miv.quiet = TRUE)
  expect_silent(tsls(y ~ w + twice | x ~ z, d))
  options(old)
})

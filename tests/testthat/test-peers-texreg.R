test_that("extract() has the fit's numbers, another covariance where asked, and good rows", {
  skip_without("texreg")
  for_each_fit(function(fit, name) {
    ours <- coef(summary(fit))
    made <- texreg::extract(fit)
    expect_equal(made@coef.names, rownames(ours), label = name)
    expect_close(cbind(made@coef, made@se, made@pvalues), ours[, c(1, 2, 4)], 1e-12, name)
    expect_close(texreg::extract(fit, vcov = "HC3")@se, own_errors(fit, "HC3"), 1e-12, name)
    rows <- stats::setNames(made@gof, made@gof.names)
    expect_equal(rows[["Num. obs."]], nobs(fit), label = name)
    if (length(fit$vcov_kind$cluster)) expect_equal(rows[["Clusters"]], glance(fit)$n_clusters, label = name)
    if (length(fit$beliefs)) expect_equal(rows[["First-stage F"]], glance(fit)$first_stage_F, label = name)
  })
  fit <- quietly(peer_fits())$plain
  rows <- texreg::extract(fit)
  expect_equal(rows@gof[match(c("AR set, lower", "AR set, upper"), rows@gof.names)], unlist(anderson_rubin(fit)[1, ], use.names = FALSE))
  expect_equal(texreg::extract(fit, include.gof = FALSE, include.rsquared = FALSE)@gof.names, "Num. obs.")
})

test_that("screenreg() shows four fits side by side", {
  skip_without("texreg")
  fit <- quietly(peer_fits())$clustered
  text <- texreg::screenreg(list(OLS = ols(fit), FS = first_stage(fit), RF = reduced_form(fit), IV = fit))
  expect_match(text, "OLS +FS +RF +IV")
  expect_match(text, "First-stage F")
})

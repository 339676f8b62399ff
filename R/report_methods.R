# The methods section of the report: a text to start the paper's from, the assumptions, references, versions and calls. Only what the fit used is said and cited.

methods_text <- function(page) {
  fit <- page$fits[[1]]
  text <- if (knows_design(fit)) c(estimand_text(fit, outcomes_of(page)), instrument_text(fit)) else plain_method(fit)
  c(paragraph("A text to start from, for the paper's section on methods."), text, covariance_text(fit), if (length(fit$beliefs)) c(heading(3, "What must hold"), item_list(as_words(assumptions_of(fit)), "ol")),
    heading(3, "References"), item_list(as_words(references_of(page)), class = "refs"))
}

math <- function(html) sprintf("<p class=\"formula\">%s</p>", html)

# ---- what is estimated ----

outcomes_of <- function(page) quote_names(vapply(page$fits, function(fit) deparse_one(fit$formula[[2]]), ""))

estimand_text <- function(fit, outcomes) {
  belief <- fit$experiment$roles$belief$label
  c(paragraph(sprintf("People's beliefs were moved by information given at random, in the framework of Vilfort and Zhang (2023, 2025). Person i's belief effect b is the change in the outcome (%s) per unit of the change dX in the person's own belief (`%s`) from the base arm to the informed arm: ", outcomes, belief),
              "the average slope over the stretch that the information moved the person. Every two-stage least squares specification estimates a weighted mean of belief effects,"),
    math("&beta; = &sum; w<sub>i</sub> b<sub>i</sub>, &nbsp; w<sub>i</sub> proportional to p<sub>i</sub> (1 &minus; p<sub>i</sub>) g<sub>i</sub> dX<sub>i</sub>,"),
    paragraph(sprintf("with p the probability of the informed arm and g how far the fitted instrument moves with it. Here %s.", guarantee_sentence(fit))))
}

guarantee_sentence <- function(fit) sub("^in which ", "", guarantee_words(fit$guarantee))

# ---- instrument ----

kInstrumentFormula <- c(sign = "T &middot; s", gap = "T &middot; gap", arm = "T", `arm+gap` = "T and T &middot; gap", `arm+sign` = "T &middot; 1{s = &minus;1} and T &middot; 1{s = +1}", `function` = "T &middot; h(gap)")
kPooledFormula <- c(sign = "&sum;<sub>a</sub> (T<sub>a</sub> &minus; p<sub>a</sub>) s<sub>a</sub>", gap = "&sum;<sub>a</sub> (T<sub>a</sub> &minus; p<sub>a</sub>) gap<sub>a</sub>", arm = "&sum;<sub>a</sub> (T<sub>a</sub> &minus; p<sub>a</sub>)",
                    `function` = "&sum;<sub>a</sub> (T<sub>a</sub> &minus; p<sub>a</sub>) h(gap<sub>a</sub>)")

instrument_text <- function(fit) {
  several <- length(fit$experiment$arm$informed) > 1
  gap <- if (fit$experiment$design == "passive") "the signal minus the person's prior" else sprintf("the person's signal minus that of arm `%s`", fit$experiment$arm$base)
  shown <- quote_names(fit$instruments)
  level <- if (length(fit$levels)) sprintf("Its own level is controlled for: %s.", paste(level_words(fit$levels), collapse = "; ")) else "It has no level to control for."
  c(paragraph(sprintf("The belief is instrumented by %s: %s. The gap is %s, its sign s the side, both known for everybody before assignment; T is 1 in the informed arm.", shown, instrument_words(fit), gap)),
    math(paste0("Z = ", instrument_formula(fit, several))), paragraph(level, centring_words(fit), if (fit$arm_control) " The arm is a control, which allows being told as such to have one and the same direct effect on everybody.", controls_words(fit)))
}

instrument_formula <- function(fit, several) {
  formula <- if (several && !isFALSE(fit$recipe$pool)) kPooledFormula[fit$exposure] else kInstrumentFormula[fit$exposure]
  if (is.na(formula)) formula <- kInstrumentFormula[fit$exposure]
  centred <- length(fit$stratum) || !is.null(fit$experiment$probability) || (several && isFALSE(fit$recipe$pool))
  if (centred && !grepl("sum", formula)) gsub("T(?![a-z<])", "(T &minus; p)", formula, perl = TRUE) else formula
}

controls_words <- function(fit) {
  said <- c(if (length(fit$controls)) sprintf("Controls: %s.", quote_names(fit$controls, 40)), if (length(fit$fixed_effects)) sprintf("Absorbed: %s", effects_words(fit$fixed_effects)),
            if (nzchar(weights_label(fit))) sprintf("Weighted by %s.", weights_label(fit)))
  if (length(said)) paste0(" ", paste(said, collapse = " ")) else ""
}

plain_method <- function(fit) {
  if (length(fit$beliefs) == 0) return(paragraph(sprintf("Least squares of `%s`.", deparse_one(fit$formula[[2]])), controls_words(fit)))
  paragraph(sprintf("Two-stage least squares of `%s` on %s, instrumented by %s. Where effects differ the estimate is a weighted mean of them (Angrist and Imbens 1995); without prior, signal and arms nobody can say with which weights.",
                    deparse_one(fit$formula[[2]]), and_names(fit$beliefs), quote_names(fit$instruments)), controls_words(fit))
}

# ---- covariance ----

covariance_text <- function(fit) {
  kind <- fit$vcov_kind
  factor <- switch(kind$type, HC1 = " with the factor n / (n - k)", CR1 = " with the factor G / (G - 1) (n - 1) / (n - k)", CR2 = " (Bell and McCaffrey 2002; Satterthwaite degrees of freedom, Pustejovsky and Tipton 2018)", "")
  df <- if (length(kind$n_clusters) && kind$type != "CR2") "the number of clusters less 1" else if (kind$type == "CR2") "Satterthwaite's" else "n - k"
  strength <- if (length(fit$beliefs)) " The first stage is judged by its F and the effective F (Montiel Olea and Pflueger 2013); the Anderson-Rubin set (1949) holds its level however weak it is."
  tf <- if (length(fit$beliefs) == 1 && length(fit$instruments) == 1) " tF is that of Lee, McCrary, Moreira and Porter (2022)."
  paragraph(sprintf("Standard errors are %s%s; t and intervals have %s degrees of freedom.", vcov_words(kind), factor, df), strength, tf)
}

# ---- assumptions ----

assumptions_of <- function(fit) {
  if (!knows_design(fit)) {
    return(c(sprintf("Exogeneity: given the controls, %s are unrelated to whatever else moves `%s`.", quote_names(fit$instruments), deparse_one(fit$formula[[2]])),
             "Exclusion: the instruments act on the outcome through the beliefs alone.", "Relevance: the instruments move the beliefs.",
             "Monotonicity: for a mean without negative weights, the instruments move nobody's belief against the others'. This fit cannot check it."))
  }
  experiment <- fit$experiment
  c(exogeneity_words(experiment), exclusion_words(fit), toward_words(fit),
    "Priors are reported before anybody is told anything, and truthfully: a misreported prior puts people near gap 0 on the wrong side, and some negative weight returns. The donut among the other specifications leaves these people out.",
    "Relevance: the information moves beliefs. See the first-stage F; the Anderson-Rubin set does not need it to be strong.",
    "No interference: nobody's belief or outcome depends on what others were told. And who stays in the sample does not depend on the arm: see attrition among the checks.")
}

exogeneity_words <- function(experiment) {
  within <- if (length(experiment$roles$strata)) sprintf(" within strata (%s)", strata_words(experiment$roles$strata)) else ""
  sprintf("Exogeneity: the arms (`%s`) were assigned at random%s%s, independently of priors, beliefs and what people would do. See balance among the checks.", experiment$roles$arm$label, within,
          if (is.null(experiment$probability)) "" else ", with the known probabilities")
}

exclusion_words <- function(fit) {
  direct <- if (fit$arm_control) " Being told as such may have an effect, if the same for everybody, because the arm is controlled for." else " Being told must have no effect of its own; `what_if(fit, \"exclusion\")` shows what such an effect would change."
  paste0("Exclusion: the information acts on the outcome through this belief alone.", direct)
}

toward_words <- function(fit) {
  if (fit$exposure == "arm") return("Monotonicity: the estimate counts nobody negatively only where the information moves everybody's belief the same way. Where people move toward the signal it does not: those on the smaller side count negatively.")
  who <- if (fit$exposure == "arm+sign") "on each side of the signal people move toward it on average" else "everybody who moves, moves toward the signal"
  size <- if (fit$experiment$units == "prior") "gap x dX is 0 or more" else sprintf("a positive gap never %s the belief", if (fit$experiment$direction == 1) "lowers" else "raises")
  then <- if (grepl("^never", fit$guarantee)) sprintf("Then %s counts negatively", if (fit$exposure == "arm+sign") "no side" else "nobody") else "Even then some may count negatively"
  sprintf("Monotone updating: %s (%s). %s. See direction among the checks.", who, size, then)
}

# ---- references ----

kReferences <- c(
  anderson = "Anderson, T. W. and Rubin, H. (1949). Estimation of the parameters of a single equation in a complete system of stochastic equations. Annals of Mathematical Statistics 20(1), 46-63.",
  angrist = "Angrist, J. D. and Imbens, G. W. (1995). Two-stage least squares estimation of average causal effects in models with variable treatment intensity. Journal of the American Statistical Association 90(430), 431-442.",
  bell = "Bell, R. M. and McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with multi-stage samples. Survey Methodology 28(2), 169-181.",
  chaisemartin = "de Chaisemartin, C. and D'Haultfoeuille, X. (2020). Two-way fixed effects estimators with heterogeneous treatment effects. American Economic Review 110(9), 2964-2996.",
  chung = "Chung, E. and Romano, J. P. (2013). Exact and asymptotically robust permutation tests. Annals of Statistics 41(2), 484-507.",
  davidson = "Davidson, R. and MacKinnon, J. G. (2010). Wild bootstrap tests for IV regression. Journal of Business & Economic Statistics 28(1), 128-144.",
  haaland = "Haaland, I., Roth, C. and Wohlfart, J. (2023). Designing information provision experiments. Journal of Economic Literature 61(1), 3-40.",
  imbens = "Imbens, G. W. and Rosenbaum, P. R. (2005). Robust, accurate confidence intervals with a weak instrument. Journal of the Royal Statistical Society A 168(1), 109-126.",
  lee = "Lee, D. S., McCrary, J., Moreira, M. J. and Porter, J. (2022). Valid t-ratio inference for IV. American Economic Review 112(10), 3260-3290.",
  lee_s = "Lee, S. (2018). A consistent variance estimator for 2SLS when instruments identify different LATEs. Journal of Business & Economic Statistics 36(3), 400-410.",
  montiel = "Montiel Olea, J. L. and Pflueger, C. (2013). A robust test for weak instruments. Journal of Business & Economic Statistics 31(3), 358-369.",
  pustejovsky = "Pustejovsky, J. E. and Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and hypothesis testing in fixed effects models. Journal of Business & Economic Statistics 36(4), 672-683.",
  kleibergen = "Kleibergen, F. and Paap, R. (2006). Generalized reduced rank tests using the singular value decomposition. Journal of Econometrics 133(1), 97-126.",
  vilfort_working = "Vilfort, V. and Zhang, W. (2023). Interpreting TSLS estimators in information provision experiments. arXiv:2309.04793.",
  vilfort = "Vilfort, V. and Zhang, W. (2025). Interpreting TSLS estimators in information provision experiments. American Economic Review: Insights 7(3), 376-395.",
  webb = "Webb, M. D. (2014). Reworking wild bootstrap based inference for clustered errors. Queen's Economics Department working paper 1315.")

references_of <- function(page) {
  fit <- page$fits[[1]]
  used <- c(if (knows_design(fit)) c("haaland", "vilfort_working", "vilfort", "chaisemartin"), if (length(fit$beliefs)) c("anderson", "montiel"), if (length(fit$beliefs) && !knows_design(fit)) "angrist",
            if (length(fit$beliefs) == 1 && length(fit$instruments) == 1) "lee", if (length(fit$beliefs) > 1) "kleibergen", if (fit$over_identified) "lee_s", if (cites_cr2(fit)) c("bell", "pustejovsky"), draw_references(page$draws))
  c(kReferences[sort(match(unique(used), names(kReferences)))], package_reference())
}

cites_cr2 <- function(fit) length(fit$vcov_kind$n_clusters) && (fit$vcov_kind$type == "CR2" || min(fit$vcov_kind$n_clusters) < kFewClusters)

draw_references <- function(draws) {
  schemes <- vapply(unlist(draws, recursive = FALSE, use.names = FALSE), function(x) if (is.character(x)) x else x$scheme, "")
  c(if ("wild" %in% schemes) c("davidson", "webb"), if ("permutation" %in% schemes) c("chung", "imbens"))
}

package_reference <- function() sprintf("miv maintainers. miv: Belief Effects from Information Experiments by Instrumental Variables. R package version %s.", utils::packageVersion("miv"))

# ---- calls and versions ----

made_text <- function(page) {
  fit <- page$fits[[1]]
  experiment <- if (is_experiment(fit$experiment)) fit$experiment$call
  versions <- c(miv = utils::packageVersion("miv"), rmarkdown = utils::packageVersion("rmarkdown"), knitr = utils::packageVersion("knitr"))
  versions <- c(R = paste(R.version$major, R.version$minor, sep = "."), vapply(versions, as.character, ""), pandoc = as.character(rmarkdown::pandoc_version()))
  c(paragraph("The calls that made the fit", if (!is.null(experiment)) " and its experiment", ":"), code_block(c(experiment, fit$call)),
    html_table(list(software = names(versions), version = unname(versions)), "Versions"),
    paragraph(sprintf("Seed of all draws %s. Computed %s. Written by `miv_report()` on %s.", format(page$seed, scientific = FALSE), if (fit$path == "cross-products") "from cross-products" else "by Householder QR", format(Sys.Date()))))
}

code_block <- function(calls) {
  lines <- unlist(lapply(calls, function(call) c(deparse(call, width.cutoff = 80L))))
  sprintf("<pre tabindex=\"0\"><code>%s</code></pre>", paste(plain_text(lines), collapse = "\n"))
}

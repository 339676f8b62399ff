# The methods section of the report: a text to start the paper's from, the assumptions, references, versions and calls. Only what the fit
# used is said and cited.

methods_text <- function(page) {
  fit <- page$fits[[1]]
  text <- if (knows_design(fit)) c(estimand_text(fit, outcomes_of(page)), instrument_paragraph(fit)) else plain_method(fit)
  c(paragraph("A text to start from, for the paper's section on methods."), text, covariance_text(fit),
    if (length(fit$beliefs)) c(heading(3, "What must hold"), item_list(as_words(assumptions_of(fit)), "ol")),
    heading(3, "References"), item_list(as_words(references_of(page)), class = "refs"))
}

math <- function(html) sprintf("<p class=\"formula\">%s</p>", html)

outcomes_of <- function(page) quote_names(vapply(page$fits, function(fit) deparse_one(fit$formula[[2]]), ""))

# ---- what is estimated ----

kWeightsFormula <- paste("&beta; = &sum; w<sub>i</sub> b<sub>i</sub>, &nbsp;",
                         "w<sub>i</sub> proportional to p<sub>i</sub> (1 &minus; p<sub>i</sub>) g<sub>i</sub> dX<sub>i</sub>,")

estimand_text <- function(fit, outcomes) {
  effect <- sprintf("Person i's belief effect b is the change in the outcome (%s) per unit of the change dX in the person's own belief (`%s`)",
                    outcomes, fit$experiment$roles$belief$label)
  c(paragraph("People's beliefs were moved by information given at random, in the framework of Vilfort and Zhang (2023, 2025). ", effect,
              " from the base arm to the informed arm: the average slope over the stretch that the information moved the person. ",
              "Every two-stage least squares specification estimates a weighted mean of belief effects,"),
    math(kWeightsFormula),
    paragraph("with p the probability of the informed arm and g how far the fitted instrument moves with it. Here ", guarantee_sentence(fit), "."))
}

guarantee_sentence <- function(fit) sub("^in which ", "", guarantee_words(fit$guarantee))

# ---- instrument ----

kInstrumentFormula <- c(sign = "T &middot; s", gap = "T &middot; gap", arm = "T", `arm+gap` = "T and T &middot; gap",
                        `arm+sign` = "T &middot; 1{s = &minus;1} and T &middot; 1{s = +1}", `function` = "T &middot; h(gap)")

# Of several informed arms, before what the arm is multiplied with.
kPooled <- "&sum;<sub>a</sub> (T<sub>a</sub> &minus; p<sub>a</sub>)"
kPooledParts <- c(sign = " s<sub>a</sub>", gap = " gap<sub>a</sub>", arm = "", `function` = " h(gap<sub>a</sub>)")

instrument_paragraph <- function(fit) {
  gap <- if (fit$experiment$design == "passive") "the signal minus the person's prior"
         else sprintf("the person's signal minus that of arm `%s`", fit$experiment$arm$base)
  c(paragraph(sprintf("The belief is instrumented by %s: %s. The gap is %s, its sign s the side, both known for everybody before assignment; ",
                      quote_names(fit$instruments), instrument_words(fit), gap), "T is 1 in the informed arm."),
    math(paste("Z =", instrument_formula(fit))), paragraph(level_sentence(fit), centring_words(fit), arm_control_words(fit), controls_words(fit)))
}

level_sentence <- function(fit) {
  if (length(fit$levels) == 0) return("It has no level to control for.")
  sprintf("Its own level is controlled for: %s.", paste(level_words(fit$levels), collapse = "; "))
}

arm_control_words <- function(fit) {
  if (!fit$arm_control) return("")
  " The arm is a control, which allows being told as such to have one and the same direct effect on everybody."
}

instrument_formula <- function(fit) {
  several <- length(fit$experiment$arm$informed) > 1
  pooled <- several && !isFALSE(fit$recipe$pool)
  if (pooled && fit$exposure %in% names(kPooledParts)) return(paste0(kPooled, kPooledParts[[fit$exposure]]))
  formula <- kInstrumentFormula[[fit$exposure]]
  centred <- several || length(fit$stratum) || !is.null(fit$experiment$probability)
  if (centred) gsub("\\bT\\b", "(T &minus; p)", formula) else formula
}

controls_words <- function(fit) {
  said <- c(if (length(fit$controls)) sprintf("Controls: %s.", quote_names(fit$controls, 40)),
            if (length(fit$fixed_effects)) sprintf("Absorbed: %s", effects_words(fit$fixed_effects)),
            if (nzchar(weights_label(fit))) sprintf("Weighted by %s.", weights_label(fit)))
  if (length(said)) paste0(" ", paste(said, collapse = " ")) else ""
}

plain_method <- function(fit) {
  outcome <- deparse_one(fit$formula[[2]])
  if (length(fit$beliefs) == 0) return(paragraph(sprintf("Least squares of `%s`.", outcome), controls_words(fit)))
  paragraph(sprintf("Two-stage least squares of `%s` on %s, instrumented by %s. ", outcome, and_names(fit$beliefs), quote_names(fit$instruments)),
            "Where effects differ the estimate is a weighted mean of them (Angrist and Imbens 1995); without prior, signal and arms nobody can ",
            "say with which weights.", controls_words(fit))
}

# ---- covariance ----

covariance_text <- function(fit) {
  kind <- fit$vcov_kind
  df <- if (kind$type == "CR2") "Satterthwaite's" else if (length(kind$n_clusters)) "the number of clusters less 1" else "n - k"
  paragraph(sprintf("Standard errors are %s%s; t and intervals have %s degrees of freedom.", vcov_words(kind), small_sample_words(kind$type), df),
            strength_words(fit))
}

small_sample_words <- function(type) {
  switch(type, HC1 = " with the factor n / (n - k)", CR1 = " with the factor G / (G - 1) (n - 1) / (n - k)",
         CR2 = " (Bell and McCaffrey 2002; Satterthwaite degrees of freedom, Pustejovsky and Tipton 2018)", "")
}

strength_words <- function(fit) {
  if (length(fit$beliefs) == 0) return("")
  words <- paste(" The first stage is judged by its F and the effective F (Montiel Olea and Pflueger 2013);",
                 "the Anderson-Rubin set (1949) holds its level however weak it is.")
  paste0(words, if (has_tf(fit)) " tF is that of Lee, McCrary, Moreira and Porter (2022).")
}

has_tf <- function(fit) length(fit$beliefs) == 1 && length(fit$instruments) == 1

# ---- assumptions ----

assumptions_of <- function(fit) {
  if (!knows_design(fit)) return(plain_assumptions(fit))
  c(exogeneity_words(fit$experiment), exclusion_words(fit), toward_words(fit),
    paste("Priors are reported before anybody is told anything, and truthfully: a misreported prior puts people near gap 0 on the wrong side,",
          "and some negative weight returns. The donut among the other specifications leaves these people out."),
    "Relevance: the information moves beliefs. See the first-stage F; the Anderson-Rubin set does not need it to be strong.",
    paste("No interference: nobody's belief or outcome depends on what others were told. And who stays in the sample does not depend on the arm:",
          "see attrition among the checks."))
}

plain_assumptions <- function(fit) {
  outcome <- deparse_one(fit$formula[[2]])
  c(sprintf("Exogeneity: given the controls, %s are unrelated to whatever else moves `%s`.", quote_names(fit$instruments), outcome),
    "Exclusion: the instruments act on the outcome through the beliefs alone.", "Relevance: the instruments move the beliefs.",
    "Monotonicity: for a mean without negative weights, the instruments move nobody's belief against the others'. This fit cannot check it.")
}

exogeneity_words <- function(experiment) {
  within <- if (length(experiment$roles$strata)) sprintf(" within strata (%s)", strata_words(experiment$roles$strata)) else ""
  known <- if (is.null(experiment$probability)) "" else ", with the known probabilities"
  sprintf("Exogeneity: the arms (`%s`) were assigned at random%s%s, independently of priors, beliefs and what people would do. %s",
          experiment$roles$arm$label, within, known, "See balance among the checks.")
}

exclusion_words <- function(fit) {
  direct <- if (fit$arm_control) "Being told as such may have an effect, if the same for everybody, because the arm is controlled for."
            else "Being told must have no effect of its own; `what_if(fit, \"exclusion\")` shows what such an effect would change."
  paste("Exclusion: the information acts on the outcome through this belief alone.", direct)
}

toward_words <- function(fit) {
  if (fit$exposure == "arm") {
    return(paste("Monotonicity: the estimate counts nobody negatively only where the information moves everybody's belief the same way.",
                 "Where people move toward the signal it does not: those on the smaller side count negatively."))
  }
  by_side <- fit$exposure == "arm+sign"
  who <- if (by_side) "on each side of the signal people move toward it on average" else "everybody who moves, moves toward the signal"
  size <- if (fit$experiment$units == "prior") "gap x dX is 0 or more"
          else sprintf("a positive gap never %s the belief", if (fit$experiment$direction == 1) "lowers" else "raises")
  safe <- grepl("^never", fit$guarantee)
  then <- if (safe) sprintf("Then %s counts negatively", if (by_side) "no side" else "nobody") else "Even then some may count negatively"
  sprintf("Monotone updating: %s (%s). %s. See direction among the checks.", who, size, then)
}

# ---- references ----

# By key, in the order of the alphabet.
read_references <- function() {
  text <- read.dcf(system.file("report", "references.dcf", package = "miv"))[1, ]
  gsub("\\s+", " ", text)
}

references_of <- function(page) {
  fit <- page$fits[[1]]
  known <- read_references()
  used <- c(method_references(fit), draw_references(page$draws))
  c(known[names(known) %in% used], package_reference())
}

method_references <- function(fit) {
  instrumented <- length(fit$beliefs) > 0
  c(if (knows_design(fit)) c("haaland", "vilfort_working", "vilfort", "chaisemartin"), if (instrumented) c("anderson", "montiel"),
    if (instrumented && !knows_design(fit)) "angrist", if (has_tf(fit)) "lee", if (length(fit$beliefs) > 1) "kleibergen",
    if (fit$over_identified) "lee_s", if (cites_cr2(fit)) c("bell", "pustejovsky"))
}

cites_cr2 <- function(fit) {
  clusters <- fit$vcov_kind$n_clusters
  length(clusters) > 0 && (fit$vcov_kind$type == "CR2" || min(clusters) < kFewClusters)
}

draw_references <- function(draws) {
  schemes <- vapply(unlist(draws, recursive = FALSE, use.names = FALSE), function(x) if (is.character(x)) x else x$scheme, "")
  c(if ("wild" %in% schemes) c("davidson", "webb"), if ("permutation" %in% schemes) c("chung", "imbens"))
}

package_reference <- function() {
  sprintf("miv maintainers. miv: Belief Effects from Information Experiments by Instrumental Variables. R package version %s.",
          utils::packageVersion("miv"))
}

# ---- calls and versions ----

made_text <- function(page) {
  fit <- page$fits[[1]]
  experiment <- if (is_experiment(fit$experiment)) fit$experiment$call
  versions <- software_versions()
  c(paragraph("The calls that made the fit", if (!is.null(experiment)) " and its experiment", ":"), code_block(c(experiment, fit$call)),
    html_table(list(software = names(versions), version = unname(versions)), "Versions"),
    paragraph(sprintf("Seed of all draws %s. Computed %s. Written by `miv_report()` on %s.", format(page$seed, scientific = FALSE),
                      if (fit$path == "cross-products") "from cross-products" else "by Householder QR", format(Sys.Date()))))
}

software_versions <- function() {
  packages <- c("miv", "rmarkdown", "knitr")
  versions <- vapply(packages, function(name) as.character(utils::packageVersion(name)), "")
  c(R = paste(R.version$major, R.version$minor, sep = "."), versions, pandoc = as.character(rmarkdown::pandoc_version()))
}

code_block <- function(calls) {
  lines <- unlist(lapply(calls, deparse, width.cutoff = 80L))
  sprintf("<pre tabindex=\"0\"><code>%s</code></pre>", paste(plain_text(lines), collapse = "\n"))
}

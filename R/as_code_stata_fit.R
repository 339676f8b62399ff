# The regression in Stata: its variables, the command, and the standard error where no command has it.

# list(outcome, beliefs, lead, exogenous, instruments: texts of varlists; weight, ways)
stata_parts <- function(plan, state) {
  terms <- function(all) unlist(lapply(all, stata_term, plan = plan, state = state))
  first <- full_factor(plan)
  state$full <- first
  parts <- list(
    outcome = stata_variable(plan$outcome, state, "outcome"),
    beliefs = vapply(plan$beliefs, function(e) stata_variable(e, state, deparse_one(e)), ""),
    lead = c(vapply(plan$lead, function(e) stata_variable(e, state, deparse_one(e)), ""), terms(plan$front)),
    exogenous = c(stata_level_terms(plan, state), unlist(state$names[plan$arm_controls]), terms(plan$controls)),
    effects = vapply(plan$effects, function(effect) paste0("i.", stata_group(effect$parts, state, "effect")), ""),
    instruments = terms(plan$instruments),
    weight = if (!is.null(plan$weights)) stata_variable(plan$weights, state, "weight"),
    ways = vapply(plan$ways, function(way) stata_cluster(way$parts, state), ""))
  parts$exogenous <- unique(c(parts$exogenous, parts$effects))
  parts$constant <- plan$constant || length(plan$effects) > 0
  parts
}

stata_level_terms <- function(plan, state) {
  if (length(plan$levels) == 0) return(NULL)
  if (plan$levels$kind == "factor") paste0("i.", state$level) else unlist(state$names[plan$levels$names], use.names = FALSE)
}

# Without a constant the first factor keeps all its levels.
full_factor <- function(plan) {
  if (plan$constant || length(plan$effects) > 0) return(NULL)
  labels <- unlist(plan$controls)
  labelled <- vapply(labels, function(label) is_factor_like(plan$values[[label]]), NA)
  if (any(labelled)) labels[labelled][1]
}

is_factor_like <- function(x) is.factor(x) || is.character(x) || is.logical(x)

# A term of the formula: one text, or several where a variable has several columns.
stata_term <- function(labels, plan, state) {
  pieces <- lapply(labels, stata_piece, plan = plan, state = state)
  if (length(pieces) == 1) return(sub("^c[.]", "", pieces[[1]]))
  Reduce(function(left, right) as.vector(outer(left, right, paste, sep = "#")), pieces)
}

# "c.age", "i.town", or the columns of a matrix.
stata_piece <- function(label, plan, state) {
  expr <- plan$variables[[label]]
  if (is.null(expr)) return(paste0("c.", state$names[[label]]))
  value <- plan$values[[label]]
  if (is.matrix(value)) return(paste0("c.", stata_matrix(expr, label, value, state)))
  if (!is_factor_like(value)) return(paste0("c.", stata_variable(expr, state, label)))
  paste0(if (identical(state$full, label)) "ibn." else "i.", stata_factor(expr, label, value, state))
}

# poly() spans what powers span; other matrices are written by R.
stata_matrix <- function(expr, label, value, state) {
  if (!is_powers(expr, state)) return(matrix_columns(expr, label, value, state))
  key <- paste("powers", label)
  if (!is.null(state$variables[[key]])) return(state$variables[[key]])
  x <- stata_variable(expr[[2]], state, deparse_one(expr[[2]]))
  powers <- vapply(seq_len(ncol(value))[-1], function(j) stata_new(state, paste0(x, "_", j)), "")
  for (j in seq_along(powers)) add_line(state, "generate double %s = %s^%d  // powers span what %s does", powers[j], x, j + 1L, gsub("[`$]", "", label))
  state$variables[[key]] <- c(x, powers)
}

matrix_columns <- function(expr, label, value, state) {
  vapply(seq_len(ncol(value)), function(j) computed_value(expr, state, paste0(label, "_", j), code = sprintf("%s[, %d]", code_text(in_brackets(expr)), j))$text, "")
}

is_powers <- function(expr, state) {
  if (!is_call_to(expr, "poly") || length(expr) < 3 || !is.numeric(expr[[3]])) return(FALSE)
  !is.null(stata_try(expr[[2]], state))
}

inside_factor <- function(expr) {
  if (is.call(expr) && as.character(expr[[1]])[1] %in% c("factor", "as.factor") && length(expr) == 2) expr[[2]] else expr
}

# Whole numbers from 0 up are factor variables as they are; text gets the codes of R's order of levels.
stata_factor <- function(expr, label, value, state) {
  inner <- inside_factor(expr)
  words <- stata_try(inner, state)
  if (is.null(words)) return(computed_value(expr, state, label, "label")$text)
  name <- stata_variable(inner, state, label, if (is.logical(value)) "byte" else "double", "label")
  if (is.logical(value)) return(name)
  levels <- if (is.factor(value)) levels(value)[used_levels(value, state$kept)] else sort(unique(keep_rows(value, state$kept)))
  if (!words$text_valued) return(if (whole_numbers(levels)) name else stata_egen_group(name, state, label))
  stata_encode(name, levels, state)
}

whole_numbers <- function(x) {
  x <- suppressWarnings(as.numeric(x))
  !anyNA(x) && all(x >= 0 & x == floor(x) & x < 2^31 - 1)
}

stata_egen_group <- function(names, state, stem) {
  key <- paste("group", paste(names, collapse = " "))
  if (!is.null(state$variables[[key]])) return(state$variables[[key]])
  made <- stata_new(state, paste0(stem, "_code"))
  add_line(state, "egen %s = group(%s)", made, paste(names, collapse = " "))
  state$variables[[key]] <- made
  made
}

stata_encode <- function(name, levels, state) {
  if (length(levels) > 30 || !all(is_plain_text(levels))) return(stata_egen_group(name, state, name))
  key <- paste("encode", name)
  if (!is.null(state$variables[[key]])) return(state$variables[[key]])
  made <- stata_new(state, paste0(name, "_code"))
  labels <- paste(sprintf("%d \"%s\"", seq_along(levels), levels), collapse = " ")
  state$lines <- c(state$lines, stata_break(sprintf("label define %s %s", made, labels)))
  add_line(state, "encode %s, generate(%s) label(%s)", name, made, made)
  state$variables[[key]] <- made
  made
}

# One variable for an absorbed effect; several parts are crossed.
stata_group <- function(parts, state, stem) {
  names <- vapply(parts, stata_variable, "", state = state, stem = stem, kind = "label")
  if (length(names) == 1 && is.symbol(parts[[1]]) && state$kinds[[as.character(parts[[1]])]] == "number" && whole_numbers(present_values(parts[[1]], state))) return(names)
  stata_egen_group(names, state, paste(names, collapse = "_"))
}

present_values <- function(symbol, state) {
  x <- keep_rows(state$frame[[as.character(symbol)]], state$kept)
  if (is.logical(x)) as.integer(x) else as.numeric(x)
}

stata_cluster <- function(parts, state) {
  names <- vapply(parts, stata_variable, "", state = state, stem = "cluster", kind = "label")
  text <- is.symbol(parts[[1]]) && identical(state$kinds[[as.character(parts[[1]])]], "text")
  if (length(names) == 1 && !text) names else stata_egen_group(names, state, paste(names, collapse = "_"))
}

# ---- the command ----

stata_estimate <- function(plan, parts, state) {
  words <- comment_lines(paste0("The estimate: ", estimate_words_stata(plan)), "* ")
  c(words, stata_effects_note(plan, parts), switch(plan$type,
    HC2 = , HC3 = stata_leverage(plan, parts, state), CR2 = , CR3 = stata_adjusted(plan, parts, state),
    if (length(parts$ways) > 1) stata_ways(plan, parts, state) else c(stata_command(plan, parts, stata_options(plan, parts)), stata_rescaled(plan, parts))))
}

estimate_words_stata <- function(plan) {
  small <- switch(plan$type, iid = "; small divides by n - k and uses t", HC1 = "; vce(robust) with small, t with n - k degrees of freedom",
                  CR1 = "; vce(cluster) with small, t with G - 1 degrees of freedom",
                  HC0 = , CR0 = "; without small there is no factor", "")
  paste0(sub("^The estimate; ", "", estimate_words(plan)), if (length(plan$ways) < 2) small,
         if (!is.null(plan$weights)) "; aweights, under which robust errors are those of pweights")
}

stata_effects_note <- function(plan, parts) {
  if (length(parts$effects) == 0) return(NULL)
  comment_lines(paste("Fixed effects are dummies and count in k. ivreghdfe (SSC) with absorb() is quicker where there are many;",
                      "it drops whoever is alone in an effect, and does not count effects within clusters."), "* ")
}

# One regression of the fit's kind. prefix: quietly or nothing.
stata_command <- function(plan, parts, options, outcome = parts$outcome, prefix = "") {
  exogenous <- paste(c(parts$lead, parts$exogenous), collapse = " ")
  iv <- length(parts$beliefs) > 0
  middle <- if (iv) sprintf("(%s = %s)", paste(parts$beliefs, collapse = " "), paste(parts$instruments, collapse = " ")) else ""
  command <- paste(c(if (iv) "ivregress 2sls" else "regress", outcome, exogenous[nzchar(exogenous)], middle[nzchar(middle)]), collapse = " ")
  options <- c(options, if (!parts$constant) "noconstant")
  stata_wrap(paste0(prefix, command, aweight(parts$weight), if (length(options)) paste0(", ", paste(options, collapse = " "))))
}

# At blanks, continued behind ///.
stata_wrap <- function(text, at = 88) {
  held <- text
  for (bracket in regmatches(text, gregexpr("vce[(][^)]*[)]|[[]aw = [^]]*[]]|[(][^()]{1,60} = [^()]{1,60}[)]", text))[[1]]) held <- sub(bracket, gsub(" ", "\r", bracket), held, fixed = TRUE)
  lines <- gsub("\u00a0", " ", strwrap(gsub("\r", "\u00a0", held), at, exdent = 4))
  if (length(lines) > 1) lines[-length(lines)] <- paste(lines[-length(lines)], "///")
  lines
}

stata_options <- function(plan, parts) {
  small <- if (length(parts$beliefs) && !plan$type %in% c("HC0", "CR0")) "small"
  c(switch(plan$type, iid = if (length(parts$beliefs)) "vce(unadjusted)", HC0 = , HC1 = "vce(robust)", CR0 = , CR1 = sprintf("vce(cluster %s)", parts$ways[1])), small)
}

# Where the command's own factor is another than the fit's: least squares without a factor, effects within clusters, effects whose
# dummies are collinear.
stata_rescaled <- function(plan, parts) {
  counts <- stata_counts(plan)
  ols <- length(parts$beliefs) == 0
  factor <- switch(plan$type,
    HC0 = if (ols) list(sprintf("(e(N) - %d) / e(N)", counts$k), "regress, vce(robust) has a factor n/(n-k), which HC0 has not"),
    CR0 = if (ols) list(sprintf("(e(N_clust) - 1) / e(N_clust) * (e(N) - %d) / (e(N) - 1)", counts$k), "regress, vce(cluster) has the factor of CR1, which CR0 has not"),
    iid = , HC1 = , CR1 = if (counts$k != counts$own) list(sprintf("(e(N) - %d) / (e(N) - %d)", counts$k, counts$own), counted_words(counts)))
  if (is.null(factor)) return(NULL)
  c(comment_lines(paste0(factor[[2]], ". The standard error of the fit:"), "* "), sprintf("scalar factor = %s", factor[[1]]),
    display_lines(shown_names(parts), "_se[%1$s] * sqrt(scalar(factor))"))
}

counted_words <- function(counts) {
  why <- c(if (counts$own < counts$rank) "does not count effects within clusters", if (counts$k != counts$rank) "counts all levels of several effects, less one for each further effect")
  sprintf("With the dummies k is %d here and %d in the fit, which %s", counts$k, counts$own, paste(why, collapse = " and "))
}

# Coefficients to display: beliefs or what leads, else every plain regressor.
shown_names <- function(parts) {
  first <- c(parts$beliefs, parts$lead)
  if (length(first)) first[!grepl("#|^i[.]", first)] else grep("#|^(i|ibn)[.]", parts$exogenous, invert = TRUE, value = TRUE)
}

# k: rank of the regression with dummies; own: what the fit's factor counts.
stata_counts <- function(plan) {
  fit <- plan$fit
  sample <- sample_of(fit)
  k <- fit$rank - absorb_count(fit) + effect_rank(plan)
  if (length(plan$ways) == 0) return(list(k = k, own = fit$rank, rank = fit$rank))
  clusters <- cluster_indices(plan$problem, add_clusters(plan$problem, kept_choice(fit)), sample$kept)
  list(k = k, own = fit$rank - within_count(plan$problem, clusters, sample$kept), rank = fit$rank)
}

absorb_count <- function(fit) if (length(fit$fixed_effects)) sum(fit$fixed_effects) - (length(fit$fixed_effects) - 1) else 0

within_count <- function(problem, clusters, kept) {
  indices <- lapply(problem$effects, effect_index, problem = problem, kept = kept)
  if (length(indices)) nested_count(indices, vapply(indices, `[[`, 0, "count"), clusters) else 0
}

# Rank of the dummies of all effects, the constant among them.
effect_rank <- function(plan) {
  kept <- kept_of(plan$fit)
  ids <- lapply(plan$problem$effects, function(effect) keep_ids(effect_index(plan$problem, effect, kept), kept)$ids + 1L)
  if (length(ids) < 2) return(absorb_count(plan$fit))
  sizes <- vapply(ids, max, 0)
  if (sum(sizes) > 2000) return(absorb_count(plan$fit))
  offset <- cumsum(c(0, sizes))
  gram <- matrix(0, sum(sizes), sum(sizes))
  for (a in seq_along(ids)) for (b in seq_along(ids)) {
    counts <- table(factor(ids[[a]], seq_len(sizes[a])), factor(ids[[b]], seq_len(sizes[b])))
    gram[offset[a] + seq_len(sizes[a]), offset[b] + seq_len(sizes[b])] <- counts
  }
  size <- sqrt(diag(gram))
  sum(eigen(gram / tcrossprod(size), symmetric = TRUE, only.values = TRUE)$values > 1e-9)
}

# ---- several ways of clustering ----

# V = sum over the non-empty sets of ways, odd ones added, even ones taken off; each without a factor, then the common one.
stata_ways <- function(plan, parts, state) {
  counts <- stata_counts(plan)
  q <- length(parts$ways)
  sets <- lapply(seq_len(2^q - 1), function(code) which(bitwAnd(code, 2^(seq_len(q) - 1)) > 0))
  ols <- length(parts$beliefs) == 0
  lines <- unlist(lapply(seq_along(sets), function(i) {
    set <- sets[[i]]
    group <- if (length(set) == 1) parts$ways[set] else stata_egen_group(parts$ways[set], state, paste(parts$ways[set], collapse = "_"))
    made <- take_lines(state)
    off <- if (ols) sprintf("scalar off = (e(N_clust) - 1) / e(N_clust) * (e(N) - %d) / (e(N) - 1)  // the factor of regress", counts$k)
    c(made, stata_command(plan, parts, sprintf("vce(cluster %s)", group), prefix = "quietly "), off,
      sprintf("matrix V = %s%se(V)", if (i == 1) "" else if (length(set) %% 2) "V + " else "V - ", if (ols) "off * " else ""),
      if (length(set) == 1) sprintf("scalar G = %s", if (i == 1) "e(N_clust)" else "min(scalar(G), e(N_clust))"))
  }))
  names <- shown_names(parts)
  factor <- if (plan$type == "CR1") sprintf("scalar(G) / (scalar(G) - 1) * (e(N) - 1) / (e(N) - %d)", counts$own) else "1"
  c(mended_words(plan), "* Several ways: one regression for each set of them, without a factor; odd sets add, even ones take off",
    if (!ols) comment_lines(sprintf("(ivreg2 of SSC has it in one line: cluster(%s) small)", paste(parts$ways, collapse = " ")), "* "), lines,
    sprintf("scalar factor = %s", factor),
    display_lines(names, "sqrt(scalar(factor) * el(V, rownumb(V, \"%1$s\"), colnumb(V, \"%1$s\")))"))
}

# Estimate and standard error of each.
display_lines <- function(names, error) {
  unlist(lapply(names, function(name) c(sprintf("display \"%1$s: \" _b[%1$s] ///", name), paste0("    \"  standard error: \" ", sprintf(error, name)))))
}

# The fit set eigenvalues below 0 to 0, which no command of Stata does.
mended_words <- function(plan) {
  if (!is_mended(plan)) return(NULL)
  warn_miv("negative_variance", paste("The covariance over several ways of clustering was not positive definite, and the fit set its negative eigenvalues to 0;",
                                      "the Stata lines do not, so standard errors differ a little."))
  comment_lines("The sum over the ways has negative eigenvalues, which the fit set to 0; here they stay, so that standard errors differ a little", "* ")
}

# Setting eigenvalues to 0 changes the trace.
is_mended <- function(plan) {
  choice <- add_clusters(plan$problem, kept_choice(plan$fit))
  answer <- run_core(plan$problem, sample_of(plan$fit), choice, "usual")
  counts <- stata_counts(plan)
  raw <- sum(diag(signed_sum(answer$covariances, answer$clusters))) * small_sample_factor(choice, plan$fit$nobs, counts$k, counts$own, answer$clusters)
  abs(sum(diag(plan$fit$vcov)) / raw - 1) > 1e-11
}

# ---- leverage ----

stata_leverage <- function(plan, parts, state) {
  second <- second_stage(plan, parts, state)
  alone <- stata_alone(plan, parts, state)
  if (!is.null(alone)) {
    second$lines <- c(second$lines, alone$lines)
    parts$condition <- alone$condition
  }
  if (is.null(parts$weight)) return(c(second$lines, stata_regress(second, parts, sprintf("vce(%s)", tolower(plan$type)))))
  weighted <- by_root_weight(second, parts, state)
  c(second$lines, comment_lines("Weights: every column times the root of the weight, for regress counts them otherwise in its leverage", "* "), weighted$lines,
    stata_wrap(paste0(paste(c("regress", weighted$outcome, weighted$terms), collapse = " "), parts$condition, sprintf(", vce(%s) noconstant", tolower(plan$type)))))
}

# Whoever is alone in an effect has a leverage of 1 and adds nothing.
stata_alone <- function(plan, parts, state) {
  if (length(plan$effects) == 0) return(NULL)
  if (all(effect_sizes(plan) != 1)) return(NULL)
  size <- stata_new(state, "effect_size")
  list(lines = c("* Whoever is alone in an effect adds nothing, but has a leverage of 1", sprintf("egen %s = count(%s), by(%s)", size, parts$outcome, sub("^i[.]", "", parts$effects[1]))),
       condition = sprintf(" if %s > 1", size))
}

# list(lines, outcome, first, terms): least squares on the first stage's fit, with the residuals of two-stage least squares.
second_stage <- function(plan, parts, state) {
  if (length(parts$beliefs) == 0) return(list(lines = NULL, outcome = parts$outcome, first = parts$lead, terms = parts$exogenous))
  hats <- vapply(parts$beliefs, function(name) stata_new(state, paste0(name, "_hat")), "")
  net <- stata_new(state, paste0(parts$outcome, "_net"))
  first <- unlist(Map(first_stage_lines, parts$beliefs, hats, list(parts)))
  words <- paste(sprintf("ivregress has no %s. Least squares on the first stage's fit has the same coefficients,", plan$type),
                 "and with this outcome the residuals of two-stage least squares.")
  lines <- c(stata_command(plan, parts, "small"), comment_lines(words, "* "), sprintf("generate double %s = %s", net, parts$outcome), sprintf("replace %s = %s - _b[%s] * (%s - %s)", net, net, parts$beliefs, parts$beliefs, hats))
  # _b[] is that of the last command, so the first stage comes before
  list(lines = c(unname(first), lines), outcome = net, first = hats, terms = parts$exogenous)
}

first_stage_lines <- function(belief, hat, parts) {
  regression <- paste0("quietly regress ", paste(c(belief, parts$instruments, parts$exogenous), collapse = " "), aweight(parts$weight), if (!parts$constant) ", noconstant")
  c(stata_wrap(regression), sprintf("predict double %s, xb", hat))
}

stata_regress <- function(second, parts, vce) {
  stata_wrap(paste0(paste(c("regress", second$outcome, second$first, second$terms), collapse = " "), parts$condition, ", ", vce, if (!parts$constant) " noconstant"))
}

by_root_weight <- function(second, parts, state) {
  root <- stata_new(state, "root_weight")
  outcome <- stata_new(state, paste0(second$outcome, "_w"))
  first <- vapply(second$first, function(name) stata_new(state, paste0(name, "_w")), "")
  times <- function(term) paste0("c.", root, "#", if (grepl("^(c|i|ibn)[.]", term)) term else paste0("c.", term))
  list(lines = c(sprintf("generate double %s = sqrt(%s)", root, parts$weight), sprintf("generate double %s = %s * %s", c(outcome, first), root, c(second$outcome, second$first))),
       outcome = outcome, terms = c(first, if (parts$constant) root, vapply(second$terms, times, "", USE.NAMES = FALSE)))
}

stata_adjusted <- function(plan, parts, state) {
  if (plan$type == "CR3") abort_miv("no_counterpart", "CR3 has no counterpart in Stata's commands for these fits; take \"CR1\", \"CR2\" (Stata 18), or `as_code(fit, \"fixest\")`.")
  if (!is.null(parts$weight)) abort_miv("no_counterpart", "CR2 with weights has no counterpart in Stata; take \"CR1\", or `as_code(fit, \"fixest\")`.")
  if (effects_within(plan)) abort_miv("no_counterpart", "CR2 with fixed effects within the clusters has no counterpart in Stata; take \"CR1\", or `as_code(fit, \"fixest\")`.")
  second <- second_stage(plan, parts, state)
  c(second$lines,
    comment_lines("CR2 is vce(hc2) with a cluster variable, from Stata 18 on; dfadjust has the degrees of freedom of Bell and McCaffrey.", "* "),
    stata_regress(second, parts, sprintf("vce(hc2 %s, dfadjust)", parts$ways[1])))
}

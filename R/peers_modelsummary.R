# Rows below a regression table: what a reader of the estimate needs, under good names. modelsummary takes them from glance_custom(), texreg from its own
# S4 method; both show texts as they are.

#' @exportS3Method modelsummary::glance_custom miv
glance_custom.miv <- function(x, ...) {
  asked <- get0("vcov_type", parent.frame(), inherits = FALSE)   # the label of modelsummary's `vcov`, NULL without
  warn_own_errors(x, asked)
  hidden <- setdiff(names(glance(x)), c("nobs", "r.squared", "adj.r.squared"))
  out <- c(stats::setNames(rep(list(NA), length(hidden)), hidden), as.list(fit_rows(x)), under_row(x, asked))
  if (is.null(asked)) out$vcov.type <- vcov_label(x$vcov_kind)
  as.data.frame(out, check.names = FALSE)
}

# modelsummary writes "IID" over the errors that the fit has, whatever they are.
warn_own_errors <- function(fit, asked) {
  if (fit$vcov_kind$type == "iid" || !isTRUE(asked %in% c("IID", "Classical", "Constant", "Default") || hides_own(asked))) return(invisible())
  label <- vcov_label(fit$vcov_kind)
  warn_miv("mislabelled_errors", paste("Under its label \"%s\" modelsummary shows the standard errors that the fit has, which are %s. Leave `vcov` out,",
                                       "or write `vcov = list(\"%s\" = vcov(fit))`; `vcov = list(\"iid\" = vcov(fit, \"iid\"))` gives those for one variance."),
           asked, label, label)
}

kOwnWords <- "[\"'](iid|classical|constant|default)[\"']"

# Whether one of these words stands under a label of the user's: modelsummary tells the label alone, and keeps nothing of the word in its list.
hides_own <- function(label) {
  if (is.null(label)) return(FALSE)
  for (i in seq_len(sys.nframe())) {
    vcov <- tryCatch(get0("vcov", sys.frame(i), inherits = FALSE), error = function(e) NULL)   # an argument that was left out
    if (is.list(vcov) && label %in% names(vcov) && is.null(vcov[[label]])) return(grepl(kOwnWords, deparse_one(sys.call(i)), ignore.case = TRUE))
  }
  FALSE
}

# modelsummary's own covariance changes errors, intervals and p values only; a covariance that cannot give F or the set leaves them another one.
under_row <- function(fit, asked) {
  if (length(fit$beliefs) == 0 && !inherits(fit, "miv_first_stage")) return(NULL)
  under <- under_label(fit)
  if ((is.null(asked) || asked == under) && under == vcov_label(fit$vcov_kind)) return(NULL)
  list("F and AR set under" = under)
}

under_label <- function(fit) {
  own <- vcov_label(fit$vcov_kind)
  if (fit$vcov_kind$type %in% c("function", "matrix")) return("HC1")
  set <- if (length(fit$beliefs) == 1) sub("^CR[23]", "CR1", own) else own
  if (set == own) own else sprintf("%s, %s", own, set)
}

# Named texts; a row is left out where the question has no answer.
fit_rows <- function(fit, digits = 3) {
  line <- glance(fit)
  number <- function(x, format) if (is.na(x)) NA_character_ else format(x)
  plain <- function(x) formatC(x, digits = digits, format = "f", big.mark = ",")
  rows <- c("Clusters" = number(line$n_clusters, big_number), "Mean, base arm" = number(line$control_mean, plain),
            "First-stage F" = number(line$first_stage_F, show_f), "95% AR set" = short_set(fit, digits), "Negative weight" = number(line$negative_weight, plain))
  rows[!is.na(rows)]
}

# NA where there is no such set.
short_set <- function(fit, digits, level = 0.95) {
  set <- weak_robust_set(fit, level)
  if (is.data.frame(set)) set_as_text(set, digits) else NA_character_
}

# "[-0.020, 0.005]", pieces joined by "or".
set_as_text <- function(set, digits) {
  if (nrow(set) == 0) return("empty")
  end <- function(x) ifelse(is.finite(x), formatC(x, digits = digits, format = "f"), ifelse(x > 0, "Inf", "-Inf"))
  pieces <- sprintf("%s%s, %s%s", ifelse(is.finite(set$lower), "[", "("), end(set$lower), end(set$upper), ifelse(is.finite(set$upper), "]", ")"))
  paste(pieces, collapse = " or ")
}

# texreg asks for an S4 method of its generic extract(); it is set where texreg is loaded (peers.R), in an environment of the package's own.

extract_miv <- function(model, vcov = NULL, include.nobs = TRUE, include.rsquared = TRUE, include.gof = TRUE, ...) {
  fit <- with_vcov(model, vcov)
  table <- coefficient_table(fit)
  rows <- texreg_rows(fit, include.nobs, include.rsquared, include.gof)
  texreg::createTexreg(coef.names = rownames(table), coef = unname(table[, 1]), se = unname(table[, 2]), pvalues = unname(table[, 4]),
                       gof.names = names(rows), gof = unname(rows), gof.decimal = !names(rows) %in% c("Num. obs.", "Clusters"), model.name = character(0))
}

# texreg's rows are numbers: the two ends of the set stand apart, and only where it is one bounded interval.
texreg_rows <- function(fit, nobs, r_squared, gof) {
  line <- glance(fit)
  rows <- c(if (gof) c("First-stage F" = line$first_stage_F, set_ends(fit), "Negative weight" = line$negative_weight, "Mean, base arm" = line$control_mean),
            if (r_squared) c("R$^2$" = line$r.squared), if (nobs) c("Num. obs." = line$nobs, if (gof) c("Clusters" = line$n_clusters)))
  rows[!is.na(rows)]
}

set_ends <- function(fit) {
  set <- weak_robust_set(fit, 0.95)
  if (!is.data.frame(set) || nrow(set) != 1 || !all(is.finite(c(set$lower, set$upper)))) return(NULL)
  c("AR set, lower" = set$lower, "AR set, upper" = set$upper)
}

set_texreg_method <- function(...) {
  methods::setOldClass(c("miv_first_stage", "miv"), where = .texreg)
  methods::setMethod(getExportedValue("texreg", "extract"), "miv", extract_miv, where = .texreg)
}

.texreg <- new.env()

#' miv: belief effects from information experiments
#'
#' @keywords internal
#' @useDynLib miv, .registration = TRUE
#' @importFrom Rcpp evalCpp
#' @importFrom generics tidy glance augment
"_PACKAGE"

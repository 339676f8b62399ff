stata_lines <- function(plan) stop("not yet")

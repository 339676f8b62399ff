# Reference data lie outside the package: the folder shared/data of a checkout, or where MIV_SHARED points. Path, or skip.
shared_file <- function(name) {
  found <- Find(file.exists, file.path(shared_places(), name))
  if (is.null(found)) testthat::skip(paste("no shared data:", name))
  found
}

shared_places <- function() {
  above <- Reduce(function(dir, step) dirname(dir), 1:6, normalizePath("."), accumulate = TRUE)
  named <- Sys.getenv("MIV_SHARED")
  c(if (nzchar(named)) c(named, file.path(named, "data")), file.path(above, "shared", "data"))
}

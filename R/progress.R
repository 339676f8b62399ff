# A bar for what takes longer than two seconds, where cli is installed and somebody is looking.

# list(tell: function of the share done, or NULL; close)
new_progress <- function(title) {
  quiet <- list(tell = NULL, close = function() invisible())
  if (!shows_progress()) return(quiet)
  bar <- new.env()
  id <- cli::cli_progress_bar(title, total = 1000, clear = TRUE, .envir = bar, format = "{cli::pb_name}{cli::pb_bar} {cli::pb_percent} {cli::pb_eta_str}")
  list(tell = function(share) cli::cli_progress_update(set = 1000 * share, id = id, .envir = bar),
       close = function() cli::cli_progress_done(id = id, .envir = bar))
}

# lapply() that tells how many of the steps are done.
lapply_steps <- function(x, f, title) {
  progress <- new_progress(title)
  on.exit(progress$close())
  lapply(seq_along(x), function(i) {
    out <- f(x[[i]])
    if (!is.null(progress$tell)) progress$tell(i / length(x))
    out
  })
}

shows_progress <- function() {
  isTRUE(getOption("miv.progress", TRUE)) && !isTRUE(getOption("miv.quiet")) && interactive() && requireNamespace("cli", quietly = TRUE)
}

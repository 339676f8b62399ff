# Rscript tools/needs.R demo|test|check
# Installs what a fresh machine lacks before `make demo`, `make test` or `make check` can run: as root from apt where Debian
# has the package, otherwise from CRAN, as an ordinary user into the user's own library. Says what it installs.
# Needs nothing but R itself. Run from the top of the repository.

# What each job needs beside DESCRIPTION's Imports and LinkingTo, or it stops. `check` needs every suggested package as well, but
# an ordinary user may do without: R CMD check --as-cran asks CRAN about those that are not there.
needed <- list(demo = character(), test = c("testthat", "sandwich"), check = c("testthat", "knitr", "rmarkdown"))
# What is welcome where apt has it; the tests that want it skip otherwise.
welcome <- list(demo = "ggplot2", test = c("ggplot2", "tibble", "data.table"))
# Programs of R CMD check, each with the Debian package that brings it, and packages that bring no program.
programs <- c(qpdf = "qpdf", tidy = "tidy", pandoc = "pandoc", pdflatex = "texlive-latex-base")
fonts <- c("texlive-latex-recommended", "texlive-fonts-recommended")

# Processor seconds of a build from CRAN, measured on two cores with g++ 12; others are guessed.
build_seconds <- c(
  Rcpp = 43, RcppArmadillo = 42, RcppEigen = 81, zoo = 12, cli = 25, rlang = 25, fs = 40, ps = 10, processx = 8,
  diffobj = 8, jsonlite = 12, testthat = 50, fixest = 240, stringmagic = 30
)

say <- function(...) cat(sprintf(...), "\n", sep = "")

give_up <- function(...) {
  message(sprintf(...))
  quit(status = 2, save = "no")
}

runs <- function(program) nzchar(Sys.which(program))

is_root <- function() identical(Sys.info()[["effective_user"]], "root")

listed <- function(field) {
  text <- read.dcf("DESCRIPTION", field)[1]
  names <- trimws(sub("\\(.*", "", strsplit(if (is.na(text)) "" else text, ",")[[1]]))
  setdiff(names[nzchar(names)], c("R", rownames(installed.packages(priority = "base"))))
}

absent <- function(packages) {
  packages[!vapply(packages, function(p) length(find.package(p, quiet = TRUE)) > 0, NA)]
}

with_progress <- function(label, command, arguments, env = character()) {
  system2("sh", c("tools/with_progress.sh", shQuote(label), if (length(env)) c("env", env), command, shQuote(arguments)))
}

# --- apt --------------------------------------------------------------------------------------------------------------

apt_has <- function(names) { # the ones that apt could install
  if (!length(names)) return(character())
  shown <- suppressWarnings(system2("apt-cache", c("policy", names), stdout = TRUE, stderr = FALSE, env = "LC_ALL=C"))
  heads <- grep("^[^ ]", shown)
  candidates <- shown[heads + 2]
  sub(":.*", "", shown[heads][!grepl("(none)", candidates, fixed = TRUE) & !is.na(candidates)])
}

install_by_apt <- function(names) {
  found <- apt_has(names)
  if (length(found) < length(names)) { # an empty or old list of packages looks the same as an unknown package
    with_progress("apt-get update", "apt-get", c("-q", "update"))
    found <- apt_has(names)
  }
  if (!length(found)) return(invisible())
  with_progress(
    sprintf("installing from apt: %s", paste(found, collapse = " ")),
    "apt-get", c("-q", "install", "-y", "--no-install-recommends", found),
    c("DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
  )
}

as_debian <- function(packages) if (length(packages)) paste0("r-cran-", tolower(packages)) else character()

# --- CRAN -------------------------------------------------------------------------------------------------------------

writable_library <- function() { # made if need be: install.packages() without a terminal would not ask, but stop
  writable <- .libPaths()[file.access(.libPaths(), 2) == 0]
  if (length(writable)) return(writable[1])
  own <- path.expand(strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep, fixed = TRUE)[[1]][1])
  if (is.na(own) || !(dir.exists(own) || dir.create(own, recursive = TRUE, showWarnings = FALSE))) {
    give_up("No library to install into: none of %s is writable, and R_LIBS_USER (`%s`) cannot be made.",
            paste(.libPaths(), collapse = ", "), own)
  }
  say("-- made your own library of R packages, %s", own)
  .libPaths(c(own, .libPaths()))
  own
}

repository <- function() {
  repos <- getOption("repos")
  if (is.null(repos) || any(repos == "@CRAN@")) c(CRAN = "https://cloud.r-project.org") else repos
}

build_time <- function(packages, cores) {
  seconds <- build_seconds[packages]
  seconds[is.na(seconds)] <- 4
  total <- max(sum(seconds) / cores, seconds)
  if (total < 100) sprintf("%.0f s", 5 * ceiling(total / 5)) else sprintf("%.0f minutes", total / 60)
}

cores <- function() max(1L, parallel::detectCores(), na.rm = TRUE)

with_dependencies <- function(packages, available) { # those of installed packages are there already
  new <- packages
  while (length(new)) {
    new <- setdiff(absent(unique(unlist(tools::package_dependencies(new, available)))), packages)
    packages <- c(packages, new)
  }
  packages
}

install_from_cran <- function(packages, library) {
  available <- available.packages(repos = repository())
  if (!nrow(available)) give_up("%s cannot be reached, and these packages are missing: %s.", repository()[1], paste(packages, collapse = ", "))
  all <- with_dependencies(packages, available)
  call <- sprintf("install.packages(c(%s), lib = '%s', repos = '%s', Ncpus = %d)",
                  paste0("'", packages, "'", collapse = ", "), library, repository()[1], min(cores(), length(all)))
  with_progress(
    sprintf("installing from CRAN into %s: %s (about %s)", library, paste(all, collapse = " "), build_time(all, cores())),
    file.path(R.home("bin"), "Rscript"), c("-e", call),
    c("LANGUAGE=en", "MAKEFLAGS=", if (!has_libuv()) "USE_BUNDLED_LIBUV=1")
  )
}

# --- what an ordinary user cannot install -----------------------------------------------------------------------------

has_libuv <- function() {
  file.exists("/usr/include/uv.h") || (runs("pkg-config") && system2("pkg-config", c("--exists", "libuv"), stderr = FALSE) == 0)
}

# fs builds on libuv: the system's, or its own copy by means of cmake.
loads_fs <- c("testthat", "rmarkdown")
lacking_from_system <- function(packages) {
  if (any(loads_fs %in% packages) && length(absent("fs")) && !has_libuv() && !runs("cmake")) "libuv1-dev" else character()
}

stop_for_administrator <- function(libraries, packages) {
  give_up(paste0(
    "Stopped before anything was built: %s from CRAN needs the system library `%s`, which only an administrator can install:\n",
    "    sudo apt-get install %s\n",
    "or, quicker, Debian's own build of the package itself:\n    sudo apt-get install %s\n",
    "(`make demo` needs neither.)"
  ), paste(packages, collapse = ", "), paste(libraries, collapse = "`, `"), paste(libraries, collapse = " "), paste(as_debian(packages), collapse = " "))
}

# --- the work ---------------------------------------------------------------------------------------------------------

install_programs <- function(job) {
  missing <- programs[!vapply(names(programs), runs, NA)]
  if (job != "check" || !length(missing)) return(invisible())
  if (is_root() && runs("apt-get")) return(install_by_apt(c(missing, fonts)))
  say("-- `make check` is better with %s; an administrator can add them: apt-get install %s",
      paste(names(missing), collapse = ", "), paste(missing, collapse = " "))
}

install_by_apt_what_is_absent <- function(packages) {
  missing <- absent(packages)
  if (length(missing)) install_by_apt(as_debian(missing))
}

main <- function(job) {
  if (!job %in% names(needed)) give_up("usage: Rscript tools/needs.R %s", paste(names(needed), collapse = "|"))
  must <- unique(c(listed("Imports"), listed("LinkingTo"), needed[[job]], if (job == "check" && is_root()) listed("Suggests")))
  if (is_root() && runs("apt-get")) install_by_apt_what_is_absent(c(must, welcome[[job]]))
  install_programs(job)
  missing <- absent(must)
  lacking <- lacking_from_system(missing)
  if (length(lacking)) stop_for_administrator(lacking, intersect(missing, loads_fs))
  library <- writable_library()
  if (length(missing)) install_from_cran(missing, library)
  if (length(absent(must))) give_up("Still missing: %s.", paste(absent(must), collapse = ", "))
}

main(commandArgs(TRUE)[1])

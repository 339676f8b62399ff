#!/bin/sh
# check.sh: R CMD build, then R CMD check --as-cran, in the folder check/. Ends with status 1 on an error or a warning; a note
# is shown. The package needs no network for its tests, so the checks that ask CRAN itself are off.
set -u
export _R_CHECK_CRAN_INCOMING_=false    # asks CRAN about a package that it does not have
export _R_CHECK_SYSTEM_CLOCK_=false     # asks a time server
export _R_CHECK_PKG_SIZES_THRESHOLD_=70 # MB; Debian compiles with -g, so the shared object is large
export _R_CHECK_FORCE_SUGGESTS_=false   # a suggested package that is not here makes its tests skip
export _R_CHECK_PACKAGE_DEPENDS_IGNORE_MISSING_ENHANCES_=true   # packages that only CRAN has, some of them hard to build
export R_RD4PDF=times,hyper
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)
export MAKEFLAGS=-j$jobs
rm -rf check
mkdir check || exit 1
(cd check && sh ../tools/with_progress.sh "R CMD build, vignettes included" R CMD build ..) || exit 1
manual=
command -v pdflatex >/dev/null || manual=--no-manual
(cd check && sh ../tools/with_progress.sh "R CMD check --as-cran $manual (some minutes)" R CMD check --as-cran $manual miv_*.tar.gz)
status=$?
log=check/miv.Rcheck/00check.log
[ -f "$log" ] || exit 1
sed -n '/\.\.\..*\(NOTE\|WARNING\|ERROR\)$/,/^\* /p' "$log" | grep -v '^\* .*OK$'
tail -n 2 "$log"
[ $status -eq 0 ] && ! grep -q '^Status:.*\(WARNING\|ERROR\)' "$log"

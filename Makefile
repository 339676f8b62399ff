# What a person types. `make` alone lists it. Every target starts from a clone on a machine that has R and a compiler:
# what else is missing is installed first (tools/needs.R says what, and from where).
SHELL = /bin/sh
RSCRIPT = Rscript
JOBS := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)
WATCH = sh tools/with_progress.sh
# DATA=, OUT= and the like reach tools/demo.R through the environment; without this line they would also override variables in
# the makefiles of the R packages that are built on the way.
MAKEOVERRIDES =
NEEDS = demo

.DEFAULT_GOAL = help
.PHONY: help demo test check core-test bench peers lint document clean install needs

help:
	@echo "make demo        the main job on a simulated survey: experiment, audit, fit, specifications, a figure"
	@echo "                   on your own file: make demo DATA=survey.csv BELIEF=posterior PRIOR=prior SIGNAL=15 ARM=treated"
	@echo "                     OUTCOME=support [CONTROLS=\"age + female | region\"] [CLUSTER=village] [STRATA=..] [WEIGHTS=..] [OUT=figure.png]"
	@echo "make test        install the package, then the tests in R and those of the compiled core"
	@echo "make core-test   only the core's tests, without R  (SANITIZE=1: under the address and undefined-behaviour sanitizers)"
	@echo "make check       R CMD check --as-cran"
	@echo "make bench       timings, as ratios to other packages and to this machine's own limits"
	@echo "make peers       numbers of every other package's route to a fit beside ours, in tools/peers.md"
	@echo "make lint        style of the R and C++ files"
	@echo "make document    NAMESPACE, man/ and the export glue, from the comments (needs roxygen2)"
	@echo "make clean       remove what the above left in this folder"

needs:
	@$(RSCRIPT) tools/needs.R $(NEEDS)

# The objects stay in src/, so a second build compiles only what changed.
install: needs
	@MAKEFLAGS=-j$(JOBS) $(WATCH) "building and installing miv (about two minutes when new)" R CMD INSTALL --no-multiarch .

demo: install
	@$(RSCRIPT) tools/demo.R

test: NEEDS = test
test: install
	@status=0; $(RSCRIPT) tools/run_tests.R || status=1; \
	$(MAKE) --no-print-directory -f tests/core/core.mk -j$(JOBS) test || status=1; exit $$status

core-test: NEEDS = test
core-test: needs
	@$(MAKE) --no-print-directory -f tests/core/core.mk -j$(JOBS) test SANITIZE=$(SANITIZE)

check: NEEDS = check
check: needs
	@sh tools/check.sh

bench: install
	@$(RSCRIPT) bench/run.R

peers: install
	@$(RSCRIPT) tools/peers.R

lint:
	@$(RSCRIPT) -e 'if (!requireNamespace("lintr", quietly = TRUE)) stop("needs lintr (apt: r-cran-lintr)"); l <- lintr::lint_package(); print(l); quit(status = length(l) > 0)'
	@clang-format --dry-run --Werror $$(ls src/*.cpp src/*.h src/core/*.h src/core/*.cpp tests/core/*.cpp | grep -v RcppExports)

document:
	@$(RSCRIPT) -e 'Rcpp::compileAttributes("."); roxygen2::roxygenise(load_code = "source")'

clean:
	rm -rf src/*.o src/*.so src/*.dll src/core/*.o tests/core/build tests/.counts* check *.Rcheck miv_*.tar.gz miv-demo*.png

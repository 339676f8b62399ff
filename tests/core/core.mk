# The tests of the core alone: Catch (the header that testthat ships), Eigen (RcppEigen's) and the standard library. R is asked
# where the two lie and is not needed after that. Run from the top: make core-test [SANITIZE=1]
CXX := $(shell R CMD config CXX17 2>/dev/null || echo g++)
include_of = $(shell Rscript -e 'cat(system.file("include", package = "$(1)"))')
ifeq ($(SANITIZE),)
BUILD = tests/core/build/plain
FLAGS = -O1
else
BUILD = tests/core/build/sanitized
FLAGS = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -D_GLIBCXX_ASSERTIONS -DEIGEN_INITIALIZE_MATRICES_BY_NAN
endif
CPPFLAGS = -I src/core -isystem $(CATCH) -isystem $(EIGEN)
CXXFLAGS = -std=c++17 -pthread -UNDEBUG -Wall -Wextra -Wno-ignored-attributes $(FLAGS)

CORE = $(patsubst src/core/%.cpp,$(BUILD)/core/%.o,$(wildcard src/core/*.cpp))
TESTS = $(patsubst tests/core/%.cpp,$(BUILD)/%.o,$(wildcard tests/core/main.cpp tests/core/test-*.cpp))
RUNNER = $(BUILD)/core-tests

.PHONY: test
test: $(BUILD)/paths.mk $(RUNNER)
	@echo "-- tests of the core$(if $(SANITIZE), under sanitizers)"
	@sh tests/core/run.sh $(RUNNER)

# Two calls of Rscript, once, and not at every file.
-include $(BUILD)/paths.mk
$(BUILD)/paths.mk:
	@mkdir -p $(BUILD)/core
	@echo "CATCH = $(call include_of,testthat)" >$@
	@echo "EIGEN = $(call include_of,RcppEigen)" >>$@

$(RUNNER): $(CORE) $(TESTS)
	@$(CXX) $(CXXFLAGS) -o $@ $^

$(BUILD)/core/%.o: src/core/%.cpp | $(BUILD)/paths.mk
	@echo "   compiling $<"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: tests/core/%.cpp | $(BUILD)/paths.mk
	@echo "   compiling $<"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

-include $(CORE:.o=.d) $(TESTS:.o=.d)

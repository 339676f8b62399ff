// The entry point of the core's tests. Catch is compiled here once; the test files include the same header for its macros only.
#define CATCH_CONFIG_MAIN
#include <testthat/vendor/catch.h>

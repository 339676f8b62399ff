// The entry point of the core's tests. Catch is compiled here once; the test files include the same header for its macros only.
// A crash must end the process: Catch's own handler allocates, and waits for ever when the heap is what broke.
#define CATCH_CONFIG_NO_POSIX_SIGNALS
#define CATCH_CONFIG_MAIN
#include <testthat/vendor/catch.h>

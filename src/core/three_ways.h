// The file MIV_LOOPS once for each instruction set that may be there, in namespaces of that name: included once by a source file, inside its
// own anonymous namespace, after instruction_sets.h. See kernel_loops.h for what the names mean.

namespace portable {
#define MIV_NAME "portable"
#define MIV_LANES 2
#define MIV_PAIRS 0
#define MIV_TARGET
#include MIV_LOOPS
}  // namespace portable

#if MIV_X86
namespace avx2 {
#define MIV_NAME "avx2"
#define MIV_LANES 4
#define MIV_PAIRS 1
#define MIV_TARGET __attribute__((target("avx2")))
#include MIV_LOOPS
}  // namespace avx2

namespace avx512 {
#define MIV_NAME "avx512"
#define MIV_LANES 8
#define MIV_PAIRS 1
#define MIV_TARGET __attribute__((target("avx2,avx512f,avx512dq")))
#include MIV_LOOPS
}  // namespace avx512
#endif

#undef MIV_LOOPS

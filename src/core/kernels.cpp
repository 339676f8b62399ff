#include "kernels.h"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define MIV_HAS_AVX2_KERNEL 1
#else
#define MIV_HAS_AVX2_KERNEL 0
#endif

namespace miv {

namespace {

// Four doubles; the compiler lowers them to what the target has.
typedef double Pack __attribute__((vector_size(32), aligned(8), may_alias));

#define MIV_INLINE inline __attribute__((always_inline))

MIV_INLINE const Pack& at(const double* p) { return *reinterpret_cast<const Pack*>(p); }

MIV_INLINE double total(const Pack& v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// Two columns against four: eight running sums, which a core with sixteen registers holds.
MIV_INLINE void gram_block(const double* a, const double* b, double* cross, Index columns) {
  Pack sum[2][4];
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j) sum[i][j] = Pack{0, 0, 0, 0};
  for (Index r = 0; r < kTileRows; r += 4) {
    const Pack a0 = at(a + r), a1 = at(a + kTileRows + r);
    for (int j = 0; j < 4; ++j) {
      const Pack bj = at(b + j * kTileRows + r);
      sum[0][j] += a0 * bj;
      sum[1][j] += a1 * bj;
    }
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j) cross[j * columns + i] += total(sum[i][j]);
}

MIV_INLINE void gram_body(const double* tile, Index columns, double* cross) {
  for (Index j = 0; j < columns; j += 4)
    for (Index i = 0; i < j + 4; i += 2)
      gram_block(tile + i * kTileRows, tile + j * kTileRows, cross + j * columns + i, columns);
}

MIV_INLINE void combine_body(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  for (Index j = 0; j < outputs; ++j) {
    const Index used = std::min(inputs, j + lag + 1);
    const double* weight = factor + j * inputs;
    for (Index r = 0; r < kTileRows; r += 16) {
      Pack sum[4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
      for (Index i = 0; i < used; ++i) {
        const Pack w = {weight[i], weight[i], weight[i], weight[i]};
        for (int q = 0; q < 4; ++q) sum[q] += w * at(tile + i * kTileRows + r + 4 * q);
      }
      for (int q = 0; q < 4; ++q) *reinterpret_cast<Pack*>(out + j * kTileRows + r + 4 * q) = sum[q];
    }
  }
}

void gram_portable(const double* tile, Index columns, double* cross) { gram_body(tile, columns, cross); }

void combine_portable(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  combine_body(tile, inputs, factor, outputs, lag, out);
}

#if MIV_HAS_AVX2_KERNEL
__attribute__((target("avx2"))) void gram_avx2(const double* tile, Index columns, double* cross) {
  gram_body(tile, columns, cross);
}

__attribute__((target("avx2"))) void combine_avx2(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  combine_body(tile, inputs, factor, outputs, lag, out);
}
#endif

bool has_avx2() {
#if MIV_HAS_AVX2_KERNEL
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}

bool& portable_asked() {
  static bool asked = false;
  return asked;
}

bool use_avx2() {
  static const bool here = has_avx2();
  return here && !portable_asked();
}

}  // namespace

void choose_kernel(Kernel kernel) { portable_asked() = kernel == Kernel::kPortable; }

const char* kernel_name() { return use_avx2() ? "avx2" : "portable"; }

void add_gram(const double* tile, Index columns, double* cross) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return gram_avx2(tile, columns, cross);
#endif
  gram_portable(tile, columns, cross);
}

void combine(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return combine_avx2(tile, inputs, factor, outputs, lag, out);
#endif
  combine_portable(tile, inputs, factor, outputs, lag, out);
}

}  // namespace miv

#include "draw_kernels.h"

#include <algorithm>
#include <utility>

#include "instruction_sets.h"

#if MIV_X86
#include <immintrin.h>
#endif

namespace miv {

namespace {

constexpr double kPivotFloor = 1e-9;  // columns are orthonormal over all rows, so a draw's pivots are about 1

struct Kernels {
  void (*add_outer)(const double*, Index, Index, const int*, Index, Index, double*);
  void (*add_triangles)(const double*, Index, Index, const int*, Index, double*);
  void (*product)(const double*, Index, const double*, Index, Index, double*);
  void (*fold_group)(const double*, Index, Index, double*);
  void (*solve_draws)(const SolveShape&, double*, double*, double*);
  void (*exponentials)(const std::uint32_t*, Index, double*);
  void (*scale_words)(std::uint32_t*, Index, std::uint32_t);
  void (*widen)(const std::uint16_t*, Index, double*);
  double (*spin)(Index, double*);
};

// A product that no compiler melts into the addition around it.
inline __attribute__((always_inline)) double rounded(double x) {
#if MIV_X86
  __asm__("" : "+x"(x));
#endif
  return x;
}

#define MIV_LOOPS "draw_loops.h"
#include "three_ways.h"

const Kernels& table() {
#if MIV_X86
  if (kernel_lanes() == 8) return avx512::kTable;
  if (kernel_lanes() == 4) return avx2::kTable;
#endif
  return portable::kTable;
}

}  // namespace

void add_outer(const double* rows, Index stride, Index count, const int* to, Index basis, Index width, double* blocks) {
  table().add_outer(rows, stride, count, to, basis, width, blocks);
}

void add_triangles(const double* rows, Index stride, Index count, const int* to, Index width, double* blocks) {
  table().add_triangles(rows, stride, count, to, width, blocks);
}

void lay_rows(const double* tile, Index count, double* rows, Index stride, const Ahead& ahead) {
  const Index lines = ahead.count * (kTileRows / 8);
  Index called = 0;
  for (Index i = 0; i < kTileRows; ++i, ++tile, rows += stride) {
    for (; called * kTileRows < lines * (i + 1); ++called) __builtin_prefetch(ahead.rows[called / (kTileRows / 8)] + called % (kTileRows / 8) * 8);
    for (Index j = 0; j < count; ++j) rows[j] = tile[j * kTileRows];
  }
}

void pack_blocks(const double* padded, Index count, Index basis, Index width, double* blocks, Index stride) {
  for (Index i = 0; i < count; ++i, blocks += stride) {
    double* out = blocks;
    for (Index j = 0; j < basis; ++j) {
      out = std::copy_n(padded, width - j, out);
      padded += (width - j + 7) / 8 * 8;
    }
    std::fill(out, blocks + stride, 0.0);
  }
}

void product(const double* w, Index units, const double* b, Index b_stride, Index columns, double* c) {
  table().product(w, units, b, b_stride, columns, c);
}

void fold_group(const double* s, Index basis, Index width, double* c) { table().fold_group(s, basis, width, c); }

Index solve_scratch(const SolveShape& shape) {
  return kAbreast * (shape.basis() * (shape.beliefs + 2) + shape.beliefs * shape.beliefs);
}

void solve_draws(const SolveShape& shape, double* c, double* scratch, double* out) { table().solve_draws(shape, c, scratch, out); }

void exponentials(const std::uint32_t* bits, Index n, double* out) { table().exponentials(bits, n, out); }

void scale_words(std::uint32_t* words, Index n, std::uint32_t count) { table().scale_words(words, n, count); }

void widen(const std::uint16_t* counts, Index n, double* out) { table().widen(counts, n, out); }

double spin(Index rounds, double* sink) { return table().spin(rounds, sink); }

}  // namespace miv

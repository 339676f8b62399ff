#include "kernels.h"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define MIV_HAS_AVX2_KERNEL 1
#else
#define MIV_HAS_AVX2_KERNEL 0
#endif

namespace miv {

namespace {

typedef int Ints __attribute__((vector_size(16), aligned(4), may_alias));
typedef long long Longs __attribute__((vector_size(32)));

// Four doubles; the compiler lowers them to what the target has.
typedef double Pack __attribute__((vector_size(32), aligned(8), may_alias));

#define MIV_INLINE inline __attribute__((always_inline))

MIV_INLINE const Pack& at(const double* p) { return *reinterpret_cast<const Pack*>(p); }

MIV_INLINE double total(const Pack& v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// Two columns (at a) against four (at b): eight running sums, which a core with sixteen registers holds. Written out, because compilers
// keep the sums in registers only then.
MIV_INLINE void gram_block(const double* a, const double* b, double* cross, Index columns) {
  const double* b0 = b;
  const double* b1 = b + kTileRows;
  const double* b2 = b + 2 * kTileRows;
  const double* b3 = b + 3 * kTileRows;
  const double* a1 = a + kTileRows;
  Pack s00 = {0, 0, 0, 0}, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
  for (Index r = 0; r < kTileRows; r += 4) {
    const Pack x = at(a + r), y = at(a1 + r);
    const Pack c0 = at(b0 + r), c1 = at(b1 + r), c2 = at(b2 + r), c3 = at(b3 + r);
    s00 += x * c0;
    s01 += x * c1;
    s02 += x * c2;
    s03 += x * c3;
    s10 += y * c0;
    s11 += y * c1;
    s12 += y * c2;
    s13 += y * c3;
  }
  cross[0] += total(s00), cross[columns] += total(s10);
  cross[1] += total(s01), cross[columns + 1] += total(s11);
  cross[2] += total(s02), cross[columns + 2] += total(s12);
  cross[3] += total(s03), cross[columns + 3] += total(s13);
}

// Two columns against the two at b.
MIV_INLINE void gram_pair(const double* a, const double* b, double* cross, Index columns) {
  const double* a1 = a + kTileRows;
  const double* b1 = b + kTileRows;
  Pack s00 = {0, 0, 0, 0}, s01 = s00, s10 = s00, s11 = s00, t00 = s00, t01 = s00, t10 = s00, t11 = s00;
  for (Index r = 0; r < kTileRows; r += 8) {
    const Pack x = at(a + r), y = at(a1 + r), c = at(b + r), d = at(b1 + r);
    const Pack u = at(a + r + 4), v = at(a1 + r + 4), e = at(b + r + 4), f = at(b1 + r + 4);
    s00 += x * c;
    s01 += x * d;
    s10 += y * c;
    s11 += y * d;
    t00 += u * e;
    t01 += u * f;
    t10 += v * e;
    t11 += v * f;
  }
  cross[0] += total(s00 + t00), cross[1] += total(s01 + t01);
  cross[columns] += total(s10 + t10), cross[columns + 1] += total(s11 + t11);
}

// Two columns against themselves; even and odd packs are summed apart to keep the adders busy.
MIV_INLINE void gram_corner(const double* a, double* cross, Index columns) {
  const double* b = a + kTileRows;
  Pack s00 = {0, 0, 0, 0}, s01 = s00, s11 = s00, t00 = s00, t01 = s00, t11 = s00;
  for (Index r = 0; r < kTileRows; r += 8) {
    const Pack x = at(a + r), y = at(b + r), u = at(a + r + 4), v = at(b + r + 4);
    s00 += x * x;
    s01 += x * y;
    s11 += y * y;
    t00 += u * u;
    t01 += u * v;
    t11 += v * v;
  }
  cross[0] += total(s00 + t00);
  cross[columns] += total(s01 + t01);
  cross[columns + 1] += total(s11 + t11);
}

// Columns j and j + 1 against all before them and themselves; four of those before at a time.
MIV_INLINE void gram_body(const double* tile, Index columns, double* cross) {
  for (Index j = 0; j < columns; j += 2) {
    const double* own = tile + j * kTileRows;
    Index i = 0;
    for (; i + 4 <= j; i += 4) gram_block(own, tile + i * kTileRows, cross + j * columns + i, columns);
    if (i < j) gram_pair(own, tile + i * kTileRows, cross + j * columns + i, columns);
    gram_corner(own, cross + j * columns + j, columns);
  }
}

MIV_INLINE Pack& to(double* p) { return *reinterpret_cast<Pack*>(p); }

MIV_INLINE void combine_body(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  for (Index j = 0; j < outputs; ++j) {
    const Index used = std::min(inputs, j + lag + 1);
    const double* weight = factor + j * inputs;
    double* column = out + j * kTileRows;
    for (Index r = 0; r < kTileRows; r += 16) {
      Pack s0 = {0, 0, 0, 0}, s1 = s0, s2 = s0, s3 = s0;
      const double* from = tile + r;
      for (Index i = 0; i < used; ++i, from += kTileRows) {
        const Pack w = {weight[i], weight[i], weight[i], weight[i]};
        s0 += w * at(from);
        s1 += w * at(from + 4);
        s2 += w * at(from + 8);
        s3 += w * at(from + 12);
      }
      to(column + r) = s0;
      to(column + r + 4) = s1;
      to(column + r + 8) = s2;
      to(column + r + 12) = s3;
    }
  }
}

MIV_INLINE void multiply_body(const double* columns, Index count, const double* by, double* out) {
  for (Index j = 0; j < count; ++j, columns += kTileRows, out += kTileRows)
    for (Index r = 0; r < kTileRows; r += 4) to(out + r) = at(columns + r) * at(by + r);
}

MIV_INLINE double square_body(const double* column) {
  Pack s0 = {0, 0, 0, 0}, s1 = s0;
  for (Index r = 0; r < kTileRows; r += 8) {
    s0 += at(column + r) * at(column + r);
    s1 += at(column + r + 4) * at(column + r + 4);
  }
  return total(s0 + s1);
}

MIV_INLINE void place_body(const double* values, double shift, double scale, double* out) {
  const Pack s = {shift, shift, shift, shift}, c = {scale, scale, scale, scale};
  for (Index r = 0; r < kTileRows; r += 8) {
    __builtin_prefetch(values + kTileRows + r);  // the next tile's rows, while this one is worked on
    to(out + r) = (at(values + r) - s) * c;
    to(out + r + 4) = (at(values + r + 4) - s) * c;
  }
}

// A comparison gives -1 where it holds; x - x carries a missing or infinite value on.
MIV_INLINE void side_body(const double* gap, double* out) {
  const Pack zero = {0, 0, 0, 0};
  for (Index r = 0; r < kTileRows; r += 4) {
    const Pack g = at(gap + r);
    to(out + r) = __builtin_convertvector((g < zero) - (g > zero), Pack) + (g - g);
  }
}

MIV_INLINE void equal_body(const double* values, double value, double* out) {
  const Pack v = {value, value, value, value};
  for (Index r = 0; r < kTileRows; r += 4) {
    const Pack x = at(values + r);
    to(out + r) = (x - x) - __builtin_convertvector(x == v, Pack);
  }
}

MIV_INLINE void minus_body(const double* from, const double* what, double* out) {
  for (Index r = 0; r < kTileRows; r += 4) to(out + r) = at(from + r) - at(what + r);
}

// The least int is R's missing value: all bits set make it a NaN.
MIV_INLINE void integers_body(const int* values, double* out) {
  constexpr int kMissing = -2147483647 - 1;
  const Ints missing = {kMissing, kMissing, kMissing, kMissing};
  for (Index r = 0; r < kTileRows; r += 4) {
    const Ints v = *reinterpret_cast<const Ints*>(values + r);
    const Pack d = __builtin_convertvector(v, Pack);
    to(out + r) = (Pack)((Longs)d | __builtin_convertvector(v == missing, Longs));  // a vector's cast keeps its bits
  }
}

void gram_portable(const double* tile, Index columns, double* cross) {
  return gram_body(tile, columns, cross);
}

void combine_portable(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  return combine_body(tile, inputs, factor, outputs, lag, out);
}

void multiply_portable(const double* columns, Index count, const double* by, double* out) {
  return multiply_body(columns, count, by, out);
}

double square_portable(const double* column) {
  return square_body(column);
}

void place_portable(const double* values, double shift, double scale, double* out) {
  return place_body(values, shift, scale, out);
}

typedef float Floats __attribute__((vector_size(32), aligned(4), may_alias));

MIV_INLINE double weighted_body(const float* weights, const float* values, Index n) {
  Floats sum = {0, 0, 0, 0, 0, 0, 0, 0};
  for (Index i = 0; i < n; i += 8) sum += *reinterpret_cast<const Floats*>(weights + i) * *reinterpret_cast<const Floats*>(values + i);
  double out = 0;
  for (int lane = 0; lane < 8; ++lane) out += static_cast<double>(sum[lane]);
  return out;
}

double weighted_portable(const float* weights, const float* values, Index n) { return weighted_body(weights, values, n); }

#if MIV_HAS_AVX2_KERNEL
__attribute__((target("avx2"))) double weighted_avx2(const float* weights, const float* values, Index n) { return weighted_body(weights, values, n); }
#endif

void side_portable(const double* gap, double* out) {
  return side_body(gap, out);
}

void equal_portable(const double* values, double value, double* out) {
  return equal_body(values, value, out);
}

void minus_portable(const double* from, const double* what, double* out) {
  return minus_body(from, what, out);
}

void integers_portable(const int* values, double* out) {
  return integers_body(values, out);
}

#if MIV_HAS_AVX2_KERNEL
__attribute__((target("avx2"))) void side_avx2(const double* gap, double* out) {
  return side_body(gap, out);
}

__attribute__((target("avx2"))) void equal_avx2(const double* values, double value, double* out) {
  return equal_body(values, value, out);
}

__attribute__((target("avx2"))) void minus_avx2(const double* from, const double* what, double* out) {
  return minus_body(from, what, out);
}

__attribute__((target("avx2"))) void integers_avx2(const int* values, double* out) {
  return integers_body(values, out);
}

__attribute__((target("avx2"))) void gram_avx2(const double* tile, Index columns, double* cross) {
  return gram_body(tile, columns, cross);
}

__attribute__((target("avx2"))) void combine_avx2(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  return combine_body(tile, inputs, factor, outputs, lag, out);
}

__attribute__((target("avx2"))) void multiply_avx2(const double* columns, Index count, const double* by, double* out) {
  return multiply_body(columns, count, by, out);
}

__attribute__((target("avx2"))) double square_avx2(const double* column) {
  return square_body(column);
}

__attribute__((target("avx2"))) void place_avx2(const double* values, double shift, double scale, double* out) {
  return place_body(values, shift, scale, out);
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

bool uses_avx2() { return use_avx2(); }

void choose_kernel(Kernel kernel) { portable_asked() = kernel == Kernel::kPortable; }

const char* kernel_name() { return use_avx2() ? "avx2" : "portable"; }

void add_gram(const double* tile, Index columns, double* cross) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return gram_avx2(tile, columns, cross);
#endif
  return gram_portable(tile, columns, cross);
}

void combine(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return combine_avx2(tile, inputs, factor, outputs, lag, out);
#endif
  return combine_portable(tile, inputs, factor, outputs, lag, out);
}

void multiply(const double* columns, Index count, const double* by, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return multiply_avx2(columns, count, by, out);
#endif
  return multiply_portable(columns, count, by, out);
}

double sum_of_squares(const double* column) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return square_avx2(column);
#endif
  return square_portable(column);
}

void place(const double* values, double shift, double scale, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return place_avx2(values, shift, scale, out);
#endif
  return place_portable(values, shift, scale, out);
}

void sides(const double* gap, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return side_avx2(gap, out);
#endif
  return side_portable(gap, out);
}

void equals(const double* values, double value, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return equal_avx2(values, value, out);
#endif
  return equal_portable(values, value, out);
}

void subtract(const double* from, const double* what, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return minus_avx2(from, what, out);
#endif
  return minus_portable(from, what, out);
}

void convert_integers(const int* values, double* out) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return integers_avx2(values, out);
#endif
  return integers_portable(values, out);
}

double weighted_sum(const float* weights, const float* values, Index n) {
#if MIV_HAS_AVX2_KERNEL
  if (use_avx2()) return weighted_avx2(weights, values, n);
#endif
  return weighted_portable(weights, values, n);
}

}  // namespace miv

// The loops of draw_kernels.h for one instruction set; see kernel_loops.h.

#include "vector_types.h"

constexpr Index kParts = kAbreast / kLanes;

MIV_INLINE void subtract_product(const Memory& a, const Memory& b, double* from) {
  Vector product = a * b;
#if MIV_LANES == 8
  __asm__("" : "+v"(product));
#endif
  to(from) = at(from) - product;
}

// y -= f x, y += f x, y = x * f, for eight replicates.
MIV_INLINE void take(const double* f, const double* x, double* y) {
  for (Index r = 0; r < kAbreast; r += kLanes) subtract_product(at(f + r), at(x + r), y + r);
}

MIV_INLINE void put(const double* f, const double* x, double* y) {
  for (Index r = 0; r < kAbreast; r += kLanes) {
    Vector sum = at(y + r);
    add_product(at(f + r), at(x + r), sum);
    to(y + r) = sum;
  }
}

MIV_INLINE void put_scaled(double f, const double* x, double* y) {
  for (Index r = 0; r < kAbreast; r += kLanes) {
    Vector sum = at(y + r);
    add_scaled(f, at(x + r), sum);
    to(y + r) = sum;
  }
}

MIV_INLINE void times(const double* x, const double* f, double* out) {
  for (Index r = 0; r < kAbreast; r += kLanes) to(out + r) = at(x + r) * at(f + r);
}

MIV_INLINE void clear(double* x, Index n) {
  for (Index i = 0; i < n; ++i) x[i] = 0;
}

MIV_TARGET void add_outer(const double* rows, Index stride, Index count, const int* where, Index basis, Index width, double* blocks) {
  const Index size = padded_columns(basis, width);
  for (Index i = 0; i < count; ++i, rows += stride) {
    double* out = blocks + static_cast<Index>(where[i]) * size;
    for (Index j = 0; j < basis; ++j)
      for (const double* row = rows + j; row < rows + width; row += 8, out += 8)
        for (Index c = 0; c < 8; c += kLanes) {
          Vector sum = at(out + c);
          add_scaled(rows[j], at(row + c), sum);
          to(out + c) = sum;
        }
  }
}

#if MIV_LANES == 8
// A row of up to 16 numbers lies in two registers, and every vector of the triangle is picked from them twice.
template <std::size_t... I>
MIV_INLINE void add_picked(const double* rows, Index stride, Index count, const int* where, const long long* left, const long long* right, double* blocks, std::index_sequence<I...>) {
  constexpr Index kStride = 8 * sizeof...(I);
  const __m512i a[] = {_mm512_loadu_si512(left + 8 * I)...}, b[] = {_mm512_loadu_si512(right + 8 * I)...};
  for (Index i = 0; i < count; ++i, rows += stride) {
    double* out = blocks + static_cast<Index>(where[i]) * kStride;
    const __m512d low = _mm512_loadu_pd(rows), high = _mm512_loadu_pd(rows + 8);
    const auto add = [&](Index k) MIV_TARGET {
      Vector sum = at(out + 8 * k), product = (Vector)_mm512_permutex2var_pd(low, a[k], high) * (Vector)_mm512_permutex2var_pd(low, b[k], high);
      __asm__("" : "+v"(product));
      to(out + 8 * k) = sum + product;
    };
    (add(static_cast<Index>(I)), ...);
  }
}

// Behind the triangle the pick is of numbers already there: what is summed there nobody reads.
MIV_TARGET bool add_small_triangles(const double* rows, Index stride, Index count, const int* where, Index width, double* blocks) {
  long long left[64] = {}, right[64] = {};
  const Index vectors = triangle_stride(width) / 8;
  if (width > 16 || vectors > 8) return false;
  for (Index j = 0, k = 0; j < width; ++j)
    for (Index c = j; c < width; ++c, ++k) left[k] = j, right[k] = c;
  switch (vectors) {
    case 1: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<1>()); return true;
    case 2: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<2>()); return true;
    case 3: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<3>()); return true;
    case 4: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<4>()); return true;
    case 5: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<5>()); return true;
    case 6: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<6>()); return true;
    case 7: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<7>()); return true;
    default: add_picked(rows, stride, count, where, left, right, blocks, std::make_index_sequence<8>()); return true;
  }
}
#endif

MIV_TARGET void add_triangles(const double* rows, Index stride, Index count, const int* where, Index width, double* blocks) {
#if MIV_LANES == 8
  if (add_small_triangles(rows, stride, count, where, width, blocks)) return;
#endif
  const Index step = triangle_stride(width);
  for (Index i = 0; i < count; ++i, rows += stride) {
    double* out = blocks + static_cast<Index>(where[i]) * step;
    for (Index j = 0; j < width; out += width - j, ++j) {
      Index c = j;
      for (; c + kLanes <= width; c += kLanes) {
        Vector sum = at(out + c - j);
        add_scaled(rows[j], at(rows + c), sum);
        to(out + c - j) = sum;
      }
      for (; c < width; ++c) out[c - j] += rounded(rows[j] * rows[c]);
    }
  }
}

// `Columns` columns for eight replicates; the sums stay in registers.
template <std::size_t... I>
MIV_INLINE void product_columns(const double* w, Index units, const double* b, Index b_stride, double* c, std::index_sequence<I...>) {
  for (Index r = 0; r < kAbreast; r += kLanes) {
    Vector sum[sizeof...(I)] = {};
    const double* weight = w + r;
    const double* value = b;
    for (Index u = 0; u < units; ++u, weight += kAbreast, value += b_stride) {
      const Vector now = at(weight);
      (add_scaled(value[I], now, sum[I]), ...);
    }
    ((to(c + static_cast<Index>(I) * kAbreast + r) = at(c + static_cast<Index>(I) * kAbreast + r) + sum[I]), ...);
  }
}

template <std::size_t Most>
MIV_TARGET void product_piece(const double* w, Index units, const double* b, Index b_stride, Index columns, double* c) {
  if (columns == static_cast<Index>(Most)) return product_columns(w, units, b, b_stride, c, std::make_index_sequence<Most>());
  if constexpr (Most > 1) product_piece<Most - 1>(w, units, b, b_stride, columns, c);
}

// In pieces of nearly equal width: a few columns alone would leave the registers waiting for one another's sums.
MIV_TARGET void product(const double* w, Index units, const double* b, Index b_stride, Index columns, double* c) {
  constexpr Index kMost = MIV_LANES == 8 ? 16 : MIV_LANES == 4 ? 8 : 4;
  for (Index pieces = (columns + kMost - 1) / kMost; pieces > 0; --pieces) {
    const Index now = (columns + pieces - 1) / pieces;
    product_piece<kMost>(w, units, b, b_stride, now, c);
    b += now;
    c += now * kAbreast;
    columns -= now;
  }
}

// 1 / x where x is a pivot and not rounding, else 0: a column that a draw does not have then adds nothing.
MIV_INLINE void invert(const double* x, double* out) {
  for (Index r = 0; r < kAbreast; ++r) out[r] = x[r] > kPivotFloor ? 1.0 / x[r] : 0.0;
}

MIV_TARGET void fold_group(const double* s, Index basis, Index width, double* c) {
  double inverse[kAbreast], f[kAbreast];
  for (Index r = 0; r < kAbreast; ++r) inverse[r] = s[r] > 0 ? 1.0 / s[r] : 0.0;  // the group's weight, in the user's units
  s += kAbreast;
  for (Index j = 0; j < basis; ++j) {
    times(s + j * kAbreast, inverse, f);
    for (Index i = j; i < width; ++i, c += kAbreast) take(f, s + i * kAbreast, c);
  }
}

// Row j of the packed block becomes row j of L' (1 on its diagonal); returns through d the pivots.
MIV_INLINE void factorise(Index basis, Index width, double* c, double* d) {
  double inverse[kAbreast], f[kAbreast];
  for (Index j = 0; j < basis; ++j) {
    double* row = c + block_at(j, j, width) * kAbreast;
    for (Index r = 0; r < kAbreast; ++r) d[j * kAbreast + r] = row[r] > kPivotFloor ? row[r] : 0.0;
    invert(row, inverse);
    for (Index i = j + 1; i < basis; ++i) {
      times(row + (i - j) * kAbreast, inverse, f);
      double* below = c + block_at(i, i, width) * kAbreast;
      for (Index k = i; k < width; ++k) take(f, row + (k - j) * kAbreast, below + (k - i) * kAbreast);
    }
    for (Index k = j; k < width; ++k) times(row + (k - j) * kAbreast, inverse, row + (k - j) * kAbreast);
  }
}

// others on the draw's own triangle: L' on_basis + the part of L' that belongs to them.
MIV_INLINE void turn_others(const SolveShape& shape, const double* c, double* out) {
  const Index m = shape.basis(), width = shape.width();
  for (Index o = 0; o <= shape.beliefs; ++o)
    for (Index j = 0; j < m; ++j, out += kAbreast) {
      const double* row = c + block_at(j, j, width) * kAbreast;
      for (Index r = 0; r < kAbreast; r += kLanes) to(out + r) = at(row + (m + o - j) * kAbreast + r);
      for (Index i = j; i < m; ++i) put_scaled(shape.on_basis[o * m + i], row + (i - j) * kAbreast, out);
    }
}

// p x p systems of eight replicates by elimination; normal is row-major, rhs becomes the solution, NaN where a pivot is 0.
MIV_INLINE void solve_beliefs(Index p, double* normal, double* rhs) {
  double f[kAbreast], inverse[kAbreast];
  const auto cell = [&](Index i, Index j) { return normal + (i * p + j) * kAbreast; };
  for (Index j = 0; j < p; ++j) {
    for (Index r = 0; r < kAbreast; ++r) inverse[r] = 1.0 / cell(j, j)[r];
    for (Index i = j + 1; i < p; ++i) {
      times(cell(i, j), inverse, f);
      for (Index k = j; k < p; ++k) take(f, cell(j, k), cell(i, k));
      take(f, rhs + j * kAbreast, rhs + i * kAbreast);
    }
  }
  for (Index j = p - 1; j >= 0; --j) {
    for (Index k = j + 1; k < p; ++k) take(cell(j, k), rhs + k * kAbreast, rhs + j * kAbreast);
    for (Index r = 0; r < kAbreast; ++r) rhs[j * kAbreast + r] = rhs[j * kAbreast + r] / cell(j, j)[r];
  }
}

// Where a draw does not have control j, its coefficient in the frame is to be 0, as if it were not there.
MIV_INLINE void leave_out(const SolveShape& shape, const double* pivot, Index j, double* out) {
  for (Index r = 0; r < kAbreast; ++r) {
    if (pivot[r] > 0) continue;
    double value = 0;
    for (Index i = j + 1; i < shape.exogenous; ++i) value -= rounded(shape.root_inverse[i * shape.exogenous + j] * out[i * kAbreast + r]);
    out[j * kAbreast + r] = value / shape.root_inverse[j * shape.exogenous + j];
  }
}

MIV_TARGET void solve_draws(const SolveShape& shape, double* c, double* scratch, double* out) {
  const Index m = shape.basis(), w = shape.exogenous, p = shape.beliefs, width = shape.width();
  double* d = scratch;
  double* t = d + m * kAbreast;                      // others on the triangle: (p + 1) x m
  double* normal = t + (p + 1) * m * kAbreast;       // p x p
  double f[kAbreast];
  factorise(m, width, c, d);
  turn_others(shape, c, t);
  const auto on = [&](Index o, Index j) { return t + (o * m + j) * kAbreast; };
  double* beta = out + w * kAbreast;
  clear(normal, p * p * kAbreast);
  clear(beta, p * kAbreast);
  for (Index z = w; z < m; ++z)
    for (Index i = 0; i < p; ++i) {
      times(d + z * kAbreast, on(i, z), f);
      for (Index j = 0; j < p; ++j) put(f, on(j, z), normal + (i * p + j) * kAbreast);
      put(f, on(p, z), beta + i * kAbreast);
    }
  solve_beliefs(p, normal, beta);
  for (Index j = w - 1; j >= 0; --j) {
    double* gamma = out + j * kAbreast;
    for (Index r = 0; r < kAbreast; r += kLanes) to(gamma + r) = at(on(p, j) + r);
    for (Index i = 0; i < p; ++i) take(beta + i * kAbreast, on(i, j), gamma);
    const double* row = c + block_at(j, j, width) * kAbreast;
    for (Index i = j + 1; i < w; ++i) take(out + i * kAbreast, row + (i - j) * kAbreast, gamma);
    leave_out(shape, d + j * kAbreast, j, out);
  }
}

MIV_INLINE void multiply_add(const Vector& by, double more, Vector& sum) {
  Vector product = sum * by;
#if MIV_LANES == 8
  __asm__("" : "+v"(product));
#endif
  sum = product + more;
}

// A whole number below 2^52 as a double: the bits of its mantissa beside those of 2^52.
MIV_INLINE void whole(const Bits& bits, Vector& out) {
  const Bits base = Bits{} + 0x4330000000000000LL;
  out = (Vector)(bits | base) - 0x1p52;
}

typedef std::uint32_t Words __attribute__((vector_size(4 * MIV_LANES), aligned(4), may_alias));

MIV_TARGET void scale_words(std::uint32_t* words, Index n, std::uint32_t count) {
  const Bits by = Bits{} + static_cast<long long>(count);
  for (Index i = 0; i < n; i += kLanes) {
    Words& now = *reinterpret_cast<Words*>(words + i);
    now = __builtin_convertvector(((__builtin_convertvector(now, Bits) * by) >> 29) & ~7LL, Words);
  }
}

MIV_TARGET void widen(const std::uint16_t* counts, Index n, double* out) {
  typedef std::uint16_t Shorts __attribute__((vector_size(2 * MIV_LANES), aligned(2), may_alias));
  for (Index i = 0; i < n; i += kLanes)
    to(out + i) = __builtin_convertvector(__builtin_convertvector(*reinterpret_cast<const Shorts*>(counts + i), Ints), Vector);
}

// -log of (bits + 1/2) / 2^32: exponent and mantissa apart, the mantissa by the series of the inverse hyperbolic tangent. n is a multiple of 8.
MIV_TARGET void exponentials(const std::uint32_t* bits, Index n, double* out) {
  constexpr double kLog2 = 0.69314718055994530942, kRootHalf = 0.70710678118654752440;
  const Bits mantissa = Bits{} + 0x000FFFFFFFFFFFFFLL, half = Bits{} + 0x3FE0000000000000LL, one = (Bits)(Vector{} + 1.0);
  for (Index i = 0; i < n; i += kLanes) {
    Vector u, exponent;
    whole(__builtin_convertvector(*reinterpret_cast<const Words*>(bits + i), Bits), u);
    u = (u + 0.5) * 0x1p-32;
    whole((Bits)u >> 52, exponent);
    exponent -= 1022.0;
    Vector m = (Vector)(((Bits)u & mantissa) | half);
    const Bits low = (Bits)(m < kRootHalf);
    m += (Vector)((Bits)m & low);
    exponent -= (Vector)(one & low);
    const Vector s = (m - 1.0) / (m + 1.0), square = s * s;
    Vector sum = Vector{} + 2.0 / 21;
    for (int k = 19; k >= 1; k -= 2) multiply_add(square, 2.0 / k, sum);
    Vector large = exponent * kLog2, small = sum * s;
#if MIV_LANES == 8
    __asm__("" : "+v"(large), "+v"(small));
#endif
    to(out + i) = -(small + large);
  }
}

// Every product is of two registers and goes into a sum of its own; the compiler is told that the factors change, or it would take the products out
// of the loop.
template <std::size_t... I>
MIV_INLINE double spin_sums(Index rounds, double* sink, std::index_sequence<I...>) {
  constexpr std::size_t kWeights = sizeof...(I) / 2;
  Vector sum[sizeof...(I)] = {}, value[2] = {Vector{} + 1.0000001, Vector{} + 0.9999999}, weight[kWeights];
  for (std::size_t i = 0; i < kWeights; ++i) weight[i] = Vector{} + (1 + 1e-7 * static_cast<double>(i));
  for (Index i = 0; i < rounds; ++i) {
#if MIV_X86
    __asm__ volatile("" : "+v"(value[0]), "+v"(value[1]));
#endif
    (add_product(value[I % 2], weight[I / 2], sum[I]), ...);
  }
  for (const Vector& one : sum) sink[0] += one[0];
  return 2.0 * sizeof...(I) * kLanes * static_cast<double>(rounds);
}

MIV_TARGET double spin(Index rounds, double* sink) {
  return spin_sums(rounds, sink, std::make_index_sequence<MIV_LANES == 8 ? 16 : 8>());
}

constexpr Kernels kTable = {add_outer, add_triangles, product, fold_group, solve_draws, exponentials, scale_words, widen, spin};

#include "vector_end.h"

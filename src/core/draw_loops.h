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

MIV_TARGET void product(const double* w, Index units, const double* b, Index b_stride, Index columns, double* c) {
  Index j = 0;
#if MIV_LANES == 8
  for (; j + 16 <= columns; j += 16) product_columns(w, units, b + j, b_stride, c + j * kAbreast, std::make_index_sequence<16>());
#endif
#if MIV_LANES > 2
  for (; j + 8 <= columns; j += 8) product_columns(w, units, b + j, b_stride, c + j * kAbreast, std::make_index_sequence<8>());
#endif
  for (; j + 4 <= columns; j += 4) product_columns(w, units, b + j, b_stride, c + j * kAbreast, std::make_index_sequence<4>());
  for (; j < columns; ++j) product_columns(w, units, b + j, b_stride, c + j * kAbreast, std::make_index_sequence<1>());
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

// -log of (bits + 1/2) / 2^32: exponent and mantissa apart, the mantissa by the series of the inverse hyperbolic tangent. n is a multiple of 8.
MIV_TARGET void exponentials(const std::uint32_t* bits, Index n, double* out) {
  typedef std::uint32_t Words __attribute__((vector_size(4 * MIV_LANES), aligned(4), may_alias));
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

MIV_TARGET double spin(Index rounds, double* sink) {
  Vector sum[12] = {};
  const Vector value = Vector{} + 1.0000001;
  double weight = 0.9999999;
  for (Index i = 0; i < rounds; ++i)
    for (int j = 0; j < 12; ++j) {
      Vector product = value * weight;
      __asm__("" : "+x"(product));
      sum[j] += product;
    }
  for (int j = 0; j < 12; ++j) sink[0] += sum[j][0];
  return 2.0 * 12 * kLanes * static_cast<double>(rounds);
}

constexpr Kernels kTable = {add_outer, product, fold_group, solve_draws, exponentials, spin};

#include "vector_end.h"

// The loops of kernels.h for one instruction set: included by kernels.cpp once for each, inside a namespace of its own, with
//   MIV_LANES   doubles in a vector: 2, 4 or 8
//   MIV_PAIRS   whether combine() holds two columns in registers, 0 or 1
//   MIV_TARGET  what the compiler may use
// Vectors go by reference, so that no calling convention depends on the instruction set.

#include "vector_types.h"

// Every sum over rows runs in eight lanes, added up in one order, whatever the vectors.
struct Sum {
  Vector part[8 / MIV_LANES];
};

MIV_INLINE void add(const double* a, const double* b, Sum& sum) {
  add_product(at(a), at(b), sum.part[0]);
#if MIV_LANES == 4
  add_product(at(a + 4), at(b + 4), sum.part[1]);
#elif MIV_LANES == 2
  add_product(at(a + 2), at(b + 2), sum.part[1]);
  add_product(at(a + 4), at(b + 4), sum.part[2]);
  add_product(at(a + 6), at(b + 6), sum.part[3]);
#endif
}

MIV_INLINE double total(const Sum& sum) {
#if MIV_LANES == 2
  const Vector v = sum.part[0] + sum.part[2], w = sum.part[1] + sum.part[3];
  return (v[0] + v[1]) + (w[0] + w[1]);
#elif MIV_LANES == 4
  const Vector v = sum.part[0] + sum.part[1];
  return (v[0] + v[1]) + (v[2] + v[3]);
#else
  const Vector& v = sum.part[0];
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
#endif
}

// The rows of the next source to call into the cache, or those at hand where there are no more.
MIV_INLINE const double* next_rows(const Ahead& ahead, Index& given, const double* at_hand) {
  return given < ahead.count ? ahead.rows[given++] : at_hand;
}

// Two columns at a against `Others` columns at b. Folds, not loops: compilers keep the sums in registers only then.
template <std::size_t... I>
MIV_INLINE void gram_block(const double* a, const double* b, const double* next, double* cross, Index columns, std::index_sequence<I...>) {
  Sum first[sizeof...(I)] = {}, second[sizeof...(I)] = {};
  for (Index r = 0; r < kTileRows; r += 8) {
    __builtin_prefetch(next + r);
    (add(a + r, b + static_cast<Index>(I) * kTileRows + r, first[I]), ...);
    (add(a + kTileRows + r, b + static_cast<Index>(I) * kTileRows + r, second[I]), ...);
  }
  ((cross[I] += total(first[I])), ...);
  ((cross[columns + static_cast<Index>(I)] += total(second[I])), ...);
}

// Two columns against themselves.
MIV_INLINE void gram_corner(const double* a, const double* next, double* cross, Index columns) {
  const double* b = a + kTileRows;
  Sum s00{}, s01{}, s11{};
  for (Index r = 0; r < kTileRows; r += 8) {
    __builtin_prefetch(next + r);
    add(a + r, a + r, s00);
    add(a + r, b + r, s01);
    add(b + r, b + r, s11);
  }
  cross[0] += total(s00);
  cross[columns] += total(s01);
  cross[columns + 1] += total(s11);
}

// Two columns against all before them, as many at a time as the registers hold, and themselves. Every loop calls in the rows of one
// source: memory then delivers while the cores multiply.
MIV_TARGET void add_gram(const double* tile, Index columns, double* cross, const Ahead& ahead) {
  Index given = 0;
  for (Index j = 0; j < columns; j += 2) {
    const double* own = tile + j * kTileRows;
    double* out = cross + j * columns;
    Index i = 0;
#if MIV_LANES == 8
    for (; i + 8 <= j; i += 8) gram_block(own, tile + i * kTileRows, next_rows(ahead, given, own), out + i, columns, std::make_index_sequence<8>());
    for (; i + 4 <= j; i += 4) gram_block(own, tile + i * kTileRows, next_rows(ahead, given, own), out + i, columns, std::make_index_sequence<4>());
#endif
#if MIV_LANES > 2
    for (; i < j; i += 2) gram_block(own, tile + i * kTileRows, next_rows(ahead, given, own), out + i, columns, std::make_index_sequence<2>());
#else
    for (; i < j; ++i) gram_block(own, tile + i * kTileRows, next_rows(ahead, given, own), out + i, columns, std::make_index_sequence<1>());
#endif
    gram_corner(own, next_rows(ahead, given, own), out + j, columns);
  }
  for (; given < ahead.count; ++given)
    for (Index r = 0; r < kTileRows; r += 8) __builtin_prefetch(ahead.rows[given] + r);
}

// One or two columns of combine() from the first `used` columns of the tile, the second from one more where there is one.
template <bool Two>
MIV_INLINE void combine_columns(const double* tile, Index inputs, Index used, const double* factor, double* out) {
  for (Index r = 0; r < kTileRows; r += 4 * kLanes) {
    Vector s0{}, s1{}, s2{}, s3{}, t0{}, t1{}, t2{}, t3{};
    const double* from = tile + r;
    for (Index i = 0; i < used; ++i, from += kTileRows) {
      add_scaled(factor[i], at(from), s0);
      add_scaled(factor[i], at(from + kLanes), s1);
      add_scaled(factor[i], at(from + 2 * kLanes), s2);
      add_scaled(factor[i], at(from + 3 * kLanes), s3);
      if constexpr (Two) {
        add_scaled(factor[inputs + i], at(from), t0);
        add_scaled(factor[inputs + i], at(from + kLanes), t1);
        add_scaled(factor[inputs + i], at(from + 2 * kLanes), t2);
        add_scaled(factor[inputs + i], at(from + 3 * kLanes), t3);
      }
    }
    if constexpr (Two)
      if (used < inputs) {
        add_scaled(factor[inputs + used], at(from), t0);
        add_scaled(factor[inputs + used], at(from + kLanes), t1);
        add_scaled(factor[inputs + used], at(from + 2 * kLanes), t2);
        add_scaled(factor[inputs + used], at(from + 3 * kLanes), t3);
      }
    to(out + r) = s0;
    to(out + r + kLanes) = s1;
    to(out + r + 2 * kLanes) = s2;
    to(out + r + 3 * kLanes) = s3;
    if constexpr (Two) {
      double* next = out + kTileRows + r;
      to(next) = t0;
      to(next + kLanes) = t1;
      to(next + 2 * kLanes) = t2;
      to(next + 3 * kLanes) = t3;
    }
  }
}

MIV_TARGET void combine(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  Index j = 0;
  for (; MIV_PAIRS && j + 2 <= outputs; j += 2)
    combine_columns<true>(tile, inputs, std::min(inputs, j + lag + 1), factor + j * inputs, out + j * kTileRows);
  for (; j < outputs; ++j) combine_columns<false>(tile, inputs, std::min(inputs, j + lag + 1), factor + j * inputs, out + j * kTileRows);
}

MIV_TARGET void multiply(const double* columns, Index count, const double* by, double* out) {
  for (Index j = 0; j < count; ++j, columns += kTileRows, out += kTileRows)
    for (Index r = 0; r < kTileRows; r += kLanes) to(out + r) = at(columns + r) * at(by + r);
}

MIV_TARGET double sum_of_squares(const double* column) {
  Sum sum{};
  for (Index r = 0; r < kTileRows; r += 8) add(column + r, column + r, sum);
  return total(sum);
}

MIV_TARGET void place(const double* values, double shift, double scale, double* out) {
  for (Index r = 0; r < kTileRows; r += kLanes) to(out + r) = (at(values + r) - shift) * scale;
}

// A comparison sets all bits where it holds, a vector's cast keeps its bits, and x - x carries a missing or infinite value on.
MIV_TARGET void sides(const double* gap, double* out) {
  const Vector zero{};
  const Bits one = (Bits)(zero + 1);
  for (Index r = 0; r < kTileRows; r += kLanes) {
    const Vector g = at(gap + r);
    to(out + r) = ((Vector)((Bits)(g > zero) & one) - (Vector)((Bits)(g < zero) & one)) + (g - g);
  }
}

MIV_TARGET void equals(const double* values, double value, double* out) {
  const Vector wanted = Vector{} + value;
  const Bits one = (Bits)(Vector{} + 1);
  for (Index r = 0; r < kTileRows; r += kLanes) {
    const Vector x = at(values + r);
    to(out + r) = (x - x) + (Vector)((Bits)(x == wanted) & one);
  }
}

MIV_TARGET void subtract(const double* from, const double* what, double* out) {
  for (Index r = 0; r < kTileRows; r += kLanes) to(out + r) = at(from + r) - at(what + r);
}

// The least int is R's missing value: all bits set make it a NaN.
MIV_TARGET void convert_integers(const int* values, double* out) {
  const Ints least = Ints{} + (-2147483647 - 1);
  for (Index r = 0; r < kTileRows; r += kLanes) {
    const Ints v = *reinterpret_cast<const Ints*>(values + r);
    const Ints missing = v == least;
    to(out + r) = (Vector)((Bits)__builtin_convertvector(v, Vector) | __builtin_convertvector(missing, Bits));
  }
}

MIV_TARGET double weighted_sum(const float* weights, const float* values, Index n) {
  Floats sum{};
  for (Index i = 0; i < n; i += 8) {
    Floats product = *reinterpret_cast<const Floats*>(weights + i) * *reinterpret_cast<const Floats*>(values + i);
#if MIV_LANES == 8
    __asm__("" : "+v"(product));
#endif
    sum += product;
  }
  double out = 0;
  for (int lane = 0; lane < 8; ++lane) out += static_cast<double>(sum[lane]);
  return out;
}

constexpr Kernels kTable = {MIV_NAME, MIV_LANES, add_gram, combine, multiply, sum_of_squares, place, sides, equals, subtract, convert_integers, weighted_sum};

#include "vector_end.h"

// The loops of permute.cpp for one instruction set, included once for each inside a namespace of its own (MIV_LANES and
// MIV_TARGET as in vector_types.h). Lanes are assignments and a sum runs down the rows, so vectors cannot change a digit; products
// are rounded before they are added. A block is kPermuteRows x kDraws, row by row.

#include "vector_types.h"

constexpr int kVectors = kDraws / MIV_LANES;  // of a row of a block

MIV_INLINE void rounded(Vector& product) {
#if MIV_LANES == 8
  __asm__("" : "+v"(product));
#else
  (void)product;
#endif
}

MIV_INLINE void take_scaled(double scale, const Memory& a, Vector& sum) {
  Vector product = a * scale;
  rounded(product);
  sum -= product;
}

MIV_INLINE void take_product(const Memory& a, const Memory& b, Vector& sum) {
  Vector product = a * b;
  rounded(product);
  sum -= product;
}

// out = start + the step of the arm each assignment puts the row in. masks and steps: one per arm, `stride` and kPermuteRows apart.
template <int... V>
MIV_INLINE void fill_rows(const double* start, const double* step, const Mask* masks, Index stride, Index arms, double* out,
                          std::integer_sequence<int, V...>) {
  Bits lane[kVectors];
  for (int v = 0; v < kVectors; ++v)
    for (int k = 0; k < MIV_LANES; ++k) lane[v][k] = 1LL << (v * MIV_LANES + k);
  for (Index r = 0; r < kPermuteRows; ++r, out += kDraws) {
    Vector z[] = {(static_cast<void>(V), Vector{} + start[r])...};
    for (Index a = 0; a < arms; ++a) {
      const Bits mask = Bits{} + static_cast<long long>(masks[a * stride + r]), on = (Bits)(Vector{} + step[a * kPermuteRows + r]);
      ((z[V] += (Vector)(((mask & lane[V]) == lane[V]) & on)), ...);
    }
    ((to(out + V * MIV_LANES) = z[V]), ...);
  }
}

MIV_TARGET void fill_block(const double* start, const double* step, const Mask* masks, Index stride, Index arms, double* out) {
  fill_rows(start, step, masks, stride, arms, out, std::make_integer_sequence<int, kVectors>());
}

// Less the arm's share in the row's stratum times its step. shares: arms x kDraws for each stratum.
MIV_TARGET void take_shares(const double* step, const double* shares, const int* strata, Index arms, double* out) {
  for (Index r = 0; r < kPermuteRows; ++r, out += kDraws) {
    const double* share = shares + strata[r] * arms * kDraws;
    for (Index a = 0; a < arms; ++a, share += kDraws)
      for (int v = 0; v < kDraws; v += MIV_LANES) {
        Vector z = at(out + v);
        take_scaled(step[a * kPermuteRows + r], at(share + v), z);
        to(out + v) = z;
      }
  }
}

// sums[k] += block' column k, for Columns columns at a time: eight sums side by side fill the registers.
template <int... S>
MIV_INLINE void dot_rows(const double* block, const double* columns, double* sums, std::integer_sequence<int, S...>) {
  Vector sum[sizeof...(S)] = {};
  for (Index r = 0; r < kPermuteRows; ++r, block += kDraws)
    (add_scaled(columns[(S / kVectors) * kPermuteRows + r], at(block + (S % kVectors) * MIV_LANES), sum[S]), ...);
  ((to(sums + S * MIV_LANES) += sum[S]), ...);
}

constexpr int kColumns = 8 / kVectors > 1 ? 8 / kVectors : 1;

MIV_TARGET void dot_columns(const double* block, const double* columns, Index count, double* sums) {
  Index k = 0;
  for (; k + kColumns <= count; k += kColumns)
    dot_rows(block, columns + k * kPermuteRows, sums + k * kDraws, std::make_integer_sequence<int, kColumns * kVectors>());
  for (; k < count; ++k) dot_rows(block, columns + k * kPermuteRows, sums + k * kDraws, std::make_integer_sequence<int, kVectors>());
}

// block -= column k times coefficient k (kDraws of them), k in order.
template <int... S>
MIV_INLINE void net_rows(double* block, const double* columns, const double* coefficients, std::integer_sequence<int, S...>) {
  const Vector c[] = {at(coefficients + S * MIV_LANES)...};
  for (Index r = 0; r < kPermuteRows; ++r, block += kDraws) {
    Vector z[kVectors];
    for (int v = 0; v < kVectors; ++v) z[v] = at(block + v * MIV_LANES);
    (take_scaled(columns[(S / kVectors) * kPermuteRows + r], c[S], z[S % kVectors]), ...);
    for (int v = 0; v < kVectors; ++v) to(block + v * MIV_LANES) = z[v];
  }
}

MIV_TARGET void net_columns(double* block, const double* columns, const double* coefficients, Index count) {
  Index k = 0;
  for (; k + kColumns <= count; k += kColumns)
    net_rows(block, columns + k * kPermuteRows, coefficients + k * kDraws, std::make_integer_sequence<int, kColumns * kVectors>());
  for (; k < count; ++k) net_rows(block, columns + k * kPermuteRows, coefficients + k * kDraws, std::make_integer_sequence<int, kVectors>());
}

// block -= other block times coefficient, assignment by assignment.
MIV_TARGET void net_block(double* block, const double* other, const double* coefficient) {
  for (Index i = 0; i < kPermuteRows * kDraws; i += kDraws)
    for (int v = 0; v < kDraws; v += MIV_LANES) {
      Vector z = at(block + i + v);
      take_product(at(other + i + v), at(coefficient + v), z);
      to(block + i + v) = z;
    }
}

// sum over the rows of a times b.
MIV_TARGET void dot_blocks(const double* a, const double* b, double* sums) {
  Vector sum[kVectors] = {};
  for (Index i = 0; i < kPermuteRows * kDraws; i += kDraws)
    for (int v = 0; v < kVectors; ++v) add_product(at(a + i + v * MIV_LANES), at(b + i + v * MIV_LANES), sum[v]);
  for (int v = 0; v < kVectors; ++v) to(sums + v * MIV_LANES) += sum[v];
}

// out = column less the blocks times their coefficients.
MIV_TARGET void residual(const double* column, const double* blocks, const double* coefficients, Index count, double* out) {
  for (Index r = 0; r < kPermuteRows; ++r)
    for (int v = 0; v < kDraws; v += MIV_LANES) {
      Vector e = Vector{} + column[r];
      for (Index j = 0; j < count; ++j)
        take_product(at(blocks + (j * kPermuteRows + r) * kDraws + v), at(coefficients + j * kDraws + v), e);
      to(out + r * kDraws + v) = e;
    }
}

MIV_TARGET void times(const double* a, const double* b, double* out) {
  for (Index i = 0; i < kPermuteRows * kDraws; i += MIV_LANES) to(out + i) = at(a + i) * at(b + i);
}

// One instrument, scores by row: residuals of outcome and belief, their scores and the three sums of products, two vectors at a time.
MIV_TARGET void score_rows(const double* block, const double* outcome, const double* belief, const double* by, const double* bx, double* sums) {
  constexpr int kStep = 2 * MIV_LANES;
  for (int v = 0; v < kDraws; v += kStep) {
    const Vector by0 = at(by + v), by1 = at(by + v + MIV_LANES), bx0 = at(bx + v), bx1 = at(bx + v + MIV_LANES);
    Vector yy0{}, yy1{}, yx0{}, yx1{}, xx0{}, xx1{};
    for (Index r = 0; r < kPermuteRows; ++r) {
      const Vector z0 = at(block + r * kDraws + v), z1 = at(block + r * kDraws + v + MIV_LANES);
      Vector y0 = Vector{} + outcome[r], y1 = y0, x0 = Vector{} + belief[r], x1 = x0;
      take_product(z0, by0, y0);
      take_product(z1, by1, y1);
      take_product(z0, bx0, x0);
      take_product(z1, bx1, x1);
      y0 *= z0;
      y1 *= z1;
      x0 *= z0;
      x1 *= z1;
      rounded(y0);
      rounded(y1);
      rounded(x0);
      rounded(x1);
      add_product(y0, y0, yy0);
      add_product(y1, y1, yy1);
      add_product(y0, x0, yx0);
      add_product(y1, x1, yx1);
      add_product(x0, x0, xx0);
      add_product(x1, x1, xx1);
    }
    to(sums + v) += yy0;
    to(sums + v + MIV_LANES) += yy1;
    to(sums + kDraws + v) += yx0;
    to(sums + kDraws + v + MIV_LANES) += yx1;
    to(sums + 2 * kDraws + v) += xx0;
    to(sums + 2 * kDraws + v + MIV_LANES) += xx1;
  }
}

// sums of row ids[r] (kDraws each, `stride` apart) += weight times the block's row.
MIV_TARGET void add_to_groups(const double* block, const double* weight, const int* ids, Index stride, double* sums) {
  for (Index r = 0; r < kPermuteRows; ++r, block += kDraws) {
    double* sum = sums + ids[r] * stride;
    for (int v = 0; v < kDraws; v += MIV_LANES) {
      Vector s = at(sum + v);
      add_scaled(weight[r], at(block + v), s);
      to(sum + v) = s;
    }
  }
}

MIV_TARGET void take_groups(double* block, const double* weight, const int* ids, Index stride, const double* means) {
  for (Index r = 0; r < kPermuteRows; ++r, block += kDraws) {
    const double* mean = means + ids[r] * stride;
    for (int v = 0; v < kDraws; v += MIV_LANES) {
      Vector z = at(block + v);
      take_scaled(weight[r], at(mean + v), z);
      to(block + v) = z;
    }
  }
}

constexpr Loops kTable = {fill_block, take_shares, dot_columns, net_columns, net_block, dot_blocks, residual, times, score_rows, add_to_groups, take_groups};

#include "vector_end.h"

// The loops of resampling, on eight replicates side by side: x[8 * i + r] is number i of replicate r. Compiled like kernels.h for several
// instruction sets with the same digits: every number is summed over units in their order, whatever the vectors.
#ifndef MIV_CORE_DRAW_KERNELS_H
#define MIV_CORE_DRAW_KERNELS_H

#include "kernels.h"

namespace miv {

constexpr Index kAbreast = 8;  // replicates side by side

// Rows of a packed block: basis column j times the columns j .. width - 1 of the row, one after the other.
inline Index block_columns(Index basis, Index width) { return basis * width - basis * (basis - 1) / 2; }
inline Index block_at(Index j, Index c, Index width) { return j * width - j * (j - 1) / 2 + (c - j); }

// The same with every row of the block padded to a multiple of eight, so that no sum begins where another's vector ends.
inline Index padded_columns(Index basis, Index width) {
  Index out = 0;
  for (Index j = 0; j < basis; ++j) out += (width - j + 7) / 8 * 8;
  return out;
}

// Outer products of `count` rows (row-major; `stride` at least width + 8, with zeros behind width) added to padded blocks: that of row i to
// number to[i].
void add_outer(const double* rows, Index stride, Index count, const int* to, Index basis, Index width, double* blocks);

// The upper triangles alone, packed, in blocks of triangle_stride() numbers. `stride` is a multiple of 8 and at least 16.
inline Index triangle_stride(Index width) { return (block_columns(width, width) + 7) / 8 * 8; }
void add_triangles(const double* rows, Index stride, Index count, const int* to, Index width, double* blocks);

// The first `count` columns of a tile as rows, `stride` numbers from one to the next.
void lay_rows(const double* tile, Index count, double* rows, Index stride, const Ahead& ahead = Ahead());

// Padded blocks to packed ones, `stride` numbers each, with zeros behind them.
void pack_blocks(const double* padded, Index count, Index basis, Index width, double* blocks, Index stride);

// c[8 j + r] += sum over units u of w[8 u + r] * b[u * b_stride + j], for `columns` columns.
void product(const double* w, Index units, const double* b, Index b_stride, Index columns, double* c);

// One elimination: the columns `s` (1 + width, the first of them the weight) of a group taken out of the packed block `c`.
void fold_group(const double* s, Index basis, Index width, double* c);

// Two-stage least squares of eight packed blocks: basis = exogenous + instruments, others = beliefs and outcome.
struct SolveShape {
  Index exogenous = 0, instruments = 0, beliefs = 0;
  const double* on_basis = nullptr;  // basis x (beliefs + 1), column-major: the others on the basis of all rows
  const double* root_inverse = nullptr;  // exogenous square, upper, column-major: orthonormal controls = controls times this
  Index basis() const { return exogenous + instruments; }
  Index width() const { return basis() + beliefs + 1; }
};
// out: 8 x (exogenous + beliefs) coefficients of the orthonormal controls and the beliefs; NaN where a draw moves no belief. c is overwritten;
// scratch holds solve_scratch(shape) numbers, the first 8 x basis of which become the pivots: 0 where a draw does not have the column.
Index solve_scratch(const SolveShape& shape);
void solve_draws(const SolveShape& shape, double* c, double* scratch, double* out);

// Exponential weights from uniform bits; n is a multiple of 8.
void exponentials(const std::uint32_t* bits, Index n, double* out);

// 8 floor(word * count / 2^32) in place of each word: where a unit's eight numbers begin. count is below 2^29; n is a multiple of 8.
void scale_words(std::uint32_t* words, Index n, std::uint32_t count);

// Counts as numbers; n is a multiple of 8.
void widen(const std::uint16_t* counts, Index n, double* out);

// Multiplications and additions in registers, for measuring what a core can do; returns how many.
double spin(Index rounds, double* sink);

}  // namespace miv

#endif

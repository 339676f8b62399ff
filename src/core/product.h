// Replicates as matrix products: sums over units of weight times columns, eight replicates abreast, in batches that fit a budget of memory.
// A replicate's digits depend on its number and on the data alone: not on batches, threads or how many replicates there are.
#ifndef MIV_CORE_PRODUCT_H
#define MIV_CORE_PRODUCT_H

#include <cstdint>
#include <functional>

#include "blocks.h"
#include "unit_weights.h"

namespace miv {

// c (stride x reps) += b (stride x units) times w (reps x units) transposed, all column by column.
using Multiply = void (*)(const double* b, Index stride, const double* w, Index reps, Index units, double* c);

struct ResampleRequest {
  Scheme scheme = Scheme::kPairs;
  Index draws = 0;
  std::uint64_t seed = 0;
  double memory = 5e8;          // bytes that weights and columns may take
  Multiply multiply = nullptr;  // another product than our own
};

// What is summed: `columns` numbers for each item, of which those from `squared` on are summed with the weight's square.
struct ItemColumns {
  Index items = 0, columns = 0, squared = 0, stride = 0;
  std::function<void(Index from, Index to, double* out)> fill;  // `stride` numbers for each of the items
  std::function<Index(Index item)> unit;    // null: item and unit are one
  std::function<Index(Index item)> group;   // null: no groups; else a block whose first row belongs to the group
  Index units = 0, basis = 0, width = 0;    // basis and width only with groups
};

// How it was done, for the user to read.
struct DrawReport {
  Index units = 0, columns = 0;
  bool stored = false, multiplied_elsewhere = false;
  double flops = 0;  // of the products
};

// take(first, c) gets the sums of replicates first .. first + 7, c[8 * column + r], on any thread; replicates past the last are to be ignored.
using TakeSums = std::function<void(Index first, double* c)>;
DrawReport sum_draws(const ItemColumns& items, const ResampleRequest& request, const TakeSums& take, const Workers& workers);

// Multiplications and additions a second that one thread can do.
double measure_rate();

}  // namespace miv

#endif

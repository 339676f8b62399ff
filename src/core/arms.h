// Counting people: by arm, by side of each informed arm's gap, by stratum.
#ifndef MIV_CORE_ARMS_H
#define MIV_CORE_ARMS_H

#include <vector>

#include "columns.h"

namespace miv {

struct ArmCounts {
  std::vector<Index> people;    // by arm, over all rows with an arm
  std::vector<Index> complete;  // by arm, over kept rows
  std::vector<Index> sides;     // arm + arms * (gap + gaps * (side + 1)), over kept rows
  std::vector<double> weight, mean, spread;  // of the value, in the same order: total weight, weighted mean, weighted sum of squares about it
};

// `design` carries sources, gaps, weights, rows and kept; its columns are not looked at. `value` is a source, -1 for none.
ArmCounts count_arms(const Design& design, int arm, const std::vector<double>& values, int value = -1);

// Weighted number of kept people by stratum and arm; strata are 0-based codes by row (null: one stratum).
MatrixXd arm_totals(const Design& design, int arm, const std::vector<double>& values, const int* strata, Index n_strata);

}  // namespace miv

#endif

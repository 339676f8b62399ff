// Drawing the arms again as they were drawn: fixed numbers of each arm within strata, or independently with known probabilities.
#ifndef MIV_CORE_ASSIGN_H
#define MIV_CORE_ASSIGN_H

#include <vector>

#include "types.h"

namespace miv {

constexpr Index kDraws = 16;  // assignments drawn side by side
using Mask = std::uint16_t;   // bit d: in the arm in assignment d

// Units (people, or clusters drawn as a whole) stand in the order of their strata.
struct Assignment {
  Index units = 0, arms = 0;             // arms besides the base
  std::vector<Index> first;              // by stratum its first unit, then the number of units
  std::vector<Index> counts;             // a + arms * stratum: units in arm a; empty where probabilities are known
  const double* probability = nullptr;   // units x arms: chance of arm a or an earlier one (cumulative)
  Index strata() const { return static_cast<Index>(first.size()) - 1; }
};

// Throws std::invalid_argument where strata do not cover the units or hold fewer than are to be put into arms.
void check_assignment(const Assignment& assignment);

// Assignments replicate .. replicate + kDraws - 1: a function of the seed, the replicate and the unit's place alone.
// out: arms x units, arm by arm.
void draw_assignments(const Assignment& assignment, std::uint64_t seed, std::uint64_t replicate, Mask* out);

}  // namespace miv

#endif

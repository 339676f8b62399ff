// Sums by cell of what carries the estimate. Method note, section 3.
#ifndef MIV_CORE_EFFECT_WEIGHTS_H
#define MIV_CORE_EFFECT_WEIGHTS_H

#include "tsls.h"

namespace miv {

// Weighted sums by cell. q is the fitted instrument index net of the controls; belief and outcome are in the frame's
// coordinates but not net of absorbed effects. Only for one belief.
struct CellSums {
  VectorXd weight;  // of people
  VectorXd q, belief, outcome, q_belief, q_outcome;
  double outcome_per_belief = 1;  // turns an effect in the frame's coordinates into the user's
};

// ids are one per row of the data; rows that are kept need an id in [0, cells).
CellSums cell_sums(const Design& design, const Factor& factor, const TslsFit& fit, const int* ids, Index cells, const Workers& workers);

}  // namespace miv

#endif

// What tests for weak instruments need: beliefs and the second stage's error, each regressed on instruments and controls, with the
// joint covariance of these regressions. Method note, section 5.
#ifndef MIV_CORE_WEAK_IV_H
#define MIV_CORE_WEAK_IV_H

#include <vector>

#include "covariance.h"

namespace miv {

// In the frame's coordinates and on the orthonormal instruments net of the controls. Targets are the beliefs, then the error: the outcome
// less beliefs times their coefficients, subtracted row by row so that a set of effects close to the estimate loses no digit.
struct ReducedForms {
  MatrixXd directions;          // l x (p + 1): targets on the instruments
  MatrixXd left;                // (p + 1) square: cross-products of what controls and instruments leave of the targets
  std::vector<MatrixXd> meats;  // by id set: (p + 1) l square, target by target: sums of q v, q the instruments and v what is left
};

// Leverage of HC2 and HC3 is that of instruments and controls; `heterogeneous` does not matter.
ReducedForms reduced_forms(const Design& design, const Factor& factor, const TslsFit& fit, const MeatRequest& request, const Workers& workers);

}  // namespace miv

#endif

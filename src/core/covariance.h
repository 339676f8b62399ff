// The second pass over the rows: meats of the sandwich in orthonormal coordinates, where nothing is ill-conditioned.
// Method note, section 5.
#ifndef MIV_CORE_COVARIANCE_H
#define MIV_CORE_COVARIANCE_H

#include <vector>

#include "tsls.h"

namespace miv {

enum class RowWeight { kNone, kHc2, kHc3 };  // 1, 1/(1-h), 1/(1-h)^2 on the squared residual

struct MeatRequest {
  RowWeight row_weight = RowWeight::kNone;
  bool heterogeneous = false;    // scores that stay valid when effects differ and there are more instruments than beliefs
  std::vector<Groups> clusters;  // one meat for each; empty: one meat over rows
};

struct Meats {
  std::vector<MatrixXd> second;              // k x k for each id set, of Xhat root^{-1}
  std::vector<std::vector<MatrixXd>> first;  // by id set, by belief: l x l, of the orthonormal instruments net of controls
  double rss = 0;                            // summed over rows
};

// Leverage of HC2 and HC3 is that of each stage's own regressors; an absorbed effect adds weight / total weight of the group.
Meats compute_meats(const Design& design, const Factor& factor, const TslsFit& fit, const MeatRequest& request, const Workers& workers);

// root^{-1} meat root^{-T} in the user's units.
MatrixXd sandwich(const TslsFit& fit, const ToUser& to_user, const MatrixXd& meat);

}  // namespace miv

#endif

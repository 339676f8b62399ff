// CR2 and CR3: clustered scores freed of what the fit takes out of each cluster's residuals, and the Satterthwaite degrees of
// freedom of CR2 (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018). Method note, section 5.
#ifndef MIV_CORE_CLUSTER_ADJUST_H
#define MIV_CORE_CLUSTER_ADJUST_H

#include <vector>

#include "tsls.h"

namespace miv {

enum class Adjustment { kNone, kCr2, kCr3 };

// Eigenvalues of I - H_gg below this count as 0, and so do their inverses: the cluster alone determines a coefficient.
constexpr double kLeverageTolerance = 1e-10;

struct AdjustRequest {
  Adjustment kind = Adjustment::kCr2;
  bool heterogeneous = false;  // as in MeatRequest
  Groups clusters;
};

// H_gg is that of each stage's own regressors; groups absorbed must lie within clusters.
struct AdjustedMeats {
  MatrixXd second;              // k x k, of Xhat root^{-1}
  std::vector<MatrixXd> first;  // by belief: l x l, of the orthonormal instruments net of controls
  VectorXd df;                  // k, of the user's coefficients under equal variances; empty for CR3
};
AdjustedMeats adjusted_meats(const Design& design, const Factor& factor, const TslsFit& fit, const ToUser& user, const AdjustRequest& request,
                             const Workers& workers);

}  // namespace miv

#endif

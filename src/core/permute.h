// Randomisation inference: the parts of the Anderson-Rubin statistic of the instruments under arms drawn again. Method note, section 5.
#ifndef MIV_CORE_PERMUTE_H
#define MIV_CORE_PERMUTE_H

#include <vector>

#include "assign.h"

namespace miv {

// Rows stand in the order of their units. Every column is times the root of the row's weight. Columns that move with the arm are
// start + the step of the row's arm: moving controls first, then instruments.
struct PermuteProblem {
  Index rows = 0, controls = 0, movers = 0, moving_controls = 0;
  const double* basis = nullptr;     // rows x controls, orthonormal, net of the absorbed effect
  const double* outcome = nullptr;   // net of the basis and the absorbed effect, as is the belief
  const double* belief = nullptr;
  const double* start = nullptr;     // rows x movers
  const double* step = nullptr;      // rows x arms x movers
  const double* root_weight = nullptr;
  const int* units = nullptr;        // unit of each row; null: every row is one
  const int* observed = nullptr;     // arm of each row as it was: 0 the base
  const int* groups = nullptr;       // absorbed effect
  const int* clusters = nullptr;     // scores are summed within; null: by row
  const int* share_strata = nullptr;  // where arms are centred at shares that change with the draw: stratum of each row
  Index n_groups = 0, n_clusters = 0, n_share_strata = 0;
  Assignment assignment;

  Index instruments() const { return movers - moving_controls; }
  Index parts() const { return instruments() * (2 + 3 * instruments()); }
};

// Throws std::invalid_argument where the problem contradicts itself.
void check_permutation(const PermuteProblem& problem);

struct PermuteRequest {
  Index draws = 0;
  std::uint64_t seed = 0;
};

// (1 + draws) x parts, the arms as they were first: Z'y (l), Z'x (l), S_yy, S_yx, S_xx (l x l, symmetric), with Z the instruments net of
// all controls and S_ab the sums over rows or clusters of (Z e_a)(Z e_b)', e the residuals on Z and controls. A draw in which the
// instruments do not vary apart from the controls is all 0.
MatrixXd permute(const PermuteProblem& problem, const PermuteRequest& request, const Workers& workers);

// Arm of each unit (0: base) in assignments first .. first + count - 1: units x count.
Eigen::MatrixXi drawn_arms(const Assignment& assignment, std::uint64_t seed, Index first, Index count);

// Multiply-adds of one draw: the bound in bench/README.
double permute_work(const PermuteProblem& problem);

}  // namespace miv

#endif

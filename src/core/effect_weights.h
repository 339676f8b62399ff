// Who carries the estimate: sums by cell, their influence functions, and draws of the negative weight. Method note, section 3.
#ifndef MIV_CORE_EFFECT_WEIGHTS_H
#define MIV_CORE_EFFECT_WEIGHTS_H

#include <cstdint>
#include <vector>

#include "tsls.h"

namespace miv {

// The people of a design sorted into cells. Only for one belief.
struct CellProblem {
  // `levels` has the design's rows and columns before effects were absorbed outside of the core; else it is the design itself.
  // ids are one per row of the design; rows that are kept need an id in [0, cells).
  CellProblem(const Design& design, const Design& levels, const Factor& factor, const TslsFit& fit, const int* ids, Index cells);

  const Design& design;
  const Frame& frame;
  const int* ids;
  Index cells;
  Design level_columns;  // belief and outcome, not net of anything
  Frame level_frame;
  Index inputs, exogenous, instruments;
  Index basis() const { return exogenous + instruments; }
  Index lag;                    // how far the triangular factor of the basis lies behind the tile's columns
  MatrixXd to_basis;            // inputs x basis: orthonormal controls, then instruments net of them
  VectorXd direction;           // l: the belief on the orthonormal instruments; q = instruments times this
  VectorXd to_residual;         // inputs: belief less its first stage
  MatrixXd instrument_root;     // l x l: orthonormal directions to the user's first-stage coefficients
};

// Weighted sums by cell. q is the fitted instrument index net of the controls. Basis columns only where asked for.
struct CellSums {
  VectorXd people, weight, q, belief, outcome, q_belief, q_outcome, q_square;
  MatrixXd basis, basis_belief, basis_outcome;  // cells x basis
};
CellSums cell_sums(const CellProblem& problem, bool wide, const Workers& workers);

// What a row moves: numerators of the weights (cells), their denominator, effects (cells), first stage (l).
struct Influence {
  VectorXd q_mean, belief_mean, outcome_mean, numerator, effect;  // by cell; numerator and effect 0 in a dead cell
  std::vector<bool> alive;
  double total = 0;        // sum of q times belief
  MatrixXd by_controls;    // exogenous x (2 cells): what estimating the controls' part of the instruments adds
  MatrixXd by_slopes;      // l x (2 cells): what estimating the first stage adds
  MatrixXd by_groups;      // n_groups x (2 cells); empty where nothing is absorbed
  const double* fitted = nullptr;  // rows of the design x (2 cells): the same for effects absorbed outside; null without
  bool saturated = false;  // the cells span what the controls do to them: by_controls is 0
};
// dead: cells that are to have weight 0 and no effect; others join them where nothing varies.
Influence cell_influence(const CellProblem& problem, const CellSums& sums, const std::vector<bool>& dead, const Workers& workers);

// Sums of squares of the influence functions: weights and the orthonormal first stage together, (cells + l) square; effects, in the
// frame's coordinates, alone (the cells' own). One over rows, or one per id set.
struct InfluenceMeat {
  MatrixXd weights;
  VectorXd effects;
};
std::vector<InfluenceMeat> influence_meats(const CellProblem& problem, const Influence& influence, const std::vector<Groups>& clusters, const Workers& workers);

struct DrawRequest {
  Index draws = 0;
  std::uint64_t seed = 0;
  Groups units;  // clusters, or null: people
};
// Total of the negative weights and its share, one row per draw: people (or clusters) drawn with Bayesian weights; means by cell, controls
// and first stage are estimated again to first order.
MatrixXd draw_negative(const CellProblem& problem, const Influence& influence, const DrawRequest& request, const Workers& workers);

// The same from normal cell weights with the given mean and covariance.
MatrixXd draw_negative_normal(const VectorXd& weight, const MatrixXd& covariance, const DrawRequest& request, const Workers& workers);

}  // namespace miv

#endif

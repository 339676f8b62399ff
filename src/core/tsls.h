// Two-stage least squares from one triangle. Method note, section 2.
#ifndef MIV_CORE_TSLS_H
#define MIV_CORE_TSLS_H

#include "least_squares.h"

namespace miv {

enum class Verdict { kOk, kNotFinite, kNoRows, kTooFewRows, kTooFewInstruments, kBeliefSpanned, kNotIdentified, kConstantOutcome };

// In the frame's coordinates. Second-stage columns in the order: kept constant and controls, beliefs.
struct TslsFit {
  Verdict verdict = Verdict::kOk;
  Index culprit = -1;            // the belief a verdict is about
  std::vector<Index> exogenous;  // kept columns of the triangle: constant and controls
  std::vector<Index> instruments;
  std::vector<Index> beliefs;
  VectorXd coefficients;         // k
  MatrixXd root;                 // k x k, upper: root' root = Xhat' Xhat
  MatrixXd rotation;             // l x p: instruments' orthonormal directions to beliefs'
  MatrixXd first_direction;      // l x p: beliefs on the orthonormal instruments net of controls
  VectorXd first_rss;            // p
  double rss = 0, tss = 0;
};

TslsFit solve_tsls(const Design& design, const Factor& factor);

// Where coefficients go from the frame to the user's units: user = map * frame + offset.
struct ToUser {
  MatrixXd map;     // k x k
  VectorXd offset;  // k
};
ToUser to_user(const Design& design, const Factor& factor, const TslsFit& fit);

// First-stage coefficients in the user's units: (exogenous + instruments) x p.
MatrixXd first_stage_coefficients(const Design& design, const Factor& factor, const TslsFit& fit);

// Each kept instrument on the kept controls, in the user's units: exogenous x l. The constant's row is not shifted back.
MatrixXd instruments_on_controls(const Design& design, const Factor& factor, const TslsFit& fit);

}  // namespace miv

#endif

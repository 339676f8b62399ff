// From the rows to one triangle R with R'R = the cross-products, dropping columns that their predecessors span.
#ifndef MIV_CORE_LEAST_SQUARES_H
#define MIV_CORE_LEAST_SQUARES_H

#include <vector>

#include "moments.h"

namespace miv {

enum class Path { kCrossProducts, kHouseholder };

// Row j belongs to column j and is 0 where the column was dropped.
struct Triangle {
  MatrixXd r;               // total x total, upper
  std::vector<bool> kept;   // by column
  double smallest_pivot = 1;  // squared, of a centred, unit-norm column after its predecessors; over kept controls and instruments
};

// Columns [from, to) of a problem may be dropped; `reference` is each column's squared norm before any effect was
// absorbed (about the mean where there is a constant), against which "nothing left" is judged.
struct DropRule {
  Index constant = 1;
  Index droppable = 0;  // the first `droppable` columns (constant included) may be dropped
  VectorXd reference;   // by column, constant included; empty: the column's own centred norm
  VectorXd noise;       // by column: norm that rounding of the data alone explains; empty: 0
  double tolerance = kRankTolerance;
};

// Cholesky in the user's order.
Triangle cholesky_in_order(const MatrixXd& cross, const DropRule& rule);

// Householder in the user's order on any matrix A with A'A = the cross-products.
Triangle householder_in_order(MatrixXd a, const DropRule& rule);

// Householder over the row tiles: a square root of the cross-products that never squares the data.
MatrixXd root_of_rows(const Design& design, const Frame& frame, const Workers& workers);

// What the rows amount to: frame, count, triangle, and which path made it.
struct Factor {
  Frame frame;
  Index n = 0;
  Triangle triangle;
  Path path = Path::kCrossProducts;
  VectorXd reference;  // squared norms before effects were absorbed, in the frame's coordinates; empty where none were
  bool finite = true;  // false: a value was missing, infinite or overflowed; nothing else is set
};

// `reference` as in DropRule for columns whose effects were absorbed outside (else empty); wide asks for full_frame. make() is compute_moments()
// or something that takes more along from the same pass; it is called again where the frame had to move.
using MakeMoments = std::function<Moments(const Design&, const Frame&, const Workers&)>;
Factor factorise(const Design& design, const VectorXd& reference, bool wide, const Workers& workers, const MakeMoments& make = compute_moments);

}  // namespace miv

#endif

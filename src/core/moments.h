// One pass over the row tiles: counts and cross-products in the frame's coordinates, whole or by group.
#ifndef MIV_CORE_MOMENTS_H
#define MIV_CORE_MOMENTS_H

#include <vector>

#include "columns.h"

namespace miv {

// Columns: the constant (where there is one), controls, instruments, beliefs, outcome; each times the root of its weight.
struct Moments {
  Index n = 0;     // rows
  MatrixXd cross;  // total x total, symmetric
  bool finite() const { return cross.allFinite(); }
};

Moments compute_moments(const Design& design, const Frame& frame, const Workers& workers);

// Means of the absorbed groups put into the frame; returns each column's weighted sum of squares before that,
// about its own mean, for telling what the groups absorb.
VectorXd absorb_groups(const Design& design, Frame& frame, const Workers& workers);

// Moves the shifts to the means where they are so far off that digits were lost. True where anything moved.
bool recentre(const Design& design, const Moments& moments, Frame& frame);

// Moves every shift to its mean and every scale to about 1 / norm, for the rows' own factorisation.
void standardise(const Design& design, const Moments& moments, Frame& frame);

// Column sums by group: fill(tile, out) writes q columns of kTileRows values for a tile; they are added up by ids, which
// are one per row of the data. make_fill() is called once per chunk, so that a fill may own scratch space.
// Returns one G x q matrix per id set. Sums run in row order.
struct Groups {
  const int* ids = nullptr;
  Index count = 0;
};
using FillTile = std::function<void(const Tile&, double*)>;
using MakeFill = std::function<FillTile()>;
std::vector<MatrixXd> sum_by_group(const Design& design, const Frame& frame, const std::vector<Groups>& groups, Index q,
                                   const MakeFill& make_fill, const Workers& workers);

}  // namespace miv

#endif

// Cross-products of orthonormalised columns by cluster: all that TSLS, its clustered covariance and its resampling need of the rows.
// Method note, section 5.
#ifndef MIV_CORE_BLOCKS_H
#define MIV_CORE_BLOCKS_H

#include <vector>

#include "draw_kernels.h"
#include "tsls.h"

namespace miv {

// A row of the data in orthonormal coordinates: q (controls, then instruments net of them), then each belief and the outcome less its
// projection on q; all times the root of the row's weight.
struct Orthonormal {
  Index exogenous = 0, instruments = 0, beliefs = 0;
  MatrixXd to_row;    // padded columns of a tile x width
  MatrixXd on_basis;  // basis x (beliefs + 1): beliefs and outcome = q times this + what is left
  MatrixXd left;      // (beliefs + 1) square: cross-products of what is left
  Index basis() const { return exogenous + instruments; }
  Index width() const { return basis() + beliefs + 1; }
};
Orthonormal orthonormal_rows(const Design& design, const Factor& factor, const TslsFit& fit);

// One packed block per unit: q_j times (q_j .. q_last, others), j in the basis; see block_at() in draw_kernels.h.
struct Blocks {
  Index units = 0, basis = 0, width = 0, stride = 0;
  Buffer values;
  const double* block(Index unit) const { return values.data() + unit * stride; }
  double at(Index unit, Index j, Index c) const { return block(unit)[block_at(j, c, width)]; }  // j <= c, j < basis
};
// Whether blocks of so many units are to be kept; more are made strip by strip.
bool keeps_blocks(Index units, Index basis, Index width);

// Cross-products of the frame's own columns by cluster. Their sum is the moments, so that one pass serves both.
struct FrameBlocks {
  Groups clusters;
  Index width = 0;  // columns: all of the design's
  Buffer values;    // packed upper triangles
};
FrameBlocks frame_blocks_for(const Design& design, const Groups& clusters);
Moments moments_and_blocks(const Design& design, const Frame& frame, const Workers& workers, FrameBlocks& blocks);
// The same in orthonormal coordinates. Loses what cross-products lose: only where the factor's path is theirs.
Blocks turn_blocks(const FrameBlocks& blocks, const Orthonormal& rows, const Workers& workers);

// By cluster, in one pass over the rows. Sums run in row order within fixed chunks: digits do not depend on threads.
Blocks cluster_blocks(const Design& design, const Factor& factor, const Orthonormal& rows, const Groups& clusters, const Workers& workers);

// The same made a strip at a time, for units too many to keep: units are rows (no clusters), clusters, or the parts of clusters in
// the absorbed groups. With groups, items stand in their order and every block begins with the row of the root weight.
class BlockStream {
 public:
  BlockStream(const Design& design, const Factor& factor, const Orthonormal& rows, const Groups& clusters, bool by_group);
  Index items() const { return static_cast<Index>(first_.size()) - 1; }
  Index units() const { return units_; }
  Index unit(Index item) const { return unit_.empty() ? item : unit_[static_cast<std::size_t>(item)]; }
  Index group(Index item) const { return group_.empty() ? 0 : group_[static_cast<std::size_t>(item)]; }
  bool by_group() const { return by_group_; }
  bool own_units() const { return unit_.empty(); }
  Index basis() const { return rows_.basis() + (by_group_ ? 1 : 0); }
  Index width() const { return rows_.width() + (by_group_ ? 1 : 0); }
  Index stride() const;
  // Blocks of items from .. to - 1, `stride()` numbers each.
  void fill(Index from, Index to, double* out) const;

 private:
  const Design& design_;
  const Factor& factor_;
  const Orthonormal& rows_;
  bool by_group_;
  Index units_ = 0;
  std::vector<Index> order_;  // kept rows, item by item
  std::vector<Index> first_;  // items + 1
  std::vector<int> unit_, group_;
};

}  // namespace miv

#endif

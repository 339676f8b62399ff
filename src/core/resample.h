// Resampling a fit: pairs and Bayesian draws of its coefficients, and the wild restricted efficient bootstrap of its t statistic
// (Davidson & MacKinnon 2010). Method note, section 5.
#ifndef MIV_CORE_RESAMPLE_H
#define MIV_CORE_RESAMPLE_H

#include "product.h"

namespace miv {

struct Drawn {
  MatrixXd values;  // draws x columns
  DrawReport report;
};

// Coefficients in the user's units, one row per draw, in the order of TslsFit. clusters without ids: rows are drawn. by_group: the
// absorbed effect is estimated again in every draw (needed where a group has members of several units). taken: blocks of these clusters, where the
// pass that made the factor took them along; else the rows are read again.
Drawn draw_coefficients(const Design& design, const Factor& factor, const TslsFit& fit, const ToUser& user, const Groups& clusters,
                        bool by_group, const ResampleRequest& request, const Workers& workers, const FrameBlocks& taken = FrameBlocks());

// Of each column of two or more finite draws: the order statistics number low and high (0-based, low <= high), and how many draws are at most and at least
// the null. Column by column: low, high, at most, at least, standard deviation.
MatrixXd summarise_draws(const double* draws, Index rows, Index low, Index high, const VectorXd& nulls, const Workers& workers);

// Cross-products that give the wild t statistic at any null value: e = instruments + 2 columns (instruments, belief, outcome, the last
// two net of the instruments), all net of the controls.
class WildColumns {
 public:
  WildColumns(const Orthonormal& rows);
  Index columns() const { return squared() + l_ * l_ * e_ * e_; }
  Index squared() const { return ((w_ + l_) * e_ + l_ * l_ * e_ * (l_ + w_) + 7) / 8 * 8; }  // the numbers before it end earlier
  // From a packed block (layout of BlockStream and Blocks).
  void fill(const double* block, double* out) const;
  // Sums over units of products of (q instrument) and (q instrument) times basis: what no sign touches.
  Index fixed() const { return l_ * l_ * (l_ + w_) * (l_ + w_); }
  void fill_fixed(const double* block, double* out) const;

  Index first(Index j, Index a) const { return j * e_ + a; }                                        // q_j times e_a; controls, then instruments
  Index cross(Index z, Index y, Index a, Index f) const { return (w_ + l_) * e_ + ((z * l_ + y) * e_ + a) * (l_ + w_) + f; }
  Index square(Index z, Index y, Index a, Index b) const { return squared() + ((z * l_ + y) * e_ + a) * e_ + b; }
  Index plain(Index z, Index y, Index f, Index g) const { return ((z * l_ + y) * (l_ + w_) + f) * (l_ + w_) + g; }
  Index controls() const { return w_; }
  Index instruments() const { return l_; }
  Index extended() const { return e_; }

 private:
  double entry(const double* block, Index i, Index j) const;
  Index w_, l_, e_, m_, width_;
};

// One belief. nulls in the frame's units. values: draws x nulls of t*; observed: t at each null. Neither has a small-sample factor.
struct WildDrawn {
  MatrixXd values;
  VectorXd observed;
  DrawReport report;
};
WildDrawn draw_wild(const Design& design, const Factor& factor, const TslsFit& fit, const Groups& clusters, const VectorXd& nulls,
                    const ResampleRequest& request, const Workers& workers, const FrameBlocks& taken = FrameBlocks());

}  // namespace miv

#endif

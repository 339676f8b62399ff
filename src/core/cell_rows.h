// What both halves of effect_weights.h read off a tile.
#ifndef MIV_CORE_CELL_ROWS_H
#define MIV_CORE_CELL_ROWS_H

#include <algorithm>
#include <vector>

#include "effect_weights.h"
#include "kernels.h"

namespace miv {

// The numbers of one tile's rows, each times the root of the weight: basis, q, belief less its first stage, belief, outcome.
class CellRows {
 public:
  explicit CellRows(const CellProblem& problem)
      : problem_(problem), reader_(problem.level_columns, problem.level_frame), basis_(static_cast<std::size_t>(kTileRows * std::max<Index>(1, problem.basis()))), q_(kTileRows), residual_(kTileRows) {}

  void read(const Tile& tile) {
    combine(tile.values.data(), problem_.inputs, problem_.to_basis.data(), problem_.basis(), problem_.lag, basis_.data());
    combine(basis(problem_.exogenous), problem_.instruments, problem_.direction.data(), 1, problem_.instruments, q_.data());
    combine(tile.values.data(), problem_.inputs, problem_.to_residual.data(), 1, problem_.inputs, residual_.data());
    rows_.resize(static_cast<std::size_t>(tile.used));
    for (Index i = 0; i < tile.used; ++i) rows_[static_cast<std::size_t>(i)] = tile.row(i);
    levels_ = &reader_.gather(rows_);
  }

  const double* basis(Index j) const { return basis_.data() + j * kTileRows; }
  double q(Index i) const { return q_[static_cast<std::size_t>(i)]; }
  double residual(Index i) const { return residual_[static_cast<std::size_t>(i)]; }
  double root(Index i) const { return levels_->root_weight[static_cast<std::size_t>(i)]; }
  double belief(Index i) const { return levels_->values[static_cast<std::size_t>(i)]; }
  double outcome(Index i) const { return levels_->values[static_cast<std::size_t>(kTileRows + i)]; }

 private:
  const CellProblem& problem_;
  TileReader reader_;
  const Tile* levels_ = nullptr;
  std::vector<Index> rows_;
  Buffer basis_, q_, residual_;
};

}  // namespace miv

#endif

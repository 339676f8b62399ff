#include "effect_weights.h"

#include <memory>

#include "kernels.h"
#include "require.h"

namespace miv {

namespace {

// The fitted instrument index net of the controls, as a factor on the tile's columns.
VectorXd index_loading(const Design& design, const Factor& factor, const TslsFit& fit) {
  std::vector<Index> basis = fit.exogenous;
  basis.insert(basis.end(), fit.instruments.begin(), fit.instruments.end());
  const Index a = static_cast<Index>(basis.size()), w = static_cast<Index>(fit.exogenous.size());
  MatrixXd raa(a, a);
  for (Index j = 0; j < a; ++j)
    for (Index i = 0; i < a; ++i) raa(i, j) = factor.triangle.r(basis[static_cast<std::size_t>(i)], basis[static_cast<std::size_t>(j)]);
  VectorXd direction = VectorXd::Zero(a);
  direction.tail(a - w) = fit.first_direction.col(0);
  const VectorXd solved = raa.triangularView<Eigen::Upper>().solve(direction);
  VectorXd out = VectorXd::Zero(padded(design.total()));
  for (Index i = 0; i < a; ++i) out[basis[static_cast<std::size_t>(i)]] = solved[i];
  return out;
}

}  // namespace

CellSums cell_sums(const Design& design, const Factor& factor, const TslsFit& fit, const int* ids, Index cells, const Workers& workers) {
  require(fit.beliefs.size() == 1, "effect weights are for one belief");
  const VectorXd loading = index_loading(design, factor, fit);
  Design raw = design;  // the same people, belief and outcome with the level that an absorbed effect takes away
  raw.groups = nullptr;
  raw.intercept = design.intercept || design.groups;
  Frame raw_frame = factor.frame;
  raw_frame.group_means.resize(0, 0);
  const Index belief = design.width() - 2 + raw.constant(), outcome = design.width() - 1 + raw.constant();
  const MakeFill make_fill = [&]() -> FillTile {
    const auto raw_reader = std::make_shared<TileReader>(raw, raw_frame);
    const auto q = std::make_shared<std::vector<double>>(kTileRows);
    return [&, raw_reader, q](const Tile& tile, double* out) {
      combine(tile.values.data(), loading.size(), loading.data(), 1, loading.size(), q->data());
      const std::vector<Index> rows(tile.rows.begin(), tile.rows.begin() + tile.used);
      const Tile& whole = raw_reader->gather(rows);
      for (Index i = 0; i < tile.used; ++i) {
        const double root = whole.root_weight[static_cast<std::size_t>(i)], index = (*q)[static_cast<std::size_t>(i)];
        const double x = whole.values[static_cast<std::size_t>(belief * kTileRows + i)], y = whole.values[static_cast<std::size_t>(outcome * kTileRows + i)];
        const double row[6] = {root * root, root * index, root * x, root * y, index * x, index * y};
        for (Index j = 0; j < 6; ++j) out[j * kTileRows + i] = row[j];
      }
    };
  };
  const MatrixXd sums = sum_by_group(design, factor.frame, {{ids, cells}}, 6, make_fill, workers)[0];
  const Frame& frame = factor.frame;
  return {sums.col(0), sums.col(1), sums.col(2), sums.col(3), sums.col(4), sums.col(5),
          frame.scale[design.width() - 2] / frame.scale[design.width() - 1]};
}

}  // namespace miv

#include "weak_iv.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "blocks.h"
#include "kernels.h"
#include "parallel.h"

namespace miv {

namespace {

// Columns with the outcome's turned into the error's.
Orthonormal with_error(Orthonormal rows, const TslsFit& fit) {
  const Index m = rows.basis(), p = rows.beliefs;
  for (Index j = 0; j < p; ++j) {
    const double beta = fit.coefficients[rows.exogenous + j];
    rows.to_row.col(m + p) -= beta * rows.to_row.col(m + j);
    rows.on_basis.col(p) -= beta * rows.on_basis.col(j);
    rows.left.row(p) -= beta * rows.left.row(j);
    rows.left.col(p) -= beta * rows.left.col(j);
  }
  if (rows.instruments == p) rows.on_basis.col(p).tail(p).setZero();
  return rows;
}

VectorXd weight_by_group(const Design& design, const Factor& factor, const Workers& workers) {
  const FillTile fill = [](const Tile& tile, double* out) { multiply(tile.root_weight.data(), 1, tile.root_weight.data(), out); };
  return sum_by_group(design, factor.frame, {{design.groups, design.n_groups}}, 1, [&]() { return fill; }, workers)[0].col(0);
}

class TargetScorer {
 public:
  TargetScorer(const Design& design, const Orthonormal& rows, RowWeight weight, const VectorXd& group_weight)
      : design_(design), rows_(rows), weight_(weight), group_weight_(group_weight), columns_(size(rows.width())), transform_(size(1), 0.0) {}

  static Index width(const Orthonormal& rows) { return (rows.beliefs + 1) * rows.instruments; }

  // l columns for each target.
  void score(const Tile& tile, double* out) {
    combine(tile.values.data(), rows_.to_row.rows(), rows_.to_row.data(), rows_.width(), rows_.to_row.rows(), columns_.data());
    if (weight_ != RowWeight::kNone) weigh(tile);
    for (Index o = 0; o <= rows_.beliefs; ++o)
      multiply(column(rows_.exogenous), rows_.instruments, column(rows_.basis() + o), out + o * rows_.instruments * kTileRows);
  }

 private:
  static std::size_t size(Index columns) { return static_cast<std::size_t>(kTileRows * columns); }
  double* column(Index j) { return columns_.data() + j * kTileRows; }

  double transform(double leverage) const {
    const double left = 1 - leverage;
    if (!(left > 1e-14)) return 0;  // the row is fitted exactly: its residuals are 0
    return weight_ == RowWeight::kHc3 ? 1 / left : 1 / std::sqrt(left);
  }

  double absorbed_leverage(const Tile& tile, Index i) const {
    if (!design_.groups) return 0;
    const double root = tile.root_weight[static_cast<std::size_t>(i)];
    return root * root / group_weight_[design_.groups[tile.row(i)]];
  }

  void weigh(const Tile& tile) {
    for (Index i = 0; i < tile.used; ++i) {
      double leverage = absorbed_leverage(tile, i);
      for (Index j = 0; j < rows_.basis(); ++j) leverage += column(j)[i] * column(j)[i];
      transform_[static_cast<std::size_t>(i)] = transform(leverage);
    }
    multiply(column(rows_.basis()), rows_.beliefs + 1, transform_.data(), column(rows_.basis()));
  }

  const Design& design_;
  const Orthonormal& rows_;
  RowWeight weight_;
  const VectorXd& group_weight_;
  Buffer columns_, transform_;
};

MatrixXd meat_over_rows(const Design& design, const Factor& factor, const Orthonormal& rows, RowWeight weight, const VectorXd& group_weight,
                        const Workers& workers) {
  const Index width = TargetScorer::width(rows), even = padded(width);
  MatrixXd sum = MatrixXd::Zero(even, even);
  for_chunks<MatrixXd>(design.rows, kChunkRows, sum.size(), workers,
    [&](Rows range) {
      TileReader reader(design, factor.frame);
      TargetScorer scorer(design, rows, weight, group_weight);
      Buffer scores(static_cast<std::size_t>(kTileRows * even), 0.0);
      MatrixXd part = MatrixXd::Zero(even, even);
      for (Index row = range.first; row < range.last; row += kTileRows) {
        const Tile& tile = reader.read(row, std::min(range.last, row + kTileRows));
        if (tile.used == 0) continue;
        scorer.score(tile, scores.data());
        add_gram(scores.data(), even, part.data());
      }
      return part;
    },
    [&](const MatrixXd& part) { sum += part; });
  const MatrixXd upper = sum.topLeftCorner(width, width);
  return upper.selfadjointView<Eigen::Upper>();
}

std::vector<MatrixXd> meats_over_clusters(const Design& design, const Factor& factor, const Orthonormal& rows, const MeatRequest& request,
                                          const VectorXd& group_weight, const Workers& workers) {
  const MakeFill make_fill = [&]() -> FillTile {
    const auto scorer = std::make_shared<TargetScorer>(design, rows, request.row_weight, group_weight);
    return [scorer](const Tile& tile, double* out) { scorer->score(tile, out); };
  };
  std::vector<MatrixXd> out;
  for (const MatrixXd& sums : sum_by_group(design, factor.frame, request.clusters, TargetScorer::width(rows), make_fill, workers))
    out.push_back(sums.transpose() * sums);
  return out;
}

}  // namespace

ReducedForms reduced_forms(const Design& design, const Factor& factor, const TslsFit& fit, const MeatRequest& request, const Workers& workers) {
  const Orthonormal rows = with_error(orthonormal_rows(design, factor, fit), fit);
  ReducedForms out;
  out.directions = rows.on_basis.bottomRows(rows.instruments);
  out.left = rows.left;
  VectorXd group_weight;
  if (design.groups && request.row_weight != RowWeight::kNone) group_weight = weight_by_group(design, factor, workers);
  if (request.clusters.empty()) {
    out.meats.push_back(meat_over_rows(design, factor, rows, request.row_weight, group_weight, workers));
  } else {
    out.meats = meats_over_clusters(design, factor, rows, request, group_weight, workers);
  }
  return out;
}

}  // namespace miv

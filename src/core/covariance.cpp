#include "covariance.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels.h"
#include "parallel.h"

namespace miv {

namespace {

// Everything a row needs, as factors on the tile's columns.
struct Loadings {
  Index inputs = 0;        // columns of the tile
  Index basis = 0;         // a = kept exogenous + instruments
  Index exogenous = 0, instruments = 0, beliefs = 0, coefficients = 0;
  Index lag = 0;
  MatrixXd to_basis;       // inputs x a: orthonormal columns of the first stage
  MatrixXd to_residual;    // inputs x 1: y - X beta - W gamma
  MatrixXd first_fit;      // a x p: beliefs on the basis
  MatrixXd rotation;       // l x p
  VectorXd projected;      // a: residual on the basis (0 when just identified)
  MatrixXd net_root_inverse;  // p x p: T^{-T}
  std::vector<Index> belief_columns;
};

Loadings loadings_of(const Design& design, const Factor& factor, const TslsFit& fit) {
  Loadings out;
  const MatrixXd& r = factor.triangle.r;
  std::vector<Index> basis = fit.exogenous;
  basis.insert(basis.end(), fit.instruments.begin(), fit.instruments.end());
  out.inputs = padded(design.total());
  out.exogenous = static_cast<Index>(fit.exogenous.size());
  out.instruments = static_cast<Index>(fit.instruments.size());
  out.beliefs = static_cast<Index>(fit.beliefs.size());
  out.basis = out.exogenous + out.instruments;
  out.coefficients = out.exogenous + out.beliefs;
  MatrixXd raa(out.basis, out.basis);
  for (Index j = 0; j < out.basis; ++j)
    for (Index i = 0; i < out.basis; ++i) raa(i, j) = r(basis[static_cast<std::size_t>(i)], basis[static_cast<std::size_t>(j)]);
  const MatrixXd inverse = raa.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(out.basis, out.basis));
  out.to_basis = MatrixXd::Zero(out.inputs, out.basis);
  for (Index i = 0; i < out.basis; ++i) out.to_basis.row(basis[static_cast<std::size_t>(i)]) = inverse.row(i);
  out.lag = out.basis > 0 ? basis.back() - (out.basis - 1) : 0;
  const Index y = design.total() - 1;
  out.to_residual = MatrixXd::Zero(out.inputs, 1);
  out.to_residual(y, 0) = 1;
  for (Index i = 0; i < out.exogenous; ++i) out.to_residual(fit.exogenous[static_cast<std::size_t>(i)], 0) = -fit.coefficients[i];
  out.first_fit.resize(out.basis, out.beliefs);
  VectorXd residual = r.col(y);
  for (Index j = 0; j < out.beliefs; ++j) {
    const Index column = fit.beliefs[static_cast<std::size_t>(j)];
    const double beta = fit.coefficients[out.exogenous + j];
    out.to_residual(column, 0) = -beta;
    residual -= r.col(column) * beta;
    for (Index i = 0; i < out.basis; ++i) out.first_fit(i, j) = r(basis[static_cast<std::size_t>(i)], column);
  }
  out.projected = VectorXd::Zero(out.basis);
  for (Index i = out.exogenous; i < out.basis; ++i) out.projected[i] = residual[basis[static_cast<std::size_t>(i)]];
  out.rotation = fit.rotation;
  const MatrixXd t = fit.root.bottomRightCorner(out.beliefs, out.beliefs);
  out.net_root_inverse = t.transpose().triangularView<Eigen::Lower>().solve(MatrixXd::Identity(out.beliefs, out.beliefs));
  out.belief_columns = fit.beliefs;
  return out;
}

// Scores of one tile: k columns of the second stage, then l columns for each belief's first stage.
class Scorer {
 public:
  Scorer(const Design& design, const Loadings& loadings, const MeatRequest& request, const VectorXd& group_weight)
      : design_(design), load_(loadings), request_(request), group_weight_(group_weight),
        basis_(static_cast<std::size_t>(kTileRows * std::max<Index>(1, loadings.basis))), residual_(kTileRows), belief_(kTileRows * std::max<Index>(1, loadings.beliefs)),
        projected_(kTileRows), second_(kTileRows), first_(kTileRows) {}

  static Index width(const Loadings& load) { return load.coefficients + load.beliefs * load.instruments; }

  double score(const Tile& tile, double* out) {
    combine(tile.values.data(), load_.inputs, load_.to_basis.data(), load_.basis, load_.lag, basis_.data());
    combine(tile.values.data(), load_.inputs, load_.to_residual.data(), 1, load_.inputs, residual_.data());
    for (Index j = 0; j < load_.beliefs; ++j) first_residual(tile, j);
    double rss = 0;
    for (Index i = 0; i < kTileRows; ++i) rss += residual_[i] * residual_[i];
    orthonormal_regressors(out);
    row_weights(tile, out);
    for (Index j = 0; j < load_.coefficients; ++j) scale(out + j * kTileRows, residual_.data(), second_.data());
    if (request_.heterogeneous && load_.instruments > load_.beliefs) add_heterogeneous(out);
    first_scores(out + load_.coefficients * kTileRows);
    return rss;
  }

 private:
  const double* basis(Index j) const { return basis_.data() + j * kTileRows; }

  void first_residual(const Tile& tile, Index j) {
    double* out = belief_.data() + j * kTileRows;
    std::copy_n(tile.values.data() + load_.belief_columns[static_cast<std::size_t>(j)] * kTileRows, kTileRows, out);
    for (Index a = 0; a < load_.basis; ++a) {
      const double f = load_.first_fit(a, j);
      const double* u = basis(a);
      for (Index i = 0; i < kTileRows; ++i) out[i] -= f * u[i];
    }
  }

  // Xhat root^{-1}: the exogenous part of the basis, then the instruments rotated towards the beliefs.
  void orthonormal_regressors(double* out) {
    std::copy_n(basis_.data(), load_.exogenous * kTileRows, out);
    if (load_.beliefs > 0)
      combine(basis(load_.exogenous), load_.instruments, load_.rotation.data(), load_.beliefs, load_.instruments, out + load_.exogenous * kTileRows);
  }

  double transform(double leverage) const {
    const double left = 1 - leverage;
    if (request_.row_weight == RowWeight::kNone) return 1;
    if (!(left > 1e-14)) return 0;  // the row is fitted exactly: its residual is 0
    return request_.row_weight == RowWeight::kHc3 ? 1 / left : 1 / std::sqrt(left);
  }

  void row_weights(const Tile& tile, const double* regressors) {
    if (request_.row_weight == RowWeight::kNone) {
      std::fill(second_.begin(), second_.end(), 1.0);
      std::fill(first_.begin(), first_.end(), 1.0);
      return;
    }
    for (Index i = 0; i < tile.used; ++i) {
      double second = 0, first = 0;
      if (design_.groups) {
        const double root = tile.root_weight[static_cast<std::size_t>(i)];
        second = first = root * root / group_weight_[design_.groups[tile.rows[static_cast<std::size_t>(i)]]];
      }
      for (Index j = 0; j < load_.coefficients; ++j) second += regressors[j * kTileRows + i] * regressors[j * kTileRows + i];
      for (Index j = 0; j < load_.basis; ++j) first += basis(j)[i] * basis(j)[i];
      second_[static_cast<std::size_t>(i)] = transform(second);
      first_[static_cast<std::size_t>(i)] = transform(first);
    }
  }

  static void scale(double* column, const double* residual, const double* weight) {
    for (Index i = 0; i < kTileRows; ++i) column[i] *= residual[i] * weight[i];
  }

  // (x - xhat)(P_Z e), carried into the coordinates of the regressors.
  void add_heterogeneous(double* out) {
    combine(basis_.data(), load_.basis, load_.projected.data(), 1, load_.basis, projected_.data());
    for (Index j = 0; j < load_.beliefs; ++j) {
      double* column = out + (load_.exogenous + j) * kTileRows;
      for (Index m = 0; m <= j; ++m) {
        const double f = load_.net_root_inverse(j, m);
        const double* v = belief_.data() + m * kTileRows;
        for (Index i = 0; i < kTileRows; ++i) column[i] += f * v[i] * projected_[static_cast<std::size_t>(i)] * second_[static_cast<std::size_t>(i)];
      }
    }
  }

  void first_scores(double* out) {
    for (Index j = 0; j < load_.beliefs; ++j)
      for (Index a = 0; a < load_.instruments; ++a) {
        double* column = out + (j * load_.instruments + a) * kTileRows;
        const double* u = basis(load_.exogenous + a);
        const double* v = belief_.data() + j * kTileRows;
        for (Index i = 0; i < kTileRows; ++i) column[i] = u[i] * v[i] * first_[static_cast<std::size_t>(i)];
      }
  }

  const Design& design_;
  const Loadings& load_;
  const MeatRequest& request_;
  const VectorXd& group_weight_;
  std::vector<double> basis_, residual_, belief_, projected_, second_, first_;
};

// The blocks of a full gram that are asked for.
void take_blocks(const MatrixXd& gram, const Loadings& load, Meats& out) {
  out.second.push_back(gram.topLeftCorner(load.coefficients, load.coefficients));
  std::vector<MatrixXd> first;
  for (Index j = 0; j < load.beliefs; ++j) {
    const Index from = load.coefficients + j * load.instruments;
    first.push_back(gram.block(from, from, load.instruments, load.instruments));
  }
  out.first.push_back(first);
}

struct RowSums {
  MatrixXd gram;
  double rss = 0;
};

Meats meats_over_rows(const Design& design, const Factor& factor, const Loadings& load, const MeatRequest& request,
                      const VectorXd& group_weight, const Workers& workers) {
  const Index width = padded(Scorer::width(load));
  RowSums sum{MatrixXd::Zero(width, width), 0};
  for_chunks<RowSums>(design.rows, kChunkRows, workers,
    [&](Rows rows) {
      TileReader reader(design, factor.frame);
      Scorer scorer(design, load, request, group_weight);
      std::vector<double> scores(static_cast<std::size_t>(kTileRows * width), 0.0);
      RowSums part{MatrixXd::Zero(width, width), 0};
      for (Index row = rows.first; row < rows.last; row += kTileRows) {
        const Tile& tile = reader.read(row, std::min(rows.last, row + kTileRows));
        if (tile.used == 0) continue;
        part.rss += scorer.score(tile, scores.data());
        add_gram(scores.data(), width, part.gram.data());
      }
      return part;
    },
    [&](const RowSums& part) {
      sum.gram += part.gram;
      sum.rss += part.rss;
    });
  Meats out;
  const MatrixXd full = sum.gram.selfadjointView<Eigen::Upper>();
  take_blocks(full, load, out);
  out.rss = sum.rss;
  return out;
}

Meats meats_over_clusters(const Design& design, const Factor& factor, const Loadings& load, const MeatRequest& request,
                          const VectorXd& group_weight, const Workers& workers) {
  const MakeFill make_fill = [&]() -> FillTile {
    const auto scorer = std::make_shared<Scorer>(design, load, request, group_weight);
    return [scorer](const Tile& tile, double* out) { scorer->score(tile, out); };
  };
  const std::vector<MatrixXd> sums = sum_by_group(design, factor.frame, request.clusters, Scorer::width(load), make_fill, workers);
  Meats out;
  for (const MatrixXd& scores : sums) take_blocks(scores.transpose() * scores, load, out);
  return out;
}

}  // namespace

Meats compute_meats(const Design& design, const Factor& factor, const TslsFit& fit, const MeatRequest& request, const Workers& workers) {
  const Loadings load = loadings_of(design, factor, fit);
  VectorXd group_weight;
  if (design.groups && request.row_weight != RowWeight::kNone) {
    const FillTile fill = [](const Tile& tile, double* out) {
      for (Index i = 0; i < tile.used; ++i) out[i] = tile.root_weight[static_cast<std::size_t>(i)] * tile.root_weight[static_cast<std::size_t>(i)];
    };
    group_weight = sum_by_group(design, factor.frame, {{design.groups, design.n_groups}}, 1, [&]() { return fill; }, workers)[0].col(0);
  }
  return request.clusters.empty() ? meats_over_rows(design, factor, load, request, group_weight, workers)
                                  : meats_over_clusters(design, factor, load, request, group_weight, workers);
}

MatrixXd sandwich(const TslsFit& fit, const ToUser& to_user, const MatrixXd& meat) {
  const Index k = fit.root.rows();
  const MatrixXd inverse = fit.root.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(k, k));
  const MatrixXd half = to_user.map * inverse;
  return half * meat * half.transpose();
}

}  // namespace miv

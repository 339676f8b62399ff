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
  Index inputs = 0;  // columns of the tile
  Index exogenous = 0, instruments = 0, beliefs = 0, coefficients = 0;
  Index basis = 0;         // exogenous + instruments: the orthonormal columns of the first stage
  Index lag = 0;           // how far the triangular factor of the basis lies behind the tile's columns
  std::vector<Index> columns;  // basis: the tile's column of each
  MatrixXd to_basis;       // inputs x basis
  MatrixXd to_residuals;   // inputs x (1 + p): outcome less beliefs and controls, belief less its first stage
  MatrixXd rotation;       // l x p: instruments' directions to beliefs'
  VectorXd projected;      // basis: residual on the basis (0 when just identified)
  MatrixXd net_root_inverse;  // p x p: T^{-T}
  bool as_read = false;    // scores are taken on the tile's columns as they are, and their meat carried to the basis
  bool over_identified() const { return instruments > beliefs; }
};

void set_basis(const MatrixXd& r, const std::vector<Index>& basis, Loadings& out) {
  MatrixXd raa(out.basis, out.basis);
  for (Index j = 0; j < out.basis; ++j)
    for (Index i = 0; i < out.basis; ++i) raa(i, j) = r(basis[static_cast<std::size_t>(i)], basis[static_cast<std::size_t>(j)]);
  const MatrixXd inverse = raa.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(out.basis, out.basis));
  out.to_basis = MatrixXd::Zero(out.inputs, out.basis);
  for (Index i = 0; i < out.basis; ++i) out.to_basis.row(basis[static_cast<std::size_t>(i)]) = inverse.row(i);
  out.lag = out.basis > 0 ? basis.back() - (out.basis - 1) : 0;
  out.columns = basis;
}

void set_residuals(const MatrixXd& r, const std::vector<Index>& basis, const TslsFit& fit, Loadings& out) {
  const Index y = r.cols() - 1;
  VectorXd residual = r.col(y);
  out.to_residuals = MatrixXd::Zero(out.inputs, 1 + out.beliefs);
  out.to_residuals(y, 0) = 1;
  for (Index i = 0; i < out.exogenous; ++i) out.to_residuals(fit.exogenous[static_cast<std::size_t>(i)], 0) = -fit.coefficients[i];
  for (Index j = 0; j < out.beliefs; ++j) {
    const Index column = fit.beliefs[static_cast<std::size_t>(j)];
    const double beta = fit.coefficients[out.exogenous + j];
    out.to_residuals(column, 0) = -beta;
    residual -= r.col(column) * beta;
    VectorXd on_basis(out.basis);
    for (Index i = 0; i < out.basis; ++i) on_basis[i] = r(basis[static_cast<std::size_t>(i)], column);
    out.to_residuals.col(1 + j) = -out.to_basis * on_basis;
    out.to_residuals(column, 1 + j) += 1;
  }
  out.projected = VectorXd::Zero(out.basis);
  for (Index i = out.exogenous; i < out.basis; ++i) out.projected[i] = residual[basis[static_cast<std::size_t>(i)]];
}

Loadings loadings_of(const Design& design, const Factor& factor, const TslsFit& fit) {
  Loadings out;
  std::vector<Index> basis = fit.exogenous;
  basis.insert(basis.end(), fit.instruments.begin(), fit.instruments.end());
  out.inputs = padded(design.total());
  out.exogenous = static_cast<Index>(fit.exogenous.size());
  out.instruments = static_cast<Index>(fit.instruments.size());
  out.beliefs = static_cast<Index>(fit.beliefs.size());
  out.basis = out.exogenous + out.instruments;
  out.coefficients = out.exogenous + out.beliefs;
  set_basis(factor.triangle.r, basis, out);
  set_residuals(factor.triangle.r, basis, fit, out);
  out.rotation = fit.rotation;
  const MatrixXd t = fit.root.bottomRightCorner(out.beliefs, out.beliefs);
  out.net_root_inverse = t.transpose().triangularView<Eigen::Lower>().solve(MatrixXd::Identity(out.beliefs, out.beliefs));
  return out;
}

// Scores of one tile: k columns of the second stage, then l columns for each belief's first stage. When just identified the
// second stage's last columns stay in the instruments' own directions; turn() carries the meat to the beliefs'.
class Scorer {
 public:
  Scorer(const Design& design, const Loadings& loadings, const MeatRequest& request, const VectorXd& group_weight)
      : design_(design), load_(loadings), request_(request), group_weight_(group_weight), basis_(columns(loadings.basis)),
        residuals_(columns(1 + loadings.beliefs)), projected_(columns(1)), second_(columns(1)), first_(columns(1)) {}

  static Index width(const Loadings& load) { return load.coefficients + load.beliefs * load.instruments; }

  // Writes k columns to `out` and p blocks of l to `first`; returns the tile's residual sum of squares.
  double score(const Tile& tile, double* out, double* first) {
    const double* values = tile.values.data();
    if (load_.as_read) {
      const Index skipped = load_.exogenous;  // only the instruments net of the controls are formed
      combine(values, load_.inputs, load_.to_basis.data() + skipped * load_.inputs, load_.instruments, load_.inputs, basis_.data() + skipped * kTileRows);
    } else {
      combine(values, load_.inputs, load_.to_basis.data(), load_.basis, load_.lag, basis_.data());
    }
    combine(values, load_.inputs, load_.to_residuals.data(), 1 + load_.beliefs, load_.inputs, residuals_.data());
    const double rss = sum_of_squares(residuals_.data());
    const double* regressors = basis_.data();
    if (load_.over_identified()) {
      rotate(out);
      regressors = out;
    }
    if (request_.row_weight != RowWeight::kNone) weigh_rows(tile, regressors);
    if (request_.heterogeneous && load_.over_identified()) set_projected();
    if (load_.as_read) {
      for (Index j = 0; j < load_.basis; ++j) multiply(values + load_.columns[static_cast<std::size_t>(j)] * kTileRows, 1, residuals_.data(), out + j * kTileRows);
    } else {
      multiply(regressors, load_.coefficients, residuals_.data(), out);
    }
    if (request_.heterogeneous && load_.over_identified()) add_heterogeneous(out);
    first_scores(first);
    return rss;
  }

 private:
  static std::size_t columns(Index count) { return static_cast<std::size_t>(kTileRows * std::max<Index>(1, count)); }

  // Xhat root^{-1}: the exogenous part of the basis, then the instruments turned towards the beliefs.
  void rotate(double* out) const {
    std::copy_n(basis_.data(), load_.exogenous * kTileRows, out);
    combine(basis_.data() + load_.exogenous * kTileRows, load_.instruments, load_.rotation.data(), load_.beliefs, load_.instruments,
            out + load_.exogenous * kTileRows);
  }

  double transform(double leverage) const {
    const double left = 1 - leverage;
    if (!(left > 1e-14)) return 0;  // the row is fitted exactly: its residual is 0
    return request_.row_weight == RowWeight::kHc3 ? 1 / left : 1 / std::sqrt(left);
  }

  // Residuals times the weight of their leverage.
  void weigh_rows(const Tile& tile, const double* regressors) {
    for (Index i = 0; i < tile.used; ++i) {
      double second = 0;
      if (design_.groups) {
        const double root = tile.root_weight[static_cast<std::size_t>(i)];
        second = root * root / group_weight_[design_.groups[tile.row(i)]];
      }
      double first = second;
      for (Index j = 0; j < load_.coefficients; ++j) second += regressors[j * kTileRows + i] * regressors[j * kTileRows + i];
      for (Index j = 0; j < load_.basis; ++j) first += basis_[static_cast<std::size_t>(j * kTileRows + i)] * basis_[static_cast<std::size_t>(j * kTileRows + i)];
      second_[static_cast<std::size_t>(i)] = transform(second);
      first_[static_cast<std::size_t>(i)] = transform(first);
    }
    multiply(residuals_.data(), 1, second_.data(), residuals_.data());
  }

  void first_scores(double* out) {
    for (Index j = 0; j < load_.beliefs; ++j) {
      double* v = residuals_.data() + (1 + j) * kTileRows;
      if (request_.row_weight != RowWeight::kNone) multiply(v, 1, first_.data(), v);
      multiply(basis_.data() + load_.exogenous * kTileRows, load_.instruments, v, out + j * load_.instruments * kTileRows);
    }
  }

  void set_projected() {
    combine(basis_.data(), load_.basis, load_.projected.data(), 1, load_.basis, projected_.data());
    if (request_.row_weight != RowWeight::kNone) multiply(projected_.data(), 1, second_.data(), projected_.data());
  }

  // (x - xhat)(P_Z e), carried into the coordinates of the regressors.
  void add_heterogeneous(double* out) {
    for (Index j = 0; j < load_.beliefs; ++j) {
      double* column = out + (load_.exogenous + j) * kTileRows;
      for (Index m = 0; m <= j; ++m) {
        const double f = load_.net_root_inverse(j, m);
        const double* v = residuals_.data() + (1 + m) * kTileRows;
        for (Index i = 0; i < kTileRows; ++i) column[i] += f * v[i] * projected_[static_cast<std::size_t>(i)];
      }
    }
  }

  const Design& design_;
  const Loadings& load_;
  const MeatRequest& request_;
  const VectorXd& group_weight_;
  Buffer basis_, residuals_, projected_, second_, first_;
};

// Second-stage meat in the coordinates of `root`, from the scorer's.
MatrixXd turn(MatrixXd meat, const Loadings& load) {
  if (load.as_read) {
    MatrixXd inverse(load.basis, load.basis);
    for (Index i = 0; i < load.basis; ++i) inverse.row(i) = load.to_basis.row(load.columns[static_cast<std::size_t>(i)]);
    meat = inverse.transpose() * meat * inverse;
  }
  if (load.over_identified() || load.beliefs == 0) return meat;
  MatrixXd turned = MatrixXd::Identity(load.coefficients, load.coefficients);
  turned.bottomRightCorner(load.beliefs, load.beliefs) = load.rotation;
  return turned.transpose() * meat * turned;
}

// Grams of the second stage's scores and of each belief's first stage, apart: their products are not needed.
struct Grams {
  MatrixXd second;
  std::vector<MatrixXd> first;
  double rss = 0;
};

Grams zero_grams(const Loadings& load) {
  const Index k = padded(load.coefficients), l = padded(load.instruments);
  return {MatrixXd::Zero(k, k), std::vector<MatrixXd>(static_cast<std::size_t>(load.beliefs), MatrixXd::Zero(l, l)), 0};
}

// Scores of a tile; `second` and `padded_first` are padded with a column of 0 for the kernel.
struct ScoreBuffer {
  explicit ScoreBuffer(const Loadings& load)
      : second(size(padded(load.coefficients)), 0.0), first(size(load.beliefs * load.instruments), 0.0), padded_first(size(padded(load.instruments)), 0.0) {}
  static std::size_t size(Index columns) { return static_cast<std::size_t>(kTileRows * std::max<Index>(1, columns)); }
  Buffer second, first, padded_first;
};

void add_scores(const Loadings& load, ScoreBuffer& buffer, const Ahead& ahead, Grams& grams) {
  add_gram(buffer.second.data(), padded(load.coefficients), grams.second.data(), ahead);
  for (Index j = 0; j < load.beliefs; ++j) {
    const double* scores = buffer.first.data() + j * load.instruments * kTileRows;
    MatrixXd& gram = grams.first[static_cast<std::size_t>(j)];
    if (load.instruments == 1) {
      gram(0, 0) += sum_of_squares(scores);
      continue;
    }
    std::copy_n(scores, kTileRows * load.instruments, buffer.padded_first.begin());
    add_gram(buffer.padded_first.data(), padded(load.instruments), gram.data());
  }
}

MatrixXd symmetric_corner(const MatrixXd& gram, Index size) {
  const MatrixXd upper = gram.topLeftCorner(size, size);
  return upper.selfadjointView<Eigen::Upper>();
}

Meats meats_over_rows(const Design& design, const Factor& factor, const Loadings& load, const MeatRequest& request,
                      const VectorXd& group_weight, const Workers& workers) {
  Grams sum = zero_grams(load);
  for_chunks<Grams>(design.rows, kChunkRows, sum.second.size(), workers,
    [&](Rows rows) {
      TileReader reader(design, factor.frame);
      Scorer scorer(design, load, request, group_weight);
      ScoreBuffer buffer(load);
      Grams part = zero_grams(load);
      for (Index row = rows.first; row < rows.last; row += kTileRows) {
        const Tile& tile = reader.read(row, std::min(rows.last, row + kTileRows));
        if (tile.used == 0) continue;
        part.rss += scorer.score(tile, buffer.second.data(), buffer.first.data());
        add_scores(load, buffer, reader.ahead(), part);
      }
      return part;
    },
    [&](const Grams& part) {
      sum.second += part.second;
      for (std::size_t j = 0; j < sum.first.size(); ++j) sum.first[j] += part.first[j];
      sum.rss += part.rss;
    }, true);
  Meats out;
  out.second.push_back(turn(symmetric_corner(sum.second, load.coefficients), load));
  std::vector<MatrixXd> first;
  for (const MatrixXd& gram : sum.first) first.push_back(symmetric_corner(gram, load.instruments));
  out.first.push_back(first);
  out.rss = sum.rss;
  return out;
}

void take_blocks(const MatrixXd& scores, const Loadings& load, Meats& out) {
  const MatrixXd second = scores.leftCols(load.coefficients);
  out.second.push_back(turn(second.transpose() * second, load));
  std::vector<MatrixXd> first;
  for (Index j = 0; j < load.beliefs; ++j) {
    const MatrixXd own = scores.middleCols(load.coefficients + j * load.instruments, load.instruments);
    first.push_back(own.transpose() * own);
  }
  out.first.push_back(first);
}

Meats meats_over_clusters(const Design& design, const Factor& factor, const Loadings& load, const MeatRequest& request,
                          const VectorXd& group_weight, const Workers& workers) {
  const MakeFill make_fill = [&]() -> FillTile {
    const auto scorer = std::make_shared<Scorer>(design, load, request, group_weight);
    return [scorer, &load](const Tile& tile, double* out) { scorer->score(tile, out, out + load.coefficients * kTileRows); };
  };
  const std::vector<MatrixXd> sums = sum_by_group(design, factor.frame, request.clusters, Scorer::width(load), make_fill, workers);
  Meats out;
  for (const MatrixXd& scores : sums) take_blocks(scores, load, out);
  return out;
}

}  // namespace

Meats compute_meats(const Design& design, const Factor& factor, const TslsFit& fit, const MeatRequest& request, const Workers& workers) {
  Loadings load = loadings_of(design, factor, fit);
  // Where cross-products were enough for the coefficients, so they are for the scores.
  load.as_read = factor.path == Path::kCrossProducts && request.row_weight == RowWeight::kNone && request.clusters.empty() && !load.over_identified();
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

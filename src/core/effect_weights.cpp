#include "effect_weights.h"

#include <algorithm>
#include <memory>

#include "cell_rows.h"
#include "kernels.h"
#include "parallel.h"
#include "require.h"

namespace miv {

namespace {

// A cell's index varies by no more than rounding leaves when nobody in it is moved.
constexpr double kNobodyMoved = 1e-22;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

MatrixXd corner_of(const MatrixXd& r, const std::vector<Index>& columns) {
  MatrixXd out(columns.size(), columns.size());
  for (std::size_t j = 0; j < columns.size(); ++j)
    for (std::size_t i = 0; i < columns.size(); ++i) out(static_cast<Index>(i), static_cast<Index>(j)) = r(columns[i], columns[j]);
  return out;
}

// Belief and outcome alone, as they were before anything was absorbed.
Design belief_and_outcome(const Design& levels) {
  Design out = levels;
  out.columns.assign(levels.columns.end() - 2, levels.columns.end());
  out.controls = out.instruments = 0;
  out.beliefs = 1;
  out.intercept = false;
  out.groups = nullptr;
  out.n_groups = 0;
  return out;
}

MatrixXd sums_by(const CellProblem& problem, const std::vector<Groups>& groups, Index q, const std::function<void(const CellRows&, const Tile&, double*)>& fill, const Workers& workers) {
  const MakeFill make_fill = [&]() -> FillTile {
    const auto rows = std::make_shared<CellRows>(problem);
    return [rows, &fill](const Tile& tile, double* out) {
      rows->read(tile);
      fill(*rows, tile, out);
    };
  };
  return sum_by_group(problem.design, problem.frame, groups, q, make_fill, workers)[0];
}

}  // namespace

CellProblem::CellProblem(const Design& design_, const Design& levels, const Factor& factor, const TslsFit& fit, const int* ids_, Index cells_)
    : design(design_), frame(factor.frame), ids(ids_), cells(cells_), level_columns(belief_and_outcome(levels)) {
  require(fit.beliefs.size() == 1, "effect weights are for one belief");
  require(cells > 0, "there must be a cell");
  require(levels.rows == design.rows && levels.width() == design.width(), "the levels must have the design's rows and columns");
  const Index last = design.width() - 1;
  level_frame.shift = (&levels == &design ? frame : sample_frame(levels)).shift.tail(2);
  level_frame.scale = frame.scale.tail(2);
  inputs = padded(design.total());
  exogenous = static_cast<Index>(fit.exogenous.size());
  instruments = static_cast<Index>(fit.instruments.size());
  std::vector<Index> columns = fit.exogenous;
  columns.insert(columns.end(), fit.instruments.begin(), fit.instruments.end());
  lag = columns.empty() ? 0 : columns.back() - (basis() - 1);
  const MatrixXd inverse = corner_of(factor.triangle.r, columns).triangularView<Eigen::Upper>().solve(MatrixXd::Identity(basis(), basis()));
  to_basis = MatrixXd::Zero(inputs, basis());
  for (Index i = 0; i < basis(); ++i) to_basis.row(columns[at(i)]) = inverse.row(i);
  direction = fit.first_direction.col(0);
  const Index belief = fit.beliefs[0];
  VectorXd on_basis(basis());
  for (Index i = 0; i < basis(); ++i) on_basis[i] = factor.triangle.r(columns[at(i)], belief);
  to_residual = -to_basis * on_basis;
  to_residual[belief] += 1;
  instrument_root = inverse.bottomRightCorner(instruments, instruments);
  for (Index i = 0; i < instruments; ++i) instrument_root.row(i) *= frame.scale[fit.instruments[at(i)] - design.constant()] / frame.scale[last - 1];
}

CellSums cell_sums(const CellProblem& problem, bool wide, const Workers& workers) {
  const Index basis = wide ? problem.basis() : 0;
  const auto fill = [&](const CellRows& rows, const Tile& tile, double* out) {
    for (Index i = 0; i < tile.used; ++i) {
      const double root = rows.root(i), q = rows.q(i), x = rows.belief(i), y = rows.outcome(i);
      const double row[8] = {1, root * root, root * q, root * x, root * y, q * x, q * y, q * q};
      for (Index j = 0; j < 8; ++j) out[j * kTileRows + i] = row[j];
    }
    for (Index j = 0; j < basis; ++j) {
      const double* e = rows.basis(j);
      double* to = out + (8 + 3 * j) * kTileRows;
      for (Index i = 0; i < tile.used; ++i) {
        to[i] = e[i] * rows.root(i);
        to[kTileRows + i] = e[i] * rows.belief(i);
        to[2 * kTileRows + i] = e[i] * rows.outcome(i);
      }
    }
  };
  const MatrixXd sums = sums_by(problem, {{problem.ids, problem.cells}}, 8 + 3 * basis, fill, workers);
  CellSums out{sums.col(0), sums.col(1), sums.col(2), sums.col(3), sums.col(4), sums.col(5), sums.col(6), sums.col(7),
               MatrixXd(problem.cells, basis), MatrixXd(problem.cells, basis), MatrixXd(problem.cells, basis)};
  for (Index j = 0; j < basis; ++j) {
    out.basis.col(j) = sums.col(8 + 3 * j);
    out.basis_belief.col(j) = sums.col(9 + 3 * j);
    out.basis_outcome.col(j) = sums.col(10 + 3 * j);
  }
  return out;
}

namespace {

// Means of (belief and outcome as deviations from their cell's mean) by absorbed group, for the rows of each cell apart.
MatrixXd group_deviations(const CellProblem& problem, const Influence& influence, const Workers& workers) {
  const Design& design = problem.design;
  const Index cells = problem.cells;
  require(static_cast<double>(design.n_groups) * static_cast<double>(cells) < 2e9, "too many cells by absorbed groups");
  std::vector<int> both(at(design.rows), 0);
  for (Index row = 0; row < design.rows; ++row)
    if (!design.kept || design.kept[row]) both[at(row)] = static_cast<int>(design.groups[row] * cells + problem.ids[row]);
  const auto fill = [&](const CellRows& rows, const Tile& tile, double* out) {
    for (Index i = 0; i < tile.used; ++i) {
      const double root = rows.root(i);
      const Index cell = problem.ids[tile.row(i)];
      out[i] = root * root;
      out[kTileRows + i] = root * (rows.belief(i) - root * influence.belief_mean[cell]);
      out[2 * kTileRows + i] = root * (rows.outcome(i) - root * influence.outcome_mean[cell]);
    }
  };
  const MatrixXd sums = sums_by(problem, {{both.data(), design.n_groups * cells}}, 3, fill, workers);
  MatrixXd out(design.n_groups, 2 * cells);
  for (Index g = 0; g < design.n_groups; ++g) {
    const double weight = sums.col(0).segment(g * cells, cells).sum();
    out.row(g).head(cells) = sums.col(1).segment(g * cells, cells).transpose() / (weight > 0 ? weight : 1);
    out.row(g).tail(cells) = sums.col(2).segment(g * cells, cells).transpose() / (weight > 0 ? weight : 1);
  }
  return out;
}

VectorXd per_weight(const VectorXd& sum, const VectorXd& weight) { return sum.array() / (weight.array() > 0).select(weight.array(), 1.0); }

// From deviations of belief and outcome to those of the weights' numerators and of the effects.
void to_effects(const Influence& influence, MatrixXd& columns) {
  const Index cells = influence.numerator.size();
  for (Index c = 0; c < cells; ++c) {
    if (!influence.alive[at(c)]) {
      columns.col(c).setZero();
      columns.col(cells + c).setZero();
      continue;
    }
    columns.col(cells + c) = (columns.col(cells + c) - influence.effect[c] * columns.col(c)) / influence.numerator[c];
  }
}

}  // namespace

Influence cell_influence(const CellProblem& problem, const CellSums& sums, const std::vector<bool>& dead, const Workers& workers) {
  const Index cells = problem.cells, w = problem.exogenous, l = problem.instruments;
  Influence out;
  out.q_mean = per_weight(sums.q, sums.weight);
  out.belief_mean = per_weight(sums.belief, sums.weight);
  out.outcome_mean = per_weight(sums.outcome, sums.weight);
  out.total = sums.q_belief.sum();
  out.numerator = sums.q_belief - sums.q.cwiseProduct(out.belief_mean);
  const VectorXd moved = sums.q_square - sums.q.cwiseProduct(out.q_mean);
  out.effect = VectorXd::Zero(cells);
  out.alive.assign(at(cells), true);
  for (Index c = 0; c < cells; ++c) {
    const bool still = (!dead.empty() && dead[at(c)]) || !(moved[c] > kNobodyMoved * sums.q_square.sum()) || out.numerator[c] == 0;
    out.alive[at(c)] = !still;
    if (still) {
      out.numerator[c] = 0;
    } else {
      out.effect[c] = (sums.q_outcome[c] - sums.q[c] * out.outcome_mean[c]) / out.numerator[c];
    }
  }
  if (sums.basis.cols() == 0) return out;
  MatrixXd by_basis(problem.basis(), 2 * cells);
  by_basis.leftCols(cells) = (sums.basis_belief.array() - sums.basis.array().colwise() * out.belief_mean.array()).transpose();
  by_basis.rightCols(cells) = (sums.basis_outcome.array() - sums.basis.array().colwise() * out.outcome_mean.array()).transpose();
  to_effects(out, by_basis);
  out.by_controls = by_basis.topRows(w);
  out.by_slopes = by_basis.bottomRows(l);
  out.saturated = out.by_controls.size() == 0 || out.by_controls.leftCols(cells).cwiseAbs().maxCoeff() < 1e-10 * std::abs(out.total) / std::max(1e-300, problem.direction.norm());
  if (problem.design.groups) {
    out.by_groups = group_deviations(problem, out, workers);
    to_effects(out, out.by_groups);
  }
  return out;
}

namespace {

// Influence functions of one tile, each times the root of the weight once more: effects (cells), numerators of the weights (cells), total,
// first stage (l).
class Influencer {
 public:
  Influencer(const CellProblem& problem, const Influence& influence)
      : problem_(problem), influence_(influence), rows_(problem), controls_(kTileRows * at(2 * problem.cells)), slopes_(kTileRows * at(2 * problem.cells)) {}

  static Index width(const CellProblem& problem) { return 2 * problem.cells + 1 + problem.instruments; }

  void fill(const Tile& tile, double* out) {
    rows_.read(tile);
    const Index two = 2 * problem_.cells;
    std::fill(out, out + kTileRows * width(problem_), 0.0);
    if (!influence_.saturated) add_controls(tile, out);
    combine(rows_.basis(problem_.exogenous), problem_.instruments, influence_.by_slopes.data(), two, problem_.instruments, slopes_.data());
    for (Index c = 0; c < two; ++c) {
      double* to = column(c, out);
      for (Index i = 0; i < tile.used; ++i) to[i] += rows_.residual(i) * slopes_[at(c * kTileRows + i)];
    }
    if (influence_.by_groups.size() || influence_.fitted) add_groups(tile, out);
    add_own(tile, out);
    for (Index i = 0; i < tile.used; ++i) out[two * kTileRows + i] = rows_.q(i) * (2 * rows_.residual(i) + rows_.q(i));
    for (Index j = 0; j < problem_.instruments; ++j)
      for (Index i = 0; i < tile.used; ++i) out[(two + 1 + j) * kTileRows + i] = rows_.basis(problem_.exogenous + j)[i] * rows_.residual(i);
  }

 private:
  // The maps have numerators first, the columns effects first.
  double* column(Index c, double* out) const { return out + (c < problem_.cells ? c + problem_.cells : c - problem_.cells) * kTileRows; }

  void add_controls(const Tile& tile, double* out) {
    const Index two = 2 * problem_.cells;
    combine(rows_.basis(0), problem_.exogenous, influence_.by_controls.data(), two, problem_.exogenous, controls_.data());
    for (Index c = 0; c < two; ++c) {
      double* to = column(c, out);
      for (Index i = 0; i < tile.used; ++i) to[i] -= rows_.q(i) * controls_[at(c * kTileRows + i)];
    }
  }

  void add_groups(const Tile& tile, double* out) {
    for (Index c = 0; c < 2 * problem_.cells; ++c) {
      double* to = column(c, out);
      for (Index i = 0; i < tile.used; ++i) {
        const Index row = tile.row(i);
        const double part = influence_.fitted ? influence_.fitted[c * problem_.design.rows + row] : influence_.by_groups(problem_.design.groups[row], c);
        to[i] -= rows_.q(i) * rows_.root(i) * part;
      }
    }
  }

  // The row's own cell: (q - mean)(belief - mean), and the same with the outcome less the cell's effect times the belief.
  void add_own(const Tile& tile, double* out) const {
    for (Index i = 0; i < tile.used; ++i) {
      const Index c = problem_.ids[tile.row(i)];
      if (!influence_.alive[at(c)]) continue;
      const double root = rows_.root(i), q = rows_.q(i) - root * influence_.q_mean[c], x = rows_.belief(i) - root * influence_.belief_mean[c];
      const double y = rows_.outcome(i) - root * influence_.outcome_mean[c];
      column(c, out)[i] += q * x;
      column(problem_.cells + c, out)[i] += q * (y - influence_.effect[c] * x) / influence_.numerator[c];
    }
  }

  const CellProblem& problem_;
  const Influence& influence_;
  CellRows rows_;
  Buffer controls_, slopes_;
};

// From numerators, total and first stage to weights and first stage.
MatrixXd to_weights(const MatrixXd& gram, const CellProblem& problem, const Influence& influence) {
  const Index cells = problem.cells, l = problem.instruments;
  MatrixXd map = MatrixXd::Zero(cells + 1 + l, cells + l);
  for (Index c = 0; c < cells; ++c) {
    map(c, c) = 1 / influence.total;
    map(cells, c) = -influence.numerator[c] / (influence.total * influence.total);
  }
  map.bottomRightCorner(l, l).setIdentity();
  return map.transpose() * gram * map;
}

InfluenceMeat zero_meat(const CellProblem& problem) {
  const Index wide = padded(problem.cells + 1 + problem.instruments);
  return {MatrixXd::Zero(wide, wide), VectorXd::Zero(problem.cells)};
}

InfluenceMeat meat_over_rows(const CellProblem& problem, const Influence& influence, const Workers& workers) {
  InfluenceMeat sum = zero_meat(problem);
  for_chunks<InfluenceMeat>(problem.design.rows, kChunkRows / 4, sum.weights.size(), workers,
    [&](Rows rows) {
      TileReader reader(problem.design, problem.frame);
      Influencer influencer(problem, influence);
      InfluenceMeat part = zero_meat(problem);
      Buffer values(kTileRows * at(problem.cells + part.weights.rows()), 0.0);
      for (Index row = rows.first; row < rows.last; row += kTileRows) {
        const Tile& tile = reader.read(row, std::min(rows.last, row + kTileRows));
        if (tile.used == 0) continue;
        influencer.fill(tile, values.data());
        for (Index c = 0; c < problem.cells; ++c) part.effects[c] += sum_of_squares(values.data() + c * kTileRows);
        add_gram(values.data() + problem.cells * kTileRows, part.weights.rows(), part.weights.data());
      }
      return part;
    },
    [&](const InfluenceMeat& part) {
      sum.weights += part.weights;
      sum.effects += part.effects;
    });
  const Index width = problem.cells + 1 + problem.instruments;
  const MatrixXd upper = sum.weights.topLeftCorner(width, width);
  const MatrixXd gram = upper.selfadjointView<Eigen::Upper>();
  return {to_weights(gram, problem, influence), sum.effects};
}

}  // namespace

std::vector<InfluenceMeat> influence_meats(const CellProblem& problem, const Influence& influence, const std::vector<Groups>& clusters, const Workers& workers) {
  if (clusters.empty()) return {meat_over_rows(problem, influence, workers)};
  const MakeFill make_fill = [&]() -> FillTile {
    const auto influencer = std::make_shared<Influencer>(problem, influence);
    return [influencer](const Tile& tile, double* out) { influencer->fill(tile, out); };
  };
  std::vector<InfluenceMeat> out;
  for (const MatrixXd& sums : sum_by_group(problem.design, problem.frame, clusters, Influencer::width(problem), make_fill, workers)) {
    const MatrixXd weights = sums.rightCols(sums.cols() - problem.cells);
    out.push_back({to_weights(weights.transpose() * weights, problem, influence), sums.leftCols(problem.cells).colwise().squaredNorm().transpose()});
  }
  return out;
}

}  // namespace miv

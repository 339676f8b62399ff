// Draws of the negative weight: the half of effect_weights.h that samples.
#include <cmath>
#include <memory>
#include <numeric>

#include <Eigen/Eigenvalues>

#include "cell_rows.h"
#include "parallel.h"
#include "require.h"
#include "rng.h"

namespace miv {

namespace {

constexpr Index kStrip = kSpanUnits;  // rows summed in single precision before the sum goes on in double
constexpr Index kPack = 8;     // rows added side by side; every cell starts at a multiple of this
constexpr Index kOwn = 2;      // the row's part of its cell's numerator, and of the denominator

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// One row per person, sorted by cell, with rows of 0 between cells; column by column. Single precision is enough for a draw.
struct DrawRows {
  Index n = 0, extras = 0;
  std::vector<Index> first;            // rows of cell c: first[c] .. first[c + 1] - 1
  std::vector<std::int32_t> unit;      // cluster; empty: the row itself
  std::vector<std::int32_t> group;     // absorbed effect; empty: none
  std::vector<float> own, extra;       // n x kOwn; n x extras: what estimating controls and first stage again moves
  std::vector<float> index;            // n: q, where an effect is absorbed
  MatrixXd extra_to_cells;             // extras x cells
};

// Index times controls, first-stage scores, and index times what effects absorbed outside leave of each cell.
struct Extras {
  Index controls, slopes, fitted;
  Index count() const { return controls + slopes + fitted; }
};

Extras extras_of(const CellProblem& problem, const Influence& influence) {
  return {influence.saturated ? 0 : problem.exogenous, problem.instruments > 1 ? problem.instruments : 0, influence.fitted ? problem.cells : 0};
}

MatrixXd extra_map(const CellProblem& problem, const Influence& influence, const Extras& extras) {
  const Index cells = problem.cells;
  MatrixXd out = MatrixXd::Zero(extras.count(), cells);
  if (extras.controls) out.topRows(extras.controls) = -influence.by_controls.leftCols(cells);
  if (extras.slopes) out.middleRows(extras.controls, extras.slopes) = influence.by_slopes.leftCols(cells);
  if (extras.fitted) out.bottomRows(extras.fitted) = -MatrixXd::Identity(cells, cells);
  return out;
}

class Collector {
 public:
  Collector(const CellProblem& problem, const Influence& influence, const Groups& units)
      : problem_(problem), influence_(influence), units_(units), extras_(extras_of(problem, influence)), reader_(problem) {}

  DrawRows collect() {
    place_cells();
    TileReader tiles(problem_.design, problem_.frame);
    for (Index row = 0; row < problem_.design.rows; row += kTileRows) {
      const Tile& tile = tiles.read(row, std::min(problem_.design.rows, row + kTileRows));
      if (tile.used == 0) continue;
      reader_.read(tile);
      for (Index i = 0; i < tile.used; ++i) put(i, tile.row(i));
    }
    return std::move(out_);
  }

 private:
  bool kept(Index row) const { return !problem_.design.kept || problem_.design.kept[row]; }

  void place_cells() {
    std::vector<Index> size(at(problem_.cells), 0);
    for (Index row = 0; row < problem_.design.rows; ++row) {
      if (!kept(row)) continue;
      require(problem_.ids[row] >= 0 && problem_.ids[row] < problem_.cells, "a cell lies outside its range");
      require(!units_.ids || (units_.ids[row] >= 0 && units_.ids[row] < units_.count), "a cluster code lies outside its range");
      ++size[at(problem_.ids[row])];
    }
    out_.first.assign(1, 0);
    for (const Index people : size) out_.first.push_back(out_.first.back() + (people + kPack - 1) / kPack * kPack);
    next_ = out_.first;
    out_.n = out_.first.back();
    out_.extras = extras_.count();
    out_.extra_to_cells = extra_map(problem_, influence_, extras_);
    out_.own.assign(at(out_.n * kOwn), 0.0F);
    out_.extra.assign(at(out_.n * out_.extras), 0.0F);
    if (units_.ids) out_.unit.assign(at(out_.n), 0);
    if (influence_.by_groups.size()) {
      out_.group.assign(at(out_.n), 0);
      out_.index.assign(at(out_.n), 0.0F);
    }
  }

  void put(Index i, Index row) {
    const Index c = problem_.ids[row], to = next_[at(c)]++;
    const double root = reader_.root(i), q = reader_.q(i), u = reader_.residual(i);
    const double numerator = (q - root * influence_.q_mean[c]) * (reader_.belief(i) - root * influence_.belief_mean[c]);
    const double own[kOwn] = {numerator, q * ((extras_.slopes ? 2 : 1) * u + q)};
    for (Index j = 0; j < kOwn; ++j) out_.own[at(j * out_.n + to)] = static_cast<float>(own[j]);
    if (units_.ids) out_.unit[at(to)] = units_.ids[row];
    if (!out_.group.empty()) {
      out_.group[at(to)] = problem_.design.groups[row];
      out_.index[at(to)] = static_cast<float>(q * root);
    }
    float* extra = out_.extra.data() + to;
    const auto add = [&](double value) {
      *extra = static_cast<float>(value);
      extra += out_.n;
    };
    for (Index j = 0; j < extras_.controls; ++j) add(q * reader_.basis(j)[i]);
    for (Index j = 0; j < extras_.slopes; ++j) add(u * reader_.basis(problem_.exogenous + j)[i]);
    for (Index j = 0; j < extras_.fitted; ++j) add(q * root * influence_.fitted[j * problem_.design.rows + row]);
  }

  const CellProblem& problem_;
  const Influence& influence_;
  const Groups& units_;
  Extras extras_;
  CellRows reader_;
  DrawRows out_;
  std::vector<Index> next_;
};

// Sums of one replicate.
struct DrawSums {
  DrawSums(Index cells, Index extras, Index groups)
      : own(MatrixXd::Zero(kOwn, cells)), extra(Eigen::RowVectorXd::Zero(extras)), index(Eigen::RowVectorXd::Zero(groups)) {}
  MatrixXd own;
  Eigen::RowVectorXd extra, index;
};

// Rows [from, to) of one cell, of one strip; draw holds their weights.
void add_own(const DrawRows& rows, Index from, Index to, const float* draw, double* sums) {
  for (Index j = 0; j < kOwn; ++j) sums[j] += weighted_sum(draw, rows.own.data() + j * rows.n + from, to - from);
}

void add_extras(const DrawRows& rows, Index from, Index to, const float* draw, DrawSums& sums) {
  for (Index j = 0; j < rows.extras; ++j) sums.extra[j] += weighted_sum(draw, rows.extra.data() + j * rows.n + from, to - from);
  if (rows.group.empty()) return;
  for (Index i = from; i < to; ++i) sums.index[rows.group[at(i)]] += static_cast<double>(draw[i - from] * rows.index[at(i)]);
}

void sum_draw(const DrawRows& rows, const DrawRequest& request, std::uint64_t replicate, DrawSums& sums) {
  const Index spans = (request.units.count + kSpanUnits - 1) / kSpanUnits;
  std::vector<float> of_units(request.units.ids ? at(spans * kSpanUnits) : 0);
  if (request.units.ids) bayesian_weights(request.seed, replicate, 0, spans, of_units.data());
  float draw[kStrip];
  Index cell = 0;
  for (Index from = 0; from < rows.n; from += kStrip) {
    const Index to = std::min(rows.n, from + kStrip);
    if (request.units.ids) {
      for (Index i = from; i < to; ++i) draw[i - from] = of_units[at(rows.unit[at(i)])];
    } else {
      bayesian_weights(request.seed, replicate, from / kSpanUnits, 1, draw);
    }
    for (Index begin = from; begin < to;) {
      while (rows.first[at(cell + 1)] <= begin) ++cell;
      const Index end = std::min(to, rows.first[at(cell + 1)]);
      add_own(rows, begin, end, draw + (begin - from), sums.own.col(cell).data());
      begin = end;
    }
    add_extras(rows, from, to, draw, sums);
  }
}

// (total of negative weights, its share) of one set of cell weights.
struct Negative {
  double total = 0, all = 0;
  void add(double weight) {
    if (weight < 0) total -= weight;
    all += std::abs(weight);
  }
  double share() const { return all > 0 ? total / all : 0; }
};

Negative finish_draw(const DrawRows& rows, const Influence& influence, const DrawSums& sums) {
  const Index cells = influence.numerator.size();
  Eigen::RowVectorXd moved = sums.extra * rows.extra_to_cells;
  if (sums.index.size()) moved -= sums.index * influence.by_groups.leftCols(cells);
  const double total = sums.own.row(1).sum();
  Negative negative;
  for (Index c = 0; c < cells; ++c)
    if (influence.alive[at(c)]) negative.add((sums.own(0, c) + moved[c]) / total);
  return negative;
}

}  // namespace

MatrixXd draw_negative(const CellProblem& problem, const Influence& influence, const DrawRequest& request, const Workers& workers) {
  require(request.draws > 0, "there must be a draw");
  const DrawRows rows = Collector(problem, influence, request.units).collect();
  MatrixXd out(request.draws, 2);
  const Index wave = 256;
  for (Index begin = 0; begin < request.draws; begin += wave) {
    parallel_for(std::min(wave, request.draws - begin), workers.threads, [&](Index i) {
      DrawSums sums(problem.cells, rows.extras, influence.by_groups.rows());
      sum_draw(rows, request, static_cast<std::uint64_t>(begin + i), sums);
      const Negative negative = finish_draw(rows, influence, sums);
      out(begin + i, 0) = negative.total;
      out(begin + i, 1) = negative.share();
    });
    if (workers.poll) workers.poll();
  }
  return out;
}

MatrixXd draw_negative_normal(const VectorXd& weight, const MatrixXd& covariance, const DrawRequest& request, const Workers& workers) {
  require(covariance.rows() == weight.size() && covariance.cols() == weight.size(), "the covariance must be square, one row per weight");
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solved(covariance);
  const MatrixXd root = solved.eigenvectors() * solved.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal();
  MatrixXd out(request.draws, 2);
  parallel_for(request.draws, workers.threads, [&](Index r) {
    VectorXd z(weight.size());
    for (Index c = 0; c < z.size(); ++c) z[c] = random_normal(request.seed, static_cast<std::uint64_t>(r), static_cast<std::uint64_t>(c));
    const VectorXd drawn = weight + root * z;
    Negative negative;
    for (Index c = 0; c < z.size(); ++c) negative.add(weight[c] == 0 && covariance(c, c) == 0 ? 0 : drawn[c]);
    out(r, 0) = negative.total;
    out(r, 1) = negative.share();
  });
  return out;
}

}  // namespace miv

#include "moments.h"

#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "require.h"

namespace miv {

namespace {

constexpr Index kGroupChunkRows = 8192;  // the scores of a chunk stay in the second-level cache

Moments moments_of_rows(const Design& design, const Frame& frame, Rows rows) {
  TileReader reader(design, frame);
  const Index width = padded(design.total());
  Moments out;
  out.cross = MatrixXd::Zero(width, width);
  for (Index row = rows.first; row < rows.last; row += kTileRows) {
    const Tile& tile = reader.read(row, std::min(rows.last, row + kTileRows));
    if (tile.used == 0) continue;
    add_gram(tile.values.data(), width, out.cross.data(), reader.ahead());
    out.n += tile.used;
  }
  return out;
}

// Squared distance of the shift from the mean, and spread about the mean, both as sums over rows.
struct Offset {
  double mean = 0, distance = 0, spread = 0;
};

Offset offset_of(const Design& design, const Moments& moments, Index column) {
  Offset out;
  const Index j = design.constant() + column;
  const double total = moments.cross(j, j);
  if (design.constant() && moments.cross(0, 0) > 0) {
    out.mean = moments.cross(0, j) / moments.cross(0, 0);
    out.distance = out.mean * moments.cross(0, j);
  }
  out.spread = std::max(0.0, total - out.distance);
  return out;
}

}  // namespace

Moments compute_moments(const Design& design, const Frame& frame, const Workers& workers) {
  const Index total = design.total();
  Moments sum;
  sum.cross = MatrixXd::Zero(padded(total), padded(total));
  for_chunks<Moments>(design.rows, kChunkRows, sum.cross.size(), workers,
    [&](Rows rows) { return moments_of_rows(design, frame, rows); },
    [&](const Moments& part) {
      sum.n += part.n;
      sum.cross += part.cross;
    });
  const MatrixXd upper = sum.cross.topLeftCorner(total, total);
  sum.cross = upper.selfadjointView<Eigen::Upper>();
  return sum;
}

bool recentre(const Design& design, const Moments& moments, Frame& frame) {
  constexpr double kFarOff = 100;  // two digits lost
  bool moved = false;
  for (Index j = 0; design.constant() && j < design.width(); ++j) {
    const Offset offset = offset_of(design, moments, j);
    if (!(offset.distance > kFarOff * offset.spread)) continue;
    const double shift = frame.shift[j] + offset.mean / frame.scale[j];
    moved = moved || shift != frame.shift[j];
    frame.shift[j] = shift;
  }
  return moved;
}

void standardise(const Design& design, const Moments& moments, Frame& frame) {
  for (Index j = 0; j < design.width(); ++j) {
    const Offset offset = offset_of(design, moments, j);
    frame.shift[j] += offset.mean / frame.scale[j];
    if (!(offset.spread > 0)) continue;
    int exponent = 0;
    std::frexp(std::sqrt(offset.spread), &exponent);
    frame.scale[j] = std::ldexp(frame.scale[j], -exponent);
    if (frame.group_means.size() > 0) frame.group_means.col(j) *= std::ldexp(1.0, -exponent);
  }
}

namespace {

// A code that points outside the sums must not be followed.
void check_ids(const Tile& tile, const Groups& groups) {
  bool inside = true;
  for (Index i = 0; i < tile.used; ++i) {
    const Index id = groups.ids[tile.row(i)];
    inside &= id >= 0 && id < groups.count;
  }
  require(inside, "a group or cluster code lies outside its range");
}

}  // namespace

std::vector<MatrixXd> sum_by_group(const Design& design, const Frame& frame, const std::vector<Groups>& groups, Index q,
                                   const MakeFill& make_fill, const Workers& workers) {
  std::vector<MatrixXd> sums;
  for (const Groups& g : groups) sums.push_back(MatrixXd::Zero(g.count, q));
  struct Part {
    std::vector<Index> rows;
    MatrixXd values;
  };
  const Index chunks = count_chunks(design.rows, kGroupChunkRows), wave = std::max<Index>(1, 2 * static_cast<Index>(workers.threads));
  std::vector<Part> parts(static_cast<std::size_t>(std::min(chunks, wave)));
  const auto make = [&](Index chunk, Part& part) {
    const Rows rows = rows_of_chunk(chunk, design.rows, kGroupChunkRows);
    TileReader reader(design, frame);
    const FillTile fill = make_fill();
    Buffer values(static_cast<std::size_t>(kTileRows * padded(q)));
    part.rows.clear();
    if (part.values.rows() != kGroupChunkRows) part.values.resize(kGroupChunkRows, q);
    for (Index row = rows.first; row < rows.last; row += kTileRows) {
      const Tile& tile = reader.read(row, std::min(rows.last, row + kTileRows));
      if (tile.used == 0) continue;
      for (const Groups& g : groups) check_ids(tile, g);
      fill(tile, values.data());
      for (Index j = 0; j < q; ++j)
        std::copy_n(values.begin() + j * kTileRows, tile.used, part.values.col(j).data() + part.rows.size());
      for (Index i = 0; i < tile.used; ++i) part.rows.push_back(tile.row(i));
    }
  };
  const auto add_column = [&](Index task) {  // one column of one id set: nobody else writes there
    const std::size_t set = static_cast<std::size_t>(task / q);
    const Index j = task % q;
    double* sum = sums[set].col(j).data();
    const int* ids = groups[set].ids;
    for (const Part& part : parts) {
      const double* value = part.values.col(j).data();
      for (std::size_t i = 0; i < part.rows.size(); ++i) sum[ids[part.rows[i]]] += value[i];
    }
  };
  for (Index begin = 0; begin < chunks; begin += wave) {
    const Index size = std::min(wave, chunks - begin);
    for (Index i = size; i < static_cast<Index>(parts.size()); ++i) parts[i].rows.clear();
    parallel_for(size, workers.threads, [&](Index i) { make(begin + i, parts[i]); });
    parallel_for(static_cast<Index>(groups.size()) * q, workers.threads, add_column);
    if (workers.poll) workers.poll();
  }
  return sums;
}

VectorXd absorb_groups(const Design& design, Frame& frame, const Workers& workers) {
  const Index width = design.width();
  frame.group_means.resize(0, 0);
  // Columns: weight, then weighted values, then weighted squares.
  const FillTile fill = [&](const Tile& tile, double* out) {
    for (Index i = 0; i < tile.used; ++i) out[i] = tile.root_weight[i] * tile.root_weight[i];
    for (Index j = 0; j < width; ++j) {
      const double* value = tile.values.data() + j * kTileRows;
      for (Index i = 0; i < tile.used; ++i) {
        out[(1 + j) * kTileRows + i] = tile.root_weight[i] * value[i];
        out[(1 + width + j) * kTileRows + i] = value[i] * value[i];
      }
    }
  };
  const MatrixXd sums = sum_by_group(design, frame, {{design.groups, design.n_groups}}, 1 + 2 * width, [&]() { return fill; }, workers)[0];
  const VectorXd weight = sums.col(0).unaryExpr([](double w) { return w > 0 ? w : 1.0; });
  frame.group_means = sums.middleCols(1, width).array().colwise() / weight.array();
  const double total = sums.col(0).sum();
  VectorXd spread(width);
  for (Index j = 0; j < width; ++j) {
    const double sum = sums.col(1 + j).sum();
    spread[j] = std::max(0.0, sums.col(1 + width + j).sum() - sum * sum / total);
  }
  return spread;
}

}  // namespace miv

#include "blocks.h"

#include <algorithm>
#include <numeric>

#include "parallel.h"
#include "require.h"

namespace miv {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

std::vector<Index> basis_columns(const TslsFit& fit) {
  std::vector<Index> out = fit.exogenous;
  out.insert(out.end(), fit.instruments.begin(), fit.instruments.end());
  return out;
}

Index stride_of(Index basis, Index width) { return (block_columns(basis, width) + kAbreast + 7) / 8 * 8; }

// Tiles to rows of numbers, with zeros behind them for the kernel to run over.
class RowMaker {
 public:
  RowMaker(const Orthonormal& rows, bool with_weight)
      : rows_(rows), lead_(with_weight ? 1 : 0), stride_((rows.width() + lead_ + 2 * kAbreast - 1) / 8 * 8), columns_(at(kTileRows * rows.width())),
        out_(at(kTileRows * stride_), 0.0) {}

  const double* make(const Tile& tile) {
    combine(tile.values.data(), rows_.to_row.rows(), rows_.to_row.data(), rows_.width(), rows_.to_row.rows(), columns_.data());
    for (Index i = 0; lead_ && i < tile.used; ++i) out_[at(i * stride_)] = tile.root_weight[at(i)];
    for (Index j = 0; j < rows_.width(); ++j)
      for (Index i = 0; i < tile.used; ++i) out_[at(i * stride_ + lead_ + j)] = columns_[at(j * kTileRows + i)];
    return out_.data();
  }
  Index stride() const { return stride_; }

 private:
  const Orthonormal& rows_;
  Index lead_, stride_;
  Buffer columns_, out_;
};

bool kept(const Design& design, Index row) { return !design.kept || design.kept[row]; }

}  // namespace

Orthonormal orthonormal_rows(const Design& design, const Factor& factor, const TslsFit& fit) {
  const MatrixXd& r = factor.triangle.r;
  const std::vector<Index> basis = basis_columns(fit);
  Orthonormal out;
  out.exogenous = static_cast<Index>(fit.exogenous.size());
  out.instruments = static_cast<Index>(fit.instruments.size());
  out.beliefs = static_cast<Index>(fit.beliefs.size());
  const Index m = out.basis();
  MatrixXd root(m, m);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) root(i, j) = r(basis[at(i)], basis[at(j)]);
  const MatrixXd inverse = root.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(m, m));
  out.to_row = MatrixXd::Zero(padded(design.total()), out.width());
  for (Index i = 0; i < m; ++i) out.to_row.row(basis[at(i)]).head(m) = inverse.row(i);
  std::vector<Index> others = fit.beliefs;
  others.push_back(r.cols() - 1);
  out.on_basis.resize(m, out.beliefs + 1);
  MatrixXd below = MatrixXd::Zero(r.rows(), out.beliefs + 1);
  for (Index o = 0; o <= out.beliefs; ++o) {
    for (Index i = 0; i < m; ++i) out.on_basis(i, o) = r(basis[at(i)], others[at(o)]);
    below.col(o) = r.col(others[at(o)]);
    for (const Index row : basis) below(row, o) = 0;
    out.to_row.col(m + o) = -out.to_row.leftCols(m) * out.on_basis.col(o);
    out.to_row(others[at(o)], m + o) += 1;
  }
  out.left = below.transpose() * below;
  return out;
}

namespace {

// Ids of a tile's rows; they are looked through before anything is added.
class TileIds {
 public:
  explicit TileIds(const Groups& clusters) : clusters_(clusters), ids_(at(kTileRows)) {}
  const int* read(const Tile& tile) {
    const int* ids = tile.listed ? ids_.data() : clusters_.ids + tile.first;
    if (tile.listed)
      for (Index i = 0; i < tile.used; ++i) ids_[at(i)] = clusters_.ids[tile.row(i)];
    bool inside = true;
    for (Index i = 0; i < tile.used; ++i) inside &= ids[i] >= 0 && ids[i] < clusters_.count;
    require(inside, "a cluster code lies outside its range");
    return ids;
  }

 private:
  const Groups& clusters_;
  std::vector<int> ids_;
};

// All blocks, padded, from the rows in [rows.first, rows.last).
Buffer blocks_of_rows(const Design& design, const Factor& factor, const Orthonormal& rows, const Groups& clusters, Rows range) {
  Buffer sums(at(clusters.count * padded_columns(rows.basis(), rows.width())), 0.0);
  TileReader reader(design, factor.frame);
  RowMaker maker(rows, false);
  TileIds ids(clusters);
  for (Index row = range.first; row < range.last; row += kTileRows) {
    const Tile& tile = reader.read(row, std::min(range.last, row + kTileRows));
    if (tile.used == 0) continue;
    const int* to = ids.read(tile);
    const double* values = maker.make(tile);
    add_outer(values, maker.stride(), tile.used, to, rows.basis(), rows.width(), sums.data());
  }
  return sums;
}

// Few enough chunks that adding up their sums costs little beside the rows.
Index chunk_rows_for(Index rows, Index numbers) {
  constexpr Index kRoom = 1 << 23;  // 64 MB
  const Index most = std::max<Index>(1, std::min<Index>(8, kRoom / std::max<Index>(1, numbers)));
  return std::max((rows + most - 1) / most, kChunkRows);
}

void add_to(Buffer& sums, Buffer& part) {
  if (sums.empty()) return sums.swap(part);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
}

// Blocks of the frame's columns from the rows in [range.first, range.last), and their number.
struct FramePart {
  Index n = 0;
  Buffer sums;
};

FramePart frame_part(const Design& design, const Frame& frame, const FrameBlocks& blocks, Rows range) {
  const Index stride = std::max<Index>(16, (blocks.width + 7) / 8 * 8);
  FramePart out;
  out.sums.assign(at(blocks.clusters.count * triangle_stride(blocks.width)), 0.0);
  TileReader reader(design, frame);
  TileIds ids(blocks.clusters);
  Buffer rows(at(kTileRows * stride), 0.0);
  for (Index row = range.first; row < range.last; row += kTileRows) {
    const Tile& tile = reader.read(row, std::min(range.last, row + kTileRows));
    if (tile.used == 0) continue;
    out.n += tile.used;
    lay_rows(tile.values.data(), blocks.width, rows.data(), stride, reader.ahead());
    add_triangles(rows.data(), stride, tile.used, ids.read(tile), blocks.width, out.sums.data());
  }
  return out;
}

// A packed triangle as a symmetric matrix.
void open_triangle(const double* triangle, MatrixXd& out) {
  for (Index i = 0; i < out.rows(); ++i)
    for (Index j = i; j < out.cols(); ++j) out(i, j) = out(j, i) = *triangle++;
}

// One triangle turned and packed as a block.
void turn_triangle(const double* triangle, const MatrixXd& turn, Index basis, MatrixXd& own, MatrixXd& half, double* out) {
  open_triangle(triangle, own);
  half.noalias() = own * turn;
  for (Index j = 0; j < basis; ++j)
    for (Index c = j; c < turn.cols(); ++c) *out++ = turn.col(j).dot(half.col(c));
}

}  // namespace

bool keeps_blocks(Index units, Index basis, Index width) {
  constexpr Index kKeptNumbers = 1 << 24;  // 128 MB
  return units * block_columns(basis, width) <= kKeptNumbers;
}

FrameBlocks frame_blocks_for(const Design& design, const Groups& clusters) {
  require(clusters.ids && clusters.count > 0, "there must be clusters");
  return {clusters, design.total(), Buffer()};
}

Moments moments_and_blocks(const Design& design, const Frame& frame, const Workers& workers, FrameBlocks& blocks) {
  const Index step = triangle_stride(blocks.width), size = blocks.clusters.count * step;
  Moments sum;
  blocks.values.clear();
  for_chunks<FramePart>(design.rows, chunk_rows_for(design.rows, size), size, workers,
    [&](Rows range) { return frame_part(design, frame, blocks, range); },
    [&](FramePart& part) {
      sum.n += part.n;
      add_to(blocks.values, part.sums);
    });
  VectorXd all = VectorXd::Zero(step);
  for (Index u = 0; u < blocks.clusters.count; ++u) all += Eigen::Map<const VectorXd>(blocks.values.data() + u * step, step);
  sum.cross.resize(blocks.width, blocks.width);
  open_triangle(all.data(), sum.cross);
  return sum;
}

Blocks turn_blocks(const FrameBlocks& blocks, const Orthonormal& rows, const Workers& workers) {
  constexpr Index kPiece = 64;
  Blocks out;
  out.units = blocks.clusters.count;
  out.basis = rows.basis();
  out.width = rows.width();
  out.stride = stride_of(out.basis, out.width);
  out.values.assign(at(out.units * out.stride), 0.0);
  const Index step = triangle_stride(blocks.width);
  const MatrixXd turn = rows.to_row.topRows(blocks.width);
  parallel_for((out.units + kPiece - 1) / kPiece, workers.threads, [&](Index piece) {
    MatrixXd own(blocks.width, blocks.width), half(blocks.width, out.width);
    for (Index u = piece * kPiece; u < std::min(out.units, (piece + 1) * kPiece); ++u)
      turn_triangle(blocks.values.data() + u * step, turn, out.basis, own, half, out.values.data() + u * out.stride);
  });
  return out;
}

Blocks cluster_blocks(const Design& design, const Factor& factor, const Orthonormal& rows, const Groups& clusters, const Workers& workers) {
  require(clusters.ids && clusters.count > 0, "there must be clusters");
  Blocks out;
  out.units = clusters.count;
  out.basis = rows.basis();
  out.width = rows.width();
  out.stride = stride_of(out.basis, out.width);
  const Index size = out.units * padded_columns(out.basis, out.width);
  Buffer sums;
  for_chunks<Buffer>(design.rows, chunk_rows_for(design.rows, size), size, workers,
    [&](Rows range) { return blocks_of_rows(design, factor, rows, clusters, range); }, [&](Buffer& part) { add_to(sums, part); });
  out.values.resize(at(out.units * out.stride));
  pack_blocks(sums.data(), out.units, out.basis, out.width, out.values.data(), out.stride);
  return out;
}

BlockStream::BlockStream(const Design& design, const Factor& factor, const Orthonormal& rows, const Groups& clusters, bool by_group)
    : design_(design), factor_(factor), rows_(rows), by_group_(by_group) {
  require(!by_group || design.groups, "there are no absorbed groups");
  for (Index row = 0; row < design.rows; ++row) {
    if (!kept(design, row)) continue;
    require(!clusters.ids || (clusters.ids[row] >= 0 && clusters.ids[row] < clusters.count), "a cluster code lies outside its range");
    order_.push_back(row);
  }
  std::vector<int> of_row;  // units are numbered by kept row where there are no clusters
  units_ = clusters.ids ? clusters.count : static_cast<Index>(order_.size());
  if (!clusters.ids && by_group) {
    of_row.assign(at(design.rows), -1);
    for (std::size_t i = 0; i < order_.size(); ++i) of_row[at(order_[i])] = static_cast<int>(i);
  }
  const int* ids = clusters.ids ? clusters.ids : (by_group ? of_row.data() : nullptr);
  const auto before = [&](Index a, Index b) {
    if (by_group_ && design.groups[a] != design.groups[b]) return design.groups[a] < design.groups[b];
    return ids && ids[a] < ids[b];
  };
  if (ids) std::stable_sort(order_.begin(), order_.end(), before);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const Index row = order_[i];
    if (ids && i > 0 && !before(order_[i - 1], row)) continue;
    first_.push_back(static_cast<Index>(i));
    if (ids) unit_.push_back(ids[row]);
    if (by_group_) group_.push_back(design.groups[row]);
  }
  first_.push_back(static_cast<Index>(order_.size()));
}

Index BlockStream::stride() const { return stride_of(basis(), width()); }

void BlockStream::fill(Index from, Index to, double* out) const {
  Buffer sums(at((to - from) * padded_columns(basis(), width())), 0.0);
  TileReader reader(design_, factor_.frame);
  RowMaker maker(rows_, by_group_);
  std::vector<Index> rows;
  std::vector<int> where;
  Index item = from;
  for (Index row = first_[at(from)]; row < first_[at(to)]; row += kTileRows) {
    const Index last = std::min(first_[at(to)], row + kTileRows);
    rows.assign(order_.begin() + row, order_.begin() + last);
    where.clear();
    for (Index i = row; i < last; ++i) {
      while (i >= first_[at(item + 1)]) ++item;
      where.push_back(static_cast<int>(item - from));
    }
    const double* values = maker.make(reader.gather(rows));
    add_outer(values, maker.stride(), last - row, where.data(), basis(), width(), sums.data());
  }
  pack_blocks(sums.data(), to - from, basis(), width(), out, stride());
}

}  // namespace miv

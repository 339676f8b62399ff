#include "columns.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.h"
#include "parallel.h"
#include "require.h"

namespace miv {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kMissingInteger = std::numeric_limits<int>::min();

double as_double(int value) { return value == kMissingInteger ? kNaN : static_cast<double>(value); }

double value_at(const Source& source, Index row) {
  return source.real ? source.real[row] : as_double(source.integer[row]);
}

double looked_up(const std::vector<double>& table, double position) {
  if (!(position >= 0 && position < static_cast<double>(table.size()))) return kNaN;
  return table[static_cast<std::size_t>(position)];
}

bool is_plain(const Column& column) {
  return column.size() == 1 && column[0].size() == 1 && column[0][0].kind == AtomKind::kNumeric;
}

void check_operand(const Operand& operand, Index sources) {
  require(operand.source < sources, "an operand names a source that is not there");
}

void check_atom(const Atom& atom, const Design& design) {
  const bool of_gap = atom.kind == AtomKind::kGap || atom.kind == AtomKind::kSide || atom.kind == AtomKind::kSideIs;
  const Index limit = static_cast<Index>(of_gap ? design.gaps.size() : design.sources.size());
  require(atom.source >= 0 && atom.source < limit, "an atom names a source or gap that is not there");
  require(atom.strata < static_cast<Index>(design.sources.size()), "an atom names strata that are not there");
  require(atom.kind != AtomKind::kLookup || !atom.table.empty(), "a lookup needs a table");
}

}  // namespace

void check_design(const Design& design) {
  require(design.rows > 0, "there are no rows");
  require(design.controls >= 0 && design.instruments >= 0 && design.beliefs >= 0, "counts must not be negative");
  require(design.controls + design.instruments + design.beliefs + 1 == design.width(), "columns must be controls, instruments, beliefs and one outcome");
  require(!design.groups || design.n_groups > 0, "an absorbed effect needs its number of groups");
  for (const Source& source : design.sources)
    require((source.real == nullptr) != (source.integer == nullptr), "a source has exactly one pointer");
  const Index sources = static_cast<Index>(design.sources.size());
  check_operand(design.weights, sources);
  for (const Gap& gap : design.gaps) {
    check_operand(gap.minuend, sources);
    check_operand(gap.subtrahend, sources);
  }
  for (const Column& column : design.columns) {
    require(!column.empty(), "a column must not be empty");
    for (const Product& product : column) {
      require(!product.empty(), "a product must not be empty");
      for (const Atom& atom : product) check_atom(atom, design);
    }
  }
}

TileReader::TileReader(const Design& design, const Frame& frame)
    : design_(design), frame_(frame), gaps_(design.gaps.size() * kTileRows), sides_(design.gaps.size() * kTileRows), value_(kTileRows), factor_(kTileRows), extra_(kTileRows) {
  tile_.rows.resize(kTileRows);
  tile_.values.assign(static_cast<std::size_t>(kTileRows * padded(design.total())), 0.0);
  tile_.root_weight.assign(kTileRows, 1.0);
}

const Tile& TileReader::read(Index first, Index last) {
  tile_.listed = design_.kept != nullptr;
  tile_.first = first;
  tile_.used = 0;
  if (!tile_.listed) {
    tile_.used = last - first;
    return fill();
  }
  for (Index row = first; row < last; ++row)
    if (design_.kept[row]) tile_.rows[tile_.used++] = row;
  return fill();
}

Ahead TileReader::ahead() {
  const Index next = tile_.first + kTileRows;
  if (next + kTileRows > design_.rows) return Ahead();
  ahead_.clear();
  for (const Source& source : design_.sources)
    ahead_.push_back(source.real ? source.real + next : reinterpret_cast<const double*>(source.integer + next));
  return {ahead_.data(), static_cast<Index>(ahead_.size())};
}

const Tile& TileReader::gather(const std::vector<Index>& rows) {
  require(static_cast<Index>(rows.size()) <= kTileRows, "a tile has too many rows");
  tile_.listed = true;
  std::copy(rows.begin(), rows.end(), tile_.rows.begin());
  tile_.used = static_cast<Index>(rows.size());
  return fill();
}

const Tile& TileReader::fill() {
  for (std::size_t g = 0; g < design_.gaps.size(); ++g) {
    double* gap = gaps_.data() + g * kTileRows;
    operand(design_.gaps[g].minuend, gap);
    operand(design_.gaps[g].subtrahend, factor_.data());
    subtract(gap, factor_.data(), gap);
    sides(gap, sides_.data() + g * kTileRows);
  }
  if (design_.weights.source >= 0) {
    load(design_.sources[design_.weights.source], tile_.root_weight.data());
    for (Index i = 0; i < tile_.used; ++i) tile_.root_weight[i] = std::sqrt(tile_.root_weight[i]);
  }
  if (design_.constant() && (design_.weights.source >= 0 || ones_ != tile_.used)) {
    ones_ = tile_.used;
    std::copy_n(tile_.root_weight.begin(), tile_.used, tile_.values.begin());
    std::fill(tile_.values.begin() + tile_.used, tile_.values.begin() + kTileRows, 0.0);
  }
  for (Index j = 0; j < design_.width(); ++j) {
    const Column& column = design_.columns[j];
    if (is_plain(column) && !tile_.listed && tile_.used == kTileRows && design_.sources[column[0][0].source].real) {
      place(j, design_.sources[column[0][0].source].real + tile_.first);
    } else {
      evaluate(column, value_.data());
      place(j, value_.data());
    }
  }
  return tile_;
}

// The column in the frame's coordinates, times the root of the weight; the rest of the tile stays 0.
void TileReader::place(Index column, const double* values) {
  double* out = tile_.values.data() + (design_.constant() + column) * kTileRows;
  const double shift = frame_.shift[column], scale = frame_.scale[column];
  if (tile_.used == kTileRows) {
    miv::place(values, shift, scale, out);
  } else {
    for (Index i = 0; i < tile_.used; ++i) out[i] = (values[i] - shift) * scale;
    std::fill(out + tile_.used, out + kTileRows, 0.0);
  }
  if (frame_.group_means.size() > 0) {
    const double* mean = frame_.group_means.col(column).data();
    for (Index i = 0; i < tile_.used; ++i) out[i] -= mean[design_.groups[tile_.row(i)]];
  }
  if (design_.weights.source >= 0)
    for (Index i = 0; i < tile_.used; ++i) out[i] *= tile_.root_weight[i];
}

void TileReader::load(const Source& source, double* out) const {
  if (!tile_.listed && tile_.used > 0) {
    const Index first = tile_.first;
    if (source.real) {
      std::copy_n(source.real + first, tile_.used, out);
    } else if (tile_.used == kTileRows) {
      convert_integers(source.integer + first, out);
    } else {
      for (Index i = 0; i < tile_.used; ++i) out[i] = as_double(source.integer[first + i]);
    }
    return;
  }
  for (Index i = 0; i < tile_.used; ++i) out[i] = value_at(source, tile_.row(i));
}

void TileReader::operand(const Operand& operand, double* out) const {
  if (operand.source < 0) {
    std::fill_n(out, kTileRows, operand.constant);
  } else {
    load(design_.sources[operand.source], out);
  }
}

void TileReader::evaluate(const Column& column, double* out) {
  for (std::size_t p = 0; p < column.size(); ++p) {
    double* product = p == 0 ? out : extra_.data();
    for (std::size_t a = 0; a < column[p].size(); ++a) {
      if (a == 0) {
        evaluate(column[p][0], product);
        continue;
      }
      evaluate(column[p][a], factor_.data());
      multiply(product, 1, factor_.data(), product);
    }
    if (p > 0)
      for (Index i = 0; i < tile_.used; ++i) out[i] += product[i];
  }
}

void TileReader::evaluate(const Atom& atom, double* out) {
  const Index used = tile_.used;
  switch (atom.kind) {
    case AtomKind::kNumeric:
      load(design_.sources[atom.source], out);
      return;
    case AtomKind::kLookup:
      load(design_.sources[atom.source], out);
      for (Index i = 0; i < used; ++i) out[i] = looked_up(atom.table, out[i] - atom.value);
      return;
    case AtomKind::kGap:
      std::copy_n(gaps_.data() + atom.source * kTileRows, kTileRows, out);
      return;
    case AtomKind::kSide:
      std::copy_n(sides_.data() + atom.source * kTileRows, kTileRows, out);
      return;
    case AtomKind::kSideIs:
      equals(sides_.data() + atom.source * kTileRows, atom.value, out);
      return;
    case AtomKind::kArm:
      load(design_.sources[atom.source], out);
      equals(out, atom.value, out);
      if (atom.table.empty()) return;
      for (Index i = 0; i < used; ++i)
        out[i] -= atom.strata < 0 ? atom.table[0] : looked_up(atom.table, value_at(design_.sources[atom.strata], tile_.row(i)));
      return;
  }
}

namespace {

Frame unit_frame(Index width) {
  Frame frame;
  frame.shift = VectorXd::Zero(width);
  frame.scale = VectorXd::Ones(width);
  return frame;
}

// A design without weights and absorbed effect, to look at raw values.
Design bare(const Design& design) {
  Design out = design;
  out.weights = Operand{-1, 1.0};
  out.groups = nullptr;
  out.intercept = false;
  return out;
}

// A power of two, so that scaling loses no digit.
double power_of_two_below(double size) {
  if (!(size > 0) || !std::isfinite(size)) return 1.0;
  int exponent = 0;
  std::frexp(size, &exponent);
  return std::ldexp(1.0, std::max(-1000, std::min(1000, -exponent)));
}

void set_frame(Frame& frame, Index j, double low, double high, double mean, bool shifted) {
  if (!(low <= high)) return;  // nothing finite was seen
  frame.shift[j] = !shifted ? 0.0 : low == high ? low : mean;
  const double size = std::max(std::abs(high - frame.shift[j]), std::abs(low - frame.shift[j]));
  frame.scale[j] = power_of_two_below(size > 0 ? size : std::abs(low));
}

struct Extremes {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity(), mean = 0;
  Index count = 0;
  void see(double x) {
    if (!std::isfinite(x)) return;
    low = std::min(low, x);
    high = std::max(high, x);
    mean += (x - mean) / static_cast<double>(++count);
  }
};

void see_tile(const Tile& tile, std::vector<Extremes>& seen) {
  for (std::size_t j = 0; j < seen.size(); ++j)
    for (Index i = 0; i < tile.used; ++i) seen[j].see(tile.values[j * kTileRows + i]);
}

Frame frame_of(const Design& design, const std::vector<Extremes>& seen) {
  Frame frame = unit_frame(design.width());
  for (Index j = 0; j < design.width(); ++j)
    set_frame(frame, j, seen[j].low, seen[j].high, seen[j].mean, design.intercept || design.groups);
  return frame;
}

}  // namespace

Frame sample_frame(const Design& design) {
  const Design plain = bare(design);
  const Frame unit = unit_frame(design.width());
  TileReader reader(plain, unit);
  std::vector<Index> rows;
  const Index wanted = std::min(design.rows, kTileRows);
  for (Index i = 0; i < wanted; ++i) {
    const Index row = static_cast<Index>((static_cast<double>(i) + 0.5) * static_cast<double>(design.rows) / static_cast<double>(wanted));
    if (!design.kept || design.kept[row]) rows.push_back(row);
  }
  std::vector<Extremes> seen(static_cast<std::size_t>(design.width()));
  see_tile(reader.gather(rows), seen);
  return frame_of(design, seen);
}

Frame full_frame(const Design& design) {
  const Design plain = bare(design);
  const Frame unit = unit_frame(design.width());
  TileReader reader(plain, unit);
  std::vector<Extremes> seen(static_cast<std::size_t>(design.width()));
  for (Index row = 0; row < design.rows; row += kTileRows)
    see_tile(reader.read(row, std::min(design.rows, row + kTileRows)), seen);
  return frame_of(design, seen);
}

MatrixXd dense_columns(const Design& design) {
  check_design(design);
  const Design plain = bare(design);
  const Frame unit = unit_frame(design.width());
  TileReader reader(plain, unit);
  Index n = design.rows;
  if (design.kept) n = std::count_if(design.kept, design.kept + design.rows, [](unsigned char k) { return k != 0; });
  MatrixXd out(n, design.width());
  Index at = 0;
  for (Index row = 0; row < design.rows; row += kTileRows) {
    const Tile& tile = reader.read(row, std::min(design.rows, row + kTileRows));
    for (Index j = 0; j < design.width(); ++j)
      std::copy_n(tile.values.begin() + j * kTileRows, tile.used, out.col(j).data() + at);
    at += tile.used;
  }
  return out;
}

namespace {

void scan_column(const Source& source, Rows rows, const unsigned char* kept, Scan& scan, std::size_t j, unsigned char* complete) {
  double low = scan.minimum[j], high = scan.maximum[j];
  for (Index row = rows.first; row < rows.last; ++row) {
    if (kept && !kept[row]) continue;
    const double x = value_at(source, row);
    if (x - x == 0) {  // finite
      low = x < low ? x : low;
      high = x > high ? x : high;
      continue;
    }
    ++(std::isnan(x) ? scan.missing[j] : scan.infinite[j]);
    complete[row - rows.first] = 0;
  }
  scan.minimum[j] = low;
  scan.maximum[j] = high;
}

Scan empty_scan(std::size_t columns) {
  Scan scan;
  scan.missing.assign(columns, 0);
  scan.infinite.assign(columns, 0);
  scan.minimum.assign(columns, std::numeric_limits<double>::infinity());
  scan.maximum.assign(columns, -std::numeric_limits<double>::infinity());
  return scan;
}

}  // namespace

Scan scan_sources(const std::vector<Source>& sources, Index rows, const unsigned char* kept, const Workers& workers) {
  Scan total = empty_scan(sources.size());
  bool all = true;
  Index at = 0;
  for_chunks<Scan>(rows, kChunkRows, kChunkRows / 8 + 4 * static_cast<Index>(sources.size()), workers,
    [&](Rows chunk) {
      Scan scan = empty_scan(sources.size());
      scan.kept.assign(static_cast<std::size_t>(chunk.last - chunk.first), 1);
      for (std::size_t j = 0; j < sources.size(); ++j) scan_column(sources[j], chunk, kept, scan, j, scan.kept.data());
      for (Index row = chunk.first; kept && row < chunk.last; ++row)
        if (!kept[row]) scan.kept[static_cast<std::size_t>(row - chunk.first)] = 0;
      scan.n_kept = std::count(scan.kept.begin(), scan.kept.end(), 1);
      return scan;
    },
    [&](const Scan& scan) {
      for (std::size_t j = 0; j < sources.size(); ++j) {
        total.missing[j] += scan.missing[j];
        total.infinite[j] += scan.infinite[j];
        total.minimum[j] = std::min(total.minimum[j], scan.minimum[j]);
        total.maximum[j] = std::max(total.maximum[j], scan.maximum[j]);
      }
      if (all && scan.n_kept < static_cast<Index>(scan.kept.size())) {
        all = false;
        total.kept.assign(static_cast<std::size_t>(rows), 1);
      }
      if (!all) std::copy(scan.kept.begin(), scan.kept.end(), total.kept.begin() + at);
      at += static_cast<Index>(scan.kept.size());
      total.n_kept += scan.n_kept;
    });
  return total;
}

}  // namespace miv

// The user's columns, read in row tiles. A design says how each column of the problem is made from them;
// no column of length n is ever formed.
#ifndef MIV_CORE_COLUMNS_H
#define MIV_CORE_COLUMNS_H

#include <vector>

#include "kernels.h"
#include "types.h"

namespace miv {

// One column of the data frame; exactly one pointer is set. The least int means missing and reads as NaN.
struct Source {
  const double* real = nullptr;
  const int* integer = nullptr;
};

// A source, or a constant where source < 0.
struct Operand {
  int source = -1;
  double constant = 0;
};

// Signal minus prior (passive) or signal minus the base arm's signal (active).
struct Gap {
  Operand minuend, subtrahend;
};

enum class AtomKind {
  kNumeric,  // the source
  kLookup,   // table[source - value]: a contrast of a factor; value is the lowest code
  kGap,      // gap number `source`
  kSide,     // its sign
  kSideIs,   // 1 where the side equals value
  kArm       // 1 where the source equals value, minus table[stratum] where shares are given
};

struct Atom {
  AtomKind kind = AtomKind::kNumeric;
  int source = 0;
  double value = 0;
  std::vector<double> table;
  int strata = -1;  // kArm: source of 0-based stratum codes; -1 with a table of one share
};

using Product = std::vector<Atom>;
using Column = std::vector<Product>;  // a sum of products

// Columns in the order: controls, instruments, beliefs, outcome.
struct Design {
  std::vector<Source> sources;
  std::vector<Gap> gaps;
  std::vector<Column> columns;
  Index controls = 0, instruments = 0, beliefs = 0;
  bool intercept = true;
  Operand weights{-1, 1.0};            // constant 1 where there are none
  const int* groups = nullptr;         // absorbed effect: 0-based code by row
  Index n_groups = 0;
  Index rows = 0;
  const unsigned char* kept = nullptr;  // by row; null keeps all

  Index width() const { return static_cast<Index>(columns.size()); }
  Index constant() const { return intercept && !groups ? 1 : 0; }
  Index total() const { return constant() + width(); }
};

// Throws std::invalid_argument where the design contradicts itself.
void check_design(const Design& design);

// The coordinates columns are worked in: (value - shift) * scale, less the mean of the absorbed group.
struct Frame {
  VectorXd shift, scale;
  MatrixXd group_means;  // n_groups x width; empty where nothing is absorbed
};

// One tile: column-major, kTileRows x padded columns, times the root of the weight; unused rows and columns are 0.
struct Tile {
  Index used = 0;
  Index first = 0;          // rows first, first + 1, ... where `rows` is not `listed`
  bool listed = false;
  std::vector<Index> rows;
  Buffer values;
  Buffer root_weight;

  Index row(Index i) const { return listed ? rows[static_cast<std::size_t>(i)] : first + i; }
};

class TileReader {
 public:
  TileReader(const Design& design, const Frame& frame);
  // Rows first .. last - 1 that are kept; at most kTileRows of them.
  const Tile& read(Index first, Index last);
  // The rows behind those of read(), of every source the columns need.
  Ahead ahead();
  // The rows listed (kept or not); at most kTileRows.
  const Tile& gather(const std::vector<Index>& rows);

 private:
  const Tile& fill();
  void load(const Source& source, double* out) const;
  void operand(const Operand& operand, double* out) const;
  void evaluate(const Column& column, double* out);
  void evaluate(const Atom& atom, double* out);
  void place(Index column, const double* values);

  const Design& design_;
  const Frame& frame_;
  Tile tile_;
  Index ones_ = 0;  // rows of the constant's column that are 1 (no weights)
  std::vector<const double*> ahead_;
  Buffer gaps_, sides_, value_, factor_, extra_;
};

// Columns are padded to an even number for the kernels.
inline Index padded(Index columns) { return (columns + 1) / 2 * 2; }

// Raw columns of the kept rows (no shift, no weight): n x width.
MatrixXd dense_columns(const Design& design);

// Shift and scale read off a sample spread over the rows, or off every row.
Frame sample_frame(const Design& design);
Frame full_frame(const Design& design);

// What is missing or infinite, by source, and which rows are complete.
struct Scan {
  std::vector<Index> missing, infinite;
  std::vector<double> minimum, maximum;  // over finite values
  std::vector<unsigned char> kept;       // empty where every row is complete
  Index n_kept = 0;
};
Scan scan_sources(const std::vector<Source>& sources, Index rows, const unsigned char* kept, const Workers& workers);

}  // namespace miv

#endif

// Problems made from vectors, random data, and a fit in one call. A Data owns its columns; the designs made from it only point there.
#ifndef MIV_TESTS_SUPPORT_H
#define MIV_TESTS_SUPPORT_H

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <testthat/vendor/catch.h>

#include "covariance.h"

namespace test {

using miv::Index;
using miv::MatrixXd;
using miv::VectorXd;
using Column = std::vector<double>;
using Codes = std::vector<int>;
using Mask = std::vector<unsigned char>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kMissing = std::numeric_limits<int>::min();  // R's NA_integer_

// Numbers that depend on the seed alone: std::normal_distribution differs between libraries.
class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return static_cast<double>(bits_() >> 11) / 9007199254740992.0; }
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }
  int below(int bound) { return static_cast<int>(uniform() * bound); }

 private:
  std::mt19937_64 bits_;
};

template <class Draw>
auto draws(Index n, const Draw& draw) {
  std::vector<decltype(draw())> out;
  for (Index i = 0; i < n; ++i) out.push_back(draw());
  return out;
}

struct Data {
  std::vector<Column> controls, instruments, beliefs;
  Column outcome, weights;  // weights empty: none
  Codes groups, clusters;   // empty: none
  Mask kept;                // empty: all
  bool intercept = true;
  Index rows() const { return static_cast<Index>(outcome.size()); }
};

// p beliefs, l instruments; beliefs are endogenous, errors uneven. Well conditioned.
inline Data simulated(Index n, int controls, int instruments, int beliefs, std::uint64_t seed) {
  Random random(seed);
  const auto column = [&]() { return draws(n, [&]() { return random.normal(); }); };
  Data data;
  for (int j = 0; j < controls; ++j) data.controls.push_back(column());
  for (int j = 0; j < instruments; ++j) data.instruments.push_back(column());
  const Column hidden = column();
  data.outcome = column();
  for (int j = 0; j < beliefs; ++j) {
    Column x = column();
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] += 3 + hidden[i];
      for (int m = 0; m < instruments; ++m) x[i] += (1 + (m == j) - 0.3 * m * j) * data.instruments[m][i];
      for (int m = 0; m < controls; ++m) x[i] += 0.5 * data.controls[m][i];
    }
    data.beliefs.push_back(x);
  }
  for (std::size_t i = 0; i < data.outcome.size(); ++i) {
    double& y = data.outcome[i];
    y *= 1 + (instruments > 0 ? std::abs(data.instruments[0][i]) : 0);
    y += hidden[i] - 2;
    for (int j = 0; j < beliefs; ++j) y += (j + 1) * data.beliefs[j][i];
    for (int m = 0; m < controls; ++m) y += (m - 1.5) * data.controls[m][i];
  }
  return data;
}

inline Codes random_codes(Index n, int count, std::uint64_t seed) {
  Random random(seed);
  return draws(n, [&]() { return random.below(count); });
}

inline Column random_column(Index n, std::uint64_t seed) {
  Random random(seed);
  return draws(n, [&]() { return random.normal(); });
}

inline miv::Source source_of(const Column& column) {
  miv::Source source;
  source.real = column.data();
  return source;
}

inline miv::Source source_of(const Codes& codes) {
  miv::Source source;
  source.integer = codes.data();
  return source;
}

inline miv::Atom atom_of(miv::AtomKind kind, int source, double value = 0) {
  miv::Atom atom;
  atom.kind = kind;
  atom.source = source;
  atom.value = value;
  return atom;
}

inline miv::Column numeric(int source) { return {{atom_of(miv::AtomKind::kNumeric, source)}}; }

// The data must outlive the design.
inline miv::Design design_of(const Data& data) {
  miv::Design design;
  const auto add_source = [&](const Column& column) {
    design.sources.push_back(source_of(column));
    return static_cast<int>(design.sources.size()) - 1;
  };
  const auto add = [&](const std::vector<Column>& columns) {
    for (const Column& column : columns) design.columns.push_back(numeric(add_source(column)));
    return static_cast<Index>(columns.size());
  };
  design.controls = add(data.controls);
  design.instruments = add(data.instruments);
  design.beliefs = add(data.beliefs);
  design.columns.push_back(numeric(add_source(data.outcome)));
  if (!data.weights.empty()) design.weights.source = add_source(data.weights);
  if (!data.groups.empty()) {
    design.groups = data.groups.data();
    design.n_groups = 1 + *std::max_element(data.groups.begin(), data.groups.end());
  }
  if (!data.kept.empty()) design.kept = data.kept.data();
  design.intercept = data.intercept;
  design.rows = data.rows();
  return design;
}

struct Fit {
  miv::Factor factor;
  miv::TslsFit fit;
  miv::ToUser user;
  VectorXd coefficients;  // kept constant and controls, beliefs; the user's units
  MatrixXd bread;
  double rss = 0, tss = 0;
  VectorXd beliefs() const { return coefficients.tail(static_cast<Index>(fit.beliefs.size())); }
  miv::Verdict verdict() const { return fit.verdict; }
};

inline miv::Workers workers(int threads) {
  miv::Workers out;
  out.threads = threads;
  return out;
}

inline Fit fit_design(const miv::Design& design, int threads = 1, bool wide = false) {
  miv::check_design(design);
  Fit out;
  out.factor = miv::factorise(design, VectorXd(), wide, workers(threads));
  out.fit = miv::solve_tsls(design, out.factor);
  if (out.fit.verdict != miv::Verdict::kOk) return out;
  out.user = miv::to_user(design, out.factor, out.fit);
  out.coefficients = out.user.map * out.fit.coefficients + out.user.offset;
  const double scale = out.factor.frame.scale[design.width() - 1];
  const Index k = out.coefficients.size();
  out.bread = miv::sandwich(out.fit, out.user, MatrixXd::Identity(k, k)) * scale * scale;
  out.rss = out.fit.rss / scale / scale;
  out.tss = out.fit.tss / scale / scale;
  return out;
}

inline Fit fit_data(const Data& data, int threads = 1) { return fit_design(design_of(data), threads); }

inline std::vector<MatrixXd> covariances(const miv::Design& design, const Fit& fit, const miv::MeatRequest& request, int threads = 1) {
  std::vector<MatrixXd> out;
  for (const MatrixXd& meat : miv::compute_meats(design, fit.factor, fit.fit, request, workers(threads)).second)
    out.push_back(miv::sandwich(fit.fit, fit.user, meat));
  return out;
}

inline MatrixXd covariance(const miv::Design& design, const Fit& fit, const miv::MeatRequest& request) {
  return covariances(design, fit, request)[0];
}

inline miv::MeatRequest over_rows(miv::RowWeight weight, bool heterogeneous = false) {
  miv::MeatRequest request;
  request.row_weight = weight;
  request.heterogeneous = heterogeneous;
  return request;
}

inline miv::Groups groups_of(const Codes& codes) {
  miv::Groups out;
  out.ids = codes.data();
  out.count = 1 + *std::max_element(codes.begin(), codes.end());
  return out;
}

inline miv::MeatRequest over_clusters(const Codes& clusters, bool heterogeneous = false) {
  miv::MeatRequest request = over_rows(miv::RowWeight::kNone, heterogeneous);
  request.clusters.push_back(groups_of(clusters));
  return request;
}

// Largest difference as a share of the largest number expected. Infinite where shapes differ or a value is missing.
inline double apart(const MatrixXd& got, const MatrixXd& expected) {
  if (got.rows() != expected.rows() || got.cols() != expected.cols() || !got.allFinite()) return kInfinity;
  if (got.size() == 0) return 0;
  const double size = expected.cwiseAbs().maxCoeff();
  return (got - expected).cwiseAbs().maxCoeff() / (size > 0 ? size : 1);
}

inline double apart(double got, double expected) { return apart(MatrixXd::Constant(1, 1, got), MatrixXd::Constant(1, 1, expected)); }

// Largest relative difference, number by number.
inline double each_apart(const MatrixXd& got, const MatrixXd& expected) {
  if (got.rows() != expected.rows() || got.cols() != expected.cols()) return kInfinity;
  double worst = 0;
  for (Index j = 0; j < got.cols(); ++j)
    for (Index i = 0; i < got.rows(); ++i) worst = std::max(worst, apart(got(i, j), expected(i, j)));
  return worst;
}

inline bool same_bits(const MatrixXd& a, const MatrixXd& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && std::equal(a.data(), a.data() + a.size(), b.data());
}

// Rows of the data in another order, or some of them, or some repeated.
inline Data take_rows(const Data& data, const std::vector<std::size_t>& rows) {
  const auto take = [&](const auto& from) {
    auto out = from;
    out.clear();
    for (const std::size_t row : rows)
      if (!from.empty()) out.push_back(from[row]);
    return out;
  };
  Data out = data;
  for (std::vector<Column>* columns : {&out.controls, &out.instruments, &out.beliefs})
    for (Column& column : *columns) column = take(column);
  out.outcome = take(data.outcome);
  out.weights = take(data.weights);
  out.groups = take(data.groups);
  out.clusters = take(data.clusters);
  out.kept = take(data.kept);
  return out;
}

template <class Change>
Column changed(Column column, const Change& change) {
  for (double& value : column) value = change(value);
  return column;
}

// Sizes around the tile and the chunk.
inline std::vector<Index> awkward_sizes() { return {1, 2, 255, 256, 257, 65535, 65536, 65537, 70000}; }

}  // namespace test

#endif

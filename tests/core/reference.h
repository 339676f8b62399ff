// The second implementation: normal equations in plain loops, every column dense, absorbed effects as dummies, in numbers of
// about 32 digits (a double and what it misses), so that it can judge the core's last digit on any machine.
#ifndef MIV_TESTS_REFERENCE_H
#define MIV_TESTS_REFERENCE_H

#include "support.h"

namespace test {

struct Twofold {
  double high = 0, low = 0;
  Twofold() = default;
  Twofold(double value) : high(value) {}  // NOLINT: numbers mix freely
  Twofold(double h, double l) : high(h), low(l) {}
};

inline Twofold normalised(double high, double low) {
  const double sum = high + low;
  return {sum, low - (sum - high)};
}

inline Twofold operator+(const Twofold& a, const Twofold& b) {
  const double sum = a.high + b.high, part = sum - a.high;
  const double missed = (a.high - (sum - part)) + (b.high - part);
  return normalised(sum, missed + (a.low + b.low));
}
inline Twofold operator-(const Twofold& a) { return {-a.high, -a.low}; }
inline Twofold operator-(const Twofold& a, const Twofold& b) { return a + -b; }
inline Twofold operator*(const Twofold& a, const Twofold& b) {
  const double product = a.high * b.high;
  return normalised(product, std::fma(a.high, b.high, -product) + (a.high * b.low + a.low * b.high));
}
inline Twofold operator/(const Twofold& a, const Twofold& b) {
  const double first = a.high / b.high;
  const Twofold left = a - b * first;
  const double second = left.high / b.high;
  return normalised(first, second) + Twofold((left - b * second).high / b.high);
}

struct Dense {
  Index rows = 0, columns = 0;
  std::vector<Twofold> values;
  Dense() = default;
  Dense(Index r, Index c) : rows(r), columns(c), values(static_cast<std::size_t>(r * c)) {}
  Twofold& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i + j * rows)]; }
  const Twofold& operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i + j * rows)]; }
};

inline Dense product(const Dense& a, const Dense& b) {
  Dense out(a.rows, b.columns);
  for (Index j = 0; j < b.columns; ++j)
    for (Index m = 0; m < a.columns; ++m)
      for (Index i = 0; i < a.rows; ++i) out(i, j) = out(i, j) + a(i, m) * b(m, j);
  return out;
}

inline Dense transposed(const Dense& a) {
  Dense out(a.columns, a.rows);
  for (Index j = 0; j < a.columns; ++j)
    for (Index i = 0; i < a.rows; ++i) out(j, i) = a(i, j);
  return out;
}

// a' diag(w) b
inline Dense crossed(const Dense& a, const std::vector<Twofold>& w, const Dense& b) {
  Dense out(a.columns, b.columns);
  for (Index j = 0; j < b.columns; ++j)
    for (Index m = 0; m < a.columns; ++m)
      for (Index i = 0; i < a.rows; ++i) out(m, j) = out(m, j) + a(i, m) * w[static_cast<std::size_t>(i)] * b(i, j);
  return out;
}

// a^{-1} b by elimination with row pivots.
inline Dense solved(Dense a, Dense b) {
  for (Index c = 0; c < a.columns; ++c) {
    Index best = c;
    for (Index i = c; i < a.rows; ++i)
      if (std::abs(a(i, c).high) > std::abs(a(best, c).high)) best = i;
    for (Index j = 0; j < a.columns; ++j) std::swap(a(c, j), a(best, j));
    for (Index j = 0; j < b.columns; ++j) std::swap(b(c, j), b(best, j));
    for (Index i = 0; i < a.rows; ++i) {
      if (i == c) continue;
      const Twofold factor = a(i, c) / a(c, c);
      for (Index j = c; j < a.columns; ++j) a(i, j) = a(i, j) - factor * a(c, j);
      for (Index j = 0; j < b.columns; ++j) b(i, j) = b(i, j) - factor * b(c, j);
    }
  }
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j) b(i, j) = b(i, j) / a(i, i);
  return b;
}

inline Dense identity(Index size) {
  Dense out(size, size);
  for (Index i = 0; i < size; ++i) out(i, i) = 1;
  return out;
}

inline MatrixXd rounded(const Dense& a) {
  MatrixXd out(a.rows, a.columns);
  for (Index j = 0; j < a.columns; ++j)
    for (Index i = 0; i < a.rows; ++i) out(i, j) = a(i, j).high;
  return out;
}

// v' m^{-1} v
inline double wald(const VectorXd& v, const MatrixXd& m) {
  Dense matrix(m.rows(), m.cols()), vector(v.size(), 1);
  for (Index j = 0; j < m.cols(); ++j)
    for (Index i = 0; i < m.rows(); ++i) matrix(i, j) = m(i, j);
  for (Index i = 0; i < v.size(); ++i) vector(i, 0) = v[i];
  return product(transposed(vector), solved(matrix, vector))(0, 0).high;
}

struct Reference {
  Index effects = 0;                                                          // dummies, which stand before everything else
  Dense beta, bread, fitted_beliefs, residual, projected_residual, x, first;  // first: (exogenous + instruments) x p
  std::vector<Twofold> weight;
  Codes clusters;
  VectorXd coefficients() const { return rounded(beta).bottomRows(beta.rows - effects); }
  MatrixXd without_effects(const Dense& m) const { return rounded(m).bottomRightCorner(m.rows - effects, m.columns - effects); }
  double rss() const {
    Twofold sum;
    for (Index i = 0; i < residual.rows; ++i) sum = sum + weight[static_cast<std::size_t>(i)] * residual(i, 0) * residual(i, 0);
    return sum.high;
  }
};

// Dummies or constant, then the columns given, over the kept rows.
inline Dense dense(const Data& data, const std::vector<Index>& rows, bool exogenous, const std::vector<const std::vector<Column>*>& parts) {
  Index width = 0, effects = 0;
  if (exogenous && !data.groups.empty()) effects = 1 + *std::max_element(data.groups.begin(), data.groups.end());
  if (exogenous && data.groups.empty() && data.intercept) effects = 1;
  for (const std::vector<Column>* part : parts) width += static_cast<Index>(part->size());
  Dense out(static_cast<Index>(rows.size()), effects + width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = static_cast<std::size_t>(rows[i]);
    const Index at = static_cast<Index>(i);
    if (effects > 0) out(at, data.groups.empty() ? 0 : data.groups[row]) = 1;
    Index j = effects;
    for (const std::vector<Column>* part : parts)
      for (const Column& column : *part) out(at, j++) = column[row];
  }
  return out;
}

inline Reference reference_fit(const Data& data) {
  std::vector<Index> rows;
  Reference out;
  for (Index i = 0; i < data.rows(); ++i) {
    const std::size_t row = static_cast<std::size_t>(i);
    if (!data.kept.empty() && !data.kept[row]) continue;
    rows.push_back(i);
    out.weight.push_back(data.weights.empty() ? 1.0 : data.weights[row]);
    if (!data.clusters.empty()) out.clusters.push_back(data.clusters[row]);
  }
  const std::vector<Column> outcome{data.outcome};
  if (!data.groups.empty()) out.effects = 1 + *std::max_element(data.groups.begin(), data.groups.end());
  const Dense z = dense(data, rows, true, {&data.controls, &data.instruments}), y = dense(data, rows, false, {&outcome});
  const Dense beliefs = dense(data, rows, false, {&data.beliefs});
  out.x = dense(data, rows, true, {&data.controls, &data.beliefs});
  const Dense zz = crossed(z, out.weight, z);
  out.first = solved(zz, crossed(z, out.weight, beliefs));
  out.fitted_beliefs = product(z, solved(zz, crossed(z, out.weight, out.x)));
  out.bread = solved(crossed(out.fitted_beliefs, out.weight, out.fitted_beliefs), identity(out.x.columns));
  out.beta = product(out.bread, crossed(out.fitted_beliefs, out.weight, y));
  out.residual = product(out.x, out.beta);
  for (Index i = 0; i < y.rows; ++i) out.residual(i, 0) = y(i, 0) - out.residual(i, 0);
  out.projected_residual = product(z, solved(zz, crossed(z, out.weight, out.residual)));
  return out;
}

// Least squares on constant and controls by orthogonalising each column twice: it squares nothing, so 32 digits are enough for
// columns that nearly span each other.
inline VectorXd careful_least_squares(const Data& data) {
  std::vector<Index> rows(data.outcome.size());
  std::iota(rows.begin(), rows.end(), 0);
  const std::vector<Column> outcome{data.outcome};
  Dense q = dense(data, rows, true, {&data.controls, &outcome});
  const Index k = q.columns - 1;
  Dense r(k, k + 1);
  const auto dot = [&](Index i, Index j) {
    Twofold sum;
    for (Index m = 0; m < q.rows; ++m) sum = sum + q(m, i) * q(m, j);
    return sum;
  };
  for (Index j = 0; j <= k; ++j) {
    for (int again = 0; again < 2; ++again)
      for (Index i = 0; i < j; ++i) {
        const Twofold along = dot(i, j) / dot(i, i);
        r(i, j) = r(i, j) + along;
        for (Index m = 0; m < q.rows; ++m) q(m, j) = q(m, j) - along * q(m, i);
      }
    if (j < k) r(j, j) = 1;
  }
  Dense beta(k, 1);
  for (Index j = k - 1; j >= 0; --j) {
    beta(j, 0) = r(j, k);
    for (Index m = j + 1; m < k; ++m) beta(j, 0) = beta(j, 0) - r(j, m) * beta(m, 0);
  }
  return rounded(beta);
}

// Score of row i, before any weight of its leverage.
inline std::vector<Twofold> score(const Reference& fit, Index i, bool heterogeneous) {
  std::vector<Twofold> out;
  for (Index j = 0; j < fit.x.columns; ++j) {
    Twofold s = fit.fitted_beliefs(i, j) * fit.residual(i, 0);
    if (heterogeneous) s = s + (fit.x(i, j) - fit.fitted_beliefs(i, j)) * fit.projected_residual(i, 0);
    out.push_back(s * fit.weight[static_cast<std::size_t>(i)]);
  }
  return out;
}

inline double leverage(const Reference& fit, Index i) {
  Twofold sum;
  for (Index j = 0; j < fit.x.columns; ++j)
    for (Index m = 0; m < fit.x.columns; ++m) sum = sum + fit.fitted_beliefs(i, j) * fit.bread(j, m) * fit.fitted_beliefs(i, m);
  return (sum * fit.weight[static_cast<std::size_t>(i)]).high;
}

// A double is enough for the weight of a row: its square root would need an iteration of its own.
inline double row_factor(const Reference& fit, Index i, miv::RowWeight weight) {
  if (weight == miv::RowWeight::kNone) return 1;
  const double left = 1 - leverage(fit, i);
  return weight == miv::RowWeight::kHc2 ? 1 / std::sqrt(left) : 1 / left;
}

// bread (sum over clusters, or rows, of scores' scores) bread, dummies left out. No small-sample factor.
inline MatrixXd reference_covariance(const Reference& fit, const miv::MeatRequest& request, bool by_cluster) {
  Index blocks = fit.x.rows;
  if (by_cluster) blocks = 1 + *std::max_element(fit.clusters.begin(), fit.clusters.end());
  Dense sums(blocks, fit.x.columns);
  for (Index i = 0; i < fit.x.rows; ++i) {
    const std::vector<Twofold> s = score(fit, i, request.heterogeneous);
    const double factor = row_factor(fit, i, request.row_weight);
    const Index block = by_cluster ? fit.clusters[static_cast<std::size_t>(i)] : i;
    for (Index j = 0; j < fit.x.columns; ++j) sums(block, j) = sums(block, j) + s[static_cast<std::size_t>(j)] * factor;
  }
  const Dense meat = product(transposed(sums), sums);
  return fit.without_effects(product(product(fit.bread, meat), fit.bread));
}

}  // namespace test

#endif

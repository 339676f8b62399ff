#include "least_squares.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/QR>

#include "parallel.h"

namespace miv {

namespace {

// Squared norms of the columns about their mean.
VectorXd centred_norms(const MatrixXd& cross, const DropRule& rule) {
  VectorXd norms = cross.diagonal();
  if (rule.constant && cross(0, 0) > 0)
    for (Index j = 1; j < norms.size(); ++j) norms[j] = std::max(0.0, norms[j] - cross(0, j) * cross(0, j) / cross(0, 0));
  return norms;
}

VectorXd centred_norms_of_root(const MatrixXd& a, const DropRule& rule) {
  VectorXd norms = a.colwise().squaredNorm();
  if (!rule.constant || !(norms[0] > 0)) return norms;
  const VectorXd first = a.col(0) / std::sqrt(norms[0]);
  for (Index j = 1; j < norms.size(); ++j) norms[j] = (a.col(j) - first * first.dot(a.col(j))).squaredNorm();
  return norms;
}

// Whether what is left of column j (squared norm) is nothing, given its centred squared norm.
bool is_spent(double left, double norm, Index j, const DropRule& rule) {
  const double noise = rule.noise.size() ? rule.noise[j] : 0.0;
  if (!(norm > noise * noise)) return true;
  const double reference = rule.reference.size() ? std::max(norm, rule.reference[j]) : norm;
  return !(left > rule.tolerance * rule.tolerance * reference);
}

void note_pivot(Triangle& triangle, Index j, double left, double norm, const DropRule& rule) {
  if (j < rule.constant || j >= rule.droppable) return;
  triangle.smallest_pivot = std::min(triangle.smallest_pivot, left / norm);
}

}  // namespace

Triangle cholesky_in_order(const MatrixXd& cross, const DropRule& rule) {
  const Index m = cross.rows();
  const VectorXd norms = centred_norms(cross, rule);
  Triangle out{MatrixXd::Zero(m, m), std::vector<bool>(static_cast<std::size_t>(m), true), 1};
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < j; ++i) {
      if (!out.kept[i] || out.r(i, i) == 0) continue;
      out.r(i, j) = (cross(i, j) - out.r.col(i).head(i).dot(out.r.col(j).head(i))) / out.r(i, i);
    }
    const double left = std::max(0.0, cross(j, j) - out.r.col(j).head(j).squaredNorm());
    if (j < rule.droppable && is_spent(left, norms[j], j, rule)) {
      out.kept[j] = false;
      // A column with nothing to start from was dropped for certain; any other may be rounding, so the rows are asked.
      const double noise = rule.noise.size() ? rule.noise[j] : 0.0;
      if (norms[j] > noise * noise) out.smallest_pivot = 0;
      continue;
    }
    note_pivot(out, j, left, norms[j], rule);
    out.r(j, j) = std::sqrt(left);
  }
  return out;
}

Triangle householder_in_order(MatrixXd a, const DropRule& rule) {
  const Index m = a.cols();
  const VectorXd norms = centred_norms_of_root(a, rule);
  if (a.rows() < m) {
    const Index rows = a.rows();
    a.conservativeResize(m, m);
    a.bottomRows(m - rows).setZero();
  }
  Triangle out{MatrixXd::Zero(m, m), std::vector<bool>(static_cast<std::size_t>(m), true), 1};
  Index row = 0;
  std::vector<Index> row_of(static_cast<std::size_t>(m), -1);
  for (Index j = 0; j < m; ++j) {
    const Index rest = a.rows() - row;
    const double left = rest > 0 ? a.col(j).tail(rest).squaredNorm() : 0.0;
    if (j < rule.droppable && is_spent(left, norms[j], j, rule)) {
      out.kept[j] = false;
      if (rest > 0) a.col(j).tail(rest).setZero();
      continue;
    }
    note_pivot(out, j, left, norms[j], rule);
    if (!(left > 0)) continue;  // a belief or outcome with nothing left keeps a zero on the diagonal
    VectorXd essential(rest - 1);
    double tau = 0, beta = 0;
    a.col(j).tail(rest).makeHouseholder(essential, tau, beta);
    VectorXd workspace(m);
    if (j + 1 < m) a.bottomRightCorner(rest, m - j - 1).applyHouseholderOnTheLeft(essential, tau, workspace.data());
    a(row, j) = beta;
    if (rest > 1) a.col(j).tail(rest - 1).setZero();
    row_of[static_cast<std::size_t>(j)] = row++;
  }
  for (Index j = 0; j < m; ++j) {
    if (row_of[static_cast<std::size_t>(j)] < 0) continue;
    const Index from = row_of[static_cast<std::size_t>(j)];
    const double sign = a(from, j) < 0 ? -1.0 : 1.0;
    out.r.row(j).tail(m - j) = sign * a.row(from).tail(m - j);
  }
  return out;
}

namespace {

constexpr Index kStackRows = 4 * kTileRows;

// Triangle of [root; rows]. Rows of the stack below `used` are 0.
MatrixXd fold(const MatrixXd& root, const MatrixXd& stack, Index used) {
  MatrixXd both(root.rows() + used, stack.cols());
  both.topRows(root.rows()) = root;
  both.bottomRows(used) = stack.topRows(used);
  const Index rows = std::min(both.rows(), both.cols());
  const Eigen::HouseholderQR<MatrixXd> qr(both);
  return qr.matrixQR().topRows(rows).triangularView<Eigen::Upper>();
}

MatrixXd root_of_chunk(const Design& design, const Frame& frame, Rows rows) {
  const Index total = design.total();
  TileReader reader(design, frame);
  MatrixXd root(0, total), stack(kStackRows, total);
  Index used = 0;
  for (Index row = rows.first; row < rows.last; row += kTileRows) {
    const Tile& tile = reader.read(row, std::min(rows.last, row + kTileRows));
    for (Index j = 0; j < total; ++j)
      std::copy_n(tile.values.begin() + j * kTileRows, tile.used, stack.col(j).data() + used);
    used += tile.used;
    if (used + kTileRows <= kStackRows) continue;
    root = fold(root, stack, used);
    used = 0;
  }
  return used > 0 ? fold(root, stack, used) : root;
}

// `weight` is the total of the weights (rows, where there are none), on which rounding of the shifts grows.
DropRule drop_rule(const Design& design, const Frame& frame, double weight, const VectorXd& reference) {
  DropRule rule;
  rule.constant = design.constant();
  rule.droppable = rule.constant + design.controls + design.instruments;
  rule.noise = VectorXd::Zero(design.total());
  const double rounding = 4 * std::numeric_limits<double>::epsilon() * std::sqrt(weight);
  if (design.constant())
    rule.noise.tail(design.width()) = rounding * frame.shift.cwiseProduct(frame.scale).cwiseAbs();
  if (reference.size() == 0) return rule;
  rule.reference = VectorXd::Zero(design.total());
  rule.reference.tail(design.width()) = reference.cwiseProduct(frame.scale.cwiseAbs2());
  return rule;
}

// A belief or the outcome is explained so well that what is left of it would be the difference of two nearly equal numbers:
// a belief by the controls, the outcome by everything before it.
bool is_nearly_perfect(const Triangle& triangle, const MatrixXd& cross, const Design& design, const DropRule& rule) {
  constexpr double kPerfect = 1e-4;  // NIST Norris (6e-6) keeps twelve digits of its standard errors by this
  const VectorXd norms = centred_norms(cross, rule);
  const Index y = triangle.r.cols() - 1, controls = rule.constant + design.controls;
  for (Index j = rule.droppable; j < y; ++j)
    if (triangle.r.col(j).segment(controls, j - controls + 1).squaredNorm() < kPerfect * norms[j]) return true;
  return triangle.r(y, y) * triangle.r(y, y) < kPerfect * norms[y];
}

}  // namespace

MatrixXd root_of_rows(const Design& design, const Frame& frame, const Workers& workers) {
  MatrixXd root(0, design.total());
  for_chunks<MatrixXd>(design.rows, kChunkRows, design.total() * design.total(), workers,
    [&](Rows rows) { return root_of_chunk(design, frame, rows); },
    [&](const MatrixXd& part) {
      if (part.rows() > 0) root = root.rows() == 0 ? part : fold(root, part, part.rows());
    });
  return root;
}

Factor factorise(const Design& design, const VectorXd& reference, bool wide, const Workers& workers, const MakeMoments& make) {
  Factor out;
  out.frame = wide ? full_frame(design) : sample_frame(design);
  VectorXd before = reference;
  if (design.groups) {
    const VectorXd spread = absorb_groups(design, out.frame, workers);
    if (before.size() == 0) before = spread.cwiseQuotient(out.frame.scale.cwiseAbs2());
  }
  Moments moments = make(design, out.frame, workers);
  out.n = moments.n;
  out.finite = moments.finite();
  if (!out.finite || out.n == 0) return out;
  if (recentre(design, moments, out.frame)) moments = make(design, out.frame, workers);
  const double weight = design.constant() ? moments.cross(0, 0) : 0.0;
  const DropRule rule = drop_rule(design, out.frame, weight, before);
  out.reference = rule.reference;
  out.triangle = cholesky_in_order(moments.cross, rule);
  if (out.triangle.smallest_pivot > kCrossProductFloor && !is_nearly_perfect(out.triangle, moments.cross, design, rule)) return out;
  out.path = Path::kHouseholder;
  standardise(design, moments, out.frame);
  const DropRule unit_rule = drop_rule(design, out.frame, weight, before);
  out.reference = unit_rule.reference;
  out.triangle = householder_in_order(root_of_rows(design, out.frame, workers), unit_rule);
  return out;
}

}  // namespace miv

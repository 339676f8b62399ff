#include "tsls.h"

#include <algorithm>
#include <cmath>

#include <Eigen/QR>

namespace miv {

namespace {

MatrixXd pick(const MatrixXd& m, const std::vector<Index>& rows, const std::vector<Index>& columns) {
  MatrixXd out(static_cast<Index>(rows.size()), static_cast<Index>(columns.size()));
  for (std::size_t j = 0; j < columns.size(); ++j)
    for (std::size_t i = 0; i < rows.size(); ++i) out(static_cast<Index>(i), static_cast<Index>(j)) = m(rows[i], columns[j]);
  return out;
}

std::vector<Index> kept_between(const Triangle& triangle, Index from, Index to) {
  std::vector<Index> out;
  for (Index j = from; j < to; ++j)
    if (triangle.kept[static_cast<std::size_t>(j)]) out.push_back(j);
  return out;
}

std::vector<Index> range(Index from, Index to) {
  std::vector<Index> out;
  for (Index j = from; j < to; ++j) out.push_back(j);
  return out;
}

// Each belief must have something left net of the controls, and the instruments must move it net of the beliefs before it.
void check_beliefs(const Factor& factor, Index constant, TslsFit& fit) {
  const Triangle& triangle = factor.triangle;
  const double tolerance = kRankTolerance;
  const Index p = static_cast<Index>(fit.beliefs.size()), c = triangle.r.cols();
  for (Index j = 0; j < p; ++j) {
    const Index column = fit.beliefs[static_cast<std::size_t>(j)];
    const double centred = triangle.r.col(column).tail(c - constant).norm();
    const double net = std::sqrt(fit.first_direction.col(j).squaredNorm() + triangle.r.col(column).tail(c - fit.beliefs[0]).squaredNorm());
    const double before = factor.reference.size() ? std::sqrt(factor.reference[column]) : 0.0;
    if (!(net > tolerance * std::max(centred, before))) {
      fit.verdict = Verdict::kBeliefSpanned;
      fit.culprit = j;
      return;
    }
    VectorXd left = fit.first_direction.col(j);
    if (j > 0) {
      const Eigen::HouseholderQR<MatrixXd> before(fit.first_direction.leftCols(j));
      const MatrixXd q = before.householderQ() * MatrixXd::Identity(left.size(), j);
      left -= q * (q.transpose() * left);
    }
    if (!(left.norm() > tolerance * net)) {
      fit.verdict = Verdict::kNotIdentified;
      fit.culprit = j;
      return;
    }
  }
}

}  // namespace

TslsFit solve_tsls(const Design& design, const Factor& factor) {
  TslsFit fit;
  if (!factor.finite) return fit.verdict = Verdict::kNotFinite, fit;
  if (factor.n == 0) return fit.verdict = Verdict::kNoRows, fit;
  const Triangle& triangle = factor.triangle;
  const MatrixXd& r = triangle.r;
  const Index exogenous = design.constant() + design.controls, first_belief = exogenous + design.instruments, y = r.cols() - 1;
  fit.exogenous = kept_between(triangle, 0, exogenous);
  fit.instruments = kept_between(triangle, exogenous, first_belief);
  fit.beliefs = range(first_belief, first_belief + design.beliefs);
  const Index w = static_cast<Index>(fit.exogenous.size()), l = static_cast<Index>(fit.instruments.size()), p = design.beliefs;
  if (l < p) return fit.verdict = Verdict::kTooFewInstruments, fit;
  if (factor.n <= w + std::max(l, p)) return fit.verdict = Verdict::kTooFewRows, fit;
  const std::vector<Index> outcome{y};
  fit.first_direction = pick(r, fit.instruments, fit.beliefs);
  if (p > 0) check_beliefs(factor, design.constant(), fit);
  if (fit.verdict != Verdict::kOk) return fit;

  const MatrixXd rww = pick(r, fit.exogenous, fit.exogenous), rwx = pick(r, fit.exogenous, fit.beliefs);
  const VectorXd rwy = pick(r, fit.exogenous, outcome), rzy = pick(r, fit.instruments, outcome);
  VectorXd beta(p);
  MatrixXd t(p, p);
  if (p > 0) {
    const Eigen::HouseholderQR<MatrixXd> qr(fit.first_direction);
    fit.rotation = qr.householderQ() * MatrixXd::Identity(l, p);
    t = qr.matrixQR().topRows(p).triangularView<Eigen::Upper>();
    beta = t.triangularView<Eigen::Upper>().solve(fit.rotation.transpose() * rzy);
  } else {
    fit.rotation.resize(l, 0);
  }
  fit.coefficients.resize(w + p);
  fit.coefficients.tail(p) = beta;
  VectorXd rest = rwy;
  if (p > 0) rest -= rwx * beta;
  if (w > 0) fit.coefficients.head(w) = rww.triangularView<Eigen::Upper>().solve(rest);
  fit.root = MatrixXd::Zero(w + p, w + p);
  fit.root.topLeftCorner(w, w) = rww;
  if (p > 0) {
    fit.root.topRightCorner(w, p) = rwx;
    fit.root.bottomRightCorner(p, p) = t;
  }
  // Residual: what the rows of instruments, beliefs and outcome hold of y - X beta (the rows of controls are solved to 0).
  VectorXd residual = r.col(y);
  for (Index j = 0; j < p; ++j) residual -= r.col(fit.beliefs[static_cast<std::size_t>(j)]) * beta[j];
  for (const Index row : fit.exogenous) residual[row] = 0;
  fit.rss = residual.squaredNorm();
  fit.tss = r.col(y).tail(r.rows() - design.constant()).squaredNorm();
  const double before = factor.reference.size() ? factor.reference[y] : 0.0;  // an absorbed outcome leaves rounding, not 0
  if (!(fit.tss > kRankTolerance * kRankTolerance * before)) fit.verdict = Verdict::kConstantOutcome;
  fit.first_rss.resize(p);
  for (Index j = 0; j < p; ++j)
    fit.first_rss[j] = r.col(fit.beliefs[static_cast<std::size_t>(j)]).tail(r.rows() - first_belief).squaredNorm();
  return fit;
}

ToUser to_user(const Design& design, const Factor& factor, const TslsFit& fit) {
  const Index w = static_cast<Index>(fit.exogenous.size()), p = static_cast<Index>(fit.beliefs.size()), k = w + p;
  const double outcome_scale = factor.frame.scale[design.width() - 1], outcome_shift = factor.frame.shift[design.width() - 1];
  ToUser out{MatrixXd::Zero(k, k), VectorXd::Zero(k)};
  const bool constant = design.constant() && w > 0;
  for (Index j = 0; j < k; ++j) {
    const Index column = (j < w ? fit.exogenous[static_cast<std::size_t>(j)] : fit.beliefs[static_cast<std::size_t>(j - w)]) - design.constant();
    if (column < 0) continue;
    out.map(j, j) = factor.frame.scale[column] / outcome_scale;
    if (constant) out.map(0, j) = -factor.frame.shift[column] * out.map(j, j);
  }
  if (constant) {
    out.map(0, 0) = 1 / outcome_scale;
    out.offset[0] = outcome_shift;
  }
  return out;
}

MatrixXd first_stage_coefficients(const Design& design, const Factor& factor, const TslsFit& fit) {
  std::vector<Index> all = fit.exogenous;
  all.insert(all.end(), fit.instruments.begin(), fit.instruments.end());
  const Index a = static_cast<Index>(all.size()), p = static_cast<Index>(fit.beliefs.size());
  MatrixXd out = MatrixXd::Zero(a, p);
  if (a == 0 || p == 0) return out;
  const MatrixXd raa = pick(factor.triangle.r, all, all);
  out = raa.triangularView<Eigen::Upper>().solve(pick(factor.triangle.r, all, fit.beliefs));
  const bool constant = design.constant() && all[0] == 0;
  for (Index j = 0; j < p; ++j) {
    const Index belief = fit.beliefs[static_cast<std::size_t>(j)] - design.constant();
    double level = factor.frame.shift[belief];
    for (Index i = 0; i < a; ++i) {
      const Index column = all[static_cast<std::size_t>(i)] - design.constant();
      out(i, j) *= (column < 0 ? 1.0 : factor.frame.scale[column]) / factor.frame.scale[belief];
      level += column < 0 ? out(i, j) : -out(i, j) * factor.frame.shift[column];
    }
    if (constant) out(0, j) = level;
  }
  return out;
}

MatrixXd instruments_on_controls(const Design& design, const Factor& factor, const TslsFit& fit) {
  const MatrixXd rww = pick(factor.triangle.r, fit.exogenous, fit.exogenous);
  MatrixXd out = pick(factor.triangle.r, fit.exogenous, fit.instruments);
  if (out.size() == 0) return out;
  rww.triangularView<Eigen::Upper>().solveInPlace(out);
  const auto scale = [&](Index column) { return column < design.constant() ? 1.0 : factor.frame.scale[column - design.constant()]; };
  for (Index j = 0; j < out.cols(); ++j)
    for (Index i = 0; i < out.rows(); ++i)
      out(i, j) *= scale(fit.exogenous[static_cast<std::size_t>(i)]) / scale(fit.instruments[static_cast<std::size_t>(j)]);
  return out;
}

}  // namespace miv

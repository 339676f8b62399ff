// One pass gives every cluster's cross-products; after it nothing has length n. With x the regressors in orthonormal coordinates and
// U = x (no weights) or [x, Wx], the covariance that equal variances leave in a cluster's residuals is I + U K U', so its inverse root is
// I + U F U' with F made from U'U alone.
#include "cluster_adjust.h"

#include <cmath>
#include <memory>

#include <Eigen/Eigenvalues>

#include "blocks.h"
#include "parallel.h"

namespace miv {

namespace {

using Solver = Eigen::SelfAdjointEigenSolver<MatrixXd>;

// A cluster's sums of products times its rows' weights to the power 0, 1, 2 (without weights the three are one).
struct Sums {
  MatrixXd gram[3];   // d x d, of the regressors
  MatrixXd cross[3];  // d x (p + 1), with what is left of beliefs and outcome
};

// What every cluster shares. `weighted`: weights count beyond their roots on the rows.
struct Setting {
  Orthonormal rows;
  bool weighted = false;
  MatrixXd turn;      // d x k: from the first stage's basis to the second's regressors
  VectorXd slopes;    // p
  VectorXd projected; // d: residual on the basis
  MatrixXd net_root_inverse;
  MatrixXd user;      // k x k: the coefficients, as columns, in orthonormal coordinates
  MatrixXd shared;    // k x k: sum of w^2 x x'
  Index powers() const { return weighted ? 3 : 1; }
  Index per_power() const { return rows.basis() * (rows.basis() + 1) / 2 + rows.basis() * (rows.beliefs + 1); }
};

MatrixXd turn_of(const TslsFit& fit, const Orthonormal& rows) {
  MatrixXd out = MatrixXd::Zero(rows.basis(), rows.exogenous + rows.beliefs);
  out.topLeftCorner(rows.exogenous, rows.exogenous).setIdentity();
  out.bottomRightCorner(rows.instruments, rows.beliefs) = fit.rotation;
  return out;
}

VectorXd projected_of(const Orthonormal& rows, const VectorXd& slopes) {
  if (rows.instruments == rows.beliefs) return VectorXd::Zero(rows.basis());
  VectorXd out = rows.on_basis.col(rows.beliefs) - rows.on_basis.leftCols(rows.beliefs) * slopes;
  out.head(rows.exogenous).setZero();
  return out;
}

MatrixXd inverse_root(const MatrixXd& root) {
  return root.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(root.rows(), root.cols()));
}

Setting setting_of(const Design& design, const Factor& factor, const TslsFit& fit, const ToUser& user, Adjustment kind) {
  Setting out;
  out.rows = orthonormal_rows(design, factor, fit);
  out.weighted = kind == Adjustment::kCr2 && design.weights.source >= 0;
  out.turn = turn_of(fit, out.rows);
  out.slopes = fit.coefficients.tail(out.rows.beliefs);
  out.projected = projected_of(out.rows, out.slopes);
  out.net_root_inverse = inverse_root(fit.root.bottomRightCorner(out.rows.beliefs, out.rows.beliefs)).transpose();
  out.user = (user.map * inverse_root(fit.root)).transpose();
  return out;
}

// ---- the pass over the rows ----

void product_columns(const double* columns, Index d, Index width, const double* factor, double*& out) {
  for (Index j = 0; j < d; ++j)
    for (Index c = j; c < width; ++c, out += kTileRows)
      for (Index i = 0; i < kTileRows; ++i) out[i] = columns[j * kTileRows + i] * columns[c * kTileRows + i] * factor[i];
}

// Rows carry the root of their weight, so their products carry power 1.
void power_factor(const Tile& tile, Index power, double* out) {
  for (Index i = 0; i < kTileRows; ++i) {
    const double w = i < tile.used ? tile.root_weight[static_cast<std::size_t>(i)] * tile.root_weight[static_cast<std::size_t>(i)] : 1.0;
    out[i] = power == 0 ? 1 / w : power == 2 ? w : 1.0;
  }
}

MatrixXd packed_sums(const Design& design, const Factor& factor, const Setting& setting, const Groups& clusters, const Workers& workers) {
  const Orthonormal& rows = setting.rows;
  const MakeFill make_fill = [&]() -> FillTile {
    auto columns = std::make_shared<Buffer>(static_cast<std::size_t>(kTileRows * rows.width()));
    return [columns, &rows, &setting](const Tile& tile, double* out) {
      combine(tile.values.data(), rows.to_row.rows(), rows.to_row.data(), rows.width(), rows.to_row.rows(), columns->data());
      Buffer factors(static_cast<std::size_t>(kTileRows), 1.0);
      for (Index m = 0; m < setting.powers(); ++m) {
        if (setting.weighted) power_factor(tile, m, factors.data());
        product_columns(columns->data(), rows.basis(), rows.width(), factors.data(), out);
      }
    };
  };
  return sum_by_group(design, factor.frame, {clusters}, setting.powers() * setting.per_power(), make_fill, workers)[0];
}

Sums unpack(const MatrixXd& packed, Index cluster, const Setting& setting) {
  const Index d = setting.rows.basis(), width = setting.rows.width();
  Sums out;
  Index at = 0;
  for (Index m = 0; m < setting.powers(); ++m) {
    MatrixXd& gram = out.gram[m] = MatrixXd(d, d);
    MatrixXd& cross = out.cross[m] = MatrixXd(d, width - d);
    for (Index j = 0; j < d; ++j)
      for (Index c = j; c < width; ++c, ++at) {
        if (c < d) gram(j, c) = gram(c, j) = packed(cluster, at);
        else cross(j, c - d) = packed(cluster, at);
      }
  }
  return out;
}

Sums turned(const Sums& sums, const Setting& setting) {
  Sums out;
  for (Index m = 0; m < setting.powers(); ++m) {
    out.gram[m] = setting.turn.transpose() * sums.gram[m] * setting.turn;
    out.cross[m] = setting.turn.transpose() * sums.cross[m];
  }
  return out;
}

// Sum of w^2 x x'.
MatrixXd shared_square(const MatrixXd& packed, const Setting& setting) {
  const MatrixXd total = packed.colwise().sum();
  return turned(unpack(total, 0, setting), setting).gram[2];
}

// ---- the adjustment of one cluster ----

// U = [x, (w - centre) x] where weights count, else x. `with_x` is U'Wx; U'Wr for other columns r goes the same way.
struct Shape {
  MatrixXd gram, f, with_x;
  double centre = 0;
};

VectorXd power_of(const VectorXd& left, Adjustment kind) {
  return left.unaryExpr([kind](double v) { return v < kLeverageTolerance ? 0.0 : kind == Adjustment::kCr3 ? 1 / v : 1 / std::sqrt(v); });
}

// ((1 - h)^p - 1) / h at the eigenvalues h of U'U, without its cancellation near 0.
Shape plain_shape(const Sums& sums, Adjustment kind) {
  const Solver solver(sums.gram[0]);
  const VectorXd values = solver.eigenvalues().unaryExpr([kind](double h) {
    const double left = 1 - h, root = std::sqrt(std::max(left, 0.0));
    if (left < kLeverageTolerance) return -1 / h;
    return kind == Adjustment::kCr3 ? 1 / left : 1 / (root * (1 + root));
  });
  return {sums.gram[0], solver.eigenvectors() * values.asDiagonal() * solver.eigenvectors().transpose(), sums.gram[0], 0};
}

// Rows of sums of powers m and m + 1 as U' times the columns they are of.
MatrixXd stack(const MatrixXd& lower, const MatrixXd& higher, double centre) {
  MatrixXd out(2 * lower.rows(), lower.cols());
  out.topRows(lower.rows()) = lower;
  out.bottomRows(lower.rows()) = higher - centre * lower;
  return out;
}

// U = Z R with Z orthonormal: columns are brought to unit length, and directions that rounding made are left out.
struct Thin {
  MatrixXd r, back;  // Z = U back
};
Thin thin_of(const MatrixXd& gram, const VectorXd& floor) {
  const VectorXd size = gram.diagonal().cwiseMax(0).cwiseSqrt();
  const VectorXd inverse = (size.array() > floor.array()).select(size.cwiseInverse(), 0.0);
  const Solver solver(MatrixXd(inverse.asDiagonal() * gram * inverse.asDiagonal()));
  Index kept = 0;
  while (kept < gram.rows() && solver.eigenvalues()[gram.rows() - 1 - kept] > 1e-13 * gram.rows()) ++kept;
  const MatrixXd vectors = solver.eigenvectors().rightCols(kept);
  const VectorXd root = solver.eigenvalues().tail(kept).cwiseSqrt();
  return {root.asDiagonal() * vectors.transpose() * size.asDiagonal(), inverse.asDiagonal() * vectors * root.cwiseInverse().asDiagonal()};
}

Shape weighted_shape(const Sums& sums, const MatrixXd& shared, Adjustment kind) {
  const Index k = shared.rows();
  const double centre = sums.gram[0].trace() > 0 ? sums.gram[1].trace() / sums.gram[0].trace() : 0;
  MatrixXd gram(2 * k, 2 * k);
  gram.leftCols(k) = stack(sums.gram[0], sums.gram[1], centre);
  gram.topRightCorner(k, k) = gram.bottomLeftCorner(k, k).transpose();
  gram.bottomRightCorner(k, k) = sums.gram[2] - 2 * centre * sums.gram[1] + centre * centre * sums.gram[0];
  MatrixXd middle = MatrixXd::Zero(2 * k, 2 * k);
  middle.topLeftCorner(k, k) = shared - 2 * centre * MatrixXd::Identity(k, k);
  middle.topRightCorner(k, k) = middle.bottomLeftCorner(k, k) = -MatrixXd::Identity(k, k);
  VectorXd floor(2 * k);
  floor.head(k) = VectorXd::Zero(k);
  floor.tail(k) = 1e-7 * std::abs(centre) * gram.diagonal().head(k).cwiseMax(0).cwiseSqrt();
  const Thin thin = thin_of(gram, floor);
  const Index rank = thin.r.rows();
  const Solver inner(MatrixXd(MatrixXd::Identity(rank, rank) + thin.r * middle * thin.r.transpose()));
  const VectorXd change = power_of(inner.eigenvalues(), kind).array() - 1;
  const MatrixXd half = thin.back * inner.eigenvectors();
  return {gram, half * change.asDiagonal() * half.transpose(), stack(sums.gram[1], sums.gram[2], centre), centre};
}

Shape shape_of(const Sums& sums, const Setting& setting, const MatrixXd& shared, Adjustment kind) {
  return setting.weighted ? weighted_shape(sums, shared, kind) : plain_shape(sums, kind);
}

// x'W (I + U F U') r, given the sums of products of x and r.
MatrixXd adjusted_score(const Shape& shape, const MatrixXd* cross, bool weighted) {
  if (!weighted) return cross[0] + shape.with_x.transpose() * (shape.f * cross[0]);
  return cross[1] + shape.with_x.transpose() * (shape.f * stack(cross[0], cross[1], shape.centre));
}

// ---- scores ----

// d x 1: sums of products of the basis and the residual, from those with what is left of beliefs and outcome.
MatrixXd with_residual(const Sums& sums, Index power, const Setting& setting) {
  const Index p = setting.rows.beliefs;
  return sums.cross[power].col(p) - sums.cross[power].leftCols(p) * setting.slopes + sums.gram[power] * setting.projected;
}

// v'W (I + U F U') P_Z e, v the beliefs less their first stages, in the coordinates of the beliefs' regressors.
VectorXd heterogeneous_part(const Shape& shape, const Sums& sums, const Setting& setting) {
  const Index p = setting.rows.beliefs, plain = setting.weighted ? 1 : 0;
  const auto left = [&](Index m) -> MatrixXd { return setting.turn.transpose() * sums.cross[m].leftCols(p); };
  const auto right = [&](Index m) -> MatrixXd { return setting.turn.transpose() * (sums.gram[m] * setting.projected); };
  const MatrixXd with_v = setting.weighted ? stack(left(1), left(2), shape.centre) : left(0);
  const MatrixXd with_fitted = setting.weighted ? stack(right(0), right(1), shape.centre) : right(0);
  const VectorXd direct = sums.cross[plain].leftCols(p).transpose() * setting.projected;
  return setting.net_root_inverse * (direct + with_v.transpose() * (shape.f * with_fitted));
}

VectorXd second_score(const Shape& shape, const Sums& sums, const Setting& setting, bool heterogeneous) {
  MatrixXd cross[3];
  for (Index m = 0; m < setting.powers(); ++m) cross[m] = setting.turn.transpose() * with_residual(sums, m, setting);
  VectorXd out = adjusted_score(shape, cross, setting.weighted);
  if (heterogeneous && setting.rows.instruments > setting.rows.beliefs) out.tail(setting.rows.beliefs) += heterogeneous_part(shape, sums, setting);
  return out;
}

// l x p.
MatrixXd first_scores(const Sums& sums, const Setting& setting, const MatrixXd& shared, Adjustment kind) {
  const Shape shape = shape_of(sums, setting, shared, kind);
  return adjusted_score(shape, sums.cross, setting.weighted).bottomRows(setting.rows.instruments).leftCols(setting.rows.beliefs);
}

// ---- degrees of freedom ----

// With p_g the weights of coefficient c on the residuals of cluster g and t_g = U'p_g, the variance estimate is a quadratic form with
// matrix P_gh = [g = h] p_g'p_g + t_g' K t_h; trace and squared norm of P need sums over clusters only.
struct Forms {
  VectorXd trace, square;      // k
  std::vector<MatrixXd> gram;  // by coefficient: sum of t t'
};

MatrixXd middle_of(const Setting& setting) {
  const Index k = setting.user.rows();
  if (!setting.weighted) return -MatrixXd::Identity(k, k);
  MatrixXd out = MatrixXd::Zero(2 * k, 2 * k);
  out.topLeftCorner(k, k) = setting.shared;
  out.topRightCorner(k, k) = out.bottomLeftCorner(k, k) = -MatrixXd::Identity(k, k);
  return out;
}

void add_forms(const Shape& shape, const Sums& sums, const Setting& setting, const MatrixXd& middle, Forms& forms) {
  const Index k = setting.user.rows();
  const MatrixXd u = shape.with_x * setting.user, f = shape.f * u, gram_f = shape.gram * f;
  const MatrixXd plain = setting.user.transpose() * sums.gram[setting.weighted ? 2 : 0];
  MatrixXd t = u + gram_f;
  if (setting.weighted) t.bottomRows(k) += shape.centre * t.topRows(k);
  const MatrixXd middle_t = middle * t;
  for (Index c = 0; c < k; ++c) {
    const double own = plain.row(c).dot(setting.user.col(c)) + 2 * u.col(c).dot(f.col(c)) + f.col(c).dot(gram_f.col(c));
    const double form = t.col(c).dot(middle_t.col(c));
    forms.trace[c] += own + form;
    forms.square[c] += own * own + 2 * own * form;
    forms.gram[static_cast<std::size_t>(c)].noalias() += t.col(c) * t.col(c).transpose();
  }
}

VectorXd degrees_of_freedom(const Forms& forms, const MatrixXd& middle) {
  VectorXd out(forms.trace.size());
  for (Index c = 0; c < out.size(); ++c) {
    const MatrixXd product = middle * forms.gram[static_cast<std::size_t>(c)];
    out[c] = forms.trace[c] * forms.trace[c] / (forms.square[c] + (product.transpose().cwiseProduct(product)).sum());
  }
  return out;
}

// ---- over clusters ----

struct Part {
  MatrixXd second;
  std::vector<MatrixXd> first;
  Forms forms;
};

Part zero_part(const Setting& setting, bool with_forms) {
  const Index k = setting.turn.cols(), l = setting.rows.instruments, u = setting.weighted ? 2 * k : k;
  Part out{MatrixXd::Zero(k, k), std::vector<MatrixXd>(static_cast<std::size_t>(setting.rows.beliefs), MatrixXd::Zero(l, l)), {}};
  if (with_forms) out.forms = {VectorXd::Zero(k), VectorXd::Zero(k), std::vector<MatrixXd>(static_cast<std::size_t>(k), MatrixXd::Zero(u, u))};
  return out;
}

void add_part(const Part& part, Part& sum) {
  sum.second += part.second;
  for (std::size_t j = 0; j < sum.first.size(); ++j) sum.first[j] += part.first[j];
  if (sum.forms.gram.empty()) return;
  sum.forms.trace += part.forms.trace;
  sum.forms.square += part.forms.square;
  for (std::size_t c = 0; c < sum.forms.gram.size(); ++c) sum.forms.gram[c] += part.forms.gram[c];
}

void add_cluster(const Sums& sums, const Setting& setting, const MatrixXd& first_shared, const MatrixXd& middle, const AdjustRequest& request, Part& part) {
  const Sums second = turned(sums, setting);
  const Shape shape = shape_of(second, setting, setting.shared, request.kind);
  const VectorXd score = second_score(shape, sums, setting, request.heterogeneous);
  part.second += score * score.transpose();
  if (request.kind == Adjustment::kCr2) add_forms(shape, second, setting, middle, part.forms);
  if (setting.rows.beliefs == 0) return;
  const MatrixXd first = first_scores(sums, setting, first_shared, request.kind);
  for (Index j = 0; j < first.cols(); ++j) part.first[static_cast<std::size_t>(j)] += first.col(j) * first.col(j).transpose();
}

constexpr Index kClustersAtOnce = 256;

}  // namespace

AdjustedMeats adjusted_meats(const Design& design, const Factor& factor, const TslsFit& fit, const ToUser& user, const AdjustRequest& request,
                             const Workers& workers) {
  Setting setting = setting_of(design, factor, fit, user, request.kind);
  const MatrixXd packed = packed_sums(design, factor, setting, request.clusters, workers);
  MatrixXd first_shared;
  if (setting.weighted) {
    setting.shared = shared_square(packed, setting);
    first_shared = unpack(packed.colwise().sum(), 0, setting).gram[2];
  }
  const bool with_forms = request.kind == Adjustment::kCr2;
  const MatrixXd middle = middle_of(setting);
  Part sum = zero_part(setting, with_forms);
  const Index size = with_forms ? setting.turn.cols() * middle.size() : sum.second.size();
  for_chunks<Part>(request.clusters.count, kClustersAtOnce, size, workers,
    [&](Rows range) {
      Part part = zero_part(setting, with_forms);
      for (Index g = range.first; g < range.last; ++g) add_cluster(unpack(packed, g, setting), setting, first_shared, middle, request, part);
      return part;
    },
    [&](const Part& part) { add_part(part, sum); });
  return {sum.second, sum.first, with_forms ? degrees_of_freedom(sum.forms, middle) : VectorXd()};
}

}  // namespace miv

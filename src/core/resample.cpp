#include "resample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "parallel.h"
#include "require.h"

namespace miv {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Where blocks come from: kept, or made when asked for.
class BlockSource {
 public:
  BlockSource(const Design& design, const Factor& factor, const Orthonormal& rows, const Groups& clusters, bool by_group, const Workers& workers, const FrameBlocks& taken)
      : rows_(rows) {
    if (!taken.values.empty() && factor.path == Path::kCrossProducts) {
      blocks_ = std::make_unique<Blocks>(turn_blocks(taken, rows, workers));
    } else if (clusters.ids && !by_group && keeps_blocks(clusters.count, rows.basis(), rows.width())) {
      blocks_ = std::make_unique<Blocks>(cluster_blocks(design, factor, rows, clusters, workers));
    } else {
      stream_ = std::make_unique<BlockStream>(design, factor, rows, clusters, by_group);
    }
  }
  Index items() const { return blocks_ ? blocks_->units : stream_->items(); }
  Index stride() const { return blocks_ ? blocks_->stride : stream_->stride(); }
  void fill(Index from, Index to, double* out) const {
    if (blocks_) std::copy_n(blocks_->block(from), (to - from) * stride(), out);
    else stream_->fill(from, to, out);
  }
  // The blocks themselves, as items to be summed.
  ItemColumns columns() const {
    ItemColumns out;
    out.items = items();
    out.units = blocks_ ? blocks_->units : stream_->units();
    out.columns = out.squared = block_columns(rows_.basis(), rows_.width());
    out.stride = stride();
    out.fill = [this](Index from, Index to, double* to_columns) { fill(from, to, to_columns); };
    if (stream_ && !stream_->own_units()) out.unit = [this](Index item) { return stream_->unit(item); };
    if (stream_ && stream_->by_group()) {
      out.group = [this](Index item) { return stream_->group(item); };
      out.basis = rows_.basis();
      out.width = rows_.width();
    }
    return out;
  }

 private:
  const Orthonormal& rows_;
  std::unique_ptr<Blocks> blocks_;
  std::unique_ptr<BlockStream> stream_;
};

}  // namespace

Drawn draw_coefficients(const Design& design, const Factor& factor, const TslsFit& fit, const ToUser& user, const Groups& clusters,
                        bool by_group, const ResampleRequest& request, const Workers& workers, const FrameBlocks& taken) {
  const Orthonormal rows = orthonormal_rows(design, factor, fit);
  const BlockSource source(design, factor, rows, clusters, by_group, workers, taken);
  const Index k = rows.exogenous + rows.beliefs;
  // Controls come out orthonormal: back to the frame's, then to the user's units.
  const MatrixXd root = fit.root.topLeftCorner(rows.exogenous, rows.exogenous);
  MatrixXd to_frame = MatrixXd::Identity(k, k);
  if (rows.exogenous) to_frame.topLeftCorner(rows.exogenous, rows.exogenous) = root.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(rows.exogenous, rows.exogenous));
  const MatrixXd map = user.map * to_frame, root_inverse = to_frame.topLeftCorner(rows.exogenous, rows.exogenous);
  const SolveShape shape{rows.exogenous, rows.instruments, rows.beliefs, rows.on_basis.data(), root_inverse.data()};
  Drawn out{MatrixXd(request.draws, k), {}};
  const TakeSums take = [&](Index first, double* sums) {
    Buffer scratch(at(solve_scratch(shape)));
    MatrixXd solved(kAbreast, k);
    solve_draws(shape, sums, scratch.data(), solved.data());
    for (Index r = 0; r < kAbreast && first + r < request.draws; ++r)
      for (Index j = 0; j < k; ++j) {
        double sum = user.offset[j];
        for (Index i = 0; i < k; ++i)
          if (map(j, i) != 0) sum += map(j, i) * solved(r, i);
        const bool there = j >= rows.exogenous || scratch[at(j * kAbreast + r)] > 0;
        out.values(first + r, j) = there ? sum : std::numeric_limits<double>::quiet_NaN();
      }
  };
  out.report = sum_draws(source.columns(), request, take, workers);
  return out;
}

MatrixXd summarise_draws(const double* draws, Index rows, Index low, Index high, const VectorXd& nulls, const Workers& workers) {
  require(0 <= low && low <= high && high < rows, "an order statistic lies outside the draws");
  MatrixXd out(5, nulls.size());
  parallel_for(nulls.size(), workers.threads, [&](Index j) {
    Buffer x(draws + j * rows, draws + (j + 1) * rows);
    const Eigen::Map<const VectorXd> column(x.data(), rows);
    out(4, j) = std::sqrt((column.array() - column.mean()).square().sum() / static_cast<double>(rows - 1));
    Index most = 0, least = 0;
    for (const double value : x) most += value <= nulls[j], least += value >= nulls[j];
    std::nth_element(x.begin(), x.begin() + high, x.end());
    out(1, j) = x[at(high)];
    std::nth_element(x.begin(), x.begin() + low, x.begin() + high + 1);
    out(0, j) = x[at(low)];
    out(2, j) = static_cast<double>(most);
    out(3, j) = static_cast<double>(least);
  });
  return out;
}

// ---- wild ----

WildColumns::WildColumns(const Orthonormal& rows) : w_(rows.exogenous), l_(rows.instruments), e_(rows.instruments + 2), m_(rows.basis()), width_(rows.width()) {}

double WildColumns::entry(const double* block, Index i, Index j) const { return i <= j ? block[block_at(i, j, width_)] : block[block_at(j, i, width_)]; }

void WildColumns::fill(const double* block, double* out) const {
  // e_a is column w + a of the row; f runs over instruments, then controls.
  for (Index j = 0; j < m_; ++j)
    for (Index a = 0; a < e_; ++a) out[first(j, a)] = entry(block, j, w_ + a);
  for (Index z = 0; z < l_; ++z)
    for (Index y = 0; y < l_; ++y)
      for (Index a = 0; a < e_; ++a) {
        const double left = entry(block, w_ + z, w_ + a);
        for (Index f = 0; f < l_ + w_; ++f) out[cross(z, y, a, f)] = left * entry(block, w_ + y, f < l_ ? w_ + f : f - l_);
        for (Index b = 0; b < e_; ++b) out[square(z, y, a, b)] = left * entry(block, w_ + y, w_ + b);
      }
}

void WildColumns::fill_fixed(const double* block, double* out) const {
  const auto column = [&](Index f) { return f < l_ ? w_ + f : f - l_; };
  for (Index z = 0; z < l_; ++z)
    for (Index y = 0; y < l_; ++y)
      for (Index f = 0; f < l_ + w_; ++f)
        for (Index g = 0; g < l_ + w_; ++g) out[plain(z, y, f, g)] = entry(block, w_ + z, column(f)) * entry(block, w_ + y, column(g));
}

namespace {

// Sums over all items that no draw changes: fixed columns, and the squared ones.
struct WildFixed {
  VectorXd plain, square;
};

WildFixed sum_fixed(const BlockSource& source, const WildColumns& wild, const Workers& workers) {
  constexpr Index kItems = 256;
  struct Part { VectorXd plain, square; };
  WildFixed out{VectorXd::Zero(wild.fixed()), VectorXd::Zero(wild.columns() - wild.squared())};
  for_chunks<Part>(source.items(), kItems, wild.fixed() + wild.columns(), workers,
    [&](Rows range) {
      Part part{VectorXd::Zero(out.plain.size()), VectorXd::Zero(out.square.size())};
      Buffer blocks(at((range.last - range.first) * source.stride()));
      VectorXd plain(out.plain.size()), columns(wild.columns());
      source.fill(range.first, range.last, blocks.data());
      for (Index i = 0; i < range.last - range.first; ++i) {
        wild.fill_fixed(blocks.data() + i * source.stride(), plain.data());
        wild.fill(blocks.data() + i * source.stride(), columns.data());
        part.plain += plain;
        part.square += columns.tail(part.square.size());
      }
      return part;
    },
    [&](const Part& part) {
      out.plain += part.plain;
      out.square += part.square;
    });
  return out;
}

// One null value: everything that does not change over draws.
class WildNull {
 public:
  WildNull(const Orthonormal& rows, const WildColumns& wild, const WildFixed& fixed, double null)
      : wild_(wild), fixed_(fixed), l_(wild.instruments()), w_(wild.controls()), e_(wild.extended()) {
    const VectorXd rho_x = rows.on_basis.col(0).tail(l_), rho_y = rows.on_basis.col(1).tail(l_), a = rho_y - null * rho_x;
    const double uu = rows.left(1, 1) - 2 * null * rows.left(0, 1) + null * null * rows.left(0, 0), xu = rows.left(0, 1) - null * rows.left(0, 0);
    const double slope = uu > 0 ? xu / uu : 0;  // of the belief on the restricted residual, beside the instruments
    pi_ = rho_x - slope * a;
    error_.resize(e_);
    error_ << a, -null, 1;
    move_.resize(e_);
    move_ << slope * a, 1, 0;
    set_observed(rho_x, rho_y, null);
  }

  double observed() const { return observed_; }

  // t* of eight replicates from their sums.
  void statistics(const double* sums, double* out) const {
    const auto sum = [&](Index column) { return sums + column * kAbreast; };
    Octets c(l_), part(l_ + w_), both(e_);
    Lanes u, v, strength{}, moved{}, d, spread{};
    for (Index z = 0; z < l_; ++z) {
      u = {};
      v = {};
      for (Index a = 0; a < e_; ++a) {
        add(error_[a], sum(wild_.first(w_ + z, a)), u.x);
        add(move_[a], sum(wild_.first(w_ + z, a)), v.x);
      }
      for (Index r = 0; r < kAbreast; ++r) c[z][r] = pi_[z] + v.x[r];
      add(c[z], c[z], strength.x);
      add(c[z], u.x, moved.x);
    }
    for (Index r = 0; r < kAbreast; ++r) d.x[r] = moved.x[r] / strength.x[r];
    for (Index a = 0; a < e_; ++a)
      for (Index r = 0; r < kAbreast; ++r) both[a][r] = error_[a] - d.x[r] * move_[a];
    for (Index z = 0; z < l_; ++z)
      for (Index r = 0; r < kAbreast; ++r) part[z][r] = d.x[r] * pi_[z];
    for (Index j = 0; j < w_; ++j)
      for (Index a = 0; a < e_; ++a) add(sum(wild_.first(j, a)), both[a], part[l_ + j]);
    for (Index z = 0; z < l_; ++z)
      for (Index y = 0; y < l_; ++y) add_spread(sum, z, y, c, both, part, spread.x);
    for (Index r = 0; r < kAbreast; ++r) out[r] = ratio(d.x[r] * strength.x[r], spread.x[r]);
  }

 private:
  static double ratio(double x, double spread) {
    if (spread > 0) return x / std::sqrt(spread);
    return x == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), x);
  }

  template <class Sum>
  double squares(const Sum& sum, Index z, Index y, const double* both) const {
    double out = 0;
    for (Index a = 0; a < e_; ++a)
      for (Index b = 0; b < e_; ++b) out += both[a] * both[b] * sum(wild_.square(z, y, a, b));
    return out;
  }

  struct Lanes {
    double x[kAbreast] = {};
  };

  // Numbers for eight replicates, 0 at first.
  class Octets {
   public:
    explicit Octets(Index n) : x_(at(n * kAbreast), 0.0) {}
    double* operator[](Index i) { return x_.data() + i * kAbreast; }
    const double* operator[](Index i) const { return x_.data() + i * kAbreast; }

   private:
    Buffer x_;
  };

  static void add(const double* a, const double* b, double* sum) {
    for (Index r = 0; r < kAbreast; ++r) sum[r] += a[r] * b[r];
  }
  static void add(double a, const double* b, double* sum) {
    for (Index r = 0; r < kAbreast; ++r) sum[r] += a * b[r];
  }

  // c_z c_y times the sum over units of the products of their scores.
  template <class Sum>
  void add_spread(const Sum& sum, Index z, Index y, const Octets& c, const Octets& both, const Octets& part, double* spread) const {
    Lanes total, inner;
    for (Index a = 0; a < e_; ++a) {
      inner = {};
      for (Index b = 0; b < e_; ++b) add(both[b], sum(wild_.square(z, y, a, b)), inner.x);
      for (Index f = 0; f < l_ + w_; ++f)
        for (Index r = 0; r < kAbreast; ++r) inner.x[r] -= 2 * part[f][r] * sum(wild_.cross(z, y, a, f))[r];
      add(both[a], inner.x, total.x);
    }
    for (Index f = 0; f < l_ + w_; ++f) {
      inner = {};
      for (Index g = 0; g < l_ + w_; ++g) add(fixed_.plain[wild_.plain(z, y, f, g)], part[g], inner.x);
      add(part[f], inner.x, total.x);
    }
    for (Index r = 0; r < kAbreast; ++r) spread[r] += c[z][r] * c[y][r] * total.x[r];
  }

  void set_observed(const VectorXd& rho_x, const VectorXd& rho_y, double null) {
    const double strength = rho_x.squaredNorm(), estimate = rho_x.dot(rho_y) / strength;
    VectorXd residual(e_);
    residual << rho_y - estimate * rho_x, -estimate, 1;
    const auto sum = [&](Index column) { return fixed_.square[column - wild_.squared()]; };
    double spread = 0;
    for (Index z = 0; z < l_; ++z)
      for (Index y = 0; y < l_; ++y) spread += rho_x[z] * rho_x[y] * squares(sum, z, y, residual.data());
    observed_ = ratio((estimate - null) * strength, spread);
  }

  const WildColumns& wild_;
  const WildFixed& fixed_;
  Index l_, w_, e_;
  VectorXd pi_, error_, move_;
  double observed_ = 0;
};

ItemColumns wild_items(const BlockSource& source, const WildColumns& wild) {
  ItemColumns out = source.columns();
  out.columns = wild.columns();
  out.squared = wild.squared();
  out.stride = (out.columns + 7) / 8 * 8;
  out.fill = [&source, &wild, stride = out.stride](Index from, Index to, double* columns) {
    Buffer blocks(at((to - from) * source.stride()));
    source.fill(from, to, blocks.data());
    for (Index i = 0; i < to - from; ++i) wild.fill(blocks.data() + i * source.stride(), columns + i * stride);
  };
  return out;
}

}  // namespace

WildDrawn draw_wild(const Design& design, const Factor& factor, const TslsFit& fit, const Groups& clusters, const VectorXd& nulls,
                    const ResampleRequest& request, const Workers& workers, const FrameBlocks& taken) {
  require(fit.beliefs.size() == 1, "the wild bootstrap is for one belief");
  const Orthonormal rows = orthonormal_rows(design, factor, fit);
  const BlockSource source(design, factor, rows, clusters, false, workers, taken);
  const WildColumns wild(rows);
  const WildFixed fixed = sum_fixed(source, wild, workers);
  std::vector<WildNull> at_null;
  WildDrawn out{MatrixXd(request.draws, nulls.size()), VectorXd(nulls.size()), {}};
  for (Index i = 0; i < nulls.size(); ++i) {
    at_null.emplace_back(rows, wild, fixed, nulls[i]);
    out.observed[i] = at_null.back().observed();
  }
  const TakeSums take = [&](Index first, double* sums) {
    double eight[kAbreast];
    for (Index i = 0; i < nulls.size(); ++i) {
      at_null[at(i)].statistics(sums, eight);
      for (Index r = 0; r < kAbreast && first + r < request.draws; ++r) out.values(first + r, i) = eight[r];
    }
  };
  out.report = sum_draws(wild_items(source, wild), request, take, workers);
  return out;
}

}  // namespace miv

#include "permute.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include <Eigen/Cholesky>

#include "instruction_sets.h"
#include "kernels.h"
#include "parallel.h"
#include "permute_rows.h"
#include "require.h"

namespace miv {

namespace {

using permute_rows::at;
using permute_rows::Packed;
using permute_rows::RowMasks;

constexpr Index kBlock = kPermuteRows * kDraws;
constexpr double kPivotFloor = 1e-10;          // squared, of a mover net of controls, against its own size in the draw
constexpr double kWaveWork = 1e8;              // multiply-adds of a thread between polls: under 0.1 s on a slow core
constexpr Index kTilesBetweenPolls = 256;

struct Loops {
  void (*fill_block)(const double*, const double*, const Mask*, Index, Index, double*);
  void (*take_shares)(const double*, const double*, const int*, Index, double*);
  void (*dot_columns)(const double*, const double*, Index, double*);
  void (*net_columns)(double*, const double*, const double*, Index);
  void (*net_block)(double*, const double*, const double*);
  void (*dot_blocks)(const double*, const double*, double*);
  void (*residual)(const double*, const double*, const double*, Index, double*);
  void (*times)(const double*, const double*, double*);
  void (*score_rows)(const double*, const double*, const double*, const double*, const double*, double*);
  void (*add_to_groups)(const double*, const double*, const int*, Index, double*);
  void (*take_groups)(double*, const double*, const int*, Index, const double*);
};

#define MIV_LOOPS "permute_loops.h"
#include "three_ways.h"

const Loops& loops() {
#if MIV_X86
  if (kernel_lanes() == 8) return avx512::kTable;
  if (kernel_lanes() == 4) return avx2::kTable;
#endif
  return portable::kTable;
}

// kDraws assignments from their masks to their parts: one pass for what the movers are apart from the controls, one for the scores.
class Batch {
 public:
  Batch(const Packed& packed, const std::function<void()>& poll)
      : d_(packed), p_(packed.problem), loops_(loops()), poll_(poll), m_(p_.movers), l_(p_.instruments()),
        blocks_(at(m_ * kBlock)), scores_(at(2 * l_ * kBlock)), error_(at(kBlock)), on_columns_(at(m_ * columns() * kDraws)),
        gram_(at(m_ * m_ * kDraws)), size_(at(m_ * kDraws)), among_(at(p_.moving_controls * l_ * kDraws)), on_y_(at(m_ * kDraws)), on_x_(at(m_ * kDraws)),
        group_sums_(at(p_.n_groups * m_ * kDraws)), shares_(at(p_.n_share_strata * d_.arms() * kDraws)),
        cluster_sums_(at(p_.n_clusters * 2 * l_ * kDraws)), meat_(at(4 * l_ * l_ * kDraws)) {}

  // masks: arms x rows padded to whole tiles. Writes draws 0 .. count - 1 to rows from `at_row` of out.
  void run(const Mask* masks, Index count, MatrixXd& out, Index at_row) {
    masks_ = masks;
    if (p_.share_strata) set_shares();
    first_pass();
    take_group_means();
    for (Index d = 0; d < kDraws; ++d) solve(d);
    second_pass();
    for (Index d = 0; d < count; ++d) write(d, out, at_row + d);
  }

 private:
  Index columns() const { return p_.controls + 2; }
  Index padded_rows() const { return d_.tiles() * kPermuteRows; }
  double* block(Index j) { return blocks_.data() + j * kBlock; }
  double* score(Index j) { return scores_.data() + j * kBlock; }
  double& gram(Index j, Index k, Index d) { return gram_[at((j * m_ + k) * kDraws + d)]; }

  void tick(Index tile) {
    if (poll_ && tile % kTilesBetweenPolls == kTilesBetweenPolls - 1) poll_();
  }

  // Weighted share of each arm in each stratum of each assignment.
  void set_shares() {
    std::fill(shares_.begin(), shares_.end(), 0.0);
    for (Index row = 0; row < p_.rows; ++row)
      for (Index a = 0; a < d_.arms(); ++a) {
        const Mask mask = masks_[a * padded_rows() + row];
        const double w = p_.root_weight[row] * p_.root_weight[row];
        double* share = shares_.data() + (d_.strata[at(row)] * d_.arms() + a) * kDraws;
        for (Index d = 0; d < kDraws; ++d) share[d] += mask >> d & 1 ? w : 0.0;
      }
    for (Index i = 0; i < p_.n_share_strata * d_.arms() * kDraws; ++i) shares_[at(i)] /= d_.stratum_weight[at(i / (d_.arms() * kDraws))];
  }

  void fill(Index tile) {
    for (Index j = 0; j < m_; ++j) {
      loops_.fill_block(d_.start(tile, j), d_.step(tile, j), masks_ + tile * kPermuteRows, padded_rows(), d_.arms(), block(j));
      if (p_.share_strata && j >= p_.moving_controls) loops_.take_shares(d_.step(tile, j), shares_.data(), d_.strata.data() + tile * kPermuteRows, d_.arms(), block(j));
    }
  }

  void first_pass() {
    std::fill(on_columns_.begin(), on_columns_.end(), 0.0);
    std::fill(gram_.begin(), gram_.end(), 0.0);
    std::fill(group_sums_.begin(), group_sums_.end(), 0.0);
    for (Index tile = 0; tile < d_.tiles(); ++tile, tick(tile)) {
      fill(tile);
      for (Index j = 0; j < m_; ++j) {
        loops_.dot_columns(block(j), d_.basis(tile), columns(), on_columns_.data() + j * columns() * kDraws);
        for (Index k = 0; k <= j; ++k) loops_.dot_blocks(block(j), block(k), &gram(j, k, 0));
        if (p_.groups)
          loops_.add_to_groups(block(j), d_.root_weight(tile), d_.groups.data() + tile * kPermuteRows, m_ * kDraws, group_sums_.data() + j * kDraws);
      }
    }
  }

  // Cross-products net of the groups, whose sums become means. Sizes are those before.
  void take_group_means() {
    for (Index j = 0; j < m_; ++j) std::copy_n(&gram(j, j, 0), kDraws, size_.data() + j * kDraws);
    for (Index g = 0; g < p_.n_groups; ++g) {
      double* sums = group_sums_.data() + g * m_ * kDraws;
      const double weight = d_.group_weight[at(g)];
      for (Index j = 0; j < m_; ++j)
        for (Index k = 0; k <= j; ++k)
          for (Index d = 0; d < kDraws; ++d) gram(j, k, d) -= sums[j * kDraws + d] * sums[k * kDraws + d] / weight;
      for (Index i = 0; i < m_ * kDraws; ++i) sums[i] /= weight;
    }
  }

  // Cross-products of the movers net of basis and groups in draw d.
  MatrixXd net_gram(Index d) {
    MatrixXd out(m_, m_);
    for (Index j = 0; j < m_; ++j)
      for (Index k = 0; k <= j; ++k) {
        double sum = gram(j, k, d);
        for (Index i = 0; i < p_.controls; ++i) sum -= on_columns_[at((j * columns() + i) * kDraws + d)] * on_columns_[at((k * columns() + i) * kDraws + d)];
        out(j, k) = out(k, j) = sum;
      }
    return out;
  }

  // Coefficients of draw d: instruments on the moving controls, outcome and belief on both.
  void solve(Index d) {
    const MatrixXd net = net_gram(d);
    const Index c = p_.moving_controls;
    const Eigen::LLT<MatrixXd> root(net);
    alive_[at(d)] = root.info() == Eigen::Success;
    for (Index j = 0; j < m_ && alive_[at(d)]; ++j) {
      const double pivot = root.matrixLLT()(j, j);
      alive_[at(d)] = pivot * pivot > kPivotFloor * size_[at(j * kDraws + d)];
    }
    MatrixXd on_own = MatrixXd::Zero(m_, 2), among = MatrixXd::Zero(c, l_);
    for (Index j = 0; j < m_ && alive_[at(d)]; ++j)
      for (Index i = 0; i < 2; ++i) on_own(j, i) = on_columns_[at((j * columns() + p_.controls + i) * kDraws + d)];
    if (c > 0 && alive_[at(d)]) {
      const Eigen::LLT<MatrixXd> moving(net.topLeftCorner(c, c));
      among = moving.solve(net.topRightCorner(c, l_));
      const MatrixXd schur = net.bottomRightCorner(l_, l_) - net.bottomLeftCorner(l_, c) * among;
      on_own.bottomRows(l_) -= among.transpose() * on_own.topRows(c);
      set_direction(on_own.bottomRows(l_), d);
      on_own.topRows(c) = moving.solve(on_own.topRows(c)).eval();
      on_own.bottomRows(l_) = schur.llt().solve(on_own.bottomRows(l_)).eval();
    } else {
      set_direction(on_own.bottomRows(l_), d);
      if (alive_[at(d)]) on_own = root.solve(on_own).eval();
    }
    for (Index j = 0; j < m_; ++j) {
      on_y_[at(j * kDraws + d)] = on_own(j, 0);
      on_x_[at(j * kDraws + d)] = on_own(j, 1);
    }
    for (Index j = 0; j < l_; ++j)
      for (Index k = 0; k < c; ++k) among_[at((j * c + k) * kDraws + d)] = among(k, j);
  }

  void set_direction(const MatrixXd& direction, Index d) { direction_[at(d)] = direction; }

  void second_pass() {
    std::fill(meat_.begin(), meat_.end(), 0.0);
    std::fill(cluster_sums_.begin(), cluster_sums_.end(), 0.0);
    for (Index tile = 0; tile < d_.tiles(); ++tile, tick(tile)) {
      fill(tile);
      for (Index j = 0; j < m_; ++j) net(tile, j);
      if (m_ == 1 && !p_.clusters) {
        loops_.score_rows(block(0), d_.outcome(tile), d_.belief(tile), on_y_.data(), on_x_.data(), meat_.data());
      } else {
        score_tile(tile);
      }
    }
    for (Index g = 0; g < p_.n_clusters; ++g) add_cluster(cluster_sums_.data() + g * 2 * l_ * kDraws);
  }

  void net(Index tile, Index j) {
    const Index c = p_.moving_controls;
    if (p_.groups) loops_.take_groups(block(j), d_.root_weight(tile), d_.groups.data() + tile * kPermuteRows, m_ * kDraws, group_sums_.data() + j * kDraws);
    loops_.net_columns(block(j), d_.basis(tile), on_columns_.data() + j * columns() * kDraws, p_.controls);
    for (Index k = 0; j >= c && k < c; ++k) loops_.net_block(block(j), block(k), among_.data() + ((j - c) * c + k) * kDraws);
  }

  // Scores of outcome, then of belief, and their sums of products: over rows, or kept by cluster.
  void score_tile(Index tile) {
    for (Index side = 0; side < 2; ++side) {
      loops_.residual(side ? d_.belief(tile) : d_.outcome(tile), blocks_.data(), side ? on_x_.data() : on_y_.data(), m_, error_.data());
      for (Index j = 0; j < l_; ++j) loops_.times(block(p_.moving_controls + j), error_.data(), score(side * l_ + j));
    }
    for (Index j = 0; j < 2 * l_; ++j) {
      if (p_.clusters) {
        loops_.add_to_groups(score(j), d_.one(tile), d_.clusters.data() + tile * kPermuteRows, 2 * l_ * kDraws, cluster_sums_.data() + j * kDraws);
      } else {
        for (Index k = 0; k <= j; ++k) loops_.dot_blocks(score(j), score(k), meat_at(k, j));
      }
    }
  }

  void add_cluster(const double* sums) {
    for (Index j = 0; j < 2 * l_; ++j)
      for (Index k = 0; k <= j; ++k) {
        double* to = meat_at(k, j);
        for (Index d = 0; d < kDraws; ++d) to[d] += sums[j * kDraws + d] * sums[k * kDraws + d];
      }
  }

  // Sums of score k <= j in packed columns: for one instrument yy, yx, xx, as score_rows() has them.
  double* meat_at(Index k, Index j) { return meat_.data() + (j * (j + 1) / 2 + k) * kDraws; }
  double meat(Index j, Index k, Index d) { return meat_at(std::min(j, k), std::max(j, k))[d]; }

  void write(Index d, MatrixXd& out, Index row) {
    if (!alive_[at(d)]) {
      out.row(row).setZero();
      return;
    }
    Index to = 0;
    for (Index side = 0; side < 2; ++side)
      for (Index j = 0; j < l_; ++j) out(row, to++) = direction_[at(d)](j, side);
    for (Index k = 0; k < l_; ++k)
      for (Index j = 0; j < l_; ++j, ++to) {
        out(row, to) = meat(j, k, d);
        out(row, to + l_ * l_) = (meat(j, l_ + k, d) + meat(k, l_ + j, d)) / 2;
        out(row, to + 2 * l_ * l_) = meat(l_ + j, l_ + k, d);
      }
  }

  const Packed& d_;
  const PermuteProblem& p_;
  const Loops& loops_;
  const std::function<void()>& poll_;
  Index m_, l_;
  Buffer blocks_, scores_, error_, on_columns_, gram_, size_, among_, on_y_, on_x_, group_sums_, shares_, cluster_sums_, meat_;
  std::array<bool, kDraws> alive_{};
  std::array<MatrixXd, kDraws> direction_;
  const Mask* masks_ = nullptr;
};

void check_codes(const int* codes, Index rows, Index count, const char* otherwise) {
  for (Index row = 0; codes && row < rows; ++row) require(codes[row] >= 0 && codes[row] < count, otherwise);
}

}  // namespace

void check_permutation(const PermuteProblem& p) {
  check_assignment(p.assignment);
  require(p.rows > 0 && p.instruments() > 0 && p.moving_controls >= 0, "there must be rows and instruments");
  require(p.units || p.assignment.units == p.rows, "without units every row is one");
  check_codes(p.units, p.rows, p.assignment.units, "a unit lies outside its range");
  check_codes(p.groups, p.rows, p.n_groups, "an absorbed group lies outside its range");
  check_codes(p.clusters, p.rows, p.n_clusters, "a cluster lies outside its range");
  check_codes(p.share_strata, p.rows, p.n_share_strata, "a stratum lies outside its range");
  check_codes(p.observed, p.rows, p.assignment.arms + 1, "an arm lies outside its range");
}

double permute_work(const PermuteProblem& p) {
  const double m = static_cast<double>(p.movers), l = static_cast<double>(p.instruments()), c = m - l, w = static_cast<double>(p.controls);
  const double rows = 2 * w * m + 2 * m + m * (m + 1) / 2 + c * l + 2 * m + 2 * l + l * (2 * l + 1) + (p.groups ? 2 * m : 0);
  return static_cast<double>(p.rows) * rows;
}

MatrixXd permute(const PermuteProblem& problem, const PermuteRequest& request, const Workers& workers) {
  check_permutation(problem);
  require(request.draws > 0, "there must be a draw");
  const Packed packed(problem);
  MatrixXd out(1 + request.draws, problem.parts());
  Batch(packed, workers.poll).run(RowMasks(problem).observed(), 1, out, 0);
  const Index batches = (request.draws + kDraws - 1) / kDraws, threads = std::max<Index>(1, workers.threads);
  const Index wave = threads * std::max<Index>(1, static_cast<Index>(kWaveWork / (permute_work(problem) * kDraws)));
  const std::thread::id caller = std::this_thread::get_id();
  const std::function<void()> poll = [&]() { if (workers.poll && std::this_thread::get_id() == caller) workers.poll(); };
  for (Index begin = 0; begin < batches; begin += wave) {
    const Index size = std::min(wave, batches - begin), per_thread = (size + threads - 1) / threads;
    parallel_for(threads, workers.threads, [&](Index t) {
      Batch batch(packed, poll);
      RowMasks masks(problem);
      for (Index b = begin + t * per_thread; b < std::min(begin + size, begin + (t + 1) * per_thread); ++b)
        batch.run(masks.draw(request.seed, static_cast<std::uint64_t>(b * kDraws)), std::min(kDraws, request.draws - b * kDraws), out, 1 + b * kDraws);
    });
    poll();
    if (workers.progress) workers.progress(static_cast<double>(begin + size) / static_cast<double>(batches));
  }
  return out;
}

Eigen::MatrixXi drawn_arms(const Assignment& assignment, std::uint64_t seed, Index first, Index count) {
  check_assignment(assignment);
  Eigen::MatrixXi out = Eigen::MatrixXi::Zero(assignment.units, count);
  std::vector<Mask> masks(at(assignment.units * assignment.arms));
  for (Index begin = 0; begin < count; begin += kDraws) {
    draw_assignments(assignment, seed, static_cast<std::uint64_t>(first + begin), masks.data());
    for (Index d = begin; d < std::min(count, begin + kDraws); ++d)
      for (Index a = 0; a < assignment.arms; ++a)
        for (Index i = 0; i < assignment.units; ++i)
          if (masks[at(a * assignment.units + i)] >> (d - begin) & 1) out(i, d) = static_cast<int>(a) + 1;
  }
  return out;
}

}  // namespace miv

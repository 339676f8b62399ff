// What a batch of permute.cpp reads: the problem's columns in blocks of rows, and the arms drawn by row.
#ifndef MIV_CORE_PERMUTE_ROWS_H
#define MIV_CORE_PERMUTE_ROWS_H

#include <algorithm>
#include <vector>

#include "permute.h"

namespace miv {

constexpr Index kPermuteRows = 64;  // a block of them stays in the first-level cache beside the columns

namespace permute_rows {

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

inline Index tiles_of(Index rows) { return (rows + kPermuteRows - 1) / kPermuteRows; }

// Codes by row, padded with 0: a padded row weighs nothing.
inline std::vector<int> padded_codes(const int* codes, Index rows) {
  std::vector<int> out(codes ? at(tiles_of(rows) * kPermuteRows) : 0);
  if (codes) std::copy_n(codes, rows, out.begin());
  return out;
}

// The problem's columns tile by tile: basis, outcome, belief, starts, steps (by mover, by arm), root weight, one.
class Packed {
 public:
  explicit Packed(const PermuteProblem& p)
      : problem(p), groups(padded_codes(p.groups, p.rows)), clusters(padded_codes(p.clusters, p.rows)), strata(padded_codes(p.share_strata, p.rows)) {
    columns_ = p.controls + 2 + p.movers * (1 + p.assignment.arms) + 2;
    values_.assign(at(tiles() * columns_ * kPermuteRows), 0.0);
    for (Index j = 0; j < p.controls; ++j) put(j, p.basis + j * p.rows);
    put(p.controls, p.outcome);
    put(p.controls + 1, p.belief);
    for (Index j = 0; j < p.movers; ++j) put(start_at(j), p.start + j * p.rows);
    for (Index j = 0; j < p.movers * arms(); ++j) put(step_at(0) + j, p.step + j * p.rows);
    put(columns_ - 2, p.root_weight);
    const std::vector<double> ones(at(p.rows), 1.0);
    put(columns_ - 1, ones.data());
    add_weights();
  }

  Index tiles() const { return tiles_of(problem.rows); }
  Index arms() const { return problem.assignment.arms; }
  const double* basis(Index t) const { return column(t, 0); }
  const double* outcome(Index t) const { return column(t, problem.controls); }
  const double* belief(Index t) const { return column(t, problem.controls + 1); }
  const double* start(Index t, Index j) const { return column(t, start_at(j)); }
  const double* step(Index t, Index j) const { return column(t, step_at(j)); }
  const double* root_weight(Index t) const { return column(t, columns_ - 2); }
  const double* one(Index t) const { return column(t, columns_ - 1); }

  const PermuteProblem& problem;
  const std::vector<int> groups, clusters, strata;
  std::vector<double> group_weight, stratum_weight;

 private:
  Index start_at(Index j) const { return problem.controls + 2 + j; }
  Index step_at(Index j) const { return problem.controls + 2 + problem.movers + j * arms(); }
  const double* column(Index t, Index j) const { return values_.data() + (t * columns_ + j) * kPermuteRows; }

  void put(Index j, const double* from) {
    for (Index row = 0; row < problem.rows; ++row) values_[at((row / kPermuteRows * columns_ + j) * kPermuteRows + row % kPermuteRows)] = from[row];
  }

  void add_weights() {
    group_weight.assign(at(problem.n_groups), 0.0);
    stratum_weight.assign(at(problem.n_share_strata), 0.0);
    for (Index row = 0; row < problem.rows; ++row) {
      const double w = problem.root_weight[row] * problem.root_weight[row];
      if (problem.groups) group_weight[at(groups[at(row)])] += w;
      if (problem.share_strata) stratum_weight[at(strata[at(row)])] += w;
    }
  }

  Index columns_ = 0;
  Buffer values_;
};

// Assignments of units as masks of rows, padded to whole tiles.
class RowMasks {
 public:
  explicit RowMasks(const PermuteProblem& problem)
      : p_(problem), units_(at(p_.assignment.units * p_.assignment.arms)), rows_(at(p_.assignment.arms * tiles_of(p_.rows) * kPermuteRows)) {}

  const Mask* draw(std::uint64_t seed, std::uint64_t replicate) {
    draw_assignments(p_.assignment, seed, replicate, units_.data());
    for (Index a = 0; a < p_.assignment.arms; ++a) {
      const Mask* from = units_.data() + a * p_.assignment.units;
      Mask* to = arm(a);
      if (!p_.units) std::copy_n(from, p_.rows, to);
      for (Index row = 0; p_.units && row < p_.rows; ++row) to[row] = from[p_.units[row]];
    }
    return rows_.data();
  }

  const Mask* observed() {
    for (Index row = 0; row < p_.rows; ++row)
      if (p_.observed[row] > 0) arm(p_.observed[row] - 1)[row] = 1;
    return rows_.data();
  }

 private:
  Mask* arm(Index a) { return rows_.data() + a * tiles_of(p_.rows) * kPermuteRows; }
  const PermuteProblem& p_;
  std::vector<Mask> units_, rows_;
};

}  // namespace permute_rows

}  // namespace miv

#endif

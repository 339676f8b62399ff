#include "arms.h"

#include <limits>

#include "require.h"

namespace miv {

namespace {

double read(const Source& source, Index row) {
  if (source.real) return source.real[row];
  const int value = source.integer[row];
  return value == std::numeric_limits<int>::min() ? std::numeric_limits<double>::quiet_NaN() : value;
}

double read(const Design& design, const Operand& operand, Index row) {
  return operand.source < 0 ? operand.constant : read(design.sources[static_cast<std::size_t>(operand.source)], row);
}

// Position of the person's arm among the values, -1 where there is none.
Index arm_of(double x, const std::vector<double>& values) {
  for (std::size_t a = 0; a < values.size(); ++a)
    if (x == values[a]) return static_cast<Index>(a);
  return -1;
}

// West's update: one pass, no cancellation. It starts at the first value: from 0 the way there would be rounded into the spread.
void add_value(double x, double weight, std::size_t cell, ArmCounts& out) {
  if (!(out.weight[cell] > 0)) out.mean[cell] = x;
  out.weight[cell] += weight;
  if (!(out.weight[cell] > 0)) return;
  const double away = x - out.mean[cell];
  out.mean[cell] += away * weight / out.weight[cell];
  out.spread[cell] += weight * away * (x - out.mean[cell]);
}

}  // namespace

ArmCounts count_arms(const Design& design, int arm, const std::vector<double>& values, int value) {
  require(arm >= 0 && arm < static_cast<int>(design.sources.size()), "the arm is not among the sources");
  const Index arms = static_cast<Index>(values.size()), gaps = static_cast<Index>(design.gaps.size());
  ArmCounts out;
  out.people.assign(static_cast<std::size_t>(arms), 0);
  out.complete.assign(static_cast<std::size_t>(arms), 0);
  out.sides.assign(static_cast<std::size_t>(3 * arms * gaps), 0);
  out.weight.assign(out.sides.size(), 0.0);
  out.mean = out.spread = out.weight;
  for (Index row = 0; row < design.rows; ++row) {
    const Index a = arm_of(read(design.sources[static_cast<std::size_t>(arm)], row), values);
    if (a < 0) continue;
    ++out.people[static_cast<std::size_t>(a)];
    if (design.kept && !design.kept[row]) continue;
    ++out.complete[static_cast<std::size_t>(a)];
    for (Index g = 0; g < gaps; ++g) {
      const Gap& gap = design.gaps[static_cast<std::size_t>(g)];
      const double size = read(design, gap.minuend, row) - read(design, gap.subtrahend, row);
      const Index side = size > 0 ? 2 : size < 0 ? 0 : 1;
      if (!(size == size)) continue;
      const std::size_t cell = static_cast<std::size_t>(a + arms * (g + gaps * side));
      ++out.sides[cell];
      if (value >= 0) add_value(read(design.sources[static_cast<std::size_t>(value)], row), read(design, design.weights, row), cell, out);
    }
  }
  return out;
}

MatrixXd arm_totals(const Design& design, int arm, const std::vector<double>& values, const int* strata, Index n_strata) {
  require(arm >= 0 && arm < static_cast<int>(design.sources.size()), "the arm is not among the sources");
  MatrixXd out = MatrixXd::Zero(n_strata, static_cast<Index>(values.size()));
  for (Index row = 0; row < design.rows; ++row) {
    if (design.kept && !design.kept[row]) continue;
    const Index a = arm_of(read(design.sources[static_cast<std::size_t>(arm)], row), values);
    const Index s = strata ? strata[row] : 0;
    require(s < n_strata, "a stratum code lies outside its range");
    if (a >= 0 && s >= 0) out(s, a) += read(design, design.weights, row);
  }
  return out;
}

}  // namespace miv

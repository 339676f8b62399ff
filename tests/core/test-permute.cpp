// Arms drawn again and the parts of their statistic, against sums written out.
#include "permute.h"

#include <Eigen/QR>

#include "kernels.h"

#include "support.h"

using namespace test;

namespace {

// One instrument and a constant; 150 rows: blocks of 64 do not divide them.
struct Small {
  explicit Small(Index n, Index arms = 1) : start(at(n)), step(at(n * arms)), root(at(n)), y(at(n)), x(at(n)), basis(at(n)), observed(at(n)) {
    Random random(5);
    double total = 0;
    for (Index i = 0; i < n; ++i) {
      root[at(i)] = 0.5 + random.uniform();
      total += root[at(i)] * root[at(i)];
    }
    for (Index i = 0; i < n; ++i) {
      basis[at(i)] = root[at(i)] / std::sqrt(total);
      start[at(i)] = random.normal();
      for (Index a = 0; a < arms; ++a) step[at(a * n + i)] = random.normal();
      y[at(i)] = random.normal();
      x[at(i)] = random.normal();
      observed[at(i)] = static_cast<int>(i % (arms + 1));
    }
    net(y);
    net(x);
    problem.rows = n;
    problem.controls = problem.movers = 1;
    problem.basis = basis.data();
    problem.outcome = y.data();
    problem.belief = x.data();
    problem.start = start.data();
    problem.step = step.data();
    problem.root_weight = root.data();
    problem.observed = observed.data();
    problem.assignment.units = n;
    problem.assignment.arms = arms;
    problem.assignment.first = {0, n / 2, n};
    problem.assignment.counts.assign(at(2 * arms), n / 8);
  }
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  void net(Column& v) const {
    double on = 0;
    for (std::size_t i = 0; i < v.size(); ++i) on += v[i] * basis[i];
    for (std::size_t i = 0; i < v.size(); ++i) v[i] -= on * basis[i];
  }
  Column start, step, root, y, x, basis;
  Codes observed;
  miv::PermuteProblem problem;
};

// The five parts of one instrument for the arms given.
VectorXd parts_of(const Small& s, const Eigen::VectorXi& arm) {
  Column z = s.start;
  for (std::size_t i = 0; i < z.size(); ++i)
    if (arm[static_cast<Index>(i)] > 0) z[i] += s.step[static_cast<std::size_t>(arm[static_cast<Index>(i)] - 1) * z.size() + i];
  s.net(z);
  const Eigen::Map<const VectorXd> v(z.data(), s.problem.rows), y(s.y.data(), s.problem.rows), x(s.x.data(), s.problem.rows);
  const VectorXd a = v.cwiseProduct(y - v * (v.dot(y) / v.squaredNorm())), b = v.cwiseProduct(x - v * (v.dot(x) / v.squaredNorm()));
  VectorXd out(5);
  out << v.dot(y), v.dot(x), a.squaredNorm(), a.dot(b), b.squaredNorm();
  return out;
}

}  // namespace

TEST_CASE("the parts of every draw are the sums written out, with one and with several arms") {
  for (const Index arms : {1, 3}) {
    const Small s(150, arms);
    const MatrixXd parts = miv::permute(s.problem, {21, 9}, {2, {}});
    REQUIRE(parts.rows() == 22);
    CHECK((parts.row(0).transpose() - parts_of(s, Eigen::Map<const Eigen::VectorXi>(s.observed.data(), 150))).cwiseAbs().maxCoeff() < 1e-10);
    const Eigen::MatrixXi drawn = miv::drawn_arms(s.problem.assignment, 9, 0, 21);
    for (Index r = 0; r < 21; ++r) CHECK((parts.row(1 + r).transpose() - parts_of(s, drawn.col(r))).cwiseAbs().maxCoeff() < 1e-10);
  }
}

TEST_CASE("clusters of one row each give the scores by row, and every kernel and thread count the same digits") {
  Small s(150);
  const MatrixXd by_row = miv::permute(s.problem, {40, 2}, {1, {}});
  CHECK(miv::permute(s.problem, {40, 2}, {3, {}}) == by_row);
  REQUIRE(miv::choose_kernel(miv::Kernel::kPortable));
  CHECK(miv::permute(s.problem, {40, 2}, {1, {}}) == by_row);
  if (miv::choose_kernel(miv::Kernel::kAvx2)) CHECK(miv::permute(s.problem, {40, 2}, {1, {}}) == by_row);
  miv::choose_kernel(miv::Kernel::kBest);
  Codes each(150);
  std::iota(each.begin(), each.end(), 0);
  s.problem.clusters = each.data();
  s.problem.n_clusters = 150;
  CHECK((miv::permute(s.problem, {40, 2}, {1, {}}) - by_row).cwiseAbs().maxCoeff() < 1e-10);
}

TEST_CASE("a draw keeps the counts of every stratum") {
  miv::Assignment a;
  a.units = 1000;
  a.arms = 1;
  a.first = {0, 20, 1000};
  for (const Index chosen : {0, 1, 333, 490, 979, 980}) {
    a.counts = {7, chosen};
    const Eigen::MatrixXi drawn = miv::drawn_arms(a, 3, 5, 20);
    for (Index r = 0; r < 20; ++r) {
      CHECK(drawn.col(r).head(20).sum() == 7);
      CHECK(drawn.col(r).tail(980).sum() == chosen);
    }
  }
}

TEST_CASE("an interrupt stops between blocks of rows, and what contradicts itself is refused") {
  const Small s(150);
  CHECK_THROWS_AS(miv::permute(s.problem, {64, 1}, {2, []() { throw std::runtime_error("stop"); }}), std::runtime_error);
  Small wrong(150);
  wrong.problem.assignment.counts = {100, 1};
  CHECK_THROWS_AS(miv::permute(wrong.problem, {8, 1}, {1, {}}), std::invalid_argument);
  wrong = Small(150);
  CHECK_THROWS_AS(miv::permute(wrong.problem, {0, 1}, {1, {}}), std::invalid_argument);
}

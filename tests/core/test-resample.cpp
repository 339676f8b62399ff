// Draws: against plain sums on the same weights, and the same digits for any kernel, thread count and memory.
#include "resample.h"
#include "reference.h"

using namespace test;
using miv::Kernel;
using miv::Scheme;

namespace {

struct Setting {
  Kernel kernel = Kernel::kBest;
  int threads = 1;
  double memory = 5e8;
};

struct Problem {
  explicit Problem(Data&&) = delete;  // a design points into its data
  explicit Problem(const Data& data) : design(design_of(data)), fit(fit_design(design)), user(miv::to_user(design, fit.factor, fit.fit)) {}
  miv::Design design;
  Fit fit;
  miv::ToUser user;

  miv::ResampleRequest request(Scheme scheme, Index draws, double memory) const {
    miv::ResampleRequest out;
    out.scheme = scheme;
    out.draws = draws;
    out.seed = 77;
    out.memory = memory;
    return out;
  }
  MatrixXd coefficients(Scheme scheme, const miv::Groups& units, bool by_group, const Setting& at) const {
    REQUIRE(miv::choose_kernel(at.kernel));
    const MatrixXd out = miv::draw_coefficients(design, fit.factor, fit.fit, user, units, by_group, request(scheme, 21, at.memory), {at.threads, nullptr}).values;
    miv::choose_kernel(Kernel::kBest);
    return out;
  }
  MatrixXd wild(const miv::Groups& units, const Setting& at) const {
    REQUIRE(miv::choose_kernel(at.kernel));
    const VectorXd nulls = VectorXd::LinSpaced(3, -1, 1);
    const MatrixXd out = miv::draw_wild(design, fit.factor, fit.fit, units, nulls, request(Scheme::kWebb, 21, at.memory), {at.threads, nullptr}).values;
    miv::choose_kernel(Kernel::kBest);
    return out;
  }
};

std::vector<Setting> settings() {
  std::vector<Setting> out{{Kernel::kBest, 3, 5e8}, {Kernel::kBest, 2, 1e4}, {Kernel::kPortable, 1, 5e8}};
  if (miv::choose_kernel(Kernel::kAvx2)) out.push_back({Kernel::kAvx2, 1, 5e8});
  miv::choose_kernel(Kernel::kBest);
  return out;
}

}  // namespace

TEST_CASE("draws have the same digits for every kernel, thread count and memory") {
  Data data = simulated(500, 3, 1, 1, 501);
  const Codes ids = random_codes(500, 40, 502);
  const Problem plain(data);
  data.groups = random_codes(500, 7, 503);
  const Problem grouped(data);
  for (const miv::Groups& units : {miv::Groups{ids.data(), 40}, miv::Groups{}}) {
    for (const Scheme scheme : {Scheme::kPairs, Scheme::kBayesian}) {
      const MatrixXd one = plain.coefficients(scheme, units, false, {}), two = grouped.coefficients(scheme, units, true, {});
      for (const Setting& at : settings()) {
        CHECK(plain.coefficients(scheme, units, false, at) == one);
        CHECK(grouped.coefficients(scheme, units, true, at) == two);
      }
    }
    const MatrixXd wild = plain.wild(units, {});
    for (const Setting& at : settings()) CHECK(plain.wild(units, at) == wild);
  }
}

TEST_CASE("sums over units are weights times columns") {
  const Index units = 300, columns = 21;
  Random random(504);
  const Column numbers = draws(units * columns, [&]() { return random.normal(); });
  miv::ItemColumns items;
  items.items = items.units = units;
  items.columns = columns;
  items.squared = 9;
  items.stride = columns;
  items.fill = [&](Index from, Index to, double* out) { std::copy(numbers.begin() + from * columns, numbers.begin() + to * columns, out); };
  miv::ResampleRequest request;
  request.scheme = Scheme::kWebb;
  request.draws = 13;
  request.seed = 3;
  MatrixXd got(columns, 16);
  miv::sum_draws(items, request, [&](Index first, double* c) {
    for (Index j = 0; j < columns; ++j)
      for (Index r = 0; r < miv::kAbreast; ++r) got(j, first + r) = c[j * miv::kAbreast + r];
  }, {1, nullptr});
  miv::UnitWeights weights(Scheme::kWebb, units, 3);
  const MatrixXd w = miv::draw_matrix(weights, units, 13), b = Eigen::Map<const MatrixXd>(numbers.data(), columns, units);
  MatrixXd wanted = b * w;
  wanted.bottomRows(columns - 9) = b.bottomRows(columns - 9) * w.cwiseAbs2();
  CHECK((got.leftCols(13) - wanted).cwiseAbs().maxCoeff() < 1e-12);
}

TEST_CASE("a draw without the instrument's people has no belief effect, and says so by NaN") {
  Data data = simulated(12, 0, 1, 1, 505);
  for (std::size_t i = 0; i < 12; ++i) data.instruments[0][i] = i == 3;
  const Problem problem(data);
  const MatrixXd drawn = problem.coefficients(Scheme::kPairs, {}, false, {});
  miv::UnitWeights weights(Scheme::kPairs, 12, 77);
  const MatrixXd w = miv::draw_matrix(weights, 12, 21);
  for (Index r = 0; r < 21; ++r) CHECK(std::isfinite(drawn(r, 1)) == (w(3, r) > 0 && w(3, r) < 12));
}

TEST_CASE("an interrupt between waves stops the draws") {
  const Data data = simulated(400, 2, 1, 1, 506);
  const Problem problem(data);
  int looks = 0;
  const miv::Workers workers{1, [&]() { if (++looks > 2) throw std::runtime_error("stop"); }};
  CHECK_THROWS_AS(miv::draw_coefficients(problem.design, problem.fit.factor, problem.fit.fit, problem.user, {}, false,
                                         problem.request(Scheme::kPairs, 100000, 1e5), workers), std::runtime_error);
}

TEST_CASE("the summary of draws counts ties on both sides and gives sorted values") {
  const std::vector<double> draws{3, 1, 2, 2, 5, 4, 4, 4, 4, 4};
  VectorXd nulls(2);
  nulls << 2, 4;
  const MatrixXd found = miv::summarise_draws(draws.data(), 5, 0, 3, nulls, {2, nullptr});
  MatrixXd wanted(4, 2);
  wanted << 1, 4, 3, 4, 3, 5, 4, 5;
  CHECK(found.topRows(4) == wanted);
  CHECK(std::abs(found(4, 0) - std::sqrt(2.3)) < 1e-15);
  CHECK(found(4, 1) == 0);
  CHECK_THROWS(miv::summarise_draws(draws.data(), 5, 0, 5, nulls, {1, nullptr}));
}

// Who carries the estimate: the identities of the method note, section 3, and influence functions against real derivatives.
#include "effect_weights.h"

#include "reference.h"

using namespace test;

namespace {

// Cell sums of a fit of the data, and the weights and effects they amount to, in the user's units.
struct Cells {
  miv::CellSums sums;
  VectorXd weights, effects;
  double remainder = 0;
};

Cells cells_of(const Data& data, const Codes& ids, Index cells) {
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  const miv::CellProblem problem(design, design, fit.factor, fit.fit, ids.data(), cells);
  Cells out;
  out.sums = miv::cell_sums(problem, true, workers(2));
  const miv::Influence influence = miv::cell_influence(problem, out.sums, {}, workers(2));
  out.weights = influence.numerator / influence.total;
  const double unit = fit.factor.frame.scale[design.width() - 2] / fit.factor.frame.scale[design.width() - 1];
  out.effects = influence.effect * unit;
  out.remainder = 1 - out.weights.sum();
  return out;
}

// The sign specification by hand: sides as controls, arm times side as the instrument. Cells are the sides.
struct Mover {
  Data data;
  Codes side;
};

Mover mover(Index n, std::uint64_t seed) {
  Random random(seed);
  Mover out;
  out.data.controls.resize(1);
  out.data.instruments.resize(1);
  out.data.beliefs.resize(1);
  for (Index i = 0; i < n; ++i) {
    const int side = random.below(2), arm = random.below(2);
    out.side.push_back(side);
    out.data.controls[0].push_back(side);
    out.data.instruments[0].push_back(arm * (2 * side - 1));
    out.data.beliefs[0].push_back((2 * side - 1) * (1.0 + arm) + random.normal());
    out.data.outcome.push_back((1.0 + side) * out.data.beliefs[0].back() + random.normal());
  }
  return out;
}

}  // namespace

TEST_CASE("the fitted instrument index sums to nothing, and carries the belief as it carries itself") {
  for (const int instruments : {1, 3}) {
    for (const bool weighted : {false, true}) {
      Data data = simulated(2000, 2, instruments, 1, 191);
      if (weighted) data.weights = changed(random_column(2000, 192), [](double x) { return 0.1 + std::abs(x); });
      const miv::Design design = design_of(data);
      const Fit fit = fit_design(design);
      const Codes ids = random_codes(2000, 7, 193);
      const miv::CellProblem problem(design, design, fit.factor, fit.fit, ids.data(), 7);
      const miv::CellSums sums = miv::cell_sums(problem, true, workers(2));
      const double total = sums.q_belief.sum();
      CHECK(std::abs(sums.q.sum()) < 1e-12 * sums.q.cwiseAbs().sum());
      CHECK(apart(total, sums.q_square.sum()) < 1e-12);
      const double unit = fit.factor.frame.scale[design.width() - 2] / fit.factor.frame.scale[design.width() - 1];
      CHECK(apart(sums.q_outcome.sum() / total * unit, fit.beliefs()[0]) < 1e-12);
      CHECK(sums.people.sum() == 2000);
      CHECK(apart(sums.weight.sum(), weighted ? std::accumulate(data.weights.begin(), data.weights.end(), 0.0) : 2000.0) < 1e-13);
    }
  }
}

TEST_CASE("cells that the controls span leave no remainder, and their effects add up to the estimate") {
  const Mover people = mover(1500, 194);
  const Cells cells = cells_of(people.data, people.side, 2);
  CHECK(std::abs(cells.remainder) < 1e-12);
  CHECK(apart(cells.weights.dot(cells.effects), fit_data(people.data).beliefs()[0]) < 1e-12);
}

TEST_CASE("the effect of a side is the ratio of its arms' differences in means") {
  const Mover people = mover(1500, 195);
  const Cells cells = cells_of(people.data, people.side, 2);
  for (int side = 0; side < 2; ++side) {
    double count[2] = {0, 0}, belief[2] = {0, 0}, outcome[2] = {0, 0};
    for (std::size_t i = 0; i < people.side.size(); ++i) {
      if (people.side[i] != side) continue;
      const int arm = people.data.instruments[0][i] != 0;
      ++count[arm];
      belief[arm] += people.data.beliefs[0][i];
      outcome[arm] += people.data.outcome[i];
    }
    const double wald = (outcome[1] / count[1] - outcome[0] / count[0]) / (belief[1] / count[1] - belief[0] / count[0]);
    CHECK(apart(cells.effects[side], wald) < 1e-11);
  }
}

TEST_CASE("cells do not depend on threads, and a code outside them is refused") {
  const Mover people = mover(70000, 196);
  const miv::Design design = design_of(people.data);
  const Fit fit = fit_design(design);
  const miv::CellProblem problem(design, design, fit.factor, fit.fit, people.side.data(), 2);
  const miv::CellSums one = miv::cell_sums(problem, true, workers(1)), three = miv::cell_sums(problem, true, workers(3));
  CHECK(same_bits(one.q_belief, three.q_belief));
  CHECK(same_bits(one.basis_outcome, three.basis_outcome));
  const miv::CellProblem narrow(design, design, fit.factor, fit.fit, people.side.data(), 1);
  CHECK_THROWS_AS(miv::cell_sums(narrow, false, workers(2)), std::invalid_argument);
}

TEST_CASE("the influence of a person on weights and effects is the derivative in that person's weight") {
  for (const int kind : {0, 1, 2}) {  // cells spanned by the controls; cells that are not; an absorbed effect
    const Index n = 60, cells = 2;
    Mover people = mover(n, 197);
    people.data.weights.assign(n, 1.0);
    if (kind > 0) people.data.controls[0] = random_column(n, 198);
    if (kind > 0) people.data.instruments.push_back(random_column(n, 199));
    if (kind == 2) people.data.groups = random_codes(n, 4, 200);
    MatrixXd moved(n, 2 * cells);
    const double step = 1e-5;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      people.data.weights[i] = 1 + step;
      const Cells up = cells_of(people.data, people.side, cells);
      people.data.weights[i] = 1 - step;
      const Cells down = cells_of(people.data, people.side, cells);
      people.data.weights[i] = 1;
      moved.row(static_cast<Index>(i)) << (up.weights - down.weights).transpose(), (up.effects - down.effects).transpose();
    }
    moved /= 2 * step;
    const miv::Design design = design_of(people.data);
    const Fit fit = fit_design(design);
    const miv::CellProblem problem(design, design, fit.factor, fit.fit, people.side.data(), cells);
    const miv::Influence influence = miv::cell_influence(problem, miv::cell_sums(problem, true, workers(1)), {}, workers(1));
    const miv::InfluenceMeat meat = miv::influence_meats(problem, influence, {}, workers(2))[0];
    const MatrixXd expected = moved.transpose() * moved;
    const double unit = fit.factor.frame.scale[design.width() - 2] / fit.factor.frame.scale[design.width() - 1];
    INFO("kind " << kind);
    CHECK(apart(meat.weights.topLeftCorner(cells, cells), expected.topLeftCorner(cells, cells)) < 1e-6);
    CHECK(apart(meat.effects * unit * unit, expected.diagonal().tail(cells)) < 1e-6);
    Codes own(n);
    std::iota(own.begin(), own.end(), 0);
    CHECK(apart(miv::influence_meats(problem, influence, {groups_of(own)}, workers(2))[0].weights, meat.weights) < 1e-12);
  }
}

TEST_CASE("draws of the negative weight spread as the influence functions say, whatever the number of threads") {
  const Index n = 4000, cells = 4;
  Data data = simulated(n, 1, 1, 1, 201);
  const Codes ids = random_codes(n, cells, 202);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)  // one cell moves against the others
    if (ids[i] == 0) data.beliefs[0][i] -= 3 * data.instruments[0][i];
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  const miv::CellProblem problem(design, design, fit.factor, fit.fit, ids.data(), cells);
  const miv::Influence influence = miv::cell_influence(problem, miv::cell_sums(problem, true, workers(1)), {}, workers(1));
  const MatrixXd meat = miv::influence_meats(problem, influence, {}, workers(2))[0].weights;
  const double weight = influence.numerator[0] / influence.total, error = std::sqrt(meat(0, 0));
  REQUIRE(weight < -5 * error);
  miv::DrawRequest request;
  request.draws = 1000;
  request.seed = 5;
  const MatrixXd drawn = miv::draw_negative(problem, influence, request, workers(1));
  CHECK(same_bits(miv::draw_negative(problem, influence, request, workers(3)), drawn));
  const double mean = drawn.col(0).mean(), sd = std::sqrt((drawn.col(0).array() - mean).square().sum() / 999);
  CHECK(std::abs(mean + weight) < 0.2 * error);
  CHECK(std::abs(sd / error - 1) < 0.15);
  const MatrixXd normal =
      miv::draw_negative_normal(influence.numerator / influence.total, meat.topLeftCorner(cells, cells), request, workers(2));
  CHECK(std::abs(normal.col(0).mean() + weight) < 0.2 * error);
  Codes units(static_cast<std::size_t>(n));
  std::iota(units.begin(), units.end(), 0);
  request.units = groups_of(units);
  const MatrixXd clustered = miv::draw_negative(problem, influence, request, workers(2));
  CHECK(std::abs(clustered.col(0).mean() + weight) < 0.2 * error);
  units[17] = -1;
  CHECK_THROWS_AS(miv::draw_negative(problem, influence, request, workers(2)), std::invalid_argument);
}

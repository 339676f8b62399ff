// The estimator: identities and invariances of the method note, section 2, refusals, and digits.
#include "kernels.h"
#include "reference.h"
#include "tsls.h"

using namespace test;
using miv::AtomKind;
using miv::Path;
using miv::Verdict;

namespace {

Column small_weights(Index n, std::uint64_t seed) {  // 0 to 3
  Random random(seed);
  return draws(n, [&]() { return static_cast<double>(random.below(4)); });
}

// Each row as often as its weight says.
Data repeated(const Data& data) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < data.weights.size(); ++i) rows.insert(rows.end(), static_cast<std::size_t>(data.weights[i]), i);
  Data out = take_rows(data, rows);
  out.weights.clear();
  return out;
}

std::vector<std::size_t> shuffled(std::size_t n, std::uint64_t seed) {
  std::vector<std::size_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  Random random(seed);
  for (std::size_t i = n - 1; i > 0; --i) std::swap(rows[i], rows[static_cast<std::size_t>(random.below(static_cast<int>(i) + 1))]);
  return rows;
}

// Least squares of the column on constant and controls, and what it fits.
struct LeastSquares {
  VectorXd coefficients;
  Column fitted;
};

LeastSquares least_squares(const std::vector<Column>& regressors, const Column& outcome) {
  Data data;
  data.controls = regressors;
  data.outcome = outcome;
  LeastSquares out{fit_data(data).coefficients, Column(outcome.size())};
  for (std::size_t i = 0; i < outcome.size(); ++i) {
    out.fitted[i] = out.coefficients[0];
    for (std::size_t j = 0; j < regressors.size(); ++j) out.fitted[i] += out.coefficients[static_cast<Index>(j) + 1] * regressors[j][i];
  }
  return out;
}

std::vector<Column> joined(std::vector<Column> left, const std::vector<Column>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// ---- a passive experiment with one signal ----

struct Experiment {
  Codes arm;
  Column prior, belief, outcome;
  double signal = 10;
};

Experiment experiment(Index n, std::uint64_t seed) {
  Random random(seed);
  Experiment out;
  for (Index i = 0; i < n; ++i) {
    const double prior = std::round(10 + 3 * random.normal()), gap = out.signal - prior;
    out.arm.push_back(random.uniform() < (gap > 0 ? 0.3 : 0.6));
    out.prior.push_back(prior);
    out.belief.push_back(prior + 0.4 * out.arm.back() * gap + random.normal());
    out.outcome.push_back((1 + 0.3 * gap) * out.belief.back() + random.normal());
  }
  return out;
}

double side_of(const Experiment& people, std::size_t i) { return (people.signal > people.prior[i]) - (people.signal < people.prior[i]); }

// Instrument arm times side, every side among the controls; no column of it exists outside the tiles.
miv::Design mover_design(const Experiment& people, bool intercept, const std::vector<double>& sides) {
  miv::Design design;
  design.sources = {source_of(people.arm), source_of(people.prior), source_of(people.belief), source_of(people.outcome)};
  design.gaps = {{{-1, people.signal}, {1, 0}}};
  for (const double side : sides) design.columns.push_back({{atom_of(AtomKind::kSideIs, 0, side)}});
  design.columns.push_back({{atom_of(AtomKind::kArm, 0, 1), atom_of(AtomKind::kSide, 0)}});
  design.columns.push_back(numeric(2));
  design.columns.push_back(numeric(3));
  design.controls = static_cast<Index>(sides.size());
  design.instruments = design.beliefs = 1;
  design.intercept = intercept;
  design.rows = static_cast<Index>(people.arm.size());
  return design;
}

// sum_s n_s p_s (1 - p_s) s dX_s Wald_s over the same without Wald_s.
double two_sides(const Experiment& people) {
  Twofold above, below;
  for (const double side : {-1.0, 1.0}) {
    Twofold count[2], belief[2], outcome[2];
    for (std::size_t i = 0; i < people.arm.size(); ++i) {
      if (side_of(people, i) != side) continue;
      const int arm = people.arm[i];
      count[arm] = count[arm] + 1.0;
      belief[arm] = belief[arm] + people.belief[i];
      outcome[arm] = outcome[arm] + people.outcome[i];
    }
    const Twofold n = count[0] + count[1], p = count[1] / n;
    const Twofold dx = belief[1] / count[1] - belief[0] / count[0], dy = outcome[1] / count[1] - outcome[0] / count[0];
    const Twofold weight = n * p * (Twofold(1) - p) * side * dx;
    above = above + weight * (dy / dx);
    below = below + weight;
  }
  return (above / below).high;
}

}  // namespace

// ---- identities ----

TEST_CASE("the estimate is that of normal equations in plain loops") {
  for (const bool intercept : {true, false}) {
    for (const int beliefs : {0, 1, 2}) {
      Data data = simulated(200, 3, 3, beliefs, 71);
      data.intercept = intercept;
      const Fit fit = fit_data(data);
      const Reference plain = reference_fit(data);
      REQUIRE(fit.verdict() == Verdict::kOk);
      CHECK(apart(fit.coefficients, plain.coefficients()) < 1e-12);
      CHECK(apart(fit.bread, plain.without_effects(plain.bread)) < 1e-12);
      CHECK(apart(fit.rss, plain.rss()) < 1e-12);
    }
  }
}

TEST_CASE("a just identified estimate is the reduced form over the first stage") {
  const Data data = simulated(400, 2, 1, 1, 72);
  const std::vector<Column> exogenous = joined(data.controls, data.instruments);
  const double reduced_form = least_squares(exogenous, data.outcome).coefficients[3],
               first_stage = least_squares(exogenous, data.beliefs[0]).coefficients[3];
  CHECK(apart(fit_data(data).beliefs()[0], reduced_form / first_stage) < 1e-12);
}

TEST_CASE("the first stage is the least-squares fit of each belief on controls and instruments") {
  for (const bool far : {false, true}) {
    Data data = simulated(300, 2, 3, 2, 73);
    if (far) data.controls[1] = changed(data.controls[1], [](double x) { return x + 1e6; });
    const miv::Design design = design_of(data);
    const Fit fit = fit_design(design);
    const MatrixXd first = miv::first_stage_coefficients(design, fit.factor, fit.fit);
    const MatrixXd plain = rounded(reference_fit(data).first);
    CHECK(apart(first.bottomRows(5), plain.bottomRows(5)) < 1e-11);
    CHECK(apart(first.row(0), plain.row(0)) < 1e-11);
    for (Index j = 0; j < 2; ++j)
      CHECK(apart(first.col(j),
                  least_squares(joined(data.controls, data.instruments), data.beliefs[static_cast<std::size_t>(j)]).coefficients) < 1e-9);
  }
}

TEST_CASE("each instrument on the controls is its own least-squares fit") {
  const Data data = simulated(300, 2, 2, 1, 74);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  const MatrixXd slopes = miv::instruments_on_controls(design, fit.factor, fit.fit);
  for (Index j = 0; j < 2; ++j) {
    const VectorXd own = least_squares(data.controls, data.instruments[static_cast<std::size_t>(j)]).coefficients;
    CHECK(apart(slopes.col(j).tail(2), own.tail(2)) < 1e-11);
  }
}

TEST_CASE("the sign specification is the weighted mean of the two sides' Wald ratios") {
  for (const Index n : {60, 2000, 70001}) {
    const Experiment people = experiment(n, 75);
    const double expected = two_sides(people);
    for (const int threads : {1, 2}) {
      CHECK(apart(fit_design(mover_design(people, false, {-1, 0, 1}), threads).beliefs()[0], expected) < 1e-12);
      CHECK(apart(fit_design(mover_design(people, true, {-1, 1}), threads).beliefs()[0], expected) < 1e-12);
      CHECK(apart(fit_design(mover_design(people, true, {-1, 0, 1}), threads).beliefs()[0], expected) < 1e-12);  // one is dropped
    }
  }
}

TEST_CASE("a column made in the tiles gives the estimate of the same column made beforehand") {
  const Experiment people = experiment(1000, 76);
  Data data;
  data.beliefs = {people.belief};
  data.outcome = people.outcome;
  Column up, down, instrument;
  for (std::size_t i = 0; i < 1000; ++i) {
    up.push_back(side_of(people, i) == 1);
    down.push_back(side_of(people, i) == -1);
    instrument.push_back(people.arm[i] * side_of(people, i));
  }
  data.controls = {down, up};
  data.instruments = {instrument};
  CHECK(same_bits(fit_data(data).coefficients, fit_design(mover_design(people, true, {-1, 1})).coefficients));
}

TEST_CASE("two least-squares fits reproduce every coefficient") {
  for (const int beliefs : {1, 2}) {
    const Data data = simulated(300, 3, 3, beliefs, 77);
    std::vector<Column> second = data.controls;
    for (const Column& belief : data.beliefs) second.push_back(least_squares(joined(data.controls, data.instruments), belief).fitted);
    CHECK(apart(fit_data(data).coefficients, least_squares(second, data.outcome).coefficients) < 1e-11);
  }
}

TEST_CASE("integer weights are repeated rows") {
  Data data = simulated(300, 2, 2, 1, 78);
  data.weights = small_weights(300, 79);
  const Fit weighted = fit_data(data), rows = fit_data(repeated(data));
  CHECK(apart(weighted.coefficients, rows.coefficients) < 1e-12);
  CHECK(apart(weighted.bread, rows.bread) < 1e-12);
  CHECK(apart(weighted.rss, rows.rss) < 1e-12);
  CHECK(apart(weighted.tss, rows.tss) < 1e-12);
}

TEST_CASE("a weight of 0 is a dropped row") {
  Data data = simulated(300, 2, 2, 1, 80);
  data.weights = changed(random_column(300, 81), [](double x) { return x > 0 ? x : 0; });
  const Fit weighted = fit_data(data);
  for (const double weight : data.weights) data.kept.push_back(weight > 0);
  const Fit masked = fit_data(data);
  CHECK(masked.factor.n < weighted.factor.n);
  CHECK(apart(masked.coefficients, weighted.coefficients) < 1e-12);
  CHECK(apart(masked.coefficients, reference_fit(data).coefficients()) < 1e-12);
}

TEST_CASE("a mask is the same as leaving the rows out, whatever stands in them") {
  for (const Index n : {300, 66000}) {
    Data data = simulated(n, 2, 2, 1, 82);
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      data.kept.push_back(i % 3 != 1);
      if (data.kept[i]) kept.push_back(i);
      if (!data.kept[i]) data.controls[0][i] = i % 2 ? kNaN : 1e300;
    }
    Data without = take_rows(data, kept);
    without.kept.clear();
    const Fit masked = fit_data(data);
    CHECK(masked.factor.n == static_cast<Index>(kept.size()));
    CHECK(apart(masked.coefficients, fit_data(without).coefficients) < 1e-12);
  }
}

// ---- invariances ----

TEST_CASE("adding a constant to every outcome changes only the intercept") {
  Data data = simulated(300, 2, 2, 1, 83);
  const VectorXd before = fit_data(data).coefficients;
  data.outcome = changed(data.outcome, [](double y) { return y + 64; });
  const VectorXd after = fit_data(data).coefficients;
  CHECK(std::abs(after[0] - before[0] - 64) < 1e-12);
  CHECK(apart(after.tail(3), before.tail(3)) < 1e-12);
}

TEST_CASE("scaling the belief by c scales its effect by 1/c and changes nothing else") {
  const Data data = simulated(300, 2, 2, 1, 84);
  const Fit before = fit_data(data);
  for (const double c : {1e-140, 1e-70, -1e-3, 7.0, 1e70, 1e140}) {
    Data scaled = data;
    scaled.beliefs[0] = changed(data.beliefs[0], [&](double x) { return c * x; });
    const Fit after = fit_data(scaled);
    REQUIRE(after.verdict() == Verdict::kOk);
    CHECK(apart(after.beliefs()[0] * c, before.beliefs()[0]) < 1e-12);
    CHECK(apart(after.coefficients.head(3), before.coefficients.head(3)) < 1e-12);
    CHECK(after.factor.path == before.factor.path);
    CHECK(apart(after.rss, before.rss) < 1e-12);
  }
}

TEST_CASE("the unit of an outcome, a control or an instrument does not matter") {
  const Data data = simulated(300, 2, 2, 1, 85);
  const Fit before = fit_data(data);
  for (const double c : {1e-140, 1e140}) {
    const auto times = [&](double x) { return c * x; };
    Data scaled = data;
    scaled.controls[0] = changed(data.controls[0], times);
    scaled.instruments[1] = changed(data.instruments[1], times);
    CHECK(apart(fit_data(scaled).beliefs()[0], before.beliefs()[0]) < 1e-12);
    scaled.outcome = changed(data.outcome, times);
    CHECK(apart(fit_data(scaled).beliefs()[0] / c, before.beliefs()[0]) < 1e-12);
  }
}

TEST_CASE("the unit of the weights does not matter, nor does it decide what is dropped") {
  Data data = simulated(400, 3, 2, 1, 119);
  data.weights = changed(random_column(400, 120), [](double x) { return 0.1 + std::abs(x); });
  data.controls[1].assign(400, 0.1);
  const Column weights = data.weights;
  const Fit before = fit_data(data);
  CHECK(before.coefficients.size() == 4);
  for (const double c : {1e-100, 1e-9, 1e9, 1e100}) {
    data.weights = changed(weights, [&](double w) { return c * w; });
    const Fit after = fit_data(data);
    CHECK(apart(after.coefficients, before.coefficients) < 1e-12);
    CHECK(apart(after.bread * c, before.bread) < 1e-12);
  }
}

TEST_CASE("adding a hundred million to a control changes only the intercept") {
  Data data = simulated(300, 2, 2, 1, 86);
  data.controls[1] = changed(data.controls[1], [](double x) { return std::round(x * 1024) / 1024; });  // so that the sum is exact
  const Fit before = fit_data(data);
  data.controls[1] = changed(data.controls[1], [](double x) { return x + 1e8; });
  const Fit after = fit_data(data);
  CHECK(apart(after.coefficients.tail(3), before.coefficients.tail(3)) < 1e-12);
  CHECK(apart(after.coefficients[0], before.coefficients[0] - 1e8 * before.coefficients[2]) < 1e-12);
  CHECK(apart(after.bread.bottomRightCorner(3, 3), before.bread.bottomRightCorner(3, 3)) < 1e-12);
}

TEST_CASE("the order of rows and controls does not matter") {
  const Data data = simulated(1000, 3, 2, 1, 87);
  const VectorXd before = fit_data(data).coefficients;
  CHECK(apart(fit_data(take_rows(data, shuffled(1000, 88))).coefficients, before) < 1e-12);
  Data turned = data;
  std::swap(turned.controls[0], turned.controls[2]);
  VectorXd expected = before;
  std::swap(expected[1], expected[3]);
  CHECK(apart(fit_data(turned).coefficients, expected) < 1e-12);
}

TEST_CASE("an absorbed effect is one dummy per group") {
  for (const bool weighted : {false, true}) {
    Data data = simulated(400, 2, 2, 1, 89);
    data.groups = random_codes(400, 12, 90);
    if (weighted) data.weights = changed(random_column(400, 91), [](double x) { return 0.1 + std::abs(x); });
    const Fit fit = fit_data(data);
    const Reference plain = reference_fit(data);
    REQUIRE(fit.coefficients.size() == 3);
    CHECK(apart(fit.coefficients, plain.coefficients()) < 1e-12);
    CHECK(apart(fit.bread, plain.without_effects(plain.bread)) < 1e-12);
    CHECK(apart(fit.rss, plain.rss()) < 1e-11);
  }
}

TEST_CASE("an absorbed effect takes the constant's place, asked for or not") {
  Data data = simulated(400, 2, 2, 1, 121);
  data.groups = random_codes(400, 12, 122);
  const VectorXd before = fit_data(data).coefficients;
  data.intercept = false;
  CHECK(same_bits(fit_data(data).coefficients, before));
}

TEST_CASE("the labels of absorbed groups, and labels that nobody has, do not matter") {
  Data data = simulated(400, 2, 2, 1, 92);
  data.groups = random_codes(400, 7, 93);
  const VectorXd before = fit_data(data).coefficients;
  for (int& code : data.groups) code = 30 - 4 * code;
  CHECK(apart(fit_data(data).coefficients, before) < 1e-12);
}

TEST_CASE("results have the same bits for any number of threads and under both kernels") {
  for (const Index n : {255, 256, 257, 65536, 65537, 140000}) {
    for (const bool hard : {false, true}) {
      Data data = simulated(n, 3, 2, 1, 94);
      if (hard)
        for (std::size_t i = 0; i < data.outcome.size(); ++i) data.controls[2][i] = data.controls[0][i] + 1e-5 * data.controls[2][i];
      const Fit one = fit_data(data, 1);
      CHECK(one.factor.path == (hard ? Path::kHouseholder : Path::kCrossProducts));
      CHECK(same_bits(fit_data(data, 2).coefficients, one.coefficients));
      CHECK(same_bits(fit_data(data, 3).coefficients, one.coefficients));
      miv::choose_kernel(miv::Kernel::kPortable);
      CHECK(same_bits(fit_data(data, 2).coefficients, one.coefficients));
      miv::choose_kernel(miv::Kernel::kBest);
    }
  }
}

// ---- digits ----

TEST_CASE("digits survive columns that nearly span each other, on whichever path") {
  for (const double size : {1e-1, 1e-2, 1e-3, 1e-5, 1e-7}) {
    Data data = simulated(300, 3, 2, 1, 95);
    for (std::size_t i = 0; i < 300; ++i) data.controls[2][i] = data.controls[0][i] - 2 * data.controls[1][i] + size * data.controls[2][i];
    const Fit fit = fit_data(data);
    INFO(size << " left, " << (fit.factor.path == Path::kHouseholder ? "Householder" : "cross-products"));
    CHECK(apart(fit.beliefs()[0], reference_fit(data).coefficients().tail(1)[0]) < 1e-15 / size + 1e-12);
    CHECK(each_apart(fit.coefficients, reference_fit(data).coefficients()) < 1e-15 / size + 1e-11);
  }
}

TEST_CASE("digits survive a belief that the controls nearly explain") {
  for (const double size : {1e-1, 1e-2, 1e-4, 1e-6}) {
    Data data = simulated(300, 2, 1, 1, 96);
    for (std::size_t i = 0; i < 300; ++i) data.beliefs[0][i] = data.controls[0][i] + data.controls[1][i] + size * data.beliefs[0][i];
    const Fit fit = fit_data(data);
    REQUIRE(fit.verdict() == Verdict::kOk);
    INFO(size << " left, " << (fit.factor.path == Path::kHouseholder ? "Householder" : "cross-products"));
    CHECK(each_apart(fit.coefficients, reference_fit(data).coefficients()) < 1e-14 / size + 1e-11);
  }
}

TEST_CASE("digits of the residual survive an outcome that is nearly explained") {
  for (const double size : {1e-1, 1e-3, 1e-5, 1e-7}) {
    Data data = simulated(300, 2, 1, 1, 97);
    for (std::size_t i = 0; i < 300; ++i) data.outcome[i] = data.controls[0][i] + 2 * data.beliefs[0][i] + size * data.outcome[i];
    CHECK(apart(fit_data(data).rss, reference_fit(data).rss()) < 1e-11 + 1e-15 / size);
  }
}

TEST_CASE("weights that span twelve decades keep their digits") {
  Data data = simulated(300, 2, 2, 1, 98);
  data.weights = changed(random_column(300, 99), [](double x) { return std::pow(10.0, 2 * x); });
  CHECK(apart(fit_data(data).coefficients, reference_fit(data).coefficients()) < 1e-11);
}

// The shape of NIST's Filip: a polynomial of degree 10 far from 0. Reference: the same columns in 32 digits.
TEST_CASE("a polynomial of degree ten keeps six digits, as least squares and as TSLS with the powers as their own instruments") {
  Data data;
  data.controls.resize(10);
  Random random(100);
  for (int i = 0; i < 82; ++i) {
    const double x = -8.78 + 5.65 * i / 81;
    double power = 1;
    for (Column& column : data.controls) column.push_back(power *= x);
    data.outcome.push_back(0.8 + 0.1 * std::sin(x) + 0.003 * random.normal());
  }
  const VectorXd exact = careful_least_squares(data);
  const Fit ols = fit_data(data);
  REQUIRE(ols.verdict() == Verdict::kOk);
  REQUIRE(ols.coefficients.size() == 11);
  CHECK(ols.factor.path == Path::kHouseholder);
  CHECK(each_apart(ols.coefficients, exact) < 1e-6);
  Data tsls = data;
  tsls.instruments = tsls.beliefs = data.controls;
  tsls.controls.clear();
  const Fit own = fit_data(tsls);
  REQUIRE(own.verdict() == Verdict::kOk);
  CHECK(each_apart(own.coefficients, exact) < 1e-6);
}

// NIST's Wampler1: y = 1 + x + ... + x^5 at x = 0 .. 20, every number exact.
TEST_CASE("an exact polynomial gives back its coefficients") {
  Data data;
  data.controls.resize(5);
  for (int x = 0; x <= 20; ++x) {
    double power = 1, y = 1;
    for (Column& column : data.controls) {
      column.push_back(power *= x);
      y += power;
    }
    data.outcome.push_back(y);
  }
  CHECK(each_apart(fit_data(data).coefficients, VectorXd::Ones(6)) < 1e-7);
  std::swap(data.controls, data.instruments);
  data.beliefs = data.instruments;
  CHECK(each_apart(fit_data(data).coefficients, VectorXd::Ones(6)) < 1e-7);
}

// ---- sizes ----

TEST_CASE("awkward numbers of rows give the estimate of plain sums") {
  for (const Index n : awkward_sizes()) {
    const Data data = simulated(n, 0, 1, 1, 101);
    const Fit fit = fit_data(data, 2);
    if (n < 3) {
      CHECK(fit.verdict() != Verdict::kOk);
      continue;
    }
    Twofold z, x, y, zx, zy;
    for (std::size_t i = 0; i < data.outcome.size(); ++i) {
      const Twofold own = data.instruments[0][i];
      z = z + own, x = x + data.beliefs[0][i], y = y + data.outcome[i];
      zx = zx + own * data.beliefs[0][i], zy = zy + own * data.outcome[i];
    }
    const Twofold rows = static_cast<double>(n);
    CHECK(apart(fit.beliefs()[0], ((zy - z * y / rows) / (zx - z * x / rows)).high) < 1e-11);
  }
}

TEST_CASE("a problem may lack beliefs, instruments, controls, or the constant") {
  for (const bool intercept : {true, false}) {
    for (const int controls : {0, 2}) {
      for (const int instruments : {0, 2}) {
        Data data = simulated(100, controls, instruments, 0, 102);
        data.intercept = intercept;
        const miv::Design design = design_of(data);
        const Fit fit = fit_design(design);
        REQUIRE(fit.verdict() == Verdict::kOk);
        REQUIRE(fit.coefficients.size() == controls + intercept);
        if (controls + intercept > 0) CHECK(apart(fit.coefficients, reference_fit(data).coefficients()) < 1e-12);
        CHECK(miv::compute_meats(design, fit.factor, fit.fit, over_rows(miv::RowWeight::kHc3), workers(2)).second[0].allFinite());
      }
    }
  }
}

// ---- refusals: a verdict, never a number ----

TEST_CASE("a belief that is constant or spanned by the controls is refused") {
  Data data = simulated(500, 3, 2, 1, 103);
  data.beliefs[0].assign(500, 0.1);
  CHECK(fit_data(data).verdict() == Verdict::kBeliefSpanned);
  for (std::size_t i = 0; i < 500; ++i)
    data.beliefs[0][i] = 3 * data.controls[0][i] - data.controls[1][i] / 7 + 0.3 * data.controls[2][i] + 11;
  CHECK(fit_data(data).verdict() == Verdict::kBeliefSpanned);
  data.beliefs[0] = data.controls[1];
  CHECK(fit_data(data).verdict() == Verdict::kBeliefSpanned);
}

TEST_CASE("a belief that does not vary within the absorbed groups is refused") {
  Data data = simulated(500, 1, 2, 1, 104);
  data.groups = random_codes(500, 9, 105);
  const Column level = random_column(9, 106);
  for (std::size_t i = 0; i < 500; ++i) data.beliefs[0][i] = level[static_cast<std::size_t>(data.groups[i])];
  CHECK(fit_data(data).verdict() == Verdict::kBeliefSpanned);
}

TEST_CASE("the verdict names the belief it is about") {
  Data data = simulated(500, 2, 3, 2, 107);
  data.beliefs[1] = data.controls[0];
  const Fit fit = fit_data(data);
  CHECK(fit.verdict() == Verdict::kBeliefSpanned);
  CHECK(fit.fit.culprit == 1);
}

TEST_CASE("two beliefs that the instruments move alike are not identified") {
  Data data = simulated(500, 2, 2, 2, 108);
  data.beliefs[1] = changed(data.beliefs[0], [](double x) { return 2 * x - 3; });
  CHECK(fit_data(data).verdict() == Verdict::kNotIdentified);
  CHECK(fit_data(data).fit.culprit == 1);
}

TEST_CASE("instruments that do not move the belief at all are refused") {
  Data data;
  data.instruments.resize(1);
  data.beliefs.resize(1);
  Random random(109);
  for (int i = 0; i < 200; ++i) {  // each belief once with either value of the instrument
    const double x = random.below(9), y = random.normal();
    for (const double z : {0.0, 1.0}) {
      data.instruments[0].push_back(z);
      data.beliefs[0].push_back(x);
      data.outcome.push_back(y + z);
    }
  }
  CHECK(fit_data(data).verdict() == Verdict::kNotIdentified);
}

TEST_CASE("an instrument that the controls span leaves too few") {
  Data data = simulated(500, 2, 1, 1, 110);
  for (const double level : {0.0, 1.0, 0.1}) {
    data.instruments[0].assign(500, level);
    CHECK(fit_data(data).verdict() == Verdict::kTooFewInstruments);
  }
  data.instruments[0] = data.controls[1];
  CHECK(fit_data(data).verdict() == Verdict::kTooFewInstruments);
  for (std::size_t i = 0; i < 500; ++i) data.instruments[0][i] = data.controls[0][i] - 0.1 * data.controls[1][i] + 3;
  CHECK(fit_data(data).verdict() == Verdict::kTooFewInstruments);
  data.groups = random_codes(500, 5, 111);
  for (std::size_t i = 0; i < 500; ++i) data.instruments[0][i] = 0.1 * data.groups[i];
  CHECK(fit_data(data).verdict() == Verdict::kTooFewInstruments);
}

TEST_CASE("fewer rows than coefficients, and none at all, are refused") {
  for (const Index n : {1, 2, 3, 4, 5}) CHECK(fit_data(simulated(n, 2, 2, 1, 112)).verdict() != Verdict::kOk);
  Data data = simulated(100, 2, 1, 1, 113);
  CHECK(fit_data(simulated(5, 2, 1, 1, 112)).verdict() == Verdict::kOk);
  CHECK(fit_data(simulated(4, 2, 1, 1, 112)).verdict() == Verdict::kTooFewRows);
  data.kept.assign(100, 0);
  CHECK(fit_data(data).verdict() == Verdict::kNoRows);
  data.kept[7] = data.kept[50] = 1;
  CHECK(fit_data(data).verdict() != Verdict::kOk);
}

TEST_CASE("a constant outcome is refused, also within the absorbed groups") {
  Data data = simulated(500, 2, 1, 1, 114);
  for (const double value : {0.0, 0.1, 1e8, -3.0}) {
    data.outcome.assign(500, value);
    CHECK(fit_data(data).verdict() == Verdict::kConstantOutcome);
  }
  data.groups = random_codes(500, 9, 115);
  const Column level = random_column(9, 116);
  for (std::size_t i = 0; i < 500; ++i) data.outcome[i] = level[static_cast<std::size_t>(data.groups[i])];
  CHECK(fit_data(data).verdict() == Verdict::kConstantOutcome);
}

TEST_CASE("weights that are all 0 are refused") {
  Data data = simulated(500, 2, 1, 1, 117);
  data.weights.assign(500, 0);
  CHECK(fit_data(data).verdict() != Verdict::kOk);
}

TEST_CASE("a missing value is refused and a masked one is not seen") {
  Data data = simulated(500, 2, 1, 1, 118);
  data.beliefs[0][499] = kNaN;
  CHECK(fit_data(data).verdict() == Verdict::kNotFinite);
  data.kept.assign(500, 1);
  data.kept[499] = 0;
  CHECK(fit_data(data).verdict() == Verdict::kOk);
}

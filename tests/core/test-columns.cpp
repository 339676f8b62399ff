// How a column of the problem is read from the user's columns, tile by tile.
#include "columns.h"
#include "support.h"

using namespace test;
using miv::AtomKind;

namespace {

// An experiment's raw columns: 0 real arm, 1 integer arm, 2 prior, 3 personal signal, 4 integer code, 5 stratum, 6 outcome.
struct People {
  Column arm, prior, signal, outcome;
  Codes integer_arm, code, stratum;
  Mask kept;
};

People random_people(Index n, std::uint64_t seed) {
  Random random(seed);
  People people;
  for (Index i = 0; i < n; ++i) {
    people.integer_arm.push_back(random.below(3));
    people.arm.push_back(people.integer_arm.back());
    people.prior.push_back(random.below(5));  // many gaps of 0
    people.signal.push_back(random.below(5));
    people.code.push_back(1 + random.below(4));
    people.stratum.push_back(random.below(2));
    people.outcome.push_back(random.normal());
    people.kept.push_back(random.below(3) > 0);
  }
  return people;
}

miv::Design design_of(const People& people, const miv::Column& column) {
  miv::Design design;
  design.sources = {source_of(people.arm),  source_of(people.integer_arm), source_of(people.prior),  source_of(people.signal),
                    source_of(people.code), source_of(people.stratum),     source_of(people.outcome)};
  design.gaps = {{{3, 0}, {2, 0}}, {{-1, 2.0}, {2, 0}}};  // personal signal less prior, the signal 2 less prior
  design.columns = {column, numeric(6)};
  design.controls = 1;
  design.rows = static_cast<Index>(people.outcome.size());
  return design;
}

miv::Atom lookup(std::vector<double> table, double lowest) {
  miv::Atom atom = atom_of(AtomKind::kLookup, 4, lowest);
  atom.table = std::move(table);
  return atom;
}

miv::Atom arm_less_share(std::vector<double> table, int strata) {
  miv::Atom atom = atom_of(AtomKind::kArm, 1, 2);
  atom.table = std::move(table);
  atom.strata = strata;
  return atom;
}

double sign(double x) { return (x > 0) - (x < 0); }

using Rule = double (*)(const People&, std::size_t);
struct Recipe {
  const char* name;
  miv::Column column;
  Rule rule;
};

std::vector<Recipe> recipes() {
  const std::vector<double> contrast{0.5, -1, 0, 2};
  return {{"a numeric column", numeric(2), [](const People& p, std::size_t i) { return p.prior[i]; }},
          {"an integer column", numeric(4), [](const People& p, std::size_t i) { return static_cast<double>(p.code[i]); }},
          {"a factor's contrast",
           {{lookup(contrast, 1)}},
           [](const People& p, std::size_t i) {
             return std::vector<double>{0.5, -1, 0, 2}[p.code[i] - 1];
           }},
          {"a personal gap", {{atom_of(AtomKind::kGap, 0)}}, [](const People& p, std::size_t i) { return p.signal[i] - p.prior[i]; }},
          {"a gap to one signal", {{atom_of(AtomKind::kGap, 1)}}, [](const People& p, std::size_t i) { return 2 - p.prior[i]; }},
          {"a side", {{atom_of(AtomKind::kSide, 1)}}, [](const People& p, std::size_t i) { return sign(2 - p.prior[i]); }},
          {"people on a side",
           {{atom_of(AtomKind::kSideIs, 0, -1)}},
           [](const People& p, std::size_t i) { return p.signal[i] < p.prior[i] ? 1.0 : 0.0; }},
          {"people at gap 0",
           {{atom_of(AtomKind::kSideIs, 0, 0)}},
           [](const People& p, std::size_t i) { return p.signal[i] == p.prior[i] ? 1.0 : 0.0; }},
          {"an arm", {{atom_of(AtomKind::kArm, 0, 1)}}, [](const People& p, std::size_t i) { return p.arm[i] == 1 ? 1.0 : 0.0; }},
          {"an arm less its share",
           {{arm_less_share({0.25}, -1)}},
           [](const People& p, std::size_t i) { return (p.integer_arm[i] == 2) - 0.25; }},
          {"an arm less its share in the stratum",
           {{arm_less_share({0.25, 0.5}, 5)}},
           [](const People& p, std::size_t i) { return (p.integer_arm[i] == 2) - (p.stratum[i] == 0 ? 0.25 : 0.5); }},
          {"arm times side",
           {{atom_of(AtomKind::kArm, 1, 1), atom_of(AtomKind::kSide, 1)}},
           [](const People& p, std::size_t i) { return (p.integer_arm[i] == 1) * sign(2 - p.prior[i]); }},
          {"two arms, each times its own gap",
           {{atom_of(AtomKind::kArm, 1, 1), atom_of(AtomKind::kGap, 0)},
            {atom_of(AtomKind::kArm, 1, 2), atom_of(AtomKind::kGap, 1), atom_of(AtomKind::kNumeric, 4)}},
           [](const People& p, std::size_t i) {
             return (p.integer_arm[i] == 1) * (p.signal[i] - p.prior[i]) + (p.integer_arm[i] == 2) * (2 - p.prior[i]) * p.code[i];
           }}};
}

bool equals_rule(const MatrixXd& got, const People& people, const Recipe& recipe, const unsigned char* kept) {
  Index at = 0;
  for (std::size_t i = 0; i < people.outcome.size(); ++i) {
    if (kept && !kept[i]) continue;
    if (at >= got.rows() || got(at, 0) != recipe.rule(people, i) || got(at, 1) != people.outcome[i]) return false;
    ++at;
  }
  return at == got.rows();
}

}  // namespace

TEST_CASE("every kind of column equals its rule, whatever the number of rows and with any mask") {
  for (const Index n : awkward_sizes()) {
    const People people = random_people(n, 11);
    for (const Recipe& recipe : recipes()) {
      miv::Design design = design_of(people, recipe.column);
      INFO(recipe.name << ", " << n << " rows");
      CHECK(equals_rule(miv::dense_columns(design), people, recipe, nullptr));
      design.kept = people.kept.data();
      CHECK(equals_rule(miv::dense_columns(design), people, recipe, people.kept.data()));
    }
  }
}

TEST_CASE("a missing value is missing in every column made from it") {
  People people = random_people(600, 12);
  const std::size_t row = 300;
  people.arm[row] = people.prior[row] = people.signal[row] = kNaN;
  people.integer_arm[row] = people.code[row] = people.stratum[row] = kMissing;
  for (const Recipe& recipe : recipes()) {
    const miv::Design design = design_of(people, recipe.column);
    const MatrixXd got = miv::dense_columns(design);
    INFO(recipe.name);
    CHECK(std::isnan(got(row, 0)));
    CHECK(got.allFinite() == false);
    CHECK(got.topRows(row).allFinite());
    CHECK(got.bottomRows(599 - row).allFinite());
  }
}

TEST_CASE("an infinite prior has no side, and an infinite arm is no arm") {
  People people = random_people(10, 13);
  people.prior[4] = kInfinity;
  people.arm[4] = -kInfinity;
  for (const miv::Atom& atom : {atom_of(AtomKind::kSide, 1), atom_of(AtomKind::kSideIs, 0, 1), atom_of(AtomKind::kArm, 0, 1)})
    CHECK(std::isnan(miv::dense_columns(design_of(people, {{atom}}))(4, 0)));
}

TEST_CASE("a code outside its table is missing") {
  const People people = random_people(300, 14);  // codes 1 to 4, strata 0 and 1
  CHECK(!miv::dense_columns(design_of(people, {{lookup({1, 2, 3}, 1)}})).allFinite());
  CHECK(!miv::dense_columns(design_of(people, {{lookup({1, 2, 3, 4}, 2)}})).allFinite());
  CHECK(miv::dense_columns(design_of(people, {{lookup({1, 2, 3, 4}, 1)}})).allFinite());
  CHECK(!miv::dense_columns(design_of(people, {{arm_less_share({0.5}, 5)}})).allFinite());
}

TEST_CASE("a design that contradicts itself is refused") {
  const People people = random_people(5, 15);
  const miv::Design good = design_of(people, numeric(2));
  CHECK_NOTHROW(miv::check_design(good));
  const auto refused = [&](const std::function<void(miv::Design&)>& spoil) {
    miv::Design bad = good;
    spoil(bad);
    CHECK_THROWS_AS(miv::check_design(bad), std::invalid_argument);
  };
  refused([](miv::Design& d) { d.rows = 0; });
  refused([](miv::Design& d) { d.controls = 2; });
  refused([](miv::Design& d) { d.controls = -1, d.instruments = 2; });
  refused([](miv::Design& d) { d.sources[1].real = d.sources[0].real; });
  refused([](miv::Design& d) { d.sources[1].integer = nullptr; });
  refused([](miv::Design& d) { d.weights.source = 7; });
  refused([](miv::Design& d) { d.gaps[0].subtrahend.source = 7; });
  refused([](miv::Design& d) { d.gaps[0].minuend.source = 9; });
  refused([](miv::Design& d) { d.columns[0].clear(); });
  refused([](miv::Design& d) { d.columns[0][0].clear(); });
  refused([](miv::Design& d) { d.columns[0][0][0].source = 7; });
  refused([](miv::Design& d) { d.columns[0][0][0].source = -1; });
  refused([](miv::Design& d) { d.columns[0][0][0] = atom_of(AtomKind::kSide, 2); });
  refused([](miv::Design& d) { d.columns[0][0][0] = atom_of(AtomKind::kLookup, 4); });
  refused([](miv::Design& d) { d.columns[0][0][0].strata = 7; });
  refused([&](miv::Design& d) { d.groups = people.stratum.data(); });
}

TEST_CASE("the frame centres on values that are there and scales by powers of two") {
  Data data = simulated(1000, 2, 1, 1, 16);
  data.controls[1].assign(1000, 0.1);
  const miv::Design design = test::design_of(data);
  for (const miv::Frame& frame : {miv::sample_frame(design), miv::full_frame(design)}) {
    for (Index j = 0; j < design.width(); ++j) {
      int exponent = 0;
      CHECK(std::frexp(frame.scale[j], &exponent) == 0.5);
    }
    CHECK(std::abs(frame.shift[0]) < 0.3);
    CHECK(frame.shift[1] == 0.1);
  }
}

TEST_CASE("only the full frame sees a rare huge value") {
  Data data = simulated(100000, 1, 1, 1, 17);
  data.controls[0][12345] = 1e200;
  const miv::Design design = test::design_of(data);
  CHECK(miv::sample_frame(design).scale[0] > 0.01);
  CHECK(miv::full_frame(design).scale[0] < 1e-199);
}

TEST_CASE("without a constant nothing is shifted, and a mask hides values from the frame") {
  Data data = simulated(100, 1, 1, 1, 18);
  data.intercept = false;
  CHECK(miv::sample_frame(test::design_of(data)).shift.isZero(0));
  data.intercept = true;
  data.kept.assign(100, 1);
  data.kept[3] = 0;
  data.controls[0][3] = 1e100;
  CHECK(miv::sample_frame(test::design_of(data)).scale[0] > 0.01);
  CHECK(miv::full_frame(test::design_of(data)).scale[0] > 0.01);
}

TEST_CASE("a scan counts what is missing and infinite and keeps complete rows") {
  for (const Index n : awkward_sizes()) {
    Random random(19);
    const Column x = draws(n, [&]() { return random.below(50) == 0 ? kNaN : random.below(50) == 0 ? -kInfinity : random.normal(); });
    const Codes code = draws(n, [&]() { return random.below(40) == 0 ? kMissing : random.below(9); });
    const Mask mask = draws(n, [&]() { return static_cast<unsigned char>(random.below(10) > 0); });
    for (const unsigned char* kept : {static_cast<const unsigned char*>(nullptr), mask.data()}) {
      std::vector<Index> missing{0, 0}, infinite{0, 0};
      Mask complete(static_cast<std::size_t>(n), 0);
      double low = kInfinity, high = -kInfinity;
      for (std::size_t i = 0; i < complete.size(); ++i) {
        if (kept && !kept[i]) continue;
        missing[0] += std::isnan(x[i]);
        infinite[0] += std::isinf(x[i]);
        missing[1] += code[i] == kMissing;
        complete[i] = std::isfinite(x[i]) && code[i] != kMissing;
        if (!std::isfinite(x[i])) continue;
        low = std::min(low, x[i]);
        high = std::max(high, x[i]);
      }
      for (const int threads : {1, 2, 3}) {
        const miv::Scan scan = miv::scan_sources({source_of(x), source_of(code)}, n, kept, workers(threads));
        CHECK(scan.missing == missing);
        CHECK(scan.infinite == infinite);
        CHECK(scan.minimum[0] == low);
        CHECK(scan.maximum[0] == high);
        CHECK(scan.n_kept == std::count(complete.begin(), complete.end(), 1));
        CHECK((scan.kept.empty() ? Mask(complete.size(), 1) : scan.kept) == complete);
      }
    }
  }
}

TEST_CASE("a scan of complete rows makes no mask, and a scan of no rows finds none") {
  const Column x = random_column(70000, 20);
  CHECK(miv::scan_sources({source_of(x)}, 70000, nullptr, workers(2)).kept.empty());
  CHECK(miv::scan_sources({source_of(x)}, 0, nullptr, workers(2)).n_kept == 0);
}

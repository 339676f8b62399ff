// Counting people by arm, side and stratum.
#include "arms.h"
#include "support.h"

using namespace test;

namespace {

struct People {
  Codes arm, stratum;
  Column prior, signal, value, weight;
  Mask kept;
};

People random_people(Index n, std::uint64_t seed) {
  Random random(seed);
  People people;
  for (Index i = 0; i < n; ++i) {
    people.arm.push_back(random.below(10) == 0 ? kMissing : random.below(4));
    people.stratum.push_back(random.below(5) - 1);
    people.prior.push_back(random.below(20) == 0 ? kNaN : random.below(5));
    people.signal.push_back(random.below(5));
    people.value.push_back(1e6 + random.normal());
    people.weight.push_back(random.uniform());
    people.kept.push_back(random.below(3) > 0);
  }
  return people;
}

miv::Design design_of(const People& people) {
  miv::Design design;
  design.sources = {source_of(people.arm), source_of(people.prior), source_of(people.signal), source_of(people.value),
                    source_of(people.weight)};
  design.gaps = {{{2, 0}, {1, 0}}, {{-1, 3.0}, {1, 0}}};
  design.rows = static_cast<Index>(people.arm.size());
  return design;
}

const std::vector<double> kArms{2, 0, 1};  // arm 3 is not asked for

double gap_of(const People& people, int gap, std::size_t i) { return (gap == 0 ? people.signal[i] : 3.0) - people.prior[i]; }

}  // namespace

TEST_CASE("people are counted by arm, and those kept by side of each gap") {
  const People people = random_people(3000, 181);
  miv::Design design = design_of(people);
  for (const bool masked : {false, true}) {
    design.kept = masked ? people.kept.data() : nullptr;
    const miv::ArmCounts counts = miv::count_arms(design, 0, kArms);
    for (std::size_t a = 0; a < kArms.size(); ++a) {
      Index everybody = 0, complete = 0;
      for (std::size_t i = 0; i < people.arm.size(); ++i) {
        everybody += people.arm[i] == kArms[a];
        complete += people.arm[i] == kArms[a] && (!masked || people.kept[i]);
      }
      CHECK(counts.people[a] == everybody);
      CHECK(counts.complete[a] == complete);
      for (int gap = 0; gap < 2; ++gap) {
        for (int side = -1; side <= 1; ++side) {
          Index expected = 0;
          for (std::size_t i = 0; i < people.arm.size(); ++i) {
            const double size = gap_of(people, gap, i);
            expected += people.arm[i] == kArms[a] && (!masked || people.kept[i]) && size == size && (size > 0) - (size < 0) == side;
          }
          CHECK(counts.sides[a + 3 * (gap + 2 * (side + 1))] == expected);
        }
      }
    }
  }
}

TEST_CASE("the mean and spread of a value by arm and side are those of two passes, weighted or not") {
  const People people = random_people(3000, 182);
  miv::Design design = design_of(people);
  for (const bool weighted : {false, true}) {
    design.weights.source = weighted ? 4 : -1;
    const miv::ArmCounts counts = miv::count_arms(design, 0, kArms, 3);
    for (std::size_t cell = 0; cell < 18; ++cell) {
      const std::size_t a = cell % 3, gap = cell / 3 % 2, side = cell / 6;
      double total = 0, sum = 0, squares = 0;
      const auto each = [&](const auto& act) {
        for (std::size_t i = 0; i < people.arm.size(); ++i) {
          const double size = gap_of(people, static_cast<int>(gap), i);
          if (people.arm[i] == kArms[a] && size == size && (size > 0) - (size < 0) == static_cast<int>(side) - 1)
            act(weighted ? people.weight[i] : 1.0, people.value[i]);
        }
      };
      each([&](double w, double x) { total += w, sum += w * (x - 1e6); });
      const double mean = 1e6 + sum / total;
      each([&](double w, double x) { squares += w * (x - mean) * (x - mean); });
      CHECK(apart(counts.weight[cell], total) < 1e-12);
      CHECK(apart(counts.mean[cell], mean) < 1e-14);
      CHECK(apart(counts.spread[cell], squares) < 1e-8);
    }
  }
}

TEST_CASE("totals by stratum and arm are sums of weights, and people without a stratum are left out") {
  const People people = random_people(3000, 183);
  miv::Design design = design_of(people);
  design.kept = people.kept.data();
  for (const bool weighted : {false, true}) {
    design.weights.source = weighted ? 4 : -1;
    MatrixXd expected = MatrixXd::Zero(4, 3);
    for (std::size_t i = 0; i < people.arm.size(); ++i)
      for (std::size_t a = 0; a < kArms.size(); ++a)
        if (people.kept[i] && people.arm[i] == kArms[a] && people.stratum[i] >= 0)
          expected(people.stratum[i], static_cast<Index>(a)) += weighted ? people.weight[i] : 1.0;
    CHECK(same_bits(miv::arm_totals(design, 0, kArms, people.stratum.data(), 4), expected));
  }
}

TEST_CASE("without strata everybody is in one") {
  const People people = random_people(500, 184);
  const MatrixXd totals = miv::arm_totals(design_of(people), 0, kArms, nullptr, 1);
  for (std::size_t a = 0; a < kArms.size(); ++a)
    CHECK(totals(0, static_cast<Index>(a)) == std::count(people.arm.begin(), people.arm.end(), kArms[a]));
}

TEST_CASE("an arm that is no source and a stratum that is not there are refused") {
  const People people = random_people(50, 185);
  const miv::Design design = design_of(people);
  CHECK_THROWS_AS(miv::count_arms(design, 9, kArms), std::invalid_argument);
  CHECK_THROWS_AS(miv::count_arms(design, -1, kArms), std::invalid_argument);
  CHECK_THROWS_AS(miv::arm_totals(design, 5, kArms, nullptr, 1), std::invalid_argument);
  CHECK_THROWS_AS(miv::arm_totals(design, 0, kArms, people.stratum.data(), 3), std::invalid_argument);
}

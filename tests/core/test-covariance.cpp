// Meats of the sandwich against a plain double loop, and what they must not depend on.
#include "covariance.h"
#include "kernels.h"
#include "reference.h"

using namespace test;
using miv::RowWeight;
using miv::Verdict;

namespace {

const std::vector<RowWeight> kRowWeights{RowWeight::kNone, RowWeight::kHc2, RowWeight::kHc3};

Column positive_weights(Index n, std::uint64_t seed) {
  return changed(random_column(n, seed), [](double x) { return 0.1 + std::abs(x); });
}

// Worst distance of HC0, HC2, HC3 and CR0 from the plain formulas.
double worst_distance(Data data, bool heterogeneous) {
  data.clusters = random_codes(data.rows(), 15, 131);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  if (fit.verdict() != Verdict::kOk) return kInfinity;
  const Reference plain = reference_fit(data);
  double worst = 0;
  for (const RowWeight weight : kRowWeights) {
    const miv::MeatRequest request = over_rows(weight, heterogeneous);
    worst = std::max(worst, apart(covariance(design, fit, request), reference_covariance(plain, request, false)));
  }
  const miv::MeatRequest request = over_clusters(data.clusters, heterogeneous);
  return std::max(worst, apart(covariance(design, fit, request), reference_covariance(plain, request, true)));
}

// Wald statistic of the instruments in a belief's first stage, from the meat, and from a least-squares fit of it.
double first_stage_wald(const Fit& fit, const miv::Meats& meats, Index belief) {
  return wald(fit.fit.first_direction.col(belief), meats.first[0][static_cast<std::size_t>(belief)]);
}

double plain_wald(const Data& data, std::size_t belief, const miv::MeatRequest& request, bool by_cluster) {
  Data first = data;
  first.controls.insert(first.controls.end(), data.instruments.begin(), data.instruments.end());
  first.instruments.clear();
  first.beliefs.clear();
  first.outcome = data.beliefs[belief];
  const Reference plain = reference_fit(first);
  const Index l = static_cast<Index>(data.instruments.size());
  return wald(plain.coefficients().tail(l), reference_covariance(plain, request, by_cluster).bottomRightCorner(l, l));
}

}  // namespace

TEST_CASE("HC0, HC2, HC3 and CR0 equal the plain formulas") {
  for (const int beliefs : {0, 1, 2}) {
    for (const int instruments : {beliefs, beliefs + 2}) {
      Data data = simulated(150, 2, instruments, beliefs, 132);
      INFO(beliefs << " beliefs, " << instruments << " instruments");
      CHECK(worst_distance(data, false) < 1e-11);
      data.weights = positive_weights(150, 133);
      CHECK(worst_distance(data, false) < 1e-11);
      data.intercept = false;
      CHECK(worst_distance(data, false) < 1e-11);
    }
  }
}

TEST_CASE("scores valid under different effects equal their formula when over-identified") {
  for (const int beliefs : {1, 2}) {
    Data data = simulated(150, 2, beliefs + 2, beliefs, 134);
    CHECK(worst_distance(data, true) < 1e-11);
    data.weights = positive_weights(150, 135);
    CHECK(worst_distance(data, true) < 1e-11);
    data.groups = random_codes(150, 6, 136);
    CHECK(worst_distance(data, true) < 1e-11);
  }
}

TEST_CASE("scores valid under different effects are the usual ones when just identified") {
  const Data data = simulated(300, 2, 2, 2, 137);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  for (const RowWeight weight : kRowWeights)
    CHECK(same_bits(covariance(design, fit, over_rows(weight, true)), covariance(design, fit, over_rows(weight, false))));
  const Data over = simulated(300, 2, 3, 2, 137);
  const miv::Design other = design_of(over);
  CHECK(apart(covariance(other, fit_design(other), over_rows(RowWeight::kNone, true)),
              covariance(other, fit_design(other), over_rows(RowWeight::kNone))) > 1e-3);
}

TEST_CASE("an absorbed effect has the covariances of one dummy per group") {
  for (const int instruments : {1, 3}) {
    Data data = simulated(200, 2, instruments, 1, 138);
    data.groups = random_codes(200, 11, 139);
    CHECK(worst_distance(data, false) < 1e-11);
    data.weights = positive_weights(200, 140);
    CHECK(worst_distance(data, false) < 1e-11);
  }
}

TEST_CASE("weights of 0 leave the covariances of the rows without them") {
  Data data = simulated(300, 2, 2, 1, 141);
  data.weights = changed(random_column(300, 142), [](double x) { return x > 0 ? x : 0; });
  const miv::Design design = design_of(data);
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < 300; ++i)
    if (data.weights[i] > 0) used.push_back(i);
  const Data without = take_rows(data, used);
  const miv::Design smaller = design_of(without);
  for (const RowWeight weight : kRowWeights)
    CHECK(apart(covariance(design, fit_design(design), over_rows(weight)), covariance(smaller, fit_design(smaller), over_rows(weight))) <
          1e-12);
}

TEST_CASE("a cluster with one row each is no cluster, and one cluster of everybody has no meat") {
  const Data data = simulated(300, 2, 1, 1, 143);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  Codes own(300);
  std::iota(own.begin(), own.end(), 0);
  const MatrixXd rows = covariance(design, fit, over_rows(RowWeight::kNone));
  CHECK(apart(covariance(design, fit, over_clusters(own)), rows) < 1e-12);
  CHECK(covariance(design, fit, over_clusters(Codes(300, 0))).cwiseAbs().maxCoeff() < 1e-12 * rows.cwiseAbs().maxCoeff());
}

TEST_CASE("labels of clusters, the order of rows, and labels that nobody has do not matter") {
  const Data data = simulated(400, 2, 2, 1, 144);
  Codes clusters = random_codes(400, 20, 145);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  const MatrixXd before = covariance(design, fit, over_clusters(clusters));
  Codes renamed = clusters;
  for (int& code : renamed) code = (code * 7 + 3) % 41;
  CHECK(apart(covariance(design, fit, over_clusters(renamed)), before) < 1e-12);
  std::vector<std::size_t> backwards(400);
  for (std::size_t i = 0; i < 400; ++i) backwards[i] = 399 - i;
  Data turned = data;
  turned.clusters = clusters;
  turned = take_rows(turned, backwards);
  const miv::Design other = design_of(turned);
  CHECK(apart(covariance(other, fit_design(other), over_clusters(turned.clusters)), before) < 1e-12);
  CHECK(apart(covariance(other, fit_design(other), over_rows(RowWeight::kHc3)), covariance(design, fit, over_rows(RowWeight::kHc3))) <
        1e-12);
}

TEST_CASE("several id sets in one pass give the meats of each alone") {
  const Data data = simulated(400, 2, 2, 1, 146);
  const Codes a = random_codes(400, 20, 147), b = random_codes(400, 9, 148);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  miv::MeatRequest both = over_clusters(a);
  both.clusters.push_back(groups_of(b));
  const std::vector<MatrixXd> together = covariances(design, fit, both);
  CHECK(same_bits(together[0], covariance(design, fit, over_clusters(a))));
  CHECK(same_bits(together[1], covariance(design, fit, over_clusters(b))));
}

TEST_CASE("a mask leaves the covariance of the rows without it, clustered, absorbed, or neither") {
  for (const bool absorbed : {false, true}) {
    Data data = simulated(700, 2, 2, 1, 149);
    data.clusters = random_codes(700, 30, 150);
    if (absorbed) data.groups = random_codes(700, 12, 165);
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < 700; ++i) {
      data.kept.push_back(i % 4 != 2);
      if (data.kept[i]) {
        used.push_back(i);
        continue;
      }
      data.beliefs[0][i] = kNaN;
      data.clusters[i] = -1;
      if (absorbed) data.groups[i] = -1;
    }
    Data without = take_rows(data, used);
    without.kept.clear();
    const miv::Design masked = design_of(data), smaller = design_of(without);
    CHECK(apart(covariance(masked, fit_design(masked), over_clusters(data.clusters)),
                covariance(smaller, fit_design(smaller), over_clusters(without.clusters))) < 1e-12);
    for (const RowWeight weight : kRowWeights)
      CHECK(apart(covariance(masked, fit_design(masked), over_rows(weight)), covariance(smaller, fit_design(smaller), over_rows(weight))) <
            1e-12);
  }
}

TEST_CASE("a person alone in an absorbed group adds nothing") {
  Data data = simulated(300, 2, 2, 1, 166);
  data.groups = random_codes(300, 9, 167);
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < 300; ++i) {
    if (i % 50 == 7)
      data.groups[i] = 9 + static_cast<int>(i) / 50;
    else
      others.push_back(i);
  }
  for (const bool weighted : {false, true}) {
    if (weighted) data.weights = positive_weights(300, 168);
    const Data without = take_rows(data, others);
    const miv::Design all = design_of(data), fewer = design_of(without);
    CHECK(apart(fit_design(all).coefficients, fit_design(fewer).coefficients) < 1e-12);
    for (const RowWeight weight : kRowWeights)
      CHECK(apart(covariance(all, fit_design(all), over_rows(weight)), covariance(fewer, fit_design(fewer), over_rows(weight))) < 1e-12);
  }
}

TEST_CASE("a cluster code outside its range is refused, not followed") {
  const Data data = simulated(100, 1, 1, 1, 151);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  for (const int code : {-1, 5}) {
    Codes clusters = random_codes(100, 5, 152);
    clusters[50] = code;
    miv::MeatRequest request = over_clusters(clusters);
    request.clusters[0].count = 5;
    CHECK_THROWS_AS(covariance(design, fit, request), std::invalid_argument);
  }
}

TEST_CASE("leverages sum to the number of coefficients") {
  // Every person twice, with residuals 1 and -1 that no column explains: the HC0 meat is then the sum of the leverages' outer products.
  for (const bool weighted : {false, true}) {
    for (const int instruments : {1, 3}) {
      Data data = simulated(150, 2, instruments, 1, 153);
      if (weighted) data.weights = positive_weights(150, 154);
      std::vector<std::size_t> twice;
      for (std::size_t i = 0; i < 300; ++i) twice.push_back(i / 2);
      data = take_rows(data, twice);
      for (std::size_t i = 0; i < 300; ++i) {
        const double root = weighted ? std::sqrt(data.weights[i]) : 1;
        data.outcome[i] = 2 * data.beliefs[0][i] - data.controls[0][i] + (i % 2 ? 1 : -1) / root;
      }
      const miv::Design design = design_of(data);
      const Fit fit = fit_design(design);
      const double scale = fit.factor.frame.scale[design.width() - 1];
      const MatrixXd meat =
          miv::compute_meats(design, fit.factor, fit.fit, over_rows(RowWeight::kNone), workers(1)).second[0] / scale / scale;
      CHECK(std::abs(meat.trace() - 4) < 1e-11);
      CHECK(apart(meat, MatrixXd::Identity(4, 4)) < 1e-11);
    }
  }
}

TEST_CASE("the residual sum of squares over the rows is that of the triangle") {
  for (const bool absorbed : {false, true}) {
    Data data = simulated(1000, 2, 3, 1, 155);
    if (absorbed) data.groups = random_codes(1000, 20, 156);
    const miv::Design design = design_of(data);
    const Fit fit = fit_design(design);
    CHECK(apart(miv::compute_meats(design, fit.factor, fit.fit, over_rows(RowWeight::kNone), workers(2)).rss, fit.fit.rss) < 1e-11);
  }
}

TEST_CASE("the first stage's Wald statistic is that of the instruments in its own regression") {
  for (const bool absorbed : {false, true}) {
    for (const int instruments : {2, 3}) {
      Data data = simulated(200, 2, instruments, 2, 157);
      data.clusters = random_codes(200, 17, 158);
      if (absorbed) data.groups = random_codes(200, 8, 159);
      const miv::Design design = design_of(data);
      const Fit fit = fit_design(design);
      std::vector<miv::MeatRequest> requests{over_clusters(data.clusters)};
      for (const RowWeight weight : kRowWeights) requests.push_back(over_rows(weight));
      for (const miv::MeatRequest& request : requests) {
        const miv::Meats meats = miv::compute_meats(design, fit.factor, fit.fit, request, workers(2));
        for (Index j = 0; j < 2; ++j)
          CHECK(apart(first_stage_wald(fit, meats, j), plain_wald(data, static_cast<std::size_t>(j), request, !request.clusters.empty())) <
                1e-10);
      }
    }
  }
}

TEST_CASE("covariances bear the units of belief and outcome") {
  const Data data = simulated(300, 2, 2, 1, 160);
  const miv::Design design = design_of(data);
  const MatrixXd before = covariance(design, fit_design(design), over_rows(RowWeight::kHc2));
  for (const double c : {1e-70, 1e70}) {
    Data scaled = data;
    scaled.beliefs[0] = changed(data.beliefs[0], [&](double x) { return c * x; });
    const miv::Design other = design_of(scaled);
    const MatrixXd after = covariance(other, fit_design(other), over_rows(RowWeight::kHc2));
    CHECK(apart(after(3, 3) * c * c, before(3, 3)) < 1e-12);
    CHECK(apart(after.topLeftCorner(3, 3), before.topLeftCorner(3, 3)) < 1e-12);
  }
}

TEST_CASE("covariances keep their digits next to a control of a hundred million and near aliases") {
  Data data = simulated(300, 3, 2, 1, 161);
  for (std::size_t i = 0; i < 300; ++i) {
    data.controls[1][i] = 1e8 + std::round(1024 * data.controls[1][i]) / 1024;
    data.controls[2][i] = data.controls[0][i] + 1e-5 * data.controls[2][i];
  }
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  const Reference plain = reference_fit(data);
  for (const RowWeight weight : kRowWeights) {
    const MatrixXd got = covariance(design, fit, over_rows(weight)), expected = reference_covariance(plain, over_rows(weight), false);
    CHECK(apart(got(4, 4), expected(4, 4)) < 1e-10);
    CHECK(apart(got(2, 2), expected(2, 2)) < 1e-10);
    CHECK(each_apart(got.diagonal(), expected.diagonal()) < 1e-8);
  }
}

TEST_CASE("meats have the same bits for any number of threads and under both kernels") {
  for (const Index n : {1000, 65537, 140000}) {
    const Data data = simulated(n, 2, 3, 1, 162);
    const Codes clusters = random_codes(n, 100, 163);
    const miv::Design design = design_of(data);
    const Fit fit = fit_design(design);
    for (const miv::MeatRequest& request : {over_rows(RowWeight::kNone), over_rows(RowWeight::kHc3, true), over_clusters(clusters)}) {
      const MatrixXd one = covariances(design, fit, request, 1)[0];
      CHECK(same_bits(covariances(design, fit, request, 2)[0], one));
      CHECK(same_bits(covariances(design, fit, request, 3)[0], one));
      miv::choose_kernel(miv::Kernel::kPortable);
      CHECK(same_bits(covariances(design, fit, request, 2)[0], one));
      miv::choose_kernel(miv::Kernel::kBest);
    }
  }
}

TEST_CASE("a row that its own column fits exactly adds nothing to HC2 and HC3") {
  Data data = simulated(100, 2, 1, 1, 164);
  data.controls[1].assign(100, 0);
  data.controls[1][42] = 1;  // one person's own dummy
  const miv::Design design = design_of(data);
  for (const RowWeight weight : kRowWeights) CHECK(covariance(design, fit_design(design), over_rows(weight)).allFinite());
}

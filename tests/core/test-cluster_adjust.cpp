// CR2 and CR3 against HC2, HC3, clusters really left out, and the degrees of freedom known in closed form.
#include "cluster_adjust.h"
#include "reference.h"

using namespace test;
using miv::Adjustment;

namespace {

struct Adjusted {
  Adjusted(const Data& data, const Codes& clusters, Adjustment kind, bool heterogeneous = false, int threads = 1)
      : design(design_of(data)), fit(fit_design(design)) {
    miv::AdjustRequest request;
    request.kind = kind;
    request.heterogeneous = heterogeneous;
    request.clusters = groups_of(clusters);
    meats = miv::adjusted_meats(design, fit.factor, fit.fit, fit.user, request, workers(threads));
    covariance = miv::sandwich(fit.fit, fit.user, meats.second);
  }
  miv::Design design;
  Fit fit;
  miv::AdjustedMeats meats;
  MatrixXd covariance;
};

Codes each_own(Index n) {
  Codes out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

Codes equal_clusters(Index n, int count) {
  Codes out;
  for (Index i = 0; i < n; ++i) out.push_back(static_cast<int>(i % count));
  return out;
}

Data only_constant(Index n) {
  Data data;
  data.outcome = random_column(n, 5);
  return data;
}

// Sum over clusters of squared changes of the coefficients when a cluster is left out.
MatrixXd by_leaving_out(const Data& data, const Codes& clusters, int count) {
  const Fit whole = fit_data(data);
  const Index k = whole.coefficients.size();
  MatrixXd out = MatrixXd::Zero(k, k);
  for (int g = 0; g < count; ++g) {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < clusters.size(); ++i)
      if (clusters[i] != g) rows.push_back(i);
    const VectorXd change = fit_data(take_rows(data, rows)).coefficients - whole.coefficients;
    out += change * change.transpose();
  }
  return out;
}

}  // namespace

TEST_CASE("with everybody a cluster CR2 is HC2 and CR3 is HC3") {
  const Data data = simulated(400, 2, 3, 2, 11);
  for (const bool heterogeneous : {false, true}) {
    const Adjusted two(data, each_own(400), Adjustment::kCr2, heterogeneous), three(data, each_own(400), Adjustment::kCr3, heterogeneous);
    CHECK(apart(two.covariance, covariance(two.design, two.fit, over_rows(miv::RowWeight::kHc2, heterogeneous))) < 1e-11);
    CHECK(apart(three.covariance, covariance(three.design, three.fit, over_rows(miv::RowWeight::kHc3, heterogeneous))) < 1e-11);
  }
}

TEST_CASE("CR3 of least squares is what leaving clusters out gives") {
  Data data = simulated(240, 3, 0, 0, 12);
  const Codes clusters = random_codes(240, 9, 13);
  CHECK(apart(Adjusted(data, clusters, Adjustment::kCr3).covariance, by_leaving_out(data, clusters, 9)) < 1e-10);
  data.weights = changed(random_column(240, 14), [](double x) { return 0.1 + std::abs(x); });
  CHECK(apart(Adjusted(data, clusters, Adjustment::kCr3).covariance, by_leaving_out(data, clusters, 9)) < 1e-10);
}

TEST_CASE("a mean over clusters of one size has one degree of freedom less than clusters") {
  const Adjusted mean(only_constant(120), equal_clusters(120, 8), Adjustment::kCr2);
  CHECK(apart(mean.meats.df[0], 7) < 1e-12);
  Data weighted = only_constant(120);
  weighted.weights = Column(120, 3.0);
  CHECK(apart(Adjusted(weighted, equal_clusters(120, 8), Adjustment::kCr2).meats.df[0], 7) < 1e-12);
}

TEST_CASE("a cluster that alone determines a coefficient gives nothing infinite") {
  Data data = simulated(200, 1, 2, 1, 15);
  const Codes clusters = equal_clusters(200, 10);
  Column own;
  for (const int g : clusters) own.push_back(g == 3);
  data.controls.push_back(own);
  for (const Adjustment kind : {Adjustment::kCr2, Adjustment::kCr3}) CHECK(Adjusted(data, clusters, kind).covariance.allFinite());
}

TEST_CASE("threads change no bit of the adjusted covariance") {
  Data data = simulated(3000, 2, 2, 1, 16);
  data.weights = changed(random_column(3000, 17), [](double x) { return 0.1 + std::abs(x); });
  const Codes clusters = equal_clusters(3000, 1000);
  const Adjusted one(data, clusters, Adjustment::kCr2, true, 1), four(data, clusters, Adjustment::kCr2, true, 4);
  CHECK(same_bits(one.covariance, four.covariance));
  CHECK(same_bits(one.meats.df, four.meats.df));
}

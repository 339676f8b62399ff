// Reduced forms of beliefs and error against plain regressions of outcome less b times belief.
#include "weak_iv.h"
#include "reference.h"

using namespace test;
using miv::RowWeight;

namespace {

// Wald statistic of the instruments at the effect b, from the reduced forms.
double wald_at(double b, const Fit& fit, const miv::ReducedForms& forms) {
  const Index l = forms.directions.rows();
  const double unit = fit.user.map.diagonal().tail(1)[0], d = b / unit - fit.fit.coefficients.tail(1)[0];
  MatrixXd turn(2 * l, l);
  turn << -d * MatrixXd::Identity(l, l), MatrixXd::Identity(l, l);
  return wald(forms.directions.col(1) - d * forms.directions.col(0), turn.transpose() * forms.meats[0] * turn);
}

double plain_wald_at(double b, const Data& data, const miv::MeatRequest& request) {
  Data one = data;
  one.controls.insert(one.controls.end(), data.instruments.begin(), data.instruments.end());
  one.instruments.clear();
  one.beliefs.clear();
  for (std::size_t i = 0; i < one.outcome.size(); ++i) one.outcome[i] -= b * data.beliefs[0][i];
  const Reference plain = reference_fit(one);
  const Index l = static_cast<Index>(data.instruments.size());
  return wald(plain.coefficients().tail(l), reference_covariance(plain, request, !request.clusters.empty()).bottomRightCorner(l, l));
}

miv::ReducedForms forms_of(const miv::Design& design, const Fit& fit, const miv::MeatRequest& request, int threads = 1) {
  return miv::reduced_forms(design, fit.factor, fit.fit, request, workers(threads));
}

}  // namespace

TEST_CASE("at any effect the Wald statistic is that of the regression of outcome less effect times belief") {
  for (const int instruments : {1, 3}) {
    for (const bool absorbed : {false, true}) {
      Data data = simulated(160, 2, instruments, 1, 501);
      data.clusters = random_codes(160, 17, 502);
      data.weights = changed(random_column(160, 503), [](double x) { return 0.1 + std::abs(x); });
      if (absorbed) data.groups = random_codes(160, 7, 504);
      const miv::Design design = design_of(data);
      const Fit fit = fit_design(design);
      for (const miv::MeatRequest& request : {over_rows(RowWeight::kNone), over_rows(RowWeight::kHc2), over_rows(RowWeight::kHc3), over_clusters(data.clusters)})
        for (const double b : {-3.0, 0.0, 1.25, 40.0})
          CHECK(apart(wald_at(b, fit, forms_of(design, fit, request)), plain_wald_at(b, data, request)) < 1e-9);
    }
  }
}

TEST_CASE("beliefs' own meats are those of the first stage") {
  Data data = simulated(300, 2, 4, 2, 505);
  data.clusters = random_codes(300, 20, 506);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  for (const miv::MeatRequest& request : {over_rows(RowWeight::kHc3), over_clusters(data.clusters)}) {
    const miv::Meats meats = miv::compute_meats(design, fit.factor, fit.fit, request, workers(1));
    const MatrixXd joint = forms_of(design, fit, request).meats[0];
    for (Index j = 0; j < 2; ++j) CHECK(apart(joint.block(4 * j, 4 * j, 4, 4), meats.first[0][static_cast<std::size_t>(j)]) < 1e-12);
  }
}

TEST_CASE("an outcome of a hundred million times the belief keeps the error's digits") {
  Data data = simulated(300, 1, 2, 1, 507);
  const double b = 1e8;
  Data large = data;
  for (std::size_t i = 0; i < 300; ++i) large.outcome[i] = std::ldexp(std::round(std::ldexp(data.outcome[i], 10)), -10) + b * (large.beliefs[0][i] = std::ldexp(std::round(std::ldexp(data.beliefs[0][i], 10)), -10));
  data.beliefs = large.beliefs;
  for (double& y : data.outcome) y = std::ldexp(std::round(std::ldexp(y, 10)), -10);
  const miv::Design design = design_of(large);
  const Fit fit = fit_design(design);
  const miv::MeatRequest request = over_rows(RowWeight::kNone);
  CHECK(apart(wald_at(b + 2, fit, forms_of(design, fit, request)), plain_wald_at(2, data, request)) < 1e-5);
}

TEST_CASE("reduced forms have the same bits for any number of threads") {
  const Data data = simulated(70000, 2, 3, 1, 508);
  const miv::Design design = design_of(data);
  const Fit fit = fit_design(design);
  const Codes clusters = random_codes(70000, 100, 509);
  for (const miv::MeatRequest& request : {over_rows(RowWeight::kHc2), over_clusters(clusters)})
    CHECK(same_bits(forms_of(design, fit, request, 3).meats[0], forms_of(design, fit, request, 1).meats[0]));
}

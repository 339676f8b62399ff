// From the rows to a triangle: two factorisations, the rule for dropping, and the choice between paths.
#include "least_squares.h"
#include "reference.h"

using namespace test;
using miv::AtomKind;
using miv::Path;

namespace {

miv::Factor factor_of(const miv::Design& design) {
  miv::check_design(design);
  return miv::factorise(design, VectorXd(), false, workers(2));
}

miv::Factor factor_of(const Data& data) { return factor_of(design_of(data)); }

std::vector<bool> kept_of(const Data& data) { return factor_of(data).triangle.kept; }

MatrixXd random_matrix(Index rows, Index columns, std::uint64_t seed) {
  const Column values = random_column(rows * columns, seed);
  return Eigen::Map<const MatrixXd>(values.data(), rows, columns);
}

miv::DropRule rule_for(Index columns) {
  miv::DropRule rule;
  rule.droppable = columns;
  return rule;
}

// A matrix with a constant and an exact alias of two columns before it.
MatrixXd with_alias() {
  MatrixXd a = random_matrix(60, 7, 41);
  a.col(0).setOnes();
  a.col(4) = 2 * a.col(1) - a.col(3) + 5 * a.col(0);
  return a;
}

}  // namespace

TEST_CASE("both factorisations give the same triangle with a positive diagonal") {
  MatrixXd a = random_matrix(50, 6, 42);
  a.col(0).setOnes();
  const miv::Triangle cholesky = miv::cholesky_in_order(a.transpose() * a, rule_for(6)),
                      householder = miv::householder_in_order(a, rule_for(6));
  CHECK(apart(cholesky.r.transpose() * cholesky.r, a.transpose() * a) < 1e-14);
  CHECK(apart(cholesky.r, householder.r) < 1e-13);
  CHECK(householder.r.diagonal().minCoeff() > 0);
  CHECK(householder.r.isUpperTriangular(0));
  CHECK(apart(cholesky.smallest_pivot, householder.smallest_pivot) < 1e-12);
}

TEST_CASE("of an exact alias the later column is dropped, by both factorisations") {
  const MatrixXd a = with_alias();
  const std::vector<bool> expected{true, true, true, true, false, true, true};
  const miv::Triangle householder = miv::householder_in_order(a, rule_for(7));
  CHECK(householder.kept == expected);
  CHECK(householder.r.row(4).isZero(0));
  MatrixXd cross = a.transpose() * a;
  const MatrixXd rebuilt = householder.r.transpose() * householder.r;
  CHECK(apart(rebuilt, cross) < 1e-14);
  CHECK(miv::cholesky_in_order(cross, rule_for(7)).smallest_pivot < 1e-14);  // the caller asks the rows
}

TEST_CASE("a column that may not be dropped stays, with nothing on its diagonal") {
  MatrixXd a = with_alias();
  miv::DropRule rule = rule_for(4);
  const miv::Triangle householder = miv::householder_in_order(a, rule);
  CHECK(householder.kept[4]);
  CHECK(std::abs(householder.r(4, 4)) < 1e-13);
  CHECK(householder.smallest_pivot > 0.1);
}

TEST_CASE("a matrix with fewer rows than columns has a triangle all the same") {
  const MatrixXd a = random_matrix(3, 6, 43);
  miv::DropRule rule = rule_for(0);
  rule.constant = 0;
  const miv::Triangle triangle = miv::householder_in_order(a, rule);
  CHECK(triangle.r.rows() == 6);
  CHECK(apart(triangle.r.transpose() * triangle.r, a.transpose() * a) < 1e-14);
}

TEST_CASE("an empty problem has an empty triangle") {
  miv::DropRule rule = rule_for(0);
  rule.constant = 0;
  CHECK(miv::cholesky_in_order(MatrixXd(0, 0), rule).r.size() == 0);
  CHECK(miv::householder_in_order(MatrixXd(0, 0), rule).r.size() == 0);
}

TEST_CASE("the root of the rows is a root of the cross-products, whatever the number of rows") {
  for (const Index n : awkward_sizes()) {
    Data data = simulated(n, 2, 1, 1, 44);
    Random random(45);
    data.kept = draws(n, [&]() { return static_cast<unsigned char>(random.below(5) > 0); });
    data.kept[0] = 1;
    const miv::Design design = design_of(data);
    const miv::Frame frame = miv::sample_frame(design);
    const MatrixXd root = miv::root_of_rows(design, frame, workers(2)), cross = miv::compute_moments(design, frame, workers(2)).cross;
    CHECK(root.rows() <= design.total());
    CHECK(apart(root.transpose() * root, cross) < 1e-13);
    CHECK(same_bits(miv::root_of_rows(design, frame, workers(1)), root));
    CHECK(same_bits(miv::root_of_rows(design, frame, workers(3)), root));
  }
}

TEST_CASE("well conditioned columns take cross-products and near aliases take the rows") {
  Data data = simulated(500, 3, 1, 1, 46);
  CHECK(factor_of(data).path == Path::kCrossProducts);
  for (std::size_t i = 0; i < 500; ++i) data.controls[2][i] = data.controls[0][i] - data.controls[1][i] + 1e-4 * data.controls[2][i];
  const miv::Factor factor = factor_of(data);
  CHECK(factor.path == Path::kHouseholder);
  CHECK(factor.triangle.kept == std::vector<bool>(7, true));
  CHECK(factor.triangle.smallest_pivot < 1e-7);
  CHECK(factor.triangle.smallest_pivot > 1e-10);
}

TEST_CASE("a column is kept down to a ten-thousand-millionth of itself, and a closer alias is dropped") {
  for (const double size : {1e-9, 1e-10}) {
    Data data = simulated(500, 3, 1, 1, 47);
    for (std::size_t i = 0; i < 500; ++i) data.controls[2][i] = data.controls[0][i] + size * data.controls[2][i];
    CHECK(kept_of(data) == std::vector<bool>(7, true));
  }
  Data data = simulated(500, 3, 1, 1, 47);
  for (std::size_t i = 0; i < 500; ++i) data.controls[2][i] = data.controls[0][i] + 1e-13 * data.controls[2][i];
  CHECK(kept_of(data)[3] == false);
}

TEST_CASE("the later of two equal controls is dropped, whatever their units") {
  for (const double unit : {1.0, 3.0, -1e-12, 1e12, 1e-140, 1e140}) {
    Data data = simulated(400, 3, 1, 1, 48);
    data.controls[2] = changed(data.controls[0], [&](double x) { return unit * x; });
    CHECK(kept_of(data) == (std::vector<bool>{true, true, true, false, true, true, true}));
  }
}

TEST_CASE("a constant control is dropped, whatever its value, and one that hardly varies is not") {
  for (const double value : {0.0, 0.1, -7.0, 1e8 + 0.1, 1e-140, 1e140}) {
    Data data = simulated(400, 2, 1, 1, 49);
    data.controls[0].assign(400, value);
    CHECK(kept_of(data) == (std::vector<bool>{true, false, true, true, true, true}));
  }
  Data data = simulated(400, 2, 1, 1, 49);
  data.controls[0] = changed(data.controls[0], [](double x) { return 1e6 + 1e-4 * x; });
  CHECK(kept_of(data)[1]);
}

TEST_CASE("a control that varies by rounding alone is constant") {
  Data data = simulated(400, 2, 1, 1, 69);
  for (std::size_t i = 0; i < 400; ++i) data.controls[0][i] = i % 3 ? 0.3 : 0.1 + 0.2;
  CHECK(kept_of(data)[1] == false);
  data.weights = changed(random_column(400, 70), [](double x) { return 1e6 * std::abs(x); });
  CHECK(kept_of(data)[1] == false);
}

TEST_CASE("a control that is constant wherever the frame looked is seen by the rows") {
  Data data = simulated(100000, 1, 1, 1, 50);
  data.controls[0].assign(100000, 3.0);
  data.controls[0][12345] = 4;
  CHECK(kept_of(data)[1]);
}

TEST_CASE("without a constant a constant control is kept and spans what a constant would") {
  Data data = simulated(400, 2, 1, 1, 51);
  data.intercept = false;
  data.controls[0].assign(400, 0.1);
  data.controls[1].assign(400, 5);
  CHECK(kept_of(data) == (std::vector<bool>{true, false, true, true, true}));
}

TEST_CASE("an instrument that the controls span is dropped") {
  Data data = simulated(400, 2, 2, 1, 52);
  for (std::size_t i = 0; i < 400; ++i) data.instruments[1][i] = data.controls[0][i] - 3 * data.controls[1][i] + 4;
  CHECK(kept_of(data) == (std::vector<bool>{true, true, true, true, false, true, true}));
}

TEST_CASE("a control that is constant within the absorbed groups is dropped, whatever its level") {
  for (const double level : {0.0, 1e6}) {
    Data data = simulated(3000, 2, 1, 1, 53);
    data.groups = random_codes(3000, 60, 54);
    const Column by_group = random_column(60, 55);
    for (std::size_t i = 0; i < 3000; ++i) data.controls[0][i] = level + by_group[static_cast<std::size_t>(data.groups[i])];
    CHECK(kept_of(data) == (std::vector<bool>{false, true, true, true, true}));
  }
}

TEST_CASE("a mask that hides every sampled row still leads to the right frame") {
  Data data = simulated(100000, 1, 1, 1, 56);
  data.controls[0] = changed(data.controls[0], [](double x) { return x + 1e7; });
  data.kept.assign(100000, 0);
  for (std::size_t i = 0; i < 100000; i += 97) data.kept[i] = 1;
  const miv::Design design = design_of(data);
  for (Index i = 0; i < miv::kTileRows; ++i) data.kept[static_cast<std::size_t>((static_cast<double>(i) + 0.5) * 100000.0 / 256)] = 0;
  const miv::Factor factor = factor_of(design);
  CHECK(factor.finite);
  CHECK(factor.triangle.kept == std::vector<bool>(5, true));
  CHECK(std::abs(factor.frame.shift[0] - 1e7) < 1);
}

TEST_CASE("a row that is not finite in any source is told and never becomes a number") {
  for (const double spoilt : {kNaN, kInfinity, -kInfinity}) {
    for (int source = 0; source < 5; ++source) {
      Data data = simulated(1000, 1, 1, 1, 57);
      data.weights.assign(1000, 1);
      Column* columns[] = {&data.controls[0], &data.instruments[0], &data.beliefs[0], &data.outcome, &data.weights};
      (*columns[source])[777] = spoilt;
      CHECK_FALSE(factor_of(data).finite);
      data.kept.assign(1000, 1);
      data.kept[777] = 0;
      CHECK(factor_of(data).finite);
    }
  }
}

TEST_CASE("a negative weight is not a number") {
  Data data = simulated(1000, 1, 1, 1, 58);
  data.weights.assign(1000, 1);
  data.weights[500] = -1;
  CHECK_FALSE(factor_of(data).finite);
}

TEST_CASE("a missing value is told whatever kind of column reads it") {
  const Index n = 600;
  Data data = simulated(n, 1, 1, 1, 59);
  Codes arm = random_codes(n, 2, 60), code = random_codes(n, 4, 61), stratum = random_codes(n, 2, 62);
  Column prior = random_column(n, 63), signal = random_column(n, 64);
  miv::Atom lookup = atom_of(AtomKind::kLookup, 5), centred = atom_of(AtomKind::kArm, 4, 1);
  lookup.table = {0, 1, 0.5, 2};
  centred.table = {0.4, 0.6};
  centred.strata = 6;
  const auto design_with = [&](const miv::Column& column) {
    miv::Design design = design_of(data);
    design.sources.insert(design.sources.end(), {source_of(arm), source_of(code), source_of(stratum), source_of(prior), source_of(signal)});
    design.gaps = {{{8, 0}, {7, 0}}};
    design.columns[0] = column;
    return design;
  };
  const std::vector<miv::Column> all{{{atom_of(AtomKind::kNumeric, 5)}},
                                     {{lookup}},
                                     {{atom_of(AtomKind::kGap, 0)}},
                                     {{atom_of(AtomKind::kSide, 0)}},
                                     {{atom_of(AtomKind::kSideIs, 0, 1)}},
                                     {{atom_of(AtomKind::kArm, 4, 1)}},
                                     {{centred}},
                                     {{atom_of(AtomKind::kArm, 4, 1), atom_of(AtomKind::kSide, 0)}}};
  for (const miv::Column& column : all) CHECK(factor_of(design_with(column)).finite);
  for (const std::size_t row : {0u, 255u, 599u}) {
    const Codes codes{arm[row], code[row], stratum[row]};
    const Column values{prior[row], signal[row]};
    arm[row] = code[row] = stratum[row] = kMissing;
    prior[row] = kNaN;
    for (const miv::Column& column : all) CHECK_FALSE(factor_of(design_with(column)).finite);
    prior[row] = kInfinity, signal[row] = kInfinity;
    CHECK_FALSE(factor_of(design_with(all[3])).finite);
    CHECK_FALSE(factor_of(design_with(all[4])).finite);
    arm[row] = codes[0], code[row] = codes[1], stratum[row] = codes[2];
    prior[row] = values[0], signal[row] = values[1];
  }
}

TEST_CASE("a group code outside its range is refused, not followed") {
  for (const int code : {-1, 5}) {
    Data data = simulated(100, 1, 1, 1, 65);
    data.groups = random_codes(100, 5, 66);
    data.groups[50] = code;
    miv::Design design = design_of(data);
    design.n_groups = 5;
    CHECK_THROWS_AS(factor_of(design), std::invalid_argument);
    data.kept.assign(100, 1);
    data.kept[50] = 0;
    design.kept = data.kept.data();
    CHECK(factor_of(design).finite);
  }
}

TEST_CASE("a rare huge value needs the frame of every row, and gets a number there") {
  Data data = simulated(100000, 1, 1, 1, 67);
  data.controls[0][12345] = 1e180;
  const miv::Design design = design_of(data);
  CHECK_FALSE(miv::factorise(design, VectorXd(), false, workers(2)).finite);
  CHECK(miv::factorise(design, VectorXd(), true, workers(2)).finite);
}

TEST_CASE("no row at all is a count of 0") {
  Data data = simulated(100, 1, 1, 1, 68);
  data.kept.assign(100, 0);
  CHECK(factor_of(data).n == 0);
}

// Cross-products, sums by group and the frames that keep their digits.
#include "kernels.h"
#include "moments.h"
#include "reference.h"

using namespace test;

namespace {

// Cross-products of (value - shift) * scale by plain loops, constant first.
MatrixXd plain_cross(const miv::Design& design, const miv::Frame& frame, const Data& data) {
  const MatrixXd raw = miv::dense_columns(design);
  const Index m = design.total(), from = design.constant();
  Dense rows(raw.rows(), m);
  std::vector<Twofold> weight;
  for (Index i = 0; i < data.rows(); ++i)
    if (data.kept.empty() || data.kept[static_cast<std::size_t>(i)])
      weight.push_back(data.weights.empty() ? 1 : data.weights[static_cast<std::size_t>(i)]);
  for (Index i = 0; i < raw.rows(); ++i) {
    if (from) rows(i, 0) = 1;
    for (Index j = 0; j < raw.cols(); ++j) rows(i, from + j) = (Twofold(raw(i, j)) - frame.shift[j]) * frame.scale[j];
  }
  return rounded(crossed(rows, weight, rows));
}

Column positive_weights(Index n, std::uint64_t seed) {
  Random random(seed);
  return draws(n, [&]() { return 0.5 + random.uniform(); });
}

}  // namespace

TEST_CASE("moments are the cross-products of the columns, whatever the number of rows") {
  for (const Index n : awkward_sizes()) {
    Data data = simulated(n, 1, 1, 1, 21);
    for (const bool weighted : {false, true}) {
      if (weighted) data.weights = positive_weights(n, 22);
      const miv::Design design = design_of(data);
      const miv::Frame frame = miv::sample_frame(design);
      const miv::Moments moments = miv::compute_moments(design, frame, workers(2));
      CHECK(moments.n == n);
      CHECK(apart(moments.cross, plain_cross(design, frame, data)) < 1e-13);
    }
  }
}

TEST_CASE("moments skip rows that are not kept, and a tile or chunk with none") {
  Data data = simulated(140000, 1, 1, 1, 23);
  Random random(24);
  data.kept = draws(data.rows(), [&]() { return static_cast<unsigned char>(random.below(3) > 0); });
  std::fill(data.kept.begin() + 300, data.kept.begin() + 1200, 0);
  std::fill(data.kept.begin() + miv::kChunkRows, data.kept.begin() + 2 * miv::kChunkRows, 0);
  const miv::Design design = design_of(data);
  const miv::Frame frame = miv::sample_frame(design);
  const miv::Moments moments = miv::compute_moments(design, frame, workers(2));
  CHECK(moments.n == std::count(data.kept.begin(), data.kept.end(), 1));
  CHECK(apart(moments.cross, plain_cross(design, frame, data)) < 1e-13);
  data.kept.assign(data.kept.size(), 0);
  const miv::Moments none = miv::compute_moments(design_of(data), frame, workers(2));
  CHECK(none.n == 0);
  CHECK(none.cross.isZero(0));
}

TEST_CASE("moments have the same bits for one, two and three threads and under both kernels") {
  for (const Index n : awkward_sizes()) {
    const Data data = simulated(n, 3, 2, 1, 25);
    const miv::Design design = design_of(data);
    const miv::Frame frame = miv::sample_frame(design);
    const MatrixXd one = miv::compute_moments(design, frame, workers(1)).cross;
    CHECK(same_bits(miv::compute_moments(design, frame, workers(2)).cross, one));
    CHECK(same_bits(miv::compute_moments(design, frame, workers(3)).cross, one));
    miv::choose_kernel(miv::Kernel::kPortable);
    CHECK(same_bits(miv::compute_moments(design, frame, workers(2)).cross, one));
    miv::choose_kernel(miv::Kernel::kBest);
  }
}

TEST_CASE("a value that is missing, infinite or too large makes the moments not finite") {
  for (const double spoilt : {kNaN, kInfinity, -kInfinity, 1e300}) {
    for (const std::size_t row : {0u, 255u, 256u, 70000u}) {
      Data data = simulated(70001, 1, 1, 1, 26);
      data.controls[0][row] = spoilt;
      const miv::Design design = design_of(data);
      miv::Frame frame = miv::sample_frame(design);
      frame.scale.setOnes();
      CHECK_FALSE(miv::compute_moments(design, frame, workers(2)).finite());
    }
  }
}

TEST_CASE("a shift far from the mean moves there, and one that is near stays") {
  Data data = simulated(1000, 2, 1, 1, 27);
  data.controls[0] = changed(data.controls[0], [](double x) { return x + 1e8; });
  const miv::Design design = design_of(data);
  miv::Frame frame = miv::sample_frame(design);
  CHECK_FALSE(miv::recentre(design, miv::compute_moments(design, frame, workers(1)), frame));
  frame.shift.setZero();
  CHECK(miv::recentre(design, miv::compute_moments(design, frame, workers(1)), frame));
  CHECK(std::abs(frame.shift[0] - 1e8) < 0.2);
  CHECK(frame.shift[1] == 0);
}

TEST_CASE("a standardised column has mean 0 and a norm near 1") {
  const Data data = simulated(5000, 2, 1, 1, 28);
  const miv::Design design = design_of(data);
  miv::Frame frame = miv::sample_frame(design);
  miv::standardise(design, miv::compute_moments(design, frame, workers(1)), frame);
  const MatrixXd cross = miv::compute_moments(design, frame, workers(1)).cross;
  for (Index j = 1; j < cross.rows(); ++j) {
    CHECK(std::abs(cross(0, j) / cross(0, 0)) < 1e-15);
    CHECK(cross(j, j) > 0.249);
    CHECK(cross(j, j) < 1.001);
  }
}

TEST_CASE("sums by group equal plain sums in row order, bit by bit, for any number of threads") {
  for (const Index n : awkward_sizes()) {
    Data data = simulated(n, 1, 1, 1, 29);
    Random random(30);
    data.kept = draws(n, [&]() { return static_cast<unsigned char>(random.below(4) > 0); });
    const Codes few = random_codes(n, 3, 31), many = random_codes(n, 5000, 32);
    const miv::Design design = design_of(data);
    miv::Frame frame = miv::sample_frame(design);
    frame.shift.setZero();
    frame.scale.setOnes();
    const auto fill = [](const miv::Tile& tile, double* out) {
      for (Index j = 0; j < 2; ++j)
        for (Index i = 0; i < tile.used; ++i)
          out[j * miv::kTileRows + i] = tile.values[static_cast<std::size_t>((1 + j) * miv::kTileRows + i)];
    };
    MatrixXd by_few = MatrixXd::Zero(3, 2), by_many = MatrixXd::Zero(5000, 2);
    for (std::size_t i = 0; i < data.kept.size(); ++i) {
      if (!data.kept[i]) continue;
      by_few(few[i], 0) += data.controls[0][i];
      by_few(few[i], 1) += data.instruments[0][i];
      by_many(many[i], 0) += data.controls[0][i];
      by_many(many[i], 1) += data.instruments[0][i];
    }
    for (const int threads : {1, 2, 3}) {
      const std::vector<MatrixXd> sums = miv::sum_by_group(
          design, frame, {{few.data(), 3}, {many.data(), 5000}}, 2, [&]() { return fill; }, workers(threads));
      CHECK(same_bits(sums[0], by_few));
      CHECK(same_bits(sums[1], by_many));
    }
  }
}

TEST_CASE("an absorbed effect leaves every group's weighted mean at 0") {
  Data data = simulated(3000, 2, 1, 1, 33);
  data.groups = random_codes(3000, 40, 34);
  data.weights = positive_weights(3000, 35);
  for (double& x : data.controls[0]) x = 7 + 1e-3 * x;
  miv::Design design = design_of(data);
  design.n_groups = 50;  // ten of them empty
  miv::Frame frame = miv::sample_frame(design);
  const VectorXd spread = miv::absorb_groups(design, frame, workers(2));
  MatrixXd sums = MatrixXd::Zero(50, design.width());
  miv::TileReader reader(design, frame);
  for (Index row = 0; row < 3000; row += miv::kTileRows) {
    const miv::Tile& tile = reader.read(row, std::min<Index>(3000, row + miv::kTileRows));
    for (Index j = 0; j < design.width(); ++j)
      for (Index i = 0; i < tile.used; ++i)
        sums(data.groups[static_cast<std::size_t>(tile.row(i))], j) +=
            tile.root_weight[static_cast<std::size_t>(i)] * tile.values[static_cast<std::size_t>(j * miv::kTileRows + i)];
  }
  CHECK(frame.group_means.allFinite());
  CHECK(sums.cwiseAbs().maxCoeff() < 1e-12);
  // Spread: the weighted sum of squares about the mean, before anything was absorbed.
  Twofold total, sum, squares;
  for (std::size_t i = 0; i < 3000; ++i) {
    const Twofold w = data.weights[i], x = data.controls[0][i];
    total = total + w, sum = sum + w * x, squares = squares + w * x * x;
  }
  CHECK(apart(spread[0], ((squares - sum * sum / total) * frame.scale[0] * frame.scale[0]).high) < 1e-9);
}

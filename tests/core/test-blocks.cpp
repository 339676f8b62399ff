// Blocks by cluster: what they add up to, and the stream against the one pass.
#include "blocks.h"
#include "reference.h"

using namespace test;

namespace {

struct Built {
  Built(const Data& data, int threads = 1) : design(design_of(data)), workers{threads, nullptr}, fit(fit_design(design)), rows(miv::orthonormal_rows(design, fit.factor, fit.fit)) {}
  miv::Design design;
  miv::Workers workers;
  Fit fit;
  miv::Orthonormal rows;
  miv::Blocks blocks(const Codes& ids, int count) const { return miv::cluster_blocks(design, fit.factor, rows, {ids.data(), count}, workers); }
};

MatrixXd total(const miv::Blocks& blocks) {
  MatrixXd out = MatrixXd::Zero(blocks.basis, blocks.width);
  for (Index g = 0; g < blocks.units; ++g)
    for (Index j = 0; j < blocks.basis; ++j)
      for (Index c = j; c < blocks.width; ++c) out(j, c) += blocks.at(g, j, c);
  return out;
}

double worst_apart(const miv::Blocks& blocks, const miv::BlockStream& stream) {
  miv::Buffer out(static_cast<std::size_t>(stream.items() * stream.stride()));
  for (Index item = 0; item < stream.items(); item += 3) stream.fill(item, std::min(stream.items(), item + 3), out.data() + item * stream.stride());
  double worst = 0;
  for (Index g = 0; g < blocks.units; ++g)
    for (Index i = 0; i < miv::block_columns(blocks.basis, blocks.width); ++i) worst = std::max(worst, std::abs(out[g * stream.stride() + i] - blocks.block(g)[i]));
  return worst;
}

}  // namespace

TEST_CASE("over all clusters the basis is orthonormal and the others are orthogonal to it") {
  for (const bool weighted : {false, true}) {
    Data data = simulated(700, 3, 2, 1, 401);
    if (weighted) data.weights = changed(random_column(700, 402), [](double x) { return 0.1 + std::abs(x); });
    const Built built(data);
    const MatrixXd sum = total(built.blocks(random_codes(700, 13, 403), 13));
    MatrixXd wanted = MatrixXd::Zero(sum.rows(), sum.cols());
    wanted.leftCols(sum.rows()) = MatrixXd::Identity(sum.rows(), sum.rows());
    CHECK((sum - wanted).cwiseAbs().maxCoeff() < 1e-11);
  }
}

TEST_CASE("blocks made a strip at a time are those of the one pass") {
  const Data data = simulated(700, 3, 2, 2, 404);
  const Built built(data);
  const Codes ids = random_codes(700, 31, 405);
  const miv::BlockStream stream(built.design, built.fit.factor, built.rows, {ids.data(), 31}, false);
  CHECK(stream.items() == 31);
  CHECK(worst_apart(built.blocks(ids, 31), stream) < 1e-12);
}

TEST_CASE("blocks taken along by the moments' pass are, turned, those of the orthonormal rows") {
  for (const int controls : {0, 2, 6, 7, 12, 19}) {
    Data data = simulated(700, controls, 2, 1, 411);
    data.weights = changed(random_column(700, 412), [](double x) { return 0.1 + std::abs(x); });
    data.kept.assign(700, 1);
    for (std::size_t i = 0; i < 700; i += 5) data.kept[i] = 0;
    const Codes ids = random_codes(700, 31, 413);
    const Built built(data);
    miv::FrameBlocks taken = miv::frame_blocks_for(built.design, {ids.data(), 31});
    const miv::Moments moments = miv::moments_and_blocks(built.design, built.fit.factor.frame, built.workers, taken), plain = miv::compute_moments(built.design, built.fit.factor.frame, built.workers);
    CHECK(moments.n == plain.n);
    CHECK((moments.cross - plain.cross).cwiseAbs().maxCoeff() < 1e-11 * plain.cross.cwiseAbs().maxCoeff());
    const miv::Blocks turned = miv::turn_blocks(taken, built.rows, built.workers), wanted = built.blocks(ids, 31);
    double worst = 0;
    for (Index g = 0; g < 31; ++g)
      for (Index i = 0; i < miv::block_columns(wanted.basis, wanted.width); ++i) worst = std::max(worst, std::abs(turned.block(g)[i] - wanted.block(g)[i]));
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("blocks taken along have the same digits for every kernel and thread count") {
  for (const int controls : {0, 3, 6, 12}) {
    const Data data = simulated(50000, controls, 1, 1, 414);
    const Codes ids = random_codes(50000, 17, 415);
    const miv::Design design = design_of(data);
    const miv::Frame frame = miv::sample_frame(design);
    const auto values = [&](miv::Kernel kernel, int threads) {
      if (!miv::choose_kernel(kernel)) miv::choose_kernel(miv::Kernel::kBest);
      miv::FrameBlocks taken = miv::frame_blocks_for(design, {ids.data(), 17});
      miv::moments_and_blocks(design, frame, {threads, nullptr}, taken);
      miv::choose_kernel(miv::Kernel::kBest);
      // Behind a triangle stands what nobody reads.
      for (Index g = 0; g < 17; ++g) std::fill(taken.values.begin() + g * miv::triangle_stride(taken.width) + miv::block_columns(taken.width, taken.width), taken.values.begin() + (g + 1) * miv::triangle_stride(taken.width), 0.0);
      return taken.values;
    };
    const miv::Buffer best = values(miv::Kernel::kBest, 1);
    CHECK(values(miv::Kernel::kPortable, 1) == best);
    CHECK(values(miv::Kernel::kAvx2, 2) == best);
    CHECK(values(miv::Kernel::kBest, 3) == best);
  }
}

TEST_CASE("without clusters every kept row is a unit") {
  Data data = simulated(300, 1, 1, 1, 406);
  data.kept.assign(300, 1);
  for (std::size_t i = 0; i < 300; i += 7) data.kept[i] = 0;
  const Built built(data);
  const miv::BlockStream stream(built.design, built.fit.factor, built.rows, {}, false);
  CHECK(stream.items() == 257);
  miv::Buffer out(static_cast<std::size_t>(stream.items() * stream.stride()));
  stream.fill(0, stream.items(), out.data());
  double trace = 0;
  for (Index i = 0; i < stream.items(); ++i) trace += out[i * stream.stride()];
  CHECK(std::abs(trace - 1) < 1e-12);
}

TEST_CASE("blocks do not depend on threads") {
  const Data data = simulated(70000, 2, 1, 1, 407);
  const Codes ids = random_codes(70000, 20, 408);
  CHECK(Built(data, 1).blocks(ids, 20).values == Built(data, 3).blocks(ids, 20).values);
}

TEST_CASE("a draw with every weight 1 gives the fit") {
  const Data data = simulated(400, 3, 2, 2, 409);
  const Built built(data);
  const miv::Blocks blocks = built.blocks(random_codes(400, 9, 410), 9);
  const MatrixXd identity = MatrixXd::Identity(built.rows.exogenous, built.rows.exogenous);
  const miv::SolveShape shape{built.rows.exogenous, built.rows.instruments, built.rows.beliefs, built.rows.on_basis.data(), identity.data()};
  const std::vector<double> w(static_cast<std::size_t>(9 * miv::kAbreast), 1.0);
  miv::Buffer c(static_cast<std::size_t>(blocks.stride * miv::kAbreast), 0.0), scratch(static_cast<std::size_t>(miv::solve_scratch(shape)));
  miv::product(w.data(), 9, blocks.values.data(), blocks.stride, miv::block_columns(blocks.basis, blocks.width), c.data());
  MatrixXd out(miv::kAbreast, built.rows.exogenous + built.rows.beliefs);
  miv::solve_draws(shape, c.data(), scratch.data(), out.data());
  const Index w_count = built.rows.exogenous;
  for (Index j = 0; j < 2; ++j) CHECK(std::abs(out(5, w_count + j) - built.fit.fit.coefficients[w_count + j]) < 1e-10);
}

TEST_CASE("exponential weights are minus the logarithm of their bits") {
  std::vector<std::uint32_t> bits{0, 1, 77, 1u << 16, 1u << 31, (1u << 31) + 12345, 0xFFFFFFFE, 0xFFFFFFFF};
  std::vector<double> out(bits.size());
  miv::exponentials(bits.data(), static_cast<Index>(bits.size()), out.data());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const double truth = -std::log((bits[i] + 0.5) / 4294967296.0);
    CHECK(std::abs(out[i] - truth) <= 4e-16 * std::max(1.0, truth));
  }
}

// Random numbers by counter.
#include "rng.h"

#include "kernels.h"

#include "support.h"

using namespace test;

// The known answers that Random123 1.14 ships for philox4x32, ten rounds (kat_vectors).
TEST_CASE("the generator gives its published known answers") {
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(miv::philox(0, 0, 0) == (miv::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK(miv::philox(ones, ones, ones) == (miv::Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK(miv::philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e) ==
        (miv::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST_CASE("normal draws have the moments of a normal variable and depend on seed, replicate and unit") {
  const int n = 200000;
  double sum = 0, squares = 0, fourths = 0, neighbours = 0, last = 0;
  for (int unit = 0; unit < n; ++unit) {
    const double x = miv::random_normal(7, 3, static_cast<std::uint64_t>(unit));
    sum += x, squares += x * x, fourths += x * x * x * x, neighbours += x * last;
    last = x;
  }
  CHECK(std::abs(sum / n) < 4 / std::sqrt(n));
  CHECK(std::abs(squares / n - 1) < 4 * std::sqrt(2.0 / n));
  CHECK(std::abs(fourths / n - 3) < 4 * std::sqrt(96.0 / n));
  CHECK(std::abs(neighbours / n) < 4 / std::sqrt(n));
  CHECK(miv::random_normal(7, 3, 5) == miv::random_normal(7, 3, 5));
  CHECK(miv::random_normal(7, 3, 5) != miv::random_normal(8, 3, 5));
  CHECK(miv::random_normal(7, 3, 5) != miv::random_normal(7, 4, 5));
}

TEST_CASE(
    "Bayesian weights have mean and variance 1, sixteen values, and the same bits under every kernel and however they are asked for") {
  const std::int64_t spans = 400;
  const std::size_t n = static_cast<std::size_t>(spans * miv::kSpanUnits);
  std::vector<float> best(n), portable(n), one(static_cast<std::size_t>(miv::kSpanUnits));
  miv::bayesian_weights(11, 5, 3, spans, best.data());
  miv::choose_kernel(miv::Kernel::kPortable);
  miv::bayesian_weights(11, 5, 3, spans, portable.data());
  miv::choose_kernel(miv::Kernel::kBest);
  CHECK(best == portable);
  miv::bayesian_weights(11, 5, 3 + 17, 1, one.data());
  CHECK(std::equal(one.begin(), one.end(), best.begin() + 17 * miv::kSpanUnits));
  miv::bayesian_weights(11, 6, 3 + 17, 1, one.data());
  CHECK_FALSE(std::equal(one.begin(), one.end(), best.begin() + 17 * miv::kSpanUnits));
  double sum = 0, squares = 0;
  for (const float w : best) sum += w, squares += (w - 1.0) * (w - 1.0);
  CHECK(std::abs(sum / static_cast<double>(n) - 1) < 4 / std::sqrt(static_cast<double>(n)));
  CHECK(std::abs(squares / static_cast<double>(n) - 1) < 0.05);
  std::sort(best.begin(), best.end());
  CHECK(std::unique(best.begin(), best.end()) - best.begin() == 16);
}

TEST_CASE("words have the same bits under every kernel and however many spans are asked for") {
  for (const std::int64_t from : {std::int64_t{0}, std::int64_t{3}, (std::int64_t{1} << 29) - 2, (std::int64_t{1} << 33) + 1}) {
    const std::size_t n = static_cast<std::size_t>(7 * miv::kSpanWords);
    std::vector<std::uint32_t> best(n), portable(n), single(n);
    miv::random_words(5, 9, from, 7, best.data());
    for (std::int64_t span = 0; span < 7; ++span) miv::random_words(5, 9, from + span, 1, single.data() + span * miv::kSpanWords);
    miv::choose_kernel(miv::Kernel::kPortable);
    miv::random_words(5, 9, from, 7, portable.data());
    miv::choose_kernel(miv::Kernel::kBest);
    CHECK(best == portable);
    CHECK(single == portable);
    CHECK(portable[8 + 2] == miv::philox(5, static_cast<std::uint64_t>(8 * from + 2), 9)[1]);
  }
}

TEST_CASE("weights of spans beyond four thousand million units have the same bits under every kernel") {
  std::vector<float> best(256), portable(256);
  const std::int64_t far = std::int64_t{1} << 33;
  miv::bayesian_weights(1, 2, far, 1, best.data());
  miv::choose_kernel(miv::Kernel::kPortable);
  miv::bayesian_weights(1, 2, far, 1, portable.data());
  miv::choose_kernel(miv::Kernel::kBest);
  CHECK(best == portable);
}

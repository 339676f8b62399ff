// Random numbers by counter.
#include "rng.h"

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

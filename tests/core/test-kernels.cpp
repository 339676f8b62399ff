// The inner loops, against plain ones and under both instruction sets.
#include "kernels.h"
#include "reference.h"

using namespace test;

namespace {

constexpr std::size_t kRows = static_cast<std::size_t>(miv::kTileRows);

Column tile_of(Index columns, std::uint64_t seed) { return random_column(miv::kTileRows * columns, seed); }

// What `run` writes to an output of `size` numbers, by the portable kernel and by one that differs where there is any: the best one's
// numbers, or those of AVX2 where only they differ.
template <class Run>
std::pair<Column, Column> both(std::size_t size, const Run& run) {
  const auto by = [&](miv::Kernel kernel) {
    Column out(size, 0.25);
    miv::choose_kernel(kernel);
    run(out.data());
    miv::choose_kernel(miv::Kernel::kBest);
    return out;
  };
  const Column portable = by(miv::Kernel::kPortable), avx2 = by(miv::Kernel::kAvx2), best = by(miv::Kernel::kBest);
  return {portable, avx2 == portable ? best : avx2};
}

// Equal, and missing where the other is.
bool same(const Column& a, const Column& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  return true;
}

double at(const Column& tile, Index row, Index column) { return tile[static_cast<std::size_t>(row + column * miv::kTileRows)]; }

}  // namespace

TEST_CASE("the portable kernel can be asked for") {
  miv::choose_kernel(miv::Kernel::kPortable);
  CHECK(std::string(miv::kernel_name()) == "portable");
  miv::choose_kernel(miv::Kernel::kBest);
}

TEST_CASE("a gram adds the tile's cross-products to the upper triangle") {
  for (const Index m : {2, 4, 6, 8, 10, 20}) {
    const Column tile = tile_of(m, 1);
    const auto cross = both(static_cast<std::size_t>(m * m), [&](double* out) { miv::add_gram(tile.data(), m, out); });
    CHECK(same(cross.first, cross.second));
    double worst = 0;
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i <= j; ++i) {
        Twofold sum = 0.25;
        for (Index r = 0; r < miv::kTileRows; ++r) sum = sum + Twofold(at(tile, r, i)) * at(tile, r, j);
        worst = std::max(worst, std::abs(cross.first[static_cast<std::size_t>(i + j * m)] - sum.high));
      }
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("columns are combined up to their lag and no further") {
  for (const Index lag : {0, 1, 3, 9}) {
    const Index inputs = 8, outputs = 5;
    const Column tile = tile_of(inputs, 2), factor = random_column(inputs * outputs, 3);
    const auto got = both(kRows * outputs, [&](double* out) { miv::combine(tile.data(), inputs, factor.data(), outputs, lag, out); });
    CHECK(same(got.first, got.second));
    double worst = 0;
    for (Index j = 0; j < outputs; ++j)
      for (Index r = 0; r < miv::kTileRows; ++r) {
        Twofold sum;
        for (Index i = 0; i < std::min(inputs, j + lag + 1); ++i)
          sum = sum + Twofold(at(tile, r, i)) * factor[static_cast<std::size_t>(i + j * inputs)];
        worst = std::max(worst, std::abs(at(got.first, r, j) - sum.high));
      }
    CHECK(worst < 1e-13);
  }
}

TEST_CASE("row by row products, differences and placing are exact, and may overwrite their input") {
  const Column tile = tile_of(3, 4), by = tile_of(1, 5);
  const auto products = both(3 * kRows, [&](double* out) { miv::multiply(tile.data(), 3, by.data(), out); });
  const auto differences = both(kRows, [&](double* out) { miv::subtract(tile.data(), by.data(), out); });
  const auto placed = both(kRows, [&](double* out) { miv::place(tile.data(), 0.7, 1.3, out); });
  CHECK(same(products.first, products.second));
  CHECK(same(differences.first, differences.second));
  CHECK(same(placed.first, placed.second));
  for (std::size_t i = 0; i < kRows; ++i) {
    REQUIRE(products.first[i + kRows] == tile[i + kRows] * by[i]);
    REQUIRE(differences.first[i] == tile[i] - by[i]);
    REQUIRE(placed.first[i] == (tile[i] - 0.7) * 1.3);
  }
  Column inplace = tile;
  miv::multiply(inplace.data(), 3, by.data(), inplace.data());
  CHECK(same(inplace, products.first));
}

TEST_CASE("a sum of squares is that of its column") {
  const Column tile = tile_of(1, 6);
  const auto got = both(1, [&](double* out) { *out = miv::sum_of_squares(tile.data()); });
  CHECK(same(got.first, got.second));
  Twofold sum;
  for (const double x : tile) sum = sum + Twofold(x) * x;
  CHECK(std::abs(got.first[0] - sum.high) < 1e-12);
}

TEST_CASE("sides are -1, 0, 1 and never a number for a gap that is missing or infinite") {
  Column gap = tile_of(1, 7);
  const Column special{0.0, -0.0, kNaN, kInfinity, -kInfinity, std::numeric_limits<double>::denorm_min(), -1e-320};
  std::copy(special.begin(), special.end(), gap.begin());
  const auto got = both(kRows, [&](double* out) { miv::sides(gap.data(), out); });
  CHECK(same(got.first, got.second));
  for (std::size_t i = 0; i < kRows; ++i) {
    if (!std::isfinite(gap[i]))
      REQUIRE(std::isnan(got.first[i]));
    else
      REQUIRE(got.first[i] == (gap[i] > 0) - (gap[i] < 0));
  }
}

TEST_CASE("a comparison is 1, 0, or missing") {
  Column values(kRows, 2.0);
  values[0] = 3, values[1] = kNaN, values[2] = kInfinity, values.back() = -2;
  const auto got = both(kRows, [&](double* out) { miv::equals(values.data(), 2, out); });
  CHECK(same(got.first, got.second));
  CHECK(std::isnan(got.first[1]));
  CHECK(std::isnan(got.first[2]));
  CHECK(got.first[0] == 0);
  CHECK(got.first.back() == 0);
  CHECK(std::count(got.first.begin(), got.first.end(), 1.0) == static_cast<std::ptrdiff_t>(kRows) - 4);
}

TEST_CASE("integers become doubles, the least of them missing") {
  Codes codes = random_codes(miv::kTileRows, 1000000, 8);
  codes[0] = kMissing, codes[1] = kMissing + 1, codes[2] = std::numeric_limits<int>::max(), codes[3] = -1, codes[4] = 0,
  codes.back() = kMissing;
  const auto got = both(kRows, [&](double* out) { miv::convert_integers(codes.data(), out); });
  CHECK(same(got.first, got.second));
  for (std::size_t i = 0; i < kRows; ++i) {
    if (codes[i] == kMissing)
      REQUIRE(std::isnan(got.first[i]));
    else
      REQUIRE(got.first[i] == static_cast<double>(codes[i]));
  }
}

TEST_CASE("a weighted sum in single precision has the same bits under every kernel and no more error than its digits") {
  std::vector<float> weights, values;
  for (const double x : random_column(miv::kTileRows, 9)) weights.push_back(static_cast<float>(std::abs(x)));
  for (const double x : random_column(miv::kTileRows, 10)) values.push_back(static_cast<float>(x));
  for (const Index n : {Index{0}, Index{8}, Index{16}, miv::kTileRows}) {
    const auto got = both(1, [&](double* out) { *out = miv::weighted_sum(weights.data(), values.data(), n); });
    CHECK(same(got.first, got.second));
    double sum = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) sum += static_cast<double>(weights[i]) * values[i];
    CHECK(std::abs(got.first[0] - sum) < 1e-4);
  }
}

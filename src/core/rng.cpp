#include "rng.h"

#include <cmath>
#include <cstring>

namespace miv {

namespace {

using Pair = std::array<float, 2>;

// Means of the exponential distribution over 16 equally likely slices, stretched to variance 1; one pair for each byte.
std::array<Pair, 256> exponential_pairs() {
  constexpr int kSlices = 16;
  const auto tail = [](double s) { return s > 0 ? s - s * std::log(s) : 0.0; };  // integral of -log over (0, s)
  std::array<double, kSlices> value{};
  double square = 0;
  for (int j = 0; j < kSlices; ++j) {
    const double mean = kSlices * (tail((j + 1.0) / kSlices) - tail(static_cast<double>(j) / kSlices));
    value[static_cast<std::size_t>(j)] = mean;
    square += mean * mean / kSlices;
  }
  const double stretch = 1 / std::sqrt(square - 1);
  std::array<Pair, 256> out{};
  for (std::size_t byte = 0; byte < 256; ++byte)
    out[byte] = {static_cast<float>(1 + (value[byte & 15] - 1) * stretch), static_cast<float>(1 + (value[byte >> 4] - 1) * stretch)};
  return out;
}

}  // namespace

double random_normal(std::uint64_t seed, std::uint64_t replicate, std::uint64_t unit) {
  constexpr double kTwoPi = 6.283185307179586476925286766559;
  const Block block = philox(seed, unit, replicate);
  const double a = (block[0] + 0.5) / 4294967296.0, b = (block[1] + 0.5) / 4294967296.0;
  return std::sqrt(-2 * std::log(a)) * std::cos(kTwoPi * b);
}

void bayesian_weights(std::uint64_t seed, std::uint64_t replicate, std::int64_t from, std::int64_t units, float* out) {
  static const std::array<Pair, 256> pairs = exponential_pairs();
  for (std::int64_t unit = 0; unit < units; unit += kBlockUnits) {
    const Block block = philox(seed, static_cast<std::uint64_t>((from + unit) / kBlockUnits), replicate);
    for (int word = 0; word < 4; ++word) {
      float* at = out + unit + 8 * word;
      const std::uint32_t bits = block[static_cast<std::size_t>(word)];
      for (int byte = 0; byte < 4; ++byte) std::memcpy(at + 2 * byte, pairs[bits >> (8 * byte) & 255].data(), sizeof(Pair));
    }
  }
}

}  // namespace miv

#include "rng.h"

#include <cmath>

#include "instruction_sets.h"
#include "kernels.h"

#if MIV_X86
#include <immintrin.h>
#endif

namespace miv {

namespace {

constexpr int kSlices = 16;
using Table = std::array<float, kSlices>;

// Means of the exponential distribution over equally likely slices, stretched to variance 1.
Table exponential_slices() {
  const auto tail = [](double s) { return s > 0 ? s - s * std::log(s) : 0.0; };  // integral of -log over (0, s)
  std::array<double, kSlices> value{};
  double square = 0;
  for (int j = 0; j < kSlices; ++j) {
    value[static_cast<std::size_t>(j)] = kSlices * (tail((j + 1.0) / kSlices) - tail(static_cast<double>(j) / kSlices));
    square += value[static_cast<std::size_t>(j)] * value[static_cast<std::size_t>(j)] / kSlices;
  }
  Table out{};
  for (std::size_t j = 0; j < kSlices; ++j) out[j] = static_cast<float>(1 + (value[j] - 1) / std::sqrt(square - 1));
  return out;
}

// Four bits s of word w of block b go to unit 64 w + 8 s + b of the span.
void span_portable(std::uint64_t seed, std::uint64_t replicate, std::uint64_t first, const Table& table, float* out) {
  for (std::uint64_t b = 0; b < 8; ++b) {
    const Block block = philox(seed, first + b, replicate);
    for (int w = 0; w < 4; ++w)
      for (int s = 0; s < 8; ++s) out[64 * w + 8 * s + static_cast<int>(b)] = table[block[static_cast<std::size_t>(w)] >> (4 * s) & 15];
  }
}

#if MIV_X86
struct Wide {
  __m256i high, low;
};

__attribute__((target("avx2"))) inline Wide multiply_wide(__m256i a, __m256i by) {
  const __m256i even = _mm256_mul_epu32(a, by), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), by);
  return {_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA), _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA)};
}

// The eight blocks of a span at once, word w of block b in lane b of words[w]; first is a multiple of 8, so that only the lowest word
// of the counter differs.
__attribute__((target("avx2"))) inline void words_avx2(std::uint64_t seed, std::uint64_t replicate, std::uint64_t first, __m256i* words) {
  const auto low_word = [](std::uint64_t x) { return static_cast<int>(static_cast<std::uint32_t>(x)); };
  const __m256i multiply_a = _mm256_set1_epi32(low_word(0xD2511F53)), multiply_b = _mm256_set1_epi32(low_word(0xCD9E8D57));
  const __m256i step_a = _mm256_set1_epi32(low_word(0x9E3779B9)), step_b = _mm256_set1_epi32(low_word(0xBB67AE85));
  __m256i c0 = _mm256_add_epi32(_mm256_set1_epi32(low_word(first)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), c1 = _mm256_set1_epi32(low_word(first >> 32));
  __m256i c2 = _mm256_set1_epi32(low_word(replicate)), c3 = _mm256_set1_epi32(low_word(replicate >> 32));
  __m256i k0 = _mm256_set1_epi32(low_word(seed)), k1 = _mm256_set1_epi32(low_word(seed >> 32));
  for (int round = 0; round < 10; ++round) {
    const Wide a = multiply_wide(c0, multiply_a), b = multiply_wide(c2, multiply_b);
    c0 = _mm256_xor_si256(_mm256_xor_si256(b.high, c1), k0);
    c1 = b.low;
    c2 = _mm256_xor_si256(_mm256_xor_si256(a.high, c3), k1);
    c3 = a.low;
    k0 = _mm256_add_epi32(k0, step_a);
    k1 = _mm256_add_epi32(k1, step_b);
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

__attribute__((target("avx2"))) void random_words_avx2(std::uint64_t seed, std::uint64_t replicate, std::uint64_t first, std::uint32_t* out) {
  __m256i words[4];
  words_avx2(seed, replicate, first, words);
  for (int w = 0; w < 4; ++w) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8 * w), words[w]);
}

__attribute__((target("avx2"))) void span_avx2(std::uint64_t seed, std::uint64_t replicate, std::uint64_t first, const Table& table, float* out) {
  __m256i words[4];
  words_avx2(seed, replicate, first, words);
  const __m256 low = _mm256_loadu_ps(table.data()), high = _mm256_loadu_ps(table.data() + 8);
  for (const __m256i& word : words) {
    __m256i bits = word;
    for (int s = 0; s < 8; ++s, out += 8, bits = _mm256_srli_epi32(bits, 4)) {
      const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(bits, 28));  // the fourth bit as a sign
      _mm256_storeu_ps(out, _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, bits), _mm256_permutevar8x32_ps(high, bits), upper));
    }
  }
}
#endif

}  // namespace

void random_words(std::uint64_t seed, std::uint64_t replicate, std::int64_t from, std::int64_t spans, std::uint32_t* out) {
  for (std::int64_t span = 0; span < spans; ++span, out += kSpanWords) {
    const std::uint64_t first = static_cast<std::uint64_t>(8 * (from + span));
#if MIV_X86
    if (uses_avx2()) {
      random_words_avx2(seed, replicate, first, out);
      continue;
    }
#endif
    for (std::uint64_t b = 0; b < 8; ++b) {
      const Block block = philox(seed, first + b, replicate);
      for (std::size_t w = 0; w < 4; ++w) out[8 * w + b] = block[w];
    }
  }
}

double random_normal(std::uint64_t seed, std::uint64_t replicate, std::uint64_t unit) {
  constexpr double kTwoPi = 6.283185307179586476925286766559;
  const Block block = philox(seed, unit, replicate);
  const double a = (block[0] + 0.5) / 4294967296.0, b = (block[1] + 0.5) / 4294967296.0;
  return std::sqrt(-2 * std::log(a)) * std::cos(kTwoPi * b);
}

void bayesian_weights(std::uint64_t seed, std::uint64_t replicate, std::int64_t from, std::int64_t spans, float* out) {
  static const Table table = exponential_slices();
  for (std::int64_t span = 0; span < spans; ++span, out += kSpanUnits) {
    const std::uint64_t first = static_cast<std::uint64_t>(8 * (from + span));
#if MIV_X86
    if (uses_avx2()) {
      span_avx2(seed, replicate, first, table, out);
      continue;
    }
#endif
    span_portable(seed, replicate, first, table, out);
  }
}

}  // namespace miv

// Random numbers by counter: the bits of (seed, replicate, unit) are a function of those three alone, so that threads,
// batches and the number of replicates cannot change them. Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011, SC11).
#ifndef MIV_CORE_RNG_H
#define MIV_CORE_RNG_H

#include <array>
#include <cstdint>

namespace miv {

using Block = std::array<std::uint32_t, 4>;

// The four words of one counter under one key.
inline Block philox(std::uint64_t key, std::uint64_t low, std::uint64_t high) {
  constexpr std::uint64_t kMultiplyA = 0xD2511F53, kMultiplyB = 0xCD9E8D57;
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  Block c{static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(low >> 32), static_cast<std::uint32_t>(high), static_cast<std::uint32_t>(high >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = kMultiplyA * c[0], b = kMultiplyB * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

// 64 bits for one unit (person or cluster) of one replicate.
inline std::uint64_t random_bits(std::uint64_t seed, std::uint64_t replicate, std::uint64_t unit) {
  const Block block = philox(seed, unit, replicate);
  return static_cast<std::uint64_t>(block[1]) << 32 | block[0];
}

// Standard normal: the inverse distribution function at the unit's bits, by Box and Muller's transform of one block.
double random_normal(std::uint64_t seed, std::uint64_t replicate, std::uint64_t unit);

constexpr std::int64_t kSpanWords = 32;  // of eight blocks

// The words of spans from .. from + spans - 1 of a replicate, kSpanWords each: word w of block b stands at 8 w + b.
void random_words(std::uint64_t seed, std::uint64_t replicate, std::int64_t from, std::int64_t spans, std::uint32_t* out);

constexpr std::int64_t kSpanUnits = 256;  // units that eight blocks serve, four bits each

// Weights of the Bayesian bootstrap: exponential, in 16 equally likely values whose mean and variance are 1. Unnormalised: every
// statistic they are used for is a ratio. For the units of spans from .. from + spans - 1; out holds kSpanUnits for each.
void bayesian_weights(std::uint64_t seed, std::uint64_t replicate, std::int64_t from, std::int64_t spans, float* out);

}  // namespace miv

#endif

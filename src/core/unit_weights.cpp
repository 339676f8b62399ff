#include "unit_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "rng.h"

namespace miv {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

constexpr Index kManyUnits = 1 << 16;  // above, 32 bits would favour some units visibly

// floor(bits * count / 2^64), the high half of the product.
std::uint64_t scaled(std::uint64_t bits, std::uint64_t count) {
  const std::uint64_t high = (bits >> 32) * count, low = (bits & 0xFFFFFFFF) * count;
  return (high + (low >> 32)) >> 32;
}

// Webb (2014): -sqrt(3/2), -1, -sqrt(1/2) and the same above 0.
const double* webb_points() {
  static const double points[6] = {-std::sqrt(1.5), -1.0, -std::sqrt(0.5), std::sqrt(0.5), 1.0, std::sqrt(1.5)};
  return points;
}

// Reads a replicate's words, a span at a time.
class Words {
 public:
  Words(std::uint64_t seed, Index replicate) : seed_(seed), replicate_(static_cast<std::uint64_t>(replicate)) {}
  std::uint32_t next() {
    if (used_ == kSpanWords) {
      random_words(seed_, replicate_, span_++, 1, words_);
      used_ = 0;
    }
    return words_[used_++];
  }

 private:
  std::uint64_t seed_, replicate_;
  std::int64_t span_ = 0, used_ = kSpanWords;
  std::uint32_t words_[kSpanWords];
};

}  // namespace

void UnitWeights::prepare(Index first, bool gathered) {
  first_ = first;
  if (scheme_ == Scheme::kPairs) {
    counts_.resize(at(units_ * kAbreast));
    std::memset(counts_.data(), 0, counts_.size() * sizeof counts_[0]);
  }
  if (scheme_ == Scheme::kBayesian && gathered) reals_.resize(at(units_ * kAbreast));
  if (scheme_ == Scheme::kRademacher || scheme_ == Scheme::kWebb) codes_.resize(at(units_ * kAbreast));
}

void UnitWeights::draw(Index lane) {
  if (scheme_ == Scheme::kPairs) draw_pairs(first_ + lane, lane);
  if (!reals_.empty()) fill_exponentials(0, units_, lane, reals_.data());
  if (scheme_ == Scheme::kRademacher) draw_signs(first_ + lane, lane);
  if (scheme_ == Scheme::kWebb) draw_webb(first_ + lane, lane);
}

// As many draws as units, with replacement.
void UnitWeights::draw_pairs(Index replicate, Index lane) {
  if (units_ > kManyUnits) return draw_many_pairs(replicate, lane);
  constexpr Index kSpans = 8, kWords = kSpans * kSpanWords;
  std::uint16_t* counts = counts_.data() + lane;
  std::uint32_t words[kWords];
  for (Index from = 0; from < units_; from += kWords) {
    const Index count = std::min(kWords, units_ - from), spans = (count + kSpanWords - 1) / kSpanWords;
    random_words(seed_, static_cast<std::uint64_t>(replicate), from / kSpanWords, spans, words);
    scale_words(words, spans * kSpanWords, static_cast<std::uint32_t>(units_));
    for (Index i = 0; i < count; ++i) ++counts[words[i]];
  }
}

// The same from two words each.
void UnitWeights::draw_many_pairs(Index replicate, Index lane) {
  std::uint16_t* counts = counts_.data() + lane;
  std::uint32_t words[kSpanWords];
  for (Index from = 0; from < units_; from += kSpanWords / 2) {
    random_words(seed_, static_cast<std::uint64_t>(replicate), from / (kSpanWords / 2), 1, words);
    const Index count = std::min<Index>(kSpanWords / 2, units_ - from);
    for (Index i = 0; i < count; ++i) {
      const std::uint64_t bits = static_cast<std::uint64_t>(words[2 * i]) << 32 | words[2 * i + 1];
      ++counts[scaled(bits, static_cast<std::uint64_t>(units_)) * kAbreast];
    }
  }
}

// Those of one replicate, every eighth number from out + lane on.
void UnitWeights::fill_exponentials(Index from, Index to, Index lane, double* out) const {
  std::uint32_t words[kStripUnits];
  double values[kStripUnits];
  for (Index first = from; first < to; first += kStripUnits) {
    random_words(seed_, static_cast<std::uint64_t>(first_ + lane), first / kSpanWords, kStripUnits / kSpanWords, words);
    exponentials(words, kStripUnits, values);
    const Index count = std::min(kStripUnits, to - first);
    for (Index i = 0; i < count; ++i) out[(first - from + i) * kAbreast + lane] = values[i];
  }
}

void UnitWeights::draw_signs(Index replicate, Index lane) {
  Words words(seed_, replicate);
  for (Index from = 0; from < units_; from += 32) {
    const std::uint32_t bits = words.next();
    const Index count = std::min<Index>(32, units_ - from);
    for (Index i = 0; i < count; ++i) codes_[at((from + i) * kAbreast + lane)] = static_cast<std::uint8_t>(bits >> i & 1);
  }
}

void UnitWeights::draw_webb(Index replicate, Index lane) {
  Words words(seed_, replicate);
  for (Index i = 0; i < units_; ++i) codes_[at(i * kAbreast + lane)] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(words.next()) * 6 >> 32);
}

void UnitWeights::fill(Index from, Index to, double* out) const {
  const Index begin = from * kAbreast, count = (to - from) * kAbreast;
  if (scheme_ == Scheme::kPairs) widen(counts_.data() + begin, count, out);
  if (!reals_.empty()) std::copy_n(reals_.begin() + begin, count, out);
  if (scheme_ == Scheme::kBayesian && reals_.empty())
    for (Index lane = 0; lane < kAbreast; ++lane) fill_exponentials(from, to, lane, out);
  if (scheme_ == Scheme::kRademacher) std::transform(codes_.begin() + begin, codes_.begin() + begin + count, out, [](std::uint8_t c) { return c ? 1.0 : -1.0; });
  if (scheme_ == Scheme::kWebb) std::transform(codes_.begin() + begin, codes_.begin() + begin + count, out, [](std::uint8_t c) { return webb_points()[c]; });
}

void UnitWeights::gather(const int* units, Index count, double* out) const {
  for (Index i = 0; i < count; ++i) fill(units[i], units[i] + 1, out + i * kAbreast);
}

MatrixXd draw_matrix(UnitWeights& weights, Index units, Index draws) {
  MatrixXd out(units, draws);
  std::vector<double> eight(at(units * kAbreast));
  for (Index first = 0; first < draws; first += kAbreast) {
    weights.prepare(first, false);
    for (Index lane = 0; lane < kAbreast; ++lane) weights.draw(lane);
    weights.fill(0, units, eight.data());
    for (Index r = 0; r < kAbreast && first + r < draws; ++r)
      for (Index u = 0; u < units; ++u) out(u, first + r) = eight[at(u * kAbreast + r)];
  }
  return out;
}

}  // namespace miv

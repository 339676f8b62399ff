#include "assign.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "require.h"
#include "rng.h"

namespace miv {

namespace {

constexpr Index kSmallStratum = 32;  // below, one shuffle is faster than bits and their correction
constexpr int kMostBits = 8;         // of a unit's share in the start

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Mask bit(Index draw) { return static_cast<Mask>(1U << draw); }

// Counters of one purpose in one stratum: no two share one.
enum class Purpose : std::uint64_t { kStart = 0, kPick = 1, kProbability = 2 };

std::uint64_t first_counter(Purpose purpose, Index stratum) {
  return static_cast<std::uint64_t>(purpose) << 62 | static_cast<std::uint64_t>(stratum) << 31;
}

// `count` random words of one purpose, all at once.
void many_words(std::uint64_t seed, std::uint64_t replicate, Index stratum, Purpose purpose, Index count, std::vector<std::uint32_t>& out) {
  const Index spans = (count + kSpanWords - 1) / kSpanWords;
  out.resize(at(spans * kSpanWords));
  random_words(seed, replicate, static_cast<std::int64_t>(first_counter(purpose, stratum) / 8), spans, out.data());
}

// Numbers picked one after another in one stratum of one replicate.
class Picks {
 public:
  Picks(std::uint64_t seed, std::uint64_t replicate, Index stratum) : seed_(seed), replicate_(replicate), counter_(first_counter(Purpose::kPick, stratum)) {}

  // Uniform on 0 .. bound - 1, exactly (Lemire 2019: the few words that would favour some values are drawn again).
  Index below(Index bound) {
    const std::uint64_t range = static_cast<std::uint64_t>(bound);
    std::uint64_t product = next() * range;
    if (static_cast<std::uint32_t>(product) < range) {
      const std::uint32_t unfair = static_cast<std::uint32_t>((std::uint64_t{1} << 32) % range);
      while (static_cast<std::uint32_t>(product) < unfair) product = next() * range;
    }
    return static_cast<Index>(product >> 32);
  }

 private:
  std::uint32_t next() {
    if (used_ == 4) {
      block_ = philox(seed_, counter_++, replicate_);
      used_ = 0;
    }
    return block_[used_++];
  }

  std::uint64_t seed_, replicate_, counter_;
  Block block_{};
  std::size_t used_ = 4;
};

// A share as `share / 2^bits`.
struct Share {
  int bits = 1;
  unsigned share = 0;
};

// The fewest bits that pay: one more costs every unit as much as one unit to be corrected in 128 (measured on one machine; any is right).
Share start_share(Index chosen, Index units) {
  const double p = static_cast<double>(chosen) / static_cast<double>(units);
  Share best;
  double least = 1e9;
  for (int bits = 1; bits <= kMostBits; ++bits) {
    const unsigned share = static_cast<unsigned>(std::lround(std::ldexp(p, bits)));
    const double cost = bits + 128 * std::abs(std::ldexp(share, -bits) - p);
    if (cost < least) best = {bits, share}, least = cost;
  }
  return best;
}

// Sixty-four independent units, each 1 with the share's chance: its binary digits compared with as many random ones, last digit first.
std::uint64_t bernoulli64(const Share& share, const std::uint32_t* words) {
  if (share.share >> share.bits) return ~std::uint64_t{0};
  std::uint64_t below = 0;
  for (int b = 0; b < share.bits; ++b, words += 2) {
    const std::uint64_t random = words[0] | static_cast<std::uint64_t>(words[1]) << 32;
    below = share.share >> b & 1 ? below | ~random : below & ~random;
  }
  return below;
}

typedef Mask Masks __attribute__((vector_size(16)));
typedef Mask Memory __attribute__((vector_size(16), aligned(2), may_alias));
using ByteMasks = std::array<Masks, 256>;

// By byte: which of eight units its bits put in.
ByteMasks byte_masks() {
  ByteMasks out{};
  for (unsigned byte = 0; byte < 256; ++byte)
    for (unsigned i = 0; i < 8; ++i) out[byte][i] = static_cast<Mask>(byte >> i & 1 ? 0xFFFF : 0);
  return out;
}

Index ones(std::uint64_t x) {
  x -= x >> 1 & 0x5555555555555555;
  x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
  return static_cast<Index>(((x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101 >> 56);
}

// Exactly `chosen` of the units, every set equally likely: independent units are exchangeable, and so is what uniform picks
// among those to be changed leave.
class Chooser {
 public:
  void choose(Index chosen, Index units, std::uint64_t seed, std::uint64_t replicate, Index stratum) {
    bits_.assign(at((units + 63) / 64), 0);
    Picks picks(seed, replicate, stratum);
    const Share share = start_share(chosen, units);
    many_words(seed, replicate, stratum, Purpose::kStart, static_cast<Index>(bits_.size()) * 2 * share.bits, words_);
    for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] = bernoulli64(share, words_.data() + i * at(2 * share.bits));
    if (units % 64) bits_.back() &= (std::uint64_t{1} << units % 64) - 1;
    Index count = 0;
    for (const std::uint64_t w : bits_) count += ones(w);
    for (const bool remove = count > chosen; count != chosen;) {
      const Index i = picks.below(units);
      if (has(i) != remove) continue;
      bits_[at(i / 64)] ^= std::uint64_t{1} << i % 64;
      count += remove ? -1 : 1;
    }
  }

  void spread(Index units, Mask mark, Mask* out) const {
    static const ByteMasks table = byte_masks();
    Index i = 0;
    for (; i + 8 <= units; i += 8) {
      const Masks on = table[at(bits_[at(i / 64)] >> i % 64 & 255)] & mark;
      *reinterpret_cast<Memory*>(out + i) |= on;
    }
    for (; i < units; ++i) out[i] = static_cast<Mask>(out[i] | (has(i) ? mark : 0));
  }

 private:
  bool has(Index i) const { return bits_[at(i / 64)] >> i % 64 & 1; }
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> words_;
};

class Drawer {
 public:
  Drawer(const Assignment& assignment, std::uint64_t seed, Mask* out) : a_(assignment), seed_(seed), out_(out) {}

  void draw(std::uint64_t replicate, Mask mark) {
    if (a_.probability) return draw_known(replicate, mark);
    for (Index s = 0; s < a_.strata(); ++s) {
      const Index units = a_.first[at(s + 1)] - a_.first[at(s)];
      if (a_.arms == 1 && units > kSmallStratum) {
        chooser_.choose(a_.counts[at(s)], units, seed_, replicate, s);
        chooser_.spread(units, mark, out_ + a_.first[at(s)]);
      } else {
        shuffle(s, units, replicate, mark);
      }
    }
  }

 private:
  // The places of a partial shuffle are the units, handed out arm by arm; the base keeps the rest.
  void shuffle(Index s, Index units, std::uint64_t replicate, Mask mark) {
    Picks picks(seed_, replicate, s);
    order_.resize(at(units));
    std::iota(order_.begin(), order_.end(), Index{0});
    Index taken = 0;
    for (Index a = 0; a < a_.arms; ++a) {
      Mask* out = out_ + a * a_.units + a_.first[at(s)];
      for (Index k = 0; k < a_.counts[at(a + a_.arms * s)]; ++k, ++taken) {
        std::swap(order_[at(taken)], order_[at(taken + picks.below(units - taken))]);
        out[order_[at(taken)]] = static_cast<Mask>(out[order_[at(taken)]] | mark);
      }
    }
  }

  void draw_known(std::uint64_t replicate, Mask mark) {
    many_words(seed_, replicate, 0, Purpose::kProbability, a_.units, words_);
    for (Index i = 0; i < a_.units; ++i) {
      const double u = (words_[at(i)] + 0.5) / 4294967296.0;
      for (Index a = 0; a < a_.arms; ++a) {
        if (!(u < a_.probability[a * a_.units + i])) continue;
        out_[a * a_.units + i] = static_cast<Mask>(out_[a * a_.units + i] | mark);
        break;
      }
    }
  }

  const Assignment& a_;
  std::uint64_t seed_;
  Mask* out_;
  Chooser chooser_;
  std::vector<Index> order_;
  std::vector<std::uint32_t> words_;
};

}  // namespace

void check_assignment(const Assignment& a) {
  require(a.units > 0 && a.arms > 0, "there must be units and arms");
  if (a.probability) return;
  require(a.strata() > 0 && a.first.front() == 0 && a.first.back() == a.units, "strata must cover the units");
  require(static_cast<Index>(a.counts.size()) == a.arms * a.strata(), "counts must be one per arm and stratum");
  for (Index s = 0; s < a.strata(); ++s) {
    Index placed = 0;
    for (Index k = 0; k < a.arms; ++k) {
      require(a.counts[at(k + a.arms * s)] >= 0, "a count must not be negative");
      placed += a.counts[at(k + a.arms * s)];
    }
    require(placed <= a.first[at(s + 1)] - a.first[at(s)], "a stratum has fewer units than its arms");
  }
}

void draw_assignments(const Assignment& assignment, std::uint64_t seed, std::uint64_t replicate, Mask* out) {
  std::fill_n(out, assignment.units * assignment.arms, Mask{0});
  Drawer drawer(assignment, seed, out);
  for (Index d = 0; d < kDraws; ++d) drawer.draw(replicate + static_cast<std::uint64_t>(d), bit(d));
}

}  // namespace miv

// What a replicate does to each unit (person or cluster): how often it is drawn, how much it counts, or its sign. Eight replicates at a time.
#ifndef MIV_CORE_UNIT_WEIGHTS_H
#define MIV_CORE_UNIT_WEIGHTS_H

#include <cstdint>
#include <vector>

#include "draw_kernels.h"

namespace miv {

enum class Scheme { kPairs, kBayesian, kRademacher, kWebb };

constexpr Index kStripUnits = 128;  // units whose weights are made at a time; sums over units are formed strip by strip

class UnitWeights {
 public:
  UnitWeights(Scheme scheme, Index units, std::uint64_t seed) : scheme_(scheme), units_(units), seed_(seed) {}
  // Replicates first .. first + 7: room for them, and one after the other (that of lane 0 .. 7). Exponential weights are kept only if they
  // are to be gathered.
  void prepare(Index first, bool gathered);
  void draw(Index lane);
  // Weights of units from .. to - 1 (from a multiple of kStripUnits), out[8 * (u - from) + r].
  void fill(Index from, Index to, double* out) const;
  // Of the units listed.
  void gather(const int* units, Index count, double* out) const;
  // Bytes kept for each unit.
  static Index bytes(Scheme scheme, bool gathered) { return scheme == Scheme::kBayesian ? (gathered ? 8 * kAbreast : 0) : scheme == Scheme::kPairs ? 2 * kAbreast : kAbreast; }

 private:
  void draw_pairs(Index replicate, Index lane);
  void draw_many_pairs(Index replicate, Index lane);
  void draw_signs(Index replicate, Index lane);
  void draw_webb(Index replicate, Index lane);
  void fill_exponentials(Index from, Index to, Index lane, double* out) const;

  Scheme scheme_;
  Index units_, first_ = 0;
  std::uint64_t seed_;
  std::vector<std::uint16_t> counts_;
  std::vector<std::uint8_t> codes_;
  Buffer reals_;
};

// Of every unit in each of the first draws: units x draws.
MatrixXd draw_matrix(UnitWeights& weights, Index units, Index draws);

}  // namespace miv

#endif

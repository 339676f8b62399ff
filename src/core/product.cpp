#include "product.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "parallel.h"
#include "require.h"

namespace miv {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

constexpr double kTaskFlops = 2e8;  // of one thread between two looks at the user's interrupt: about 10 ms
constexpr double kPickCost = 50;    // of a unit's weight, in such operations

// Eight replicates: their weights, their sums, and the group that is being summed.
struct Octet {
  Octet(const ItemColumns& items, const ResampleRequest& request)
      : weights(request.scheme, items.units, request.seed), sums(at(items.columns * kAbreast), 0.0), group(items.group ? at((1 + items.width) * kAbreast) : 0, 0.0) {}
  UnitWeights weights;
  Buffer sums, group;
  Index open = -1;  // group whose sums stand in `group`
};

// The whole sums of eight replicates, strip by strip.
class Adder {
 public:
  Adder(const ItemColumns& items) : items_(items), weight_(at(kStripUnits * kAbreast)), unit_(at(kStripUnits)) {}

  // Items from .. to - 1, whose columns begin at `values`.
  void add(Octet& octet, Index from, Index to, const double* values) {
    while (from < to) {
      const Index last = end_of_strip(from, to);
      set_weights(octet, from, last);
      if (items_.group) add_group(octet, from, last, values); else add_plain(octet, last - from, values);
      values += (last - from) * items_.stride;
      from = last;
    }
  }

  void close(Octet& octet) {
    if (octet.open >= 0) fold_group(octet.group.data(), items_.basis, items_.width, octet.sums.data());
    octet.open = -1;
  }

 private:
  // Strips begin at multiples of kStripUnits, and with every group.
  Index end_of_strip(Index from, Index to) const {
    const Index last = std::min(to, (from / kStripUnits + 1) * kStripUnits);
    if (!items_.group) return last;
    Index end = from + 1;
    while (end < last && items_.group(end) == items_.group(from)) ++end;
    return end;
  }

  void set_weights(const Octet& octet, Index from, Index to) {
    if (!items_.unit) return octet.weights.fill(from, to, weight_.data());
    for (Index i = from; i < to; ++i) unit_[at(i - from)] = static_cast<int>(items_.unit(i));
    octet.weights.gather(unit_.data(), to - from, weight_.data());
  }

  void add_plain(Octet& octet, Index count, const double* values) {
    product(weight_.data(), count, values, items_.stride, items_.squared, octet.sums.data());
    if (items_.squared == items_.columns) return;
    for (Index i = 0; i < count * kAbreast; ++i) weight_[at(i)] *= weight_[at(i)];
    product(weight_.data(), count, values + items_.squared, items_.stride, items_.columns - items_.squared, octet.sums.data() + items_.squared * kAbreast);
  }

  // The first row of a block goes to the group, the others to the whole.
  void add_group(Octet& octet, Index from, Index to, const double* values) {
    const Index own = 1 + items_.width;
    if (items_.group(from) != octet.open) {
      close(octet);
      std::fill(octet.group.begin(), octet.group.end(), 0.0);
      octet.open = items_.group(from);
    }
    product(weight_.data(), to - from, values, items_.stride, own, octet.group.data());
    product(weight_.data(), to - from, values + own, items_.stride, items_.columns, octet.sums.data());
  }

  const ItemColumns& items_;
  Buffer weight_;
  std::vector<int> unit_;
};

// How many octets and items are worked on at a time; apart: an octet is one task from its weights to its end, and no thread touches another's.
struct Plan {
  bool stored, apart;
  Index octets, items;
};

Plan plan_of(const ItemColumns& items, const ResampleRequest& request, int threads) {
  const double numbers = static_cast<double>(items.stride) * 8, all = numbers * static_cast<double>(items.items);
  const double of_octet = static_cast<double>(UnitWeights::bytes(request.scheme, items.unit != nullptr) * items.units + items.columns * kAbreast * 8);
  Plan plan{};
  plan.stored = all <= request.memory / 2;
  const double room = request.memory / 2, work = 16 * static_cast<double>(items.columns) * static_cast<double>(items.items);
  plan.apart = plan.stored && work + kPickCost * kAbreast * static_cast<double>(items.units) <= kTaskFlops;
  plan.items = plan.stored ? items.items : std::max(kStripUnits, static_cast<Index>(room / 4 / numbers) / kStripUnits * kStripUnits);
  // Between two looks at the user's interrupt no thread is to work on much more than kTaskFlops.
  const double want = plan.stored ? std::max(2.0 * threads, threads * kTaskFlops / work) : 128;
  const double fits = std::max<double>(threads, room / of_octet);
  plan.octets = static_cast<Index>(std::min({want, fits, static_cast<double>((request.draws + kAbreast - 1) / kAbreast)}));
  plan.octets = std::max<Index>(1, plan.octets);
  const double of_item = 16 * static_cast<double>(items.columns * plan.octets);
  if (!plan.stored) plan.items = std::max(kStripUnits, std::min(plan.items, static_cast<Index>(threads * 4 * kTaskFlops / of_item) / kStripUnits * kStripUnits));
  return plan;
}

using Octets = std::vector<std::unique_ptr<Octet>>;

// The weights of all octets, a few replicates between two looks at the interrupt.
void draw_weights(const ItemColumns& items, Index first, Octets& octets, const Workers& workers) {
  constexpr Index kPicks = 1 << 20;
  const Index count = static_cast<Index>(octets.size()), all = count * kAbreast, wave = workers.threads * std::max<Index>(1, kPicks / items.units);
  for (Index o = 0; o < count; ++o) octets[at(o)]->weights.prepare(first + o * kAbreast, items.unit != nullptr);
  for (Index begin = 0; begin < all; begin += wave) {
    // Neighbouring tasks belong to different octets: the replicates of one share their memory.
    parallel_for(std::min(wave, all - begin), workers.threads, [&](Index i) { octets[at((begin + i) % count)]->weights.draw((begin + i) / count); });
    if (workers.poll) workers.poll();
  }
}

// Columns of a strip of items, made on all threads.
void fill_items(const ItemColumns& items, Index from, Index to, Buffer& out, const Workers& workers) {
  constexpr Index kPiece = 16 * kStripUnits;
  out.resize(at((to - from) * items.stride));
  parallel_for((to - from + kPiece - 1) / kPiece, workers.threads, [&](Index piece) {
    const Index first = from + piece * kPiece, last = std::min(to, first + kPiece);
    items.fill(first, last, out.data() + (first - from) * items.stride);
  });
}

// One product for all octets at once, elsewhere.
void multiply_octets(const ItemColumns& items, Multiply multiply, Octets& octets, Index from, Index to, const double* values) {
  const Index reps = static_cast<Index>(octets.size()) * kAbreast, units = to - from;
  Buffer weight(at(reps * units)), own(at(units * kAbreast)), sums(at(items.stride * reps), 0.0);
  for (std::size_t o = 0; o < octets.size(); ++o) {
    octets[o]->weights.fill(from, to, own.data());
    for (Index u = 0; u < units; ++u) std::copy_n(own.begin() + u * kAbreast, kAbreast, weight.begin() + u * reps + static_cast<Index>(o) * kAbreast);
  }
  multiply(values, items.stride, weight.data(), reps, units, sums.data());
  for (Index r = 0; r < reps; ++r)
    for (Index j = 0; j < items.columns; ++j) octets[at(r / kAbreast)]->sums[at(j * kAbreast + r % kAbreast)] += sums[at(r * items.stride + j)];
}

bool multiplies_elsewhere(const ItemColumns& items, const ResampleRequest& request) {
  return request.multiply && !items.group && !items.unit && items.squared == items.columns;
}

// One octet from its weights to its end.
void sum_apart(const ItemColumns& items, const ResampleRequest& request, Index first, const double* values, const TakeSums& take) {
  Octet octet(items, request);
  Adder adder(items);
  octet.weights.prepare(first, items.unit != nullptr);
  for (Index lane = 0; lane < kAbreast; ++lane) octet.weights.draw(lane);
  adder.add(octet, 0, items.items, values);
  if (items.group) adder.close(octet);
  take(first, octet.sums.data());
}

// Octets together: the weights of all, then the items piece by piece.
void sum_together(const ItemColumns& items, const ResampleRequest& request, const Plan& plan, Index first, Index count, Buffer& values, const TakeSums& take, const Workers& workers) {
  const bool elsewhere = multiplies_elsewhere(items, request);
  Octets octets(at(count));
  for (auto& octet : octets) octet = std::make_unique<Octet>(items, request);
  draw_weights(items, first, octets, workers);
  for (Index from = 0; from < items.items; from += plan.items) {
    const Index to = std::min(items.items, from + plan.items);
    if (!plan.stored) fill_items(items, from, to, values, workers);
    if (elsewhere) multiply_octets(items, request.multiply, octets, from, to, values.data());
    else parallel_for(count, workers.threads, [&](Index o) { Adder(items).add(*octets[at(o)], from, to, values.data()); });
    if (workers.poll) workers.poll();
  }
  parallel_for(count, workers.threads, [&](Index o) {
    if (items.group) Adder(items).close(*octets[at(o)]);
    take(first + o * kAbreast, octets[at(o)]->sums.data());
  });
}

}  // namespace

DrawReport sum_draws(const ItemColumns& items, const ResampleRequest& request, const TakeSums& take, const Workers& workers) {
  require(request.draws > 0, "there must be a draw");
  const Plan plan = plan_of(items, request, workers.threads);
  const bool elsewhere = multiplies_elsewhere(items, request);
  Buffer values;
  if (plan.stored) fill_items(items, 0, items.items, values, workers);
  for (Index first = 0; first < request.draws; first += plan.octets * kAbreast) {
    const Index count = std::min(plan.octets, (request.draws - first + kAbreast - 1) / kAbreast);
    if (plan.apart && !elsewhere) {
      parallel_for(count, workers.threads, [&](Index o) { sum_apart(items, request, first + o * kAbreast, values.data(), take); });
      if (workers.poll) workers.poll();
    } else {
      sum_together(items, request, plan, first, count, values, take, workers);
    }
    if (workers.progress) workers.progress(static_cast<double>(std::min(request.draws, first + count * kAbreast)) / static_cast<double>(request.draws));
  }
  DrawReport report;
  report.units = items.units;
  report.columns = items.columns;
  report.stored = plan.stored;
  report.multiplied_elsewhere = elsewhere;
  report.flops = 2.0 * static_cast<double>(items.items) * static_cast<double>(items.columns) * static_cast<double>(request.draws);
  return report;
}

double measure_rate() {
  double sink = 0, best = 0;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double flops = spin(5000, &sink);
    best = std::max(best, flops / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return sink == 0 ? 0 : best;
}

}  // namespace miv

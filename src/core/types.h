// The shapes every room shares. Sizes as in the method note: n people, p beliefs, l instruments, k coefficients, G clusters.
#ifndef MIV_CORE_TYPES_H
#define MIV_CORE_TYPES_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <vector>

#include <Eigen/Core>

namespace miv {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index kTileRows = 128;      // a tile of ten columns and the scores made of it fit the first-level cache
constexpr Index kChunkRows = 16384;   // sums are formed per chunk and added in chunk order: digits do not depend on threads
constexpr double kRankTolerance = 1e-11;  // of what is left of a centred, unit-norm column after its predecessors; NIST Filip needs 5e-8
constexpr double kCrossProductFloor = 1e-4;  // smallest squared pivot that cross-products resolve to about eleven digits; NIST Wampler 3-5 (3e-5) need the rows

// Numbers the kernels work on start at a cache line: a vector that crosses two takes twice as long to read.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};
  LineAllocator() = default;
  template <class Other>
  LineAllocator(const LineAllocator<Other>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, kLine); }
  bool operator==(const LineAllocator&) const { return true; }
  bool operator!=(const LineAllocator&) const { return false; }
};

using Buffer = std::vector<double, LineAllocator<double>>;

// Threads to use, a function to call between waves of work (it may throw to stop), and one that hears the share done.
struct Workers {
  int threads = 1;
  std::function<void()> poll;
  std::function<void(double)> progress = nullptr;
};

}  // namespace miv

#endif

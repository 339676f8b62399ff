// The shapes every room shares. Sizes as in the method note: n people, p beliefs, l instruments, k coefficients, G clusters.
#ifndef MIV_CORE_TYPES_H
#define MIV_CORE_TYPES_H

#include <cstdint>
#include <functional>

#include <Eigen/Core>

namespace miv {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index kTileRows = 256;      // a tile of ten columns fits the first-level cache
constexpr Index kChunkRows = 65536;   // sums are formed per chunk and added in chunk order: digits do not depend on threads
constexpr double kRankTolerance = 1e-11;  // of what is left of a centred, unit-norm column after its predecessors; NIST Filip needs 5e-8
constexpr double kCrossProductFloor = 1e-4;  // smallest squared pivot that cross-products resolve to about eleven digits; NIST Wampler 3-5 (3e-5) need the rows

// Threads to use and a function to call between waves of work (it may throw to stop).
struct Workers {
  int threads = 1;
  std::function<void()> poll;
};

}  // namespace miv

#endif

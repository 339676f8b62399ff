// Work in numbered chunks, results consumed in chunk order whatever the number of threads.
#ifndef MIV_CORE_PARALLEL_H
#define MIV_CORE_PARALLEL_H

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "types.h"

namespace miv {

// Calls work(i) for i in [0, count) on up to `threads` threads. The first exception is rethrown on the caller's thread.
template <class Work>
void parallel_for(Index count, int threads, const Work& work) {
  if (threads <= 1 || count <= 1) {
    for (Index i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<Index> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto run = [&]() {
    try {
      for (Index i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(guard);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(std::min<Index>(threads, count)));
  try {
    for (int t = 1; t < threads && t < count; ++t) others.emplace_back(run);
  } catch (const std::system_error&) {  // the machine gives no more threads: those there are do the work
  }
  run();
  for (std::thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

// Rows [first, last) of chunk i.
struct Rows {
  Index first, last;
};

inline Index count_chunks(Index rows, Index chunk_rows) { return (rows + chunk_rows - 1) / chunk_rows; }

inline Rows rows_of_chunk(Index i, Index rows, Index chunk_rows) {
  return {i * chunk_rows, std::min(rows, (i + 1) * chunk_rows)};
}

// make(rows) -> Result for every chunk, the last first (the cache still holds them after a pass over all), in waves; add(result) is called on the caller's thread in chunk order. A wave holds as many
// results of `doubles` numbers as fit 16 MB, so that threads wait for one another seldom.
template <class Result, class Make, class Add>
void for_chunks(Index rows, Index chunk_rows, Index doubles, const Workers& workers, const Make& make, const Add& add, bool backwards = false) {
  constexpr Index kWaveDoubles = 1 << 21;
  const Index threads = std::max<Index>(1, workers.threads), room = kWaveDoubles / std::max<Index>(1, doubles);
  const Index chunks = count_chunks(rows, chunk_rows), wave = std::max(2 * threads, std::min(64 * threads, room));
  std::vector<Result> results(std::min(chunks, wave));
  for (Index begin = 0; begin < chunks; begin += wave) {
    const Index size = std::min(wave, chunks - begin);
    parallel_for(size, workers.threads, [&](Index i) { const Index k = backwards ? size - 1 - i : i; results[k] = make(rows_of_chunk(begin + k, rows, chunk_rows)); });
    for (Index i = 0; i < size; ++i) add(results[i]);
    if (workers.poll) workers.poll();
  }
}

}  // namespace miv

#endif

// Work in chunks on several threads.
#include <atomic>
#include <stdexcept>

#include "parallel.h"
#include "support.h"

using namespace test;

TEST_CASE("every piece of work is done once, whatever the number of threads") {
  for (const int threads : {-1, 0, 1, 2, 3, 7}) {
    std::vector<int> done(100, 0);
    miv::parallel_for(100, threads, [&](Index i) { ++done[static_cast<std::size_t>(i)]; });
    CHECK(std::count(done.begin(), done.end(), 1) == 100);
    miv::parallel_for(0, threads, [&](Index) { FAIL("there was nothing to do"); });
  }
}

TEST_CASE("an exception in a thread reaches the caller") {
  for (const int threads : {1, 2, 3})
    CHECK_THROWS_AS(miv::parallel_for(50, threads,
                                      [](Index i) {
                                        if (i == 31) throw std::range_error("31");
                                      }),
                    std::range_error);
}

TEST_CASE("results are added in the order of the chunks") {
  for (const int threads : {1, 2, 3}) {
    std::vector<Index> firsts;
    miv::for_chunks<Index>(
        1000, 7, 1, workers(threads), [](miv::Rows rows) { return rows.first; }, [&](Index first) { firsts.push_back(first); });
    REQUIRE(firsts.size() == 143);
    CHECK(std::is_sorted(firsts.begin(), firsts.end()));
  }
}

TEST_CASE("chunks cover every row once and no rows make no chunk") {
  for (const Index n : {0, 1, 6, 7, 8, 14, 1000}) {
    Index rows = 0;
    miv::for_chunks<Index>(
        n, 7, 1, workers(2), [](miv::Rows r) { return r.last - r.first; }, [&](Index size) { rows += size; });
    CHECK(rows == n);
  }
}

TEST_CASE("the last chunks may be worked on first, and are still added in order") {
  std::vector<Index> firsts;
  std::vector<Index> made;
  miv::for_chunks<Index>(
      70, 7, 1, workers(1),
      [&](miv::Rows rows) {
        made.push_back(rows.first);
        return rows.first;
      },
      [&](Index first) { firsts.push_back(first); }, true);
  CHECK(made.front() == 63);
  CHECK(std::is_sorted(firsts.begin(), firsts.end()));
}

TEST_CASE("a poll that throws stops the work between two waves") {
  std::atomic<int> chunks{0};
  miv::Workers two = workers(2);
  two.poll = []() { throw std::runtime_error("stopped by the user"); };
  const auto run = [&]() {
    miv::for_chunks<int>(
        1000, 1, 1 << 20, two, [&](miv::Rows) { return ++chunks; }, [](int) {});
  };
  CHECK_THROWS_AS(run(), std::runtime_error);
  CHECK(chunks < 100);
}

TEST_CASE("any number of threads may be asked for") {
  Index rows = 0;
  miv::for_chunks<Index>(
      30, 7, 1, workers(std::numeric_limits<int>::max()), [](miv::Rows r) { return r.last - r.first; }, [&](Index size) { rows += size; });
  CHECK(rows == 30);
}

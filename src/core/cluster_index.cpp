#include "cluster_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "require.h"

namespace miv {

namespace {

// Every bit of the key reaches the low bits that choose the slot. Small whole numbers as doubles differ only in their highest
// bits, pairs of codes only in a few of either half. The finaliser of splitmix64.
std::uint64_t scatter(std::uint64_t key) {
  key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9ull;
  key = (key ^ key >> 27) * 0x94D049BB133111EBull;
  return key ^ key >> 31;
}

// Open addressing on 64-bit keys.
class Table {
 public:
  explicit Table(Index expected) {
    while (size_ < 2 * static_cast<std::uint64_t>(expected)) size_ *= 2;
    codes_.assign(size_, -1);
    keys_.resize(size_);
  }
  int code(std::uint64_t key) {
    std::uint64_t at = scatter(key) & (size_ - 1);
    while (codes_[at] >= 0 && keys_[at] != key) at = (at + 1) & (size_ - 1);
    if (codes_[at] < 0) {
      codes_[at] = next_++;
      keys_[at] = key;
      if (2 * static_cast<std::uint64_t>(next_) > size_) return grow(key);
    }
    return codes_[at];
  }
  Index count() const { return next_; }

 private:
  int grow(std::uint64_t key) {
    const std::vector<int> codes = codes_;
    const std::vector<std::uint64_t> keys = keys_;
    size_ *= 2;
    codes_.assign(size_, -1);
    keys_.assign(size_, 0);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (codes[i] < 0) continue;
      std::uint64_t at = scatter(keys[i]) & (size_ - 1);
      while (codes_[at] >= 0) at = (at + 1) & (size_ - 1);
      codes_[at] = codes[i];
      keys_[at] = keys[i];
    }
    return code(key);
  }
  std::uint64_t size_ = 1024;
  int next_ = 0;
  std::vector<int> codes_;
  std::vector<std::uint64_t> keys_;
};

std::uint64_t key_of(double value) {
  if (value == 0) value = 0;  // -0 and 0 are one label
  std::uint64_t key = 0;
  std::memcpy(&key, &value, sizeof key);
  return key;
}

bool is_missing(const Source& source, Index row) {
  return source.real ? std::isnan(source.real[row]) : source.integer[row] == std::numeric_limits<int>::min();
}

// Whole numbers that lie close together need no table: list(least, one code per number), or nothing.
struct Direct {
  std::int64_t least = 0;
  bool missing = false;
  std::vector<int> codes;
};

Direct direct_of(const Source& source, Index rows) {
  Direct out;
  if (source.real || rows == 0) return out;
  int least = std::numeric_limits<int>::max(), most = std::numeric_limits<int>::min();
  for (Index row = 0; row < rows; ++row) {
    const int value = source.integer[row];
    most = std::max(most, value);
    if (value != std::numeric_limits<int>::min()) least = std::min(least, value);
    else out.missing = true;
  }
  const std::int64_t span = static_cast<std::int64_t>(most) - least;
  if (span < 0 || span > std::max<std::int64_t>(1 << 16, rows)) return out;
  out.least = least;
  out.codes.assign(static_cast<std::size_t>(span + 1), -1);
  return out;
}

// Every row counts and has a number.
Index index_all(const int* values, Index rows, Direct& direct, int* ids) {
  int* codes = direct.codes.data();
  int next = 0;
  for (Index row = 0; row < rows; ++row) {
    const std::size_t at = static_cast<std::size_t>(values[row] - direct.least);
    if (codes[at] < 0) codes[at] = next++;
    ids[row] = codes[at];
  }
  return next;
}

ClusterCount index_one(const Source& source, Index rows, const unsigned char* kept, int* ids) {
  Direct direct = direct_of(source, rows);
  if (!kept && !direct.codes.empty() && !direct.missing) return {index_all(source.integer, rows, direct, ids), 0};
  ClusterCount out;
  std::fill(ids, ids + rows, -1);
  Table table(1024);
  int next = 0;
  for (Index row = 0; row < rows; ++row) {
    if (kept && !kept[row]) continue;
    if (is_missing(source, row)) {
      ++out.missing;
      continue;
    }
    if (!direct.codes.empty()) {
      int& code = direct.codes[static_cast<std::size_t>(source.integer[row] - direct.least)];
      if (code < 0) code = next++;
      ids[row] = code;
      continue;
    }
    const std::uint64_t key = source.real ? key_of(source.real[row]) : static_cast<std::uint32_t>(source.integer[row]);
    ids[row] = table.code(key);
  }
  out.count = direct.codes.empty() ? table.count() : next;
  return out;
}

}  // namespace

ClusterCount index_clusters(const std::vector<Source>& sources, Index rows, const unsigned char* kept, int* ids) {
  require(!sources.empty(), "a cluster index needs a column");
  ClusterCount out = index_one(sources[0], rows, kept, ids);
  std::vector<int> others(sources.size() > 1 ? static_cast<std::size_t>(rows) : 0);
  for (std::size_t s = 1; s < sources.size(); ++s) {
    index_one(sources[s], rows, kept, others.data());
    Table table(1024);
    out.missing = 0;
    for (Index row = 0; row < rows; ++row) {
      if (kept && !kept[row]) continue;
      const int other = others[static_cast<std::size_t>(row)];
      if (ids[row] < 0 || other < 0) {
        ids[row] = -1;
        ++out.missing;
        continue;
      }
      ids[row] = table.code(static_cast<std::uint64_t>(ids[row]) << 32 | static_cast<std::uint32_t>(other));
    }
    out.count = table.count();
  }
  return out;
}

bool is_nested(const int* inner, Index n_inner, const int* outer, Index rows) {
  std::vector<int> first(static_cast<std::size_t>(n_inner), -1);
  for (Index row = 0; row < rows; ++row) {
    if (inner[row] < 0 || outer[row] < 0) continue;
    int& seen = first[static_cast<std::size_t>(inner[row])];
    if (seen < 0) seen = outer[row];
    if (seen != outer[row]) return false;
  }
  return true;
}

}  // namespace miv

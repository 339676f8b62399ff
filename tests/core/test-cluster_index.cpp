// Labels to codes.
#include <map>

#include "cluster_index.h"
#include "support.h"

using namespace test;

namespace {

// Codes in order of first appearance, by a map.
template <class Label>
Codes plain_codes(const std::vector<Label>& labels) {
  std::map<Label, int> known;
  Codes out;
  for (const Label& label : labels) out.push_back(known.emplace(label, static_cast<int>(known.size())).first->second);
  return out;
}

struct Indexed : miv::ClusterCount {
  std::vector<int> ids;
};

Indexed index_of(const std::vector<miv::Source>& sources, std::size_t rows, const unsigned char* kept = nullptr) {
  Indexed out;
  out.ids.resize(rows);
  static_cast<miv::ClusterCount&>(out) = miv::index_clusters(sources, static_cast<Index>(rows), kept, out.ids.data());
  return out;
}

}  // namespace

TEST_CASE("codes count up from 0 in the order in which labels first appear") {
  const Codes labels{7, -3, 7, 0, -3, 2147483647, 7};
  const Indexed index = index_of({source_of(labels)}, labels.size());
  CHECK(index.ids == (Codes{0, 1, 0, 2, 1, 3, 0}));
  CHECK(index.count == 4);
  CHECK(index.missing == 0);
}

TEST_CASE("minus zero is zero, and any two different doubles are two labels") {
  const Column labels{0.0, -0.0, 1.0, 1.0 + 1e-15, kInfinity, -kInfinity, 5e-324, 0.0};
  const Indexed index = index_of({source_of(labels)}, labels.size());
  CHECK(index.ids == (Codes{0, 0, 1, 2, 3, 4, 5, 0}));
}

TEST_CASE("a missing label has no code and is counted among the kept rows only") {
  const Column labels{1, kNaN, 2, kNaN, 1};
  const Codes codes{5, kMissing, 6, 6, 5};
  const Mask kept{1, 1, 1, 0, 1};
  CHECK(index_of({source_of(labels)}, 5).missing == 2);
  CHECK(index_of({source_of(codes)}, 5).ids == (Codes{0, -1, 1, 1, 0}));
  const Indexed index = index_of({source_of(labels)}, 5, kept.data());
  CHECK(index.ids == (Codes{0, -1, 1, -1, 0}));
  CHECK(index.missing == 1);
  CHECK(index.count == 2);
}

TEST_CASE("many labels, of either type, keep their codes while the table grows") {
  for (const int count : {1023, 1024, 1025, 100000}) {
    const Codes labels = random_codes(100000, count, 171);
    const Column doubles(labels.begin(), labels.end());
    const Column fractions = changed(doubles, [](double x) { return x / 7; });
    const Codes expected = plain_codes(labels);
    CHECK(index_of({source_of(labels)}, labels.size()).ids == expected);
    CHECK(index_of({source_of(doubles)}, labels.size()).ids == expected);
    CHECK(index_of({source_of(fractions)}, labels.size()).ids == expected);
  }
}

TEST_CASE("people with the same values in every column share a code") {
  const Codes a = random_codes(50000, 300, 172), b = random_codes(50000, 200, 173), c = random_codes(50000, 2, 174);
  const Column real(b.begin(), b.end());
  std::vector<std::vector<int>> triples;
  for (std::size_t i = 0; i < a.size(); ++i) triples.push_back({a[i], b[i], c[i]});
  const Indexed index = index_of({source_of(a), source_of(real), source_of(c)}, a.size());
  CHECK(index.ids == plain_codes(triples));
  CHECK(index.count == 1 + *std::max_element(index.ids.begin(), index.ids.end()));
}

TEST_CASE("a pair with either label missing has no code") {
  const Codes a{1, kMissing, 1, 2, kMissing}, b{1, 1, kMissing, 1, kMissing};
  const Indexed index = index_of({source_of(a), source_of(b)}, 5);
  CHECK(index.ids == (Codes{0, -1, -1, 1, -1}));
  CHECK(index.missing == 3);
  CHECK(index.count == 2);
}

TEST_CASE("an index needs a column, and no rows have no codes") {
  CHECK_THROWS_AS(index_of({}, 5), std::invalid_argument);
  const Codes none;
  CHECK(index_of({source_of(Codes{1})}, 0).count == 0);
}

TEST_CASE("groups are nested when each lies in one outer group, whoever has no code") {
  const Codes village{0, 0, 1, 1, 2, -1}, state{0, 0, 0, 0, 1, 1}, across{0, 0, 0, 1, 1, 1}, unknown{0, -1, 0, 0, 1, 1};
  CHECK(miv::is_nested(village.data(), 3, state.data(), 6));
  CHECK_FALSE(miv::is_nested(village.data(), 3, across.data(), 6));
  CHECK(miv::is_nested(village.data(), 3, unknown.data(), 6));
  CHECK_FALSE(miv::is_nested(state.data(), 2, village.data(), 5));
  CHECK(miv::is_nested(village.data(), 3, village.data(), 6));
}

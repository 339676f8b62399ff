// Labels to dense codes: 0-based, in order of first appearance.
#ifndef MIV_CORE_CLUSTER_INDEX_H
#define MIV_CORE_CLUSTER_INDEX_H

#include <vector>

#include "columns.h"

namespace miv {

struct ClusterCount {
  Index count = 0;
  Index missing = 0;  // kept rows with a missing label
};

// People with the same value in every source share a code. ids: by row; -1 where the row is not kept or a label is missing.
ClusterCount index_clusters(const std::vector<Source>& sources, Index rows, const unsigned char* kept, int* ids);

// Whether every inner group lies in one outer group. Rows with id < 0 are skipped.
bool is_nested(const int* inner, Index n_inner, const int* outer, Index rows);

}  // namespace miv

#endif

// A caller's mistake, told in one sentence.
#ifndef MIV_CORE_REQUIRE_H
#define MIV_CORE_REQUIRE_H

#include <stdexcept>

namespace miv {

inline void require(bool holds, const char* otherwise) {
  if (!holds) throw std::invalid_argument(otherwise);
}

}  // namespace miv

#endif

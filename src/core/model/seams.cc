#include "core/model/seams.h"

#include <array>

namespace ordeal {

const char* to_text(Observation::Outcome kind) {
  constexpr std::array kTexts{"values",          "no such series",    "only NaN",
                              "only stale data", "no answer in time", "an error"};
  return kTexts[static_cast<size_t>(kind)];
}

}  // namespace ordeal

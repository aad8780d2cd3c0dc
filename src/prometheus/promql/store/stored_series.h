// StoredSeries: a label set and its samples, as a store keeps them. Internal to src/prometheus/promql/store.
#pragma once

#include "prometheus/promql/store/storage.h"

namespace ordeal::promql {

struct StoredSeries {
  Labels labels;
  std::vector<Sample> buffer;
  size_t head = 0;  // samples before it are gone

  std::span<const Sample> live() const { return std::span(buffer).subspan(head); }
};

}  // namespace ordeal::promql

#include "app/controller/writing/record_aging.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/controller/writing/record_keeper.h"

namespace ordeal::controller {

void RecordAging::age(const std::string& namespace_, std::vector<std::pair<std::string, std::string>> ended) {
  std::sort(ended.rbegin(), ended.rend());
  for (size_t i = keep_; i < ended.size(); ++i) {
    const std::string& run = ended[i].second;
    if (!aged_.insert(run).second) continue;
    for (int part = 0; part < store::kMostParts; ++part)
      outbox_.add(kube::remove(kube::kConfigMaps, {namespace_, record_name(run, part)}),
                  [this, run](const auto& answer) { removed(run, answer); });
  }
}

// What was not taken away is tried again with the next run of its namespace.
void RecordAging::removed(const std::string& run, const kube::Answer<json::Value>& answer) {
  if (answer || answer.error().kind == kube::ApiFailure::Kind::kNotFound) return;
  if (aged_.erase(run) > 0) log_(answer.error().error(fmt::format("cannot delete the record of {}", run)).message());
}

}  // namespace ordeal::controller

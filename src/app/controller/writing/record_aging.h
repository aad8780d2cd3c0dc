// RecordAging: of the records in a namespace the newest are kept, and the others deleted; their Experiments stay.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "run/session/cluster/outbox.h"

namespace ordeal::controller {

class RecordAging {
 public:
  RecordAging(session::Outbox& outbox, std::function<void(const std::string&)> log, size_t keep)
      : outbox_(outbox), log_(std::move(log)), keep_(keep) {}

  // `ended` are the runs of the namespace that are complete, each with when that was, as RFC 3339.
  void age(const std::string& namespace_, std::vector<std::pair<std::string, std::string>> ended);

 private:
  void removed(const std::string& run, const kube::Answer<json::Value>& answer);

  session::Outbox& outbox_;
  std::function<void(const std::string&)> log_;
  size_t keep_;
  std::set<std::string> aged_;  // runs whose records are deleted
};

}  // namespace ordeal::controller

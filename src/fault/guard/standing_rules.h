// StandingRules: the policies that bind at this moment, and whom they protect under the names of the inventory. The
// files are read again whenever somebody asks, so that a rule that is tightened while a run only looks, or between two
// kills, binds; a policy that cannot be read any more, or is gone, is an error and never the old one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/inventory.h"
#include "fault/attacks/victim/protection.h"
#include "platform/host/policy_file.h"

namespace ordeal::guard {

class StandingRules {
 public:
  // `inventory`: the text of the file, "" for none.
  static Result<StandingRules> read(std::vector<std::string> files, const std::string& inventory,
                                    std::string host_policy = host::kHostPolicy,
                                    sys::Trust trust = sys::Trust::of_this_process());

  // kRefused when the policies cannot be read as they are now; what binds is then unknown, and nothing is allowed.
  Result<> refresh();
  // What the last refresh() found.
  const std::vector<Policy>& policies() const { return policies_; }
  const fault::Protection& protection() const { return *protection_; }
  // Another number whenever a refresh() found another text.
  int version() const { return version_; }

 private:
  Result<> adopt(host::PolicyTexts texts);

  std::vector<std::string> files_;
  std::vector<InventoryEntry> inventory_;
  std::string host_policy_;
  sys::Trust trust_;
  host::PolicyTexts texts_;
  std::vector<Policy> policies_;
  std::unique_ptr<fault::Protection> protection_;
  int version_ = 0;
};

}  // namespace ordeal::guard

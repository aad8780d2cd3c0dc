// Protection: why a process may not be hit, under every name that it has. Names come from the inventory (each entry
// whose cgroup, pid or pattern means the process, or something that it belongs with) and the rules from the policies;
// on top of them stands what no file can lift (sys/protected.h). It is judged on the process that is about to be hit,
// at the moment at which it is, not on the victim that was chosen. Blast radius is not judged here: that is about
// the chosen victim.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/inventory.h"
#include "core/model/input/policy.h"
#include "fault/attacks/process/process_match.h"
#include "platform/sys/process/process.h"
#include "platform/sys/process/protected.h"

namespace ordeal::fault {

// How to find what a process belongs with.
struct Kin {
  std::function<std::optional<sys::Process>(pid_t pid)> process;
  std::function<std::vector<sys::Process>(const std::string& cgroup)> members;  // of a cgroup and what is below it

  static const Kin& live();
};

class Protection {
 public:
  // Of what is always protected, and of nothing else.
  Protection() = default;
  // kInvalidInput: an entry's `match` is no regular expression.
  static Result<Protection> create(const std::vector<Policy>& policies, const std::vector<InventoryEntry>& inventory);

  // "postgres (pid 12) is db in the inventory: policy.yaml: protected.namespaces lists \"production\"", or nothing.
  std::optional<std::string> refusal(const sys::Process& process, const Kin& kin = Kin::live()) const;
  // The same by the policies alone.
  std::optional<std::string> policy_refusal(const sys::Process& process, const Kin& kin = Kin::live()) const;
  bool has_names() const { return !shields_.empty(); }

 private:
  // An entry of the inventory that a policy protects.
  struct Shield {
    InventoryEntry entry;
    std::optional<CommandPattern> pattern;
    std::string rule;
  };
  bool is_head(const Shield& shield, const sys::Process& process) const;
  bool covers(const Shield& shield, const sys::Process& process, const Kin& kin) const;

  std::vector<Shield> shields_;
  std::set<pid_t> own_ = sys::own_chain();
};

// The judgement as it is now: the policies may change at any time. Fails when they cannot be read any more.
using ProtectionNow = std::function<Result<const Protection*>()>;
Result<const Protection*> only_always_protected();

}  // namespace ordeal::fault

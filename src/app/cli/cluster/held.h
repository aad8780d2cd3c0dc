// HeldInjections: what is still in force in a cluster, as its Injections say. One that vanishes proves nothing: only
// who was last seen as reverted is reverted. Fed by a kube::Mirror; pure.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/json/value.h"

namespace ordeal::cli {

// Of an Injection that is not known to be reverted.
struct HeldNode {
  std::string node, run, namespace_, name, state;
};

class HeldInjections {
 public:
  using Runs = std::shared_ptr<std::set<std::string>>;

  // `halted` gets the runs that held something when all was listed first.
  explicit HeldInjections(Runs halted) : halted_(std::move(halted)) {}

  void put(const json::Value& object);
  // With its last state, as a watch tells it.
  void gone(const json::Value& object);
  void relist() { fresh_.clear(); }
  void synced();

  bool known() const { return synced_; }                                               // all of them were listed
  const std::map<std::string, HeldNode>& left() const { return left_; }                // by uid: still there
  const std::map<std::string, HeldNode>& unconfirmed() const { return unconfirmed_; }  // by uid: gone, and not reverted
  const std::map<std::string, std::string>& failed() const { return failed_; }         // node: why

 private:
  void note_failure(const std::string& node, const json::Value& impact);

  Runs halted_;
  std::map<std::string, HeldNode> left_, unconfirmed_;
  std::map<std::string, std::string> failed_;
  std::set<std::string> fresh_;
  bool synced_ = false;
};

}  // namespace ordeal::cli

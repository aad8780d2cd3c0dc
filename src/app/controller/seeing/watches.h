// Watches: the mirrors of a controller, each told to the part that keeps what it says. What makes the controller
// useless (no rights, no such resource, nobody) is an error until the first list has come, and is only said after that.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/controller/hosting/controller.h"
#include "app/controller/program.h"
#include "app/controller/seeing/cluster_stores.h"
#include "platform/kube/mirror.h"

namespace ordeal::controller {

class Watches {
 public:
  Watches(kube::Client& client, const ProgramOptions& options, ClusterStores& stores, Controller& controller,
          std::function<void(const std::string&)> log);

  // What makes this controller useless.
  const std::optional<Error>& useless() const { return useless_; }
  // Every first list has come.
  bool ready() const;
  BootTime next_wake() const;
  void dispatch();

 private:
  void add(kube::MirrorOptions options, kube::MirrorHandlers handlers);
  void watch_experiments();
  void watch_injections();
  void watch_pods();
  void watch_nodes();
  void watch_budgets();
  void watch_halt();
  void watch_policy();
  void trouble(const std::string& of, const kube::ApiFailure& failure);
  std::string scope() const { return options_.whole_cluster ? "" : options_.namespace_; }

  kube::Client& client_;
  const ProgramOptions& options_;
  ClusterStores& stores_;
  Controller& controller_;
  std::function<void(const std::string&)> log_;
  std::vector<std::unique_ptr<kube::Mirror>> mirrors_;
  kube::Mirror* injections_ = nullptr;
  std::vector<bool> listed_;
  bool halt_seen_ = false, policy_seen_ = false;
  std::optional<Error> useless_;
};

}  // namespace ordeal::controller

// Elector: one leader among the replicas of a program, by a Lease (coordination.k8s.io/v1). It leads only while its own
// clock says that it renewed within the lease: who cannot reach the server stops leading before another may begin.
// A holder's renewal is judged by how long ago this replica saw it change, never by the holder's wall clock.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/kube/client.h"

namespace ordeal::kube {

struct ElectorOptions {
  ObjectName lease;
  std::string identity;      // unique among the replicas: the pod's name and a random part
  Nanos lease_length = 15s;  // another takes over after that much silence
  Nanos renew_every = 5s;
  Nanos give_up = 10s;       // no renewal for this long: no longer the leader
};

class Elector {
 public:
  Elector(Client& client, ElectorOptions options, std::function<void(bool leads)> changed);
  ~Elector();
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;

  bool leads() const;
  std::string holder() const;  // as last seen; "" is nobody
  // Gives the lease back, so that another need not wait; `done` when the server has it or cannot be reached for 2 s.
  void release(std::function<void()> done);

  BootTime next_wake() const;
  void dispatch();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ordeal::kube

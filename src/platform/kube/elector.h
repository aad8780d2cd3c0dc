// Elector: one leader among the replicas of a program, by a Lease (coordination.k8s.io/v1). It leads only while its own
// clock says that it renewed within the lease: who cannot reach the server stops leading before another may begin.
// A holder's renewal is judged by how long ago this replica saw it change, never by the holder's wall clock. Its own is
// counted from when it was sent, not from when the answer came. Whoever deletes the Lease while somebody leads makes
// room for a second leader until the first renews.
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
  Nanos give_up = 10s;                       // no renewal for this long: no longer the leader; less than lease_length
  std::function<BootTime()> now = boot_now;  // for tests
};

class Elector {
 public:
  // Stands at the first dispatch(). The client outlives it. `changed` is called from inside the client's dispatch() or
  // this one's, and may destroy the elector.
  Elector(Client& client, ElectorOptions options, std::function<void(bool leads)> changed);
  ~Elector();
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;

  bool leads() const;
  std::string holder() const;  // as last seen; "" is nobody
  // Why the newest request failed; "" when it did not.
  const std::string& trouble() const;
  // Gives the lease back, so that another need not wait, and does not stand again. leads() is false from now on,
  // without a call of `changed`; `done` comes once, from inside a dispatch(): the server has it, or cannot be reached
  // for 2 s.
  void release(std::function<void()> done);

  BootTime next_wake() const;
  void dispatch();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ordeal::kube

// Outbox: requests to the API server that are sent until they are answered: a bounded number at once, the first that
// came first; what fails in passing is sent again after 0.1 s, doubling up to 5 s. So a request may be carried out
// twice: only those that say the same the second time are sent by it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "platform/kube/client.h"

namespace ordeal::session {

// Of a kube::Client, or of a test's. The answer never comes from inside the call.
using Send = std::function<void(kube::Request, kube::Client::Callback)>;
using Now = std::function<BootTime()>;

class Outbox {
 public:
  using Done = kube::Client::Callback;

  Outbox(Send send, Now now, size_t most_at_once);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // `done` with the answer, or with the failure that does not pass; from inside the server's answer.
  void add(kube::Request request, Done done);
  // Those that were never sent: their `done` will not come.
  size_t drop_unsent();
  // Nothing is sent again: what fails in passing has failed.
  void give_up() { patient_ = false; }
  bool empty() const { return waiting_.empty() && under_way_ == 0; }
  size_t under_way() const { return under_way_; }

  BootTime next_wake() const;
  void dispatch();

 private:
  struct Letter {
    kube::Request request;
    Done done;
    int failures = 0;
    BootTime due{};
  };
  void send(Letter letter);
  void answered(Letter letter, kube::Answer<json::Value> answer);

  Send send_;
  Now now_;
  size_t most_;
  std::deque<Letter> waiting_;
  size_t under_way_ = 0;
  bool patient_ = true;
  std::shared_ptr<Outbox*> self_;  // answers may come when it is gone
};

}  // namespace ordeal::session

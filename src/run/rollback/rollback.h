// Rollback: does the actions of an experiment's `rollback` in their order, each within its time limit; one that fails
// is told, and the next ones are done all the same. No shell. Kubernetes is spoken to through kubectl.
// The loop watches descriptor() and calls dispatch(); `done` comes from inside it and must not destroy the object.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/input/rollback.h"
#include "core/model/run/run_event.h"
#include "core/model/seams.h"

namespace ordeal::rollback {

struct ActionDone {
  events::Action action;
  bool last = false;
};

class Rollback : public Actuator {
 public:
  using Callback = std::function<void(ActionDone)>;

  // `only_outward`: no URL of this host or its link (net::HttpClient).
  static Result<std::unique_ptr<Rollback>> create(std::vector<RollbackAction> actions, std::string run_id,
                                                  Callback done, bool only_outward = false);
  ~Rollback() override;

  // Begins with the first action; asked again it does nothing. Programs find ORDEAL_RUN and ORDEAL_BREACH (the reason)
  // in their environment.
  void act(const std::string& why) override;
  int descriptor() const;
  void dispatch();

 private:
  struct Impl;
  explicit Rollback(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What plan and the record show of an action: what it does, and its argv, request or API calls.
json::Object describe(const RollbackAction& action);

// What a person should know of actions that can be sent.
struct Sendable {
  std::vector<std::string> notes;     // the revision that an undo goes back to
  std::vector<std::string> warnings;  // what would have no effect now
};
// Whether each action can be sent: the program is there, the server takes connections, kubectl finds the object and may
// patch it. Reads only; blocks up to some seconds. It is asked in a child without capabilities, since a run has none
// when it acts (fork: call it before the first thread is made). kRefused names the action and says what to do.
Result<Sendable> check(const std::vector<RollbackAction>& actions);

}  // namespace ordeal::rollback

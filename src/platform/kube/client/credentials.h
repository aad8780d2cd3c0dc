// Credentials: what a credential plugin has answered, kept until shortly before it expires, and asked for anew. Several
// requests that wait for it wait for one run of the plugin. Without a plugin it is always ready, and empty.
#pragma once

#include "platform/kube/access/exec_credential.h"
#include "platform/kube/api.h"
#include "platform/sys/process/child_runner.h"

namespace ordeal::kube {

class Credentials {
 public:
  // `access` outlives it.
  explicit Credentials(const Access& access) : access_(access) {}
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  Result<> begin();

  bool renewable() const { return runner_.has_value(); }
  // What there is is good for some time yet.
  bool ready() const;
  const Credential& current() const { return current_; }
  // Counts what the plugin has given, so that a request knows which one it was sent with.
  uint64_t generation() const { return generation_; }
  // The server has refused what had this number.
  void refused(uint64_t generation);

  // Starts the plugin unless it runs already.
  void ask();
  // Once for each run that has ended: a credential is there, or why there is none.
  std::optional<Answer<void>> take_outcome();
  bool has_outcome() const { return outcome_.has_value(); }

  // -1 without a plugin.
  int descriptor() const { return runner_ ? runner_->descriptor() : -1; }
  void dispatch();

 private:
  void ended(const sys::ChildResult& result);
  void take(Credential credential);
  void give_up(const std::string& why);

  const Access& access_;
  std::optional<sys::ChildRunner> runner_;
  Credential current_;
  BootTime stale_;  // it is asked for again from then on
  uint64_t generation_ = 0;
  bool asking_ = false;
  std::optional<Answer<void>> outcome_;
};

}  // namespace ordeal::kube

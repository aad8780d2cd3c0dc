// InjectionWriter: an agent's writes on one Injection: its status, and at the end the finaliser's removal. One request
// is under way at a time, and only the newest status is written. What fails because the server cannot be reached or
// refuses us is tried again, after 0.1 s, doubling up to 5 s; nothing waits for it. An Injection counts as gone only
// when the server says so of that very one. All callbacks come from inside the client's dispatch().
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "core/base/random.h"
#include "core/model/cluster/resources.h"
#include "platform/kube/client.h"

namespace ordeal::agent {

// Times what it may report within: nobody waits for the finaliser, unless the Injection is deleted.
constexpr int kReleaseWithinTimes = 4;

class InjectionWriter {
 public:
  struct Listener {
    // The newest status is written, or never can be: the Injection is gone, or the server refuses what it says.
    std::function<void()> written;
    std::function<void()> released;
    std::function<void(const std::string&)> trouble;  // each kind once
  };

  // The client outlives it. `name` and `uid` are the Injection's: one of that name with another uid is never touched.
  InjectionWriter(kube::Client& client, kube::ObjectName name, std::string uid, Listener listener);
  ~InjectionWriter();
  InjectionWriter(const InjectionWriter&) = delete;
  InjectionWriter& operator=(const InjectionWriter&) = delete;

  // `within`: any time from now until then.
  void write(const cluster::InjectionStatus& status, Nanos within = Nanos(0));
  // Once everything is written.
  void release(Nanos within = Nanos(0));
  // What waits for its time goes now.
  void hurry();

  BootTime next_wake() const;
  void dispatch();

 private:
  void send_status();
  void send_release();
  void look_for_finalizer();
  void look_whether_gone();
  void status_answered(const kube::Answer<json::Value>& answer, json::Value sent);
  void refused(const kube::ApiFailure& failure, const json::Value& sent);
  void seen(const kube::Answer<json::Value>& answer);
  void release_answered(const kube::Answer<json::Value>& answer);
  void finalizers_seen(const kube::Answer<json::Value>& answer);
  void send_removal(json::Array patch);
  void send(kube::Request request, void (InjectionWriter::*then)(const kube::Answer<json::Value>&));
  void later(const kube::ApiFailure& failure);
  void tell(const kube::ApiFailure& failure, const std::string& what);
  void wait_at_most(Nanos time);
  BootTime due() const { return std::max(again_at_, not_before_); }

  kube::Client& client_;
  kube::ObjectName name_;
  std::string uid_;
  Listener listener_;
  Random random_{Random::fresh_seed()};
  std::optional<json::Value> status_;  // to be written
  std::optional<kube::Ticket> under_way_;
  BootTime again_at_{};    // after a failure
  BootTime not_before_{};  // so that not all nodes write at once
  Nanos pause_{0};
  bool releasing_ = false;
  bool others_ = false;                    // the Injection has more finalisers than ours
  std::optional<kube::ApiFailure> doubt_;  // an answer after which it may be gone, or not
  bool shortened_ = false;                 // the last status has been refused as a whole
  bool gone_ = false;
  bool released_ = false;
  std::string told_;
};

}  // namespace ordeal::agent

#include "app/controller/writing/status_writer.h"

#include <algorithm>

namespace ordeal::controller {
namespace {

constexpr Nanos kStatusEvery = 1s;
constexpr Nanos kWriteAgainAfter = 200ms;
constexpr Nanos kAnswerWithin = 4s;  // less than a third of the lease: a lost answer costs one renewal, no run

json::Object operation(const char* op, const char* path, json::Value value) {
  return {{"op", op}, {"path", path}, {"value", std::move(value)}};
}

std::string text_at(const json::Value& object, const char* field) {
  const json::Value* status = object.is_object() ? object.get_object().if_contains("status") : nullptr;
  const json::Value* text = status && status->is_object() ? status->get_object().if_contains(field) : nullptr;
  return text && text->is_string() ? std::string(text->get_string()) : "";
}

}  // namespace

StatusWriter::StatusWriter(session::Send send, session::Now now, kube::ObjectName experiment, Handlers handlers)
    : send_(std::move(send)),
      now_(std::move(now)),
      experiment_(std::move(experiment)),
      handlers_(std::move(handlers)),
      self_(std::make_shared<StatusWriter*>(this)) {}

StatusWriter::~StatusWriter() = default;

void StatusWriter::want(const cluster::ExperimentStatus& status, bool urgent) {
  if (lost_) return;
  if (!wanted_ && !urgent && status == sent_ && written_at_ != BootTime()) return;
  wanted_ = status;
  urgent_ |= urgent;
}

BootTime StatusWriter::next_wake() const {
  if (lost_ || under_way_ || !wanted_) return BootTime::max();
  return urgent_ ? not_before_ : std::max(not_before_, written_at_ + kStatusEvery);
}

void StatusWriter::dispatch() {
  if (next_wake() > now_()) return;
  sent_ = *std::exchange(wanted_, std::nullopt);
  urgent_ = false;
  under_way_ = true;
  handlers_.sending(sent_);
  json::Value body = json::Array{operation("test", "/status/run", json::Value(sent_.run)),
                                 operation("test", "/status/holder", json::Value(sent_.holder)),
                                 operation("replace", "/status", to_json(sent_))};
  kube::ObjectName object{experiment_.namespace_, experiment_.name, "status"};
  kube::Request request = kube::patch(kube::kExperiments, object, kube::kJsonPatch, body);
  request.timeout = kAnswerWithin;
  std::weak_ptr<StatusWriter*> self = self_;
  send_(std::move(request), [self](const kube::Answer<json::Value>& answer) {
    if (auto writer = self.lock()) (*writer)->answered(answer);
  });
}

void StatusWriter::answered(const kube::Answer<json::Value>& answer) {
  using Kind = kube::ApiFailure::Kind;
  under_way_ = false;
  if (answer) {
    trouble_.clear();
    written_at_ = now_();
    return handlers_.written(sent_);
  }
  const kube::ApiFailure& failure = answer.error();
  trouble_ = failure.error("cannot write the status of " + experiment_.name).message();
  if (failure.kind == Kind::kNotFound) {
    lost_ = true;
    return handlers_.lost("");
  }
  // What is newer by now is sent instead.
  if (!wanted_) wanted_ = sent_;
  urgent_ = true;
  not_before_ = now_() + kWriteAgainAfter;
  if (failure.kind == Kind::kInvalid) ask_whose();
}

// A test that failed and a status that the server does not take look alike.
void StatusWriter::ask_whose() {
  under_way_ = true;
  std::weak_ptr<StatusWriter*> self = self_;
  send_(kube::get(kube::kExperiments, experiment_), [self](const kube::Answer<json::Value>& answer) {
    if (auto writer = self.lock()) (*writer)->told_whose(answer);
  });
}

void StatusWriter::told_whose(const kube::Answer<json::Value>& answer) {
  under_way_ = false;
  not_before_ = now_() + 5 * kWriteAgainAfter;
  bool gone = !answer && answer.error().kind == kube::ApiFailure::Kind::kNotFound;
  std::string holder = answer ? text_at(*answer, "holder") : "";
  bool other = answer && (holder != sent_.holder || text_at(*answer, "run") != sent_.run);
  if (!gone && !other) return;
  lost_ = true;
  handlers_.lost(gone ? "" : "the run is now hosted by " + holder);
}

}  // namespace ordeal::controller

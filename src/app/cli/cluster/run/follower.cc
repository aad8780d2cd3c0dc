#include "app/cli/cluster/run/follower.h"

#include <fmt/format.h>

#include "app/cli/cluster/objects.h"
#include "app/cli/cluster/records.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kRecordWithin = 5s;  // of the end; it is written before that, but another watch tells of it

bool is_complete(const cluster::ExperimentStatus& status) {
  const cluster::Condition* complete = cluster::find_condition(status.conditions, "Complete");
  return complete && complete->status == cluster::Truth::kTrue;
}

}  // namespace

Follower::Follower(kube::Client& client, std::string space, std::string experiment, FollowerHandlers handlers)
    : client_(client), space_(std::move(space)), name_(std::move(experiment)), handlers_(std::move(handlers)) {
  kube::MirrorHandlers on;
  on.put = [this](json::Value&& object) { take_experiment(object); };
  on.gone = [this](const json::Value&) { gone_ = true; };
  on.relist = [this] { listed_ = false; };
  on.synced = [this] { gone_ = !listed_; };
  on.trouble = [this](const kube::ApiFailure& failure) { complain("the Experiment", failure); };
  experiment_.emplace(client_, kube::MirrorOptions{kube::kExperiments, {space_, name_}}, std::move(on));
}

void Follower::take_experiment(const json::Value& object) {
  listed_ = true;
  auto status = cluster::experiment_status_from_json(field_at(object, "status"));
  if (!status) return handlers_.trouble("the Experiment's status cannot be read: " + status.error().message());
  status_ = std::move(*status);
  if (is_complete(status_) && !complete_) complete_ = boot_now();
  if (!status_.run.empty() && !record_parts_) follow_record();
}

void Follower::follow_record() {
  kube::MirrorHandlers on;
  on.put = [this](json::Value&& object) { take_part(object); };
  on.gone = [](const json::Value&) {};
  on.relist = [] {};
  on.synced = [] {};
  on.trouble = [this](const kube::ApiFailure& failure) { complain("the run's record", failure); };
  record_parts_.emplace(client_, kube::MirrorOptions{kube::kConfigMaps, {space_, ""}, record_labels(status_.run)},
                        std::move(on));
}

// A part may come before the one that it follows.
void Follower::take_part(const json::Value& object) {
  auto part = part_of(object);
  if (!part) return handlers_.trouble(part.error().message());
  parts_[part->index] = std::move(*part);
  std::vector<store::RecordPart> all;
  for (const auto& [index, one] : parts_)
    if (index == static_cast<int>(all.size())) all.push_back(one);
  auto read = store::read_cluster_record(std::move(all));
  if (!read) return;
  record_ = std::move(*read);
  for (const RunEvent& event : record_->events) {
    if (event.seq <= told_) continue;
    told_ = event.seq;
    handlers_.event(event);
  }
}

bool Follower::record_ended() const {
  return record_ && !record_->events.empty() && as<events::Ended>(record_->events.back());
}

bool Follower::finished() const {
  if (gone_) return true;
  if (!complete_) return false;
  return status_.run.empty() || record_ended() || boot_now() - *complete_ > kRecordWithin;
}

std::vector<kube::Mirror*> Follower::mirrors() {
  std::vector<kube::Mirror*> all{&*experiment_};
  if (record_parts_) all.push_back(&*record_parts_);
  return all;
}

void Follower::complain(const std::string& what, const kube::ApiFailure& failure) {
  handlers_.trouble(failure.error(fmt::format("cannot follow {}", what)).message() + "; trying again");
}

}  // namespace ordeal::cli

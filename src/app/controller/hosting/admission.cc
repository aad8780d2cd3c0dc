#include "app/controller/hosting/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/controller/hosting/verdicts.h"
#include "core/base/io/failpoint.h"
#include "core/json/hide.h"
#include "core/model/run/run_id.h"
#include "platform/kube/access/base64.h"
#include "run/session/tenant/rules.h"

namespace ordeal::controller {
namespace {

constexpr const char* kNotHere = "create it in a cluster whose installation allows it, or run it without that";

std::optional<kube::Resource> resource_of(const std::string& kind) {
  static const std::map<std::string, kube::Resource> kKinds{
      {"Deployment", kube::kDeployments}, {"StatefulSet", kube::kStatefulSets}, {"DaemonSet", kube::kDaemonSets},
      {"ReplicaSet", kube::kReplicaSets}, {"Rollout", kube::kRollouts},         {"Service", kube::kServices}};
  auto found = kKinds.find(kind);
  return found == kKinds.end() ? std::nullopt : std::optional(found->second);
}

// The value of a key of a Secret: base64 in `data`.
std::optional<std::string> value_of(const json::Value& secret, const std::string& key) {
  const json::Value* data = secret.is_object() ? secret.get_object().if_contains("data") : nullptr;
  const json::Value* text = data && data->is_object() ? data->get_object().if_contains(key) : nullptr;
  return text && text->is_string() ? kube::decode_base64(text->get_string()) : std::nullopt;
}

Error refused(std::string what, std::string hint = {}) {
  return {Errc::kRefused, std::move(what), 0, std::move(hint), nullptr};
}

Error no_policy() {
  return refused("there is no policy: nothing limits the blast radius",
                 "create the ConfigMap that the controller was told of (key config.yaml)");
}

}  // namespace

Admission::Admission(const Ports& ports, const ClusterStores& stores, Announcer& announcer,
                     cluster::ExperimentObject object, std::function<target::ClusterLoad()> load)
    : ports_(ports),
      stores_(stores),
      announcer_(announcer),
      object_(std::move(object)),
      load_(std::move(load)),
      outbox_(ports.send, ports.now, 10),
      self_(std::make_shared<Admission*>(this)) {}

Admission::~Admission() = default;

void Admission::dispatch() {
  if (!begun_ && stores_.complete()) {
    begun_ = true;
    begin();
  }
  outbox_.dispatch();
}

void Admission::begin() {
  if (std::string why = stores_.halted(); !why.empty())
    return refuse(refused(why, "`ordeal resume --cluster` releases it; then create the Experiment again"));
  if (!ports_.may_inject)
    return refuse(refused("this installation only plans and watches: attacks need a cluster's agents", kNotHere));
  auto read = session::read_cluster_experiment(object_, ports_.random() >> 11);
  if (!read) return refuse(read.error());
  experiment_ = std::move(*read);
  const auto& rollback = experiment_->experiment.rollback;
  if (rollback && !rollback->empty() && !ports_.rollback)
    return refuse(
        refused("rollback: this installation does not roll back (the chart's value rollback.enabled)", kNotHere));
  if (!stores_.policy()) return refuse(no_policy());
  auto home = session::check_home(experiment_->experiment, object_.namespace_, *stores_.policy(), ports_.policy_origin);
  if (!home) return refuse(home.error());
  ask_all();
}

void Admission::ask_all() {
  ++open_questions_;
  ask_workload();
  ask_secrets();
  ask_rollback();
  answered();
}

void Admission::answered() {
  if (--open_questions_ > 0) return;
  if (refusal_) return refuse(*refusal_);
  prepare();
}

void Admission::ask_workload() {
  const auto& workload = experiment_->experiment.target.workload;
  if (!workload) return;
  auto resource = resource_of(workload->kind);
  if (!resource) {
    refusal_ = Error{Errc::kInvalidInput, fmt::format("spec.target.workload: \"{}\" owns no pods", workload->kind), 0,
                     "", nullptr};
    return;
  }
  const std::string& namespace_ = experiment_->experiment.target.namespace_;
  ++open_questions_;
  kube::ObjectName name{namespace_.empty() ? object_.namespace_ : namespace_, workload->name};
  outbox_.add(kube::get(*resource, name), [this, kind = workload->kind](const kube::Answer<json::Value>& answer) {
    auto found = answer ? cluster::workload_from_json(kind, *answer)
                        : tl::unexpected(answer.error().error("spec.target.workload"));
    // A named target that is missing is a refusal, never a substitute.
    if (!found) refusal_ = refused(found.error().message(), found.error().advice());
    if (found) workloads_.push_back(std::move(*found));
    answered();
  });
}

// Read now, and never kept anywhere but in the connections of this run.
void Admission::ask_secrets() {
  for (const SecretKey& key : session::secrets_of(experiment_->experiment)) {
    ++open_questions_;
    kube::Request request = kube::get(kube::kSecrets, {object_.namespace_, key.name});
    outbox_.add(std::move(request), [this, key](const kube::Answer<json::Value>& answer) {
      const std::string& prometheus = experiment_->experiment.sources.prometheus;
      auto home = answer ? session::check_secret_home(key.name, *answer, prometheus) : Result<>();
      auto value = answer && home ? value_of(*answer, key.key) : std::nullopt;
      if (!home) {
        refusal_ = wrap(home.error(), "spec.sources.access").value();
      } else if (value) {
        secrets_[session::to_text(key)] = std::move(*value);
      } else {
        std::string why =
            answer ? fmt::format("it has no key {}", key.key) : answer.error().error("it cannot be read").message();
        refusal_ =
            refused(fmt::format("spec.sources.access: Secret {}: {}", key.name, why),
                    "create it in the Experiment's namespace; the chart's value prometheus.secrets lists those that "
                    "may be read");
      }
      answered();
    });
  }
}

void Admission::ask_rollback() {
  const auto& rollback = experiment_->experiment.rollback;
  if (!rollback) return;
  for (session::RollbackQuestion& question : session::rollback_questions(*rollback)) {
    ++open_questions_;
    kube::Request request = question.request;
    outbox_.add(std::move(request), [this, question](const kube::Answer<json::Value>& answer) {
      if (auto sendable = session::judge_answer(question, answer); !sendable) refusal_ = sendable.error();
      answered();
    });
  }
}

void Admission::prepare() {
  if (!stores_.policy()) return refuse(no_policy());
  session::ClusterInputs inputs{object_.namespace_, ports_.namespace_,    stores_.view(workloads_),
                                *stores_.policy(),  ports_.policy_origin, load_()};
  auto prepared = session::prepare_cluster(std::move(*experiment_), inputs);
  if (!prepared) return refuse(prepared.error());
  watch::SourceLogin login = session::login_of(prepared->experiment, secrets_);
  secrets_.clear();
  admitted_ = Admitted{std::move(*prepared), std::move(login), {}};
  std::weak_ptr<Admission*> self = self_;
  ports_.check_source(admitted_->prepared.experiment, admitted_->login, [self](const auto& check) {
    if (auto admission = self.lock()) (*admission)->checked(check);
  });
}

void Admission::checked(const Result<session::SourceCheck>& check) {
  if (!check) return refuse(check.error());
  auto usable = session::take_source_check(admitted_->prepared, check->fastest, check->slowest, check->warning);
  if (!usable) return refuse(usable.error());
  // It may have been engaged while the sources were asked.
  if (std::string why = stores_.halted(); !why.empty()) return refuse(refused(why));
  cluster::ExperimentStatus status = fresh_status();
  status.run = make_run_id(ports_.wall(), ports_.random());
  status.phase = to_text(Phase::kCheck);
  status.started = rfc3339(ports_.wall());
  status.candidates = admitted_->prepared.choice.candidates;
  status.victims = static_cast<int64_t>(admitted_->prepared.victims.size());
  status.renewal.count = 1;
  std::string message = fmt::format("{} of {} candidates are the victims", status.victims, status.candidates);
  put_beginning(status, message, ports_.wall());
  failpoint("controller.before_admitted");
  write(std::move(status), State::kAdmitted);
}

void Admission::refuse(const Error& error) {
  if (state_ != State::kWorking || then_ != State::kWorking) return;
  Ending ending;
  ending.verdict = refusal_verdict(error);
  ending.admitted = false;
  cluster::ExperimentStatus status = fresh_status();
  put_ending(status, ending, ports_.wall());
  admitted_.reset();
  write(std::move(status), State::kRefused);
}

cluster::ExperimentStatus Admission::fresh_status() const {
  cluster::ExperimentStatus status;
  status.observed_generation = object_.generation;
  status.holder = ports_.identity;
  return status;
}

// Holds the version that was judged, so that of two controllers, or of a controller and a person, one is late.
void Admission::write(cluster::ExperimentStatus status, State then) {
  writing_ = std::move(status);
  then_ = then;
  json::Value body =
      json::Object{{"metadata", json::Object{{"resourceVersion", object_.version}, {"uid", object_.uid}}},
                   {"status", to_json(writing_)}};
  kube::ObjectName object{object_.namespace_, object_.name, "status"};
  outbox_.add(kube::patch(kube::kExperiments, object, kube::kMergePatch, body),
              [this](const kube::Answer<json::Value>& answer) { written(answer); });
}

void Admission::written(const kube::Answer<json::Value>& answer) {
  using Kind = kube::ApiFailure::Kind;
  if (answer) return settle();
  // A first answer may have been lost: then it was we who made the newer version.
  if (answer.error().kind == Kind::kConflict) return ask_whose();
  if (answer.error().kind != Kind::kNotFound)
    ports_.log(answer.error().error(fmt::format("cannot write the status of {}", object_.name)).message());
  state_ = State::kAgain;
}

// What is told is what is written: nobody hears of it again and again while the write fails.
void Admission::settle() {
  state_ = then_;
  if (admitted_) admitted_->status = writing_;
  if (state_ == State::kRefused) announcer_.tell(object_, true, "Refused", writing_.reason);
}

void Admission::ask_whose() {
  outbox_.add(kube::get(kube::kExperiments, {object_.namespace_, object_.name}),
              [this](kube::Answer<json::Value> answer) {
                auto object = answer ? cluster::experiment_object_from_json(std::move(*answer))
                                     : tl::unexpected(answer.error().error("Experiment"));
                bool ours = object && object->uid == object_.uid && object->status.run == writing_.run &&
                            object->status.holder == writing_.holder && object->status.verdict == writing_.verdict;
                if (ours) return settle();
                state_ = State::kAgain;
              });
}

}  // namespace ordeal::controller

#include "app/controller/drain.h"

#include <fmt/format.h>

#include <map>
#include <thread>

#include "app/controller/seeing/access.h"
#include "core/base/text/text.h"
#include "core/model/cluster/names.h"
#include "core/model/cluster/resources.h"
#include "run/session/cluster/injections.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kDrainEvery = 500ms;
constexpr Nanos kDrainMargin = 5s;
constexpr const char* kDrainManager = "ordeal-drain";
constexpr const char* kReason = "Ordeal is being uninstalled";
constexpr const char* kDrainBy = "ordeal drain";

// With a version: only in the place of that very one.
json::Value halt_object(bool engaged, const std::string& version = {}) {
  json::Object metadata{{"name", cluster::kHaltName}};
  if (!version.empty()) metadata["resourceVersion"] = version;
  return json::Object{{"apiVersion", cluster::kApiVersion},
                      {"kind", "Halt"},
                      {"metadata", std::move(metadata)},
                      {"spec", json::Object{{"engaged", engaged}, {"reason", kReason}, {"by", kDrainBy}}}};
}

std::string place_of(const cluster::Injection& injection) {
  return fmt::format("{}/{} on {}", injection.namespace_, injection.name, injection.spec.node);
}

Error cannot_be_read(const std::string& why) {
  return {Errc::kRevertFailed, "an Injection cannot be read, so nobody knows whether it is reverted: " + why, 0,
          "look at its node (`ordeal verify-clean`), delete it and its Experiment, then try again", nullptr};
}

std::string why_failed(const cluster::InjectionStatus& status) {
  for (const cluster::ImpactStatus& impact : status.impacts)
    if (!impact.clean && !impact.error.empty()) return impact.error;
  return "its agent does not say why";
}

// Whoever has to mend it needs Ordeal's programs on the node.
Error left_behind(const cluster::Injection& injection) {
  return {Errc::kRevertFailed,
          fmt::format("{} could not be reverted: {}", place_of(injection), why_failed(injection.status)), 0,
          "mend it on the node (`ordeal revert`, `ordeal verify-clean`), delete its Experiment, then try again",
          nullptr};
}

class Drain {
 public:
  Drain(const DrainOptions& options, const DrainWorld& world)
      : options_(options), world_(world), until_(world.now() + options.within) {}

  Result<> run() {
    TRY_VOID(halt());
    TRY_VOID(wait_for_injections());
    if (!options_.deployment.empty()) {
      TRY_VOID(scale_down());
      TRY_VOID(wait_for_injections());
    }
    return release();
  }

 private:
  enum class Made { kNothing, kHalt, kEngaged };

  // What passes is asked again until the time is over.
  kube::Answer<json::Value> answer_to(const kube::Request& request) {
    while (true) {
      auto answer = world_.ask(request);
      if (answer || !answer.error().passes() || world_.now() > until_) return answer;
      world_.sleep(kDrainEvery);
    }
  }

  Result<json::Value> ask(const kube::Request& request, const std::string& what) {
    auto answer = answer_to(request);
    if (!answer) return tl::unexpected(answer.error().error(what));
    return std::move(*answer);
  }

  // What is written is what was read: a Halt that somebody engages in between is his, and is read again.
  Result<> halt() {
    while (true) {
      auto made = TRY(try_to_halt());
      if (!made) continue;
      made_ = *made;
      return {};
    }
  }

  // Nothing: it was changed meanwhile.
  Result<std::optional<Made>> try_to_halt() {
    // Whoever takes a Halt for missing that he cannot read would release somebody else's at the end.
    auto present = answer_to(kube::get(kube::kHalts, {"", cluster::kHaltName}));
    bool there = present.has_value();
    if (!there && present.error().kind != kube::ApiFailure::Kind::kNotFound)
      return tl::unexpected(present.error().error("cannot read whether the cluster is halted"));
    auto halt = there ? cluster::halt_from_json(&*present) : std::nullopt;
    if (halt && halt->engaged) {
      world_.say("the cluster is halted already");
      return halt->by == kDrainBy ? Made::kEngaged : Made::kNothing;  // by a drain that failed
    }
    auto engaged = answer_to(engaging(halt));
    if (!engaged && changed_meanwhile(engaged.error())) return std::nullopt;
    if (!engaged) return tl::unexpected(engaged.error().error("cannot halt the cluster"));
    world_.say("the cluster is halted: every run ends now");
    return there ? Made::kEngaged : Made::kHalt;
  }

  static kube::Request engaging(const std::optional<cluster::Halt>& released) {
    kube::ObjectName name{"", cluster::kHaltName};
    if (!released) return kube::create(kube::kHalts, {"", ""}, halt_object(true));
    return kube::apply(kube::kHalts, name, halt_object(true, released->version), kDrainManager, true);
  }

  bool changed_meanwhile(const kube::ApiFailure& failure) const {
    bool changed =
        failure.kind == kube::ApiFailure::Kind::kConflict || failure.kind == kube::ApiFailure::Kind::kAlreadyExists;
    return changed && world_.now() <= until_;
  }

  // A Halt that somebody else has engaged since is his.
  Result<> release() {
    while (made_ != Made::kNothing) {
      auto present = answer_to(kube::get(kube::kHalts, {"", cluster::kHaltName}));
      if (!present && present.error().kind == kube::ApiFailure::Kind::kNotFound) return {};
      if (!present) return tl::unexpected(present.error().error("cannot read the halt"));
      auto halt = cluster::halt_from_json(&*present);
      if (!halt->engaged) return {};
      if (halt->by != kDrainBy) {
        world_.say(fmt::format("the cluster stays halted: {} ({})", halt->reason, halt->by));
        return {};
      }
      auto released = answer_to(releasing(*halt));
      if (released) return {};
      if (!changed_meanwhile(released.error()))
        return tl::unexpected(released.error().error("cannot release the halt"));
    }
    return {};
  }

  kube::Request releasing(const cluster::Halt& halt) const {
    kube::ObjectName name{"", cluster::kHaltName};
    return made_ == Made::kHalt
               ? kube::remove(kube::kHalts, name, halt.uid, halt.version)
               : kube::apply(kube::kHalts, name, halt_object(false, halt.version), kDrainManager, true);
  }

  Result<std::vector<cluster::Injection>> injections() {
    auto items = world_.list(kube::kInjections, {});
    if (!items) {
      if (items.error().no_such_resource) return std::vector<cluster::Injection>();
      return tl::unexpected(items.error().error("cannot list Injections"));
    }
    std::vector<cluster::Injection> all;
    unreadable_.clear();
    for (const json::Value& item : *items) {
      std::string why;
      auto injection = cluster::injection_as_readable(item, why);
      if (!why.empty()) unreadable_ = injection ? place_of(*injection) + ": " + why : why;
      if (injection) all.push_back(std::move(*injection));
    }
    return all;
  }

  // An agent that is there takes its finaliser away. Where none is, the lease is over some time after it was seen
  // first.
  void finish_overdue(const std::vector<cluster::Injection>& held) {
    for (const cluster::Injection& injection : held) {
      BootTime seen = seen_.emplace(injection.uid, world_.now()).first->second;
      if (world_.now() - seen < injection.spec.lease + kDrainMargin) continue;
      auto taken = world_.ask(session::without_finalizer(injection));
      if (!taken && taken.error().kind != kube::ApiFailure::Kind::kNotFound) continue;
      world_.say(fmt::format("the agent of {} did not confirm that {}/{} is reverted; its lease is over",
                             injection.spec.node, injection.namespace_, injection.name));
    }
  }

  Result<> wait_for_injections() {
    size_t said = 0;
    while (true) {
      auto all = injections();
      std::vector<cluster::Injection> left = all ? held(*all) : std::vector<cluster::Injection>();
      if (all && left.empty()) return refuse_left_behind(*all);
      finish_overdue(left);
      if (left.size() != said) {
        said = left.size();
        world_.say(fmt::format("{} Injections are not reverted yet", said));
      }
      if (world_.now() > until_) return tl::unexpected(all ? hangs(left) : all.error());
      world_.sleep(kDrainEvery);
    }
  }

  // Those that their agents have not let go.
  static std::vector<cluster::Injection> held(const std::vector<cluster::Injection>& all) {
    std::vector<cluster::Injection> held;
    for (const cluster::Injection& injection : all)
      if (injection.has_finalizer) held.push_back(injection);
    return held;
  }

  Result<> refuse_left_behind(const std::vector<cluster::Injection>& all) const {
    if (!unreadable_.empty()) return tl::unexpected(cannot_be_read(unreadable_));
    for (const cluster::Injection& injection : all)
      if (session::revert_failed(injection.status)) return tl::unexpected(left_behind(injection));
    return {};
  }

  static Error hangs(const std::vector<cluster::Injection>& left) {
    std::vector<std::string> names;
    for (const cluster::Injection& injection : left)
      if (names.size() < 10) names.push_back(place_of(injection));
    return {Errc::kRevertFailed, fmt::format("{} Injections are not reverted: {}", left.size(), join(names, ", ")), 0,
            "look at the agents of these nodes, then try again", nullptr};
  }

  Result<> scale_down() {
    kube::ObjectName name{options_.namespace_, options_.deployment};
    json::Value body = json::Object{{"spec", json::Object{{"replicas", 0}}}};
    auto patched = ask(kube::patch(kube::kDeployments, name, kube::kMergePatch, body), "cannot end the controller");
    if (!patched) return tl::unexpected(patched.error());
    world_.say("the controller is being ended");
    while (replicas(TRY(ask(kube::get(kube::kDeployments, name), "cannot read the controller's Deployment"))) > 0) {
      if (world_.now() > until_)
        return fail(Errc::kRevertFailed, "the controller's pods do not end", "look at its Deployment, then try again");
      world_.sleep(kDrainEvery);
    }
    return {};
  }

  static int64_t replicas(const json::Value& deployment) {
    const json::Value* status = deployment.is_object() ? deployment.get_object().if_contains("status") : nullptr;
    const json::Value* number = status && status->is_object() ? status->get_object().if_contains("replicas") : nullptr;
    return number && number->is_number() ? number->to_number<int64_t>() : 0;
  }

  const DrainOptions& options_;
  const DrainWorld& world_;
  BootTime until_;
  Made made_ = Made::kNothing;
  std::string unreadable_;  // why an Injection of the last list was
  std::map<std::string, BootTime> seen_;
};

}  // namespace

Result<> drain(const DrainOptions& options, const DrainWorld& world) { return Drain(options, world).run(); }

Result<> run_drain(const DrainOptions& options, std::function<void(const std::string&)> say) {
  auto client = TRY(kube::Client::create(TRY(find_access(options.kubeconfig, options.context))));
  DrainWorld world;
  world.ask = [&](kube::Request request) { return kube::ask(*client, std::move(request)); };
  world.list = [&](const kube::Resource& resource, const kube::ObjectName& object) {
    return kube::ask_all(*client, resource, object);
  };
  world.now = boot_now;
  world.sleep = [](Nanos time) { std::this_thread::sleep_for(time); };
  world.say = std::move(say);
  return drain(options, world);
}

}  // namespace ordeal::controller

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

json::Value halt_object(bool engaged) {
  return json::Object{{"apiVersion", cluster::kApiVersion},
                      {"kind", "Halt"},
                      {"metadata", json::Object{{"name", cluster::kHaltName}}},
                      {"spec", json::Object{{"engaged", engaged}, {"reason", kReason}, {"by", "ordeal drain"}}}};
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

  Result<> halt() {
    // Whoever takes a Halt for missing that he cannot read would release somebody else's at the end.
    auto present = answer_to(kube::get(kube::kHalts, {"", cluster::kHaltName}));
    bool there = present.has_value();
    if (!there && present.error().kind != kube::ApiFailure::Kind::kNotFound)
      return tl::unexpected(present.error().error("cannot read whether the cluster is halted"));
    auto halt = there ? cluster::halt_from_json(&*present) : std::nullopt;
    if (halt && halt->engaged) {
      world_.say("the cluster is halted already");
      return {};
    }
    kube::Request request = kube::apply(kube::kHalts, {"", cluster::kHaltName}, halt_object(true), kDrainManager, true);
    TRY_VOID(ask(request, "cannot halt the cluster").map([](auto) {}));
    made_ = there ? Made::kEngaged : Made::kHalt;
    world_.say("the cluster is halted: every run ends now");
    return {};
  }

  Result<> release() {
    if (made_ == Made::kNothing) return {};
    kube::ObjectName name{"", cluster::kHaltName};
    kube::Request request = made_ == Made::kHalt
                                ? kube::remove(kube::kHalts, name)
                                : kube::apply(kube::kHalts, name, halt_object(false), kDrainManager, true);
    return ask(request, "cannot release the halt").map([](auto) {});
  }

  Result<std::vector<cluster::Injection>> held() {
    auto items = world_.list(kube::kInjections, {});
    if (!items) {
      if (items.error().no_such_resource) return std::vector<cluster::Injection>();
      return tl::unexpected(items.error().error("cannot list Injections"));
    }
    std::vector<cluster::Injection> held;
    for (const json::Value& item : *items)
      if (auto injection = cluster::injection_from_json(item); injection && injection->has_finalizer)
        held.push_back(std::move(*injection));
    return held;
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
      auto left = held();
      if (left && left->empty()) return {};
      if (left) finish_overdue(*left);
      if (left && left->size() != said) {
        said = left->size();
        world_.say(fmt::format("{} Injections are not reverted yet", said));
      }
      if (world_.now() > until_) return tl::unexpected(hangs(left));
      world_.sleep(kDrainEvery);
    }
  }

  static Error hangs(const Result<std::vector<cluster::Injection>>& left) {
    if (!left) return left.error();
    std::vector<std::string> names;
    for (const cluster::Injection& injection : *left)
      if (names.size() < 10)
        names.push_back(fmt::format("{}/{} on {}", injection.namespace_, injection.name, injection.spec.node));
    return {Errc::kRevertFailed, fmt::format("{} Injections are not reverted: {}", left->size(), join(names, ", ")), 0,
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

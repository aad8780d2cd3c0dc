// One run on 10 000 pods of 1 000 nodes, hosted by one controller in a world that answers at once: a create for each
// node and a handful of writes of the Experiment, whatever agents say is taken in, and what the controller does for a
// node does not grow with their number.
#include <gtest/gtest.h>
#include <malloc.h>
#include <time.h>

#include <map>

#include "app/controller/hosting/controller.h"
#include "core/model/cluster/names.h"
#include "simulated_api.h"

namespace ordeal {
namespace {

constexpr int kPodsPerNode = 10;
constexpr const char* kPath = "/apis/ordeal.dev/v1alpha1/namespaces/shop/experiments/many";

class NoWatcher : public Watcher {
 public:
  void look(size_t, BootTime) override {}
  int descriptor() const override { return -1; }
  void dispatch() override {}
};

class NoActuator : public Actuator {
 public:
  void act(const std::string&) override {}
};

Nanos used() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return seconds(spent.tv_sec) + Nanos(spent.tv_nsec);
}

class World {
 public:
  explicit World(int nodes) {
    fill(nodes);
    controller_ = std::make_unique<controller::Controller>(ports(), stores_);
    controller_->relist_experiments();
    controller_->experiments_synced();
    controller_->relist_injections();
    controller_->injections_synced();
    api_.listen([this](auto change, const std::string& plural, const json::Value& object) {
      heard_.push_back({change, plural, object});
    });
    controller_->lead(true);
    json::Value spec = json::parse(R"({"target": {"type": "kubernetes", "namespace": "shop", "labels": {"app": "api"}},
      "attack": {"type": "latency", "args": {"delay": "100ms", "port": 8000}}, "length": "10s", "baseline": "300ms"})")
                           .value();
    json::Value body = json::Object{{"apiVersion", cluster::kApiVersion},
                                    {"kind", "Experiment"},
                                    {"metadata", json::Object{{"name", "many"}, {"namespace", "shop"}}},
                                    {"spec", std::move(spec)}};
    (void)api_.handle(kube::create(kube::kExperiments, {"shop", "many"}, body));
  }

  // Until the run is over and its finalisers are gone; what the controller used for it.
  Nanos run() {
    Nanos controllers{0};
    for (BootTime end = now_ + 10min; now_ < end && !(over_ && finalizers_ == 0); now_ += 10ms) {
      Nanos before = used();
      for (const Heard& heard : std::exchange(heard_, {})) {
        Nanos begun = used();
        tell_agents(heard);
        before += used() - begun;  // theirs is not counted
        tell_controller(heard);
      }
      controller_->dispatch();
      controllers += used() - before;
      for (auto& [request, callback] : std::exchange(sent_, {})) {
        ++written_[request.method + " " + plural_of(request.path)];
        auto answer = api_.handle(request);
        before = used();
        callback(std::move(answer));
        controllers += used() - before;
      }
      for (const kube::Request& request : std::exchange(agents_, {})) (void)api_.handle(request);
    }
    return controllers;
  }

  cluster::ExperimentStatus status() const { return experiment().status; }
  std::map<std::string, int>& written() { return written_; }
  const controller::ClusterStores& stores() const { return stores_; }
  cluster::ExperimentObject experiment() const {
    return *cluster::experiment_object_from_json(json::Value(*api_.look(kPath)));
  }
  bool over() const { return over_ && finalizers_ == 0; }

 private:
  struct Heard {
    SimulatedApi::Change change;
    std::string plural;
    json::Value object;
  };

  void fill(int nodes) {
    for (int number = 0; number < nodes; ++number) {
      cluster::Node node;
      node.name = fmt::format("node-{}", number);
      node.uid = "uid-" + node.name;
      node.ready = true;
      stores_.nodes.put(node.name, node);
      for (int i = 0; i < kPodsPerNode; ++i) {
        cluster::Pod pod;
        pod.namespace_ = "shop";
        pod.name = fmt::format("api-{}-{}", number, i);
        pod.uid = "uid-" + pod.name;
        pod.labels = {{"app", "api"}};
        pod.node = node.name;
        pod.phase = "Running";
        pod.ready = true;
        pod.containers = {{"app", "c-" + pod.name, true, true}};
        stores_.put_pod(pod);
      }
    }
    stores_.nodes.synced();
    stores_.pods_synced();
    stores_.put_halt(nullptr);
    stores_.put_policy("blast_radius: {namespaces: [shop]}\n");
  }

  controller::Ports ports() {
    controller::Ports ports;
    ports.send = [this](kube::Request request, kube::Client::Callback callback) {
      sent_.emplace_back(std::move(request), std::move(callback));
    };
    ports.now = [this] { return now_; };
    ports.wall = [this] { return now_.time_since_epoch() + std::chrono::hours(500'000); };
    ports.identity = "one";
    ports.check_source = [](const Experiment&, const watch::SourceLogin&, auto checked) {
      checked(session::SourceCheck{});
    };
    ports.make_parts = [](const auto&, const auto&, const auto&, engine::Inbox&) {
      session::SessionParts parts;
      parts.watcher = std::make_unique<NoWatcher>();
      parts.actuator = std::make_unique<NoActuator>();
      parts.dispatch_actuator = [] {};
      return Result<session::SessionParts>(std::move(parts));
    };
    ports.random = [this] { return ++random_; };
    ports.log = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
    return ports;
  }

  static std::string plural_of(const std::string& path) {
    for (const char* plural : {"injections", "experiments", "configmaps", "events"})
      if (path.find(plural) != std::string::npos) return plural;
    return path;
  }

  void tell_controller(const Heard& heard) {
    bool put = heard.change == SimulatedApi::Change::kPut;
    if (heard.plural == "experiments" && put) controller_->put_experiment(json::Value(heard.object));
    if (heard.plural == "injections" && put) controller_->put_injection(json::Value(heard.object));
    if (heard.plural == "injections" && !put) controller_->remove_injection(heard.object);
  }

  // The agents of all nodes: they inject what they see, and revert once they see the stop.
  void tell_agents(const Heard& heard) {
    if (heard.plural == "experiments") {
      auto object = cluster::experiment_object_from_json(json::Value(heard.object));
      const auto* complete = cluster::find_condition(object->status.conditions, "Complete");
      over_ = complete && complete->status == cluster::Truth::kTrue;
      if (object->status.renewal.stop.empty() || std::exchange(stopped_, true)) return;
      for (const auto& [name, injection] : held_) write(injection, "reverted");
    }
    if (heard.plural != "injections") return;
    auto injection = cluster::injection_from_json(heard.object);
    ASSERT_TRUE(injection) << injection.error().message();
    if (injection->status.state.empty()) {
      ++finalizers_;
      held_[injection->name] = *injection;
      return write(*injection, "injected");
    }
    if (injection->status.state != "reverted") return;
    if (!injection->has_finalizer) {
      --finalizers_;
      return;
    }
    agents_.push_back(session::without_finalizer(*injection));
  }

  void write(const cluster::Injection& injection, const std::string& state) {
    cluster::InjectionStatus status;
    status.state = state;
    status.agent = injection.spec.node;
    for (const cluster::PlannedImpact& planned : injection.spec.impacts) {
      cluster::ImpactStatus impact;
      impact.id = planned.id;
      impact.state = state;
      if (state == "reverted") impact.proof = Proof{true, "simulated", "nothing was done", 1, 1, ""};
      status.impacts.push_back(std::move(impact));
    }
    json::Value body = json::Object{{"status", to_json(status)}};
    agents_.push_back(kube::patch(kube::kInjections, {"shop", injection.name, "status"}, kube::kMergePatch, body));
  }

  BootTime now_{1h};
  uint64_t random_ = uint64_t{1} << 40;
  controller::ClusterStores stores_{"ordeal", {}};
  SimulatedApi api_;
  std::vector<Heard> heard_;
  std::vector<std::pair<kube::Request, kube::Client::Callback>> sent_;
  std::vector<kube::Request> agents_;
  std::map<std::string, cluster::Injection> held_;
  std::map<std::string, int> written_;
  std::unique_ptr<controller::Controller> controller_;
  bool over_ = false, stopped_ = false;
  int finalizers_ = 0;
};

TEST(ManyNodes, OneCreateForEachAndWhatItCostsGrowsWithTheirNumberOnly) {
  World few(100), many(1000);
  Nanos small = few.run(), large = many.run();
  ASSERT_TRUE(few.over());
  ASSERT_TRUE(many.over());
  cluster::ExperimentStatus status = many.status();
  EXPECT_EQ(status.victims, 10'000);
  EXPECT_EQ(status.injected, 10'000);
  EXPECT_EQ(status.reverted, 10'000);
  EXPECT_EQ(status.verdict, "inconclusive") << status.reason;
  EXPECT_EQ(many.written()["POST injections"], 1000);
  EXPECT_EQ(many.written()["PATCH injections"], 0) << "agents do that";
  EXPECT_LE(many.written()["PATCH experiments"], 40);
  std::printf("100 nodes %.3f s, 1000 nodes %.3f s of CPU\n", to_seconds(small), to_seconds(large));
  EXPECT_LT(large, 25 * std::max<Nanos>(small, 10ms));
}

TEST(ManyNodes, SelectionOverTenThousandPodsTakesMilliseconds) {
  World many(1000);
  size_t before = ::mallinfo2().uordblks;
  Nanos began = used();
  session::ClusterInputs inputs{"shop", "ordeal", many.stores().view({}), *many.stores().policy(), "policy", {}};
  auto read = session::read_cluster_experiment(many.experiment(), 7);
  ASSERT_TRUE(read) << read.error().message();
  read->experiment.target.percentage = 50;
  auto prepared = session::prepare_cluster(std::move(*read), inputs);
  Nanos took = used() - began;
  ASSERT_TRUE(prepared) << prepared.error().message();
  EXPECT_EQ(prepared->victims.size(), 5000u);
  double mebibytes = static_cast<double>(::mallinfo2().uordblks - before) / (1 << 20);
  std::printf("selection: %.1f ms of CPU, %.1f MiB with the view\n", to_seconds(took) * 1000, mebibytes);
  EXPECT_LT(took, 1s);
}

}  // namespace
}  // namespace ordeal

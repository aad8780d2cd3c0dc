// Controllers, agents and an API server under many seeded schedules, in time of their own: answers get lost or come
// late, watches lag, agents die or are cut off, people halt and delete, a controller dies between any two of its
// writes, and one that was thought dead goes on beside its successor. Whatever happens: nothing is in force without a
// renewal that was confirmed within the lease, no Experiment is run twice, nothing is called held that was not in force
// for its length, and at the end all is reverted and no finaliser is left. A failure prints its seed.
#include <gtest/gtest.h>

#include <queue>
#include <set>

#include "app/controller/hosting/controller.h"
#include "core/model/cluster/names.h"
#include "simulated_api.h"

namespace ordeal {
namespace {

using controller::ClusterStores;
using controller::Controller;

constexpr Nanos kLength = 20s;
constexpr Nanos kLease = cluster::kClusterLease;
constexpr int kNodes = 4, kPodsPerNode = 2, kExperiments = 2;
constexpr Nanos kEnd = 16min;

// Things that happen at a moment, in their order.
class Clock {
 public:
  BootTime now = BootTime(1h);
  void at(BootTime time, std::function<void()> work) { queue_.push({std::max(time, now), ++order_, std::move(work)}); }
  void in(Nanos delay, std::function<void()> work) { at(now + delay, std::move(work)); }
  BootTime next() const { return queue_.empty() ? BootTime::max() : queue_.top().time; }
  void step() {
    auto work = queue_.top().work;
    queue_.pop();
    work();
  }

 private:
  struct Work {
    BootTime time;
    int64_t order;
    std::function<void()> work;
    bool operator<(const Work& other) const { return std::tie(time, order) > std::tie(other.time, other.order); }
  };
  std::priority_queue<Work> queue_;
  int64_t order_ = 0;
};

struct Schedule {
  double lose_request = 0, lose_answer = 0;
  Nanos slowest = 20ms;         // of an answer
  Nanos lag = 20ms;             // of a watch
  std::optional<Nanos> outage;  // of the API server for everybody
  Nanos outage_length{0};
  std::set<int> dead_nodes, cut_nodes, restarted_nodes;  // during the attack
  std::optional<Nanos> halt, deletes, breach;
  int controller_dies_at = 0;  // its n-th write; 0 is never
  bool zombie = false;         // it was only paused, and goes on beside the next one
  bool one_way = false;
  std::set<int> silent_nodes, dirty_nodes;  // cut off from the beginning; where nothing can be reverted
  std::optional<Nanos> strips;              // a person takes the finalisers away and deletes the Injections
  bool blind_successor = false;             // of what was there before it knows late
  int min_injected = 100;
  std::optional<Nanos> policy_changes;
  std::optional<std::string> new_policy;  // none: it is deleted
};

Schedule draw(Random& random) {
  auto chance = [&](double share) { return random.uniform() < share; };
  auto moment = [&] { return Nanos(random.below(40'000)) * 1'000'000; };
  Schedule schedule;
  if (chance(0.4)) schedule.lose_request = random.uniform() * 0.2;
  if (chance(0.4)) schedule.lose_answer = random.uniform() * 0.2;
  if (chance(0.3)) schedule.slowest = Nanos(random.below(2'000)) * 1'000'000 + 1ms;
  if (chance(0.3)) schedule.lag = Nanos(random.below(3'000)) * 1'000'000 + 1ms;
  if (chance(0.15)) schedule.outage = moment(), schedule.outage_length = Nanos(random.below(60'000)) * 1'000'000;
  for (int node = 0; node < kNodes; ++node) {
    if (chance(0.05)) schedule.dead_nodes.insert(node);
    if (chance(0.05)) schedule.cut_nodes.insert(node);
    if (chance(0.07)) schedule.restarted_nodes.insert(node);
  }
  if (chance(0.15)) schedule.halt = moment();
  if (chance(0.15)) schedule.deletes = moment();
  if (chance(0.15)) schedule.breach = moment();
  if (chance(0.3)) schedule.controller_dies_at = 1 + static_cast<int>(random.below(40));
  schedule.zombie = schedule.controller_dies_at > 0 && chance(0.4);
  schedule.one_way = chance(0.2);
  if (chance(0.1)) schedule.strips = moment();
  if (chance(0.1)) schedule.dirty_nodes.insert(static_cast<int>(random.below(kNodes)));
  if (chance(0.2)) schedule.min_injected = 50;
  schedule.blind_successor = chance(0.2);
  return schedule;
}

std::string pod_name(int node, int pod) { return fmt::format("api-{}-{}", node, pod); }
std::string node_name(int node) { return fmt::format("node-{}", node); }

class Simulation;

// The agent of one node, by the book (docs/adr/0011).
class Agent {
 public:
  Agent(Simulation& simulation, int node) : simulation_(simulation), node_(node) {}
  void hear(SimulatedApi::Change change, const std::string& plural, const json::Value& object);
  void die(bool comes_back);
  void cut() { cut_ = true; }
  bool in_force() const;

 private:
  friend class Simulation;
  struct Held {
    cluster::Injection object;
    int64_t confirmed = 0;
    BootTime lease_end{}, since{};
    bool answered = false, in_force = false, over = false;
    uint64_t life = 0;
  };
  using Key = std::string;
  void put(const cluster::Injection& injection);
  void read(const Key& key);
  void was_read(const Key& key, BootTime asked, const kube::Answer<json::Value>& answer);
  void judge(Held& held, const cluster::ExperimentObject& experiment);
  void answer(Held& held, BootTime asked);
  void inject(Held& held);
  void watch_lease(const Key& key);
  void end(Held& held, const std::string& why, const std::string& by);
  void write(const Held& held, const std::string& state, const std::string& each, const std::string& by);
  void send_status(const Key& key, const json::Value& body, bool last);
  void take_finalizer(const Key& key);

  Simulation& simulation_;
  int node_;
  bool dead_ = false, cut_ = false;
  uint64_t life_ = 0;
  std::map<Key, Held> all_;
};

class SimulatedWatcher : public Watcher {
 public:
  SimulatedWatcher(Simulation& simulation, engine::Inbox& inbox) : simulation_(simulation), inbox_(inbox) {}
  void look(size_t expectation, BootTime since) override;
  int descriptor() const override { return -1; }
  void dispatch() override {}

 private:
  Simulation& simulation_;
  engine::Inbox& inbox_;
};

class NoActuator : public Actuator {
 public:
  void act(const std::string&) override {}
};

// One controller with what it knows.
struct Hosting {
  Hosting(Simulation& simulation, const std::string& name);
  void hear(SimulatedApi::Change change, const std::string& plural, const json::Value& object);
  ClusterStores stores{"ordeal", {}};
  std::unique_ptr<Controller> controller;
  bool alive = true;
  BootTime fed{};  // the last event that was delivered
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed, std::optional<Schedule> given = std::nullopt)
      : random(seed), schedule(given ? *given : draw(random)) {
    api.listen(
        [this](auto change, const std::string& plural, const json::Value& object) { changed(change, plural, object); });
    for (int node = 0; node < kNodes; ++node) agents.push_back(std::make_unique<Agent>(*this, node));
    host("controller-a");
    for (int i = 0; i < kExperiments; ++i) clock.in(seconds(1 + i * 3), [this, i] { create_experiment(i); });
    plan();
  }

  void run() {
    while (clock.now < BootTime(1h) + kEnd) {
      BootTime next = std::min({clock.next(), next_wake(), BootTime(1h) + kEnd});
      clock.now = std::max(clock.now, next);
      if (clock.next() <= clock.now) clock.step();
      for (size_t i = 0; i < hosts.size(); ++i)
        if (hosts[i]->alive && hosts[i]->controller->next_wake() <= clock.now) hosts[i]->controller->dispatch();
      check_now();
    }
    check_at_the_end();
  }

  // Requests of a controller; its n-th write may be its last one.
  session::Send sender(Hosting* hosting) {
    return [this, hosting](kube::Request request, kube::Client::Callback callback) {
      bool writes = request.method != "GET" && request.path.find("/events") == std::string::npos;
      if (writes && hosts.front().get() == hosting && ++written == schedule.controller_dies_at)
        return end_first(random.below(2) == 0 ? std::optional(request) : std::nullopt);
      send(std::move(request), [alive = &hosting->alive, callback = std::move(callback)](auto answer) {
        if (*alive) callback(std::move(answer));
      });
    };
  }

  // Each may be lost on its way there or back, and both take their time.
  void send(kube::Request request, kube::Client::Callback callback) {
    bool out = random.uniform() < schedule.lose_request || down();
    Nanos there = Nanos(random.below(static_cast<uint64_t>(schedule.slowest.count())));
    if (out) {
      bool known = random.below(2) == 0;
      return clock.in(known ? there : request.timeout, [callback, known] {
        callback(failure(known ? SimulatedApi::Kind::kUnreachable : SimulatedApi::Kind::kTimeout));
      });
    }
    clock.in(there, [this, request, callback] {
      auto answer = api.handle(request);
      bool lost = random.uniform() < schedule.lose_answer;
      Nanos back = Nanos(random.below(static_cast<uint64_t>(schedule.slowest.count())));
      if (lost)
        clock.in(request.timeout, [callback] { callback(failure(SimulatedApi::Kind::kTimeout)); });
      else
        clock.in(back, [callback, answer] { callback(answer); });
    });
  }

  bool down() const {
    if (!schedule.outage) return false;
    BootTime from = BootTime(1h) + *schedule.outage;
    return clock.now >= from && clock.now < from + schedule.outage_length;
  }

  double seconds_in() const { return to_seconds(clock.now - BootTime(1h)); }
  bool breached() const { return schedule.breach && clock.now >= BootTime(1h) + *schedule.breach; }

  Clock clock;
  Random random;
  Schedule schedule;
  SimulatedApi api;
  std::vector<std::unique_ptr<Hosting>> hosts;
  std::vector<std::unique_ptr<Agent>> agents;
  std::map<std::string, std::map<int, std::pair<BootTime, BootTime>>> forces;  // by run and node: from, until
  int written = 0;
  std::map<std::string, int> outcomes;
  std::set<std::string> partly_hit;  // runs that said Reverted=False before they said Injected=True

 private:
  static kube::Answer<json::Value> failure(SimulatedApi::Kind kind) {
    kube::ApiFailure failure;
    failure.kind = kind;
    failure.message = "simulated";
    return tl::unexpected(std::move(failure));
  }

  BootTime next_wake() const {
    BootTime next = BootTime::max();
    for (const auto& host : hosts)
      if (host->alive) next = std::min(next, host->controller->next_wake());
    return next;
  }

  void plan() {
    BootTime begin = BootTime(1h);
    if (schedule.halt) clock.at(begin + *schedule.halt, [this] { halt(); });
    if (schedule.deletes) clock.at(begin + *schedule.deletes, [this] { delete_experiment(0); });
    auto some_time = [this] { return BootTime(1h) + Nanos(random.below(40'000)) * 1'000'000; };
    if (schedule.strips) clock.at(begin + *schedule.strips, [this] { strip(); });
    if (schedule.policy_changes)
      clock.at(begin + *schedule.policy_changes, [this] {
        for (auto& host : hosts) host->stores.put_policy(schedule.new_policy);
      });
    for (int node : schedule.silent_nodes) agents[node]->cut();
    for (int node : schedule.dead_nodes) clock.at(some_time(), [this, node] { agents[node]->die(false); });
    for (int node : schedule.restarted_nodes) clock.at(some_time(), [this, node] { agents[node]->die(true); });
    for (int node : schedule.cut_nodes) clock.at(some_time(), [this, node] { agents[node]->cut(); });
  }

  void host(const std::string& name) {
    hosts.push_back(std::make_unique<Hosting>(*this, name));
    Hosting& hosting = *hosts.back();
    for (const char* plural : {"experiments", "injections"}) {
      bool blind = hosts.size() > 1 && schedule.blind_successor && plural == std::string("injections");
      if (blind) clock.in(60s, [this, &hosting, plural] { show_all(hosting, plural); });
      if (!blind) show_all(hosting, plural);
    }
    hosting.controller->experiments_synced();
    hosting.controller->injections_synced();
    auto halts = api.all("halts");
    hosting.stores.put_halt(halts.empty() ? nullptr : &halts.front());
    hosting.controller->lead(true);
  }

  void show_all(Hosting& hosting, const std::string& plural) {
    for (const json::Value& object : api.all(plural)) hosting.hear(SimulatedApi::Change::kPut, plural, object);
  }

  // Another leads after the lease of the Lease. `last` may still have reached the server.
  void end_first(std::optional<kube::Request> last) {
    if (last) (void)api.handle(*last);
    Hosting& first = *hosts.front();
    first.alive = false;
    if (schedule.zombie) clock.in(16s, [&first] { first.alive = true; });
    if (schedule.zombie) clock.in(30s, [&first] { first.controller->lead(false), first.alive = false; });
    clock.in(15s, [this] { host("controller-b"); });
  }

  void changed(SimulatedApi::Change change, const std::string& plural, const json::Value& object) {
    check_change(change, plural, object);
    tell(change, object);
    for (auto& host : hosts)
      deliver(host->fed, [change, plural, object, host = host.get()] {
        // A paused one hears everything later, as from a new list.
        host->hear(change, plural, object);
      });
    for (auto& agent : agents)
      clock.in(Nanos(random.below(static_cast<uint64_t>(schedule.lag.count()))),
               [agent = agent.get(), change, plural, object] { agent->hear(change, plural, object); });
  }

  // ORDEAL_SIMULATION_LOG=1 tells the story of a seed, ORDEAL_SIMULATION_SEED plays that one alone.
  void tell(SimulatedApi::Change change, const json::Value& object) const {
    if (!std::getenv("ORDEAL_SIMULATION_LOG")) return;
    std::string text(object.at("metadata").at("name").as_string());
    const json::Value* status = object.as_object().if_contains("status");
    for (const char* field : {"run", "holder", "phase", "state", "verdict", "renewal", "reason", "haltedBy", "why"})
      if (const json::Value* value = status ? status->as_object().if_contains(field) : nullptr)
        text += fmt::format(" {}={}", field, json::write(*value));
    if (object.at("metadata").as_object().contains("finalizers")) text += " finalizer";
    if (object.at("metadata").as_object().contains("deletionTimestamp")) text += " deleting";
    std::printf("%8.3f %s %s\n", seconds_in(), change == SimulatedApi::Change::kPut ? "put" : "gone", text.c_str());
  }

  void deliver(BootTime& fed, std::function<void()> event) {
    Nanos lag = Nanos(random.below(static_cast<uint64_t>(schedule.lag.count())));
    fed = std::max(fed, clock.now + lag);
    clock.at(fed, std::move(event));
  }

  void create_experiment(int number) {
    json::Value body =
        json::Object{{"apiVersion", cluster::kApiVersion},
                     {"kind", "Experiment"},
                     {"metadata", json::Object{{"name", fmt::format("slow-{}", number)}, {"namespace", "shop"}}},
                     {"spec", json::parse(spec(number)).value()}};
    (void)api.handle(kube::create(kube::kExperiments, {"shop", ""}, body));
  }

  std::string spec(int number) const {
    const char* attack = schedule.one_way ? R"({"type":"process_kill","args":{"process":"api"}})"
                                          : R"({"type":"latency","args":{"delay":"100ms","port":8000}})";
    return fmt::format(
        R"({{"target":{{"type":"kubernetes","namespace":"shop","labels":{{"app":"api","half":"{}"}}}},
            "attack":{},"length":"{}s","min_injected":{},"baseline":"1s","recovery":"2s",
            "sources":{{"prometheus":"http://prometheus:9090"}},
            "expect":[{{"name":"errors","query":"errors","condition":"result < 0.01"}}]}})",
        number, attack, std::chrono::duration_cast<seconds>(kLength).count(), schedule.min_injected);
  }

  void delete_experiment(int number) {
    (void)api.handle(kube::remove(kube::kExperiments, {"shop", fmt::format("slow-{}", number)}));
  }

  void halt() {
    json::Value body = json::Object{{"apiVersion", cluster::kApiVersion},
                                    {"kind", "Halt"},
                                    {"metadata", json::Object{{"name", "global"}}},
                                    {"spec", json::Object{{"engaged", true}, {"reason", "enough"}, {"by", "anna"}}}};
    (void)api.handle(kube::apply(kube::kHalts, {"", "global"}, body, "person", true));
  }

  void strip() {
    json::Value body = json::Object{{"metadata", json::Object{{"finalizers", nullptr}}}};
    for (const json::Value& value : api.all("injections")) {
      kube::ObjectName name{"shop", std::string(value.at("metadata").at("name").as_string())};
      (void)api.handle(kube::patch(kube::kInjections, name, kube::kMergePatch, body));
      (void)api.handle(kube::remove(kube::kInjections, name));
    }
  }

  // What may never happen to an Experiment.
  void check_change(SimulatedApi::Change change, const std::string& plural, const json::Value& value) {
    if (plural == "injections") check_injection(value);
    if (plural != "experiments" || change == SimulatedApi::Change::kGone) return;
    auto object = cluster::experiment_object_from_json(json::Value(value));
    ASSERT_TRUE(object) << object.error().message();
    const cluster::ExperimentStatus& status = object->status;
    cluster::ExperimentStatus& before = seen_[object->uid];
    if (!before.run.empty()) {
      EXPECT_EQ(status.run, before.run) << "a second run of one Experiment";
    }
    if (!before.renewal.stop.empty()) {
      EXPECT_EQ(status.renewal.stop.empty(), false) << "a stop was taken back";
      EXPECT_EQ(status.renewal.count, before.renewal.count) << "a renewal after the stop";
    }
    EXPECT_GE(status.renewal.count, before.renewal.count);
    if (!before.verdict.empty()) {
      EXPECT_EQ(status.verdict, before.verdict) << "a verdict was changed";
    }
    check_reverted(status);
    if (status.verdict == "held") check_held(status);
    before = status;
  }

  // From the first victim that is hit until the end: not reverted, also where others are waited for.
  void check_reverted(const cluster::ExperimentStatus& status) {
    if (status.injected == 0 || !status.verdict.empty()) return;
    const auto* reverted = cluster::find_condition(status.conditions, "Reverted");
    ASSERT_TRUE(reverted);
    EXPECT_EQ(reverted->status, cluster::Truth::kFalse)
        << status.injected << " hit, and Reverted is " << reverted->reason;
    const auto* injected = cluster::find_condition(status.conditions, "Injected");
    if (injected && injected->status != cluster::Truth::kTrue) partly_hit.insert(status.run);
  }

  void check_injection(const json::Value& value) {
    auto injection = cluster::injection_from_json(value);
    ASSERT_TRUE(injection);
    InjectionSeen& seen = injections_[injection->name];
    seen.run = injection->spec.run;
    seen.reverted |= injection->status.state == "reverted";
    seen.failed |= session::revert_failed(injection->status);
  }

  // Held: every victim was hit for the whole length, and every agent has said that it is over, and well.
  void check_held(const cluster::ExperimentStatus& status) {
    const auto& nodes = forces[status.run];
    EXPECT_GE(nodes.size() * 100, static_cast<size_t>(kNodes * schedule.min_injected)) << "held, and few were hit";
    for (const auto& [name, seen] : injections_) {
      EXPECT_TRUE(seen.run != status.run || (seen.reverted && !seen.failed)) << "held, in spite of " << name;
    }
    if (schedule.one_way) return;
    for (const auto& [node, force] : nodes)
      EXPECT_GE(force.second - force.first, kLength - 3s) << "held, and node " << node << " was hit too short";
    EXPECT_FALSE(breached() && nodes.begin()->second.second > BootTime(1h) + *schedule.breach + 2s)
        << "held although a breach was seen";
  }

  // Without a renewal that was confirmed within the lease nothing is in force.
  void check_now() {
    for (const auto& agent : agents)
      for (const auto& [key, held] : agent->all_) {
        EXPECT_TRUE(!held.in_force || clock.now <= held.lease_end) << key << " outlived its lease";
      }
  }

  void check_at_the_end() {
    for (const auto& agent : agents) EXPECT_FALSE(agent->in_force()) << "an impact outlived everything";
    for (const json::Value& value : api.all("injections")) {
      auto injection = cluster::injection_from_json(value);
      ASSERT_TRUE(injection);
      EXPECT_FALSE(injection->has_finalizer) << injection->name << " keeps its finaliser";
      bool clean = injection->status.state == "reverted" && !session::revert_failed(injection->status);
      EXPECT_FALSE(clean) << injection->name << " is there for nobody";
    }
    bool failed = std::any_of(injections_.begin(), injections_.end(), [](auto& one) { return one.second.failed; });
    EXPECT_TRUE(!failed || schedule.deletes || !api.all("halts").empty()) << "a failed revert has engaged nothing";
    for (const json::Value& value : api.all("experiments")) {
      auto object = cluster::experiment_object_from_json(json::Value(value));
      const auto* complete = cluster::find_condition(object->status.conditions, "Complete");
      EXPECT_TRUE(complete && complete->status == cluster::Truth::kTrue) << object->name << " never ended";
      ++outcomes[object->status.verdict];
    }
  }

  struct InjectionSeen {
    std::string run;
    bool reverted = false, failed = false;
  };
  std::map<std::string, InjectionSeen> injections_;  // by name, as the server has had them
  std::map<std::string, cluster::ExperimentStatus> seen_;
};

void SimulatedWatcher::look(size_t expectation, BootTime) {
  double value = simulation_.breached() ? 0.5 : 0.001;
  Observation seen{Observation::Outcome::kValues, true, {{"", value}}, "", 1ms};
  BootTime now = simulation_.clock.now;
  seen.taken = DataTimes{now, now, now, now};
  inbox_.push_back(engine::Observed{expectation, seen});
}

Hosting::Hosting(Simulation& simulation, const std::string& name) {
  for (int node = 0; node < kNodes; ++node) {
    cluster::Node one;
    one.name = node_name(node);
    one.uid = "uid-" + one.name;
    one.ready = true;
    stores.nodes.put(one.name, one);
    for (int number = 0; number < kPodsPerNode; ++number) {
      cluster::Pod pod;
      pod.namespace_ = "shop";
      pod.name = pod_name(node, number);
      pod.uid = "uid-" + pod.name;
      pod.labels = {{"app", "api"}, {"half", std::to_string(number)}};
      pod.node = one.name;
      pod.phase = "Running";
      pod.ready = true;
      pod.containers = {{"app", "c-" + pod.name, true, true}};
      stores.put_pod(pod);
    }
  }
  stores.nodes.synced();
  stores.pods_synced();
  stores.put_policy("blast_radius: {namespaces: [shop]}\n");
  controller::Ports ports;
  ports.send = simulation.sender(this);
  ports.now = [&simulation] { return simulation.clock.now; };
  ports.wall = [&simulation] { return simulation.clock.now.time_since_epoch() + std::chrono::hours(500'000); };
  ports.identity = name;
  ports.check_source = [&simulation, this](const Experiment&, const watch::SourceLogin&, auto checked) {
    simulation.clock.in(50ms, [checked, this] {
      if (alive) checked(session::SourceCheck{});
    });
  };
  ports.make_parts = [&simulation](const auto&, const auto&, const auto&, engine::Inbox& inbox) {
    session::SessionParts parts;
    parts.watcher = std::make_unique<SimulatedWatcher>(simulation, inbox);
    parts.actuator = std::make_unique<NoActuator>();
    parts.dispatch_actuator = [] {};
    return Result<session::SessionParts>(std::move(parts));
  };
  ports.random = [&simulation] { return simulation.random.next(); };
  ports.log = [&simulation, name](const std::string& text) {
    if (std::getenv("ORDEAL_SIMULATION_LOG"))
      std::printf("%8.3f %s: %s\n", simulation.seconds_in(), name.c_str(), text.c_str());
  };
  controller = std::make_unique<Controller>(std::move(ports), stores);
}

void Hosting::hear(SimulatedApi::Change change, const std::string& plural, const json::Value& object) {
  bool put = change == SimulatedApi::Change::kPut;
  if (plural == "halts") stores.put_halt(put ? &object : nullptr);
  if (plural == "experiments" && put) controller->put_experiment(json::Value(object));
  if (plural == "experiments" && !put) controller->remove_experiment(object);
  if (plural == "injections" && put) controller->put_injection(json::Value(object));
  if (plural == "injections" && !put) controller->remove_injection(object);
}

// The agent

bool Agent::in_force() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one.second.in_force; });
}

void Agent::hear(SimulatedApi::Change change, const std::string& plural, const json::Value& object) {
  if (dead_ || cut_) return;
  bool gone = change == SimulatedApi::Change::kGone;
  if (plural == "injections") {
    auto injection = cluster::injection_from_json(object);
    ASSERT_TRUE(injection) << injection.error().message();
    if (injection->spec.node == node_name(node_) && !gone) put(*injection);
    auto found = all_.find(injection->name);
    if (gone && found != all_.end()) end(found->second, "its Injection is gone", "");
  }
  if (plural == "halts" && !gone) {
    for (auto& [key, held] : all_) end(held, "halted", "latch");
  }
  if (plural != "experiments") return;
  auto experiment = cluster::experiment_object_from_json(json::Value(object));
  for (auto& [key, held] : all_) {
    if (held.object.spec.experiment_uid != experiment->uid) continue;
    if (gone)
      end(held, "its Experiment is gone", "");
    else
      judge(held, *experiment);
  }
}

void Agent::put(const cluster::Injection& injection) {
  auto [place, fresh] = all_.try_emplace(injection.name);
  Held& held = place->second;
  if (!fresh) {
    if (injection.deleting) end(held, "its Injection is deleted", "");
    return;
  }
  held.object = injection;
  held.life = life_;
  held.over = injection.status.state == "reverted";
  if (held.over) return;
  read(injection.name);
}

void Agent::read(const Key& key) {
  uint64_t life = life_;
  BootTime asked = simulation_.clock.now;
  if (dead_ || cut_) return;
  const Held& held = all_.at(key);
  simulation_.send(kube::get(kube::kExperiments, {"shop", held.object.spec.experiment}),
                   [this, key, asked, life](const kube::Answer<json::Value>& answer) {
                     if (life == life_ && !dead_ && !cut_) was_read(key, asked, answer);
                   });
}

void Agent::was_read(const Key& key, BootTime asked, const kube::Answer<json::Value>& answer) {
  Held& held = all_.at(key);
  if (held.over) return;
  Nanos again = answer ? kLease / 3 : 500ms;
  uint64_t life = life_;
  simulation_.clock.at(asked + std::max<Nanos>(again, 1ms), [this, key, life] {
    if (life == life_ && !all_.at(key).over) read(key);
  });
  if (!answer) {
    if (answer.error().kind == SimulatedApi::Kind::kNotFound) end(held, "its Experiment is gone", "");
    return;
  }
  auto experiment = cluster::experiment_object_from_json(json::Value(*answer));
  if (experiment->uid != held.object.spec.experiment_uid) return end(held, "another Experiment", "");
  judge(held, *experiment);
  if (held.over) return;
  if (experiment->status.renewal.count > held.confirmed) {
    held.confirmed = experiment->status.renewal.count;
    held.lease_end = asked + kLease;
    watch_lease(key);
  }
  if (!held.answered) this->answer(held, asked);
  judge(held, *experiment);
}

void Agent::judge(Held& held, const cluster::ExperimentObject& experiment) {
  if (held.over) return;
  const cluster::Renewal& renewal = experiment.status.renewal;
  if (experiment.status.run != held.object.spec.run) return;
  if (experiment.deleting) return end(held, "its Experiment is deleted", "");
  if (!renewal.stop.empty()) return end(held, renewal.stop, "");
  if (renewal.go && held.object.spec.waits_for_go && held.answered && !held.in_force) inject(held);
}

void Agent::answer(Held& held, BootTime asked) {
  held.answered = true;
  held.lease_end = asked + kLease;
  watch_lease(held.object.name);
  if (held.object.spec.waits_for_go) return write(held, "checked", "checked", "");
  inject(held);
}

void Agent::inject(Held& held) {
  held.in_force = true;
  held.since = simulation_.clock.now;
  simulation_.forces[held.object.spec.run][node_] = {held.since, BootTime::max()};
  write(held, "injected", "injected", "");
}

void Agent::watch_lease(const Key& key) {
  uint64_t life = life_;
  simulation_.clock.at(all_.at(key).lease_end, [this, key, life] {
    Held& held = all_.at(key);
    if (life == life_ && !held.over && simulation_.clock.now >= held.lease_end) end(held, "no renewal", "lease");
  });
}

void Agent::end(Held& held, const std::string& why, const std::string& by) {
  if (held.over) return;
  held.over = true;
  if (std::exchange(held.in_force, false))
    simulation_.forces[held.object.spec.run][node_].second = simulation_.clock.now;
  held.object.status.why = why;
  if (!dead_ && !cut_) write(held, "reverted", "reverted", by);
}

// Its guard goes with it: what was in force is not. One that comes back knows nothing of what it held.
void Agent::die(bool comes_back) {
  ++life_;
  for (auto& [key, held] : all_) {
    held.over = true;
    if (std::exchange(held.in_force, false))
      simulation_.forces[held.object.spec.run][node_].second = simulation_.clock.now;
  }
  dead_ = true;
  if (!comes_back) return;
  simulation_.clock.in(2s, [this] {
    dead_ = false;
    for (const json::Value& value : simulation_.api.all("injections")) {
      auto injection = cluster::injection_from_json(value);
      if (injection->spec.node != node_name(node_)) continue;
      Held& held = all_[injection->name];
      held.object = *injection;
      held.over = true;
      if (!injection->has_finalizer) continue;
      if (injection->status.state == "reverted")
        take_finalizer(injection->name);
      else
        write(held, "reverted", "reverted", "error");
    }
  });
}

void Agent::write(const Held& held, const std::string& state, const std::string& each, const std::string& by) {
  cluster::InjectionStatus status;
  status.state = state;
  status.agent = node_name(node_);
  status.renewal = held.confirmed;
  status.halted_by = by;
  status.why = held.object.status.why;
  for (const cluster::PlannedImpact& planned : held.object.spec.impacts) {
    cluster::ImpactStatus impact;
    impact.id = planned.id;
    impact.state = each;
    impact.broken = by == "error";
    bool hit = held.since != BootTime();
    if (each == "reverted") {
      impact.clean = !hit || !simulation_.schedule.dirty_nodes.count(node_);
      if (!impact.clean) impact.error = "stuck";
      impact.in_force = hit ? simulation_.clock.now - held.since : Nanos(0);
      impact.proof = Proof{hit, "simulated", "nothing was done", 1, 1, ""};
    }
    status.impacts.push_back(std::move(impact));
  }
  send_status(held.object.name, json::Object{{"status", to_json(status)}}, state == "reverted");
}

void Agent::send_status(const Key& key, const json::Value& body, bool last) {
  uint64_t life = life_;
  if (dead_ || cut_) return;
  simulation_.send(kube::patch(kube::kInjections, {"shop", key, "status"}, kube::kMergePatch, body),
                   [this, key, body, last, life](const kube::Answer<json::Value>& answer) {
                     if (life != life_) return;
                     bool again = !answer && answer.error().kind != SimulatedApi::Kind::kNotFound;
                     bool stale = !last && all_.at(key).over;  // the last word is on its way
                     if (again && !stale)
                       return simulation_.clock.in(300ms, [this, key, body, last] { send_status(key, body, last); });
                     if (last) take_finalizer(key);
                   });
}

void Agent::take_finalizer(const Key& key) {
  if (dead_ || cut_) return;
  json::Value body = json::Object{{"metadata", json::Object{{"finalizers", nullptr}}}};
  simulation_.send(kube::patch(kube::kInjections, {"shop", key}, kube::kMergePatch, body),
                   [this, key](const kube::Answer<json::Value>& answer) {
                     if (!answer && answer.error().kind != SimulatedApi::Kind::kNotFound)
                       simulation_.clock.in(300ms, [this, key] { take_finalizer(key); });
                   });
}

std::map<std::string, int> play(uint64_t seed, std::optional<Schedule> schedule = std::nullopt) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Simulation simulation(seed, std::move(schedule));
  simulation.run();
  return simulation.outcomes;
}

TEST(ControllerSimulation, WithoutTroubleEveryRunHolds) {
  EXPECT_EQ(play(1, Schedule()), (std::map<std::string, int>{{"held", kExperiments}}));
}

TEST(ControllerSimulation, WhoWasGivenUpMustConfirmAllTheSame) {
  Schedule schedule;
  schedule.silent_nodes = {0};
  schedule.min_injected = 50;
  EXPECT_EQ(play(1, schedule), (std::map<std::string, int>{{"revert_failed", kExperiments}}));
}

TEST(ControllerSimulation, TheFirstVictimIsSaidToBeHitWhileAnotherIsWaitedFor) {
  Schedule schedule;
  schedule.silent_nodes = {0};
  Simulation simulation(1, schedule);
  simulation.run();
  EXPECT_EQ(simulation.partly_hit.size(), kExperiments);
}

TEST(ControllerSimulation, AFailedRevertHaltsTheClusterWhoeverIsSilent) {
  for (bool silent : {false, true})
    for (bool taken_over : {false, true}) {
      Schedule schedule;
      schedule.dirty_nodes = {1};
      if (silent) schedule.silent_nodes = {0};
      if (taken_over) schedule.controller_dies_at = 12;
      schedule.min_injected = 50;
      auto outcomes = play(1, schedule);
      EXPECT_GT(outcomes["revert_failed"], 0) << silent << taken_over;
    }
}

TEST(ControllerSimulation, WhoseFinaliserIsStrippedHasNotConfirmed) {
  Schedule schedule;
  schedule.strips = 10s;
  auto outcomes = play(1, schedule);
  EXPECT_EQ(outcomes, (std::map<std::string, int>{{"revert_failed", kExperiments}}));
}

TEST(ControllerSimulation, WhoTakesOverAsksWhatTheLastOneMade) {
  Schedule schedule;
  schedule.silent_nodes = {0};
  schedule.controller_dies_at = 12;
  schedule.blind_successor = true;
  auto outcomes = play(1, schedule);
  EXPECT_GT(outcomes["revert_failed"], 0) << "the silent node is named, though nothing was heard of it";
}

TEST(ControllerSimulation, TheRunsThatGoOnHeedTheNewPolicy) {
  const std::string shop = "blast_radius: {namespaces: [shop]}\n";
  const std::pair<std::optional<std::string>, const char*> cases[] = {{shop + "caps: {min_running: 2}\n", "held"},
                                                                      {shop + "caps: {min_running: 5}\n", "halted"},
                                                                      {"caps: [nonsense", "halted"},
                                                                      {std::nullopt, "halted"}};
  for (const auto& [policy, outcome] : cases) {
    Schedule schedule;
    schedule.policy_changes = 12s;
    schedule.new_policy = policy;
    EXPECT_EQ(play(1, schedule), (std::map<std::string, int>{{outcome, kExperiments}})) << policy.value_or("none");
  }
}

TEST(ControllerSimulation, WhateverHappensNothingStaysAndNothingIsHeldThatWasNot) {
  const char* only = std::getenv("ORDEAL_SIMULATION_SEED");
  uint64_t first = only ? std::stoull(only) : 1, seeds = only ? first : 400;
  std::map<std::string, int> all;
  for (uint64_t seed = first; seed <= seeds && !testing::Test::HasFailure(); ++seed)
    for (const auto& [outcome, count] : play(seed)) all[outcome] += count;
  std::string text;
  for (const auto& [outcome, count] : all) text += fmt::format(" {} {},", count, outcome);
  std::printf("runs:%s\n", text.c_str());
  EXPECT_GT(all["held"], 0);
  EXPECT_GT(all["halted"], 0);
  EXPECT_GT(all["deviated"], 0);
}

// Between every two writes of a run without trouble, before and after the write has reached the server.
TEST(ControllerSimulation, AControllerMayDieBetweenAnyTwoWrites) {
  const char* only = std::getenv("ORDEAL_SIMULATION_SEED");
  int first = only ? std::stoi(only) : 1, last = only ? first : 60;
  for (int write = first; write <= last && !testing::Test::HasFailure(); ++write)
    for (uint64_t seed : {1, 2}) {
      Schedule schedule;
      schedule.controller_dies_at = write;
      SCOPED_TRACE(fmt::format("write {}", write));
      play(seed, schedule);
    }
}

}  // namespace
}  // namespace ordeal

// The agents of all nodes of a test cluster, in one process: they answer Injections as docs/adr/0011 says, and do
// nothing to anybody. What they say to be in force is printed, a line each time: "NODE in force RUN AT N" and "NODE
// over RUN AT WHY" (AT: CLOCK_BOOTTIME in ns). They share their watches; each reads and writes for itself.
//
//   agents --kubeconfig FILE [--delay MS] [--silent NODE,…] [--refuse NODE,…] [--deaf NODE,…] [--dirty NODE,…]
//
// --silent never answers; --refuse fails each impact; --deaf answers, and then hears and reads nothing any more, as a
// node that is cut off; --dirty can revert nothing. SIGUSR1: all other agents begin anew and know nothing of what they
// held.
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "app/agent/injection_writer.h"
#include "core/base/io/unique_fd.h"
#include "core/base/io/wait.h"
#include "core/base/text/text.h"
#include "core/model/cluster/resources.h"
#include "platform/kube/mirror.h"

namespace ordeal {
namespace {

struct Options {
  std::string kubeconfig;
  Nanos delay{0};
  std::set<std::string> silent, refuse, deaf, dirty;
};

// What one Injection is to its agent.
struct Held {
  cluster::Injection object;
  int64_t confirmed = 0;
  BootTime due{};  // when it is answered
  BootTime lease_end{}, read_at{};
  BootTime since{};  // in force
  bool answered = false, in_force = false, reading = false, over = false;
  std::unique_ptr<agent::InjectionWriter> writer;  // the agents' own, with its patience
};

class Agents {
 public:
  Agents(kube::Client& client, Options options) : client_(client), options_(std::move(options)) {
    kube::MirrorHandlers injections;
    injections.put = [this](const json::Value& object) { put(object); };
    injections.gone = [this](const json::Value& object) { gone(object); };
    injections.relist = [] {};
    injections.synced = [] {};
    injections.trouble = [](const kube::ApiFailure& failure) { complain(failure); };
    injections_ = std::make_unique<kube::Mirror>(client_, kube::MirrorOptions{kube::kInjections}, injections);
    watch_experiments();
    kube::MirrorHandlers halts;
    halts.put = [this](const json::Value& object) { see_halt(cluster::halt_from_json(&object)); };
    halts.gone = [this](const json::Value&) { see_halt(std::nullopt); };
    halts.relist = [this] { halt_seen_ = false; };
    halts.synced = [this] {
      if (!halt_seen_) see_halt(std::nullopt);
    };
    halts.trouble = [](const kube::ApiFailure& failure) { complain(failure); };
    halts_ = std::make_unique<kube::Mirror>(client_, kube::MirrorOptions{kube::kHalts}, halts);
  }

  void begin_anew() {
    for (auto& [key, held] : all_) {
      if (held.over || !hears(held)) continue;
      if (held.in_force) print(held, "over", "the agent was killed");
      held.in_force = held.answered = false;
      held.over = true;
      held.object.status.why = "the agent was killed";
      write_reverted(held, "error");
    }
  }

  BootTime next_wake() const {
    BootTime next = std::min({client_.next_wake(), injections_->next_wake(), halts_->next_wake()});
    if (!experiments_) next = std::min(next, watch_again_);
    for (const auto& [key, held] : all_) {
      next = std::min(next, held.writer->next_wake());
      if (held.over) continue;
      if (!held.answered) next = std::min(next, held.due);
      if (held.answered) next = std::min({next, held.lease_end, held.read_at + held.object.spec.lease / 3});
    }
    return next;
  }

  void dispatch() {
    client_.dispatch();
    injections_->dispatch();
    if (!experiments_ && boot_now() >= watch_again_) watch_experiments();
    halts_->dispatch();
    BootTime now = boot_now();
    for (auto& [key, held] : all_) {
      held.writer->dispatch();
      if (held.over || options_.silent.count(held.object.spec.node)) continue;
      if (!held.answered && now >= held.due) begin(held);
      if (!held.answered) continue;
      if (now >= held.lease_end) end(held, "its lease is over", "lease");
      if (!held.over && hears(held) && now - held.read_at >= held.object.spec.lease / 3) read(held);
    }
  }

 private:
  static void complain(const kube::ApiFailure& failure) {
    std::fprintf(stderr, "agents: %s\n", failure.error("watching").message().c_str());
  }
  static std::string key_of(const cluster::Injection& injection) { return injection.namespace_ + "/" + injection.name; }

  // Agents may not list them: what is missed in between they read.
  void watch_experiments() {
    watch_again_ = boot_now() + 1s;
    experiments_ = client_.watch(
        {kube::kExperiments},
        [this](kube::WatchEvent&& event) {
          if (event.kind == kube::WatchEvent::Kind::kBookmark) return;
          if (event.kind == kube::WatchEvent::Kind::kDeleted) return experiment_gone(event.object);
          experiment(std::move(event.object));
        },
        [this](const std::optional<kube::ApiFailure>& failure) {
          experiments_.reset();
          if (failure) complain(*failure);
        });
  }

  void print(const Held& held, const char* what, const std::string& more) {
    const cluster::InjectionSpec& spec = held.object.spec;
    auto at = static_cast<long long>(boot_now().time_since_epoch().count());
    std::printf("%s %s %s %lld %s\n", spec.node.c_str(), what, spec.run.c_str(), at, more.c_str());
    std::fflush(stdout);
  }

  void see_halt(const std::optional<cluster::Halt>& halt) {
    halt_seen_ = true;
    halted_ = halt && halt->engaged;
    if (!halted_) return;
    for (auto& [key, held] : all_)
      if (hears(held)) end(held, "the cluster's halt is engaged: " + halt->reason, "latch");
  }

  bool hears(const Held& held) const {
    const std::string& node = held.object.spec.node;
    return !options_.deaf.count(node) && !options_.silent.count(node);
  }

  void put(const json::Value& object) {
    auto injection = cluster::injection_from_json(object);
    if (!injection) return complain_of(injection.error().message());
    auto [place, fresh] = all_.try_emplace(key_of(*injection));
    Held& held = place->second;
    if (!fresh) {
      if (!injection->deleting || !hears(held)) return;
      held.writer->hurry();
      if (!held.over) end(held, "its Injection is deleted", "");
      return;
    }
    held.object = std::move(*injection);
    agent::InjectionWriter::Listener listener;
    listener.written = [&held] {
      if (held.over) held.writer->release(agent::kReleaseWithinTimes * cluster::may_report_within(held.object.spec));
    };
    listener.released = [] {};
    listener.trouble = [](const std::string& trouble) { complain_of(trouble); };
    held.writer = std::make_unique<agent::InjectionWriter>(
        client_, kube::ObjectName{held.object.namespace_, held.object.name}, held.object.uid, std::move(listener));
    held.due = boot_now() + options_.delay;
    // Carried out once: what an earlier one has begun is only ended.
    if (held.object.status.state == "reverted")
      held.over = true;
    else if (!held.object.status.state.empty())
      write_reverted(held, "error");
  }

  static void complain_of(const std::string& trouble) { std::fprintf(stderr, "agents: %s\n", trouble.c_str()); }

  void gone(const json::Value& object) {
    auto injection = cluster::injection_from_json(object);
    if (injection) all_.erase(key_of(*injection));
  }

  template <typename Use>
  void each_of(const cluster::ExperimentObject& experiment, Use use) {
    for (auto& [key, held] : all_)
      if (!held.over && held.object.spec.experiment_uid == experiment.uid && hears(held)) use(held);
  }

  void experiment(json::Value&& object) {
    auto experiment = cluster::experiment_object_from_json(std::move(object));
    if (experiment) each_of(*experiment, [&](Held& held) { judge(held, *experiment); });
  }

  void experiment_gone(const json::Value& object) {
    auto experiment = cluster::experiment_object_from_json(json::Value(object));
    if (experiment) each_of(*experiment, [&](Held& held) { end(held, "its Experiment is gone", ""); });
  }

  // What a read says renews; an event of the watch only ends and lets go.
  void judge(Held& held, const cluster::ExperimentObject& experiment) {
    const cluster::Renewal& renewal = experiment.status.renewal;
    if (experiment.deleting || experiment.status.run != held.object.spec.run)
      return end(held, "its Experiment went", "");
    if (!renewal.stop.empty()) return end(held, renewal.stop, "");
    if (renewal.go && held.object.spec.waits_for_go && held.answered && !held.in_force) inject(held);
  }

  void read(Held& held) {
    if (std::exchange(held.reading, true)) return;
    const cluster::InjectionSpec& spec = held.object.spec;
    BootTime asked = boot_now();
    client_.send(kube::get(kube::kExperiments, {held.object.namespace_, spec.experiment}),
                 [this, asked, key = key_of(held.object)](kube::Answer<json::Value> answer) {
                   auto found = all_.find(key);
                   if (found != all_.end()) was_read(found->second, asked, std::move(answer));
                 });
  }

  void was_read(Held& held, BootTime asked, kube::Answer<json::Value> answer) {
    held.reading = false;
    held.read_at = asked;
    if (held.over) return;
    if (!answer && answer.error().kind == kube::ApiFailure::Kind::kNotFound)
      return end(held, "its Experiment is gone", "");
    auto experiment = answer ? cluster::experiment_object_from_json(std::move(*answer))
                             : tl::unexpected(Error{Errc::kSystem, "no answer", 0, "", nullptr});
    if (!experiment) return;
    if (!held.answered && experiment->status.renewal.stop.empty() && !experiment->deleting) answer_now(held, asked);
    if (experiment->status.renewal.count > held.confirmed) {
      held.confirmed = experiment->status.renewal.count;
      held.lease_end = asked + held.object.spec.lease;
    }
    judge(held, *experiment);
  }

  // The first thing is to read the Experiment; the answer of that is what lets it begin.
  void begin(Held& held) {
    if (halted_) return end(held, "the cluster's halt is engaged", "latch");
    held.due = boot_now() + 500ms;
    read(held);
  }

  void answer_now(Held& held, BootTime asked) {
    held.answered = true;
    held.lease_end = asked + held.object.spec.lease;
    if (held.object.spec.waits_for_go) return write(held, "checked", "checked");
    inject(held);
  }

  void inject(Held& held) {
    bool refused = options_.refuse.count(held.object.spec.node) != 0;
    held.in_force = !refused;
    held.since = boot_now();
    if (held.in_force) print(held, "in force", fmt::format("{}", held.object.spec.impacts.size()));
    write(held, "injected", refused ? "failed" : "injected");
  }

  cluster::InjectionStatus status_of(const Held& held, const std::string& state, const std::string& each) const {
    cluster::InjectionStatus status;
    status.state = state;
    status.agent = "simulated/" + held.object.spec.node;
    status.renewal = held.confirmed;
    for (const cluster::PlannedImpact& planned : held.object.spec.impacts) {
      cluster::ImpactStatus impact;
      impact.id = planned.id;
      impact.state = each;
      if (each == "failed") {
        impact.error = "the node refuses it";
        impact.code = "not_injected";
      }
      if (each == "injected")
        impact.steps.push_back(
            {StepKind::kOwned, planned.victim.pod, "simulated", "nothing is to be undone", "none", {}, {}});
      status.impacts.push_back(std::move(impact));
    }
    return status;
  }

  void write(Held& held, const std::string& state, const std::string& each) {
    held.writer->write(status_of(held, state, each));
  }

  void end(Held& held, const std::string& why, const std::string& by) {
    if (held.over) return;
    held.over = true;
    if (held.in_force) print(held, "over", why);
    held.object.status.why = why;
    // A node that is cut off reverts, and nobody hears of it.
    if (!options_.deaf.count(held.object.spec.node)) write_reverted(held, by);
  }

  void write_reverted(Held& held, const std::string& by) {
    held.over = true;
    cluster::InjectionStatus status = status_of(held, "reverted", "reverted");
    status.halted_by = by;
    status.why = held.object.status.why;
    for (cluster::ImpactStatus& impact : status.impacts) {
      impact.in_force = held.since == BootTime() ? Nanos(0) : boot_now() - held.since;
      impact.took = 1ms;
      impact.why = status.why;
      impact.broken = by == "error";
      impact.clean = held.since == BootTime() || !options_.dirty.count(held.object.spec.node);
      impact.proof = Proof{held.since != BootTime(), "simulated", "nothing was done", 1, 1, ""};
    }
    held.writer->write(status, cluster::may_report_within(held.object.spec));
  }

  kube::Client& client_;
  Options options_;
  std::unique_ptr<kube::Mirror> injections_, halts_;
  std::optional<kube::Ticket> experiments_;
  BootTime watch_again_{};
  bool halt_seen_ = false, halted_ = false;
  std::map<std::string, Held> all_;
};

std::set<std::string> names_of(const std::string& text) {
  std::set<std::string> names;
  for (std::string_view name : split_words(text, ",")) names.emplace(name);
  return names;
}

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--kubeconfig") options.kubeconfig = value;
    if (flag == "--delay") options.delay = milliseconds(parse_number<int>(value).value_or(0));
    if (flag == "--silent") options.silent = names_of(value);
    if (flag == "--refuse") options.refuse = names_of(value);
    if (flag == "--deaf") options.deaf = names_of(value);
    if (flag == "--dirty") options.dirty = names_of(value);
  }
  return options;
}

int run(const Options& options) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  UniqueFd signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  auto access = kube::load_kubeconfig({options.kubeconfig, ""});
  auto client = access ? kube::Client::create(std::move(*access)) : tl::unexpected(access.error());
  if (!client) {
    std::fprintf(stderr, "agents: %s\n", client.error().message().c_str());
    return 2;
  }
  Agents agents(**client, options);
  while (true) {
    Nanos wait = std::clamp<Nanos>(agents.next_wake() - boot_now(), 10ms, 1s);
    wait_readable({(*client)->descriptor(), signals.get()}, wait);
    signalfd_siginfo information;
    if (::read(signals.get(), &information, sizeof information) > 0) agents.begin_anew();
    agents.dispatch();
  }
}

}  // namespace
}  // namespace ordeal

int main(int argc, char** argv) { return ordeal::run(ordeal::options_of(argc, argv)); }

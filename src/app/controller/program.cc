#include "app/controller/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "app/controller/health.h"
#include "app/controller/hosting/controller.h"
#include "app/controller/seeing/access.h"
#include "app/controller/seeing/watches.h"
#include "core/base/io/failpoint.h"
#include "core/base/io/output.h"
#include "core/base/io/wait.h"
#include "core/base/random.h"
#include "core/model/cluster/names.h"
#include "core/model/input/label_selector.h"
#include "platform/kube/elector.h"
#include "run/session/cluster/api_rollback.h"
#include "run/session/local/background.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kEndWithin = 15s;
constexpr Nanos kLongestTurn = 1s;
constexpr size_t kMostWork = 200'000;  // of one look: a millisecond or two, since all runs share a thread

void log_line(const std::string& text) { print_to_error("ordeal controller: {}\n", text); }

Result<Labels> labels_of(const std::string& selector) {
  LabelSelector parsed = TRY(parse_label_selector(selector));
  Labels labels;
  for (const LabelRequirement& one : parsed.all) {
    if (one.op != LabelRequirement::Op::kIn || one.values.size() != 1)
      return fail(Errc::kInvalidInput, fmt::format("--agents: expected NAME=VALUE,…, found \"{}\"", selector));
    labels[one.key] = one.values.front();
  }
  return labels;
}

// The calls that block, each on a thread of its own.
class SourceChecks {
 public:
  void add(const Experiment& experiment, const watch::SourceLogin& login, Ports::SourceChecked checked) {
    auto call = [experiment, login] { return session::check_source(experiment, login, true); };
    all_.push_back({std::make_unique<Call>(call), std::move(checked)});
  }
  bool any() const { return !all_.empty(); }
  void dispatch() {
    for (size_t i = 0; i < all_.size();) {
      if (!all_[i].call->returned()) {
        ++i;
        continue;
      }
      auto ended = std::move(all_[i]);
      all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
      ended.checked(ended.call->take());
    }
  }

 private:
  using Call = session::Background<Result<session::SourceCheck>>;
  struct Check {
    std::unique_ptr<Call> call;
    Ports::SourceChecked checked;
  };
  std::vector<Check> all_;
};

std::vector<std::string> troubles_of(watch::SourceWatcher& watcher) {
  std::vector<std::string> all;
  for (const auto& status : watcher.scrapes())
    if (!status.trouble.empty()) all.push_back(status.url + ": " + status.trouble);
  for (const std::string& loss : watcher.store().losses()) all.push_back("what is scraped: " + loss);
  return all;
}

Result<session::SessionParts> make_parts(const Ports& ports, const session::ClusterPrepared& prepared,
                                         const watch::SourceLogin& login, const std::string& run,
                                         engine::Inbox& inbox) {
  watch::WatchOptions options;
  options.offset = WallOffset::measure();
  options.login = login;
  options.only_outward = true;
  options.most_work = kMostWork;
  session::SessionParts parts;
  auto watcher = TRY(watch::SourceWatcher::create(prepared.experiment, options,
                                                  [&inbox](size_t index, const Observation& observation) {
                                                    inbox.push_back(engine::Observed{index, observation});
                                                  }));
  parts.troubles = [watcher = watcher.get()] { return troubles_of(*watcher); };
  parts.drop_page = [watcher = watcher.get()](const std::string& url) { watcher->drop_page(url); };
  parts.watcher = std::move(watcher);
  auto actuator =
      std::make_unique<session::ApiRollback>(prepared.experiment.rollback.value_or(std::vector<RollbackAction>{}), run,
                                             ports.send, ports.now, [&inbox](rollback::ActionDone done) {
                                               inbox.push_back(engine::Acted{std::move(done.action), done.last});
                                             });
  parts.dispatch_actuator = [actuator = actuator.get()] { actuator->dispatch(); };
  parts.actuator = std::move(actuator);
  return parts;
}

class Program {
 public:
  Program(const ProgramOptions& options, kube::Client& client, Labels agents, std::unique_ptr<Health> health)
      : client_(client),
        health_(std::move(health)),
        random_(Random::fresh_seed()),
        stores_(options.namespace_, std::move(agents)),
        controller_(ports(options), stores_),
        watches_(client, options, stores_, controller_, log_line),
        elector_(client, {{options.namespace_, cluster::kLeaderLease}, options.name},
                 [this](bool leads) { lead(leads); }) {}

  Result<> run(int signals) {
    while (!ended_) {
      Nanos wait = std::clamp<Nanos>(next_wake() - boot_now(), 0ns, checks_.any() ? 20ms : kLongestTurn);
      wait_readable({client_.descriptor(), controller_.descriptor(), signals}, wait);
      turn();
      if (watches_.useless()) return tl::unexpected(*watches_.useless());
      if (!ends_by_ && wait_is_over(signals)) begin_end();
      if (ends_by_) go_on_ending();
    }
    return {};
  }

 private:
  Ports ports(const ProgramOptions& options) {
    Ports ports;
    ports.send = [this](kube::Request request, kube::Client::Callback callback) {
      if (request.method != "GET") failpoint("controller.before_write");
      client_.send(std::move(request), std::move(callback));
    };
    ports.now = boot_now;
    ports.wall = wall_now;
    ports.identity = options.name;
    ports.namespace_ = options.namespace_;
    ports.policy_origin = fmt::format("ConfigMap {}/{}", options.policy.namespace_, options.policy.name);
    ports.rollback = options.rollback;
    ports.may_inject = options.whole_cluster;
    ports.keep_records = options.keep_records;
    ports.check_source = [this](const Experiment& experiment, const watch::SourceLogin& login,
                                Ports::SourceChecked checked) { checks_.add(experiment, login, std::move(checked)); };
    ports.random = [this] { return random_.next(); };
    ports.log = log_line;
    Ports copy = ports;
    ports.make_parts = [copy](const session::ClusterPrepared& prepared, const watch::SourceLogin& login,
                              const std::string& run,
                              engine::Inbox& inbox) { return make_parts(copy, prepared, login, run, inbox); };
    return ports;
  }

  void lead(bool leads) {
    const std::string& trouble = elector_.trouble();
    std::string why =
        trouble.empty() ? "the lease was not renewed in time; it names \"" + elector_.holder() + "\"" : trouble;
    log_line(leads ? "this controller leads" : "this controller does not lead any more: " + why);
    controller_.lead(leads);
  }

  BootTime next_wake() const {
    return std::min({client_.next_wake(), watches_.next_wake(), elector_.next_wake(), controller_.next_wake()});
  }

  void turn() {
    client_.dispatch();
    watches_.dispatch();
    elector_.dispatch();
    checks_.dispatch();
    controller_.dispatch();
    if (health_) health_->turned(boot_now(), watches_.ready());
  }

  static bool wait_is_over(int signals) {
    char information[128];
    return ::read(signals, information, sizeof information) > 0;
  }

  void begin_end() {
    log_line("it ends: its runs are ended in good order");
    ends_by_ = boot_now() + kEndWithin;
    controller_.stop("the controller is ended");
  }

  // What is not over by then the next leader finishes.
  void go_on_ending() {
    bool over = !elector_.leads() || controller_.idle() || boot_now() >= *ends_by_;
    if (!over || releasing_) return;
    releasing_ = true;
    if (!controller_.idle()) log_line(fmt::format("{} runs are left to the next controller", controller_.active()));
    if (!elector_.leads()) {
      ended_ = true;
      return;
    }
    elector_.release([this] { ended_ = true; });
  }

  kube::Client& client_;
  std::unique_ptr<Health> health_;
  Random random_;
  SourceChecks checks_;
  ClusterStores stores_;
  Controller controller_;
  Watches watches_;
  kube::Elector elector_;
  std::optional<BootTime> ends_by_;
  bool releasing_ = false, ended_ = false;
};

}  // namespace

Result<> run_program(const ProgramOptions& options, int signals) {
  Labels agents = TRY(labels_of(options.agents));
  std::unique_ptr<Health> health;
  if (!options.listen.empty()) health = TRY(Health::create(options.listen));
  auto client = TRY(kube::Client::create(TRY(find_access(options.kubeconfig, options.context))));
  client->on_warning([](const std::string& warning) { log_line("the API server warns: " + warning); });
  Program program(options, *client, std::move(agents), std::move(health));
  return program.run(signals);
}

}  // namespace ordeal::controller

#include "app/agent/agent.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>

#include <algorithm>
#include <iterator>

#include "app/agent/aftermath.h"
#include "app/agent/course/impact_words.h"
#include "app/agent/own_files.h"
#include "app/agent/rest.h"
#include "core/base/io/file.h"
#include "core/base/text/url.h"
#include "core/model/cluster/names.h"
#include "core/model/run/run_id.h"
#include "fault/guard/recovery/replay.h"
#include "platform/host/halt_request.h"
#include "platform/host/latch.h"
#include "platform/host/own_cgroup.h"

namespace ordeal::agent {
namespace {

constexpr Nanos kLastWordsLimit = 10s;
constexpr Nanos kOlderAgentLimit = 30s;  // it reverts, and tells
constexpr Nanos kBeyondLease = 1s;       // so long after its last renewal may something be in force
constexpr size_t kBootDigits = 8;
constexpr std::ptrdiff_t kMostRuns = 16;  // each is a guard, a reaper and a standby, and their memory
constexpr int kPageSize = 10;             // an Injection with many victims is large

using Kind = kube::ApiFailure::Kind;

std::string agent_id(const std::string& name) {
  std::string boot = read_file("/proc/sys/kernel/random/boot_id").value_or("");
  return fmt::format("{}/{}", name, boot.substr(0, kBootDigits));
}

bool is_address(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Neither agent nor kubelet is cut off from the API server by a fault on their node. In a pod the server is an address.
std::vector<packets::Exemption> exemptions_of(const std::string& server) {
  auto url = parse_url(server);
  std::string host = url ? std::string(url->host) : "";
  if (!is_address(host)) return {};
  packets::Exemption exemption;
  exemption.remote = host;
  exemption.remote_port = port_of(*url);
  exemption.why = "the connections to the API server";
  return {exemption};
}

std::vector<std::string> all_undone(const guard::DeadRun& dead) {
  std::vector<std::string> all = dead.undone;
  all.insert(all.end(), dead.as_before.begin(), dead.as_before.end());
  return all;
}

}  // namespace

struct Agent::Closing {
  explicit Closing(const AgentParts& parts, const cluster::Injection& injection)
      : writer(parts.client, {injection.namespace_, injection.name}, injection.uid,
               {[this] { writer.release(); }, [this] { finished = true; }, parts.say}) {}
  InjectionWriter writer;
  bool finished = false;
};

struct Agent::Found {
  Found(const AgentParts& parts, const cluster::Injection& found, std::vector<std::string> undone_before)
      : injection(found), undone(std::move(undone_before)), after([this, &parts] { return await(parts); }) {}
  ~Found() { ending = true; }
  // Its guard had the run's own id, or a joiner's.
  std::optional<Aftermath> await(const AgentParts& parts) const {
    Nanos patience = std::min(injection.spec.lease, cluster::kLongestLease) + kBeyondLease;
    Aftermath all;
    for (const std::string& run : {injection.spec.run, id_of_joiner(injection.spec.run, injection.uid)}) {
      auto replay = [&] { return guard::replay({parts.state_dir, run, {}}); };
      auto one = await_aftermath(parts.paths, run, patience, replay, ending);
      if (!one) return std::nullopt;
      all.undone.insert(all.undone.end(), one->undone.begin(), one->undone.end());
      all.failed.insert(all.failed.end(), one->failed.begin(), one->failed.end());
    }
    return all;
  }
  const cluster::Injection injection;
  std::vector<std::string> undone;  // as the agent began
  std::atomic<bool> ending = false;
  session::Background<std::optional<Aftermath>> after;
};

Agent::Agent(AgentParts parts, std::unique_ptr<kube::Client> client, UniqueFd lock, std::vector<guard::DeadRun> dead)
    : lock_(std::move(lock)), client_(std::move(client)), parts_(std::move(parts)), dead_(std::move(dead)) {}

Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::create(const AgentOptions& options, std::function<void(const std::string&)> say) {
  ::mallopt(M_ARENA_MAX, 1);  // its few threads only wait; an arena each would stay
  (void)host::enter_cgroup_namespace_of_init();
  kube::Access access =
      options.kubeconfig.empty() ? TRY(kube::in_cluster()) : TRY(kube::load_kubeconfig({options.kubeconfig, ""}));
  host::Paths paths = TRY(host::Paths::find(options.state_dir));
  TRY_VOID(paths.make());
  TRY_VOID(paths.check_private());
  UniqueFd lock = TRY(lock_node(paths, kOlderAgentLimit));
  remove_policy_files(paths);
  std::vector<guard::DeadRun> dead = TRY(guard::replay({options.state_dir, "", {}}));
  for (const guard::DeadRun& run : dead)
    for (const std::string& left : run.failed) say(fmt::format("{} left something behind: {}", run.run, left));
  auto exemptions = exemptions_of(access.server);
  auto client = TRY(kube::Client::create(std::move(access)));
  client->on_warning([say](const std::string& warning) { say("the API server warns: " + warning); });
  NodeIdentity identity{options.node, options.namespace_, options.policy};
  AgentParts parts{*client,           std::move(identity),    std::move(paths),
                   options.state_dir, agent_id(options.name), std::move(exemptions),
                   std::move(say)};
  std::unique_ptr<Agent> agent(new Agent(std::move(parts), std::move(client), std::move(lock), std::move(dead)));
  agent->watch();
  return agent;
}

void Agent::watch() {
  kube::MirrorOptions injections{
      kube::kInjections, {}, fmt::format("{}={}", cluster::kNodeLabel, cluster::label_value(parts_.identity.node))};
  injections.page_size = kPageSize;
  kube::MirrorHandlers seen;
  seen.put = [this](json::Value&& object) { put(std::move(object)); };
  seen.gone = [this](const json::Value& object) { gone(cluster::life_of(object).uid, "the Injection is gone"); };
  seen.relist = [this] { listed_.clear(); };
  seen.synced = [this] { injections_synced(); };
  seen.trouble = [this](const kube::ApiFailure& failure) {
    in_trouble("cannot watch the Injections of this node", failure, !first_list_);
  };
  injections_ = std::make_unique<kube::Mirror>(*client_, std::move(injections), std::move(seen));

  kube::MirrorOptions halt{kube::kHalts, {}, "", fmt::format("metadata.name={}", cluster::kHaltName)};
  auto there = std::make_shared<bool>(false);
  kube::MirrorHandlers halts;
  halts.put = [this, there](json::Value&& object) {
    *there = true;
    see_halt(cluster::halt_from_json(&object));
  };
  halts.gone = [this](const json::Value&) { see_halt(std::nullopt); };
  halts.relist = [there] { *there = false; };
  halts.synced = [this, there] {
    halt_seen_ = true;
    if (!*there) see_halt(std::nullopt);
  };
  halts.trouble = [this](const kube::ApiFailure& failure) { in_trouble("cannot watch the Halt", failure, halt_seen_); };
  halts_ = std::make_unique<kube::Mirror>(*client_, std::move(halt), std::move(halts));
}

// What no waiting mends ends the program while it has nothing to lose, so that whoever installs it sees it.
void Agent::in_trouble(const std::string& what, const kube::ApiFailure& failure, bool seen) {
  Error error = failure.error(what);
  bool useless = failure.kind == Kind::kUnauthorized || failure.kind == Kind::kForbidden ||
                 (failure.kind == Kind::kNotFound && failure.no_such_resource);
  if (useless && !seen) useless_ = error;
  parts_.say(error.message());
}

void Agent::put(json::Value&& object) {
  cluster::ObjectLife life = cluster::life_of(object);
  listed_.insert(life.uid);
  auto run = runs_.find(life.uid);
  if (life.deleting && run != runs_.end()) run->second->stop("person", "the Injection is being deleted");
  auto injection = cluster::injection_from_json(object);
  if (!injection) return parts_.say("an Injection cannot be read: " + injection.error().message());
  take(std::move(*injection));
}

void Agent::take(cluster::Injection injection) {
  if (runs_.count(injection.uid) != 0 || known_.count(injection.uid) != 0 || ending_) return;
  if (injection.status.state == "reverted" && !injection.has_finalizer) return;
  known_.insert(injection.uid);
  // What this process has not begun, an earlier one may have.
  if (first_list_ || !injection.status.state.empty()) return close_found(injection);
  if (injection.deleting) return close(injection, nullptr);
  begin(std::move(injection));
}

void Agent::begin(cluster::Injection injection) {
  auto run = start(injection);
  if (run) {
    runs_.emplace(injection.uid, std::move(*run));
    return;
  }
  auto status = status_of_refused(injection, parts_.agent, run.error(), wall_now());
  close(injection, &status);
}

Result<std::unique_ptr<InjectionRun>> Agent::start(const cluster::Injection& injection) {
  if (std::count_if(runs_.begin(), runs_.end(), [](const auto& one) { return !one.second->at_rest(); }) >= kMostRuns)
    return fail(Errc::kRefused,
                fmt::format("the agent of {} carries out {} Injections already, and takes no more",
                            parts_.identity.node, kMostRuns),
                "wait until one of them is over");
  const std::string& run = injection.spec.run;
  bool taken = std::any_of(runs_.begin(), runs_.end(), [&](const auto& one) { return one.second->guard_run() == run; });
  return InjectionRun::create(parts_, injection, taken ? id_of_joiner(run, injection.uid) : run);
}

void Agent::close(const cluster::Injection& injection, const cluster::InjectionStatus* status) {
  auto closing = std::make_unique<Closing>(parts_, injection);
  if (status) {
    closing->writer.write(*status);
  } else {
    closing->writer.release();
  }
  closing_.insert_or_assign(injection.uid, std::move(closing));
}

void Agent::close_found(const cluster::Injection& injection) {
  if (injection.status.state == "reverted") return close(injection, nullptr);
  std::vector<std::string> undone;
  for (const guard::DeadRun& dead : dead_)
    if (dead.run == injection.spec.run) undone = all_undone(dead);
  if (is_run_id(injection.spec.run)) {
    found_.insert_or_assign(injection.uid, std::make_unique<Found>(parts_, injection, std::move(undone)));
    return;
  }
  auto status = status_after_restart(injection, parts_.agent, {}, {}, wall_now());
  close(injection, &status);
}

void Agent::collect_found() {
  for (auto& [uid, found] : found_) {
    if (!found->after.returned()) continue;
    auto after = found->after.take();
    found->ending = true;
    if (!after) continue;  // the next agent asks again
    const cluster::Injection& injection = found->injection;
    after->undone.insert(after->undone.begin(), found->undone.begin(), found->undone.end());
    for (const std::string& left : after->failed) engage_latch(parts_, injection.spec.run, left);
    auto status = status_after_restart(injection, parts_.agent, after->undone, after->failed, wall_now());
    close(injection, &status);
  }
  std::erase_if(found_, [](const auto& item) { return item.second->ending && item.second->after.returned(); });
}

void Agent::gone(const std::string& uid, const std::string& why) {
  known_.erase(uid);
  if (auto run = runs_.find(uid); run != runs_.end()) run->second->stop("person", why);
}

void Agent::injections_synced() {
  if (std::exchange(first_list_, false)) {
    let_go_of_memory();
    parts_.say("serves the node " + parts_.identity.node);
  }
  dead_.clear();
  std::set<std::string> missing;
  std::set_difference(known_.begin(), known_.end(), listed_.begin(), listed_.end(),
                      std::inserter(missing, missing.end()));
  for (const std::string& uid : missing) gone(uid, "the Injection is gone");
  listed_.clear();
}

void Agent::see_halt(std::optional<cluster::Halt> halt) {
  for (auto& [uid, run] : runs_) run->saw_halt(halt);
}

void Agent::wait(int signals, BootTime until) const {
  std::vector<pollfd> fds{{client_->descriptor(), POLLIN, 0}};
  if (!ending_) fds.push_back({signals, POLLIN, 0});
  for (const auto& [uid, run] : runs_) fds.push_back({run->descriptor(), POLLIN, 0});
  for (const auto& [uid, found] : found_) fds.push_back({found->after.descriptor(), POLLIN, 0});
  BootTime next = std::min(until, next_wake());
  timespec limit = to_timespec(std::max(Nanos(0), next == BootTime::max() ? Nanos(0) : next - boot_now()));
  ::ppoll(fds.data(), fds.size(), next == BootTime::max() ? nullptr : &limit, nullptr);
}

BootTime Agent::next_wake() const {
  BootTime next = std::min({client_->next_wake(), injections_->next_wake(), halts_->next_wake()});
  for (const auto& [uid, run] : runs_) next = std::min(next, run->next_wake());
  for (const auto& [uid, closing] : closing_) next = std::min(next, closing->writer.next_wake());
  return next;
}

void Agent::dispatch() {
  client_->dispatch();
  injections_->dispatch();
  halts_->dispatch();
  for (auto& [uid, run] : runs_) run->dispatch();
  collect_found();
  for (auto& [uid, closing] : closing_) closing->writer.dispatch();
  remove_finished();
}

void Agent::remove_finished() {
  std::erase_if(closing_, [](const auto& item) { return item.second->finished; });
  if (std::erase_if(runs_, [](const auto& item) { return item.second->finished(); }) > 0 && runs_.empty())
    let_go_of_memory();
}

bool Agent::all_at_rest() const {
  return std::all_of(runs_.begin(), runs_.end(), [](const auto& item) { return item.second->at_rest(); });
}

void Agent::end_all() {
  ending_ = true;
  for (auto& [uid, run] : runs_) run->stop("error", "the agent of the node was told to end");
  for (auto& [uid, found] : found_) found->ending = true;
}

Result<> Agent::serve(int signals) {
  std::optional<BootTime> until;
  while (!useless_) {
    dispatch();
    pollfd asked{signals, POLLIN, 0};
    if (!ending_ && ::poll(&asked, 1, 0) > 0) end_all();
    if (ending_ && runs_.empty() && found_.empty() && closing_.empty()) return {};
    if (ending_ && !until && all_at_rest()) until = boot_now() + kLastWordsLimit;
    if (until && boot_now() >= *until) {
      parts_.say("the API server did not take the last status of everything; the controller finishes it");
      return {};
    }
    wait(signals, until.value_or(BootTime::max()));
  }
  return tl::unexpected(*useless_);
}

}  // namespace ordeal::agent

// halt and resume in a cluster. Controller and agents watch what is written here, each by itself; this waits for what
// the agents say that they have reverted, and believes nothing else.
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <set>

#include "app/cli/cluster/cluster_commands.h"
#include "app/cli/cluster/held.h"
#include "app/cli/cluster/objects.h"
#include "app/cli/cluster/pump.h"
#include "app/cli/cluster/records.h"
#include "app/cli/cluster/release.h"
#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "core/model/cluster/names.h"
#include "core/model/cluster/resources.h"
#include "core/model/run/run_id.h"
#include "platform/sys/process/process.h"

namespace ordeal::cli {
namespace {

using Kind = kube::ApiFailure::Kind;

// An agent that is cut off reverts within the lease; then the controller takes away what that agent cannot.
constexpr Nanos kWaitAtMost = 2 * cluster::kClusterLease + 5s;
constexpr const char* kManager = "ordeal";
constexpr const char* kNamespaceHalt = "ordeal-halt";  // of an installation for one namespace

using Runs = HeldInjections::Runs;

struct Asked {
  std::string run, reason, by;         // `run` "" is everything
  std::string namespace_, experiment;  // of the run
  Runs holding;                        // those that held something
};

// Which runs hold something, asked in the same breath as the halt: it must not wait for the answer, and an answer to
// what is asked later may come when all is reverted.
Runs ask_who_holds(const Connection& to, const Asked& asked) {
  auto runs = std::make_shared<std::set<std::string>>();
  kube::Client::List list{.resource = kube::kInjections, .object = {asked.namespace_, ""}};
  if (!asked.run.empty()) list.label_selector = fmt::format("{}={}", cluster::kRunLabel, asked.run);
  list.page = [runs](json::Array&& items) {
    for (const json::Value& item : items)
      if (text_at(item, "status.state") != "reverted") runs->insert(text_at(item, "spec.run"));
  };
  list.restart = [] {};
  list.done = [](const kube::Answer<std::string>&) {};
  to.client->list(std::move(list));
  return runs;
}

// What the cluster's injections say, as they say it.
class Reverting {
 public:
  Reverting(kube::Client& client, const Asked& asked, Runs halted)
      : asked_(asked), halted_(halted), held_(std::move(halted)) {
    std::string labels = asked.run.empty() ? "" : fmt::format("{}={}", cluster::kRunLabel, asked.run);
    injections_.emplace(client, kube::MirrorOptions{kube::kInjections, {asked.namespace_, ""}, labels},
                        kube::MirrorHandlers{[this](json::Value&& object) { held_.put(object); },
                                             [this](const json::Value& object) { held_.gone(object); },
                                             [this] { held_.relist(); }, [this] { held_.synced(), trouble_.clear(); },
                                             [this](const kube::ApiFailure& failure) { complain(failure); }});
    if (asked.run.empty()) return;
    experiment_.emplace(client, kube::MirrorOptions{kube::kExperiments, {asked.namespace_, asked.experiment}},
                        kube::MirrorHandlers{[this](json::Value&& object) { stopped_ = is_stopped(object); },
                                             [this](const json::Value&) { stopped_ = true; }, [] {}, [] {},
                                             [this](const kube::ApiFailure& failure) { complain(failure); }});
  }

  bool done() {
    report_progress();
    return held_.known() && held_.left().empty() && (stopped_ || asked_.run.empty());
  }
  std::vector<kube::Mirror*> mirrors() {
    std::vector<kube::Mirror*> all{&*injections_};
    if (experiment_) all.push_back(&*experiment_);
    return all;
  }
  const HeldInjections& held() const { return held_; }
  bool stopped() const { return stopped_ || asked_.run.empty(); }
  const std::string& trouble() const { return trouble_; }
  std::vector<std::string> halted() const { return {halted_->begin(), halted_->end()}; }

 private:
  static bool is_stopped(const json::Value& object) {
    return !text_at(object, "status.renewal.stop").empty() || has_condition(object, "Complete");
  }

  void complain(const kube::ApiFailure& failure) {
    trouble_ = failure.error("cannot follow what is reverted").message();
    print_to_error("ordeal: {}\n", trouble_);
  }
  void report_progress() {
    BootTime now = boot_now();
    if (!held_.known() || held_.left().empty() || now - said_ < 1s) return;
    said_ = now;
    print_to_error("ordeal: waiting for {}\n", counted(held_.left().size(), "node to revert", "nodes to revert"));
  }

  const Asked& asked_;
  Runs halted_;
  HeldInjections held_;
  bool stopped_ = false;
  std::string trouble_;
  BootTime said_ = boot_now();
  std::optional<kube::Mirror> injections_, experiment_;
};

json::Object halt_object(const Asked& asked) {
  return {{"apiVersion", cluster::kApiVersion},
          {"kind", "Halt"},
          {"metadata", {{"name", cluster::kHaltName}}},
          {"spec", {{"engaged", true}, {"reason", asked.reason}, {"by", asked.by}}}};
}

// Those of installations for one namespace, which do not look at the cluster's own.
std::vector<std::string> lone_namespaces(const Connection& to, const ClusterOptions& where) {
  std::vector<std::string> spaces;
  auto found = fetch_all(to, kube::kDeployments, {where.release, ""}, labels_of_part("controller"));
  bool narrower = !found && where.release.empty();
  if (narrower) found = fetch_all(to, kube::kDeployments, {to.namespace_, ""}, labels_of_part("controller"));
  if (!found) return spaces;
  for (const json::Value& deployment : *found)
    if (Release release = release_of(deployment); !release.whole_cluster) spaces.push_back(release.namespace_);
  return spaces;
}

Result<> engage_lone(const Connection& to, const Asked& asked, const std::string& space) {
  json::Object object{{"apiVersion", "v1"},
                      {"kind", "ConfigMap"},
                      {"metadata", {{"name", kNamespaceHalt}, {"namespace", space}}},
                      {"data", {{"engaged", "true"}, {"reason", asked.reason}, {"by", asked.by}}}};
  auto request = kube::apply(kube::kConfigMaps, {space, kNamespaceHalt}, object, kManager, true);
  TRY_VOID(fetch(to, std::move(request), "cannot halt the namespace " + space));
  return {};
}

// The cluster's first: what takes longer must not hold it up.
Result<> engage(const Connection& to, const ClusterOptions& where, const Asked& asked) {
  auto request = kube::apply(kube::kHalts, {"", cluster::kHaltName}, halt_object(asked), kManager, true);
  auto applied = kube::ask(*to.client, std::move(request));
  std::vector<std::string> lone = lone_namespaces(to, where);
  for (const std::string& space : lone) TRY_VOID(engage_lone(to, asked, space));
  bool only_lone = !lone.empty() && !applied &&
                   (applied.error().kind == Kind::kForbidden || applied.error().kind == Kind::kNotFound);
  if (applied || only_lone) return {};
  Error error = error_of(applied.error(), "cannot halt the cluster");
  if (error.code == Errc::kNotFound) error.code = Errc::kInvalidInput;
  return tl::unexpected(std::move(error));
}

Result<> ask_for_end(const Connection& to, const ClusterOptions& where, Asked& asked) {
  if (asked.run.empty()) {
    asked.holding = ask_who_holds(to, asked);
    return engage(to, where, asked);
  }
  FoundRun found = TRY(find_run(to, where, asked.run));
  if (found.complete)
    return fail(Errc::kNotFound, "no live run " + asked.run, "`ordeal list --cluster` shows the runs");
  asked.namespace_ = found.namespace_;
  asked.experiment = found.experiment;
  asked.holding = ask_who_holds(to, asked);
  TRY_VOID(
      fetch(to, halt_request(found.namespace_, found.experiment, asked.reason), "cannot halt the run " + asked.run));
  return {};
}

json::Value held_json(const std::map<std::string, HeldNode>& nodes) {
  json::Array all;
  for (const auto& [uid, held] : nodes)
    all.push_back(json::Object{{"node", held.node},
                               {"run", held.run},
                               {"namespace", held.namespace_},
                               {"injection", held.name},
                               {"state", held.state}});
  return all;
}

std::string nodes_of(const std::map<std::string, HeldNode>& all) {
  std::set<std::string> nodes;
  for (const auto& [uid, held] : all) nodes.insert(held.node);
  constexpr size_t kMostNamed = 5;
  std::vector<std::string> named;
  for (const std::string& node : nodes)
    if (named.size() < kMostNamed) named.push_back(node);
  size_t more = nodes.size() - named.size();
  return join(named, ", ") + (more > 0 ? fmt::format(" and {} more", more) : "");
}

// "" when nothing is in force any more.
std::string what_remains(const Reverting& reverting) {
  const HeldInjections& held = reverting.held();
  if (!held.failed().empty())
    return fmt::format("something could not be undone and may still be in force on {}: {}",
                       held.failed().begin()->first, held.failed().begin()->second);
  if (!held.known()) return "it is not known what is in force: " + reverting.trouble();
  if (!held.left().empty()) return "not known to be reverted, on the nodes " + nodes_of(held.left());
  if (!held.unconfirmed().empty())
    return "ended without confirmation: the Injections are gone, and were not seen to be reverted, on the nodes " +
           nodes_of(held.unconfirmed());
  return reverting.stopped() ? "" : "the controller has not obeyed: the run may still begin its attack";
}

void print_halted(const Reverting& reverting, double took, const Asked& asked) {
  std::vector<std::string> halted = reverting.halted();
  std::string until = asked.run.empty() ? " Nothing starts until `ordeal resume --cluster`." : "";
  if (halted.empty()) return print("No run held a fault in this cluster.{}\n", until);
  print("{} halted: all faults were removed in {:.0f} ms: {}.{}\n", counted(halted.size(), "run", "runs"), took,
        join(halted, ", "), until);
}

ExitCode follow(const Connection& to, const Asked& asked, BootTime start, bool json) {
  Reverting reverting(*to.client, asked, asked.holding);
  pump(
      *to.client, reverting.mirrors(), [&] { return reverting.done(); }, start + kWaitAtMost);
  std::string left = what_remains(reverting);
  double took = to_millis(boot_now() - start);
  if (json)
    print_json(json::Object{{"reverted", left.empty()},
                            {"took_ms", took},
                            {"latched", asked.run.empty()},
                            {"halted", json::texts(reverting.halted())},
                            {"left", held_json(reverting.held().left())},
                            {"unconfirmed", held_json(reverting.held().unconfirmed())}});
  if (!left.empty())
    return print_error(Error{Errc::kRevertFailed, left, 0,
                             "an agent that is cut off reverts by itself within its lease of 15 s; look at the node, "
                             "and at `kubectl get injections -A`",
                             nullptr});
  if (!json) print_halted(reverting, took, asked);
  return ExitCode::kHeld;
}

Result<bool> release_lone(const Connection& to, const std::string& space) {
  auto gone = kube::ask(*to.client, kube::remove(kube::kConfigMaps, {space, kNamespaceHalt}));
  if (gone) return true;
  if (gone.error().kind == Kind::kNotFound) return false;
  return tl::unexpected(error_of(gone.error(), "cannot release the halt of the namespace " + space));
}

Result<bool> release_all(const Connection& to, const ClusterOptions& where) {
  auto gone = kube::ask(*to.client, kube::remove(kube::kHalts, {"", cluster::kHaltName}));
  std::vector<std::string> lone = lone_namespaces(to, where);
  bool any = gone.has_value();
  for (const std::string& space : lone) any = TRY(release_lone(to, space)) || any;
  bool fine = gone || (gone.error().kind == Kind::kNotFound && !gone.error().no_such_resource) || !lone.empty();
  if (!fine) return tl::unexpected(error_of(gone.error(), "cannot release the halt"));
  return any;
}

}  // namespace

ExitCode halt_in_cluster(const ClusterOptions& where, const std::string& run, const std::string& reason, bool json) {
  if (!run.empty())
    if (auto id = parse_run_id(run); !id) return print_error(id.error());
  auto to = connect(where);
  if (!to) return print_error(to.error());
  BootTime start = boot_now();
  if (json) print_to_error("ordeal: {}\n", to->where());
  if (!json) print("Cluster     {}\n", to->where());
  std::string by = sys::user_name(::geteuid());
  Asked asked{run, reason.empty() ? "asked by " + by : reason, by, {}, {}, nullptr};
  if (auto done = ask_for_end(*to, where, asked); !done) {
    ExitCode code = print_bad_run(done.error());
    return code == ExitCode::kInconclusive ? ExitCode::kRevertFailed : code;  // nobody was asked to revert anything
  }
  return follow(*to, asked, start, json);
}

ExitCode resume_in_cluster(const ClusterOptions& where) {
  auto to = connect(where);
  if (!to) return print_error(to.error());
  print("Cluster     {}\n", to->where());
  auto released = release_all(*to, where);
  if (!released) return print_error(released.error());
  print("{}\n", *released ? "The halt is released." : "There was no halt.");
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli

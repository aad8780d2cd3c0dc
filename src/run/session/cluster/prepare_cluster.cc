#include "run/session/cluster/prepare_cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "core/json/yaml.h"
#include "core/model/cluster/names.h"
#include "fault/target/cluster/described.h"
#include "run/session/cluster_keys.h"
#include "run/session/evidence_plan.h"
#include "run/session/prepare.h"
#include "run/session/tenant/rules.h"
#include "run/session/watching.h"

namespace ordeal::session {
namespace {

constexpr size_t kMostLeftOut = 1000;  // that a plan names
constexpr const char* kOnHosts = "`ordeal run` on a host may have that";

json::Value* look(json::Value& object, const char* key) {
  return object.is_object() ? object.get_object().if_contains(key) : nullptr;
}

// An action without a namespace means the Experiment's own, and not the one called "default".
void complete_rollback(json::Value& object, const std::string& home) {
  json::Value* spec = look(object, "spec");
  json::Value* actions = spec ? look(*spec, "rollback") : nullptr;
  if (!actions || !actions->is_array()) return;
  for (json::Value& action : actions->get_array())
    for (const char* kind : {"rollout", "deployment"})
      if (json::Value* what = look(action, kind);
          what && what->is_object() && !what->get_object().contains("namespace"))
        what->get_object()["namespace"] = home;
}

Unexpected refuse_field(const std::string& field, const std::string& why) {
  return fail(Errc::kInvalidInput, fmt::format("spec.{}: {}", field, why), kOnHosts);
}

Result<> check_rollback_home(const std::vector<RollbackAction>& actions, const std::string& home) {
  for (size_t i = 0; i < actions.size(); ++i) {
    std::string field = fmt::format("rollback[{}]", i);
    if (std::holds_alternative<CommandAction>(actions[i].what))
      return refuse_field(field + ".command", "a controller runs no programs");
    std::string namespace_ = home;
    if (const auto* rollout = std::get_if<RolloutAction>(&actions[i].what)) namespace_ = rollout->namespace_;
    if (const auto* deployment = std::get_if<DeploymentAction>(&actions[i].what)) namespace_ = deployment->namespace_;
    if (namespace_ != home)
      return fail(Errc::kRefused,
                  fmt::format("spec.{}: it would act in {}, and the Experiment is in {}", field, namespace_, home),
                  "create the Experiment in the namespace of what it rolls back");
  }
  return {};
}

bool of_pods(const Target& target) { return target.type != TargetType::kNode && target.type != TargetType::kHost; }

Error refusal_of(const target::GateRefusal& refusal) {
  return {Errc::kRefused, refusal.sentence, 0, fmt::format("the rule is {}", refusal.rule), nullptr};
}

Result<Policy> policy_of(const std::string& text, const std::string& origin) {
  auto document = json::parse_document(text);
  if (!document) return wrap(document.error(), origin);
  return decode_policy(*document, origin);
}

Result<std::string> page_port(const std::string& port, const cluster::Pod& pod) {
  if (parse_number<uint16_t>(port)) return port;
  for (const cluster::NamedPort& named : pod.ports)
    if (named.name == port) return std::to_string(named.number);
  return fail(Errc::kRefused, fmt::format("spec.sources.pods.port: no container of the pod {}/{} has a port named {}",
                                          pod.namespace_, pod.name, port));
}

// The pages of the victims themselves, as they are now.
Result<> scrape_pods(ClusterPrepared& prepared, const cluster::View& view) {
  if (!prepared.experiment.sources.pods) return {};
  const PodPages& pages = *prepared.experiment.sources.pods;
  std::map<std::string, const cluster::Pod*> by_uid;
  for (const cluster::Pod& pod : view.pods) by_uid.emplace(pod.uid, &pod);
  for (const ClusterTarget& target : prepared.targets) {
    auto found = by_uid.find(target.victim.uid);
    if (found == by_uid.end() || found->second->ip.empty()) continue;
    const cluster::Pod& pod = *found->second;
    std::string host = pod.ip.find(':') == std::string::npos ? pod.ip : "[" + pod.ip + "]";
    std::string port = TRY(page_port(pages.port, pod));
    ScrapeTarget page{fmt::format("http://{}:{}{}", host, port, pages.path), pages.job, {}};
    page.labels = {{"namespace", pod.namespace_}, {"pod", pod.name}};
    auto& all = prepared.experiment.sources.scrape;
    if (std::any_of(all.begin(), all.end(), [&](const ScrapeTarget& one) { return one.url == page.url; })) continue;
    prepared.pages.push_back({pod.uid, pod.ip, page.url});
    all.push_back(std::move(page));
  }
  return {};
}

std::vector<std::string> warnings_of(const ClusterPrepared& prepared, const target::Gates& gates) {
  std::vector<std::string> warnings = gates.warnings;
  if (prepared.experiment.expect.empty())
    warnings.push_back("no expectation: the run will be inconclusive (add `expect`)");
  for (const std::string& note : prepared.choice.notes) warnings.push_back(note);
  for (std::string& sentence : half_filled_windows(prepared.experiment)) warnings.push_back(std::move(sentence));
  return warnings;
}

}  // namespace

Result<> check_for_cluster(const Experiment& experiment, const std::string& home) {
  for (size_t i = 0; i < experiment.expect.size(); ++i)
    if (experiment.expect[i].command)
      return refuse_field(fmt::format("expect[{}].probe.command", i), "a controller runs no programs");
  if (experiment.budget) return refuse_field("budget", "a controller has no files");
  if (experiment.attack.args.if_contains("peer"))
    return refuse_field("attack.args.peer", "peers are selected on one host only; give their addresses to a blackhole");
  TRY_VOID(check_tenant(experiment));
  return check_rollback_home(experiment.rollback.value_or(std::vector<RollbackAction>{}), home);
}

Result<ClusterExperiment> read_cluster_experiment(const cluster::ExperimentObject& object, uint64_t seed) {
  json::Document document{object.object, {}};
  // Items of a list do not say what they are.
  document.value.as_object()["apiVersion"] = cluster::kApiVersion;
  document.value.as_object()["kind"] = "Experiment";
  complete_rollback(document.value, object.namespace_);
  ClusterExperiment read{TRY(decode_experiment(document))};
  TRY_VOID(refuse_host_keys(read.experiment));
  read.fault = TRY(fault::resolve(read.experiment.attack));
  if (read.fault->info().only_looks)
    return refuse_field("attack.type", "it only looks, which needs no cluster: `ordeal run` does it from any host");
  TRY_VOID(check_for_cluster(read.experiment, object.namespace_));
  if (!read.experiment.seed) read.experiment.seed = seed;
  return read;
}

Result<> check_home(const Experiment& experiment, const std::string& home, const std::string& policy,
                    const std::string& origin) {
  target::ClusterRules rules{{TRY(policy_of(policy, origin))}, home, "", false, false};
  if (auto beyond = target::beyond_home(experiment.target, rules)) return tl::unexpected(refusal_of(*beyond));
  return {};
}

std::string to_text(const SecretKey& key) { return key.name + "/" + key.key; }

std::vector<SecretKey> secrets_of(const Experiment& experiment) {
  std::vector<SecretKey> keys;
  const auto& access = experiment.sources.access;
  if (!access) return keys;
  for (const auto& key :
       {access->token, access->username, access->password, access->certificate, access->key, access->authority})
    if (key) keys.push_back(*key);
  return keys;
}

watch::SourceLogin login_of(const Experiment& experiment, const SecretValues& values) {
  watch::SourceLogin login;
  const auto& access = experiment.sources.access;
  if (!access) return login;
  auto value = [&](const std::optional<SecretKey>& key) {
    auto found = key ? values.find(to_text(*key)) : values.end();
    return found == values.end() ? std::string() : found->second;
  };
  login.token = value(access->token);
  if (access->username || access->password) login.login = value(access->username) + ":" + value(access->password);
  login.tls.certificate = value(access->certificate);
  login.tls.key = value(access->key);
  login.tls.authority = value(access->authority);
  login.tenant = access->tenant;
  return login;
}

ClusterTarget target_of(const target::ClusterPick& pick) { return {pick.victim, pick.node}; }

target::AttackFacts facts_of(const fault::Fault& fault, const Attack& attack) {
  return target::facts_of(fault.info(), fault.kind(attack), attack);
}

Result<ClusterPrepared> prepare_cluster(ClusterExperiment read, const ClusterInputs& inputs) {
  ClusterPrepared prepared;
  prepared.experiment = std::move(read.experiment);
  prepared.fault = read.fault;
  Experiment& experiment = prepared.experiment;
  const AttackInfo& info = prepared.fault->info();
  prepared.rules = {{TRY(policy_of(inputs.policy, inputs.origin))},
                    inputs.home,
                    inputs.own_namespace,
                    info.hits_network,
                    info.of_container};
  if (auto beyond = target::beyond_home(experiment.target, prepared.rules)) return tl::unexpected(refusal_of(*beyond));
  prepared.facts = facts_of(*prepared.fault, experiment.attack);
  prepared.choice = TRY(target::choose_in_cluster(experiment.target, inputs.view, prepared.rules, *experiment.seed));
  target::Gates gates =
      TRY(target::judge_gates(experiment, prepared.facts, prepared.rules, inputs.view, prepared.choice, inputs.load));
  if (!gates.refusals.empty()) return tl::unexpected(refusal_of(gates.refusals.front()));
  for (const target::ClusterPick& pick : prepared.choice.chosen) {
    prepared.victims.push_back(pick.model_victim);
    prepared.targets.push_back(target_of(pick));
  }
  prepared.workloads = inputs.view.workloads;
  // A floor may be set later, while it runs.
  if (of_pods(experiment.target))
    prepared.matched = TRY(target::running_that_match(experiment.target, inputs.home, inputs.view));
  TRY_VOID(scrape_pods(prepared, inputs.view));
  // By now it has the pages that its queries read.
  TRY_VOID(check_expectations(experiment));
  prepared.warnings = warnings_of(prepared, gates);
  return prepared;
}

Result<> take_source_check(ClusterPrepared& prepared, Nanos fastest, Nanos slowest, const std::string& warning) {
  const Experiment& experiment = prepared.experiment;
  bool own_scraper = experiment.sources.prometheus.empty();
  if (!warning.empty()) prepared.warnings.push_back(warning);
  prepared.sample_every = std::max(experiment.sources.interval, slowest);
  if (2 * slowest > experiment.attack.length)
    prepared.warnings.push_back(fmt::format(
        "the attack of {} may be over before each series was scraped twice (every {}): then nothing is proven",
        format_duration(experiment.attack.length), format_duration(slowest)));
  for (const Expectation& expectation : experiment.expect) {
    auto refusal = plan_evidence(experiment, expectation, own_scraper ? experiment.sources.interval : fastest).refusal;
    if (refusal) return tl::unexpected(std::move(*refusal));
  }
  return {};
}

json::Value plan_json(const ClusterPrepared& prepared) {
  json::Array victims, left_out;
  for (const target::ClusterPick& pick : prepared.choice.chosen)
    victims.push_back(json::Object{{"victim", pick.model_victim.name},
                                   {"kind", pick.victim.kind},
                                   {"namespace", pick.victim.namespace_},
                                   {"uid", pick.victim.uid},
                                   {"node", pick.node}});
  for (const Refusal& refusal : prepared.choice.left_out)
    if (left_out.size() < kMostLeftOut)
      left_out.push_back(json::Object{{"victim", refusal.victim}, {"rule", refusal.rule}});
  return json::Object{{"candidates", prepared.choice.candidates},
                      {"victims", std::move(victims)},
                      {"left_out", std::move(left_out)},
                      {"left_out_count", static_cast<int64_t>(prepared.choice.left_out.size())}};
}

std::vector<PodPage> take_gone(std::vector<PodPage>& pages, const Kept<cluster::Pod>& pods) {
  auto is_there = [&](const PodPage& page) {
    const cluster::Pod* pod = pods.find(page.uid);
    return pod && pod->ip == page.ip && pod->phase != "Succeeded" && pod->phase != "Failed";
  };
  auto first_gone = std::stable_partition(pages.begin(), pages.end(), is_there);
  std::vector<PodPage> gone(first_gone, pages.end());
  pages.erase(first_gone, pages.end());
  return gone;
}

Result<> take_policy(ClusterPrepared& prepared, const std::string& text, const std::string& origin) {
  prepared.rules.policies = {TRY(policy_of(text, origin))};
  return {};
}

bool has_floor(const ClusterPrepared& prepared) {
  if (!of_pods(prepared.experiment.target)) return false;
  const auto& policies = prepared.rules.policies;
  return std::any_of(policies.begin(), policies.end(),
                     [](const Policy& policy) { return policy.min_running || policy.min_running_percent; });
}

std::string broken_floor(const ClusterPrepared& prepared, const cluster::View& view) {
  if (!has_floor(prepared)) return "";
  auto running = target::running_that_match(prepared.experiment.target, prepared.rules.home, view);
  auto refusal = running ? target::below_floor(prepared.rules.policies, prepared.matched, *running) : std::nullopt;
  if (!running) return running.error().message();
  return refusal ? refusal->sentence : "";
}

}  // namespace ordeal::session

#include "interop/argo/check/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>

#include "core/base/duration.h"
#include "core/expr/condition.h"
#include "core/model/input/experiment.h"
#include "core/model/input/inventory.h"
#include "core/model/input/policy.h"
#include "interop/argo/check/lint_metric.h"
#include "interop/argo/check/query_traps.h"
#include "interop/argo/check/validation.h"
#include "interop/argo/objects/bundle.h"
#include "interop/argo/run/analyses.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::argo {
namespace {

using Severity = Finding::Severity;

// An object of Kubernetes, of Argo or another.
bool is_resource(const json::Value& value) {
  const json::Object* object = value.if_object();
  const json::Value* version = object ? object->if_contains("apiVersion") : nullptr;
  bool own = version && version->is_string() && std::string_view(version->get_string()).starts_with("ordeal.dev/");
  return version && object->contains("kind") && !own;
}

bool has_any(const json::Object* object, std::initializer_list<std::string_view> keys) {
  return object && std::any_of(keys.begin(), keys.end(), [&](std::string_view key) { return object->contains(key); });
}

// Read by others (interop/slo).
bool is_openslo(const json::Value& value) {
  const json::Array* list = value.if_array();
  const json::Object* object = list ? (list->empty() ? nullptr : list->front().if_object()) : value.if_object();
  const json::Value* version = object ? object->if_contains("apiVersion") : nullptr;
  return version && version->is_string() && std::string_view(version->get_string()).starts_with("openslo");
}

bool is_policy(const json::Value& value) { return has_any(value.if_object(), {"blast_radius", "protected", "caps"}); }

// A ConfigMap whose only file is a policy.
bool is_policy_map(const json::Value& value) {
  const json::Object* object = value.if_object();
  const json::Value* kind = object ? object->if_contains("kind") : nullptr;
  const json::Value* data = object ? object->if_contains("data") : nullptr;
  bool one = kind && *kind == "ConfigMap" && data && data->is_object() && data->get_object().size() == 1;
  if (!one || !data->get_object().begin()->value().is_string()) return false;
  auto inside = json::parse_document(std::string_view(data->get_object().begin()->value().get_string()));
  return inside && is_policy(inside->value);
}

// The files that are Ordeal's own, by what stands in them.
enum class OwnFile { kExperiment, kExpectations, kPolicy, kInventory };

OwnFile own_file(const json::Value& value) {
  if (value.is_array()) return OwnFile::kInventory;
  if (has_any(value.if_object(), {"attack", "target", "spec"})) return OwnFile::kExperiment;
  return is_policy(value) ? OwnFile::kPolicy : OwnFile::kExpectations;
}

class Linter {
 public:
  void read(const SourceFile& file) {
    Bundle bundle = read_bundle(file.text);
    for (const Error& error : bundle.errors) add(finding_of(file.name, error));
    size_t count = bundle.documents.size() + bundle.skipped.size() + bundle.errors.size();
    std::move(bundle.skipped.begin(), bundle.skipped.end(), std::back_inserter(manifest_.ignored));
    for (const json::Document& document : bundle.documents) {
      if (is_openslo(document.value)) continue;
      if (is_policy_map(document.value)) {
        read_policy_map(file.name, document);
        continue;
      }
      if (!is_resource(document.value)) {
        read_own(file.name, document, count);
        continue;
      }
      for (const json::Document& one : unfold(document))
        if (auto added = add_document(manifest_, one, file.name); !added) add(finding_of(file.name, added.error()));
    }
  }

  const std::vector<std::string>& ignored() const { return manifest_.ignored; }

  std::vector<Finding> finish() {
    find_users();
    for (const Rollout& rollout : manifest_.rollouts) look_at(rollout);
    for (const Template& made : manifest_.templates) look_at(made);
    for (const Template& run : manifest_.runs) look_at_run(run);
    std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.file, a.line) < std::tie(b.file, b.line);
    });
    auto same = [](const Finding& a, const Finding& b) {
      return std::tie(a.file, a.line, a.field, a.what) == std::tie(b.file, b.line, b.field, b.what);
    };
    findings_.erase(std::unique(findings_.begin(), findings_.end(), same), findings_.end());
    return std::move(findings_);
  }

 private:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }

  void read_own(const std::string& file, const json::Document& document, size_t documents) {
    if (documents > 1)
      return add({Severity::kError, file, line_of(document, ""), "",
                  "a file of Ordeal's stands alone: an experiment, expectations, a policy or an inventory", "", ""});
    OwnFile kind = own_file(document.value);
    Experiment experiment;
    Result<> decoded = decode_own(kind, document, experiment);
    if (!decoded) return add(finding_of(file, decoded.error()));
    bool own_scraper = experiment.sources.prometheus.empty();
    for (size_t i = 0; i < experiment.expect.size(); ++i) look_at(file, document, i, experiment.expect[i], own_scraper);
  }

  // Its errors count lines from the beginning of the text within, which is a block below its key.
  void read_policy_map(const std::string& file, const json::Document& document) {
    auto policy = decode_policy(document, "");
    if (policy) return;
    std::string inside =
        fmt::format("data.{}", std::string_view(document.value.at("data").get_object().begin()->key()));
    Error error{policy.error().code, policy.error().message(), 0, policy.error().advice(), nullptr};
    if (error.what.starts_with(inside + ": ")) error.what.erase(0, inside.size() + 2);
    Finding finding = finding_of(file, error);
    finding.line += line_of(document, inside);
    add(std::move(finding));
  }

  static Result<> decode_own(OwnFile kind, const json::Document& document, Experiment& experiment) {
    switch (kind) {
      case OwnFile::kExperiment:
        experiment = TRY(decode_experiment(document));
        return {};
      case OwnFile::kExpectations:
        return merge_expectations(experiment, document);
      case OwnFile::kPolicy:
        return decode_policy(document, "").map([](auto&&) {});
      case OwnFile::kInventory:
        return decode_inventory(document).map([](auto&&) {});
    }
    return {};
  }

  static int line_of(const json::Document& document, const std::string& path) {
    return line_in({"", document.lines}, path);
  }

  void look_at(const std::string& file, const json::Document& document, size_t index, const Expectation& expectation,
               bool own_scraper) {
    if (expectation.query.empty()) return;
    std::string root = document.value.get_object().contains("spec") ? "spec." : "";
    std::string field = fmt::format("{}expect[{}].query", root, index);
    int line = line_of(document, field);
    auto parsed = promql::parse(expectation.query);
    if (!parsed) {
      // A Prometheus may know more than our parser.
      bool beyond = !own_scraper || parsed.error().code == Errc::kUnsupported;
      return add({beyond ? Severity::kWarning : Severity::kError, file, line, field, parsed.error().message(), "", ""});
    }
    for (Trap& trap : traps_of(**parsed))
      add({Severity::kWarning, file, line, field, std::move(trap.what), "", std::move(trap.fix)});
  }

  void look_at_run(const Template& run) {
    if (run.terminate)
      add({Severity::kWarning, run.file, line_in(run.origin, "spec.terminate"), "spec.terminate",
           "the run is terminated before it begins", "nothing is measured, and the run is Successful", ""});
    look_at(run);
  }

  void look_at(const Template& made) {
    std::vector<Argument> args = arguments_for(made);
    for (const MetricTemplate& metric : made.metrics) lint_metric(made, metric, args, findings_);
    if (made.metrics.empty() && made.templates.empty())
      add({Severity::kError, made.file, line_in(made.origin, "spec"), "spec", "no metrics specified", "", ""});
    check_templates(made);
  }

  void check_templates(const Template& made) {
    auto followed = follow(manifest_, made.templates);
    if (!followed) return add(missing(made.file, followed.error()));
    followed->insert(followed->begin(), &made);
    auto all = flatten(*followed);
    if (!all) return add(finding_of(made.file, all.error()));
    std::vector<Metric> metrics;
    for (const MetricTemplate& metric : all->metrics) metrics.push_back({.name = metric.name, .origin = metric.origin});
    for (auto [rules, kind] : {std::pair{&all->dry_run, "dryRun"}, std::pair{&all->retention, "measurementRetention"}})
      if (auto matched = matching(*rules, metrics, kind); !matched) add(finding_of(made.file, matched.error()));
  }

  // A template that is not there may be in the cluster.
  static Finding missing(const std::string& file, const Error& error) {
    Finding finding = finding_of(file, error);
    if (finding.what.find("is in the given files") != std::string::npos) finding.severity = Severity::kWarning;
    return finding;
  }

  // Who refers to each template.
  void find_users() {
    for (const Rollout& rollout : manifest_.rollouts)
      for (Analysis& analysis : analyses_of(rollout)) {
        analyses_.push_back(std::move(analysis));
        auto templates = follow(manifest_, analyses_.back().refs);
        for (const Template* made : templates.value_or(std::vector<const Template*>{}))
          first_user_.try_emplace(made, &analyses_.back());
      }
  }

  // What the first Rollout that refers to the template gives it, over its own defaults.
  std::vector<Argument> arguments_for(const Template& made) const {
    auto user = first_user_.find(&made);
    return user == first_user_.end() ? made.args : known_arguments(*user->second, made.args);
  }

  // With the values that a file tells, and without those that only a cluster knows.
  static std::vector<Argument> known_arguments(const Analysis& analysis, std::vector<Argument> args) {
    for (Argument& argument : args)
      for (const Argument& given : analysis.reference->args)
        if (given.name == argument.name && (given.value || given.from)) argument = given;
    return args;
  }

  void look_at(const Rollout& rollout) {
    if (!rollout.workload && !(rollout.has_selector && rollout.has_template))
      add({Severity::kWarning, rollout.file, line_in(rollout.origin, "spec"), "spec",
           "there is neither a workloadRef nor a selector and a template: taken for an excerpt",
           "applied as it stands, the Rollout is InvalidSpec (.spec.selector is missing)", ""});
    if (auto valid = validate_rollout(rollout); !valid) add(finding_of(rollout.file, valid.error()));
    for (const CanaryStep& step : rollout.steps) check_pause(rollout, step);
    if (rollout.background &&
        rollout.background->starting_step >= std::max<int64_t>(1, static_cast<int64_t>(rollout.steps.size())))
      add({Severity::kWarning, rollout.file, line_in(rollout.background->origin, "startingStep"),
           path_in(rollout.background->origin, "startingStep"), "there is no such step", "the analysis never runs",
           ""});
    for (const Analysis& analysis : analyses_of(rollout)) look_at(rollout, analysis);
  }

  void check_pause(const Rollout& rollout, const CanaryStep& step) {
    bool text = step.pause && step.pause->is_string();
    auto exact = text ? parse_go_duration(std::string_view(step.pause->get_string())) : Result<Nanos>(Nanos(0));
    auto counted = pause_length(step);
    if (!exact || !counted || !*counted || *exact == **counted || *exact == Nanos(0)) return;
    add({Severity::kWarning, rollout.file, line_in(step.origin, "pause.duration"),
         path_in(step.origin, "pause.duration"),
         fmt::format("a pause counts whole seconds: {} is {}", std::string_view(step.pause->get_string()),
                     format_duration(**counted)),
         "the fraction is cut off", ""});
  }

  void look_at(const Rollout& rollout, const Analysis& analysis) {
    const json::Origin& origin = analysis.reference->origin;
    auto complain = [&](Severity severity, std::string_view field, std::string what, std::string argo) {
      add({severity, rollout.file, line_in(origin, field), path_in(origin, field), std::move(what), std::move(argo),
           ""});
    };
    if (analysis.refs.empty())
      return complain(Severity::kWarning, "templates", "the analysis names no template", "nothing is analysed");
    auto templates = follow(manifest_, analysis.refs);
    if (!templates) return add(missing(rollout.file, templates.error()));
    auto spec = flatten(*templates);
    if (!spec) return add(finding_of(rollout.file, spec.error()));
    std::vector<std::string> dropped;
    if (auto merged = merge(analysis.reference->args, spec->args, &dropped); !merged)
      complain(Severity::kError, "args", merged.error().what, "the Rollout is InvalidSpec");
    for (const std::string& name : dropped)
      complain(Severity::kWarning, "args", fmt::format("no template has an argument \"{}\"", name), "it is dropped");
    if (analysis.kind == AnalysisKind::kBackground) return;
    for (const Template* made : *templates) check_finite(rollout, analysis, *made);
  }

  void check_finite(const Rollout& rollout, const Analysis& analysis, const Template& made) {
    for (const MetricTemplate& metric : made.metrics) {
      std::vector<Argument> args = known_arguments(analysis, made.args);
      for (Argument& argument : args)
        if (!argument.value) argument.value = "1";
      auto resolved = resolve_metric(metric, args);
      if (!resolved || validate_finite(*resolved, made.name)) continue;
      add({Severity::kError, rollout.file, line_in(analysis.reference->origin, "templates"),
           path_in(analysis.reference->origin, "templates"),
           fmt::format("{} must come to an end, and the metric \"{}\" of {} has an interval and no count",
                       analysis.name, metric.name, made.name),
           fmt::format("the Rollout is InvalidSpec: AnalysisTemplate {} has metric {} which runs indefinitely",
                       made.name, metric.name),
           fmt::format("give the metric a count, or use the template as background analysis")});
    }
  }

  Manifest manifest_;
  std::deque<Analysis> analyses_;  // of its Rollouts
  std::map<const Template*, const Analysis*> first_user_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> lint(const std::vector<SourceFile>& files, std::vector<std::string>* ignored) {
  Linter linter;
  for (const SourceFile& file : files) linter.read(file);
  if (ignored) *ignored = linter.ignored();
  return linter.finish();
}

}  // namespace ordeal::argo

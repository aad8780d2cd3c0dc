// list and report of a cluster's runs.
#include "app/cli/cluster/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/cli/cluster/cluster_commands.h"
#include "app/cli/cluster/objects.h"
#include "app/cli/commands.h"
#include "app/cli/record/write_report.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/model/cluster/names.h"
#include "core/model/run/run_id.h"
#include "platform/kube/access/base64.h"

namespace ordeal::cli {
namespace {

Result<json::Array> find_experiments(const Connection& to, const ClusterOptions& where) {
  auto found = fetch_all(to, kube::kExperiments, {where.namespace_, ""});
  bool narrower = !found && where.namespace_.empty() && found.error().kind == kube::ApiFailure::Kind::kForbidden;
  if (narrower) {
    print_to_error("ordeal: you may not see all namespaces: only {} was looked through\n", to.namespace_);
    found = fetch_all(to, kube::kExperiments, {to.namespace_, ""});
  }
  if (!found) return tl::unexpected(error_of(found.error(), "cannot list the experiments"));
  return std::move(*found);
}

json::Value row_json(const FoundRun& run) {
  return json::Object{{"id", run.run},
                      {"name", run.name},
                      {"namespace", run.namespace_},
                      {"experiment", run.experiment},
                      {"started", run.started},
                      {"verdict", run.verdict},
                      {"exit", run.exit ? json::Value(*run.exit) : json::Value(nullptr)}};
}

Result<> write_report_of(const ReportOptions& options) {
  if (options.all)
    return fail(Errc::kInvalidInput, "report --all: the page of all runs is of this host",
                "`ordeal list --cluster` shows the runs of a cluster");
  if (options.run.empty())
    return fail(Errc::kInvalidInput, "report: expected a RUN, such as \"last\"", "`ordeal list --cluster` shows all");
  std::string selector = TRY(parse_run_selector(options.run));
  Connection to = TRY(connect(options.where));
  print_to_error("ordeal: {}\n", to.where());
  FoundRun run = TRY(find_run(to, options.where, selector));
  return put_report(TRY(load_record(to, run)).events, options);
}

}  // namespace

FoundRun found_run_of(const json::Value& experiment) {
  FoundRun run;
  run.run = text_at(experiment, "status.run");
  run.namespace_ = text_at(experiment, "metadata.namespace");
  run.experiment = text_at(experiment, "metadata.name");
  run.name = text_at(experiment, "spec.name");
  if (run.name.empty()) run.name = run.experiment;
  run.started = text_at(experiment, "status.started");
  if (run.started.empty()) run.started = text_at(experiment, "metadata.creationTimestamp");
  run.verdict = text_at(experiment, "status.verdict");
  run.complete = has_condition(experiment, "Complete");
  run.reason = text_at(experiment, "status.reason");
  if (run.verdict.empty()) run.verdict = run.run.empty() ? "waiting" : "running";
  if (const json::Value* exit = field_at(experiment, "status.exit"); exit && exit->is_int64())
    run.exit = static_cast<int>(exit->get_int64());
  return run;
}

Result<std::vector<FoundRun>> find_runs(const Connection& to, const ClusterOptions& where) {
  std::vector<FoundRun> runs;
  for (const json::Value& experiment : TRY(find_experiments(to, where))) runs.push_back(found_run_of(experiment));
  std::stable_sort(runs.begin(), runs.end(),
                   [](const FoundRun& a, const FoundRun& b) { return a.started > b.started; });
  return runs;
}

Result<FoundRun> choose_run(const std::vector<FoundRun>& runs, const std::string& selector) {
  std::vector<const FoundRun*> meant;
  for (const FoundRun& run : runs)
    if (!run.run.empty() && (selector == "last" || run.run.starts_with(selector))) meant.push_back(&run);
  if (meant.empty())
    return fail(Errc::kNotFound, fmt::format("no run \"{}\" is known to this cluster", selector),
                "`ordeal list --cluster` shows all; the record of a run goes with its Experiment");
  if (meant.size() == 1 || selector == "last") return *meant.front();
  std::vector<std::string> ids;
  for (const FoundRun* run : meant) ids.push_back(run->run);
  return fail(Errc::kInvalidInput, fmt::format("\"{}\" matches more than one run: {}", selector, join(ids, ", ")),
              "give more of the run's id");
}

Result<FoundRun> find_run(const Connection& to, const ClusterOptions& where, const std::string& selector) {
  return choose_run(TRY(find_runs(to, where)), selector);
}

std::string record_labels(const std::string& run) {
  return fmt::format("{}={},{}=true", cluster::kRunLabel, run, cluster::kRecordLabel);
}

Result<store::RecordPart> part_of(const json::Value& config_map) {
  std::string name = text_at(config_map, "metadata.name");
  auto index = parse_number<int>(std::string_view(name).substr(name.rfind('-') + 1));
  const json::Value* data = field_at(config_map, "binaryData");
  if (!index || !data || !data->is_object() || data->get_object().size() != 1)
    return fail(Errc::kInvalidInput, fmt::format("the ConfigMap {} is no part of a record", name));
  const json::Value& text = data->get_object().begin()->value();
  auto bytes = text.is_string() ? kube::decode_base64(text.get_string()) : std::nullopt;
  if (!bytes) return fail(Errc::kInvalidInput, fmt::format("the ConfigMap {} is no part of a record", name));
  return store::RecordPart{*index, false, std::move(*bytes)};
}

std::optional<Outcome> outcome_in_status(std::string word) {
  std::replace(word.begin(), word.end(), '_', ' ');
  for (Outcome outcome : {Outcome::kHeld, Outcome::kDeviated, Outcome::kNotInjected, Outcome::kInconclusive,
                          Outcome::kHalted, Outcome::kRefused, Outcome::kError, Outcome::kRevertFailed})
    if (word == to_text(outcome)) return outcome;
  return std::nullopt;
}

void prefer_status(const FoundRun& run, store::RecordedRun& recorded) {
  auto* ended = recorded.events.empty() ? nullptr : std::get_if<events::Ended>(&recorded.events.back().data);
  auto said = outcome_in_status(run.verdict);
  if (!run.complete || !ended || !said || ended->verdict.outcome == *said) return;
  ended->verdict = {*said, run.reason,
                    fmt::format("the record says {}, and the Experiment {}/{} says this: somebody may have changed the "
                                "record's ConfigMaps",
                                to_text(ended->verdict.outcome), run.namespace_, run.experiment)};
  recorded.row.verdict = to_text(*said);
  recorded.row.exit = static_cast<int>(exit_code_of(*said));
}

Result<store::RecordedRun> load_record(const Connection& to, const FoundRun& run) {
  auto found = fetch_all(to, kube::kConfigMaps, {run.namespace_, ""}, record_labels(run.run));
  if (!found) return tl::unexpected(error_of(found.error(), "cannot read the record of " + run.run));
  if (found->empty())
    return fail(Errc::kNotFound, fmt::format("the record of the run {} is not in {} any more", run.run, run.namespace_),
                "records are kept with their Experiments, and the oldest go first");
  std::vector<store::RecordPart> parts;
  for (const json::Value& one : *found) parts.push_back(TRY(part_of(one)));
  auto recorded = store::read_cluster_record(std::move(parts));
  if (!recorded) return wrap(std::move(recorded).error(), "the record of the run " + run.run);
  prefer_status(run, *recorded);
  return recorded;
}

kube::Request halt_request(const std::string& space, const std::string& experiment, const std::string& reason) {
  json::Object patch{{"metadata", {{"annotations", {{kHaltAnnotation, reason}}}}}};
  return kube::patch(kube::kExperiments, {space, experiment}, kube::kMergePatch, patch);
}

ExitCode list_in_cluster(const ClusterOptions& where, size_t limit, bool json) {
  auto to = connect(where);
  if (!to) return print_error(to.error());
  if (json) print_to_error("ordeal: {}\n", to->where());
  if (!json) print("Cluster     {}\n", to->where());
  auto runs = find_runs(*to, where);
  if (!runs) return print_error(runs.error());
  if (runs->size() > limit) runs->resize(limit);
  for (const FoundRun& run : *runs) {
    if (json) {
      print_json(row_json(run));
    } else {
      print("{:<26} {:<24} {:<14} {}/{}\n", run.run.empty() ? "-" : run.run, run.started, run.verdict, run.namespace_,
            run.experiment);
    }
  }
  if (runs->empty() && !json) print("No runs yet.\n");
  return ExitCode::kHeld;
}

ExitCode report_in_cluster(const ReportOptions& options) {
  auto done = write_report_of(options);
  return done ? ExitCode::kHeld : print_bad_run(done.error());
}

}  // namespace ordeal::cli

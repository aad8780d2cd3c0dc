// analysis: an AnalysisTemplate as an AnalysisRun against a real Prometheus, with Argo's schedule and Argo's judgement.
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "app/cli/argo/analysis_output.h"
#include "app/cli/commands.h"
#include "app/cli/signals.h"
#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"
#include "core/base/io/wait.h"
#include "core/expr/condition.h"
#include "interop/argo/objects/bundle.h"
#include "interop/argo/run/analyses.h"
#include "interop/argo/run/analysis_run.h"
#include "prometheus/promql/syntax/parser.h"
#include "run/session/argo_expect.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::cli {
namespace {

using argo::AnalysisRun;
using argo::Mode;

Result<argo::Manifest> read_manifest(const std::vector<std::string>& files) {
  argo::Manifest manifest;
  for (const std::string& file : files) {
    auto text = read_input(file, argo::kMostBundleBytes);
    if (!text) return tl::unexpected(text.error());
    auto documents = argo::read_all(*text);
    if (!documents) return wrap(documents.error(), file);
    for (const json::Document& document : *documents)
      if (auto added = argo::add_document(manifest, document, file); !added) return wrap(added.error(), file);
  }
  return manifest;
}

Result<argo::TemplateRef> ref_of(const argo::Manifest& manifest, const std::string& name) {
  for (bool cluster : {false, true})
    if (manifest.find({name, cluster, {}})) return argo::TemplateRef{name, cluster, {}};
  return fail(Errc::kInvalidInput, fmt::format("--template: no template in the files is named \"{}\"", name));
}

bool refers_to(const argo::Analysis& analysis, const std::string& name) {
  return std::any_of(analysis.refs.begin(), analysis.refs.end(), [&](const auto& ref) { return ref.name == name; });
}

// The templates that were asked for, with the arguments of the first Rollout that refers to one of them.
Result<argo::Analysis> choose_templates(const argo::Manifest& manifest, const std::vector<std::string>& names) {
  argo::Analysis chosen;
  for (const argo::Analysis& analysis : argo::analyses_of(manifest)) {
    bool fits = std::any_of(names.begin(), names.end(), [&](const auto& name) { return refers_to(analysis, name); });
    if (!fits) continue;
    chosen = analysis;
    break;
  }
  chosen.run = nullptr;
  chosen.refs.clear();
  for (const std::string& name : names) chosen.refs.push_back(TRY(ref_of(manifest, name)));
  if (chosen.name.empty()) chosen.name = fmt::format("the AnalysisTemplate {}", fmt::join(names, ", "));
  return chosen;
}

Result<argo::Analysis> choose(const argo::Manifest& manifest, const std::vector<std::string>& names) {
  if (!names.empty()) return choose_templates(manifest, names);
  std::vector<argo::Analysis> all = argo::analyses_of(manifest);
  if (all.empty()) return fail(Errc::kInvalidInput, "the files describe no analysis");
  if (all.size() == 1) return all[0];
  std::string known;
  for (const argo::Analysis& analysis : all) known += (known.empty() ? "" : "; ") + analysis.name;
  return fail(Errc::kInvalidInput, "the files describe several analyses: " + known, "choose with --template NAME");
}

// In strict these become Errors of each measurement, as in Argo.
Result<> check_conditions(const AnalysisRun& run) {
  for (const argo::Metric& metric : run.metrics()) {
    auto refuse = [&](const char* field, const Error& error) {
      return fail(Errc::kInvalidInput, fmt::format("line {}: {}: {}", argo::line_in(metric.origin, field),
                                                   argo::path_in(metric.origin, field), error.message()));
    };
    for (auto [field, text] : {std::pair{"successCondition", &metric.success_condition},
                               std::pair{"failureCondition", &metric.failure_condition}})
      if (auto parsed =
              text->empty() ? Result<>() : expr::Condition::parse(*text, expr::Dialect::kArgo).map([](auto&&) {});
          !parsed)
        return refuse(field, parsed.error());
  }
  return {};
}

Result<AnalysisRun> create_run(const argo::RunSpec& spec, bool strict) {
  AnalysisRun run = TRY(AnalysisRun::create(spec.spec, strict ? Mode::kStrict : Mode::kCompat));
  if (!strict) TRY_VOID(check_conditions(run));
  return run;
}

void warn_of_queries(const AnalysisRun& run, const AnalysisOutput& output) {
  for (const argo::Metric& metric : run.metrics())
    if (auto query = promql::parse(metric.prometheus.query); !query) output.warn_of_query(metric, query.error());
}

// Asks what the run wants to know, and tells it the answers, the time and a signal.
class AnalysisDriver {
 public:
  AnalysisDriver(AnalysisRun& run, const AnalysisOptions& options, AnalysisOutput& output, net::HttpClient client,
                 UniqueFd signals)
      : run_(run), options_(options), output_(output), client_(std::move(client)), signals_(std::move(signals)) {
    if (const char* address = std::getenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS")) environment_ = address;
  }

  void play(bool terminated) {
    perform(terminated ? run_.handle(now(), argo::Terminate{}) : run_.start(now()));
    while (!run_.finished()) {
      wait();
      signalfd_siginfo info{};
      if (::read(signals_.get(), &info, sizeof info) == sizeof info) perform(run_.handle(now(), argo::Terminate{}));
      client_.dispatch();
      deliver_answers();
      auto wake = run_.next_wake();
      if (wake && *wake <= now()) perform(run_.handle(now(), argo::Wake{}));
    }
  }

 private:
  // Wall time that never goes back.
  Nanos now() const { return offset_.wall(boot_now()); }

  void wait() {
    Nanos left = answers_.empty() ? run_.next_wake().value_or(now() + 1h) - now() : Nanos(0);
    wait_readable({signals_.get(), client_.descriptor()}, left);
  }

  void perform(const argo::RunActions& actions) {
    for (const argo::RunAction& action : actions)
      if (const auto* measure = std::get_if<argo::Measure>(&action)) ask(measure->metric);
  }

  void deliver_answers() {
    for (auto& [index, measurement] : std::exchange(answers_, {})) {
      if (run_.finished()) return;
      output_.measured(run_, index, measurement, now());
      perform(run_.handle(now(), argo::Measured{index, std::move(measurement)}));
    }
  }

  void ask(size_t index) {
    argo::Metric metric = run_.metrics()[index];
    if (!options_.prometheus.empty()) metric.prometheus.address = options_.prometheus;
    auto question = argo::question_of(metric, environment_, now());
    if (!question) return answer(index, argo::failed_measurement(question.error().message()));
    watch::PrometheusQuestion asked{question->query,           question->timeout, {}, metric.prometheus.headers, "",
                                    metric.prometheus.insecure};
    if (question->range) asked.range = {question->range->start, question->range->end, question->range->step};
    if (!metric.prometheus.username.empty())
      asked.login = metric.prometheus.username + ":" + metric.prometheus.password;
    source(question->address).ask(asked, [this, index](const Result<watch::QueryAnswer>& seen) {
      if (!seen) return answer(index, argo::failed_measurement(seen.error().message()));
      promql::QueryResult result = seen->result;
      result.warnings = seen->warnings;
      answer(index, argo::measure(run_.metrics()[index], result, run_.mode(), now()));
    });
  }

  void answer(size_t index, argo::Measurement measurement) {
    measurement.message = output_.hide_secrets(measurement.message);
    answers_.emplace_back(index, std::move(measurement));
  }

  watch::PrometheusSource& source(const std::string& address) {
    return sources_.try_emplace(address, client_, address, std::nullopt).first->second;
  }

  AnalysisRun& run_;
  const AnalysisOptions& options_;
  AnalysisOutput& output_;
  net::HttpClient client_;
  UniqueFd signals_;
  WallOffset offset_ = WallOffset::measure();
  std::string environment_;
  std::map<std::string, watch::PrometheusSource> sources_;
  std::vector<std::pair<size_t, argo::Measurement>> answers_;
};

// Nothing that was not proven counts as held.
ExitCode exit_code(const AnalysisRun& run) {
  argo::Phase phase = run.phase();
  if (phase == argo::Phase::kSuccessful) return doubts(run).empty() ? ExitCode::kHeld : ExitCode::kInconclusive;
  return phase == argo::Phase::kFailed ? ExitCode::kDeviated : ExitCode::kInconclusive;
}

Result<ExitCode> run_analysis(const AnalysisOptions& options) {
  if (!options.prometheus.empty() && !is_http_url(options.prometheus))
    return fail(Errc::kInvalidInput,
                fmt::format("--prometheus: expected {}, found \"{}\"", kUrlExpected, options.prometheus));
  argo::Manifest manifest = TRY(read_manifest(options.files));
  argo::Analysis analysis = TRY(choose(manifest, options.templates));
  argo::RunSpec spec = TRY(argo::prepare_analysis(manifest, analysis, TRY(session::read_args(options.args))));
  auto created = create_run(spec, options.strict);
  if (!created) return tl::unexpected(argo::redact(created.error(), spec.secrets));
  AnalysisRun& run = *created;
  UniqueFd signals = TRY(take_signals());
  AnalysisOutput output(options, analysis, spec);
  output.begin(run);
  if (!options.strict) warn_of_queries(run, output);
  AnalysisDriver(run, options, output, TRY(net::HttpClient::create()), std::move(signals)).play(spec.terminated);
  output.end(run);
  return exit_code(run);
}

}  // namespace

ExitCode analysis_command(const AnalysisOptions& options) {
  auto code = run_analysis(options);
  return code ? *code : print_error(code.error());
}

}  // namespace ordeal::cli

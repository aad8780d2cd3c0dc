// Argo's files never crash what reads them: decoding, lint, the expectations that are made of them, and a run.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "interop/argo/check/expectations.h"
#include "interop/argo/check/lint.h"
#include "interop/argo/run/analyses.h"
#include "interop/argo/run/analysis_run.h"

namespace {

using namespace ordeal;
using namespace ordeal::argo;

constexpr Nanos kStart = std::chrono::hours(490'000);

// A few turns with every kind of answer.
void play(AnalysisRun run) {
  promql::QueryResult answers[3];
  answers[0].kind = promql::ValueKind::kScalar;
  answers[1].vector = {{{}, 0.5}};
  Nanos now = kStart;
  RunActions actions = run.start(now);
  for (int turn = 0; turn < 20 && !run.finished(); ++turn) {
    for (const RunAction& action : RunActions(actions)) {
      const auto* ask = std::get_if<Measure>(&action);
      if (!ask) continue;
      Measurement measured = measure(run.metrics()[ask->metric], answers[turn % 3], run.mode(), now);
      (void)question_of(run.metrics()[ask->metric], "http://p", now);
      actions = run.handle(now, Measured{ask->metric, std::move(measured)});
    }
    auto next = run.next_wake();
    if (!next) break;
    now = std::max(now, *next);
    actions = run.handle(now, Wake{});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  for (const Finding& finding : lint({{"f", text}}))
    if (finding.what.empty()) __builtin_trap();
  auto documents = json::parse_documents(text);
  if (!documents) return 0;
  Manifest manifest;
  for (const json::Document& document : *documents)
    if (!add_document(manifest, document)) return 0;
  (void)derive_expectations(manifest, {});
  for (const Analysis& analysis : analyses_of(manifest)) {
    auto spec = prepare_analysis(manifest, analysis, {});
    if (!spec) continue;
    for (Mode mode : {Mode::kCompat, Mode::kStrict})
      if (auto run = AnalysisRun::create(spec->spec, mode)) play(std::move(*run));
  }
  for (const Rollout& rollout : manifest.rollouts) (void)abort_effect(rollout);
  return 0;
}

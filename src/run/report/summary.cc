#include "run/report/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace ordeal::report {
namespace {

std::optional<When> when_of(Phase phase) {
  switch (phase) {
    case Phase::kBefore:
      return When::kBefore;
    case Phase::kInject:
    case Phase::kDuring:
      return When::kDuring;
    case Phase::kAfter:
      return When::kAfter;
    default:
      return std::nullopt;
  }
}

class Projection {
 public:
  RunSummary take(const std::vector<RunEvent>& events) {
    for (const RunEvent& event : events) apply(event);
    finish();
    return std::move(summary_);
  }

 private:
  void apply(const RunEvent& event);
  void on(const events::Run& run, const RunEvent& event);
  void on(const events::PhaseBegun& phase, const RunEvent& event);
  void on(const events::Look& look, const RunEvent& event);
  void on(const events::Breach& breach, const RunEvent& event);
  void on(const events::Injected& injected, const RunEvent& event);
  void on(const events::InjectFailed& failed, const RunEvent& event);
  void on(const events::VictimGone& gone, const RunEvent& event);
  void on(const events::Halt& halt, const RunEvent& event);
  void on(const events::Reverted& reverted, const RunEvent& event);
  void on(const events::Proven& proven, const RunEvent&) { summary_.proofs.push_back(proven); }
  void on(const events::Action& action, const RunEvent& event);
  void on(const events::Note& note, const RunEvent&) {
    if (note.level == events::Level::kWarning) summary_.notes.push_back(note.text);
  }
  void on(const events::Ended& ended, const RunEvent& event);
  void on(const events::Unknown& unknown, const RunEvent&) { ++unknown_[unknown.type]; }
  void finish();
  ExpectationStatus status(const ExpectationSummary& expectation, size_t index, When when) const;
  ImpactSummary* impact(int id);

  RunSummary summary_;
  std::map<size_t, Reading> last_judged_;
  std::map<std::string, int> unknown_;
};

void Projection::apply(const RunEvent& event) {
  if (summary_.run.empty()) {
    summary_.run = event.run;
    summary_.begin = event.boot;
    summary_.wall_offset = event.wall - event.boot.time_since_epoch();
  }
  summary_.end = std::max(summary_.end, event.boot);
  std::visit([&](const auto& data) { on(data, event); }, event.data);
  if (!as<events::Look>(event) && !as<events::Unknown>(event)) summary_.timeline.push_back(event);
}

void Projection::on(const events::Run& run, const RunEvent&) {
  summary_.name = run.name;
  summary_.hypothesis = run.hypothesis;
  summary_.description = run.description;
  summary_.version = run.version;
  summary_.victims = run.victims;
  summary_.sources = run.sources;
  summary_.seed = run.seed;
  summary_.attack = run.attack;
  summary_.experiment = run.experiment;
  summary_.expectations = expectations_of(run);
}

void Projection::on(const events::PhaseBegun& phase, const RunEvent& event) {
  if (!summary_.phases.empty()) summary_.phases.back().end = event.boot;
  summary_.phases.push_back({phase.phase, event.boot, event.boot, phase.length, phase.why});
}

void Projection::on(const events::Look& look, const RunEvent& event) {
  if (look.expectation >= summary_.expectations.size()) return;
  ExpectationSummary& expectation = summary_.expectations[look.expectation];
  Sample sample{event.boot, look.phase, look.reading, look.value, look.series, look.detail};
  if (sample.value && !std::isfinite(*sample.value)) sample.value.reset();
  if (expectation.counts_in(sample.phase)) {
    // That an expectation holds from the start is no news.
    Reading before =
        std::exchange(last_judged_.try_emplace(look.expectation, Reading::kHolds).first->second, sample.reading);
    if (before != sample.reading) summary_.timeline.push_back(event);
  }
  for (WhenSummary& when : expectation.when) {
    if (when.when != when_of(sample.phase)) continue;
    ++when.looks;
    if (!sample.value) ++when.without_data;
    // A recovery is judged by where it ends.
    bool counts = !when.value || when.when == When::kAfter;
    if (sample.value && (counts || is_worse(*sample.value, *when.value, expectation.threshold)))
      when.value = sample.value;
  }
  expectation.samples.push_back(std::move(sample));
}

void Projection::on(const events::Breach& breach, const RunEvent& event) {
  summary_.breaches.push_back({event.boot, breach.expectation, breach.name, breach.condition, breach.trigger,
                               breach.phase, breach.value, breach.since, breach.text});
}

void Projection::on(const events::Injected& injected, const RunEvent& event) {
  ImpactSummary impact;
  impact.id = injected.impact;
  impact.victim = injected.victim;
  impact.begin = event.boot;
  for (const Step& step : injected.steps) impact.steps.push_back(step.action);
  summary_.impacts.push_back(std::move(impact));
}

void Projection::on(const events::InjectFailed& failed, const RunEvent& event) {
  summary_.failed.push_back({event.boot, failed.victim, failed.error, failed.hint});
}

ImpactSummary* Projection::impact(int id) {
  for (ImpactSummary& impact : summary_.impacts)
    if (impact.id == id) return &impact;
  return nullptr;
}

void Projection::on(const events::VictimGone& gone, const RunEvent& event) {
  ImpactSummary* ended = impact(gone.impact);
  if (!ended) return;
  ended->gone = gone.why.empty() ? "the victim went" : gone.why;
  if (!ended->end) ended->end = event.boot;
}

void Projection::on(const events::Halt& halt, const RunEvent& event) {
  if (summary_.halt) return;
  bool known = halt.requested > BootTime{} && halt.requested <= event.boot;
  summary_.halt = HaltSummary{known ? halt.requested : event.boot, event.boot, halt.why, halt.by};
}

void Projection::on(const events::Reverted& reverted, const RunEvent& event) {
  ImpactSummary* ended = impact(reverted.impact);
  if (!ended) return;
  if (!ended->end) ended->end = event.boot;
  ended->revert_took = reverted.took;
  ended->result = reverted.result;
  ended->error = reverted.error;
}

void Projection::on(const events::Action& action, const RunEvent& event) {
  summary_.actions.push_back({event.boot, action.action, action.ok, action.result, action.output, action.took});
}

void Projection::on(const events::Ended& ended, const RunEvent&) {
  const Verdict& verdict = ended.verdict;
  summary_.verdict = VerdictSummary{to_text(verdict.outcome), static_cast<int>(exit_code_of(verdict.outcome)),
                                    verdict.reason, verdict.hint};
}

ExpectationStatus Projection::status(const ExpectationSummary& expectation, size_t index, When when) const {
  for (const BreachSummary& breach : summary_.breaches)
    if (breach.expectation == index && when == when_of(breach.phase)) return ExpectationStatus::kBreached;
  ExpectationStatus last = ExpectationStatus::kNotReached;
  for (const PhaseSpan& span : summary_.phases)
    if (when == when_of(span.phase)) last = ExpectationStatus::kUndecided;
  for (const Sample& sample : expectation.samples) {
    if (when != when_of(sample.phase)) continue;
    if (sample.reading == Reading::kHolds) last = ExpectationStatus::kHeld;
    // A value past the limit is not yet a breach (`for`), except when the recovery ended with it.
    if (sample.reading == Reading::kBreached)
      last = when == When::kAfter ? ExpectationStatus::kBreached : ExpectationStatus::kUndecided;
  }
  bool held = summary_.verdict && summary_.verdict->exit == 0;
  return held && last == ExpectationStatus::kUndecided ? ExpectationStatus::kHeld : last;
}

void Projection::finish() {
  for (const auto& [type, count] : unknown_)
    summary_.notes.push_back(fmt::format("{} event{} of the type \"{}\" {} left out: a newer Ordeal wrote this record",
                                         count, count == 1 ? "" : "s", type, count == 1 ? "is" : "are"));
  if (!summary_.phases.empty()) summary_.phases.back().end = summary_.end;
  for (size_t i = 0; i < summary_.expectations.size(); ++i)
    for (WhenSummary& when : summary_.expectations[i].when)
      when.status = status(summary_.expectations[i], i, when.when);
}

}  // namespace

RunSummary summarize(const std::vector<RunEvent>& events) { return Projection().take(events); }

ExpectationStatus ExpectationSummary::status() const {
  ExpectationStatus worst = ExpectationStatus::kNotReached;
  auto rank = [](ExpectationStatus s) {
    return s == ExpectationStatus::kBreached    ? 3
           : s == ExpectationStatus::kUndecided ? 2
           : s == ExpectationStatus::kHeld      ? 1
                                                : 0;
  };
  for (const WhenSummary& item : when)
    if (rank(item.status) > rank(worst)) worst = item.status;
  return worst;
}

bool ExpectationSummary::counts_in(Phase phase) const {
  auto counts = [&](const WhenSummary& item) {
    return item.when == when_of(phase) || (phase == Phase::kRevert && item.when != When::kBefore);
  };
  return when.empty() || std::any_of(when.begin(), when.end(), counts);
}

std::optional<BootTime> RunSummary::attack_begin() const {
  if (impacts.empty()) return std::nullopt;
  return std::min_element(impacts.begin(), impacts.end(), [](auto& a, auto& b) { return a.begin < b.begin; })->begin;
}

std::optional<BootTime> RunSummary::attack_end() const {
  if (impacts.empty()) return std::nullopt;
  BootTime last = impacts[0].end.value_or(end);
  for (const ImpactSummary& impact : impacts) last = std::max(last, impact.end.value_or(end));
  return last;
}

std::optional<Nanos> RunSummary::detection() const {
  std::optional<BootTime> from = attack_begin();
  for (const BreachSummary& breach : breaches)
    if (from && breach.at >= *from) return breach.at - *from;
  return std::nullopt;
}

std::optional<Nanos> RunSummary::breach_to_halt() const {
  if (!halt || halt->by != "breach" || breaches.empty()) return std::nullopt;
  std::optional<Nanos> latency;
  for (const BreachSummary& breach : breaches)
    if (breach.at <= halt->at) latency = halt->at - breach.at;
  return latency;
}

std::optional<Nanos> RunSummary::halt_to_reverted() const {
  bool over = std::all_of(impacts.begin(), impacts.end(), [](auto& impact) { return impact.end.has_value(); });
  if (!halt || impacts.empty() || !over || *attack_end() < halt->requested) return std::nullopt;
  return *attack_end() - halt->requested;
}

bool RunSummary::all_reverted_clean() const {
  return std::all_of(impacts.begin(), impacts.end(),
                     [](auto& impact) { return impact.result == events::RevertResult::kClean; });
}

std::vector<ExpectationSummary> expectations_of(const events::Run& run) {
  std::vector<ExpectationSummary> all;
  for (const events::Expectation& said : run.expectations) {
    ExpectationSummary expectation{
        said.name, said.text, said.condition, said.unit, said.trigger, said.threshold, said.halt, {}, {}};
    for (When when : said.when) expectation.when.push_back({when, {}, 0, 0, {}});
    all.push_back(std::move(expectation));
  }
  return all;
}

bool is_worse(double value, double than, const std::optional<Threshold>& threshold) {
  if (!threshold) return true;
  const std::string& op = threshold->op;
  if (op == "<" || op == "<=") return value > than;
  if (op == ">" || op == ">=") return value < than;
  return std::abs(value - threshold->value) >= std::abs(than - threshold->value);
}

}  // namespace ordeal::report

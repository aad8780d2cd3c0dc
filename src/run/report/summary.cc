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

bool is_of(const events::Proven& proven, const ImpactSummary& impact) {
  return proven.impact ? *proven.impact == impact.id : proven.victim == impact.victim;
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
  void on(const events::Proven& proven, const RunEvent&);
  void on(const events::Returned& returned, const RunEvent&);
  void on(const events::Action& action, const RunEvent& event);
  void on(const events::Note& note, const RunEvent&) {
    if (note.level == events::Level::kWarning) summary_.notes.push_back(note.text);
  }
  void on(const events::Ended& ended, const RunEvent& event);
  void on(const events::Unknown& unknown, const RunEvent&) { ++unknown_[unknown.type]; }
  void finish();
  ExpectationStatus status(const ExpectationSummary& expectation, size_t index, When when) const;
  ImpactSummary* impact(int id);
  void find_moments(ImpactSummary& impact) const;

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
  summary_.choice = run.choice;
  summary_.attack = run.attack;
  summary_.parts = run.parts;
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
    if (!sample.value) continue;
    if (counts || is_worse(*sample.value, *when.value, expectation.threshold)) when.value = sample.value;
    if (!when.worst || is_worse(*sample.value, *when.worst, expectation.threshold)) when.worst = sample.value;
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
  impact.part = injected.part;
  impact.begin = event.boot;
  for (const Step& step : injected.steps) impact.steps.push_back(step.action);
  impact.one_way = is_one_way(injected.steps);
  summary_.impacts.push_back(std::move(impact));
}

void Projection::on(const events::InjectFailed& failed, const RunEvent& event) {
  summary_.failed.push_back({event.boot, failed.victim, failed.error, failed.hint, failed.part});
}

void Projection::on(const events::Proven& proven, const RunEvent&) {
  summary_.proofs.push_back(proven);
  for (ImpactSummary& impact : summary_.impacts) {
    if (!is_of(proven, impact)) continue;
    impact.lasting = proven.proof.lasting;
    impact.moments = proven.proof.moments;
  }
}

void Projection::on(const events::Returned& returned, const RunEvent&) {
  ImpactSummary* victim = impact(returned.impact);
  if (!victim) return;
  victim->there = returned.there;
  victim->back = returned.after;
}

// Of a record that does not say when: the delay before it was over.
void Projection::find_moments(ImpactSummary& impact) const {
  BootTime due = impact.begin + summary_.attack.lead_in;
  bool told =
      std::any_of(summary_.proofs.begin(), summary_.proofs.end(), [&](auto& proven) { return is_of(proven, impact); });
  bool done = told ? !impact.lasting.empty() : due <= impact.end.value_or(summary_.end);
  if (impact.one_way && impact.moments.empty() && done) impact.moments.push_back(due);
}

ImpactSummary* Projection::impact(int id) {
  for (ImpactSummary& impact : summary_.impacts)
    if (impact.id == id) return &impact;
  return nullptr;
}

void Projection::on(const events::VictimGone& gone, const RunEvent& event) {
  ImpactSummary* ended = impact(gone.impact);
  if (!ended) return;
  ended->gone = gone.why.empty() ? "no reason was given" : gone.why;
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
    summary_.notes.push_back(fmt::format("{} event{} of type \"{}\" {} left out: a newer Ordeal wrote this record",
                                         count, count == 1 ? "" : "s", type, count == 1 ? "is" : "are"));
  if (!summary_.phases.empty()) summary_.phases.back().end = summary_.end;
  for (size_t i = 0; i < summary_.expectations.size(); ++i)
    for (WhenSummary& when : summary_.expectations[i].when)
      when.status = status(summary_.expectations[i], i, when.when);
  for (ImpactSummary& impact : summary_.impacts) find_moments(impact);
  for (ExpectationSummary& expectation : summary_.expectations)
    expectation.effect = effect_of(expectation, summary_.attack_begin(), summary_.recovery_begin());
}

}  // namespace

bool is_one_way(const std::vector<Step>& steps) {
  auto one_way = [](const Step& step) { return step.kind == StepKind::kOneWay; };
  return !steps.empty() && std::all_of(steps.begin(), steps.end(), one_way);
}

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
  std::optional<BootTime> first;
  for (const ImpactSummary& impact : impacts) {
    if (impact.one_way && impact.moments.empty()) continue;
    BootTime since = impact.one_way ? impact.moments.front() : impact.begin;
    first = first ? std::min(*first, since) : since;
  }
  return first;
}

std::optional<BootTime> RunSummary::recovery_begin() const {
  if (!attack_begin() || !one_way()) return attack_end();
  BootTime last = *attack_begin();
  for (const ImpactSummary& impact : impacts)
    if (!impact.moments.empty()) last = std::max(last, impact.moments.back());
  return last;
}

std::optional<BootTime> RunSummary::attack_end() const {
  if (!attack_begin()) return std::nullopt;
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
  if (!halt || !attack_end() || one_way() || !over || *attack_end() < halt->requested) return std::nullopt;
  return *attack_end() - halt->requested;
}

const Proof* RunSummary::proof_of(const ImpactSummary& impact) const {
  for (const events::Proven& proven : proofs)
    if (is_of(proven, impact)) return &proven.proof;
  return nullptr;
}

std::vector<ForceSpan> RunSummary::spans_in_force() const {
  if (!attack_begin()) return {};
  if (parts.empty()) return {{"", *attack_begin(), *attack_end()}};
  std::vector<ForceSpan> spans;
  for (const ImpactSummary& impact : impacts) {
    if (impact.one_way && impact.moments.empty()) continue;
    ForceSpan span{impact.part, impact.one_way ? impact.moments.front() : impact.begin, impact.end.value_or(end)};
    auto same = std::find_if(spans.begin(), spans.end(), [&](const ForceSpan& other) {
      return other.part == span.part && span.begin <= other.end && other.begin <= span.end;
    });
    if (same == spans.end()) {
      spans.push_back(std::move(span));
    } else {
      same->begin = std::min(same->begin, span.begin);
      same->end = std::max(same->end, span.end);
    }
  }
  return spans;
}

bool RunSummary::all_reverted_clean() const {
  return std::all_of(impacts.begin(), impacts.end(),
                     [](auto& impact) { return impact.result == events::RevertResult::kClean; });
}

bool RunSummary::one_way() const {
  return !impacts.empty() && std::all_of(impacts.begin(), impacts.end(), [](auto& impact) { return impact.one_way; });
}

std::vector<std::string> RunSummary::dead() const {
  std::vector<std::string> names;
  for (const ImpactSummary& impact : impacts)
    if (impact.dead()) names.push_back(impact.victim);
  return names;
}

std::vector<std::string> RunSummary::gone() const {
  std::vector<std::string> names;
  for (const ImpactSummary& impact : impacts)
    if (!impact.gone.empty()) names.push_back(impact.victim);
  return names;
}

std::vector<std::string> RunSummary::unproven() const {
  std::vector<std::string> names;
  for (const events::Proven& proven : proofs)
    if (!proven.proof.proven) names.push_back(title_of(proven.victim, proven.part));
  return names;
}

const ExpectationSummary* RunSummary::slowest() const {
  const ExpectationSummary* slowest = nullptr;
  auto rank = [](const EffectSummary& effect) { return effect.recovered.value_or(Nanos::max()); };
  for (const ExpectationSummary& expectation : expectations)
    if (expectation.effect.left && (!slowest || rank(expectation.effect) > rank(slowest->effect)))
      slowest = &expectation;
  return slowest;
}

std::vector<ExpectationSummary> expectations_of(const events::Run& run) {
  std::vector<ExpectationSummary> all;
  for (const events::Expectation& said : run.expectations) {
    ExpectationSummary expectation{
        said.name, said.text, said.condition, said.unit, said.trigger, said.threshold, said.halt, {}, {}, {}};
    for (When when : said.when) expectation.when.push_back({when, {}, 0, 0, {}, {}});
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

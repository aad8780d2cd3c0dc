#include "report/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace ordeal::report {
namespace {

// "not_injected" and "not injected" are the same word to a person.
std::string words(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

const char* when_of(Phase phase) {
  switch (phase) {
    case Phase::kBefore:
      return "before";
    case Phase::kInject:
    case Phase::kDuring:
      return "during";
    case Phase::kAfter:
      return "after";
    default:
      return "";
  }
}

std::string flag_text(const json::Object& data, std::string_view key, const char* fallback) {
  std::string text = text_of(data, key);
  return text.empty() ? fallback : text;
}

bool flag_of(const json::Object& data, std::string_view key, bool fallback) {
  const json::Value* value = data.if_contains(key);
  return value && value->is_bool() ? value->get_bool() : fallback;
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
  void on_run(const RunEvent& event);
  void on_phase(const RunEvent& event);
  void on_reading(const RunEvent& event);
  void on_breach(const RunEvent& event);
  void on_inject(const RunEvent& event);
  void on_inject_failed(const RunEvent& event);
  void on_victim_gone(const RunEvent& event);
  void on_halt(const RunEvent& event);
  void on_reverted(const RunEvent& event);
  void on_proof(const RunEvent& event);
  void on_action(const RunEvent& event);
  void on_verdict(const RunEvent& event);
  void on_note(const RunEvent& event) {
    if (text_of(event.data, "level") != "info") summary_.notes.push_back(text_of(event.data, "text"));
  }
  void finish();
  Standing standing(const ExpectationSummary& expectation, size_t index, const std::string& when) const;

  ImpactSummary* impact(const json::Object& data);

  RunSummary summary_;
  std::map<size_t, Reading> last_judged_;
};

void Projection::apply(const RunEvent& event) {
  using Handler = void (Projection::*)(const RunEvent&);
  static constexpr std::pair<std::string_view, Handler> kHandlers[] = {
      {"run", &Projection::on_run},
      {"phase", &Projection::on_phase},
      {"reading", &Projection::on_reading},
      {"breach", &Projection::on_breach},
      {"inject", &Projection::on_inject},
      {"inject_failed", &Projection::on_inject_failed},
      {"victim_gone", &Projection::on_victim_gone},
      {"halt", &Projection::on_halt},
      {"reverted", &Projection::on_reverted},
      {"proof", &Projection::on_proof},
      {"action", &Projection::on_action},
      {"note", &Projection::on_note},
      {"verdict", &Projection::on_verdict},
  };
  if (summary_.run.empty()) {
    summary_.run = event.run;
    summary_.begin = event.boot;
    summary_.wall_offset = event.wall - event.boot.time_since_epoch();
  }
  summary_.end = std::max(summary_.end, event.boot);
  for (const auto& [type, handler] : kHandlers)
    if (type == event.type) (this->*handler)(event);
  if (event.type != "reading") summary_.story.push_back(event);
}

void Projection::on_run(const RunEvent& event) {
  const json::Object& data = event.data;
  summary_.name = text_of(data, "name");
  summary_.hypothesis = text_of(data, "hypothesis");
  summary_.description = text_of(data, "description");
  summary_.version = text_of(data, "version");
  summary_.victims = texts_of(data, "victims");
  summary_.sources = texts_of(data, "sources");
  if (auto seed = data.if_contains("seed"); seed && seed->is_number()) {
    boost::system::error_code error;
    auto number = seed->to_number<uint64_t>(error);
    if (!error) summary_.seed = number;
  }
  if (auto attack = data.if_contains("attack"); attack && attack->is_object()) {
    summary_.attack_type = text_of(attack->get_object(), "type");
    summary_.attack_length = millis_of(attack->get_object(), "length_ms");
    if (auto args = attack->get_object().if_contains("args"); args && args->is_object())
      summary_.attack_args = args->get_object();
  }
  if (auto experiment = data.if_contains("experiment")) summary_.experiment = *experiment;
  for (const json::Object& item : objects_of(data, "expectations")) {
    ExpectationSummary expectation;
    expectation.name = text_of(item, "name");
    expectation.text = text_of(item, "text");
    expectation.condition = text_of(item, "condition");
    expectation.unit = text_of(item, "unit");
    expectation.trigger = text_of(item, "trigger");
    expectation.threshold = threshold_of(item);
    expectation.halts = flag_of(item, "halt", true);
    for (const std::string& when : texts_of(item, "when")) expectation.when.push_back({when, {}, 0, 0, {}});
    summary_.expectations.push_back(std::move(expectation));
  }
}

void Projection::on_phase(const RunEvent& event) {
  if (!summary_.phases.empty()) summary_.phases.back().end = event.boot;
  summary_.phases.push_back(
      {phase_of(event.data), event.boot, event.boot, millis_of(event.data, "length_ms"), text_of(event.data, "why")});
}

void Projection::on_reading(const RunEvent& event) {
  auto index = number_of(event.data, "expectation");
  if (!index || *index < 0 || static_cast<size_t>(*index) >= summary_.expectations.size()) return;
  ExpectationSummary& expectation = summary_.expectations[static_cast<size_t>(*index)];
  Sample sample{event.boot,
                phase_of(event.data),
                reading_of(event.data),
                number_of(event.data, "value"),
                text_of(event.data, "series"),
                text_of(event.data, "detail")};
  if (sample.value && !std::isfinite(*sample.value)) sample.value.reset();
  if (expectation.counts_in(sample.phase)) {
    // That an expectation holds from the start is no news.
    Reading before = std::exchange(last_judged_.try_emplace(static_cast<size_t>(*index), Reading::kHolds).first->second,
                                   sample.reading);
    if (before != sample.reading) summary_.story.push_back(event);
  }
  for (WhenSummary& when : expectation.when) {
    if (when.when != when_of(sample.phase)) continue;
    ++when.looks;
    if (!sample.value) ++when.without_data;
    // A recovery is judged by where it ends.
    bool counts = !when.value || when.when == "after";
    if (sample.value && (counts || is_worse(*sample.value, *when.value, expectation.threshold)))
      when.value = sample.value;
  }
  expectation.samples.push_back(std::move(sample));
}

void Projection::on_breach(const RunEvent& event) {
  const json::Object& data = event.data;
  auto index = number_of(data, "expectation");
  summary_.breaches.push_back({event.boot, index && *index > 0 ? static_cast<size_t>(*index) : 0, text_of(data, "name"),
                               text_of(data, "condition"), text_of(data, "trigger"), phase_of(data),
                               number_of(data, "value"), millis_of(data, "since_ms"), text_of(data, "text")});
}

void Projection::on_inject(const RunEvent& event) {
  ImpactSummary impact;
  impact.id = flag_text(event.data, "impact", "?");
  impact.victim = text_of(event.data, "victim");
  impact.begin = event.boot;
  impact.steps = texts_of(event.data, "steps");
  for (const json::Object& step : objects_of(event.data, "steps")) impact.steps.push_back(text_of(step, "action"));
  summary_.impacts.push_back(std::move(impact));
}

void Projection::on_inject_failed(const RunEvent& event) {
  summary_.failed.push_back(
      {event.boot, text_of(event.data, "victim"), text_of(event.data, "error"), text_of(event.data, "hint")});
}

ImpactSummary* Projection::impact(const json::Object& data) {
  std::string id = text_of(data, "impact"), victim = text_of(data, "victim");
  for (ImpactSummary& impact : summary_.impacts)
    if (id.empty() ? impact.victim == victim : impact.id == id) return &impact;
  return nullptr;
}

void Projection::on_victim_gone(const RunEvent& event) {
  if (ImpactSummary* gone = impact(event.data)) {
    gone->gone = flag_text(event.data, "why", "the victim went");
    if (!gone->end) gone->end = event.boot;
  }
}

void Projection::on_halt(const RunEvent& event) {
  if (summary_.halt) return;
  BootTime requested = event.boot;
  if (auto ns = event.data.if_contains("requested_boot_ns"); ns && ns->is_int64())
    requested = BootTime(Nanos(ns->get_int64()));
  if (requested.time_since_epoch().count() <= 0 || requested > event.boot) requested = event.boot;
  summary_.halt = HaltSummary{requested, event.boot, text_of(event.data, "why"), text_of(event.data, "by")};
}

void Projection::on_reverted(const RunEvent& event) {
  ImpactSummary* ended = impact(event.data);
  if (!ended) return;
  if (!ended->end) ended->end = event.boot;
  ended->revert_took = millis_of(event.data, "took_ms");
  ended->result = flag_text(event.data, "result", "clean");
  ended->error = text_of(event.data, "error");
}

void Projection::on_proof(const RunEvent& event) {
  const json::Object& data = event.data;
  summary_.proofs.push_back({text_of(data, "victim"), text_of(data, "measured"), text_of(data, "reason"),
                             text_of(data, "unit"), flag_of(data, "proven", false), number_of(data, "asked"),
                             number_of(data, "got"),
                             data.if_contains("coverage") ? data.at("coverage") : json::Value()});
}

void Projection::on_action(const RunEvent& event) {
  summary_.actions.push_back({event.boot, text_of(event.data, "action"), flag_of(event.data, "ok", false),
                              text_of(event.data, "result"), text_of(event.data, "output"),
                              millis_of(event.data, "took_ms")});
}

void Projection::on_verdict(const RunEvent& event) {
  auto exit = number_of(event.data, "exit");
  summary_.verdict = VerdictSummary{words(text_of(event.data, "outcome")), exit ? static_cast<int>(*exit) : 7,
                                    text_of(event.data, "reason"), text_of(event.data, "hint")};
}

Standing Projection::standing(const ExpectationSummary& expectation, size_t index, const std::string& when) const {
  for (const BreachSummary& breach : summary_.breaches)
    if (breach.expectation == index && when == when_of(breach.phase)) return Standing::kBreached;
  Standing last = Standing::kNotReached;
  for (const PhaseSpan& span : summary_.phases)
    if (when == when_of(span.phase)) last = Standing::kUndecided;
  for (const Sample& sample : expectation.samples) {
    if (when != when_of(sample.phase)) continue;
    if (sample.reading == Reading::kHolds) last = Standing::kHeld;
    // A value past the limit is not yet a breach (`for`), except when the recovery ended with it.
    if (sample.reading == Reading::kBreached) last = when == "after" ? Standing::kBreached : Standing::kUndecided;
  }
  bool held = summary_.verdict && summary_.verdict->exit == 0;
  return held && last == Standing::kUndecided ? Standing::kHeld : last;
}

void Projection::finish() {
  if (!summary_.phases.empty()) summary_.phases.back().end = summary_.end;
  for (size_t i = 0; i < summary_.expectations.size(); ++i)
    for (WhenSummary& when : summary_.expectations[i].when)
      when.standing = standing(summary_.expectations[i], i, when.when);
}

}  // namespace

RunSummary summarize(const std::vector<RunEvent>& events) { return Projection().take(events); }

Standing ExpectationSummary::standing() const {
  Standing worst = Standing::kNotReached;
  auto rank = [](Standing s) {
    return s == Standing::kBreached ? 3 : s == Standing::kUndecided ? 2 : s == Standing::kHeld ? 1 : 0;
  };
  for (const WhenSummary& item : when)
    if (rank(item.standing) > rank(worst)) worst = item.standing;
  return worst;
}

bool ExpectationSummary::counts_in(Phase phase) const {
  auto counts = [&](const WhenSummary& item) {
    return item.when == when_of(phase) || (phase == Phase::kRevert && item.when != "before");
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

bool RunSummary::all_proven() const {
  return !proofs.empty() && std::all_of(proofs.begin(), proofs.end(), [](auto& proof) { return proof.proven; });
}

bool RunSummary::all_reverted_clean() const {
  return std::all_of(impacts.begin(), impacts.end(),
                     [](auto& impact) { return impact.result == "clean" || impact.result == "nothing"; });
}

std::string text_of(const json::Object& data, std::string_view key) {
  const json::Value* value = data.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<double> number_of(const json::Object& data, std::string_view key) {
  const json::Value* value = data.if_contains(key);
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::vector<std::string> texts_of(const json::Object& data, std::string_view key) {
  std::vector<std::string> texts;
  const json::Value* value = data.if_contains(key);
  if (!value || !value->is_array()) return texts;
  for (const json::Value& item : value->get_array())
    if (item.is_string()) texts.emplace_back(item.get_string());
  return texts;
}

std::vector<json::Object> objects_of(const json::Object& data, std::string_view key) {
  std::vector<json::Object> objects;
  const json::Value* value = data.if_contains(key);
  if (!value || !value->is_array()) return objects;
  for (const json::Value& item : value->get_array())
    if (item.is_object()) objects.push_back(item.get_object());
  return objects;
}

Nanos millis_of(const json::Object& data, std::string_view key) {
  double millis = number_of(data, key).value_or(0);
  return std::isfinite(millis) && std::abs(millis) < 1e11 ? from_seconds(millis / 1000) : Nanos(0);
}

Phase phase_of(const json::Object& data) {
  std::string text = text_of(data, "phase");
  for (Phase phase : {Phase::kCheck, Phase::kBefore, Phase::kInject, Phase::kDuring, Phase::kRevert, Phase::kAfter})
    if (text == to_text(phase)) return phase;
  return Phase::kDone;
}

Reading reading_of(const json::Object& data) {
  std::string text = words(text_of(data, "reading"));
  for (Reading reading : {Reading::kHolds, Reading::kBreached, Reading::kUndecided})
    if (text == words(to_text(reading))) return reading;
  return Reading::kNoData;
}

std::optional<Threshold> threshold_of(const json::Object& expectation) {
  const json::Value* value = expectation.if_contains("threshold");
  if (!value || !value->is_object()) return std::nullopt;
  std::optional<double> number = number_of(value->get_object(), "value");
  if (!number || !std::isfinite(*number)) return std::nullopt;
  return Threshold{text_of(value->get_object(), "op"), *number};
}

bool is_worse(double value, double than, const std::optional<Threshold>& threshold) {
  if (!threshold) return true;
  const std::string& op = threshold->op;
  if (op == "<" || op == "<=") return value > than;
  if (op == ">" || op == ">=") return value < than;
  return std::abs(value - threshold->value) >= std::abs(than - threshold->value);
}

}  // namespace ordeal::report

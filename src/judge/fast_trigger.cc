#include "judge/fast_trigger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/text/quantity.h"

namespace ordeal::judge {
namespace {

constexpr double kCalibration = 1.5;  // of the baseline's greatest sum
constexpr double kPauses = 3;         // of the baseline's longest pause

std::string rounded(Nanos duration) { return plain_value(to_seconds(std::chrono::ceil<milliseconds>(duration)), "s"); }

// An attack that delays answers keeps them all for a while when it begins, and that is no silence. A new connection
// waits three times (TCP, TLS 1.3, the request), and a call further down adds to it.
constexpr int kDelaysOfARequest = 4;

Nanos injected_delay(const Attack& attack) {
  if (attack.type != "latency") return Nanos(0);
  return kDelaysOfARequest * (duration_argument(attack, "delay") + duration_argument(attack, "jitter"));
}

// Delays of several attacks add up; of a ramp, what it ends with.
Nanos injected_delay(const Experiment& experiment) {
  if (experiment.schedule.empty()) return injected_delay(experiment.attack);
  std::vector<Nanos> of_part(experiment.parts.size());
  for (const Stint& stint : experiment.schedule)
    of_part[stint.part] = std::max(of_part[stint.part], injected_delay(stint.attack));
  return std::accumulate(of_part.begin(), of_part.end(), Nanos(0));
}

Nanos patience_for(const Experiment& experiment, const CountDesign& counts) {
  Nanos allowed = counts.latency ? from_seconds(std::clamp(*counts.latency, 0.0, 60.0)) : Nanos(0);
  return std::max(kLeastPatience, allowed) + injected_delay(experiment);
}

}  // namespace

const char* to_text(FastAlarm::Rule kind) { return kind == FastAlarm::Rule::kCusum ? "cusum" : "silence"; }

namespace {

std::string slower_than(double latency, const std::string& unit) {
  if (unit == "s") return "requests took longer than " + plain_value(latency, unit);
  return "events were above " + plain_value(latency, unit);
}

}  // namespace

std::optional<FastTrigger> FastTrigger::create(const Experiment& experiment, const Expectation& expectation) {
  TriggerDesign design = design_trigger(expectation);
  if (design.kind != TriggerDesign::Signal::kCounts) return std::nullopt;
  FastOptions options;
  options.allowed = design.counts.allowed;
  options.ticks = experiment.attack.total() / experiment.sources.interval + 1;
  options.early = std::min(options.ticks, kEarly / experiment.sources.interval + 1);
  options.for_ = expectation.for_.value_or(Nanos(0));
  // A Prometheus does not say when it last read a counter that stands still.
  options.silence = expectation.no_data != NoData::kPass && !experiment.sources.scrape.empty();
  options.patience = patience_for(experiment, design.counts);
  if (design.counts.latency) options.bad = slower_than(*design.counts.latency, guess_unit(expectation.query));
  return FastTrigger(options);
}

FastTrigger::Group& FastTrigger::group_of(const Counts::Group& counted) {
  // One that is seen for the first time has counted nothing yet.
  Group fresh{counted, CusumBank(options_.allowed, dispersion_), {}};
  if (armed_) fresh.last.bad = fresh.last.total = 0;
  return groups_.try_emplace(counted.name, std::move(fresh)).first->second;
}

FastTrigger::Delta FastTrigger::advance(Group& group, const Counts::Group& counted) {
  // What is too much or too little of the bad ones is kept for the next look: both sides may be read at different
  // times.
  double total = std::max(0.0, counted.total - group.last.total);
  double bad = std::clamp(counted.bad - group.last.bad, 0.0, total);
  group.last.total = counted.total;
  group.last.bad += bad;
  return {bad, total};
}

void FastTrigger::follow_traffic(const Counts& counts) {
  if (counts.read_until_ms <= read_until_ms_) return;
  read_until_ms_ = counts.read_until_ms;
  double events = 0;
  for (const Counts::Group& group : counts.groups) events += group.total;
  bool first = last_event_ms_ == 0;
  if (!first && events <= events_) return;
  if (!first && !armed_) traffic_.add(events - events_, static_cast<double>(read_until_ms_ - last_event_ms_) / 1000);
  events_ = events;
  last_event_ms_ = read_until_ms_;
}

void FastTrigger::learn(const Counts& counts, BootTime now) {
  Delta all;
  for (const Counts::Group& counted : counts.groups) {
    Group& group = group_of(counted);
    Delta delta = advance(group, counted);
    group.bank.add(delta.bad, delta.total, std::numeric_limits<double>::infinity(), last_events_, now);
    greatest_learned_ = std::max(greatest_learned_, group.bank.statistic());
    all.bad += delta.bad;
    all.total += delta.total;
  }
  bad_.add(all.bad, all.total);
  follow_traffic(counts);
  if (all.total > 0) last_events_ = now;
}

void FastTrigger::pass_over(const Counts& counts, BootTime now) {
  for (const Counts::Group& counted : counts.groups) {
    Group& group = group_of(counted);
    (void)advance(group, counted);
    group.last.bad = counted.bad;
  }
  events_ = 0;
  for (const Counts::Group& group : counts.groups) events_ += group.total;
  read_until_ms_ = last_event_ms_ = std::max(read_until_ms_, counts.read_until_ms);
  last_events_ = now;
}

void FastTrigger::arm(BootTime now) {
  armed_ = true;
  dispersion_ = bad_.value();
  for (auto& [name, group] : groups_) group.bank = CusumBank(options_.allowed, dispersion_);
  last_events_ = now;
  if (!options_.silence || traffic_.events() < kLeastTraffic) return;
  double seconds = std::log(static_cast<double>(options_.ticks) / kFalseAlarms) * traffic_.value() / traffic_.rate();
  double pause = std::max(traffic_.longest(), static_cast<double>(read_until_ms_ - last_event_ms_) / 1000);
  seconds = std::max({seconds, to_seconds(options_.patience), to_seconds(options_.for_), kPauses * pause});
  silent_after_ms_ = static_cast<int64_t>(std::ceil(seconds * 1000));
}

// The early looks share kEarlyShare as many false alarms as all looks have without a head start.
double FastTrigger::head_start() const {
  if (options_.early <= 0) return 0;
  return std::log1p(kEarlyShare * static_cast<double>(options_.ticks) / static_cast<double>(options_.early));
}

double FastTrigger::bound() const {
  size_t tests = designs_for(options_.allowed).size() * std::max<size_t>(groups_.size(), 1);
  double bound = alarm_bound(options_.ticks, tests) + (options_.early > 0 ? std::log1p(kEarlyShare) : 0);
  return std::max(bound, kCalibration * greatest_learned_ / dispersion_ + head_start());
}

std::optional<FastAlarm> FastTrigger::observe(const Counts& counts, BootTime now) {
  std::optional<FastAlarm> alarm;
  double events = 0;
  ++looks_;
  for (const Counts::Group& counted : counts.groups) {
    Group& group = group_of(counted);
    Delta delta = advance(group, counted);
    events += delta.total;
    auto raised = look_at(group, delta, now);
    if (raised && !alarm) alarm = std::move(raised);
  }
  if (events > 0) last_events_ = now;
  follow_traffic(counts);
  if (!alarm) alarm = look_for_silence();
  if (!alarm || told_) return std::nullopt;
  told_ = true;
  return alarm;
}

std::optional<FastAlarm> FastTrigger::look_at(Group& group, const Delta& delta, BootTime now) {
  auto& alarms = group.alarms;
  if (alarms) alarms->bad += delta.bad, alarms->total += delta.total;
  double start = looks_ <= options_.early ? head_start() : 0;
  if (!group.bank.add(delta.bad, delta.total, bound(), last_events_, now, start)) return std::nullopt;
  const CusumAlarm& seen = group.bank.evidence();
  bool goes_on = alarms && now - alarms->last <= std::max(kBurst, 2 * alarms->took);
  if (!goes_on) alarms = Alarms{now, now, seen.since, Nanos(0), seen.bad, seen.total};
  alarms->last = now;
  alarms->took = now - seen.since;
  group.bank.reset();
  return now - alarms->first >= options_.for_ ? std::optional(too_many(group, now)) : std::nullopt;
}

FastAlarm FastTrigger::too_many(const Group& group, BootTime now) const {
  double bad = group.alarms->bad, total = group.alarms->total, share = bad / total;
  std::string text = fmt::format("{:.0f} of {:.0f} {} ({:.3g} %) within {}; {:.3g} % allowed", bad, total, options_.bad,
                                 share * 100, rounded(now - group.alarms->since), options_.allowed * 100);
  return {FastAlarm::Rule::kCusum, group.last.name, std::move(text)};
}

std::optional<FastAlarm> FastTrigger::look_for_silence() const {
  int64_t silent_ms = read_until_ms_ - last_event_ms_;
  if (silent_after_ms_ == 0 || silent_ms < silent_after_ms_) return std::nullopt;
  return FastAlarm{FastAlarm::Rule::kSilence, "",
                   fmt::format("no event for {}, {:.3g} a second before the attack", rounded(milliseconds(silent_ms)),
                               traffic_.rate())};
}

double FastTrigger::closeness() const {
  double greatest = 0;
  for (const auto& [name, group] : groups_) greatest = std::max(greatest, group.bank.statistic());
  return greatest / bound();
}

std::string FastTrigger::learned() const {
  if (groups_.empty()) return "";
  std::string text = fmt::format("{:.3g}/s", traffic_.rate());
  if (silent_after_ms_ > 0)
    return text + "; also halts after " + rounded(milliseconds(silent_after_ms_)) + " without a request";
  if (!options_.silence) return text + "; silence is not judged";
  return text + "; too few before the attack to judge silence";
}

}  // namespace ordeal::judge

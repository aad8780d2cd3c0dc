#include "run/engine/describe.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"

namespace ordeal::engine {
namespace {

std::string looked_at(const Expectation& expectation) {
  if (!expectation.query.empty()) return expectation.query;
  if (expectation.http) return "HTTP " + expectation.http->method + " " + expectation.http->url;
  if (expectation.certificate) return "certificates of " + expectation.certificate->address() + ", in hours left";
  if (expectation.tcp) return "TCP connect to " + expectation.tcp->address;
  return "command " + hide_command(expectation.command->argv);
}

// What the expectation says itself; "" leaves it to the text.
const char* unit_said(const Expectation& expectation) {
  return expectation.http && expectation.http->latency ? "s" : "";
}

// How a value went beyond a limit, and what the limit is.
std::pair<const char*, const char*> words_of(expr::Comparison comparison) {
  switch (comparison) {
    case expr::Comparison::kLess:
      return {"reached", "limit: below"};
    case expr::Comparison::kLessEqual:
      return {"reached", "limit"};
    case expr::Comparison::kGreater:
      return {"fell to", "limit: above"};
    case expr::Comparison::kGreaterEqual:
      return {"fell to", "limit"};
    case expr::Comparison::kEqual:
      return {"was", "expected"};
    case expr::Comparison::kNotEqual:
      break;
  }
  return {"was", "expected anything but"};
}

std::string four_digits(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : plain_value(value, "");
}

// Both as a person reads them, with so many digits that they differ where the numbers do.
std::pair<std::string, std::string> told_apart(double value, double limit, const std::string& unit) {
  std::pair<std::string, std::string> texts{plain_value(value, unit), plain_value(limit, unit)};
  if (texts.first != texts.second || value == limit) return texts;
  std::string suffix = unit == "s" ? " s" : "";
  return {fmt::format("{:.9g}{}", value, suffix), fmt::format("{:.9g}{}", limit, suffix)};
}

events::Expectation describe_expectation(const judge::Judge& judge) {
  const Expectation& expectation = judge.expectation();
  events::Expectation described{expectation.name, looked_at(expectation), expectation.condition, {}, expectation.halt};
  described.when.assign(expectation.when.begin(), expectation.when.end());
  if (judge.design().kind == judge::TriggerDesign::Signal::kCounts) described.trigger = judge.design().text;
  described.unit = unit_said(expectation);
  if (auto threshold = judge.condition().threshold())
    described.threshold = {std::string(expr::symbol(threshold->comparison)), threshold->value};
  return described;
}

std::vector<std::string> describe_sources(const Sources& sources) {
  std::vector<std::string> all;
  if (!sources.prometheus.empty()) all.push_back("Prometheus at " + without_password(sources.prometheus));
  for (const ScrapeTarget& target : sources.scrape)
    all.push_back(fmt::format("{} every {}", without_password(target.url), format_duration(sources.interval)));
  return all;
}

// One victim may be hit by several attacks, or again and again.
std::vector<std::string> names_of(const std::vector<Victim>& victims) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (const Victim& victim : victims)
    if (seen.insert(victim.name).second) names.push_back(victim.name);
  return names;
}

}  // namespace

events::Run describe_run(const Setup& setup) {
  const Experiment& experiment = setup.experiment;
  events::Run run;
  run.name = experiment.name;
  run.hypothesis = experiment.hypothesis;
  run.description = experiment.description;
  run.attack = experiment.attack;
  run.experiment = to_json(experiment);
  run.seed = experiment.seed.value_or(0);
  run.victims = names_of(setup.victims);
  run.parts = setup.parts;
  for (const judge::Judge& judge : setup.judges) run.expectations.push_back(describe_expectation(judge));
  run.sources = describe_sources(experiment.sources);
  run.version = ORDEAL_VERSION;
  if (setup.candidates > 0)
    run.choice = events::Choice{setup.candidates, experiment.target.percentage, experiment.target.count};
  return run;
}

std::string describe_breach(const judge::Judge& judge, const judge::Judgement& judgement) {
  const Expectation& expectation = judge.expectation();
  std::string who = expectation.name + (judgement.series.empty() ? "" : " at " + judgement.series);
  if (!judgement.value) return fmt::format("{} returned no data ({})", who, judgement.detail);
  auto threshold = judge.condition().threshold();
  if (!threshold)
    return fmt::format("{} was {}, expected {}", who, four_digits(*judgement.value), expectation.condition);
  const auto& [moved, limit] = words_of(threshold->comparison);
  auto [value, bound] =
      told_apart(*judgement.value, threshold->value, unit_of(unit_said(expectation), looked_at(expectation)));
  return fmt::format("{} {} {} ({} {})", who, moved, value, limit, bound);
}

ReadingInWords describe_reading(const judge::Judge& judge, const judge::Judgement& judgement) {
  const Expectation& expectation = judge.expectation();
  std::string where = judgement.series.empty() ? "" : " at " + judgement.series;
  auto threshold = judge.condition().threshold();
  if (!threshold) {
    std::string value = judgement.value ? fmt::format("{:.4g}{}", *judgement.value, where) : "";
    return {std::move(value), "expected " + expectation.condition};
  }
  auto [value, bound] = told_apart(judgement.value.value_or(threshold->value), threshold->value,
                                   unit_of(unit_said(expectation), looked_at(expectation)));
  std::string limit = fmt::format("{} {}", words_of(threshold->comparison).second, bound);
  return {judgement.value ? value + where : "", std::move(limit)};
}

std::string describe_alarm(const Expectation& expectation, const judge::FastAlarm& alarm) {
  std::string who = alarm.group.empty() ? expectation.name : fmt::format("{} at {}", expectation.name, alarm.group);
  return fmt::format("{}: {}", who, alarm.text);
}

std::string describe_counted(const Expectation& expectation, const judge::CountedShare& share,
                             const judge::FastOptions& options) {
  return fmt::format(
      "{}{}: {:.0f} of {:.0f} {} ({:.3g} %) during the attack; {:.3g} % allowed. Its query did not show them",
      expectation.name, share.group.empty() ? "" : " at " + share.group, share.bad, share.total, options.bad,
      share.share() * 100, options.allowed * 100);
}

Nanos answer_at_most(const Expectation& expectation) {
  constexpr Nanos kAnswerAtMost = 3s;
  Nanos limit = expectation.http          ? expectation.http->timeout
                : expectation.tcp         ? expectation.tcp->timeout
                : expectation.command     ? expectation.command->timeout
                : expectation.certificate ? expectation.certificate->timeout
                                          : Nanos(0);
  return kAnswerAtMost + limit;
}

std::string describe_held(const Setup& setup) {
  size_t during = 0;
  for (const judge::Judge& judge : setup.judges) during += judge.expectation().when.count(When::kDuring);
  if (setup.only_looks)
    return fmt::format("{} held; nothing was injected", counted(during, "expectation", "expectations"));
  std::string attacks = setup.parts.size() > 1 ? counted(setup.parts.size(), "attack", "attacks") : "the attack";
  return fmt::format("{} held during {} on {}; {} was confirmed on every required victim",
                     counted(during, "expectation", "expectations"), attacks,
                     counted(names_of(setup.victims).size(), "victim", "victims"),
                     setup.waves.size() > 1 ? "each fault" : "the fault");
}

Nanos planned_length(const Experiment& experiment, Phase phase) {
  if (phase == Phase::kBefore) return experiment.baseline;
  if (phase == Phase::kDuring) return experiment.attack.total();
  if (phase == Phase::kAfter) return longest_recovery(experiment);
  return Nanos(0);
}

}  // namespace ordeal::engine

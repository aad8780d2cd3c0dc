#include "run/engine/describe.h"

#include <fmt/format.h>

#include "core/base/duration.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"

namespace ordeal::engine {
namespace {

std::string number(double value) { return fmt::format("{:.4g}", value); }

std::string looked_at(const Expectation& expectation) {
  if (!expectation.query.empty()) return expectation.query;
  if (expectation.http) return "HTTP " + expectation.http->method + " " + expectation.http->url;
  if (expectation.tcp) return "TCP connect to " + expectation.tcp->address;
  return "command " + hide_command(expectation.command->argv);
}

events::Expectation describe_expectation(const judge::Judge& judge) {
  const Expectation& expectation = judge.expectation();
  events::Expectation described{expectation.name, looked_at(expectation), expectation.condition, {}, expectation.halt};
  described.when.assign(expectation.when.begin(), expectation.when.end());
  if (judge.design().kind == judge::TriggerDesign::Signal::kCounts) described.trigger = judge.design().text;
  if (expectation.http && expectation.http->latency) described.unit = "s";
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
  for (const Victim& victim : setup.victims) run.victims.push_back(victim.name);
  for (const judge::Judge& judge : setup.judges) run.expectations.push_back(describe_expectation(judge));
  run.sources = describe_sources(experiment.sources);
  run.version = ORDEAL_VERSION;
  return run;
}

std::string describe_breach(const Expectation& expectation, const judge::Judgement& judgement) {
  std::string text = fmt::format("\"{}\" ", expectation.name);
  text += judgement.value ? "was " + number(*judgement.value) : "had no data (" + judgement.detail + ")";
  if (!judgement.series.empty()) text += " at " + judgement.series;
  return text + ", expected " + expectation.condition;
}

std::string describe_alarm(const Expectation& expectation, const judge::FastAlarm& alarm,
                           const judge::Judgement& judgement) {
  std::string text =
      fmt::format("\"{}\"{}: {}", expectation.name, alarm.group.empty() ? "" : " at " + alarm.group, alarm.text);
  std::string value = judgement.value ? "gave " + number(*judgement.value) : "had no data";
  return text + fmt::format("; the query as written {}, expected {}", value, expectation.condition);
}

std::string describe_counted(const Expectation& expectation, const judge::CountedShare& share, double allowed) {
  return fmt::format(
      "\"{}\"{}: {:.0f} of {:.0f} events were bad ({:.3g} %) during the attack, {:.3g} % is allowed; its query did not "
      "show them",
      expectation.name, share.group.empty() ? "" : " at " + share.group, share.bad, share.total, share.share() * 100,
      allowed * 100);
}

Nanos answer_at_most(const Expectation& expectation) {
  constexpr Nanos kAnswerAtMost = 3s;
  Nanos limit = expectation.http      ? expectation.http->timeout
                : expectation.tcp     ? expectation.tcp->timeout
                : expectation.command ? expectation.command->timeout
                                      : Nanos(0);
  return kAnswerAtMost + limit;
}

std::string describe_held(const Setup& setup) {
  size_t during = 0;
  for (const judge::Judge& judge : setup.judges) during += judge.expectation().when.count(When::kDuring);
  return fmt::format(
      "{} expectation{} held during the attack on {} victim{}, and the impact is proven on each needed one", during,
      during == 1 ? "" : "s", setup.victims.size(), setup.victims.size() == 1 ? "" : "s");
}

Nanos planned_length(const Experiment& experiment, Phase phase) {
  if (phase == Phase::kBefore) return experiment.baseline;
  if (phase == Phase::kDuring) return experiment.attack.total();
  if (phase == Phase::kAfter) return experiment.recovery;
  return Nanos(0);
}

}  // namespace ordeal::engine

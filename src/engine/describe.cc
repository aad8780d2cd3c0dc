#include "engine/describe.h"

#include <fmt/format.h>

#include "base/duration.h"
#include "base/secrets.h"
#include "base/text.h"

namespace ordeal::engine {
namespace {

std::string number(double value) { return fmt::format("{:.4g}", value); }

json::Array names_of(const std::vector<Victim>& victims) {
  json::Array names;
  for (const Victim& victim : victims) names.push_back(json::Value(victim.name));
  return names;
}

json::Array when_of(const Expectation& expectation) {
  constexpr const char* kTexts[] = {"before", "during", "after"};
  json::Array all;
  for (When when : expectation.when) all.push_back(json::Value(kTexts[static_cast<size_t>(when)]));
  return all;
}

std::string looked_at(const Expectation& expectation) {
  if (!expectation.query.empty()) return expectation.query;
  if (expectation.http) return "HTTP " + expectation.http->method + " " + expectation.http->url;
  if (expectation.tcp) return "TCP connect to " + expectation.tcp->address;
  return "command " + hide_command(expectation.command->argv);
}

json::Value describe_expectation(const analysis::Judge& judge) {
  const Expectation& expectation = judge.expectation();
  json::Object data{{"name", expectation.name},
                    {"text", looked_at(expectation)},
                    {"condition", expectation.condition},
                    {"when", when_of(expectation)},
                    {"halt", expectation.halt}};
  if (judge.design().kind == analysis::TriggerDesign::Kind::kCounts) data["trigger"] = judge.design().text;
  if (expectation.http && expectation.http->latency) data["unit"] = "s";
  if (auto threshold = judge.condition().threshold())
    data["threshold"] = json::Object{{"op", expr::symbol(threshold->comparison)}, {"value", threshold->value}};
  return data;
}

json::Array describe_sources(const Sources& sources) {
  json::Array all;
  if (!sources.prometheus.empty()) all.push_back(json::Value("Prometheus at " + without_password(sources.prometheus)));
  for (const ScrapeTarget& target : sources.scrape)
    all.push_back(
        json::Value(fmt::format("{} every {}", without_password(target.url), format_duration(sources.interval))));
  return all;
}

}  // namespace

json::Object describe_run(const Setup& setup) {
  json::Array expectations;
  for (const analysis::Judge& judge : setup.judges) expectations.push_back(describe_expectation(judge));
  const Experiment& experiment = setup.experiment;
  return json::Object{{"name", experiment.name},
                      {"hypothesis", experiment.hypothesis},
                      {"description", experiment.description},
                      {"attack", to_json(experiment.attack)},
                      {"experiment", to_json(experiment)},
                      {"seed", experiment.seed.value_or(0)},
                      {"victims", names_of(setup.victims)},
                      {"expectations", std::move(expectations)},
                      {"sources", describe_sources(experiment.sources)},
                      {"version", ORDEAL_VERSION}};
}

std::string describe_breach(const Expectation& expectation, const analysis::Judgement& judgement) {
  std::string text = fmt::format("\"{}\" ", expectation.name);
  text += judgement.value ? "was " + number(*judgement.value) : "had no data (" + judgement.detail + ")";
  if (!judgement.series.empty()) text += " at " + judgement.series;
  return text + ", expected " + expectation.condition;
}

std::string describe_alarm(const Expectation& expectation, const analysis::FastAlarm& alarm,
                           const analysis::Judgement& judgement) {
  std::string text =
      fmt::format("\"{}\"{}: {}", expectation.name, alarm.group.empty() ? "" : " at " + alarm.group, alarm.text);
  std::string value = judgement.value ? "gave " + number(*judgement.value) : "had no data";
  return text + fmt::format("; the query as written {}, expected {}", value, expectation.condition);
}

std::string describe_counted(const Expectation& expectation, const analysis::CountedShare& share, double allowed) {
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
  for (const analysis::Judge& judge : setup.judges) during += judge.expectation().when.count(When::kDuring);
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

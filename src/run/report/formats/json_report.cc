#include <algorithm>

#include "core/base/text/printable.h"
#include "run/report/report.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

json::Value optional_number(const std::optional<double>& number) {
  return number ? json::Value(*number) : json::Value(nullptr);
}
json::Value optional_millis(const std::optional<Nanos>& latency) {
  return latency ? json::Value(to_millis(*latency)) : json::Value(nullptr);
}

template <typename Item, typename Writer>
json::Array array_of(const std::vector<Item>& items, Writer writer) {
  json::Array array;
  for (const Item& item : items) array.push_back(writer(item));
  return array;
}

json::Value when_json(const WhenSummary& when) {
  return json::Object{
      {"when", to_text(when.when)},          {"standing", name_of(when.status)},     {"looks", when.looks},
      {"without_data", when.without_data},   {"value", optional_number(when.value)}, {"value_is", name_of_value(when)},
      {"worst", optional_number(when.worst)}};
}

class Writer {
 public:
  explicit Writer(const RunSummary& summary) : summary_(summary) {}
  json::Object write() const;

 private:
  double at(BootTime time) const { return to_seconds(time - summary_.begin); }
  json::Value phase(const PhaseSpan& span) const {
    return json::Object{
        {"phase", to_text(span.phase)}, {"begin_s", at(span.begin)}, {"end_s", at(span.end)}, {"why", span.why}};
  }
  json::Value breach(const BreachSummary& breach) const {
    return json::Object{{"expectation", breach.name},
                        {"at_s", at(breach.at)},
                        {"phase", to_text(breach.phase)},
                        {"value", optional_number(breach.value)},
                        {"condition", breach.condition},
                        {"trigger", breach.trigger},
                        {"text", breach.text}};
  }
  json::Value impact(const ImpactSummary& impact) const {
    json::Object object{{"impact", impact.id},
                        {"victim", impact.victim},
                        {"steps", json::texts(impact.steps)},
                        {"begin_s", at(impact.begin)},
                        {"end_s", impact.end ? json::Value(at(*impact.end)) : json::Value(nullptr)},
                        {"revert_took_ms", to_millis(impact.revert_took)},
                        {"result", impact.result ? to_text(*impact.result) : "unknown"},
                        {"error", impact.error},
                        {"victim_gone", impact.gone},
                        {"irreversible", impact.one_way},
                        {"lasting", impact.lasting},
                        {"done_s", array_of(impact.moments, [this](BootTime time) { return json::Value(at(time)); })},
                        {"runs_again", impact.there ? json::Value(*impact.there) : json::Value(nullptr)},
                        {"back_after_ms", optional_millis(impact.back)},
                        {"reverted", revert_in_words(impact).text},
                        {"reverted_detail", revert_in_words(impact).detail}};
    if (!impact.part.empty()) object["part"] = impact.part;
    return object;
  }
  json::Value action(const ActionSummary& action) const {
    return json::Object{{"action", action.text},   {"at_s", at(action.at)},   {"ok", action.ok},
                        {"result", action.result}, {"output", action.output}, {"took_ms", to_millis(action.took)}};
  }
  json::Value verdict() const;
  json::Value attack() const;
  json::Value timings() const;
  json::Value expectation(const ExpectationSummary& expectation) const;
  json::Value effect(const EffectSummary& effect) const;
  json::Array story() const;

  const RunSummary& summary_;
};

json::Value Writer::effect(const EffectSummary& effect) const {
  return json::Object{{"before", optional_number(effect.before)},
                      {"during", optional_number(effect.during)},
                      {"after", optional_number(effect.after)},
                      {"factor", optional_number(effect.factor)},
                      {"left_limit", effect.left},
                      {"back_at_s", effect.back ? json::Value(at(*effect.back)) : json::Value(nullptr)},
                      {"recovered_ms", optional_millis(effect.recovered)}};
}

json::Value Writer::expectation(const ExpectationSummary& expectation) const {
  json::Object object{{"name", expectation.name},
                      {"text", expectation.text},
                      {"condition", expectation.condition},
                      {"unit", unit_of(expectation)},
                      {"halts", expectation.halts},
                      {"standing", name_of(expectation.status())},
                      {"when", array_of(expectation.when, when_json)},
                      {"effect", effect(expectation.effect)},
                      {"effect_text", effect_in_words(summary_, expectation)},
                      {"must", condition_in_words(expectation)},
                      {"counted", expectation.trigger}};
  if (expectation.threshold)
    object["threshold"] = {{"op", expectation.threshold->op}, {"value", expectation.threshold->value}};
  return object;
}

json::Value proof_json(const events::Proven& proven) {
  json::Object object{{"victim", proven.victim}};
  if (proven.impact) object["impact"] = *proven.impact;
  if (!proven.part.empty()) object["part"] = proven.part;
  json::Value proof = to_json(proven.proof);
  for (const auto& [key, value] : proof.as_object()) object[key] = value;
  return object;
}

json::Value Writer::verdict() const {
  std::string headline = headline_of(summary_).title;
  if (!summary_.verdict) return json::Object{{"outcome", "interrupted"}, {"exit", nullptr}, {"headline", headline}};
  return json::Object{{"headline", headline},
                      {"outcome", summary_.verdict->outcome},
                      {"exit", summary_.verdict->exit},
                      {"reason", summary_.verdict->reason},
                      {"hint", summary_.verdict->hint}};
}

json::Value Writer::timings() const {
  const ExpectationSummary* slowest = summary_.slowest();
  std::optional<Nanos> in_force;
  if (summary_.attack_begin() && !summary_.one_way()) in_force = *summary_.attack_end() - *summary_.attack_begin();
  return json::Object{{"duration_ms", to_millis(summary_.end - summary_.begin)},
                      {"fault_on_to_breach_ms", optional_millis(summary_.detection())},
                      {"breach_to_halt_ms", optional_millis(summary_.breach_to_halt())},
                      {"halt_to_reverted_ms", optional_millis(summary_.halt_to_reverted())},
                      {"fault_in_force_ms", optional_millis(in_force)},
                      {"recovered_ms", optional_millis(slowest ? slowest->effect.recovered : std::nullopt)}};
}

json::Value part_json(const events::Part& part) {
  return json::Object{{"name", part.name},           {"type", part.attack},
                      {"args", part.args},           {"given", json::texts(part.given)},
                      {"at_ms", to_millis(part.at)}, {"length_ms", to_millis(part.length)},
                      {"course", part.course},       {"victims", json::texts(part.victims)}};
}

json::Value Writer::attack() const {
  json::Array given;
  for (const auto& [key, value] : summary_.attack.args)
    if (!summary_.attack.given || std::count(summary_.attack.given->begin(), summary_.attack.given->end(), key))
      given.push_back(json::Value(key));
  json::Object object{{"type", summary_.attack.type},
                      {"args", summary_.attack.args},
                      {"given", std::move(given)},
                      {"length_ms", to_millis(summary_.attack.length)},
                      {"text", attack_in_words(summary_)},
                      {"hit", summary_.impacts.size()},
                      {"confirmed", summary_.proofs.size() - summary_.unproven().size()}};
  if (!summary_.parts.empty()) object["parts"] = array_of(summary_.parts, part_json);
  if (!summary_.choice) return object;
  object["choice"] = choice_in_words(summary_);
  object["candidates"] = summary_.choice->candidates;
  if (summary_.choice->percentage) object["asked_percentage"] = *summary_.choice->percentage;
  if (summary_.choice->count) object["asked_count"] = *summary_.choice->count;
  return object;
}

json::Array Writer::story() const {
  return array_of(summary_.timeline, [this](const RunEvent& event) -> json::Value {
    EventText text = describe(event, summary_);
    return json::Object{{"at_s", at(event.boot)}, {"kind", text.kind}, {"text", text.text}, {"detail", text.detail}};
  });
}

json::Object Writer::write() const {
  json::Object object{{"v", 1},
                      {"run", summary_.run},
                      {"name", summary_.name},
                      {"hypothesis", summary_.hypothesis},
                      {"started", summary_.wall(summary_.begin)},
                      {"verdict", verdict()},
                      {"attack", attack()},
                      {"victims", json::texts(summary_.victims)},
                      {"sources", json::texts(summary_.sources)},
                      {"timings", timings()}};
  object["phases"] = array_of(summary_.phases, [this](auto& span) { return phase(span); });
  object["expectations"] = array_of(summary_.expectations, [this](auto& item) { return expectation(item); });
  object["breaches"] = array_of(summary_.breaches, [this](auto& item) { return breach(item); });
  object["impacts"] = array_of(summary_.impacts, [this](auto& item) { return impact(item); });
  object["not_injected"] = array_of(summary_.failed, [](auto& failed) -> json::Value {
    json::Object one{{"victim", failed.victim}, {"error", failed.error}, {"hint", failed.hint}};
    if (!failed.part.empty()) one["part"] = failed.part;
    return one;
  });
  object["proofs"] = array_of(summary_.proofs, proof_json);
  object["rollback"] = array_of(summary_.actions, [this](auto& item) { return action(item); });
  object["story"] = story();
  object["notes"] = json::texts(summary_.notes);
  object["next"] = json::texts(next_steps(summary_));
  object["experiment"] = summary_.experiment;
  object["version"] = summary_.version;
  if (summary_.seed) object["seed"] = *summary_.seed;
  if (summary_.halt)
    object["halt"] = {{"by", summary_.halt->by}, {"why", summary_.halt->why}, {"at_s", at(summary_.halt->at)}};
  return object;
}

}  // namespace

std::string json_report(const RunSummary& summary) {
  return printable_json(json::write_pretty(Writer(summary).write()));
}

}  // namespace ordeal::report

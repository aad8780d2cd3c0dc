#include "core/model/experiment/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/duration.h"

namespace ordeal {
namespace {

using json::Reader;

// A number in the argument's own measure: seconds for durations. Within its bounds.
Result<double> number_of(const Reader& reader, const ArgumentInfo& info) {
  if (info.kind == ArgumentKind::kInteger)
    return static_cast<double>(TRY(reader.integer(static_cast<int64_t>(info.least), static_cast<int64_t>(info.most))));
  if (info.kind == ArgumentKind::kPercent) return reader.number(info.least, std::min(info.most, 100.0));
  double seconds = to_seconds(TRY(reader.duration(info.unit)));
  if (seconds < info.least || seconds > info.most) return reader.expected(info.expected());
  return seconds;
}

json::Value value_of(double number, ArgumentKind kind) {
  if (kind == ArgumentKind::kDuration)
    return json::Value(format_duration(std::chrono::round<std::chrono::microseconds>(from_seconds(number))));
  if (kind == ArgumentKind::kInteger) return json::Value(static_cast<int64_t>(std::llround(number)));
  return json::Value(std::round(number * 1000) / 1000);
}

bool is_numeric(ArgumentKind kind) {
  return kind == ArgumentKind::kDuration || kind == ArgumentKind::kInteger || kind == ArgumentKind::kPercent;
}

Result<const ArgumentInfo*> ramped_argument(const Reader& ramp, const Ramp& of, const AttackInfo& info) {
  Reader field = TRY(ramp.at("argument"));
  std::string numeric;
  for (const ArgumentInfo& argument : info.arguments) {
    if (!is_numeric(argument.kind)) continue;
    if (argument.name == of.argument) return &argument;
    numeric += (numeric.empty() ? "" : ", ") + argument.name;
  }
  return field.refuse(fmt::format("\"{}\" is no numeric argument of {}; {}", of.argument, info.type,
                                  numeric.empty() ? "it has none" : "these are: " + numeric));
}

// `from`, else the attack's own argument, else its default.
Result<double> first_value(const Reader& ramp, const Part& part, const ArgumentInfo& info) {
  const json::Value* given = part.attack.args.if_contains(info.name);
  std::optional<double> own;
  if (given)
    own = TRY(
        number_of(Reader(*given, {part.attack.origin.path + ".args." + info.name, part.attack.origin.lines}), info));
  if (auto from = TRY(ramp.find("from"))) {
    double first = TRY(number_of(*from, info));
    if (own && *own != first) return from->refuse("differs from the attack's own argument \"" + info.name + "\"");
    return first;
  }
  if (own) return *own;
  json::Document standard{TRY(json::parse(info.fallback.empty() ? "null" : info.fallback)), {}};
  if (standard.value.is_null()) return ramp.refuse(fmt::format("\"from\" is missing: {} has no default", info.name));
  return number_of(Reader(standard), info);
}

}  // namespace

Result<std::vector<Attack>> steps_of(const Part& part, const AttackInfo& info) {
  if (!part.ramp) return std::vector<Attack>{part.attack};
  Reader ramp(part.ramp->value, part.ramp->origin);
  const ArgumentInfo& argument = *TRY(ramped_argument(ramp, *part.ramp, info));
  double first = TRY(first_value(ramp, part, argument));
  double last = TRY(number_of(TRY(ramp.at("to")), argument));
  double way = std::abs(last - first), gaps = static_cast<double>(part.ramp->steps - 1);
  if (way == 0) return ramp.refuse("it begins and ends with the same value");
  if (argument.kind == ArgumentKind::kInteger && way < gaps)
    return ramp.refuse(fmt::format("{} has only {} values on the way, and these are {} steps", argument.name,
                                   static_cast<int64_t>(way) + 1, part.ramp->steps));
  std::vector<Attack> steps;
  for (int64_t i = 0; i < part.ramp->steps; ++i) {
    Attack step = part.attack;
    // In whole milliseconds, as the guard is told; the last one has the rest.
    Nanos each = std::chrono::floor<milliseconds>(part.attack.length / part.ramp->steps);
    step.length = i + 1 < part.ramp->steps ? each : part.attack.length - each * i;
    step.args[argument.name] = value_of(first + (last - first) * static_cast<double>(i) / gaps, argument.kind);
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<Stint> stints_of(const Part& part, size_t index, const std::vector<Attack>& steps) {
  std::vector<Stint> stints;
  if (!part.pulse) {
    Nanos at = part.at;
    for (const Attack& step : steps) {
      stints.push_back({index, at, step});
      at = stints.back().end();
    }
    return stints;
  }
  for (Nanos at{0}; at < part.attack.length; at += part.pulse->on + part.pulse->off) {
    Stint stint{index, part.at + at, steps.front()};
    stint.attack.length = std::min(part.pulse->on, part.attack.length - at);
    // What is left at the end is in force only where it is a pulse of its own.
    if (stint.attack.length >= kLeastStint) stints.push_back(std::move(stint));
  }
  return stints;
}

void sort_by_start(std::vector<Stint>& stints) {
  std::stable_sort(stints.begin(), stints.end(), [](const Stint& a, const Stint& b) { return a.at < b.at; });
}

Nanos window_of(const std::vector<Stint>& stints) {
  Nanos end{0};
  for (const Stint& stint : stints) end = std::max(end, stint.end());
  return end;
}

bool overlap(const Stint& a, const Stint& b) { return a.at < b.end() && b.at < a.end(); }

}  // namespace ordeal

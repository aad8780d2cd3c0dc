#include "run/session/evidence_plan.h"

#include <fmt/format.h>

#include "core/base/duration.h"
#include "prometheus/promql/syntax/parser.h"
#include "watch/evidence/evidence.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {
namespace {

Error cannot_hold(std::string what, std::string hint) {
  return {Errc::kNotInjected, std::move(what), 0, std::move(hint), nullptr};
}

// Of a query whose window nothing but itself fills.
std::optional<Error> too_short(const Experiment& experiment, const Expectation& expectation, Nanos window,
                               Nanos sample_every) {
  auto refuse = [&](const char* key, Nanos needed, Nanos given) {
    return cannot_hold(
        fmt::format("\"{}\" cannot hold: its query looks back over {}, nothing is counted beside it, and {} is {}",
                    expectation.name, format_duration(window), key, format_duration(given)),
        fmt::format("Give `{}: {}` or more, or a shorter window.", key, format_duration(needed)));
  };
  Nanos needed = window + 2 * sample_every;
  if (expectation.when.count(When::kDuring) && experiment.attack.length < needed)
    return refuse("length", needed, experiment.attack.length);
  Nanos recovery = recovery_of(experiment, expectation);
  if (expectation.when.count(When::kAfter) && recovery < window) return refuse("recovery", needed, recovery);
  return std::nullopt;
}

std::string of_samples(Nanos sample_every) {
  return sample_every > Nanos(0) ? fmt::format(" (taken every {})", format_duration(sample_every)) : "";
}

// Of one part: how long it is in force without a pause, at most, and with the last value of its ramp.
struct Stretch {
  std::string name;
  Nanos longest{0}, last{0};
};

Stretch stretch_of(const Experiment& experiment, size_t index) {
  const Part& part = experiment.parts[index];
  Stretch stretch{part.name};
  for (const Stint& stint : experiment.schedule) {
    if (stint.part != index) continue;
    stretch.last = stint.length();
    stretch.longest = part.ramp ? stretch.longest + stint.length() : std::max(stretch.longest, stint.length());
  }
  return stretch;
}

// Why what is seen while it is in force may prove nothing; "" where it can.
std::string too_short_for(const Stretch& stretch, Nanos window, Nanos sample_every, bool counted) {
  Nanos samples = window > Nanos(0) ? 2 * sample_every : sample_every;
  if (window > stretch.longest)
    return fmt::format(
        "looks back over {}, and {} is in force for {} at a time: {}", format_duration(window), stretch.name,
        format_duration(stretch.longest),
        counted ? "it holds only together with what is counted meanwhile" : "nothing proves it for that attack");
  if (samples > stretch.longest)
    return fmt::format("needs samples (taken every {}) from while {} is in force, which is {} at a time",
                       format_duration(sample_every), stretch.name, format_duration(stretch.longest));
  if (sample_every > stretch.last)
    return fmt::format("needs a sample (taken every {}) from the last step of {}, which is {} long",
                       format_duration(sample_every), stretch.name, format_duration(stretch.last));
  return "";
}

Result<> outlasted(const Experiment& experiment, size_t index, const char* key, std::optional<Nanos> time) {
  const Expectation& expectation = experiment.expect[index];
  Nanos given = time.value_or(Nanos(0)), attack = experiment.attack.length;
  if (!expectation.when.count(When::kDuring) || given < attack || given == Nanos(0)) return {};
  return fail(
      Errc::kInvalidInput,
      fmt::format(
          "expect[{}] \"{}\": {}: {} is as long as the attack of {} or longer, so that nothing in it could be a "
          "breach",
          index, expectation.name, key, format_duration(given), format_duration(attack)),
      fmt::format("Give a shorter `{}`, or a longer `length`.", key));
}

}  // namespace

EvidencePlan plan_evidence(const Experiment& experiment, const Expectation& expectation, Nanos sample_every) {
  if (expectation.query.empty()) return {"a probe that begins and ends while the fault is in force", std::nullopt};
  auto query = promql::parse(expectation.query);
  if (!query) return {"none: Ordeal cannot tell which samples this query needs", std::nullopt};
  Nanos window = watch::needs_of(**query).window;
  std::string every = of_samples(sample_every);
  if (window == Nanos(0))
    return {"a reading whose newest samples" + every + " are from while the fault is in force", std::nullopt};
  bool counted = !watch::counted_from(expectation, experiment.sources).empty();
  std::string text =
      fmt::format("a reading of which two samples of each series{} are from while the fault is in force", every);
  if (!counted) {
    text += fmt::format(", and its whole window of {}", format_duration(window));
    return {text, too_short(experiment, expectation, window, sample_every)};
  }
  if (window > experiment.attack.length)
    text += fmt::format(
        "; its window of {} is longer than the attack, so that it holds only together with what is counted meanwhile",
        format_duration(window));
  return {text, std::nullopt};
}

std::vector<std::string> short_attacks(const Experiment& experiment, Nanos sample_every) {
  std::vector<std::string> all;
  for (const Expectation& expectation : experiment.expect) {
    auto query = promql::parse(expectation.query);
    if (expectation.query.empty() || !query || !expectation.when.count(When::kDuring)) continue;
    Nanos window = watch::needs_of(**query).window;
    bool counted = !watch::counted_from(expectation, experiment.sources).empty();
    for (size_t i = 0; i < experiment.parts.size(); ++i) {
      std::string why = too_short_for(stretch_of(experiment, i), window, sample_every, counted);
      if (!why.empty())
        all.push_back(fmt::format("\"{}\" {}; lengthen it, or give a shorter window", expectation.name, why));
    }
  }
  return all;
}

Result<> check_lasting(const Experiment& experiment) {
  for (size_t i = 0; i < experiment.expect.size(); ++i) {
    const Expectation& expectation = experiment.expect[i];
    TRY_VOID(outlasted(experiment, i, "for", expectation.for_));
    TRY_VOID(outlasted(experiment, i, "within", expectation.within));
  }
  return {};
}

}  // namespace ordeal::session

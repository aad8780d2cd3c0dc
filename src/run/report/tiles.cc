#include "run/report/tiles.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"

namespace ordeal::report {
namespace {

using Tiles = std::vector<Tile>;

std::string some_of(const std::vector<std::string>& names) {
  if (names.size() <= 3) return join(names, ", ");
  return fmt::format("{} and {} more", names[0], names.size() - 1);
}

void put_latency(Tiles& tiles, const std::optional<Nanos>& latency, const char* name) {
  if (latency) tiles.push_back({Tone::kNeutral, format_latency(*latency), name});
}

void put_failed_reverts(Tiles& tiles, const RunSummary& summary) {
  std::vector<std::string> victims;
  for (const ImpactSummary& impact : summary.impacts)
    if (impact.result == events::RevertResult::kFailed) victims.push_back(impact.title());
  if (!victims.empty()) tiles.push_back({Tone::kAlarm, "!\u00a0not reverted", some_of(victims)});
}

void put_failed_rollback(Tiles& tiles, const RunSummary& summary) {
  auto failed = std::find_if(summary.actions.begin(), summary.actions.end(), [](auto& action) { return !action.ok; });
  if (failed != summary.actions.end())
    tiles.push_back({Tone::kBad, "✕\u00a0rollback failed", failed->text + ": " + failed->result});
}

void put_dead(Tiles& tiles, const RunSummary& summary) {
  std::vector<std::string> dead = summary.dead();
  if (!dead.empty()) tiles.push_back({Tone::kBad, "✕\u00a0not running", some_of(dead) + " at the end of the run"});
}

void put_recovery(Tiles& tiles, const RunSummary& summary) {
  const ExpectationSummary* slowest = summary.slowest();
  if (!slowest) return;
  const EffectSummary& effect = slowest->effect;
  if (!effect.recovered)
    tiles.push_back({Tone::kBad, "✕\u00a0not recovered", slowest->name + " at the end of the run"});
  else if (*effect.recovered > Nanos(0))
    tiles.push_back(
        {Tone::kNeutral, format_latency(*effect.recovered), fmt::format("recovered in ({})", slowest->name)});
}

void put_return(Tiles& tiles, const RunSummary& summary) {
  std::optional<Nanos> longest;
  for (const ImpactSummary& impact : summary.impacts)
    if (impact.back && !impact.dead()) longest = std::max(longest.value_or(Nanos(0)), *impact.back);
  put_latency(tiles, longest,
              summary.impacts.size() == 1 ? "until the victim ran again" : "until the last one ran again");
}

void put_left_behind(Tiles& tiles, const RunSummary& summary) {
  if (summary.one_way())
    return tiles.push_back({Tone::kNeutral, "–\u00a0nothing to revert", "a kill cannot be undone"});
  std::vector<std::string> gone = summary.gone();
  if (summary.all_reverted_clean() && !gone.empty())
    return tiles.push_back({Tone::kNeutral, "–\u00a0fault off", some_of(gone) + " went away"});
  if (summary.all_reverted_clean()) return tiles.push_back({Tone::kGood, "✓\u00a0nothing", "left behind"});
  auto open = [](const ImpactSummary& impact) { return !impact.result; };
  if (std::any_of(summary.impacts.begin(), summary.impacts.end(), open))
    tiles.push_back({Tone::kAlarm, "?\u00a0unknown", "left behind"});
}

void put_impacts(Tiles& tiles, const RunSummary& summary) {
  if (summary.impacts.empty()) return tiles.push_back({Tone::kNeutral, "none", "victims hit"});
  if (summary.attack_begin() && !summary.one_way())
    put_latency(tiles, *summary.attack_end() - *summary.attack_begin(),
                summary.spans_in_force().size() > 1 ? "from the first fault on to the last one off" : "fault in force");
  size_t proven = summary.proofs.size() - summary.unproven().size();
  tiles.push_back({proven < summary.impacts.size() ? Tone::kBad : Tone::kNeutral,
                   fmt::format("{} of {}", proven, summary.impacts.size()), "faults confirmed"});
  put_left_behind(tiles, summary);
}

}  // namespace

Tiles tiles_of(const RunSummary& summary) {
  Tiles tiles;
  put_failed_reverts(tiles, summary);
  put_failed_rollback(tiles, summary);
  put_dead(tiles, summary);
  put_latency(tiles, summary.detection(), summary.one_way() ? "kill to breach" : "fault on to breach");
  put_latency(tiles, summary.halt_to_reverted(), "halt to fault off");
  put_recovery(tiles, summary);
  put_return(tiles, summary);
  put_impacts(tiles, summary);
  return tiles;
}

}  // namespace ordeal::report

#include "run/session/evidence_plan.h"

#include <gtest/gtest.h>

namespace ordeal::session {
namespace {

// A steady attack of 20 s, pulses of 5 s, and a ramp of three steps of 4 s.
Experiment several(const std::string& query) {
  Experiment experiment;
  for (const char* name : {"steady", "pulsed", "ramp"}) experiment.parts.push_back({name, {}, {}, {}, {}, {}});
  experiment.parts[2].ramp.emplace();
  auto add = [&](size_t part, Nanos at, Nanos length) {
    experiment.schedule.push_back({part, at, {}});
    experiment.schedule.back().attack.length = length;
  };
  add(0, 0s, 20s);
  for (Nanos at : {0s, 10s}) add(1, at, 5s);
  for (Nanos at : {0s, 4s, 8s}) add(2, at, 4s);
  experiment.expect.emplace_back();
  experiment.expect[0].name = "errors";
  experiment.expect[0].query = query;
  return experiment;
}

using Warnings = std::vector<std::string>;

TEST(EvidencePlan, WarnsOfEachAttackThatIsShorterThanAWindow) {
  const std::string end = "; lengthen it, or give a shorter window";
  auto shorter = [&](const std::string& window, const std::string& name, const std::string& length) {
    return "\"errors\" looks back over " + window + ", and " + name + " is in force for " + length +
           " at a time: nothing proves it for that attack" + end;
  };
  EXPECT_EQ(short_attacks(several("max_over_time(up[4s])"), 1s), Warnings{});
  EXPECT_EQ(short_attacks(several("max_over_time(up[6s])"), 1s), Warnings{shorter("6s", "pulsed", "5s")});
  EXPECT_EQ(short_attacks(several("max_over_time(up[15s])"), 1s),
            (Warnings{shorter("15s", "pulsed", "5s"), shorter("15s", "ramp", "12s")}));
  EXPECT_EQ(short_attacks(several("up"), 5s),
            Warnings{"\"errors\" needs a sample (taken every 5s) from the last step of ramp, which is 4s long" + end});
  EXPECT_EQ(
      short_attacks(several("max_over_time(up[5s])"), 4s),
      Warnings{"\"errors\" needs samples (taken every 4s) from while pulsed is in force, which is 5s at a time" + end});
}

TEST(EvidencePlan, WarnsOfNothingThatIsNotJudgedMeanwhile) {
  Experiment experiment = several("max_over_time(up[1h])");
  experiment.expect[0].when = {When::kBefore};
  EXPECT_EQ(short_attacks(experiment, 1s), Warnings{});
  experiment.expect[0].when = {When::kDuring};
  experiment.parts.clear();
  experiment.schedule.clear();
  EXPECT_EQ(short_attacks(experiment, 1s), Warnings{}) << "one steady attack has its own words";
}

}  // namespace
}  // namespace ordeal::session

#include "run/session/parts/part_plan.h"

#include <gtest/gtest.h>

#include "core/json/yaml.h"
#include "fault/guard/link/client.h"
#include "fault/guard/link/wire.h"

namespace ordeal::session {
namespace {

PartPlan part_of(int64_t candidates, size_t victims) {
  PartPlan part;
  part.selection.candidates = candidates;
  part.selection.chosen.resize(victims);
  return part;
}

TEST(PartPlan, TheGuardIsToldWhoseVictimItHits) {
  std::vector<PartPlan> parts{part_of(10, 1), part_of(4, 2)};
  std::vector<Stint> schedule{{0, 0s, {}}, {1, 1s, {}}, {0, 2s, {}}};  // the first is a pulse
  auto shares = shares_of(schedule, parts);
  std::vector<std::pair<int, int64_t>> told;
  auto sockets = *guard::message_pair();
  guard::GuardClient client(std::move(sockets.first));
  client.set_candidates(12);
  client.set_shares(shares);
  for (int i = 0; i < 4; ++i) client.inject(i, Victim{}, Attack{"pause", {}});
  client.check(1, Victim{}, Attack{"pause", {}});
  while (auto received = guard::receive_message(sockets.second.get()).value().message) {
    const json::Object& share = received->at("share").as_object();
    told.emplace_back(share.at("part").as_int64(), share.at("candidates").as_int64());
    EXPECT_EQ(received->at("candidates").as_int64(), 12);
  }
  EXPECT_EQ(told, (std::vector<std::pair<int, int64_t>>{{0, 10}, {1, 4}, {1, 4}, {0, 10}, {1, 4}}));
}

PartPlan starting(const char* attack, Nanos at, std::vector<std::string> claims) {
  PartPlan part;
  part.name = attack;
  part.fault = fault::find_fault(attack).value();
  part.stints.push_back({0, at, {}});
  part.plans.emplace_back();
  part.plans[0].steps.emplace_back();
  part.plans[0].steps[0].claims = std::move(claims);
  return part;
}

TEST(PartPlan, AKillOfWhatAnEarlierAttackHoldsIsNotCheckedAhead) {
  std::vector<PartPlan> parts{
      starting("pause", 0s, {"cgroup:/a/running"}), starting("shutdown", 1s, {"cgroup:/b/processes"}),
      starting("process_killer", 6s, {"cgroup:/a/processes"}), starting("process_killer", 7s, {"cgroup:/c/processes"})};
  find_behind(parts);
  EXPECT_EQ(parts[2].behind, "pause");
  for (size_t i : {0, 1, 3}) EXPECT_EQ(parts[i].behind, "") << i;
  parts[0].stints[0].at = 6500ms;
  parts[1].plans[0].steps[0].claims = {"cgroup:/a/processes"};
  parts[2].behind.clear();
  find_behind(parts);
  EXPECT_EQ(parts[2].behind, "") << "what holds it is another kill, which is not done yet";
  parts.erase(parts.begin() + 1);
  parts.pop_back();
  parts[1].behind.clear();
  find_behind(parts);
  EXPECT_EQ(parts[1].behind, "") << "it is the first one that cannot be undone";
}

TEST(PartPlan, ALookUpBesideFalseAnswersIsRefused) {
  std::vector<PartPlan> parts{starting("dns", 0s, {"resolver/answers"}), starting("latency", 0s, {"resolver/lookups"}),
                              starting("latency", 0s, {"resolver/lookups"})};
  for (PartPlan& part : parts) part.selection.chosen.resize(1), part.stints[0].attack.length = 1min;
  refuse_conflicts(parts, {});
  EXPECT_FALSE(parts[0].plans[0].refusal);
  for (size_t i : {1, 2}) {
    ASSERT_TRUE(parts[i].plans[0].refusal) << i;
    EXPECT_NE(parts[i].plans[0].refusal->what.find("dns on "), std::string::npos) << parts[i].plans[0].refusal->what;
  }
  for (PartPlan& part : parts) part.plans[0].refusal.reset();
  parts[0].stints[0].at = 1min;
  refuse_conflicts(parts, {});
  for (size_t i : {1, 2}) EXPECT_FALSE(parts[i].plans[0].refusal) << "at another time";
}

std::vector<PartPlan> parts_of(const std::string& text) {
  auto document = json::parse_document("name: x\ntarget: {type: host}\n" + text);
  auto experiment = decode_experiment(*document);
  EXPECT_TRUE(experiment) << experiment.error().message();
  auto parts = resolve_parts(*experiment);
  EXPECT_TRUE(parts) << parts.error().message();
  return parts.value_or(std::vector<PartPlan>{});
}

TEST(PartPlan, ARampIsNoticedAtMostByItsGreatestValue) {
  for (const char* ends : {"from: 50ms, to: 2s", "from: 2s, to: 50ms"}) {
    auto parts = parts_of(std::string("attack: {type: latency}\nlength: 30s\nramp: {argument: delay, ") + ends + "}\n");
    ASSERT_EQ(parts.size(), 1u);
    EXPECT_NE(parts[0].at_most.find("takes 2s longer"), std::string::npos) << parts[0].at_most;
  }
}

TEST(PartPlan, APartsDemandsAreItsOwn) {
  auto parts = parts_of(
      "attacks:\n- {name: a, length: 30s, attack: {type: cpu, args: {percent: 50}}}\n"
      "- {name: b, length: 30s, attack: {type: pause}}\n");
  ASSERT_EQ(parts.size(), 2u);
  for (PartPlan& part : parts) {
    part.selection.chosen.resize(1);
    part.selection.chosen[0].kind = VictimKind::kHost;
    part.plans.resize(1);
  }
  EXPECT_FALSE(demands_of(parts).empty());
  EXPECT_FALSE(demands_of({&parts[0], 1}).empty());
  EXPECT_TRUE(demands_of({&parts[1], 1}).empty());
}

TEST(PartPlan, WhereThereIsOneAttackAllCandidatesAreItsOwn) {
  auto sockets = *guard::message_pair();
  guard::GuardClient client(std::move(sockets.first));
  client.set_candidates(12);
  client.set_shares(shares_of({}, {part_of(12, 3)}));
  client.inject(2, Victim{}, Attack{"pause", {}});
  auto received = guard::receive_message(sockets.second.get()).value().message;
  ASSERT_TRUE(received);
  EXPECT_EQ(received->at("share").at("candidates").as_int64(), 12);
}

}  // namespace
}  // namespace ordeal::session

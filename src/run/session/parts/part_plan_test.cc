#include "run/session/parts/part_plan.h"

#include <gtest/gtest.h>

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

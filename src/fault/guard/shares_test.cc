#include "fault/guard/shares.h"

#include <gtest/gtest.h>

namespace ordeal::guard {
namespace {

Victim named(const std::string& name) {
  Victim victim;
  victim.kind = VictimKind::kContainer;
  victim.name = victim.cgroup = name;
  return victim;
}

struct SharesTest : testing::Test {
  std::vector<Policy> policies{Policy{}};
  Shares shares;

  // As the guard does at each impact: one that is allowed is hit.
  std::string hit(int impact, messages::Share share, const std::string& name) {
    auto allowed = shares.check(share, named(name), policies);
    if (allowed) shares.add(impact, share, named(name));
    return allowed ? "hit" : allowed.error().what;
  }
};

// Of ten candidates of all attacks five may be hit, and of the two of the second attack one.
TEST_F(SharesTest, EachAttackHasItsOwnShareOfItsOwnCandidates) {
  policies[0].origin = "p";
  policies[0].max_percent = 50;
  EXPECT_EQ(hit(0, {0, 8}, "a"), "hit");
  EXPECT_EQ(hit(1, {1, 2}, "x"), "hit");
  EXPECT_EQ(hit(2, {1, 2}, "y"), "p: caps.max_percent is 50, so 1 of 2 may be hit, and 2 are asked for");
  EXPECT_EQ(hit(3, {0, 8}, "y"), "hit") << "the other attack may";
  EXPECT_EQ(hit(4, {1, 2}, "x"), "hit") << "a victim counts once";
  shares.remove(1);
  shares.remove(4);
  EXPECT_EQ(hit(2, {1, 2}, "y"), "hit") << "nobody else is hit by it any more";
}

TEST_F(SharesTest, NorMoreThanTheNumberThatIsAllowed) {
  policies[0].max_targets = 2;
  for (int i : {0, 1}) EXPECT_EQ(hit(i, {1, 9}, std::to_string(i)), "hit");
  EXPECT_NE(hit(2, {1, 9}, "2").find("caps.max_targets is 2"), std::string::npos);
  policies.push_back(policies[0]);
  policies[0].max_targets.reset();
  EXPECT_NE(hit(2, {1, 9}, "2"), "hit") << "each policy is asked";
}

TEST_F(SharesTest, WhoHasAnotherImpactGivesNoSlotBackEvenWhereItsRevertFailed) {
  Victim victim;
  victim.name = "a";
  EXPECT_EQ(shares.counts(victim), 1);
  shares.add(1, {0, 9}, victim);
  shares.add(2, {1, 9}, victim);
  EXPECT_EQ(shares.counts(victim), 0);
  shares.remove(2);  // 1 could not be reverted, and stays
  EXPECT_EQ(shares.counts(victim), 0);
  shares.remove(1);
  EXPECT_EQ(shares.counts(victim), 1);
}

TEST_F(SharesTest, WithoutCapsEverybodyMayBeHit) {
  for (int i = 0; i < 9; ++i) EXPECT_EQ(hit(i, {0, 9}, std::to_string(i)), "hit");
}

}  // namespace
}  // namespace ordeal::guard

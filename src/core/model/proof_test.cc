#include "core/model/proof.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

TEST(Proof, ComesBackFromJson) {
  Proof proof{true, "measured", "reason", 100, 100.5, "ms", {{"arrival", 9, 1, "packets", "1 was lost"}}};
  auto back = proof_from_json(to_json(proof));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), to_json(proof));
  EXPECT_EQ(back->coverage.at(0).missing, "1 was lost");
}

TEST(Proof, OfAnOlderVersionHasNoCoverage) {
  json::Object object = to_json(Proof{true, "m", "", 1, 1, "ms"}).as_object();
  object.erase("coverage");
  auto back = proof_from_json(object);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->coverage.empty());
}

TEST(Proof, WhatLastedInAnOlderVersionWasAKill) {
  Proof reset{.proven = true, .lasting = "3 connections were reset"};
  EXPECT_FALSE(proof_from_json(to_json(reset))->may_return);
  json::Object old = to_json(reset).as_object();
  old.erase("may_return");
  EXPECT_TRUE(proof_from_json(old)->may_return);
  old["lasting"] = "";
  EXPECT_FALSE(proof_from_json(old)->may_return);
}

TEST(Proof, NothingToHitIsNeitherHitNorMissed) { EXPECT_EQ(Coverage{}.share(), std::nullopt); }

TEST(Proof, AShareBelowNinetyFivePercentFallsShort) {
  EXPECT_EQ(shortfall({"arrival", 95, 5, "packets", "lost"}), "");
  EXPECT_EQ(shortfall({"arrival", 0, 0, "packets", ""}), "");
  EXPECT_EQ(shortfall({"arrival", 94, 6, "packets", "6 were lost"}),
            "only 94.0 % of what should have been hit (arrival, packets) was hit, 95 % are needed: 6 were lost");
  EXPECT_NE(shortfall({"arrival", 0, 938, "packets", ""}).find("only 0.0 %"), std::string::npos);
}

}  // namespace
}  // namespace ordeal

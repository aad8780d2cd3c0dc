#include "app/cli/cluster/held.h"

#include <gtest/gtest.h>

#include "core/json/yaml.h"

namespace ordeal::cli {
namespace {

json::Value injection(const std::string& node, const std::string& state, const std::string& impacts = "[]") {
  std::string text = "{metadata: {uid: " + node + ", name: slow-" + node + ", namespace: shop}, spec: {node: " + node +
                     ", run: r1}, status: {state: '" + state + "', impacts: " + impacts + "}}";
  return json::parse_yaml(text).value().value;
}

class HeldTest : public testing::Test {
 protected:
  HeldInjections::Runs runs = std::make_shared<std::set<std::string>>();
  HeldInjections held{runs};
};

TEST_F(HeldTest, WhoIsSeenAsRevertedIsDone) {
  held.put(injection("a", "injected"));
  held.synced();
  EXPECT_EQ(held.left().size(), 1u);
  EXPECT_EQ(runs->count("r1"), 1u);
  held.put(injection("a", "reverted"));
  held.gone(injection("a", "reverted"));
  EXPECT_TRUE(held.left().empty());
  EXPECT_TRUE(held.unconfirmed().empty());
}

// The last word may come with the deletion itself.
TEST_F(HeldTest, ADeletionTellsTheLastState) {
  held.put(injection("a", "injected"));
  held.put(injection("b", "injected"));
  held.synced();
  held.gone(injection("a", "reverted", "[{id: 0, state: reverted, clean: false, error: stuck}]"));
  held.gone(injection("b", "injected"));
  EXPECT_TRUE(held.left().empty());
  EXPECT_EQ(held.failed().at("a"), "stuck");
  ASSERT_EQ(held.unconfirmed().size(), 1u);
  EXPECT_EQ(held.unconfirmed().begin()->second.node, "b");
}

TEST_F(HeldTest, WhoVanishesBetweenTwoListsIsNotConfirmed) {
  for (const char* node : {"a", "b", "c"}) held.put(injection(node, "injected"));
  held.synced();
  held.put(injection("c", "reverted"));
  held.relist();
  held.put(injection("b", "injected"));
  held.synced();
  ASSERT_EQ(held.unconfirmed().size(), 1u);
  EXPECT_EQ(held.unconfirmed().begin()->second.node, "a");
  ASSERT_EQ(held.left().size(), 1u);
  EXPECT_EQ(held.left().begin()->second.node, "b");
}

}  // namespace
}  // namespace ordeal::cli

#include "app/cli/cluster/plan/words.h"

#include <gtest/gtest.h>

namespace ordeal::cli {
namespace {

TEST(PlanWords, CandidatesThatTheSameRuleLeftOutAreOneLine) {
  auto groups = group_by_rule({{"a", "protected"}, {"b", "not ready"}, {"c", "protected"}});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].rule, "protected");
  EXPECT_EQ(groups[0].victims, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(groups[1].victims, (std::vector<std::string>{"b"}));
}

TEST(PlanWords, ManyNamesAreCounted) {
  EXPECT_EQ(named_briefly({"a", "b"}), "a, b");
  EXPECT_EQ(named_briefly({"a", "b", "c", "d", "e", "f"}), "a, b, c, d, e, f");
  EXPECT_EQ(named_briefly({"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more");
}

TEST(PlanWords, AVictimIsAPodAContainerOrTheNode) {
  EXPECT_EQ(victim_in_words(cluster::ClusterVictim{"pod", "shop", "api-1", "u", "", ""}), "pod shop/api-1");
  EXPECT_EQ(victim_in_words(cluster::ClusterVictim{"container", "shop", "api-1", "u", "app", "c"}),
            "container app of pod shop/api-1");
  EXPECT_EQ(victim_in_words(cluster::ClusterVictim{"node", "", "", "u", "", ""}), "the node itself");
}

TEST(PlanWords, ANodeWithoutAnAgentIsSaidWhereThatIsKnown) {
  std::vector<NodeWork> work{{"a", {}}, {"b", {}}};
  std::optional<std::set<std::string>> agents;
  EXPECT_TRUE(without_agent(work, agents).empty());
  EXPECT_EQ(agent_in_words("b", agents), "b");
  agents = std::set<std::string>{"a"};
  EXPECT_EQ(without_agent(work, agents), (std::vector<std::string>{"b"}));
  EXPECT_EQ(agent_in_words("a", agents), "a: its agent is ready");
  EXPECT_EQ(agent_in_words("b", agents), "b: NO agent is ready");
}

}  // namespace
}  // namespace ordeal::cli

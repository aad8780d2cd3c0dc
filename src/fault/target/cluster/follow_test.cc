#include "fault/target/cluster/follow.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "core/base/text/text.h"
#include "fault/target/cluster/made_up.h"

namespace ordeal::target {
namespace {

const Labels kLabels{{"app", "api"}};

std::string names(const std::vector<ClusterPick>& picks) {
  std::vector<std::string> all;
  for (const ClusterPick& pick : picks) all.push_back(pick.model_victim.name);
  return join(all, " ");
}

// A run on the pods of a view, which a test then changes.
struct Ongoing {
  explicit Ongoing(const std::string& how_many, int pods = 6, const std::string& policy = "caps: {}")
      : view(made_up_view("staging", "api", pods, kLabels)),
        experiment(experiment_of("{type: kubernetes, labels: {app: api}, follow: true" + how_many + "}")),
        rules{{policy_of(policy)}, "staging", "ordeal", false} {
    ClusterChoice choice = choose_in_cluster(experiment.target, view, rules, 1).value();
    state.held = choice.chosen;
    state.seen.insert(choice.allowed.begin(), choice.allowed.end());
  }

  Followed go_on() { return follow(experiment, facts, rules, view, others, 1, state).value(); }
  void add(const std::string& name) { view.pods.push_back(made_up_pod("staging", name, kLabels)); }
  void remove(const std::string& name) {
    std::erase_if(view.pods, [&](const cluster::Pod& pod) { return pod.name == name; });
  }

  cluster::View view;
  Experiment experiment;
  ClusterRules rules;
  AttackFacts facts{};
  ClusterLoad others{};
  Following state;
};

TEST(Follow, NewPodsAreTakenInOnce) {
  Ongoing run("");
  EXPECT_EQ(names(run.go_on().taken), "");
  run.add("new-1");
  run.add("new-2");
  run.view.pods.back().phase = "Pending";
  EXPECT_EQ(names(run.go_on().taken), "new-1");
  EXPECT_EQ(names(run.go_on().taken), "");
  run.view.pods.back().phase = "Running";
  EXPECT_EQ(names(run.go_on().taken), "new-2") << "once it runs";
  EXPECT_EQ(run.state.held.size(), 8u);
}

TEST(Follow, WithoutTheKeyNobodyIs) {
  Ongoing run("");
  run.experiment.target.follow = false;
  run.add("new-1");
  EXPECT_TRUE(run.go_on().taken.empty());
}

TEST(Follow, APercentageIsOfThoseThatAreThereNow) {
  Ongoing run(", percentage: 50");
  ASSERT_EQ(run.state.held.size(), 3u);
  run.add("new-1");
  Followed odd = run.go_on();
  EXPECT_EQ(names(odd.taken), "") << "50 % of 7 is 3";
  EXPECT_EQ(odd.left_out.at(0).victim + ": " + odd.left_out.at(0).rule,
            "new-1: not drawn: as many as the target asks for are hit");
  run.add("new-2");
  EXPECT_EQ(names(run.go_on().taken), "new-2") << "not one that was not drawn before";
}

TEST(Follow, WhoIsGoneIsReplacedByANewOneOnly) {
  Ongoing run(", count: 2");
  std::string first = run.state.held[0].model_victim.name;
  run.remove(first);
  Followed followed = run.go_on();
  EXPECT_EQ(followed.gone, (std::vector<std::string>{"uid-" + first}));
  EXPECT_EQ(names(followed.taken), "") << "nobody new is there";
  run.add("new-1");
  run.add("new-2");
  EXPECT_EQ(run.go_on().taken.size(), 1u);
}

TEST(Follow, AKillGoesOnToNobodyElse) {
  Ongoing run(", percentage: 50");
  run.facts.one_way = true;
  for (const ClusterPick& pick : std::vector<ClusterPick>(run.state.held)) {
    run.remove(pick.model_victim.name);
    run.add("instead-of-" + pick.model_victim.name);
  }
  Followed followed = run.go_on();
  EXPECT_EQ(names(followed.taken), "") << "the pods that come in the place of the killed ones";
  EXPECT_EQ(followed.gone.size(), 3u);
}

TEST(Follow, ANameThatIsBackIsAnotherIncarnation) {
  Ongoing run(", count: 2");
  std::string first = run.state.held[0].model_victim.name;
  for (cluster::Pod& pod : run.view.pods)
    if (pod.name == first) pod.uid = "uid-again";
  Followed followed = run.go_on();
  EXPECT_EQ(names(followed.taken), first);
  EXPECT_EQ(followed.taken.at(0).victim.uid, "uid-again");
  EXPECT_EQ(followed.gone, (std::vector<std::string>{"uid-" + first}));
  EXPECT_TRUE(run.go_on().taken.empty()) << "once";
  EXPECT_EQ(key_of(run.state.held.back()), "uid-again");
}

TEST(Follow, WhoIsBackPassesTheSameGatesAsANewOne) {
  Ongoing run("", 6, "caps: {max_targets: 6}");
  run.others.targets = 1;  // of another run, meanwhile
  auto restart = [&](const std::string& name, const std::string& uid) {
    for (cluster::Pod& pod : run.view.pods)
      if (pod.name == name) pod.uid = uid;
  };
  restart("api-001", "uid-again");
  Followed followed = run.go_on();
  EXPECT_EQ(names(followed.taken), "") << "5 are hit, one by another run";
  ASSERT_EQ(followed.left_out.size(), 1u);
  EXPECT_EQ(followed.left_out[0].rule, "policy: caps.max_targets is 6; 1 are already hit and 6 more are asked for");
  run.others.targets = 0;
  EXPECT_EQ(names(run.go_on().taken), "api-001");
  run.add("new-1");
  EXPECT_EQ(names(run.go_on().taken), "") << "it makes no room for one more";
}

TEST(Follow, WhoIsBackIsDrawnLikeANewOne) {
  Ongoing run(", count: 2");
  std::string first = run.state.held[0].model_victim.name;
  for (cluster::Pod& pod : run.view.pods)
    if (pod.name == first) pod.uid = "uid-again";
  run.add("new-1");
  EXPECT_EQ(run.go_on().taken.size(), 1u) << "two are new, one is gone";
}

TEST(Follow, ARestartedContainerIsBack) {
  Ongoing run("");
  run.experiment = experiment_of("{type: container, labels: {app: api}, follow: true}");
  ClusterChoice choice = choose_in_cluster(run.experiment.target, run.view, run.rules, 1).value();
  run.state = {choice.chosen, {choice.allowed.begin(), choice.allowed.end()}};
  run.view.pods[2].containers[0].id = std::string(64, 'd');
  Followed followed = run.go_on();
  EXPECT_EQ(names(followed.taken), "api-003/main");
  EXPECT_EQ(followed.gone.size(), 1u);
}

TEST(Follow, NewOnesAreJudgedByEveryRule) {
  Ongoing run("", 2, "protected: {labels: {keep: true}}");
  run.add("kept");
  run.view.pods.back().labels["keep"] = "true";
  EXPECT_EQ(names(run.go_on().taken), "");
}

TEST(Follow, WithinTheCapsAndLaterWhenThereIsRoom) {
  Ongoing run("", 6, "caps: {max_targets: 8}");
  for (int i = 1; i <= 4; ++i) run.add(fmt::format("new-{}", i));
  Followed followed = run.go_on();
  EXPECT_EQ(names(followed.taken), "new-1 new-2");
  ASSERT_EQ(followed.left_out.size(), 2u);
  EXPECT_EQ(followed.left_out[0].rule, "policy: caps.max_targets is 8; 0 are already hit and 10 more are asked for");
  run.remove("api-001");
  EXPECT_EQ(names(run.go_on().taken), "new-3");
  run.others.targets = 1;
  run.remove("api-002");
  EXPECT_EQ(names(run.go_on().taken), "") << "another run has it now";
}

TEST(Follow, InRandomRunsCapsHoldAndNobodyIsTakenTwice) {
  Random random(5);
  for (int round = 0; round < 100; ++round) {
    Ongoing run(random.below(2) ? "" : ", percentage: 60", 5, "caps: {max_targets: 9, max_namespace_percent: 80}");
    std::set<std::string> hit;
    for (const ClusterPick& pick : run.state.held) hit.insert(key_of(pick));
    for (int step = 0; step < 20; ++step) {
      if (random.below(2)) run.add(fmt::format("new-{}-{}", round, step));
      if (random.below(3) == 0 && !run.view.pods.empty()) run.view.pods.erase(run.view.pods.begin());
      Followed followed = run.go_on();
      for (const ClusterPick& pick : followed.taken) ASSERT_TRUE(hit.insert(key_of(pick)).second) << round;
      int64_t alive = static_cast<int64_t>(run.state.held.size());
      std::set<std::string> gone(followed.gone.begin(), followed.gone.end());
      alive -= static_cast<int64_t>(gone.size());
      ASSERT_TRUE(followed.taken.empty() || alive <= 9) << round;
    }
  }
}

}  // namespace
}  // namespace ordeal::target

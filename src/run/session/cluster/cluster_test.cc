#include <gtest/gtest.h>

#include "run/session/cluster/api_rollback.h"
#include "run/session/cluster/cluster_world.h"
#include "run/session/cluster/prepare_cluster.h"

namespace ordeal::session {
namespace {

TEST(KeptTest, AfterAListOnlyWhatItHadIsKept) {
  Kept<std::string> kept;
  EXPECT_FALSE(kept.complete());
  kept.relist();
  kept.put("a", "1");
  kept.put("b", "2");
  EXPECT_TRUE(kept.synced().empty());
  EXPECT_TRUE(kept.complete());
  uint64_t before = kept.changes();
  kept.relist();
  kept.put("b", "3");
  EXPECT_EQ(kept.size(), 2u);  // until the list is whole nothing is gone
  EXPECT_EQ(kept.synced(), std::vector<std::string>{"1"});
  EXPECT_EQ(kept.find("a"), nullptr);
  EXPECT_EQ(*kept.find("b"), "3");
  EXPECT_GT(kept.changes(), before);
}

kube::ApiFailure failure(kube::ApiFailure::Kind kind) {
  kube::ApiFailure failure;
  failure.kind = kind;
  return failure;
}

// An API server that answers when the test says so.
struct Server {
  struct Asked {
    kube::Request request;
    kube::Client::Callback callback;
  };
  std::vector<Asked> asked;
  BootTime now = BootTime(1h);

  Send send() {
    return [this](kube::Request request, kube::Client::Callback callback) {
      asked.push_back({std::move(request), std::move(callback)});
    };
  }
  Now clock() {
    return [this] { return now; };
  }
  void answer(kube::Answer<json::Value> answer = json::Value()) {
    Asked first = std::move(asked.front());
    asked.erase(asked.begin());
    first.callback(std::move(answer));
  }
};

TEST(OutboxTest, SendsABoundedNumberAtOnceAndAgainWhatPasses) {
  Server server;
  Outbox outbox(server.send(), server.clock(), 2);
  int done = 0, failed = 0;
  for (int i = 0; i < 3; ++i)
    outbox.add(kube::get(kube::kPods, {"shop", "a"}), [&](const auto& answer) { (answer ? done : failed)++; });
  outbox.dispatch();
  EXPECT_EQ(server.asked.size(), 2u);
  server.answer(tl::unexpected(failure(kube::ApiFailure::Kind::kServer)));
  server.answer();
  outbox.dispatch();
  EXPECT_EQ(server.asked.size(), 1u);  // the third; the first waits
  EXPECT_EQ(outbox.next_wake(), server.now + 100ms);
  server.now += 100ms;
  outbox.dispatch();
  ASSERT_EQ(server.asked.size(), 2u);
  server.answer(tl::unexpected(failure(kube::ApiFailure::Kind::kForbidden)));
  server.answer();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(failed, 1);
  EXPECT_TRUE(outbox.empty());
}

TEST(OutboxTest, AnAnswerThatComesAfterItsEndIsDropped) {
  Server server;
  bool called = false;
  {
    Outbox outbox(server.send(), server.clock(), 2);
    outbox.add(kube::get(kube::kPods, {"shop", "a"}), [&](const auto&) { called = true; });
    outbox.dispatch();
  }
  server.answer();
  EXPECT_FALSE(called);
}

cluster::Pod pod(const std::string& name, const std::string& owner = "rs") {
  cluster::Pod pod;
  pod.namespace_ = "shop";
  pod.name = name;
  pod.uid = "uid-" + name;
  pod.node = "node-1";
  pod.phase = "Running";
  pod.ready = true;
  pod.controller = cluster::OwnerRef{"ReplicaSet", owner, "uid-" + owner};
  pod.containers = {{"app", "c-" + name, true, true}};
  return pod;
}

// Its address may be another's by the time at which it is asked next.
TEST(PodPages, APageGoesWithItsPod) {
  Kept<cluster::Pod> pods;
  std::vector<PodPage> pages;
  for (const char* name : {"a", "b", "c", "d"}) {
    cluster::Pod one = pod(name);
    one.ip = std::string("10.0.0.") + name;
    pages.push_back({one.uid, one.ip, "http://" + one.ip});
    pods.put(one.uid, one);
  }
  EXPECT_TRUE(take_gone(pages, pods).empty());
  pods.remove("uid-a");
  cluster::Pod done = *pods.find("uid-b"), moved = *pods.find("uid-c"), leaving = *pods.find("uid-d");
  done.phase = "Failed";
  moved.ip = "10.0.0.a";
  leaving.terminating = true;
  for (const cluster::Pod& one : {done, moved, leaving}) pods.put(one.uid, one);
  auto gone = take_gone(pages, pods);
  ASSERT_EQ(gone.size(), 3u);
  EXPECT_EQ(gone[0].url, "http://10.0.0.a");
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].uid, "uid-d") << "it still answers";
}

cluster::ClusterVictim victim(const std::string& name) { return {"pod", "shop", name, "uid-" + name, "", ""}; }

TEST(ReturnsTest, ARestartedContainerIsTheReturnOfItsPod) {
  Kept<cluster::Pod> pods;
  pods.put("uid-a", pod("a"));
  Returns returns;
  returns.remember(0, victim("a"), pods);
  BootTime now = BootTime(1h);
  EXPECT_FALSE(returns.look(0, pods, now).there);  // not yet killed: the same container still runs
  cluster::Pod dead = pod("a");
  dead.containers[0].running = dead.containers[0].ready = dead.ready = false;
  pods.put("uid-a", dead);
  EXPECT_FALSE(returns.look(0, pods, now + 1s).there);
  cluster::Pod back = pod("a");
  back.containers[0].id = "another";
  pods.put("uid-a", back);
  EXPECT_TRUE(returns.look(0, pods, now + 2s).there);
  EXPECT_EQ(returns.look(0, pods, now + 5s).began, now + 2s);  // when it was seen first
}

TEST(ReturnsTest, EachNewPodIsTheReturnOfOneVictimOnly) {
  Kept<cluster::Pod> pods;
  for (const char* name : {"a", "b", "c"}) pods.put(std::string("uid-") + name, pod(name));
  Returns returns;
  returns.remember(0, victim("a"), pods);
  returns.remember(1, victim("b"), pods);
  pods.remove("uid-a");
  pods.remove("uid-b");
  BootTime now = BootTime(1h);
  pods.put("uid-x", pod("x", "of somebody else"));
  pods.put("uid-d", pod("d"));
  int there = returns.look(0, pods, now).there + returns.look(1, pods, now).there;
  EXPECT_EQ(there, 1) << "one new pod for two that were killed; the third was there before";
  pods.put("uid-e", pod("e"));
  now += 1s;
  EXPECT_TRUE(returns.look(0, pods, now).there);
  EXPECT_TRUE(returns.look(1, pods, now).there);
}

TEST(ReturnsTest, AReplacementThatIsNotReadyIsNotBack) {
  Kept<cluster::Pod> pods;
  pods.put("uid-a", pod("a"));
  Returns returns;
  returns.remember(0, victim("a"), pods);
  pods.remove("uid-a");
  cluster::Pod fresh = pod("b");
  fresh.ready = false;
  pods.put("uid-b", fresh);
  EXPECT_FALSE(returns.look(0, pods, BootTime(1h)).there);
}

// The world with two nodes, a pod on each, and the engine's part played by the test.
class WorldTest : public testing::Test {
 protected:
  WorldTest() {
    for (const char* name : {"a", "b"}) {
      cluster::Pod one = pod(name);
      one.node = std::string("node-") + name;
      pods.put(one.uid, one);
      cluster::Node node;
      node.name = one.node;
      node.ready = true;
      nodes.put(node.name, node);
    }
  }
  ClusterWorld& make(bool one_way = false) {
    ClusterRun run{"r20261123t201504z-k3x5q", "shop", "slow", "uid-slow"};
    run.one_way = one_way;
    world.emplace(run, std::vector<ClusterTarget>{{victim("a"), "node-a"}, {victim("b"), "node-b"}},
                  ClusterNow{pods, nodes}, server.send(), server.clock());
    return *world;
  }
  void inject_both() {
    for (int i = 0; i < 2; ++i) world->inject(i, Victim(), attack);
    world->flush();
  }
  // What an agent writes on the Injection that was asked for with this request.
  cluster::Injection as_seen(const kube::Request& request) {
    json::Value object = json::parse(request.body).value();
    object.as_object()["metadata"].as_object()["uid"] = "uid-of-injection";
    return cluster::injection_from_json(object).value();
  }
  cluster::Injection with(cluster::Injection injection, const std::string& state) {
    injection.status.state = state;
    injection.status.impacts.clear();
    for (const auto& planned : injection.spec.impacts) {
      cluster::ImpactStatus impact;
      impact.id = planned.id;
      impact.state = state;
      injection.status.impacts.push_back(impact);
    }
    return injection;
  }
  template <typename T>
  int take() {
    int count = 0;
    for (const engine::Event& event : std::exchange(world->inbox(), {})) count += std::holds_alternative<T>(event);
    return count;
  }

  Server server;
  Kept<cluster::Pod> pods;
  Kept<cluster::Node> nodes;
  Attack attack{.type = "latency", .args = {}};
  std::optional<ClusterWorld> world;
};

TEST_F(WorldTest, WhatIsAskedInOneGoIsOneInjectionForEachNode) {
  make();
  for (int i = 0; i < 2; ++i) world->inject(i, Victim(), attack);
  EXPECT_TRUE(server.asked.empty());
  world->flush();
  ASSERT_EQ(server.asked.size(), 2u);
  cluster::Injection first = as_seen(server.asked[0].request);
  EXPECT_EQ(first.spec.node, "node-a");
  EXPECT_TRUE(first.has_finalizer);
  EXPECT_FALSE(first.spec.waits_for_go);
  ASSERT_EQ(first.spec.impacts.size(), 1u);
  EXPECT_EQ(first.spec.impacts[0].victim.uid, "uid-a");
  world->saw(with(first, "injected"));
  world->saw(with(first, "injected"));
  EXPECT_EQ(take<engine::Applied>(), 1) << "the same status twice is one event";
}

TEST_F(WorldTest, APodThatIsNotThereAnyMoreIsNotAskedFor) {
  make();
  pods.remove("uid-a");
  nodes.remove("node-b");
  inject_both();
  EXPECT_TRUE(server.asked.empty());
  EXPECT_EQ(take<engine::ApplyFailed>(), 2);
}

TEST_F(WorldTest, AnAnswerThatWasLostIsNoFailure) {
  make();
  inject_both();
  server.answer(tl::unexpected(failure(kube::ApiFailure::Kind::kServer)));
  server.answer(tl::unexpected(failure(kube::ApiFailure::Kind::kForbidden)));
  server.now += 1s;
  world->dispatch();
  ASSERT_EQ(server.asked.size(), 1u);
  server.answer(tl::unexpected(failure(kube::ApiFailure::Kind::kAlreadyExists)));
  EXPECT_EQ(take<engine::ApplyFailed>(), 1);
}

TEST_F(WorldTest, ASilentAgentFailsAndItsInjectionIsTakenBack) {
  make();
  inject_both();
  cluster::Injection answers = as_seen(server.asked[0].request);
  server.answer();
  server.answer();
  world->saw(with(answers, "injected"));
  server.now += cluster::kClusterLease;
  world->dispatch();
  EXPECT_EQ(take<engine::ApplyFailed>(), 1);
  ASSERT_EQ(server.asked.size(), 1u);
  EXPECT_EQ(server.asked[0].request.method, "DELETE");
}

TEST_F(WorldTest, ARenewalIsAskedForAtMostEachThirdOfTheLease) {
  make();
  int64_t before = world->renewal().count;
  for (int i = 0; i < 100; ++i) {
    world->renew();
    server.now += 100ms;
  }
  EXPECT_EQ(world->renewal().count, before + 1);
  EXPECT_TRUE(world->urgent());
}

TEST_F(WorldTest, AStatusThatIsWrittenOftenRenewsAllTheSame) {
  make();
  int64_t before = world->renewal().count;
  for (int second = 0; second < 30; ++second) {
    world->renew();
    world->renewal_sent(world->renewal());
    world->renewal_written(world->renewal());
    server.now += 1s;
  }
  EXPECT_GE(world->renewal().count, before + 5);
}

TEST_F(WorldTest, AOneWayAttackIsCheckedByTheAgentsAndGoesByOneWord) {
  make(true);
  for (int i = 0; i < 2; ++i) world->check(i, Victim(), attack);
  world->flush();
  ASSERT_EQ(server.asked.size(), 2u);
  cluster::Injection first = as_seen(server.asked[0].request);
  EXPECT_TRUE(first.spec.waits_for_go);
  world->saw(with(first, "checked"));
  EXPECT_EQ(take<engine::Checked>(), 1);
  EXPECT_FALSE(world->renewal().go);
  for (int i = 0; i < 2; ++i) world->inject(i, Victim(), attack);
  EXPECT_TRUE(world->renewal().go);
  world->flush();
  EXPECT_EQ(server.asked.size(), 2u) << "no further Injection";
}

TEST_F(WorldTest, TheEndIsConfirmedByEachAgent) {
  make();
  inject_both();
  std::vector<cluster::Injection> seen{as_seen(server.asked[0].request), as_seen(server.asked[1].request)};
  server.answer();
  server.answer();
  for (const auto& injection : seen) world->saw(with(injection, "injected"));
  world->revert_all("attack finished");
  EXPECT_EQ(world->renewal().stop, "attack finished");
  EXPECT_FALSE(world->settled());
  cluster::Renewal written = world->renewal();
  world->renewal_written(written);
  for (const auto& injection : seen) world->saw(with(injection, "reverted"));
  world->dispatch();
  EXPECT_EQ(take<engine::Reverted>(), 2);
  EXPECT_TRUE(world->settled());
}

TEST_F(WorldTest, WhoDoesNotConfirmWithinTheLeaseIsNamedAndItsFinaliserTaken) {
  make();
  inject_both();
  std::vector<cluster::Injection> seen{as_seen(server.asked[0].request), as_seen(server.asked[1].request)};
  server.answer();
  server.answer();
  for (const auto& injection : seen) world->saw(with(injection, "injected"));
  world->revert_all("attack finished");
  world->renewal_written(world->renewal());
  world->saw(with(seen[0], "reverted"));
  take<engine::Reverted>();
  server.now += cluster::kClusterLease + 900ms;
  world->dispatch();
  EXPECT_TRUE(world->inbox().empty());
  server.now += 200ms;
  world->dispatch();
  bool named = false;
  for (const engine::Event& event : world->inbox())
    if (const auto* reverted = std::get_if<engine::Reverted>(&event))
      named |= !reverted->clean && reverted->error.find("node-b") != std::string::npos;
  EXPECT_TRUE(named);
  ASSERT_EQ(server.asked.size(), 1u);
  EXPECT_NE(server.asked[0].request.body.find("finalizers"), std::string::npos);
}

TEST_F(WorldTest, HowLongItWasInForceIsWhatTheAgentSays) {
  make();
  inject_both();
  cluster::Injection seen = as_seen(server.asked[0].request);
  world->saw(with(seen, "injected"));
  BootTime applied = server.now;
  take<engine::Applied>();
  server.now += 10s;
  cluster::Injection reverted = with(seen, "reverted");
  reverted.status.impacts[0].in_force = 4s;
  world->saw(reverted);
  ASSERT_EQ(world->inbox().size(), 1u);
  const auto& event = std::get<engine::Reverted>(world->inbox().front());
  EXPECT_EQ(event.applied, applied);
  EXPECT_EQ(event.reverted, applied + 4s);
}

TEST(ApiRollbackTest, AsksBeforehandWhetherItMay) {
  RollbackAction abort{RolloutAction{"api", "shop", "abort"}, 30s};
  auto questions = rollback_questions({abort});
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_TRUE(questions[0].access);
  EXPECT_NE(questions[0].request.body.find(R"("subresource":"status")"), std::string::npos);
  EXPECT_NE(questions[0].request.body.find(R"("namespace":"shop")"), std::string::npos);
  json::Value yes = json::Object{{"status", json::Object{{"allowed", true}}}};
  json::Value no = json::Object{{"status", json::Object{{"allowed", false}}}};
  EXPECT_TRUE(judge_answer(questions[0], yes));
  EXPECT_FALSE(judge_answer(questions[0], no));
  EXPECT_FALSE(judge_answer(questions[1], tl::unexpected(failure(kube::ApiFailure::Kind::kNotFound))));
}

TEST(ApiRollbackTest, AbortsARolloutByItsStatus) {
  Server server;
  std::vector<rollback::ActionDone> done;
  ApiRollback rollback({{RolloutAction{"api", "shop", "abort"}, 30s}}, "r1", server.send(), server.clock(),
                       [&](rollback::ActionDone one) { done.push_back(std::move(one)); });
  rollback.act("errors were 5 %");
  ASSERT_EQ(server.asked.size(), 1u);
  EXPECT_EQ(server.asked[0].request.path, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api/status");
  EXPECT_EQ(server.asked[0].request.type, "application/merge-patch+json");
  server.answer(json::Value(json::Object{{"status", json::Object{{"currentPodHash", "a"}, {"stableRS", "b"}}}}));
  ASSERT_EQ(done.size(), 1u);
  EXPECT_TRUE(done[0].action.ok) << done[0].action.result;
  EXPECT_TRUE(done[0].last);
}

TEST(ApiRollbackTest, UndoesADeploymentByItsTemplateBefore) {
  Server server;
  std::vector<rollback::ActionDone> done;
  ApiRollback rollback({{DeploymentAction{"api", "shop"}, 30s}}, "r1", server.send(), server.clock(),
                       [&](rollback::ActionDone one) { done.push_back(std::move(one)); });
  rollback.act("errors were 5 %");
  auto set = [](const char* revision, const char* image) {
    std::string text = fmt::format(
        R"({{"metadata":{{"name":"api-{0}","uid":"s{0}","annotations":{{"deployment.kubernetes.io/revision":"{0}"}},
            "ownerReferences":[{{"uid":"d","controller":true}}]}},
            "spec":{{"template":{{"metadata":{{"labels":{{"app":"api","pod-template-hash":"h{0}"}}}},
            "spec":{{"containers":[{{"name":"app","image":"{1}"}}]}}}}}}}})",
        revision, image);
    return json::parse(text).value();
  };
  server.answer(
      json::parse(R"({"metadata":{"name":"api","uid":"d","annotations":{"deployment.kubernetes.io/revision":"2"}},
    "spec":{"selector":{"matchLabels":{"app":"api"}},"template":{"metadata":{"labels":{"app":"api"}},
    "spec":{"containers":[{"name":"app","image":"new"}]}}}})")
          .value());
  ASSERT_EQ(server.asked.size(), 1u);
  EXPECT_EQ(server.asked[0].request.query.at(0).second, "app=api");
  server.answer(json::Value(json::Object{{"items", json::Array{set("1", "old"), set("2", "new")}}}));
  ASSERT_EQ(server.asked.size(), 1u) << (done.empty() ? "" : done[0].action.result);
  EXPECT_EQ(server.asked[0].request.type, "application/json-patch+json");
  EXPECT_NE(server.asked[0].request.body.find("\"old\""), std::string::npos);
  server.answer();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_TRUE(done[0].action.ok);
  EXPECT_EQ(done[0].action.revision, 1);
}

}  // namespace
}  // namespace ordeal::session

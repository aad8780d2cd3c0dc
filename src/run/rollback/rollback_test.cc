#include "run/rollback/rollback.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/defer.h"
#include "core/base/io/file.h"
#include "platform/net/test_server.h"

namespace ordeal::rollback {
namespace {

namespace fs = std::filesystem;

std::vector<ActionDone> perform(std::vector<RollbackAction> actions) {
  std::vector<ActionDone> all;
  auto rollback = Rollback::create(std::move(actions), "r1", [&](ActionDone done) { all.push_back(std::move(done)); });
  EXPECT_TRUE(rollback);
  (*rollback)->act("errors were 5");
  for (BootTime end = boot_now() + 20s; (all.empty() || !all.back().last) && boot_now() < end;) {
    pollfd wait{(*rollback)->descriptor(), POLLIN, 0};
    ::poll(&wait, 1, 50);
    (*rollback)->dispatch();
  }
  return all;
}

json::Object told(const ActionDone& done) { return events::to_json(done.action); }
std::string text(const ActionDone& done, const char* key) { return std::string(told(done).at(key).as_string()); }
bool ok(const ActionDone& done) { return done.action.ok; }
RollbackAction command(std::vector<std::string> argv, Nanos limit = 10s) {
  return {CommandAction{std::move(argv)}, limit};
}

TEST(Rollback, DoesAllInOrderThoughOneFails) {
  auto all = perform({command({"false"}), command({"/no/such/program"}), command({"sleep", "60"}, 100ms),
                      command({"sh", "-c", "echo $ORDEAL_RUN: $ORDEAL_BREACH; echo more >&2"})});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(text(all[0], "result"), "exited with 1");
  EXPECT_NE(text(all[1], "result").find("No such file"), std::string::npos);
  EXPECT_EQ(text(all[2], "result"), "killed at its time limit");
  EXPECT_FALSE(ok(all[0]) || ok(all[1]) || ok(all[2]));
  EXPECT_TRUE(ok(all[3]));
  EXPECT_EQ(text(all[3], "output"), "r1: errors were 5\nmore\n");
  EXPECT_TRUE(all[3].last && !all[2].last);
  EXPECT_EQ(all[3].action.index, 3u);
}

TEST(Rollback, KeepsTheBeginningOfALongOutput) {
  auto all = perform({command({"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x"})});
  EXPECT_EQ(text(all.at(0), "output").size(), 4096u);
}

TEST(Rollback, DoesNotWaitForWhatTheProgramLeavesBehind) {
  BootTime begin = boot_now();
  EXPECT_TRUE(ok(perform({command({"sh", "-c", "sleep 30 & exit 0"})}).at(0)));
  EXPECT_LT(boot_now() - begin, 5s);
}

TEST(Rollback, SendsARequest) {
  std::string seen;
  net::TestServer server([&](const net::HttpRequest& request) -> net::Task<net::HttpResponse> {
    const std::string* token = net::find_header(request.headers, "X-Token");
    const std::string* type = net::find_header(request.headers, "Content-Type");
    if (token)
      seen = request.method + " " + request.path + " " + *token + " " + (type ? *type : "") + " " + request.body;
    net::HttpResponse response;
    response.status = request.path == "/no" ? 500 : 202;
    response.body = "thanks";
    co_return response;
  });
  HttpAction good{server.url("/halt?key=k3y"), "PUT", {{"X-Token", "s3cret"}}, R"({"now":1})"};
  auto all = perform({{good, 5s},
                      {HttpAction{server.url("/no"), "POST", {}, ""}, 5s},
                      {HttpAction{"http://127.0.0.1:1/k3y", "POST", {}, ""}, 5s}});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(ok(all[0]));
  EXPECT_EQ(text(all[0], "result"), "HTTP 202");
  EXPECT_EQ(text(all[0], "output"), "thanks");
  EXPECT_EQ(seen, "PUT /halt s3cret application/json {\"now\":1}");
  for (const ActionDone& done : all)
    for (const char* secret : {"s3cret", "k3y", "halt", "now"})
      EXPECT_EQ(json::write(told(done)).find(secret), std::string::npos) << secret;
  EXPECT_EQ(text(all[0], "action"), "PUT " + server.url("/***"));
  EXPECT_EQ(text(all[1], "result"), "HTTP 500");
  EXPECT_FALSE(ok(all[1]) || ok(all[2]));
}

// A kubectl that writes down its arguments and answers from files: ROLLOUT, DEPLOYMENT, REPLICASETS, and REFUSE (what
// to say to a patch of the subresource), HASHES (what an abort answers); DENIED and GONE are there when they are.
class Cluster {
 public:
  Cluster() : folder_(testing::TempDir() + "cluster" + std::to_string(::getpid())) {
    fs::create_directories(folder_);
    put("kubectl",
        "#!/bin/sh\n"
        "echo \"$@\" >> " +
            folder_ +
            "/calls\n"
            "case \"$*\" in\n"
            "'patch --help') echo ' --subresource=';;\n"
            "'get rollouts'*) test -e " +
            folder_ + "/gone && { echo 'Error: not found' >&2; exit 1; }; cat " + folder_ +
            "/rollout; echo a warning >&2;;\n"
            "'get deployments'*) cat " +
            folder_ +
            "/deployment;;\n"
            "'auth can-i'*) test -e " +
            folder_ +
            "/denied && { echo no; exit 1; }; echo yes;;\n"
            "'get replicasets'*) cat " +
            folder_ +
            "/replicasets;;\n"
            "*--subresource\\ status*) test -e " +
            folder_ + "/refuse && { cat " + folder_ + "/refuse >&2; exit 1; }; cat " + folder_ +
            "/hashes 2>/dev/null || echo patched;;\n"
            "*) echo done;;\nesac\n");
    fs::permissions(folder_ + "/kubectl", fs::perms::owner_all);
    put("rollout", "{}");
    path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_ + ":" + path_).c_str(), 1);
  }
  ~Cluster() {
    ::setenv("PATH", path_.c_str(), 1);
    fs::remove_all(folder_);
  }
  void put(const std::string& file, const std::string& content) {
    EXPECT_TRUE(write_atomically(folder_ + "/" + file, content));
  }
  std::string calls() const { return read_file(folder_ + "/calls").value_or(""); }

 private:
  std::string folder_, path_;
};

TEST(Rollback, AbortsARolloutThroughKubectl) {
  Cluster cluster;
  auto all = perform({{RolloutAction{"api", "shop", "abort"}, 5s}, {DeploymentAction{"worker", "shop"}, 5s}});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(ok(all[0]) && ok(all[1]));
  EXPECT_EQ(
      cluster.calls(),
      "patch rollouts.argoproj.io api -n shop --subresource status --type merge -p {\"status\":{\"abort\":true}} -o "
      "jsonpath={.status.currentPodHash}/{.status.stableRS}\n"
      "rollout undo deployment/worker -n shop\n");
  EXPECT_EQ(json::write(told(all[0]).at("calls")),
            R"([{"method":"PATCH","path":"/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api/status",)"
            R"("content_type":"application/merge-patch+json","body":{"status":{"abort":true}}}])");
}

TEST(Rollback, AnAbortOfWhatIsFullyPromotedHadNoEffect) {
  Cluster cluster;
  cluster.put("hashes", "abc/abc");
  auto all = perform({{RolloutAction{"api", "shop", "abort"}, 5s}});
  EXPECT_FALSE(ok(all.at(0)));
  EXPECT_EQ(text(all[0], "result"), "nothing to abort: the Rollout is fully promoted");
  cluster.put("hashes", "abc/abd");
  EXPECT_TRUE(ok(perform({{RolloutAction{"api", "shop", "abort"}, 5s}}).at(0)));
  cluster.put("hashes", "/");
  EXPECT_TRUE(ok(perform({{RolloutAction{"api", "shop", "abort"}, 5s}}).at(0))) << "no version is stable yet";
}

TEST(Rollback, SaysThatKubectlIsTooOld) {
  Cluster cluster;
  cluster.put("refuse", "error: unknown flag: --subresource\nSee 'kubectl patch --help' for usage.");
  EXPECT_EQ(text(perform({{RolloutAction{"api", "shop", "abort"}, 5s}}).at(0), "result"),
            "this kubectl does not know --subresource: 1.24 or newer is needed");
}

TEST(Rollback, BegunTwiceActsOnce) {
  std::vector<ActionDone> all;
  auto rollback = Rollback::create({command({"sh", "-c", "echo x"}), command({"true"})}, "r1",
                                   [&](ActionDone done) { all.push_back(std::move(done)); });
  (*rollback)->act("once");
  for (int i = 0; i < 100; ++i) {
    (*rollback)->act("again");
    pollfd wait{(*rollback)->descriptor(), POLLIN, 0};
    ::poll(&wait, 1, 10);
    (*rollback)->dispatch();
  }
  EXPECT_EQ(all.size(), 2u);
}

TEST(Rollback, TriesTheMainResourceWhereThereIsNoSubresource) {
  Cluster cluster;
  cluster.put("refuse", "Error from server (NotFound): the server could not find the requested resource");
  EXPECT_TRUE(ok(perform({{RolloutAction{"api", "shop", "abort"}, 5s}}).at(0)));
  EXPECT_TRUE(cluster.calls().ends_with(
      "patch rollouts.argoproj.io api -n shop --type merge -p {\"status\":{\"abort\":true}} -o "
      "jsonpath={.status.currentPodHash}/{.status.stableRS}\n"));
  cluster.put("refuse", "Error from server (Forbidden)");
  auto refused = perform({{RolloutAction{"api", "shop", "retry"}, 5s}});
  EXPECT_FALSE(ok(refused.at(0)));
  EXPECT_EQ(text(refused[0], "output"), "Error from server (Forbidden)");
}

TEST(Rollback, UndoesARolloutByItsReplicaSets) {
  Cluster cluster;
  cluster.put(
      "rollout",
      R"({"metadata":{"uid":"u"},"spec":{"selector":{"matchLabels":{"app":"api"}},"template":{"spec":{"image":"v2"}}}})");
  auto set = [](int revision) {
    return R"({"metadata":{"annotations":{"rollout.argoproj.io/revision":")" + std::to_string(revision) +
           R"("},"ownerReferences":[{"controller":true,"uid":"u"}]},"spec":{"template":{"spec":{"image":"v)" +
           std::to_string(revision) + "\"}}}}";
  };
  cluster.put("replicasets", R"({"items":[)" + set(1) + "," + set(2) + "]}");
  auto all = perform({{RolloutAction{"api", "shop", "undo"}, 5s}});
  EXPECT_TRUE(ok(all.at(0))) << text(all[0], "result");
  EXPECT_EQ(all[0].action.revision, 1);
  EXPECT_TRUE(
      cluster.calls().ends_with("patch rollouts.argoproj.io api -n shop --type json -p "
                                R"([{"op":"replace","path":"/spec/template","value":{"spec":{"image":"v1"}}}])"
                                "\n"))
      << cluster.calls();
  EXPECT_NE(cluster.calls().find("get replicasets.apps -n shop -o json -l app=api\n"), std::string::npos);
  cluster.put("replicasets", R"({"items":[")" + std::string(size_t{8} << 20, 'x') + "\"]}");
  EXPECT_EQ(text(perform({{RolloutAction{"api", "shop", "undo"}, 5s}}).at(0), "result"),
            "kubectl's output is longer than 8 MiB");
  cluster.put("replicasets", "nonsense");
  EXPECT_NE(text(perform({{RolloutAction{"api", "shop", "undo"}, 5s}}).at(0), "result").find("cannot be read"),
            std::string::npos);
}

TEST(Rollback, PromotesByWhatTheRolloutSays) {
  Cluster cluster;
  cluster.put("rollout",
              R"({"spec":{"paused":true,"strategy":{"canary":{"steps":[{}]}}},"status":{"pauseConditions":[{}]}})");
  EXPECT_TRUE(ok(perform({{RolloutAction{"api", "shop", "promote"}, 5s}}).at(0)));
  EXPECT_TRUE(cluster.calls().ends_with(
      "patch rollouts.argoproj.io api -n shop --subresource status --type merge -p "
      "{\"status\":{\"pauseConditions\":null}}\n"
      "patch rollouts.argoproj.io api -n shop --type merge -p {\"spec\":{\"paused\":false}}\n"))
      << cluster.calls();
  cluster.put("refuse", "Error from server (NotFound): the server could not find the requested resource");
  EXPECT_TRUE(ok(perform({{RolloutAction{"api", "shop", "promote"}, 5s}}).at(0)));
  EXPECT_TRUE(
      cluster.calls().ends_with("patch rollouts.argoproj.io api -n shop --type merge -p "
                                "{\"spec\":{\"paused\":false},\"status\":{\"pauseConditions\":null}}\n"))
      << cluster.calls();
}

TEST(Check, RefusesWhatCouldNotBeSent) {
  auto why = [](RollbackAction action) {
    auto checked = check({std::move(action)});
    EXPECT_TRUE(checked || checked.error().code == Errc::kRefused);
    return checked ? "" : checked.error().message();
  };
  EXPECT_EQ(why(command({"true"})), "");
  EXPECT_EQ(why(command({"no-such-program", "x"})),
            "the rollback could not run no-such-program x: no-such-program is not an executable program");
  EXPECT_NE(why({HttpAction{"http://127.0.0.1:1/", "POST", {}, ""}}), "");
  Cluster cluster;
  EXPECT_EQ(why({RolloutAction{"api", "shop", "abort"}}), "");
  EXPECT_EQ(cluster.calls(),
            "get rollouts.argoproj.io api -n shop -o json\npatch --help\n"
            "auth can-i patch rollouts.argoproj.io/api -n shop --request-timeout=5s --subresource=status\n");
  cluster.put("denied", "");
  EXPECT_EQ(why({RolloutAction{"api", "shop", "abort"}}),
            "the rollback could not abort the Rollout api in shop: kubectl's user may not patch the status of "
            "rollouts.argoproj.io/api in shop");
  cluster.put("gone", "");
  EXPECT_EQ(
      why({RolloutAction{"api", "shop", "retry"}}),
      "the rollback could not retry the Rollout api in shop: `kubectl get rollouts.argoproj.io api -n shop -o json`: "
      "Error: not found");
  ::setenv("PATH", "/nowhere", 1);
  EXPECT_EQ(why({RolloutAction{"api", "shop", "abort"}}),
            "the rollback could not abort the Rollout api in shop: kubectl is not on the PATH");
}

TEST(Check, SaysWhatAnAbortOrAnUndoWouldDoNow) {
  Cluster cluster;
  cluster.put("rollout", R"({"metadata":{"uid":"d"},"status":{"stableRS":"abc","currentPodHash":"abc"}})");
  auto told = check({{RolloutAction{"api", "shop", "abort"}}});
  ASSERT_TRUE(told && told->warnings.size() == 1);
  EXPECT_TRUE(
      told->warnings[0].starts_with("to abort the Rollout api in shop has no effect now: it is fully promoted"));
  cluster.put("rollout", R"({"status":{"stableRS":"abc","currentPodHash":"abd"}})");
  EXPECT_TRUE(check({{RolloutAction{"api", "shop", "abort"}}})->warnings.empty());
}

// What only a capability opens is not there for a rollback, which is done without.
TEST(Check, IsDoneAsTheRollbackIs) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::string folder = testing::TempDir() + "closed" + std::to_string(::getpid()), program = folder + "/undo";
  fs::create_directories(folder);
  Defer remove([&] { fs::remove_all(folder); });
  ASSERT_TRUE(write_atomically(program, "#!/bin/sh\n", 0755));
  EXPECT_TRUE(check({command({program})}));
  ASSERT_EQ(::chown(folder.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
  ASSERT_EQ(::access(program.c_str(), X_OK), 0) << "we may";
  EXPECT_FALSE(check({command({program})}));
}

// `revision` is of the Deployment "d", whose image is v2.
std::string replica_sets(std::vector<int> revisions) {
  std::string items;
  for (int revision : revisions)
    items += std::string(items.empty() ? "" : ",") +
             R"({"metadata":{"annotations":{"deployment.kubernetes.io/revision":")" + std::to_string(revision) +
             R"("},"ownerReferences":[{"controller":true,"uid":"d"}]},"spec":{"template":{"spec":{"image":"v)" +
             std::to_string(revision) + "\"}}}}";
  return R"({"items":[)" + items + "]}";
}

TEST(Check, DoesAllOfAnUndoButThePatch) {
  Cluster cluster;
  cluster.put("deployment", R"({"metadata":{"uid":"d"},"spec":{"template":{"spec":{"image":"v2"}}}})");
  auto why = [] {
    auto checked = check({{DeploymentAction{"api", "shop"}}});
    return checked ? "" : checked.error().message();
  };
  const std::string kCannot = "the rollback could not undo the last change of the Deployment api in shop: ";
  cluster.put("replicasets", replica_sets({1, 2}));
  EXPECT_EQ(why(), "");
  EXPECT_EQ(check({{DeploymentAction{"api", "shop"}}})->notes,
            std::vector<std::string>{
                "to undo the last change of the Deployment api in shop would now go back to revision 1"});
  EXPECT_TRUE(
      cluster.calls().starts_with("get deployments.apps api -n shop -o json\nget replicasets.apps -n shop -o json\n"
                                  "auth can-i patch deployments.apps/api -n shop --request-timeout=5s\n"));
  cluster.put("denied", "");
  EXPECT_EQ(why(), kCannot + "kubectl's user may not patch deployments.apps/api in shop");
  cluster.put("replicasets", replica_sets({2}));
  EXPECT_EQ(why(), kCannot + "there is no earlier revision to go back to");
}

TEST(Describe, ShowsPlannedCalls) {
  json::Object data = describe({DeploymentAction{"api", "shop"}});
  EXPECT_EQ(data.at("action"), "undo the last change of the Deployment api in shop");
  const json::Value& call = data.at("calls").at(0);
  EXPECT_EQ(call.at("path"), "/apis/apps/v1/namespaces/shop/deployments/api");
  EXPECT_EQ(call.at("body").at(0).at("value"), "(the pod template of the previous revision)");
}

}  // namespace
}  // namespace ordeal::rollback

// The process_killer and shutdown attacks on processes of the test's own.
#include <sched.h>
#include <signal.h>

#include <filesystem>

#include "fault/attacks/victim/scope.h"
#include "fault/target/select.h"
#include "platform/sys/cgroup/container.h"
#include "proc_fixture.h"

namespace ordeal {
namespace {

class KillKernelTest : public ProcTest {
 protected:
  // Processes that have become the program already; a forked shell still has the shell's name.
  size_t named(const std::string& comm) {
    size_t number = 0;
    for (pid_t pid : pids("victim")) {
      auto stat = sys::read_stat(pid);
      number += stat && stat->comm == comm;
    }
    return number;
  }
  Result<std::unique_ptr<fault::Impact>> killer(const Victim& victim, const std::string& args) {
    return apply(fault::process_killer_fault(), victim, attack(fault::process_killer_fault(), args));
  }
  Result<std::unique_ptr<fault::Impact>> shutdown(const Victim& victim, const std::string& args) {
    return apply(fault::shutdown_fault(), victim, attack(fault::shutdown_fault(), args));
  }
};

TEST_F(KillKernelTest, MatchingProcessesOfTheVictimDieAndNoOthers) {
  make_cgroup("victim");
  auto& outside = start_argv({"sleep", "61"});
  auto& supervisor = start("sleep 61 & sleep 62 & tail -f /dev/null & wait; sleep 63", "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 2 && named("tail") == 1; }));
  auto plan = fault::process_killer_fault().plan(container("victim"),
                                                 attack(fault::process_killer_fault(), R"({"process": "sleep"})"));
  ASSERT_TRUE(plan);
  EXPECT_EQ((*plan)[0].kind, StepKind::kOneWay);
  auto impact = killer(container("victim"), R"({"process": "sleep", "exact": true})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 200ms));
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.measured << proof.reason;
  EXPECT_EQ(proof.got, 2);
  EXPECT_EQ(alive("victim"), 2u);  // the shell and tail
  EXPECT_FALSE(outside.wait(Nanos(0)));
  EXPECT_FALSE(supervisor.wait(Nanos(0)));
}

TEST_F(KillKernelTest, WhatIsRestartedIsKilledAtTheNextInterval) {
  make_cgroup("victim");
  start("while :; do sleep 63; done", "victim");
  ::usleep(150000);
  ASSERT_TRUE(eventually([&] { return named("sleep") == 1; }));
  auto impact = killer(container("victim"), R"({"process": "^sleep 63", "full": true, "interval": "200ms"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 700ms));
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_GE(proof.got, 3);
  EXPECT_LE(proof.got, 4);
  ASSERT_TRUE((*impact)->revert());
  double killed = (*impact)->proof(boot_now()).got;
  ASSERT_TRUE(serve(**impact, 500ms));
  EXPECT_EQ((*impact)->proof(boot_now()).got, killed);  // none after the end
  EXPECT_FALSE((*impact)->next_work());
}

TEST_F(KillKernelTest, AKillAtTheVeryEndIsStillProven) {
  make_cgroup("victim");
  for (int i = 0; i < 20; ++i) start_argv({"sleep", "67"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 20; }));
  auto impact = killer(container("victim"), R"({"process": "sleep", "exact": true})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.measured << proof.reason;
}

TEST_F(KillKernelTest, NewestOldestAndChildrenNarrowTheChoice) {
  make_cgroup("victim");
  auto& first = start_argv({"sleep", "64"}, "victim");
  ::usleep(30000);
  auto& second = start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(killer(container("victim"), R"({"process": "sleep", "oldest": true})"));
  EXPECT_TRUE(first.wait(2s));
  EXPECT_FALSE(second.wait(50ms));
  auto& parent = start("sleep 65 & wait", "victim");
  ::usleep(150000);
  ASSERT_TRUE(eventually([&] { return named("sleep") == 2; }));
  ASSERT_TRUE(killer(container("victim"), R"({"process": "sh", "exact": true, "children": true})"));
  EXPECT_TRUE(parent.wait(2s));
  EXPECT_TRUE(eventually([&] { return alive("victim") == 1; }));
}

TEST_F(KillKernelTest, NothingMatchedHelps) {
  make_cgroup("victim");
  start_argv({"sleep", "66"}, "victim");
  auto impact = killer(container("victim"), R"({"process": "slepp"})");
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kNotInjected);
  EXPECT_EQ(impact.error().advice(), "the nearest name is sleep");
}

TEST_F(KillKernelTest, TheProtectedAreSparedWhateverTheExpression) {
  Victim host;
  host.kind = VictimKind::kHost;
  host.name = "host";
  auto plan = fault::process_killer_fault().plan(
      host, attack(fault::process_killer_fault(), R"({"process": "^[^ ]*proc_kernel_test", "full": true})"));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::kRefused);
}

TEST_F(KillKernelTest, TheFirstProcessOfAPidNamespaceIsSkippedAndSaid) {
  make_cgroup("victim");
  start("exec unshare --pid --fork --mount-proc sleep 67", "victim");
  ASSERT_TRUE(eventually([&] { return alive("victim") == 2; }));
  ASSERT_TRUE(eventually([&] {
    for (pid_t pid : pids("victim"))
      if (auto p = sys::read_process(pid); p && p->comm == "sleep" && p->namespace_pid == 1) return true;
    return false;
  }));
  auto impact = killer(container("victim"), R"({"process": "sleep", "exact": true})");
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kRefused);
  EXPECT_NE(impact.error().message().find("first process of its container"), std::string::npos);
  EXPECT_EQ(alive("victim"), 2u);
}

TEST_F(KillKernelTest, AVictimProcessThatEndedIsNeverTakenForALaterOne) {
  auto& child = start_argv({"sleep", "68"});
  Victim victim = process(child);
  victim.processes[0].start_ticks -= 1;  // as if the number had been used again
  auto impact = killer(victim, R"({"process": "sleep"})");
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kNotFound);
  EXPECT_FALSE(child.wait(50ms));
}

TEST_F(KillKernelTest, AContainerIsShutDownAfterItsDelayAndNotBefore) {
  make_cgroup("victim");
  auto& child = start("sleep 69 & sleep 69 & wait", "victim");
  ASSERT_TRUE(eventually([&] { return alive("victim") == 3; }));
  auto impact = shutdown(container("victim"), R"({"delay": "300ms"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 150ms));
  EXPECT_EQ(alive("victim"), 3u);
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
  ASSERT_TRUE(serve(**impact, 400ms));
  EXPECT_EQ(alive("victim"), 0u);
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.measured << proof.reason;
  EXPECT_EQ(proof.got, 3);
  EXPECT_EQ(child.wait(1s)->signal, SIGKILL);
}

TEST_F(KillKernelTest, ForkingDoesNotEscapeAShutdown) {
  make_cgroup("victim");
  start("while :; do sleep 0.01 & done", "victim");
  ASSERT_TRUE(eventually([&] { return alive("victim") > 2; }));
  auto impact = shutdown(container("victim"), R"({"delay": 0})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 500ms));
  EXPECT_EQ(alive("victim"), 0u);
  EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
}

TEST_F(KillKernelTest, AShutdownThatEndsBeforeItsDelayIsCancelled) {
  make_cgroup("victim");
  auto& child = start_argv({"sleep", "70"}, "victim");
  auto impact = shutdown(container("victim"), R"({"delay": "200ms"})");
  ASSERT_TRUE(impact);
  ASSERT_TRUE((*impact)->revert());
  ASSERT_TRUE(serve(**impact, 400ms));
  EXPECT_FALSE(child.wait(Nanos(0)));
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.reason, "cancelled before the delay was over");
}

TEST_F(KillKernelTest, AHostIsNotShutDownWithoutItsName) {
  Victim host;
  host.kind = VictimKind::kHost;
  host.name = "host";
  for (const char* args : {R"({"delay": "24h"})", R"({"delay": "24h", "confirm_host": "not-this-host"})"}) {
    auto plan = fault::shutdown_fault().plan(host, attack(fault::shutdown_fault(), args));
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Errc::kRefused);
    EXPECT_FALSE(shutdown(host, args));
  }
}

TEST_F(KillKernelTest, ANetworkNamespaceSharedWithOthersIsRefused) {
  make_cgroup("victim");
  start("exec unshare --net sleep 71", "victim");
  auto resolve = [&] {
    Target target;
    target.type = TargetType::kContainer;
    target.cgroup = path("victim");
    return target::select(target, std::nullopt, {}, 1);
  };
  auto snapshot = target::Snapshot::look();
  ASSERT_TRUE(eventually([&] {
    auto found = resolve();
    return found && found->chosen[0].netns != sys::read_process(1)->netns;
  }));
  Victim victim = resolve()->chosen[0];
  auto alone = fault::owns_netns(victim);
  EXPECT_TRUE(alone) << alone.error().message();
  auto& guest =
      start_argv({"nsenter", "--net=/proc/" + std::to_string(victim.processes[0].pid) + "/ns/net", "sleep", "72"});
  ASSERT_TRUE(eventually([&] { return sys::read_process(guest.pid())->netns == victim.netns; }));
  auto shared = fault::owns_netns(victim);
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().code, Errc::kRefused);
  EXPECT_NE(shared.error().message().find(std::to_string(guest.pid())), std::string::npos);
}

TEST_F(KillKernelTest, ADockerContainerOfTheLiveTreeIsFoundByItsId) {
  std::string id(64, 'e');
  auto own = sys::OwnCgroup::create(tree_, "/docker/" + id, {"cpu", "freezer"});
  ASSERT_TRUE(own) << own.error().message();
  auto& child = start_argv({"sleep", "73"});
  ASSERT_TRUE(own->join(child.pid()));
  Target target;
  target.type = TargetType::kContainer;
  target.names = {id.substr(0, 16)};
  auto selection = target::select(target, std::nullopt, {}, 1);
  child.kill_group(SIGKILL);
  child.wait(2s);
  EXPECT_TRUE(own->remove(2s));
  ASSERT_TRUE(selection) << selection.error().message();
  EXPECT_EQ(selection->chosen[0].cgroup, "/docker/" + id);
  EXPECT_NE(selection->chosen[0].cgroup_inode, 0u);
  EXPECT_EQ(selection->chosen[0].processes.size(), 1u);
}

TEST_F(KillKernelTest, AUnitOfTheLiveTreeIsFoundByItsNameAndItsProcessesAloneDie) {
  std::string name = "ordeal-test-" + std::to_string(::getpid());
  std::string cgroup = "/system.slice/" + name + ".service";
  auto own = sys::OwnCgroup::create(tree_, cgroup);
  ASSERT_TRUE(own) << own.error().message();
  auto& inside = start_argv({"sleep", "74"});
  auto& outside = start_argv({"sleep", "74"});
  ASSERT_TRUE(own->join(inside.pid()));
  Target target;
  target.type = TargetType::kSystemd;
  target.names = {name};
  auto selection = target::select(target, std::nullopt, {}, 1);
  EXPECT_TRUE(selection) << selection.error().message();
  if (selection) {
    const Victim& victim = selection->chosen.at(0);
    EXPECT_EQ(victim.cgroup, cgroup);
    EXPECT_EQ(victim.kind, VictimKind::kUnit);
    EXPECT_NE(victim.cgroup_inode, 0u);
    auto impact = shutdown(victim, R"({"delay": 0})");
    EXPECT_TRUE(impact) << impact.error().message();
    if (impact) {
      EXPECT_TRUE(serve(**impact, 300ms));
    }
  }
  EXPECT_TRUE(inside.wait(2s));
  EXPECT_FALSE(outside.wait(Nanos(0)));
  inside.kill_group(SIGKILL);
  EXPECT_TRUE(own->remove(2s));
}

TEST_F(KillKernelTest, AUnitOfTheLiveTreeWithAProtectedProcessIsRefused) {
  std::string name = "ordeal-test-" + std::to_string(::getpid());
  std::string program = testing::TempDir() + "sshd";
  std::filesystem::remove(program);
  std::filesystem::create_symlink("/bin/sleep", program);
  auto own = sys::OwnCgroup::create(tree_, "/system.slice/" + name + ".service");
  ASSERT_TRUE(own) << own.error().message();
  auto& child = start_argv({program, "75"});
  ASSERT_TRUE(own->join(child.pid()));
  EXPECT_TRUE(eventually([&] { return sys::read_stat(child.pid())->comm == "sshd"; }));
  Target target;
  target.type = TargetType::kSystemd;
  for (const std::string& asked : {name + ".service", std::string("system.slice")}) {
    target.names = {asked};
    auto selection = target::select(target, std::nullopt, {}, 1);
    EXPECT_EQ(selection ? Errc::kInternal : selection.error().code, Errc::kRefused) << asked;
  }
  child.kill_group(SIGKILL);
  child.wait(2s);
  EXPECT_TRUE(own->remove(2s));
  std::filesystem::remove(program);
}

}  // namespace
}  // namespace ordeal

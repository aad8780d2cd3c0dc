// The pause attack and its undo, on the live freezer and with SIGSTOP.
#include <signal.h>

#include "proc_fixture.h"
#include "sys/cgroup_control.h"

namespace ordeal {
namespace {

using sys::FreezerState;

class FreezeKernelTest : public ProcTest {
 protected:
  static char state(pid_t pid) {
    auto stat = sys::read_stat(pid);
    return stat ? stat->state : '-';
  }
  Result<std::unique_ptr<fault::Impact>> pause(const Victim& victim) {
    return apply(fault::pause_fault(), victim, attack(fault::pause_fault(), "{}"));
  }
};

TEST_F(FreezeKernelTest, AWholeCgroupIsFrozenAndThawed) {
  make_cgroup("victim");
  start("while :; do :; done & while :; do :; done & wait", "victim");
  ASSERT_TRUE(eventually([&] { return alive("victim") == 3; }));
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact) << impact.error().message();
  auto freezer = sys::freezer_of(tree_, path("victim"));
  EXPECT_EQ(sys::freezer_state(*freezer).value(), FreezerState::kFrozen);
  ASSERT_TRUE(serve(**impact, 600ms));
  Proof during = (*impact)->proof(boot_now());
  EXPECT_TRUE(during.proven) << during.reason << " " << during.measured;
  EXPECT_EQ(during.got, 3);
  ASSERT_TRUE((*impact)->revert());
  EXPECT_EQ(sys::freezer_state(*freezer).value(), FreezerState::kThawed);
  EXPECT_TRUE((*impact)->proof(boot_now()).proven);
  ASSERT_TRUE((*impact)->revert());  // again: nothing happens
}

TEST_F(FreezeKernelTest, EitherVersionOfTheFreezerWorks) {
  for (const char* controller : {"freezer", "unified"}) {
    if (std::string(controller) == "unified" ? !tree_.unified() : !tree_.with("freezer")) continue;
    make_cgroup(controller, {controller});
    auto& child = start_argv({"sleep", "60"}, controller);
    auto impact = pause(container(controller));
    ASSERT_TRUE(impact) << impact.error().message();
    EXPECT_EQ(log_.records.back().operation, std::string(controller) == "freezer" ? "thaw-v1" : "thaw-v2");
    EXPECT_TRUE((*impact)->proof(boot_now()).proven);
    ASSERT_TRUE((*impact)->revert());
    EXPECT_TRUE(eventually([&] { return state(child.pid()) == 'S'; }));
  }
}

TEST_F(FreezeKernelTest, ALoneProcessIsStoppedAndContinued) {
  auto& child = start_argv({"sleep", "60"});
  auto impact = pause(process(child));
  ASSERT_TRUE(impact) << impact.error().message();
  EXPECT_EQ(state(child.pid()), 'T');
  EXPECT_TRUE((*impact)->proof(boot_now()).proven);
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] { return state(child.pid()) == 'S'; }));
}

TEST_F(FreezeKernelTest, ACgroupWithoutAFreezerIsStoppedWholeEvenWhileItForks) {
  if (!tree_.with("cpu") || tree_.with("cpu")->version != 1) GTEST_SKIP() << "needs a v1 hierarchy beside the freezer";
  make_cgroup("victim", {"cpu"});
  start("for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & sleep 0.02; done; wait", "victim");
  ASSERT_TRUE(eventually([&] { return alive("victim") > 3; }));
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact) << impact.error().message();
  EXPECT_EQ(log_.records.front().operation, "continue");
  for (pid_t pid : pids("victim")) EXPECT_EQ(state(pid), 'T');
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason << " " << proof.measured;
  ASSERT_TRUE((*impact)->revert());
  for (pid_t pid : pids("victim")) EXPECT_TRUE(eventually([&] { return state(pid) != 'T'; }));
}

// One of two is continued by somebody and stopped again before the end: the proof has the time in which it ran.
TEST_F(FreezeKernelTest, AProcessThatRanInBetweenIsNoProof) {
  if (!tree_.with("cpu") || tree_.with("cpu")->version != 1) GTEST_SKIP() << "needs a v1 hierarchy beside the freezer";
  make_cgroup("victim", {"cpu"});
  start_argv({"sleep", "60"}, "victim");
  auto& other = start_argv({"sleep", "60"}, "victim");
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 300ms));
  ::kill(other.pid(), SIGCONT);
  ASSERT_TRUE(serve(**impact, 300ms));
  ::kill(other.pid(), SIGSTOP);
  ASSERT_TRUE(serve(**impact, 300ms));
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_EQ(proof.got, 2);
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_NE(proof.reason.find("continued by somebody else"), std::string::npos) << proof.reason;
}

TEST_F(FreezeKernelTest, AProcessThatJoinsTheStoppedOnesAndRunsIsNoProof) {
  if (!tree_.with("cpu") || tree_.with("cpu")->version != 1) GTEST_SKIP() << "needs a v1 hierarchy beside the freezer";
  make_cgroup("victim", {"cpu"});
  start_argv({"sleep", "60"}, "victim");
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 200ms));
  start_argv({"sleep", "60"}, "victim");
  ASSERT_TRUE(serve(**impact, 400ms));
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_GT(proof.coverage.at(0).missed, 0.2) << proof.measured;
}

TEST_F(FreezeKernelTest, AProcessThatJoinsAFrozenCgroupIsFrozenAndCounted) {
  make_cgroup("victim");
  make_cgroup("elsewhere");
  start_argv({"sleep", "60"}, "victim");
  auto& late = start_argv({"sleep", "60"}, "elsewhere");
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact) << impact.error().message();
  for (const sys::Cgroup& cgroup : tree_.find_all(path("victim"))) (void)cgroup.join(late.pid());
  ASSERT_TRUE(serve(**impact, 400ms));
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.got, 2) << proof.measured;
}

TEST_F(FreezeKernelTest, WhatWasFrozenOrStoppedBeforeIsRefusedAndStaysSo) {
  make_cgroup("victim");
  start_argv({"sleep", "60"}, "victim");
  auto freezer = sys::freezer_of(tree_, path("victim"));
  ASSERT_TRUE(sys::freeze(*freezer));
  ASSERT_TRUE(sys::wait_freezer(*freezer, FreezerState::kFrozen, 1s));
  auto impact = pause(container("victim"));
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kRefused);
  EXPECT_EQ(sys::freezer_state(*freezer).value(), FreezerState::kFrozen);
  EXPECT_EQ(fault::prepare_undo(fault::thaw_record(*freezer).value()).error().code, Errc::kRefused);

  auto& child = start_argv({"sleep", "60"});
  child.kill_group(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state(child.pid()) == 'T'; }));
  auto stopped = pause(process(child));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::kRefused);
  EXPECT_EQ(state(child.pid()), 'T');
}

TEST_F(FreezeKernelTest, UndoingTwiceOrAfterTheVictimWentIsSuccess) {
  make_cgroup("victim");
  auto& child = start_argv({"sleep", "60"}, "victim");
  auto freezer = sys::freezer_of(tree_, path("victim"));
  auto record = fault::thaw_record(*freezer).value();
  auto undo = fault::prepare_undo(record);
  ASSERT_TRUE(undo);
  ASSERT_TRUE(sys::freeze(*freezer));
  EXPECT_TRUE((*undo)->run());
  EXPECT_EQ(sys::freezer_state(*freezer).value(), FreezerState::kThawed);
  EXPECT_TRUE((*undo)->run());

  auto stop = fault::continue_record(process(child).processes, "it").value();
  auto undo_stop = fault::prepare_undo(stop);
  ASSERT_TRUE(undo_stop);
  child.kill_group(SIGKILL);
  child.wait(2s);
  EXPECT_TRUE((*undo_stop)->run());
  EXPECT_TRUE(fault::replay_undo(stop));
}

TEST_F(FreezeKernelTest, AJournalOfThisBootIsReplayedAndOneOfAnotherIsNot) {
  make_cgroup("victim");
  auto& child = start_argv({"sleep", "60"}, "victim");
  auto freezer = sys::freezer_of(tree_, path("victim"));
  auto record = fault::thaw_record(*freezer).value();
  ASSERT_TRUE(sys::freeze(*freezer));
  ASSERT_TRUE(sys::wait_freezer(*freezer, FreezerState::kFrozen, 1s));
  auto foreign = record;
  foreign.boot_id = "another";
  EXPECT_TRUE(fault::replay_undo(foreign));
  EXPECT_EQ(sys::freezer_state(*freezer).value(), FreezerState::kFrozen);
  EXPECT_TRUE(fault::replay_undo(record));
  EXPECT_EQ(sys::freezer_state(*freezer).value(), FreezerState::kThawed);

  auto stop = fault::continue_record(process(child).processes, "it").value();
  child.kill_group(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state(child.pid()) == 'T'; }));
  EXPECT_TRUE(fault::replay_undo(stop));
  EXPECT_TRUE(eventually([&] { return state(child.pid()) == 'S'; }));
}

TEST_F(FreezeKernelTest, AReplacedCgroupOfTheSameNameIsLeftAlone) {
  auto first = sys::OwnCgroup::create(tree_, path("again"), {"freezer"});
  ASSERT_TRUE(first);
  auto freezer = sys::freezer_of(tree_, path("again"));
  auto record = fault::thaw_record(*freezer).value();
  auto undo = fault::prepare_undo(record);
  ASSERT_TRUE(first->remove(1s));
  make_cgroup("again", {"freezer"});
  ASSERT_TRUE(sys::freeze(*freezer));
  EXPECT_TRUE((*undo)->run());
  EXPECT_TRUE(fault::replay_undo(record));
  EXPECT_TRUE(sys::freezer_requested(*freezer).value());
}

TEST_F(FreezeKernelTest, AFrozenParentIsReportedNotThawed) {
  if (!tree_.with("freezer") || tree_.with("freezer")->version != 1) GTEST_SKIP() << "needs the v1 freezer";
  make_cgroup("parent", {"freezer"});
  make_cgroup("parent/child", {"freezer"});
  start_argv({"sleep", "60"}, "parent/child");
  auto parent = sys::freezer_of(tree_, path("parent"));
  auto child = sys::freezer_of(tree_, path("parent/child"));
  auto undo = fault::prepare_undo(fault::thaw_record(*child).value());
  ASSERT_TRUE(undo);
  ASSERT_TRUE(sys::freeze(*child));
  ASSERT_TRUE(sys::freeze(*parent));
  auto done = (*undo)->run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kRevertFailed);
  EXPECT_TRUE(sys::freezer_requested(*parent).value());
  ASSERT_TRUE(sys::thaw(*parent));
}

TEST_F(FreezeKernelTest, SomebodyElsesThawEndsTheImpact) {
  make_cgroup("victim");
  start_argv({"sleep", "60"}, "victim");
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact);
  ASSERT_TRUE(sys::thaw(*sys::freezer_of(tree_, path("victim"))));
  auto served = serve(**impact, 1s);
  ASSERT_FALSE(served);
  EXPECT_NE(served.error().message().find("somebody else continued"), std::string::npos);
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
  EXPECT_TRUE((*impact)->revert());
}

TEST_F(FreezeKernelTest, WeNeverFreezeOurselves) {
  const sys::OwnCgroup& own = make_cgroup("self", {"freezer"});
  auto* hierarchy = tree_.with("freezer");
  auto before = tree_.path_of(sys::read_process(::getpid()).value(), "freezer");
  ASSERT_TRUE(own.join(::getpid()));
  auto impact = pause(container("self"));
  ASSERT_TRUE(tree_.find(*hierarchy, before)->join(::getpid()));
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kRefused);
}

}  // namespace
}  // namespace ordeal

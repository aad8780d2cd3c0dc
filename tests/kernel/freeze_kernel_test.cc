// The pause attack and its undo, on the live freezer and with SIGSTOP.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fault/attacks/resource/burner.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/process/standstill.h"
#include "proc_fixture.h"

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
  // As make_cgroup() takes them: those of this machine.
  std::vector<const char*> freezers() const {
    std::vector<const char*> found;
    if (tree_.with("freezer")) found.push_back("freezer");
    if (tree_.unified()) found.push_back("unified");
    return found;
  }
  struct Try {
    const fault::Fault& fault;
    const char* arguments;
  };
  // Every attack that acts on processes.
  static std::vector<Try> tries() {
    return {{fault::pause_fault(), "{}"},
            {fault::cpu_fault(), R"({"percent": 1})"},
            {fault::process_killer_fault(), R"({"process": "sleep"})"},
            {fault::shutdown_fault(), R"({"delay": "0s"})"}};
  }
  // A process that sleeps in the kernel (state D), where no signal wakes it: its vfork child waits for a writer.
  class Sleeper {
   public:
    Sleeper() {
      ::mkfifo(fifo_.c_str(), 0600);
      pid_ = ::fork();
      if (pid_ == 0) sleep_in_kernel();
    }
    ~Sleeper() {
      wake();
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      ::unlink(fifo_.c_str());
    }
    // The same process, each time anew: the victim.
    Victim victim() const {
      Victim victim;
      victim.name = "sleeper";
      victim.processes = {{pid_, sys::read_stat(pid_).value().start_ticks}};
      return victim;
    }
    pid_t pid() const { return pid_; }
    void wake() const { UniqueFd writer(::open(fifo_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)); }

   private:
    [[noreturn]] void sleep_in_kernel() const {
      ::setpgid(0, 0);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      posix_spawn_file_actions_t actions;
      ::posix_spawn_file_actions_init(&actions);
      ::posix_spawn_file_actions_addopen(&actions, 0, fifo_.c_str(), O_RDONLY, 0);
      char name[] = "true";
      char* argv[] = {name, nullptr};
      ::posix_spawn(nullptr, "/bin/true", &actions, nullptr, argv, nullptr);
      for (;;) ::pause();
    }

    std::string fifo_ = fmt::format("{}ordeal_fifo_{}", testing::TempDir(), ::getpid());
    pid_t pid_ = 0;
  };
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
  // A shell waits for its child of vfork() uninterruptibly, also while that child is stopped.
  for (pid_t pid : pids("victim")) EXPECT_TRUE(std::string("TD").find(state(pid)) != std::string::npos) << pid;
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

// Somebody freezes what is above (docker pause of the pod) while our pause is in force: what we did is taken back, what
// they did is theirs, and nothing of it is a failed revert.
TEST_F(FreezeKernelTest, AFrozenParentStaysAndIsNoFailure) {
  for (const char* controller : freezers()) {
    std::string top = std::string("top_") + controller, below = top + "/child";
    make_cgroup(top, {controller});
    make_cgroup(below, {controller});
    auto& child = start_argv({"sleep", "60"}, below);
    auto impact = pause(container(below));
    ASSERT_TRUE(impact) << impact.error().message();
    auto parent = sys::freezer_of(tree_, path(top)), own = sys::freezer_of(tree_, path(below));
    ASSERT_TRUE(sys::freeze(*parent));
    ASSERT_TRUE(sys::wait_freezer(*parent, FreezerState::kFrozen, 1s));
    auto reverted = (*impact)->revert();
    EXPECT_TRUE(reverted) << reverted.error().message();
    EXPECT_FALSE(sys::freezer_requested(*own).value());
    EXPECT_TRUE(sys::freezer_requested(*parent).value()) << "it is not ours to thaw";
    std::string measured = (*impact)->proof(boot_now()).measured;
    EXPECT_NE(measured.find("in the frozen cgroup " + path(top)), std::string::npos) << measured;
    ASSERT_TRUE(sys::thaw(*parent));
    EXPECT_TRUE(eventually([&] { return state(child.pid()) == 'S'; }));
  }
}

TEST_F(FreezeKernelTest, WhatStandsStillByAnAncestorIsRefusedByEveryAttack) {
  for (const char* controller : freezers()) {
    std::string top = std::string("held_") + controller, below = top + "/child";
    make_cgroup(top, {controller});
    make_cgroup(below, {controller});
    auto& child = start_argv({"sleep", "60"}, below);
    Victim whole = container(below), lone = process(child);
    auto parent = sys::freezer_of(tree_, path(top));
    ASSERT_TRUE(sys::freeze(*parent));
    ASSERT_TRUE(sys::wait_freezer(*parent, FreezerState::kFrozen, 1s));
    for (const Victim& victim : {whole, lone})
      for (const Try& one : tries()) {
        Attack asked = attack(one.fault, one.arguments);
        auto planned = one.fault.plan(victim, asked);
        auto applied = apply(one.fault, victim, asked);
        ASSERT_FALSE(planned) << asked.type << " on " << victim.name << " by " << controller;
        ASSERT_FALSE(applied) << asked.type << " on " << victim.name << " by " << controller;
        EXPECT_EQ(planned.error().code, Errc::kRefused) << planned.error().message();
        EXPECT_EQ(applied.error().code, Errc::kRefused) << applied.error().message();
      }
    ASSERT_TRUE(sys::thaw(*parent));
    ::usleep(50'000);
    EXPECT_FALSE(child.wait(Nanos(0))) << "no kill waited for the thaw";
    EXPECT_TRUE(eventually([&] { return state(child.pid()) == 'S'; })) << "nor a stop";
  }
}

TEST_F(FreezeKernelTest, AStopThatIsPendingIsTakenBack) {
  for (bool after_death : {false, true}) {
    Sleeper sleeper;
    ASSERT_TRUE(eventually([&] { return state(sleeper.pid()) == 'D'; }));
    auto impact = pause(sleeper.victim());
    ASSERT_TRUE(impact) << impact.error().message();
    EXPECT_EQ(state(sleeper.pid()), 'D');
    EXPECT_EQ(sys::stop_of(sleeper.pid()), sys::Stop::kPending);
    Proof proof = (*impact)->proof(boot_now());
    EXPECT_NE(proof.measured.find("1 of them asleep in the kernel"), std::string::npos) << proof.measured;
    ASSERT_TRUE(serve(**impact, 300ms)) << "nobody continued it";
    if (after_death)
      EXPECT_EQ(fault::replay_undo(log_.records.back()).value(), fault::Undone::kUndone);
    else
      ASSERT_TRUE((*impact)->revert());
    EXPECT_EQ(sys::stop_of(sleeper.pid()), sys::Stop::kNone);
    sleeper.wake();
    EXPECT_TRUE(eventually([&] { return state(sleeper.pid()) == 'S'; })) << "awake, it is " << state(sleeper.pid());
  }
}

// Frozen by somebody between our stop and its undo; thawed later, it must run.
TEST_F(FreezeKernelTest, AStoppedProcessThatIsFrozenMeanwhileRunsOnceItIsThawed) {
  for (const char* controller : freezers())
    for (bool after_death : {false, true}) {
      std::string name = std::string("meanwhile_") + controller + (after_death ? "_dead" : "");
      make_cgroup(name, {controller});
      auto& child = start_argv({"sleep", "60"}, name);
      auto freezer = sys::freezer_of(tree_, path(name));
      auto impact = pause(process(child));
      ASSERT_TRUE(impact) << impact.error().message();
      ASSERT_TRUE(sys::freeze(*freezer));
      ASSERT_TRUE(sys::wait_freezer(*freezer, FreezerState::kFrozen, 1s));
      ASSERT_TRUE(serve(**impact, 300ms)) << "a freeze is no continuation";
      if (after_death)
        EXPECT_TRUE(fault::replay_undo(log_.records.back()));
      else
        ASSERT_TRUE((*impact)->revert());
      EXPECT_TRUE(sys::freezer_requested(*freezer).value()) << "it is not ours to thaw";
      ASSERT_TRUE(sys::thaw(*freezer));
      EXPECT_TRUE(eventually([&] { return state(child.pid()) == 'S'; })) << controller << ": " << state(child.pid());
    }
}

TEST_F(FreezeKernelTest, AProcessThatIsToStopAlreadyIsNotOurs) {
  Sleeper sleeper;
  ASSERT_TRUE(eventually([&] { return state(sleeper.pid()) == 'D'; }));
  ::kill(sleeper.pid(), SIGSTOP);
  auto impact = pause(sleeper.victim());
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kRefused);
  EXPECT_EQ(sys::stop_of(sleeper.pid()), sys::Stop::kPending) << "it stays as it was";
}

TEST_F(FreezeKernelTest, AStoppedProcessInAFrozenCgroupStaysStoppedAndIsSaid) {
  make_cgroup("victim");
  start_argv({"sleep", "60"}, "victim");
  auto& stopped = start_argv({"sleep", "61"}, "victim");
  ::kill(stopped.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state(stopped.pid()) == 'T'; }));
  auto plan = fault::pause_fault().plan(container("victim"), attack(fault::pause_fault(), "{}"));
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_NE((*plan)[0].notes.front().find("is stopped by somebody else, and stays so"), std::string::npos);
  auto impact = pause(container("victim"));
  ASSERT_TRUE(impact) << impact.error().message();
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.asked, 1) << "the other one was not ours to pause";
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] { return state(stopped.pid()) == 'T'; }));
}

TEST_F(FreezeKernelTest, ABurnerThatIsFrozenWithItsVictimEndsAllTheSame) {
  for (const char* controller : freezers()) {
    std::string name = std::string("burner_") + controller;
    make_cgroup(name, {controller});
    auto freezer = sys::freezer_of(tree_, path(name));
    fault::BurnPlan plan;
    plan.load = 0.1;
    auto burner = fault::Burner::start(plan, {*freezer});
    ASSERT_TRUE(burner) << burner.error().message();
    ASSERT_TRUE(sys::freeze(*freezer));
    ASSERT_TRUE(sys::wait_freezer(*freezer, FreezerState::kFrozen, 1s));
    pid_t pid = burner->pid();
    BootTime begin = boot_now();
    EXPECT_TRUE(burner->stop());
    EXPECT_LT(to_seconds(boot_now() - begin), 0.5);
    EXPECT_EQ(state(pid), '-');
    ASSERT_TRUE(sys::thaw(*freezer));
  }
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

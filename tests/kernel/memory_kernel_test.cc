// The memory attack: asked against what the cgroup counts, in a limit of the victim's own, below one of its parent, and
// given back.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "platform/sys/cgroup/room.h"
#include "proc_fixture.h"

namespace ordeal {
namespace {

constexpr int64_t kMiB = 1 << 20;

class MemoryKernelTest : public ProcTest {
 protected:
  void SetUp() override {
    ProcTest::SetUp();
    if (!IsSkipped() && !tree_.with("memory")) GTEST_SKIP() << "no memory controller";
  }
  // In the victim's cgroup itself, or one of its parents.
  void limit(const sys::Cgroup& cgroup, int64_t bytes) {
    ASSERT_TRUE(cgroup.write(cgroup.version() == 1 ? "memory.limit_in_bytes" : "memory.max", std::to_string(bytes)));
  }
  sys::Cgroup memory_of(const std::string& name) { return tree_.find("memory", path(name)).value(); }
  void make_victim() {
    make_cgroup("victim");
    start_argv({"sleep", "60"}, "victim");
  }
  int64_t charged() { return sys::memory_use(tree_, path("victim")).value().anonymous; }
  Result<std::unique_ptr<fault::Impact>> take(const std::string& args) {
    return apply(fault::memory_fault(), container("victim"), attack(fault::memory_fault(), args));
  }
  std::string refusal_of(const std::string& args) {
    auto plan = fault::memory_fault().plan(container("victim"), attack(fault::memory_fault(), args));
    return plan ? "none" : plan.error().message();
  }
  std::vector<pid_t> loads() {
    std::vector<pid_t> found;
    for (pid_t pid : pids("victim", "memory"))
      if (auto stat = sys::read_stat(pid); stat && stat->comm == "ordeal-load") found.push_back(pid);
    return found;
  }
};

TEST_F(MemoryKernelTest, WhatIsAskedIsResidentAndGivenBack) {
  make_victim();
  int64_t before = charged();
  auto impact = take(R"({"mb": 200})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 2s));
  EXPECT_NEAR(static_cast<double>(charged() - before), 200.0 * kMiB, 2.0 * kMiB);
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NEAR(proof.got, 200.0 * kMiB, kMiB);
  BootTime begin = boot_now();
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] { return charged() - before < kMiB; }));
  fmt::print("{}; given back after {:.0f} ms\n", proof.measured, to_millis(boot_now() - begin));
  EXPECT_LT(boot_now() - begin, 500ms);
  EXPECT_TRUE((*impact)->proof(boot_now()).proven);
  EXPECT_TRUE(loads().empty());
}

// More than that is counted by the kernel on the fly, not page by page.
TEST_F(MemoryKernelTest, ALargeAmountIsProvenToo) {
  make_victim();
  auto impact = take(R"({"mb": 400})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 3s));
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NEAR(proof.got, 400.0 * kMiB, 4.0 * kMiB);
}

TEST_F(MemoryKernelTest, AShareOfTheLimitInAllFollowsTheVictim) {
  make_victim();
  limit(memory_of("victim"), 300 * kMiB);
  auto impact = take(R"({"percent": 80, "strategy": "total"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1s));
  EXPECT_NEAR(static_cast<double>(sys::memory_use(tree_, path("victim"))->working_set), 240.0 * kMiB, 3.0 * kMiB);
  // 60 MiB more of the victim's own, and the load gives way.
  start_argv({"python3", "-c", "import time; held = bytearray(60 << 20); time.sleep(60)"}, "victim");
  ASSERT_TRUE(serve(**impact, 6s));
  EXPECT_NEAR(static_cast<double>(sys::memory_use(tree_, path("victim"))->working_set), 240.0 * kMiB, 3.0 * kMiB);
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_DOUBLE_EQ(proof.asked, 240.0 * kMiB);
  EXPECT_TRUE(proof.proven) << proof.reason;
  fmt::print("{} {}\n", proof.measured, proof.reason);
}

TEST_F(MemoryKernelTest, ARampIsEven) {
  make_victim();
  auto impact = take(R"({"mb": 200, "ramp": "2s"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1100ms));
  EXPECT_NEAR(static_cast<double>(charged()), 100.0 * kMiB, 25.0 * kMiB);
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
  ASSERT_TRUE(serve(**impact, 2s));
  EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
}

TEST_F(MemoryKernelTest, ThereIsRoomAtEveryLevelOrItIsRefused) {
  make_cgroup("victim");
  start_argv({"sleep", "60"}, "victim");
  limit(memory_of("victim"), 400 * kMiB);
  EXPECT_EQ(refusal_of(R"({"mb": 300})"), "none");
  auto above = memory_of("victim").parent().value();
  limit(above, 200 * kMiB);
  std::string refusal = refusal_of(R"({"mb": 300})");
  EXPECT_NE(refusal.find("there is no room for 300 MiB: the limit of " + above.path()), std::string::npos) << refusal;
  EXPECT_EQ(refusal_of(R"({"mb": 100})"), "none");
  EXPECT_NE(refusal_of(R"({"percent": 100})").find("there is no room"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"gb": 16384})").find("there is no room"), std::string::npos);
}

TEST_F(MemoryKernelTest, AProtectedProcessInTheCgroupIsRefused) {
  make_victim();
  std::string program = testing::TempDir() + "kubelet";
  std::filesystem::copy_file("/bin/sleep", program, std::filesystem::copy_options::overwrite_existing);
  auto refused = [&](const fault::Fault& fault, const std::string& args = "{}") {
    auto reach = fault.reach(container("victim"), attack(fault, args));
    auto allowed = reach ? fault::refuse_protected_in(*reach, fault::Protection()) : tl::unexpected(reach.error());
    return allowed ? Errc::kInternal : allowed.error().code;
  };
  EXPECT_NE(refused(fault::memory_fault()), Errc::kRefused);
  auto& child = start_argv({program, "60"}, "victim");
  EXPECT_TRUE(eventually([&] { return sys::read_stat(child.pid())->comm == "kubelet"; }));
  EXPECT_EQ(refused(fault::memory_fault()), Errc::kRefused);
  EXPECT_EQ(refused(fault::process_exhaustion_fault(), R"({"processes": 10})"), Errc::kRefused);
  std::filesystem::remove(program);
}

// What is used up is the parent's limit: whoever lives below that is hit.
TEST_F(MemoryKernelTest, WhoSharesTheLimitThatIsUsedUpIsJudgedAndClaimed) {
  make_victim();
  make_cgroup("other");
  auto above = memory_of("victim").parent().value();
  limit(above, 400 * kMiB);
  auto claimed = [&](const std::string& args) {
    auto plan = fault::memory_fault().plan(container("victim"), attack(fault::memory_fault(), args));
    return plan ? plan->front().claims.front() : plan.error().message();
  };
  EXPECT_EQ(claimed(R"({"mb": 200})"), "cgroup:" + path("victim") + "/memory");
  EXPECT_EQ(claimed(R"({"mb": 370})"), "cgroup:" + above.path() + "/memory");
  EXPECT_EQ(claimed(R"({"percent": 50})"), "cgroup:" + above.path() + "/memory") << "a share of the parent's limit";
  std::string program = testing::TempDir() + "kubelet";
  std::filesystem::copy_file("/bin/sleep", program, std::filesystem::copy_options::overwrite_existing);
  auto& child = start_argv({program, "60"}, "other");
  EXPECT_TRUE(eventually([&] { return sys::read_stat(child.pid())->comm == "kubelet"; }));
  auto judged = [&](const std::string& args) {
    auto reach = fault::memory_fault().reach(container("victim"), attack(fault::memory_fault(), args));
    return fault::refuse_protected_in(reach.value(), fault::Protection()).has_value();
  };
  EXPECT_TRUE(judged(R"({"mb": 200})"));
  EXPECT_FALSE(judged(R"({"mb": 370})"));
  std::filesystem::remove(program);
}

TEST_F(MemoryKernelTest, OfTwoLoadsBothAreKilledBeforeOneIsWaitedFor) {
  make_victim();
  auto one = take(R"({"mb": 50})"), other = take(R"({"mb": 50})");
  ASSERT_TRUE(one && other);
  ASSERT_TRUE(serve(**one, 500ms) && serve(**other, 500ms));
  EXPECT_EQ(loads().size(), 2u);
  EXPECT_TRUE((*one)->let_go() && (*other)->let_go());
  EXPECT_TRUE(eventually([&] { return loads().empty() && !(*one)->is_going() && !(*other)->is_going(); }));
  ASSERT_TRUE((*one)->revert() && (*other)->revert());
}

// It is killed and cannot die, since it is in a frozen cgroup that we do not know of.
TEST_F(MemoryKernelTest, ALoadThatDoesNotDieIsGivenUpAndNobodyWaitsForIt) {
  make_victim();
  const sys::Hierarchy* freezer = tree_.with("freezer");
  if (!freezer || freezer->version != 1) GTEST_SKIP() << "only in version 1 nobody dies who is frozen";
  make_cgroup("cold", {"freezer"});
  auto cold = tree_.find("freezer", path("cold")).value();
  auto impact = take(R"({"mb": 10})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 500ms));
  std::vector<pid_t> stuck = loads();
  ASSERT_EQ(stuck.size(), 1u);
  ASSERT_TRUE(cold.join(stuck[0]));
  ASSERT_TRUE(cold.write("freezer.state", "FROZEN"));
  BootTime begin = boot_now();
  auto reverted = (*impact)->revert();
  ASSERT_FALSE(reverted);
  EXPECT_EQ(reverted.error().code, Errc::kRevertFailed);
  impact->reset();
  EXPECT_LT(boot_now() - begin, 1s);
  ASSERT_TRUE(cold.write("freezer.state", "THAWED"));
  EXPECT_TRUE(eventually([&] { return loads().empty(); }));
  ::waitpid(stuck[0], nullptr, 0);
}

TEST_F(MemoryKernelTest, AShareOfNoLimitIsNotInjected) {
  make_victim();
  auto plan = fault::memory_fault().plan(container("victim"), attack(fault::memory_fault(), R"({"percent": 50})"));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::kNotInjected) << plan.error().message();
}

// The victim takes what is left: the load makes room before anybody is killed, and says so.
TEST_F(MemoryKernelTest, WhatTheVictimNeedsIsGivenBack) {
  make_victim();
  limit(memory_of("victim"), 300 * kMiB);
  auto impact = take(R"({"mb": 200})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1s));
  auto& hungry = start_argv({"python3", "-c",
                             "import time\nheld = []\nfor i in range(150):\n  held.append(bytearray(1 << "
                             "20)); time.sleep(0.01)\ntime.sleep(60)"},
                            "victim");
  ASSERT_TRUE(serve(**impact, 4s));
  EXPECT_FALSE(hungry.wait(Nanos(0))) << "it was killed";
  EXPECT_EQ(loads().size(), 1u) << "the load was killed";
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_NE(proof.reason.find("left no room"), std::string::npos) << proof.reason;
}

TEST_F(MemoryKernelTest, ALoadThatIsKilledEndsTheImpactWithASentence) {
  make_victim();
  auto impact = take(R"({"mb": 10})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1s));
  for (pid_t pid : loads()) ::kill(pid, SIGKILL);
  auto served = serve(**impact, 1s);
  ASSERT_FALSE(served);
  EXPECT_NE(served.error().message().find("was ended by signal 9"), std::string::npos) << served.error().message();
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
}

}  // namespace
}  // namespace ordeal

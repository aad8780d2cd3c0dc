// The process_exhaustion attack: process ids taken up to the victim's limit, below one of its parent, and given back.
#include <fmt/format.h>

#include "platform/sys/cgroup/room.h"
#include "proc_fixture.h"

namespace ordeal {
namespace {

class PidsKernelTest : public ProcTest {
 protected:
  void SetUp() override {
    ProcTest::SetUp();
    if (IsSkipped()) return;
    if (!tree_.with("pids")) GTEST_SKIP() << "no pids controller";
    make_cgroup("victim");
    start_argv({"sleep", "60"}, "victim");
  }
  void limit(const sys::Cgroup& cgroup, int64_t most) { ASSERT_TRUE(cgroup.write("pids.max", std::to_string(most))); }
  sys::Cgroup pids_of_victim() { return tree_.find("pids", path("victim")).value(); }
  int64_t used() { return sys::pids_in_use(tree_, path("victim")).value(); }
  Result<std::unique_ptr<fault::Impact>> take(const std::string& args) {
    const fault::Fault& fault = fault::process_exhaustion_fault();
    return apply(fault, container("victim"), attack(fault, args));
  }
  Result<std::vector<Step>> plan(const std::string& args) {
    const fault::Fault& fault = fault::process_exhaustion_fault();
    return fault.plan(container("victim"), attack(fault, args));
  }
};

TEST_F(PidsKernelTest, ExactlySoManyAreTakenAndGivenBack) {
  auto impact = take(R"({"processes": 1000})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1500ms));
  EXPECT_EQ(used(), 1001);
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.got, 1000);
  BootTime begin = boot_now();
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] { return used() == 1; }));
  fmt::print("{}; given back after {:.0f} ms\n", proof.measured, to_millis(boot_now() - begin));
  EXPECT_LT(boot_now() - begin, 500ms);
}

TEST_F(PidsKernelTest, AllOfTheLimitMeansThatNothingMoreStarts) {
  limit(pids_of_victim(), 200);
  auto impact = take(R"({"percent": 100, "strategy": "total"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1500ms));
  EXPECT_EQ(used(), 200);
  std::string file = fmt::format("/tmp/ordeal-pids-{}", ::getpid());
  auto& shell = start("sleep 1 & echo $! >" + file + "; exit 0", "victim");  // it joins, and cannot fork
  ASSERT_TRUE(serve(**impact, 500ms));
  auto ended = shell.wait(Nanos(0));
  EXPECT_TRUE(ended && !ended->ok()) << "it could start a process";
  (void)::unlink(file.c_str());
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
  EXPECT_TRUE(eventually([&] { return used() == 1; }));
}

TEST_F(PidsKernelTest, WhatALimitAboveKeepsForOthersIsRefused) {
  limit(pids_of_victim(), 400);
  EXPECT_TRUE(plan(R"({"processes": 390})"));
  limit(pids_of_victim().parent().value(), 200);
  auto refused = plan(R"({"processes": 190})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRefused) << refused.error().message();
  EXPECT_TRUE(plan(R"({"processes": 150})"));
  EXPECT_FALSE(plan(R"({"processes": 4194304})"));
}

TEST_F(PidsKernelTest, MoreThanOneProcessCanHaveIsRefused) {
  auto refused = plan(R"({"processes": 33000})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRefused);
  EXPECT_NE(refused.error().message().find("in one process"), std::string::npos) << refused.error().message();
}

TEST_F(PidsKernelTest, WhoSharesTheLimitThatIsUsedUpIsJudgedAndClaimed) {
  auto above = pids_of_victim().parent().value();
  limit(above, 1000);
  EXPECT_EQ(plan(R"({"processes": 500})")->front().claims.front(), "cgroup:" + path("victim") + "/pids");
  EXPECT_EQ(plan(R"({"processes": 920})")->front().claims.front(), "cgroup:" + above.path() + "/pids");
  const fault::Fault& fault = fault::process_exhaustion_fault();
  EXPECT_EQ(fault.reach(container("victim"), attack(fault, R"({"processes": 920})"))->cgroup, above.path());
}

TEST_F(PidsKernelTest, AShareOfNoLimitIsNotInjected) {
  auto planned = plan(R"({"percent": 50})");
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, Errc::kNotInjected) << planned.error().message();
}

}  // namespace
}  // namespace ordeal

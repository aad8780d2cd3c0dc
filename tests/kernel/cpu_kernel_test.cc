// The cpu attack: asked against used, on one core, on all, and inside a quota of half a CPU.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "platform/sys/cgroup/cgroup_control.h"
#include "proc_fixture.h"

namespace ordeal {
namespace {

constexpr Nanos kWindow = 3s;

class CpuKernelTest : public ProcTest {
 protected:
  // Serves the attack for the window, and says how much the cgroup really used, by the kernel's own account.
  struct Measured {
    Proof proof;
    double percent_of_one_cpu = 0;
    int64_t throttled = 0;
  };
  // Again when other work had the CPUs meanwhile: what a busy machine does to a cgroup is not the attack's doing.
  Measured measure(const Victim& victim, const std::string& args) {
    for (int attempt = 0; attempt < 4; ++attempt)
      if (auto measured = measure_once(victim, args); measured.proof.proven) return measured;
    return measure_once(victim, args);
  }
  Measured measure_once(const Victim& victim, const std::string& args) {
    const fault::Fault& fault = fault::cpu_fault();
    auto impact = apply(fault, victim, attack(fault, args));
    if (!impact) throw std::runtime_error(impact.error().message());
    EXPECT_TRUE(serve(**impact, 200ms));
    auto before = sys::cpu_usage(tree_, victim.cgroup).value();
    BootTime begin = boot_now();
    auto served = serve(**impact, kWindow);
    EXPECT_TRUE(served) << served.error().message();
    auto after = sys::cpu_usage(tree_, victim.cgroup).value();
    double elapsed = to_seconds(boot_now() - begin);
    EXPECT_TRUE((*impact)->revert());
    Measured measured{(*impact)->proof(boot_now()), 100 * to_seconds(after.used - before.used) / elapsed,
                      after.throttled_periods - before.throttled_periods};
    fmt::print("{}: asked {:.1f}, used {:.2f} % of one CPU (proof: {})\n", args, measured.proof.asked,
               measured.percent_of_one_cpu, measured.proof.measured);
    return measured;
  }
  // The test's own cgroups go before other work of this machine (builds, other tests), so that the figures are ours.
  void make_victim() {
    make_cgroup("victim");
    auto cpu = tree_.find("cpu", path("victim"));
    for (int level = 0; cpu && level < 2; ++level, cpu = cpu->parent())
      (void)(cpu->version() == 1 ? cpu->write("cpu.shares", "262144") : cpu->write("cpu.weight", "10000"));
  }
  void quota(const std::string& name, int percent) {
    auto cpu = tree_.find("cpu", path(name));
    ASSERT_TRUE(cpu);
    if (cpu->version() == 1)
      ASSERT_TRUE(cpu->write("cpu.cfs_quota_us", std::to_string(percent * 1000)));
    else
      ASSERT_TRUE(cpu->write("cpu.max", fmt::format("{} 100000", percent * 1000)));
  }
  std::vector<pid_t> burners() {
    std::vector<pid_t> found;
    for (pid_t pid : pids("victim", "cpu"))
      if (auto stat = sys::read_stat(pid); stat && stat->comm == "ordeal-burn") found.push_back(pid);
    return found;
  }
  static int cpus() { return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)); }
};

TEST_F(CpuKernelTest, OneCoreIsLoadedAsAsked) {
  make_victim();
  start_argv({"sleep", "60"}, "victim");
  for (int percent : {20, 50, 80}) {
    auto got = measure(container("victim"), fmt::format(R"({{"cores": 1, "percent": {}}})", percent));
    EXPECT_NEAR(got.percent_of_one_cpu, percent, 2);
    EXPECT_TRUE(got.proof.proven) << got.proof.reason;
    EXPECT_NEAR(got.proof.got, got.percent_of_one_cpu, 1);
  }
}

TEST_F(CpuKernelTest, AllCoresAreLoadedAsAsked) {
  make_victim();
  start_argv({"sleep", "60"}, "victim");
  for (int percent : {20, 50, 80}) {
    auto got = measure(container("victim"), fmt::format(R"({{"cores": 0, "percent": {}}})", percent));
    EXPECT_NEAR(got.percent_of_one_cpu / cpus(), percent, 2);
    EXPECT_TRUE(got.proof.proven) << got.proof.reason;
  }
}

TEST_F(CpuKernelTest, AFractionOfAQuotaIsNeverRoundedUp) {
  make_victim();
  start_argv({"sleep", "60"}, "victim");
  quota("victim", 50);
  for (int percent : {20, 50, 80}) {
    auto got = measure(container("victim"), fmt::format(R"({{"cores": 0, "percent": {}}})", percent));
    EXPECT_DOUBLE_EQ(got.proof.asked, percent / 2.0);
    EXPECT_NEAR(got.percent_of_one_cpu * 2, percent, 2);
    EXPECT_TRUE(got.proof.proven) << got.proof.reason;
  }
}

TEST_F(CpuKernelTest, ThrottlingIsSaidWhenTheVictimUsesItsQuotaItself) {
  make_victim();
  start("while :; do :; done", "victim");
  quota("victim", 50);
  auto got = measure(container("victim"), R"({"cores": 0, "percent": 80})");
  EXPECT_LT(got.percent_of_one_cpu, 55);
  EXPECT_GT(got.throttled, 0);
  EXPECT_NE(got.proof.measured.find("was throttled by its quota"), std::string::npos) << got.proof.measured;
}

TEST_F(CpuKernelTest, TheLoadEndsWithTheImpact) {
  make_victim();
  auto& child = start_argv({"sleep", "60"}, "victim");
  const fault::Fault& fault = fault::cpu_fault();
  auto plan = fault.plan(container("victim"), attack(fault, "{}"));
  ASSERT_TRUE(plan);
  EXPECT_EQ((*plan)[0].claims,
            (std::vector<std::string>{"cgroup:" + path("victim") + "/cpu", "within:" + path("victim") + "/guest"}));
  {
    auto impact = apply(fault, container("victim"), attack(fault, "{}"));
    ASSERT_TRUE(impact);
    ASSERT_TRUE(serve(**impact, 100ms));
    EXPECT_EQ(burners().size(), 1u);
  }
  EXPECT_TRUE(burners().empty());
  EXPECT_FALSE(child.wait(Nanos(0)));
}

// Somebody moves the load out of the cgroup: from then on it takes nothing from the victim.
TEST_F(CpuKernelTest, LoadThatWasMovedOutOfTheCgroupIsNoProof) {
  make_victim();
  make_cgroup("elsewhere");
  start_argv({"sleep", "60"}, "victim");
  const fault::Fault& fault = fault::cpu_fault();
  auto impact = apply(fault, container("victim"), attack(fault, R"({"cores": 1, "percent": 50})"));
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 800ms));
  ASSERT_EQ(burners().size(), 1u);
  pid_t burner = burners()[0];
  for (const sys::Cgroup& cgroup : tree_.find_all(path("elsewhere"))) ASSERT_TRUE(cgroup.join(burner));
  ASSERT_TRUE(serve(**impact, 800ms));
  ASSERT_TRUE((*impact)->revert());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_NE(proof.reason.find("somebody moved the load to " + path("elsewhere")), std::string::npos) << proof.reason;
  ASSERT_EQ(proof.coverage.size(), 1u);
  EXPECT_GT(proof.coverage[0].affected, 0.2);
  EXPECT_GT(proof.coverage[0].missed, 0.2);
}

TEST_F(CpuKernelTest, ABurnerThatIsKilledEndsTheImpactWithASentence) {
  make_victim();
  start_argv({"sleep", "60"}, "victim");
  auto impact = apply(fault::cpu_fault(), container("victim"), attack(fault::cpu_fault(), "{}"));
  ASSERT_TRUE(impact);
  ASSERT_TRUE(serve(**impact, 200ms));
  for (pid_t pid : burners()) ::kill(pid, SIGKILL);
  auto served = serve(**impact, 1s);
  ASSERT_FALSE(served);
  EXPECT_NE(served.error().message().find("was ended by signal 9"), std::string::npos) << served.error().message();
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
}

}  // namespace
}  // namespace ordeal

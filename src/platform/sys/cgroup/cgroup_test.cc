#include "platform/sys/cgroup/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "platform/sys/cgroup/cgroup_control.h"

namespace ordeal::sys {
namespace {

namespace fs = std::filesystem;

// A tree of ordinary files that looks like the cgroup mounts of a machine.
class FakeTree : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "ordeal-cgroup-" + std::to_string(::getpid());
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  CgroupTree discover(const std::string& mountinfo) {
    put("/mountinfo", mountinfo);
    auto tree = CgroupTree::discover(root_ + "/mountinfo", root_);
    EXPECT_TRUE(tree);
    return *tree;
  }

  const std::string v1_ =
      "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /cg/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "34 31 0:31 / /cg/cpuset rw - cgroup cgroup rw,cpuset,clone_children,release_agent=/x\n"
      "37 31 0:34 / /cg/freezer rw - cgroup cgroup rw,freezer\n"
      "40 31 0:37 / /cg/systemd rw - cgroup systemd rw,xattr,name=systemd\n";
  const std::string v2_ = "41 31 0:38 / /cg/unified\\040x rw - cgroup2 cgroup2 rw,nsdelegate\n";
  std::string root_;
};

TEST_F(FakeTree, HierarchiesOfAHybridHostAreFound) {
  put("/cg/unified x/cgroup.controllers", "hugetlb cpu\n");
  CgroupTree tree = discover(v1_ + v2_);
  ASSERT_EQ(tree.hierarchies().size(), 5u);
  EXPECT_EQ(tree.with("cpuacct")->mount, root_ + "/cg/cpu,cpuacct");
  EXPECT_EQ(tree.with("cpu")->version, 1);  // not the v2 one, which names it too
  EXPECT_EQ(tree.with("hugetlb")->version, 2);
  EXPECT_EQ(tree.with("name=systemd")->mount, root_ + "/cg/systemd");
  EXPECT_EQ(tree.with("cpuset")->controllers, (std::set<std::string>{"cpuset"}));
  EXPECT_EQ(tree.with("memory"), nullptr);
  EXPECT_EQ(tree.unified()->mount, root_ + "/cg/unified x");
}

TEST_F(FakeTree, APathIsFoundWhereItExistsTheIdentifyingOneFirst) {
  for (const char* folder : {"/cg/cpu,cpuacct/shop/db", "/cg/freezer/shop/db", "/cg/unified x/shop/db"})
    fs::create_directories(root_ + folder);
  CgroupTree tree = discover(v1_ + v2_);
  auto found = tree.find_all("/shop/db/");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].version(), 2);
  EXPECT_EQ(found[1].folder(), root_ + "/cg/cpu,cpuacct/shop/db");
  EXPECT_EQ(found[2].path(), "/shop/db");
  EXPECT_TRUE(tree.find_all("/shop/other").empty());
  EXPECT_TRUE(tree.find_all("/shop/../shop/db").empty());
  EXPECT_NE(found[0].inode().value_or(0), 0u);
}

TEST_F(FakeTree, AMountOfAPartShowsOnlyThatPart) {
  fs::create_directories(root_ + "/cg/part/x");
  CgroupTree tree = discover("32 31 0:29 /docker/abc /cg/part rw - cgroup cgroup rw,freezer\n");
  EXPECT_EQ(tree.find("freezer", "/docker/abc/x")->folder(), root_ + "/cg/part/x");
  EXPECT_EQ(tree.find("freezer", "/docker/abc")->folder(), root_ + "/cg/part");
  EXPECT_FALSE(tree.find("freezer", "/docker/abcd"));
  EXPECT_FALSE(tree.find("freezer", "/x"));
}

TEST_F(FakeTree, ProcessesOfDescendantsCount) {
  put("/cg/freezer/shop/cgroup.procs", "7\n3\n");
  put("/cg/freezer/shop/db/cgroup.procs", "5\n0\n3\n");
  CgroupTree tree = discover(v1_);
  EXPECT_EQ(tree.find("freezer", "/shop")->processes().value(), (std::vector<pid_t>{3, 5, 7}));
}

TEST_F(FakeTree, TheLeastQuotaAboveCounts) {
  put("/cg/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put("/cg/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  put("/cg/cpu,cpuacct/shop/cpu.cfs_quota_us", "50000\n");
  put("/cg/cpu,cpuacct/shop/cpu.cfs_period_us", "100000\n");
  put("/cg/cpu,cpuacct/shop/db/cpu.cfs_quota_us", "80000\n");
  put("/cg/cpu,cpuacct/shop/db/cpu.cfs_period_us", "20000\n");
  put("/cg/cpu,cpuacct/free/cpu.cfs_quota_us", "-1\n");
  CgroupTree tree = discover(v1_);
  EXPECT_DOUBLE_EQ(cpu_quota(tree, "/shop/db")->value(), 0.5);
  EXPECT_FALSE(cpu_quota(tree, "/free")->has_value());
  EXPECT_FALSE(cpu_quota(tree, "/gone"));
}

TEST_F(FakeTree, TheLeastQuotaOfVersionTwoCounts) {
  put("/cg/unified x/cgroup.controllers", "cpu\n");
  put("/cg/unified x/a/cpu.max", "max 100000\n");
  put("/cg/unified x/a/b/cpu.max", "150000 100000\n");
  CgroupTree tree = discover(v2_);
  EXPECT_DOUBLE_EQ(cpu_quota(tree, "/a/b")->value(), 1.5);
  EXPECT_FALSE(cpu_quota(tree, "/a")->has_value());
}

TEST_F(FakeTree, CpuUsageIsReadInEitherVersion) {
  put("/cg/cpu,cpuacct/a/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 2000000\n");
  put("/cg/cpu,cpuacct/a/cpuacct.usage", "7000000000\n");
  put("/cg/unified x/a/cpu.stat", "usage_usec 7000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2000\n");
  for (const std::string& mounts : {v1_, v2_}) {
    auto usage = cpu_usage(discover(mounts), "/a");
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->used, 7s);
    EXPECT_EQ(usage->periods, 10);
    EXPECT_EQ(usage->throttled_periods, 4);
    EXPECT_EQ(usage->throttled, 2ms);
  }
}

TEST_F(FakeTree, AllowedCpusComeFromTheNearestCpuset) {
  put("/cg/cpuset/cpuset.effective_cpus", "0-3\n");
  put("/cg/cpuset/a/cpuset.effective_cpus", "1,3\n");
  fs::create_directories(root_ + "/cg/cpuset/a/b");
  CgroupTree tree = discover(v1_);
  EXPECT_EQ(allowed_cpus(tree, "/a/b").value(), (std::vector<int>{1, 3}));
  EXPECT_EQ(allowed_cpus(tree, "/").value(), (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(FakeTree, TheFreezerStateSaysWhatIsEffectiveAndWhatWasAsked) {
  put("/cg/freezer/a/freezer.state", "FROZEN\n");
  put("/cg/freezer/a/freezer.self_freezing", "0\n");
  put("/cg/unified x/b/cgroup.events", "populated 1\nfrozen 0\n");
  put("/cg/unified x/b/cgroup.freeze", "1\n");
  CgroupTree tree = discover(v1_ + v2_);
  auto a = freezer_of(tree, "/a");
  ASSERT_TRUE(a);
  EXPECT_EQ(freezer_state(*a).value(), FreezerState::kFrozen);
  EXPECT_FALSE(freezer_requested(*a).value());
  auto b = freezer_of(tree, "/b");  // systemd's hybrid: v1 freezer mounted, but the cgroup is only in v2
  ASSERT_TRUE(b);
  EXPECT_EQ(b->version(), 2);
  EXPECT_EQ(freezer_state(*b).value(), FreezerState::kFreezing);
  EXPECT_EQ(freezer_of(tree, "/").error().code, Errc::kUnsupported);
  EXPECT_EQ(freezer_of(tree, "/c").error().code, Errc::kNotFound);
}

TEST_F(FakeTree, AProcessIsWhereItsMembershipSays) {
  CgroupTree tree = discover(v1_ + v2_);
  Process process;
  process.cgroups = parse_cgroups("4:cpu,cpuacct:/c\n3:freezer:/f\n0::/u\n");
  EXPECT_EQ(tree.path_of(process, "cpu"), "/c");
  EXPECT_EQ(tree.path_of(process, "freezer"), "/f");
  EXPECT_EQ(tree.path_of(process, "pids"), "/");
}

TEST_F(FakeTree, OwnCgroupsAreMadeAndRemovedWithTheirParents) {
  fs::create_directories(root_ + "/cg/freezer");
  fs::create_directories(root_ + "/cg/unified x");
  CgroupTree tree = discover(v1_ + v2_);
  {
    auto own = OwnCgroup::create(tree, "/ordeal/one", {"freezer", "unified"});
    ASSERT_TRUE(own) << own.error().message();
    EXPECT_TRUE(fs::exists(root_ + "/cg/freezer/ordeal/one"));
    EXPECT_TRUE(fs::exists(root_ + "/cg/unified x/ordeal/one"));
    EXPECT_FALSE(OwnCgroup::create(tree, "/ordeal/one", {"freezer"}));  // foreign: not ours to take
  }
  EXPECT_FALSE(fs::exists(root_ + "/cg/freezer/ordeal"));
  EXPECT_FALSE(OwnCgroup::create(tree, "/ordeal", {"nonsense"}));
  EXPECT_FALSE(OwnCgroup::create(tree, "/x", {"freezer", "cpu"}));  // cpu has no folder: the freezer part goes again
  EXPECT_FALSE(fs::exists(root_ + "/cg/freezer/x"));
}

TEST(CpuList, RangesAndSinglesAreRead) {
  EXPECT_EQ(parse_cpu_list("0-2,5\n").value(), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(parse_cpu_list("").value(), std::vector<int>{});
  for (const char* text : {"x", "2-1", "1-2-3", "-1"}) EXPECT_FALSE(parse_cpu_list(text)) << text;
}

}  // namespace
}  // namespace ordeal::sys

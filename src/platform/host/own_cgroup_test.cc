#include "platform/host/own_cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ordeal::host {
namespace {

namespace fs = std::filesystem;

class Mounts : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "ordeal-own-cgroup-" + std::to_string(::getpid());
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  // The mount of the hierarchy that would be taken, without the prefix; "" for none.
  std::string chosen(const std::string& mountinfo) {
    std::ofstream(root_ + "/mountinfo") << mountinfo;
    auto tree = sys::CgroupTree::discover(root_ + "/mountinfo", root_);
    const sys::Hierarchy* found = tree ? hierarchy_for_own_cgroup(*tree) : nullptr;
    return found ? found->mount.substr(root_.size()) : "";
  }
  std::string root_;
};

TEST_F(Mounts, TheWholeTreeOfTheHostIsUsed) {
  EXPECT_EQ(chosen("41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n"), "/cg");
  EXPECT_EQ(chosen("40 31 0:37 / /cg/systemd rw - cgroup systemd rw,name=systemd\n"), "/cg/systemd");
}

TEST_F(Mounts, AHostPathBesideTheContainersOwnMountIsFound) {
  EXPECT_EQ(chosen("40 31 0:38 /kubepods/pod1/x /own rw - cgroup2 cgroup2 rw\n"
                   "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n"),
            "/cg");
}

TEST_F(Mounts, APartOfTheTreeIsOurOwnContainers) {
  EXPECT_EQ(chosen("41 31 0:38 /kubepods/pod1/x /cg rw - cgroup2 cgroup2 rw\n"), "");
  EXPECT_EQ(chosen("41 31 0:38 /../../.. /cg rw - cgroup2 cgroup2 rw\n"), "");
}

TEST(OutsideOfPods, ByEveryMembership) {
  std::string pod = "/kubepods/besteffort/pod0f1e2d3c-0001-4000-8000-0123456789ab";
  sys::Process process;
  process.cgroups = {{{"cpu"}, "/"}, {{}, "/ordeal-reaper-r1"}};
  EXPECT_TRUE(outside_of_pods(process));
  process.cgroups[0].path = pod + "/" + std::string(64, 'a');
  EXPECT_FALSE(outside_of_pods(process));
  process.cgroups[0].path = pod;
  EXPECT_FALSE(outside_of_pods(process));
}

}  // namespace
}  // namespace ordeal::host

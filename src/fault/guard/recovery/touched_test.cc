#include "fault/guard/recovery/touched.h"

#include <gtest/gtest.h>

namespace ordeal::guard {
namespace {

const std::vector<std::string> kPause{"cgroup:/shop/db/running", "within:/shop/db/inner/running"};

bool setting(const std::string& line, const std::vector<std::string>& claims) {
  return is_touched({sys::kCgroupSection, '+', line}, claims);
}

TEST(Touched, IsTheSettingThatWasClaimedWithAllBelow) {
  EXPECT_TRUE(setting("/sys/fs/cgroup/freezer/shop/db/freezer.state = FROZEN", kPause));
  EXPECT_TRUE(setting("/sys/fs/cgroup/shop/db/cgroup.freeze = 1", kPause));
  EXPECT_TRUE(setting("/sys/fs/cgroup/shop/db/inner/cgroup.freeze = 1", kPause));
  EXPECT_FALSE(setting("/sys/fs/cgroup/shop/cgroup.freeze = 1", kPause));
  EXPECT_FALSE(setting("/sys/fs/cgroup/shop/dbx/cgroup.freeze = 1", kPause));
  EXPECT_FALSE(setting("/sys/fs/cgroup/shop/db/cpu.max = 1000 100000", kPause)) << "another field";
  EXPECT_FALSE(setting("/sys/fs/cgroup/shop/db/memory.max = 1000", kPause));
  EXPECT_TRUE(setting("/sys/fs/cgroup/cpu,cpuacct/shop/cpu.cfs_quota_us = 1000", {"cgroup:/shop/cpu"}));
  EXPECT_FALSE(setting("/sys/fs/cgroup/shop/db/cgroup.freeze = 1", {"process:12/running", "within:/shop/db/running"}));
  EXPECT_TRUE(setting("/sys/fs/cgroup/shop/db/cpu.max = 1000 100000", {"host/cpu"}));
  EXPECT_TRUE(setting("/sys/fs/cgroup/shop/db/cgroup.freeze = 1", {"cgroup://running"}));
}

TEST(Touched, IsATableOfOurOwnAndNoOther) {
  const std::vector<std::string> claims{"netns:4026531840/packets/arrival"};
  EXPECT_TRUE(is_touched({"nft", '+', "table inet ordeal_12_1: chain delay {"}, claims));
  EXPECT_FALSE(is_touched({"nft", '+', "table inet filter: chain input {"}, claims));
  EXPECT_FALSE(is_touched({"mounts", '+', "/mnt rw"}, claims));
  EXPECT_FALSE(is_touched({"links", '-', "3: eth0"}, {"host/power"}));
}

TEST(Touched, IsEverythingWhereAClaimIsOfAnotherVersion) {
  EXPECT_TRUE(is_touched({"clock", '+', "3600"}, {"host/clock"}));
  EXPECT_TRUE(is_touched({"mounts", '+', "/mnt rw"}, {"cgroup:/shop/running", "host/mounts"}));
}

}  // namespace
}  // namespace ordeal::guard

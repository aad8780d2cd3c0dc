#include "fault/guard/recovery/touched.h"

#include <gtest/gtest.h>

namespace ordeal::guard {
namespace {

const std::vector<std::string> kPause{"cgroup:/shop/db/running", "within:/shop/db/inner/running"};

const std::vector<sys::Hierarchy> kHost{{2, "/sys/fs/cgroup", "/", {}},
                                        {1, "/sys/fs/cgroup/freezer", "/", {"freezer"}},
                                        {1, "/sys/fs/cgroup/cpu,cpuacct", "/", {"cpu", "cpuacct"}}};
const std::vector<sys::Hierarchy> kContainer{{1, "/sys/fs/cgroup/freezer", "/docker/1", {"freezer"}}};

bool setting(const std::string& line, const std::vector<std::string>& claims,
             const std::vector<sys::Hierarchy>& hierarchies = kHost) {
  return is_touched({sys::kCgroupSection, '+', line}, claims, hierarchies);
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

TEST(Touched, FollowsAMountThatShowsAPartOfItsHierarchy) {
  const std::string shop = "/sys/fs/cgroup/freezer/shop/freezer.state = FROZEN";
  const std::string inner = "/sys/fs/cgroup/freezer/shop/db/freezer.state = FROZEN";
  EXPECT_TRUE(setting(shop, {"cgroup:/docker/1/shop/running"}, kContainer));
  EXPECT_TRUE(setting(inner, {"cgroup:/docker/1/shop/running"}, kContainer));
  EXPECT_TRUE(setting(shop, {"cgroup:/docker/1/running"}, kContainer));
  EXPECT_FALSE(setting(shop, {"cgroup:/docker/1/other/running"}, kContainer));
  EXPECT_FALSE(setting(shop, {"cgroup:/docker/1/shop/db/running"}, kContainer)) << "above what was claimed";
  EXPECT_FALSE(setting("/sys/fs/cgroup/freezer/x/shop/freezer.state = FROZEN", {"cgroup:/shop/running"}))
      << "another cgroup of that name";
}

TEST(Touched, IsACgroupThatCannotBePlaced) {
  const std::string shop = "/sys/fs/cgroup/freezer/shop/freezer.state = FROZEN";
  EXPECT_TRUE(setting(shop, {"cgroup:/docker/12/shop/running"}, kContainer)) << "not shown by the mount";
  EXPECT_TRUE(setting(shop, {"cgroup:/other/running"}, {})) << "in no hierarchy";
}

TEST(Touched, IsATableOfOurOwnAndNoOther) {
  const std::vector<std::string> claims{"netns:4026531840/packets/arrival"};
  EXPECT_TRUE(is_touched({"nft", '+', "table inet ordeal_12_1: chain delay {"}, claims, kHost));
  EXPECT_FALSE(is_touched({"nft", '+', "table inet filter: chain input {"}, claims, kHost));
  EXPECT_FALSE(is_touched({"mounts", '+', "/mnt rw"}, claims, kHost));
  EXPECT_FALSE(is_touched({"links", '-', "3: eth0"}, {"host/power"}, kHost));
}

TEST(Touched, IsEverythingWhereAClaimIsOfAnotherVersion) {
  EXPECT_TRUE(is_touched({"clock", '+', "3600"}, {"host/clock"}, kHost));
  EXPECT_TRUE(is_touched({"mounts", '+', "/mnt rw"}, {"cgroup:/shop/running", "host/mounts"}, kHost));
}

}  // namespace
}  // namespace ordeal::guard

#include "platform/sys/fingerprint.h"

#include <gtest/gtest.h>

namespace ordeal::sys {
namespace {

TEST(Fingerprint, NamesWhatCameAndWhatWent) {
  Fingerprint before{{"nft", {"table ip a", "table ip b"}}, {"mounts", {"/ rw"}}};
  Fingerprint now{{"nft", {"table ip b", "table inet ordeal_1"}}, {"mounts", {"/ rw"}}};
  EXPECT_EQ(compare(before, now),
            (std::vector<Difference>{{"nft", '-', "table ip a"}, {"nft", '+', "table inet ordeal_1"}}));
  EXPECT_TRUE(compare(before, before).empty());
}

TEST(Fingerprint, CgroupsThatComeAndGoAreNoDifferenceButChangedSettingsAre) {
  Fingerprint before{{"cgroup settings", {"/a/pids.max = max", "/b/pids.max = max"}}};
  Fingerprint now{{"cgroup settings", {"/b/pids.max = 50", "/c/pids.max = max"}}};
  EXPECT_EQ(compare(before, now), (std::vector<Difference>{{kCgroupSection, '-', "/b/pids.max = max"},
                                                           {kCgroupSection, '+', "/b/pids.max = 50"}}));
  EXPECT_EQ(compare(before, now).back().text(), "cgroup settings: + /b/pids.max = 50");
}

}  // namespace
}  // namespace ordeal::sys

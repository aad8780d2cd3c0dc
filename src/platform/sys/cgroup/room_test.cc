#include "platform/sys/cgroup/room.h"

#include <gtest/gtest.h>

namespace ordeal::sys {
namespace {

TEST(Room, OfTheHostIsWhatTheKernelCallsAvailable) {
  auto memory = parse_host_memory("MemTotal:       24684252 kB\nMemFree:  9 kB\nMemAvailable:   22409216 kB\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total, 24684252LL * 1024);
  EXPECT_EQ(memory->available, 22409216LL * 1024);
  EXPECT_FALSE(parse_host_memory("SwapTotal: 0 kB\n"));
}

TEST(Room, ThisHostHasSome) {
  ASSERT_TRUE(host_memory());
  EXPECT_GT(host_memory()->available, 0);
  auto pids = host_pids();
  ASSERT_TRUE(pids) << pids.error().message();
  EXPECT_GT(pids->used, 1);
  EXPECT_GT(pids->most, pids->used);
}

}  // namespace
}  // namespace ordeal::sys

#include "platform/sys/cgroup/room.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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

TEST(Room, WhoDiesTogetherIsReadFromTheCgroupUpwards) {
  std::string root = ::testing::TempDir() + "ordeal-room-" + std::to_string(::getpid());
  auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  };
  put("/mountinfo", "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n");
  put("/cg/cgroup.controllers", "memory pids\n");
  put("/cg/pods/memory.oom.group", "0\n");
  put("/cg/pods/shop/memory.oom.group", "1\n");
  put("/cg/pods/shop/db/memory.oom.group", "0\n");
  auto tree = CgroupTree::discover(root + "/mountinfo", root);
  ASSERT_TRUE(tree);
  EXPECT_EQ(dies_together(*tree, "/pods/shop/db"), "/pods/shop");
  EXPECT_EQ(dies_together(*tree, "/pods/shop"), "/pods/shop");
  EXPECT_EQ(dies_together(*tree, "/pods"), "");
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace ordeal::sys

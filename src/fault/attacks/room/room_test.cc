// What is kept back of a limit, and when a load uses one up.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fault/attacks/room/memory_room.h"
#include "fault/attacks/room/near_limit.h"

namespace ordeal::fault {
namespace {

constexpr int64_t kMi = 1 << 20;

// A tree of ordinary files that looks like that of version 2.
class RoomInATree : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "ordeal-memory-room-" + std::to_string(::getpid());
    put("/mountinfo", "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n");
    put("/cg/cgroup.controllers", "memory pids\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void limit(const std::string& path, int64_t most, int64_t used) {
    put("/cg" + path + "/memory.max", std::to_string(most));
    put("/cg" + path + "/memory.current", std::to_string(used));
    put("/cg" + path + "/memory.stat", "inactive_file 0\n");
  }
  MemoryRoom room() { return {sys::CgroupTree::discover(root_ + "/mountinfo", root_).value(), "/pods/shop"}; }

  std::string root_;
};

TEST_F(RoomInATree, FarMoreIsKeptWhereTheVictimWouldBeKilledWithTheLoad) {
  limit("/pods/shop", 200 * kMi, 10 * kMi);
  EXPECT_EQ(room().left().value(), 186 * kMi);
  EXPECT_EQ(room().together(), "");
  put("/cg/pods/memory.oom.group", "1\n");
  EXPECT_EQ(room().left().value(), 158 * kMi);
  EXPECT_EQ(room().together(), "/pods");
}

TEST_F(RoomInATree, TheTopmostLimitThatIsUsedUpIsFound) {
  limit("/pods/shop", 100 * kMi, 10 * kMi);
  limit("/pods", 200 * kMi, 110 * kMi);
  EXPECT_EQ(room().topmost(50 * kMi).value(), "");
  EXPECT_EQ(room().topmost(75 * kMi).value(), "/pods");
  limit("/pods", 400 * kMi, 110 * kMi);
  EXPECT_EQ(room().topmost(85 * kMi).value(), "/pods/shop");
  EXPECT_EQ(room().topmost(int64_t{1} << 50).value(), "/");
}

TEST(NearLimit, IsATenthOrTwiceWhatIsKept) {
  EXPECT_FALSE(comes_near(1000, 500, 20, 400));
  EXPECT_TRUE(comes_near(1000, 500, 20, 401));
  EXPECT_TRUE(comes_near(1000, 500, 100, 301));
}

}  // namespace
}  // namespace ordeal::fault

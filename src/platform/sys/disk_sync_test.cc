#include "platform/sys/disk_sync.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

namespace ordeal::sys {
namespace {

TEST(DiskSync, SaysWhenItIsOver) {
  auto sync = DiskSync::start();
  ASSERT_TRUE(sync) << sync.error().message();
  pollfd wait{sync->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
  EXPECT_TRUE(sync->over());
}

TEST(DiskSync, IsNotWaitedFor) {
  BootTime began = boot_now();
  {
    auto sync = DiskSync::start();
    ASSERT_TRUE(sync) << sync.error().message();
  }
  EXPECT_LT(boot_now() - began, 1s);
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

}  // namespace
}  // namespace ordeal::sys

#include "run/session/local/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "core/base/clock.h"
#include "core/base/io/wait.h"

namespace ordeal::session {
namespace {

TEST(Background, ACallThatBlocksKeepsNobody) {
  BootTime begin = boot_now();
  Background<int> call([] {
    std::this_thread::sleep_for(300ms);
    return 7;
  });
  EXPECT_FALSE(call.returned());
  EXPECT_LT(boot_now() - begin, 250ms);
  while (!call.returned()) wait_readable({call.descriptor()});
  EXPECT_GE(boot_now() - begin, 300ms);
  EXPECT_EQ(call.take(), 7);
}

TEST(Background, IsWaitedForWhenItIsDestroyed) {
  bool returned = false;
  {
    Background<int> call([&] {
      std::this_thread::sleep_for(50ms);
      returned = true;
      return 0;
    });
  }
  EXPECT_TRUE(returned);
}

TEST(Background, WithoutADescriptorItIsMadeAtOnce) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Background<int> call([] { return 7; });
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(call.returned());
  EXPECT_EQ(call.take(), 7);
}

}  // namespace
}  // namespace ordeal::session

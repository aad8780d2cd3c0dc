#include "core/base/io/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace ordeal {
namespace {

std::string read(std::string_view text) {
  FailpointChoice choice = parse_failpoint(text);
  std::string stays = choice.stay > Nanos(0) ? " stays for " + std::to_string(choice.stay / 1ms) + " ms " : "";
  return std::string(choice.name) +
         (choice.stop     ? " stops "
          : stays.empty() ? " dies "
                          : stays) +
         std::to_string(choice.time);
}

TEST(Failpoint, IsANameWhetherItStopsAndWhichTime) {
  EXPECT_EQ(read("guard.applied"), "guard.applied dies 1");
  EXPECT_EQ(read("guard.applied:stop"), "guard.applied stops 1");
  EXPECT_EQ(read("guard.applied@3"), "guard.applied dies 3");
  EXPECT_EQ(read("guard.applied:stop@2"), "guard.applied stops 2");
  EXPECT_EQ(read("guard.applied:900ms"), "guard.applied stays for 900 ms 1");
  EXPECT_EQ(read("guard.applied:3000ms@2"), "guard.applied stays for 3000 ms 2");
  EXPECT_EQ(parse_failpoint("guard.applied:0ms").name, "");
  EXPECT_EQ(parse_failpoint("guard.applied:xms").name, "");
  EXPECT_EQ(parse_failpoint("guard.applied@0").name, "");
  EXPECT_EQ(parse_failpoint("guard.applied@x").name, "");
}

TEST(Failpoint, EndsTheProgramThere) {
  EXPECT_EXIT(
      {
        ::setenv("ORDEAL_FAILPOINT", "test.point@2", 1);
        failpoint("test.point");
        failpoint("test.other");
        failpoint("test.point");
        ::_exit(0);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST(Failpoint, AStayEndsAndTheProgramGoesOn) {
  EXPECT_EXIT(
      {
        ::setenv("ORDEAL_FAILPOINT", "test.slow:20ms", 1);
        BootTime begin = boot_now();
        failpoint("test.slow");
        ::_exit(boot_now() - begin >= 20ms ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ordeal

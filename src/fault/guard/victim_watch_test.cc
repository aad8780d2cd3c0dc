#include "fault/guard/victim_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "platform/sys/process/process.h"

namespace ordeal::guard {
namespace {

// Children that sleep until they are killed.
struct VictimWatchTest : testing::Test {
  std::vector<pid_t> children;
  VictimWatch watch;

  Victim victim(int count, VictimKind kind) {
    Victim one;
    one.kind = kind;
    one.name = "sleepers";
    for (int i = 0; i < count; ++i) {
      pid_t pid = ::fork();
      if (pid == 0)
        for (;;) ::pause();
      children.push_back(pid);
      one.processes.push_back({pid, sys::read_stat(pid)->start_ticks});
    }
    return one;
  }
  void end(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    std::erase(children, pid);
  }
  void TearDown() override {
    while (!children.empty()) end(children.back());
  }
};

size_t open_descriptors() {
  namespace fs = std::filesystem;
  return static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

TEST_F(VictimWatchTest, LoneProcessesAreGoneWhenTheLastOfThemIs) {
  Victim three = victim(3, VictimKind::kProcess);
  ASSERT_TRUE(watch.add(1, three));
  for (size_t dead : {1u, 0u}) {
    end(three.processes[dead].pid);
    EXPECT_TRUE(watch.gone().empty()) << dead;
  }
  end(three.processes[2].pid);
  ASSERT_EQ(watch.gone().size(), 1u);
  EXPECT_EQ(watch.gone()[0].second, "its processes have exited");
  EXPECT_EQ(watch.add(2, three).error().code, Errc::kNotFound);
}

TEST_F(VictimWatchTest, AContainerIsGoneWithItsFirstProcess) {
  Victim container = victim(2, VictimKind::kContainer);
  ASSERT_TRUE(watch.add(1, container));
  end(container.processes[1].pid);
  EXPECT_TRUE(watch.gone().empty());
  end(container.processes[0].pid);
  ASSERT_EQ(watch.gone().size(), 1u);
  EXPECT_EQ(watch.gone()[0].second, "its first process has exited");
}

TEST_F(VictimWatchTest, HoldsOneDescriptorHoweverManyProcessesThereAre) {
  Victim many = victim(100, VictimKind::kUnit);
  size_t before = open_descriptors();
  ASSERT_TRUE(watch.add(1, many));
  EXPECT_EQ(open_descriptors(), before + 1);
  watch.remove(1);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace ordeal::guard

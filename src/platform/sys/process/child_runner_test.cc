#include "platform/sys/process/child_runner.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <optional>
#include <thread>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

class ChildRunnerTest : public testing::Test {
 protected:
  ChildResult run(const std::vector<std::string>& argv, Nanos timeout = 5s) {
    std::optional<ChildResult> result;
    auto started = runner_.start(argv, timeout, [&](const ChildResult& r) { result = r; });
    EXPECT_TRUE(started) << started.error().message();
    while (!result) {
      pollfd wait{runner_.descriptor(), POLLIN, 0};
      if (poll(&wait, 1, 10'000) <= 0) break;
      runner_.dispatch();
    }
    return result.value_or(ChildResult{});
  }
  ChildRunner runner_ = std::move(*ChildRunner::create());
};

TEST_F(ChildRunnerTest, ExitCodeAndOutputComeBack) {
  auto result = run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
  EXPECT_FALSE(result.timed_out);
}

TEST_F(ChildRunnerTest, DeadlineKillsTheWholeGroup) {
  auto result = run({"sh", "-c", "sleep 60 & echo $!; wait"}, 100ms);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  auto grandchild = parse_number<pid_t>(trim(result.output));
  ASSERT_TRUE(grandchild);
  // It is killed by now, and not ours to wait for: it dies a moment later.
  auto runs = [&] {
    auto stat = read_file("/proc/" + std::to_string(*grandchild) + "/stat");
    return stat && stat->find(") Z ") == std::string::npos && stat->find(") X ") == std::string::npos;
  };
  for (int i = 0; i < 200 && runs(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(runs());
}

TEST_F(ChildRunnerTest, OutputBeyondTheLimitIsDropped) {
  auto result = run({"head", "-c", "1000000", "/dev/zero"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output.size(), ChildRunner::kMaxOutput);
}

TEST_F(ChildRunnerTest, MissingProgramIsAnErrorAtOnce) {
  auto started = runner_.start({"/no/such/program"}, 1s, [](const ChildResult&) { FAIL(); });
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message(), "cannot run /no/such/program: No such file or directory");
  EXPECT_EQ(runner_.running(), 0u);
}

TEST_F(ChildRunnerTest, ProgramThatClosesItsOutputIsStillWaitedFor) {
  EXPECT_EQ(run({"sh", "-c", "exec >&- 2>&-; sleep 0.05; exit 7"}).exit_code, 7);
}

TEST_F(ChildRunnerTest, NoDescriptorOfOursIsInherited) {
  EXPECT_EQ(run({"ls", "/proc/self/fd"}).output, "0\n1\n2\n3\n");
}

TEST_F(ChildRunnerTest, KeepsStandardOutputAlone) {
  std::optional<ChildResult> result;
  Command command{{"sh", "-c", "echo $WHO; echo err >&2; head -c 100 /dev/zero"}, 5s, {"WHO=me"}, 8};
  ASSERT_TRUE(runner_.start(command, [&](const ChildResult& r) { result = r; }));
  while (!result) runner_.dispatch();
  EXPECT_EQ(result->out, std::string("me\n\0\0\0\0\0", 8));
  EXPECT_TRUE(result->cut);
}

TEST_F(ChildRunnerTest, OneThatTalksWithoutEndKeepsNeitherTheLoopNorItsDeadline) {
  BootTime begin = boot_now();
  std::optional<ChildResult> result;
  ASSERT_TRUE(runner_.start({"yes"}, 200ms, [&](const ChildResult& r) { result = r; }));
  Nanos longest{0};
  while (!result && boot_now() - begin < 10s) {
    BootTime before = boot_now();
    runner_.dispatch();
    longest = std::max(longest, boot_now() - before);
  }
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->timed_out);
  EXPECT_LT(longest, 1s);
}

TEST_F(ChildRunnerTest, IsDroppedWithoutWaiting) {
  BootTime begin = boot_now();
  {
    auto runner = ChildRunner::create();
    ASSERT_TRUE(runner->start({"sleep", "60"}, 60s, [](const ChildResult&) { FAIL(); }));
  }
  EXPECT_LT(boot_now() - begin, 5s);
}

TEST_F(ChildRunnerTest, TwoRunAtOnce) {
  int done = 0;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(runner_.start({"sleep", "0.1"}, 5s, [&](const ChildResult& r) { done += r.exit_code == 0; }));
  }
  EXPECT_EQ(runner_.running(), 2u);
  while (runner_.running() > 0) {
    pollfd wait{runner_.descriptor(), POLLIN, 0};
    ASSERT_GT(poll(&wait, 1, 5000), 0);
    runner_.dispatch();
  }
  EXPECT_EQ(done, 2);
}

}  // namespace
}  // namespace ordeal::sys

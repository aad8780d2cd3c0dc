#include "platform/sys/process/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "platform/sys/process/process.h"

namespace ordeal::sys {
namespace {

SpawnOptions program(std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  return options;
}

TEST(Spawn, NoDescriptorLeaksAndPassedOnesArrive) {
  int leaky = ::open("/dev/null", O_RDONLY);  // on purpose without O_CLOEXEC
  UniqueFd given(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  SpawnOptions options = program({"ls", "-l", "/proc/self/fd"});
  options.pass = {{given.get(), 5}};
  options.err = Stream::kNull;
  options.out = Stream::kPipe;
  auto child = Child::start(options);
  ::close(leaky);
  ASSERT_TRUE(child);
  std::string output(4096, '\0');
  child->wait(5s);
  output.resize(static_cast<size_t>(::read(child->out(), output.data(), output.size())));
  EXPECT_NE(output.find(" 5 -> "), std::string::npos) << output;
  EXPECT_EQ(output.find(" 4 -> "), std::string::npos) << output;
  EXPECT_EQ(output.find("pipe", output.find(" 1 -> pipe") + 10), std::string::npos) << output;
}

TEST(Spawn, ADestroyedChildIsGone) {
  pid_t pid = 0;
  {
    auto child = Child::start(program({"sleep", "60"}));
    ASSERT_TRUE(child);
    Child moved = std::move(*child);
    pid = moved.pid();
    EXPECT_FALSE(moved.wait(Nanos(0)));
    EXPECT_TRUE(read_stat(pid));
  }
  EXPECT_FALSE(read_stat(pid));
}

TEST(Spawn, AChildCanReadWhatWeWrite) {
  SpawnOptions options = program({"cat"});
  options.in = options.out = Stream::kPipe;
  auto child = Child::start(options);
  ASSERT_TRUE(child);
  ASSERT_EQ(::write(child->in(), "hello", 5), 5);
  child->close_in();
  char buffer[16];
  EXPECT_EQ(::read(child->out(), buffer, sizeof buffer), 5);
  auto status = child->wait(5s);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->ok());
}

TEST(Spawn, AChildDiesWithItsParent) {
  // The shell starts nothing of ours; we fork a middle process that starts the child and is killed.
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  pid_t middle = ::fork();
  if (middle == 0) {
    SpawnOptions options = program({"sleep", "60"});
    options.die_with_parent = true;
    auto child = Child::start(options);
    pid_t pid = child ? child->pid() : -1;
    (void)!::write(pipe[1], &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  pid_t pid = -1;
  ASSERT_EQ(::read(pipe[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  auto middle_handle = PidFd::of_child(middle);
  auto stat = read_stat(pid);
  ASSERT_TRUE(stat);
  auto handle = PidFd::open(pid, stat->start_ticks);
  ASSERT_TRUE(handle);
  EXPECT_FALSE(handle->dead());
  ASSERT_TRUE(middle_handle->signal(SIGKILL));
  EXPECT_TRUE(handle->wait_death(2s));
  EXPECT_TRUE(middle_handle->wait_death(2s));
  ::waitpid(middle, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(PidFd, ALaterProcessWithTheSameNumberIsNotTakenForTheFirst) {
  auto child = Child::start(program({"sleep", "60"}));
  ASSERT_TRUE(child);
  auto stat = read_stat(child->pid());
  ASSERT_TRUE(stat);
  EXPECT_TRUE(PidFd::open(child->pid(), stat->start_ticks));
  auto other = PidFd::open(child->pid(), stat->start_ticks + 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::kNotFound);
}

TEST(PidFd, ASignalToADeadProcessIsNotFound) {
  auto child = Child::start(program({"true"}));
  ASSERT_TRUE(child);
  auto handle = PidFd::of_child(child->pid());
  ASSERT_TRUE(handle);
  ASSERT_TRUE(child->wait(5s));
  auto sent = handle->signal(SIGTERM);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace ordeal::sys

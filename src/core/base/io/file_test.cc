#include "core/base/io/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "core/base/clock.h"

namespace ordeal {
namespace {

struct Folder : testing::Test {
  std::string path = testing::TempDir() + "ordeal_file_test_" + std::to_string(::getpid());
  void SetUp() override { ASSERT_TRUE(make_folders(path + "/a/b")); }
  void TearDown() override { std::filesystem::remove_all(path); }
};

TEST_F(Folder, WhatIsWrittenIsRead) {
  ASSERT_TRUE(write_atomically(path + "/x", "one"));
  ASSERT_TRUE(write_atomically(path + "/x", "two"));
  EXPECT_EQ(*read_file(path + "/x"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path), {}), 2) << "no temporary file stays";
}

TEST_F(Folder, LimitsAndMissingFilesAreErrors) {
  ASSERT_TRUE(write_atomically(path + "/x", "12345"));
  EXPECT_EQ(read_file(path + "/x", 4).error().code, Errc::kInvalidInput);
  EXPECT_EQ(read_file(path + "/none").error().sys_errno, ENOENT);
}

TEST_F(Folder, WhatIsNoFileIsNoInputAndHoldsUpNobody) {
  ASSERT_EQ(::mkfifo((path + "/pipe").c_str(), 0600), 0);
  for (const std::string& name : {path, path + "/pipe", std::string("/dev/zero"), std::string("/dev/null")}) {
    BootTime start = boot_now();
    EXPECT_EQ(read_file(name).error().code, Errc::kInvalidInput) << name;
    EXPECT_LT(boot_now() - start, 1s) << name;
  }
  EXPECT_EQ(read_input(path).error().message(), path + " is a directory, expected a file");
  EXPECT_EQ(read_input(path + "/none").error().code, Errc::kInvalidInput);
}

// As `ordeal plan <(make_experiment)` gives it.
TEST_F(Folder, APipeIsReadUntilItsWritersCloseIt) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  std::string text(300'000, 'x');
  std::thread writer([&, fd = fds[1]] {
    EXPECT_TRUE(write_all(fd, text, "the pipe"));
    ::close(fd);
  });
  EXPECT_EQ(read_input("/dev/fd/" + std::to_string(fds[0])).value_or("").size(), text.size());
  writer.join();
  ::close(fds[0]);
}

TEST_F(Folder, OwnFilesHaveTheirModeWhateverTheUmask) {
  mode_t before = ::umask(077);
  EXPECT_TRUE(write_atomically(path + "/x", "for all"));
  EXPECT_TRUE(write_atomically(path + "/y", "for us", 0600));
  ::umask(before);
  struct stat x {
  }, y{};
  ASSERT_EQ(::stat((path + "/x").c_str(), &x) + ::stat((path + "/y").c_str(), &y), 0);
  EXPECT_EQ(x.st_mode & 0777, 0644u);
  EXPECT_EQ(y.st_mode & 0777, 0600u);
}

TEST_F(Folder, AnOwnFileReplacesALinkAndNotWhatItPointsTo) {
  ASSERT_TRUE(write_atomically(path + "/victim", "mine"));
  std::filesystem::create_symlink(path + "/victim", path + "/x");
  ASSERT_TRUE(write_atomically(path + "/x", "new"));
  EXPECT_EQ(*read_file(path + "/victim"), "mine");
  EXPECT_FALSE(std::filesystem::is_symlink(path + "/x"));
}

TEST_F(Folder, AFailedWriteLeavesNoTemporaryFile) {
  ASSERT_TRUE(make_folders(path + "/x/in the way"));
  EXPECT_FALSE(write_atomically(path + "/x", "text"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path), {}), 2);
}

TEST_F(Folder, AProgramIsFoundAsExecvpFindsIt) {
  EXPECT_TRUE(find_program("sh")->ends_with("/sh"));
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  ASSERT_TRUE(write_atomically(path + "/x", "no program"));
  EXPECT_FALSE(find_program(path + "/x"));
  EXPECT_EQ(errno, EACCES);
  EXPECT_FALSE(find_program("no-such-program"));
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace ordeal

#include "base/file.h"

#include <gtest/gtest.h>

#include <filesystem>

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

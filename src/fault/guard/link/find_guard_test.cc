#include "fault/guard/link/find_guard.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/io/file.h"

namespace ordeal::guard {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kStranger = 65534;

class FindGuard : public ::testing::Test {
 public:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "ordeal-find-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path put(const std::string& place, mode_t mode = 0755) const {
    fs::path path = folder_ / place / "ordeal-guard";
    fs::create_directories(path.parent_path());
    EXPECT_TRUE(write_atomically(path.string(), "#!/bin/sh\n", mode));
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  // Below the folder, or the error's code.
  std::string find(const std::string& program, sys::Trust trust) const {
    auto found = find_guard_of((folder_ / program).string(), trust);
    if (found) return fs::path(*found).lexically_relative(folder_);
    return found.error().code == Errc::kRefused ? "refused" : "none: " + found.error().message();
  }
  std::string find(const std::string& program) const { return find(program, {true, ::geteuid()}); }

  fs::path folder_;
};

TEST_F(FindGuard, BesideTheProgramFirstAndBelowThePrefixOnlyOfABin) {
  put("libexec/ordeal");
  put(".");
  EXPECT_TRUE(find("x/ordeal").starts_with("none: ")) << find("x/ordeal");
  EXPECT_EQ(find("bin/ordeal"), "libexec/ordeal/ordeal-guard");
  fs::remove_all(folder_ / "libexec");
  EXPECT_EQ(find("bin/some_test"), "ordeal-guard");
  put("libexec/ordeal");
  put("bin");
  put("x");
  EXPECT_EQ(find("bin/ordeal"), "bin/ordeal-guard");
  EXPECT_EQ(find("x/ordeal"), "x/ordeal-guard");
}

TEST_F(FindGuard, OneThatCannotBeExecutedIsNone) {
  put("libexec/ordeal");
  put("bin", 0644);
  EXPECT_EQ(find("bin/ordeal"), "libexec/ordeal/ordeal-guard");
}

TEST_F(FindGuard, OneThatOthersMayWriteIsRefusedAndNotPassedBy) {
  fs::path guard = put("bin");
  put("libexec/ordeal");
  ASSERT_EQ(::chmod(guard.c_str(), 0757), 0);
  EXPECT_EQ(find("bin/ordeal"), "refused");
  ASSERT_EQ(::chmod(guard.c_str(), 0755), 0);
  ASSERT_EQ(::chmod((folder_ / "bin").c_str(), 0777), 0);
  EXPECT_EQ(find("bin/ordeal"), "refused");
  EXPECT_EQ(find("bin/ordeal", {false, 0}), "bin/ordeal-guard");
}

TEST_F(FindGuard, AGroupMayWriteOnlyWhenItMayWriteTheProgram) {
  fs::path guard = put("bin", 0775);
  EXPECT_EQ(find("bin/ordeal"), "refused");
  struct stat is {};
  ASSERT_EQ(::stat(guard.c_str(), &is), 0);
  EXPECT_EQ(find("bin/ordeal", {true, ::geteuid(), {}, is.st_gid}), "bin/ordeal-guard");
  EXPECT_EQ(find("bin/ordeal", {true, ::geteuid(), {}, is.st_gid + 1}), "refused");
  ASSERT_EQ(::chmod(guard.c_str(), 0777), 0);
  EXPECT_EQ(find("bin/ordeal", {true, ::geteuid(), {}, is.st_gid}), "refused");
}

TEST_F(FindGuard, AStrangersIsRefusedAndTheProgramOwnersIsNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  fs::path guard = put("libexec/ordeal");
  ASSERT_EQ(::chown(guard.c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(find("bin/ordeal"), "refused");
  EXPECT_EQ(find("bin/ordeal", {true, kStranger}), "libexec/ordeal/ordeal-guard");
  ASSERT_EQ(::chown(guard.c_str(), 0, 0), 0);
  ASSERT_EQ(::chown(guard.parent_path().c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(find("bin/ordeal"), "refused");
}

TEST_F(FindGuard, ItsOwnIsFound) {
  auto found = find_guard();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(::access(found->c_str(), X_OK), 0);
}

TEST_F(FindGuard, RootTrustsWhoeverMayReplaceTheRunningProgram) {
  sys::Trust trust = *trust_like_this_program();
  struct stat self {};
  ASSERT_EQ(::stat("/proc/self/exe", &self), 0);
  EXPECT_EQ(trust.strict, ::geteuid() == 0);
  EXPECT_EQ(trust.owner, self.st_uid);
  EXPECT_EQ(trust.group.has_value(), (self.st_mode & S_IWGRP) != 0);
}

}  // namespace
}  // namespace ordeal::guard

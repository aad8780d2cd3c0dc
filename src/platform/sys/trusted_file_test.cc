#include "platform/sys/trusted_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/defer.h"
#include "core/base/io/file.h"

namespace ordeal::sys {
namespace {

namespace fs = std::filesystem;

class TrustedFile : public ::testing::Test {
 public:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "ordeal-trust-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directory(folder_ / "inner");
    write(folder_ / "inner/file");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static void write(const fs::path& path) {
    ASSERT_TRUE(write_atomically(path.string(), "text", 0644));
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  }
  // "text", or the error's code and what it says.
  std::string read(const std::string& name, Trust trust) const {
    auto text = read_trusted(name.starts_with("/") ? name : (folder_ / name).string(), trust);
    if (text) return *text;
    std::string what = text.error().message();
    for (size_t at; (at = what.find(folder_.string())) != what.npos;) what.replace(at, folder_.string().size(), "T");
    return std::to_string(static_cast<int>(text.error().code)) + " " + what;
  }
  std::string strict(const std::string& name) const { return read(name, {true, ::geteuid()}); }
  std::string lax(const std::string& name) const { return read(name, {false, 0}); }

  fs::path folder_;
};

constexpr const char* kBad = "0 ";
constexpr const char* kForbidden = "1 ";
constexpr const char* kMissing = "3 ";

TEST_F(TrustedFile, OneThatOnlyItsOwnerCanChangeIsRead) {
  EXPECT_EQ(strict("inner/file"), "text");
  EXPECT_EQ(strict("./inner/../inner/file"), "text");
}

TEST_F(TrustedFile, WhatIsNoFileIsAnErrorAndNeverNone) {
  fs::create_symlink("nowhere", folder_ / "dangling");
  fs::create_symlink("dangling/deeper", folder_ / "through");
  fs::create_symlink("missing-folder", folder_ / "linked-folder");
  fs::create_symlink("loop", folder_ / "loop");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (auto look : {&TrustedFile::strict, &TrustedFile::lax}) {
    EXPECT_EQ((this->*look)("dangling"), std::string(kBad) + "T/dangling is a dangling link: T/nowhere does not exist");
    EXPECT_EQ((this->*look)("through").substr(0, 2), kBad);
    EXPECT_EQ((this->*look)("linked-folder/policy.yaml").substr(0, 2), kBad);
    EXPECT_EQ((this->*look)("loop"), std::string(kBad) + "T/loop: too many links");
    EXPECT_EQ((this->*look)("pipe"), std::string(kBad) + "T/pipe is a pipe, not a file");
    EXPECT_EQ((this->*look)("inner"), std::string(kBad) + "T/inner is a directory, not a file");
    EXPECT_FALSE((this->*look)("/dev/null").starts_with(kMissing)) << "everybody may write it, or it is no file";
    EXPECT_EQ((this->*look)("inner/file/below").substr(0, 2), kBad);
    EXPECT_EQ((this->*look)("inner/none"), std::string(kMissing) + "T/inner/none is not there");
    EXPECT_EQ((this->*look)("none/none").substr(0, 2), kMissing);
  }
}

TEST_F(TrustedFile, OneThatOthersCanChangeIsRefusedWhereverTheyCan) {
  ASSERT_EQ(::chmod((folder_ / "inner/file").c_str(), 0664), 0);
  EXPECT_EQ(strict("inner/file"),
            std::string(kForbidden) +
                "T/inner/file can be changed by users other than root: T/inner/file can be written by others");
  EXPECT_EQ(lax("inner/file"), "text");
  ASSERT_EQ(::chmod((folder_ / "inner/file").c_str(), 0644), 0);
  for (mode_t mode : {0777, 0775, 0757}) {
    ASSERT_EQ(::chmod((folder_ / "inner").c_str(), mode), 0);
    EXPECT_EQ(strict("inner/file").substr(0, 2), kForbidden) << std::oct << mode;
  }
  ASSERT_EQ(::chmod((folder_ / "inner").c_str(), 01777), 0);
  EXPECT_EQ(strict("inner/file"), "text");  // nobody else can replace what is not theirs in a sticky folder
}

TEST_F(TrustedFile, AFolderFurtherUpThatOthersCanWriteIsRefusedToo) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
  EXPECT_EQ(strict("inner/file").substr(0, 2), kForbidden);
}

TEST_F(TrustedFile, ALinkIsFollowedOnlyAsFarAsItIsTrusted) {
  fs::create_symlink(folder_ / "inner", folder_ / "link");
  EXPECT_EQ(strict("link/file"), "text");
  fs::create_directory(folder_ / "open");
  write(folder_ / "open/file");
  ASSERT_EQ(::chmod((folder_ / "open").c_str(), 0777), 0);
  fs::create_symlink("open/file", folder_ / "into-open");
  EXPECT_EQ(strict("into-open").substr(0, 2), kForbidden);
}

TEST_F(TrustedFile, WhatIsAUsersIsRefusedAlsoInASafeFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  fs::create_symlink("inner/file", folder_ / "link");
  ASSERT_EQ(::lchown((folder_ / "link").c_str(), 65534, 65534), 0);
  EXPECT_EQ(strict("link").substr(0, 2), kForbidden);
  EXPECT_EQ(strict("inner/file"), "text");
  ASSERT_EQ(::chown((folder_ / "inner").c_str(), 65534, 0), 0);
  EXPECT_EQ(strict("inner/file").substr(0, 2), kForbidden);
  ASSERT_EQ(::chown((folder_ / "inner").c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod((folder_ / "inner").c_str(), 01777), 0);
  ASSERT_EQ(::chown((folder_ / "inner/file").c_str(), 65534, 0), 0);
  EXPECT_EQ(strict("inner/file").substr(0, 2), kForbidden);  // its owner can, however sticky the folder
}

TEST_F(TrustedFile, OneThatIsOnlyCheckedMayBeLargeAndUnreadable) {
  Trust own{true, ::geteuid()};
  std::string file = folder_ / "inner/file";
  EXPECT_TRUE(check_trusted(file, own));
  fs::resize_file(file, 2 * kMaxInputBytes);
  ASSERT_EQ(::chmod(file.c_str(), 0311), 0);
  EXPECT_TRUE(check_trusted(file, own));
  EXPECT_EQ(check_trusted(folder_ / "inner", own).error().code, Errc::kInvalidInput);
  EXPECT_EQ(check_trusted(folder_ / "none", own).error().code, Errc::kNotFound);
  ASSERT_EQ(::chmod(file.c_str(), 0757), 0);
  EXPECT_EQ(check_trusted(file, own).error().code, Errc::kRefused);
}

TEST_F(TrustedFile, MoreOwnersAndAGroupCanBeTrusted) {
  std::string file = folder_ / "inner/file";
  ASSERT_EQ(::chmod(file.c_str(), 0664), 0);
  struct stat is {};
  ASSERT_EQ(::stat(file.c_str(), &is), 0);
  EXPECT_EQ(read("inner/file", {true, ::geteuid(), {}, is.st_gid}), "text");
  EXPECT_EQ(read("inner/file", {true, ::geteuid(), {}, is.st_gid + 1}).substr(0, 2), kForbidden);
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  EXPECT_EQ(read("inner/file", {true, ::geteuid(), {}, is.st_gid}).substr(0, 2), kForbidden);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  ASSERT_EQ(::chown(file.c_str(), 65534, 0), 0);
  EXPECT_EQ(read("inner/file", {true, 0, {65533}}).substr(0, 2), kForbidden);
  EXPECT_EQ(read("inner/file", {true, 0, {65533, 65534}}), "text");
}

}  // namespace
}  // namespace ordeal::sys

#include "core/base/io/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "core/base/io/file.h"

namespace ordeal {
namespace {

namespace fs = std::filesystem;

struct OutputFolder : testing::Test {
  std::string path = testing::TempDir() + "ordeal_output_test_" + std::to_string(::getpid());
  void SetUp() override { ASSERT_TRUE(make_folders(path)); }
  void TearDown() override { fs::remove_all(path); }

  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(path), {})); }
  mode_t mode_of(const std::string& file) const {
    struct stat is {};
    return ::lstat(file.c_str(), &is) == 0 ? is.st_mode : 0;
  }
};

TEST_F(OutputFolder, AFileIsReplacedAsAWhole) {
  ASSERT_TRUE(write_output(path + "/x", "one"));
  ::chmod((path + "/x").c_str(), 0640);
  ::link((path + "/x").c_str(), (path + "/other").c_str());
  ASSERT_TRUE(write_output(path + "/x", "two"));
  EXPECT_EQ(*read_file(path + "/x"), "two");
  EXPECT_EQ(*read_file(path + "/other"), "one") << "a file of another name is not written";
  EXPECT_EQ(mode_of(path + "/x") & 0777, 0640u) << "who may read it stays";
  EXPECT_EQ(entries(), 2u) << "no temporary file stays";
}

TEST_F(OutputFolder, AFileCanBeRewrittenAsAWhole) {
  for (auto way : {OutputFile::Mode::kReplace, OutputFile::Mode::kInPlace}) {
    OutputFile file = *OutputFile::prepare(path + "/x", way);
    EXPECT_TRUE(file.can_be_rewritten());
    ASSERT_TRUE(file.write("a long text"));
    ASSERT_TRUE(file.write("short"));
    EXPECT_EQ(*read_file(path + "/x"), "short");
  }
  EXPECT_FALSE(OutputFile::prepare("/dev/null")->can_be_rewritten());
}

TEST_F(OutputFolder, WhatIsPrivateIsReadByItsOwnerAlone) {
  for (auto way : {OutputFile::Mode::kReplace, OutputFile::Mode::kInPlace}) {
    ASSERT_TRUE(write_output(path + "/x", "old"));
    ::chmod((path + "/x").c_str(), 0644);
    OutputFile file = *OutputFile::prepare(path + "/x", way);
    ASSERT_TRUE(file.keep_private());
    ASSERT_TRUE(file.write("secret"));
    EXPECT_EQ(mode_of(path + "/x") & 0777, 0600u);
  }
}

TEST_F(OutputFolder, ADeviceIsWrittenThroughAndStays) {
  EXPECT_TRUE(write_output("/dev/null", "text"));
  EXPECT_TRUE(S_ISCHR(mode_of("/dev/null")));
  EXPECT_EQ(write_output("/dev/full", "text").error().sys_errno, ENOSPC);
}

TEST_F(OutputFolder, ALinkIsFollowedAndStays) {
  ASSERT_TRUE(make_folders(path + "/far"));
  ASSERT_TRUE(write_output(path + "/far/file", "old"));
  fs::create_symlink("far/file", path + "/link");
  fs::create_symlink("far/none", path + "/dangling");
  fs::create_symlink(path + "/far", path + "/folder");
  fs::create_symlink("/dev/null", path + "/null");
  fs::create_symlink("loop", path + "/loop");
  ASSERT_TRUE(write_output(path + "/link", "1"));
  ASSERT_TRUE(write_output(path + "/dangling", "2"));
  ASSERT_TRUE(write_output(path + "/folder/third", "3"));
  ASSERT_TRUE(write_output(path + "/null", "4"));
  EXPECT_EQ(*read_file(path + "/far/file") + *read_file(path + "/far/none") + *read_file(path + "/far/third"), "123");
  for (const char* link : {"/link", "/dangling", "/folder", "/null"}) EXPECT_TRUE(fs::is_symlink(path + link)) << link;
  EXPECT_EQ(write_output(path + "/loop", "5").error().code, Errc::kInvalidInput);
}

// As root, another's link is another's choice of what is overwritten.
TEST_F(OutputFolder, ALinkOfAnotherUserIsRefusedWhereverItStands) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
  ASSERT_TRUE(make_folders(path + "/victim"));
  ASSERT_TRUE(write_output(path + "/victim/file", "mine"));
  fs::create_symlink(path + "/victim/file", path + "/link");
  fs::create_symlink(path + "/victim", path + "/folder");
  fs::create_symlink(path + "/victim/new", path + "/dangling");
  for (const char* link : {"/link", "/folder", "/dangling"})
    ASSERT_EQ(::lchown((path + link).c_str(), 12345, 12345), 0);
  for (const char* name : {"/link", "/folder/file", "/dangling"}) {
    auto written = write_output(path + name, "theirs");
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code, Errc::kInvalidInput);
  }
  EXPECT_EQ(*read_file(path + "/victim/file"), "mine");
  EXPECT_FALSE(fs::exists(path + "/victim/new"));
}

// The names that a guesser would try are taken; none of what they point to is touched.
TEST_F(OutputFolder, TheTemporaryNameCannotBeGuessed) {
  ASSERT_TRUE(write_output(path + "/victim", "mine"));
  for (int pid = ::getpid() - 50; pid < ::getpid() + 50; ++pid)
    fs::create_symlink(path + "/victim", path + "/x." + std::to_string(pid) + ".tmp");
  ASSERT_TRUE(write_output(path + "/x", "new"));
  ASSERT_TRUE(write_atomically(path + "/x", "newer"));
  EXPECT_EQ(*read_file(path + "/victim"), "mine");
  EXPECT_EQ(*read_file(path + "/x"), "newer");
}

TEST_F(OutputFolder, WhatCannotBeWrittenIsSaidBeforehand) {
  ASSERT_TRUE(write_output(path + "/file", ""));
  for (const std::string& name : {path, path + "/", path + "/none/x", path + "/file/x", std::string(), std::string("/"),
                                  path + "/" + std::string(300, 'x')}) {
    auto prepared = OutputFile::prepare(name);
    EXPECT_EQ(prepared ? Errc::kInternal : prepared.error().code, Errc::kInvalidInput) << name;
  }
}

TEST_F(OutputFolder, PreparingChangesNothing) {
  ASSERT_TRUE(write_output(path + "/x", "old"));
  ASSERT_TRUE(OutputFile::prepare(path + "/x"));
  ASSERT_TRUE(OutputFile::prepare(path + "/y"));
  EXPECT_EQ(*read_file(path + "/x"), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputFolder, InPlaceNothingOfAnotherNameIsWritten) {
  ASSERT_TRUE(write_output(path + "/x", "a longer text"));
  auto file = OutputFile::prepare(path + "/x", OutputFile::Mode::kInPlace);
  ASSERT_TRUE(file);
  EXPECT_EQ(*read_file(path + "/x"), "a longer text") << "not before it is written";
  ASSERT_TRUE(file->write("short"));
  EXPECT_EQ(*read_file(path + "/x"), "short");
  ::link((path + "/x").c_str(), (path + "/other").c_str());
  EXPECT_FALSE(OutputFile::prepare(path + "/x", OutputFile::Mode::kInPlace));
}

TEST_F(OutputFolder, APipeIsWrittenToItsReader) {
  std::string pipe = path + "/pipe", text(200'000, 'x'), read;
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  auto file = OutputFile::prepare(pipe);  // nobody reads yet, and nobody waits
  ASSERT_TRUE(file);
  std::thread reader([&] { read = read_input(pipe).value_or(""); });
  EXPECT_TRUE(file->write(text));
  reader.join();
  EXPECT_EQ(read.size(), text.size());
  EXPECT_TRUE(S_ISFIFO(mode_of(pipe)));
}

}  // namespace
}  // namespace ordeal

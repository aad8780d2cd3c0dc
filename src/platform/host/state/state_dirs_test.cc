#include "platform/host/state/state_dirs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/io/file.h"

namespace ordeal::host {
namespace {

namespace fs = std::filesystem;

struct StateDirs : testing::Test {
  std::string folder = fs::canonical(testing::TempDir()) / ("ordeal_state_dirs_" + std::to_string(::getpid()));
  std::string notes = folder + "/notes";
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: only root's are noted";
    fs::create_directory(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  Paths state(const std::string& name) const {
    fs::create_directories(folder + "/" + name);
    return *Paths::find(folder + "/" + name);
  }
  void note(const std::string& name) const { note_state_dir(state(name), notes); }
  std::vector<std::string> noted() const {
    std::vector<std::string> names;
    for (const std::string& path : noted_state_dirs(notes)) names.push_back(fs::path(path).lexically_relative(folder));
    std::sort(names.begin(), names.end());
    return names;
  }
};

using Names = std::vector<std::string>;

TEST_F(StateDirs, EachIsNotedOnceUnderItsRealPath) {
  EXPECT_EQ(noted(), Names{});
  note("a");
  note("b");
  note("a");
  note("b/../a");
  fs::create_directory_symlink(folder + "/b", folder + "/link");
  note("link");
  EXPECT_EQ(noted(), (Names{"a", "b"}));
  struct stat is {};
  ASSERT_EQ(::stat(notes.c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0700U);
}

TEST_F(StateDirs, OneThatIsGoneIsDropped) {
  note("a");
  note("b");
  fs::remove_all(folder + "/a");
  EXPECT_EQ(noted(), Names{"b"});
  note("c");
  EXPECT_EQ(noted(), (Names{"b", "c"}));
  EXPECT_EQ(std::distance(fs::directory_iterator(notes), {}), 2);
}

TEST_F(StateDirs, ThereAreAtMostSoMany) {
  fs::create_directory(notes);
  fs::create_directory(folder + "/other");
  for (int i = 0; i < kMostStateDirs; ++i) fs::create_symlink(folder + "/other", notes + "/" + std::to_string(i));
  note("a");
  EXPECT_EQ(noted(), Names(kMostStateDirs, "other"));
  fs::remove(notes + "/17");
  note("a");
  EXPECT_EQ(fs::read_symlink(notes + "/17"), folder + "/a");
}

TEST_F(StateDirs, WhereNothingCanBeWrittenNothingHappens) {
  note_state_dir(state("a"), folder + "/missing/notes");
  EXPECT_FALSE(fs::exists(folder + "/missing"));
  ASSERT_TRUE(write_atomically(notes, "a file"));
  note("a");
  EXPECT_EQ(*read_file(notes), "a file");
  fs::remove(notes);
  fs::create_directory(folder + "/elsewhere");
  fs::create_directory_symlink(folder + "/elsewhere", notes);
  note("a");
  EXPECT_TRUE(fs::is_empty(folder + "/elsewhere"));
}

TEST_F(StateDirs, RootsUsualOneIsNotNoted) {
  if (!fs::exists(Paths::of_root().state)) GTEST_SKIP() << "no /var/lib/ordeal here";
  note_state_dir(Paths::of_root(), notes);
  EXPECT_FALSE(fs::exists(notes));
}

}  // namespace
}  // namespace ordeal::host

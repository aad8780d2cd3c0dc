#include "platform/host/latch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "core/base/io/file.h"
#include "platform/host/halt_request.h"

namespace ordeal::host {
namespace {

namespace fs = std::filesystem;

struct Latch : testing::Test {
  std::string folder = testing::TempDir() + "ordeal_latch_" + std::to_string(::getpid());
  Paths paths{folder + "/state", folder + "/run", {folder + "/state/halt.json"}};
  const std::string& file = paths.latches.front();
  void SetUp() override { ASSERT_TRUE(paths.make()); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(Latch, IsEngagedWithAReasonAndReleased) {
  EXPECT_FALSE(latch_engaged(paths));
  ASSERT_TRUE(engage_latch(paths, "why", "me", 0s));
  auto state = latch_engaged(paths);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->reason, "why");
  EXPECT_TRUE(*release_latch(paths));
  EXPECT_FALSE(latch_engaged(paths));
  EXPECT_FALSE(*release_latch(paths));
}

struct Unreadable {
  const char* name;
  std::function<void(const std::string& file)> make;
};

// Whatever it is, it counts, at once, and engaging what is engaged is no error.
TEST_F(Latch, ReadsAnyReasonThatItWrites) {
  for (const char* reason : {"", "\"a\"\n", "größe"}) {
    ASSERT_TRUE(engage_latch(paths, reason, "somebody", 5s));
    auto state = latch_engaged(paths);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->reason, reason);
    EXPECT_EQ(state->by, "somebody");
    EXPECT_EQ(state->since, "1970-01-01T00:00:05.000Z");
  }
}

TEST_F(Latch, WhateverHasItsNameCountsAsEngaged) {
  const Unreadable kAll[] = {{"empty", [](auto& at) { (void)replace_whole(at, ""); }},
                             {"garbage", [](auto& at) { (void)replace_whole(at, "{\"reason\":"); }},
                             {"another type", [](auto& at) { (void)replace_whole(at, "[1]"); }},
                             {"too large", [](auto& at) { (void)replace_whole(at, std::string(2 << 20, 'x')); }},
                             {"a pipe", [](auto& at) { ::mkfifo(at.c_str(), 0600); }},
                             {"a folder", [](auto& at) { fs::create_directory(at); }},
                             {"a link to nothing", [](auto& at) { fs::create_symlink("none", at); }},
                             {"a link to itself", [](auto& at) { fs::create_symlink("halt.json", at); }},
                             {"a link to a device", [](auto& at) { fs::create_symlink("/dev/zero", at); }},
                             {"a link to a pipe", [](auto& at) {
                                ::mkfifo((at + ".pipe").c_str(), 0600);
                                fs::create_symlink(at + ".pipe", at);
                              }}};
  for (const Unreadable& one : kAll) {
    one.make(file);
    BootTime start = boot_now();
    EXPECT_TRUE(latch_engaged(paths)) << one.name;
    EXPECT_LT(boot_now() - start, 1s) << one.name;
    EXPECT_TRUE(engage_latch(paths, "why", "me", 0s)) << one.name;
    EXPECT_TRUE(latch_engaged(paths)) << one.name;
    fs::remove_all(file);
  }
  EXPECT_FALSE(latch_engaged(paths));
}

TEST_F(Latch, AStateFolderThatIsALinkToNothingCountsAsEngaged) {
  fs::remove_all(paths.state);
  EXPECT_FALSE(latch_engaged(paths)) << "nothing is there at all";
  fs::create_symlink(folder + "/none", paths.state);
  EXPECT_TRUE(latch_engaged(paths));
  fs::create_directory(folder + "/none");
  EXPECT_FALSE(latch_engaged(paths)) << "the link leads to a folder without a latch";
}

// As on a full disk: there is no room for a byte.
TEST_F(Latch, IsEngagedAlsoWhereThereIsNoRoomForTheReason) {
  auto before = ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{}, none{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  none.rlim_max = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  auto engaged = engage_latch(paths, "why", "me", 0s);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, before);
  EXPECT_TRUE(engaged);
  EXPECT_TRUE(latch_engaged(paths));
  EXPECT_EQ(std::distance(fs::directory_iterator(paths.state), {}), 2) << "the journal's folder, and it";
}

TEST_F(Latch, AsRootAStateFolderOfOthersIsRefusedToWhoStartsSomething) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root is refused";
  EXPECT_TRUE(paths.check_private());
  for (const std::string& one : {paths.state, paths.run, paths.journal_folder()}) {
    ASSERT_EQ(::chmod(one.c_str(), 0777), 0);
    EXPECT_EQ(paths.check_private().error().code, Errc::kRefused) << one;
    ASSERT_EQ(::chmod(one.c_str(), 0755), 0);
    ASSERT_EQ(::chown(one.c_str(), 12345, 0), 0);
    EXPECT_EQ(paths.check_private().error().code, Errc::kRefused) << one;
    EXPECT_TRUE(engage_latch(paths, "why", "me", 0s)) << "halting is never refused";
    ASSERT_EQ(::chown(one.c_str(), 0, 0), 0);
  }
}

// A folder as root makes it; here everybody asks as himself.
struct Requests : Latch {
  std::string asked = requests_folder(file);
  void SetUp() override {
    Latch::SetUp();
    fs::create_directory(asked);
  }
};

constexpr const char* kRun = "r20261123t201504z-k3f2a";

TEST_F(Requests, EngageTheLatchUntilItIsReleased) {
  EXPECT_FALSE(latch_engaged(paths));
  ASSERT_TRUE(ask_for_halt(paths, "", "the pager"));
  ASSERT_TRUE(ask_for_halt(paths, "", "once more")) << "it is asked for already";
  auto state = latch_engaged(paths);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->reason.starts_with("the pager, by ")) << state->reason;
  EXPECT_TRUE(*release_latch(paths));
  EXPECT_FALSE(latch_engaged(paths));
  EXPECT_TRUE(fs::is_empty(asked));
}

TEST_F(Requests, OfOneRunEndThatRunOnly) {
  ASSERT_TRUE(ask_for_halt(paths, kRun, ""));
  EXPECT_FALSE(latch_engaged(paths));
  EXPECT_TRUE(requested_halt_of(paths, kRun));
  EXPECT_FALSE(requested_halt_of(paths, "r20261123t201504z-aaaaa"));
  remove_request_of(paths, kRun);
  EXPECT_FALSE(requested_halt_of(paths, kRun));
}

// Nothing of it is opened, followed or waited for, and all of it can be removed.
TEST_F(Requests, MayBeAnything) {
  const Unreadable kAll[] = {{"a file", [](auto& at) { (void)replace_whole(at, "x"); }},
                             {"a pipe", [](auto& at) { ::mkfifo(at.c_str(), 0600); }},
                             {"a folder", [](auto& at) { fs::create_directory(at); }},
                             {"a folder with something in it", [](auto& at) { fs::create_directories(at + "/a/b"); }},
                             {"a link to a folder", [](auto& at) { fs::create_directory_symlink("/", at); }},
                             {"a link to nothing", [](auto& at) { fs::create_symlink("/nowhere", at); }}};
  for (const Unreadable& one : kAll) {
    one.make(asked + "/x");
    EXPECT_TRUE(latch_engaged(paths)) << one.name;
    EXPECT_TRUE(release_latch(paths).value_or(false)) << one.name;
    EXPECT_FALSE(latch_engaged(paths)) << one.name;
  }
}

// However deep or many; a link within leads nowhere.
TEST_F(Requests, MayBeFoldersOfAnySize) {
  std::string kept = folder + "/kept", at = asked + "/x";
  fs::create_directories(kept + "/inside");
  for (int depth = 0; depth < 300; ++depth) at += "/d";
  fs::create_directories(at);
  fs::create_directory_symlink(kept, at + "/link");
  for (int number = 0; number < 300; ++number) fs::create_directory(fmt::format("{}/x/{}", asked, number));
  fs::create_directories(asked + "/" + kRun + "/a");
  EXPECT_TRUE(release_latch(paths).value_or(false));
  EXPECT_FALSE(latch_engaged(paths));
  EXPECT_TRUE(fs::is_empty(asked));
  // On a slow disk one release is over before all of it is emptied; the next ones go on.
  for (int more = 0; more < 20 && fs::exists(asked + ".removed"); ++more) EXPECT_TRUE(release_latch(paths));
  EXPECT_FALSE(fs::exists(asked + ".removed"));
  EXPECT_TRUE(fs::exists(kept + "/inside"));
}

TEST_F(Requests, ThatCannotBeRemovedAreNamedWithWhatToDo) {
  fs::create_directories(asked + "/x/a");
  (void)replace_whole(asked + ".removed", "no folder");
  auto released = release_latch(paths);
  ASSERT_FALSE(released);
  EXPECT_NE(released.error().message().find(asked + "/x"), std::string::npos) << released.error().message();
  EXPECT_NE(released.error().advice().find("rm -r " + asked + "/x"), std::string::npos) << released.error().advice();
  EXPECT_TRUE(latch_engaged(paths));
}

TEST_F(Requests, TooManyCountAsOneAndAreRemoved) {
  constexpr std::string_view kLetters = "abcdefghijkl";
  for (char a : kLetters)
    for (char b : kLetters)
      for (char c : kLetters) fs::create_symlink("x", fmt::format("{}/r20261123t201504z-aa{}{}{}", asked, a, b, c));
  EXPECT_TRUE(latch_engaged(paths));
  EXPECT_TRUE(*release_latch(paths));
  EXPECT_TRUE(fs::is_empty(asked));
}

TEST_F(Requests, AFolderThatIsNoneCountsAsOne) {
  fs::remove(asked);
  (void)replace_whole(asked, "x");
  auto state = latch_engaged(paths);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->by, "unknown");
}

TEST_F(Requests, OfRunsThatHaveEndedAreRemoved) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root does that";
  const std::string ended = "r20261123t201504z-aaaaa";
  fs::create_directories(paths.run_folder(kRun));
  ASSERT_TRUE(ask_for_halt(paths, kRun, "") && ask_for_halt(paths, ended, ""));
  ASSERT_TRUE(adopt_requests(paths));
  EXPECT_TRUE(requested_halt_of(paths, kRun));
  EXPECT_FALSE(requested_halt_of(paths, ended));
  EXPECT_FALSE(latch_engaged(paths));
}

TEST_F(Requests, BecomeRootsLatchSoThatNobodyElseTakesThemBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root does that";
  ASSERT_TRUE(ask_for_halt(paths, "", "the pager"));
  ASSERT_TRUE(adopt_requests(paths));
  fs::remove(asked + "/all");
  EXPECT_TRUE(latch_engaged(paths)->reason.starts_with("the pager, by "));
}

// A run whose state is elsewhere is bound by this latch, too.
TEST_F(Requests, EngageTheLatchBesideWhichTheyAre) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root does that";
  Paths other{folder + "/other", folder + "/other/run", {folder + "/other/halt.json", file}};
  ASSERT_TRUE(other.make());
  ASSERT_TRUE(ask_for_halt(paths, "", "the pager"));
  auto read = latch_engaged(other);
  ASSERT_TRUE(read);
  fs::remove(asked + "/all");
  ASSERT_TRUE(adopt_request(*read)) << "it has gone meanwhile, and was acted on";
  sync_adopted(*read);
  EXPECT_TRUE(latch_engaged(paths)->reason.starts_with("the pager, by "));
  EXPECT_FALSE(fs::exists(other.latches.front()));

  fs::remove(file);
  ASSERT_TRUE(ask_for_halt(paths, "", "once more"));
  ASSERT_TRUE(adopt_requests(other)) << "as a run does that starts";
  fs::remove(asked + "/all");
  EXPECT_TRUE(latch_engaged(paths)->reason.starts_with("once more, by "));
}

TEST_F(Requests, GiveTheirReasonToRootsHalt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root does that";
  ASSERT_TRUE(engage_for_person(paths, "an upgrade", "root"));
  EXPECT_EQ(latch_engaged(paths)->reason, "an upgrade");
  ASSERT_TRUE(ask_for_halt(paths, "", "the pager"));
  ASSERT_TRUE(engage_for_person(paths, "an upgrade", "root"));
  fs::remove(asked + "/all");
  EXPECT_TRUE(latch_engaged(paths)->reason.starts_with("the pager, by "));
}

TEST_F(Latch, OfAFailedRevertSaysSoAndKeepsItsReason) {
  EXPECT_FALSE(failed_revert(paths));
  ASSERT_TRUE(engage_for_person(paths, "why", "me"));
  EXPECT_FALSE(failed_revert(paths));
  ASSERT_TRUE(engage_for_failed_revert(paths, "it stays frozen", "r1"));
  ASSERT_TRUE(engage_for_person(paths, "why", "me"));
  ASSERT_TRUE(failed_revert(paths));
  EXPECT_EQ(failed_revert(paths)->reason, "it stays frozen");
  ASSERT_TRUE(replace_whole(file, "{"));
  EXPECT_TRUE(failed_revert(paths)) << "nobody knows";
  ASSERT_TRUE(engage_for_person(paths, "why", "me"));
  EXPECT_EQ(latch_engaged(paths)->reason, "why");
}

}  // namespace
}  // namespace ordeal::host

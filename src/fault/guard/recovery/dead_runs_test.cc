#include "fault/guard/recovery/dead_runs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/io/file.h"
#include "fault/guard/recovery/journal.h"
#include "platform/host/registry.h"

namespace ordeal::guard {
namespace {

struct DeadRuns : testing::Test {
  host::Paths paths = *host::Paths::find(testing::TempDir() + "ordeal_dead_runs_" + std::to_string(::getpid()));
  void SetUp() override { ASSERT_TRUE(paths.make()); }
  void TearDown() override { std::filesystem::remove_all(paths.state); }

  static fault::UndoRecord record(const std::string& text) {
    return {"continue", {{"processes", json::Array{}}}, text, fault::boot_id().value_or("")};
  }
  void leave_journal(const std::vector<fault::UndoRecord>& records) const {
    auto journal = Journal::create(paths.journal("r1"), "r1");
    ASSERT_TRUE(journal);
    for (size_t i = 0; i < records.size(); ++i) ASSERT_TRUE(journal->append_undo(static_cast<int>(i), records[i]));
  }
  // The run's lock, held although the process that it names is dead: as by one that is exiting.
  static ino_t own_pid_namespace() {
    struct stat info {};
    EXPECT_EQ(::stat("/proc/self/ns/pid", &info), 0);
    return info.st_ino;
  }
  UniqueFd lock_of_a_dying_run(ino_t pid_namespace = own_pid_namespace()) const {
    pid_t dead = ::fork();
    if (dead == 0) ::_exit(0);
    ::waitpid(dead, nullptr, 0);
    EXPECT_TRUE(make_folders(paths.run_folder("r1")));
    UniqueFd lock(::open((paths.run_folder("r1") + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    std::string line = std::to_string(dead) + " 1 " + std::to_string(pid_namespace) + "\n";
    EXPECT_EQ(::write(lock.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    EXPECT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
    return lock;
  }
  bool folder_stands() const { return std::filesystem::exists(paths.run_folder("r1")); }
  bool journal_stands() const { return std::filesystem::exists(paths.journal("r1")); }
};

TEST_F(DeadRuns, NothingIsLeftOfNothing) {
  EXPECT_TRUE(clean_dead_runs(paths)->empty());
  std::filesystem::remove_all(paths.state);
  EXPECT_TRUE(clean_dead_runs(paths)->empty());
}

TEST_F(DeadRuns, AJournalSaysOfEachChangeWhatBecameOfIt) {
  fault::UndoRecord old = record("b");
  old.boot_id = "00000000-0000-0000-0000-000000000000";
  leave_journal({record("a"), old});
  auto dead = clean_dead_runs(paths);
  ASSERT_TRUE(dead) << dead.error().message();
  ASSERT_EQ(dead->size(), 1u);
  EXPECT_EQ(dead->front().run, "r1");
  EXPECT_EQ(dead->front().as_before, std::vector<std::string>{"a"});
  EXPECT_EQ(dead->front().other_boot, std::vector<std::string>{"b"});
  EXPECT_TRUE(dead->front().undone.empty());
  EXPECT_TRUE(dead->front().failed.empty());
  EXPECT_FALSE(journal_stands());
}

TEST_F(DeadRuns, ADamagedJournalIsKeptForAPerson) {
  leave_journal({record("a"), record("b")});
  std::fstream(paths.journal("r1"), std::ios::in | std::ios::out | std::ios::binary).seekp(4096 + 30).put('!');
  auto dead = clean_dead_runs(paths);
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->front().failed.size(), 1u);
  EXPECT_TRUE(journal_stands());
}

TEST_F(DeadRuns, ALiveRunIsLeftAloneAndNotWaitedFor) {
  auto live = host::Registration::enter(paths, "r1");
  auto journal = Journal::create(paths.journal("r1"), "r1");
  BootTime begin = boot_now();
  EXPECT_TRUE(clean_dead_runs(paths, 60s)->empty());
  EXPECT_LT(boot_now() - begin, 30s);
  EXPECT_TRUE(folder_stands() && journal_stands());
}

TEST_F(DeadRuns, ARunOfAnotherPidNamespaceLivesWhileItsLockIsHeld) {
  UniqueFd lock = lock_of_a_dying_run(1);
  EXPECT_TRUE(clean_dead_runs(paths, 60s)->empty());
  lock.reset();
  EXPECT_EQ(clean_dead_runs(paths)->size(), 1u);
}

TEST_F(DeadRuns, AKilledRunIsWaitedForUntilItHasExited) {
  leave_journal({record("a")});
  UniqueFd lock = lock_of_a_dying_run();
  auto journal = lock_journal(paths.journal("r1"));
  ASSERT_TRUE(journal && *journal);
  std::thread exit([&] {
    std::this_thread::sleep_for(20ms);
    lock.reset();
    std::this_thread::sleep_for(20ms);
    journal->reset();
  });
  auto dead = clean_dead_runs(paths, 60s);
  exit.join();
  ASSERT_TRUE(dead) << dead.error().message();
  ASSERT_EQ(dead->size(), 1u);
  EXPECT_EQ(dead->front().as_before.size(), 1u);
  EXPECT_TRUE(dead->front().failed.empty()) << dead->front().failed.front();
  EXPECT_FALSE(folder_stands() || journal_stands());
}

TEST_F(DeadRuns, AnExitThatTakesTooLongIsNamed) {
  UniqueFd lock = lock_of_a_dying_run();
  auto dead = clean_dead_runs(paths, 10ms);
  ASSERT_TRUE(dead);
  ASSERT_EQ(dead->size(), 1u);
  ASSERT_EQ(dead->front().failed.size(), 1u);
  EXPECT_EQ(dead->front().failed.front(),
            "its processes are exiting and still hold " + paths.run_folder("r1") + "/lock");
  EXPECT_TRUE(folder_stands());
}

TEST_F(DeadRuns, AStoppedRunIsEndedAndWhatItLeftUndone) {
  pid_t child = ::fork();
  if (child == 0) {
    auto run = host::Registration::enter(paths, "r1");
    auto journal = Journal::create(paths.journal("r1"), "r1");
    if (!run || !journal || !journal->append_undo(1, record("a"))) ::_exit(1);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  auto holders = open_holders(paths, "r1");
  ASSERT_TRUE(holders) << holders.error().message();
  ASSERT_EQ(holders->size(), 1u);
  EXPECT_EQ(holders->front().pid(), child);
  EXPECT_TRUE(clean_dead_runs(paths, 0s)->empty()) << "it lives";
  auto dead = end_run(paths, "r1", *holders, 0s);
  ASSERT_TRUE(dead) << dead.error().message();
  EXPECT_EQ(dead->as_before, std::vector<std::string>{"a"});
  EXPECT_TRUE(dead->failed.empty());
  EXPECT_FALSE(folder_stands() || journal_stands());
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_F(DeadRuns, ARunThatEndsInTimeIsNotEndedByForce) {
  pid_t child = ::fork();
  if (child == 0) {
    ::usleep(30'000);
    ::_exit(0);
  }
  std::vector<sys::PidFd> holders;
  holders.push_back(*sys::PidFd::of_child(child));
  auto dead = end_run(paths, "r1", holders, 60s);
  ASSERT_TRUE(dead) << dead.error().message();
  EXPECT_TRUE(dead->failed.empty() && dead->undone.empty());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
}

TEST_F(DeadRuns, WhoeverOfARunExitsStillItsJournalIsReplayedOnceItIsFree) {
  leave_journal({record("a")});
  UniqueFd lock = lock_of_a_dying_run();
  auto dead = clean_dead_runs(paths, 10ms);
  ASSERT_TRUE(dead);
  ASSERT_EQ(dead->size(), 1u);
  EXPECT_EQ(dead->front().as_before, std::vector<std::string>{"a"});
  EXPECT_EQ(dead->front().failed.size(), 1u) << "and it is said that it holds its lock";
}

TEST_F(DeadRuns, OneRunAloneIsCleaned) {
  leave_journal({record("a")});
  EXPECT_TRUE(clean_dead_runs(paths, 0s, "r2")->empty());
  EXPECT_TRUE(journal_stands());
  EXPECT_EQ(clean_dead_runs(paths, 0s, "r1")->size(), 1u);
}

TEST_F(DeadRuns, TheHoldersOfAnotherPidNamespaceAreNotOurs) {
  UniqueFd lock = lock_of_a_dying_run(1);
  auto holders = host::holders_of(paths, "r1");
  ASSERT_FALSE(holders);
  EXPECT_EQ(holders.error().code, Errc::kRefused);
}

TEST(DeadRun, TravelsWhole) {
  DeadRun dead{"r1", {"a", "b"}, {"c"}, {}, {"d"}};
  auto back = dead_run_from_json(to_json(dead));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->run, "r1");
  EXPECT_EQ(back->undone, dead.undone);
  EXPECT_EQ(back->as_before, dead.as_before);
  EXPECT_EQ(back->failed, dead.failed);
  EXPECT_FALSE(dead_run_from_json(json::Object{{"run", 1}}));
}

TEST_F(DeadRuns, AnEngineBuriesItsOwnRunOnlyOnceItIsDead) {
  EXPECT_TRUE(remove_run(paths, "r1", 0s)) << "nothing is there";
  {
    auto live = host::Registration::enter(paths, "r1");
    EXPECT_EQ(remove_run(paths, "r1", 10ms).error().code, Errc::kTimeout);
  }
  EXPECT_TRUE(remove_run(paths, "r1", 0s));
  EXPECT_FALSE(folder_stands());
}

}  // namespace
}  // namespace ordeal::guard

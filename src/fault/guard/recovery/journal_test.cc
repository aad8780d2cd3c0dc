#include "fault/guard/recovery/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>

#include "core/base/io/file.h"

namespace ordeal::guard {
namespace {

struct JournalFile : testing::Test {
  std::string folder = testing::TempDir() + "ordeal_journal_" + std::to_string(::getpid());
  std::string path = folder + "/r1.journal";
  void SetUp() override { ASSERT_TRUE(make_folders(folder)); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  static fault::UndoRecord record(const std::string& text) {
    return {"continue", {{"processes", json::Array{}}}, text, fault::boot_id().value_or("")};
  }
  // What is open in the file, by its texts.
  std::string open_records() {
    auto open = read_journal(path);
    if (!open) return open.error().message();
    std::string texts;
    for (const auto& [number, undo] : *open) texts += undo.text + ";";
    return texts;
  }
  void damage(off_t at, char byte) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put(byte);
  }
};

TEST_F(JournalFile, HoldsWhatIsNotUndoneYet) {
  auto journal = Journal::create(path, "r1");
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->append_undo(1, record("a")));
  ASSERT_TRUE(journal->append_undo(2, record("b")));
  EXPECT_EQ(open_records(), "a;b;");
  ASSERT_TRUE(journal->append_done(1));
  EXPECT_EQ(open_records(), "b;");
  ASSERT_TRUE(journal->remove());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(JournalFile, IsMadeOnceAndLockedWhileItsOwnerLives) {
  {
    auto journal = Journal::create(path, "r1");
    ASSERT_TRUE(journal);
    EXPECT_EQ(Journal::create(path, "r1").error().code, Errc::kRefused);
    EXPECT_FALSE(*lock_journal(path));
  }
  EXPECT_TRUE(*lock_journal(path));
}

TEST_F(JournalFile, ATornLastRecordWasNeverActedOn) {
  {
    auto journal = Journal::create(path, "r1");
    ASSERT_TRUE(journal->append_undo(1, record("a")));
    ASSERT_TRUE(journal->append_undo(2, record("b")));
  }
  damage(2 * 4096 + 30, '!');
  EXPECT_EQ(open_records(), "a;");
}

TEST_F(JournalFile, DamageInTheMiddleNeedsAPerson) {
  {
    auto journal = Journal::create(path, "r1");
    ASSERT_TRUE(journal->append_undo(1, record("a")));
    ASSERT_TRUE(journal->append_undo(2, record("b")));
  }
  damage(4096 + 30, '!');
  EXPECT_EQ(read_journal(path).error().code, Errc::kRevertFailed);
}

TEST_F(JournalFile, KeepsRoomToMarkEachOpenRecordDone) {
  auto journal = Journal::create(path, "r1");
  ASSERT_TRUE(journal);
  int taken = 0;
  while (taken < 2000 && journal->append_undo(taken, record("a"))) ++taken;
  EXPECT_EQ(taken, 511);
  for (int i = 0; i < taken; ++i) ASSERT_TRUE(journal->append_done(i)) << i;
  EXPECT_EQ(open_records(), "");
}

TEST_F(JournalFile, RefusesARecordThatDoesNotFit) {
  auto journal = Journal::create(path, "r1");
  EXPECT_EQ(journal->append_undo(1, record(std::string(5000, 'x'))).error().code, Errc::kRefused);
}

}  // namespace
}  // namespace ordeal::guard

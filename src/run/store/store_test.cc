#include "run/store/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/base/io/file.h"

namespace ordeal::store {
namespace {

struct Folder {
  std::string path = "/tmp/ordeal-store-XXXXXX";
  Folder() { EXPECT_NE(::mkdtemp(path.data()), nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string record() const { return path + "/runs.sqlite"; }
};

NewRun new_run(const std::string& id, seconds started = 1000s) {
  return {id, "Pod Termination", started, json::Object{{"name", "x"}}, json::Object{{"victims", json::Array{"api-1"}}}};
}

RunEvent event_of(const std::string& run, int64_t seq, Nanos at) {
  RunEvent event;
  event.run = run;
  event.seq = seq;
  event.boot = BootTime(at);
  event.wall = at + 1000s;
  event.data = events::Note{events::Level::kInfo, "line " + std::to_string(seq)};
  return event;
}

Store opened(const Folder& folder) {
  Result<Store> store = Store::open(folder.record());
  EXPECT_TRUE(store) << store.error().message();
  return std::move(*store);
}

mode_t mode_of(const std::string& file) {
  struct stat is {};
  return ::stat(file.c_str(), &is) == 0 ? is.st_mode & 07777 : 0;
}

TEST(Store, IsItsOwnersAloneAlsoWhereItWasNot) {
  Folder folder;
  mode_t umask_before = ::umask(0);
  {
    Store store = opened(folder);
    ASSERT_TRUE(store.begin_run(new_run("r1")));
    ASSERT_TRUE(store.append(event_of("r1", 0, 0ms)));
    for (const char* part : {"", "-wal", "-shm", ".live"}) EXPECT_EQ(mode_of(folder.record() + part), 0600u) << part;
    for (const char* part : {"", "-wal", "-shm", ".live"}) ::chmod((folder.record() + part).c_str(), 0644);
    // As an older Ordeal left it, and was killed.
    (void)Store::open_to_read(folder.record());
    for (const char* part : {"", "-wal", "-shm", ".live"}) EXPECT_EQ(mode_of(folder.record() + part), 0600u) << part;
  }
  ::chmod(folder.record().c_str(), 0644);
  opened(folder);
  EXPECT_EQ(mode_of(folder.record()), 0600u);
  ::umask(umask_before);
}

TEST(Store, ALinkInItsPlaceIsRefused) {
  Folder folder;
  std::filesystem::create_symlink(folder.path + "/else", folder.record());
  auto store = Store::open(folder.record());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::kRefused);
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/else"));
}

TEST(Store, KeepsARunAndItsEventsInOrder) {
  Folder folder;
  {
    Store store = opened(folder);
    ASSERT_TRUE(store.begin_run(new_run("r1")));
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store.append(event_of("r1", i, i * 30ms)));
    ASSERT_TRUE(store.finish_run("r1", {Outcome::kDeviated, "p95 was 1.2", ""}));
  }
  Result<Store> store = Store::open_to_read(folder.record());
  ASSERT_TRUE(store) << store.error().message();
  Result<RecordedRun> run = store->load("r1");
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->row.verdict, to_text(Outcome::kDeviated));
  EXPECT_EQ(run->row.exit, 1);
  EXPECT_EQ(run->row.started, rfc3339(1000s));
  EXPECT_EQ(run->plan.at("victims").at(0).as_string(), "api-1");
  ASSERT_EQ(run->events.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(run->events[static_cast<size_t>(i)].seq, i);
  EXPECT_EQ(std::get<events::Note>(run->events[49].data).text, "line 49");
  EXPECT_EQ(run->events[49].boot, BootTime(49 * 30ms));
}

TEST(Store, SaysOfADamagedEventWhichFieldItIs) {
  Folder folder;
  Store store = opened(folder);
  ASSERT_TRUE(store.begin_run(new_run("r1")));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store.append(event_of("r1", i, 1s)));
  ASSERT_TRUE(store.flush());
  Database database = std::move(*Database::open(folder.record(), Access::kReadWrite));
  ASSERT_TRUE(database.execute("UPDATE event SET json = replace(json, '\"line 1\"', '7') WHERE seq = 1"));
  EXPECT_EQ(store.load("r1").error().message(),
            "run record " + folder.record() + ": event 1 of r1 is damaged: data.text: expected text, found 7");
  ASSERT_TRUE(database.execute("UPDATE event SET json = replace(json, '\"note\"', '\"weather\"') WHERE seq = 1"));
  auto run = store.load("r1");
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(events::type_of(run->events[1].data), "weather");
}

TEST(Store, WritesInBatchesAndAtOnceAtTheVerdict) {
  Folder folder;
  Store writer = opened(folder);
  ASSERT_TRUE(writer.begin_run(new_run("r1")));
  Store reader = std::move(*Store::open_to_read(folder.record()));
  ASSERT_TRUE(writer.append(event_of("r1", 0, 1s)));
  ASSERT_TRUE(writer.append(event_of("r1", 1, 1s + 50ms)));
  EXPECT_EQ(reader.load("r1")->events.size(), 1u);
  ASSERT_TRUE(writer.append(event_of("r1", 2, 1s + 250ms)));
  EXPECT_EQ(reader.load("r1")->events.size(), 3u);
  RunEvent verdict = event_of("r1", 3, 1s + 251ms);
  verdict.data = events::Ended{};
  ASSERT_TRUE(writer.append(verdict));
  EXPECT_EQ(reader.load("r1")->events.size(), 4u);
}

TEST(Store, ARunWithoutAVerdictIsRunningWhileItsWriterLivesAndInterruptedAfterwards) {
  Folder folder;
  Store reader = opened(folder);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Store writer = std::move(*Store::open(folder.record()));
    bool good = writer.begin_run(new_run("r1")) && writer.append(event_of("r1", 0, 1s));
    ::raise(good ? SIGSTOP : SIGABRT);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_EQ(reader.list(10)->at(0).verdict, "running");
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  Result<RecordedRun> run = reader.load("last");
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->row.verdict, "interrupted");
  EXPECT_FALSE(run->row.exit);
  EXPECT_EQ(run->events.size(), 1u);
}

TEST(Store, FindsARunByAUniquePrefixAndByLast) {
  Folder folder;
  Store store = opened(folder);
  ASSERT_TRUE(store.begin_run(new_run("r20261123t201504z-aaaaa", 1000s)));
  ASSERT_TRUE(store.begin_run(new_run("r20261123t201504z-abbbb", 2000s)));
  ASSERT_TRUE(store.begin_run(new_run("r2", 500s)));
  EXPECT_EQ(store.load("last")->row.id, "r20261123t201504z-abbbb");
  EXPECT_EQ(store.load("r20261123t201504z-aa")->row.id, "r20261123t201504z-aaaaa");
  EXPECT_EQ(store.load("r2")->row.id, "r2") << "an exact id wins over longer ones";
  Result<RecordedRun> two = store.load("r2026");
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, Errc::kInvalidInput);
  EXPECT_NE(two.error().message().find("aaaaa"), std::string::npos);
  EXPECT_EQ(store.load("r9").error().code, Errc::kNotFound);
  EXPECT_EQ(store.load("%").error().code, Errc::kNotFound);
  EXPECT_EQ(store.load("").error().code, Errc::kNotFound);
}

TEST(Store, SeveralMayMakeItAtOnce) {
  for (int round = 0; round < 100; ++round) {
    Folder folder;
    std::atomic<int> made = 0;
    std::vector<std::thread> starters;
    for (int i = 0; i < 8; ++i)
      starters.emplace_back([&] {
        auto store = Store::open(folder.record());
        if (store) ++made;
        EXPECT_TRUE(store) << store.error().message();
      });
    for (std::thread& starter : starters) starter.join();
    EXPECT_EQ(made, 8);
  }
}

TEST(Store, ListsTheNewestFirstUpToTheLimit) {
  Folder folder;
  Store store = opened(folder);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store.begin_run(new_run("r" + std::to_string(i), seconds(i))));
  Result<std::vector<RunRow>> rows = store.list(3);
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ(rows->at(0).id, "r4");
  EXPECT_EQ(rows->at(2).id, "r2");
}

TEST(Store, AnotherWriterDelaysEventsButLosesNone) {
  Folder folder;
  Store store = opened(folder);
  ASSERT_TRUE(store.begin_run(new_run("r1")));
  Database other = std::move(*Database::open(folder.record(), Access::kReadWrite));
  {
    Result<Transaction> hold = Transaction::begin(other);
    ASSERT_TRUE(hold);
    EXPECT_TRUE(store.append(event_of("r1", 0, 1s)));
    EXPECT_TRUE(store.append(event_of("r1", 1, 2s)));
  }
  ASSERT_TRUE(store.append(event_of("r1", 2, 3s)));
  EXPECT_EQ(store.load("r1")->events.size(), 3u);
}

TEST(Store, ADamagedRecordIsReportedWithItsPathAndWhatToDo) {
  Folder folder;
  ASSERT_TRUE(write_atomically(folder.record(), std::string(5000, 'x')));
  Result<Store> store = Store::open(folder.record());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::kInvalidInput);
  EXPECT_NE(store.error().message().find(folder.record()), std::string::npos);
  EXPECT_NE(store.error().advice().find("move"), std::string::npos);
}

TEST(Store, ARecordOfANewerFormatIsRefused) {
  Folder folder;
  opened(folder);
  Database database = std::move(*Database::open(folder.record(), Access::kReadWrite));
  ASSERT_TRUE(database.execute("PRAGMA user_version = 99"));
  Result<Store> store = Store::open(folder.record());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::kUnsupported);
}

TEST(Store, ReadingMakesNoFile) {
  Folder folder;
  EXPECT_EQ(Store::open_to_read(folder.record()).error().code, Errc::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder.record()));
  EXPECT_FALSE(Store::open("/nonexistent/folder/runs.sqlite"));
}

}  // namespace
}  // namespace ordeal::store

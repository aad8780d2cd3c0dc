// Store: the record of runs on this host, one SQLite file (docs/formats/record.md). Not a queue and not a log: what is
// not in an event is not here.
// Rule for the writer: append() keeps events in memory and writes them in one transaction at most every 200 ms and at
// the verdict; it waits at most 20 ms for another writer and keeps the events when that is not enough. A writer that is
// killed loses at most the last 200 ms; its run is then listed as "interrupted". One thread at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/run/run_event.h"
#include "run/store/live_lock.h"
#include "run/store/sqlite.h"

namespace ordeal::store {

constexpr milliseconds kFlushInterval{200};

struct NewRun {
  std::string id;
  std::string name;
  Nanos started{0};  // wall clock
  json::Value experiment;
  json::Value plan;
};

struct RunRow {
  std::string id;
  std::string name;
  std::string started;      // RFC 3339
  std::string verdict;      // an outcome's text, or "running", or "interrupted"
  std::optional<int> exit;  // absent without a verdict
};

struct RecordedRun {
  RunRow row;
  json::Value experiment;
  json::Value plan;
  std::vector<RunEvent> events;  // by seq
};

class Store {
 public:
  // Makes the file when it is missing (the folder must exist) and brings an older one up to date.
  static Result<Store> open(const std::string& path);
  // For list and load only: makes nothing; kNotFound when no run was ever recorded here.
  static Result<Store> open_to_read(const std::string& path);

  Result<> begin_run(const NewRun& run);
  Result<> append(const RunEvent& event);
  // Writes what is in memory; waits up to 2 s for another writer.
  Result<> flush();
  // Flushes, then closes the run.
  Result<> finish_run(const std::string& id, const Verdict& verdict);

  // The newest first.
  Result<std::vector<RunRow>> list(size_t limit);
  // A run's id, a prefix that only it has, or "last".
  Result<RecordedRun> load(std::string_view selector);
  // What a run began with, its `run` event; nothing when it died before that was written.
  Result<std::optional<RunEvent>> first_event(const std::string& id);

 private:
  explicit Store(Database database) : database_(std::move(database)) {}
  Result<> write_pending(milliseconds patience);
  Result<std::string> resolve(std::string_view selector);
  RunRow read_row(const Statement& statement) const;
  Result<RunEvent> read_event(const std::string& text, const std::string& what) const;

  Database database_;
  LiveLock live_;
  std::vector<RunEvent> pending_;
  BootTime flushed_{};
};

}  // namespace ordeal::store

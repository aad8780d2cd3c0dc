#include "run/store/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "core/base/text/text.h"

namespace ordeal::store {
namespace {

constexpr milliseconds kPatienceInRun{20};
constexpr milliseconds kPatience{2000};

// Element i brings a record from version i to i + 1. Never edit one that was released; add another.
constexpr std::array kMigrations{
    "CREATE TABLE run(id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, started TEXT NOT NULL, verdict TEXT,"
    " exit INTEGER, experiment TEXT NOT NULL, plan TEXT NOT NULL);"
    "CREATE TABLE event(run TEXT NOT NULL REFERENCES run(id), seq INTEGER NOT NULL, json TEXT NOT NULL,"
    " PRIMARY KEY(run, seq)) WITHOUT ROWID;"
    "CREATE INDEX run_started ON run(started);",
};
constexpr auto kNewest = static_cast<int64_t>(kMigrations.size());
constexpr std::string_view kRowColumns = "id, name, started, verdict, exit, rowid";

Result<int64_t> version_of(Database& database) {
  Statement statement = TRY(database.prepare("PRAGMA user_version"));
  TRY(statement.step());
  return statement.number(0);
}

Result<> check_version(const Database& database, int64_t version) {
  if (version <= kNewest) return {};
  return fail(
      Errc::kUnsupported,
      fmt::format("run record {} has format {}, this program knows up to {}", database.path(), version, kNewest),
      "use the newer Ordeal that wrote it, or another --state-dir");
}

Result<> migrate(Database& database) {
  Transaction transaction = TRY(Transaction::begin(database));
  // Read inside the transaction: two programs may start at once.
  int64_t version = TRY(version_of(database));
  for (int64_t i = version; i < kNewest; ++i) TRY_VOID(database.execute(kMigrations[static_cast<size_t>(i)]));
  TRY_VOID(database.execute(fmt::format("PRAGMA user_version = {}", kNewest)));
  return transaction.commit();
}

std::string live_path(const Database& database) { return database.path() + ".live"; }

Result<json::Value> parse_column(const Database& database, const std::string& text, const std::string& what) {
  Result<json::Value> value = json::parse(text);
  if (!value) return wrap(value.error(), fmt::format("run record {}: {} is damaged", database.path(), what));
  return value;
}

// The record holds what was asked and answered: it is its owner's alone, whatever made it readable. SQLite gives its
// -wal and -shm the mode of the record.
Result<> keep_private(const std::string& path) {
  for (const char* part : {"", "-wal", "-shm", ".live"}) {
    std::string file = path + part;
    struct stat is {};
    if (::lstat(file.c_str(), &is) < 0) continue;
    if (S_ISLNK(is.st_mode))
      return fail(Errc::kRefused, fmt::format("run record {}: it is a link", file), "link the directory instead");
    if ((is.st_mode & 077) != 0 && is.st_uid == ::geteuid() && ::chmod(file.c_str(), 0600) < 0)
      return fail_errno("cannot set the mode of " + file);
  }
  return {};
}

// SQLite itself would make it readable for all.
Result<> make_private(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd && errno != EEXIST) {
    Error error = fail_errno("run record " + path).value();
    error.hint = "check that its directory exists and that you may write to it";
    return tl::unexpected(std::move(error));
  }
  return keep_private(path);
}

}  // namespace

namespace {

// SQLite lets nobody wait while another turns a new record to WAL: runs that start at once on a fresh host do.
Result<> use_wal(Database& database) {
  for (BootTime until = boot_now() + kPatience;; std::this_thread::sleep_for(5ms)) {
    auto done = database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0");
    if (done || done.error().code != Errc::kTimeout || boot_now() > until) return done;
  }
}

}  // namespace

Result<Store> Store::open(const std::string& path) {
  TRY_VOID(make_private(path));
  Database database = TRY(Database::open(path, Access::kReadWrite));
  database.wait_at_most(kPatience);
  int64_t version = TRY(version_of(database));
  TRY_VOID(check_version(database, version));
  // In WAL with synchronous=NORMAL a commit does not wait for the disk; only a checkpoint does, so that is left to
  // finish_run.
  TRY_VOID(use_wal(database));
  if (version < kNewest) TRY_VOID(migrate(database));
  return Store(std::move(database));
}

Result<Store> Store::open_to_read(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0)
    return fail(Errc::kNotFound, fmt::format("no run is recorded in {}", path), "start one with `ordeal run FILE`");
  TRY_VOID(keep_private(path));
  Database database = TRY(Database::open(path, Access::kReadOnly));
  database.wait_at_most(kPatience);
  int64_t version = TRY(version_of(database));
  TRY_VOID(check_version(database, version));
  if (version == 0) return fail(Errc::kNotFound, fmt::format("no run is recorded in {}", path));
  return Store(std::move(database));
}

Result<> Store::begin_run(const NewRun& run) {
  Transaction transaction = TRY(Transaction::begin(database_));
  Statement insert = TRY(
      database_.prepare("INSERT INTO run(id, name, started, experiment, plan) VALUES(?, ?, ?, ?, ?) RETURNING rowid"));
  insert.bind(1, run.id).bind(2, run.name).bind(3, rfc3339(run.started));
  insert.bind(4, json::write(run.experiment)).bind(5, json::write(run.plan));
  TRY(insert.step());
  int64_t number = insert.number(0);
  TRY_VOID(insert.run());
  // The lock comes before the row can be seen, so that a reader never takes a new run for an interrupted one.
  live_ = TRY(LiveLock::take(live_path(database_), number));
  return transaction.commit();
}

Result<> Store::append(const RunEvent& event) {
  pending_.push_back(event);
  if (as<events::Ended>(event)) return flush();
  if (event.boot - flushed_ < kFlushInterval) return {};
  flushed_ = event.boot;
  Result<> written = write_pending(kPatienceInRun);
  // Another writer is not a reason to stop a run: the events stay in memory for the next time.
  if (!written && written.error().code == Errc::kTimeout) return {};
  return written;
}

Result<> Store::flush() { return write_pending(kPatience); }

Result<> Store::write_pending(milliseconds patience) {
  if (pending_.empty()) return {};
  database_.wait_at_most(patience);
  Transaction transaction = TRY(Transaction::begin(database_));
  Statement insert = TRY(database_.prepare("INSERT OR REPLACE INTO event(run, seq, json) VALUES(?, ?, ?)"));
  for (const RunEvent& event : pending_) {
    insert.bind(1, event.run).bind(2, event.seq).bind(3, json::write(to_json(event)));
    TRY_VOID(insert.run());
  }
  TRY_VOID(transaction.commit());
  pending_.clear();
  return {};
}

Result<> Store::finish_run(const std::string& id, const Verdict& verdict) {
  TRY_VOID(flush());
  database_.wait_at_most(kPatience);
  Statement update = TRY(database_.prepare("UPDATE run SET verdict = ?, exit = ? WHERE id = ?"));
  update.bind(1, to_text(verdict.outcome)).bind(2, static_cast<int64_t>(exit_code_of(verdict.outcome))).bind(3, id);
  TRY_VOID(update.run());
  live_ = LiveLock();
  // A reader can hinder a checkpoint; the next run then does it.
  (void)database_.execute("PRAGMA wal_checkpoint(PASSIVE)");
  return {};
}

RunRow Store::read_row(const Statement& statement) const {
  RunRow row{statement.text(0), statement.text(1), statement.text(2), statement.text(3), std::nullopt};
  if (statement.is_null(3))
    row.verdict = LiveLock::is_held(live_path(database_), statement.number(5)) ? "running" : "interrupted";
  if (!statement.is_null(4)) row.exit = static_cast<int>(statement.number(4));
  return row;
}

Result<std::vector<RunRow>> Store::list(size_t limit) {
  Statement select =
      TRY(database_.prepare(fmt::format("SELECT {} FROM run ORDER BY started DESC, rowid DESC LIMIT ?", kRowColumns)));
  select.bind(1, static_cast<int64_t>(limit));
  std::vector<RunRow> rows;
  while (TRY(select.step())) rows.push_back(read_row(select));
  return rows;
}

Result<std::string> Store::resolve(std::string_view selector) {
  if (selector == "last") {
    std::vector<RunRow> rows = TRY(list(1));
    if (rows.empty()) return fail(Errc::kNotFound, "no run is recorded yet", "start one with `ordeal run FILE`");
    return rows[0].id;
  }
  Statement select = TRY(database_.prepare(
      "SELECT id FROM run WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id = ?1 DESC, started DESC LIMIT 6"));
  select.bind(1, selector);
  std::vector<std::string> ids;
  while (TRY(select.step())) ids.push_back(select.text(0));
  if (ids.empty() || selector.empty())
    return fail(Errc::kNotFound, fmt::format("no run \"{}\" is recorded", selector), "`ordeal list` shows all runs");
  if (ids.size() == 1 || ids[0] == selector) return ids[0];
  return fail(Errc::kInvalidInput, fmt::format("\"{}\" matches more than one run: {}", selector, join(ids, ", ")),
              "give more of the run's id");
}

Result<RecordedRun> Store::load(std::string_view selector) {
  TRY_VOID(write_pending(kPatience));
  std::string id = TRY(resolve(selector));
  Statement select =
      TRY(database_.prepare(fmt::format("SELECT {}, experiment, plan FROM run WHERE id = ?", kRowColumns)));
  select.bind(1, id);
  if (!TRY(select.step())) return fail(Errc::kNotFound, fmt::format("no run \"{}\" is recorded", id));
  auto experiment = TRY(parse_column(database_, select.text(6), "the experiment of " + id));
  auto plan = TRY(parse_column(database_, select.text(7), "the plan of " + id));
  RecordedRun run{read_row(select), std::move(experiment), std::move(plan), {}};
  Statement lines = TRY(database_.prepare("SELECT json, seq FROM event WHERE run = ? ORDER BY seq"));
  lines.bind(1, id);
  while (TRY(lines.step()))
    run.events.push_back(TRY(read_event(lines.text(0), fmt::format("event {} of {}", lines.number(1), id))));
  return run;
}

Result<RunEvent> Store::read_event(const std::string& text, const std::string& what) const {
  json::Value value = TRY(parse_column(database_, text, what));
  Result<RunEvent> event = run_event_from_json(value);
  if (!event) return wrap(event.error(), fmt::format("run record {}: {} is damaged", database_.path(), what));
  return event;
}

Result<std::optional<RunEvent>> Store::first_event(const std::string& id) {
  Statement line = TRY(database_.prepare("SELECT json FROM event WHERE run = ? AND seq = 0"));
  line.bind(1, id);
  if (!TRY(line.step())) return std::optional<RunEvent>();
  return std::optional<RunEvent>(TRY(read_event(line.text(0), "event 0 of " + id)));
}

}  // namespace ordeal::store

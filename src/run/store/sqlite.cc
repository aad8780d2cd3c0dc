#include "run/store/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace ordeal::store {
namespace {

Unexpected fail_sqlite(sqlite3* handle, const std::string& path) {
  int code = handle ? sqlite3_errcode(handle) : SQLITE_NOMEM;
  std::string what = fmt::format("run record {}: {}", path, handle ? sqlite3_errmsg(handle) : "out of memory");
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Errc::kTimeout, std::move(what),
                  "another program is writing to the record; try again when it has finished");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return fail(Errc::kInvalidInput, std::move(what),
                  fmt::format("the file is damaged or not a run record; move {} away and a new one is created", path));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return fail(Errc::kSystem, std::move(what),
                  "check that the file and its directory exist and that you may write to them");
    case SQLITE_FULL:
      return fail(Errc::kSystem, std::move(what), "free space on this file system");
    default:
      return fail(Errc::kSystem, std::move(what));
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

// A failed bind leaves NULL in a column that is NOT NULL, so that step() reports it.
Statement& Statement::bind(int position, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), position, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int position, int64_t number) {
  sqlite3_bind_int64(statement_.get(), position, number);
  return *this;
}

Result<bool> Statement::step() {
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail_sqlite(sqlite3_db_handle(statement_.get()), path_);
}

Result<> Statement::run() {
  Result<bool> row = step();
  reset();
  if (!row) return tl::unexpected(row.error());
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes ? std::string(bytes, size) : std::string();
}

int64_t Statement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Database> Database::open(const std::string& path, Access access) {
  int flags = access == Access::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(handle, path);
  if (code != SQLITE_OK) return fail_sqlite(handle, path);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
    return fail_sqlite(handle_.get(), path_);
  return Statement(statement, path_);
}

Result<> Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail_sqlite(handle_.get(), path_);
  return {};
}

void Database::wait_at_most(milliseconds limit) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(limit.count()));
}

Result<Transaction> Transaction::begin(Database& database) {
  // IMMEDIATE takes the write lock now, so that a busy record is reported before anything is written.
  TRY_VOID(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_) (void)database_->execute("ROLLBACK");
}

Result<> Transaction::commit() {
  TRY_VOID(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace ordeal::store

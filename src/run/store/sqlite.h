// A small owner over SQLite's C API: connection, statement, transaction. Not a query builder; SQL stays in store.cc.
// Rule: one thread at a time; a Statement must not outlive its Database. Errors: kTimeout for a locked file,
// kInvalidInput for a damaged one, kSystem else, always with the path and what to do next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ordeal::store {

enum class Access { kReadWrite, kReadOnly };

class Statement {
 public:
  // Positions count from 1 for binding and from 0 for columns, as in SQLite.
  Statement& bind(int position, std::string_view text);
  Statement& bind(int position, int64_t number);
  // True while there is a row to read.
  Result<bool> step();
  Result<> run();
  // Ready for new values.
  void reset();

  std::string text(int column) const;
  int64_t number(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3_stmt* statement, std::string path) : statement_(statement), path_(std::move(path)) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

class Database {
 public:
  static Result<Database> open(const std::string& path, Access access);

  Result<Statement> prepare(std::string_view sql);
  Result<> execute(const std::string& sql);
  // How long a call waits for another writer before it fails with kTimeout.
  void wait_at_most(milliseconds limit);
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace ordeal::store

#include "products.h"

#include <fmt/core.h>

#include "core/base/defer.h"
#include "core/base/text/text.h"
#include "service.h"

namespace ordeal::demo {

namespace {

constexpr const char* kQuery = "SELECT coalesce(json_agg(p ORDER BY p.id), '[]') FROM products p";

Unexpected failed(const char* what, PGconn* connection) {
  return fail(Errc::kSystem, fmt::format("{}: {}", what, trim(PQerrorMessage(connection))));
}

std::string page(const std::string& products, bool cached) {
  return fmt::format("{{\"cached\":{},\"products\":{}}}\n", cached, products);
}

}  // namespace

Products::Products(net::Loop& loop, Guarded& guard, metrics::Registry& registry, std::string conninfo, size_t pool_size,
                   Nanos timeout)
    : loop_(loop),
      guard_(guard),
      conninfo_(std::move(conninfo)),
      timeout_(timeout),
      pool_(pool_size),
      in_use_(registry.gauge("db_connections_in_use", "Connections of the pool that serve a request.")),
      failures_(registry.counter("db_failures_total", "Failed connections and queries.")) {}

net::Task<net::HttpResponse> Products::list() {
  auto permit = guard_.acquire();
  if (!permit) co_return from_cache();
  auto products = co_await fetch();
  if (!products) {
    permit.failure();
    failures_.add();
    co_return from_cache();
  }
  permit.success();
  cache_ = *products;
  co_return json_response(200, page(cache_, false));
}

net::HttpResponse Products::from_cache() {
  if (cache_.empty()) return json_response(503, "{\"error\":\"the database does not answer and nothing is cached\"}\n");
  guard_.count_fallback();
  return json_response(200, page(cache_, true));
}

Products::Slot* Products::free_slot() {
  for (auto& slot : pool_) {
    if (!slot.busy) return &slot;
  }
  return nullptr;
}

net::Task<Result<std::string>> Products::fetch() {
  Slot* slot = free_slot();
  for (BootTime deadline = boot_now() + timeout_; !slot && boot_now() < deadline; slot = free_slot()) {
    co_await loop_.sleep(5ms);
  }
  if (!slot) co_return fail(Errc::kTimeout, "no connection of the pool became free");
  slot->busy = true;
  in_use_.add(1);
  Defer give_back([&] {
    slot->busy = false;
    in_use_.add(-1);
  });
  auto products = co_await fetch_with(*slot);
  // Whatever state a failed connection is in, the next request starts a new one.
  if (!products) slot->connection.reset();
  co_return products;
}

net::Task<Result<std::string>> Products::fetch_with(Slot& slot) {
  BootTime deadline = boot_now() + timeout_;
  if (!slot.connection) {
    auto connected = co_await connect(slot, deadline);
    if (!connected) co_return tl::unexpected(connected.error());
  }
  co_return co_await query(slot.connection.get(), deadline);
}

net::Task<Result<>> Products::connect(Slot& slot, BootTime deadline) {
  slot.connection.reset(PQconnectStart(conninfo_.c_str()));
  PGconn* connection = slot.connection.get();
  if (!connection || PQstatus(connection) == CONNECTION_BAD) co_return failed("cannot connect", connection);
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) co_return failed("cannot connect", connection);
    auto ready = state == PGRES_POLLING_READING ? net::Loop::Ready::kRead : net::Loop::Ready::kWrite;
    Nanos left = std::max(Nanos(1ms), deadline - boot_now());
    bool in_time = co_await loop_.wait(PQsocket(connection), ready, left);
    if (!in_time) {
      co_return fail(Errc::kTimeout, "the database does not accept the connection");
    }
    state = PQconnectPoll(connection);
  }
  PQsetnonblocking(connection, 1);
  co_return Result<>();
}

net::Task<Result<std::string>> Products::query(PGconn* connection, BootTime deadline) {
  if (!PQsendQuery(connection, kQuery)) co_return failed("cannot send the query", connection);
  PQflush(connection);
  while (PQisBusy(connection)) {
    Nanos left = std::max(Nanos(1ms), deadline - boot_now());
    bool in_time = co_await loop_.wait(PQsocket(connection), net::Loop::Ready::kRead, left);
    if (!in_time) {
      co_return fail(Errc::kTimeout, "the database does not answer");
    }
    if (!PQconsumeInput(connection)) co_return failed("the connection broke", connection);
  }
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) co_return failed("the query failed", connection);
  std::string products = PQgetvalue(result.get(), 0, 0);
  // The end of the answer has come with it; a null result makes the connection ready for the next query.
  while (PGresult* more = PQgetResult(connection)) PQclear(more);
  co_return products;
}

}  // namespace ordeal::demo

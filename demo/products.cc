#include "products.h"

#include <fmt/core.h>

#include "base/text.h"
#include "ordeal/resilience/asio.h"
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

Products::Products(net::Loop& loop, DatabasePolicies& policies, resilience::Metrics& policy_metrics,
                   metrics::Registry& registry, std::string conninfo, Nanos timeout)
    : loop_(loop),
      policies_(policies),
      conninfo_(std::move(conninfo)),
      timeout_(timeout),
      failures_(registry.counter("db_failures_total", "Failed connections and queries.")),
      fallback_([this](const resilience::Error&) { return from_cache(); }, "postgres"),
      registered_(policy_metrics.add(fallback_)) {}

net::Task<net::HttpResponse> Products::list() {
  resilience::Pipeline pipeline{fallback_, policies_.breaker};
  auto ask = [this] { return fetch(); };
  Listed listed = co_await resilience::async_call(pipeline, ask);
  if (listed) co_return json_response(200, page(listed->products, listed->cached));
  co_return json_response(503, "{\"error\":\"the database does not answer and nothing is cached\"}\n");
}

Products::Listed Products::from_cache() const {
  if (cache_.empty()) return failure();
  return Page{cache_, true};
}

net::Task<Products::Listed> Products::fetch() {
  auto lease = co_await resilience::async_acquire(policies_.pool);
  if (!lease) co_return lease.error();
  auto products = co_await fetch_with(*lease);
  if (!products) {
    // Whatever state a failed connection is in, the next request starts a new one.
    lease.discard();
    failures_.add();
    co_return failure();
  }
  cache_ = *products;
  co_return Page{*std::move(products), false};
}

net::Task<Result<std::string>> Products::fetch_with(DatabaseConnection& connection) {
  BootTime deadline = boot_now() + timeout_;
  if (!connection) {
    auto connected = co_await connect(connection, deadline);
    if (!connected) co_return tl::unexpected(connected.error());
  }
  co_return co_await query(connection.get(), deadline);
}

net::Task<Result<>> Products::connect(DatabaseConnection& opened, BootTime deadline) {
  opened.reset(PQconnectStart(conninfo_.c_str()));
  PGconn* connection = opened.get();
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

// shop_api: one replica of the demo shop: GET /products from PostgreSQL, POST /payments through the payment provider.

#include "core/base/duration.h"
#include "flags.h"
#include "ordeal/resilience/presets.h"
#include "payments.h"
#include "products.h"
#include "service.h"

namespace {

using namespace ordeal;

struct Options {
  std::string listen = "127.0.0.1:8000";
  std::string postgres;
  std::string payments_url;
  std::string payments = "sync";
  uint64_t pool = 4;
  std::string db_timeout = "1s";
  std::string open_for = "30s";
  uint64_t volume_threshold = 0;
};

int serve(const Options& options) {
  auto db_timeout = parse_duration(options.db_timeout);
  if (!db_timeout) return demo::report(db_timeout.error());
  auto open_for = parse_duration(options.open_for);
  if (!open_for) return demo::report(open_for.error());
  // Breakers before the loop: permits in coroutines that the loop's end destroys still report to them.
  metrics::Registry registry;
  resilience::OpossumOptions opossum{.volumeThreshold = options.volume_threshold};
  auto stripe_options = resilience::opossum_like(opossum);
  stripe_options.open_for = *open_for;
  demo::Guarded stripe(registry, "stripe", stripe_options);
  auto postgres_options = resilience::pybreaker_like();
  postgres_options.open_for = *open_for;
  demo::Guarded postgres(registry, "postgres", postgres_options);
  net::Loop loop;
  auto fetcher = net::Fetcher::create(loop);
  if (!fetcher) return demo::report(fetcher.error());
  demo::Products products(loop, postgres, registry, options.postgres, options.pool, *db_timeout);
  demo::Payments payments(loop, **fetcher, stripe, registry, options.payments_url, milliseconds(opossum.timeout));
  demo::Service service(loop, registry);
  bool queued = options.payments == "queued";
  service.route("GET /products", [&](const net::HttpRequest&) { return products.list(); });
  service.route("POST /payments", [&](const net::HttpRequest& request) {
    return queued ? payments.pay_later(request) : payments.pay_now(request);
  });
  return service.run(options.listen, [&] { payments.stop(); });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  demo::Flags flags("One replica of the demo shop");
  flags.text("--listen", options.listen, "ADDRESS:PORT");
  flags.required("--postgres", options.postgres, "libpq connection string (numeric host or unix socket)");
  flags.required("--payments-url", options.payments_url, "where payments are POSTed");
  flags.one_of("--payments", options.payments, {"sync", "queued"}, "wait for the provider, or queue");
  flags.count("--pool", options.pool, 1, 100, "database connections");
  flags.text("--db-timeout", options.db_timeout, "for connecting and asking");
  flags.text("--breaker-reset", options.open_for, "how long an open breaker refuses");
  flags.count("--volume-threshold", options.volume_threshold, 0, UINT64_MAX,
              "calls in 10 s below which the payment breaker stays closed");
  if (auto code = flags.end_at(argc, argv)) return *code;
  return serve(options);
}

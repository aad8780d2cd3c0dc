// shop_api: one replica of the demo shop: GET /products from PostgreSQL, POST /payments through the payment provider.
#include <CLI/CLI.hpp>

#include "base/duration.h"
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
  uint32_t pool = 4;
  std::string db_timeout = "1s";
  std::string open_for = "30s";
  uint64_t volume_threshold = 0;
};

resilience::CircuitBreakerOptions named(const char* dependency, Nanos open_for,
                                        resilience::CircuitBreakerOptions options) {
  options.name = options.service = dependency;
  options.open_for = open_for;
  return options;
}

int serve(const Options& options) {
  auto db_timeout = parse_duration(options.db_timeout);
  if (!db_timeout) return demo::report(db_timeout.error());
  auto open_for = parse_duration(options.open_for);
  if (!open_for) return demo::report(open_for.error());
  metrics::Registry registry;
  resilience::Metrics policy_metrics;
  resilience::OpossumOptions opossum{.volumeThreshold = options.volume_threshold};
  demo::PaymentPolicies stripe(policy_metrics, named("stripe", *open_for, resilience::opossum_like(opossum)));
  demo::DatabasePolicies postgres(policy_metrics, named("postgres", *open_for, resilience::pybreaker_like()),
                                  options.pool, *db_timeout);
  net::Loop loop;
  auto fetcher = net::Fetcher::create(loop);
  if (!fetcher) return demo::report(fetcher.error());
  demo::Products products(loop, postgres, policy_metrics, registry, options.postgres, *db_timeout);
  demo::Payments payments(loop, **fetcher, stripe, policy_metrics, registry, options.payments_url,
                          milliseconds(opossum.timeout));
  demo::Service service(loop, registry);
  service.also_export([&] { return policy_metrics.write_prometheus(); });
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
  CLI::App app("One replica of the demo shop");
  app.add_option("--listen", options.listen, "ADDRESS:PORT")->capture_default_str();
  app.add_option("--postgres", options.postgres, "libpq connection string (numeric host or unix socket)")->required();
  app.add_option("--payments-url", options.payments_url, "where payments are POSTed")->required();
  app.add_option("--payments", options.payments, "wait for the provider, or queue")
      ->check(CLI::IsMember({"sync", "queued"}))
      ->capture_default_str();
  app.add_option("--pool", options.pool, "database connections")->check(CLI::Range(1, 100))->capture_default_str();
  app.add_option("--db-timeout", options.db_timeout, "for connecting and asking")->capture_default_str();
  app.add_option("--breaker-reset", options.open_for, "how long an open breaker refuses")->capture_default_str();
  app.add_option("--volume-threshold", options.volume_threshold,
                 "calls in 10 s below which the payment breaker stays closed")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return serve(options);
}

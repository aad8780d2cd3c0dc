// Products: the list of products from PostgreSQL, over a small pool of connections and behind the pybreaker-like
// breaker; when the database cannot be asked, the last good list answers ("cached": true).
// The table is in demo/shop.sql.
#pragma once

#include "metrics/registry.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "ordeal/resilience/fallback.h"
#include "policies.h"

namespace ordeal::demo {

class Products {
 public:
  // `conninfo` as libpq takes it, of a numeric host or a unix socket (a name would be looked up blockingly). `timeout`
  // is of connecting and asking. All must outlive this.
  Products(net::Loop& loop, DatabasePolicies& policies, resilience::Metrics& policy_metrics,
           metrics::Registry& registry, std::string conninfo, Nanos timeout);

  net::Task<net::HttpResponse> list();

 private:
  struct Page {
    std::string products;
    bool cached = false;
  };
  using Listed = resilience::Result<Page>;

  Listed from_cache() const;
  net::Task<Listed> fetch();
  net::Task<Result<std::string>> fetch_with(DatabaseConnection& connection);
  net::Task<Result<>> connect(DatabaseConnection& opened, BootTime deadline);
  net::Task<Result<std::string>> query(PGconn* connection, BootTime deadline);

  net::Loop& loop_;
  DatabasePolicies& policies_;
  std::string conninfo_;
  Nanos timeout_;
  metrics::Counter& failures_;
  std::string cache_;
  resilience::Fallback<std::function<Listed(const resilience::Error&)>> fallback_;
  resilience::Metrics::Registration registered_;
};

}  // namespace ordeal::demo

// Products: the list of products from PostgreSQL, over a small pool of connections and behind the pybreaker-like
// breaker; when the database cannot be asked, the last good list answers ("cached": true).
// The table is in demo/shop.sql.
#pragma once

#include <libpq-fe.h>

#include "guarded.h"
#include "platform/net/http_server.h"
#include "platform/net/loop.h"

namespace ordeal::demo {

class Products {
 public:
  // `conninfo` as libpq takes it, of a numeric host or a unix socket (a name would be looked up blockingly).
  Products(net::Loop& loop, Guarded& guard, metrics::Registry& registry, std::string conninfo, size_t pool_size,
           Nanos timeout);

  net::Task<net::HttpResponse> list();

 private:
  struct Close {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct Slot {
    std::unique_ptr<PGconn, Close> connection;
    bool busy = false;
  };

  Slot* free_slot();
  net::Task<Result<std::string>> fetch();
  net::Task<Result<std::string>> fetch_with(Slot& slot);
  net::Task<Result<>> connect(Slot& slot, BootTime deadline);
  net::Task<Result<std::string>> query(PGconn* connection, BootTime deadline);
  net::HttpResponse from_cache();

  net::Loop& loop_;
  Guarded& guard_;
  std::string conninfo_;
  Nanos timeout_;
  std::vector<Slot> pool_;
  metrics::Gauge& in_use_;
  metrics::Counter& failures_;
  std::string cache_;
};

}  // namespace ordeal::demo

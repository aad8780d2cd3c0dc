// Voucher: what the scraped pages behind a query make of its answer: when its data was taken, what speaks against
// relying on it, whose fault it is that there is none, and whether what it names was ever seen. One for each query.
#pragma once

#include "core/model/seams.h"
#include "prometheus/promql/store/series_store.h"
#include "watch/evidence/evidence.h"
#include "watch/scraping/scraper.h"

namespace ordeal::watch {

class Voucher {
 public:
  struct Look {
    const promql::Expr& query;
    const Needs& needs;
    bool expect_series;
    BootTime since;  // when the phase began
    const promql::SeriesStore& store;
    const Scraper& scraper;
    WallOffset offset;
    int64_t at_ms;
  };
  void vouch(const Look& look, Observation& seen);

 private:
  // `read`: the query has to do with what stands on the page now.
  void look_at_page(const Look& look, const Scraper::Status& page, bool read, Observation& seen) const;
  static void look_at_ends(const Look& look, Observation& seen);
  void look_at_names(const Look& look, Observation& seen);
  void look_at_rest(const Look& look, Observation& seen);

  bool all_seen_ = false;
  BootTime since_{};
  int phase_ = 0;  // of those that the looks name: before, during, after
};

}  // namespace ordeal::watch

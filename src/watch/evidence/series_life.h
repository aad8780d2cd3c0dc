// Whether series that were scraped go on. A series that ended while its target is up is as if it had never been: the
// program began anew. One that ended with its target is lost: nobody knows what it would count now. Pure.
#pragma once

#include <vector>

#include "prometheus/promql/store/storage.h"

namespace ordeal::watch {

struct SeriesLife {
  bool alive = false;  // one of them has a newest sample, at most as old as an instant query looks back
  bool lost = false;
};
// Of all series that match.
SeriesLife life_of(const std::vector<promql::Matcher>& matchers, const promql::Storage& storage, int64_t at_ms);

// The last scrape succeeded of each target, and there is one, that these matchers of job, instance and other labels of
// targets accept.
bool all_up(const std::vector<promql::Matcher>& of_targets, const promql::Storage& storage);

}  // namespace ordeal::watch

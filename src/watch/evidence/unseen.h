// Whether what a query names was ever seen. A selector that finds nothing is an ordinary thing while only a value is
// missing (no request has failed yet); a metric, job, instance or label that does not exist at all is probably a slip
// of the pen, and whatever is expected of it proves nothing. What knows the series is a parameter.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "prometheus/promql/store/storage.h"
#include "prometheus/promql/syntax/ast.h"

namespace ordeal::watch {

struct KnownSeries {
  // Whether any series matches.
  std::function<Result<bool>(const std::vector<promql::Matcher>&)> any;
  // The values of a label of the series that match; `like` may be used to leave out those that are not like it.
  std::function<Result<std::vector<std::string>>(const std::string& label, const std::vector<promql::Matcher>&,
                                                 const std::string& like)>
      values;
  // The names of their labels.
  std::function<Result<std::vector<std::string>>(const std::vector<promql::Matcher>&)> labels;
  // A metric that is announced, and may have no series yet: by the name of its samples.
  std::function<bool(const std::string& metric)> announced;
};

struct SelectorsSeen {
  std::string unseen;              // "there is no metric htp_requests_total; the nearest is http_requests_total"
  std::vector<std::string> empty;  // selectors of which only a value finds nothing, as text
};
Result<SelectorsSeen> look_up(const promql::Expr& query, const KnownSeries& known);

// Of labels: these say where a series is from, and not what it is: like a metric's name they are never waited for.
bool names_a_source(const std::string& label);
std::string text_of(const promql::VectorSelector& selector);

KnownSeries known_to(const promql::Storage& storage, std::function<bool(const std::string&)> announced);

}  // namespace ordeal::watch

// The answers of Prometheus' HTTP API (/api/v1), as values. Pure: text in, results out; made for outside bytes.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/clock.h"
#include "prometheus/promql/eval/result.h"

namespace ordeal::watch {

struct QueryAnswer {
  promql::QueryResult result;
  std::vector<std::string> warnings;  // and infos
};

struct SlowestScrape {
  Nanos interval{0};
  std::string job;
  Nanos fastest{0};  // of the others
};

// The body of /api/v1/query. An answer of status "error" is an Error with the server's words (kTimeout: its own time
// limit; kUnsupported: a query that it does not understand); kInvalidInput is what no Prometheus says.
Result<QueryAnswer> parse_query_answer(std::string_view body);
// The version in the body of /api/v1/status/buildinfo.
Result<std::string> parse_build_version(std::string_view body);
// Of the body of /api/v1/targets; nullopt without targets, or before Prometheus 2.30.
Result<std::optional<SlowestScrape>> parse_slowest_scrape(std::string_view body);

}  // namespace ordeal::watch

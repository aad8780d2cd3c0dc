// The language of Prometheus' PromQL test scripts (promql/promqltest): load, clear and eval, with what is expected.
// A script is read whole before any of it runs; what cannot be read is an error that names the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "prometheus/promql/store/series_notation.h"

namespace ordeal::conformance {

struct Load {
  int64_t step_ms = 0;
  bool with_nhcb = false;  // classic histograms are also loaded as native ones
  bool start_times = false;
  std::vector<promql::NotedSeries> series;
};

struct Clear {};

// The text of an annotation or error: any, this one, or one that the expression finds.
struct Wording {
  enum class Match { kAny, kExact, kRegex };
  Match kind = Match::kAny;
  std::string text;
  bool matches(const std::string& actual) const;
};

struct Eval {
  int line = 0;
  std::string query;
  bool range = false;
  int64_t from_ms = 0;  // an instant query is at from_ms
  int64_t to_ms = 0;
  int64_t step_ms = 0;

  bool ordered = false;
  std::optional<Wording> fails;
  std::vector<Wording> warnings;
  std::vector<Wording> infos;
  bool no_warnings = false;
  bool no_infos = false;

  // The result: a scalar, a string, or series. Of an instant query whose result is a matrix, with its own times.
  std::optional<double> scalar;
  std::optional<std::string> string;
  bool matrix = false;
  std::vector<promql::NotedSeries> series;
};

using Command = std::variant<Load, Clear, Eval>;

Result<std::vector<Command>> parse_script(std::string_view text);

}  // namespace ordeal::conformance

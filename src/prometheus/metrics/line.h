// One sample line of an exposition, and the pieces that the comment lines share with it. Internal to
// src/prometheus/metrics.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "prometheus/metrics/exposition.h"

namespace ordeal::metrics {

// Eats a line from the left. Every take_ function leaves the line behind what it took.
class LineCursor {
 public:
  explicit LineCursor(std::string_view line) : rest_(line) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c);
  void skip_blanks();
  // Up to the next blank.
  std::string_view take_word();
  // [a-zA-Z_][a-zA-Z0-9_]*, with ':' for metrics; or a quoted UTF-8 name.
  Result<std::string> take_name(bool colon_allowed);
  Result<std::string> take_quoted();

 private:
  std::string_view rest_;
};

Result<Sample> parse_sample_line(std::string_view line, Format format);
// As Go's ParseFloat without hexadecimal: the whole text.
Result<double> parse_value(std::string_view text);
// "1" as "1.0": how Prometheus 3 spells le and quantile.
std::string bound_text(double bound);

}  // namespace ordeal::metrics

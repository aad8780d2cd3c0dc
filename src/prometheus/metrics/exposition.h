// The exposition formats of /metrics: text 0.0.4 is written and read, OpenMetrics 1.0 (and its 0.0.1) is read.
// A bad line loses that line: it is counted and described, the rest is kept, so parse_exposition() never fails.
// Times are milliseconds since the Unix epoch. As Prometheus 3 does, le and quantile of a histogram and a summary are
// normalised ("1" becomes "1.0"). Exemplars and units are read past; native histograms have no text form.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/metrics/sample.h"

namespace ordeal::metrics {

enum class Format { kText, kOpenMetrics };
constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";
// For a scraper's Accept header.
constexpr std::string_view kAccept =
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
// By a Content-Type header; whatever is not OpenMetrics counts as text.
Format format_of(std::string_view content_type);

struct BadLine {
  size_t line = 0;  // from 1
  std::string why;
};

struct Exposition {
  std::vector<Sample> samples;  // in the order of the body
  std::map<std::string, Type> types;
  std::map<std::string, std::string> help;
  size_t bad_lines = 0;
  size_t lost_samples = 0;         // of them those that are no comment
  std::vector<BadLine> described;  // the first kMostDescribed of them
  bool complete = true;            // OpenMetrics: the body ended with # EOF
};
constexpr size_t kMostDescribed = 20;

Exposition parse_exposition(std::string_view body, Format format);

std::string write_exposition(const std::vector<Family>& families);
// A value as the formats write it: shortest text that reads back the same, NaN, +Inf, -Inf.
std::string number_text(double value);

}  // namespace ordeal::metrics

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "prometheus/metrics/exposition.h"
#include "prometheus/metrics/line.h"

namespace ordeal::metrics {
namespace {

constexpr size_t kLongestReason = 160;

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size())
                                                               : std::string_view();
}

// \\\\ is a backslash, \\n a line break, and OpenMetrics has \\" too.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape) ++i;
    plain += escape && text[i] == 'n' ? '\n' : text[i];
  }
  return plain;
}

class Parser {
 public:
  explicit Parser(Format format) : format_(format) { parsed_.complete = format == Format::kText; }

  Exposition parse(std::string_view body) {
    size_t number = 0;
    while (!body.empty()) {
      size_t end = std::min(body.find('\n'), body.size());
      ++number;
      std::string_view line = body.substr(0, end);
      if (auto read = read_line(line); !read) {
        reject(number, read.error().what);
        parsed_.lost_samples += !trim(line).starts_with('#');
      }
      body.remove_prefix(std::min(end + 1, body.size()));
    }
    return std::move(parsed_);
  }

 private:
  Result<> read_line(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::string_view text = trim(line);
    if (text.empty()) return {};
    if (format_ == Format::kOpenMetrics && parsed_.complete) return fail(Errc::kInvalidInput, "a line after # EOF");
    if (text.front() == '#') return read_comment(text.substr(1));
    Sample sample = TRY(parse_sample_line(text, format_));
    normalise_bound(sample);
    parsed_.samples.push_back(std::move(sample));
    return {};
  }

  Result<> read_comment(std::string_view text) {
    LineCursor cursor(text);
    cursor.skip_blanks();
    std::string_view keyword = cursor.take_word();
    if (keyword == "EOF" && format_ == Format::kOpenMetrics) parsed_.complete = true;
    if (keyword != "TYPE" && keyword != "HELP") return {};
    cursor.skip_blanks();
    std::string name = TRY(cursor.take_name(true));
    cursor.skip_blanks();
    std::string_view word = trim(cursor.rest());
    if (keyword == "HELP") {
      parsed_.help[std::move(name)] = unescaped(word);
      return {};
    }
    auto type = type_named(word);
    if (!type) return fail(Errc::kInvalidInput, fmt::format("unknown type \"{}\" of {}", word, name));
    parsed_.types[std::move(name)] = *type;
    return {};
  }

  Type type_of(std::string_view family) const {
    auto found = parsed_.types.find(std::string(family));
    return found == parsed_.types.end() ? Type::kUnknown : found->second;
  }

  // The label that carries a bound, or "".
  std::string_view bound_label(std::string_view metric) const {
    Type buckets_of = type_of(without_suffix(metric, "_bucket"));
    if (buckets_of == Type::kHistogram || buckets_of == Type::kGaugeHistogram) return "le";
    return type_of(metric) == Type::kSummary ? "quantile" : "";
  }

  void normalise_bound(Sample& sample) const {
    std::string_view metric;
    for (const auto& [name, value] : sample.labels) {
      if (name == "__name__") metric = value;
    }
    std::string_view label = bound_label(metric);
    if (label.empty()) return;
    for (auto& [name, value] : sample.labels) {
      if (name != label) continue;
      if (auto bound = parse_value(value)) value = bound_text(*bound);
    }
  }

  void reject(size_t number, std::string_view why) {
    ++parsed_.bad_lines;
    if (parsed_.described.size() < kMostDescribed) {
      parsed_.described.push_back({number, std::string(why.substr(0, kLongestReason))});
    }
  }

  Format format_;
  Exposition parsed_;
};

}  // namespace

Format format_of(std::string_view content_type) {
  return trim(content_type.substr(0, content_type.find(';'))) == "application/openmetrics-text" ? Format::kOpenMetrics
                                                                                                : Format::kText;
}

Exposition parse_exposition(std::string_view body, Format format) { return Parser(format).parse(body); }

}  // namespace ordeal::metrics

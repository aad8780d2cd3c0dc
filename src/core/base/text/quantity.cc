#include "core/base/text/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace ordeal {
namespace {

struct Prefix {
  double least;
  Scale scale;
};

const std::vector<Prefix>& prefixes_of(std::string_view unit) {
  static const std::vector<Prefix> kSeconds{{1, {1, "s"}}, {1e-3, {1e3, "ms"}}, {1e-6, {1e6, "µs"}}, {0, {1e3, "ms"}}};
  static const std::vector<Prefix> kBytes{{1073741824.0, {1 / 1073741824.0, "GiB"}},
                                          {1048576.0, {1 / 1048576.0, "MiB"}},
                                          {1024.0, {1 / 1024.0, "KiB"}},
                                          {0, {1, "B"}}};
  static const std::vector<Prefix> kRatio{{0, {100, "%"}}};
  static const std::vector<Prefix> kNoPrefixes;
  if (unit == "s" || unit == "seconds") return kSeconds;
  if (unit == "bytes" || unit == "B") return kBytes;
  if (unit == "ratio") return kRatio;
  return kNoPrefixes;
}

// Three significant digits, no exponent in the ordinary range, thousands apart by a narrow space.
std::string format_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  double size = std::abs(value);
  if (size != 0 && (size < 1e-6 || size >= 1e12)) return fmt::format("{:.3g}", value);
  int digits = size == 0 ? 0 : std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 8);
  std::string text = fmt::format("{:.{}f}", value, digits);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  if (text == "-0") return "0";
  size_t end = std::min(text.find('.'), text.size());
  size_t first = value < 0 ? 1 : 0;
  for (size_t at = end; size >= 1e4 && at > first + 3;) text.insert(at -= 3, "\u2009");
  return text;
}

std::string with_suffix(std::string number, const std::string& suffix) {
  return suffix.empty() ? number : number + "\u00a0" + suffix;
}

bool contains(std::string_view text, std::string_view part);

bool is_rate(std::string_view text) { return contains(text, "rate(") || contains(text, "increase("); }

// Where one aggregate or call is divided by something, however it is spaced.
size_t division_in(std::string_view query) {
  for (size_t slash = query.find('/'); slash != std::string_view::npos; slash = query.find('/', slash + 1)) {
    size_t before = query.find_last_not_of(" \t\r\n", slash == 0 ? 0 : slash - 1);
    if (before != std::string_view::npos && before < slash && query[before] == ')') return slash;
  }
  return std::string_view::npos;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

std::string guess_unit(std::string_view query) {
  size_t slash = division_in(query);
  if (slash != std::string_view::npos && is_rate(query.substr(0, slash)) && is_rate(query.substr(slash)))
    return contains(query, "_seconds_sum") ? "s" : "ratio";
  if (query.starts_with("TCP connect")) return "s";
  bool counts = contains(query, "_count") || contains(query, "_total");
  if (is_rate(query) && counts) return "";
  if (contains(query, "_seconds")) return "s";
  if (contains(query, "_bytes")) return "bytes";
  return "";
}

std::string unit_of(std::string_view unit, std::string_view query) {
  return unit.empty() ? guess_unit(query) : std::string(unit);
}

Scale scale_for(double largest, std::string_view unit) {
  const std::vector<Prefix>& prefixes = prefixes_of(unit);
  for (const Prefix& prefix : prefixes)
    if (std::abs(largest) >= prefix.least) return prefix.scale;
  return {1, std::string(unit)};
}

std::string format_on(const Scale& scale, double value) {
  return with_suffix(format_number(value * scale.factor), std::isfinite(value) ? scale.suffix : "");
}

std::string format_value(double value, std::string_view unit) { return format_on(scale_for(value, unit), value); }

std::string plain_value(double value, std::string_view unit) {
  std::string text = format_value(value, unit);
  for (size_t at; (at = text.find("\u2009")) != std::string::npos;) text.erase(at, 3);
  for (size_t at; (at = text.find("\u00a0")) != std::string::npos;) text.replace(at, 2, " ");
  return text;
}

std::string counted(size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string format_latency(Nanos latency) {
  double value = to_seconds(latency);
  if (value < 60) return format_value(value, "s");
  int64_t whole = std::chrono::duration_cast<seconds>(latency).count();
  std::string text = fmt::format("{}\u00a0min", whole / 60);
  return whole % 60 ? fmt::format("{} {}\u00a0s", text, whole % 60) : text;
}

}  // namespace ordeal

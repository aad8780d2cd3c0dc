#include "core/base/duration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ordeal {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanos;
};
constexpr std::array<Unit, 7> kUnits{{{"d", 86'400'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1}}};
constexpr int64_t kMax = 366 * 86'400'000'000'000;

Unexpected bad(std::string_view text) {
  return fail(Errc::kInvalidInput, fmt::format("expected a duration such as 500ms, 30s or 1m30s, found \"{}\"", text));
}

}  // namespace

Result<Nanos> parse_duration(std::string_view text) {
  std::string_view rest = text;
  if (rest == "0") return Nanos(0);
  double total = 0;
  size_t next_unit = 0;
  bool fraction = false;
  while (!rest.empty()) {
    if (fraction || rest[0] < '0' || rest[0] > '9') return bad(text);
    double value = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::fixed);
    if (error != std::errc()) return bad(text);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    std::string_view name = rest.substr(0, rest.find_first_of("0123456789."));
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kUnits.size()) return bad(text);
    total += value * static_cast<double>(kUnits[next_unit++].nanos);
    fraction = value != std::floor(value);
    rest.remove_prefix(name.size());
  }
  if (text.empty() || total > static_cast<double>(kMax)) return bad(text);
  return Nanos(std::llround(total));
}

Result<Nanos> parse_go_duration(std::string_view text) {
  auto no_duration = [&] {
    return fail(Errc::kInvalidInput, fmt::format("\"{}\" is not a duration such as 1m30s", text));
  };
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return Nanos(0);
  double total = 0;
  do {
    size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    std::string_view number = rest.substr(0, digits);
    rest.remove_prefix(digits);
    std::string_view unit = rest.substr(0, rest.find_first_of("0123456789."));
    rest.remove_prefix(unit.size());
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
    if (error != std::errc() || end != number.data() + number.size()) return no_duration();
    std::string_view plain = unit == "\u00b5s" || unit == "\u03bcs" ? "us" : unit;
    auto known = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == plain; });
    if (known == kUnits.end() || plain == "d") return no_duration();
    total += value * static_cast<double>(known->nanos);
  } while (!rest.empty());
  if (total >= 9.2e18) return no_duration();
  return Nanos(static_cast<int64_t>(std::llround(negative ? -total : total)));
}

std::string format_duration(Nanos duration) {
  if (duration < Nanos(0)) return "-" + format_duration(-duration);
  Nanos minutes = duration - duration % 60s, rest = duration - minutes;
  if (rest < 1s || rest % 1s == Nanos(0)) return format_prometheus_duration(duration);
  std::string fraction = fmt::format("{:09}", (rest % 1s).count());
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return fmt::format("{}{}.{}s", minutes > Nanos(0) ? format_prometheus_duration(minutes) : "", rest / 1s, fraction);
}

std::string format_prometheus_duration(Nanos duration) {
  int64_t rest = duration.count();
  std::string text;
  for (const Unit& unit : kUnits) {
    if (rest < unit.nanos) continue;
    text += fmt::format("{}{}", rest / unit.nanos, unit.name);
    rest %= unit.nanos;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace ordeal

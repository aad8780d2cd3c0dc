#include "fault/attacks/network/rate_arguments.h"

#include <fmt/format.h>

#include <array>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 9> kRates{{{"", 1},
                                      {"bit", 1},
                                      {"kbit", 1e3},
                                      {"mbit", 1e6},
                                      {"gbit", 1e9},
                                      {"bps", 8},
                                      {"kbps", 8e3},
                                      {"mbps", 8e6},
                                      {"gbps", 8e9}}};
constexpr std::array<Unit, 6> kSizes{
    {{"", 1}, {"b", 1}, {"k", 1 << 10}, {"kb", 1 << 10}, {"m", 1 << 20}, {"mb", 1 << 20}}};

template <size_t N>
std::optional<double> parse(std::string_view text, const std::array<Unit, N>& units) {
  size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  auto number = parse_number<double>(text.substr(0, digits));
  std::string name(text.substr(digits));
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const Unit& unit : units)
    if (number && unit.name == name) return *number * unit.factor;
  return std::nullopt;
}

}  // namespace

std::optional<double> parse_rate(std::string_view text) { return parse(text, kRates); }
std::optional<double> parse_size(std::string_view text) { return parse(text, kSizes); }

std::string rate_in_words(double bits_per_second) {
  for (auto [factor, unit] : {std::pair{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}})
    if (bits_per_second >= factor) return fmt::format("{:.4g} {}", bits_per_second / factor, unit);
  return fmt::format("{:.4g} bit/s", bits_per_second);
}

}  // namespace ordeal::fault

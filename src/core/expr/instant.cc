#include "core/expr/instant.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/base/text/text.h"

namespace ordeal::expr {
namespace {

// Go's reference time is the layout; each is turned into RFC 3339.
struct Layout {
  std::string_view name;
  std::string (*to_rfc3339)(const std::string& text);
};
constexpr Layout kLayouts[] = {
    {"2006-01-02", [](const std::string& text) { return text + "T00:00:00Z"; }},
    {"2006-01-02 15:04:05",
     [](const std::string& text) {
       size_t space = text.find(' ');
       return space == std::string::npos ? text : text.substr(0, space) + "T" + text.substr(space + 1) + "Z";
     }},
    {"2006-01-02T15:04:05Z07:00", [](const std::string& text) { return text; }},
};

// What Nanos can count, with room for an offset.
bool countable(const std::string& text) {
  auto year = parse_number<int>(std::string_view(text).substr(0, 4));
  return year && *year > 1700 && *year < 2200 && text.find_first_not_of("0123456789-:T.Z+") == std::string::npos;
}

// parse_rfc3339() reads UTC alone; "+02:00" is taken off here.
Result<Nanos> parse_with_zone(const std::string& text) {
  if (!countable(text)) return fail(Errc::kInvalidInput, "no time");
  constexpr size_t kZone = 6;
  size_t size = text.size();
  bool zone =
      size > 19 + kZone - 1 && (text[size - kZone] == '+' || text[size - kZone] == '-') && text[size - 3] == ':';
  if (!zone) return parse_rfc3339(text);
  auto hours = parse_number<int>(text.substr(size - 5, 2)), minutes = parse_number<int>(text.substr(size - 2, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return fail(Errc::kInvalidInput, "no time zone");
  Nanos offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  Nanos local = TRY(parse_rfc3339(text.substr(0, size - kZone) + "Z"));
  return text[size - kZone] == '+' ? local - offset : local + offset;
}

}  // namespace

Result<Nanos> parse_date(const std::vector<std::string>& arguments) {
  const std::string& text = arguments[0];
  if (arguments.size() > 2 && arguments[2] != "UTC")
    return fail(Errc::kInvalidInput, fmt::format("date(): the time zone \"{}\" is not known, only UTC", arguments[2]));
  bool given = arguments.size() > 1;
  bool known = false;
  for (const Layout& layout : kLayouts) {
    if (given && layout.name != arguments[1]) continue;
    known = true;
    if (auto instant = parse_with_zone(layout.to_rfc3339(text))) return instant;
  }
  if (!known) return fail(Errc::kInvalidInput, fmt::format("date(): the layout \"{}\" is not known", arguments[1]));
  return fail(Errc::kInvalidInput, fmt::format("date(): \"{}\" is not a date such as 2026-11-23 20:15:04", text));
}

}  // namespace ordeal::expr

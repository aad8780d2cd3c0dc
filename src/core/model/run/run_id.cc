#include "core/model/run/run_id.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

namespace ordeal {
namespace {

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
// 0: a digit; ?: one of kBase32; others as they are.
constexpr std::string_view kShape = "r00000000t000000z-?????";

bool fits(char shape, char c) {
  if (shape == '0') return c >= '0' && c <= '9';
  return shape == '?' ? kBase32.find(c) != std::string_view::npos : c == shape;
}

bool begins_one(std::string_view text) {
  return !text.empty() && text.size() <= kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(), [](char c, char shape) { return fits(shape, c); });
}

}  // namespace

std::string make_run_id(Nanos wall, uint64_t random) {
  time_t t = std::chrono::duration_cast<seconds>(wall).count();
  tm parts{};
  gmtime_r(&t, &parts);
  std::string id = fmt::format("r{:04}{:02}{:02}t{:02}{:02}{:02}z-", parts.tm_year + 1900, parts.tm_mon + 1,
                               parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  for (int i = 0; i < 5; ++i, random >>= 5) id += kBase32[random & 31];
  return id;
}

bool is_run_id(std::string_view text) { return text.size() == kShape.size() && begins_one(text); }

Result<std::string> parse_run_id(std::string_view text) {
  if (is_run_id(text)) return std::string(text);
  return fail(Errc::kInvalidInput,
              fmt::format("\"{}\" is not a run's id, expected one such as r20261123t201504z-k3x5q", text),
              "`ordeal list` shows the runs");
}

Result<std::string> parse_run_selector(std::string_view text) {
  if (text == "last" || begins_one(text)) return std::string(text);
  return fail(Errc::kInvalidInput,
              fmt::format("\"{}\" is not a run's id, expected one such as r20261123t201504z-k3x5q, its beginning, or "
                          "\"last\"",
                          text),
              "`ordeal list` shows the runs");
}

}  // namespace ordeal

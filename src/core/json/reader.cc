#include "core/json/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/duration.h"
#include "core/base/text/secrets.h"
#include "core/json/hide.h"

namespace ordeal::json {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

std::string shown(const Value& value) {
  std::string text = hide_secrets(write(without_secrets(value)));  // before it is cut, which could hide its mark
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::string list(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string best;
  size_t best_distance = 3;
  for (std::string_view candidate : candidates) {
    size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string Reader::place() const {
  std::string field = path_.empty() ? "" : path_ + ": ";
  // What the file does not spell out stands where the nearest field around it does.
  for (std::string path = path_;;) {
    if (auto line = lines_->find(path); line != lines_->end()) return fmt::format("line {}: {}", line->second, field);
    if (path.empty()) return field;
    size_t up = path.find_last_of(".[");
    path.resize(up == std::string::npos ? 0 : up);
  }
}

Origin Reader::origin() const {
  Origin origin{path_, {}};
  for (auto at = lines_->lower_bound(path_); at != lines_->end() && at->first.starts_with(path_); ++at)
    origin.lines.insert(*at);
  return origin;
}

Unexpected Reader::expected(std::string_view what) const {
  return fail(Errc::kInvalidInput, fmt::format("{}expected {}, found {}", place(), what, shown(*value_)));
}

Unexpected Reader::refuse(std::string_view why) const {
  return fail(Errc::kInvalidInput, fmt::format("{}{}", place(), why));
}

Result<std::optional<Reader>> Reader::find(std::string_view key) const {
  if (!value_->is_object()) return expected("an object");
  const Value* found = value_->get_object().if_contains(key);
  if (!found || found->is_null()) return std::nullopt;
  return below(*found, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key));
}

Result<Reader> Reader::at(std::string_view key) const {
  std::optional<Reader> found = TRY(find(key));
  if (found) return *found;
  return refuse(fmt::format("\"{}\" is missing", key));
}

Result<> Reader::only(std::initializer_list<std::string_view> keys) const {
  if (!value_->is_object()) return expected("an object");
  for (const auto& [key, unused] : value_->get_object()) {
    if (std::find(keys.begin(), keys.end(), std::string_view(key)) != keys.end()) continue;
    std::string guess =
        std::string_view(key) == "duration" && std::find(keys.begin(), keys.end(), "length") != keys.end()
            ? "length"
            : nearest(key, keys);
    std::string advice = guess.empty() ? "known keys: " + list(keys) : fmt::format("did you mean \"{}\"?", guess);
    Reader at = TRY(find(key)).value_or(*this);
    return at.refuse(fmt::format("unknown key \"{}\"; {}", std::string_view(key), advice));
  }
  return {};
}

Result<std::string> Reader::text() const {
  if (!value_->is_string() || value_->get_string().empty()) return expected("text");
  return std::string(value_->get_string());
}

Result<bool> Reader::boolean() const {
  if (!value_->is_bool()) return expected("true or false");
  return value_->get_bool();
}

Result<double> Reader::number(double least, double most) const {
  std::string what = fmt::format("a number from {} to {}", least, most);
  if (!value_->is_number()) return expected(what);
  double number = value_->to_number<double>();
  if (!(number >= least && number <= most)) return expected(what);
  return number;
}

Result<int64_t> Reader::integer(int64_t least, int64_t most) const {
  std::string what = fmt::format("a whole number from {} to {}", least, most);
  if (!value_->is_number()) return expected(what);
  if (const int64_t* whole = value_->if_int64()) {
    if (*whole < least || *whole > most) return expected(what);
    return *whole;
  }
  if (const uint64_t* whole = value_->if_uint64()) {
    if (*whole > static_cast<uint64_t>(INT64_MAX) || static_cast<int64_t>(*whole) < least ||
        static_cast<int64_t>(*whole) > most)
      return expected(what);
    return static_cast<int64_t>(*whole);
  }
  constexpr double kBeyond = 9223372036854775808.0;  // 2^63
  double number = value_->to_number<double>();
  if (number != std::floor(number) || number < static_cast<double>(least) || number > static_cast<double>(most) ||
      number >= kBeyond)
    return expected(what);
  return static_cast<int64_t>(number);
}

Result<Nanos> Reader::duration(Nanos unit) const {
  constexpr std::string_view kWhat = "a duration such as 500ms, 30s or 1m30s";
  if (value_->is_string()) {
    auto parsed = parse_duration(std::string_view(value_->get_string()));
    if (!parsed) return expected(kWhat);
    return *parsed;
  }
  if (!value_->is_number()) return expected(kWhat);
  double count = value_->to_number<double>();
  double nanos = count * static_cast<double>(unit.count());
  if (!(count >= 0) || nanos > 366.0 * 86400e9) return expected(kWhat);
  return Nanos(std::llround(nanos));
}

Result<std::vector<Reader>> Reader::items() const {
  if (!value_->is_array()) return expected("a list");
  std::vector<Reader> readers;
  for (size_t i = 0; i < value_->get_array().size(); ++i)
    readers.push_back(below(value_->get_array()[i], fmt::format("{}[{}]", path_, i)));
  return readers;
}

Result<std::vector<std::string>> Reader::texts() const {
  if (value_->is_string()) return std::vector<std::string>{TRY(text())};
  std::vector<std::string> all;
  for (const Reader& item : TRY(items())) all.push_back(TRY(item.text()));
  return all;
}

Result<std::string> Reader::word(const std::vector<std::string_view>& words) const {
  std::string what = words.size() == 1 ? std::string(*words.begin()) : "one of " + list(words);
  if (!value_->is_string()) return expected(what);
  std::string_view found = value_->get_string();
  if (std::find(words.begin(), words.end(), found) == words.end()) return expected(what);
  return std::string(found);
}

Result<std::vector<std::pair<std::string, Reader>>> Reader::fields() const {
  if (!value_->is_object()) return expected("an object");
  std::vector<std::pair<std::string, Reader>> all;
  for (const auto& [key, item] : value_->get_object()) {
    std::string name(key);
    all.emplace_back(name, below(item, path_.empty() ? name : path_ + "." + name));
  }
  return all;
}

Result<std::vector<std::pair<std::string, std::string>>> Reader::labels() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, item] : TRY(fields())) {
    const Value& value = item.value();
    if (value.is_string()) {
      all.emplace_back(key, std::string(value.get_string()));
    } else if (value.is_number() || value.is_bool()) {
      all.emplace_back(key, write(value));
    } else {
      return item.expected("text");
    }
  }
  return all;
}

}  // namespace ordeal::json

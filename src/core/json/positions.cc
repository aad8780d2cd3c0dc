#include "core/json/positions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/json/value.h"

namespace ordeal::json {
namespace {

class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  Result<> value(const std::string& path) {
    skip_space();
    bytes_ += path.size();
    if (bytes_ > kMaxPathBytes)
      return refuse(fmt::format("more than {} MiB of field names and paths", kMaxPathBytes >> 20));
    lines_.emplace(path, line_);
    if (here() == '{') return object(path);
    if (here() == '[') return array(path);
    if (here() == '"') return skip_string(), Result<>();
    at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    return {};
  }

  std::map<std::string, int> lines() { return std::move(lines_); }

 private:
  char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    for (; std::string_view(" \t\r\n").find(here()) != std::string_view::npos && here(); ++at_) line_ += here() == '\n';
  }

  // Past a comma; false at the end of the list.
  bool another(char end) {
    skip_space();
    bool more = here() == ',';
    if (more || here() == end) ++at_;
    return more;
  }

  bool opens_empty(char end) {
    ++at_;
    skip_space();
    if (here() != end) return false;
    ++at_;
    return true;
  }

  std::string_view skip_string() {
    size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(start, at_ - start);
  }

  Result<> object(const std::string& path) {
    std::set<std::string> keys;
    if (opens_empty('}')) return {};
    do {
      skip_space();
      Value written = TRY(parse(skip_string()));
      std::string key(written.as_string());
      if (!keys.insert(key).second) return refuse(fmt::format("the key \"{}\" is given twice", key));
      skip_space();
      ++at_;  // the colon
      TRY_VOID(value(path.empty() ? key : path + "." + key));
    } while (another('}'));
    return {};
  }

  Result<> array(const std::string& path) {
    if (opens_empty(']')) return {};
    size_t index = 0;
    do {
      TRY_VOID(value(fmt::format("{}[{}]", path, index++)));
    } while (another(']'));
    return {};
  }

  Unexpected refuse(const std::string& why) const {
    return fail(Errc::kInvalidInput, fmt::format("line {}: {}", line_, why));
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  size_t bytes_ = 0;
  std::map<std::string, int> lines_;
};

}  // namespace

Result<std::map<std::string, int>> find_lines(std::string_view text) {
  Walk walk(text);
  TRY_VOID(walk.value(""));
  return walk.lines();
}

}  // namespace ordeal::json

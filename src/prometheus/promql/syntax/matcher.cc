#include "prometheus/promql/syntax/matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace ordeal::promql {
namespace {

// "a|b" and "(a|b)" as a and b; nothing of what says more than that.
std::vector<std::string> alternatives(std::string_view pattern) {
  if (pattern.starts_with('(') && pattern.ends_with(')')) pattern = pattern.substr(1, pattern.size() - 2);
  if (pattern.find_first_of("\\.+*?()[]{}^$") != pattern.npos) return {};
  std::vector<std::string> found;
  for (size_t start = 0, end = 0; end != pattern.npos; start = end + 1) {
    end = pattern.find('|', start);
    found.emplace_back(pattern.substr(start, end == pattern.npos ? end : end - start));
  }
  return found;
}

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view pattern) {
  RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  auto regex = std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (regex->ok()) return regex;
  return fail(Errc::kInvalidInput, fmt::format("regular expression \"{}\": {}", pattern, regex->error()));
}

Result<Matcher> Matcher::create(MatchType type, std::string name, std::string value) {
  Matcher matcher(type, std::move(name), std::move(value));
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) matcher.regex_ = TRY(compile_regex(matcher.value_));
  if (type == MatchType::kEqual) matcher.listed_ = {matcher.value_};
  if (type == MatchType::kRegex) matcher.listed_ = alternatives(matcher.value_);
  return matcher;
}

bool Matcher::matches(std::string_view value) const {
  bool negated = type_ == MatchType::kNotEqual || type_ == MatchType::kNotRegex;
  bool same = regex_ ? RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_) : value == value_;
  return same != negated;
}

std::string_view Matcher::symbol() const {
  constexpr std::string_view kSymbols[] = {"=", "!=", "=~", "!~"};
  return kSymbols[static_cast<size_t>(type_)];
}

}  // namespace ordeal::promql

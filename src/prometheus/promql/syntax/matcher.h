// Matcher: one condition on a label: = != =~ !~. Regular expressions are RE2 and match the whole value; '.' matches
// a line break too (Prometheus 3). An absent label has the value "".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace re2 {
class RE2;
}

namespace ordeal::promql {

enum class MatchType { kEqual, kNotEqual, kRegex, kNotRegex };

class Matcher {
 public:
  // Fails when the regular expression is wrong.
  static Result<Matcher> create(MatchType type, std::string name, std::string value);

  bool matches(std::string_view value) const;
  // All values that it matches, where its text lists them: ="a", =~"a|b". Null elsewhere.
  const std::vector<std::string>* listed() const { return listed_.empty() ? nullptr : &listed_; }
  // The operator: = != =~ !~
  std::string_view symbol() const;

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  bool operator==(const Matcher& other) const {
    return type_ == other.type_ && name_ == other.name_ && value_ == other.value_;
  }

 private:
  Matcher(MatchType type, std::string name, std::string value)
      : type_(type), name_(std::move(name)), value_(std::move(value)) {}

  MatchType type_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const re2::RE2> regex_;
  std::vector<std::string> listed_;
};

// The compiled form of PromQL's anchored regular expressions, for matchers and label_replace.
Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view pattern);

}  // namespace ordeal::promql

#include "core/model/input/label_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text/text.h"
#include "core/model/input/kubernetes_names.h"

namespace ordeal {
namespace {

using Op = LabelRequirement::Op;

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kMarks = "=!(),<>";

bool lists(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool holds(const LabelRequirement& requirement, const Labels& labels) {
  auto found = labels.find(requirement.key);
  bool there = found != labels.end();
  switch (requirement.op) {
    case Op::kIn:
      return there && lists(requirement.values, found->second);
    case Op::kNotIn:
      return !there || !lists(requirement.values, found->second);
    case Op::kExists:
      return there;
    case Op::kDoesNotExist:
      return !there;
  }
  return false;
}

std::string text_of(const LabelRequirement& requirement) {
  const auto& [key, op, values] = requirement;
  if (op == Op::kExists) return key;
  if (op == Op::kDoesNotExist) return "!" + key;
  if (values.size() == 1) return fmt::format("{}{}{}", key, op == Op::kIn ? "=" : "!=", values[0]);
  return fmt::format("{} {} ({})", key, op == Op::kIn ? "in" : "notin", fmt::join(values, ","));
}

// One word or mark, and where it begins. The end of the text is an empty one.
struct Token {
  std::string_view text;
  size_t at = 0;
  bool is_word = false;

  bool is(std::string_view mark) const { return !is_word && text == mark; }
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { advance(); }

  Result<LabelSelector> parse() {
    LabelSelector selector;
    if (at_end()) return selector;
    selector.all.push_back(TRY(requirement()));
    while (!at_end()) {
      if (!token_.is(",")) return expected("\",\" or the end");
      advance();
      selector.all.push_back(TRY(requirement()));
    }
    return selector;
  }

 private:
  bool at_end() const { return token_.text.empty(); }

  void advance() {
    while (next_ < text_.size() && kSpaces.find(text_[next_]) != kSpaces.npos) ++next_;
    size_t begin = next_;
    if (begin == text_.size()) {
      token_ = {{}, begin, false};
    } else if (kMarks.find(text_[begin]) == kMarks.npos) {
      next_ = std::min(text_.find_first_of(" \t\r\n=!(),<>", begin), text_.size());
      token_ = {text_.substr(begin, next_ - begin), begin, true};
    } else {
      bool twofold = text_.substr(begin, 2) == "==" || text_.substr(begin, 2) == "!=";
      next_ = begin + (twofold ? 2 : 1);
      token_ = {text_.substr(begin, next_ - begin), begin, false};
    }
  }

  Unexpected error(const Token& token, std::string_view what) const {
    return fail(Errc::kInvalidInput, fmt::format("character {}: {}", token.at + 1, what));
  }
  Unexpected expected(std::string_view what) const {
    std::string found = at_end() ? "the end" : fmt::format("\"{}\"", token_.text);
    return error(token_, fmt::format("expected {}, found {}", what, found));
  }

  Result<std::string> key() {
    if (!token_.is_word) return expected("the name of a label");
    if (!is_label_name(token_.text)) return expected(kLabelNameExpected);
    std::string name(token_.text);
    advance();
    return name;
  }

  // What stands between two commas may be empty, as a label's value may.
  Result<std::string> value() {
    if (!token_.is_word) return std::string();
    if (!is_label_value(token_.text)) return expected(kLabelValueExpected);
    std::string text(token_.text);
    advance();
    return text;
  }

  Result<std::vector<std::string>> values() {
    if (!token_.is("(")) return expected("\"(\" and the values");
    Token opening = token_;
    advance();
    if (token_.is(")")) return error(opening, "expected at least one value, found \"()\"");
    std::vector<std::string> all{TRY(value())};
    while (token_.is(",")) {
      advance();
      all.push_back(TRY(value()));
    }
    if (!token_.is(")")) return expected("\",\" or \")\"");
    advance();
    return all;
  }

  Result<LabelRequirement> requirement() {
    if (token_.is("!")) {
      advance();
      return LabelRequirement{TRY(key()), Op::kDoesNotExist, {}};
    }
    LabelRequirement requirement{TRY(key()), Op::kExists, {}};
    if (at_end() || token_.is(",")) return requirement;
    if (token_.is("<") || token_.is(">")) return expected("=, !=, in or notin: labels are not compared as numbers");
    bool of_set = token_.is_word && (token_.text == "in" || token_.text == "notin");
    bool of_one = token_.is("=") || token_.is("==") || token_.is("!=");
    if (!of_set && !of_one) return expected("=, ==, !=, in, notin or \",\"");
    requirement.op = token_.text == "!=" || token_.text == "notin" ? Op::kNotIn : Op::kIn;
    advance();
    if (of_set) {
      requirement.values = TRY(values());
    } else {
      requirement.values = {TRY(value())};
    }
    return requirement;
  }

  std::string_view text_;
  size_t next_ = 0;
  Token token_;
};

struct OpWord {
  std::string_view word;
  Op op;
  bool has_values;
};
constexpr std::array<OpWord, 4> kOps{{{"In", Op::kIn, true},
                                      {"NotIn", Op::kNotIn, true},
                                      {"Exists", Op::kExists, false},
                                      {"DoesNotExist", Op::kDoesNotExist, false}}};

Result<LabelRequirement> decode_expression(const json::Reader& reader) {
  TRY_VOID(reader.only({"key", "operator", "values"}));
  LabelRequirement requirement;
  requirement.key = TRY(TRY(reader.at("key")).text());
  std::vector<std::string_view> words;
  for (const OpWord& known : kOps) words.push_back(known.word);
  std::string word = TRY(TRY(reader.at("operator")).word(words));
  const OpWord& op = *std::find_if(kOps.begin(), kOps.end(), [&](auto& known) { return known.word == word; });
  requirement.op = op.op;
  if (auto field = TRY(reader.find("values")))
    for (const json::Reader& item : TRY(field->items())) {
      if (!item.value().is_string()) return item.expected("text");
      requirement.values.emplace_back(item.value().get_string());
    }
  if (op.has_values == requirement.values.empty())
    return reader.refuse(fmt::format("the operator {} needs {}", word, op.has_values ? "values" : "no values"));
  return requirement;
}

void add_labels(const std::vector<std::pair<std::string, std::string>>& labels, LabelSelector& selector) {
  for (const auto& [key, value] : labels) selector.all.push_back({key, Op::kIn, {value}});
}

}  // namespace

bool LabelSelector::matches(const Labels& labels) const {
  return std::all_of(all.begin(), all.end(), [&](const LabelRequirement& one) { return holds(one, labels); });
}

std::string LabelSelector::broken_by(const Labels& labels) const {
  for (const LabelRequirement& requirement : all)
    if (!holds(requirement, labels)) return text_of(requirement);
  return {};
}

std::string LabelSelector::text() const {
  std::vector<std::string> parts;
  for (const LabelRequirement& requirement : all) parts.push_back(text_of(requirement));
  return join(parts, ",");
}

Result<LabelSelector> parse_label_selector(std::string_view text) { return Parser(text).parse(); }

Result<LabelSelector> decode_label_selector(const json::Reader& reader) {
  LabelSelector selector;
  auto labels = TRY(reader.find("matchLabels"));
  auto expressions = TRY(reader.find("matchExpressions"));
  if (!labels && !expressions) {
    add_labels(TRY(reader.labels()), selector);
    return selector;
  }
  // What is not understood here would have made the selection smaller.
  TRY_VOID(reader.only({"matchLabels", "matchExpressions"}));
  if (labels) add_labels(TRY(labels->labels()), selector);
  if (expressions)
    for (const json::Reader& item : TRY(expressions->items())) selector.all.push_back(TRY(decode_expression(item)));
  return selector;
}

}  // namespace ordeal

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

#include "expr/node.h"

namespace ordeal::expr {
namespace {

constexpr size_t kMaxText = 4096;
constexpr int kMaxDepth = 50;

struct Binary {
  std::string_view word;
  int strength;
  const char* means;
};
// Longer words first, so that "<=" is not read as "<".
constexpr std::array<Binary, 15> kBinary{{{"||", 1, "||"},
                                          {"or", 1, "||"},
                                          {"&&", 2, "&&"},
                                          {"and", 2, "&&"},
                                          {"==", 3, "=="},
                                          {"!=", 3, "!="},
                                          {"<=", 4, "<="},
                                          {">=", 4, ">="},
                                          {"<", 4, "<"},
                                          {">", 4, ">"},
                                          {"+", 5, "+"},
                                          {"-", 5, "-"},
                                          {"*", 6, "*"},
                                          {"/", 6, "/"},
                                          {"%", 6, "%"}}};
constexpr int kUnaryStrength = 7;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Parsed> parse() {
    NodePtr root = TRY(expression(0));
    skip_space();
    if (at_ != text_.size()) return bad("expected an operator or the end");
    return Parsed{std::move(root), bare_};
  }

 private:
  // Precedence climbing: takes operators that bind stronger than `least`.
  Result<NodePtr> expression(int least) {
    if (++depth_ > kMaxDepth) return bad("nested deeper than 50 levels");
    NodePtr left = TRY(operand());
    while (const Binary* op = peek_binary()) {
      if (op->strength <= least) break;
      int column = this->column();
      at_ += op->word.size();
      NodePtr right = TRY(expression(op->strength));
      left = make(Node::Kind::kBinary, op->means, {left, right}, column);
    }
    --depth_;
    return left;
  }

  Result<NodePtr> operand() {
    skip_space();
    int column = this->column();
    if (take("(")) {
      NodePtr inner = TRY(expression(0));
      if (!take(")")) return bad("expected )");
      return inner;
    }
    if (take("-")) return make(Node::Kind::kUnary, "-", {TRY(expression(kUnaryStrength))}, column);
    if (take("!") || take_word("not")) return make(Node::Kind::kUnary, "!", {TRY(expression(kUnaryStrength))}, column);
    if (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.'))
      return number();
    return name();
  }

  Result<NodePtr> number() {
    int column = this->column();
    double value = 0;
    auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc()) return bad("expected a number");
    at_ = static_cast<size_t>(end - text_.data());
    return literal(value, column);
  }

  Result<NodePtr> name() {
    int column = this->column();
    size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    std::string word(text_.substr(at_, end - at_));
    if (word.empty()) return bad("expected a number, result, a function or (");
    at_ = end;
    if (word == "true" || word == "false") return literal(word == "true", column);
    if (word == "result") return result(column);
    if (!find_function(word)) {
      at_ -= word.size();
      return bad(fmt::format(
          "unknown name \"{}\"; known: result, true, false, len, min, max, abs, isNaN, isInf, default", word));
    }
    return call(word, column);
  }

  Result<NodePtr> result(int column) {
    NodePtr node = make(Node::Kind::kResult, "result", {}, column);
    if (!take("[")) {
      bare_ = bare_ || !inside_len_;
      return node;
    }
    NodePtr index = TRY(expression(0));
    if (!take("]")) return bad("expected ]");
    return make(Node::Kind::kIndex, "[]", {node, index}, column);
  }

  Result<NodePtr> call(const std::string& word, int column) {
    if (!take("(")) return bad("expected ( after " + word);
    bool outer = std::exchange(inside_len_, word == "len");
    std::vector<NodePtr> arguments;
    if (!take(")")) {
      do arguments.push_back(TRY(expression(0)));
      while (take(","));
      if (!take(")")) return bad("expected , or )");
    }
    inside_len_ = outer;
    const Function* function = find_function(word);
    if (arguments.size() < function->least || arguments.size() > function->most)
      return fail(Errc::kInvalidInput, fmt::format("column {}: {} takes {} argument{}, found {}", column, word,
                                                   function->least, function->least == 1 ? "" : "s", arguments.size()));
    return make(Node::Kind::kCall, word, std::move(arguments), column);
  }

  const Binary* peek_binary() {
    skip_space();
    for (const Binary& op : kBinary) {
      if (!text_.substr(at_).starts_with(op.word)) continue;
      bool letters = is_word(op.word[0]);
      if (letters && at_ + op.word.size() < text_.size() && is_word(text_[at_ + op.word.size()])) continue;
      return &op;
    }
    return nullptr;
  }

  bool take(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word) || (word == "!" && text_.substr(at_).starts_with("!="))) return false;
    at_ += word.size();
    return true;
  }
  bool take_word(std::string_view word) {
    size_t end = at_ + word.size();
    if (!text_.substr(at_).starts_with(word) || (end < text_.size() && is_word(text_[end]))) return false;
    at_ = end;
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  int column() {
    skip_space();
    return static_cast<int>(at_) + 1;
  }
  static NodePtr make(Node::Kind kind, std::string word, std::vector<NodePtr> children, int column) {
    return std::make_shared<const Node>(Node{kind, std::move(word), 0.0, std::move(children), column});
  }
  static NodePtr literal(Value value, int column) {
    return std::make_shared<const Node>(Node{Node::Kind::kLiteral, "", std::move(value), {}, column});
  }
  Unexpected bad(const std::string& what) {
    std::string found = at_ < text_.size() ? fmt::format("\"{}\"", text_.substr(at_, 12)) : "the end";
    return fail(Errc::kInvalidInput, fmt::format("column {}: {}, found {}", column(), what, found));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  bool inside_len_ = false;
  bool bare_ = false;
};

}  // namespace

Result<Parsed> parse_tree(std::string_view text) {
  if (text.size() > kMaxText) return fail(Errc::kInvalidInput, "the condition is longer than 4096 bytes");
  return Parser(text).parse();
}

}  // namespace ordeal::expr

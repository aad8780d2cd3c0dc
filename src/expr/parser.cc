#include <fmt/format.h>

#include "base/text.h"
#include "expr/node.h"

namespace ordeal::expr {
namespace {

constexpr size_t kMostText = 4096;
constexpr int kMostDepth = 64;
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
constexpr std::string_view kDigits = "0123456789";

enum class Kind { kEnd, kNumber, kName, kSymbol };

struct Token {
  Kind kind = Kind::kEnd;
  std::string_view text;
  size_t column = 1;
};

size_t span_of(std::string_view text, std::string_view set) {
  return std::min(text.find_first_not_of(set), text.size());
}

// Digits, a fraction, an exponent; its value is read by parse_number.
size_t number_length(std::string_view text) {
  size_t length = span_of(text, "0123456789.");
  if (length < text.size() && (text[length] == 'e' || text[length] == 'E')) {
    size_t sign = length + 1 < text.size() && (text[length + 1] == '-' || text[length + 1] == '+') ? 2 : 1;
    size_t digits = span_of(text.substr(length + sign), kDigits);
    if (digits > 0) length += sign + digits;
  }
  return length;
}

std::string word_set() { return std::string(kLetters) + std::string(kDigits); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<NodePtr> parse() {
    TRY_VOID(advance());
    NodePtr root = TRY(parse_binary(0));
    if (token_.kind != Kind::kEnd) return unexpected("an operator or the end");
    if (root->type == Type::kBool || root->type == Type::kAny) return root;
    return fail_at(1, fmt::format("a condition must be true or false, this is {}", type_name(root->type)));
  }

 private:
  Unexpected unexpected(std::string_view wanted) const {
    std::string found = token_.kind == Kind::kEnd ? "the end" : fmt::format("\"{}\"", token_.text);
    return fail_at(token_.column, fmt::format("expected {}, found {}", wanted, found));
  }

  Result<> advance() {
    at_ += span_of(text_.substr(at_), " \t\r\n");
    std::string_view rest = text_.substr(at_);
    token_ = {Kind::kEnd, {}, at_ + 1};
    if (rest.empty()) return {};
    size_t length = 1;
    if (kLetters.find(rest[0]) != std::string_view::npos) {
      token_.kind = Kind::kName;
      length = span_of(rest, word_set());
    } else if (kDigits.find(rest[0]) != std::string_view::npos || rest[0] == '.') {
      token_.kind = Kind::kNumber;
      length = number_length(rest);
    } else {
      token_.kind = Kind::kSymbol;
      bool pair = rest.size() > 1 && operator_of(rest.substr(0, 2)) != nullptr;
      length = pair ? 2 : 1;
      if (!pair && std::string_view("+-*/%<>!()[],").find(rest[0]) == std::string_view::npos) {
        std::string_view hint = rest[0] == '=' ? " (equality is ==)" : "";
        return fail_at(at_ + 1, fmt::format("unexpected '{}'{}", rest[0], hint));
      }
    }
    token_.text = rest.substr(0, length);
    at_ += length;
    return {};
  }

  bool at_symbol(std::string_view symbol) const { return token_.kind == Kind::kSymbol && token_.text == symbol; }

  Result<> take(std::string_view symbol) {
    if (!at_symbol(symbol)) return unexpected(fmt::format("'{}'", symbol));
    return advance();
  }

  Result<> add_child(Node& parent, NodePtr child) const {
    parent.height = std::max(parent.height, child->height + 1);
    parent.children.push_back(std::move(child));
    if (parent.height <= kMostDepth) return {};
    return fail_at(parent.column, fmt::format("more than {} levels deep", kMostDepth));
  }

  NodePtr node(Op op, size_t column, Type type) {
    auto made = std::make_unique<Node>();
    made->op = op;
    made->column = column;
    made->type = type;
    return made;
  }

  Result<> want(const Node& child, Type type, std::string_view of) const {
    if (child.type == type || child.type == Type::kAny || type == Type::kAny) return {};
    return fail_at(child.column, fmt::format("{} needs {}, not {}", of, type_name(type), type_name(child.type)));
  }

  const BinaryOperator* at_operator() const {
    bool may_be = token_.kind == Kind::kSymbol || token_.kind == Kind::kName;
    return may_be ? operator_of(token_.text) : nullptr;
  }

  Result<NodePtr> parse_binary(int least_binding) {
    NodePtr left = TRY(parse_unary());
    for (const BinaryOperator* op = at_operator(); op && op->binding > least_binding; op = at_operator()) {
      size_t column = token_.column;
      TRY_VOID(advance());
      NodePtr right = TRY(parse_binary(op->binding));
      TRY_VOID(want(*left, op->operands, op->symbol));
      TRY_VOID(want(*right, op->operands, op->symbol));
      if (op->operands == Type::kAny) TRY_VOID(want(*right, left->type, op->symbol));
      NodePtr both = node(op->op, column, op->returns);
      TRY_VOID(add_child(*both, std::move(left)));
      TRY_VOID(add_child(*both, std::move(right)));
      left = std::move(both);
    }
    return left;
  }

  Result<NodePtr> parse_unary() {
    bool negate = at_symbol("-");
    bool invert = at_symbol("!") || (token_.kind == Kind::kName && token_.text == "not");
    if (++depth_ > kMostDepth) return fail_at(token_.column, fmt::format("more than {} levels deep", kMostDepth));
    Result<NodePtr> parsed = negate || invert ? parse_prefix(negate) : parse_postfix();
    --depth_;
    return parsed;
  }

  Result<NodePtr> parse_prefix(bool negate) {
    Type type = negate ? Type::kNumber : Type::kBool;
    NodePtr made = node(negate ? Op::kNegate : Op::kNot, token_.column, type);
    TRY_VOID(advance());
    TRY_VOID(add_child(*made, TRY(parse_unary())));
    TRY_VOID(want(*made->children[0], type, negate ? "-" : "!"));
    return made;
  }

  Result<NodePtr> parse_postfix() {
    NodePtr value = TRY(parse_primary());
    while (at_symbol("[")) {
      NodePtr indexed = node(Op::kIndex, token_.column, Type::kNumber);
      TRY_VOID(want(*value, Type::kList, "an index"));
      TRY_VOID(advance());
      TRY_VOID(add_child(*indexed, std::move(value)));
      TRY_VOID(add_child(*indexed, TRY(parse_binary(0))));
      TRY_VOID(want(*indexed->children[1], Type::kNumber, "an index"));
      TRY_VOID(take("]"));
      value = std::move(indexed);
    }
    return value;
  }

  Result<NodePtr> parse_primary() {
    if (token_.kind == Kind::kNumber) return parse_literal();
    if (token_.kind == Kind::kName) return parse_name();
    if (!at_symbol("(")) return unexpected("a value");
    TRY_VOID(advance());
    NodePtr inside = TRY(parse_binary(0));
    TRY_VOID(take(")"));
    return inside;
  }

  Result<NodePtr> parse_literal() {
    auto value = parse_number<double>(token_.text);
    if (!value) return fail_at(token_.column, fmt::format("\"{}\" is not a number", token_.text));
    NodePtr literal = node(Op::kLiteral, token_.column, Type::kNumber);
    literal->literal = *value;
    TRY_VOID(advance());
    return literal;
  }

  Result<NodePtr> parse_name() {
    Token name = token_;
    TRY_VOID(advance());
    if (name.text == "result") return node(Op::kResult, name.column, Type::kAny);
    if (name.text == "true" || name.text == "false") {
      NodePtr literal = node(Op::kLiteral, name.column, Type::kBool);
      literal->literal = name.text == "true";
      return literal;
    }
    const Function* function = function_named(name.text);
    if (function && at_symbol("(")) return parse_call(*function, name.column);
    std::string known = fmt::format("known are result, true, false and the functions {}", function_names());
    return fail_at(name.column, fmt::format("unknown name \"{}\": {}", name.text, known));
  }

  Result<NodePtr> parse_call(const Function& function, size_t column) {
    NodePtr call = node(Op::kCall, column, function.returns);
    call->function = &function;
    TRY_VOID(take("("));
    while (!at_symbol(")")) {
      if (!call->children.empty()) TRY_VOID(take(","));
      TRY_VOID(add_child(*call, TRY(parse_binary(0))));
      const Type& type = function.types[std::min(call->children.size(), function.types.size()) - 1];
      TRY_VOID(want(*call->children.back(), type, fmt::format("{}()", function.name)));
    }
    TRY_VOID(advance());
    size_t given = call->children.size();
    if (given >= function.least_arguments && given <= function.most_arguments) return call;
    return fail_at(column, fmt::format("{}() takes {} to {} arguments, not {}", function.name, function.least_arguments,
                                       function.most_arguments, given));
  }

  std::string_view text_;
  size_t at_ = 0;
  Token token_;
  int depth_ = 0;
};

}  // namespace

Unexpected fail_at(size_t column, const std::string& what) {
  return fail(Errc::kInvalidInput, fmt::format("column {}: {}", column, what));
}

Result<NodePtr> parse_tree(std::string_view text) {
  if (text.size() > kMostText) return fail_at(kMostText, fmt::format("a condition is at most {} bytes", kMostText));
  return Parser(text).parse();
}

}  // namespace ordeal::expr

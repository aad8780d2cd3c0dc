#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "core/expr/lexer.h"
#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

constexpr size_t kMostText = 4096;
constexpr int kMostDepth = 64;
constexpr int kMostNesting = 2 * kMostDepth;  // of parse_expression() and parse_binary(): both for a parenthesis
constexpr int kMostNodes = 10'000;            // `a < b < c` has b twice

bool is_ordering(Op op) {
  return op == Op::kLess || op == Op::kLessEqual || op == Op::kGreater || op == Op::kGreaterEqual;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<NodePtr> parse() {
    TRY_VOID(advance());
    NodePtr root = TRY(parse_expression());
    if (token_.kind != TokenType::kEnd) return unexpected("an operator or the end");
    return root;
  }

 private:
  Unexpected unexpected(std::string_view wanted) const {
    std::string found = token_.kind == TokenType::kEnd ? "the end" : fmt::format("\"{}\"", token_.text);
    return fail_at(token_.column, fmt::format("expected {}, found {}", wanted, found));
  }

  Result<> advance() {
    token_ = TRY(lexer_.next());
    return {};
  }

  bool at(TokenType kind, std::string_view text) const { return token_.kind == kind && token_.text == text; }
  bool at_symbol(std::string_view symbol) const { return at(TokenType::kSymbol, symbol); }

  Result<> take(std::string_view symbol) {
    if (!at_symbol(symbol)) return unexpected(fmt::format("'{}'", symbol));
    return advance();
  }

  Unexpected too_deep(size_t column) const {
    return fail_at(column, fmt::format("more than {} levels deep", kMostDepth));
  }

  Result<> add_child(Node& parent, NodePtr child) const {
    parent.height = std::max(parent.height, child->height + 1);
    parent.children.push_back(std::move(child));
    if (parent.height <= kMostDepth) return {};
    return too_deep(parent.column);
  }

  Result<NodePtr> node(Op op, size_t column) {
    if (++nodes_ > kMostNodes) return fail_at(column, fmt::format("more than {} parts", kMostNodes));
    auto made = std::make_unique<Node>();
    made->op = op;
    made->column = column;
    return made;
  }

  Result<NodePtr> literal(Value value, size_t column) {
    NodePtr made = TRY(node(Op::kLiteral, column));
    made->literal = std::move(value);
    return made;
  }

  Result<NodePtr> copy(const Node& original) {
    NodePtr made = TRY(node(original.op, original.column));
    made->literal = original.literal;
    made->function = original.function;
    made->height = original.height;
    for (const NodePtr& child : original.children) made->children.push_back(TRY(copy(*child)));
    return made;
  }

  Result<NodePtr> pair(Op op, size_t column, NodePtr left, NodePtr right) {
    NodePtr both = TRY(node(op, column));
    TRY_VOID(add_child(*both, std::move(left)));
    TRY_VOID(add_child(*both, std::move(right)));
    return both;
  }

  const BinaryOperator* at_operator() const {
    bool may_be = token_.kind == TokenType::kSymbol || token_.kind == TokenType::kName;
    return may_be ? operator_of(token_.text) : nullptr;
  }

  // Everything, `a ? b : c` included.
  Result<NodePtr> parse_expression() {
    if (++depth_ > kMostNesting) return too_deep(token_.column);
    NodePtr value = TRY(parse_binary(0));
    while (at_symbol("?")) {
      NodePtr choice = TRY(node(Op::kConditional, token_.column));
      TRY_VOID(advance());
      TRY_VOID(add_child(*choice, std::move(value)));
      TRY_VOID(add_child(*choice, TRY(parse_expression())));
      TRY_VOID(take(":"));
      TRY_VOID(add_child(*choice, TRY(parse_expression())));
      value = std::move(choice);
    }
    --depth_;
    return value;
  }

  // `not` before `in`.
  Result<bool> take_not_in() {
    if (!at(TokenType::kName, "not")) return false;
    Lexer ahead = lexer_;
    Token after = TRY(ahead.next());
    if (after.kind != TokenType::kName || after.text != "in") return unexpected("an operator or the end");
    TRY_VOID(advance());
    return true;
  }

  Result<NodePtr> parse_binary(int least_binding) {
    if (++depth_ > kMostNesting) return too_deep(token_.column);
    Result<NodePtr> parsed = parse_operators(least_binding);
    --depth_;
    return parsed;
  }

  Result<NodePtr> parse_operators(int least_binding) {
    NodePtr left = TRY(parse_unary());
    for (;;) {
      bool inverted = least_binding < kComparing && TRY(take_not_in());
      const BinaryOperator* op = at_operator();
      if (!op || op->binding <= least_binding) return left;
      size_t column = token_.column;
      TRY_VOID(advance());
      bool from_right = op->op == Op::kPower;
      NodePtr right = TRY(parse_binary(from_right ? op->binding - 1 : op->binding));
      left = TRY(is_ordering(op->op) ? parse_chain(*op, column, std::move(left), std::move(right))
                                     : pair(op->op, column, std::move(left), std::move(right)));
      if (!inverted) continue;
      NodePtr opposite = TRY(node(Op::kNot, column));
      TRY_VOID(add_child(*opposite, std::move(left)));
      left = std::move(opposite);
    }
  }

  // `a < b <= c` is `a < b && b <= c`.
  Result<NodePtr> parse_chain(const BinaryOperator& first, size_t column, NodePtr left, NodePtr right) {
    const BinaryOperator* next = at_operator();
    bool more = next && is_ordering(next->op);
    NodePtr again = more ? TRY(copy(*right)) : nullptr;
    NodePtr all = TRY(pair(first.op, column, std::move(left), std::move(right)));
    while (more) {
      const BinaryOperator* op = next;
      size_t here = token_.column;
      TRY_VOID(advance());
      right = TRY(parse_binary(op->binding));
      next = at_operator();
      more = next && is_ordering(next->op);
      NodePtr following = more ? TRY(copy(*right)) : nullptr;
      NodePtr compared = TRY(pair(op->op, here, std::move(again), std::move(right)));
      all = TRY(pair(Op::kAnd, here, std::move(all), std::move(compared)));
      again = std::move(following);
    }
    return all;
  }

  Result<NodePtr> parse_unary() {
    struct Prefix {
      std::string_view symbol;
      Op op;
      int binding;
    };
    constexpr Prefix kPrefixes[] = {{"!", Op::kNot, kNotBinding},
                                    {"not", Op::kNot, kNotBinding},
                                    {"-", Op::kNegate, kNegateBinding},
                                    {"+", Op::kPlus, kNegateBinding}};
    for (const Prefix& prefix : kPrefixes) {
      if (token_.kind == TokenType::kText || token_.text != prefix.symbol) continue;
      NodePtr made = TRY(node(prefix.op, token_.column));
      TRY_VOID(advance());
      TRY_VOID(add_child(*made, TRY(parse_binary(prefix.binding))));
      return made;
    }
    return parse_postfix();
  }

  Result<NodePtr> parse_postfix() {
    NodePtr value = TRY(parse_primary());
    while (at_symbol("[")) {
      NodePtr indexed = TRY(node(Op::kIndex, token_.column));
      TRY_VOID(advance());
      TRY_VOID(add_child(*indexed, std::move(value)));
      TRY_VOID(add_child(*indexed, TRY(parse_expression())));
      TRY_VOID(take("]"));
      value = std::move(indexed);
    }
    return value;
  }

  Result<NodePtr> parse_primary() {
    if (token_.kind == TokenType::kNumber) return parse_number_literal();
    if (token_.kind == TokenType::kName) return parse_name();
    size_t column = token_.column;
    if (token_.kind == TokenType::kText) {
      NodePtr text = TRY(literal(Value(std::move(token_.value)), column));
      TRY_VOID(advance());
      return text;
    }
    if (at_symbol("[")) return parse_list();
    if (at_symbol("#") && predicates_ > 0) {
      TRY_VOID(advance());
      return node(Op::kElement, column);
    }
    if (!at_symbol("(")) return unexpected("a value");
    TRY_VOID(advance());
    NodePtr inside = TRY(parse_expression());
    TRY_VOID(take(")"));
    return inside;
  }

  Result<NodePtr> parse_number_literal() {
    std::string digits(token_.text);
    std::erase(digits, '_');
    size_t column = token_.column;
    std::optional<Value> value;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
      int64_t whole = 0;
      const char* end = digits.data() + digits.size();
      auto [last, error] = std::from_chars(digits.data() + 2, end, whole, 16);
      if (error == std::errc() && last == end) value = Value(whole);
    } else if (digits.find_first_of(".eE") == std::string::npos) {
      if (auto whole = parse_number<int64_t>(digits)) value = Value(*whole);
    } else if (auto number = parse_number<double>(digits)) {
      value = Value(*number);
    }
    if (!value) return fail_at(column, fmt::format("\"{}\" is not a number", token_.text));
    TRY_VOID(advance());
    return literal(std::move(*value), column);
  }

  Result<NodePtr> parse_list() {
    NodePtr list = TRY(node(Op::kList, token_.column));
    TRY_VOID(advance());
    TRY_VOID(parse_items(*list, "]"));
    return list;
  }

  // Up to and with the closing symbol.
  Result<> parse_items(Node& parent, std::string_view end) {
    while (!at_symbol(end)) {
      if (!parent.children.empty()) TRY_VOID(take(","));
      bool predicate = parent.function && parent.function->form == Form::kPredicate && parent.children.size() == 1;
      TRY_VOID(add_child(parent, TRY(predicate ? parse_predicate() : parse_expression())));
    }
    return advance();
  }

  // `# < 1`, or the same in braces.
  Result<NodePtr> parse_predicate() {
    bool braces = at_symbol("{");
    if (braces) TRY_VOID(advance());
    ++predicates_;
    NodePtr body = TRY(parse_expression());
    --predicates_;
    if (braces) TRY_VOID(take("}"));
    return body;
  }

  Result<NodePtr> parse_name() {
    Token name = token_;
    TRY_VOID(advance());
    if (name.text == "result") return node(Op::kResult, name.column);
    if (name.text == "true" || name.text == "false") return literal(Value(name.text == "true"), name.column);
    if (name.text == "nil") return literal(Value(Nil{}), name.column);
    const Function* function = function_named(name.text);
    if (function && at_symbol("(")) return parse_call(*function, name.column);
    std::string known = fmt::format("known are result, true, false, nil and the functions {}", function_names());
    return fail_at(name.column, fmt::format("unknown name \"{}\": {}", name.text, known));
  }

  Result<NodePtr> parse_call(const Function& function, size_t column) {
    NodePtr call = TRY(node(function.form == Form::kPredicate ? Op::kPredicate : Op::kCall, column));
    call->function = &function;
    TRY_VOID(take("("));
    TRY_VOID(parse_items(*call, ")"));
    size_t given = call->children.size();
    if (given >= function.least_arguments && given <= function.most_arguments) return call;
    std::string wanted = function.least_arguments == function.most_arguments
                             ? fmt::format("{}", function.least_arguments)
                             : fmt::format("{} to {}", function.least_arguments, function.most_arguments);
    bool one = wanted == "1";
    return fail_at(column,
                   fmt::format("{}() takes {} argument{}, not {}", function.name, wanted, one ? "" : "s", given));
  }

  Lexer lexer_;
  Token token_;
  int depth_ = 0;
  int predicates_ = 0;  // how many are around the present place
  int nodes_ = 0;
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

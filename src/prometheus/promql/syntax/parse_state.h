// The recursive-descent parser of PromQL, in three files: expressions, selectors, calls. Internal to
// src/prometheus/promql.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "prometheus/promql/syntax/ast.h"
#include "prometheus/promql/syntax/lexer.h"

namespace ordeal::promql {

class ParseState {
 public:
  ParseState(std::string_view query, std::vector<Token> tokens) : query_(query), tokens_(std::move(tokens)) {}

  Result<ExprPtr> parse_query();

 private:
  // parser.cc: expressions
  Result<ExprPtr> parse_binary(int least_binding);
  Result<ExprPtr> parse_sign();
  Result<ExprPtr> parse_primary();
  Result<ExprPtr> parse_word();
  Result<> parse_matching(Binary& binary);
  Result<> parse_group_side(Binary& binary);
  Result<> check_binary(const Binary& binary, size_t at) const;

  // parser_selector.cc: selectors and what follows an operand
  Result<ExprPtr> parse_selector();
  Result<> parse_matchers(VectorSelector& selector);
  Result<> parse_matcher(VectorSelector& selector);
  Result<> add_name(VectorSelector& selector, std::string name, size_t at) const;
  Result<> check_selector(const VectorSelector& selector, size_t at) const;
  Result<ExprPtr> parse_postfix(ExprPtr expr);
  Result<ExprPtr> parse_range(ExprPtr expr);
  Result<> parse_offset(Expr& expr);
  Result<> parse_at(Expr& expr);
  Result<TimeShift*> shift_of(Expr& expr, std::string_view modifier) const;

  // parser_duration.cc
  Result<Duration> parse_positive_duration();
  Result<Duration> parse_offset_duration();
  Result<DurationTreePtr> parse_duration_sum(int least_binding);
  Result<DurationTreePtr> parse_duration_sign(int least_binding);
  Result<DurationTreePtr> parse_duration_operand();
  Result<Duration> duration_of(DurationTreePtr tree, size_t at, bool any_sign) const;
  Result<> go_deeper();

  // parser_call.cc: functions, aggregations, lists of labels
  Result<ExprPtr> parse_call();
  Result<ExprPtr> parse_aggregate(AggregateOp op);
  Result<bool> parse_grouping(Aggregate& aggregate);
  Result<> check_aggregate(const Aggregate& aggregate) const;
  Result<> check_call(const Call& call, size_t at) const;
  Result<> want(const Expr& expr, ValueKind kind, const std::string& where) const;
  Result<std::vector<ExprPtr>> parse_arguments();
  Result<std::vector<std::string>> parse_labels();

  const Token& token(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool at_symbol(std::string_view symbol, size_t ahead = 0) const;
  bool at_keyword(std::string_view keyword, size_t ahead = 0) const;
  bool take_symbol(std::string_view symbol);
  bool take_keyword(std::string_view keyword);
  Token take() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  Result<> need_symbol(std::string_view symbol, std::string_view context);
  Unexpected unexpected(std::string_view wanted) const;
  Unexpected fail_here(size_t at, const std::string& what) const { return fail_at(query_, at, what); }
  Unexpected unsupported(size_t at, const std::string& what) const {
    return fail_at(query_, at, what, Errc::kUnsupported);
  }
  // Fails when the tree gets too high.
  Result<ExprPtr> make(size_t at, Expr::Node node) const;

  std::string_view query_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  // Of the operand that is being parsed.
  bool offset_given_ = false;
  bool at_given_ = false;
};

// "scalar", "instant vector", "range vector", "string": how Prometheus' messages call them.
std::string_view kind_words(ValueKind kind);

}  // namespace ordeal::promql

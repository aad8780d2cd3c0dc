#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "core/base/text/text.h"
#include "prometheus/promql/functions/functions.h"
#include "prometheus/promql/syntax/literals.h"

namespace ordeal::promql {
namespace {

double scalar_at(const std::vector<Value>& arguments, size_t i) { return std::get<double>(arguments[i]); }

template <typename Function>
Value mapped(const CallSite& site, Value& argument, Function function) {
  auto& vector = std::get<Vector>(argument);
  for (Element& element : vector) {
    element.value = function(element.value);
    element.ms = site.at_ms;
    drop_name(element);
  }
  return std::move(vector);
}

// Infinities and NaN as Go's math.Max and math.Min: a NaN bound gives NaN.
double limited(double value, double least, double most) {
  if (std::isnan(value) || std::isnan(least) || std::isnan(most)) return std::numeric_limits<double>::quiet_NaN();
  return std::max(least, std::min(most, value));
}

constexpr double kEndless = std::numeric_limits<double>::infinity();

// What an absent() can say of what is absent: the labels that its selector pins down.
Labels pinned_labels(const Expr& expr) {
  const auto* selector = std::get_if<VectorSelector>(&expr.node);
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) selector = &matrix->selector;
  Labels labels;
  std::set<std::string> seen;
  if (!selector) return labels;
  for (const Matcher& matcher : selector->matchers) {
    if (matcher.name() == kMetricName) continue;
    bool first = seen.insert(matcher.name()).second;
    bool pinned = first && matcher.type() == MatchType::kEqual;
    labels.set(matcher.name(), pinned ? matcher.value() : "");
  }
  return labels;
}

Value absent(const CallSite& site, bool nothing) {
  if (!nothing) return Vector();
  return Vector{{site.labels.table.intern(pinned_labels(inner(*site.call.arguments[0]))), false, 1, site.at_ms}};
}

void check_order_shows(const CallSite& site) {
  if (!site.in_range_query) return;
  site.annotations.warn(site.expr, "sort is ineffective for range queries since results are always ordered by labels");
}

Result<> check_label_name(const std::string& name) {
  if (!name.empty() && valid_utf8(name)) return {};
  return fail(Errc::kInvalidInput, fmt::format("invalid label name {}", promql::quoted(name)));
}

// NaN goes last either way.
template <typename Before>
Value sorted(Value& argument, Before before) {
  auto& vector = std::get<Vector>(argument);
  std::stable_sort(vector.begin(), vector.end(), [&](const Element& a, const Element& b) {
    if (std::isnan(a.value) || std::isnan(b.value)) return !std::isnan(a.value) && std::isnan(b.value);
    return before(a.value, b.value);
  });
  return std::move(vector);
}

// $1, ${1}, ${name} and $$ in Go's way.
std::string expand(std::string_view pattern, const RE2& regex, const std::vector<re2::StringPiece>& groups) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '$' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    if (pattern[++i] == '$') {
      out += '$';
      continue;
    }
    bool braced = pattern[i] == '{';
    size_t start = i + (braced ? 1 : 0), end = start;
    while (end < pattern.size() && is_plain_name(std::string("x") + pattern[end], false)) ++end;
    std::string name(pattern.substr(start, end - start));
    bool closed = !braced || (end < pattern.size() && pattern[end] == '}');
    if (name.empty() || !closed) {
      out += '$';
      --i;
      continue;
    }
    auto named = regex.NamedCapturingGroups().find(name);
    bool number = name.find_first_not_of("0123456789") == std::string::npos && name.size() < 4;
    size_t group = number                                        ? std::stoul(name)
                   : named == regex.NamedCapturingGroups().end() ? groups.size()
                                                                 : size_t(named->second);
    if (group < groups.size()) out += groups[group].as_string();
    i = braced ? end : end - 1;
  }
  return out;
}

}  // namespace

Result<Value> call_absent(const CallSite& site, std::vector<Value>& arguments) {
  return absent(site, std::get<Vector>(arguments[0]).empty());
}

Result<Value> call_absent_over_time(const CallSite& site, std::vector<Value>& arguments) {
  return absent(site, std::get<Matrix>(arguments[0]).series.empty());
}

Result<Value> call_clamp(const CallSite& site, std::vector<Value>& arguments) {
  double least = scalar_at(arguments, 1), most = scalar_at(arguments, 2);
  if (most < least) return Vector();
  return mapped(site, arguments[0], [&](double value) { return limited(value, least, most); });
}

Result<Value> call_clamp_max(const CallSite& site, std::vector<Value>& arguments) {
  double most = scalar_at(arguments, 1);
  return mapped(site, arguments[0], [&](double value) { return limited(value, -kEndless, most); });
}

Result<Value> call_clamp_min(const CallSite& site, std::vector<Value>& arguments) {
  double least = scalar_at(arguments, 1);
  return mapped(site, arguments[0], [&](double value) { return limited(value, least, kEndless); });
}

Result<Value> call_label_replace(const CallSite& site, std::vector<Value>& arguments) {
  auto text = [&](size_t i) -> const std::string& { return std::get<std::string>(arguments[i]); };
  TRY_VOID(check_label_name(text(1)));
  auto regex = TRY(compile_regex(text(4)));
  LabelTable& table = site.labels.table;
  auto& vector = std::get<Vector>(arguments[0]);
  vector.one_metric = false;
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex->NumberOfCapturingGroups()) + 1);
  for (Element& element : vector) {
    std::string source(table[element.labels].get(text(3)));
    element.ms = site.at_ms;
    bool matched = regex->Match(source, 0, source.size(), RE2::ANCHOR_BOTH, groups.data(), int(groups.size()));
    if (!matched) continue;
    Labels labels = table[element.labels];
    labels.set(text(1), expand(text(2), *regex, groups));
    element.labels = table.intern(std::move(labels));
    if (text(1) == kMetricName) element.drop_name = false;
  }
  return std::move(vector);
}

// label_join(v, to, separator, from...).
Result<Value> call_label_join(const CallSite& site, std::vector<Value>& arguments) {
  auto text = [&](size_t i) -> const std::string& { return std::get<std::string>(arguments[i]); };
  for (size_t i = 1; i < arguments.size(); ++i)
    if (i != 2) TRY_VOID(check_label_name(text(i)));
  LabelTable& table = site.labels.table;
  auto& vector = std::get<Vector>(arguments[0]);
  vector.one_metric = false;
  for (Element& element : vector) {
    Labels labels = table[element.labels];
    std::string joined;
    for (size_t i = 3; i < arguments.size(); ++i) {
      if (i > 3) joined += text(2);
      joined += labels.get(text(i));
    }
    labels.set(text(1), joined);
    element.labels = table.intern(std::move(labels));
    element.ms = site.at_ms;
    if (text(1) == kMetricName) element.drop_name = false;
  }
  return std::move(vector);
}

Result<Value> call_pi(const CallSite&, std::vector<Value>&) { return Value(std::numbers::pi); }

Result<Value> call_round(const CallSite& site, std::vector<Value>& arguments) {
  // The inverse keeps round(x, 0.1) exact where a multiple of 0.1 is not.
  double inverse = 1.0 / (arguments.size() > 1 ? scalar_at(arguments, 1) : 1);
  return mapped(site, arguments[0], [&](double value) { return std::floor(value * inverse + 0.5) / inverse; });
}

Result<Value> call_scalar(const CallSite&, std::vector<Value>& arguments) {
  const auto& vector = std::get<Vector>(arguments[0]);
  return Value(vector.size() == 1 ? vector[0].value : std::numeric_limits<double>::quiet_NaN());
}

Result<Value> call_sort(const CallSite& site, std::vector<Value>& arguments) {
  check_order_shows(site);
  return sorted(arguments[0], std::less<>());
}

Result<Value> call_sort_desc(const CallSite& site, std::vector<Value>& arguments) {
  check_order_shows(site);
  return sorted(arguments[0], std::greater<>());
}

Result<Value> call_time(const CallSite& site, std::vector<Value>&) {
  return Value(static_cast<double>(site.at_ms) / 1000);
}

Result<Value> call_timestamp(const CallSite& site, std::vector<Value>& arguments) {
  auto& vector = std::get<Vector>(arguments[0]);
  // Only what comes straight from a selector is as old as its sample.
  bool selected = std::holds_alternative<VectorSelector>(inner(*site.call.arguments[0]).node);
  for (Element& element : vector) {
    element.value = static_cast<double>(selected ? element.ms : site.at_ms) / 1000;
    drop_name(element);
  }
  return std::move(vector);
}

Result<Value> call_vector(const CallSite& site, std::vector<Value>& arguments) {
  return Vector{{kNoLabels, false, scalar_at(arguments, 0), site.at_ms}};
}

}  // namespace ordeal::promql

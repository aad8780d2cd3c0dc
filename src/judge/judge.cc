#include "judge/judge.h"

#include <cmath>
#include <utility>

namespace ordeal::judge {
namespace {

bool is_data(const Observation& observation) {
  return observation.kind == Observation::Outcome::kValues && !observation.values.empty();
}

// The larger excess over the threshold is the worse one; without a threshold the larger value.
bool worse(double a, double b, const std::optional<expr::Threshold>& threshold) {
  bool wants_large = threshold && (threshold->comparison == expr::Comparison::kGreater ||
                                   threshold->comparison == expr::Comparison::kGreaterEqual);
  return wants_large ? a < b : a > b;
}

std::string reason_for(const Observation& observation) {
  if (!observation.own_lack.empty()) return observation.own_lack;
  std::string text = to_text(observation.kind);
  return observation.error.empty() ? text : text + ": " + observation.error;
}

}  // namespace

Judge::Judge(Expectation expectation, expr::Condition condition)
    : expectation_(std::move(expectation)), condition_(std::move(condition)), design_(design_trigger(expectation_)) {
  bool gauge = design_.kind == TriggerDesign::Signal::kGauge;
  if (gauge && !expectation_.for_) looks_needed_ = kGaugeLooks;
}

Result<Judge> Judge::create(const Expectation& expectation) {
  auto condition = expr::Condition::parse(expectation.condition);
  if (!condition) return wrap(condition.error(), "the condition of \"" + expectation.name + "\"");
  return Judge(expectation, std::move(*condition));
}

Judgement Judge::observe(const Observation& observation, BootTime now) {
  Judgement judgement;
  if (is_data(observation)) judgement = compare(observation);
  // Also what cannot be compared, and what is NaN throughout, is no data.
  if (judgement.reading == Reading::kNoData) {
    std::string why = judgement.detail.empty() ? reason_for(observation) : judgement.detail;
    judgement = without_data(why, observation.own_lack, now);
  } else {
    forget_lack();
    judgement.has_data = true;
  }
  if (judgement.reading == Reading::kHolds) reset_breach();
  if (judgement.reading == Reading::kBreached) {
    ++looks_breached_;
    if (!breached_since_) breached_since_ = now;
    judgement.breached_for = now - *breached_since_;
    bool enough_looks = looks_breached_ >= looks_needed_ || !judgement.has_data;
    judgement.breach = enough_looks && judgement.breached_for >= expectation_.for_.value_or(Nanos(0));
  }
  return judgement;
}

void Judge::reset_breach() {
  breached_since_.reset();
  looks_breached_ = 0;
}

void Judge::reset() {
  reset_breach();
  forget_lack();
}

void Judge::forget_lack() {
  no_data_since_.reset();
  lack_.clear();
}

Judgement Judge::compare(const Observation& observation) const {
  if (!observation.scalar && condition_.uses_bare_result()) return compare_each(observation);
  Judgement judgement;
  if (observation.values.size() == 1) judgement.value = observation.values.front().second;
  expr::Value result(0.0);
  if (observation.scalar) {
    result = expr::Value(observation.values.front().second);
  } else {
    std::vector<double> list;
    for (const auto& [series, value] : observation.values) list.push_back(value);
    result = expr::Value(std::move(list));
  }
  auto holds = condition_.holds(result);
  judgement.reading = !holds ? Reading::kNoData : *holds ? Reading::kHolds : Reading::kBreached;
  if (!holds) judgement.detail = holds.error().message();
  return judgement;
}

Judgement Judge::compare_each(const Observation& observation) const {
  Judgement judgement;
  bool violated = false;
  for (const auto& [series, value] : observation.values) {
    if (std::isnan(value)) continue;
    auto holds = condition_.holds(expr::Value(value));
    if (!holds) {
      judgement.detail = holds.error().message();
      return judgement;
    }
    bool first = !judgement.value.has_value();
    bool takes_over = !*holds && !violated;
    if (first || takes_over || (*holds != violated && worse(value, *judgement.value, condition_.threshold()))) {
      judgement.value = value;
      judgement.series = series;
    }
    violated = violated || !*holds;
  }
  if (judgement.value) judgement.reading = violated ? Reading::kBreached : Reading::kHolds;
  if (!judgement.value) judgement.detail = "no data: NaN";
  return judgement;
}

// The reasons may alternate: nothing was seen all the same.
Judgement Judge::without_data(const std::string& why, const std::string& own_lack, BootTime now) {
  if (!no_data_since_) no_data_since_ = now;
  if (!own_lack.empty()) lack_ = own_lack;
  bool too_long = now - *no_data_since_ >= kHoldAtMost;
  Judgement judgement;
  judgement.detail = why;
  if (expectation_.no_data == NoData::kPass) return judgement;  // no breach, and no proof either
  judgement.reading = Reading::kUndecided;
  if (own_lack.empty() && expectation_.no_data == NoData::kBreach) {
    judgement.reading = Reading::kBreached;
  } else if (too_long && !lack_.empty()) {
    judgement.given_up = true;
    judgement.lack = lack_;
  } else if (too_long) {
    judgement.reading = Reading::kBreached;
  }
  return judgement;
}

}  // namespace ordeal::judge

#include "argo/run/measurement.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/duration.h"
#include "base/text.h"
#include "expr/condition.h"
#include "model/experiment.h"

namespace ordeal::argo {
namespace {

using promql::ValueKind;

constexpr Nanos kStandardTimeout = 30s;

// Prometheus' client in Go: the shortest digits that read back the same, never an exponent.
std::string printed(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed).ptr;
  return {digits.data(), end};
}

std::string printed(const promql::QueryResult& answer) {
  if (answer.kind == ValueKind::kScalar) return printed(answer.scalar);
  std::string text;
  for (double number : answer.numbers()) text += (text.empty() ? "" : ",") + printed(number);
  return "[" + text + "]";
}

struct Judged {
  std::optional<bool> success, failure;  // of the conditions that there are
  bool unwrapped = false;
};

Result<bool> judge(std::string_view name, const std::string& text, const expr::Value& result, Mode mode, Nanos now,
                   bool& unwrapped) {
  const expr::List* list = std::get_if<expr::List>(&result);
  std::string trying = fmt::format("could not evaluate {} \"{}\"", name, text);
  auto condition = expr::Condition::parse(text, expr::Dialect::kArgo);
  bool unwraps = condition && mode == Mode::kCompat && list && list->size() == 1 && condition->uses_bare_result();
  auto truth = condition ? condition->holds(result, {.unwrap_single = unwraps, .now = now})
                         : Result<bool>(tl::unexpected(condition.error()));
  if (truth) {
    unwrapped = unwrapped || unwraps;
    return truth;
  }
  if (list && list->empty())
    return fail(Errc::kInvalidInput,
                trying + ": metric result is nil or empty: no data returned from the metric provider");
  const Error& error = truth.error();
  return fail(Errc::kInvalidInput, trying + ": " + (error.cause ? error.cause->message() : error.message()));
}

Result<Judged> judge_both(const Metric& metric, const expr::Value& result, Mode mode, Nanos now) {
  Judged judged;
  if (!metric.success_condition.empty())
    judged.success = TRY(judge("successCondition", metric.success_condition, result, mode, now, judged.unwrapped));
  if (!metric.failure_condition.empty())
    judged.failure = TRY(judge("failureCondition", metric.failure_condition, result, mode, now, judged.unwrapped));
  return judged;
}

// Without a condition of the other kind, each is the other's opposite; failure wins.
Phase phase_of(const Judged& judged) {
  bool failure = judged.failure.value_or(judged.success && !*judged.success);
  bool success = judged.success.value_or(!failure);
  return failure ? Phase::kFailed : success ? Phase::kSuccessful : Phase::kInconclusive;
}

}  // namespace

Measurement failed_measurement(std::string message) {
  Measurement measurement;
  measurement.message = std::move(message);
  return measurement;
}

Measurement measure(const Metric& metric, const promql::QueryResult& answer, Mode mode, Nanos now) {
  if (answer.kind == ValueKind::kString) return failed_measurement("Prometheus metric type not supported");
  bool scalar = answer.kind == ValueKind::kScalar;
  auto judged = judge_both(metric, scalar ? expr::Value(answer.scalar) : expr::Value(answer.numbers()), mode, now);
  if (!judged) return failed_measurement(judged.error().what);
  Measurement measurement;
  measurement.phase = phase_of(*judged);
  measurement.value = printed(answer);
  measurement.warnings = answer.warnings;
  measurement.unwrapped = judged->unwrapped;
  return measurement;
}

Result<Question> question_of(const Metric& metric, const std::string& environment_address, Nanos now) {
  const PrometheusProvider& provider = metric.prometheus;
  Question question{
      provider.address.empty() ? environment_address : provider.address, provider.query, kStandardTimeout, {}};
  if (question.address.empty()) return fail(Errc::kInvalidInput, "prometheus address is not configured");
  if (!is_http_url(question.address))
    return fail(Errc::kInvalidInput,
                fmt::format("the prometheus address \"{}\" is no URL", without_password(question.address)));
  if (!provider.foreign_login.empty())
    return fail(Errc::kUnsupported,
                fmt::format("authentication.{} is not supported by Ordeal", provider.foreign_login));
  if (provider.username.empty() != provider.password.empty())
    return fail(Errc::kInvalidInput, fmt::format("missing mandatory parameter in metric for basic auth setup: {}",
                                                 provider.username.empty() ? "username" : "password"));
  if (provider.timeout && *provider.timeout < 0)
    return fail(Errc::kInvalidInput, "prometheus timeout should not be negative");
  if (provider.timeout) question.timeout = seconds(*provider.timeout);
  if (!provider.range) return question;
  auto read = [&](const char* name, auto parsed) -> Result<Nanos> {
    if (parsed) return *parsed;
    return wrap(parsed.error(), fmt::format("failed to parse rangeQuery.{}", name));
  };
  Question::Range range;
  range.start = TRY(read("start", expr::evaluate_time(provider.range->start, now)));
  range.end = TRY(read("end", expr::evaluate_time(provider.range->end, now)));
  range.step = TRY(read("step", parse_go_duration(provider.range->step)));
  question.range = range;
  return question;
}

}  // namespace ordeal::argo

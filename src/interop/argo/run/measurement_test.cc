// What one answer means.
#include "interop/argo/run/measurement.h"

#include <cmath>

#include "interop/argo/testing.h"

namespace ordeal::argo {
namespace {

const double kNaN = std::nan("");
const double kInf = INFINITY;
constexpr Nanos kNow = std::chrono::hours(490'000);

promql::QueryResult scalar(double value) {
  promql::QueryResult result;
  result.kind = promql::ValueKind::kScalar;
  result.scalar = value;
  return result;
}
promql::QueryResult vector(const std::vector<double>& values) {
  promql::QueryResult result;
  result.kind = promql::ValueKind::kVector;
  for (double value : values) result.vector.push_back({{}, value});
  return result;
}
promql::QueryResult matrix(const std::vector<std::vector<double>>& series) {
  promql::QueryResult result;
  result.kind = promql::ValueKind::kMatrix;
  for (const auto& values : series) {
    result.matrix.emplace_back();
    for (double value : values) result.matrix.back().samples.push_back({0, value});
  }
  return result;
}
promql::QueryResult text() {
  promql::QueryResult result;
  result.kind = promql::ValueKind::kString;
  return result;
}

struct MeasurementRow {
  const char* rule;
  const char* success;
  const char* failure;
  promql::QueryResult answer;
  Phase phase;
  const char* value;         // as it is printed
  const char* message = "";  // a part of it
  std::optional<Phase> compat;
};

Metric conditions(const MeasurementRow& row) {
  Metric metric;
  metric.success_condition = row.success;
  metric.failure_condition = row.failure;
  return metric;
}

// clang-format off
const MeasurementRow kMeasurementRows[] = {
    {"without conditions everything is Successful", "", "", scalar(1), Phase::kSuccessful, "1"},
    {"success alone: true", "result < 2", "", scalar(1), Phase::kSuccessful, "1"},
    {"success alone: false is Failed", "result < 2", "", scalar(3), Phase::kFailed, "3"},
    {"failure alone: false is Successful", "", "result > 2", scalar(1), Phase::kSuccessful, "1"},
    {"failure alone: true is Failed", "", "result > 2", scalar(3), Phase::kFailed, "3"},
    {"both: failure wins over success", "true", "true", scalar(1), Phase::kFailed, "1"},
    {"both: success", "true", "false", scalar(1), Phase::kSuccessful, "1"},
    {"both: neither is Inconclusive", "result > 5", "result < 1", scalar(3), Phase::kInconclusive, "3"},
    {"no boolean is an Error", "1", "", scalar(1), Phase::kError, "", "must be true or false"},
    {"an unknown name is an Error", "a == true", "", scalar(1), Phase::kError, "", "could not evaluate successCondition \"a == true\": column 1: unknown name \"a\""},
    {"also in the failureCondition", "true", "a == true", scalar(1), Phase::kError, "", "failureCondition \"a == true\""},
    {"an error wins over a failure", "a == true", "true", scalar(1), Phase::kError, "", "unknown name"},
    {"a division by zero", "5 % 0 == 1", "", scalar(1), Phase::kError, "", "division by zero"},
    {"a scalar is a number", "result == 10", "", scalar(10), Phase::kSuccessful, "10"},
    {"a vector is a list", "result[0] == 10 && result[1] == 11", "", vector({10, 11}), Phase::kSuccessful, "[10,11]"},
    {"a matrix is one list of all its series", "len(result) == 3 && result[2] == 3", "", matrix({{1, 2}, {3}}), Phase::kSuccessful, "[1,2,3]"},
    {"a text is an Error", "true", "", text(), Phase::kError, "", "Prometheus metric type not supported"},
    {"a scalar's value", "true", "", scalar(0.25), Phase::kSuccessful, "0.25"},
    {"never an exponent", "true", "", scalar(1e-7), Phase::kSuccessful, "0.0000001"},
    {"nor of a large one", "true", "", scalar(1e21), Phase::kSuccessful, "1000000000000000000000"},
    {"NaN and infinities", "true", "", vector({kNaN, kInf, -kInf}), Phase::kSuccessful, "[NaN,+Inf,-Inf]"},
    {"an empty vector", "len(result) == 0", "", vector({}), Phase::kSuccessful, "[]"},
    {"NaN fails a success condition", "result[0] < 1", "", vector({kNaN}), Phase::kFailed, "[NaN]"},
    {"NaN is Inconclusive between two", "result >= 1", "result < 1", scalar(kNaN), Phase::kInconclusive, "NaN"},
    {"isNaN says it", "isNaN(result) || result < 1", "", scalar(kNaN), Phase::kSuccessful, "NaN"},
    {"+Inf is above everything", "result >= 1", "", scalar(kInf), Phase::kSuccessful, "+Inf"},
    {"-Inf is below", "result >= 1", "", scalar(-kInf), Phase::kFailed, "-Inf"},
    {"the first of nothing is an Error", "result[0] >= 0.95", "", vector({}), Phase::kError, "", "could not evaluate successCondition \"result[0] >= 0.95\": metric result is nil or empty: no data returned from the metric provider"},
    {"unless the length is asked first", "len(result) == 0 || result[0] < 1", "", vector({}), Phase::kSuccessful, "[]"},
    {"a type error on nothing says the same", "result < 1", "", vector({}), Phase::kError, "", "nil or empty"},
    {"all, any, none", "all(result, # < 3) and any(result, {# > 1}) and none(result, # > 5)", "", vector({1, 2}), Phase::kSuccessful, "[1,2]"},
    {"in", "2 in result", "", vector({2, 2}), Phase::kSuccessful, "[2,2]"},
    {"asInt of a text that is none", "asInt(\"1.1\") == 1", "", scalar(1), Phase::kError, "", "is not a whole number"},
    {"asFloat of a text that is none", "asFloat(\"x\") == 1", "", scalar(1), Phase::kError, "", "is not a number"},
    {"asInt of a number", "asInt(result) == 1", "", scalar(1.123), Phase::kSuccessful, "1.123"},
    {"default() looks at the result", "default(result[0], 7) == 7", "", vector({}), Phase::kError, "", "nil or empty"},
    {"default() of a scalar is it", "default(nil, 7) == 1", "", scalar(1), Phase::kSuccessful, "1"},
    {"isNil() looks at the result", "isNil(nil)", "", scalar(1), Phase::kFailed, "1"},
    {"now() and duration()", "now() - duration(\"1h\") < now()", "", scalar(1), Phase::kSuccessful, "1"},
    {"ternary, filter, len", "len(filter(result, # > 1)) == 1 ? true : false", "", vector({1, 2}), Phase::kSuccessful, "[1,2]"},
    {"a condition on a vector", "result < 0.01", "", vector({0.002}), Phase::kError, "", "could not evaluate successCondition \"result < 0.01\": column 1: < needs a number, not a list of numbers", Phase::kSuccessful},
    {"§0.3 compat sees the breach", "result < 0.01", "", vector({0.2}), Phase::kError, "", "not a list", Phase::kFailed},
    {"§0.3 compat never unwraps nothing", "result < 0.01", "", vector({}), Phase::kError, "", "nil or empty", Phase::kError},
    {"§0.3 nor more than one", "result < 0.01", "", vector({0, 0}), Phase::kError, "", "not a list", Phase::kError},
    {"§0.3 nor where nothing is bare", "result[0] < 0.01", "", vector({0.002}), Phase::kSuccessful, "[0.002]"},
};
// clang-format on

TEST(Measurement, FollowsTheRules) {
  for (const MeasurementRow& row : kMeasurementRows) {
    SCOPED_TRACE(row.rule);
    Measurement strict = measure(conditions(row), row.answer, Mode::kStrict, kNow);
    EXPECT_EQ(strict.phase, row.phase) << strict.message;
    EXPECT_EQ(strict.value, row.value);
    EXPECT_NE(strict.message.find(row.message), std::string::npos) << strict.message;
    EXPECT_EQ(strict.message.empty(), !*row.message) << strict.message;
    EXPECT_EQ(strict.phase == Phase::kError, *row.message != 0) << "an Error says why, and nothing else does";
    Measurement compat = measure(conditions(row), row.answer, Mode::kCompat, kNow);
    EXPECT_EQ(compat.phase, row.compat.value_or(row.phase)) << compat.message;
    EXPECT_EQ(compat.unwrapped, row.compat && *row.compat != Phase::kError);
  }
}

TEST(Measurement, R24KeepsTheWarnings) {
  promql::QueryResult answer = scalar(1);
  answer.warnings = {"careful"};
  EXPECT_EQ(measure(Metric{}, answer, Mode::kStrict, kNow).warnings, answer.warnings);
}

struct QuestionRow {
  const char* rule;
  const char* provider;  // YAML of provider.prometheus besides the query
  const char* environment;
  const char* error;  // "" is none
};
// clang-format off
const QuestionRow kQuestions[] = {
    {"a password is not shown", "{address: 'ftp://me:s3cret@p'}", "", "the prometheus address \"ftp://me:***@p\" is no URL"},
    {"30 s without a timeout", "{address: 'http://p'}", "", ""},
    {"a negative timeout is an Error", "{address: 'http://p', timeout: -1}", "", "prometheus timeout should not be negative"},
    {"the address must be a URL", "{address: 'p:9090'}", "", "the prometheus address \"p:9090\" is no URL"},
    {"else the environment's", "{}", "http://e", ""},
    {"which must be one, too", "{}", "e", "the prometheus address \"e\" is no URL"},
    {"else an Error", "{}", "", "prometheus address is not configured"},
    {"a user needs a password", "{address: 'http://p', authentication: {basicAuth: {username: u}}}", "", "missing mandatory parameter in metric for basic auth setup: password"},
    {"and a password a user", "{address: 'http://p', authentication: {basicAuth: {password: u}}}", "", "missing mandatory parameter in metric for basic auth setup: username"},
    {"sigv4 is refused by name", "{address: 'http://p', authentication: {sigv4: {region: x}}}", "", "authentication.sigv4 is not supported by Ordeal"},
    {"start is a time", "{address: 'http://p', rangeQuery: {start: 'now() - 5', end: 'now()', step: 1m}}", "", "failed to parse rangeQuery.start: cannot read the time \"now() - 5\": column 9: - needs an instant, not a whole number"},
    {"end is no number", "{address: 'http://p', rangeQuery: {start: 'now()', end: '1', step: 1m}}", "", "failed to parse rangeQuery.end: \"1\" is a whole number, not an instant"},
    {"step is a Go duration", "{address: 'http://p', rangeQuery: {start: 'now()', end: 'now()', step: 1d}}", "", "failed to parse rangeQuery.step: \"1d\" is not a duration such as 1m30s"},
};
// clang-format on

Result<Question> ask(const char* provider, const char* environment) {
  std::string text = std::string("name: m\nprovider: {prometheus: ") + provider + "}\n";
  json::Document document = TRY(json::parse_document(text));
  document.value.at("provider").at("prometheus").as_object()["query"] = "up";
  return question_of(TRY(decode_metric(json::Reader(document))), environment, kNow);
}

TEST(Question, FollowsTheRules) {
  for (const QuestionRow& row : kQuestions)
    EXPECT_EQ(error_of(ask(row.provider, row.environment)), *row.error ? row.error : "no error") << row.rule;
  EXPECT_EQ(ask("{address: 'http://p'}", "")->timeout, 30s);
  EXPECT_EQ(ask("{address: 'http://p', timeout: 5}", "")->timeout, 5s);
  EXPECT_EQ(ask("{}", "http://e")->address, "http://e");
  auto range =
      ask("{address: 'http://p', rangeQuery: {start: 'now() - duration(\"5m\")', end: 'now()', step: 30s}}", "")->range;
  EXPECT_EQ(range->start, kNow - 5min);
  EXPECT_EQ(range->end, kNow);
  EXPECT_EQ(range->step, 30s);
}

}  // namespace
}  // namespace ordeal::argo

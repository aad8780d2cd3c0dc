// What `init` writes: every attack's draft decodes, whatever the names in it are.
#include "run/session/draft/draft.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/json/yaml.h"
#include "core/model/input/experiment.h"
#include "fault/attacks/fault.h"
#include "run/session/draft/subject.h"
#include "run/session/prepare.h"

namespace ordeal::session {
namespace {

constexpr const char* kPage =
    "# TYPE http_request_duration_seconds histogram\n"
    "http_request_duration_seconds_bucket{path=\"/\",le=\"0.05\"} 90\n"
    "http_request_duration_seconds_bucket{path=\"/\",le=\"0.1\"} 96\n"
    "http_request_duration_seconds_bucket{path=\"/\",le=\"0.25\"} 100\n"
    "http_request_duration_seconds_bucket{path=\"/\",le=\"1\"} 100\n"
    "http_request_duration_seconds_bucket{path=\"/\",le=\"+Inf\"} 100\n"
    "# TYPE http_requests_total counter\n"
    "http_requests_total{code=\"200\"} 99\nhttp_requests_total{code=\"503\"} 1\n"
    "# TYPE go_gc_duration_seconds histogram\ngo_gc_duration_seconds_bucket{le=\"+Inf\"} 1\n"
    "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 5\n";

std::vector<Suggestion> from(const char* page) {
  return suggest_from(metrics::parse_exposition(page, metrics::Format::kText), "shop");
}

TEST(Suggestion, AHistogramACounterByStatusAndThePageItself) {
  auto found = from(kPage);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].query, "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5s])))");
  EXPECT_EQ(found[0].condition, "result < 0.25") << "the bucket above twice the 0.1 s of now";
  EXPECT_EQ(found[1].query, "sum(rate(http_requests_total{code=~\"5..\"}[5s])) / sum(rate(http_requests_total[5s]))");
  EXPECT_EQ(found[1].condition, "result < 0.02") << "1 % failed so far";
  EXPECT_EQ(found[1].comment, "1 of 100 so far");
  EXPECT_EQ(found[2].query, "up{job=\"shop\"}");
  EXPECT_TRUE(found[2].not_during);
}

TEST(Suggestion, TheWaysInWhichAStatusIsWritten) {
  auto errors = [](const std::string& labels) { return from(("requests_total{" + labels + "} 1\n").c_str())[0].query; };
  EXPECT_NE(errors("status=\"404\"").find("{status=~\"5..\"}"), std::string::npos);
  EXPECT_NE(errors("status=\"2xx\"").find("{status=~\"5(xx|XX)\"}"), std::string::npos);
  EXPECT_NE(errors("grpc_code=\"OK\"").find("{grpc_code!=\"OK\"}"), std::string::npos);
  EXPECT_EQ(from("requests_total{status=\"ready\"} 1\n").size(), 1u) << "that is no status of requests";
}

// `slow` of 100 requests take 5 s, the others 0.1 s at most.
std::string page_with(int slow, int errors) {
  std::string page = "# TYPE http_latency_seconds histogram\n";
  for (const char* bound : {"0.1", "0.5", "1", "2.5"})
    page += fmt::format("http_latency_seconds_bucket{{le=\"{}\"}} {}\n", bound, 100 - slow);
  page += "http_latency_seconds_bucket{le=\"5\"} 100\nhttp_latency_seconds_bucket{le=\"+Inf\"} 100\n";
  return page + fmt::format("http_requests_total{{code=\"200\"}} {}\nhttp_requests_total{{code=\"500\"}} {}\n",
                            100 - errors, errors);
}

TEST(Suggestion, ALimitIsOneThatAServiceInTroubleBreaks) {
  auto found = from(page_with(20, 30).c_str());
  EXPECT_EQ(found[0].condition, "result < 1");
  EXPECT_EQ(found[0].unmet, "does not hold now (today: 5 s): fix the service first, or choose the limit yourself");
  EXPECT_EQ(found[1].condition, "result < 0.05");
  EXPECT_EQ(found[1].unmet, "does not hold now (today: 30 %): fix the service first, or choose the limit yourself");

  found = from(page_with(0, 4).c_str());
  EXPECT_EQ(found[0].condition, "result < 0.5") << "one bucket above";
  EXPECT_EQ(found[0].unmet, "");
  EXPECT_EQ(found[1].condition, "result < 0.05");
  EXPECT_EQ(found[1].unmet, "") << "4 % holds";
}

TEST(Suggestion, SlowerThanTheLastBucketIsNotUncounted) {
  auto found = from(
      "# TYPE http_latency_seconds histogram\nhttp_latency_seconds_bucket{le=\"0.1\"} 0\n"
      "http_latency_seconds_bucket{le=\"0.5\"} 0\nhttp_latency_seconds_bucket{le=\"2\"} 0\n"
      "http_latency_seconds_bucket{le=\"+Inf\"} 9\n");
  EXPECT_EQ(found[0].condition, "result < 0.5");
  EXPECT_EQ(found[0].comment,
            "more than 5 % of the 9 requests so far took more than 2 s; the limit is one of its buckets");
  EXPECT_NE(found[0].unmet.find("(today: more than 2 s)"), std::string::npos);
}

TEST(Suggestion, BucketsOfJobsAreNoLimits) {
  auto found = from(
      "# TYPE job_duration_seconds histogram\njob_duration_seconds_bucket{le=\"10\"} 9\n"
      "job_duration_seconds_bucket{le=\"60\"} 9\njob_duration_seconds_bucket{le=\"+Inf\"} 9\n");
  EXPECT_EQ(found[0].condition, "result < 1");
  EXPECT_EQ(found[0].comment.find("one of its buckets"), std::string::npos);
}

TEST(Suggestion, AHistogramOfSecondsWillDoWhereNoneIsNamedBetter) {
  const std::string page =
      "# TYPE user_seconds histogram\nuser_seconds_bucket{le=\"0.1\"} 9\nuser_seconds_bucket{le=\"0.4\"} 10\n"
      "user_seconds_bucket{le=\"+Inf\"} 10\nuser_seconds_count 10\n";
  EXPECT_EQ(from(page.c_str()).front().name, "p95 of user_seconds");
  const std::string better =
      "# TYPE request_duration_seconds histogram\nrequest_duration_seconds_bucket{le=\"+Inf\"} 1\n";
  EXPECT_EQ(from((page + better).c_str()).front().name, "p95 of request_duration_seconds");
}

TEST(Suggestion, TheLastBucketIsNoLimit) {
  auto found = from(
      "# TYPE http_latency_seconds histogram\nhttp_latency_seconds_bucket{le=\"0.1\"} 0\n"
      "http_latency_seconds_bucket{le=\"0.2\"} 9\nhttp_latency_seconds_bucket{le=\"+Inf\"} 9\n");
  EXPECT_EQ(found[0].condition, "result < 0.1");
}

TEST(Suggestion, APortIsAskedInItsLanguage) {
  EXPECT_EQ(suggest_probe("127.0.0.1", 8000).probe, "{http: {url: \"http://127.0.0.1:8000/\", result: latency}}");
  EXPECT_EQ(suggest_probe("::1", 443).probe, "{http: {url: \"https://[::1]:443/\", result: latency}}");
  EXPECT_EQ(suggest_probe("10.0.0.1", 6379).probe, "{tcp: \"10.0.0.1:6379\"}");
  std::vector<sys::ListeningSocket> sockets{
      {"127.0.0.1", 5432, 1, true, false}, {"0.0.0.0", 9999, 2, false, true}, {"0.0.0.0", 8080, 3, false, true}};
  EXPECT_EQ(likely_front(sockets).port, 8080);
}

constexpr const char* kEvil = "a\n: \"'{}#[]\x1b\\ \t- x";

Draft draft_of(const fault::Fault& fault) {
  Draft draft;
  draft.file = draft.subject = kEvil;
  draft.on_target = draft.on_attack = {kEvil};
  draft.target_line = example_target(fault.info());
  draft.attack = &fault.info();
  draft.args = example_arguments(fault.info(), 8000, kEvil);
  return draft;
}

class EveryAttack : public testing::TestWithParam<const fault::Fault*> {};

TEST_P(EveryAttack, IsDraftedSoThatItDecodes) {
  for (bool with_page : {false, true}) {
    Draft draft = draft_of(*GetParam());
    draft.no_expectation = kEvil;
    if (with_page) {
      draft.metrics_url = "http://127.0.0.1:8000/metrics";
      draft.job = "shop";
      draft.expect = from(kPage);
      draft.expect.push_back(suggest_probe("127.0.0.1", 80));
      draft.expect.back().name = draft.expect.back().comment = draft.expect.back().unmet = kEvil;
      draft.on_source = {kEvil};
    }
    std::string text = write(draft);
    auto document = json::parse_document(text);
    ASSERT_TRUE(document) << document.error().message() << "\n" << text;
    auto experiment = decode_experiment(*document);
    ASSERT_TRUE(experiment) << experiment.error().message() << "\n" << text;
    EXPECT_EQ(experiment->attack.type, GetParam()->info().type);
    EXPECT_EQ(experiment->expect.size(), with_page ? 4u : 0u);
    auto fault = fault::resolve(experiment->attack);
    EXPECT_TRUE(fault) << fault.error().message();
    auto checked = check_expectations(*experiment);
    EXPECT_TRUE(checked) << checked.error().message();
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    for (const ArgumentInfo& argument : GetParam()->info().arguments)
      EXPECT_NE(text.find(argument.name + ": "), std::string::npos) << argument.name << " is not mentioned";
  }
}
INSTANTIATE_TEST_SUITE_P(Draft, EveryAttack, testing::ValuesIn(fault::all_faults()),
                         [](const auto& one) { return one.param->info().type; });

target::Survey surveyed() {
  using target::Group;
  target::Survey survey;
  auto add = [&](Group group, const char* name, std::optional<std::string> refused = {}) {
    survey.entries.push_back({group, name, "", "", 1, {}, "line", std::move(refused)});
  };
  add(Group::kUnit, "nginx.service");
  add(Group::kUnit, "redis-server.service");
  add(Group::kUnit, "ssh.service", "sshd is always protected");
  add(Group::kContainer, "shop-api");
  add(Group::kContainer, "shop-db");
  add(Group::kProcess, "nginx");
  add(Group::kProcess, "redis-server");
  add(Group::kHost, "web1");
  return survey;
}

TEST(Subject, AFullNameGoesBeforeAPartOfOne) {
  auto chosen = [](const char* words) { return choose_subject(surveyed(), words)->name; };
  EXPECT_EQ(chosen("nginx"), "nginx.service");
  EXPECT_EQ(chosen("redis"), "redis-server.service");
  EXPECT_EQ(chosen("shop-db"), "shop-db");
  EXPECT_EQ(chosen("host"), "web1");
}

TEST(Subject, SeveralNoneAndAProtectedOneAreErrors) {
  auto complaint = [](const char* words) { return choose_subject(surveyed(), words).error(); };
  EXPECT_EQ(complaint("shop").message(), "\"shop\" may mean shop-api (container), shop-db (container)");
  EXPECT_EQ(complaint("shop").code, Errc::kInvalidInput);
  EXPECT_EQ(complaint("ssh").code, Errc::kRefused);
  EXPECT_EQ(complaint("nginz").code, Errc::kInvalidInput);
}

}  // namespace
}  // namespace ordeal::session

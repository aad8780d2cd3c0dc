#include "ordeal/resilience/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <clocale>
#include <cmath>
#include <limits>
#include <list>
#include <map>
#include <thread>

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;
using Breaker = CircuitBreaker<ManualClock>;

CircuitBreakerOptions quick(std::string name) {
  return {.name = std::move(name), .minimum_calls = 2, .open_for = 1s, .open_jitter = 0};
}

template <class B>
void fail(B& breaker, int times = 1) {
  for (int i = 0; i < times; ++i) breaker.try_acquire().failure();
}

// Of the sample whose text begins so: name{labels} or the name alone. NaN when there is none.
double value_of(const Metrics& metrics, const std::string& series) {
  std::string text = '\n' + metrics.write_prometheus();
  size_t place = text.find('\n' + series + ' ');
  return place == std::string::npos ? std::nan("") : std::stod(text.substr(place + series.size() + 2));
}

std::string calls(const std::string& name, const std::string& outcome) {
  return "circuit_breaker_calls_total{name=\"" + name + "\",service=\"" + name + "\",outcome=\"" + outcome + "\"}";
}
std::string state(const std::string& name) {
  return "circuit_breaker_state{name=\"" + name + "\",service=\"" + name + "\"}";
}

TEST(Metrics, WritesTheTextFormatInAFixedOrder) {
  Metrics metrics;
  Bulkhead b({.name = "b", .limit = 2}), a({.name = "a", .limit = 1});
  auto slot = a.try_acquire();
  auto registered_b = metrics.add(b), registered_a = metrics.add(a);
  EXPECT_FALSE(a.try_acquire());
  EXPECT_EQ(metrics.write_prometheus(), R"(# HELP bulkhead_in_flight Calls that hold a slot.
# TYPE bulkhead_in_flight gauge
bulkhead_in_flight{name="a"} 1
bulkhead_in_flight{name="b"} 0
# HELP bulkhead_limit Slots.
# TYPE bulkhead_limit gauge
bulkhead_limit{name="a"} 1
bulkhead_limit{name="b"} 2
# HELP bulkhead_refused_total Calls that got no slot.
# TYPE bulkhead_refused_total counter
bulkhead_refused_total{name="a"} 1
bulkhead_refused_total{name="b"} 0
)");
}

TEST(Metrics, WritesNumbersAsPrometheusReadsThem) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::pair<double, const char*> kNumbers[] = {{0, "0"},
                                                     {0.1, "0.1"},
                                                     {1764157200.123, "1764157200.123"},
                                                     {-2.5, "-2.5"},
                                                     {1e300, "1e+300"},
                                                     {kInfinity, "+Inf"},
                                                     {-kInfinity, "-Inf"},
                                                     {std::nan(""), "NaN"},
                                                     {-std::nan(""), "NaN"}};
  for (const auto& [value, text] : kNumbers) EXPECT_EQ(detail::prometheus_number(value), text);
}

TEST(Metrics, WritesTheSameInEveryLocale) {
  const std::string before = std::setlocale(LC_NUMERIC, nullptr);
  bool has_comma = false;
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"}) {
    has_comma = has_comma || std::setlocale(LC_NUMERIC, locale) != nullptr;
  }
  std::string half = detail::prometheus_number(0.5);
  std::setlocale(LC_NUMERIC, before.c_str());
  EXPECT_EQ(half, "0.5");
  if (!has_comma) GTEST_SKIP() << "no locale with a decimal comma is installed";
}

TEST(Metrics, EscapesLabels) {
  Metrics metrics;
  Retry retry({.name = "a\"b\\c\nd\xff é"});
  auto registered = metrics.add(retry);
  EXPECT_EQ(value_of(metrics, R"(retry_calls_total{name="a\"b\\c\nd? é"})"), 0);
}

TEST(Metrics, ReplacesWhatIsNotUtf8) {
  Metrics metrics;
  const std::pair<const char*, const char*> kTexts[] = {
      {"\xf0\x9f\x98\x80 \xe2\x82\xac", "\xf0\x9f\x98\x80 \xe2\x82\xac"},
      {"\xc0\xaf", "??"},            // a slash, too long
      {"\xed\xa0\x80", "???"},       // half of a pair
      {"\xf4\x90\x80\x80", "????"},  // beyond the last character
      {"x\xe2\x82", "x??"},          // cut off
      {"\xe2\x82y", "??y"}};
  for (const auto& [given, written] : kTexts) {
    Retry retry({.name = given});
    auto registered = metrics.add(retry);
    EXPECT_EQ(value_of(metrics, std::string("retry_calls_total{name=\"") + written + "\"}"), 0);
  }
}

TEST(Metrics, CountsABreakersCallsByOutcome) {
  ManualClock clock;
  Breaker breaker({.name = "s", .minimum_calls = 100}, clock);
  Metrics metrics;
  auto registered = metrics.add(breaker);
  breaker.try_acquire().success();
  fail(breaker, 2);
  breaker.try_acquire().timeout();
  breaker.try_acquire().ignore();
  { auto dropped = breaker.try_acquire(); }
  EXPECT_EQ(value_of(metrics, calls("s", "success")), 1);
  EXPECT_EQ(value_of(metrics, calls("s", "failure")), 2);
  EXPECT_EQ(value_of(metrics, calls("s", "timeout")), 1);
  EXPECT_EQ(value_of(metrics, calls("s", "ignored")), 1);
  EXPECT_EQ(value_of(metrics, calls("s", "abandoned")), 1);
}

TEST(Metrics, TransitionsAreThereFromTheStart) {
  ManualClock clock;
  Breaker breaker(quick("s"), clock);
  Metrics metrics;
  auto registered = metrics.add(breaker);
  auto transitions = [&](const char* from, const char* to) {
    return value_of(metrics, std::string(R"(circuit_breaker_transitions_total{name="s",service="s",from=")") + from +
                                 "\",to=\"" + to + "\"}");
  };
  EXPECT_EQ(transitions("closed", "open"), 0);
  EXPECT_EQ(transitions("open", "half-open"), 0);
  EXPECT_EQ(transitions("half-open", "closed"), 0);
  EXPECT_EQ(transitions("half-open", "open"), 0);
  fail(breaker, 2);
  breaker.force_open();
  EXPECT_EQ(transitions("closed", "open"), 1);
  EXPECT_EQ(transitions("open", "forced-open"), 1);
}

TEST(Metrics, AnIdleOpenBreakerDoesNotLookOpenForEver) {
  ManualClock clock;
  Breaker breaker(quick("s"), clock);
  Metrics metrics;
  auto registered = metrics.add(breaker);
  fail(breaker, 2);
  EXPECT_EQ(value_of(metrics, state("s")), 1);
  EXPECT_FALSE(breaker.try_acquire());
  EXPECT_EQ(value_of(metrics, calls("s", "rejected_open")), 1);
  clock.advance(1s);
  EXPECT_EQ(value_of(metrics, state("s")), 0.5);
  auto probe = breaker.try_acquire();
  EXPECT_FALSE(breaker.try_acquire());
  EXPECT_EQ(value_of(metrics, calls("s", "rejected_half_open")), 1);
  probe.success();
  EXPECT_EQ(value_of(metrics, state("s")), 0);
}

TEST(Metrics, TheTransitionsTimeIsOfTheWallClockAndStays) {
  ManualClock clock;
  Breaker breaker(quick("s"), clock);
  Metrics metrics;
  auto registered = metrics.add(breaker);
  fail(breaker, 2);
  clock.advance(500ms);
  const std::string series = R"(circuit_breaker_last_transition_timestamp_seconds{name="s",service="s"})";
  auto wall = [] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  double earliest = wall() - 0.501, began = value_of(metrics, series);
  EXPECT_GE(began, earliest);
  EXPECT_LE(began, wall() - 0.499);
  clock.advance(250ms);
  EXPECT_EQ(value_of(metrics, series), began);
}

TEST(Metrics, NamesBeyondTheLimitAreSummedAsOther) {
  ManualClock clock;
  std::list<Breaker> breakers;
  std::list<Metrics::Registration> registered;
  Metrics metrics(2);
  for (const char* name : {"a", "b", "c", "d"}) {
    registered.push_back(metrics.add(breakers.emplace_back(quick(name), clock)));
    breakers.back().try_acquire().success();
  }
  fail(breakers.back());
  EXPECT_EQ(value_of(metrics, calls("b", "success")), 1);
  EXPECT_TRUE(std::isnan(value_of(metrics, state("c"))));
  EXPECT_EQ(value_of(metrics, calls("other", "success")), 2);
  EXPECT_EQ(value_of(metrics, calls("other", "failure")), 1);
  EXPECT_EQ(value_of(metrics, state("other")), 1);
  registered.pop_back();
  EXPECT_EQ(value_of(metrics, calls("other", "failure")), 1);
  EXPECT_EQ(value_of(metrics, state("other")), 0);
  Bulkhead bulkhead({.name = "x"});  // another kind has places of its own
  auto also = metrics.add(bulkhead);
  EXPECT_EQ(value_of(metrics, R"(bulkhead_limit{name="x"})"), 25);
}

TEST(Metrics, APolicyThatGoesLeavesItsCountersAndTakesItsGauges) {
  ManualClock clock;
  Metrics metrics;
  auto live = [&] {
    Breaker breaker(quick("s"), clock);
    auto registered = metrics.add(breaker);
    fail(breaker);
    EXPECT_EQ(value_of(metrics, state("s")), 0);
  };
  live();
  EXPECT_TRUE(std::isnan(value_of(metrics, state("s"))));
  EXPECT_EQ(value_of(metrics, calls("s", "failure")), 1);
  live();
  EXPECT_EQ(value_of(metrics, calls("s", "failure")), 2);
}

TEST(Metrics, ARegistrationMovesAndMayOutliveTheMetrics) {
  Bulkhead one({.name = "one"}), two({.name = "two"});
  Metrics::Registration kept;
  {
    Metrics metrics;
    auto first = metrics.add(one);
    kept = std::move(first);
    EXPECT_EQ(value_of(metrics, R"(bulkhead_limit{name="one"})"), 25);
    kept = metrics.add(two);
    EXPECT_TRUE(std::isnan(value_of(metrics, R"(bulkhead_limit{name="one"})")));
    EXPECT_EQ(value_of(metrics, R"(bulkhead_limit{name="two"})"), 25);
  }
  kept.reset();
  kept.reset();
}

TEST(Metrics, AListenerMayExportAndEndItsRegistration) {
  ManualClock clock;
  Metrics metrics;
  Metrics::Registration registered;
  auto options = quick("s");
  options.on_event = [&](const Event& event) {
    EXPECT_FALSE(metrics.write_prometheus().empty());
    if (event.to == State::kHalfOpen) registered.reset();
  };
  Breaker breaker(options, clock);
  registered = metrics.add(breaker);
  fail(breaker, 2);
  EXPECT_EQ(value_of(metrics, state("s")), 1);
  clock.advance(1s);
  breaker.poll();
  EXPECT_TRUE(std::isnan(value_of(metrics, state("s"))));
  EXPECT_EQ(value_of(metrics, calls("s", "failure")), 2);
}

// A listener that took a mutex whose owner ends a registration would wait for ever if an export called it.
TEST(Metrics, AnExportCallsNoListenerAndMovesNoBreaker) {
  ManualClock clock;
  int events = 0;
  auto options = quick("s");
  options.on_event = [&](const Event&) { ++events; };
  options.probe_wait = 1s;
  options.after_probe_wait = State::kClosed;
  Breaker breaker(options, clock);
  Metrics metrics;
  auto registered = metrics.add(breaker);
  fail(breaker, 2);
  clock.advance(1s);
  EXPECT_EQ(value_of(metrics, state("s")), 0.5);
  EXPECT_EQ(std::pair(breaker.state(), events), std::pair(State::kOpen, 1));
  auto lost = breaker.try_acquire();
  EXPECT_EQ(std::pair(breaker.state(), events), std::pair(State::kHalfOpen, 2));
  clock.advance(1s);
  EXPECT_EQ(value_of(metrics, state("s")), 0);
  EXPECT_EQ(std::pair(breaker.state(), events), std::pair(State::kHalfOpen, 2));
  breaker.force_open();
  clock.advance(24h);
  EXPECT_EQ(value_of(metrics, state("s")), 1);
}

TEST(Metrics, CountsTheProbes) {
  ManualClock clock;
  auto options = quick("s");
  options.probes = 3;
  Breaker breaker(options, clock);
  Metrics metrics;
  auto registered = metrics.add(breaker);
  auto probes = [&](const std::string& result) {
    return value_of(metrics,
                    "circuit_breaker_half_open_probes_total{name=\"s\",service=\"s\",result=\"" + result + "\"}");
  };
  fail(breaker, 2);
  EXPECT_EQ(std::pair(probes("success"), probes("failure")), std::pair(0.0, 0.0));
  clock.advance(1s);
  auto late = breaker.try_acquire();
  breaker.try_acquire().success();
  breaker.try_acquire().ignore();
  fail(breaker);
  late.success();
  EXPECT_EQ(std::pair(probes("success"), probes("failure")), std::pair(1.0, 1.0));
  clock.advance(1s);
  for (int i = 0; i < 3; ++i) breaker.try_acquire().success();
  breaker.try_acquire().success();
  EXPECT_EQ(std::pair(probes("success"), probes("failure")), std::pair(4.0, 1.0));
}

TEST(Metrics, CountsAttemptsByTheirNumber) {
  Metrics metrics;
  Retry three({.name = "three", .attempts = 3, .first_delay = 0s});
  Retry many({.name = "many", .attempts = 12, .first_delay = 0s, .budget_ratio = 0, .budget_per_second = 0});
  auto first = metrics.add(three), second = metrics.add(many);
  auto failing = [] { return Result<int>(Error{Error::Kind::kTimeLimit, {}, nullptr}); };
  auto attempts = [&](const std::string& name, const std::string& attempt) {
    return value_of(metrics, "retry_attempts_total{name=\"" + name + "\",attempt=\"" + attempt + "\"}");
  };
  EXPECT_FALSE(Pipeline(three).call(failing));
  EXPECT_TRUE(Pipeline(three).call([] { return 1; }));
  EXPECT_FALSE(Pipeline(many).call(failing));
  EXPECT_EQ(std::tuple(attempts("three", "1"), attempts("three", "2"), attempts("three", "3")), std::tuple(2, 1, 1));
  EXPECT_TRUE(std::isnan(attempts("three", "4")));
  EXPECT_EQ(std::tuple(attempts("many", "1"), attempts("many", "9"), attempts("many", "10+")), std::tuple(1, 1, 3));
  EXPECT_EQ(std::pair(many.counts().calls, many.counts().retries), std::pair(uint64_t{1}, uint64_t{11}));
}

TEST(Metrics, CountsWhatATimeLimitMadeAnErrorOf) {
  ManualClock clock;
  Metrics metrics;
  TimeLimit outer(5s, "outer", clock), inner(3s, "inner", clock);
  Metrics::Registration plain;
  {
    TimeLimit gone(1s, clock);
    plain = metrics.add(gone);
  }
  auto first = metrics.add(outer), second = metrics.add(inner);
  auto exceeded = [&](const std::string& name) {
    return value_of(metrics, "time_limit_exceeded_total{name=\"" + name + "\"}");
  };
  auto spend = [&](Duration time) {
    return [&clock, time] {
      clock.advance(time);
      return 1;
    };
  };
  Pipeline pipeline{outer, TimeLimit(inner)};  // a copy
  EXPECT_TRUE(pipeline.call(spend(3s)));
  EXPECT_EQ(std::pair(exceeded("outer"), exceeded("inner")), std::pair(0.0, 0.0));
  EXPECT_FALSE(pipeline.call(spend(4s)));
  EXPECT_EQ(std::pair(exceeded("outer"), exceeded("inner")), std::pair(0.0, 1.0));
  EXPECT_FALSE(pipeline.call(spend(6s)));
  EXPECT_EQ(std::pair(exceeded("outer"), exceeded("inner")), std::pair(1.0, 2.0));
  EXPECT_FALSE(Pipeline(TimeLimit(1s, "outermost", clock), inner).call(spend(2s)));
  EXPECT_EQ(exceeded("inner"), 2);
  EXPECT_EQ(exceeded("time_limit"), 0);
}

TEST(Metrics, TellsOfRetriesFallbacksAndPools) {
  Metrics metrics;
  Retry retry({.attempts = 3, .first_delay = 0s, .budget_ratio = 0, .budget_per_second = 1});
  Fallback fallback([] { return 1; });
  Fallback named([] { return 2; }, "cache");
  Pool<int> pool({.name = "db", .limit = 2}, [] { return std::optional(1); });
  auto first = metrics.add(retry);
  auto second = metrics.add(fallback), also = metrics.add(named);
  auto third = metrics.add(pool);
  auto lease = pool.acquire();
  Pipeline pipeline{fallback, retry};
  auto answer = pipeline.call([] { return Result<int>(Error{Error::Kind::kTimeLimit, {}, nullptr}); });
  EXPECT_EQ(*answer, 1);
  EXPECT_EQ(value_of(metrics, R"(retry_calls_total{name="retry"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(retry_attempts_total{name="retry",attempt="2"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(retry_budget_exhausted_total{name="retry"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(fallback_calls_total{name="fallback",result="success"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(fallback_calls_total{name="fallback",result="failure"})"), 0);
  EXPECT_EQ(value_of(metrics, R"(fallback_calls_total{name="cache",result="success"})"), 0);
  EXPECT_EQ(value_of(metrics, R"(pool_leased{name="db"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(pool_limit{name="db"})"), 2);
}

TEST(Metrics, NoCounterFallsWhilePoliciesComeAndGo) {
  Metrics metrics(2);
  std::atomic<bool> done{false};
  std::atomic<int> gone{0};
  auto work = [&](int thread) {
    while (!done) {
      CircuitBreaker breaker({.name = "b" + std::to_string(thread), .minimum_calls = 2, .open_for = 1ms});
      auto registered = metrics.add(breaker);
      for (int i = 0; i < 200; ++i) {
        if (auto permit = breaker.try_acquire()) i % 3 == 0 ? permit.failure() : permit.success();
      }
      ++gone;
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i);
  std::map<std::pair<std::string, Metrics::Labels>, double> before;
  for (int i = 0; i < 300 || gone < 300; ++i) {
    size_t seen = 0;
    metrics.collect([&](const Metrics::Sample& sample) {
      if (sample.type != Metrics::Type::kCounter) return;
      double& last = before[{sample.name, sample.labels}];
      EXPECT_LE(last, sample.value) << sample.name;
      last = sample.value;
      ++seen;
    });
    EXPECT_EQ(seen, before.size());
  }
  done = true;
}

}  // namespace
}  // namespace ordeal::resilience

#include "ordeal/resilience/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
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

TEST(Metrics, EscapesLabels) {
  Metrics metrics;
  Retry retry;
  auto registered = metrics.add(retry, {{"name", "a\"b\\c\nd\xff é"}, {"7 up", "x"}, {"name", "twice"}});
  EXPECT_EQ(value_of(metrics, R"(retry_calls_total{_7_up="x",name="a\"b\\c\nd? é"})"), 0);
}

TEST(Metrics, ReplacesWhatIsNotUtf8) {
  Metrics metrics;
  Retry retry;
  const std::pair<const char*, const char*> kTexts[] = {
      {"\xf0\x9f\x98\x80 \xe2\x82\xac", "\xf0\x9f\x98\x80 \xe2\x82\xac"},
      {"\xc0\xaf", "??"},            // a slash, too long
      {"\xed\xa0\x80", "???"},       // half of a pair
      {"\xf4\x90\x80\x80", "????"},  // beyond the last character
      {"x\xe2\x82", "x??"},          // cut off
      {"\xe2\x82y", "??y"}};
  for (const auto& [given, written] : kTexts) {
    auto registered = metrics.add(retry, {{"name", given}});
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
  clock.advance(1s);
  EXPECT_TRUE(std::isnan(value_of(metrics, state("s"))));
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  EXPECT_EQ(value_of(metrics, calls("s", "failure")), 2);
}

TEST(Metrics, TellsOfRetriesFallbacksAndPools) {
  Metrics metrics;
  Retry retry({.attempts = 3, .first_delay = 0s, .budget_ratio = 0, .budget_per_second = 1});
  Fallback fallback([] { return 1; });
  Pool<int> pool({.name = "db", .limit = 2}, [] { return std::optional(1); });
  auto first = metrics.add(retry, {{"name", "r"}});
  auto second = metrics.add(fallback, "f");
  auto third = metrics.add(pool);
  auto lease = pool.acquire();
  Pipeline pipeline{fallback, retry};
  auto answer = pipeline.call([] { return Result<int>(Error{Error::Kind::kTimeLimit, {}, nullptr}); });
  EXPECT_EQ(*answer, 1);
  EXPECT_EQ(value_of(metrics, R"(retry_calls_total{name="r"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(retry_attempts_total{name="r"})"), 2);
  EXPECT_EQ(value_of(metrics, R"(retry_budget_exhausted_total{name="r"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(fallback_calls_total{name="f",result="success"})"), 1);
  EXPECT_EQ(value_of(metrics, R"(fallback_calls_total{name="f",result="failure"})"), 0);
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

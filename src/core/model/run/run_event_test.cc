#include "core/model/run/run_event.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "core/base/random.h"

namespace ordeal {
namespace {

using namespace events;

// Draws fields of any value that the engine could give them.
struct Draw {
  Random random;

  explicit Draw(uint64_t seed) : random(seed) {}
  operator std::string() {
    static const std::vector<std::string> kTexts{"", "api-1", "\"quoted\" \\ line\nbreak", "größe ✓", "{\"v\":1}"};
    return kTexts[random.below(kTexts.size())];
  }
  operator double() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    // Boost.JSON 1.81 reads some numbers of many digits as their neighbour.
    const double some[] = {0, 1, -3.25, 0.5, 1e-9, 12345, 1e300, kInfinity, -kInfinity};
    return some[random.below(std::size(some))];
  }
  operator std::optional<double>() { return random.below(2) ? std::optional<double>(*this) : std::nullopt; }
  operator std::optional<Nanos>() { return random.below(2) ? std::optional<Nanos>(*this) : std::nullopt; }
  operator std::optional<int64_t>() { return random.below(2) ? std::optional<int64_t>(number(1000)) : std::nullopt; }
  operator Nanos() { return Nanos(number(1'000'000'000'000)); }
  operator BootTime() { return BootTime(Nanos(number(1LL << 60))); }
  operator bool() { return random.below(2) == 0; }
  operator uint64_t() { return random.below(4) ? random.below(100) : random.next(); }
  operator int() { return static_cast<int>(random.below(1000)); }
  operator std::vector<std::string>() {
    std::vector<std::string> all(random.below(3));
    for (std::string& text : all) text = operator std::string();
    return all;
  }
  operator Phase() { return static_cast<Phase>(random.below(7)); }
  operator Reading() { return static_cast<Reading>(random.below(4)); }
  operator Outcome() { return static_cast<Outcome>(random.below(8)); }
  operator RevertResult() { return static_cast<RevertResult>(random.below(2)); }
  operator Level() { return static_cast<Level>(random.below(2)); }

  int64_t number(int64_t below) { return static_cast<int64_t>(random.below(static_cast<uint64_t>(below))); }
  Step step() {
    return {
        static_cast<StepKind>(random.below(3)), "api-1", "freeze it", "thaw it", "state", {"cgroup:/a/freezer"}, {}};
  }
  Proof proof() { return {*this, *this, *this, 500, 500.25, *this, {{*this, 3, 4.5, *this, *this}}, *this, {*this}}; }
  events::Expectation expectation() {
    events::Expectation made{*this, *this, *this, {When::kBefore, When::kAfter}, *this, *this, *this, {}};
    if (random.below(2)) made.threshold = {"<", *this};
    return made;
  }
  Run run() {
    Run run{*this, *this, *this, {}, json::Object{{"name", "x"}}, *this, *this, {}, *this, *this};
    run.attack.type = "latency";
    run.attack.args = {{"delay", "500ms"}, {"port", json::Array{"80"}}};
    run.attack.given = std::vector<std::string>{"delay"};
    if (random.below(2)) run.choice = Choice{number(1000), *this, *this};
    for (uint64_t i = random.below(3); i > 0; --i) run.expectations.push_back(expectation());
    return run;
  }
  Action action() {
    Action action{*this, *this, *this, *this, {}, {}, *this, *this, *this, *this, *this};
    if (random.below(2)) action.request = json::Object{{"url", "http://a/"}};
    if (random.below(2)) action.calls = {json::Object{{"method", "PATCH"}}};
    return action;
  }
  std::vector<Data> one_of_each() {
    return {run(),
            PhaseBegun{*this, *this, *this},
            Look{*this, *this, *this, *this, *this, *this, *this, *this, *this},
            Breach{*this, *this, *this, *this, *this, *this, *this, *this},
            Injected{*this, *this, {step(), step()}},
            InjectFailed{*this, *this, *this},
            VictimGone{*this, *this, *this},
            Returned{*this, *this, *this, *this},
            Halt{*this, *this, *this},
            Reverted{*this, *this, *this, *this, *this, *this, *this, *this},
            Proven{*this, proof()},
            action(),
            Note{*this, *this},
            Ended{{*this, *this, *this}},
            Unknown{"weather", {{"sky", "grey"}}}};
  }
};

std::string why_not(std::string_view type, const json::Object& data) {
  auto done = read(type, json::Value(data));
  return done ? "" : done.error().message();
}

TEST(RunEvents, EachIsReadBackAsItWasWritten) {
  std::set<std::string> types;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Draw draw(seed);
    for (Data& data : draw.one_of_each()) {
      types.emplace(type_of(data));
      RunEvent event{draw.number(1 << 30), "r1", draw, seconds(1795464904) + 250ms, std::move(data)};
      std::string text = json::write(to_json(event));
      auto again = run_event_from_json(*json::parse(text));
      ASSERT_TRUE(again) << again.error().message() << "\n" << text;
      ASSERT_EQ(again->data.index(), event.data.index());
      ASSERT_EQ(json::write(to_json(*again)), text);
    }
  }
  EXPECT_EQ(types.size(), std::variant_size_v<Data>);
}

// Whatever stands in these is taken as it is.
const std::set<std::string_view> kFree{"experiment", "request"};
// These may be absent.
const std::set<std::string_view> kOptional{"value",  "series",   "detail",   "closeness",  "command",    "request",
                                           "calls",  "revision", "coverage", "lasting",    "may_return", "done_boot_ns",
                                           "choice", "after_ms", "given",    "percentage", "count"};

TEST(RunEvents, AFieldOfAnotherTypeIsOneErrorThatNamesIt) {
  for (const Data& data : Draw(1).one_of_each()) {
    if (std::holds_alternative<Unknown>(data)) continue;
    for (const auto& [key, value] : to_json(data)) {
      if (kFree.count(key)) continue;
      json::Object broken = to_json(data);
      broken[key] = json::Object{{"x", 1}};
      if (value.is_object()) broken[key] = 5;
      std::string why = why_not(type_of(data), broken);
      EXPECT_TRUE(why.find(std::string(key)) != std::string::npos) << type_of(data) << "." << key << ": " << why;
    }
  }
}

TEST(RunEvents, AFieldThatIsAbsentIsAnErrorUnlessItMayBe) {
  for (const Data& data : Draw(1).one_of_each()) {
    if (std::holds_alternative<Unknown>(data)) continue;
    for (const auto& [key, unused] : to_json(data)) {
      json::Object broken = to_json(data);
      broken.erase(key);
      std::string why = why_not(type_of(data), broken);
      bool free = kFree.count(key) || kOptional.count(key);
      EXPECT_EQ(why, free ? "" : "\"" + std::string(key) + "\" is missing") << type_of(data);
    }
  }
}

TEST(RunEvents, TheNumberOfAnImpactIsNoText) {
  json::Object gone{{"victim", "api-1"}, {"impact", "0"}, {"why", "it went"}};
  EXPECT_EQ(why_not("victim_gone", gone),
            "impact: expected a whole number from -2147483648 to 2147483647, found \"0\"");
}

TEST(RunEvents, WhatIsNotFiniteIsTheSameInMemoryAndInTheRecord) {
  Look look;
  look.value = std::numeric_limits<double>::infinity();
  json::Object said = to_json(Data(look));
  for (const json::Value& data : {json::Value(said), *json::parse(json::write(said))})
    EXPECT_EQ(std::get<Look>(*read("reading", data)).value, look.value);
}

TEST(RunEvents, AVerdictWhoseCodeIsNotThatOfItsOutcomeIsAnError) {
  EXPECT_EQ(why_not("verdict", {{"outcome", "held"}, {"exit", 1}, {"reason", "r"}, {"hint", ""}}),
            "exit: expected a whole number from 0 to 0, found 1");
}

TEST(RunEvents, WhatANewerOrdealWroteIsKeptAsItIs) {
  json::Object data{{"sky", "grey"}};
  Data unknown = *read("weather", json::Value(data));
  EXPECT_EQ(type_of(unknown), "weather");
  EXPECT_EQ(to_json(unknown), data);
  json::Object more{{"level", "info"}, {"text", "hi"}, {"since", "2.0"}};
  EXPECT_EQ(std::get<Note>(*read("note", json::Value(more))).text, "hi");
}

}  // namespace
}  // namespace ordeal

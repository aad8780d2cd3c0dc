#include "core/model/experiment/schedule.h"

#include <gtest/gtest.h>

#include "core/json/yaml.h"
#include "core/model/experiment/part.h"

namespace ordeal {
namespace {

AttackInfo load_info() {
  AttackInfo info;
  info.type = "load";
  info.step = StepKind::kOwned;
  info.arguments = {{"percent", ArgumentKind::kPercent, 1s, "80", "", ""},
                    {"workers", ArgumentKind::kInteger, 1s, "1", "", ""},
                    {"delay", ArgumentKind::kDuration, 1ms, "null", "", ""},
                    {"port", ArgumentKind::kPortList, 1s, "null", "", ""}};
  return info;
}

Result<Experiment> decode_done(const std::string& text) {
  json::Document document = TRY(json::parse_document("name: x\ntarget: {type: host}\n" + text));
  return decode_experiment(document);
}

std::string what_of(const auto& result) { return result ? "no error" : result.error().message(); }

Result<std::vector<Attack>> steps_read(const std::string& text) {
  Experiment experiment = TRY(decode_done(text));
  return ordeal::steps_of(experiment.parts.front(), load_info());
}

std::vector<json::Value> values_of(const std::string& ramp, const std::string& args = "") {
  auto steps = steps_read("attack: {type: load, args: {" + args + "}}\nlength: 20s\nramp: " + ramp + "\n");
  EXPECT_TRUE(steps) << what_of(steps);
  std::vector<json::Value> values;
  for (const Attack& step : steps.value_or(std::vector<Attack>{})) values.push_back(step.args.begin()->value());
  return values;
}

using Values = std::vector<json::Value>;

TEST(Ramp, GoesFromOneValueToTheOtherInEqualSteps) {
  EXPECT_EQ(values_of("{argument: percent, from: 10, to: 90}"), (Values{10.0, 30.0, 50.0, 70.0, 90.0}));
  EXPECT_EQ(values_of("{argument: workers, from: 9, to: 1, steps: 3}"), (Values{9, 5, 1}));
  EXPECT_EQ(values_of("{argument: percent, from: 0, to: 1, steps: 4}"), (Values{0.0, 0.333, 0.667, 1.0}));
}

TEST(Ramp, ReadsItsEndsAsTheArgumentIsRead) {
  EXPECT_EQ(values_of("{argument: delay, from: 100ms, to: 2100, steps: 3}"), (Values{"100ms", "1.1s", "2.1s"}))
      << "a bare number is in the argument's unit";
}

TEST(Ramp, BeginsWithWhatTheAttackHasAnywayOrWithItsDefault) {
  EXPECT_EQ(values_of("{argument: percent, to: 90, steps: 2}"), (Values{80.0, 90.0}));
  EXPECT_EQ(values_of("{argument: percent, to: 90, steps: 2}", "percent: 20"), (Values{20.0, 90.0}));
  EXPECT_EQ(values_of("{argument: delay, from: 1s, to: 2s, steps: 2}", "delay: 1000"), (Values{"1s", "2s"}));
  auto steps = steps_read("attack: {type: load}\nlength: 20s\nramp: {argument: delay, to: 5}\n");
  EXPECT_EQ(what_of(steps), "line 5: ramp: \"from\" is missing: delay has no default");
}

TEST(Ramp, ItsStepsShareTheLength) {
  auto steps = steps_read("attack: {type: load}\nlength: 20s\nramp: {argument: percent, to: 5}\n");
  ASSERT_EQ(steps->size(), 5u);
  for (const Attack& step : *steps) EXPECT_EQ(step.length, 4s);
  Part part;
  part.at = 10s;
  std::vector<Stint> stints = stints_of(part, 3, *steps);
  ASSERT_EQ(stints.size(), 5u);
  EXPECT_EQ(stints[0].at, 10s);
  EXPECT_EQ(stints[4].at, 26s);
  EXPECT_EQ(stints[4].end(), 30s);
  EXPECT_EQ(stints[4].part, 3u);
}

TEST(Ramp, WhatCannotBeSharedEquallyIsTheLastStepsOwn) {
  auto steps = steps_read("attack: {type: load}\nlength: 5s\nramp: {argument: percent, to: 5, steps: 3}\n");
  ASSERT_EQ(steps->size(), 3u);
  EXPECT_EQ((*steps)[0].length, 1666ms);
  EXPECT_EQ((*steps)[2].length, 1668ms);
}

std::vector<Stint> pulses(Nanos length, Nanos on, Nanos off) {
  Part part;
  part.at = 5s;
  part.attack.length = length;
  part.pulse = Pulse{on, off};
  return stints_of(part, 0, {part.attack});
}

TEST(Pulse, ComesAndGoesUntilTheLengthIsOver) {
  std::vector<Stint> stints = pulses(20s, 4s, 3s);
  ASSERT_EQ(stints.size(), 3u);
  for (size_t i = 0; i < stints.size(); ++i) {
    EXPECT_EQ(stints[i].at, 5s + 7s * static_cast<int>(i));
    EXPECT_EQ(stints[i].length(), 4s);
  }
}

TEST(Pulse, TheLastOneIsCutAtTheEndOrLeftOut) {
  EXPECT_EQ(pulses(9s, 4s, 3s).back().length(), 2s);
  EXPECT_EQ(pulses(9s, 4s, 3s).back().end(), 14s);
  EXPECT_EQ(pulses(Nanos(7s) + 500ms, 4s, 3s).size(), 1u) << "half a second is no pulse";
}

TEST(Schedule, TheWindowIsFromTheFirstStartToTheLastEnd) {
  Experiment experiment = *decode_done(
      "attacks:\n- {attack: {type: a}, length: 10s}\n- {attack: {type: b}, at: 5s, length: 20s}\n"
      "- {attack: {type: c}, at: 2s, length: 1s}\n");
  EXPECT_TRUE(experiment.is_combined());
  EXPECT_EQ(experiment.attack.length, 25s);
  std::vector<Stint> all;
  for (size_t i = 0; i < experiment.parts.size(); ++i)
    for (const Stint& stint : stints_of(experiment.parts[i], i, {experiment.parts[i].attack})) all.push_back(stint);
  sort_by_start(all);
  EXPECT_EQ(window_of(all), 25s);
  EXPECT_EQ(all[1].part, 2u);
  EXPECT_TRUE(overlap(all[0], all[1]));
  EXPECT_FALSE(overlap(all[1], all[2]));
}

TEST(Schedule, WhatEndsWhenAnotherStartsIsNotInForceWithIt) {
  Stint first, second;
  first.attack.length = second.at = 10s;
  EXPECT_FALSE(overlap(first, second));
  second.at -= 1ns;
  EXPECT_TRUE(overlap(first, second));
}

TEST(Parts, OfOneTypeAreToldApart) {
  Experiment experiment =
      *decode_done("attacks:\n- {attack: {type: a}}\n- {attack: {type: a}}\n- {attack: {type: a}, name: b}\n");
  EXPECT_EQ(experiment.parts[0].name, "a");
  EXPECT_EQ(experiment.parts[1].name, "a 2");
  EXPECT_EQ(experiment.parts[2].name, "b");
}

TEST(Parts, OneSteadyAttackHasNone) {
  Experiment experiment = *decode_done("attack: {type: a}\n");
  EXPECT_TRUE(experiment.parts.empty());
  EXPECT_FALSE(experiment.is_combined());
}

TEST(Parts, WhatIsWrittenIsReadAgain) {
  for (const char* text : {"attacks:\n- {attack: {type: a, args: {b: 1}}, at: 0, length: 10s}\n- {name: late, target: "
                           "{type: process, name: "
                           "x}, attack: {type: a}, at: 5s, pulse: {on: 2s, off: 1s}}\n",
                           "attack: {type: a}\npulse: {on: 5s, off: 1s}\n",
                           "attack: {type: a}\nramp: {argument: b, from: 100ms, to: 1s, steps: 3}\n"}) {
    json::Value written = to_json(*decode_done(text));
    json::Document document{written, {}};
    auto again = decode_experiment(document);
    ASSERT_TRUE(again) << what_of(again);
    EXPECT_EQ(json::write(to_json(*again)), json::write(written));
  }
}

TEST(Parts, TheirCoursesAreSaid) {
  auto course = [](const std::string& text) { return course_in_words(decode_done(text)->parts.front()); };
  EXPECT_EQ(course("attack: {type: a}\npulse: {on: 5s, off: 1500ms}\n"), "5s on, 1.5s off");
  EXPECT_EQ(course("attack: {type: a}\nramp: {argument: b, from: 100ms, to: 1s, steps: 3}\n"),
            "b from 100ms to 1s in 3 steps");
  EXPECT_EQ(course("attack: {type: a, args: {b: 2}}\nramp: {argument: b, to: 9}\n"), "b from 2 to 9 in 5 steps");
  EXPECT_EQ(course("attacks: [{attack: {type: a}}]\n"), "");
}

}  // namespace
}  // namespace ordeal

#include <gtest/gtest.h>

#include "core/model/input/attack.h"
#include "core/model/run/exit_code.h"
#include "core/model/victim.h"

namespace ordeal {
namespace {

AttackInfo delay_info() {
  AttackInfo info;
  info.type = "latency";
  info.arguments = {{"delay", ArgumentKind::kDuration, 1ms, "\"100ms\"", "added delay", "-m", 0.001, 60},
                    {"port", ArgumentKind::kPortList, 1s, "null", "ports", "-p"},
                    {"process", ArgumentKind::kText, 1s, "", "its name", "-p"}};
  return info;
}

std::string resolved(const char* args) {
  Attack attack{"latency", json::parse(args)->as_object(), 60s};
  auto result = resolve_arguments(attack, delay_info());
  return result ? json::write(result->args) : result.error().message();
}

TEST(Arguments, BareNumbersHaveGremlinsUnitAndTextItsOwn) {
  EXPECT_EQ(resolved(R"({"process":"p","delay":500})"), R"({"delay":"500ms","process":"p"})");
  EXPECT_EQ(resolved(R"({"process":"p","delay":"2s","port":8000})"), R"({"delay":"2s","port":["8000"],"process":"p"})");
  EXPECT_EQ(resolved(R"({"process":"p","port":"80, 90-95,^53"})"),
            R"({"delay":"100ms","port":["80","90-95","^53"],"process":"p"})");
}

TEST(Arguments, BadOnesAreNamed) {
  EXPECT_EQ(resolved(R"({"process":"p","deley":5})"),
            "attack.args.deley: the attack latency has no argument \"deley\"; it knows: delay, port, process, length");
  EXPECT_EQ(resolved("{}"), "attack.args: \"process\" is missing; expected text");
  EXPECT_EQ(resolved(R"({"process":"p","delay":"2m"})"),
            "attack.args.delay: expected a duration from 1ms to 1m, found \"2m\"");
  EXPECT_EQ(resolved(R"({"process":"p","port":"70000"})"),
            "attack.args.port: expected a port (8000), a range (8000-8005) or an exclusion (^53), found \"70000\"");
}

TEST(ExitCodes, TheStrongerWins) {
  constexpr ExitCode kOrder[] = {ExitCode::kHeld,    ExitCode::kInconclusive, ExitCode::kDeviated,    ExitCode::kHalted,
                                 ExitCode::kRefused, ExitCode::kInternal,     ExitCode::kRevertFailed};
  for (size_t i = 1; i < std::size(kOrder); ++i) {
    EXPECT_EQ(stronger(kOrder[i - 1], kOrder[i]), kOrder[i]);
    EXPECT_EQ(stronger(kOrder[i], kOrder[i - 1]), kOrder[i]);
  }
}

TEST(Json, VictimsAndStepsReadBack) {
  Victim victim{VictimKind::kPod, "api-1", "staging", {{"app", "x"}}, "", "/shop/api-1", 77, {{12, 3456}}, 4026532000};
  EXPECT_EQ(*victim_from_json(to_json(victim)), victim);

  Step step{StepKind::kJournalled, "api-1", "freeze", "thaw", "state", {"cgroup:/shop/api-1/freezer"}, {}};
  EXPECT_EQ(json::write(to_json(*step_from_json(to_json(step)))), json::write(to_json(step)));
}

}  // namespace
}  // namespace ordeal

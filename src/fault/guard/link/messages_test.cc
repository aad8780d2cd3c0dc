#include "fault/guard/link/messages.h"

#include <gtest/gtest.h>

#include "fault/guard/link/wire.h"

namespace ordeal::guard {
namespace {

using namespace messages;

Victim victim() {
  return {VictimKind::kPod, "api-1", "shop", {{"app", "x"}}, "", "/shop/api-1", 77, {{12, 3456}}, 4026532000};
}
Hit hit() {
  Hit hit{3, victim(), {}, 5, {{"10.0.0.1", "", 1000, 2000, 0, "the scraper's connections"}}, {1, 4}};
  hit.attack.type = "pause";
  return hit;
}
Step step() { return {StepKind::kJournalled, "api-1", "freeze it", "thaw it", "state", {"cgroup:/a/freezer"}, {}}; }
Proof proof() {
  return {true, "412 packets", "", 500, 500.25, "ms", {{"arrival", 412, 3, "packets", "lost"}}, "two died"};
}
fault::UndoRecord undo() { return {"continue", {{"processes", json::Array{}}}, "continue it", "8f0e"}; }

const std::vector<ToGuard> kToGuard{Apply{hit()}, Check{hit()}, Check{hit(), true}, Renew{}, Revert{"enough"}, Bye{}};
const std::vector<FromGuard> kFromGuard{
    Ready{true, 500ms},
    Checked{1},
    CheckFailed{{1, Errc::kRefused, "no", "ask"}},
    Applied{1, "api-1", {step(), step()}, BootTime(5s)},
    ApplyFailed{{1, Errc::kInternal, "no", ""}},
    VictimGone{1, "api-1", "it ended"},
    Reverted{2, "api-1", "why", BootTime(5s), BootTime(6s), Nanos(6200us), true, false, "stuck", proof()},
    Halting{{"latch", "enough"}},
    Halted{{"latch", "enough"}},
    NothingInForce{},
    Beat{true, 77, 5s}};
const std::vector<ToReaper> kToReaper{Beat{false, 1, 0s}, Record{4, undo()}, Undo{4}, Bye{}};
const std::vector<FromReaper> kFromReaper{ReaperReady{true, 812}, Beat{true, 1, 1s}, Done{4, true},
                                          Done{4, false, Errc::kRevertFailed, "still frozen"}};
const std::vector<ToStandby> kToStandby{EndRun{400ms}, Bye{}};
const std::vector<FromStandby> kFromStandby{StandbyReady{true}, RunEnded{DeadRun{"r1", {"a"}, {}, {"b"}, {"c"}}, ""},
                                            RunEnded{std::nullopt, "nobody knows"}};

template <typename Messages>
void expect_read_back(const std::vector<Messages>& all) {
  for (const Messages& message : all) {
    json::Object said = to_message(message);
    auto received = from_message<Messages>(*parse_message(json::write(said)));
    ASSERT_TRUE(received) << received.error().message();
    EXPECT_EQ(received->index(), message.index());
    EXPECT_EQ(json::write(to_message(*received)), json::write(said));
  }
}

// Every field of every message is needed, and of its type: nothing is taken for a default.
template <typename Messages>
void expect_each_field_needed(const std::vector<Messages>& all) {
  for (const Messages& message : all)
    for (const auto& [key, value] : to_message(message)) {
      json::Object without = to_message(message), broken = without;
      without.erase(key);
      broken[key] = value.is_object() || value.is_null() ? json::Value(5) : json::Value(json::Object{{"x", 1}});
      EXPECT_FALSE(from_message<Messages>(broken)) << json::write(broken);
      if (key == "run") continue;  // null where it is not known
      EXPECT_FALSE(from_message<Messages>(without)) << json::write(without);
    }
}

TEST(Messages, AreReadAsTheyWereSaid) {
  expect_read_back(kToGuard);
  expect_read_back(kFromGuard);
  expect_read_back(kToReaper);
  expect_read_back(kFromReaper);
  expect_read_back(kToStandby);
  expect_read_back(kFromStandby);
}

TEST(Messages, EachFieldIsNeededAndOfItsType) {
  expect_each_field_needed(kToGuard);
  expect_each_field_needed(kFromGuard);
  expect_each_field_needed(kToReaper);
  expect_each_field_needed(kFromReaper);
  expect_each_field_needed(kToStandby);
  expect_each_field_needed(kFromStandby);
}

TEST(Messages, AnUnknownOperationIsAnError) {
  auto received = from_message<ToGuard>({{"v", 1}, {"op", "dance"}});
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().message(), "\"dance\" is not a known operation");
  EXPECT_FALSE(from_message<ToReaper>(to_message<ToGuard>(Renew{}))) << "it is the guard's";
  EXPECT_FALSE(from_message<ToGuard>({{"v", 1}}));
}

TEST(Messages, AnErrorNamesTheField) {
  json::Object broken = to_message<ToGuard>(Apply{hit()});
  broken["impact"] = "3";
  EXPECT_EQ(from_message<ToGuard>(broken).error().message(),
            "the message \"apply\" is not understood: impact: expected a whole number from -2147483648 to 2147483647, "
            "found \"3\"");
}

TEST(Messages, TheAnswerOfAReplayTravelsWhole) {
  ReplayAnswer answer{{{"r1", {"a"}, {}, {}, {}}, {"r2", {}, {}, {}, {"b"}}}, "", ""};
  auto back = replay_answer_from_json(to_json(answer));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->runs.size(), 2u);
  EXPECT_EQ(back->runs[1].failed, std::vector<std::string>{"b"});
  EXPECT_EQ(replay_answer_from_json(to_json(ReplayAnswer{{}, "no right", "ask"}))->error, "no right");
  EXPECT_FALSE(replay_answer_from_json(json::Object{}));
}

}  // namespace
}  // namespace ordeal::guard

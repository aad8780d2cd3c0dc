#include "fault/guard/link/engine_inbox.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "fault/guard/link/wire.h"

namespace ordeal::guard {
namespace {

struct Inbox : testing::Test {
  std::pair<UniqueFd, UniqueFd> pair = *message_pair();
  EngineInbox inbox;

  void say(const ToGuard& message) { ASSERT_TRUE(send_message(pair.first.get(), to_message(message))); }
  static messages::Hit hit(int impact) {
    messages::Hit hit;
    hit.impact = impact;
    hit.victim.name = "api-1";
    hit.attack.type = "pause";
    return hit;
  }
  void say_apply(int impact) { say(messages::Apply{hit(impact)}); }
  static std::string name(const ToGuard& message) {
    json::Object said = to_message(message);
    std::string op(said.at("op").as_string());
    return said.contains("impact") ? op + std::to_string(said.at("impact").as_int64()) : op;
  }
  std::string all() {
    std::string text;
    while (auto message = inbox.next()) text += name(*message) + " ";
    return text;
  }
};

TEST_F(Inbox, WhatIsSentAfterManyAppliesIsNotKeptWaitingByThem) {
  for (int impact = 0; impact < 3; ++impact) say_apply(impact);
  say(messages::Renew{});
  say(messages::Revert{"enough"});
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(all(), "renew revert apply0 apply1 apply2 ");
  EXPECT_TRUE(inbox.empty());
}

TEST_F(Inbox, WhatComesDuringAnApplyGoesBeforeTheNext) {
  say_apply(0);
  say_apply(1);
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(name(*inbox.next()), "apply0");
  say(messages::Renew{});
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(all(), "renew apply1 ");
}

TEST_F(Inbox, TheEndOfTheEngineIsSeenAtOnce) {
  for (int impact = 0; impact < 3; ++impact) say_apply(impact);
  pair.first.reset();
  EXPECT_FALSE(*inbox.fill(pair.second.get()));
}

TEST_F(Inbox, ChecksAndAppliesKeepTheirOrderBehindWhatIsUrgent) {
  say(messages::Check{hit(0)});
  say_apply(1);
  say(messages::Revert{"enough"});
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(all(), "revert check0 apply1 ");
}

TEST_F(Inbox, WhatCannotBeReadIsAnErrorAndNoEndOfTheEngine) {
  ASSERT_EQ(::send(pair.first.get(), "\xff", 1, 0), 1);
  EXPECT_FALSE(inbox.fill(pair.second.get()));
  EXPECT_TRUE(inbox.fill(pair.second.get())) << "and it lives";
}

TEST_F(Inbox, WhatIsNotUnderstoodIsAnErrorBeforeAnythingElseIsDone) {
  for (const json::Object& message : {json::Object{{"nothing", 1}}, json::Object{{"v", 1}, {"op", "dance"}},
                                      json::Object{{"v", 1}, {"op", "revert"}}}) {
    say_apply(0);
    ASSERT_TRUE(send_message(pair.first.get(), message));
    EXPECT_FALSE(inbox.fill(pair.second.get())) << json::write(message);
  }
}

}  // namespace
}  // namespace ordeal::guard

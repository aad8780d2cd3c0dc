#include "guard/engine_inbox.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "guard/wire.h"

namespace ordeal::guard {
namespace {

struct Inbox : testing::Test {
  std::pair<UniqueFd, UniqueFd> pair = *message_pair();
  EngineInbox inbox;

  void say(const char* op, int impact = 0) {
    ASSERT_TRUE(send_message(pair.first.get(), {{"op", op}, {"impact", impact}}));
  }
  std::string all() {
    std::string text;
    while (auto message = inbox.next())
      text += std::string(message->at("op").as_string()) + std::to_string(message->at("impact").as_int64()) + " ";
    return text;
  }
};

TEST_F(Inbox, WhatIsSentAfterManyAppliesIsNotKeptWaitingByThem) {
  for (int impact = 0; impact < 3; ++impact) say("apply", impact);
  say("renew");
  say("revert");
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(all(), "renew0 revert0 apply0 apply1 apply2 ");
  EXPECT_TRUE(inbox.empty());
}

TEST_F(Inbox, WhatComesDuringAnApplyGoesBeforeTheNext) {
  say("apply", 0);
  say("apply", 1);
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(inbox.next()->at("impact"), 0);
  say("renew");
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(all(), "renew0 apply1 ");
}

TEST_F(Inbox, TheEndOfTheEngineIsSeenAtOnce) {
  for (int impact = 0; impact < 3; ++impact) say("apply", impact);
  pair.first.reset();
  EXPECT_FALSE(*inbox.fill(pair.second.get()));
}

TEST_F(Inbox, ChecksAndAppliesKeepTheirOrderBehindWhatIsUrgent) {
  say("check", 0);
  say("apply", 1);
  say("revert");
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_EQ(all(), "revert0 check0 apply1 ");
}

TEST_F(Inbox, WhatCannotBeReadIsAnErrorAndNoEndOfTheEngine) {
  ASSERT_EQ(::send(pair.first.get(), "\xff", 1, 0), 1);
  EXPECT_FALSE(inbox.fill(pair.second.get()));
  EXPECT_TRUE(inbox.fill(pair.second.get())) << "and it lives";
}

TEST_F(Inbox, AMessageWithoutItsOpIsPassedOnToBeJudged) {
  ASSERT_TRUE(send_message(pair.first.get(), {{"nothing", 1}}));
  EXPECT_TRUE(*inbox.fill(pair.second.get()));
  EXPECT_FALSE(inbox.empty());
}

}  // namespace
}  // namespace ordeal::guard

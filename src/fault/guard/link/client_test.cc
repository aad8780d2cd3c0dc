#include "fault/guard/link/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "fault/guard/link/wire.h"

namespace ordeal::guard {
namespace {

using Type = GuardEvent::Type;

struct Talk : testing::Test {
  std::pair<UniqueFd, UniqueFd> sockets = *message_pair();
  GuardClient client{std::move(sockets.first)};

  void raw(std::string_view text) {
    ASSERT_EQ(::send(sockets.second.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::vector<Type> kinds() {
    std::vector<Type> kinds;
    for (const GuardEvent& event : client.events()) kinds.push_back(event.kind);
    return kinds;
  }
  std::string received() {
    auto received = receive_message(sockets.second.get());
    return received && received->message ? std::string(received->message->at("op").as_string()) : "nothing";
  }
};

// The guard lives and holds an impact: it is asked to end it, and its answer is waited for.
TEST_F(Talk, AMessageThatCannotBeReadEndsTheRunAndLosesNoGuard) {
  for (const char* text :
       {"{\"op\": \"applied\", \"victim\": \"\xff\"}", "rubbish", "[]", "{\"op\": \"dance\"}",
        R"({"v": 1, "op": "applied"})", R"({"v": 1, "op": "checked", "impact": "0"})", R"({"v": 1, "op": "dance"})",
        R"({"v": 1, "op": "ready", "journalled": true, "silence_ms": 500})"}) {
    raw(text);
    auto events = client.events();
    ASSERT_EQ(events.size(), 1u) << text;
    EXPECT_EQ(events[0].kind, Type::kHalting) << text;
    EXPECT_EQ(events[0].by, "error") << text;
  }
  client.revert_all("it talks nonsense");
  EXPECT_EQ(received(), "revert");
  raw(R"({"v": 1, "op": "nothing_in_force"})");
  EXPECT_EQ(kinds(), std::vector<Type>{Type::kNothingInForce});
  sockets.second.reset();
  EXPECT_EQ(kinds(), std::vector<Type>{Type::kGuardGone});
}

TEST_F(Talk, AnyNameOfAVictimReachesTheGuard) {
  Victim victim;
  victim.name = "\xff\xfe";
  client.check(0, victim, Attack{"pause", {}});
  EXPECT_EQ(received(), "check");
  client.inject(0, victim, Attack{"pause", {}});
  EXPECT_EQ(received(), "apply");
}

TEST_F(Talk, WhatWasNeverSentWasNeverDone) {
  for (int i = 0; i < 20; ++i) client.inject(i, Victim{}, Attack{"pause", {}});
  client.revert_all("enough");
  auto events = client.events();
  ASSERT_EQ(events.size(), 4u) << "16 were sent";
  EXPECT_EQ(events[0].kind, Type::kApplyFailed);
  EXPECT_EQ(events[0].impact, 16);
}

}  // namespace
}  // namespace ordeal::guard

#include "fault/guard/link/wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace ordeal::guard {
namespace {

TEST(Wire, AMessageOfAThousandProcessesArrivesWhole) {
  auto pair = message_pair();
  ASSERT_TRUE(pair);
  json::Array processes;
  for (int i = 0; i < 20'000; ++i) processes.push_back(json::Object{{"pid", 1'000'000 + i}, {"start", 123456789012}});
  ASSERT_TRUE(send_message(pair->first.get(), {{"op", "apply"}, {"processes", processes}}));
  auto received = receive_message(pair->second.get());
  ASSERT_TRUE(received && received->message);
  EXPECT_EQ(received->message->at("processes").as_array().size(), 20'000u);
}

TEST(Wire, ANumberThatIsNoneIsNoMessage) {
  EXPECT_FALSE(parse_message(R"({"v": 1, "list": [{"impact": 19.9e999999994}]})"));
  EXPECT_TRUE(parse_message(R"({"v": 1, "list": [{"impact": 19.9}]})"));
}

TEST(Wire, ANameOfAnyBytesArrives) {
  auto pair = message_pair();
  ASSERT_TRUE(send_message(pair->first.get(), {{"op", "applied"}, {"victim", "\xff\xfe sleep"}}));
  auto received = receive_message(pair->second.get());
  ASSERT_TRUE(received && received->message);
}

TEST(Wire, WhatCannotBeReadIsNoEndOfTheConnection) {
  auto pair = message_pair();
  constexpr std::string_view kBroken = "{\"op\": \"\xff\"}";
  ASSERT_EQ(::send(pair->first.get(), kBroken.data(), kBroken.size(), 0), static_cast<ssize_t>(kBroken.size()));
  ASSERT_TRUE(send_message(pair->first.get(), {{"op", "beat"}}));
  auto first = receive_message(pair->second.get());
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->closed);
  EXPECT_TRUE(first->unreadable);
  auto second = receive_message(pair->second.get());
  EXPECT_TRUE(second && second->message) << "and the next one is read";
}

TEST(Wire, WhatTheOtherSideSentLastArrivesThoughItLeftSomethingUnread) {
  auto pair = message_pair().value();
  ASSERT_TRUE(send_message(pair.first.get(), json::Object{{"op", "unread"}}));
  for (const char* op : {"reverted", "halted"}) ASSERT_TRUE(send_message(pair.second.get(), json::Object{{"op", op}}));
  pair.second.reset();
  for (const char* op : {"reverted", "halted"}) {
    auto received = receive_message(pair.first.get());
    ASSERT_TRUE(received && received->message);
    EXPECT_EQ((*received->message)["op"], op);
  }
  EXPECT_TRUE(receive_message(pair.first.get())->closed);
}

TEST(Wire, TheEndOfTheOtherSideIsTold) {
  auto pair = message_pair();
  ASSERT_TRUE(pair);
  EXPECT_FALSE(receive_message(pair->first.get())->closed);
  pair->second.reset();
  EXPECT_TRUE(receive_message(pair->first.get())->closed);
}

}  // namespace
}  // namespace ordeal::guard

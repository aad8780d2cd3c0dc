#include "fault/packets/dns/message.h"

#include <gtest/gtest.h>

#include "fault/packets/dns/made_up.h"

namespace ordeal::packets::dns {
namespace {

TEST(DnsMessage, AQuestionIsRead) {
  auto query = made_up_query(7, "WWW.Example.COM", kTypeAaaa);
  auto question = question_of_query(query);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->name, "www.example.com");
  EXPECT_EQ(question->type, kTypeAaaa);
  EXPECT_EQ(question->end, query.size());
  EXPECT_FALSE(question->extended);
  EXPECT_TRUE(question_of_query(made_up_query(7, "a.b", kTypeA, true))->extended);
  EXPECT_EQ(question_of_query(made_up_query(7, "a b.c", kTypeA))->name, "a\\032b.c");
  EXPECT_EQ(question_of_query(made_up_query(7, "", kTypeA))->name, "");
}

TEST(DnsMessage, WhatIsNoQuestionIsNone) {
  auto query = made_up_query(7, "example.com", kTypeA);
  for (size_t size = 0; size < query.size(); ++size)
    EXPECT_FALSE(question_of_query(std::span(query).first(size))) << size;
  EXPECT_FALSE(question_of_answer(query));
  auto changed = [&](size_t at, uint8_t value) {
    auto copy = query;
    copy[at] = value;
    return question_of_query(copy).has_value();
  };
  EXPECT_TRUE(changed(0, 99));
  EXPECT_FALSE(changed(2, 0x81));       // an answer
  EXPECT_FALSE(changed(2, 0x28));       // an update
  EXPECT_FALSE(changed(5, 2));          // two questions
  EXPECT_FALSE(changed(kHeader, 0xc0))  // a pointer
      << "compressed";
}

TEST(DnsMessage, AnAnswerHasTheQuestionByteByByte) {
  auto query = made_up_query(0x1234, "wWw.eXample.com", kTypeA, true);
  auto question = *question_of_query(query);
  auto answer = answer_to(query, question, {kNxDomain, {}, 5});
  EXPECT_EQ(answer.size(), question.end + 11);
  EXPECT_EQ((std::vector<uint8_t>(answer.begin(), answer.begin() + 12)),
            (std::vector<uint8_t>{0x12, 0x34, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(
      std::equal(query.begin() + 12, query.begin() + static_cast<std::ptrdiff_t>(question.end), answer.begin() + 12));
  EXPECT_EQ(question_of_answer(answer)->name, question.name);
}

TEST(DnsMessage, AFixedAnswerHasItsRecord) {
  auto query = made_up_query(1, "db", kTypeA);
  auto question = *question_of_query(query);
  auto answer = answer_to(query, question, {kNoError, {10, 0, 0, 9}, 300});
  std::vector<uint8_t> record(answer.begin() + static_cast<std::ptrdiff_t>(question.end), answer.end());
  EXPECT_EQ(record, (std::vector<uint8_t>{0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 10, 0, 0, 9}));
  EXPECT_EQ(answer[7], 1);
}

TEST(DnsMessage, AnAnswerInAGivenLengthFitsOrIsNone) {
  auto query = made_up_query(1, "db.example", kTypeA);
  auto real = made_up_answer(query, {192, 0, 2, 1});
  auto question = *question_of_answer(real);
  for (size_t length = question.end; length < question.end + 60; ++length) {
    std::vector<uint8_t> room(length, 0xee);
    std::copy_n(real.begin(), std::min(real.size(), length), room.begin());
    auto answer = answer_in(room, length, question, {kNxDomain, {}, 0});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->size(), length);
    bool padded = length - question.end == 11 || length - question.end >= 15;
    EXPECT_EQ((*answer)[11], padded ? 1 : 0) << length;
    auto with_address = answer_in(room, length, question, {kNoError, {1, 2, 3, 4}, 0});
    EXPECT_EQ(with_address.has_value(), length >= question.end + 16) << length;
  }
}

TEST(DnsMessage, TypesHaveNamesAndNumbers) {
  EXPECT_EQ(type_of("a"), kTypeA);
  EXPECT_EQ(type_of("AAAA"), kTypeAaaa);
  EXPECT_EQ(type_of("type65"), 65);
  EXPECT_FALSE(type_of("TYPE"));
  EXPECT_FALSE(type_of("TYPE70000"));
  EXPECT_FALSE(type_of("B"));
}

}  // namespace
}  // namespace ordeal::packets::dns

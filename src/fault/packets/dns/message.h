// DNS messages, as little of them as a fault needs: the question of a query or an answer, and answers of our own.
// Pure. Bytes come from outside: what is not well formed parses to nothing. RFC 1035, 6891 (EDNS), 7830 (padding).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ordeal::packets::dns {

using Bytes = std::span<const uint8_t>;

constexpr size_t kHeader = 12;
constexpr uint16_t kTypeA = 1, kTypeAaaa = 28, kTypeAny = 255, kClassIn = 1;
constexpr uint8_t kNoError = 0, kServFail = 2, kNxDomain = 3, kRefused = 5;

struct Question {
  std::string name;  // lower case, without the last dot; what is no letter, digit, - or _ as \DDD
  uint16_t type = 0;
  uint16_t type_class = 0;
  size_t end = 0;         // of the question in the message
  bool extended = false;  // the message has an OPT record right behind the question
};

// Of a standard query with one question.
std::optional<Question> question_of_query(Bytes message);
// Of an answer to one; its head is enough.
std::optional<Question> question_of_answer(Bytes message);

struct Reply {
  uint8_t code = kNoError;
  std::vector<uint8_t> data;  // of one record of the question's type; empty: there is none
  uint32_t ttl = 0;           // seconds
};

// The answer to a query, or in the place of an answer: the same identity and question, byte by byte.
std::vector<uint8_t> answer_to(Bytes message, const Question& question, const Reply& reply);
// The same in exactly `length` bytes, of which the first are given; the rest is padding, and may lie beyond them.
// Nothing when it does not fit.
std::optional<std::vector<uint8_t>> answer_in(Bytes message, size_t length, const Question& question,
                                              const Reply& reply);

// "A", "aaaa", "TYPE65"; nothing for what is no record type.
std::optional<uint16_t> type_of(std::string_view text);

}  // namespace ordeal::packets::dns

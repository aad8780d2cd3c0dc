#include "fault/packets/dns/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/text/text.h"

namespace ordeal::packets::dns {
namespace {

constexpr size_t kLongestName = 255;
constexpr uint16_t kAnswerBit = 0x8000, kOpcode = 0x7800, kRecursionDesired = 0x0100, kRecursionAvailable = 0x0080,
                   kCheckingDisabled = 0x0010;
constexpr uint16_t kTypeOpt = 41, kPadding = 12, kOurSize = 1232;
constexpr size_t kOptRecord = 11, kOptionHead = 4;
constexpr uint16_t kNameOfTheQuestion = 0xc000 | kHeader;

uint16_t number_at(Bytes message, size_t at) { return static_cast<uint16_t>(message[at] << 8 | message[at + 1]); }

void put16(std::vector<uint8_t>& to, uint16_t value) {
  to.push_back(static_cast<uint8_t>(value >> 8));
  to.push_back(static_cast<uint8_t>(value));
}

void put32(std::vector<uint8_t>& to, uint32_t value) {
  put16(to, static_cast<uint16_t>(value >> 16));
  put16(to, static_cast<uint16_t>(value));
}

void add_label(std::string& name, Bytes label) {
  if (!name.empty()) name += '.';
  for (uint8_t byte : label) {
    bool plain = std::isalnum(byte) || byte == '-' || byte == '_';
    if (plain)
      name += static_cast<char>(std::tolower(byte));
    else
      name += fmt::format("\\{:03}", byte);
  }
}

// The position behind the name. A question comes first, so that its name points nowhere.
std::optional<size_t> read_name(Bytes message, std::string& name) {
  for (size_t at = kHeader; at < message.size() && at - kHeader < kLongestName;) {
    size_t length = message[at++];
    if (length == 0) return at;
    if (length > 63 || at + length >= message.size()) return std::nullopt;
    add_label(name, message.subspan(at, length));
    at += length;
  }
  return std::nullopt;
}

bool has_opt_at(Bytes message, size_t at) {
  bool only_more = number_at(message, 6) == 0 && number_at(message, 8) == 0 && number_at(message, 10) > 0;
  return only_more && at + kOptRecord <= message.size() && message[at] == 0 && number_at(message, at + 1) == kTypeOpt;
}

std::optional<Question> read_question(Bytes message, bool answer) {
  if (message.size() < kHeader) return std::nullopt;
  uint16_t flags = number_at(message, 2);
  bool right_way = ((flags & kAnswerBit) != 0) == answer;
  if (!right_way || (flags & kOpcode) != 0 || number_at(message, 4) != 1) return std::nullopt;
  Question question;
  auto end = read_name(message, question.name);
  if (!end || *end + 4 > message.size()) return std::nullopt;
  question.type = number_at(message, *end);
  question.type_class = number_at(message, *end + 2);
  question.end = *end + 4;
  question.extended = has_opt_at(message, question.end);
  return question;
}

// An OPT record with `padding` bytes of option, its head included; 0 for none.
void put_opt(std::vector<uint8_t>& to, size_t padding) {
  to.push_back(0);
  put16(to, kTypeOpt);
  put16(to, kOurSize);
  put32(to, 0);
  put16(to, static_cast<uint16_t>(padding));
  if (padding == 0) return;
  put16(to, kPadding);
  put16(to, static_cast<uint16_t>(padding - kOptionHead));
  to.insert(to.end(), padding - kOptionHead, 0);
}

void put_record(std::vector<uint8_t>& to, const Question& question, const Reply& reply) {
  put16(to, kNameOfTheQuestion);
  put16(to, question.type);
  put16(to, question.type_class);
  put32(to, reply.ttl);
  put16(to, static_cast<uint16_t>(reply.data.size()));
  to.insert(to.end(), reply.data.begin(), reply.data.end());
}

std::vector<uint8_t> without_opt(Bytes message, const Question& question, const Reply& reply) {
  std::vector<uint8_t> out(message.begin(), message.begin() + 2);
  uint16_t kept = number_at(message, 2) & (kRecursionDesired | kCheckingDisabled);
  put16(out, static_cast<uint16_t>(kAnswerBit | kRecursionAvailable | kept | reply.code));
  put16(out, 1);
  put16(out, reply.data.empty() ? 0 : 1);
  put32(out, 0);
  out.insert(out.end(), message.begin() + kHeader, message.begin() + static_cast<std::ptrdiff_t>(question.end));
  if (!reply.data.empty()) put_record(out, question, reply);
  return out;
}

struct TypeName {
  const char* name;
  uint16_t number;
};
constexpr std::array<TypeName, 14> kTypes{{{"A", 1},
                                           {"NS", 2},
                                           {"CNAME", 5},
                                           {"SOA", 6},
                                           {"PTR", 12},
                                           {"MX", 15},
                                           {"TXT", 16},
                                           {"AAAA", 28},
                                           {"SRV", 33},
                                           {"NAPTR", 35},
                                           {"SVCB", 64},
                                           {"HTTPS", 65},
                                           {"ANY", 255},
                                           {"CAA", 257}}};

}  // namespace

std::optional<Question> question_of_query(Bytes message) { return read_question(message, false); }
std::optional<Question> question_of_answer(Bytes message) { return read_question(message, true); }

std::vector<uint8_t> answer_to(Bytes message, const Question& question, const Reply& reply) {
  std::vector<uint8_t> out = without_opt(message, question, reply);
  if (!question.extended) return out;
  out[11] = 1;
  put_opt(out, 0);
  return out;
}

std::optional<std::vector<uint8_t>> answer_in(Bytes message, size_t length, const Question& question,
                                              const Reply& reply) {
  std::vector<uint8_t> out = without_opt(message, question, reply);
  if (out.size() > std::min(length, message.size())) return std::nullopt;
  size_t left = length - out.size();
  if (left >= kOptRecord + kOptionHead) {
    out[11] = 1;
    put_opt(out, left - kOptRecord);
  } else if (left == kOptRecord) {
    out[11] = 1;
    put_opt(out, 0);
  }
  out.resize(length, 0);
  return out;
}

std::optional<uint16_t> type_of(std::string_view text) {
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const TypeName& type : kTypes)
    if (name == type.name) return type.number;
  if (!name.starts_with("TYPE")) return std::nullopt;
  return parse_number<uint16_t>(std::string_view(name).substr(4));
}

}  // namespace ordeal::packets::dns

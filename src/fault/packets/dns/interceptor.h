// Interceptor: what becomes of each DNS packet of a victim: questions over UDP as they leave, and answers over TCP as
// they come (a connection cannot be answered by somebody else, so its answers are changed in place, in their length).
// A packet without a question that is meant is never touched. Pure.
#pragma once

#include <unordered_map>

#include "fault/packets/adviser.h"
#include "fault/packets/dns/answer_stream.h"
#include "fault/packets/dns/chosen_names.h"
#include "fault/packets/dns/datagram.h"
#include "platform/sys/network/packet.h"

namespace ordeal::packets::dns {

struct Act {
  enum class Kind { kDrop, kDelay, kAnswer };
  Kind kind = Kind::kDrop;
  uint8_t code = kNoError;               // of the answer
  std::vector<sys::Prefix> addresses{};  // of the answer; with several each question gets one
  bool random_address = false;           // of the ranges for tests and documentation (198.18.0.0/15, 2001:db8::/32)
  uint32_t ttl = 0;                      // seconds
  bool gives_addresses() const { return random_address || !addresses.empty(); }
};

struct Tally {
  uint64_t questions = 0;  // that were read, meant or not
  uint64_t hit = 0;        // meant, and done to as asked
  uint64_t missed = 0;     // meant, and the answer did not fit in the place of the real one
  uint64_t unread = 0;     // could not be read whatever was in them, and passed: packets, and answers in a segment
  uint64_t others = 0;     // packets without a question
};

class Interceptor : public Adviser {
 public:
  // `words`: what it does, for people.
  Interceptor(ChosenNames names, Act act, std::string words, uint64_t seed)
      : names_(std::move(names)), act_(std::move(act)), words_(std::move(words)), seed_(seed) {}

  Advice advise(std::span<const uint8_t> packet) override;

  const Act& act() const { return act_; }
  const std::string& words() const { return words_; }
  const Tally& over_udp() const { return udp_; }
  const Tally& over_tcp() const { return tcp_; }

 private:
  bool means(const Question& question) const;
  Reply reply_to(const Question& question, Bytes message) const;
  Advice advise_udp(Bytes packet, const Transport& transport);
  Advice advise_tcp(Bytes packet, const Transport& transport);
  Advice advise_messages(Bytes packet, const Transport& transport, const std::vector<AnswerStream::Message>& messages);
  bool change(std::span<uint8_t> segment, const AnswerStream::Message& message, const Question& question);

  ChosenNames names_;
  Act act_;
  std::string words_;
  uint64_t seed_;
  Tally udp_, tcp_;
  std::unordered_map<std::string, AnswerStream> streams_;
};

}  // namespace ordeal::packets::dns

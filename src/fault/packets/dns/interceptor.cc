#include "fault/packets/dns/interceptor.h"

#include <netinet/in.h>

#include <algorithm>

namespace ordeal::packets::dns {
namespace {

constexpr size_t kMostStreams = 4096;

// FNV-1a: the same for the same question, so that an answer that is sent again is changed in the same way.
uint64_t hash_of(Bytes bytes, uint64_t seed) {
  uint64_t hash = 14695981039346656037ULL ^ seed;
  for (uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211ULL;
  return hash ^ hash >> 29;
}

std::vector<uint8_t> random_data(int family, uint64_t hash) {
  auto byte = [&](int at) { return static_cast<uint8_t>(hash >> (8 * at)); };
  if (family == AF_INET) return {198, static_cast<uint8_t>(18 + byte(0) % 2), byte(1), byte(2)};
  std::vector<uint8_t> data{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0};
  for (int i = 0; i < 8; ++i) data.push_back(byte(i));
  return data;
}

std::vector<uint8_t> one_of(const std::vector<sys::Prefix>& addresses, int family, uint64_t hash) {
  std::vector<const sys::Prefix*> fitting;
  for (const sys::Prefix& one : addresses)
    if (one.family == family) fitting.push_back(&one);
  if (fitting.empty()) return {};
  const sys::Prefix& chosen = *fitting[hash % fitting.size()];
  return {chosen.address.begin(), chosen.address.begin() + static_cast<std::ptrdiff_t>(chosen.width())};
}

// An identity that is not the question's: whoever asked takes it for an answer to something else.
void estrange(std::span<uint8_t> message) {
  for (size_t i = 0; i < 2 && i < message.size(); ++i) message[i] ^= 0xff;
}

}  // namespace

bool Interceptor::means(const Question& question) const {
  bool address = question.type == kTypeA || question.type == kTypeAaaa;
  if (question.type_class != kClassIn || (act_.gives_addresses() && !address)) return false;
  return names_.means(question);
}

// A question for the other family than the addresses' has an answer without a record: there is no such address.
Reply Interceptor::reply_to(const Question& question, Bytes message) const {
  Reply reply{act_.code, {}, act_.ttl};
  uint64_t hash = hash_of(message.first(question.end), seed_);
  int family = question.type == kTypeA ? AF_INET : AF_INET6;
  if (act_.random_address) reply.data = random_data(family, hash);
  if (!act_.addresses.empty()) reply.data = one_of(act_.addresses, family, hash);
  return reply;
}

Advice Interceptor::advise(Bytes packet) {
  auto transport = transport_of(packet);
  if (!transport) return ++udp_.unread, Advice{};
  return transport->protocol == IPPROTO_UDP ? advise_udp(packet, *transport) : advise_tcp(packet, *transport);
}

Advice Interceptor::advise_udp(Bytes packet, const Transport& transport) {
  Bytes message = packet.subspan(transport.payload, transport.end - transport.payload);
  auto question = question_of_query(message);
  if (!question) return ++udp_.others, Advice{};
  ++udp_.questions;
  if (!means(*question)) return {};
  ++udp_.hit;
  if (act_.kind == Act::Kind::kDelay) return {Advice::Act::kHold, {}};
  if (act_.kind == Act::Kind::kDrop) return {Advice::Act::kDrop, {}};
  auto answer = answer_to(message, *question, reply_to(*question, message));
  return {Advice::Act::kDrop, answer_packet(packet, transport, answer)};
}

Advice Interceptor::advise_tcp(Bytes packet, const Transport& transport) {
  std::string connection = connection_of(packet, transport);
  if (transport.begins) {
    if (streams_.size() >= kMostStreams) streams_.clear();
    streams_[connection].begin(transport.sequence + 1);
  }
  Bytes segment = packet.subspan(transport.payload, transport.end - transport.payload);
  Advice advice;
  if (!segment.empty()) {
    auto messages = streams_[connection].read(transport.sequence, segment);
    if (messages)
      advice = advise_messages(packet, transport, *messages);
    else
      ++tcp_.unread;
  }
  if (transport.ends && segment.empty()) streams_.erase(connection);
  return advice;
}

// What is dropped takes its segment with it, unless others share it, be it with the end of an answer that began before.
Advice Interceptor::advise_messages(Bytes packet, const Transport& transport,
                                    const std::vector<AnswerStream::Message>& messages) {
  std::vector<uint8_t> changed(packet.begin(), packet.end());
  std::span<uint8_t> segment(changed.data() + transport.payload, transport.end - transport.payload);
  size_t hit = 0;
  for (const AnswerStream::Message& message : messages) {
    auto question = question_of_answer(segment.subspan(message.at));
    tcp_.unread += !question && !message.again;
    tcp_.questions += question && !message.again;
    if (!question || !means(*question)) continue;
    bool done = change(segment, message, *question);
    hit += done;
    (done ? tcp_.hit : tcp_.missed) += !message.again;
  }
  if (hit == 0) return {};
  if (act_.kind == Act::Kind::kDelay) return {Advice::Act::kHold, {}};
  bool whole = hit == messages.size() && messages.front().at <= AnswerStream::kLengthBytes;
  if (act_.kind == Act::Kind::kDrop && whole) return {Advice::Act::kDrop, {}};
  seal(changed, transport);
  return {Advice::Act::kReplace, std::move(changed)};
}

bool Interceptor::change(std::span<uint8_t> segment, const AnswerStream::Message& message, const Question& question) {
  std::span<uint8_t> here = segment.subspan(message.at);
  here = here.first(std::min(here.size(), message.length));
  if (act_.kind == Act::Kind::kDelay) return true;
  if (act_.kind == Act::Kind::kDrop) return estrange(here), true;
  auto answer = answer_in(here, message.length, question, reply_to(question, here));
  if (!answer) return false;
  std::copy_n(answer->begin(), here.size(), here.begin());
  return true;
}

}  // namespace ordeal::packets::dns

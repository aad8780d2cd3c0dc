// DNS packets as a queue hands them out: whatever they are, what is made of them parses again, in the length it must
// have, with the same question.
#include <netinet/in.h>

#include <cstdlib>

#include "fault/packets/dns/interceptor.h"

using namespace ordeal::packets;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void try_messages(dns::Bytes bytes) {
  if (auto question = dns::question_of_query(bytes)) {
    auto answer = dns::answer_to(bytes, *question, {dns::kNxDomain, {}, 5});
    auto again = dns::question_of_answer(answer);
    must(again && again->name == question->name && again->type == question->type);
  }
  if (auto question = dns::question_of_answer(bytes)) {
    auto answer = dns::answer_in(bytes, bytes.size() + 20, *question, {dns::kNoError, {1, 2, 3, 4}, 5});
    must(!answer || answer->size() == bytes.size() + 20);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto names = *dns::ChosenNames::parse({"/.*[a-m]/"}, {});
  try_messages({data, size});
  for (auto kind : {dns::Act::Kind::kAnswer, dns::Act::Kind::kDrop}) {
    dns::Interceptor reader(names, {.kind = kind, .random_address = true}, "", 1);
    // The first byte of each part is its length, so that one input is a stream of packets.
    for (dns::Bytes rest(data, size); rest.size() > 1;) {
      dns::Bytes packet = rest.subspan(1, std::min<size_t>(rest[0], rest.size() - 1));
      rest = rest.subspan(1 + packet.size());
      Advice advice = reader.advise(packet);
      if (advice.act == Advice::Act::kReplace) must(advice.packet.size() == packet.size());
      if (advice.act == Advice::Act::kDrop && !advice.packet.empty())
        must(dns::transport_of(advice.packet).has_value());
    }
  }
  return 0;
}

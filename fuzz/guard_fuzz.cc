// Bytes that the guard and the reaper read: a message of a socket, an undo record, and a journal of an earlier death.
// The first byte says which; a journal's records get their right checksum, which no fuzzer would find.
#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/model/input/attack.h"
#include "core/model/victim.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/link/wire.h"
#include "fault/guard/recovery/journal.h"
#include "same_json.h"

namespace {

using namespace ordeal;

constexpr size_t kRecord = 4096;

std::string record_of(std::string_view payload) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(payload.data(), payload.size());
  uint32_t magic = 0x4a44524f, sum = crc.checksum();
  uint16_t version = 1, length = static_cast<uint16_t>(payload.size());
  std::string record(kRecord, '\0');
  std::memcpy(&record[0], &magic, 4);
  std::memcpy(&record[4], &version, 2);
  std::memcpy(&record[6], &length, 2);
  std::memcpy(&record[8], &sum, 4);
  std::memcpy(&record[12], payload.data(), payload.size());
  return record;
}

// One record from each line.
std::string journal_of(std::string_view text) {
  std::string journal;
  while (!text.empty() && journal.size() < 16 * kRecord) {
    size_t end = std::min(text.find('\n'), text.size());
    journal += record_of(text.substr(0, std::min<size_t>(end, kRecord - 12)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return journal;
}

// What is understood is said again in the same words.
template <typename Messages>
void check_protocol(const json::Object& message) {
  auto said = guard::from_message<Messages>(message);
  if (!said) return;
  std::string again = json::write(guard::to_message(*said));
  auto received = guard::from_message<Messages>(*guard::parse_message(again));
  if (!received || json::write(guard::to_message(*received)) != again) __builtin_trap();
}

void check_message(std::string_view text) {
  auto message = guard::parse_message(text);
  if (!message) return;
  auto again = guard::parse_message(json::write(*message));
  if (!again || !same_json(*again, *message)) __builtin_trap();
  check_protocol<guard::ToGuard>(*message);
  check_protocol<guard::FromGuard>(*message);
  check_protocol<guard::ToReaper>(*message);
  check_protocol<guard::FromReaper>(*message);
  check_protocol<guard::ToStandby>(*message);
  check_protocol<guard::FromStandby>(*message);
  (void)victim_from_json(*message);
  (void)attack_from_json(*message);
  (void)step_from_json(*message);
  (void)proof_from_json(*message);
  auto undo = fault::undo_record_from_json(*message);
  if (undo && json::write(to_json(*undo)) != json::write(to_json(*fault::undo_record_from_json(to_json(*undo)))))
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'm') check_message(text);
  if (data[0] == 'j') (void)guard::open_records(journal_of(text), "test.journal");
  if (data[0] == 'r') (void)guard::open_records(text, "test.journal");
  return 0;
}

// A datagram of the kernel: messages, attributes within attributes, errors and queued packets.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "platform/sys/network/netlink.h"
#include "platform/sys/network/nfqueue.h"

namespace {

using namespace ordeal::sys;

void walk(Bytes bytes, int depth) {
  for (AttributeReader reader(bytes); auto attribute = reader.next();) {
    (void)(attribute->u8() + attribute->u32() + attribute->be64() + attribute->text().size());
    if (depth < 8) walk(attribute->value, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint64_t> aligned(size / 8 + 1);  // as a buffer of recv() is
  if (size > 0) std::memcpy(aligned.data(), data, size);
  for (MessageReader reader({reinterpret_cast<const uint8_t*>(aligned.data()), size});
       const auto* message = reader.next();) {
    walk(payload_of(*message), 0);
    if (error_of(*message, "test").message().empty()) __builtin_trap();
    QueuePacket packet = parse_queue_packet(*message);
    if (packet.copied.size() > size) __builtin_trap();
  }
  return 0;
}

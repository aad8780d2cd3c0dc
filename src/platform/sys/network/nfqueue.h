// NfQueue: one NFQUEUE of the kernel, bound to our socket in the network namespace where it was opened. When the
// socket closes the kernel drops what is held, and rules with bypass let traffic pass from then on.
// Not a policy: it hands out packets and carries verdicts back. Verdicts are collected; nothing moves before flush().
// A packet without a verdict is held by the kernel for ever (until the socket closes).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "platform/sys/network/netlink.h"

namespace ordeal::sys {

struct QueueOptions {
  // Bytes of each packet that are copied to us. 1 is enough to learn its length (metadata alone does not have it).
  uint32_t copy_bytes = 1;
  // Large segments come whole (cheap; their checksums are not filled in), else they are cut before they come.
  bool whole_segments = true;
  uint32_t max_packets = 131072;  // the kernel lets packets beyond pass (fail open)
  int receive_buffer = 64 << 20;
};

struct QueuePacket {
  uint32_t id = 0;  // rising within the queue
  uint8_t hook = 0;
  uint16_t ether_type = 0;  // 0x0800 or 0x86dd
  uint32_t in_device = 0;
  uint32_t out_device = 0;
  uint32_t mark = 0;
  uint32_t length = 0;              // of the whole packet, from its IP header on
  Bytes copied;                     // the first bytes of it; valid during the callback
  std::optional<Nanos> stamped_at;  // wall clock of its arrival at the device, when the kernel stamps packets
};

// What a packet message of the kernel says; what it does not say stays 0.
QueuePacket parse_queue_packet(const nlmsghdr& message);

class NfQueue {
 public:
  enum class Verdict : uint32_t { kDrop = 0, kAccept = 1 };  // NF_DROP, NF_ACCEPT

  // Takes a free queue number by chance, in the network namespace of the calling thread.
  static Result<NfQueue> open(const QueueOptions& options, Random& random);

  uint16_t number() const { return number_; }
  // Readable when packets wait.
  int fd() const { return socket_.fd(); }

  // Reads what waits, at most one batch (256 packets, or 2 MiB), without blocking. Returns the number of packets.
  // Packets that were to be accepted and that the kernel had dropped before are counted in lost_packets().
  Result<size_t> receive(const std::function<void(const QueuePacket&)>& visit);

  void verdict(uint32_t id, Verdict verdict);
  // Accepts a held packet with other contents, whole and with its checksums, at once, after the verdicts that were
  // collected; not more than 65 000 bytes. After an error it still waits.
  Result<> accept_changed(uint32_t id, Bytes packet);
  // One verdict for every held packet up to and including `id`, which are `count`.
  void verdict_up_to(uint32_t id, uint32_t count, Verdict verdict);
  // Sends the collected verdicts, many in one system call.
  Result<> flush();

  uint64_t lost_packets() const { return lost_packets_; }
  // What the kernel let pass because we did not keep up: their numbers are missing among those that came.
  uint64_t skipped_packets() const { return skipped_packets_; }

 private:
  NfQueue(NetlinkSocket socket, uint16_t number);
  static Result<> configure(NetlinkSocket& socket, uint16_t number, const QueueOptions& options);
  void add_verdict(uint8_t message, uint32_t id, uint32_t count, Verdict verdict);
  void count_skipped(uint32_t id);
  size_t visit_datagram(Bytes datagram, const std::function<void(const QueuePacket&)>& visit);

  NetlinkSocket socket_;
  uint16_t number_ = 0;
  size_t slot_bytes_ = 0;
  size_t slots_ = 0;
  std::vector<uint8_t> buffer_;
  std::vector<uint8_t> verdicts_;
  uint64_t lost_packets_ = 0;
  uint64_t skipped_packets_ = 0;
  uint32_t last_id_ = 0;
};

}  // namespace ordeal::sys

// VerdictQueue: the running part of a packet rule whose verdict is more than the kernel can do: takes packets from a
// queue of the kernel and drops them, changes them, sends a copy behind them (on departure), lets them through at a
// rate, or holds them and lets them go. Held are they in two ways, because a packet held on
// departure still belongs to its socket and starves it (TCP small queues):
//   kArrival    holds the packet itself in the kernel and accepts it at its deadline (hook prerouting);
//   kDeparture  keeps a copy, drops the packet at once, and sends the copy at its deadline, marked (hook output,
//               before connection tracking; the rule must skip what we sent). What is longer than the device's
//               MTU, or not copied whole, is held as on arrival.
// It owns no rules: packet_rules.h has rules and queue together. One thread; the host polls descriptors() and
// calls on_ready() then and at next_deadline(). For exact times the host uses an absolute timer and timer slack 1.
#pragma once

#include <unordered_map>
#include <vector>

#include "fault/packets/delay_line.h"
#include "fault/packets/direction.h"
#include "fault/packets/packet_verdict.h"
#include "platform/sys/network/nfqueue.h"
#include "platform/sys/network/raw_socket.h"

namespace ordeal::packets {

struct PacketOptions {
  Direction direction = Direction::kArrival;
  PacketVerdict verdict;
  HoldBound bound;
  uint32_t mark_bit = 0x00400000;  // on what we send again
  // On what we send again, so that it is told from packets that carry that bit already: the file system group of its
  // socket. 0: there is none, and the bit has to do.
  uint32_t group = 0;
};

class VerdictQueue {
 public:
  // In the network namespace of the calling thread.
  static Result<VerdictQueue> open(const PacketOptions& options, Random& random);

  uint16_t number() const { return queue_.number(); }
  std::vector<int> descriptors() const { return {queue_.fd()}; }
  std::optional<BootTime> next_deadline() const { return line_.next_deadline(); }
  Result<> on_ready(BootTime now);

  // Lets go of everything that is held and that still waits in the socket; may be called again. The rules must not
  // match any more, else it does not end: at most a bounded number of packets is taken per call.
  Result<> let_all_go();

  const PacketStats& stats() const { return line_.stats(); }
  size_t held_packets() const { return line_.held_packets(); }

 private:
  struct Copy {
    std::vector<uint8_t> packet;
    uint32_t mark, device;
  };

  VerdictQueue(PacketOptions options, sys::NfQueue queue, std::optional<sys::RawSocket> raw, UniqueFd stamps,
               Random random);
  Result<size_t> receive();
  // Whether the act is for this packet, where it is for us to draw; one that it is not for is let go.
  bool drawn(const sys::QueuePacket& packet);
  void take(const sys::QueuePacket& packet, const Pass& pass);
  void take(const sys::QueuePacket& packet, const Hold& hold);
  void take(const sys::QueuePacket& packet, const Drop& drop);
  void take(const sys::QueuePacket& packet, const Duplicate& duplicate);
  void take(const sys::QueuePacket& packet, const Corrupt& corrupt);
  void take(const sys::QueuePacket& packet, const Shape& shape);
  void take(const sys::QueuePacket& packet, const Ask& ask);
  void take(const sys::QueuePacket&, const Refuse&) {}  // the kernel's own: none comes here
  void hold(const sys::QueuePacket& packet, bool resend);
  void send_back(const sys::QueuePacket& packet, const std::vector<uint8_t>& answer);
  bool can_resend(const sys::QueuePacket& packet);
  // After the packets that they are copies of.
  void send_copies();
  void release(HeldPacket& packet);
  Result<> finish_release();
  void account_for(BootTime now);
  uint32_t mtu_of(uint32_t device);

  PacketOptions options_;
  sys::NfQueue queue_;
  std::optional<sys::RawSocket> raw_;
  UniqueFd stamps_;
  Random random_;
  DelayLine line_;
  std::optional<BurstDraw> bursts_;
  std::optional<TokenBucket> bucket_;
  std::vector<Copy> copies_;
  std::unordered_map<uint32_t, uint32_t> mtus_;  // by device; forgotten when a packet proves too long
  uint32_t accept_up_to_ = 0;                    // of the release under way,
  uint32_t to_accept_ = 0;                       // which is of so many packets
  uint64_t released_bytes_ = 0;                  // since the last account
  BootTime last_deadline_{};                     // of what was released
  uint64_t lost_seen_ = 0;
};

}  // namespace ordeal::packets

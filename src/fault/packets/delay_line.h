// DelayLine: which packets are held until when. Pure: no socket, no clock; time is passed in, randomness too.
// Constant delay keeps the order of arrival; with jitter packets overtake each other, as on netem.
// Rule: memory is bounded. A packet beyond the bound is not taken (admit() says so): it must pass at once.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "fault/packets/acts/delay_draw.h"
#include "fault/packets/acts/token_bucket.h"
#include "fault/packets/added_delay.h"

namespace ordeal::packets {

struct HoldBound {
  uint64_t bytes = 64 << 20;
  size_t packets = 120'000;
};

struct HeldPacket {
  uint32_t id = 0;
  uint32_t length = 0;
  uint32_t mark = 0;
  uint32_t device = 0;
  BootTime arrived;
  BootTime deadline;          // set by admit()
  std::vector<uint8_t> copy;  // the packet, where it is sent again by us; else empty
};

struct PacketStats {
  uint64_t matched = 0;            // all that came
  uint64_t spared = 0;             // drawn by us to pass; not among the matched
  uint64_t dropped = 0;            // as the verdict asks
  uint64_t corrupted = 0;          // changed, and let go
  uint64_t unfit = 0;              // let go as they are: there is nothing to be done to them
  uint64_t failed = 0;             // let go as they are, though there was
  uint64_t queue_full = 0;         // not even handed to us, and let go by the kernel
  uint64_t delayed = 0;            // held to their deadline
  uint64_t released_early = 0;     // held when the impact ended, and let go then
  uint64_t passed_over_bound = 0;  // let go at once
  uint64_t dropped_on_error = 0;   // lost: could not be sent again, or the kernel had dropped it
  uint64_t resent = 0;             // sent again by us, and taken by the kernel
  AddedDelay added;                // of the delayed ones
  BusyTime busy;                   // of a rate: while packets waited for it
};

class DelayLine {
 public:
  DelayLine(DelayShape shape, HoldBound bound, Random random);

  // Takes the packet and sets its deadline; false when the bound is reached.
  bool admit(HeldPacket packet);
  // The same with a deadline from outside, which is not before that of the packet before.
  bool admit(HeldPacket packet, BootTime deadline);
  // Whether the bound has room for so many bytes more.
  bool has_room(uint32_t length) const;
  std::optional<BootTime> next_deadline() const;
  // Lets go of what is due at `now`, earliest deadline first.
  using Visit = std::function<void(HeldPacket&)>;
  void release_due(BootTime now, const Visit& visit);
  // Lets go of everything, earliest deadline first.
  void release_all(const Visit& visit);

  // True when deadlines have the order of arrival, so that one verdict can serve all up to an id.
  bool keeps_order() const { return !draw_.shape().varies(); }
  size_t held_packets() const { return fifo_.size() + heap_.size(); }
  uint64_t held_bytes() const { return bytes_; }
  PacketStats& stats() { return stats_; }
  const PacketStats& stats() const { return stats_; }

 private:
  HeldPacket pop();

  DelayDraw draw_;
  HoldBound bound_;
  Random random_;
  PacketStats stats_;
  uint64_t bytes_ = 0;
  // One of the two is used: a queue when the order is that of arrival, else a heap with the earliest on top.
  std::deque<HeldPacket> fifo_;
  std::vector<HeldPacket> heap_;
};

}  // namespace ordeal::packets

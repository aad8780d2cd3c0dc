// PacketVerdict: what a packet rule does with the packets that it means. It has two halves: what the rule does in the
// kernel (finish()), and, where that is to hand the packet to the queue, what the queue's reader does with it
// (verdict_queue.cc). A new kind of act is a struct here and a line in each half.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "fault/packets/acts/bursts.h"
#include "fault/packets/acts/corruption.h"
#include "fault/packets/adviser.h"
#include "fault/packets/delay_line.h"
#include "fault/packets/direction.h"
#include "platform/sys/network/nft.h"

namespace ordeal::packets {

struct Pass {};  // the packet is only counted
struct Hold {    // the packet is held back, and goes on
  DelayShape shape;
};
// The packet is lost, and its sender is not told: a rule that drops on departure makes send() fail (EPERM), so there
// the queue's reader drops.
struct Drop {};
struct Duplicate {};  // the packet goes on, and a copy of it; on departure only
struct Corrupt {      // the packet goes on, changed; see corruption.h for what cannot be
  CorruptionKind kind = CorruptionKind::kDetected;
};
struct Shape {  // all of them together pass at a rate at most
  Shaping shaping;
};

// The packet is lost, and its sender is told at once.
struct Refuse {
  sys::Refusal how = sys::Refusal::kTcpReset;
};

// Somebody reads it and says; what is to be held is held like that.
struct Ask {
  std::shared_ptr<Adviser> whom;
  DelayShape shape;
};

struct PacketVerdict {
  std::variant<Pass, Hold, Drop, Duplicate, Corrupt, Shape, Refuse, Ask> act;
  double share = 1;  // above 0, at most 1, of the packets that are meant: the kernel draws for each, the rest passes
  // The queue's reader draws instead, and `share` is what that comes to.
  std::optional<Bursts> bursts = {};

  const Shape* shaped() const { return std::get_if<Shape>(&act); }
  const Hold* held() const { return std::get_if<Hold>(&act); }
  const Ask* asked() const { return std::get_if<Ask>(&act); }
  bool drawn_by_kernel() const { return share < 1 && !bursts; }
  // Of the share that is drawn among so many packets.
  double variance(double packets) const;
};

// Of a rule that only counts.
constexpr const char* kMeantRule = "meant";
// The rest of the packets that are meant, where the verdict takes a share of them.
constexpr const char* kSparedRule = "spared";
// The comment of the rules that act, which names their counters.
const char* rule_name(const PacketVerdict& verdict);

bool needs_queue(const PacketVerdict& verdict, Direction direction);
// Whether what the queue's reader lets go is sent anew, and so must be told from what the rules still mean.
bool sends_again(const PacketVerdict& verdict, Direction direction);
// Whether the reader needs each packet whole, with its checksum made.
bool reads_contents(const PacketVerdict& verdict, Direction direction);
// Whether it needs each as it is on the wire, one segment at a time.
bool reads_segments(const PacketVerdict& verdict, Direction direction);
// Whether the parts of one packet must be put together first: packets overtake each other, so that they would wait for
// each other; or it is changed, with a checksum over all of them.
bool needs_whole_packets(const PacketVerdict& verdict);
// The last part of a rule that matches what is meant: the share, the counter, the act. `queue` where it needs one.
void finish(sys::Rule& rule, const PacketVerdict& verdict, Direction direction, std::optional<uint16_t> queue);

}  // namespace ordeal::packets

// PacketVerdict: what a packet rule does with the packets that it means. It has two halves: what the rule does in the
// kernel (finish()), and, where that is to hand the packet to the queue, what the queue's reader does with it
// (verdict_queue.cc). A new kind of act is a struct here and a line in each half.
#pragma once

#include <optional>
#include <string>
#include <variant>

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

struct PacketVerdict {
  std::variant<Pass, Hold, Drop> act;
  double share = 1;  // above 0, at most 1, of the packets that are meant: the kernel draws for each, the rest passes

  const Hold* held() const { return std::get_if<Hold>(&act); }
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
// Whether packets overtake each other: then the parts of one would wait for each other, so that it is put together
// first.
bool reorders(const PacketVerdict& verdict);
// The last part of a rule that matches what is meant: the share, the counter, the act. `queue` where it needs one.
void finish(sys::Rule& rule, const PacketVerdict& verdict, Direction direction, std::optional<uint16_t> queue);

}  // namespace ordeal::packets

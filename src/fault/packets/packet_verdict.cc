#include "fault/packets/packet_verdict.h"

#include <array>

namespace ordeal::packets {
namespace {

// In the order of the variant.
constexpr std::array kNames{kMeantRule, "delay", "drop"};

void act(sys::Rule& rule, const Pass&, Direction, std::optional<uint16_t>) { rule.leave(); }
void act(sys::Rule& rule, const Hold&, Direction, std::optional<uint16_t> queue) { rule.queue(queue.value()); }
void act(sys::Rule& rule, const Drop&, Direction direction, std::optional<uint16_t> queue) {
  direction == Direction::kArrival ? rule.drop() : rule.queue(queue.value());
}

}  // namespace

const char* rule_name(const PacketVerdict& verdict) { return kNames[verdict.act.index()]; }

bool needs_queue(const PacketVerdict& verdict, Direction direction) {
  bool drops = std::holds_alternative<Drop>(verdict.act);
  return verdict.held() || (drops && direction == Direction::kDeparture);
}

bool sends_again(const PacketVerdict& verdict, Direction direction) {
  return verdict.held() && direction == Direction::kDeparture;
}

bool reorders(const PacketVerdict& verdict) {
  return verdict.held() && (verdict.share < 1 || verdict.held()->shape.jitter > Nanos(0));
}

void finish(sys::Rule& rule, const PacketVerdict& verdict, Direction direction, std::optional<uint16_t> queue) {
  if (verdict.share < 1) rule.random(verdict.share);
  rule.counter();
  std::visit([&](const auto& kind) { act(rule, kind, direction, queue); }, verdict.act);
}

}  // namespace ordeal::packets

#include "fault/packets/packet_verdict.h"

#include <array>

namespace ordeal::packets {
namespace {

// In the order of the variant.
constexpr std::array kNames{kMeantRule, "delay", "drop", "duplicate", "corrupt", "shape", "refuse", "ask"};

void act(sys::Rule& rule, const Pass&, Direction, std::optional<uint16_t>) { rule.leave(); }
void act(sys::Rule& rule, const Hold&, Direction, std::optional<uint16_t> queue) { rule.queue(queue.value()); }
void act(sys::Rule& rule, const Drop&, Direction, std::optional<uint16_t> queue) {
  queue ? rule.queue(*queue) : rule.drop();
}
void act(sys::Rule& rule, const Duplicate&, Direction, std::optional<uint16_t> queue) { rule.queue(queue.value()); }
void act(sys::Rule& rule, const Corrupt&, Direction, std::optional<uint16_t> queue) { rule.queue(queue.value()); }
void act(sys::Rule& rule, const Shape&, Direction, std::optional<uint16_t> queue) { rule.queue(queue.value()); }
void act(sys::Rule& rule, const Refuse& refuse, Direction, std::optional<uint16_t>) { rule.refuse(refuse.how); }
void act(sys::Rule& rule, const Ask&, Direction, std::optional<uint16_t> queue) { rule.queue(queue.value()); }

template <typename Act>
bool is(const PacketVerdict& verdict) {
  return std::holds_alternative<Act>(verdict.act);
}

}  // namespace

const char* rule_name(const PacketVerdict& verdict) { return kNames[verdict.act.index()]; }

bool needs_queue(const PacketVerdict& verdict, Direction direction) {
  if (is<Pass>(verdict) || is<Refuse>(verdict)) return false;
  return !is<Drop>(verdict) || verdict.bursts || direction == Direction::kDeparture;
}

bool sends_again(const PacketVerdict& verdict, Direction direction) {
  return direction == Direction::kDeparture && (is<Duplicate>(verdict) || is<Hold>(verdict) || is<Ask>(verdict));
}

bool reads_contents(const PacketVerdict& verdict, Direction direction) {
  return is<Corrupt>(verdict) || is<Ask>(verdict) || sends_again(verdict, direction);
}

bool reads_segments(const PacketVerdict& verdict, Direction direction) {
  return is<Shape>(verdict) || reads_contents(verdict, direction);
}

bool needs_whole_packets(const PacketVerdict& verdict) {
  bool overtaken = verdict.held() && (verdict.share < 1 || verdict.held()->shape.varies());
  return overtaken || is<Corrupt>(verdict);
}

double PacketVerdict::variance(double packets) const {
  return bursts ? bursts->variance(packets) : share * (1 - share) / packets;
}

void finish(sys::Rule& rule, const PacketVerdict& verdict, Direction direction, std::optional<uint16_t> queue) {
  if (verdict.drawn_by_kernel()) rule.random(verdict.share);
  rule.counter();
  std::visit([&](const auto& kind) { act(rule, kind, direction, queue); }, verdict.act);
}

}  // namespace ordeal::packets

#include "fault/packets/delay_line.h"

#include <algorithm>

namespace ordeal::packets {
namespace {

// Among equal deadlines the earlier id goes first.
bool later(const HeldPacket& a, const HeldPacket& b) {
  return a.deadline != b.deadline ? a.deadline > b.deadline : static_cast<int32_t>(a.id - b.id) > 0;
}

}  // namespace

DelayLine::DelayLine(DelayShape shape, HoldBound bound, Random random)
    : shape_(shape), bound_(bound), random_(random) {}

Nanos DelayLine::draw() {
  if (shape_.jitter == Nanos(0)) return shape_.delay;
  double factor = shape_.kind == JitterKind::kNormal ? random_.normal() : 2 * random_.uniform() - 1;
  auto offset = static_cast<Nanos::rep>(factor * static_cast<double>(shape_.jitter.count()));
  return std::max(shape_.delay + Nanos(offset), Nanos(0));
}

bool DelayLine::admit(HeldPacket packet) {
  ++stats_.matched;
  if (bytes_ + packet.length > bound_.bytes || held_packets() >= bound_.packets) {
    ++stats_.passed_over_bound;
    return false;
  }
  bytes_ += packet.length;
  packet.deadline = packet.arrived + draw();
  if (keeps_order()) {
    fifo_.push_back(std::move(packet));
  } else {
    heap_.push_back(std::move(packet));
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  return true;
}

std::optional<BootTime> DelayLine::next_deadline() const {
  if (!fifo_.empty()) return fifo_.front().deadline;
  if (!heap_.empty()) return heap_.front().deadline;
  return std::nullopt;
}

HeldPacket DelayLine::pop() {
  HeldPacket packet;
  if (!fifo_.empty()) {
    packet = std::move(fifo_.front());
    fifo_.pop_front();
  } else {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    packet = std::move(heap_.back());
    heap_.pop_back();
  }
  bytes_ -= packet.length;
  return packet;
}

void DelayLine::release_due(BootTime now, const Visit& visit) {
  while (auto deadline = next_deadline()) {
    if (*deadline > now) return;
    HeldPacket packet = pop();
    ++stats_.delayed;
    stats_.added.add(now - packet.arrived);
    visit(packet);
  }
}

void DelayLine::release_all(const Visit& visit) {
  while (held_packets() > 0) {
    HeldPacket packet = pop();
    ++stats_.released_early;
    visit(packet);
  }
}

}  // namespace ordeal::packets

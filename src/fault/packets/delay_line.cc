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
    : draw_(std::move(shape)), bound_(bound), random_(random) {}

bool DelayLine::admit(HeldPacket packet) {
  BootTime deadline = packet.arrived + draw_.next(random_);
  return admit(std::move(packet), deadline);
}

bool DelayLine::admit(HeldPacket packet, BootTime deadline) {
  ++stats_.matched;
  if (!has_room(packet.length)) {
    ++stats_.passed_over_bound;
    return false;
  }
  bytes_ += packet.length;
  packet.deadline = deadline;
  if (keeps_order()) {
    fifo_.push_back(std::move(packet));
  } else {
    heap_.push_back(std::move(packet));
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  return true;
}

bool DelayLine::has_room(uint32_t length) const {
  return bytes_ + length <= bound_.bytes && held_packets() < bound_.packets;
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

#include "fault/packets/verdict_queue.h"

#include <netinet/in.h>
#include <sys/socket.h>

namespace ordeal::packets {
namespace {

constexpr int kBatchesPerCall = 16;
constexpr int kBatchesAtTheEnd = 1024;
constexpr Nanos kOldestStamp = 1s;
constexpr uint32_t kWholePacket = 0xffff;

sys::QueueOptions queue_options(const PacketOptions& asked) {
  sys::QueueOptions options;
  if (sends_again(asked.verdict, asked.direction)) {
    options.copy_bytes = kWholePacket;
    options.whole_segments = false;
  }
  return options;
}

// While a socket asks for time stamps, the kernel stamps every arriving packet, and the queue passes the stamp on.
// So a packet that waited for us in the queue is not delayed by that wait as well.
UniqueFd ask_for_stamps() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int on = 1;
  if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  return fd;
}

// Read anew for each packet: one that came while a batch was worked on must not be let go early. A stamp of another
// clock (of packets that the sender had paced) is no use.
BootTime arrival_of(const sys::QueuePacket& packet) {
  BootTime now = boot_now();
  if (!packet.stamped_at) return now;
  Nanos age = wall_now() - *packet.stamped_at;
  return age < Nanos(0) || age > kOldestStamp ? now : now - age;
}

}  // namespace

Result<VerdictQueue> VerdictQueue::open(const PacketOptions& options, Random& random) {
  sys::NfQueue queue = TRY(sys::NfQueue::open(queue_options(options), random));
  std::optional<sys::RawSocket> raw;
  if (sends_again(options.verdict, options.direction)) raw = TRY(sys::RawSocket::open(options.group));
  bool arrival = options.direction == Direction::kArrival;
  UniqueFd stamps = arrival && options.verdict.held() ? ask_for_stamps() : UniqueFd();
  return VerdictQueue(options, std::move(queue), std::move(raw), std::move(stamps), Random(random.next()));
}

VerdictQueue::VerdictQueue(PacketOptions options, sys::NfQueue queue, std::optional<sys::RawSocket> raw,
                           UniqueFd stamps, Random random)
    : options_(options),
      queue_(std::move(queue)),
      raw_(std::move(raw)),
      stamps_(std::move(stamps)),
      line_(options.verdict.held() ? options.verdict.held()->shape : DelayShape{}, options.bound, random) {}

Result<> VerdictQueue::on_ready(BootTime now) {
  // What is due goes first, so that a flood of arrivals makes nobody late.
  line_.release_due(now, [&](HeldPacket& packet) { release(packet); });
  TRY_VOID(finish_release());
  for (int i = 0; i < kBatchesPerCall; ++i)
    if (TRY(receive()) == 0) break;
  return queue_.flush();
}

Result<> VerdictQueue::let_all_go() {
  for (int i = 0; i < kBatchesAtTheEnd; ++i) {
    size_t received = TRY(receive());
    line_.release_all([&](HeldPacket& packet) { release(packet); });
    TRY_VOID(finish_release());
    if (received == 0) break;
  }
  return {};
}

Result<size_t> VerdictQueue::receive() {
  size_t count = TRY(queue_.receive([&](const sys::QueuePacket& packet) {
    std::visit([&](const auto& act) { take(packet, act); }, options_.verdict.act);
  }));
  line_.stats().dropped_on_error += queue_.lost_packets() - std::exchange(lost_seen_, queue_.lost_packets());
  return count;
}

void VerdictQueue::take(const sys::QueuePacket& packet, const Pass&) {
  ++line_.stats().matched;
  queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
}

void VerdictQueue::take(const sys::QueuePacket& packet, const Drop&) {
  ++line_.stats().matched;
  ++line_.stats().dropped;
  queue_.verdict(packet.id, sys::NfQueue::Verdict::kDrop);
}

void VerdictQueue::take(const sys::QueuePacket& packet, const Hold&) {
  HeldPacket held;
  held.id = packet.id;
  held.length = packet.length;
  held.arrived = arrival_of(packet);
  bool resend = can_resend(packet);
  if (resend) {
    held.mark = packet.mark | options_.mark_bit;
    held.device = packet.out_device;
    held.copy.assign(packet.copied.begin(), packet.copied.end());
  }
  if (!line_.admit(std::move(held)))
    queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
  else if (resend)
    queue_.verdict(packet.id, sys::NfQueue::Verdict::kDrop);
}

bool VerdictQueue::can_resend(const sys::QueuePacket& packet) {
  return raw_ && packet.copied.size() == packet.length && packet.length <= mtu_of(packet.out_device);
}

uint32_t VerdictQueue::mtu_of(uint32_t device) {
  auto known = mtus_.find(device);
  if (known != mtus_.end()) return known->second;
  uint32_t mtu = raw_->mtu_of(device);
  mtus_[device] = mtu;
  return mtu;
}

void VerdictQueue::release(HeldPacket& packet) {
  if (packet.copy.empty()) {
    if (!line_.keeps_order()) return queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
    accept_up_to_ = packet.id;
    ++to_accept_;
    return;
  }
  if (raw_->send(packet.copy, packet.mark, packet.device)) {
    ++line_.stats().resent;
    return;
  }
  ++line_.stats().dropped_on_error;
  mtus_.erase(packet.device);
}

Result<> VerdictQueue::finish_release() {
  if (to_accept_ > 0) queue_.verdict_up_to(accept_up_to_, to_accept_, sys::NfQueue::Verdict::kAccept);
  to_accept_ = 0;
  return queue_.flush();
}

}  // namespace ordeal::packets

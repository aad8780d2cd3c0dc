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
  if (reads_contents(asked.verdict, asked.direction)) options.copy_bytes = kWholePacket;
  options.whole_segments = !reads_segments(asked.verdict, asked.direction);
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

DelayShape shape_of(const PacketVerdict& verdict) {
  if (verdict.held()) return verdict.held()->shape;
  return verdict.asked() ? verdict.asked()->shape : DelayShape{};
}

}  // namespace

Result<VerdictQueue> VerdictQueue::open(const PacketOptions& options, Random& random) {
  sys::NfQueue queue = TRY(sys::NfQueue::open(queue_options(options), random));
  std::optional<sys::RawSocket> raw;
  bool arrival = options.direction == Direction::kArrival;
  if (sends_again(options.verdict, options.direction)) raw = TRY(sys::RawSocket::open(options.group));
  bool holds = options.verdict.held() || options.verdict.shaped();
  UniqueFd stamps = arrival && holds ? ask_for_stamps() : UniqueFd();
  return VerdictQueue(options, std::move(queue), std::move(raw), std::move(stamps), Random(random.next()));
}

VerdictQueue::VerdictQueue(PacketOptions options, sys::NfQueue queue, std::optional<sys::RawSocket> raw,
                           UniqueFd stamps, Random random)
    : options_(options),
      queue_(std::move(queue)),
      raw_(std::move(raw)),
      stamps_(std::move(stamps)),
      random_(random),
      line_(shape_of(options.verdict), options.bound, Random(random_.next())) {
  if (options.verdict.bursts) bursts_.emplace(*options.verdict.bursts, random_);
  if (const Shape* shape = options.verdict.shaped()) bucket_.emplace(shape->shaping);
}

Result<> VerdictQueue::on_ready(BootTime now) {
  // What is due goes first, so that a flood of arrivals makes nobody late.
  line_.release_due(now, [&](HeldPacket& packet) { release(packet); });
  TRY_VOID(finish_release());
  if (bucket_) account_for(now);
  for (int i = 0; i < kBatchesPerCall; ++i)
    if (TRY(receive()) == 0) break;
  return queue_.flush();
}

Result<> VerdictQueue::let_all_go() {
  for (int i = 0; i < kBatchesAtTheEnd; ++i) {
    size_t received = TRY(receive());
    line_.release_all([&](HeldPacket& packet) { release(packet); });
    line_.stats().busy.end();  // what goes now is none of the rate
    released_bytes_ = 0;
    TRY_VOID(finish_release());
    if (received == 0) break;
  }
  return {};
}

Result<size_t> VerdictQueue::receive() {
  size_t count = TRY(queue_.receive([&](const sys::QueuePacket& packet) {
    if (drawn(packet)) std::visit([&](const auto& act) { take(packet, act); }, options_.verdict.act);
  }));
  if (!copies_.empty()) {
    TRY_VOID(queue_.flush());
    send_copies();
  }
  line_.stats().queue_full = queue_.skipped_packets();
  line_.stats().dropped_on_error += queue_.lost_packets() - std::exchange(lost_seen_, queue_.lost_packets());
  return count;
}

bool VerdictQueue::drawn(const sys::QueuePacket& packet) {
  if (!bursts_ || bursts_->next(random_)) return true;
  ++line_.stats().spared;
  queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
  return false;
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

void VerdictQueue::take(const sys::QueuePacket& packet, const Duplicate&) {
  ++line_.stats().matched;
  queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
  if (packet.copied.size() != packet.length) return void(++line_.stats().dropped_on_error);
  copies_.push_back({{packet.copied.begin(), packet.copied.end()}, packet.mark | options_.mark_bit, packet.out_device});
}

void VerdictQueue::send_copies() {
  for (const Copy& copy : std::exchange(copies_, {}))
    raw_->send(copy.packet, copy.mark, copy.device) ? ++line_.stats().resent : ++line_.stats().dropped_on_error;
}

void VerdictQueue::take(const sys::QueuePacket& packet, const Corrupt& corrupt) {
  ++line_.stats().matched;
  bool whole = packet.copied.size() == packet.length;
  auto changed = whole ? corrupted(packet.copied, corrupt.kind, random_) : std::nullopt;
  if (changed && queue_.accept_changed(packet.id, *changed)) return void(++line_.stats().corrupted);
  ++(whole && !changed ? line_.stats().unfit : line_.stats().failed);
  queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
}

// Behind those that wait, or at once; beyond the limit the last one to come is dropped, as by a full router.
void VerdictQueue::take(const sys::QueuePacket& packet, const Shape& shape) {
  bool waits = line_.held_packets() > 0;
  bool full = waits && line_.held_bytes() + packet.length > shape.shaping.limit;
  if (full || !line_.has_room(packet.length)) {
    ++line_.stats().matched;
    ++line_.stats().dropped;
    return queue_.verdict(packet.id, sys::NfQueue::Verdict::kDrop);
  }
  uint64_t bytes = packet.length + kFrameHeader;
  HeldPacket held{.id = packet.id, .length = packet.length, .arrived = arrival_of(packet)};
  BootTime due = bucket_->take(held.arrived, bytes);
  if (!waits && due <= boot_now()) {
    ++line_.stats().matched;
    line_.stats().busy.made_up(bucket_->began(), bytes);
    return queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
  }
  if (!waits) line_.stats().busy.begin(bucket_->began());
  line_.admit(std::move(held), due);
}

// What went at `now`, and whether anything waits still.
void VerdictQueue::account_for(BootTime now) {
  if (released_bytes_ > 0) {
    line_.stats().busy.went(now, std::exchange(released_bytes_, 0));
    bucket_->excuse(now - last_deadline_);
  }
  if (line_.held_packets() == 0) line_.stats().busy.end();
}

void VerdictQueue::take(const sys::QueuePacket& packet, const Ask& ask) {
  Advice advice = ask.whom->advise(packet.copied);
  if (advice.act == Advice::Act::kHold) return hold(packet, false);
  ++line_.stats().matched;
  if (advice.act == Advice::Act::kReplace) {
    if (queue_.accept_changed(packet.id, advice.packet)) return;
    ++line_.stats().failed;
    return queue_.verdict(packet.id, sys::NfQueue::Verdict::kAccept);
  }
  bool drop = advice.act == Advice::Act::kDrop;
  queue_.verdict(packet.id, drop ? sys::NfQueue::Verdict::kDrop : sys::NfQueue::Verdict::kAccept);
  if (!drop) return;
  ++line_.stats().dropped;
  if (!advice.packet.empty()) send_back(packet, advice.packet);
}

// To an address of this very namespace: the routing table finds it, unless it is one of a link.
void VerdictQueue::send_back(const sys::QueuePacket& packet, const std::vector<uint8_t>& answer) {
  bool link_local = answer[0] >> 4 == 6 && answer[8] == 0xfe && (answer[9] & 0xc0) == 0x80;
  bool sent = raw_ && raw_->send(answer, packet.mark | options_.mark_bit, link_local ? packet.out_device : 0);
  (sent ? line_.stats().resent : line_.stats().dropped_on_error) += 1;
}

void VerdictQueue::take(const sys::QueuePacket& packet, const Hold&) { hold(packet, can_resend(packet)); }

void VerdictQueue::hold(const sys::QueuePacket& packet, bool resend) {
  HeldPacket held;
  held.id = packet.id;
  held.length = packet.length;
  held.arrived = arrival_of(packet);
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
  released_bytes_ += packet.length + kFrameHeader;
  last_deadline_ = packet.deadline;
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

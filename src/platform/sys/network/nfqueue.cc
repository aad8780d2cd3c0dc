#include "platform/sys/network/nfqueue.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace ordeal::sys {
namespace {

constexpr size_t kMaxBatch = 256;
constexpr size_t kMaxBufferBytes = 2 << 20;
constexpr size_t kMaxVerdictBytes = 32 << 10;
constexpr int kNumberAttempts = 64;
constexpr size_t kMostChanged = 65'000;  // what a netlink attribute can carry

struct VerdictMessage {
  nlmsghdr header;
  nfgenmsg netfilter;
  nlattr attribute;
  nfqnl_msg_verdict_hdr verdict;
};
static_assert(sizeof(VerdictMessage) == 32);

// Large bursts must fit; without the capability the kernel caps the size, which only costs packets under overload.
void grow_receive_buffer(int fd, int bytes) {
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  int on = 1;
  ::setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
}

void begin_config(MessageBatch& batch, uint16_t number, const std::string& what) {
  batch.begin_netfilter(NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, NLM_F_ACK, AF_UNSPEC, number,
                        what + " the packet queue " + std::to_string(number));
}

}  // namespace

QueuePacket parse_queue_packet(const nlmsghdr& message) {
  QueuePacket packet;
  for (AttributeReader reader(payload_of(message, sizeof(nfgenmsg))); auto attribute = reader.next();) {
    switch (attribute->type) {
      case NFQA_PACKET_HDR: {
        nfqnl_msg_packet_hdr header{};
        std::memcpy(&header, attribute->value.data(), std::min(attribute->value.size(), sizeof header));
        packet.id = ntohl(header.packet_id);
        packet.ether_type = ntohs(header.hw_protocol);
        packet.hook = header.hook;
        break;
      }
      case NFQA_MARK:
        packet.mark = attribute->be32();
        break;
      case NFQA_IFINDEX_INDEV:
        packet.in_device = attribute->be32();
        break;
      case NFQA_IFINDEX_OUTDEV:
        packet.out_device = attribute->be32();
        break;
      case NFQA_CAP_LEN:
        packet.length = attribute->be32();
        break;
      case NFQA_PAYLOAD:
        packet.copied = attribute->value;
        break;
      case NFQA_TIMESTAMP: {
        nfqnl_msg_packet_timestamp stamp{};
        std::memcpy(&stamp, attribute->value.data(), std::min(attribute->value.size(), sizeof stamp));
        packet.stamped_at = Nanos(be64toh(stamp.sec) * 1'000'000'000 + be64toh(stamp.usec) * 1'000);
        break;
      }
      default:
        break;
    }
  }
  // The kernel names the whole length only where the copy is shorter.
  if (packet.length == 0) packet.length = static_cast<uint32_t>(packet.copied.size());
  return packet;
}

NfQueue::NfQueue(NetlinkSocket socket, uint16_t number) : socket_(std::move(socket)), number_(number) {}

Result<NfQueue> NfQueue::open(const QueueOptions& options, Random& random) {
  NetlinkSocket socket = TRY(NetlinkSocket::open(NETLINK_NETFILTER));
  grow_receive_buffer(socket.fd(), options.receive_buffer);
  for (int attempt = 0;; ++attempt) {
    auto number = static_cast<uint16_t>(1024 + random.below(65536 - 1024));
    auto configured = configure(socket, number, options);
    if (configured) {
      NfQueue queue(std::move(socket), number);
      queue.slot_bytes_ = NLMSG_ALIGN(options.copy_bytes + 512);
      queue.slots_ = std::min(kMaxBatch, kMaxBufferBytes / queue.slot_bytes_);
      queue.buffer_.resize(queue.slot_bytes_ * queue.slots_);
      return queue;
    }
    bool taken = configured.error().sys_errno == EBUSY || configured.error().sys_errno == EPERM;
    if (!taken || attempt + 1 == kNumberAttempts)
      return wrap(std::move(configured).error(), "cannot open a packet queue");
  }
}

Result<> NfQueue::configure(NetlinkSocket& socket, uint16_t number, const QueueOptions& options) {
  MessageBatch bind;
  begin_config(bind, number, "bind");
  nfqnl_msg_config_cmd command{.command = NFQNL_CFG_CMD_BIND, ._pad = 0, .pf = 0};
  bind.put(NFQA_CFG_CMD, {reinterpret_cast<const uint8_t*>(&command), sizeof command});
  TRY_VOID(socket.transact(bind));

  uint32_t flags = NFQA_CFG_F_FAIL_OPEN | (options.whole_segments ? NFQA_CFG_F_GSO : 0u);
  MessageBatch settings;
  begin_config(settings, number, "configure");
  nfqnl_msg_config_params params{.copy_range = htonl(options.copy_bytes), .copy_mode = NFQNL_COPY_PACKET};
  settings.put(NFQA_CFG_PARAMS, {reinterpret_cast<const uint8_t*>(&params), sizeof params});
  settings.put_be32(NFQA_CFG_FLAGS, flags);
  settings.put_be32(NFQA_CFG_MASK, NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO);
  settings.put_be32(NFQA_CFG_QUEUE_MAXLEN, options.max_packets);
  return socket.transact(settings);
}

Result<size_t> NfQueue::receive(const std::function<void(const QueuePacket&)>& visit) {
  std::array<mmsghdr, kMaxBatch> messages{};
  std::array<iovec, kMaxBatch> slots{};
  for (size_t i = 0; i < slots_; ++i) {
    slots[i] = {&buffer_[i * slot_bytes_], slot_bytes_};
    messages[i].msg_hdr.msg_iov = &slots[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int count = ::recvmmsg(fd(), messages.data(), static_cast<unsigned>(slots_), MSG_DONTWAIT, nullptr);
  if (count < 0) {
    // ENOBUFS: packets were lost on the way to us; those that wait are still read at the next call.
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) return size_t{0};
    return fail_errno("cannot read the packet queue " + std::to_string(number_));
  }
  size_t packets = 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    packets += visit_datagram({&buffer_[i * slot_bytes_], messages[i].msg_len}, visit);
  return packets;
}

size_t NfQueue::visit_datagram(Bytes datagram, const std::function<void(const QueuePacket&)>& visit) {
  size_t packets = 0;
  for (MessageReader reader(datagram); const nlmsghdr* message = reader.next();) {
    if (message->nlmsg_type == NLMSG_ERROR) {
      if (error_of(*message, {}).sys_errno != 0) lost_packets_ += message->nlmsg_seq;
      continue;
    }
    if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) continue;
    QueuePacket packet = parse_queue_packet(*message);
    count_skipped(packet.id);
    visit(packet);
    ++packets;
  }
  return packets;
}

// The kernel numbers the packets one by one, from 1 on, before it knows whether there is room for them in our socket.
void NfQueue::count_skipped(uint32_t id) { skipped_packets_ += id - std::exchange(last_id_, id) - 1; }

void NfQueue::verdict(uint32_t id, Verdict verdict) { add_verdict(NFQNL_MSG_VERDICT, id, 1, verdict); }

Result<> NfQueue::accept_changed(uint32_t id, Bytes packet) {
  if (packet.size() > kMostChanged) return fail(Errc::kInvalidInput, "the packet is too long to be changed");
  TRY_VOID(flush());
  add_verdict(NFQNL_MSG_VERDICT, id, 1, Verdict::kAccept);
  nlattr contents{static_cast<uint16_t>(sizeof contents + packet.size()), NFQA_PAYLOAD};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&contents);
  verdicts_.insert(verdicts_.end(), bytes, bytes + sizeof contents);
  verdicts_.insert(verdicts_.end(), packet.begin(), packet.end());
  verdicts_.resize(NLMSG_ALIGN(verdicts_.size()));
  reinterpret_cast<nlmsghdr*>(verdicts_.data())->nlmsg_len = static_cast<uint32_t>(verdicts_.size());
  std::vector<uint8_t> message = std::exchange(verdicts_, {});
  if (::send(fd(), message.data(), message.size(), 0) < 0)
    return fail_errno("cannot answer the packet queue " + std::to_string(number_));
  return {};
}

void NfQueue::verdict_up_to(uint32_t id, uint32_t count, Verdict verdict) {
  add_verdict(NFQNL_MSG_VERDICT_BATCH, id, count, verdict);
}

void NfQueue::add_verdict(uint8_t message, uint32_t id, uint32_t count, Verdict verdict) {
  VerdictMessage text{};
  text.header.nlmsg_len = sizeof text;
  text.header.nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_QUEUE << 8 | message);
  text.header.nlmsg_flags = NLM_F_REQUEST;
  // A refusal comes back with this number: how many packets it lost.
  text.header.nlmsg_seq = verdict == Verdict::kAccept ? count : 0;
  text.netfilter.version = NFNETLINK_V0;
  text.netfilter.res_id = htons(number_);
  text.attribute.nla_len = sizeof text.attribute + sizeof text.verdict;
  text.attribute.nla_type = NFQA_VERDICT_HDR;
  text.verdict.verdict = htonl(static_cast<uint32_t>(verdict));
  text.verdict.id = htonl(id);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&text);
  verdicts_.insert(verdicts_.end(), bytes, bytes + sizeof text);
}

Result<> NfQueue::flush() {
  for (size_t sent = 0; sent < verdicts_.size();) {
    size_t size = std::min(kMaxVerdictBytes, verdicts_.size() - sent);
    if (::send(fd(), verdicts_.data() + sent, size, 0) < 0) {
      if (errno == EINTR) continue;
      verdicts_.clear();
      return fail_errno("cannot answer the packet queue " + std::to_string(number_));
    }
    sent += size;
  }
  verdicts_.clear();
  return {};
}

}  // namespace ordeal::sys

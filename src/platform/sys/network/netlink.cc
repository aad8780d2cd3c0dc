#include "platform/sys/network/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

namespace ordeal::sys {
namespace {

constexpr size_t kReceiveBuffer = 64 << 10;

template <typename T>
Bytes bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

template <typename T>
T read_as(Bytes value) {
  T result{};
  if (!value.empty()) std::memcpy(&result, value.data(), std::min(value.size(), sizeof result));
  return result;
}

}  // namespace

void MessageBatch::begin(uint16_t type, uint16_t flags, std::string description) {
  message_start_ = buffer_.size();
  starts_.push_back(message_start_);
  descriptions_.push_back(std::move(description));
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  append(bytes_of(header));
  update_length();
}

void MessageBatch::begin_netfilter(uint16_t subsystem, uint8_t message, uint16_t flags, uint8_t family,
                                   uint16_t resource, std::string description) {
  begin(static_cast<uint16_t>(subsystem << 8 | message), flags, std::move(description));
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  header.res_id = htons(resource);
  put_header(bytes_of(header));
}

void MessageBatch::put_header(Bytes header) {
  append(header);
  pad();
  update_length();
}

void MessageBatch::put(uint16_t type, Bytes value) {
  nlattr header{};
  header.nla_len = static_cast<uint16_t>(sizeof header + value.size());
  header.nla_type = type;
  append(bytes_of(header));
  append(value);
  pad();
  update_length();
}

void MessageBatch::put_text(uint16_t type, std::string_view text) {
  std::string terminated(text);
  put(type, {reinterpret_cast<const uint8_t*>(terminated.c_str()), terminated.size() + 1});
}

void MessageBatch::put_u8(uint16_t type, uint8_t value) { put(type, bytes_of(value)); }
void MessageBatch::put_u32(uint16_t type, uint32_t value) { put(type, bytes_of(value)); }
void MessageBatch::put_be16(uint16_t type, uint16_t value) { put(type, bytes_of(htons(value))); }
void MessageBatch::put_be32(uint16_t type, uint32_t value) { put(type, bytes_of(htonl(value))); }
void MessageBatch::put_be64(uint16_t type, uint64_t value) { put(type, bytes_of(htobe64(value))); }

void MessageBatch::clear() {
  buffer_.clear();
  starts_.clear();
  descriptions_.clear();
}

void MessageBatch::append(Bytes value) { buffer_.insert(buffer_.end(), value.begin(), value.end()); }

void MessageBatch::pad() { buffer_.resize(NLMSG_ALIGN(buffer_.size())); }

size_t MessageBatch::open_nest(uint16_t type) {
  size_t start = buffer_.size();
  put(static_cast<uint16_t>(type | NLA_F_NESTED), {});
  return start;
}

void MessageBatch::close_nest(size_t start) {
  auto length = static_cast<uint16_t>(buffer_.size() - start);
  std::memcpy(&buffer_[start + offsetof(nlattr, nla_len)], &length, sizeof length);
  update_length();
}

void MessageBatch::update_length() {
  auto length = static_cast<uint32_t>(buffer_.size() - message_start_);
  std::memcpy(&buffer_[message_start_ + offsetof(nlmsghdr, nlmsg_len)], &length, sizeof length);
}

void MessageBatch::number(uint32_t first) {
  for (size_t start : starts_) {
    std::memcpy(&buffer_[start + offsetof(nlmsghdr, nlmsg_seq)], &first, sizeof first);
    ++first;
  }
}

uint32_t Attribute::u32() const { return read_as<uint32_t>(value); }
uint32_t Attribute::be32() const { return ntohl(u32()); }
uint64_t Attribute::be64() const { return be64toh(read_as<uint64_t>(value)); }

std::string_view Attribute::text() const {
  std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  return text.substr(0, text.find('\0'));
}

std::optional<Attribute> AttributeReader::next() {
  if (rest_.size() < sizeof(nlattr)) return std::nullopt;
  auto header = read_as<nlattr>(rest_);
  if (header.nla_len < sizeof header || header.nla_len > rest_.size()) return std::nullopt;
  Attribute attribute{static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
                      rest_.subspan(sizeof header, header.nla_len - sizeof header)};
  rest_ = rest_.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), rest_.size()));
  return attribute;
}

std::optional<Attribute> find_attribute(Bytes attributes, uint16_t type) {
  for (AttributeReader reader(attributes); auto attribute = reader.next();)
    if (attribute->type == type) return attribute;
  return std::nullopt;
}

const nlmsghdr* MessageReader::next() {
  if (rest_.size() < sizeof(nlmsghdr)) return nullptr;
  const auto* message = reinterpret_cast<const nlmsghdr*>(rest_.data());
  if (message->nlmsg_len < sizeof *message || message->nlmsg_len > rest_.size()) return nullptr;
  rest_ = rest_.subspan(std::min<size_t>(NLMSG_ALIGN(message->nlmsg_len), rest_.size()));
  return message;
}

Bytes payload_of(const nlmsghdr& message, size_t header) {
  size_t skipped = NLMSG_HDRLEN + NLMSG_ALIGN(header);
  if (message.nlmsg_len < skipped) return {};
  return {reinterpret_cast<const uint8_t*>(&message) + skipped, message.nlmsg_len - skipped};
}

Error error_of(const nlmsghdr& message, const std::string& description) {
  Bytes payload = payload_of(message);
  auto header = read_as<nlmsgerr>(payload);
  if (payload.size() < sizeof(nlmsgerr) || header.error > 0 || header.error < -4095)
    return {Errc::kInternal, description + ": not a netlink error", EPROTO, {}, {}};
  Error error{Errc::kSystem, description, -header.error, {}, nullptr};
  if (header.error == 0 || !(message.nlmsg_flags & NLM_F_ACK_TLVS)) return error;
  size_t skipped = sizeof(nlmsgerr);
  if (!(message.nlmsg_flags & NLM_F_CAPPED) && header.msg.nlmsg_len > sizeof(nlmsghdr))
    skipped += NLMSG_ALIGN(size_t{header.msg.nlmsg_len}) - sizeof(nlmsghdr);
  if (skipped > payload.size()) return error;
  if (auto text = find_attribute(payload.subspan(skipped), NLMSGERR_ATTR_MSG))
    error.what += " (the kernel says: " + std::string(text->text()) + ")";
  return error;
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return fail_errno("cannot open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot bind a netlink socket");
  int on = 1;
  // Both only shorten or explain errors; a kernel without them works as well.
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  timeval limit{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  NetlinkSocket socket(std::move(fd));
  socket.buffer_.resize(kReceiveBuffer);
  return socket;
}

Result<> NetlinkSocket::send(MessageBatch& batch) {
  batch.number(sequence_);
  sequence_ += static_cast<uint32_t>(batch.messages());
  Bytes bytes = batch.bytes();
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) return fail_errno("cannot send to netlink");
  return {};
}

Result<Bytes> NetlinkSocket::receive(int flags) {
  for (;;) {
    ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), flags | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return Bytes{};
    if (size < 0) return fail_errno("cannot receive from netlink");
    if (static_cast<size_t>(size) > buffer_.size()) return fail(Errc::kInternal, "a netlink message is too long");
    return Bytes(buffer_.data(), static_cast<size_t>(size));
  }
}

Result<> NetlinkSocket::transact(MessageBatch& batch) {
  uint32_t first = sequence_;
  TRY_VOID(send(batch));
  uint32_t last = sequence_ - 1;
  bool acknowledged = false;
  std::optional<Error> failure;
  for (;;) {
    Bytes answer = TRY(receive(MSG_DONTWAIT));
    if (answer.empty()) break;
    for (MessageReader reader(answer); const nlmsghdr* message = reader.next();) {
      if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq < first || message->nlmsg_seq > last) continue;
      Error error = error_of(*message, "cannot " + batch.descriptions_[message->nlmsg_seq - first]);
      if (error.sys_errno == 0) acknowledged = true;
      if (error.sys_errno != 0 && !failure) failure = std::move(error);
    }
  }
  if (failure) return tl::unexpected(std::move(*failure));
  if (!acknowledged) return fail(Errc::kInternal, "the kernel did not answer: " + batch.descriptions_.back());
  return {};
}

Result<> NetlinkSocket::dump(MessageBatch& batch, const std::function<void(const nlmsghdr&)>& visit) {
  uint32_t sequence = sequence_;
  TRY_VOID(send(batch));
  for (;;) {
    Bytes answer = TRY(receive(0));
    if (answer.empty()) return fail(Errc::kTimeout, "no response within 1 s: " + batch.descriptions_[0]);
    for (MessageReader reader(answer); const nlmsghdr* message = reader.next();) {
      if (message->nlmsg_seq != sequence) continue;
      if (message->nlmsg_type == NLMSG_DONE) return {};
      if (message->nlmsg_type == NLMSG_ERROR)
        return tl::unexpected(error_of(*message, "cannot " + batch.descriptions_[0]));
      visit(*message);
    }
  }
}

}  // namespace ordeal::sys

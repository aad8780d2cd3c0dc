// Netlink messages and the socket that carries them. Our own attribute writer and reader; no library behind them.
// MessageBatch builds requests, NetlinkSocket owns a NETLINK socket (CLOEXEC) and turns the kernel's answers into
// errors that carry the kernel's errno, its extended text, and the description of the message that failed.
// Rule: a kernel object with an owner belongs to the *socket*; all its changes go through the same NetlinkSocket.
#pragma once

#include <linux/netlink.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal::sys {

using Bytes = std::span<const uint8_t>;

// Messages in one buffer. Numbers go in host order unless the name says big endian (netfilter wants the latter).
class MessageBatch {
 public:
  // Starts a message; the one before is closed. `description` says in an error what was tried: "add the chain input".
  void begin(uint16_t type, uint16_t flags, std::string description);
  // The netfilter form: type is subsystem << 8 | message, and a nfgenmsg follows.
  void begin_netfilter(uint16_t subsystem, uint8_t message, uint16_t flags, uint8_t family, uint16_t resource,
                       std::string description);
  void put_header(Bytes header);  // fixed part after nlmsghdr, before the attributes

  void put(uint16_t type, Bytes value);
  void put_text(uint16_t type, std::string_view text);  // with the final zero
  void put_u8(uint16_t type, uint8_t value);
  void put_u32(uint16_t type, uint32_t value);
  void put_be16(uint16_t type, uint16_t value);
  void put_be32(uint16_t type, uint32_t value);
  void put_be64(uint16_t type, uint64_t value);
  // A nested attribute around what `fill` writes.
  template <typename F>
  void nest(uint16_t type, F fill) {
    size_t start = open_nest(type);
    fill();
    close_nest(start);
  }

  Bytes bytes() const { return buffer_; }
  size_t messages() const { return descriptions_.size(); }
  bool empty() const { return buffer_.empty(); }
  void clear();

 private:
  friend class NetlinkSocket;
  void append(Bytes value);
  void pad();
  size_t open_nest(uint16_t type);
  void close_nest(size_t start);
  void update_length();
  void number(uint32_t first);  // writes the sequence numbers

  std::vector<uint8_t> buffer_;
  size_t message_start_ = 0;
  std::vector<size_t> starts_;
  std::vector<std::string> descriptions_;
};

// One attribute as read.
struct Attribute {
  uint16_t type = 0;
  Bytes value;

  uint8_t u8() const { return value.empty() ? uint8_t{0} : value[0]; }
  uint32_t u32() const;
  uint32_t be32() const;
  uint64_t be64() const;
  std::string_view text() const;  // without the final zero
};

// Reads attributes one by one: for (AttributeReader r(bytes); auto a = r.next();) …
// Stops at the first malformed one.
class AttributeReader {
 public:
  explicit AttributeReader(Bytes bytes) : rest_(bytes) {}
  std::optional<Attribute> next();

 private:
  Bytes rest_;
};
// The attribute of that type, or an empty one.
std::optional<Attribute> find_attribute(Bytes attributes, uint16_t type);

// Steps over the messages in a received datagram; nullptr at the end.
class MessageReader {
 public:
  explicit MessageReader(Bytes bytes) : rest_(bytes) {}
  const nlmsghdr* next();

 private:
  Bytes rest_;
};
// What follows the message's nlmsghdr and `header` bytes more.
Bytes payload_of(const nlmsghdr& message, size_t header = 0);

class NetlinkSocket {
 public:
  // In the network namespace of the calling thread. protocol: NETLINK_NETFILTER, NETLINK_ROUTE …
  static Result<NetlinkSocket> open(int protocol);

  int fd() const { return fd_.get(); }

  // Sends all messages of the batch in one datagram and reads what the kernel answers. Netlink works inside
  // sendmsg(), so all answers are there when it returns: nothing is waited for. One message needs NLM_F_ACK.
  Result<> transact(MessageBatch& batch);
  // One request with NLM_F_DUMP; `visit` gets each message of the answer.
  Result<> dump(MessageBatch& batch, const std::function<void(const nlmsghdr&)>& visit);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<> send(MessageBatch& batch);
  Result<Bytes> receive(int flags);

  UniqueFd fd_;
  uint32_t sequence_ = 1;
  std::vector<uint8_t> buffer_;
};

// The error that an NLMSG_ERROR message stands for; its errno is 0 when the message is an acknowledgement.
Error error_of(const nlmsghdr& message, const std::string& description);

}  // namespace ordeal::sys

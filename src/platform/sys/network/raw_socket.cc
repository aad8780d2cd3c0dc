#include "platform/sys/network/raw_socket.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "platform/sys/network/packet.h"

namespace ordeal::sys {
namespace {

constexpr int kSendBuffer = 8 << 20;

Result<UniqueFd> open_one(int family, int level, int header_included) {
  UniqueFd fd(::socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd) return fail_errno("cannot open a raw socket");
  int on = 1;
  if (::setsockopt(fd.get(), level, header_included, &on, sizeof on) != 0)
    return fail_errno("cannot make a raw socket send whole packets");
  // Burst room; the kernel caps it where the capability is missing.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  return fd;
}

// The file system group of this thread alone, while it lives.
class FileSystemGroup {
 public:
  explicit FileSystemGroup(uint32_t group) : wanted_(group) {
    if (wanted_ != 0) before_ = set(wanted_);
  }
  ~FileSystemGroup() {
    if (wanted_ != 0) set(before_);
  }
  FileSystemGroup(const FileSystemGroup&) = delete;
  FileSystemGroup& operator=(const FileSystemGroup&) = delete;
  // The call says nothing but who it was before.
  bool taken() const { return wanted_ == 0 || set(wanted_) == wanted_; }

 private:
  static uint32_t set(uint32_t group) { return static_cast<uint32_t>(::syscall(SYS_setfsgid, group)); }
  uint32_t wanted_;
  uint32_t before_ = 0;
};

// Ancillary data: the mark, and the device where one is asked for.
class Control {
 public:
  explicit Control(msghdr& message) : message_(message) {
    message_.msg_control = space_;
    message_.msg_controllen = 0;
  }
  template <typename T>
  void add(int level, int type, const T& value) {
    auto* header = reinterpret_cast<cmsghdr*>(space_ + message_.msg_controllen);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(header), &value, sizeof value);
    message_.msg_controllen += CMSG_SPACE(sizeof value);
  }

 private:
  msghdr& message_;
  alignas(cmsghdr) char space_[128] = {};
};

void add_device(Control& control, const IpHeader& header, uint32_t device) {
  if (header.family == AF_INET) {
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(device);
    std::memcpy(&info.ipi_spec_dst, header.source.data(), 4);
    control.add(IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = device;
    control.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

int send_once(int fd, std::span<const uint8_t> packet, const IpHeader& header, uint32_t mark, uint32_t device) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, header.destination.data(), 4);
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, header.destination.data(), 16);
  iovec slice{const_cast<uint8_t*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_name = header.family == AF_INET ? static_cast<void*>(&v4) : &v6;
  message.msg_namelen = header.family == AF_INET ? sizeof v4 : sizeof v6;
  message.msg_iov = &slice;
  message.msg_iovlen = 1;
  Control control(message);
  control.add(SOL_SOCKET, SO_MARK, mark);
  if (device != 0) add_device(control, header, device);
  return ::sendmsg(fd, &message, 0) < 0 ? errno : 0;
}

}  // namespace

Result<RawSocket> RawSocket::open(uint32_t group) {
  FileSystemGroup as(group);
  if (!as.taken()) return fail_errno("cannot open a raw socket as a group of its own", EPERM);
  UniqueFd v4 = TRY(open_one(AF_INET, IPPROTO_IP, IP_HDRINCL));
  int allowed = 1;
  if (::setsockopt(v4.get(), SOL_SOCKET, SO_BROADCAST, &allowed, sizeof allowed) != 0)
    return fail_errno("cannot let a raw socket send to broadcast addresses");
  auto v6 = open_one(AF_INET6, IPPROTO_IPV6, IPV6_HDRINCL);
  if (!v6 && v6.error().sys_errno != EAFNOSUPPORT) return tl::unexpected(std::move(v6).error());
  return RawSocket(std::move(v4), v6 ? std::move(*v6) : UniqueFd());
}

Result<> RawSocket::send(std::span<const uint8_t> packet, uint32_t mark, uint32_t device) {
  auto header = parse_ip(packet);
  if (!header) return fail(Errc::kInvalidInput, "not an IP packet");
  int fd = header->family == AF_INET ? v4_.get() : v6_.get();
  int error = send_once(fd, packet, *header, mark, device);
  // The device is a wish (policy routes, addresses of other devices): without it the routing table decides. EPERM is
  // somebody's rule that drops the packet.
  if (error != 0 && error != EMSGSIZE && error != EPERM && error != ENOBUFS && error != EAGAIN && device != 0)
    error = send_once(fd, packet, *header, mark, 0);
  if (error != 0) return fail_errno("cannot send a packet of " + std::to_string(packet.size()) + " bytes", error);
  return {};
}

uint32_t RawSocket::mtu_of(uint32_t device) const {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(device);
  if (::ioctl(v4_.get(), SIOCGIFNAME, &request) != 0 || ::ioctl(v4_.get(), SIOCGIFMTU, &request) != 0) return 0;
  return static_cast<uint32_t>(request.ifr_mtu);
}

}  // namespace ordeal::sys

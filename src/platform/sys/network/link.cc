#include "platform/sys/network/link.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace ordeal::sys {

Result<Links> Links::open(const NetNs& where) {
  return where.run([]() -> Result<Links> {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno("cannot inspect the network devices of the namespace");
    return Links(std::move(fd));
  });
}

std::optional<uint32_t> Links::index_of(const std::string& name) const {
  ifreq request{};
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  std::copy(name.begin(), name.end(), request.ifr_name);
  if (::ioctl(fd_.get(), SIOCGIFINDEX, &request) != 0) return std::nullopt;
  return static_cast<uint32_t>(request.ifr_ifindex);
}

std::optional<std::string> Links::name_of(uint32_t index) const {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  if (::ioctl(fd_.get(), SIOCGIFNAME, &request) != 0) return std::nullopt;
  return std::string(request.ifr_name);
}

}  // namespace ordeal::sys

#include "fault/packets/names/lookup.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "fault/packets/names/name_watch.h"

namespace ordeal::packets {
namespace {

bool same(const sys::Prefix& a, const sys::Prefix& b) { return a.family == b.family && a.address == b.address; }

void add(std::vector<sys::Prefix>& all, const addrinfo& found) {
  char text[NI_MAXHOST] = {};
  ::getnameinfo(found.ai_addr, found.ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  auto prefix = sys::Prefix::parse(text);
  if (!prefix) return;
  bool known = std::any_of(all.begin(), all.end(), [&](const sys::Prefix& one) { return same(one, *prefix); });
  if (!known) all.push_back(*prefix);
}

}  // namespace

Result<std::vector<sys::Prefix>> addresses_of(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &found))
    return fail(Errc::kNotFound, fmt::format("cannot look up the host \"{}\": {}", name, ::gai_strerror(error)),
                "give an address or a network instead");
  std::vector<sys::Prefix> all;
  for (const addrinfo* one = found; one; one = one->ai_next) add(all, *one);
  ::freeaddrinfo(found);
  return all;
}

Result<std::vector<std::string>> names_in_words(const Traffic& traffic) {
  std::vector<std::string> sentences;
  for (const auto* names : {&traffic.names, &traffic.excluded_names})
    for (const std::string& name : *names) {
      std::vector<std::string> addresses;
      for (const sys::Prefix& address : TRY(addresses_of(name))) addresses.push_back(address.to_text());
      sentences.push_back(fmt::format(
          "{} is {} now, by the host's resolver; it is looked up again every {}, and what it was stays {}", name,
          join(addresses, ", "), format_duration(kLookUpEvery), names == &traffic.names ? "hit" : "spared"));
    }
  return sentences;
}

}  // namespace ordeal::packets

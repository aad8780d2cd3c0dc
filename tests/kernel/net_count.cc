// net_count ADDRESS PORT COUNT GAP_US [BYTES]: sends COUNT numbered datagrams to an echo server, GAP_US apart, and
// prints one JSON line about the answers: sent, received (with copies), distinct, wrong (other contents), late
// (overtaken), runs (of lost ones one after the other), and alone (no other sent within 20 ms). It waits 0.5 s for the
// last answers.
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdio>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/base/text/text.h"
#include "packet_stream.h"

namespace ordeal {
namespace {

Result<UniqueFd> connect_to(const std::string& address, uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1)
    return fail(Errc::kInvalidInput, "not an address: " + address);
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(port);
  UniqueFd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int buffer = 64 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  const auto* to = is_v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  if (::connect(fd.get(), to, is_v4 ? sizeof v4 : sizeof v6) != 0) return fail_errno("cannot connect");
  return fd;
}

int run(int argc, char** argv) {
  auto port = argc > 2 ? parse_number<uint16_t>(argv[2]) : std::nullopt;
  auto count = argc > 3 ? parse_number<uint32_t>(argv[3]) : std::nullopt;
  auto gap = argc > 4 ? parse_number<uint32_t>(argv[4]) : std::nullopt;
  auto bytes = argc > 5 ? parse_number<size_t>(argv[5]) : 64;
  if (argc < 5 || argc > 6 || !port || !count || !gap || !bytes || *bytes < 16 || *bytes > 65000) {
    std::fprintf(stderr, "usage: net_count ADDRESS PORT COUNT GAP_US [BYTES]\n");
    return 2;
  }
  auto fd = connect_to(argv[1], *port);
  if (!fd) {
    std::fprintf(stderr, "net_count: %s\n", fd.error().message().c_str());
    return 7;
  }
  StreamSeen seen =
      run_stream(fd->get(), fd->get(), {.count = *count, .gap = Nanos(1us) * *gap, .bytes = *bytes, .patience = 500ms});
  auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "{\"sent\":%llu,\"received\":%llu,\"distinct\":%llu,\"wrong\":%llu,\"late\":%llu,\"runs\":%llu,"
      "\"alone\":%llu}\n",
      number(seen.sent), number(seen.received), number(seen.distinct), number(seen.wrong), number(seen.late),
      number(seen.runs), number(seen.alone(20ms)));
  return 0;
}

}  // namespace
}  // namespace ordeal

int main(int argc, char** argv) {
  ::prctl(PR_SET_TIMERSLACK, 1);
  return ordeal::run(argc, argv);
}

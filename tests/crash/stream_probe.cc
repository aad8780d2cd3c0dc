// stream_probe ADDRESS PORT RATE: sends RATE datagrams a second to an echo server, open loop, until its standard input
// ends, and prints a line as soon as each answer comes: number, time when it was due (CLOCK_BOOTTIME) and round trip,
// in ns. The first line is "start" and the time when number 0 is due: what is missing was lost. A round trip counts
// from the due time, so a stalled sender hides nothing.
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

Result<UniqueFd> open_connected(const char* address, uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (::inet_pton(AF_INET, address, &to.sin_addr) != 1)
    return fail(Errc::kInvalidInput, std::string("not an IPv4 address: ") + address);
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return fail_errno("cannot connect");
  return fd;
}

long long ns(BootTime time) { return static_cast<long long>(time.time_since_epoch().count()); }

void receive_all(int fd, BootTime start, Nanos gap) {
  uint64_t number = 0;
  while (::recv(fd, &number, sizeof number, MSG_DONTWAIT) == sizeof number) {
    BootTime due = start + gap * number;
    std::printf("%llu %lld %lld\n", static_cast<unsigned long long>(number), ns(due), ns(boot_now()) - ns(due));
    std::fflush(stdout);
  }
}

bool input_ended(short events) {
  char byte;
  return (events & (POLLIN | POLLHUP)) != 0 && ::read(STDIN_FILENO, &byte, 1) <= 0;
}

void run(int fd, Nanos gap) {
  BootTime start = boot_now() + 10ms;
  std::printf("start %lld\n", ns(start));
  std::fflush(stdout);
  for (uint64_t next = 0;;) {
    BootTime due = start + gap * next;
    Nanos left = std::max(Nanos(0), due - boot_now());
    if (left == Nanos(0)) {
      ::send(fd, &next, sizeof next, MSG_NOSIGNAL);  // a refused one counts as lost
      ++next;
    }
    pollfd fds[2] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    timespec limit{left / 1s, (left % 1s).count()};
    ::ppoll(fds, 2, &limit, nullptr);
    receive_all(fd, start, gap);
    if (input_ended(fds[1].revents)) return;
  }
}

}  // namespace
}  // namespace ordeal

int main(int argc, char** argv) {
  using namespace ordeal;
  auto port = argc == 4 ? parse_number<uint16_t>(argv[2]) : std::nullopt;
  auto rate = argc == 4 ? parse_number<int>(argv[3]) : std::nullopt;
  if (!port || !rate || *rate < 1) {
    std::fprintf(stderr, "usage: stream_probe ADDRESS PORT RATE\n");
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_TIMERSLACK, 1);
  auto fd = open_connected(argv[1], *port);
  if (!fd) {
    std::fprintf(stderr, "stream_probe: %s\n", fd.error().message().c_str());
    return 7;
  }
  run(fd->get(), Nanos(1s) / *rate);
  return 0;
}

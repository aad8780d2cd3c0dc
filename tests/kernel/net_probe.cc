// net_probe udp|tcp ADDRESS PORT RATE SECONDS [BYTES] [LOG]: sends RATE messages a second, open loop, to an echo server
// and prints one JSON line: sent, received, lost, and the round trip in ms (min, p50, p90, p99, max).
// A round trip counts from the time when the message was due, so a stalled sender hides nothing (no coordinated
// omission). It waits 2 s for the last answers. LOG gets a line per answer: due time and round trip, in ns.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

constexpr Nanos kPatience = 2s;
constexpr size_t kLeastBytes = 16;

struct Plan {
  bool tcp = false;
  std::string address;
  uint16_t port = 0;
  uint64_t rate = 0;
  double length = 0;
  size_t bytes = 64;
  std::string log;
};

struct Message {
  uint64_t sequence;
  int64_t due;
};

Result<UniqueFd> open_connected(const Plan& plan) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  bool is_v4 = ::inet_pton(AF_INET, plan.address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, plan.address.c_str(), &v6.sin6_addr) != 1)
    return fail(Errc::kInvalidInput, "not an address: " + plan.address);
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(plan.port);
  UniqueFd fd(::socket(is_v4 ? AF_INET : AF_INET6, (plan.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  int on = 1, buffer = 8 << 20;
  if (plan.tcp) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  const auto* address = is_v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  if (::connect(fd.get(), address, is_v4 ? sizeof v4 : sizeof v6) != 0) return fail_errno("cannot connect");
  return fd;
}

class Probe {
 public:
  Probe(const Plan& plan, UniqueFd fd)
      : plan_(plan),
        fd_(std::move(fd)),
        total_(static_cast<uint64_t>(plan.length * static_cast<double>(plan.rate))),
        start_(boot_now() + 10ms),
        round_trips_(total_, Nanos(-1)) {}

  void run() {
    BootTime end = due(total_) + kPatience;
    while (received_ < total_) {
      BootTime now = boot_now();
      while (sent_ < total_ && due(sent_) <= now) send_next();
      BootTime wake = sent_ < total_ ? due(sent_) : end;
      now = boot_now();
      if (sent_ == total_ && now >= end) return;
      wait(std::max(wake - now, Nanos(0)));
      receive_all();
    }
  }

  void print() {
    std::vector<Nanos> sorted;
    for (Nanos trip : round_trips_)
      if (trip >= Nanos(0)) sorted.push_back(trip);
    std::sort(sorted.begin(), sorted.end());
    auto at = [&](double share) {
      if (sorted.empty()) return 0.0;
      return to_millis(sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))]);
    };
    std::printf(
        "{\"sent\":%zu,\"received\":%zu,\"lost\":%zu,\"rtt_min\":%.3f,\"rtt_p50\":%.3f,\"rtt_p90\":%.3f,"
        "\"rtt_p99\":%.3f,\"rtt_max\":%.3f}\n",
        static_cast<size_t>(sent_), static_cast<size_t>(received_), static_cast<size_t>(sent_ - received_), at(0),
        at(0.5), at(0.9), at(0.99), at(1));
  }

  Result<> write_log() {
    if (plan_.log.empty()) return {};
    FILE* file = std::fopen(plan_.log.c_str(), "we");
    if (!file) return fail_errno("cannot write " + plan_.log);
    for (uint64_t i = 0; i < total_; ++i)
      if (round_trips_[i] >= Nanos(0))
        std::fprintf(file, "%lld %lld\n", static_cast<long long>(due(i).time_since_epoch().count()),
                     static_cast<long long>(round_trips_[i].count()));
    std::fclose(file);
    return {};
  }

 private:
  BootTime due(uint64_t sequence) const { return start_ + Nanos(1s) * sequence / plan_.rate; }

  void send_next() {
    std::vector<uint8_t> bytes(plan_.bytes, 0);
    Message message{sent_, due(sent_).time_since_epoch().count()};
    std::memcpy(bytes.data(), &message, sizeof message);
    // A refused datagram counts as lost, like any other.
    ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ++sent_;
  }

  void wait(Nanos length) {
    pollfd polled{fd_.get(), POLLIN, 0};
    timespec limit{length / 1s, (length % 1s).count()};
    ::ppoll(&polled, 1, &limit, nullptr);
  }

  void receive_all() {
    uint8_t buffer[65536];
    for (;;) {
      ssize_t size = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (size <= 0) return;
      Nanos now = boot_now().time_since_epoch();
      pending_.insert(pending_.end(), buffer, buffer + size);
      size_t used = 0;
      for (; pending_.size() - used >= plan_.bytes; used += plan_.bytes) record(&pending_[used], now);
      pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(used));
    }
  }

  void record(const uint8_t* bytes, Nanos now) {
    Message message;
    std::memcpy(&message, bytes, sizeof message);
    if (message.sequence >= total_ || round_trips_[message.sequence] >= Nanos(0)) return;
    round_trips_[message.sequence] = now - Nanos(message.due);
    ++received_;
  }

  Plan plan_;
  UniqueFd fd_;
  uint64_t total_;
  BootTime start_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  std::vector<uint8_t> pending_;
  std::vector<Nanos> round_trips_;  // -1: not answered
};

std::optional<Plan> parse(int argc, char** argv) {
  if (argc < 6 || argc > 8) return std::nullopt;
  std::string protocol = argv[1];
  auto port = parse_number<uint16_t>(argv[3]);
  auto rate = parse_number<uint64_t>(argv[4]);
  auto length = parse_number<double>(argv[5]);
  auto bytes = argc > 6 ? parse_number<size_t>(argv[6]) : 64;
  if ((protocol != "udp" && protocol != "tcp") || !port || !rate || *rate == 0 || !length || !bytes)
    return std::nullopt;
  if (*bytes < kLeastBytes || *bytes > 65000 || *length * static_cast<double>(*rate) > 1e8) return std::nullopt;
  return Plan{protocol == "tcp", argv[2], *port, *rate, *length, *bytes, argc > 7 ? argv[7] : ""};
}

Result<> run(const Plan& plan) {
  Probe probe(plan, TRY(open_connected(plan)));
  probe.run();
  probe.print();
  return probe.write_log();
}

}  // namespace
}  // namespace ordeal

int main(int argc, char** argv) {
  auto plan = ordeal::parse(argc, argv);
  if (!plan) {
    std::fprintf(stderr, "usage: net_probe udp|tcp ADDRESS PORT RATE SECONDS [BYTES] [LOG]\n");
    return 2;
  }
  ::prctl(PR_SET_TIMERSLACK, 1);
  auto done = ordeal::run(*plan);
  if (done) return 0;
  std::fprintf(stderr, "net_probe: %s\n", done.error().message().c_str());
  return 7;
}

#include "net_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>

namespace ordeal::testing {

namespace {
constexpr Nanos kRenewEvery = 200ms;
}  // namespace

Result<sys::NetNs> make_namespace() {
  Result<sys::NetNs> made = fail(Errc::kInternal, "did not run");
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      made = fail_errno("cannot make a network namespace");
      return;
    }
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ::ioctl(fd.get(), SIOCSIFFLAGS, &request);
    made = sys::NetNs::current();
  }).join();
  return made;
}

int run_in(const sys::NetNs& where, const std::vector<std::string>& argv, std::string* output) {
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return -1;
  UniqueFd read_end(pipe_fds[0]), write_end(pipe_fds[1]);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t child = ::fork();
  if (child == 0) {
    if (::setns(where.fd(), CLONE_NEWNET) != 0) ::_exit(126);
    ::dup2(write_end.get(), 1);
    ::dup2(write_end.get(), 2);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  write_end.reset();
  char buffer[4096];
  for (ssize_t size; (size = ::read(read_end.get(), buffer, sizeof buffer)) > 0;)
    if (output) output->append(buffer, static_cast<size_t>(size));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

sockaddr_storage Endpoint::storage() const {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
  } else {
    ::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
  }
  return storage;
}

socklen_t Endpoint::size() const {
  return address.find(':') == std::string::npos ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

Result<UniqueFd> udp_socket(const sys::NetNs& where, const Endpoint& bound) {
  return where.run([&]() -> Result<UniqueFd> {
    auto storage = bound.storage();
    UniqueFd fd(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    int buffer = 16 << 20;
    for (int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE})
      ::setsockopt(fd.get(), SOL_SOCKET, option, &buffer, sizeof buffer);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), bound.size()) != 0)
      return fail_errno("cannot bind to " + bound.address);
    return fd;
  });
}

std::vector<Trip> send_one_way(int from, int to, const Endpoint& target, uint32_t count, Nanos gap, Nanos patience,
                               size_t bytes) {
  std::vector<Trip> trips;
  std::vector<BootTime> sent(count);
  std::vector<uint8_t> packet(bytes, 7);
  auto storage = target.storage();
  uint32_t next = 0;
  BootTime start = boot_now(), end = start + gap * count + patience;
  while (trips.size() < count && boot_now() < end) {
    while (next < count && start + gap * next <= boot_now()) {
      sent[next] = boot_now();
      std::memcpy(packet.data(), &next, sizeof next);
      ::sendto(from, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&storage), target.size());
      ++next;
    }
    BootTime wake = next < count ? start + gap * next : end;
    Nanos length = std::max(wake - boot_now(), Nanos(0));
    timespec limit{length / 1s, (length % 1s).count()};
    pollfd polled{to, POLLIN, 0};
    ::ppoll(&polled, 1, &limit, nullptr);
    uint32_t number = 0;
    while (::recv(to, &number, sizeof number, MSG_DONTWAIT) == sizeof number)
      trips.push_back({number, boot_now() - sent.at(number)});
  }
  return trips;
}

Nanos median(std::vector<Trip> trips) {
  if (trips.empty()) return Nanos(-1);
  auto middle = trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2);
  std::nth_element(trips.begin(), middle, trips.end(), [](const Trip& a, const Trip& b) { return a.took < b.took; });
  return middle->took;
}

DelayHost::DelayHost(packets::PacketRules delay) : delay_(std::move(delay)), thread_([this] { run(); }) {}

DelayHost::~DelayHost() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void DelayHost::run() {
  ::prctl(PR_SET_TIMERSLACK, 1);
  BootTime renew_at = boot_now() + kRenewEvery;
  while (!ending_) {
    BootTime wake = std::min(boot_now() + 5ms, delay_.next_deadline().value_or(renew_at));
    Nanos length = std::max(wake - boot_now(), Nanos(0));
    timespec limit{length / 1s, (length % 1s).count()};
    std::vector<pollfd> polled;
    for (int fd : delay_.descriptors()) polled.push_back({fd, POLLIN, 0});
    ::ppoll(polled.data(), polled.size(), &limit, nullptr);
    EXPECT_TRUE(delay_.on_ready(boot_now()));
    if (boot_now() < renew_at) continue;
    EXPECT_TRUE(delay_.renew());
    renew_at = boot_now() + kRenewEvery;
  }
}

Result<> DelayHost::stop() {
  ending_ = true;
  thread_.join();
  return delay_.stop();
}

ImpactHost::ImpactHost(std::unique_ptr<fault::Impact> impact)
    : impact_(std::move(impact)), thread_([this] { run(); }) {}

ImpactHost::~ImpactHost() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void ImpactHost::run() {
  ::prctl(PR_SET_TIMERSLACK, 1);
  BootTime renew_at = boot_now() + kRenewEvery;
  while (!ending_ && broken().empty()) {
    if (boot_now() < standing_until_.load()) {
      std::this_thread::sleep_for(1ms);
      continue;
    }
    BootTime wake = std::min(boot_now() + 5ms, impact_->next_work().value_or(renew_at));
    Nanos length = std::max(wake - boot_now(), Nanos(0));
    timespec limit{length / 1s, (length % 1s).count()};
    std::vector<pollfd> polled;
    for (int fd : impact_->descriptors()) polled.push_back({fd, POLLIN, 0});
    ::ppoll(polled.data(), polled.size(), &limit, nullptr);
    auto worked = impact_->work(boot_now());
    in_force_ = impact_->in_force();
    if (worked && boot_now() >= renew_at) {
      worked = impact_->renew();
      renew_at = boot_now() + kRenewEvery;
    }
    std::lock_guard lock(mutex_);
    if (!worked) broken_ = worked.error().message();
  }
}

Proof ImpactHost::revert() {
  ending_ = true;
  thread_.join();
  EXPECT_TRUE(impact_->revert());
  return impact_->proof(boot_now());
}

std::string ImpactHost::broken() {
  std::lock_guard lock(mutex_);
  return broken_;
}

namespace {

// A device takes packets only once the kernel's own thread has come to it: what is sent before is dropped in silence.
bool comes_up(const sys::NetNs& where, const char* device) {
  for (BootTime end = boot_now() + 10s; boot_now() < end; std::this_thread::sleep_for(5ms)) {
    std::string said;
    if (run_in(where, {"ip", "-o", "link", "show", "dev", device}, &said) == 0 &&
        said.find("state UP") != std::string::npos)
      return true;
  }
  return false;
}

}  // namespace

Result<VethPair> make_pair_of_namespaces() {
  VethPair pair;
  pair.here = std::make_unique<sys::NetNs>(TRY(make_namespace()));
  pair.there = std::make_unique<sys::NetNs>(TRY(make_namespace()));
  std::string peer = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(pair.there->fd());
  if (run_in(*pair.here, {"ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", peer}) != 0)
    return fail(Errc::kUnsupported, "no veth pair can be made here");
  for (auto [where, device, host] : {std::tuple{pair.here.get(), "v0", "1"}, {pair.there.get(), "v1", "2"}}) {
    run_in(*where, {"ip", "addr", "add", std::string("10.9.0.") + host + "/24", "dev", device});
    run_in(*where, {"ip", "addr", "add", std::string("fd09::") + host + "/64", "dev", device, "nodad"});
    run_in(*where, {"ip", "link", "set", device, "up"});
  }
  if (!comes_up(*pair.here, "v0") || !comes_up(*pair.there, "v1"))
    return fail(Errc::kTimeout, "the veth pair did not come up within 10 s");
  return pair;
}

sys::Chain delay_chain(const packets::PacketOptions& options, uint16_t port, uint16_t queue) {
  bool arrival = options.direction == packets::Direction::kArrival;
  sys::Chain chain{.name = "delay", .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
  if (!arrival) chain.rules.push_back(packets::resent_rule(options));
  sys::Rule rule("delay");
  chain.rules.push_back(rule.protocol(IPPROTO_UDP).destination_port(port, port).counter().queue(queue));
  return chain;
}

Result<packets::PacketRules> start_delay(const sys::NetNs& where, const packets::PacketOptions& options,
                                         uint16_t port) {
  Random random(1);
  auto chains = [&](std::optional<uint16_t> queue) { return std::vector{delay_chain(options, port, queue.value())}; };
  return packets::PacketRules::start(where, "ordeal_test_" + std::to_string(port), options, chains, random);
}

}  // namespace ordeal::testing

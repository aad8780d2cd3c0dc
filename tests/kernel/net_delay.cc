// net_delay NETNS arrival|departure PORT DELAY [JITTER [normal]]: delays packets from or to PORT (TCP and UDP, either
// side, lo included) in the network namespace at path NETNS, as the guard does and with its priority. Prints "ready";
// on end of its standard input it stops cleanly and prints one JSON line of what it did. SIGKILL is the other way to
// end it.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "fault/packets/packet_rules.h"
#include "platform/host/priority.h"

namespace ordeal {
namespace {

using packets::Direction;
using packets::PacketOptions;
using packets::PacketRules;

constexpr Nanos kRenewEvery = 200ms;

struct Plan {
  std::string netns;
  PacketOptions options;
  uint16_t port = 0;
};

std::optional<Plan> parse(int argc, char** argv) {
  if (argc < 5 || argc > 7) return std::nullopt;
  auto port = parse_number<uint16_t>(argv[3]);
  auto delay = parse_duration(argv[4]);
  auto jitter = argc > 5 ? parse_duration(argv[5]) : Nanos(0);
  if (!port || !delay || !jitter) return std::nullopt;
  Plan plan{argv[1], {}, *port};
  plan.options.direction = std::string(argv[2]) == "departure" ? Direction::kDeparture : Direction::kArrival;
  auto kind = argc > 6 ? packets::JitterKind::kNormal : packets::JitterKind::kUniform;
  plan.options.verdict = {packets::Hold{{*delay, *jitter, kind}}};
  return plan;
}

std::vector<sys::Chain> chains(const Plan& plan, uint16_t queue) {
  bool arrival = plan.options.direction == Direction::kArrival;
  sys::Chain chain{.name = "delay", .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
  if (!arrival) chain.rules.push_back(packets::resent_rule(plan.options));
  for (int protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    auto from = sys::Rule("from the port").protocol(static_cast<uint8_t>(protocol)).source_port(plan.port, plan.port);
    auto to = sys::Rule("to the port").protocol(static_cast<uint8_t>(protocol)).destination_port(plan.port, plan.port);
    chain.rules.push_back(from.counter().queue(queue));
    chain.rules.push_back(to.counter().queue(queue));
  }
  return {chain};
}

// Until the end of standard input.
Result<> host(PacketRules& delay) {
  BootTime renew_at = boot_now() + kRenewEvery;
  for (;;) {
    pollfd polled[] = {{STDIN_FILENO, POLLIN, 0}, {delay.descriptors()[0], POLLIN, 0}};
    BootTime wake = std::min(renew_at, delay.next_deadline().value_or(renew_at));
    Nanos length = std::max(wake - boot_now(), Nanos(0));
    timespec limit{length / 1s, (length % 1s).count()};
    ::ppoll(polled, 2, &limit, nullptr);
    if (polled[0].revents != 0) return {};
    BootTime now = boot_now();
    TRY_VOID(delay.on_ready(now));
    if (now < renew_at) continue;
    TRY_VOID(delay.renew());
    renew_at = now + kRenewEvery;
  }
}

Result<> run(const Plan& plan) {
  Random random(Random::fresh_seed());
  host::raise_priority();
  sys::NetNs where = TRY(sys::NetNs::open(plan.netns));
  std::string table = "ordeal_net_delay_" + std::to_string(::getpid());
  auto make_chains = [&](std::optional<uint16_t> queue) { return chains(plan, queue.value()); };
  PacketRules delay = TRY(PacketRules::start(where, table, plan.options, make_chains, random));
  std::puts("ready");
  std::fflush(stdout);
  TRY_VOID(host(delay));
  TRY_VOID(delay.stop());
  const packets::PacketStats stats = delay.stats();
  std::printf(
      "{\"matched\":%zu,\"delayed\":%zu,\"early\":%zu,\"passed\":%zu,\"dropped\":%zu,\"added_min\":%.3f,"
      "\"added_p50\":%.3f,\"added_p90\":%.3f,\"added_p99\":%.3f,\"added_max\":%.3f}\n",
      stats.matched, stats.delayed, stats.released_early, stats.passed_over_bound, stats.dropped_on_error,
      to_millis(stats.added.min()), to_millis(stats.added.quantile(0.5)), to_millis(stats.added.quantile(0.9)),
      to_millis(stats.added.quantile(0.99)), to_millis(stats.added.max()));
  return {};
}

}  // namespace
}  // namespace ordeal

int main(int argc, char** argv) {
  auto plan = ordeal::parse(argc, argv);
  if (!plan) {
    std::fprintf(stderr, "usage: net_delay NETNS arrival|departure PORT DELAY [JITTER [normal]]\n");
    return 2;
  }
  ::prctl(PR_SET_TIMERSLACK, 1);
  auto done = ordeal::run(*plan);
  if (done) return 0;
  std::fprintf(stderr, "net_delay: %s\n", done.error().message().c_str());
  return 7;
}

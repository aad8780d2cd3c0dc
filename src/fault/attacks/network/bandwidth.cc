// bandwidth: what arrives at the victim, or leaves it, passes at a rate at most. A token bucket with a bounded buffer,
// as of a router: what finds no room in it is dropped.
#include <fmt/format.h>

#include <algorithm>

#include "fault/attacks/faults.h"
#include "fault/attacks/network/bandwidth_proof.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/network/rate_arguments.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketVerdict;
using packets::Shaping;

constexpr double kLeastRate = 1e3, kMostRate = 1e9;
constexpr double kMostBuffer = 32 << 20;
constexpr double kLargeFrame = 1514;

AttackInfo describe_bandwidth() {
  using Kind = ArgumentKind;
  AttackInfo info;
  info.type = "bandwidth";
  info.summary = "Limits the rate of the packets to or from the victim.";
  info.arguments = {
      {.name = "rate",
       .kind = Kind::kText,
       .fallback = "\"1mbit\"",
       .help =
           "The most that passes in each direction, 1kbit to 1gbit, with 14 bytes of Ethernet for each packet: bit, "
           "kbit, mbit, gbit; bps, kbps, mbps are bytes a second, as in tc and Chaos Mesh",
       .gremlin = "none; Chaos Mesh's rate"},
      {.name = "burst",
       .kind = Kind::kText,
       .fallback = "null",
       .help =
           "Bytes that pass at once after a rest, 0 to 32mb (b, kb, mb); 10 ms of the rate, and at least two packets, "
           "when absent",
       .gremlin = "none; Chaos Mesh's buffer"},
      {.name = "limit",
       .kind = Kind::kText,
       .fallback = "null",
       .help = "Bytes that may wait for their turn, 1500 to 32mb; 200 ms of the rate, and at least ten packets, when "
               "absent. What comes beyond is dropped",
       .gremlin = "none; Chaos Mesh's limit"},
      direction_argument("Chaos Mesh limits departure"),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: a thin line to the backup slows down only the backup\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: bandwidth\n"
      "  args: {rate: 10mbit, direction: departure, ports: 873}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = queue_mechanisms();
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.proof =
      "how much of the matching traffic went through while packets waited for their turn, per direction: within 3 % of "
      "the rate (and 2 ms for each time of waiting, 10 % at most), with at least min_events packets that waited, and "
      "95 "
      "% of the packets counted next to the rule";
  info.noticed =
      "what matches gets {rate} at most: transfers take longer, and what exceeds it waits or is lost; nothing where "
      "less "
      "is sent";
  info.judged = judged_packets();
  info.when_frozen =
      "matching packets are held for up to 1 s, until the kernel's lease ends, and then pass; packets held by then "
      "stay "
      "held until Ordeal resumes or is killed";
  info.limits = {
      "only one run at a time can attack packets in a network namespace; a second is refused",
      "each packet passes Ordeal's reader, which costs about 8 us of CPU time: at 1gbit most of a CPU",
      "TCP's payload is the rate × 1448/1514, at an MTU of 1500",
      "the rate is shared by all the packets that match; each direction has one of its own",
      "on arrival the sender fills the buffer until packets are dropped, as on a real line: the round trip "
      "grows by the limit; on departure the sender's own kernel holds it back before",
      "at the end all held packets are released at once",
      "if somebody else removes a netfilter base chain in the namespace (a firewall reload), the kernel drops "
      "the packets held at that moment, and only those; the proof counts them",
      "if all of Ordeal is killed, held packets are lost, and later ones flow normally"};
  return info;
}

const AttackInfo& bandwidth_info() {
  static const AttackInfo info = describe_bandwidth();
  return info;
}

Result<double> read_rate(const Attack& attack) {
  std::string text = text_argument(attack, "rate");
  auto rate = parse_rate(text);
  if (rate && *rate >= kLeastRate && *rate <= kMostRate) return *rate;
  return refuse_field(attack, "args.rate",
                      fmt::format("expected a rate from 1kbit to 1gbit (10mbit), found \"{}\"", text));
}

Result<uint64_t> read_size(const Attack& attack, const std::string& name, double least, double fallback) {
  std::string text = text_argument(attack, name);
  auto size = text.empty() && !attack.args.contains(name) ? fallback : parse_size(text);
  if (size && *size >= least && *size <= kMostBuffer) return static_cast<uint64_t>(*size);
  return refuse_field(attack, "args." + name,
                      fmt::format("expected a size from {:g} to 32mb (32kb), found \"{}\"", least, text));
}

Result<Shaping> read_shaping(const Attack& attack) {
  Shaping shaping;
  shaping.bits_per_second = TRY(read_rate(attack));
  double bytes_per_second = shaping.bits_per_second / 8;
  shaping.burst = TRY(read_size(attack, "burst", 0, std::max(bytes_per_second / 100, 2 * kLargeFrame)));
  shaping.limit = TRY(read_size(attack, "limit", 1500, std::max(bytes_per_second / 5, 10 * kLargeFrame)));
  return shaping;
}

class BandwidthFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return bandwidth_info(); }
  Usability usability(const host::Features& features) const override { return usability_by_queue(features); }

  Result<> check_arguments(const Attack& attack) const override {
    TRY(read_shaping(attack));
    return {};
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    return PacketVerdict{packets::Shape{TRY(read_shaping(attack))}};
  }

  ProvePackets prove() const override { return prove_bandwidth; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    const Shaping& shaping = verdict.shaped()->shaping;
    return fmt::format("let packets through at {}, after a burst of {} bytes, with {} bytes waiting at most",
                       rate_in_words(shaping.bits_per_second), shaping.burst, shaping.limit);
  }

  std::string undo_in_words() const override {
    return "release held packets; the kernel removes the table when the guard's socket closes, and the lease expires "
           "after 1 s";
  }

  std::vector<std::string> notes(Direction direction) const override {
    if (direction == Direction::kDeparture) return {};
    return {"on arrival the sender is held back by losses alone, as on a line behind a router"};
  }
};

}  // namespace

const Fault& bandwidth_fault() {
  static const BandwidthFault fault;
  return fault;
}

}  // namespace ordeal::fault

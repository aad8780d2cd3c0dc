// PacketImpact: an attack on packets in force on one victim: rules, and queues, in its network namespace, one
// PacketRules for each direction. It confirms every 200 ms that what it stands on is still there (rules, device, the
// victim in its namespace); an error of work() says what is not. Where names are excluded, the rules come with their
// addresses: none is in force before each such name has one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fault/attacks/fault.h"
#include "fault/attacks/network/packet_proof.h"
#include "fault/packets/names/name_watch.h"
#include "fault/packets/packet_rules.h"
#include "fault/packets/traffic.h"
#include "platform/sys/network/link.h"
#include "platform/sys/network/netns.h"

namespace ordeal::fault {

// What is done to which packets.
struct PacketAttack {
  packets::PacketVerdict verdict;
  std::vector<packets::Direction> directions;
  uint32_t mark = 0;  // on what is sent again
  int64_t min_events = 0;
  packets::Traffic traffic;
};

// Where the rules go, and how narrow they must be.
struct PacketPlace {
  sys::NetNs netns;
  std::optional<packets::SocketScope> scope;
  uint32_t link = 0;        // of the named device; 0 when none is named
  bool alone = false;       // nobody but the victim lives in the namespace
  std::string cgroup = {};  // of the scope
};

class PacketImpact : public Impact {
 public:
  PacketImpact(Victim victim, PacketAttack attack, ProvePackets prove);

  // What the attack stands on besides; asked every 200 ms.
  using Confirm = std::function<Result<>(BootTime now)>;
  void confirm_also(Confirm confirm) { also_ = std::move(confirm); }
  Result<> start(PacketPlace place, const Context& context);

  std::vector<int> descriptors() const override;
  std::optional<BootTime> next_work() const override;
  bool is_long(BootTime now) const override { return waiting_ || (also_ && now >= next_look_); }
  Result<> work(BootTime now) override;
  bool in_force() const override { return !waiting_; }
  Result<> renew() override;
  Result<bool> leave_others_alone() override;
  Result<> revert() override;
  Proof proof(BootTime now) const override;

 private:
  struct Waiting {
    PacketPlace place;
    std::vector<packets::Exemption> exemptions;
    BootTime since;
  };
  Result<> start_rules();
  Result<> start_one(packets::Direction direction);
  std::vector<sys::Chain> chains_for(packets::Direction direction, const packets::PacketOptions& options,
                                     const std::vector<packets::Exemption>& exemptions,
                                     std::optional<uint16_t> queue) const;
  packets::Traffic traffic_on(packets::Direction direction) const;
  Result<> watch_names();
  Result<> follow_names();
  std::string unknown_to_spare() const;
  std::string unknown_names() const;
  Proof nothing_in_force() const;
  Result<> confirm();
  Result<> confirm_device() const;
  Result<> confirm_victim() const;

  Victim victim_;
  PacketAttack attack_;
  ProvePackets prove_;
  Random random_{0};
  Confirm also_;
  std::optional<Waiting> waiting_;  // until the rules are in force
  std::vector<packets::PacketRules> rules_;
  std::vector<sys::Prefix> meant_, spared_;  // what names stand for
  std::optional<packets::NameWatch> names_;
  std::optional<sys::Links> links_;
  uint64_t netns_mark_ = 0;  // of the victim's processes; 0 for a host
  BootTime next_look_{};
  BootTime began_{}, renewed_{};
  Nanos in_force_{0};  // when it has ended
  int lapses_ = 0;
  bool icmp_withdrawn_ = false;
  bool ended_ = false;
};

}  // namespace ordeal::fault

// PacketFault: what attacks on the packets of a victim share: which packets are meant, where the rules go and whom they
// reach, the claims, the checks, and the impact. An attack of this kind adds its description, its verdict, how a step
// of it reads, and its proof.
#pragma once

#include <string>
#include <vector>

#include "fault/attacks/fault.h"
#include "fault/attacks/network/packet_impact.h"

namespace ordeal::fault {

class PacketFault : public Fault {
 public:
  Usability usability(const host::Features& features) const override;
  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override;
  Result<Reach> reach(const Victim& victim, const Attack& attack) const override;
  Result<std::vector<std::string>> names_now(const Attack& attack) const override;
  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override;

 protected:
  // Of an attack whose mechanisms are the two kinds of queue, in their order.
  Usability usability_by_queue(const host::Features& features) const;
  virtual Result<packets::PacketVerdict> verdict_of(const Attack& attack) const = 0;
  virtual Result<packets::Traffic> traffic_of(const Attack& attack) const { return packets::read_traffic(attack); }
  virtual Result<std::vector<packets::Direction>> directions_of(const Attack& attack) const;
  // The bit on what is sent again; 0 where nothing is.
  virtual uint32_t mark_of(const Attack& /*attack*/) const { return 0; }
  virtual ProvePackets prove() const = 0;
  // What the attack stands on besides, while it is in force.
  virtual PacketImpact::Confirm confirm_of(const Attack& /*attack*/, const Context& /*context*/) const { return {}; }
  // "hold packets for 300ms"
  virtual std::string act_in_words(const packets::PacketVerdict& verdict) const = 0;
  virtual std::string undo_in_words() const = 0;
  // What `plan` says besides what is the same for all.
  virtual std::vector<std::string> notes(packets::Direction direction) const = 0;

 private:
  Result<PacketAttack> read(const Attack& attack) const;
  Step step_for(const Victim& victim, const PacketAttack& attack, const PacketPlace& place,
                packets::Direction direction) const;
};

// Where an attack on such traffic acts; the traffic is made as narrow as the place asks for.
Result<PacketPlace> place_of(const Victim& victim, packets::Traffic& traffic);
// Whom protection is judged on, for the description of an attack.
std::string judged_packets();
// Held by whatever looks up names on the host, and by whatever makes those look-ups fail or lie.
constexpr const char* kLookups = "resolver/lookups";
constexpr const char* kAnswers = "resolver/answers";
// `direction`; `gremlin` says where ours differs.
ArgumentInfo direction_argument(std::string gremlin);
// `mark`, of an attack that sends packets again.
ArgumentInfo mark_argument();
// The two kinds of queue, as mechanisms.
std::vector<std::string> queue_mechanisms();

}  // namespace ordeal::fault

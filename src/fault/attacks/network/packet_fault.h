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
  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override;

 protected:
  virtual Result<packets::PacketVerdict> verdict_of(const Attack& attack) const = 0;
  // The bit on what is sent again; 0 where nothing is.
  virtual uint32_t mark_of(const Attack& /*attack*/) const { return 0; }
  virtual ProvePackets prove() const = 0;
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

// Whom protection is judged on, for the description of an attack.
std::string judged_packets();
// `direction`; `gremlin` says where ours differs.
ArgumentInfo direction_argument(std::string gremlin);

}  // namespace ordeal::fault

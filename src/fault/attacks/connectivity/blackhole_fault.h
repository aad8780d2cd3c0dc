// BlackholeFault: the packets that are meant are lost, or refused. Partition is one, of the packets of its peers.
#pragma once

#include <string>
#include <vector>

#include "fault/attacks/network/packet_fault.h"

namespace ordeal::fault {

class BlackholeFault : public PacketFault {
 public:
  const AttackInfo& info() const override;

 protected:
  Result<packets::PacketVerdict> verdict_of(const Attack& attack) const override;
  ProvePackets prove() const override;
  std::string act_in_words(const packets::PacketVerdict& verdict) const override;
  std::string undo_in_words() const override;
  std::vector<std::string> notes(packets::Direction direction) const override;
};

}  // namespace ordeal::fault

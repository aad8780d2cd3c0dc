// RuledNamespace: what the impacts of this process in one network namespace share, so that the end of one drops
// nothing that another holds. The kernel drops all queued packets of a namespace whenever a base chain there is
// removed, whoever removes it. So the table of an ended impact, which has no effect any more, waits here until the last
// impact of the namespace has ended and nothing is held. The tables stay owned by this process: they go with it.
// Two processes cannot share: the registry lets one run at a time have rules for packets in a namespace.
#pragma once

#include <memory>
#include <vector>

#include "platform/sys/network/netns.h"
#include "platform/sys/network/nft.h"

namespace ordeal::packets {

class RuledNamespace {
 public:
  // The one of that namespace; made anew when nobody holds it.
  static std::shared_ptr<RuledNamespace> of(const sys::NetNs& where);

  // Each new chain comes after the earlier ones: put before one, it would send the packets that the other holds
  // through the other's chain again. Always before connection tracking.
  int32_t next_priority();
  // The table must be without effect.
  void keep(sys::NftTable ended) { ended_.push_back(std::move(ended)); }
  // Only when nothing is held in the namespace.
  Result<> remove_ended();

 private:
  std::vector<sys::NftTable> ended_;
  int32_t chains_ = 0;
};

}  // namespace ordeal::packets

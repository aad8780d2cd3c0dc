#include "fault/packets/ruled_namespace.h"

#include <map>

namespace ordeal::packets {
namespace {

constexpr int32_t kFirstPriority = -300;  // raw
constexpr int32_t kLastPriority = -226;   // SELinux and connection tracking follow

}  // namespace

std::shared_ptr<RuledNamespace> RuledNamespace::of(const sys::NetNs& where) {
  static std::map<std::pair<dev_t, ino_t>, std::weak_ptr<RuledNamespace>> all;
  std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
  auto& known = all[{where.id().device, where.id().inode}];
  auto shared = known.lock();
  if (!shared) known = shared = std::make_shared<RuledNamespace>();
  return shared;
}

int32_t RuledNamespace::next_priority() { return std::min(kFirstPriority + chains_++, kLastPriority); }

Result<> RuledNamespace::remove_ended() {
  for (sys::NftTable& table : ended_) TRY_VOID(table.remove());
  ended_.clear();
  return {};
}

}  // namespace ordeal::packets

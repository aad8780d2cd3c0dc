#include "fault/attacks/network/packet_proof.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"

namespace ordeal::fault {

Proof prove_each(Proof proof, const std::vector<PacketsSeen>& directions,
                 const std::function<DirectionProof(const PacketsSeen&)>& judge) {
  std::vector<std::string> texts, reasons;
  for (const PacketsSeen& seen : directions) {
    DirectionProof one = judge(seen);
    texts.push_back(std::move(one.measured));
    if (!one.lacking.empty()) reasons.push_back(std::move(one.lacking));
    bool farther = std::abs(one.got - proof.asked) > std::abs(proof.got - proof.asked);
    if (proof.coverage.empty() || farther) proof.got = one.got;
    proof.coverage.push_back(std::move(one.coverage));
  }
  proof.measured = join(texts, "; ");
  proof.reason = join(reasons, "; ");
  proof.proven = reasons.empty() && !directions.empty();
  return proof;
}

std::string lapses_in_words(int lapses) {
  return lapses > 0 ? fmt::format(" (the kernel's lease expired {}: the machine is busy)",
                                  counted(static_cast<size_t>(lapses), "time", "times"))
                    : "";
}

std::string nothing_matched(const PacketsAsked& asked, const PacketsSeen& seen) {
  return fmt::format("no packet matched on {} ({}): check the port, the hosts and the protocol",
                     name_of(seen.direction), asked.traffic);
}

}  // namespace ordeal::fault

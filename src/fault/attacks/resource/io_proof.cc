#include "fault/attacks/resource/io_proof.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::fault {
namespace {

constexpr double kLeastWatched = 0.5;  // seconds
constexpr double kMebibyte = 1 << 20;

double per_second(const IoUse& use, int64_t bytes) {
  return static_cast<double>(bytes) / kMebibyte / std::max(use.seconds, 1e-3);
}

std::string missing_direction(const IoUse& use) {
  if (use.reads && use.read == 0) return "nothing was read from a disk";
  if (use.writes && use.written == 0) return "nothing was written to a disk";
  return "";
}

}  // namespace

Proof prove_io(const IoUse& use) {
  Proof proof;
  proof.unit = "MiB/s";
  proof.got = per_second(use, (use.reads ? use.read : 0) + (use.writes ? use.written : 0));
  proof.measured = fmt::format("{:.2f} MiB/s read and {:.2f} MiB/s written in {} for {:.1f} s",
                               per_second(use, use.read), per_second(use, use.written), use.where, use.seconds);
  Coverage working{"io", use.busy, use.seconds - use.busy, "s", {}};
  if (use.busy < use.seconds)
    working.missing = fmt::format("in {:.1f} s no byte went to or from the disk", use.seconds - use.busy);
  proof.coverage = {working};
  proof.reason = use.seconds < kLeastWatched
                     ? fmt::format("less than {} s were seen; use a longer length", kLeastWatched)
                     : missing_direction(use);
  if (proof.reason.empty()) proof.reason = shortfall(working);
  proof.proven = proof.reason.empty();
  return proof;
}

}  // namespace ordeal::fault

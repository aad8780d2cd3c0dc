#include "fault/attacks/victim/incarnation.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kTick = 10ms;  // in which the kernel counts the start of processes

BootTime began(uint64_t ticks) { return BootTime(kTick * static_cast<int64_t>(ticks)); }

}  // namespace

Incarnation Incarnation::of(const Victim& victim, const Attack& attack) {
  Incarnation known;
  known.cgroup_ = victim.cgroup;
  known.host_ = victim.kind == VictimKind::kHost;
  if (attack.type == "process_killer")
    if (auto match = ProcessMatch::from(attack)) known.match_ = std::move(*match);
  if (!known.cgroup_.empty()) return known;
  for (const ProcessId& id : victim.processes)
    if (auto process = sys::read_process(id.pid); process && process->start_ticks == id.start_ticks)
      known.command_lines_.insert(process->argv);
  return known;
}

bool Incarnation::is_of_it(const sys::Process& process) const {
  if (!process.alive() || process.kernel_thread()) return false;
  if (cgroup_.empty() && !host_) return command_lines_.count(process.argv) != 0;
  if (!host_ && !sys::in_cgroup(process, cgroup_)) return false;
  return match_ ? match_->matches(process) : !host_;
}

std::optional<BootTime> Incarnation::back(const std::vector<sys::Process>& table, BootTime since) const {
  std::optional<BootTime> first;
  for (const sys::Process& process : table) {
    BootTime at = began(process.start_ticks);
    if (at + kTick <= since || !is_of_it(process)) continue;
    if (!first || at < *first) first = at;
  }
  return first;
}

}  // namespace ordeal::fault

#include "platform/sys/cgroup/cgroup_control.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

// The number after "key " in a file of "key number" lines; 0 when it is not there.
int64_t keyed(std::string_view text, std::string_view key) {
  for (std::string_view line : split(text, '\n')) {
    auto words = split_words(line);
    if (words.size() == 2 && words[0] == key) return parse_number<int64_t>(words[1]).value_or(0);
  }
  return 0;
}

std::optional<double> ratio(std::string_view quota, std::string_view period) {
  auto above = parse_number<int64_t>(quota);  // "max" is no number, -1 is no limit
  auto below = parse_number<int64_t>(period);
  if (!above || !below || *above <= 0 || *below <= 0) return std::nullopt;
  return static_cast<double>(*above) / static_cast<double>(*below);
}

std::optional<double> own_quota(const Cgroup& cgroup) {
  if (cgroup.version() == 1)
    return ratio(cgroup.read("cpu.cfs_quota_us").value_or(""), cgroup.read("cpu.cfs_period_us").value_or(""));
  std::string text = cgroup.read("cpu.max").value_or("");
  auto words = split_words(text);
  return words.size() == 2 ? ratio(words[0], words[1]) : std::nullopt;
}

}  // namespace

Result<Cgroup> freezer_of(const CgroupTree& tree, std::string_view path) {
  if (path.empty() || path == "/") return fail(Errc::kUnsupported, "the root cgroup cannot be frozen");
  if (auto found = tree.find("freezer", path); found && found->version() == 1) return *found;
  if (const Hierarchy* unified = tree.unified())
    if (auto found = tree.find(*unified, path); found && found->has_file("cgroup.freeze")) return *found;
  return fail(Errc::kNotFound, fmt::format("the cgroup {} is in no hierarchy that can freeze", path));
}

Result<FreezerState> freezer_state(const Cgroup& freezer) {
  if (freezer.version() == 1) {
    std::string state = TRY(freezer.read("freezer.state"));
    return state == "FROZEN"     ? FreezerState::kFrozen
           : state == "FREEZING" ? FreezerState::kFreezing
                                 : FreezerState::kThawed;
  }
  std::string events = TRY(freezer.read("cgroup.events"));
  if (keyed(events, "frozen") == 1) return FreezerState::kFrozen;
  if (TRY(freezer_requested(freezer))) return FreezerState::kFreezing;
  for (auto up = freezer.parent(); up; up = up->parent())
    if (freezer_requested(*up).value_or(false)) return FreezerState::kFreezing;
  return FreezerState::kThawed;
}

Result<bool> freezer_requested(const Cgroup& freezer) {
  std::string text = TRY(freezer.read(freezer.version() == 1 ? "freezer.self_freezing" : "cgroup.freeze"));
  return text == "1";
}

Result<> freeze(const Cgroup& freezer) {
  return freezer.version() == 1 ? freezer.write("freezer.state", "FROZEN") : freezer.write("cgroup.freeze", "1");
}

Result<> thaw(const Cgroup& freezer) {
  return freezer.version() == 1 ? freezer.write("freezer.state", "THAWED") : freezer.write("cgroup.freeze", "0");
}

Result<> wait_freezer(const Cgroup& freezer, FreezerState state, Nanos limit) {
  BootTime end = boot_now() + limit;
  for (;;) {
    if (TRY(freezer_state(freezer)) == state) return {};
    if (boot_now() >= end)
      return fail(Errc::kTimeout, fmt::format("the cgroup {} is not {} after {} ms", freezer.path(),
                                              state == FreezerState::kFrozen ? "frozen" : "thawed", to_millis(limit)));
    ::usleep(500);
  }
}

Result<std::optional<double>> cpu_quota(const CgroupTree& tree, std::string_view path) {
  std::optional<double> least;
  const Hierarchy* hierarchy = tree.with("cpu");
  if (!hierarchy) return least;
  auto cgroup = tree.find(*hierarchy, path);
  if (!cgroup) return fail(Errc::kNotFound, fmt::format("the cgroup {} is not in the cpu hierarchy", path));
  for (; cgroup; cgroup = cgroup->parent()) {
    auto quota = own_quota(*cgroup);
    if (quota && (!least || *quota < *least)) least = quota;
  }
  return least;
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  for (std::string_view part : split_words(trim(text), ",")) {
    auto ends = split(part, '-');
    auto first = parse_number<int>(ends[0]);
    auto last = parse_number<int>(ends.back());
    if (ends.size() > 2 || !first || !last || *first < 0 || *last < *first || *last > 65535)
      return fail(Errc::kInternal, fmt::format("unexpected CPU list \"{}\"", text));
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

Result<std::vector<int>> allowed_cpus(const CgroupTree& tree, std::string_view path) {
  auto cgroup = tree.find("cpuset", path);
  for (; cgroup; cgroup = cgroup->parent()) {
    for (const char* name : {"cpuset.effective_cpus", "cpuset.cpus.effective", "cpuset.cpus"}) {
      auto text = cgroup->read(name);
      if (text && !text->empty()) return parse_cpu_list(*text);
    }
  }
  std::string online = TRY(read_file("/sys/devices/system/cpu/online"));
  return parse_cpu_list(online);
}

Result<CpuUsage> cpu_usage(const CgroupTree& tree, std::string_view path) {
  CpuUsage usage;
  const Hierarchy* cpu = tree.with("cpu");
  if (!cpu) cpu = tree.unified();  // v2 counts time even without the controller
  auto cgroup = cpu ? tree.find(*cpu, path) : std::nullopt;
  if (!cgroup) return fail(Errc::kNotFound, fmt::format("no cgroup {} counts CPU time", path));
  std::string stat = TRY(cgroup->read("cpu.stat"));
  usage.periods = keyed(stat, "nr_periods");
  usage.throttled_periods = keyed(stat, "nr_throttled");
  if (cgroup->version() == 2) {
    usage.used = std::chrono::microseconds(keyed(stat, "usage_usec"));
    usage.throttled = std::chrono::microseconds(keyed(stat, "throttled_usec"));
    return usage;
  }
  usage.throttled = Nanos(keyed(stat, "throttled_time"));
  auto account = tree.find("cpuacct", path);
  if (!account) return fail(Errc::kNotFound, fmt::format("the cgroup {} is not in the cpuacct hierarchy", path));
  std::string used = TRY(account->read("cpuacct.usage"));
  usage.used = Nanos(parse_number<int64_t>(used).value_or(0));
  return usage;
}

}  // namespace ordeal::sys

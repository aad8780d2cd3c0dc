#include "platform/sys/cgroup/room.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

// Version 1 writes "no limit" as the largest number of pages.
constexpr int64_t kNoLimit = int64_t{1} << 60;

std::optional<int64_t> number_in(const Cgroup& cgroup, const std::string& file) {
  auto text = cgroup.read(file);
  return text ? parse_number<int64_t>(trim(*text)) : std::nullopt;
}

int64_t field_of(std::string_view text, std::string_view key) {
  for (std::string_view line : split(text, '\n')) {
    auto words = split_words(line, " \t");
    if (words.size() >= 2 && words[0] == key) return parse_number<int64_t>(words[1]).value_or(0);
  }
  return 0;
}

struct LimitFile {
  const char* limit;
  const char* used;
};
constexpr std::array<LimitFile, 4> kMemoryFiles{{{"memory.max", "memory.current"},
                                                 {"memory.high", "memory.current"},
                                                 {"memory.limit_in_bytes", "memory.usage_in_bytes"},
                                                 {"memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes"}}};
constexpr std::array<LimitFile, 1> kPidsFiles{{{"pids.max", "pids.current"}}};

// In version 1 the counters of a cgroup with those below it have a name of their own.
int64_t stat_of(const Cgroup& cgroup, std::string_view stat, const char* v1, const char* v2) {
  return field_of(stat, cgroup.version() == 1 ? v1 : v2);
}

int64_t reclaimable(const Cgroup& cgroup) {
  return stat_of(cgroup, cgroup.read("memory.stat").value_or(""), "total_inactive_file", "inactive_file");
}

template <size_t kFiles>
std::vector<LimitLevel> limits_of(const CgroupTree& tree, const char* controller, std::string_view path,
                                  const std::array<LimitFile, kFiles>& files, int64_t (*spare)(const Cgroup&)) {
  std::vector<LimitLevel> levels;
  for (auto cgroup = tree.find(controller, path); cgroup; cgroup = cgroup->parent())
    for (const LimitFile& file : files) {
      auto limit = number_in(*cgroup, file.limit);
      auto used = number_in(*cgroup, file.used);
      if (!limit || !used || *limit >= kNoLimit) continue;
      levels.push_back(
          {cgroup->path(), file.limit, *limit, std::max<int64_t>(*used - (spare ? spare(*cgroup) : 0), 0)});
    }
  return levels;
}

Result<int64_t> number_of_file(const std::string& path) {
  std::string text = TRY(read_file(path));
  auto number = parse_number<int64_t>(trim(text));
  if (!number) return fail(Errc::kInternal, fmt::format("unexpected \"{}\" in {}", text, path));
  return *number;
}

}  // namespace

std::vector<LimitLevel> memory_limits(const CgroupTree& tree, std::string_view path) {
  return limits_of(tree, "memory", path, kMemoryFiles, reclaimable);
}

std::vector<LimitLevel> pids_limits(const CgroupTree& tree, std::string_view path) {
  return limits_of(tree, "pids", path, kPidsFiles, nullptr);
}

Result<MemoryUse> memory_use(const CgroupTree& tree, std::string_view path) {
  auto cgroup = tree.find("memory", path);
  if (!cgroup) return fail(Errc::kNotFound, fmt::format("no cgroup {} counts memory", path));
  auto charged = number_in(*cgroup, cgroup->version() == 1 ? "memory.usage_in_bytes" : "memory.current");
  if (!charged) return fail(Errc::kNotFound, fmt::format("the cgroup {} does not say what memory it uses", path));
  std::string stat = TRY(cgroup->read("memory.stat"));
  MemoryUse use;
  use.charged = *charged;
  use.working_set = *charged - stat_of(*cgroup, stat, "total_inactive_file", "inactive_file");
  use.anonymous = stat_of(*cgroup, stat, "total_rss", "anon");
  return use;
}

std::string dies_together(const CgroupTree& tree, std::string_view path) {
  std::string topmost;
  for (auto cgroup = tree.find("memory", path); cgroup; cgroup = cgroup->parent())
    if (number_in(*cgroup, "memory.oom.group").value_or(0) != 0) topmost = cgroup->path();
  return topmost;
}

Result<int64_t> pids_in_use(const CgroupTree& tree, std::string_view path) {
  auto cgroup = tree.find("pids", path);
  auto used = cgroup ? number_in(*cgroup, "pids.current") : std::nullopt;
  if (!used) return fail(Errc::kNotFound, fmt::format("no cgroup {} counts process ids", path));
  return *used;
}

Result<HostMemory> parse_host_memory(std::string_view meminfo) {
  HostMemory memory{field_of(meminfo, "MemTotal:") * 1024, field_of(meminfo, "MemAvailable:") * 1024};
  if (memory.total <= 0) return fail(Errc::kInternal, "/proc/meminfo does not say how much memory there is");
  return memory;
}

Result<HostMemory> host_memory() { return parse_host_memory(TRY(read_file("/proc/meminfo"))); }

Result<HostPids> host_pids() {
  HostPids pids;
  pids.most =
      std::min(TRY(number_of_file("/proc/sys/kernel/pid_max")), TRY(number_of_file("/proc/sys/kernel/threads-max")));
  // "0.10 0.20 0.30 2/345 6789": of 345 threads, 2 run.
  std::string load = TRY(read_file("/proc/loadavg"));
  auto words = split_words(load, " ");
  auto counts = words.size() > 3 ? split(words[3], '/') : std::vector<std::string_view>{};
  if (counts.size() == 2) pids.used = parse_number<int64_t>(counts[1]).value_or(0);
  if (pids.used <= 0) return fail(Errc::kInternal, fmt::format("unexpected \"{}\" in /proc/loadavg", load));
  return pids;
}

}  // namespace ordeal::sys

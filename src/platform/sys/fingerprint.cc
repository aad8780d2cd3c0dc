#include "platform/sys/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "core/base/clock.h"
#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/child_runner.h"

namespace ordeal::sys {
namespace {

constexpr Nanos kToolLimit = 5s;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::string_view line : split(text, '\n'))
    if (!trim(line).empty() && !line.starts_with("Error:")) lines.emplace_back(line);
  return lines;
}

std::vector<std::string> tool(std::vector<std::string> argv) {
  std::string name = argv.front();
  Command command{std::move(argv), kToolLimit};
  command.most_out = size_t{1} << 20;
  auto ended = run(command);
  if (!ended) return {name + " is not installed"};
  if (ended->exit_code != 0) return {name + " " + to_text(*ended)};
  return lines_of(ended->out);
}

void drop_comments(std::vector<std::string>& lines) {
  std::erase_if(lines, [](const std::string& line) { return line.starts_with('#'); });
}

// Only a device with a queueing discipline of somebody's choice can have filters.
std::set<std::string> devices_with_filters(const std::vector<std::string>& qdiscs) {
  const std::set<std::string_view> plain{"noqueue", "noop", "pfifo_fast", "fq_codel", "mq", "fq"};
  std::set<std::string> devices;
  for (const std::string& line : qdiscs) {
    auto words = split_words(line);
    auto device = std::find(words.begin(), words.end(), "dev");
    if (words.size() > 1 && !plain.count(words[1]) && device != words.end() && device + 1 != words.end())
      devices.emplace(*(device + 1));
  }
  return devices;
}

std::vector<std::string> filters(const std::vector<std::string>& qdiscs) {
  std::vector<std::string> all;
  for (const std::string& device : devices_with_filters(qdiscs))
    for (const char* where : {"root", "ingress", "egress"})
      for (std::string& line : tool({"tc", "filter", "show", "dev", device, where}))
        all.push_back(fmt::format("{} {}: {}", device, where, line));
  return all;
}

constexpr const char* kSettings[] = {"freezer.state",     "cgroup.freeze", "cpu.cfs_quota_us",
                                     "cpu.cfs_period_us", "cpu.max",       "pids.max",
                                     "memory.max",        "io.max",        "memory.limit_in_bytes"};

std::vector<std::string> cgroup_settings() {
  std::vector<std::string> all;
  auto tree = CgroupTree::discover();
  if (!tree) return {tree.error().message()};
  for (const Hierarchy& hierarchy : tree->hierarchies()) {
    std::error_code error;
    std::filesystem::recursive_directory_iterator it(hierarchy.mount, error), end;
    for (; !error && it != end; it.increment(error)) {
      if (!it->is_directory(error)) continue;
      for (const char* setting : kSettings)
        if (auto text = read_file(it->path().string() + "/" + setting))
          all.push_back(fmt::format("{}/{} = {}", it->path().string(), setting, trim(*text)));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> mounts() {
  std::vector<std::string> all;
  for (const std::string& line : lines_of(read_file("/proc/self/mountinfo").value_or(""))) {
    auto parts = split_words(line);
    // The names of other people's network namespaces come and go.
    bool is_netns = parts.size() > 4 && (parts[4].starts_with("/run/netns") || parts[4].starts_with("/var/run/netns"));
    if (parts.size() > 5 && !is_netns) all.push_back(fmt::format("{} {}", parts[4], parts[5]));
  }
  return all;
}

// Each line with its table, so that whose it is can be seen: "table inet x: chain y {".
std::vector<std::string> nft_rules() {
  std::vector<std::string> all = tool({"nft", "-s", "list", "ruleset"});
  std::string table;
  for (std::string& line : all) {
    if (line.starts_with("table ")) table = line.substr(0, line.find(" {"));
    if (!table.empty()) line = table + ": " + std::string(trim(line));
  }
  return all;
}

// Without the flags that the kernel clears by itself a moment after an address was added.
std::vector<std::string> addresses() {
  std::vector<std::string> all = tool({"ip", "-o", "address", "show"});
  for (std::string& line : all)
    if (size_t at = line.find(" tentative"); at != std::string::npos)
      line.erase(at, std::string_view(" tentative").size());
  return all;
}

std::string setting_name(const std::string& line) { return line.substr(0, line.find(" = ")); }

void compare_lines(const std::string& section, std::vector<std::string> before, std::vector<std::string> now,
                   std::vector<Difference>& differences) {
  std::sort(before.begin(), before.end());
  std::sort(now.begin(), now.end());
  std::vector<std::string> gone, come;
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(), std::back_inserter(gone));
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(come));
  for (const std::string& line : gone) differences.push_back({section, '-', line});
  for (const std::string& line : come) differences.push_back({section, '+', line});
}

void keep_common_settings(std::vector<std::string>& lines, const std::vector<std::string>& others) {
  std::vector<std::string> names;
  for (const std::string& line : others) names.push_back(setting_name(line));
  std::sort(names.begin(), names.end());
  std::erase_if(lines, [&](const std::string& line) {
    return !std::binary_search(names.begin(), names.end(), setting_name(line));
  });
}

}  // namespace

Fingerprint take_fingerprint() {
  Fingerprint print;
  print["links"] = tool({"ip", "-o", "link", "show"});
  print["addresses"] = addresses();
  print["qdiscs"] = tool({"tc", "qdisc", "show"});
  print["filters"] = filters(print["qdiscs"]);
  print["nft"] = nft_rules();
  print["iptables"] = tool({"iptables-save"});
  print["ip6tables"] = tool({"ip6tables-save"});
  drop_comments(print["iptables"]);
  drop_comments(print["ip6tables"]);
  print[kCgroupSection] = cgroup_settings();
  print["mounts"] = mounts();
  // It is kept as text, and must be the same when it is read again.
  for (auto& [section, lines] : print)
    for (std::string& line : lines) line = valid_text(line);
  print["clock"] = {fmt::format("{}", std::llround(to_seconds(WallOffset::measure().offset) / 2))};
  return print;
}

std::string Difference::text() const { return fmt::format("{}: {} {}", section, sign, line); }

std::vector<Difference> compare(const Fingerprint& before, const Fingerprint& now) {
  std::vector<Difference> differences;
  for (const auto& [section, lines] : before) {
    auto found = now.find(section);
    if (found == now.end()) continue;
    std::vector<std::string> old_lines = lines, new_lines = found->second;
    if (section == kCgroupSection) {
      keep_common_settings(old_lines, found->second);
      keep_common_settings(new_lines, lines);
    }
    compare_lines(section, std::move(old_lines), std::move(new_lines), differences);
  }
  return differences;
}

}  // namespace ordeal::sys

#include "platform/sys/process/process.h"

#include <dirent.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

constexpr int64_t kTick = 10'000'000;  // USER_HZ is 100 on every Linux that we build for
constexpr uint64_t kExitingFlag = 4;   // PF_EXITING of the kernel

std::string link_target(const std::string& path) {
  char buffer[4096];
  ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
  if (n < 0) return {};
  std::string target(buffer, static_cast<size_t>(n));
  constexpr std::string_view kDeleted = " (deleted)";
  if (target.ends_with(kDeleted)) target.resize(target.size() - kDeleted.size());
  return valid_text(target);
}

uint64_t file_inode(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::vector<std::string> split_argv(std::string_view text) {
  std::vector<std::string> argv;
  if (text.empty()) return argv;
  if (text.back() == '\0') text.remove_suffix(1);
  for (std::string_view part : split(text, '\0')) argv.push_back(valid_text(part));
  return argv;
}

// The n-th word after "Key:" in /proc/PID/status; n < 0 is the last one.
uint64_t status_number(std::string_view status, std::string_view key, int n) {
  for (std::string_view line : split(status, '\n')) {
    if (!line.starts_with(key)) continue;
    auto words = split_words(line.substr(key.size()));
    if (words.empty()) return 0;
    size_t index = n < 0 ? words.size() - 1 : static_cast<size_t>(n);
    return index < words.size() ? parse_number<uint64_t>(words[index]).value_or(0) : 0;
  }
  return 0;
}

// Signal sets are hexadecimal; bit 0 is signal 1.
bool kill_pends(std::string_view status, std::string_view key) {
  for (std::string_view line : split(status, '\n')) {
    if (!line.starts_with(key)) continue;
    std::string set(trim(line.substr(key.size())));
    return (std::strtoull(set.c_str(), nullptr, 16) >> (SIGKILL - 1) & 1) != 0;
  }
  return false;
}

uint64_t read_netns(pid_t pid, const std::string& folder) {
  uint64_t inode = file_inode(folder + "/ns/net");
  if (inode != 0 || folder != fmt::format("/proc/{}", pid)) return inode;
  return netns_mark(pid) == netns_mark(::getpid()) ? file_inode("/proc/self/ns/net") : 0;
}

bool is_gone(const Error& error) { return error.sys_errno == ENOENT || error.sys_errno == ESRCH; }

}  // namespace

std::string Process::command_line() const { return argv.empty() ? "[" + comm + "]" : join(argv, " "); }

Result<ProcessStat> parse_stat(std::string_view text) {
  // The name may hold spaces, brackets and newlines: it ends at the last ")".
  size_t open = text.find('(');
  size_t close = text.rfind(')');
  auto bad = [&] { return fail(Errc::kInternal, fmt::format("unexpected /proc/PID/stat: \"{}\"", text)); };
  if (open == text.npos || close == text.npos || close < open) return bad();
  auto fields = split_words(text.substr(close + 1));
  auto pid = parse_number<pid_t>(trim(text.substr(0, open)));
  if (!pid || fields.size() < 20) return bad();
  auto number = [&](size_t field) { return parse_number<uint64_t>(fields[field - 3]); };
  auto start = number(22);
  if (!start) return bad();
  ProcessStat stat;
  stat.pid = *pid;
  stat.comm = valid_text(text.substr(open + 1, close - open - 1));
  stat.state = fields[0][0];
  stat.ppid = static_cast<pid_t>(number(4).value_or(0));
  stat.group = parse_number<pid_t>(fields[5 - 3]).value_or(0);
  stat.session = parse_number<pid_t>(fields[6 - 3]).value_or(0);
  stat.exiting = (number(9).value_or(0) & kExitingFlag) != 0;
  stat.user_ticks = number(14).value_or(0);
  stat.system_ticks = number(15).value_or(0);
  stat.threads = static_cast<int>(number(20).value_or(1));
  stat.start_ticks = *start;
  return stat;
}

std::vector<CgroupMembership> parse_cgroups(std::string_view text) {
  std::vector<CgroupMembership> memberships;
  for (std::string_view line : split_words(text, "\n")) {
    size_t first = line.find(':');
    size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    CgroupMembership membership;
    for (std::string_view name : split_words(line.substr(first + 1, second - first - 1), ","))
      membership.controllers.push_back(valid_text(name));
    std::string_view path = line.substr(second + 1);
    constexpr std::string_view kDeleted = " (deleted)";
    if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
    membership.path = valid_text(path);
    memberships.push_back(std::move(membership));
  }
  return memberships;
}

Result<ProcessStat> read_stat(pid_t pid, const std::string& proc) {
  auto text = read_file(fmt::format("{}/{}/stat", proc, pid));
  if (text) return parse_stat(*text);
  if (is_gone(text.error())) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  return wrap(std::move(text).error(), fmt::format("cannot read process {}", pid));
}

bool is_dying(pid_t pid, uint64_t start_ticks, const std::string& proc) {
  auto stat = read_stat(pid, proc);
  if (!stat || stat->start_ticks != start_ticks || stat->exiting || !stat->alive()) return true;
  auto status = read_file(fmt::format("{}/{}/status", proc, pid));
  if (!status) return true;
  return kill_pends(*status, "SigPnd:") || kill_pends(*status, "ShdPnd:");
}

Result<Process> read_process(pid_t pid, const std::string& proc) {
  ProcessStat stat = TRY(read_stat(pid, proc));
  std::string folder = fmt::format("{}/{}", proc, pid);
  Process process;
  process.pid = pid;
  process.start_ticks = stat.start_ticks;
  process.ppid = stat.ppid;
  process.state = stat.state;
  process.threads = stat.threads;
  process.comm = stat.comm;
  process.argv = split_argv(read_file(folder + "/cmdline", 8 << 20).value_or(""));
  process.exe = link_target(folder + "/exe");
  std::string status = read_file(folder + "/status").value_or("");
  process.uid = static_cast<uid_t>(status_number(status, "Uid:", 1));
  process.gid = static_cast<gid_t>(status_number(status, "Gid:", 1));
  process.namespace_pid = static_cast<pid_t>(status_number(status, "NSpid:", -1));
  process.cgroups = parse_cgroups(read_file(folder + "/cgroup").value_or(""));
  process.netns = read_netns(pid, folder);
  // What was read in between may be of another process, if this one ended and its number was taken.
  ProcessStat again = TRY(read_stat(pid, proc));
  if (again.start_ticks != stat.start_ticks) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  return process;
}

Result<std::vector<pid_t>> list_pids(const std::string& proc) {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(proc.c_str()), &::closedir);
  if (!folder) return fail_errno("cannot list processes in " + proc);
  std::vector<pid_t> pids;
  while (const dirent* entry = ::readdir(folder.get()))
    if (auto pid = parse_number<pid_t>(std::string_view(entry->d_name))) pids.push_back(*pid);
  return pids;
}

Result<std::vector<Process>> list_processes(const std::string& proc) {
  std::vector<Process> table;
  for (pid_t pid : TRY(list_pids(proc)))
    if (auto process = read_process(pid, proc)) table.push_back(std::move(*process));
  std::sort(table.begin(), table.end(), [](const Process& a, const Process& b) { return a.pid < b.pid; });
  return table;
}

Nanos cpu_time(const ProcessStat& stat) {
  return Nanos(static_cast<int64_t>(stat.user_ticks + stat.system_ticks) * kTick);
}

uint64_t netns_mark(pid_t pid) { return file_inode(fmt::format("/proc/{}/net/dev", pid)); }

bool in_cgroup(const Process& process, std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.size() < 2) return false;
  return std::any_of(process.cgroups.begin(), process.cgroups.end(), [&](const CgroupMembership& membership) {
    std::string_view own = membership.path;
    return own.starts_with(path) && (own.size() == path.size() || own[path.size()] == '/');
  });
}

std::vector<pid_t> with_descendants(const std::vector<Process>& table, pid_t pid) {
  std::vector<pid_t> family{pid};
  std::set<pid_t> seen{pid};
  for (size_t i = 0; i < family.size(); ++i) {
    for (const Process& process : table)
      if (process.ppid == family[i] && seen.insert(process.pid).second) family.push_back(process.pid);
  }
  return family;
}

Result<uid_t> find_user(const std::string& name) {
  if (auto number = parse_number<uid_t>(name)) return *number;
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  ::getpwnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found);
  if (!found) return fail(Errc::kNotFound, fmt::format("this host has no user \"{}\"", name));
  return found->pw_uid;
}

Result<gid_t> find_group(const std::string& name) {
  if (auto number = parse_number<gid_t>(name)) return *number;
  ::group entry{};
  ::group* found = nullptr;
  char buffer[16384];
  ::getgrnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found);
  if (!found) return fail(Errc::kNotFound, fmt::format("this host has no group \"{}\"", name));
  return found->gr_gid;
}

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  ::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found);
  return found ? valid_text(found->pw_name) : std::to_string(uid);
}

namespace {

constexpr size_t kCommBytes = 15;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The kernel may have cut in the middle of a character, of which valid text then shows the bytes.
bool is_cut_to(std::string_view whole, std::string_view comm) {
  return valid_text(whole.substr(0, kCommBytes)) == comm;
}

}  // namespace

std::string program_name(const Process& process) {
  if (process.comm.size() < kCommBytes) return process.comm;
  if (std::string_view whole = base_name(process.exe); is_cut_to(whole, process.comm)) return std::string(whole);
  if (process.argv.empty()) return process.comm;
  if (std::string_view whole = base_name(process.argv[0]); is_cut_to(whole, process.comm)) return std::string(whole);
  return process.comm;
}

}  // namespace ordeal::sys

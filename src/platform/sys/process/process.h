// Process: what /proc says of one process at one moment. It is a snapshot, not a handle: before acting on one, open a
// PidFd with its pid and start_ticks. Names may be any bytes in the kernel; here they are valid text (base/text.h). A
// process that vanishes while it is read is left out of a list, and kNotFound when it was asked for by number. Every
// function takes the folder where proc is mounted, so that tests can make one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal::sys {

// One line of /proc/PID/cgroup. For v2 `controllers` is empty; for a named v1 hierarchy it is {"name=systemd"}.
struct CgroupMembership {
  std::vector<std::string> controllers;
  std::string path;
  bool operator==(const CgroupMembership&) const = default;
};

// The fields of /proc/PID/stat that we use.
struct ProcessStat {
  pid_t pid = 0;
  std::string comm;  // of at most 15 bytes, as valid text
  char state = '?';
  pid_t ppid = 0;
  pid_t group = 0;
  pid_t session = 0;
  uint64_t user_ticks = 0;    // of 1/100 s
  uint64_t system_ticks = 0;  // of 1/100 s
  uint64_t start_ticks = 0;   // since boot; with the pid it identifies a process
  int threads = 1;
  bool exiting = false;  // on its way out: it runs nothing of its own any more, and may still hold files and locks

  // A process whose main thread has ended looks like a zombie and lives in its other threads.
  bool alive() const { return (state != 'Z' && state != 'X') || threads > 1; }
};

struct Process {
  pid_t pid = 0;
  uint64_t start_ticks = 0;
  pid_t ppid = 0;
  char state = '?';
  int threads = 1;
  std::string comm;
  std::vector<std::string> argv;  // empty for kernel threads and zombies
  std::string exe;                // "" when unreadable; " (deleted)" is cut off
  uid_t uid = 0;                  // effective
  gid_t gid = 0;                  // effective
  pid_t namespace_pid = 0;        // its number in its own PID namespace
  std::vector<CgroupMembership> cgroups;
  uint64_t netns = 0;  // inode of ns/net; 0 when unreadable, and not our own

  // The arguments joined by one space, or the comm in brackets when there are none.
  std::string command_line() const;
  bool alive() const { return (state != 'Z' && state != 'X') || threads > 1; }
  bool kernel_thread() const { return argv.empty() && exe.empty() && (pid == 2 || ppid == 2); }
};

Result<ProcessStat> parse_stat(std::string_view text);
std::vector<CgroupMembership> parse_cgroups(std::string_view text);

Result<ProcessStat> read_stat(pid_t pid, const std::string& proc = "/proc");
Result<Process> read_process(pid_t pid, const std::string& proc = "/proc");
// True when that process runs nothing of its own any more: it is gone, a zombie, exiting, or SIGKILL is on its way to
// it. It may hold files, locks and its cgroup for some milliseconds more.
bool is_dying(pid_t pid, uint64_t start_ticks, const std::string& proc = "/proc");
// All processes by pid, kernel threads and zombies included.
Result<std::vector<Process>> list_processes(const std::string& proc = "/proc");
// Their numbers alone, unsorted.
Result<std::vector<pid_t>> list_pids(const std::string& proc = "/proc");
// CPU time of the process with all its threads.
Nanos cpu_time(const ProcessStat& stat);
// Equal for two processes exactly when they share a network namespace; 0 when the process is gone. Unlike ns/net it can
// be read of processes with more capabilities than ours (it is the inode of /proc/PID/net/dev).
uint64_t netns_mark(pid_t pid);
// True when `path`, or a cgroup below it, holds the process in any hierarchy. `path` is not "/".
bool in_cgroup(const Process& process, std::string_view path);
// `process` and all that descend from it, in the table.
std::vector<pid_t> with_descendants(const std::vector<Process>& table, pid_t pid);

// By name or number; kNotFound when the host does not know it.
Result<uid_t> find_user(const std::string& name);
Result<gid_t> find_group(const std::string& name);
// The name, or the number as text.
std::string user_name(uid_t uid);

// The name of the program: the comm, or the whole of it where the kernel cut the comm at 15 bytes.
std::string program_name(const Process& process);

}  // namespace ordeal::sys

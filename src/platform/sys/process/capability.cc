#include "platform/sys/process/capability.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

// In the order of linux/capability.h.
constexpr std::array<std::string_view, 41> kNames{"CHOWN",
                                                  "DAC_OVERRIDE",
                                                  "DAC_READ_SEARCH",
                                                  "FOWNER",
                                                  "FSETID",
                                                  "KILL",
                                                  "SETGID",
                                                  "SETUID",
                                                  "SETPCAP",
                                                  "LINUX_IMMUTABLE",
                                                  "NET_BIND_SERVICE",
                                                  "NET_BROADCAST",
                                                  "NET_ADMIN",
                                                  "NET_RAW",
                                                  "IPC_LOCK",
                                                  "IPC_OWNER",
                                                  "SYS_MODULE",
                                                  "SYS_RAWIO",
                                                  "SYS_CHROOT",
                                                  "SYS_PTRACE",
                                                  "SYS_PACCT",
                                                  "SYS_ADMIN",
                                                  "SYS_BOOT",
                                                  "SYS_NICE",
                                                  "SYS_RESOURCE",
                                                  "SYS_TIME",
                                                  "SYS_TTY_CONFIG",
                                                  "MKNOD",
                                                  "LEASE",
                                                  "AUDIT_WRITE",
                                                  "AUDIT_CONTROL",
                                                  "SETFCAP",
                                                  "MAC_OVERRIDE",
                                                  "MAC_ADMIN",
                                                  "SYSLOG",
                                                  "WAKE_ALARM",
                                                  "BLOCK_SUSPEND",
                                                  "AUDIT_READ",
                                                  "PERFMON",
                                                  "BPF",
                                                  "CHECKPOINT_RESTORE"};

[[noreturn]] void answer(int to, pid_t parent, const std::function<std::string()>& ask) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent || !drop_all_capabilities()) ::_exit(1);
  std::string text = ask();
  for (size_t at = 0; at < text.size();) {
    ssize_t sent = ::write(to, text.data() + at, text.size() - at);
    if (sent < 0 && errno != EINTR) ::_exit(1);
    at += static_cast<size_t>(std::max<ssize_t>(sent, 0));
  }
  ::_exit(0);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> chunk;
  ssize_t got = 0;
  while ((got = ::read(fd, chunk.data(), chunk.size())) > 0 || (got < 0 && errno == EINTR))
    text.append(chunk.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace

Result<std::set<std::string>> parse_capabilities(std::string_view hexadecimal) {
  uint64_t bits = 0;
  auto [end, error] = std::from_chars(hexadecimal.data(), hexadecimal.data() + hexadecimal.size(), bits, 16);
  if (error != std::errc() || end != hexadecimal.data() + hexadecimal.size())
    return fail(Errc::kInternal, fmt::format("unexpected capability set \"{}\"", hexadecimal));
  std::set<std::string> names;
  for (size_t i = 0; i < 64; ++i)
    if (bits >> i & 1) names.insert(i < kNames.size() ? fmt::format("CAP_{}", kNames[i]) : fmt::format("CAP_{}", i));
  return names;
}

Result<std::set<std::string>> effective_capabilities(pid_t pid) {
  std::string path = pid == 0 ? "/proc/thread-self/status" : fmt::format("/proc/{}/status", pid);
  std::string status = TRY(read_file(path));
  for (std::string_view line : split(status, '\n'))
    if (line.starts_with("CapEff:")) return parse_capabilities(trim(line.substr(7)));
  return fail(Errc::kInternal, path + " has no line CapEff");
}

Result<> drop_all_capabilities() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail_errno("cannot set no_new_privs");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return fail_errno("cannot clear the ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  if (::syscall(SYS_capset, &header, none) < 0) return fail_errno("cannot drop the capabilities");
  return {};
}

Result<std::string> without_capabilities(const std::function<std::string()>& ask) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return fail_errno("cannot make a pipe");
  UniqueFd ours(ends[0]), theirs(ends[1]);
  pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) return fail_errno("cannot fork");
  if (child == 0) answer(theirs.get(), parent, ask);
  theirs.reset();
  std::string text = read_all(ours.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return fail(Errc::kInternal, "the process without capabilities did not answer");
  return text;
}

}  // namespace ordeal::sys

#include "sys/capability.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "base/file.h"
#include "base/text.h"

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

}  // namespace ordeal::sys

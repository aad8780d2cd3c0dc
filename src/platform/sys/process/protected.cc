#include "platform/sys/process/protected.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace ordeal::sys {
namespace {

struct Rule {
  std::string_view name;
  bool prefix = false;  // "containerd-shim-runc-v2", and names that the kernel cut at 15 bytes
};
constexpr std::array<Rule, 17> kRules{{{"sshd"},
                                       {"sshd-", true},
                                       {"kubelet"},
                                       {"kubelite"},  // microk8s: the kubelet is in it, as in the next three
                                       {"k3s", true},
                                       {"rke2", true},
                                       {"k0s", true},
                                       {"cri-dockerd"},
                                       {"containerd"},
                                       {"containerd-shim", true},
                                       {"dockerd"},
                                       {"crio"},
                                       {"conmon"},
                                       {"conmonrs"},
                                       {"podman"},
                                       {"ordeal"},
                                       {"ordeal-", true}}};

bool is_listed(std::string_view name) {
  return std::any_of(kRules.begin(), kRules.end(),
                     [&](const Rule& rule) { return rule.prefix ? name.starts_with(rule.name) : name == rule.name; });
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::set<pid_t> own_chain() {
  std::set<pid_t> chain;
  for (pid_t pid = ::getpid(); pid > 0 && chain.insert(pid).second;) {
    auto stat = read_stat(pid);
    if (!stat) break;
    pid = stat->ppid;
  }
  return chain;
}

std::optional<std::string> always_protected(const Process& process, const std::set<pid_t>& own) {
  if (process.pid == 1) return "the host's init (PID 1) is always protected";
  if (process.kernel_thread()) return fmt::format("the kernel thread {} is always protected", process.comm);
  if (own.count(process.pid))
    return process.pid == ::getpid() ? "Ordeal itself is always protected"
                                     : fmt::format("{} runs Ordeal, and is always protected", process.comm);
  for (std::string_view name : {std::string_view(process.comm), file_name(process.exe)})
    if (is_listed(name)) return fmt::format("{} is always protected", name);
  return std::nullopt;
}

}  // namespace ordeal::sys

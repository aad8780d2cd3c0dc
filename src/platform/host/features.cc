#include "platform/host/features.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "platform/host/own_cgroup.h"
#include "platform/sys/network/nfqueue.h"
#include "platform/sys/process/capability.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::host {
namespace {

std::string kernel_version() {
  utsname names{};
  if (::uname(&names) < 0) return "unknown";
  return fmt::format("{} {} {}", names.sysname, names.release, names.machine);
}

struct NetworkProbe {
  Result<sys::QueueStyle> queue = fail(Errc::kInternal, "not checked");
  bool owned_tables = false;
};

sys::TableSpec probe_table(uint16_t queue) {
  sys::Chain chain{.name = "probe", .hook = sys::Hook::kPrerouting, .priority = -300, .rules = {}};
  chain.rules.push_back(std::move(sys::Rule("probe").counter().queue(queue)));
  sys::TableSpec spec{.name = "ordeal_doctor", .chains = {}};
  spec.chains.push_back(std::move(chain));
  return spec;
}

// The same calls as the latency attack makes, in the namespace of the calling thread.
Result<> probe_here(NetworkProbe& probe) {
  Random random(Random::fresh_seed());
  sys::QueueOptions options;
  options.receive_buffer = 1 << 16;
  sys::NfQueue queue = TRY(sys::NfQueue::open(options, random));
  sys::NftTable table =
      TRY(sys::NftTable::create(TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER)), probe_table(queue.number())));
  probe.queue = table.queue_style();
  auto stranger = sys::NftTable::create(TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER)), probe_table(queue.number()));
  probe.owned_tables = !stranger && stranger.error().sys_errno == EPERM;
  return {};
}

NetworkProbe probe_network() {
  NetworkProbe probe;
  // The namespace ends with the thread.
  std::thread([&] {
    Result<> done;
    if (::unshare(CLONE_NEWNET) < 0) {
      done = fail_errno("cannot make a network namespace");
    } else {
      done = probe_here(probe);
    }
    if (!done) probe.queue = tl::unexpected(done.error());
  }).join();
  return probe;
}

Priority highest_priority() {
  sched_param parameters{};
  parameters.sched_priority = 1;
  if (::sched_setscheduler(0, SCHED_FIFO, &parameters) == 0) return Priority::kFifo;
  return ::setpriority(PRIO_PROCESS, 0, -20) == 0 ? Priority::kNice : Priority::kNone;
}

// A child goes the way that the reaper goes, and back.
void probe_as_reaper(Features& features) {
  std::string name = fmt::format("doctor-{}", ::getpid());
  pid_t child = ::fork();
  if (child == 0) {
    bool own = enter_own_cgroup(name);
    int priority = static_cast<int>(highest_priority());
    (void)leave_own_cgroup(name);
    ::_exit((own ? 1 : 0) | priority << 1);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return;
  (void)leave_own_cgroup(name);
  features.reaper_cgroup = (WEXITSTATUS(status) & 1) != 0;
  features.priority = static_cast<Priority>(WEXITSTATUS(status) >> 1);
}

bool has_below(const std::string& folder, const char* file) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_directory(error)) return ::access((entry.path() / file).c_str(), F_OK) == 0;
  return false;
}

void look_at_cgroups(const sys::CgroupTree& tree, Features& features) {
  if (const sys::Hierarchy* unified = tree.unified()) {
    features.cgroup_kill = has_below(unified->mount, "cgroup.kill");
    if (has_below(unified->mount, "cgroup.freeze")) features.freezer = "v2";
  }
  if (const sys::Hierarchy* freezer = tree.with("freezer"); freezer && freezer->version == 1) features.freezer = "v1";
  const sys::Hierarchy* cpu = tree.with("cpu");
  features.cgroups_writable = cpu && ::access((cpu->mount + "/cgroup.procs").c_str(), W_OK) == 0;
}

bool pidfds_work() {
  auto self = sys::read_stat(::getpid());
  return self && sys::PidFd::open(self->pid, self->start_ticks).has_value();
}

}  // namespace

Features Features::look() {
  Features features;
  probe_as_reaper(features);
  features.kernel = kernel_version();
  features.root = ::geteuid() == 0;
  features.capabilities = sys::effective_capabilities().value_or(std::set<std::string>{});
  features.cgroups = sys::CgroupTree::discover();
  if (features.cgroups) look_at_cgroups(*features.cgroups, features);
  features.pidfd = pidfds_work();
  NetworkProbe network = probe_network();
  features.queue = network.queue;
  features.owned_tables = network.owned_tables;
  return features;
}

}  // namespace ordeal::host

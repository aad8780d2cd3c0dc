#include "fault/guard/newcomers.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kYoung = 1s;
constexpr Nanos kShortestLook = 50ms;
constexpr int kScanShare = 100;  // 1 % of a core
constexpr int kCloseShare = 20;  // 5 %, with very many victims

Nanos cpu_now() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return seconds(time.tv_sec) + Nanos(time.tv_nsec);
}

// "0.00 0.01 0.05 1/467 12345": the last word is the number of the process that was started last.
std::string last_started() {
  std::string text = read_file("/proc/loadavg").value_or("");
  return std::string(trim(text.substr(text.rfind(' ') + 1)));
}

// In how many of the folders each process is: in version 1 the CPU, the freezer and others are hierarchies of their
// own.
std::map<pid_t, size_t> members_of(const std::vector<sys::Cgroup>& folders) {
  std::map<pid_t, size_t> found;
  for (const sys::Cgroup& cgroup : folders)
    for (pid_t pid : cgroup.processes().value_or(std::vector<pid_t>{})) ++found[pid];
  return found;
}

std::string cgroups_of(pid_t pid) { return read_file(fmt::format("/proc/{}/cgroup", pid)).value_or(""); }

std::string named(const sys::Process& process) { return fmt::format("{} (pid {})", process.comm, process.pid); }

// What makes Ordeal's own load joins the victim's cgroup, of whatever run.
bool is_burner(const sys::Process& process) {
  return process.comm == "ordeal-burn" || process.comm == "ordeal-load" || process.exe.ends_with("/ordeal-guard");
}

bool lives(const sys::ProcessStat& stat, uint64_t start) {
  return stat.start_ticks == start && stat.state != 'Z' && stat.state != 'X' && !stat.exiting;
}

// It, or something that it descends from, is one of the victim's.
bool descends_from(pid_t pid, const Victim& victim) {
  for (int i = 0; pid > 1 && i < 64; ++i) {
    auto stat = sys::read_stat(pid);
    if (!stat) return false;
    for (const ProcessId& id : victim.processes)
      if (id.pid == pid && id.start_ticks == stat->start_ticks) return true;
    pid = stat->ppid;
  }
  return false;
}

bool is_of_victim(const sys::Process& process, const Victim& victim) {
  return victim.cgroup.empty() ? descends_from(process.pid, victim) : sys::in_cgroup(process, victim.cgroup);
}

// CPU time that one full scan takes on this machine now.
Nanos scan_cost(const fault::Reach& reach) {
  Nanos begin = cpu_now();
  (void)fault::in_reach(reach);
  return cpu_now() - begin;
}

std::string millis(Nanos time) { return fmt::format("{:.1f} ms", to_millis(time)); }

}  // namespace

Nanos scan_interval(Nanos cost) { return std::max(kShortestLook, cost * kScanShare); }

std::string in_words(const fault::Reach& reach, const fault::Protection& protection) {
  if (reach.chosen || (reach.host && !protection.has_names())) return "";
  if (!reach.host && reach.netns_mark == 0)
    return reach.cgroup.empty() || reach.of_victim_only
               ? ""
               : "a protected process that joins the cgroup ends the attack within 100 ms";
  Nanos cost = scan_cost(reach);
  const char* what = reach.gives_way ? "is left alone, along with all ICMP," : "ends the attack";
  return fmt::format(
      "{} {} within 100 ms of being seen; processes new on this machine are checked every {}, all of them every {} "
      "(which costs {} of CPU, so at most 1 % of a core)",
      reach.host ? "a process that starts on the host and is protected by a policy"
                 : "a process that joins the network namespace",
      what, millis(kShortestLook), millis(scan_interval(cost)), millis(cost));
}

Newcomers::Newcomers() : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

void Newcomers::add(int impact, const Victim& victim, const fault::Reach& reach) {
  Watched watched{victim, reach, false, {}, {}, {}, {}, {}, {}};
  bool shared = !reach.cgroup.empty() && reach.cgroup != "/";
  watched.home = shared ? reach.cgroup : victim.cgroup;
  if (victim.cgroup.empty())
    for (const ProcessId& id : victim.processes) watched.homes[id.pid] = cgroups_of(id.pid);
  if (auto tree = sys::CgroupTree::discover(); tree && !watched.home.empty())
    watched.folders = tree->find_all(watched.home);
  for (const sys::Cgroup& cgroup : watched.folders) {
    constexpr uint32_t kFolders = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
    std::string above = std::filesystem::path(cgroup.folder()).parent_path();
    (void)::inotify_add_watch(inotify_.get(), cgroup.folder().c_str(), kFolders);
    (void)::inotify_add_watch(inotify_.get(), above.c_str(), kFolders);
    (void)::inotify_add_watch(inotify_.get(), (cgroup.folder() + "/cgroup.procs").c_str(), IN_MODIFY);
  }
  watched_.insert_or_assign(impact, std::move(watched));
  next_close_look_ = next_scan_ = BootTime{};
}

void Newcomers::let_leave(int impact) {
  if (auto found = watched_.find(impact); found != watched_.end()) found->second.may_leave = true;
}

void Newcomers::forget() {
  for (auto& [impact, watched] : watched_) watched.members.clear(), watched.judged.clear();
  next_close_look_ = next_scan_ = BootTime{};
}

// A host is scanned only when the inventory names somebody who is protected: what is always protected is on every host.
bool Newcomers::scans(const Watched& watched, const fault::Protection& protection) const {
  return watched.reach.netns_mark != 0 || (watched.reach.host && protection.has_names());
}

std::vector<Newcomers::Found> Newcomers::look(BootTime now, const fault::Protection& protection) {
  char buffer[4096];
  while (::read(inotify_.get(), buffer, sizeof buffer) > 0) next_close_look_ = BootTime{};
  std::vector<Found> found;
  auto note = [&](Found item) {
    bool again = std::any_of(found.begin(), found.end(), [&](const Found& f) { return f.impact == item.impact; });
    if (!again) found.push_back(std::move(item));
  };
  if (now >= next_close_look_) {
    Nanos begin = cpu_now();
    for (auto& [impact, watched] : watched_)
      if (auto why = look_closely(watched, protection)) note({impact, std::move(*why)});
    next_close_look_ = now + std::max(kShortestLook, (cpu_now() - begin) * kCloseShare);
  }
  bool any = std::any_of(watched_.begin(), watched_.end(), [&](auto& w) { return scans(w.second, protection); });
  if (!any) next_scan_ = next_young_ = BootTime::max();  // until one is added, or the rules change
  bool full = now >= next_scan_;
  if (!full && now < next_young_) return found;
  Nanos begin = cpu_now();
  std::vector<pid_t> pids = full ? sys::list_pids().value_or(std::vector<pid_t>{}) : young(now);
  for (auto& [impact, watched] : watched_) {
    if (full) watched.judged.clear();
    if (!scans(watched, protection)) continue;
    if (auto item = look_among(now, pids, watched, protection))
      note({impact, std::move(item->why), item->may_give_way});
  }
  (full ? next_scan_ : next_young_) = now + scan_interval(cpu_now() - begin);
  if (full) next_young_ = now + kShortestLook;
  return found;
}

std::optional<std::string> Newcomers::look_closely(Watched& watched, const fault::Protection& protection) {
  if (watched.reach.chosen) return std::nullopt;
  std::optional<std::string> why;
  if (!watched.may_leave && watched.victim.cgroup.empty()) why = who_has_left(watched);
  if (!why && !watched.folders.empty()) why = look_at_cgroup(watched, protection);
  return why;
}

std::vector<pid_t> Newcomers::young(BootTime now) {
  std::string last = last_started();
  if (last != last_started_) {
    last_started_ = std::move(last);
    std::vector<pid_t> all = sys::list_pids().value_or(std::vector<pid_t>{});
    std::sort(all.begin(), all.end());
    for (pid_t pid : all)
      if (!std::binary_search(known_.begin(), known_.end(), pid)) young_.emplace(pid, now);
    known_ = std::move(all);
  }
  std::erase_if(young_, [&](const auto& item) { return now - item.second > kYoung; });
  std::vector<pid_t> pids;
  for (const auto& [pid, since] : young_) pids.push_back(pid);
  return pids;
}

std::optional<std::string> Newcomers::look_at_cgroup(Watched& watched, const fault::Protection& protection) {
  std::map<pid_t, size_t> inside = members_of(watched.folders);
  std::vector<std::pair<pid_t, uint64_t>> away;
  for (const auto& [pid, member] : watched.members)
    if (auto found = inside.find(pid); found == inside.end() || found->second < member.folders)
      away.emplace_back(pid, member.start_ticks);
  for (const auto& [pid, start] : away) {
    watched.members.erase(pid);
    auto stat = sys::read_stat(pid);
    bool ours = !watched.may_leave && (!watched.victim.cgroup.empty() || watched.reach.of_victim_only);
    if (ours && stat && lives(*stat, start))
      return fmt::format("{} (pid {}) has left the cgroup {}", stat->comm, pid, watched.home);
  }
  for (const auto& [pid, folders] : inside) {
    if (auto known = watched.members.find(pid); known != watched.members.end()) {
      known->second.folders = std::max(known->second.folders, folders);
      continue;
    }
    auto process = sys::read_process(pid);
    if (!process) continue;
    auto rule = is_burner(*process) ? protection.policy_refusal(*process)
                                    : fault::refusal_in(watched.reach, *process, protection);
    bool stranger = watched.reach.of_victim_only && process->alive() && !is_burner(*process) &&
                    !is_of_victim(*process, watched.victim);
    if (!rule && stranger) rule = "it does not belong to the victim " + watched.victim.name;
    if (rule) return fmt::format("{} has joined the cgroup {}: {}", named(*process), watched.home, *rule);
    watched.members[pid] = {process->start_ticks, folders};
  }
  return std::nullopt;
}

std::optional<std::string> Newcomers::who_has_left(const Watched& watched) const {
  uint64_t mark = watched.reach.netns_mark;
  for (const ProcessId& id : watched.victim.processes) {
    auto stat = sys::read_stat(id.pid);
    if (!stat || !lives(*stat, id.start_ticks)) continue;
    std::string home = cgroups_of(id.pid);
    if (auto before = watched.homes.find(id.pid);
        before != watched.homes.end() && home != before->second && !home.empty())
      return fmt::format("{} (pid {}) has moved to another cgroup", stat->comm, id.pid);
    uint64_t now = mark == 0 ? 0 : sys::netns_mark(id.pid);
    if (now != 0 && now != mark) return fmt::format("{} (pid {}) has left the network namespace", stat->comm, id.pid);
  }
  return std::nullopt;
}

std::optional<Newcomers::Found> Newcomers::look_among(BootTime now, const std::vector<pid_t>& pids, Watched& watched,
                                                      const fault::Protection& protection) {
  uint64_t mark = watched.reach.netns_mark;
  for (pid_t pid : pids) {
    if (watched.judged.count(pid)) continue;
    if (mark != 0 && sys::netns_mark(pid) != mark) continue;
    auto process = sys::read_process(pid);
    if (!process || !process->alive() || process->kernel_thread()) continue;
    // It may have gone on since: Ordeal's own programs start where they are run from.
    if (mark != 0 && sys::netns_mark(pid) != mark) continue;
    auto rule = fault::refusal_in(watched.reach, *process, protection);
    if (rule && mark == 0) return Found{0, fmt::format("{} runs on the host: {}", named(*process), *rule)};
    if (mark == 0) continue;
    bool ours = is_of_victim(*process, watched.victim);
    if (rule || (!ours && stays(watched, pid, now)))
      return Found{
          0,
          fmt::format("{} has joined the network namespace {} of {}: {}", named(*process), watched.victim.netns,
                      watched.victim.name, rule ? *rule : "it does not belong to the victim"),
          !ours && watched.reach.gives_way};
    if (ours) watched.judged.insert(pid);
  }
  return std::nullopt;
}

// A tool that somebody runs in the namespace for some milliseconds is seen once at most.
bool Newcomers::stays(Watched& watched, pid_t pid, BootTime now) {
  BootTime since = watched.strangers.emplace(pid, now).first->second;
  young_.emplace(pid, now);  // so that it is looked at again at once
  return now - since >= kShortestLook;
}

}  // namespace ordeal::guard

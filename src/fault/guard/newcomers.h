// Newcomers: whoever joins what an impact reaches while it is in force and may not be hit by it, and whoever of the
// victim leaves it. What is cheap is looked at each time (the victim's cgroup; processes that are new on this machine,
// while they are young, since one that will enter a namespace does so before it is a second old); a full scan of the
// machine, for processes that enter the namespace late, is made at an interval that costs at most 1 % of a core.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/model/victim.h"
#include "fault/attacks/victim/protection.h"
#include "fault/attacks/victim/reach.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::guard {

// How long after a full scan of this cost the next one may follow.
Nanos scan_interval(Nanos cost);
// For `plan`: how whoever joins is noticed, with what it costs on this machine; "" where nobody can join.
std::string in_words(const fault::Reach& reach, const fault::Protection& protection);

class Newcomers {
 public:
  Newcomers();
  // Until let_leave(), an impact must end when a process of its victim leaves the victim's cgroup or namespace: what
  // was done to it (a stopped process, a socket that is matched) goes with it.
  void add(int impact, const Victim& victim, const fault::Reach& reach);
  void let_leave(int impact);
  void remove(int impact) { watched_.erase(impact); }

  // Readable when a cgroup of a victim, or beside it, changes: look() is due.
  int fd() const { return inotify_.get(); }
  // True when look() looks at processes, which may take long on a slow machine.
  bool is_long(BootTime now) const { return now >= std::min({next_close_look_, next_scan_, next_young_}); }
  struct Found {
    int impact;
    std::string why;  // "nginx (pid 12) has joined …: RULE"
    // It is not of the victim and in reach by the network namespace alone, of an impact that may give way.
    bool may_give_way = false;
  };
  // The impacts that must end, or leave somebody alone, and why. Each of them once.
  std::vector<Found> look(BootTime now, const fault::Protection& protection);
  // Everybody is judged again: the rules have changed.
  void forget();

 private:
  struct Member {
    uint64_t start_ticks = 0;
    size_t folders = 0;  // of the watched ones that it was seen in: it has left as soon as it is missing in one of them
  };
  struct Watched {
    Victim victim;
    fault::Reach reach;
    bool may_leave = false;
    std::string home;                     // the cgroup whose members are in reach; "" for none
    std::vector<sys::Cgroup> folders;     // of it
    std::map<pid_t, Member> members;      // of it: seen, and not refused
    std::set<pid_t> judged;               // of the host or the namespace
    std::map<pid_t, BootTime> strangers;  // in the namespace, and since when
    std::map<pid_t, std::string> homes;   // of lone processes: their cgroups as the impact began
  };

  // Each of these: why the impact must end (or give way), or nothing.
  std::optional<std::string> look_closely(Watched& watched, const fault::Protection& protection);
  std::optional<std::string> look_at_cgroup(Watched& watched, const fault::Protection& protection);
  std::optional<std::string> who_has_left(const Watched& watched) const;
  std::optional<Found> look_among(BootTime now, const std::vector<pid_t>& pids, Watched& watched,
                                  const fault::Protection& protection);
  bool stays(Watched& watched, pid_t pid, BootTime now);
  bool scans(const Watched& watched, const fault::Protection& protection) const;

  std::vector<pid_t> young(BootTime now);

  std::map<int, Watched> watched_;
  UniqueFd inotify_;
  std::vector<pid_t> known_;         // sorted: all on this machine at the last look for new ones
  std::map<pid_t, BootTime> young_;  // when they were seen first
  std::string last_started_;         // of /proc/loadavg
  BootTime next_close_look_{};
  BootTime next_young_{};
  BootTime next_scan_{};
};

}  // namespace ordeal::guard

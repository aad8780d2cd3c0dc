#include "fault/attacks/victim/incarnation.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace ordeal::fault {
namespace {

sys::Process process(pid_t pid, Nanos began, const std::string& comm, const std::string& cgroup) {
  sys::Process process;
  process.pid = pid;
  process.start_ticks = static_cast<uint64_t>(began / 10ms);
  process.state = 'S';
  process.comm = comm;
  process.argv = {comm, "-x"};
  process.cgroups = {{{}, cgroup}};
  return process;
}

const std::vector<sys::Process> kTable{process(5, 10s, "worker", "/shop/web"),
                                       process(6, 101s, "worker", "/shop/web/sub"),
                                       process(7, 102s, "sidecar", "/shop/web"), process(8, 103s, "worker", "/else")};

Victim container() {
  Victim victim;
  victim.kind = VictimKind::kContainer;
  victim.cgroup = "/shop/web";
  return victim;
}

std::optional<BootTime> back(const Victim& victim, const std::string& type, json::Object args, Nanos since) {
  return Incarnation::of(victim, Attack{type, std::move(args)}).back(kTable, BootTime(since));
}

TEST(Incarnation, AContainerIsBackWithTheFirstProcessThatBeganInItsCgroup) {
  EXPECT_EQ(back(container(), "shutdown", {}, 100s), BootTime(101s));
  EXPECT_EQ(back(container(), "shutdown", {}, 101500ms), BootTime(102s));
  EXPECT_EQ(back(container(), "shutdown", {}, 110s), std::nullopt);
}

TEST(Incarnation, OfNamedProcessesOnlyOneOfThatNameIsAReturn) {
  EXPECT_EQ(back(container(), "process_killer", {{"process", "side"}}, 100s), BootTime(102s));
  Victim host;
  host.kind = VictimKind::kHost;
  EXPECT_EQ(back(host, "process_killer", {{"process", "worker"}}, 102500ms), BootTime(103s));
  EXPECT_EQ(back(host, "shutdown", {}, 100s), std::nullopt);
}

TEST(Incarnation, ALoneProcessIsKnownByItsCommandLine) {
  Victim lone;
  auto self = *sys::read_process(::getpid());
  lone.processes = {{self.pid, self.start_ticks}};
  Incarnation known = Incarnation::of(lone, Attack{"shutdown", {}});
  BootTime began{Nanos(10ms) * static_cast<int64_t>(self.start_ticks)};
  EXPECT_EQ(known.back({self}, began - 1s), began);
  EXPECT_EQ(known.back({self}, began + 1s), std::nullopt) << "it is the old one";
  EXPECT_EQ(known.back(kTable, BootTime(0s)), std::nullopt);
}

}  // namespace
}  // namespace ordeal::fault

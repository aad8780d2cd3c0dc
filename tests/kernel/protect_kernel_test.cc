// Nobody who is protected is hit: by no attack, under no name, at no time.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include "fault/attacks/victim/reach.h"
#include "fault/guard/newcomers.h"
#include "platform/sys/sockets/listeners.h"
#include "proc_fixture.h"

namespace ordeal {
namespace {

class ProtectTest : public ProcTest {
 protected:
  fault::Protection protecting(const std::string& entry) {
    auto policy = *decode_policy(*json::parse_document("protected: {namespaces: [production]}"), "policy.yaml");
    auto inventory = *decode_inventory(*json::parse_document("- {name: db, namespace: production, " + entry + "}"));
    return *fault::Protection::create({policy}, inventory);
  }
  // What the guard does before it applies.
  Result<> may_hit(const fault::Fault& fault, const Victim& victim, const Attack& attack,
                   const fault::Protection& protection) {
    TRY_VOID(fault.plan(victim, attack, protection));
    return fault::refuse_protected_in(TRY(fault.reach(victim, attack)), protection);
  }
  static Victim host() {
    Victim victim;
    victim.kind = VictimKind::kHost;
    victim.name = "host";
    return victim;
  }
  static Victim in_host_netns(Victim victim) {
    victim.netns = sys::read_process(::getpid()).value().netns;
    return victim;
  }
  Attack example(const fault::Fault& fault) {
    const std::string& type = fault.info().type;
    if (type == "process_killer") return attack(fault, R"({"process": "sleep"})");
    return attack(fault, type == "process_exhaustion" ? R"({"processes": 1})" : "{}");
  }
  void wait_for_program(const sys::Child& child, const std::string& comm) {
    ASSERT_TRUE(eventually([&] { return sys::read_stat(child.pid()).value().comm == comm; }));
  }
  // Why an impact would have to end, within `limit`.
  static std::string end_of(guard::Newcomers& newcomers, const fault::Protection& protection, Nanos limit) {
    for (BootTime end = boot_now() + limit; boot_now() < end; ::usleep(5000)) {
      auto found = newcomers.look(boot_now(), protection);
      if (!found.empty()) return found.front().why;
    }
    return "";
  }
};

// Each attack, on each victim that it would take a protected process with, named in each way: refused, or spared.
TEST_F(ProtectTest, NoAttackHitsAProtectedProcessThatIsNestedNextOrBelow) {
  make_cgroup("victim");
  make_cgroup("victim/inner");
  auto& outer = start_argv({"sleep", "81"}, "victim");
  auto& inner = start_argv({"sleep", "82"}, "victim/inner");
  wait_for_program(outer, "sleep");
  wait_for_program(inner, "sleep");
  for (const std::string& entry :
       {fmt::format("kind: container, cgroup: {}", path("victim/inner")),
        fmt::format("kind: process, pid: {}", inner.pid()), std::string("kind: pod, match: '^sleep 82$'")}) {
    fault::Protection protection = protecting(entry);
    for (const fault::Fault* fault : fault::all_faults())
      for (const Victim& victim : {in_host_netns(container("victim")), process(inner), host()}) {
        SCOPED_TRACE(entry + ", " + fault->info().type + " on " + victim.name);
        if (fault->info().type == "partition") continue;  // net_partition_test.cc
        bool chooses = fault->info().type == "process_killer" && victim.kind != VictimKind::kProcess;
        auto allowed = may_hit(*fault, victim, example(*fault), protection);
        if (chooses && victim.kind == VictimKind::kContainer) {
          EXPECT_TRUE(allowed) << allowed.error().message();
          continue;
        }
        if (chooses) continue;  // below
        ASSERT_FALSE(allowed);
        EXPECT_EQ(allowed.error().code, Errc::kRefused) << allowed.error().message();
      }
  }
  EXPECT_FALSE(inner.wait(Nanos(0)));
}

TEST_F(ProtectTest, AKillerSparesTheProtectedInEveryRoundAndSaysSo) {
  make_cgroup("victim");
  make_cgroup("guarded");
  auto& spared = start_argv({"sleep", "83.7"}, "guarded");
  auto& parent = start("sleep 83.7 & wait; sleep 84", "victim");
  wait_for_program(spared, "sleep");
  ASSERT_TRUE(eventually([&] {
    for (pid_t pid : pids("victim"))
      if (auto one = sys::read_process(pid); one && one->command_line() == "sleep 83.7") return true;
    return false;
  }));
  fault::Protection protection = protecting("kind: container, cgroup: " + path("guarded"));
  const fault::Fault& killer = fault::process_killer_fault();
  Attack attack = this->attack(killer, R"({"process": "^sleep 83.7$", "full": true, "interval": "100ms"})");
  auto plan = killer.plan(host(), attack, protection);
  ASSERT_TRUE(plan) << plan.error().message();
  std::string notes;
  for (const std::string& note : plan->front().notes) notes += note + "\n";
  EXPECT_NE(notes.find(fmt::format("spared: sleep (pid {}) is db in the inventory", spared.pid())), notes.npos)
      << notes;

  fault::Context context;
  context.now = boot_now();
  context.length = 1s;
  bool readable = true;
  context.protection = [&]() -> Result<const fault::Protection*> {
    if (!readable) return fail(Errc::kRefused, "unknown");
    return &protection;
  };
  auto impact = killer.apply(host(), attack, context);
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 350ms));
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_EQ(proof.got, 1) << proof.measured;
  EXPECT_NE(proof.measured.find("is db in the inventory"), proof.measured.npos) << proof.measured;
  EXPECT_FALSE(spared.wait(Nanos(0)));
  EXPECT_FALSE(parent.wait(Nanos(0)));

  // A policy that cannot be read ends it, and nothing is killed by the old one.
  readable = false;
  auto& later = start_argv({"sleep", "83.7"});
  EXPECT_FALSE(serve(**impact, 350ms));
  EXPECT_FALSE(later.wait(Nanos(0)));
}

TEST_F(ProtectTest, AKillerWithNothingButProtectedProcessesIsRefused) {
  make_cgroup("guarded");
  auto& spared = start_argv({"sleep", "85.3"}, "guarded");
  wait_for_program(spared, "sleep");
  fault::Protection protection = protecting("kind: pod, cgroup: " + path("guarded"));
  const fault::Fault& killer = fault::process_killer_fault();
  auto plan = killer.plan(host(), attack(killer, R"({"process": "^sleep 85.3$", "full": true})"), protection);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::kRefused);
}

TEST_F(ProtectTest, ChildrenInAProtectedContainerAreSpared) {
  make_cgroup("guarded");
  auto& parent = start("sleep 86 & wait; sleep 87");
  pid_t child = 0;
  ASSERT_TRUE(eventually([&] {
    for (const sys::Process& one : sys::list_processes().value())
      if (one.ppid == parent.pid() && one.comm == "sleep" && !one.argv.empty() && one.argv.back() == "86")
        child = one.pid;
    return child != 0;
  }));
  for (const sys::Cgroup& part : tree_.find_all(path("guarded"))) ASSERT_TRUE(part.join(child));
  fault::Protection protection = protecting("kind: container, cgroup: " + path("guarded"));
  const fault::Fault& killer = fault::process_killer_fault();
  fault::Context context;
  context.now = boot_now();
  context.length = 1s;
  context.protection = [&]() -> Result<const fault::Protection*> { return &protection; };
  auto impact = killer.apply(process(parent), attack(killer, R"({"process": "sh", "children": true})"), context);
  ASSERT_TRUE(impact) << impact.error().message();
  EXPECT_TRUE(parent.wait(2s));
  EXPECT_EQ(alive("guarded"), 1u);
}

TEST_F(ProtectTest, AShutdownJudgesAgainWhenItsDelayIsOver) {
  make_cgroup("victim");
  auto& child = start_argv({"sleep", "88"}, "victim");
  wait_for_program(child, "sleep");
  fault::Protection protection;
  fault::Context context;
  context.now = boot_now();
  context.length = 5s;
  context.protection = [&]() -> Result<const fault::Protection*> { return &protection; };
  const fault::Fault& shutdown = fault::shutdown_fault();
  auto impact = shutdown.apply(container("victim"), attack(shutdown, R"({"delay": "100ms"})"), context);
  ASSERT_TRUE(impact) << impact.error().message();
  protection = protecting("kind: container, cgroup: " + path("victim"));
  EXPECT_FALSE(serve(**impact, 300ms));
  EXPECT_FALSE(child.wait(Nanos(0)));
}

TEST_F(ProtectTest, WhoeverIsProtectedAndJoinsTheCgroupEndsTheImpact) {
  make_cgroup("victim");
  auto& child = start_argv({"sleep", "89"}, "victim");
  wait_for_program(child, "sleep");
  auto& sidecar = start_argv({"tail", "-f", "/dev/null"});
  fault::Protection protection = protecting(fmt::format("kind: process, pid: {}", sidecar.pid()));
  guard::Newcomers newcomers;
  Victim victim = container("victim");
  newcomers.add(1, victim, fault::whole_victim(victim));
  EXPECT_EQ(end_of(newcomers, protection, 300ms), "");
  for (const sys::Cgroup& part : tree_.find_all(path("victim"))) ASSERT_TRUE(part.join(sidecar.pid()));
  BootTime joined = boot_now();
  std::string why = end_of(newcomers, protection, 1s);
  EXPECT_LT(boot_now() - joined, 200ms);
  EXPECT_NE(why.find(fmt::format("tail (pid {}) has joined the cgroup", sidecar.pid())), why.npos) << why;
  for (const sys::Cgroup& part : tree_.find_all("/")) (void)part.join(sidecar.pid());
}

TEST_F(ProtectTest, AProcessThatLeavesItsCgroupEndsTheImpactUnlessItMay) {
  make_cgroup("victim");
  make_cgroup("elsewhere");
  auto& stays = start_argv({"sleep", "90"}, "victim");
  auto& leaves = start_argv({"sleep", "91"}, "victim");
  wait_for_program(stays, "sleep");
  wait_for_program(leaves, "sleep");
  fault::Protection none;
  guard::Newcomers newcomers, lenient;
  Victim victim = container("victim"), lone = process(leaves);
  newcomers.add(1, victim, fault::whole_victim(victim));
  lenient.add(1, victim, fault::whole_victim(victim));
  lenient.let_leave(1);
  guard::Newcomers of_lone;
  of_lone.add(2, lone, fault::whole_victim(lone));
  EXPECT_EQ(end_of(newcomers, none, 200ms) + end_of(lenient, none, 100ms) + end_of(of_lone, none, 100ms), "");
  for (const sys::Cgroup& part : tree_.find_all(path("elsewhere"))) ASSERT_TRUE(part.join(leaves.pid()));
  EXPECT_EQ(end_of(newcomers, none, 300ms),
            fmt::format("sleep (pid {}) has left the cgroup {}", leaves.pid(), path("victim")));
  EXPECT_EQ(end_of(of_lone, none, 300ms), fmt::format("sleep (pid {}) has moved to another cgroup", leaves.pid()));
  EXPECT_EQ(end_of(lenient, none, 200ms), "");
}

TEST_F(ProtectTest, WhoeverJoinsTheNetworkNamespaceEndsTheImpactAndTheVictimsOwnDoNot) {
  make_cgroup("victim");
  auto& victim_process = start("exec unshare --net sh -c 'sleep 0.5; sleep 92 & sleep 93 & wait'", "victim");
  uint64_t host_mark = sys::netns_mark(::getpid());
  ASSERT_TRUE(eventually([&] {
    uint64_t mark = sys::netns_mark(victim_process.pid());
    return mark != 0 && mark != host_mark;
  }));
  for (const Victim& victim : {container("victim"), process(victim_process)}) {
    SCOPED_TRACE(to_text(victim.kind));
    Victim known = victim;
    known.netns = sys::read_process(victim_process.pid())->netns;
    auto reach = fault::latency_fault().reach(known, attack(fault::latency_fault(), R"({"delay": 100})"));
    ASSERT_TRUE(reach) << reach.error().message();
    ASSERT_NE(reach->netns_mark, 0u);
    fault::Protection none;
    guard::Newcomers newcomers;
    newcomers.add(1, known, *reach);
    EXPECT_EQ(end_of(newcomers, none, 800ms), "");  // it starts processes of its own meanwhile
    auto& guest =
        start_argv({"nsenter", "--net=/proc/" + std::to_string(victim_process.pid()) + "/ns/net", "sleep", "94"});
    ASSERT_TRUE(eventually([&] { return sys::netns_mark(guest.pid()) == reach->netns_mark; }));
    BootTime joined = boot_now();
    std::string why = end_of(newcomers, none, 2s);
    EXPECT_NE(why.find(fmt::format("(pid {}) has joined the network namespace", guest.pid())), why.npos) << why;
    EXPECT_LT(boot_now() - joined, 500ms);
    RecordProperty("reaction_ms", static_cast<int>((boot_now() - joined) / 1ms));
    guest.kill_group(SIGKILL);
    guest.wait(1s);
  }
}

// A process that shares its network namespace is told apart by a cgroup in which it stands alone.
class LoneTest : public ProtectTest {
 protected:
  void SetUp() override {
    ProtectTest::SetUp();
    if (IsSkipped()) return;
    if (!tree_.unified()) GTEST_SKIP() << "needs cgroups of version 2";
    make_cgroup("lone");
    make_cgroup("elsewhere");
  }
  Result<std::vector<Step>> plan_on(const sys::Child& child) {
    return latency_.plan(in_host_netns(process(child)), latency_attack_, fault::Protection());
  }
  std::string refusal_of(const sys::Child& child) {
    auto plan = plan_on(child);
    if (plan) return "";
    EXPECT_EQ(plan.error().code, Errc::kRefused);
    return plan.error().message();
  }
  void move(pid_t pid, const std::string& to) {
    for (const sys::Cgroup& part : tree_.find_all(path(to))) ASSERT_TRUE(part.join(pid));
  }

  const fault::Fault& latency_ = fault::latency_fault();
  Attack latency_attack_ = attack(latency_, R"({"delay": 100})");
};

TEST_F(LoneTest, AloneInItsCgroupItCanBeHitAndWhoeverJoinsEndsIt) {
  auto& child = start("sleep 95 & wait", "lone");
  ASSERT_TRUE(eventually([&] { return alive("lone") == 2; }));
  auto plan = plan_on(child);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(plan->front().claims.front(), "cgroup:" + path("lone") + "/packets/arrival");
  Victim victim = in_host_netns(process(child));
  auto reach = latency_.reach(victim, latency_attack_);
  ASSERT_TRUE(reach) << reach.error().message();
  EXPECT_EQ(reach->cgroup, path("lone"));
  EXPECT_TRUE(reach->of_victim_only);

  fault::Protection none;
  guard::Newcomers newcomers;
  newcomers.add(1, victim, *reach);
  EXPECT_EQ(end_of(newcomers, none, 300ms), "") << "what it has started is its own";
  auto& guest = start_argv({"sleep", "96"}, "lone");
  BootTime joined = boot_now();
  std::string why = end_of(newcomers, none, 2s);
  EXPECT_NE(why.find(fmt::format("(pid {}) has joined the cgroup {}", guest.pid(), path("lone"))), why.npos) << why;
  EXPECT_NE(why.find("it does not belong to the victim"), why.npos) << why;
  EXPECT_LT(boot_now() - joined, 500ms);
  EXPECT_NE(refusal_of(child).find("others are in its cgroup " + path("lone") + ", too: sleep (pid"), std::string::npos)
      << refusal_of(child);
  auto applied = apply(latency_, victim, latency_attack_);
  ASSERT_FALSE(applied) << "checked again when it is injected";
  EXPECT_EQ(applied.error().code, Errc::kRefused);
}

TEST_F(LoneTest, WhoeverOfItLeavesTheCgroupEndsIt) {
  auto& child = start("sleep 97 & wait", "lone");
  ASSERT_TRUE(eventually([&] { return alive("lone") == 2; }));
  Victim victim = in_host_netns(process(child));
  auto reach = latency_.reach(victim, latency_attack_);
  ASSERT_TRUE(reach) << reach.error().message();
  fault::Protection none;
  guard::Newcomers newcomers;
  newcomers.add(1, victim, *reach);
  EXPECT_EQ(end_of(newcomers, none, 200ms), "");
  for (pid_t pid : pids("lone"))
    if (pid != child.pid()) move(pid, "elsewhere");
  std::string why = end_of(newcomers, none, 1s);
  EXPECT_NE(why.find("has left the cgroup " + path("lone")), why.npos) << why;
}

TEST_F(LoneTest, ASocketFromThereInOtherHandsRefusesIt) {
  auto& maker = start_argv({"python3", "-c",
                            "import socket, time; time.sleep(0.3); s = socket.socket(); s.bind(('127.0.0.1', 0)); "
                            "s.listen(); time.sleep(60)"},
                           "lone");
  ASSERT_TRUE(eventually([&] { return sys::sockets_of(maker.pid()).size() == 1; }));
  EXPECT_EQ(refusal_of(maker), "") << "it holds its own";
  move(maker.pid(), "elsewhere");
  auto& child = start_argv({"sleep", "98"}, "lone");
  wait_for_program(child, "sleep");
  EXPECT_NE(refusal_of(child).find("sockets that were made in its cgroup"), std::string::npos) << refusal_of(child);
  EXPECT_NE(refusal_of(child).find(fmt::format("(pid {})", maker.pid())), std::string::npos);
}

TEST_F(LoneTest, ASocketThatItsChildTookElsewhereRefusesIt) {
  auto& parent = start_argv({"python3", "-c",
                             "import os, socket, time; time.sleep(0.3); s = socket.socket(); s.bind(('127.0.0.1', 0)); "
                             "s.listen(); os.fork(); time.sleep(60)"},
                            "lone");
  ASSERT_TRUE(eventually([&] { return sys::sockets_of(parent.pid()).size() == 1 && alive("lone") == 2; }));
  EXPECT_EQ(refusal_of(parent), "");
  for (pid_t pid : pids("lone"))
    if (pid != parent.pid()) move(pid, "elsewhere");
  EXPECT_NE(refusal_of(parent).find("sockets that were made in its cgroup"), std::string::npos) << refusal_of(parent);
}

TEST_F(LoneTest, InTheRootItCannotBeToldApart) {
  auto& child = start_argv({"sleep", "99"});
  wait_for_program(child, "sleep");
  auto own = sys::read_process(child.pid());
  for (const auto& membership : own->cgroups)
    if (membership.controllers.empty() && membership.path != "/") GTEST_SKIP() << "the test is not in the root";
  EXPECT_NE(refusal_of(child).find("no cgroup of version 2 to tell its packets apart"), std::string::npos);
}

}  // namespace
}  // namespace ordeal

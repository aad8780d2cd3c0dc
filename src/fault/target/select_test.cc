#include "fault/target/select.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/random.h"

namespace ordeal::target {
namespace {

sys::Process make(pid_t pid, const std::string& comm, const std::string& cgroup = "/", pid_t ppid = 1) {
  sys::Process process;
  process.pid = pid;
  process.start_ticks = static_cast<uint64_t>(pid) * 10;
  process.ppid = ppid;
  process.state = 'S';
  process.comm = comm.substr(0, 15);
  process.argv = {"/usr/bin/" + comm, "--serve"};
  process.exe = "/usr/bin/" + comm;
  process.uid = 1000;
  process.netns = 77;
  process.cgroups = {{{"cpu"}, cgroup}, {{}, cgroup}};
  return process;
}

const std::string kId(64, 'a');

Snapshot shop() {
  Snapshot snapshot;
  snapshot.host = "shop-host";
  snapshot.processes = {make(1, "systemd"),
                        make(10, "sshd"),
                        make(20, "nginx"),
                        make(21, "nginx", "/", 20),
                        make(30, "api", "/shop/api-1"),
                        make(31, "api", "/shop/api-2"),
                        make(32, "api", "/shop/api-3"),
                        make(33, "api", "/shop/api-4"),
                        make(40, "postgres", "/shop/db"),
                        make(41, "postgres", "/shop/db", 40),
                        make(50, "redis-server", "/docker/" + kId),
                        make(60, "ordeal")};
  snapshot.own = {60};
  return snapshot;
}

InventoryEntry entry(const std::string& name, VictimKind kind, const std::string& cgroup, const std::string& space,
                     Labels labels) {
  InventoryEntry item;
  item.name = name;
  item.kind = kind;
  item.cgroup = cgroup;
  item.namespace_ = space;
  item.labels = std::move(labels);
  return item;
}

std::vector<InventoryEntry> inventory() {
  std::vector<InventoryEntry> entries;
  for (int i = 1; i <= 4; ++i)
    entries.push_back(entry("api-" + std::to_string(i), VictimKind::kPod, "/shop/api-" + std::to_string(i), "staging",
                            {{"app", "api"}}));
  entries.push_back(entry("db", VictimKind::kContainer, "/shop/db", "staging", {{"app", "api"}, {"tier", "data"}}));
  entries.push_back(entry("gone", VictimKind::kPod, "/shop/gone", "staging", {{"app", "api"}}));
  return entries;
}

std::vector<std::string> names_of(const Selection& selection) {
  std::vector<std::string> names;
  for (const Victim& victim : selection.chosen) names.push_back(victim.name);
  return names;
}

Target pods() {
  Target target;
  target.type = TargetType::kKubernetes;
  target.namespace_ = "staging";
  target.labels = {{"app", "api"}};
  return target;
}

TEST(Select, PodsComeFromTheInventoryAndTheDeadDoNotCount) {
  auto selection = select(pods(), inventory(), shop(), {}, 1);
  ASSERT_TRUE(selection) << selection.error().message();
  EXPECT_EQ(selection->candidates, 4);
  EXPECT_EQ(names_of(*selection), (std::vector<std::string>{"api-1", "api-2", "api-3", "api-4"}));
  EXPECT_EQ(selection->chosen[0].cgroup, "/shop/api-1");
  EXPECT_EQ(selection->chosen[0].processes, (std::vector<ProcessId>{{30, 300}}));
  EXPECT_EQ(selection->chosen[0].netns, 77u);
  EXPECT_EQ(selection->notes[0], "gone has no live process, and does not count");
}

TEST(Select, HalfOfThemIsTheSameHalfForTheSameSeed) {
  Target target = pods();
  target.percentage = 50;
  std::set<std::vector<std::string>> choices;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    auto first = select(target, inventory(), shop(), {}, seed);
    auto second = select(target, inventory(), shop(), {}, seed);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->chosen.size(), 2u);
    EXPECT_EQ(names_of(*first), names_of(*second));
    choices.insert(names_of(*first));
  }
  EXPECT_EQ(choices.size(), 6u);  // every pair of four comes up
}

TEST(Select, WithoutAnInventoryAClusterIsNeeded) {
  auto selection = select(pods(), std::nullopt, shop(), {}, 1);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, Errc::kNotFound);
  EXPECT_NE(selection.error().advice().find("--inventory"), std::string::npos);
  EXPECT_EQ(select(pods(), Inventory(std::in_place), shop(), {}, 1).error().code, Errc::kNotInjected);
}

TEST(Select, AnEmptySelectorIsRefused) {
  for (TargetType type : {TargetType::kProcess, TargetType::kContainer, TargetType::kKubernetes}) {
    Target target;
    target.type = type;
    auto selection = select(target, inventory(), shop(), {}, 1);
    ASSERT_FALSE(selection);
    EXPECT_EQ(selection.error().code, Errc::kRefused);
  }
}

TEST(Select, ProcessesAreFoundByNamePatternUserAndCgroup) {
  auto count = [](auto change) {
    Target target;
    target.type = TargetType::kProcess;
    change(target);
    auto selection = select(target, std::nullopt, shop(), {}, 1);
    return selection ? static_cast<int>(selection->chosen.size()) : -1;
  };
  EXPECT_EQ(count([](Target& t) { t.names = {"nginx"}; }), 2);
  EXPECT_EQ(count([](Target& t) { t.names = {"nginx", "postgres"}; }), 4);
  EXPECT_EQ(count([](Target& t) { t.names = {"ngin"}; }), -1);
  EXPECT_EQ(count([](Target& t) { t.pattern = "redis.*--serve"; }), 1);
  EXPECT_EQ(count([](Target& t) { t.cgroup = "/shop"; }), 6);
  EXPECT_EQ(count([](Target& t) { t.cgroup = "/shop/db/"; }), 2);
  EXPECT_EQ(count([](Target& t) { t.names = {"api"}, t.count = 3; }), 3);
  EXPECT_EQ(count([](Target& t) { t.names = {"api"}, t.count = 5; }), -1);
  EXPECT_EQ(count([](Target& t) { t.names = {"nginx"}, t.user = "1000"; }), 2);
  EXPECT_EQ(count([](Target& t) { t.names = {"nginx"}, t.user = "0"; }), -1);
  EXPECT_EQ(count([](Target& t) { t.pattern = "("; }), -1);
}

TEST(Select, OrdealItselfIsNeverMatchedByAPattern) {
  Target target;
  target.type = TargetType::kProcess;
  target.pattern = "--serve";
  auto selection = select(target, std::nullopt, shop(), {}, 1);
  ASSERT_TRUE(selection);
  for (const Victim& victim : selection->chosen) EXPECT_NE(victim.processes[0].pid, 60);
  EXPECT_EQ(selection->refused.size(), 2u);  // init and sshd
}

TEST(Select, WhatIsAlwaysProtectedIsRefusedByName) {
  Target target;
  target.type = TargetType::kProcess;
  target.names = {"sshd"};
  auto selection = select(target, std::nullopt, shop(), {}, 1);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, Errc::kRefused);
  EXPECT_NE(selection.error().message().find("sshd is always protected"), std::string::npos);
}

TEST(Select, ContainersAreFoundByIdPathAndLabels) {
  Target by_id;
  by_id.type = TargetType::kContainer;
  by_id.names = {kId.substr(0, 12)};
  auto selection = select(by_id, std::nullopt, shop(), {}, 1);
  ASSERT_TRUE(selection) << selection.error().message();
  EXPECT_EQ(selection->chosen[0].cgroup, "/docker/" + kId);
  by_id.names = {kId};
  EXPECT_TRUE(select(by_id, std::nullopt, shop(), {}, 1));
  by_id.names = {kId.substr(0, 5)};
  EXPECT_FALSE(select(by_id, std::nullopt, shop(), {}, 1));

  Target by_path;
  by_path.type = TargetType::kContainer;
  by_path.cgroup = "/shop/db";
  selection = select(by_path, std::nullopt, shop(), {}, 1);
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->chosen[0].processes.size(), 2u);
  selection = select(by_path, inventory(), shop(), {}, 1);
  ASSERT_TRUE(selection);
  EXPECT_EQ(names_of(*selection), std::vector<std::string>{"db"});

  Target by_label = pods();
  by_label.type = TargetType::kContainer;
  selection = select(by_label, inventory(), shop(), {}, 1);
  ASSERT_TRUE(selection);
  EXPECT_EQ(names_of(*selection), std::vector<std::string>{"db"});
}

TEST(Select, NothingMatchedNamesTheNearest) {
  Target target;
  target.type = TargetType::kProcess;
  target.names = {"postgers"};
  auto selection = select(target, std::nullopt, shop(), {}, 1);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, Errc::kNotInjected);
  EXPECT_NE(selection.error().message().find("12 processes are visible"), std::string::npos);
  EXPECT_EQ(selection.error().advice(), "the nearest name is postgres");
}

// Labels are the inventory's, so a refusal tells whether there was one.
TEST(Select, NothingMatchedNamesTheInventoryThatWasAsked) {
  Target target;
  target.labels = {{"app", "nginxx"}};
  for (TargetType type : {TargetType::kSystemd, TargetType::kContainer}) {
    target.type = type;
    auto without = select(target, std::nullopt, shop(), {}, 1);
    ASSERT_FALSE(without);
    EXPECT_NE(without.error().message().find(", and no inventory"), std::string::npos) << without.error().message();
    auto with = select(target, inventory(), shop(), {}, 1);
    ASSERT_FALSE(with);
    EXPECT_NE(with.error().message().find("the inventory lists"), std::string::npos) << with.error().message();
  }
}

TEST(Select, OneMissingNameOfSeveralIsAnError) {
  Target target = pods();
  target.names = {"api-1", "api-9"};
  auto selection = select(target, inventory(), shop(), {}, 1);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, Errc::kNotInjected);
  EXPECT_NE(selection.error().message().find("api-9"), std::string::npos);
}

TEST(Select, PoliciesLeaveOutWhatTheyProtect) {
  Policy policy;
  policy.origin = "policy.yaml";
  policy.protected_labels = {{"tier", "data"}};
  std::vector<InventoryEntry> entries = inventory();
  entries[1].labels["tier"] = "data";
  auto selection = select(pods(), entries, shop(), {policy}, 1);
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->candidates, 4);
  EXPECT_EQ(names_of(*selection), (std::vector<std::string>{"api-1", "api-3", "api-4"}));
  ASSERT_EQ(selection->refused.size(), 1u);
  EXPECT_EQ(selection->refused[0].victim, "api-2");
  EXPECT_EQ(selection->refused[0].rule, "policy.yaml: protected.labels lists tier=data");

  Target named = pods();
  named.names = {"api-2"};
  auto refused = select(named, entries, shop(), {policy}, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRefused);
}

TEST(Select, AProtectedPodIsProtectedUnderAnotherNameToo) {
  Policy policy;
  policy.origin = "p";
  policy.protected_namespaces = {"production"};
  auto entries = inventory();
  for (InventoryEntry& item : entries) item.namespace_ = "production";
  Target target;
  target.type = TargetType::kProcess;
  target.names = {"postgres"};
  auto selection = select(target, entries, shop(), {policy}, 1);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, Errc::kRefused);
}

TEST(Select, EveryPolicyMustAllow) {
  Policy wide, narrow;
  wide.origin = "wide";
  narrow.origin = "narrow";
  narrow.blast_radius = ScopeRule{{"playground"}, {}};
  auto selection = select(pods(), inventory(), shop(), {wide, narrow}, 1);
  ASSERT_FALSE(selection);
  EXPECT_NE(selection.error().message().find("narrow: blast_radius.namespaces"), std::string::npos);
}

TEST(Select, APercentageThatRoundsToNothingIsRefused) {
  Target target = pods();
  target.percentage = 24.9;
  auto selection = select(target, inventory(), shop(), {}, 1);
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, Errc::kRefused);
}

TEST(Select, TheHostIsOneVictim) {
  Target target;
  auto selection = select(target, std::nullopt, shop(), {}, 1);
  ASSERT_TRUE(selection);
  ASSERT_EQ(selection->chosen.size(), 1u);
  EXPECT_EQ(selection->chosen[0].kind, VictimKind::kHost);
  EXPECT_EQ(selection->chosen[0].name, "shop-host");
  target.names = {"other-host"};
  EXPECT_FALSE(select(target, std::nullopt, shop(), {}, 1));
}

// For n victims of which some are protected, and p percent: never more than floor(p % of the allowed), never a
// protected one, never one twice.
TEST(Select, NoPercentageEverTakesMoreThanItsShareOrAProtectedVictim) {
  Policy policy;
  policy.origin = "p";
  policy.protected_labels = {{"spare", "yes"}};
  Random random(20261123);
  for (int n = 0; n <= 1000; n += n < 100 ? 1 : 13) {
    Snapshot snapshot;
    std::vector<InventoryEntry> entries;
    int protected_number = 0;
    for (int i = 0; i < n; ++i) {
      std::string name = "v" + std::to_string(i);
      snapshot.processes.push_back(make(100 + i, "api"));
      bool spare = random.below(4) == 0;
      protected_number += spare;
      InventoryEntry item = entry(name, VictimKind::kPod, "", "s", {{"spare", spare ? "yes" : "no"}});
      item.pid = 100 + i;
      entries.push_back(item);
    }
    entries.push_back(entry("dead", VictimKind::kPod, "/none", "s", {}));
    int allowed = n - protected_number;
    // Every percentage for few victims; for many, one drawn at random each.
    for (int i = 0; i <= (n < 40 ? 100 : 0); ++i) {
      int p = n < 40 ? i : static_cast<int>(random.below(101));
      Target target;
      target.type = TargetType::kKubernetes;
      target.namespace_ = "s";
      target.percentage = p;
      auto selection = select(target, entries, snapshot, {policy}, random.next());
      int expected = allowed * p / 100;
      ASSERT_EQ(selection.has_value(), expected > 0) << n << " " << p;
      if (!selection) continue;
      ASSERT_EQ(static_cast<int>(selection->chosen.size()), expected);
      std::set<std::string> once;
      for (const Victim& victim : selection->chosen) {
        ASSERT_EQ(victim.labels.at("spare"), "no");
        ASSERT_TRUE(once.insert(victim.name).second);
      }
    }
  }
}

}  // namespace
}  // namespace ordeal::target

#include "fault/attacks/victim/protection.h"

#include <gtest/gtest.h>

#include "fault/attacks/victim/reach.h"

namespace ordeal::fault {
namespace {

const std::string kContainer = "/docker/" + std::string(64, 'a');
const std::string kPod = "/kubepods/burstable/pod6a9c1d4e-0f0e-4f3d-9a3b-1c2d3e4f5a6b";

sys::Process process(pid_t pid, pid_t parent, std::string command, std::string cgroup) {
  sys::Process made;
  made.pid = pid;
  made.ppid = parent;
  made.start_ticks = 1;
  made.state = 'S';
  made.comm = command.substr(0, 15);
  made.argv = {std::move(command)};
  made.exe = "/bin/x";
  made.cgroups = {{{}, std::move(cgroup)}};
  return made;
}

// A postgres that started a worker in a container, somebody's shell in the same container, and a neighbour.
const std::vector<sys::Process> kProcesses{
    process(90'000'010, 1, "postgres", kContainer),
    process(90'000'011, 90'000'010, "worker", "/elsewhere"),
    process(90'000'012, 1, "shell", kContainer),
    process(90'000'013, 1, "nested", "/shop/db/inner"),
    process(90'000'014, 1, "neighbour", "/shop/dbx"),
    process(90'000'015, 1, "in-pod", kPod + "/" + std::string(64, 'b')),
    process(90'000'016, 1, "other-container-of-pod", kPod + "/" + std::string(64, 'c')),
};

Kin kin_of_table() {
  return {[](pid_t pid) -> std::optional<sys::Process> {
            for (const sys::Process& one : kProcesses)
              if (one.pid == pid) return one;
            return std::nullopt;
          },
          [](const std::string& cgroup) {
            std::vector<sys::Process> found;
            for (const sys::Process& one : kProcesses)
              if (sys::in_cgroup(one, cgroup)) found.push_back(one);
            return found;
          }};
}

std::vector<Policy> policies(const std::string& text) {
  return {*decode_policy(*json::parse_document(text), "policy.yaml")};
}

// The comms of those that are refused.
std::string refused(const std::string& inventory, const std::string& policy = "protected: {namespaces: [production]}") {
  auto entries = *decode_inventory(*json::parse_document("- {name: db, " + inventory + "}"));
  Protection protection = *Protection::create(policies(policy), entries);
  std::string names;
  for (const sys::Process& one : kProcesses)
    if (protection.refusal(one, kin_of_table())) names += (names.empty() ? "" : " ") + one.comm;
  return names;
}

TEST(Protection, HoldsForEveryWayToNameAProcess) {
  EXPECT_EQ(refused("kind: process, pid: 3, namespace: production"), "");
  EXPECT_EQ(refused("kind: process, match: ^postgres$, namespace: production"), "postgres");
  EXPECT_EQ(refused("kind: container, match: ^postgres$, namespace: production"), "postgres worker shell");
  EXPECT_EQ(refused("kind: pod, match: ^in-pod$, namespace: production"), "in-pod other-container");
  EXPECT_EQ(refused("kind: container, match: ^in-pod$, namespace: production"), "in-pod");
  EXPECT_EQ(refused("kind: container, cgroup: /shop/db, namespace: production"), "nested");
  EXPECT_EQ(refused("kind: pod, cgroup: /shop/db/, namespace: production"), "nested");
}

TEST(Protection, HoldsByNamespaceAndByAnyLabelButNotByBlastRadius) {
  std::string named = "kind: container, cgroup: /shop/db, namespace: shop, labels: {tier: data, app: db}";
  EXPECT_EQ(refused(named, "protected: {namespaces: [production], labels: {other: x, tier: data}}"), "nested");
  EXPECT_EQ(refused(named, "blast_radius: {namespaces: [staging]}"), "");
  EXPECT_EQ(refused(named, "caps: {max_runs: 1}"), "");
}

TEST(Protection, SaysUnderWhichNameAndByWhichRule) {
  auto entries =
      *decode_inventory(*json::parse_document("- {name: db, kind: pod, cgroup: /shop/db, namespace: production}"));
  Protection protection = *Protection::create(policies("protected: {namespaces: [production]}"), entries);
  EXPECT_EQ(*protection.refusal(kProcesses[3], kin_of_table()),
            "nested (pid 90000013) is db in the inventory: policy.yaml: protected.namespaces lists \"production\"");
}

TEST(Protection, WhatIsAlwaysProtectedNeedsNoPolicy) {
  Protection none;
  EXPECT_EQ(*none.refusal(process(90'000'020, 1, "sshd", "/")), "sshd is always protected (pid 90000020)");
  EXPECT_FALSE(none.policy_refusal(process(90'000'020, 1, "sshd", "/")));
  EXPECT_TRUE(none.refusal(process(1, 0, "init", "/")));
}

TEST(Protection, APatternThatIsNoneIsBadInput) {
  auto entries = *decode_inventory(*json::parse_document("- {name: db, kind: pod, match: '(', namespace: production}"));
  auto made = Protection::create(policies("protected: {namespaces: [production]}"), entries);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kInvalidInput);
}

TEST(Reach, BesideWhatIsHitOnlyPoliciesCount) {
  Victim host;
  host.kind = VictimKind::kHost;
  Protection none;
  sys::Process sshd = process(90'000'020, 1, "sshd", "/");
  EXPECT_FALSE(refusal_in(whole_victim(host), sshd, none));
  Victim container;
  container.kind = VictimKind::kContainer;
  container.cgroup = "/shop";
  EXPECT_TRUE(refusal_in(whole_victim(container), sshd, none));
}

}  // namespace
}  // namespace ordeal::fault

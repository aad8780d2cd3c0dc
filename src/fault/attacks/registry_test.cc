#include <gtest/gtest.h>

#include <set>

#include "core/json/yaml.h"
#include "core/model/claim.h"
#include "core/model/input/experiment.h"
#include "fault/attacks/faults.h"
#include "platform/sys/nearest.h"

namespace ordeal::fault {
namespace {

TEST(Registry, EveryFaultDescribesItselfWhole) {
  std::set<std::string> types;
  for (const Fault* fault : all_faults()) {
    const AttackInfo& info = fault->info();
    EXPECT_TRUE(types.insert(info.type).second) << info.type;
    EXPECT_FALSE(info.summary.empty() || info.mechanisms.empty() || info.capabilities.empty() || info.proof.empty());
    EXPECT_FALSE(info.judged.empty() || info.when_frozen.empty()) << info.type;
    EXPECT_FALSE(info.noticed.empty()) << info.type << ": what could it at most be noticed by?";
    for (const ArgumentInfo& argument : info.arguments) {
      EXPECT_FALSE(argument.help.empty()) << info.type << "." << argument.name;
      EXPECT_LT(argument.least, argument.most);
      EXPECT_EQ(argument.choices.empty(), argument.kind != ArgumentKind::kWord);
      // A default must be a value that the argument itself accepts.
      if (argument.fallback.empty() || argument.fallback == "null") continue;
      AttackInfo one = info;
      one.arguments = {argument};
      Attack attack{info.type, {{argument.name, json::parse(argument.fallback).value()}}, 60s, {}};
      EXPECT_TRUE(resolve_arguments(attack, one)) << info.type << "." << argument.name;
    }
  }
}

std::vector<std::string> claims_on_host(const char* type, const json::Object& args) {
  Attack attack{type, args};
  EXPECT_TRUE(resolve(attack));
  Victim host;
  host.kind = VictimKind::kHost;
  auto steps = find_fault(type).value()->plan(host, attack);
  EXPECT_TRUE(steps) << steps.error().message();
  std::vector<std::string> claims;
  for (const Step& step : steps.value_or(std::vector<Step>{}))
    claims.insert(claims.end(), step.claims.begin(), step.claims.end());
  return claims;
}

TEST(Registry, WhatFalsifiesLookUpsMeetsWhatLooksUp) {
  std::vector<std::string> dns = claims_on_host("dns", {{"action", "nxdomain"}});
  for (const char* type : {"latency", "blackhole", "reset"}) {
    for (const char* name : {"db.example", "^db.example"}) {
      std::vector<std::string> named = claims_on_host(type, {{"hosts", name}, {"ports", 5432}});
      EXPECT_TRUE(first_meeting(dns, named, Between::kImpactsOfOneRun)) << type << " " << name;
      EXPECT_FALSE(first_meeting({"resolver/lookups"}, named)) << type << " " << name;
    }
    std::vector<std::string> plain = claims_on_host(type, {{"hosts", "192.0.2.1"}, {"ports", 5432}});
    EXPECT_FALSE(first_meeting({"resolver/answers"}, plain)) << type;
  }
}

// A machine on which everything works, and one on which nothing does.
host::Features all_features() {
  host::Features features;
  features.root = features.owned_tables = features.pidfd = features.cgroup_kill = features.cgroups_writable =
      features.reaper_cgroup = true;
  features.capabilities = {"CAP_NET_ADMIN", "CAP_NET_RAW",  "CAP_SYS_ADMIN",  "CAP_KILL",
                           "CAP_SYS_NICE",  "CAP_SYS_BOOT", "CAP_SYS_PTRACE", "CAP_IPC_LOCK"};
  features.queue = sys::QueueStyle::kNative;
  features.freezer = "v2";
  return features;
}

TEST(Registry, EveryFaultWorksWhereEverythingDoesByItsFirstMechanism) {
  for (const Fault* fault : all_faults()) {
    Usability use = fault->usability(all_features());
    EXPECT_TRUE(use.usable) << fault->info().type;
    EXPECT_TRUE(use.how.starts_with(fault->info().mechanisms[0])) << use.how;
    EXPECT_EQ(use.limits + use.advice, "") << fault->info().type;
  }
}

TEST(Registry, EveryFaultSaysWhatIsMissingWhereNothingWorks) {
  for (const Fault* fault : all_faults()) {
    if (fault->info().only_looks) continue;  // it needs nothing
    Usability use = fault->usability(host::Features{});
    EXPECT_FALSE(use.how.empty() || use.advice.empty()) << fault->info().type;
    EXPECT_EQ(use.usable, !use.limits.empty()) << fault->info().type;
  }
}

TEST(Registry, EveryExampleIsAnExperimentOfItsAttack) {
  for (const Fault* fault : all_faults()) {
    auto document = json::parse_document(fault->info().example);
    ASSERT_TRUE(document) << fault->info().type;
    auto experiment = decode_experiment(*document);
    ASSERT_TRUE(experiment) << experiment.error().message();
    EXPECT_EQ(experiment->attack.type, fault->info().type);
    auto resolved = resolve(experiment->attack);
    EXPECT_TRUE(resolved) << resolved.error().message();
  }
}

std::string error_of(const std::string& attack) {
  auto document = json::parse_document("name: x\ntarget: {type: host}\nattack:\n" + attack);
  auto experiment = decode_experiment(document.value());
  auto resolved = resolve(experiment->attack);
  return resolved ? "no error" : resolved.error().message();
}

TEST(Registry, WhatAFileSaysWrongHasItsLine) {
  EXPECT_EQ(error_of("  type: latecy\n"), "line 4: attack.type: unknown attack \"latecy\"");
  EXPECT_EQ(error_of("  args: {}\n  type: process_killer\n"),
            "line 4: attack.args: \"process\" is missing; expected text");
  EXPECT_EQ(error_of("  type: process_killer\n"), "line 4: attack.args: \"process\" is missing; expected text");
  EXPECT_EQ(error_of("  type: latency\n  args:\n    port: 1\n    protocol: sctp\n"),
            "line 7: attack.args.protocol: expected one of tcp, udp, icmp, all, TCP, UDP, ICMP, found \"sctp\"");
  EXPECT_EQ(error_of("  type: process_killer\n  args:\n    process: (\n    full: true\n"),
            "line 6: attack.args.process: expected a regular expression, found \"(\": missing ): (");
}

TEST(Registry, WhoseCertificatesMustBeSaid) {
  const std::string type = "  type: certificate_expiry\n";
  EXPECT_EQ(error_of(type), "line 4: attack.args: \"hosts\" or \"ips\" is missing: whose certificates?");
  EXPECT_EQ(error_of(type + "  args: {ips: 10.0.0.0/8}\n"),
            "line 5: attack.args.ips: expected a single server, found \"10.0.0.0/8\"");
  EXPECT_EQ(error_of(type + "  args: {hosts: [a, ^b]}\n"),
            "line 5: attack.args.hosts: expected a single server, found \"^b\"");
  EXPECT_EQ(error_of(type + "  args: {hosts: a, server_name: \"https://b\"}\n"),
            "line 5: attack.args.server_name: expected a host name, found \"https://b\"");
}

TEST(Registry, EachServersCertificatesAreExpectedToLast) {
  Attack given{
      "certificate_expiry", {{"hosts", "a.example, b.example"}, {"ips", "::1"}, {"port", 8443}, {"hours", 24}}, 60s};
  ASSERT_TRUE(resolve(given));
  auto looks = certificate_expiry_fault().looks(given);
  ASSERT_EQ(looks.size(), 3u);
  EXPECT_EQ(looks[0].name, "certificates of a.example:8443");
  EXPECT_EQ(looks[2].name, "certificates of [::1]:8443");
  EXPECT_EQ(looks[2].condition, "result >= 24");
  EXPECT_EQ(looks[2].no_data, NoData::kBreach);
}

TEST(Registry, AWrongNameGetsASuggestion) {
  auto found = find_fault("proces_killer");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kInvalidInput);
  EXPECT_NE(found.error().advice().find("did you mean \"process_killer\"?"), std::string::npos);
  EXPECT_TRUE(find_fault("pause"));
}

TEST(Registry, AShutdownsBareDelayIsMinutesAndComesBeforeItsLength) {
  Attack given{"shutdown", {{"delay", 5}}, 60s, {}};
  auto resolved = resolve_arguments(given, shutdown_fault().info());
  ASSERT_TRUE(resolved);
  EXPECT_EQ(text_argument(*resolved, "delay"), "5m");
  EXPECT_EQ(resolved->total(), 6min);
}

TEST(Nearest, ANameThatIsNearIsFoundAndAFarOneIsNot) {
  EXPECT_EQ(sys::nearest_name("nbimx", {"sshd", "nginx", "bash"}), "");  // two edits of five letters are too many
  EXPECT_EQ(sys::nearest_name("ngins", {"sshd", "nginx", "bash"}), "nginx");
  EXPECT_EQ(sys::nearest_name("postgers", {"sshd", "postgres"}), "postgres");
  EXPECT_EQ(sys::nearest_name("redis", {"redis-server"}), "redis-server");
  EXPECT_EQ(sys::nearest_name("x", {"y", "zz"}), "y");
  EXPECT_EQ(sys::nearest_name("haproxy", {"systemd"}), "");
}

}  // namespace
}  // namespace ordeal::fault

#include "run/session/preview/quiet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/text/text.h"

namespace ordeal::session {
namespace {

Attack attack_of(const std::string& type, const std::string& arguments) {
  Attack attack;
  attack.type = type;
  attack.args = json::parse(arguments)->as_object();
  EXPECT_TRUE(fault::resolve(attack));
  return attack;
}

const std::vector<sys::SocketPorts> kSocketPorts{{8000, 0}, {40000, 5432}};

std::string unused(const std::string& arguments) { return unused_ports(attack_of("latency", arguments), kSocketPorts); }

TEST(Quiet, APortThatNoSocketHasIsSaid) {
  EXPECT_EQ(unused(R"({"port": 5433})"),
            "no socket in its network namespace has port 5433 now; what is not used meanwhile is not hit");
  EXPECT_EQ(unused(R"({"port": 5432})"), "");
  EXPECT_EQ(unused(R"({"port": 8000})"), "");
  EXPECT_EQ(unused(R"({"port": "5000-6000"})"), "");
  EXPECT_EQ(unused(R"({"port": [1, 8000]})"), "");
  EXPECT_NE(unused(R"({"port": [1, 2]})").find("port 1, 2 now"), std::string::npos);
}

TEST(Quiet, TheSideOfAPortCounts) {
  EXPECT_NE(unused(R"({"ports": 8000})"), "");
  EXPECT_EQ(unused(R"({"ports": 5432})"), "");
  EXPECT_NE(unused(R"({"source_ports": 5432})"), "");
  EXPECT_EQ(unused(R"({"source_ports": 8000})"), "");
}

TEST(Quiet, WithoutAPortNothingIsKnownOfPorts) {
  EXPECT_EQ(unused("{}"), "");
  EXPECT_EQ(unused(R"({"ports": "^53"})"), "");
}

TEST(Quiet, OnePercentOfTenPacketsIsSaid) {
  Attack loss = attack_of("packet_loss", R"({"percent": 1})");
  loss.length = 10s;
  EXPECT_EQ(
      too_few_packets(loss, 10, 1, 1s),
      "in 1s 1 packets passed, whatever their port; at that rate about 10 do in 10s, of which 1 % are 0.1; fewer than "
      "10 prove nothing");
  EXPECT_EQ(too_few_packets(loss, 10, 100, 1s), "");
  EXPECT_NE(too_few_packets(loss, 10, 99, 1s), "");
  EXPECT_EQ(too_few_packets(loss, 0, 1, 1s), "");
}

TEST(Quiet, ADelayOfNothingIsSaid) {
  Attack latency = attack_of("latency", "{}");
  EXPECT_EQ(
      too_few_packets(latency, 10, 0, 200ms),
      "in 200ms 0 packets passed, whatever their port; at that rate about 0 do in 1m; fewer than 10 prove nothing");
  EXPECT_EQ(too_few_packets(latency, 10, 1, 200ms), "");
}

TEST(Quiet, WhatIsNotCountedInPacketsIsNotMeasuredByThem) {
  auto needed = [](const char* type) {
    Attack attack;
    attack.min_events = 7;
    return packets_needed((*fault::find_fault(type))->info(), attack);
  };
  EXPECT_EQ(needed("latency"), 7);
  EXPECT_EQ(needed("packet_loss"), 7);
  for (const char* type : {"blackhole", "partition"}) EXPECT_EQ(needed(type), 1) << type;
  for (const char* type : {"reset", "dns"}) EXPECT_EQ(needed(type), std::nullopt) << type;
}

TEST(Quiet, NothingIsSaidOfDns) {
  Attack dns = attack_of("dns", R"({"ports": 5353})");
  Victim host;
  host.kind = VictimKind::kHost;
  EXPECT_TRUE(quiet_warnings((*fault::find_fault("dns"))->info(), dns, {host}, {}).empty());
}

TEST(Quiet, ALoadThatIdleCpusTakeIsSaid) {
  EXPECT_NE(taken_by_idle(0.5, 1.6, 2).find("1.6 of 2 CPUs are idle now, which perhaps take a load of 0.5"),
            std::string::npos);
  EXPECT_EQ(taken_by_idle(1.7, 1.6, 2), "");
}

TEST(Quiet, EveryAttackSaysWhatItCouldBeNoticedByWithItsArguments) {
  Attack latency = attack_of("latency", R"({"delay": "500ms"})");
  auto fault = fault::find_fault("latency");
  EXPECT_NE(noticed_at_most(latency, (*fault)->info()).find("takes 500ms longer"), std::string::npos);
  for (const fault::Fault* each : fault::all_faults()) {
    Attack given;
    given.type = each->info().type;
    for (const ArgumentInfo& argument : each->info().arguments)
      if (argument.required()) given.args[argument.name] = "x";
    std::string text = noticed_at_most(given, each->info());
    EXPECT_EQ(text.find('{'), std::string::npos) << given.type << ": " << text;
  }
}

TEST(Quiet, NobodyIsLookedAtWhereNobodyIsHit) {
  auto fault = fault::find_fault("latency");
  EXPECT_TRUE(quiet_warnings((*fault)->info(), attack_of("latency", "{}"), {}, {}).empty());
}

}  // namespace
}  // namespace ordeal::session

#include <gtest/gtest.h>

#include <set>

#include "fault/faults.h"
#include "json/value.h"
#include "sys/nearest.h"

namespace ordeal::fault {
namespace {

TEST(Registry, EveryFaultDescribesItselfWhole) {
  std::set<std::string> types;
  for (const Fault* fault : all_faults()) {
    const AttackInfo& info = fault->info();
    EXPECT_TRUE(types.insert(info.type).second) << info.type;
    EXPECT_FALSE(info.summary.empty() || info.mechanisms.empty() || info.capabilities.empty() || info.proof.empty());
    for (const ArgumentInfo& argument : info.arguments) {
      EXPECT_FALSE(argument.help.empty()) << info.type << "." << argument.name;
      EXPECT_LT(argument.least, argument.most);
      // A default must be a value that the argument itself accepts.
      if (argument.fallback.empty() || argument.fallback == "null") continue;
      AttackInfo one = info;
      one.arguments = {argument};
      Attack attack{info.type, {{argument.name, json::parse(argument.fallback).value()}}, 60s, {}};
      EXPECT_TRUE(resolve_arguments(attack, one)) << info.type << "." << argument.name;
    }
  }
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
  EXPECT_EQ(sys::nearest_name("ngnix", {"sshd", "nginx", "bash"}), "");  // two edits of five letters are too many
  EXPECT_EQ(sys::nearest_name("ngins", {"sshd", "nginx", "bash"}), "nginx");
  EXPECT_EQ(sys::nearest_name("postgers", {"sshd", "postgres"}), "postgres");
  EXPECT_EQ(sys::nearest_name("redis", {"redis-server"}), "redis-server");
  EXPECT_EQ(sys::nearest_name("x", {"y", "zz"}), "y");
  EXPECT_EQ(sys::nearest_name("haproxy", {"systemd"}), "");
}

}  // namespace
}  // namespace ordeal::fault

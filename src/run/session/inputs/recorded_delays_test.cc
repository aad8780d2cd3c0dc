#include "run/session/inputs/recorded_delays.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace ordeal::session {
namespace {

Attack attack_with(json::Value recorded, std::string type = "latency") {
  return Attack{std::move(type), {{"recorded", std::move(recorded)}}};
}

TEST(RecordedDelays, AFileBesideTheExperimentTakesThePlaceOfItsName) {
  std::string folder = ::testing::TempDir();
  std::ofstream(folder + "/recorded.txt") << "12\n13.5, 40ms\n\n";
  Attack attack = attack_with("@recorded.txt");
  ASSERT_TRUE(read_recorded_delays(attack, folder + "/experiment.yaml"));
  EXPECT_EQ(list_argument(attack, "recorded"), (std::vector<std::string>{"12", "13.5", "40ms"}));
  std::remove((folder + "/recorded.txt").c_str());
}

TEST(RecordedDelays, WhatNamesNoFileIsLeft) {
  for (Attack attack : {attack_with("10ms"), attack_with(json::Array{"@x"}), attack_with("@x", "reorder")}) {
    json::Object before = attack.args;
    ASSERT_TRUE(read_recorded_delays(attack, "experiment.yaml"));
    EXPECT_EQ(attack.args, before);
  }
}

TEST(RecordedDelays, AFileThatIsNotThereIsRefusedByItsArgument) {
  Attack attack = attack_with("@no-such-file");
  auto read = read_recorded_delays(attack, "/tmp/experiment.yaml");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kInvalidInput);
  EXPECT_NE(read.error().message().find("attack.args.recorded"), std::string::npos) << read.error().message();
}

}  // namespace
}  // namespace ordeal::session

#include "fault/guard/standing_rules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/io/file.h"

namespace ordeal::guard {
namespace {

namespace fs = std::filesystem;

class StandingRulesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "ordeal-rules-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("named", "caps: {max_runs: 1}\n");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_atomically(folder_ / name, text, 0644));
  }
  StandingRules rules() const {
    return *StandingRules::read({folder_ / "named"}, "- {name: db, kind: pod, cgroup: /db, namespace: production}",
                                folder_ / "host", {true, ::geteuid()});
  }
  static std::string outcome(StandingRules& rules) {
    auto known = rules.refresh();
    if (known) return "version " + std::to_string(rules.version());
    return (known.error().code == Errc::kRefused ? "refused: " : "other: ") + known.error().message();
  }
  fs::path folder_;
};

TEST_F(StandingRulesTest, APolicyThatIsTightenedBindsAtOnce) {
  StandingRules rules = this->rules();
  EXPECT_EQ(outcome(rules), "version 1");
  EXPECT_FALSE(rules.protection().has_names());
  write("named", "protected: {namespaces: [production]}\n");
  EXPECT_EQ(outcome(rules), "version 2");
  EXPECT_TRUE(rules.protection().has_names());
  EXPECT_EQ(outcome(rules), "version 2");
}

TEST_F(StandingRulesTest, AHostPolicyThatAppearsBindsAndOneThatGoesIsNotNone) {
  StandingRules rules = this->rules();
  write("host", "protected: {namespaces: [production]}\n");
  EXPECT_EQ(outcome(rules), "version 2");
  EXPECT_EQ(rules.policies().size(), 2u);
  fs::remove(folder_ / "host");
  EXPECT_EQ(outcome(rules), "refused: " + (folder_ / "host").string() + " existed when the run began, and is gone");
}

TEST_F(StandingRulesTest, WhatCannotBeReadAnyMoreIsNeverTheOldOne) {
  StandingRules rules = this->rules();
  fs::remove(folder_ / "named");
  EXPECT_TRUE(outcome(rules).starts_with("refused: it is not known which policy applies now: ")) << outcome(rules);
  write("named", "protcted: {}\n");
  EXPECT_TRUE(outcome(rules).starts_with("refused: it is not known which policy applies now: ")) << outcome(rules);
  write("named", "caps: {max_runs: 1}\n");
  ASSERT_EQ(::chmod((folder_ / "named").c_str(), 0666), 0);
  EXPECT_TRUE(outcome(rules).starts_with("refused: it is not known which policy applies now: ")) << outcome(rules);
  ASSERT_EQ(::chmod((folder_ / "named").c_str(), 0644), 0);
  EXPECT_EQ(outcome(rules), "version 1");
}

}  // namespace
}  // namespace ordeal::guard

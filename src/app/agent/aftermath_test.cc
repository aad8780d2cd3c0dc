#include "app/agent/aftermath.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "app/agent/own_files.h"
#include "core/base/io/file.h"
#include "core/model/run/run_id.h"
#include "platform/host/registry.h"

namespace ordeal::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDeadRun = "r20261130t050000z-abcde";

class AfterAnAgent : public ::testing::Test {
 protected:
  AfterAnAgent() : paths_(*host::Paths::find(folder())) { EXPECT_TRUE(paths_.make()); }
  ~AfterAnAgent() override { fs::remove_all(folder_); }
  const std::string& folder() {
    std::string made = fs::temp_directory_path() / "ordeal-agent-XXXXXX";
    if (folder_.empty()) folder_ = ::mkdtemp(made.data());
    return folder_;
  }
  std::optional<Aftermath> await(Nanos patience, std::vector<guard::DeadRun> dead = {}) {
    return await_aftermath(
        paths_, kDeadRun, patience,
        [this, dead]() -> Result<std::vector<guard::DeadRun>> {
          ++replays_;
          return dead;
        },
        ending_);
  }

  std::string folder_;
  host::Paths paths_;
  std::atomic<bool> ending_ = false;
  int replays_ = 0;
};

TEST_F(AfterAnAgent, ARunThatLivesIsWaitedForBeforeItIsReplayed) {
  std::optional<host::Registration> alive(*host::Registration::enter(paths_, kDeadRun));
  auto after = std::async(std::launch::async, [&] { return await(20s, {{kDeadRun, {"thawed /x"}, {}, {}, {}}}); });
  EXPECT_EQ(after.wait_for(300ms), std::future_status::timeout);
  EXPECT_EQ(replays_, 0);
  alive.reset();
  auto found = after.get();
  ASSERT_TRUE(found);
  EXPECT_EQ(replays_, 1);
  EXPECT_EQ(found->undone, std::vector<std::string>{"thawed /x"});
  EXPECT_TRUE(found->failed.empty());
}

TEST_F(AfterAnAgent, ARunThatOutlivesItsLeaseIsNotClean) {
  auto alive = host::Registration::enter(paths_, kDeadRun);
  ASSERT_TRUE(alive);
  auto found = await(100ms);
  ASSERT_TRUE(found);
  EXPECT_EQ(replays_, 0);
  ASSERT_EQ(found->failed.size(), 1u);
  EXPECT_NE(found->failed[0].find("still lives"), std::string::npos);
}

TEST_F(AfterAnAgent, WhatItsReplayCouldNotUndoIsTold) {
  auto found =
      await(0s, {{"r20261130t050000z-zzzzz", {}, {}, {}, {"of another"}}, {kDeadRun, {}, {}, {}, {"a qdisc"}}});
  EXPECT_EQ(found->failed, std::vector<std::string>{"a qdisc"});
}

TEST_F(AfterAnAgent, AnAgentThatEndsDoesNotWaitAndSaysNothing) {
  auto alive = host::Registration::enter(paths_, kDeadRun);
  ending_ = true;
  EXPECT_FALSE(await(20s));
}

TEST_F(AfterAnAgent, ASecondAgentOfTheNodeWaitsForTheFirst) {
  std::optional<UniqueFd> first(std::move(*lock_node(paths_, 0s)));
  auto refused = lock_node(paths_, 50ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRefused);
  auto second = std::async(std::launch::async, [&] { return lock_node(paths_, 20s); });
  EXPECT_EQ(second.wait_for(100ms), std::future_status::timeout);
  first.reset();
  EXPECT_TRUE(second.get());
}

TEST(IdOfJoiner, IsARunOfItsOwnForEachInjection) {
  std::string one = id_of_joiner(kDeadRun, "u1");
  EXPECT_TRUE(is_run_id(one)) << one;
  EXPECT_EQ(one, id_of_joiner(kDeadRun, "u1"));
  EXPECT_NE(one, id_of_joiner(kDeadRun, "u2"));
  EXPECT_NE(one, kDeadRun);
  EXPECT_EQ(one.substr(0, 18), std::string(kDeadRun).substr(0, 18));
}

TEST_F(AfterAnAgent, PoliciesOfKilledAgentsAreRemovedAndNothingElse) {
  EXPECT_TRUE(replace_whole(policy_file(paths_, "u1"), "caps: {}"));
  EXPECT_TRUE(replace_whole(paths_.run + "/other.yaml", "caps: {}"));
  remove_policy_files(paths_);
  EXPECT_FALSE(fs::exists(policy_file(paths_, "u1")));
  EXPECT_TRUE(fs::exists(paths_.run + "/other.yaml"));
}

}  // namespace
}  // namespace ordeal::agent

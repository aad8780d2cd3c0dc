#include "platform/host/registry.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/base/io/file.h"
#include "platform/host/latch.h"

namespace ordeal::host {
namespace {

struct HostState : testing::Test {
  Paths paths = *Paths::find(testing::TempDir() + "ordeal_registry_" + std::to_string(::getpid()));
  void SetUp() override { ASSERT_TRUE(paths.make()); }
  void TearDown() override { std::filesystem::remove_all(paths.state); }

  static std::string error_of(const Result<>& result) { return result ? "taken" : result.error().message(); }
};

TEST_F(HostState, AResourceBelongsToOneRunAtATime) {
  auto a = Registration::enter(paths, "ra");
  auto b = Registration::enter(paths, "rb");
  EXPECT_EQ(error_of(a->claim({"netns:1/delay"}, {}, 1, 1)), "taken");
  EXPECT_EQ(error_of(b->claim({"netns:1/delay"}, {}, 1, 1)), "the run ra already holds netns:1/delay");
  EXPECT_EQ(error_of(a->claim({"netns:1/delay"}, {}, 1, 1)), "the run ra already holds netns:1/delay");
  EXPECT_EQ(error_of(b->claim({"netns:2/delay"}, {}, 1, 1)), "taken");
  ASSERT_TRUE(a->release({"netns:1/delay"}, 1));
  EXPECT_EQ(error_of(b->claim({"netns:1/delay"}, {}, 1, 1)), "taken");
}

TEST_F(HostState, ACheckAsksTheOthersAloneAndTakesNothing) {
  auto a = Registration::enter(paths, "ra");
  auto b = Registration::enter(paths, "rb");
  Policy policy;
  policy.origin = "p";
  policy.max_targets = 1;
  EXPECT_EQ(error_of(a->check({"netns:1/delay"}, {policy}, 1, 1)), "taken");
  EXPECT_EQ(error_of(b->claim({"netns:1/delay"}, {policy}, 1, 1)), "taken") << "nothing was taken";
  EXPECT_EQ(error_of(a->check({"netns:1/delay"}, {}, 1, 1)), "the run rb already holds netns:1/delay");
  EXPECT_EQ(error_of(b->check({"netns:1/delay"}, {}, 0, 1)), "taken") << "its own may be over by then";
  EXPECT_NE(error_of(b->check({"netns:2/delay"}, {policy}, 1, 1)), "taken") << "too many";
}

TEST_F(HostState, AClaimOfTheWholeRunIsSharedByItsImpactsAndByNobodyElse) {
  auto a = Registration::enter(paths, "ra");
  auto b = Registration::enter(paths, "rb");
  EXPECT_EQ(error_of(a->claim({"cgroup:/x/packets/arrival", "netns:1/packets/*"}, {}, 1, 1)), "taken");
  EXPECT_EQ(error_of(a->claim({"cgroup:/y/packets/arrival", "netns:1/packets/*"}, {}, 1, 1)), "taken");
  EXPECT_EQ(error_of(b->claim({"cgroup:/z/packets/arrival", "netns:1/packets/*"}, {}, 1, 1)),
            "the run ra already holds netns:1/packets/*");
  ASSERT_TRUE(a->release({"cgroup:/x/packets/arrival", "netns:1/packets/*"}, 1));
  EXPECT_EQ(error_of(b->claim({"netns:1/packets/*"}, {}, 1, 1)), "the run ra already holds netns:1/packets/*");
  ASSERT_TRUE(a->release({"cgroup:/y/packets/arrival", "netns:1/packets/*"}, 1));
  EXPECT_EQ(error_of(b->claim({"netns:1/packets/*"}, {}, 1, 1)), "taken");
}

TEST_F(HostState, ACgroupAndWhatIsInItBelongToOneRun) {
  auto a = Registration::enter(paths, "ra");
  auto b = Registration::enter(paths, "rb");
  EXPECT_EQ(error_of(a->claim({"cgroup:/p/c/running"}, {}, 1, 1)), "taken");
  for (const char* claim : {"cgroup:/p/running", "cgroup:/p/c/d/running", "within:/p/c/running", "cgroup:/p/processes"})
    EXPECT_EQ(error_of(b->claim({claim}, {}, 1, 1)),
              std::string("the run ra already holds cgroup:/p/c/running, which meets ") + claim);
  EXPECT_EQ(error_of(a->claim({"cgroup:/p/running"}, {}, 1, 1)),
            "the run ra already holds cgroup:/p/c/running, which meets cgroup:/p/running");
  EXPECT_EQ(error_of(b->claim({"cgroup:/p/d/running"}, {}, 1, 1)), "taken");
}

TEST_F(HostState, CapsCountWhatOtherRunsHit) {
  Policy policy;
  policy.origin = "p";
  policy.max_targets = 3;
  policy.max_runs = 2;
  auto a = Registration::enter(paths, "ra");
  auto b = Registration::enter(paths, "rb");
  auto c = Registration::enter(paths, "rc");
  EXPECT_EQ(error_of(a->claim({"x"}, {policy}, 2, 9)), "taken");
  EXPECT_EQ(error_of(b->claim({"y"}, {policy}, 2, 9)),
            "p: caps.max_targets is 3; 2 are already hit and 2 more are asked for");
  EXPECT_EQ(error_of(b->claim({"y"}, {policy}, 1, 9)), "taken");
  EXPECT_EQ(error_of(c->claim({"z"}, {policy}, 1, 9)), "p: caps.max_runs is 2 and 2 already run");
}

TEST_F(HostState, ClaimsThatCannotBeReadAreNotTakenForNone) {
  auto run = Registration::enter(paths, "r1");
  ASSERT_TRUE(run && run->claim({"netns:1/delay"}, {}, 1, 1));
  std::string file = paths.run_folder("r1") + "/claims.json";
  auto claims = [&]() { return active_runs(paths).map([](auto all) { return all.at(0).claims; }); };
  EXPECT_EQ(claims().value(), std::vector<std::string>{"netns:1/delay"});
  ASSERT_TRUE(write_atomically(file, R"({"v":1,"run":"r1","claims":[],"targets":"1"})"));
  EXPECT_EQ(claims().error().message(), file +
                                            ": targets: expected a whole number from -9223372036854775808 to "
                                            "9223372036854775807, found \"1\"");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_FALSE(claims());
  std::filesystem::remove(file);
  EXPECT_TRUE(claims().value().empty()) << "entered, and nothing claimed yet";
}

TEST_F(HostState, ADeadRunHoldsNothing) {
  {
    auto a = Registration::enter(paths, "ra");
    ASSERT_TRUE(a->claim({"x"}, {}, 1, 1));
    EXPECT_EQ(active_runs(paths)->size(), 1u);
  }
  EXPECT_TRUE(active_runs(paths)->empty());
  EXPECT_FALSE(std::filesystem::exists(paths.run_folder("ra"))) << "its folder is removed on the way";
}

TEST_F(HostState, AHaltIsLeftForALiveRunOnly) {
  EXPECT_EQ(request_halt(paths, "ra", "why").error().code, Errc::kNotFound);
  auto a = Registration::enter(paths, "ra");
  ASSERT_TRUE(request_halt(paths, "ra", "why"));
  EXPECT_EQ(*read_file(a->folder() + "/halt"), "why");
}

TEST_F(HostState, AnotherLatchBindsToo) {
  ASSERT_EQ(paths.latches.size(), 2u) << "the host's binds whoever keeps state elsewhere";
  Paths host = paths;
  host.latches = {paths.state + "/host.json"};
  paths.latches[1] = host.latches[0];
  ASSERT_TRUE(engage_latch(host, "fire", "ada", 0s));
  EXPECT_EQ(latch_engaged(paths)->reason, "fire");
  EXPECT_FALSE(*release_latch(paths)) << "it is not ours";
  EXPECT_TRUE(latch_engaged(paths));
}

TEST_F(HostState, TheLatchHoldsItsReasonAndAnUnreadableOneIsEngaged) {
  EXPECT_FALSE(latch_engaged(paths));
  ASSERT_TRUE(engage_latch(paths, "fire", "ada", 0s));
  EXPECT_EQ(latch_engaged(paths)->reason, "fire");
  EXPECT_TRUE(*release_latch(paths));
  EXPECT_FALSE(*release_latch(paths));
  std::ofstream(paths.latches.front()) << "{";
  EXPECT_EQ(latch_engaged(paths)->by, "unknown");
}

}  // namespace
}  // namespace ordeal::host

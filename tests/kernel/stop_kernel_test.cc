// process_killer with `signal: stop`, on processes of the test's own.
#include <signal.h>

#include <algorithm>

#include "proc_fixture.h"

namespace ordeal {
namespace {

class StopKernelTest : public ProcTest {
 protected:
  // Processes that have become the program already.
  size_t named(const std::string& comm) {
    size_t number = 0;
    for (pid_t pid : pids("victim")) {
      auto stat = sys::read_stat(pid);
      number += stat && stat->comm == comm;
    }
    return number;
  }
  static Result<fault::Protection> sleeps_protected() {
    auto policy = TRY(decode_policy(*json::parse_document("protected: {namespaces: [production]}"), "policy.yaml"));
    auto inventory = TRY(
        decode_inventory(*json::parse_document("- {name: db, kind: process, namespace: production, match: ^sleep}")));
    return fault::Protection::create({policy}, inventory);
  }
  static char state(pid_t pid) {
    auto stat = sys::read_stat(pid);
    return stat ? stat->state : '-';
  }
  Result<std::unique_ptr<fault::Impact>> killer(const Victim& victim, const std::string& args) {
    return apply(fault::process_killer_fault(), victim, attack(fault::process_killer_fault(), args));
  }
};

TEST_F(StopKernelTest, WhatIsStoppedGoesOnAndWhatWasStoppedBeforeDoesNot) {
  make_cgroup("victim");
  auto& mine = start_argv({"sleep", "64"}, "victim");
  auto& theirs = start_argv({"sleep", "64"}, "victim");
  auto& other = start_argv({"tail", "-f", "/dev/null"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 2 && named("tail") == 1; }));
  ::kill(theirs.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state(theirs.pid()) == 'T'; }));
  const std::string args = R"({"process": "sleep", "exact": true, "signal": "stop", "interval": "100ms"})";
  auto plan = fault::process_killer_fault().plan(container("victim"), attack(fault::process_killer_fault(), args));
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ((*plan)[0].kind, StepKind::kJournalled);
  EXPECT_NE((*plan)[0].notes.at(0).find("is stopped"), std::string::npos) << (*plan)[0].notes[0];
  auto impact = killer(container("victim"), args);
  ASSERT_TRUE(impact) << impact.error().message();
  EXPECT_EQ(state(mine.pid()), 'T');
  EXPECT_EQ(state(other.pid()), 'S');
  EXPECT_EQ(log_.records.back().operation, "continue");
  // A new one is stopped in the next round; until then it runs, which counts.
  ASSERT_TRUE(serve(**impact, 1500ms));
  auto& joined = start_argv({"sleep", "65"}, "victim");
  ASSERT_TRUE(serve(**impact, 1500ms));
  EXPECT_EQ(state(joined.pid()), 'T');
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.measured << proof.reason;
  EXPECT_EQ(proof.got, 2);
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] { return state(mine.pid()) == 'S' && state(joined.pid()) == 'S'; }));
  EXPECT_EQ(state(theirs.pid()), 'T');
  EXPECT_TRUE((*impact)->proof(boot_now()).lasting.empty());
  ::kill(theirs.pid(), SIGCONT);
}

TEST_F(StopKernelTest, WhatSomebodyContinuesIsNotProven) {
  make_cgroup("victim");
  auto& mine = start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 1; }));
  auto impact = killer(container("victim"), R"({"process": "sleep", "signal": "stop"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ::kill(mine.pid(), SIGCONT);
  auto served = serve(**impact, 300ms);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Errc::kNotInjected);
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
  ASSERT_TRUE((*impact)->revert());
}

TEST_F(StopKernelTest, WhatIsProtectedWhileItIsStoppedGoesOn) {
  make_cgroup("victim");
  auto& mine = start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 1; }));
  fault::Protection now;
  fault::Context context;
  context.now = boot_now();
  context.length = 60s;
  context.undo = &log_;
  context.protection = [&]() -> Result<const fault::Protection*> { return &now; };
  auto& fault = fault::process_killer_fault();
  auto args = attack(fault, R"({"process": "sleep", "signal": "stop", "interval": "1h"})");
  auto impact = fault.apply(container("victim"), args, context);
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 200ms));
  EXPECT_EQ(state(mine.pid()), 'T');
  auto rules = sleeps_protected();
  ASSERT_TRUE(rules) << rules.error().message();
  now = std::move(*rules);
  auto served = serve(**impact, 1s);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Errc::kRefused);
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] { return state(mine.pid()) == 'S'; }));
}

TEST_F(StopKernelTest, WhatJoinsAndRunsBetweenTwoRoundsCounts) {
  make_cgroup("victim");
  start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 1; }));
  auto impact = killer(container("victim"), R"({"process": "sleep", "signal": "stop", "interval": "1h"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 300ms));
  EXPECT_TRUE((*impact)->proof(boot_now()).proven);
  auto& joined = start_argv({"sleep", "65"}, "victim");
  ASSERT_TRUE(serve(**impact, 500ms));
  EXPECT_EQ(state(joined.pid()), 'S');
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_NE(proof.reason.find("joined later"), std::string::npos) << proof.reason;
  ASSERT_TRUE((*impact)->revert());
}

TEST_F(StopKernelTest, WhatIsReplacedWhileItIsStoppedIsStoppedAgainAndProven) {
  make_cgroup("victim");
  auto& first = start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 1; }));
  auto impact =
      killer(container("victim"), R"({"process": "sleep", "exact": true, "signal": "stop", "interval": "100ms"})");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 2s));
  ::kill(first.pid(), SIGKILL);
  ASSERT_TRUE(first.wait(2s));
  auto& second = start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(serve(**impact, 4s));
  EXPECT_EQ(state(second.pid()), 'T');
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.measured << proof.reason;
  EXPECT_NE(proof.measured.find("1 of 1 process stopped"), std::string::npos) << proof.measured;
  EXPECT_NE(proof.measured.find("; 1 ended meanwhile"), std::string::npos) << proof.measured;
  // Time in which nobody is there is not time in which somebody stands still.
  ::kill(second.pid(), SIGKILL);
  ASSERT_TRUE(second.wait(2s));
  ASSERT_TRUE(serve(**impact, 1s));
  EXPECT_FALSE((*impact)->proof(boot_now()).proven);
  ASSERT_TRUE((*impact)->revert());
}

TEST_F(StopKernelTest, MoreAreStoppedThanOneUndoRecordHolds) {
  make_cgroup("victim");
  for (int i = 0; i < 150; ++i) start_argv({"sleep", "66"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 150; }));
  auto impact = killer(container("victim"), R"({"process": "sleep", "exact": true, "signal": "stop"})");
  ASSERT_TRUE(impact) << impact.error().message();
  EXPECT_EQ((*impact)->proof(boot_now()).got, 150);
  EXPECT_EQ(log_.records.size(), 3u);
  for (const fault::UndoRecord& record : log_.records) EXPECT_LT(json::write(to_json(record)).size(), 4000u);
  ASSERT_TRUE((*impact)->revert());
  EXPECT_TRUE(eventually([&] {
    auto all = pids("victim");
    return std::none_of(all.begin(), all.end(), [](pid_t pid) { return state(pid) == 'T'; });
  }));
}

TEST_F(StopKernelTest, WhatIsAllStoppedAlreadyIsRefused) {
  make_cgroup("victim");
  auto& theirs = start_argv({"sleep", "64"}, "victim");
  ASSERT_TRUE(eventually([&] { return named("sleep") == 1; }));
  ::kill(theirs.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state(theirs.pid()) == 'T'; }));
  auto impact = killer(container("victim"), R"({"process": "sleep", "signal": "stop"})");
  ASSERT_FALSE(impact);
  EXPECT_EQ(impact.error().code, Errc::kRefused);
  EXPECT_EQ(state(theirs.pid()), 'T');
}

}  // namespace
}  // namespace ordeal

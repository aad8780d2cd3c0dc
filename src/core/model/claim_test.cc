#include "core/model/claim.h"

#include <gtest/gtest.h>

#include "core/base/random.h"

namespace ordeal {
namespace {

struct Row {
  const char* a;
  const char* b;
  bool meet;
};

// What becomes of the world decides: two that meet would undo, hide or outlive each other.
constexpr Row kTable[] = {
    {"cgroup:/p/running", "cgroup:/p/running", true},
    {"cgroup:/p/running", "cgroup:/p/c/running", true},
    {"cgroup:/p/c/running", "cgroup:/p/c/d/e/running", true},
    {"cgroup:/p/running", "cgroup:/pc/running", false},
    {"cgroup:/p/a/running", "cgroup:/p/b/running", false},
    {"cgroup:/running/running", "cgroup:/running/x/running", true},
    {"cgroup:/x/cpu/running", "cgroup:/x/running", true},
    {"cgroup:/p/running", "within:/p/running", true},
    {"cgroup:/p/running", "within:/p/c/running", true},
    {"cgroup:/p/c/running", "within:/p/running", false},
    {"within:/p/running", "within:/p/running", false},
    {"process:7/running", "process:7/running", true},
    {"process:7/running", "process:77/running", false},
    {"process:7/running", "cgroup:/p/running", false},
    {"host/cpu", "cgroup:/p/cpu", true},
    {"cgroup://cpu", "cgroup:/p/cpu", true},
    {"host/processes", "process:7/processes", true},
    {"host/cpu", "cgroup:/p/running", false},
    {"host/power", "cgroup:/p/cpu", true},
    {"host/power", "netns:4/packets/arrival", true},
    {"host/power", "host/power", true},
    // A kill in what stands still, a stop of what is to be killed.
    {"cgroup:/p/running", "cgroup:/p/c/processes", true},
    {"process:7/running", "process:7/processes", true},
    {"host/processes", "cgroup:/p/running", true},
    // What makes the load stands still with the victim.
    {"cgroup:/p/running", "within:/p/c/guest", true},
    {"within:/p/running", "within:/p/guest", false},
    {"cgroup:/p/cpu", "within:/p/guest", false},
    {"cgroup:/p/cpu", "cgroup:/p/processes", false},
    {"cgroup:/p/cpu", "cgroup:/p/packets/arrival", false},
    {"cgroup:/p/packets/arrival", "cgroup:/p/c/packets/arrival", true},
    {"cgroup:/p/packets/arrival", "cgroup:/p/packets/departure", false},
    {"netns:4/packets/arrival", "netns:4/packets/arrival", true},
    {"netns:4/packets/*", "netns:4/packets/departure", true},
    {"netns:4/packets/*", "netns:4/packets/*", true},
    {"netns:4/packets/*", "netns:5/packets/*", false},
    {"netns:4/packets/*", "cgroup:/p/cpu", false},
    {"resolver/lookups", "resolver/lookups", false},
    {"resolver/answers", "resolver/lookups", true},
    {"resolver/answers", "resolver/answers", true},
    {"resolver/answers", "netns:4/packets/*", false},
    {"host/power", "resolver/lookups", true},
    {"host/cpu", "resolver/lookups", false},
    {"x", "x", true},
    {"x", "y", false},
};

TEST(Claims, MeetWhereTwoImpactsWouldDisturbEachOther) {
  for (const Row& row : kTable) {
    EXPECT_EQ(claims_meet(row.a, row.b), row.meet) << row.a << " and " << row.b;
    EXPECT_EQ(claims_meet(row.b, row.a), row.meet) << row.b << " and " << row.a;
  }
}

TEST(Claims, TheImpactsOfOneRunMayHoldAllOfAFieldTogetherAndNothingElse) {
  auto meet = [](const char* a, const char* b) { return claims_meet(a, b, Between::kImpactsOfOneRun); };
  EXPECT_FALSE(meet("netns:4/packets/*", "netns:4/packets/*"));
  EXPECT_TRUE(meet("netns:4/packets/arrival", "netns:4/packets/*")) << "the whole namespace and some sockets of it";
  EXPECT_TRUE(meet("netns:4/packets/arrival", "netns:4/packets/arrival"));
  EXPECT_TRUE(meet("cgroup:/p/running", "cgroup:/p/c/running"));
}

std::string any_path(Random& random) {
  std::string path;
  for (uint64_t i = 0, n = random.below(4); i < n; ++i) path += std::string("/") + "abx"[random.below(3)];
  return path.empty() ? "/" : path;
}

std::string any_claim(Random& random) {
  constexpr const char* kFields[] = {"running", "processes", "cpu", "guest", "packets/arrival", "packets/*", "power"};
  std::string field = std::string("/") + kFields[random.below(7)];
  switch (random.below(4)) {
    case 0:
      return "cgroup:" + any_path(random) + field;
    case 1:
      return "within:" + any_path(random) + field;
    case 2:
      return "process:" + std::to_string(random.below(3)) + field;
    default:
      return random.below(2) ? "host" + field : "netns:" + std::to_string(random.below(3)) + field;
  }
}

TEST(Claims, MeetingIsSymmetricAndGrowsWithTheCgroup) {
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string a = any_claim(random), b = any_claim(random);
    for (Between between : {Between::kRuns, Between::kImpactsOfOneRun})
      ASSERT_EQ(claims_meet(a, b, between), claims_meet(b, a, between)) << a << " and " << b;
    ASSERT_TRUE(claims_meet(a, a) || a.starts_with("within:")) << a;
    // What meets a cgroup meets every one above it.
    std::string path = any_path(random), field = a.substr(a.rfind('/') + 1) == "*" ? "packets/*" : "running";
    std::string below = "cgroup:" + (path == "/" ? "/x" : path + "/x") + "/" + field;
    bool met = claims_meet(below, b);
    ASSERT_TRUE(!met || claims_meet("cgroup:" + path + "/" + field, b)) << below << " and " << b;
  }
}

TEST(Claims, TheFirstMeetingIsSaid) {
  auto found = first_meeting({"process:1/cpu", "cgroup:/p/running"}, {"process:9/cpu", "within:/p/c/running"});
  ASSERT_TRUE(found);
  EXPECT_EQ(describe_meeting(*found), "cgroup:/p/running, which meets within:/p/c/running");
  EXPECT_FALSE(first_meeting({"process:1/cpu"}, {"process:2/cpu"}));
}

}  // namespace
}  // namespace ordeal

#include "platform/kube/mirror.h"

#include <gtest/gtest.h>

#include <atomic>

#include "platform/kube/testing/fake_cluster.h"

namespace ordeal::kube {
namespace {

using Asked = ScriptServer::Asked;
using Kind = ApiFailure::Kind;

// What an owner keeps: the objects, by the rules of the handlers.
struct Owner {
  std::map<std::string, json::Value> objects, coming;
  bool lists = false;
  size_t relists = 0, synced = 0;
  std::vector<ApiFailure> troubles;

  MirrorHandlers handlers() {
    MirrorHandlers made;
    made.relist = [this] { lists = true, ++relists, coming.clear(); };
    made.put = [this](json::Value&& object) {
      std::string name = text_at(object, "metadata.name");
      (lists ? coming : objects)[name] = std::move(object);
    };
    made.gone = [this](const json::Value& object) { objects.erase(text_at(object, "metadata.name")); };
    made.synced = [this] { lists = false, ++synced, objects = std::move(coming); };
    made.trouble = [this](const ApiFailure& failure) { troubles.push_back(failure); };
    return made;
  }
};

// Turns until `done`; `now` of a fake clock jumps to the mirror's next wake, so that no test waits for a delay.
bool turn(Client& client, Mirror& mirror, BootTime* now, const std::function<bool()>& done, Nanos within = 60s) {
  BootTime until = boot_now() + within;
  while (!done() && boot_now() < until) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    poll(&wait, 1, 1);
    client.dispatch();
    if (now && mirror.next_wake() != BootTime::max()) *now = std::max(*now, mirror.next_wake());
    mirror.dispatch();
  }
  return done();
}

std::string list_of(int version) {
  return fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},"items":[{{"metadata":{{"name":"a"}}}}]}})", version);
}
std::string bookmark(int version) {
  return fmt::format(R"({{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{}"}}}}}})", version) + "\n";
}

// Answers a list, and each watch as the test says; what the watches asked for is kept.
struct Scripted {
  explicit Scripted(std::function<Reply(int watch)> watches)
      : server([this, watches = std::move(watches)](const Asked& asked) {
          if (asked.value("watch") != "true") return Reply{200, list_of(++lists * 100)};
          return watches(++watched);
        }) {}
  std::vector<std::string> versions() const {
    std::vector<std::string> all;
    for (const Asked& asked : server.asked())
      if (asked.value("watch") == "true") all.push_back(asked.value("resourceVersion"));
    return all;
  }
  std::atomic<int> lists = 0, watched = 0;
  ScriptServer server;
};

class MirrorTest : public testing::Test {
 protected:
  MirrorOptions pods() {
    MirrorOptions options{.resource = kPods, .object = {"shop", ""}, .page_size = 3};
    options.now = [this] { return now_; };
    return options;
  }
  BootTime now_ = boot_now();
  Owner owner_;
};

TEST_F(MirrorTest, ListsThenWatchesFromThere) {
  Scripted script([](int) { return Reply{.body = bookmark(150), .hangs = true}; });
  auto client = client_of(script.server.access());
  Mirror mirror(*client, pods(), owner_.handlers());
  EXPECT_FALSE(mirror.in_sync());
  ASSERT_TRUE(turn(*client, mirror, nullptr, [&] { return script.watched == 1 && owner_.synced == 1; }));
  EXPECT_TRUE(mirror.in_sync());
  EXPECT_EQ(mirror.heard(), now_);
  EXPECT_EQ(owner_.objects.size(), 1u);
  EXPECT_EQ(script.versions(), std::vector<std::string>{"100"});
}

TEST_F(MirrorTest, AWatchThatEndsWellGoesOnAtOnceFromTheLastVersionAndABookmarkMovesIt) {
  Scripted script([](int watch) {
    return watch < 3 ? Reply{.body = bookmark(100 + watch), .piece = 9} : Reply{.body = "", .hangs = true};
  });
  auto client = client_of(script.server.access());
  Mirror mirror(*client, pods(), owner_.handlers());
  ASSERT_TRUE(turn(*client, mirror, nullptr, [&] { return script.watched == 3; }));
  EXPECT_EQ(script.versions(), (std::vector<std::string>{"100", "101", "102"}));
  EXPECT_EQ(script.lists, 1);
  EXPECT_TRUE(owner_.troubles.empty());
}

TEST_F(MirrorTest, AnExpiredVersionListsAnewAtOnceAndIsNoTrouble) {
  Scripted script([](int watch) {
    const char* expired = R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})"
                          "\n";
    return watch == 1 ? Reply{.body = expired, .piece = 20} : Reply{.body = "", .hangs = true};
  });
  auto client = client_of(script.server.access());
  Mirror mirror(*client, pods(), owner_.handlers());
  ASSERT_TRUE(turn(*client, mirror, nullptr, [&] { return script.watched == 2; }));
  EXPECT_EQ(script.versions(), (std::vector<std::string>{"100", "200"}));
  EXPECT_EQ(owner_.relists, 2u);
  EXPECT_TRUE(owner_.troubles.empty());
}

TEST_F(MirrorTest, AServerWhoseEveryVersionHasExpiredIsNotAskedWithoutEnd) {
  Scripted script([](int) { return Reply{410, R"({"kind":"Status","reason":"Expired"})"}; });
  auto client = client_of(script.server.access());
  Mirror mirror(*client, pods(), owner_.handlers());
  ASSERT_TRUE(
      turn(*client, mirror, nullptr, [&] { return script.watched == 2 && mirror.next_wake() != BootTime::max(); }));
  EXPECT_GE(mirror.next_wake() - now_, 160ms);
  EXPECT_FALSE(mirror.in_sync());
  ASSERT_TRUE(turn(*client, mirror, &now_, [&] { return script.watched == 8; }));
}

TEST_F(MirrorTest, AFailureIsToldOnceAndTriedAgainLaterEachTimeUpToFiveSeconds) {
  std::atomic<bool> up = false;
  Scripted script([&](int watch) {
    if (watch == 1) return Reply{.body = bookmark(101), .piece = 50};
    return up ? Reply{.body = "", .hangs = true} : Reply{watch < 9 ? 500 : 403, "{}"};
  });
  auto client = client_of(script.server.access());
  Mirror mirror(*client, pods(), owner_.handlers());
  for (int watch = 2; watch < 10; ++watch) {
    ASSERT_TRUE(turn(*client, mirror, nullptr, [&] { return mirror.next_wake() != BootTime::max(); }));
    EXPECT_EQ(script.watched, watch);
    Nanos wait = mirror.next_wake() - now_;
    Nanos expected = std::min<Nanos>(5s, 100ms * (1 << (watch - 2)));
    EXPECT_GE(wait, expected * 8 / 10) << watch;
    EXPECT_LE(wait, expected * 12 / 10) << watch;
    EXPECT_FALSE(mirror.in_sync());
    now_ = mirror.next_wake();
    mirror.dispatch();
  }
  ASSERT_EQ(owner_.troubles.size(), 2u);
  EXPECT_EQ(owner_.troubles[0].kind, Kind::kServer);
  EXPECT_EQ(owner_.troubles[1].kind, Kind::kForbidden);
  up = true;
  ASSERT_TRUE(turn(*client, mirror, &now_, [&] { return mirror.in_sync(); }));
  // What came before is kept: nothing was missed.
  EXPECT_EQ(script.versions().back(), "101");
  EXPECT_EQ(script.lists, 1);
}

TEST_F(MirrorTest, AServerThatSaysWhenIsAskedThen) {
  ScriptServer server([](const Asked&) { return Reply{429, "{}", {{"Retry-After", "30"}}}; });
  auto client = client_of(server.access());
  Mirror mirror(*client, pods(), owner_.handlers());
  ASSERT_TRUE(turn(*client, mirror, nullptr, [&] { return mirror.next_wake() != BootTime::max(); }));
  EXPECT_EQ(mirror.next_wake() - now_, 30s);
}

TEST_F(MirrorTest, AWatchInWhichNothingComesAtAllListsAnew) {
  Scripted script([](int watch) { return Reply{.body = "", .piece = 1, .hangs = watch == 2}; });
  auto client = client_of(script.server.access());
  MirrorOptions options = pods();
  options.silence = 50ms;
  Mirror mirror(*client, options, owner_.handlers());
  // The first ends well at once, the second is silent until it counts as stalled.
  ASSERT_TRUE(turn(*client, mirror, &now_, [&] { return script.watched >= 3; }));
  auto versions = script.versions();
  versions.resize(3);
  EXPECT_EQ(versions, (std::vector<std::string>{"100", "200", "300"}));
  ASSERT_FALSE(owner_.troubles.empty());
  EXPECT_EQ(owner_.troubles[0].kind, Kind::kTimeout);
}

TEST_F(MirrorTest, AHandlerMayDestroyIt) {
  Scripted script([](int) { return Reply{.body = bookmark(101), .hangs = true}; });
  auto client = client_of(script.server.access());
  std::unique_ptr<Mirror> mirror;
  MirrorHandlers handlers = owner_.handlers();
  int puts = 0;
  handlers.put = [&](json::Value&&) { ++puts, mirror.reset(); };
  mirror = std::make_unique<Mirror>(*client, pods(), handlers);
  ASSERT_TRUE(drive(*client, [&] { return puts == 1; }));
  drive(
      *client, [] { return false; }, 50ms);
  EXPECT_EQ(owner_.synced, 0u);
}

// Whatever breaks on the way: in the end the owner has exactly the server's objects.
TEST_F(MirrorTest, UnderCutsExpiriesStallsAndRefusalsItEndsWithExactlyTheServersObjects) {
  size_t relists = 0;  // a quick client meets more of it than a slow one
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    FakeCluster cluster(seed);
    Random random(seed * 77);
    for (int i = 0; i < 10; ++i) cluster.put("pod-" + std::to_string(i), i);
    cluster.set({.refuse = 0.2, .expire = 0.2, .cut = 0.05, .finish = 0.05, .stall = 0.02, .corrupt = 0.02});
    auto client = client_of(cluster.access());
    Owner owner;
    MirrorOptions options = pods();
    options.silence = 20ms;
    Mirror mirror(*client, options, owner.handlers());
    for (int change = 0; change < 120; ++change) {
      std::string name = "pod-" + std::to_string(random.below(15));
      if (random.below(3) == 0) {
        cluster.remove(name);
      } else {
        cluster.put(name, change);
      }
      if (random.below(4) == 0)
        turn(
            *client, mirror, &now_, [] { return false; }, 2ms);
    }
    cluster.set({});
    auto same = [&] { return owner.objects == cluster.objects() && mirror.in_sync(); };
    EXPECT_TRUE(turn(*client, mirror, &now_, same)) << "seed " << seed;
    relists += owner.relists;
  }
  EXPECT_GT(relists, 12u) << "more than the first lists";
}

TEST(Fields, AreFoundWhereTheyAre) {
  json::Value object{{"a", {{"b", {{"c", "text"}, {"n", 7}}}}}};
  EXPECT_EQ(text_at(object, "a.b.c"), "text");
  EXPECT_EQ(number_at(object, "a.b.n"), 7);
  EXPECT_EQ(text_at(object, "a.b.n") + text_at(object, "a.x.c") + text_at(object, "a.b.c.d"), "");
  EXPECT_EQ(number_at(object, "a.b.c"), 0);
  EXPECT_EQ(field_at(3, "a"), nullptr);
}

}  // namespace
}  // namespace ordeal::kube

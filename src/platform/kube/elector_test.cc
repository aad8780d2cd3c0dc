#include "platform/kube/elector.h"

#include <gtest/gtest.h>

#include "platform/kube/elector/lease.h"
#include "platform/kube/testing/fake_cluster.h"

namespace ordeal::kube {
namespace {

// One replica with a clock of its own.
struct Replica {
  Replica(const FakeCluster& cluster, const std::string& identity, BootTime& now)
      : client(client_of(cluster.access())), options{.lease = {"ordeal", "leader"}, .identity = identity} {
    options.now = [&now] { return now; };
    elector = std::make_unique<Elector>(*client, options, [this](bool leads) { told.push_back(leads); });
  }
  void turn() {
    pollfd wait{client->descriptor(), POLLIN, 0};
    poll(&wait, 1, 1);
    client->dispatch();
    if (elector) elector->dispatch();
  }
  bool leads() const { return elector && elector->leads(); }

  std::unique_ptr<Client> client;
  ElectorOptions options;
  std::unique_ptr<Elector> elector;
  std::vector<bool> told;
};

class ElectorTest : public testing::Test {
 protected:
  // Turns the replicas until `done`, a step of the clock after each; never do two of them lead.
  bool turn(std::vector<Replica*> replicas, const std::function<bool()>& done, Nanos step = 0ns, Nanos within = 30s) {
    BootTime until = boot_now() + within;
    while (!done() && boot_now() < until) {
      int leaders = 0;
      for (Replica* replica : replicas) {
        replica->turn();
        leaders += replica->leads();
      }
      EXPECT_LE(leaders, 1);
      now_ += step;
    }
    return done();
  }
  // So much time of the clock, in small steps.
  void pass(std::vector<Replica*> replicas, Nanos time, Nanos step = 50ms) {
    BootTime end = now_ + time;
    turn(
        std::move(replicas), [&] { return now_ >= end; }, step);
  }

  BootTime now_ = boot_now();
  FakeCluster cluster_{1};
};

TEST_F(ElectorTest, TheFirstMakesTheLeaseAndRenewsIt) {
  Replica a(cluster_, "a", now_);
  EXPECT_FALSE(a.leads());
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  EXPECT_EQ(a.told, std::vector<bool>{true});
  json::Value lease = cluster_.objects().at("leader");
  EXPECT_EQ(text_at(lease, "spec.holderIdentity"), "a");
  EXPECT_EQ(number_at(lease, "spec.leaseDurationSeconds"), 15);
  std::string first = text_at(lease, "metadata.resourceVersion");
  pass({&a}, 30s);
  EXPECT_TRUE(a.leads());
  EXPECT_NE(text_at(cluster_.objects().at("leader"), "metadata.resourceVersion"), first);
  EXPECT_EQ(number_at(cluster_.objects().at("leader"), "spec.leaseTransitions"), 0);
  // Six or seven in thirty seconds.
  EXPECT_GE(cluster_.requests("PUT"), 5u);
  EXPECT_LE(cluster_.requests("PUT"), 9u);
}

TEST_F(ElectorTest, AnotherTakesOverOnlyAfterTheWholeLeaseOfSilence) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  Replica b(cluster_, "b", now_);
  ASSERT_TRUE(turn({&b}, [&] { return b.elector->holder() == "a"; }));
  BootTime seen = now_;
  ASSERT_TRUE(turn(
      {&b}, [&] { return b.leads(); }, 20ms));
  EXPECT_GE(now_ - seen, 15s);
  EXPECT_LE(now_ - seen, 17s);
  EXPECT_FALSE(a.leads());  // by its own clock, without having heard anything
  EXPECT_EQ(number_at(cluster_.objects().at("leader"), "spec.leaseTransitions"), 1);
  ASSERT_TRUE(turn({&a, &b}, [&] { return a.told == std::vector<bool>{true, false}; }));
  pass({&a, &b}, 20s);
  EXPECT_TRUE(b.leads());
}

TEST_F(ElectorTest, WhoCannotReachTheServerStopsLeadingAndLeadsAgainLater) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  cluster_.set({.refuse = 1});
  BootTime since = now_;
  ASSERT_TRUE(turn(
      {&a}, [&] { return !a.leads(); }, 20ms));
  EXPECT_LE(now_ - since, 10s + 100ms);
  ASSERT_TRUE(turn({&a}, [&] { return a.told.size() == 2; }));
  cluster_.set({});
  ASSERT_TRUE(turn(
      {&a}, [&] { return a.leads(); }, 20ms));
  EXPECT_EQ(a.told, (std::vector<bool>{true, false, true}));
}

TEST_F(ElectorTest, ALeaseThatIsGivenBackIsTakenAtTheNextLook) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  Replica b(cluster_, "b", now_);
  ASSERT_TRUE(turn({&b}, [&] { return b.elector->holder() == "a"; }));
  bool done = false;
  a.elector->release([&] { done = true; });
  EXPECT_FALSE(a.leads());
  ASSERT_TRUE(turn({&a}, [&] { return done; }));
  EXPECT_EQ(field_at(cluster_.objects().at("leader"), "spec.holderIdentity"), nullptr);
  BootTime since = now_;
  ASSERT_TRUE(turn(
      {&a, &b}, [&] { return b.leads(); }, 20ms));
  EXPECT_LE(now_ - since, 4s);
  pass({&a, &b}, 20s);
  EXPECT_FALSE(a.leads());  // it does not stand again
}

TEST_F(ElectorTest, ARenewalThatIsUnderWayDoesNotKeepALeaseFromBeingGivenBack) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  // As if a renewal had come to the server, and its answer not to us.
  json::Value lease = cluster_.objects().at("leader");
  Request renewal = replace(kLeases, {"ordeal", "leader"}, lease);
  auto other = client_of(cluster_.access());
  ASSERT_TRUE(ask(*other, renewal));
  bool done = false;
  a.elector->release([&] { done = true; });
  ASSERT_TRUE(turn({&a}, [&] { return done; }));
  EXPECT_EQ(field_at(cluster_.objects().at("leader"), "spec.holderIdentity"), nullptr);
}

TEST_F(ElectorTest, ReleaseEndsThoughTheServerIsAwayOrNothingIsHeld) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  Replica b(cluster_, "b", now_);
  cluster_.set({.refuse = 1});
  int done = 0;
  a.elector->release([&] { ++done; });
  b.elector->release([&] { ++done; });
  EXPECT_EQ(done, 0);
  ASSERT_TRUE(turn({&a, &b}, [&] { return done == 2; }));
  pass({&a, &b}, 5s);
  EXPECT_EQ(done, 2);
}

TEST_F(ElectorTest, AHolderWithALongerLeaseIsGivenItsTime) {
  LeaseRecord none;
  auto other = client_of(cluster_.access());
  ASSERT_TRUE(ask(*other, create(kLeases, {"ordeal", ""}, held_by(none, "leader", "x", 60s, wall_now()))));
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.elector->holder() == "x"; }));
  BootTime seen = now_;
  ASSERT_TRUE(turn(
      {&a}, [&] { return a.leads(); }, 100ms));
  EXPECT_GE(now_ - seen, 60s);
}

TEST_F(ElectorTest, ALeaderWhoseLeaseIsDeletedMakesItAgain) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  cluster_.remove("leader");
  pass({&a}, 8s);
  EXPECT_TRUE(a.leads());
  EXPECT_EQ(text_at(cluster_.objects().at("leader"), "spec.holderIdentity"), "a");
}

TEST_F(ElectorTest, ALeaderThatSeesAnotherHolderStopsAtOnce) {
  Replica a(cluster_, "a", now_);
  ASSERT_TRUE(turn({&a}, [&] { return a.leads(); }));
  auto other = client_of(cluster_.access());
  LeaseRecord record = LeaseRecord::of(cluster_.objects().at("leader"));
  ASSERT_TRUE(ask(*other, replace(kLeases, {"ordeal", "leader"}, held_by(record, "leader", "x", 15s, wall_now()))));
  BootTime since = now_;
  ASSERT_TRUE(turn(
      {&a}, [&] { return !a.leads(); }, 20ms));
  EXPECT_LT(now_ - since, 6s);
  EXPECT_EQ(a.elector->holder(), "x");
}

TEST_F(ElectorTest, TheCallOfAChangeMayDestroyIt) {
  auto client = client_of(cluster_.access());
  ElectorOptions options{.lease = {"ordeal", "leader"}, .identity = "a"};
  std::unique_ptr<Elector> elector;
  int told = 0;
  elector = std::make_unique<Elector>(*client, options, [&](bool) { ++told, elector.reset(); });
  elector->dispatch();
  ASSERT_TRUE(drive(*client, [&] { return told == 1; }));
}

// Three replicas, each cut off or slow at random: never two leaders, and in the end one.
TEST_F(ElectorTest, UnderRefusalsAndRestartsThereAreNeverTwo) {
  Random random(5);
  std::vector<std::unique_ptr<Replica>> replicas;
  for (int i = 0; i < 3; ++i) replicas.push_back(std::make_unique<Replica>(cluster_, "r" + std::to_string(i), now_));
  std::vector<Replica*> all;
  for (auto& replica : replicas) all.push_back(replica.get());
  auto transitions = [&] {
    auto objects = cluster_.objects();
    return objects.count("leader") ? number_at(objects.at("leader"), "spec.leaseTransitions") : 0;
  };
  // How many there are is chance: the requests of a slow machine fall otherwise.
  for (int round = 0; round < 25 || (transitions() < 3 && round < 250); ++round) {
    cluster_.set({.refuse = random.below(3) == 0 ? 0.9 : 0.1});
    std::vector<Replica*> awake = all;
    awake.erase(awake.begin() + static_cast<ptrdiff_t>(random.below(awake.size())));  // this one is frozen
    pass(awake, milliseconds(2000 + random.below(20'000)), 250ms);
    int leaders = 0;
    for (Replica* replica : all) leaders += replica->leads();
    EXPECT_LE(leaders, 1);
  }
  cluster_.set({});
  EXPECT_TRUE(turn(
      all, [&] { return all[0]->leads() || all[1]->leads() || all[2]->leads(); }, 50ms));
  EXPECT_GE(transitions(), 3);
}

TEST(LeaseRecord, KeepsWhatOthersPutOnTheObject) {
  json::Value object{{"metadata", {{"name", "l"}, {"labels", {{"a", "b"}}}, {"resourceVersion", "5"}}},
                     {"spec", {{"holderIdentity", "x"}, {"leaseTransitions", 3}, {"strategy", "Oldest"}}}};
  LeaseRecord record = LeaseRecord::of(object);
  json::Value taken = held_by(record, "l", "me", 1500ms, 0ns);
  EXPECT_EQ(json::write(taken),
            R"({"metadata":{"name":"l","labels":{"a":"b"},"resourceVersion":"5"},"spec":{"holderIdentity":"me",)"
            R"("leaseTransitions":4,"strategy":"Oldest","acquireTime":"1970-01-01T00:00:00.000000Z",)"
            R"("leaseDurationSeconds":2,"renewTime":"1970-01-01T00:00:00.000000Z"}})");
  json::Value renewed = held_by(LeaseRecord::of(taken), "l", "me", 15s, 2s);
  EXPECT_EQ(text_at(renewed, "spec.acquireTime"), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(text_at(renewed, "spec.renewTime"), "1970-01-01T00:00:02.000000Z");
  EXPECT_TRUE(LeaseRecord::of(renewed).renewed_since(LeaseRecord::of(taken)));
  // A label that somebody changes is no renewal.
  json::Value labelled = renewed;
  labelled.at("metadata").as_object()["labels"] = "other";
  EXPECT_FALSE(LeaseRecord::of(labelled).renewed_since(LeaseRecord::of(renewed)));
}

}  // namespace
}  // namespace ordeal::kube

// The peers of a partition: judged as victims are, as it begins and while it is in force.
#include "core/json/value.h"
#include "fault/attacks/faults.h"
#include "net_fixture.h"
#include "platform/sys/process/process.h"
#include "platform/sys/process/spawn.h"

namespace ordeal::testing {
namespace {

class Partition : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    victim_process_ = start_in(*pair_.here, "91.1");
    peer_process_ = start_in(*pair_.there, "91.2");
    attack_.type = "partition";
    attack_.args = json::parse_document(R"({"peer": {"type": "process", "name": "sleep"}})")->value.get_object();
    ASSERT_TRUE(fault::resolve(attack_));
    attack_.peers = {victim_of(*peer_process_, *pair_.there, "db")};
    context_.now = boot_now();
    context_.length = 60s;
    context_.random = &random_;
    context_.protection = [this]() -> Result<const fault::Protection*> { return &protection_; };
  }
  static std::unique_ptr<sys::Child> start_in(const sys::NetNs& where, const std::string& how_long) {
    return std::make_unique<sys::Child>(*where.run([&]() -> Result<sys::Child> {
      sys::SpawnOptions options;
      options.argv = {"sleep", how_long};
      return sys::Child::start(options);
    }));
  }
  static Victim victim_of(const sys::Child& child, const sys::NetNs& where, const std::string& name) {
    Victim victim;
    victim.kind = VictimKind::kProcess;
    victim.name = name;
    auto stat = *sys::read_stat(child.pid());
    victim.processes = {{stat.pid, stat.start_ticks}};
    victim.netns = where.id().inode;
    return victim;
  }
  static Victim host() {
    Victim victim;
    victim.kind = VictimKind::kHost;
    victim.name = "host";
    return victim;
  }
  void protect(const std::string& entry) {
    auto policy = *decode_policy(*json::parse_document("protected: {namespaces: [production]}"), "policy.yaml");
    auto inventory = *decode_inventory(*json::parse_document("- {name: dear, namespace: production, " + entry + "}"));
    protection_ = *fault::Protection::create({policy}, inventory);
  }
  Result<std::vector<Step>> plan() { return fault::partition_fault().plan(victim(), attack_, protection_); }
  Victim victim() { return victim_of(*victim_process_, *pair_.here, "shop"); }
  // What ends it, within two seconds.
  static std::string end_of(fault::Impact& impact) {
    for (BootTime end = boot_now() + 2s; boot_now() < end; std::this_thread::sleep_for(20ms)) {
      if (auto worked = impact.work(boot_now()); !worked) return worked.error().message();
      (void)impact.renew();
    }
    return "";
  }

  VethPair pair_;
  Random random_{1};
  fault::Protection protection_;
  fault::Context context_;
  Attack attack_;
  std::unique_ptr<sys::Child> victim_process_, peer_process_;
};

TEST_F(Partition, NeitherSideIsTheHost) {
  ASSERT_TRUE(plan()) << plan().error().message();
  auto hit = fault::partition_fault().plan(host(), attack_, protection_);
  ASSERT_FALSE(hit);
  EXPECT_EQ(hit.error().code, Errc::kRefused);
  attack_.peers = {host()};
  ASSERT_FALSE(plan());
  EXPECT_EQ(plan().error().code, Errc::kRefused);
}

TEST_F(Partition, APeerIsAloneInItsNetworkNamespaceAndNotProtected) {
  protect("kind: pod, match: '^sleep 91.2$'");
  ASSERT_FALSE(plan());
  EXPECT_EQ(plan().error().code, Errc::kRefused);
  protection_ = fault::Protection();
  auto other = start_in(*pair_.there, "91.3");
  auto refused = plan();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("other processes share the network namespace"), std::string::npos)
      << refused.error().message();
}

TEST_F(Partition, EndsWhenAPeerIsGone) {
  auto impact = fault::partition_fault().apply(victim(), attack_, context_);
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE((*impact)->work(boot_now()));
  peer_process_.reset();
  EXPECT_NE(end_of(**impact).find("the peer db is gone"), std::string::npos);
}

TEST_F(Partition, EndsWhenSomebodyProtectedJoinsAPeer) {
  protect("kind: pod, match: '^sleep 91.4$'");
  auto impact = fault::partition_fault().apply(victim(), attack_, context_);
  ASSERT_TRUE(impact) << impact.error().message();
  auto other = start_in(*pair_.there, "91.4");
  EXPECT_NE(end_of(**impact).find("the peer db is refused"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::testing

#include "app/agent/node/node_pods.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/agent/node/node_view.h"
#include "core/base/io/file.h"
#include "core/json/yaml.h"
#include "core/model/input/inventory.h"

namespace ordeal::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUid = "0f1e2d3c-0001-4000-8000-0123456789ab";
constexpr const char* kUidInSlice = "0f1e2d3c_0001_4000_8000_0123456789ab";
constexpr const char* kHash = "00112233445566778899aabbccddeeff";
const std::string kId(64, 'a');
const std::string kOtherId(64, 'b');
const std::string kSandbox(64, 'c');

constexpr uint64_t kHostNet = 1;
constexpr uint64_t kPodNet = 7;

// A machine of one pod whose cgroups are ordinary folders.
class Node : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "ordeal-node-pods-" + std::to_string(::getpid());
    fs::create_directories(root_);
    std::ofstream(root_ + "/mountinfo") << "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n";
    fs::create_directories(root_ + "/cg");
    snapshot_.cgroups = *sys::CgroupTree::discover(root_ + "/mountinfo", root_);
    add(1, "/init.scope", kHostNet, "systemd");
    pod_.namespace_ = "shop";
    pod_.name = "api-1";
    pod_.uid = kUid;
    pod_.labels = {{"app", "api"}};
    pod_.phase = "Running";
    pod_.containers = {{"main", kId, true, true}, {"side", kOtherId, true, true}};
  }
  void TearDown() override { fs::remove_all(root_); }

  sys::Process& add(pid_t pid, const std::string& path, uint64_t netns = kPodNet, const std::string& comm = "sleep") {
    fs::create_directories(root_ + "/cg" + path);
    sys::Process process;
    process.pid = pid;
    process.start_ticks = 100 + static_cast<uint64_t>(pid);
    process.ppid = pid == 1 ? 0 : 1;
    process.state = 'S';
    process.comm = comm;
    process.argv = {comm};
    process.netns = netns;
    process.cgroups = {{{}, path}};
    snapshot_.processes.push_back(process);
    return snapshot_.processes.back();
  }
  // The pod as the kubelet and a runtime lay it out below `home`.
  void run_pod(const std::string& home, const std::string& prefix = "", const std::string& suffix = "") {
    add(50, home + "/" + prefix + kSandbox + suffix, kPodNet, "pause");
    add(51, home + "/" + prefix + kId + suffix);
    add(52, home + "/" + prefix + kOtherId + suffix);
  }
  Result<Victim> find(const cluster::ClusterVictim& victim, bool network = false) const {
    std::vector<cluster::Pod> pods{pod_};
    return NodePods(pods, snapshot_).find(victim, network);
  }
  std::string why(const cluster::ClusterVictim& victim, bool network = false) const {
    auto found = find(victim, network);
    return found ? "" : found.error().message();
  }
  cluster::ClusterVictim whole() const { return {"pod", "shop", "api-1", kUid, "", ""}; }
  cluster::ClusterVictim container() const { return {"container", "shop", "api-1", kUid, "main", kId}; }

  std::string root_;
  target::Snapshot snapshot_;
  cluster::Pod pod_;
};

std::vector<pid_t> pids(const Victim& victim) {
  std::vector<pid_t> all;
  for (const ProcessId& id : victim.processes) all.push_back(id.pid);
  return all;
}

TEST_F(Node, EveryLayoutOfAKubeletIsFound) {
  struct Layout {
    std::string home, prefix, suffix;
  };
  for (const Layout& layout : std::vector<Layout>{
           {std::string("/kubepods/besteffort/pod") + kUid, "", ""},
           {std::string("/kubepods/burstable/pod") + kUid, "", ""},
           {std::string("/kubepods/pod") + kUid, "crio-", ""},
           {std::string("/kubepods.slice/kubepods-pod") + kUidInSlice + ".slice", "cri-containerd-", ".scope"},
           {std::string("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod") + kUidInSlice + ".slice",
            "cri-containerd-", ".scope"},
           {std::string("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod") + kUidInSlice + ".slice",
            "crio-", ".scope"},
           {std::string("/kubepods.slice/kubepods-pod") + kUidInSlice + ".slice", "docker-", ".scope"}}) {
    snapshot_.processes.resize(1);
    run_pod(layout.home, layout.prefix, layout.suffix);
    auto victim = find(whole());
    ASSERT_TRUE(victim) << victim.error().message();
    EXPECT_EQ(victim->cgroup, layout.home);
    EXPECT_EQ(pids(*victim), (std::vector<pid_t>{50, 51, 52})) << "the sandbox is part of the pod";
    EXPECT_EQ(victim->processes[0].start_ticks, 150u);
    EXPECT_NE(victim->cgroup_inode, 0u);
    EXPECT_EQ(victim->netns, kPodNet);
    EXPECT_EQ(victim->labels, (Labels{{"app", "api"}}));
    auto one = find(container());
    ASSERT_TRUE(one) << one.error().message();
    EXPECT_EQ(one->cgroup, layout.home + "/" + layout.prefix + kId + layout.suffix);
    EXPECT_EQ(pids(*one), (std::vector<pid_t>{51}));
    EXPECT_EQ(one->name, "shop/api-1/main");
    EXPECT_EQ(one->kind, VictimKind::kContainer);
  }
}

TEST_F(Node, TheHierarchiesOfVersionOneAreOnePod) {
  std::string home = std::string("/kubepods/besteffort/pod") + kUid;
  run_pod(home);
  for (sys::Process& process : snapshot_.processes)
    if (process.pid != 1)
      process.cgroups = {{{"cpu"}, process.cgroups[0].path}, {{"memory"}, process.cgroups[0].path}, {{}, "/"}};
  auto victim = find(whole());
  ASSERT_TRUE(victim) << victim.error().message();
  EXPECT_EQ(pids(*victim), (std::vector<pid_t>{50, 51, 52}));
}

TEST_F(Node, AStaticPodIsFoundByItsContainers) {
  run_pod(std::string("/kubepods/burstable/pod") + kHash);
  EXPECT_TRUE(find(whole()));
  pod_.containers[0].id = std::string(64, 'd');
  pod_.containers[1].id = std::string(64, 'e');
  EXPECT_NE(why(whole()).find("no process is in a cgroup of the pod"), std::string::npos);
}

TEST_F(Node, WhatIsNotThePlannedOneIsAnError) {
  run_pod(std::string("/kubepods/besteffort/pod") + kUid);
  cluster::ClusterVictim victim = whole();
  victim.uid = "another";
  EXPECT_NE(why(victim).find("was replaced: its uid is"), std::string::npos);
  victim = whole();
  victim.pod = "api-2";
  EXPECT_EQ(why(victim), "there is no pod shop/api-2 on this node");
  victim = container();
  victim.container_id = kSandbox;
  EXPECT_NE(why(victim).find("main of shop/api-1 was replaced"), std::string::npos);
  victim = container();
  victim.container = "other";
  EXPECT_EQ(why(victim), "the pod shop/api-1 has no container other");
  pod_.containers[0].running = false;
  EXPECT_NE(why(container()).find("does not run"), std::string::npos);
  pod_.terminating = true;
  EXPECT_NE(why(whole()).find("being deleted"), std::string::npos);
}

TEST_F(Node, AContainerInAnotherPodsCgroupIsNotTaken) {
  add(60, "/kubepods/besteffort/podaaaaaaaa-0001-4000-8000-0123456789ab/" + kId);
  EXPECT_NE(why(container()).find("is in a cgroup of another pod"), std::string::npos);
}

TEST_F(Node, AContainerWithoutProcessesIsAnError) {
  EXPECT_NE(why(container()).find("no process is in a cgroup of the container main"), std::string::npos);
  EXPECT_NE(why(whole()).find("no process is in a cgroup of the pod shop/api-1"), std::string::npos);
}

TEST_F(Node, TheHostsNetworkIsNeverAttackedThroughAPod) {
  run_pod(std::string("/kubepods/besteffort/pod") + kUid);
  EXPECT_EQ(why(whole(), true), "");
  pod_.host_network = true;
  EXPECT_NE(why(whole(), true).find("has the host's network"), std::string::npos);
  EXPECT_EQ(why(whole(), false), "");
  pod_.host_network = false;  // whatever the API server says
  for (sys::Process& process : snapshot_.processes) process.netns = kHostNet;
  EXPECT_NE(why(container(), true).find("has the host's network"), std::string::npos);
}

TEST_F(Node, TheInventoryHoldsEveryPodAndContainer) {
  run_pod(std::string("/kubepods/besteffort/pod") + kUid);
  cluster::Pod elsewhere = pod_;
  elsewhere.name = "pending";
  elsewhere.uid = "11111111-0001-4000-8000-0123456789ab";
  elsewhere.containers.clear();
  std::vector<cluster::Pod> pods{pod_, elsewhere};
  auto text = NodePods(pods, snapshot_).inventory();
  ASSERT_TRUE(text);
  auto entries = decode_inventory(*json::parse_document(*text));
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "shop/api-1");
  EXPECT_EQ((*entries)[0].kind, VictimKind::kPod);
  EXPECT_EQ((*entries)[0].namespace_, "shop");
  EXPECT_EQ((*entries)[0].labels, (Labels{{"app", "api"}}));
  EXPECT_EQ((*entries)[0].cgroup, std::string("/kubepods/besteffort/pod") + kUid);
  EXPECT_EQ((*entries)[1].name, "shop/api-1/main");
  EXPECT_EQ((*entries)[2].kind, VictimKind::kContainer);
}

TEST_F(Node, AnInventoryThatIsTooLargeLeavesContainersOutAndNeverPods) {
  std::vector<cluster::Pod> pods;
  for (int i = 0; i < 1500; ++i) {
    cluster::Pod pod = pod_;
    pod.name = "api-" + std::to_string(i);
    pod.uid = fmt::format("{:08x}-0001-4000-8000-0123456789ab", i);
    pod.labels["padding"] = std::string(200, 'x');
    pod.containers = {{"main", fmt::format("{:064x}", i), true, true}};
    add(1000 + i, fmt::format("/kubepods/pod{}/{:064x}", pod.uid, i));
    pods.push_back(std::move(pod));
  }
  auto text = NodePods(pods, snapshot_).inventory();
  ASSERT_TRUE(text);
  EXPECT_LE(text->size(), kMaxInputBytes);
  EXPECT_NE(text->find("\"shop/api-1499\""), std::string::npos);
  EXPECT_EQ(text->find("\"shop/api-1499/main\""), std::string::npos);
  for (cluster::Pod& pod : pods) pod.labels["padding"] = std::string(2000, 'x');
  EXPECT_EQ(NodePods(pods, snapshot_).inventory().error().code, Errc::kRefused);
}

class Judged : public Node {
 protected:
  void SetUp() override {
    Node::SetUp();
    run_pod(std::string("/kubepods/besteffort/pod") + kUid);
    view_.pods = {pod_};
  }
  std::string refusal(const std::string& policy, const std::string& own = "ordeal") {
    auto decoded = decode_cluster_policy(policy, {"ordeal", "ordeal-config"});
    if (!decoded) return decoded.error().message();
    view_.policy = *decoded;
    cluster::Injection injection;
    injection.namespace_ = home_;
    cluster::PlannedImpact impact;
    impact.victim = victim_ ? *victim_ : whole();
    impact.attack.type = attack_;
    injection.spec.impacts.push_back(impact);
    auto found = find_victims(injection, view_, snapshot_, {"n1", own, {"ordeal", "ordeal-config"}});
    if (!found) return found.error().message();
    return found->victims[0] ? "" : found->victims[0].error().message();
  }
  void hit_the_node() {
    victim_ = cluster::ClusterVictim{"node", "", "", "node-uid", "", ""};
    view_.node_uid = "node-uid";
    attack_ = "cpu";
  }
  NodeView view_;
  std::string home_ = "shop", attack_ = "latency";
  std::optional<cluster::ClusterVictim> victim_;
};

// Else each load would end at the first look after it began.
TEST_F(Judged, TheLoadThatAGuardOfOursMakesInThePodIsNoReasonToEndIt) {
  add(90, std::string("/kubepods/besteffort/pod") + kUid, kPodNet, "ordeal-burn").ppid = 91;
  add(91, "/agent", kHostNet, "ordeal-guard").ppid = ::getpid();
  EXPECT_EQ(refusal("caps: {}"), "");
  sys::Process& burner = *(snapshot_.processes.end() - 2);
  burner.comm = "ordeal-guard", burner.exe = "/usr/libexec/ordeal-guard";
  EXPECT_EQ(refusal("caps: {}"), "") << "before it has named itself";
  burner.comm = "ordeal-burn";
  snapshot_.processes.back().ppid = 1;
  EXPECT_EQ(refusal("caps: {}"), "shop/api-1 is refused: ordeal-burn is always protected (pid 90)");
}

TEST_F(Judged, AnExperimentDoesNotLeaveItsNamespace) {
  home_ = "other";
  EXPECT_EQ(refusal("caps: {}"),
            "ConfigMap ordeal/ordeal-config: cross_namespace is not allowed: the target is in shop, and the Experiment "
            "in other");
  EXPECT_EQ(refusal("cross_namespace: true"), "");
  hit_the_node();
  EXPECT_NE(refusal("caps: {}").find("cross_namespace is not allowed: a node is in no namespace"), std::string::npos);
  EXPECT_EQ(refusal("cross_namespace: true"), "");
}

TEST_F(Judged, ANodeThatWasReplacedIsNotHit) {
  hit_the_node();
  view_.node_uid = "another";
  EXPECT_NE(refusal("cross_namespace: true").find("its uid is another"), std::string::npos);
}

TEST_F(Judged, ANodeIsHitWithEveryPodThatIsOnIt) {
  hit_the_node();
  cluster::Pod joined = pod_;
  joined.namespace_ = "payments";
  joined.uid = "11111111-0001-4000-8000-0123456789ab";
  joined.phase = "Pending";
  view_.pods.push_back(joined);
  const char* policy = "cross_namespace: true\nprotected: {namespaces: [payments]}";
  EXPECT_EQ(refusal(policy),
            "the node n1 is refused: the pod payments/api-1 is on it: ConfigMap ordeal/ordeal-config: "
            "protected.namespaces lists \"payments\"");
  view_.pods.back().phase = "Succeeded";
  EXPECT_EQ(refusal(policy), "");
  view_.pods.back().phase = "Running";
  EXPECT_NE(refusal(policy, "payments"), "") << "what else is in its namespace is protected";
  view_.pods.back().labels["app.kubernetes.io/name"] = "ordeal";
  EXPECT_EQ(refusal(policy, "payments"), "") << "Ordeal's own pods are on every node";
}

TEST_F(Node, AnInventoryCanLeaveOrdealsOwnPodsOut) {
  run_pod(std::string("/kubepods/besteffort/pod") + kUid);
  pod_.labels["app.kubernetes.io/name"] = "ordeal";
  std::vector<cluster::Pod> pods{pod_};
  EXPECT_NE(NodePods(pods, snapshot_).inventory().value().find("shop/api-1"), std::string::npos);
  EXPECT_EQ(NodePods(pods, snapshot_).inventory("shop").value().find("shop/api-1"), std::string::npos);
}

TEST_F(Judged, ANetworkFaultOnANodeWhoseKubeletIsNotFoundIsRefused) {
  hit_the_node();
  attack_ = "latency";
  EXPECT_NE(refusal("cross_namespace: true").find("would cut off the kubelet"), std::string::npos);
}

TEST_F(Judged, APodThatTheApiDoesNotListProtectsItsNode) {
  hit_the_node();
  add(80, "/kubepods/besteffort/podaaaaaaaa-0001-4000-8000-0123456789ab");
  EXPECT_NE(refusal("cross_namespace: true").find("(uid aaaaaaaa-0001-4000-8000-0123456789ab)"), std::string::npos);
  victim_.reset();
  attack_ = "latency";
  EXPECT_EQ(refusal("caps: {}"), "");
}

TEST_F(Judged, ThePolicyBindsTheAgentByTheLabelsThatItReads) {
  EXPECT_EQ(refusal("caps: {max_targets: 5}"), "");
  EXPECT_EQ(refusal("protected: {labels: {app: api}}"),
            "shop/api-1 is refused by ConfigMap ordeal/ordeal-config: protected.labels lists app=api");
  EXPECT_EQ(refusal("protected: {namespaces: [shop]}"),
            "shop/api-1 is refused by ConfigMap ordeal/ordeal-config: protected.namespaces lists \"shop\"");
  EXPECT_NE(refusal("blast_radius: {namespaces: [other]}").find("blast_radius.namespaces does not list"),
            std::string::npos);
}

TEST_F(Judged, ItsOwnNamespaceAndWhatANodeLivesOnAreAlwaysProtected) {
  EXPECT_NE(refusal("caps: {}", "shop").find("Ordeal's own"), std::string::npos);
  add(70, std::string("/kubepods/besteffort/pod") + kUid + "/" + kId, kPodNet, "containerd");
  EXPECT_NE(refusal("caps: {}").find("containerd is always protected (pid 70)"), std::string::npos);
}

TEST_F(Judged, APolicyThatCannotBeReadAllowsNothing) {
  EXPECT_NE(refusal("nonsense: 1").find("which policy applies is not known"), std::string::npos);
  kube::ObjectName name{"gremlin", "gremlin-config"};
  auto text = [&](const char* object) { return policy_text(*json::parse(object), name); };
  EXPECT_EQ(*text(R"({"data":{"config.yaml":"caps: {}","other":"x"}})"), "caps: {}");
  EXPECT_EQ(*text(R"({"data":{"only":"caps: {}"}})"), "caps: {}");
  for (const char* object : {R"({})", R"({"data":{}})", R"({"data":{"a":"x","b":"y"}})", R"({"data":{"a":1}})"})
    EXPECT_EQ(text(object).error().code, Errc::kRefused) << object;
}

}  // namespace
}  // namespace ordeal::agent

#include "platform/sys/cgroup/container.h"

#include <gtest/gtest.h>

namespace ordeal::sys {
namespace {

const std::string kId(64, 'a');
const std::string kOther(64, 'b');
const std::string kUid = "3f1c2d4e-0000-4a5b-8c6d-123456789abc";
const std::string kUidScored = "3f1c2d4e_0000_4a5b_8c6d_123456789abc";

struct Case {
  std::string path;
  std::string runtime;  // "" is: no container
  std::string id;
  std::string pod_uid;
  std::string cgroup;  // "" is: the whole path
};

const std::vector<Case> kCases{
    {"/docker/" + kId, "docker", kId, "", ""},
    {"/system.slice/docker-" + kId + ".scope", "docker", kId, "", ""},
    {"/docker/" + kId + "/init.scope/x", "docker", kId, "", "/docker/" + kId},
    {"/default/t2", "containerd", "t2", "", ""},
    {"/default/" + kId, "containerd", kId, "", ""},
    {"/k8s.io/" + kId, "containerd", kId, "", ""},
    {"/system.slice/nerdctl-" + kId + ".scope", "containerd", kId, "", ""},
    {"/kubepods/burstable/pod" + kUid + "/" + kId, "cri", kId, kUid, ""},
    {"/kubepods/pod" + kUid + "/" + kId + "/sub", "cri", kId, kUid, "/kubepods/pod" + kUid + "/" + kId},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidScored + ".slice/cri-containerd-" + kId +
         ".scope",
     "containerd", kId, kUid, ""},
    {"/kubepods.slice/kubepods-pod" + kUidScored + ".slice/crio-" + kId + ".scope", "crio", kId, kUid, ""},
    {"/kubepods/besteffort/pod" + kUid + "/crio-" + kId, "crio", kId, kUid, ""},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + kUidScored + ".slice/docker-" + kId +
         ".scope",
     "docker", kId, kUid, ""},
    {"/kubepods/burstable/pod" + std::string(32, 'c') + "/" + kId, "cri", kId, std::string(32, 'c'), ""},
    {"/system.slice/containerd.service/kubepods-burstable-pod" + kUidScored + ".slice:cri-containerd:" + kId,
     "containerd", kId, kUid, ""},
    {"/machine.slice/libpod-" + kId + ".scope/container", "podman", kId, "", "/machine.slice/libpod-" + kId + ".scope"},
    {"/libpod_parent/libpod-" + kId, "podman", kId, "", ""},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope", "podman", kId, "", ""},
    // kind: a kubelet inside Docker; the inner container is the one
    {"/docker/" + kOther + "/kubelet/kubepods/burstable/pod" + kUid + "/" + kId, "cri", kId, kUid, ""},
    {"/docker/" + kOther + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + kUidScored +
         ".slice/cri-containerd-" + kId + ".scope",
     "containerd", kId, kUid, ""},
    // not containers
    {"/", "", "", "", ""},
    {"", "", "", "", ""},
    {"/shop/db", "", "", "", ""},
    {"/docker", "", "", "", ""},
    {"/system.slice/docker.service", "", "", "", ""},
    {"/system.slice/sshd.service", "", "", "", ""},
    {"/user.slice/default/thing", "", "", "", ""},
    {"/machine.slice/libpod-conmon-" + kId + ".scope", "", "", "", ""},
    {"/kubepods.slice/kubepods-pod" + kUidScored + ".slice/crio-conmon-" + kId + ".scope", "", "", "", ""},
    {"/kubepods/burstable/pod" + kUid, "", "", "", ""},
    {"/docker/short", "", "", "", ""},
};

TEST(Container, EveryRuntimesPathIsUnderstood) {
  for (const Case& expected : kCases) {
    auto found = container_of_cgroup(expected.path);
    ASSERT_EQ(found.has_value(), !expected.runtime.empty()) << expected.path;
    if (!found) continue;
    EXPECT_EQ(found->runtime, expected.runtime) << expected.path;
    EXPECT_EQ(found->id, expected.id) << expected.path;
    EXPECT_EQ(found->pod_uid, expected.pod_uid) << expected.path;
    EXPECT_EQ(found->cgroup, expected.cgroup.empty() ? expected.path : expected.cgroup);
  }
}

TEST(Container, APodIsFoundAlsoWithoutAContainer) {
  std::string slice = "/kubepods.slice/kubepods-pod" + kUidScored + ".slice";
  for (const std::string& path :
       {slice, slice + "/crio-conmon-" + kId + ".scope", slice + "/cri-containerd-" + kId + ".scope"}) {
    auto pod = pod_of_cgroup(path);
    ASSERT_TRUE(pod) << path;
    EXPECT_EQ(pod->pod_uid, kUid);
    EXPECT_EQ(pod->pod_cgroup, slice);
  }
  EXPECT_FALSE(pod_of_cgroup("/kubepods.slice/kubepods-podium.slice"));
  EXPECT_FALSE(pod_of_cgroup("/"));
}

}  // namespace
}  // namespace ordeal::sys

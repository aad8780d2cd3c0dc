#include "fault/target/lookup.h"

#include "fault/target/recorded_host.h"
#include "fault/target/select.h"

namespace ordeal::target {
namespace {

const std::string kA(64, 'a');
const std::string kB(64, 'b');
const std::string kC(64, 'c');
const std::string kPodUid = "3f1c2d4e-0000-4a5b-8c6d-123456789abc";
const std::string kPodScored = "3f1c2d4e_0000_4a5b_8c6d_123456789abc";
const std::string kUserManager = "/user.slice/user-1000.slice/user@1000.service";

// Debian 12: version 2 alone.
std::string v2(const std::string& path) { return "0::" + path + "\n"; }
// Debian 10: version 1 with systemd's own hierarchy, and version 2 beside it without controllers.
std::string hybrid(const std::string& path, const std::string& unified) {
  return "9:memory:" + path + "\n4:cpu,cpuacct:" + path + "\n1:name=systemd:" + path + "\n0::" + unified + "\n";
}

Target asking(TargetType type, std::vector<std::string> names, const std::string& cgroup = "") {
  Target target;
  target.type = type;
  target.names = std::move(names);
  target.cgroup = cgroup;
  return target;
}

class Lookup : public RecordedHost {
 protected:
  Result<Selection> unit(const std::string& name, const std::string& cgroup = "") {
    return select(asking(TargetType::kSystemd, name.empty() ? std::vector<std::string>() : std::vector{name}, cgroup),
                  std::nullopt, snapshot({900}), {}, 1);
  }
  Result<Selection> container(const std::string& name, const Inventory& inventory = std::nullopt) {
    return select(asking(TargetType::kContainer, {name}), inventory, snapshot({900}), {}, 1);
  }
  // The cgroup and the pids of the one victim, or the error.
  static std::string hit(const Result<Selection>& selection) {
    if (!selection) return selection.error().message();
    if (selection->chosen.size() != 1) return std::to_string(selection->chosen.size()) + " victims";
    std::string text = selection->chosen[0].cgroup;
    for (const ProcessId& id : selection->chosen[0].processes) text += " " + std::to_string(id.pid);
    return text;
  }
  static Errc code(const Result<Selection>& selection) { return selection ? Errc::kInternal : selection.error().code; }

  void systemd_host() {
    process(1, "systemd", v2("/init.scope"), 0);
    process(300, "sshd", v2("/system.slice/ssh.service"));
    process(400, "nginx", v2("/system.slice/nginx.service"));
    process(401, "nginx", v2("/system.slice/nginx.service"), 400);
    process(500, "postgres", v2("/system.slice/system-postgresql.slice/postgresql@15-main.service"));
    process(600, "dockerd", v2("/system.slice/docker.service"));
    process(700, "bash", v2("/user.slice/user-1000.slice/session-3.scope"));
    process(900, "ordeal", v2("/user.slice/user-1000.slice/session-3.scope"), 700);
    process(800, "web", v2(kUserManager + "/app.slice/web.service"));
    process(801, "code", v2(kUserManager + "/app.slice/app-gnome-code-42.scope"));
  }
};

TEST_F(Lookup, AUnitIsFoundByItsNameWithAndWithoutItsKind) {
  systemd_host();
  for (const char* name : {"nginx", "nginx.service"}) {
    auto found = unit(name);
    EXPECT_EQ(hit(found), "/system.slice/nginx.service 400 401");
    EXPECT_EQ(found->chosen[0].name, "nginx.service");
    EXPECT_EQ(found->chosen[0].kind, VictimKind::kUnit);
  }
  EXPECT_EQ(hit(unit("postgresql@15-main")), "/system.slice/system-postgresql.slice/postgresql@15-main.service 500");
  EXPECT_EQ(hit(unit("system-postgresql.slice")), "/system.slice/system-postgresql.slice 500");
  EXPECT_EQ(hit(unit("", kUserManager + "/app.slice/web.service")), kUserManager + "/app.slice/web.service 800");
  EXPECT_EQ(hit(unit("user@1000")), kUserManager + " 800 801");
  EXPECT_EQ(hit(unit("", "/system.slice/nginx.service/")), "/system.slice/nginx.service 400 401");
}

TEST_F(Lookup, AUnitOfVersion1IsFoundInTheHierarchyOfSystemd) {
  process(1, "systemd", hybrid("/init.scope", "/init.scope"), 0);
  process(400, "nginx",
          "9:memory:/system.slice/nginx.service\n4:cpu,cpuacct:/system.slice\n"
          "1:name=systemd:/system.slice/nginx.service\n0::/system.slice/nginx.service\n");
  process(401, "nginx", "9:memory:/\n4:cpu,cpuacct:/\n1:name=systemd:/system.slice/nginx.service\n");
  process(402, "cron", hybrid("/system.slice/cron.service", "/system.slice/cron.service"));
  EXPECT_EQ(hit(unit("nginx")), "/system.slice/nginx.service 400 401");
}

TEST_F(Lookup, WhatIsProtectedStaysSoInWhateverUnitItIsNamed) {
  systemd_host();
  for (const char* name : {"init.scope", "ssh", "ssh.service", "system.slice", "docker", "session-3.scope",
                           "user-1000.slice", "user.slice"}) {
    auto found = unit(name);
    EXPECT_EQ(code(found), Errc::kRefused) << name << ": " << hit(found);
    if (!found) {
      EXPECT_NE(found.error().message().find("always protected"), std::string::npos) << name;
    }
  }
  for (const char* root : {"/", "//"}) EXPECT_FALSE(unit("", root)) << root;
  for (const char* root : {"-.slice", "-", "/"}) EXPECT_EQ(code(unit(root)), Errc::kInvalidInput) << root;
}

TEST_F(Lookup, APolicyProtectsAUnitUnderTheNameThatTheInventoryGivesIt) {
  systemd_host();
  Policy policy;
  policy.origin = "policy.yaml";
  policy.protected_labels = {{"tier", "data"}};
  InventoryEntry entry;
  entry.name = "postgresql@15-main.service";  // the same name as the unit's
  entry.kind = VictimKind::kPod;
  entry.cgroup = "/system.slice/system-postgresql.slice";
  entry.labels = {{"tier", "data"}};
  Target asked = asking(TargetType::kSystemd, {"postgresql@15-main"});
  auto refused = select(asked, std::vector{entry}, snapshot(), {policy}, 1);
  EXPECT_EQ(code(refused), Errc::kRefused) << hit(refused);
  EXPECT_TRUE(select(asked, std::vector{entry}, snapshot(), {}, 1));
}

TEST_F(Lookup, AUnitThatIsNotHereIsBadInputWithTheNearest) {
  systemd_host();
  auto found = unit("ngnix");
  ASSERT_EQ(code(found), Errc::kInvalidInput);
  EXPECT_EQ(found.error().message(), "no systemd unit ngnix.service has a process; 14 others do");
  EXPECT_EQ(found.error().advice(), "did you mean \"nginx\"?");
  EXPECT_EQ(unit("postgresql").error().advice(), "did you mean \"postgresql@15-main\"?");
  EXPECT_EQ(unit("xyz").error().advice(), "`ordeal targets` lists what is here");
  EXPECT_EQ(code(unit("nginx", "/system.slice/other.service")), Errc::kInvalidInput);
  EXPECT_EQ(code(unit("", "/system.slice/ngnix.service")), Errc::kInvalidInput);
}

TEST_F(Lookup, TwoUnitsOfOneNameAreBadInputThatListsBoth) {
  systemd_host();
  process(803, "nginx", v2("/other.slice/nginx.service"));
  auto found = unit("nginx");
  ASSERT_EQ(code(found), Errc::kInvalidInput);
  EXPECT_EQ(found.error().message(),
            "2 units are named nginx.service: /other.slice/nginx.service, /system.slice/nginx.service");
  EXPECT_EQ(found.error().advice(), "give the path of the one that you mean: cgroup: /other.slice/nginx.service");
  EXPECT_EQ(hit(unit("nginx", "/system.slice/nginx.service")), "/system.slice/nginx.service 400 401");
}

TEST_F(Lookup, ANameAloneIsNeverAUsersOwnUnit) {
  systemd_host();
  process(803, "nginx", v2(kUserManager + "/app.slice/nginx.service"));
  EXPECT_EQ(hit(unit("nginx")), "/system.slice/nginx.service 400 401");
  auto stopped = unit("web");  // the host's is stopped, a user has made one of that name
  ASSERT_EQ(code(stopped), Errc::kInvalidInput);
  EXPECT_EQ(stopped.error().message(), "no host unit web.service has a process; a user has a unit of that name");
}

TEST_F(Lookup, TheSystemdOfAContainerLendsNoNames) {
  systemd_host();
  process(710, "redis-server", v2("/system.slice/docker-" + kA + ".scope/system.slice/redis.service"));
  process(711, "nginx", v2("/docker/" + kB + "/system.slice/nginx.service"));
  EXPECT_EQ(code(unit("redis")), Errc::kInvalidInput);
  EXPECT_EQ(hit(unit("nginx")), "/system.slice/nginx.service 400 401");
  EXPECT_EQ(hit(unit("docker-" + kA + ".scope")), "/system.slice/docker-" + kA + ".scope 710");
}

TEST_F(Lookup, SeveralUnitsAreSeveralVictimsAndEachMustBeThere) {
  systemd_host();
  Target two = asking(TargetType::kSystemd, {"nginx", "postgresql@15-main.service", "nginx.service"});
  auto found = select(two, std::nullopt, snapshot(), {}, 1);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->chosen.size(), 2u);
  two.names.push_back("gone");
  EXPECT_EQ(code(select(two, std::nullopt, snapshot(), {}, 1)), Errc::kInvalidInput);
}

// How each engine and each driver places its containers, and where the name stands.
TEST_F(Lookup, AContainerIsFoundByItsNameWhereverItsEngineHasPlacedIt) {
  struct Placed {
    std::string what, cgroups, cgroup;
  };
  const std::vector<Placed> docker{
      {"Docker, cgroupfs, version 1", hybrid("/docker/" + kA, "/system.slice/containerd.service"), "/docker/" + kA},
      {"Docker, cgroupfs, version 2", v2("/docker/" + kA), "/docker/" + kA},
      {"Docker, systemd, version 1", hybrid("/system.slice/docker-" + kA + ".scope", "/"),
       "/system.slice/docker-" + kA + ".scope"},
      {"Docker, systemd, version 2", v2("/system.slice/docker-" + kA + ".scope"),
       "/system.slice/docker-" + kA + ".scope"}};
  docker_name(kA, "redis");
  for (const Placed& placed : docker) {
    process(710, "redis-server", placed.cgroups);
    process(711, "other", v2("/system.slice/docker-" + kB + ".scope"));
    auto found = container("redis");
    EXPECT_EQ(hit(found), placed.cgroup + " 710") << placed.what;
    if (found) {
      EXPECT_EQ(found->chosen[0].name, "redis");
    }
    EXPECT_EQ(hit(container(kA)), placed.cgroup + " 710") << placed.what;
    EXPECT_EQ(hit(container(kA.substr(0, 12))), placed.cgroup + " 710") << placed.what;
  }
}

TEST_F(Lookup, AContainerIsNeverTakenForOneOfTheHostsThatDoesNotRun) {
  docker_name(kB, "redis");  // stopped: no process of it is here
  podman_name("/var/lib/containers/storage", kA, "redis");
  process(720, "redis-server", v2("/machine.slice/libpod-" + kA + ".scope/container"));
  auto found = container("redis");
  ASSERT_EQ(code(found), Errc::kInvalidInput);
  EXPECT_NE(found.error().message().find("which does not run"), std::string::npos) << found.error().message();
}

TEST_F(Lookup, AContainerInAUnitOfItsOwnIsFound) {
  podman_name("/var/lib/containers/storage", kA, "redis");
  process(720, "redis-server", v2("/system.slice/redis.service/libpod-payload-" + kA));
  EXPECT_EQ(hit(container("redis")), "/system.slice/redis.service/libpod-payload-" + kA + " 720");
}

TEST_F(Lookup, PodmanWithRootAndWithoutIsFoundByItsName) {
  podman_name("/var/lib/containers/storage", kA, "redis");
  process(720, "redis-server", v2("/machine.slice/libpod-" + kA + ".scope/container"));
  process(721, "conmon", v2("/machine.slice/libpod-conmon-" + kA + ".scope"));
  EXPECT_EQ(hit(container("redis")), "/machine.slice/libpod-" + kA + ".scope 720");
  process(720, "redis-server", v2("/libpod_parent/libpod-" + kA));
  EXPECT_EQ(hit(container("redis")), "/libpod_parent/libpod-" + kA + " 720");

  put("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
  podman_name("/home/ann/.local/share/containers/storage", kB, "web");
  process(722, "web", v2(kUserManager + "/user.slice/libpod-" + kB + ".scope/container"));
  EXPECT_EQ(hit(container("web")), kUserManager + "/user.slice/libpod-" + kB + ".scope 722");
}

TEST_F(Lookup, ContainersOfKubernetesAreFoundByTheirIds) {
  const std::string slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kPodScored + ".slice";
  for (const std::string& path :
       {slice + "/cri-containerd-" + kA + ".scope", slice + "/crio-" + kA + ".scope",
        "/kubepods/burstable/pod" + kPodUid + "/" + kA, "/kubepods/besteffort/pod" + kPodUid + "/crio-" + kA,
        "/system.slice/containerd.service/kubepods-burstable-pod" + kPodScored + ".slice:cri-containerd:" + kA,
        "/default/" + kA}) {
    process(730, "api", v2(path));
    EXPECT_EQ(hit(container(kA.substr(0, 13))), path + " 730");
  }
  // CRI-O keeps its names in the storage that it shares with Podman.
  podman_name("/var/lib/containers/storage", kA, "k8s_api_api-0_staging_" + kPodUid + "_0");
  process(730, "api", v2(slice + "/crio-" + kA + ".scope"));
  EXPECT_EQ(hit(container("k8s_api_api-0_staging_" + kPodUid + "_0")), slice + "/crio-" + kA + ".scope 730");
}

TEST_F(Lookup, TheInventoryIsAskedBeforeTheEngines) {
  docker_name(kA, "redis");
  process(710, "redis-server", v2("/docker/" + kA));
  process(740, "other", v2("/shop/redis"));
  InventoryEntry entry;
  entry.name = "redis";
  entry.kind = VictimKind::kContainer;
  entry.cgroup = "/shop/redis";
  EXPECT_EQ(hit(container("redis", std::vector{entry})), "/shop/redis 740");
  entry.kind = VictimKind::kPod;
  EXPECT_EQ(hit(container("redis", std::vector{entry})), "/docker/" + kA + " 710");
  entry.kind = VictimKind::kContainer;
  entry.cgroup = "/shop/gone";  // listed, and not alive: nothing takes its place
  EXPECT_EQ(code(container("redis", std::vector{entry})), Errc::kNotInjected);
}

TEST_F(Lookup, TwoContainersOfOneNameAreBadInputThatListsBoth) {
  docker_name(kA, "redis");
  podman_name("/var/lib/containers/storage", kB, "redis");
  process(710, "redis-server", v2("/docker/" + kA));
  process(711, "redis-server", v2("/machine.slice/libpod-" + kB + ".scope/container"));
  auto found = container("redis");
  ASSERT_EQ(code(found), Errc::kInvalidInput);
  EXPECT_EQ(found.error().message(), "2 containers are named redis: docker aaaaaaaaaaaa (/docker/" + kA +
                                         "), podman bbbbbbbbbbbb (/machine.slice/libpod-" + kB + ".scope)");
  EXPECT_EQ(hit(container(kB)), "/machine.slice/libpod-" + kB + ".scope 711");
  // The beginning that two ids share.
  process(712, "x", v2("/docker/" + kA.substr(0, 63) + "1"));
  EXPECT_EQ(code(container(kA.substr(0, 12))), Errc::kInvalidInput);
  EXPECT_EQ(hit(container(kA)), "/docker/" + kA + " 710");
}

TEST_F(Lookup, NobodyNamesTheContainerOfSomebodyElse) {
  put("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
  process(700, "bash", v2("/user.slice/user-1000.slice/session-3.scope"));
  process(710, "redis-server", v2("/docker/" + kA));
  podman_name("/home/ann/.local/share/containers/storage", kA, "cache");
  EXPECT_FALSE(container("cache"));
}

TEST_F(Lookup, AContainerThatIsNotHereIsBadInputAndOneThatIsStoppedIsNotInjected) {
  docker_name(kA, "redis");
  docker_name(kB, "web");
  process(710, "redis-server", v2("/docker/" + kA));
  auto found = container("reddis");
  ASSERT_EQ(code(found), Errc::kInvalidInput);
  EXPECT_EQ(found.error().message(), "no container is named reddis; 1 are running here");
  EXPECT_EQ(found.error().advice(), "did you mean \"redis\"?");
  found = container("web");
  ASSERT_EQ(code(found), Errc::kNotInjected);
  EXPECT_EQ(found.error().message(),
            "docker knows the container web (bbbbbbbbbbbb), and none of its processes is running here");
  put("/var/lib/docker/containers/" + kC + "/config.v2.json", "{");
  EXPECT_NE(container("x").error().message().find(kC + "/config.v2.json"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::target

#include "platform/sys/cgroup/unit.h"

#include <gtest/gtest.h>

namespace ordeal::sys {
namespace {

const std::string kDocker(64, 'a');

std::vector<std::string> units(const std::string& path) {
  std::vector<std::string> names;
  for (const UnitPath& unit : units_of_cgroup(path)) {
    EXPECT_TRUE(path.starts_with(unit.cgroup)) << unit.cgroup;
    names.push_back(unit.name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(Unit, EverySegmentThatSystemdMadeIsAUnit) {
  EXPECT_EQ(units("/system.slice/nginx.service"), (Names{"system.slice", "nginx.service"}));
  EXPECT_EQ(units("/init.scope"), Names{"init.scope"});
  EXPECT_EQ(units("/system.slice/system-postgresql.slice/postgresql@15-main.service"),
            (Names{"system.slice", "system-postgresql.slice", "postgresql@15-main.service"}));
  EXPECT_EQ(units("/user.slice/user-1000.slice/session-3.scope"),
            (Names{"user.slice", "user-1000.slice", "session-3.scope"}));
  EXPECT_EQ(units("/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-code-42.scope"),
            (Names{"user.slice", "user-1000.slice", "user@1000.service", "app.slice", "app-gnome-code-42.scope"}));
  EXPECT_EQ(units("/machine.slice/machine-web.scope"), (Names{"machine.slice", "machine-web.scope"}));
  EXPECT_EQ(units("/system.slice/docker.socket"), (Names{"system.slice", "docker.socket"}));
}

TEST(Unit, ItsCgroupIsThePathUpToIt) {
  auto found = units_of_cgroup("/system.slice/nginx.service");
  EXPECT_EQ(found.at(0).cgroup, "/system.slice");
  EXPECT_EQ(found.at(1).cgroup, "/system.slice/nginx.service");
}

TEST(Unit, WhatAUnitMakesBelowItselfIsNoUnit) {
  EXPECT_EQ(units("/system.slice/nginx.service/worker.service"), (Names{"system.slice", "nginx.service"}));
  EXPECT_EQ(units("/system.slice/docker-" + kDocker + ".scope/system.slice/sshd.service"),
            (Names{"system.slice", "docker-" + kDocker + ".scope"}));
  EXPECT_EQ(units("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service"),
            (Names{"machine.slice", "systemd-nspawn@web.service"}));
  EXPECT_EQ(units("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + kDocker),
            (Names{"system.slice", "containerd.service"}));
}

TEST(Unit, WhatSystemdDidNotMakeHasNone) {
  for (const std::string& path :
       {std::string("/"), std::string(), "/docker/" + kDocker, "/docker/" + kDocker + "/system.slice/nginx.service",
        std::string("/shop/db"), std::string("/.service"), std::string("/lxc/web/system.slice/nginx.service")})
    EXPECT_TRUE(units(path).empty()) << path;
}

TEST(Unit, ANameThatTheKernelWouldTakeForAFileIsUnescaped) {
  EXPECT_EQ(units("/system.slice/_cpu.service"), (Names{"system.slice", "cpu.service"}));
  EXPECT_EQ(units_of_cgroup("/system.slice/_cpu.service").at(1).cgroup, "/system.slice/_cpu.service");
}

TEST(Unit, ANameWithoutAKindIsAService) {
  EXPECT_EQ(unit_name("nginx"), "nginx.service");
  EXPECT_EQ(unit_name("nginx.service"), "nginx.service");
  EXPECT_EQ(unit_name("session-3.scope"), "session-3.scope");
  EXPECT_EQ(unit_name("user.slice"), "user.slice");
  EXPECT_EQ(unit_name("org.example.web"), "org.example.web.service");
  EXPECT_EQ(unit_name(".service"), ".service.service");
}

}  // namespace
}  // namespace ordeal::sys

#include "platform/sys/process/protected.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace ordeal::sys {
namespace {

Process make(pid_t pid, const std::string& comm, const std::string& exe) {
  Process process;
  process.pid = pid;
  process.ppid = 1;
  process.comm = comm;
  process.exe = exe;
  process.argv = {exe};
  return process;
}

TEST(Protected, TheHostsServicesAreProtectedByNameOrProgram) {
  for (const char* name :
       {"sshd", "sshd-session", "kubelet", "containerd", "containerd-shim", "containerd-shim-runc-v2", "dockerd",
        "crio", "conmon", "podman", "k3s-server", "rke2", "k0s", "kubelite", "cri-dockerd", "ordeal", "ordeal-guard"}) {
    EXPECT_TRUE(always_protected(make(99, std::string(name).substr(0, 15), ""), {})) << name;
    EXPECT_TRUE(always_protected(make(99, "renamed", std::string("/usr/bin/") + name), {})) << name;
  }
}

TEST(Protected, OrdinaryProcessesAreNot) {
  for (const char* name : {"nginx", "postgres", "sshfs", "ssh", "containers", "podman-x", "ordealing"})
    EXPECT_FALSE(always_protected(make(99, name, std::string("/usr/bin/") + name), {})) << name;
}

TEST(Protected, InitKernelThreadsAndWhatRunsOrdealAre) {
  EXPECT_TRUE(always_protected(make(1, "systemd", "/sbin/init"), {}));
  Process thread = make(77, "kworker/0:1", "");
  thread.argv.clear();
  thread.ppid = 2;
  EXPECT_TRUE(always_protected(thread, {}));
  EXPECT_TRUE(always_protected(make(::getpid(), "x", "/x")));
  EXPECT_TRUE(always_protected(make(::getppid(), "x", "/x")));
  EXPECT_TRUE(own_chain().count(::getpid()));
  EXPECT_TRUE(own_chain().count(::getppid()));
}

// A list of processes that is not this machine's (a test's, a recorded one) may hold this process's number by chance.
TEST(Protected, ThisProcessIsJudgedByTheGivenChainAlone) {
  EXPECT_FALSE(always_protected(make(::getpid(), "api", "/usr/bin/api"), {}));
}

}  // namespace
}  // namespace ordeal::sys

#include "app/agent/node/kubelet_links.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ordeal::agent {
namespace {

namespace fs = std::filesystem;

// A /proc of one kubelet: it listens on 10250, is connected to 192.0.2.1:6443, and probes a pod.
class Kubelet : public ::testing::Test {
 protected:
  void SetUp() override {
    proc_ = ::testing::TempDir() + "ordeal-kubelet-" + std::to_string(::getpid());
    fs::create_directories(proc_ + "/40/fd");
    fs::create_directories(proc_ + "/40/net");
    for (const char* inode : {"501", "502", "503"})
      fs::create_symlink(std::string("socket:[") + inode + "]", proc_ + "/40/fd/" + inode);
    std::ofstream(proc_ + "/40/net/tcp") << "  sl  local_address rem_address   st tx_queue rx_queue\n"
                                         << line("00000000:280A 00000000:0000 0A", 501)
                                         << line("050200C0:C350 010200C0:192B 01", 502)
                                         << line("050200C0:C351 0700000A:1F90 01", 503)
                                         << line("050200C0:C352 090200C0:192B 01", 777);  // somebody else's
    process_.pid = 40;
    process_.state = 'S';
    process_.comm = "kubelet";
  }
  void TearDown() override { fs::remove_all(proc_); }
  static std::string line(const std::string& ends, int inode) {
    return "   0: " + ends + " 00000000:00000000 00:00000000 00000000     0        0 " + std::to_string(inode) + " 1\n";
  }
  Result<std::vector<packets::Exemption>> exempt() {
    target::Snapshot snapshot;
    snapshot.processes = {process_};
    cluster::Pod pod;
    pod.ip = "10.0.0.7";
    return exempt_kubelet(snapshot, {pod}, proc_);
  }
  std::string proc_;
  sys::Process process_;
};

TEST_F(Kubelet, ItsConnectionsAndItsPortsAreExemptAndItsProbesAreNot) {
  auto exemptions = exempt();
  ASSERT_TRUE(exemptions) << exemptions.error().message();
  ASSERT_EQ(exemptions->size(), 2u);
  EXPECT_EQ((*exemptions)[0].first_port, 10250);
  EXPECT_EQ((*exemptions)[0].last_port, 10250);
  EXPECT_EQ((*exemptions)[0].remote, "");
  EXPECT_EQ((*exemptions)[1].remote, "192.0.2.1");
  EXPECT_EQ((*exemptions)[1].remote_port, 6443);
}

TEST_F(Kubelet, WithoutOneThatIsConnectedNothingIsKnown) {
  fs::remove(proc_ + "/40/fd/502");
  EXPECT_EQ(exempt().error().code, Errc::kRefused);
  fs::create_symlink("socket:[502]", proc_ + "/40/fd/502");
  EXPECT_TRUE(exempt());
  process_.comm = "nginx";
  EXPECT_EQ(exempt().error().code, Errc::kRefused);
}

}  // namespace
}  // namespace ordeal::agent

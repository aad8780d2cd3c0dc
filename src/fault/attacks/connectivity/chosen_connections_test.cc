#include "fault/attacks/connectivity/chosen_connections.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

using packets::Traffic;
using Side = Traffic::Ports::Side;

sys::TcpConnection connection(const char* local, uint16_t local_port, const char* remote, uint16_t remote_port) {
  sys::TcpConnection made;
  made.local = *sys::Prefix::parse(local);
  made.remote = *sys::Prefix::parse(remote);
  made.local_port = local_port;
  made.remote_port = remote_port;
  made.cgroup = 7;
  return made;
}
const sys::TcpConnection kToDatabase = connection("10.0.0.1", 40000, "10.0.0.9", 5432);

bool means(Traffic traffic, const sys::TcpConnection& one = kToDatabase) {
  return ChosenConnections{std::move(traffic)}.means(one);
}

TEST(ChosenConnections, PortsAreLocalRemoteOrEither) {
  EXPECT_TRUE(means({}));
  EXPECT_TRUE(means({.ports = {{Side::kRemote, 5000, 6000}}}));
  EXPECT_FALSE(means({.ports = {{Side::kLocal, 5432, 5432}}}));
  EXPECT_TRUE(means({.ports = {{Side::kEither, 40000, 40000}}}));
  EXPECT_FALSE(means({.ports = {{Side::kRemote, 5432, 5432, true}}}));
  EXPECT_TRUE(means({.ports = {{Side::kRemote, 53, 53, true}}}));
}

TEST(ChosenConnections, RemotesAreNetworksAndWhatNamesStandFor) {
  EXPECT_TRUE(means({.remotes = {*sys::Prefix::parse("10.0.0.0/24")}}));
  EXPECT_FALSE(means({.remotes = {*sys::Prefix::parse("10.0.1.0/24"), *sys::Prefix::parse("::/0")}}));
  EXPECT_FALSE(means({.excluded_remotes = {*sys::Prefix::parse("10.0.0.9")}}));
  EXPECT_FALSE(means({.names = {"db"}}));
  ChosenConnections named{{.names = {"db"}}, {*sys::Prefix::parse("10.0.0.9")}};
  EXPECT_TRUE(named.means(kToDatabase));
  named.excluded_named = {*sys::Prefix::parse("10.0.0.9")};
  EXPECT_FALSE(named.means(kToDatabase));
}

TEST(ChosenConnections, CgroupsLoopbackAndExemptions) {
  EXPECT_TRUE((ChosenConnections{.cgroups = std::set<uint64_t>{7}}.means(kToDatabase)));
  EXPECT_FALSE((ChosenConnections{.cgroups = std::set<uint64_t>{8}}.means(kToDatabase)));
  sys::TcpConnection unknown = kToDatabase;
  unknown.cgroup = 0;
  EXPECT_FALSE((ChosenConnections{.cgroups = std::set<uint64_t>{0, 7}}.means(unknown)));
  auto local = connection("127.0.0.1", 1, "127.0.0.1", 2);
  EXPECT_FALSE(means({}, local));
  EXPECT_FALSE(means({}, connection("::1", 1, "::1", 2)));
  EXPECT_TRUE(means({.loopback_too = true}, local));
  packets::Exemption scraper{"10.0.0.1", "", 39000, 41000, 0, "the scraper"};
  EXPECT_FALSE((ChosenConnections{.exemptions = {scraper}}.means(kToDatabase)));
  scraper.remote_port = 9090;
  EXPECT_TRUE((ChosenConnections{.exemptions = {scraper}}.means(kToDatabase)));
}

}  // namespace
}  // namespace ordeal::fault

#include "platform/sys/sockets/listeners.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"

namespace ordeal::sys {
namespace {

constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n"
    "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n"
    "   2: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 20 4 0 10 -1\n"
    "   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000     0        0 4714 1 0 100 0 0 10 0\n"
    "   4: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000     0        0 4715 1 0 100 0 0 10 0\n"
    "   5: 0100007:1F40 00000000:0000 0A 0 0 0 0 0 1\n"
    "garbage\n";

TEST(Listeners, AreReadFromTheKernelsTable) {
  auto found = parse_listening(kTable);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(to_text(found[0]), "127.0.0.1:8000");
  EXPECT_TRUE(found[0].loopback && !found[0].any);
  EXPECT_EQ(found[0].inode, 4711u);
  EXPECT_EQ(to_text(found[1]), "0.0.0.0:80");
  EXPECT_TRUE(found[1].any && !found[1].loopback);
  EXPECT_EQ(to_text(found[2]), "[::1]:8080");
  EXPECT_TRUE(found[2].loopback);
  EXPECT_EQ(to_text(found[3]), "127.0.0.1:8081");
  EXPECT_TRUE(found[3].loopback);
}

TEST(Listeners, BothEndsOfEverySocketAreReadButOfThoseThatClosed) {
  auto found =
      parse_socket_ports(std::string(kTable) +
                         "   6: 0100007F:9C41 0100007F:1F40 06 00000000:00000000 03:00000000 00000000     0     "
                         "   0 0 3 0000000000000000\n");
  ASSERT_EQ(found.size(), 6u);  // a line that is cut short has ports all the same
  EXPECT_EQ(found[2].local, 8000);
  EXPECT_EQ(found[2].remote, 0x9C40);
  EXPECT_TRUE(socket_ports_beside(::getpid()).has_value());
  EXPECT_FALSE(socket_ports_beside(-1).has_value());
}

TEST(Listeners, NothingIsSaidOfPortsUnlessEachTableWasRead) {
  std::string proc = testing::TempDir() + "ordeal-tables";
  std::filesystem::remove_all(proc);
  std::filesystem::create_directories(proc + "/7/net");
  for (const char* file : {"tcp", "udp"}) ASSERT_TRUE(write_atomically(proc + "/7/net/" + file, kTable));
  EXPECT_EQ(socket_ports_beside(7, proc)->size(), 12u) << "without IPv6";
  std::filesystem::create_directory(proc + "/7/net/tcp6");  // there, and cannot be read
  EXPECT_FALSE(socket_ports_beside(7, proc));
  std::filesystem::remove_all(proc);
}

TEST(Listeners, WhetherPacketsPassThroughIsRead) {
  const std::string header = "Ip: Forwarding DefaultTTL\n";
  EXPECT_FALSE(parse_forwards(header + "Ip: 2 64\n", "Ip6OutForwDatagrams             \t0\nIp6InMcastPkts 7\n"));
  EXPECT_FALSE(parse_forwards(header + "Ip: 2 64\n", ""));
  EXPECT_TRUE(parse_forwards(header + "Ip: 1 64\n", ""));
  EXPECT_TRUE(parse_forwards(header + "Ip: 2 64\n", "Ip6OutForwDatagrams             \t3\n"));
  EXPECT_TRUE(parse_forwards("", ""));
  EXPECT_TRUE(forwards_beside(-1));
}

TEST(Listeners, OurOwnIsFoundAndIsOurs) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  auto beside = listening_beside(::getpid());
  auto found = std::find_if(beside.begin(), beside.end(),
                            [&](const ListeningSocket& s) { return s.port == ntohs(address.sin_port) && s.loopback; });
  ASSERT_NE(found, beside.end());
  EXPECT_EQ(sockets_of(::getpid()).count(found->inode), 1u);
  EXPECT_TRUE(listening_beside(-1).empty());
  EXPECT_TRUE(sockets_of(-1).empty());
}

TEST(Listeners, TheFirstAddressIsNotLoopback) {
  EXPECT_EQ(
      first_address("Main:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.1\n        /32 host LOCAL\n"
                    "     |-- 172.17.0.0\n        /16 link UNICAST\n     |-- 172.17.0.3\n        /32 host LOCAL\n"),
      "172.17.0.3");
  EXPECT_EQ(first_address("     |-- 127.0.0.1\n        /32 host LOCAL\n"), "");
  EXPECT_EQ(first_address(""), "");
}

}  // namespace
}  // namespace ordeal::sys

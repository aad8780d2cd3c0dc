#include "platform/sys/sockets/link_packets.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace ordeal::sys {
namespace {

TEST(LinkPackets, AreReadFromTheKernelsTable) {
  auto links = parse_link_packets(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
      "compressed\n"
      "    lo: 1000      10    0    0    0     0          0         0     1000      11    0    0    0     0       0    "
      "  "
      "    0\n"
      "eth0:1:    7       8    0    0    0     0          0         0        9      12    0    0    0     0       0    "
      "  "
      "    0\n"
      "eth2: 1 2 3\n");
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0].device, "lo");
  EXPECT_EQ(links[0].arrived, 10u);
  EXPECT_EQ(links[0].departed, 11u);
  EXPECT_EQ(links[1].device, "eth0:1");
  EXPECT_EQ(links[1].departed, 12u);
}

TEST(LinkPackets, OfOurOwnNamespaceAndOfNone) {
  EXPECT_TRUE(link_packets_beside(::getpid()).has_value());
  EXPECT_FALSE(link_packets_beside(-1).has_value());
}

}  // namespace
}  // namespace ordeal::sys

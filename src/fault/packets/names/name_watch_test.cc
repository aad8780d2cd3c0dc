#include "fault/packets/names/name_watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace ordeal::packets {
namespace {

TEST(NameLines, WholeLinesAreRead) {
  NameLines lines({"db", "cache"});
  EXPECT_TRUE(lines.read("db 10.0.").empty());
  auto found = lines.read("0.1\ndb fd00::1\ncache ? Name or service");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "db");
  EXPECT_EQ(found[0].address.to_text(), "10.0.0.1");
  EXPECT_EQ(found[1].address.family, AF_INET6);
}

TEST(NameLines, ANameIsUnknownUntilAllOfItsAddressesAreThere) {
  NameLines lines({"db"});
  EXPECT_EQ(lines.unknown().at("db"), "it was not looked up yet");
  lines.read("db ? no such host\nother ? what\n");
  EXPECT_EQ(lines.unknown().size(), 1u);
  EXPECT_EQ(lines.unknown().at("db"), "no such host");
  lines.read("db 10.0.0.1\ndb 10.0.0.2\n");
  EXPECT_EQ(lines.unknown().size(), 1u);
  lines.read("db fd00::1\ndb .\ndb ? gone\nnonsense\n\n");
  EXPECT_TRUE(lines.unknown().empty());
}

}  // namespace
}  // namespace ordeal::packets

#include "platform/sys/process/capability.h"

#include <gtest/gtest.h>

namespace ordeal::sys {
namespace {

TEST(Capability, BitsHaveNames) {
  EXPECT_EQ(parse_capabilities("0000000000001001").value(), (std::set<std::string>{"CAP_CHOWN", "CAP_NET_ADMIN"}));
  EXPECT_EQ(parse_capabilities("0000010001000000").value(),
            (std::set<std::string>{"CAP_CHECKPOINT_RESTORE", "CAP_SYS_RESOURCE"}));
  EXPECT_EQ(parse_capabilities("8000000000000000").value(), (std::set<std::string>{"CAP_63"}));
  EXPECT_TRUE(parse_capabilities("0").value().empty());
  EXPECT_FALSE(parse_capabilities("xyz"));
}

TEST(Capability, OurOwnCanBeRead) { EXPECT_TRUE(effective_capabilities()); }

}  // namespace
}  // namespace ordeal::sys

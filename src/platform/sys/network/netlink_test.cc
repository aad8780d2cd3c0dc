#include "platform/sys/network/netlink.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ordeal::sys {
namespace {

TEST(Netlink, WhatIsWrittenIsReadBack) {
  MessageBatch batch;
  batch.begin_netfilter(10, 3, NLM_F_ACK, 2, 7, "make a thing");
  batch.put_text(1, "name");
  batch.put_u8(2, 5);
  batch.put_be32(3, 0x01020304);
  batch.put_be64(4, 1ull << 40);
  batch.nest(5, [&] {
    batch.put_be16(1, 258);
    batch.nest(2, [&] { batch.put_u32(1, 9); });
  });
  batch.begin(99, 0, "another");
  EXPECT_EQ(batch.messages(), 2u);

  MessageReader messages(batch.bytes());
  const nlmsghdr* message = messages.next();
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->nlmsg_type, 10 << 8 | 3);
  EXPECT_EQ(message->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
  Bytes attributes = payload_of(*message, 4);
  EXPECT_EQ(find_attribute(attributes, 1)->text(), "name");
  EXPECT_EQ(find_attribute(attributes, 2)->u8(), 5);
  EXPECT_EQ(find_attribute(attributes, 3)->be32(), 0x01020304u);
  EXPECT_EQ(find_attribute(attributes, 4)->be64(), 1ull << 40);
  Bytes nested = find_attribute(attributes, 5)->value;
  EXPECT_EQ(find_attribute(nested, 1)->value[0], 1);
  EXPECT_EQ(find_attribute(find_attribute(nested, 2)->value, 1)->u32(), 9u);
  EXPECT_FALSE(find_attribute(attributes, 6));
  ASSERT_NE(messages.next(), nullptr);
  EXPECT_EQ(messages.next(), nullptr);
}

TEST(Netlink, MalformedAttributesEndTheReading) {
  std::vector<uint8_t> bytes{5, 0, 1, 0, 42, 0, 0, 0, 200, 0, 2, 0};  // the second claims 200 bytes
  AttributeReader reader(bytes);
  auto first = reader.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->u8(), 42);
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(AttributeReader(Bytes(bytes).subspan(0, 3)).next());
  std::vector<uint8_t> too_small{3, 0, 1, 0};
  EXPECT_FALSE(AttributeReader(too_small).next());
}

TEST(Netlink, ShortValuesReadAsZeroPadded) {
  Attribute attribute{1, {}};
  EXPECT_EQ(attribute.u8(), 0);
  EXPECT_EQ(attribute.u32(), 0u);
  EXPECT_EQ(attribute.be64(), 0u);
  EXPECT_EQ(attribute.text(), "");
}

TEST(Netlink, AnErrorCarriesTheKernelsNumberAndText) {
  MessageBatch batch;
  batch.begin(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, "");
  nlmsgerr header{};
  header.error = -ENOENT;
  header.msg.nlmsg_len = sizeof header.msg;
  batch.put_header({reinterpret_cast<const uint8_t*>(&header), sizeof header});
  batch.put_text(NLMSGERR_ATTR_MSG, "no such chain");
  Error error = error_of(*MessageReader(batch.bytes()).next(), "cannot add a rule");
  EXPECT_EQ(error.sys_errno, ENOENT);
  EXPECT_EQ(error.message(), "cannot add a rule (the kernel says: no such chain): No such file or directory");
}

TEST(Netlink, AnErrorMessageThatIsTooShortIsAnError) {
  MessageBatch batch;
  batch.begin(NLMSG_ERROR, 0, "");
  EXPECT_NE(error_of(*MessageReader(batch.bytes()).next(), "x").sys_errno, 0);
}

TEST(Netlink, AnErrorMessageWithNoErrnoIsAnError) {
  for (int number : {INT32_MIN, -4096, 1}) {
    MessageBatch batch;
    batch.begin(NLMSG_ERROR, 0, "");
    nlmsgerr header{};
    header.error = number;
    batch.put_header({reinterpret_cast<const uint8_t*>(&header), sizeof header});
    EXPECT_EQ(error_of(*MessageReader(batch.bytes()).next(), "x").sys_errno, EPROTO);
  }
}

}  // namespace
}  // namespace ordeal::sys

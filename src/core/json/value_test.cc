#include "core/json/value.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "core/base/text/text.h"

namespace ordeal::json {
namespace {

TEST(Json, WhatIsWrittenCanBeReadWhateverBytesANameHas) {
  Random random(11);
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes(1 + random.below(12), ' ');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    Object object{{bytes, bytes}, {"list", Array{Value(bytes)}}};
    for (const std::string& text : {write(object), write_pretty(object)}) {
      auto read = parse(text);
      ASSERT_TRUE(read) << read.error().message() << " in " << text;
      ASSERT_EQ(std::string(read->at("list").at(0).as_string()), valid_text(bytes));
    }
  }
}

}  // namespace
}  // namespace ordeal::json

#include "core/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace ordeal {
namespace {

Result<int> parse(bool good) {
  if (!good) return fail(Errc::kInvalidInput, "not a number", "write digits");
  return 7;
}

Result<std::string> caller(bool good) {
  int value = TRY(parse(good));
  return std::to_string(value);
}

TEST(Result, TryPassesTheValueOrTheError) {
  EXPECT_EQ(*caller(true), "7");
  EXPECT_EQ(caller(false).error().code, Errc::kInvalidInput);
}

TEST(Result, AChainReadsFromTheOutsideIn) {
  Error inner = fail_errno("cannot open /x", EACCES).value();
  Error outer = wrap(inner, "cannot read the policy").value();
  EXPECT_EQ(outer.message(), "cannot read the policy: cannot open /x: Permission denied");
  EXPECT_EQ(outer.sys_errno, EACCES);
}

TEST(Result, AnErrorNumberWithoutAName) {
  EXPECT_EQ(fail_errno("cannot open /x", 3000).value().message(), "cannot open /x: error 3000");
}

TEST(Result, AdviceIsTheNearestHint) {
  Error inner = fail(Errc::kRefused, "no", "ask").value();
  EXPECT_EQ(wrap(inner, "outer").value().advice(), "ask");
}

}  // namespace
}  // namespace ordeal

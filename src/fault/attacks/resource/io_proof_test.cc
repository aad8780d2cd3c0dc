#include "fault/attacks/resource/io_proof.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

IoUse both_for(double seconds) {
  IoUse use;
  use.reads = use.writes = true;
  use.read = int64_t{20} << 20;
  use.written = int64_t{40} << 20;
  use.seconds = use.busy = seconds;
  use.where = "/data";
  return use;
}

TEST(IoProof, BytesThatTheKernelCountedAreProven) {
  Proof proof = prove_io(both_for(10));
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.measured, "2.00 MiB/s read and 4.00 MiB/s written in /data for 10.0 s");
  EXPECT_DOUBLE_EQ(proof.got, 6);
}

TEST(IoProof, ADirectionThatWasAskedAndDidNothingIsNone) {
  IoUse use = both_for(10);
  use.read = 0;
  EXPECT_EQ(prove_io(use).reason, "nothing was read from a disk");
  use.reads = false;
  EXPECT_TRUE(prove_io(use).proven);
  use.written = 0;
  EXPECT_EQ(prove_io(use).reason, "nothing was written to a disk");
}

TEST(IoProof, AStandstillAndAShortLookAreNone) {
  IoUse use = both_for(10);
  use.busy = 9;
  EXPECT_NE(prove_io(use).reason.find("in 1.0 s no byte went"), std::string::npos) << prove_io(use).reason;
  EXPECT_FALSE(prove_io(both_for(0.4)).proven);
}

}  // namespace
}  // namespace ordeal::fault

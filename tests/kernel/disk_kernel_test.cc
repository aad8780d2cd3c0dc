// The disk and io attacks on file systems that the victim alone has: a tmpfs, an ext4 and an overlay in its own mount
// namespace. Filled as asked, counted by the file system, given back.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "proc_fixture.h"

namespace ordeal {
namespace {

constexpr int64_t kMebi = 1 << 20;

class DiskKernelTest : public ProcTest {
 protected:
  void SetUp() override {
    ProcTest::SetUp();
    if (IsSkipped()) return;
    folder_ = fmt::format("/tmp/ordeal-disk-{}", ::getpid());
    std::filesystem::create_directories(folder_ + "/mnt");
    make_cgroup("victim");
  }
  void TearDown() override {
    ProcTest::TearDown();
    std::error_code error;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
  }
  // A victim whose mount namespace has something at folder_/mnt. False where it cannot be mounted.
  bool victim_with(const std::string& mount) {
    std::string command = fmt::format(
        "exec unshare --mount --propagation private sh -c 'cd {0} && {1} && touch mnt/ready; exec sleep 60'", folder_,
        mount);
    sleeper_ = start(command, "victim").pid();
    return eventually([&] { return std::filesystem::exists(inside("/ready")); });
  }
  std::string dir() const { return folder_ + "/mnt"; }
  std::string inside(const std::string& name) const { return fmt::format("/proc/{}/root{}{}", sleeper_, dir(), name); }
  struct statvfs space() const {
    struct statvfs system {};
    ::statvfs(inside("").c_str(), &system);
    return system;
  }
  int64_t used() const {
    auto system = space();
    return static_cast<int64_t>((system.f_blocks - system.f_bfree) * system.f_frsize);
  }
  bool victim_can_write() {
    auto& writer = start_argv({"nsenter", "-t", std::to_string(sleeper_), "-m", "dd", "if=/dev/zero",
                               "of=" + dir() + "/file", "bs=4096", "count=1", "status=none"});
    auto ended = writer.wait(5s);
    return ended && ended->ok();
  }
  Attack of(const fault::Fault& fault, const std::string& more) {
    return attack(fault, fmt::format(R"({{"dir": "{}"{}}})", dir(), more));
  }
  Result<std::unique_ptr<fault::Impact>> fill(const std::string& more = "") {
    return apply(fault::disk_fault(), container("victim"), of(fault::disk_fault(), more));
  }
  std::string refusal_of(const std::string& more) {
    auto plan = fault::disk_fault().plan(container("victim"), of(fault::disk_fault(), more));
    return plan ? "none" : plan.error().message();
  }
  static constexpr const char* kExt4 = "truncate -s 300M image && mkfs.ext4 -q -F image && mount -o loop image mnt";

  std::string folder_;
  pid_t sleeper_ = 0;
};

TEST_F(DiskKernelTest, AFullTmpfsTakesNothingMoreAndIsAsBeforeAfterwards) {
  ASSERT_TRUE(victim_with("mount -t tmpfs -o size=20m none mnt"));
  int64_t before = used();
  auto impact = fill();
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1200ms));
  EXPECT_EQ(space().f_bavail, 0u);
  EXPECT_FALSE(victim_can_write());
  Proof proof = (*impact)->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.got, 20.0 * kMebi);
  ASSERT_TRUE((*impact)->revert());
  EXPECT_EQ(used(), before);
  EXPECT_TRUE(victim_can_write());
}

TEST_F(DiskKernelTest, AnExt4IsFilledWithinOneBlock) {
  if (!victim_with(kExt4)) GTEST_SKIP() << "no loop device with ext4 here";
  int64_t before = used();
  for (int64_t bytes : {int64_t{4096}, 100 * kMebi}) {
    auto impact = fill(fmt::format(R"(, "bytes": {})", bytes));
    ASSERT_TRUE(impact) << impact.error().message();
    ASSERT_TRUE(serve(**impact, 1s));
    EXPECT_NEAR(static_cast<double>(used() - before), static_cast<double>(bytes),
                static_cast<double>(space().f_frsize));
    EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
    BootTime begin = boot_now();
    ASSERT_TRUE((*impact)->revert());
    EXPECT_LT(boot_now() - begin, 500ms);
    EXPECT_EQ(used(), before);
  }
}

TEST_F(DiskKernelTest, ShareReserveAndFullAreReachedOnExt4) {
  if (!victim_with(kExt4)) GTEST_SKIP() << "no loop device with ext4 here";
  auto block = static_cast<double>(space().f_frsize);
  int64_t before = used();
  double whole = static_cast<double>(before) + static_cast<double>(space().f_bavail) * block;
  struct Asked {
    const char* args;
    double left;
  };
  for (Asked asked :
       {Asked{R"(, "percent": 90)", whole / 10}, Asked{R"(, "reserve": 10485760)", 10.0 * kMebi}, Asked{"", 0}}) {
    auto impact = fill(asked.args);
    ASSERT_TRUE(impact) << impact.error().message();
    ASSERT_TRUE(serve(**impact, 1200ms));
    EXPECT_NEAR(static_cast<double>(space().f_bavail) * block, asked.left, block) << asked.args;
    EXPECT_EQ(victim_can_write(), asked.left > 0) << "root's own blocks are taken as well when it is to be full";
    EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
    fmt::print("{}\n", (*impact)->proof(boot_now()).measured);
    ASSERT_TRUE((*impact)->revert());
    std::filesystem::remove(inside("/file"));
    EXPECT_NEAR(static_cast<double>(used()), static_cast<double>(before), block);
  }
}

TEST_F(DiskKernelTest, InodesAreTakenUntilNoFileCanBeMade) {
  if (!victim_with(kExt4)) GTEST_SKIP() << "no loop device with ext4 here";
  auto before = space().f_ffree;
  for (bool all : {false, true}) {
    auto impact = fill(all ? R"(, "inodes": true)" : R"(, "inodes": true, "percent": 50)");
    ASSERT_TRUE(impact) << impact.error().message();
    ASSERT_TRUE(serve(**impact, all ? 4s : 3s));
    EXPECT_NEAR(static_cast<double>(space().f_favail), all ? 0 : static_cast<double>(space().f_files) / 2, 1);
    EXPECT_EQ(victim_can_write(), !all);
    Proof proof = (*impact)->proof(boot_now());
    EXPECT_TRUE(proof.proven) << proof.reason;
    BootTime begin = boot_now();
    ASSERT_TRUE((*impact)->revert());
    std::filesystem::remove(inside("/file"));
    EXPECT_TRUE(eventually([&] { return space().f_ffree == before; }));
    fmt::print("{}; given back after {:.0f} ms\n", proof.measured, to_millis(boot_now() - begin));
  }
}

TEST_F(DiskKernelTest, WhatOthersWriteIsMadeRoomFor) {
  if (!victim_with(kExt4)) GTEST_SKIP() << "no loop device with ext4 here";
  auto impact = fill(R"(, "percent": 80)");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1s));
  uint64_t left = space().f_bavail;
  ASSERT_TRUE(start_argv({"fallocate", "-l", "20M", inside("/more")}).wait(5s));
  ASSERT_TRUE(serve(**impact, 500ms));
  EXPECT_NEAR(static_cast<double>(space().f_bavail), static_cast<double>(left), 1.0);
  ASSERT_TRUE((*impact)->revert());
}

TEST_F(DiskKernelTest, WhatOrdealLivesOnKeepsItsReserveAlsoBelowAnOverlay) {
  ASSERT_TRUE(victim_with("mkdir -p l u w && mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w mnt"));
  std::string refusal = refusal_of("");
  EXPECT_NE(refusal.find("stay free for Ordeal's state"), std::string::npos) << refusal;
  EXPECT_EQ(refusal_of(R"(, "bytes": 1048576)"), "none");
  auto impact = fill(R"(, "bytes": 10485760)");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1s));
  EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
  ASSERT_TRUE((*impact)->revert());
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/u"))
    EXPECT_EQ(entry.path().filename(), "ready") << "a name was left";
}

TEST_F(DiskKernelTest, AFolderThatTheVictimDoesNotHaveIsNotInjected) {
  ASSERT_TRUE(victim_with("mount -t tmpfs -o size=20m none mnt"));
  for (const fault::Fault* fault : {&fault::disk_fault(), &fault::io_fault()}) {
    auto plan = fault->plan(container("victim"), attack(*fault, R"({"dir": "/no/such/folder"})"));
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Errc::kNotInjected) << plan.error().message();
  }
  auto no_disk = fault::io_fault().plan(container("victim"), of(fault::io_fault(), ""));
  ASSERT_FALSE(no_disk);
  EXPECT_EQ(no_disk.error().code, Errc::kNotInjected) << no_disk.error().message();
}

// The victim's root is a folder, and a link there leads out of it.
TEST_F(DiskKernelTest, ALinkLeadsNoFurtherThanTheVictimsRoot) {
  std::filesystem::create_directories(folder_ + "/out");
  std::filesystem::create_directories(dir() + "/jail/in");
  std::filesystem::create_symlink("../../../../../../.." + folder_ + "/out", dir() + "/jail/link");
  std::filesystem::create_symlink("/../in", dir() + "/jail/inside");
  auto& victim = start_argv({"python3", "-c",
                             "import os, sys, time; os.chroot(sys.argv[1]); os.chdir('/'); open('/ready', 'w'); "
                             "time.sleep(60)",
                             dir() + "/jail"},
                            "victim");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(dir() + "/jail/ready"); })) << victim.pid();
  auto planned = [&](const char* folder) {
    return fault::disk_fault().plan(
        container("victim"), attack(fault::disk_fault(), fmt::format(R"({{"dir": "{}", "bytes": 4096}})", folder)));
  };
  EXPECT_TRUE(planned("/inside")) << planned("/inside").error().message();
  ASSERT_FALSE(planned("/link"));
  EXPECT_EQ(planned("/link").error().code, Errc::kNotInjected) << planned("/link").error().message();
}

// A tmpfs and inodes are memory of the victim's: claimed, judged and refused as the attack memory.
TEST_F(DiskKernelTest, ATmpfsIsMemoryOfTheVictims) {
  ASSERT_TRUE(victim_with("mount -t tmpfs -o size=100m none mnt"));
  auto memory = tree_.find("memory", path("victim"));
  if (!memory || memory->version() != 1) GTEST_SKIP() << "written for version 1";
  auto above = memory->parent().value();
  ASSERT_TRUE(above.write("memory.limit_in_bytes", std::to_string(100 * kMebi)));
  auto claims = [&](const char* more) {
    auto plan = fault::disk_fault().plan(container("victim"), of(fault::disk_fault(), more));
    return plan ? plan->front().claims : std::vector<std::string>{plan.error().message()};
  };
  auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  auto reach_of = [&](const char* more) {
    return fault::disk_fault().reach(container("victim"), of(fault::disk_fault(), more))->cgroup;
  };
  constexpr const char* kLittle = R"(, "bytes": 10485760)";
  constexpr const char* kMost = R"(, "bytes": 96468992)";
  EXPECT_TRUE(has(claims(kLittle), "cgroup:" + path("victim") + "/memory"));
  EXPECT_TRUE(has(claims(kLittle), "within:" + path("victim") + "/guest"));
  EXPECT_TRUE(has(claims(kMost), "cgroup:" + above.path() + "/memory"));
  EXPECT_TRUE(has(claims(R"(, "inodes": true, "percent": 1)"), "cgroup:" + path("victim") + "/memory"));
  EXPECT_EQ(reach_of(kLittle), path("victim"));
  EXPECT_EQ(reach_of(kMost), above.path());
}

TEST_F(DiskKernelTest, AFrozenVictimPaysForNoMemory) {
  ASSERT_TRUE(victim_with("mount -t tmpfs -o size=20m none mnt"));
  auto freezer = tree_.find("freezer", path("victim"));
  if (!freezer || freezer->version() != 1) GTEST_SKIP() << "written for version 1";
  ASSERT_TRUE(freezer->write("freezer.state", "FROZEN"));
  EXPECT_NE(refusal_of("").find("frozen"), std::string::npos) << refusal_of("");
  ASSERT_TRUE(freezer->write("freezer.state", "THAWED"));
}

// Nobody serves it, so that whoever asks it anything waits for ever.
TEST_F(DiskKernelTest, WhatAProcessServesIsNotAsked) {
  sleeper_ = start(fmt::format("exec unshare --mount --propagation private sh -c 'exec 3<>/dev/fuse && cd {0} && mount "
                               "-i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none mnt && touch mounted; exec "
                               "sleep 60'",
                               folder_),
                   "victim")
                 .pid();
  if (!eventually([&] { return std::filesystem::exists(folder_ + "/mounted"); })) GTEST_SKIP() << "no FUSE here";
  for (const fault::Fault* fault : {&fault::disk_fault(), &fault::io_fault()}) {
    auto plan = fault->plan(container("victim"), of(*fault, ""));
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Errc::kUnsupported) << plan.error().message();
  }
}

TEST_F(DiskKernelTest, TwoOverlaysOfOneDiskMeet) {
  ASSERT_TRUE(victim_with("mkdir -p l u w && mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w mnt"));
  for (const fault::Fault* fault : {&fault::disk_fault(), &fault::io_fault()}) {
    auto plan = fault->plan(container("victim"), of(*fault, fault == &fault::disk_fault() ? R"(, "bytes": 4096)" : ""));
    ASSERT_TRUE(plan) << plan.error().message();
    const auto& claims = plan->front().claims;
    EXPECT_TRUE(std::any_of(claims.begin(), claims.end(), [](auto& claim) { return claim.starts_with("host/"); }));
  }
}

// Without extents there is no fallocate(): the space is written.
TEST_F(DiskKernelTest, WhereSpaceCannotBeReservedItIsWritten) {
  if (!victim_with("truncate -s 200M image && mkfs.ext2 -q -F image && mount -o loop image mnt"))
    GTEST_SKIP() << "no loop device with ext2 here";
  auto impact = fill(R"(, "bytes": 104857600)");
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 4s));
  EXPECT_TRUE((*impact)->proof(boot_now()).proven) << (*impact)->proof(boot_now()).reason;
  ASSERT_TRUE((*impact)->revert());
}

// A throttled disk takes a block of 8 MiB in 8 s; the load is killed between two pieces.
TEST_F(DiskKernelTest, UnderAThrottleItIsKilledAtOnceToo) {
  if (!victim_with(kExt4)) GTEST_SKIP() << "no loop device with ext4 here";
  auto blkio = tree_.find("blkio", path("victim"));
  struct stat stat {};
  ::stat(inside("").c_str(), &stat);
  std::string rate = fmt::format("{}:{} {}", major(stat.st_dev), minor(stat.st_dev), kMebi);
  if (!blkio || !blkio->write("blkio.throttle.write_bps_device", rate)) GTEST_SKIP() << "no throttle here";
  auto impact =
      apply(fault::io_fault(), container("victim"), of(fault::io_fault(), R"(, "block_size": 8192, "mode": "w")"));
  ASSERT_TRUE(impact) << impact.error().message();
  ASSERT_TRUE(serve(**impact, 1s));
  BootTime begin = boot_now();
  ASSERT_TRUE((*impact)->revert());
  fmt::print("killed within {:.0f} ms\n", to_millis(boot_now() - begin));
  EXPECT_LT(boot_now() - begin, 500ms);
}

TEST_F(DiskKernelTest, ReadsAndWritesReachTheDisk) {
  if (!victim_with(kExt4)) GTEST_SKIP() << "no loop device with ext4 here";
  int64_t before = used();
  for (std::string mode : {"r", "w", "rw"}) {
    auto impact =
        apply(fault::io_fault(), container("victim"),
              of(fault::io_fault(), R"(, "workers": 2, "block_size": 16, "block_count": 8, "mode": ")" + mode + "\""));
    ASSERT_TRUE(impact) << impact.error().message();
    ASSERT_TRUE(serve(**impact, 1700ms));
    BootTime begin = boot_now();
    ASSERT_TRUE((*impact)->revert());
    EXPECT_LT(boot_now() - begin, 500ms);
    Proof proof = (*impact)->proof(boot_now());
    EXPECT_TRUE(proof.proven) << proof.reason;
    fmt::print("{}: {}\n", mode, proof.measured);
    EXPECT_EQ(used(), before);
  }
}

}  // namespace
}  // namespace ordeal

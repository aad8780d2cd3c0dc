#include "platform/sys/process/standstill.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ordeal::sys {
namespace {

struct Standing : testing::Test {
  std::string proc = testing::TempDir() + "ordeal_still_" + std::to_string(::getpid());
  void TearDown() override { std::filesystem::remove_all(proc); }

  static std::string stat(char state, int threads) {
    return std::string("42 (x) ") + state + " 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 " + std::to_string(threads) +
           " 0 987654 1000 10 18446744073709551615 0\n";
  }
  void put(char state, int threads, const std::string& own, const std::string& shared) {
    std::filesystem::create_directories(proc + "/42");
    std::ofstream(proc + "/42/stat") << stat(state, threads);
    std::ofstream(proc + "/42/status") << "SigPnd:\t" << own << "\nShdPnd:\t" << shared << "\n";
  }
  void put_thread(int tid, char state) {
    std::string folder = proc + "/42/task/" + std::to_string(tid);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/stat") << stat(state, 2);
  }
};

constexpr const char* kNone = "0000000000000000";
constexpr const char* kSigstop = "0000000000040000";
constexpr const char* kSigterm = "0000000000004000";

TEST_F(Standing, AStopIsSeenWhereverItShows) {
  struct Row {
    char state;
    const char* own;
    const char* shared;
    Stop expected;
  };
  for (const Row& row : {Row{'S', kNone, kNone, Stop::kNone}, Row{'T', kNone, kNone, Stop::kStopped},
                         Row{'t', kNone, kNone, Stop::kTraced}, Row{'D', kNone, kSigstop, Stop::kPending},
                         Row{'D', kSigstop, kNone, Stop::kPending}, Row{'D', kNone, kSigterm, Stop::kNone},
                         Row{'Z', kNone, kSigstop, Stop::kNone}}) {
    put(row.state, 1, row.own, row.shared);
    EXPECT_EQ(stop_of(42, proc), row.expected) << row.state << " " << row.own << " " << row.shared;
  }
  EXPECT_EQ(stop_of(43, proc), Stop::kNone) << "it is gone";
}

TEST_F(Standing, AThreadThatSleepsInTheKernelDoesNotHideTheStopOfTheOthers) {
  put('D', 2, kNone, kNone);
  put_thread(42, 'D');
  put_thread(43, 'T');
  EXPECT_EQ(stop_of(42, proc), Stop::kStopped);
  put('Z', 2, kNone, kNone);
  put_thread(42, 'Z');
  EXPECT_EQ(stop_of(42, proc), Stop::kStopped) << "the main thread has ended";
  put_thread(43, 'S');
  EXPECT_EQ(stop_of(42, proc), Stop::kNone);
}

}  // namespace
}  // namespace ordeal::sys

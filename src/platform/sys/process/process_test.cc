#include "platform/sys/process/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/base/random.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

std::string stat_line(const std::string& comm) {
  return "4242 (" + comm +
         ") S 17 4242 4240 0 -1 4194304 118 0 0 0 150 50 0 0 20 0 1 0 987654 1000 10 18446744073709551615 0\n";
}

TEST(Process, StatOfAnOrdinaryProcessIsRead) {
  auto stat = parse_stat(stat_line("nginx"));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 4242);
  EXPECT_EQ(stat->comm, "nginx");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->ppid, 17);
  EXPECT_EQ(stat->group, 4242);
  EXPECT_EQ(stat->session, 4240);
  EXPECT_EQ(stat->start_ticks, 987654u);
  EXPECT_EQ(cpu_time(*stat), 2s);
}

TEST(Process, ANameMayHoldBracketsSpacesAndNewlines) {
  for (std::string comm : {"a) S 1 (b", "((sd-pam))", ") R 1 1 1", "", "line\nbreak", "x y"}) {
    auto stat = parse_stat(stat_line(comm));
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->ppid, 17);
    EXPECT_EQ(stat->start_ticks, 987654u);
  }
}

TEST(Process, IsDyingOnceNothingOfItRunsAnyMore) {
  std::string proc = testing::TempDir() + "ordeal_dying_" + std::to_string(::getpid());
  auto put = [&](const std::string& stat, const std::string& pending) {
    std::filesystem::create_directories(proc + "/4242");
    std::ofstream(proc + "/4242/stat") << stat;
    std::ofstream(proc + "/4242/status") << "Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t" << pending << "\n";
  };
  std::string lives = stat_line("x"), exits = lives, zombie = lives;
  exits.replace(exits.find("4194304"), 7, "4194308");
  zombie.replace(zombie.find(" S "), 3, " Z ");
  put(lives, "0000000000000000");
  EXPECT_FALSE(is_dying(4242, 987654, proc));
  EXPECT_TRUE(is_dying(4242, 987655, proc)) << "its number is another process's now";
  put(lives, "0000000000000100");
  EXPECT_TRUE(is_dying(4242, 987654, proc)) << "SIGKILL is on its way";
  put(lives, "0000000000000080");
  EXPECT_FALSE(is_dying(4242, 987654, proc)) << "another signal";
  put(exits, "0000000000000000");
  EXPECT_TRUE(is_dying(4242, 987654, proc));
  put(zombie, "0000000000000000");
  EXPECT_TRUE(is_dying(4242, 987654, proc));
  std::filesystem::remove_all(proc);
  EXPECT_TRUE(is_dying(4242, 987654, proc));
}

std::string any_bytes(Random& random, size_t most, std::string_view without) {
  std::string bytes(1 + random.below(most), ' ');
  for (char& byte : bytes) do
      byte = static_cast<char>(1 + random.below(255));
    while (without.find(byte) != without.npos);
  return bytes;
}

// Every text that a process, a cgroup or a link can put into /proc.
std::vector<std::string> texts_of(const Process& process) {
  std::vector<std::string> texts{process.comm, process.exe, process.command_line(), program_name(process)};
  texts.insert(texts.end(), process.argv.begin(), process.argv.end());
  for (const CgroupMembership& membership : process.cgroups) {
    texts.push_back(membership.path);
    texts.insert(texts.end(), membership.controllers.begin(), membership.controllers.end());
  }
  return texts;
}

TEST(Process, WhateverBytesNamesHaveWhatIsReadIsText) {
  Random random(3);
  std::string proc = testing::TempDir() + "ordeal_bytes_" + std::to_string(::getpid());
  std::string folder = proc + "/4242";
  std::filesystem::create_directories(folder);
  for (int i = 0; i < 300; ++i) {
    std::string comm = any_bytes(random, 15, "");
    std::ofstream(folder + "/stat") << stat_line(comm);
    std::ofstream(folder + "/cmdline") << any_bytes(random, 40, "") << '\0' << any_bytes(random, 40, "") << '\0';
    std::ofstream(folder + "/cgroup") << "9:name=" << any_bytes(random, 9, ",:\n") << ":/"
                                      << any_bytes(random, 30, "\n") << "\n0::/" << any_bytes(random, 30, "\n") << "\n";
    std::filesystem::remove(folder + "/exe");
    std::filesystem::create_symlink("/" + any_bytes(random, 40, ""), folder + "/exe");
    auto process = read_process(4242, proc);
    ASSERT_TRUE(process) << process.error().message();
    ASSERT_EQ(process->cgroups.size(), 2u);
    for (const std::string& text : texts_of(*process)) ASSERT_TRUE(valid_utf8(text)) << "round " << i;
  }
  std::filesystem::remove_all(proc);
}

TEST(Process, ANameThatTheKernelCutInTheMiddleOfACharacterIsStillTheProgrammes) {
  Process process;
  process.exe = "/opt/\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc";
  process.comm = parse_stat(stat_line(process.exe.substr(5, 15)))->comm;
  EXPECT_EQ(program_name(process), process.exe.substr(5));
}

TEST(Process, AProcessLivesWhileOneOfItsThreadsDoes) {
  std::string line = stat_line("x");
  line.replace(line.find(" S "), 3, " Z ");
  EXPECT_FALSE(parse_stat(line)->alive());
  line.replace(line.find(" 20 0 1 0 "), 10, " 20 0 3 0 ");
  EXPECT_TRUE(parse_stat(line)->alive()) << "only its main thread has ended";
}

TEST(Process, BrokenStatIsAnError) {
  for (const char* text : {"", "1", "1 (", "1 (x", ") 1 (", "x (y) S 1", "4242 (a) S 1 2 3"})
    EXPECT_FALSE(parse_stat(text)) << text;
}

TEST(Process, CgroupLinesOfBothVersionsAreRead) {
  auto found = parse_cgroups("9:name=systemd:/a\n4:cpu,cpuacct:/b:c/d\n0::/e (deleted)\nrubbish\n");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], (CgroupMembership{{"name=systemd"}, "/a"}));
  EXPECT_EQ(found[1], (CgroupMembership{{"cpu", "cpuacct"}, "/b:c/d"}));
  EXPECT_EQ(found[2], (CgroupMembership{{}, "/e"}));
}

TEST(Process, WeSeeOurselves) {
  auto own = read_process(::getpid());
  ASSERT_TRUE(own);
  EXPECT_EQ(own->ppid, ::getppid());
  EXPECT_EQ(own->uid, ::geteuid());
  EXPECT_GT(own->start_ticks, 0u);
  EXPECT_FALSE(own->exe.empty());
  EXPECT_NE(own->netns, 0u);
  EXPECT_NE(own->command_line().find("sys_test"), std::string::npos);
  auto table = list_processes();
  ASSERT_TRUE(table);
  bool listed = std::any_of(table->begin(), table->end(), [](const Process& p) { return p.pid == ::getpid(); });
  EXPECT_TRUE(listed);
}

TEST(Process, AnEmptyArgumentStaysInTheCommandLine) {
  std::string proc = ::testing::TempDir() + "ordeal-proc-" + std::to_string(::getpid());
  std::filesystem::create_directories(proc + "/4242");
  std::filesystem::create_directories(proc + "/4243");  // vanished: nothing to read in it
  std::ofstream(proc + "/4242/stat") << stat_line("odd");
  std::ofstream(proc + "/4242/cmdline") << std::string("odd\0\0--x\0", 9);
  std::ofstream(proc + "/4242/status") << "Name:\todd\nUid:\t1\t1001\t1\t1\nGid:\t2\t1002\t2\t2\nNSpid:\t4242\t7\n";
  auto table = list_processes(proc);
  std::filesystem::remove_all(proc);
  ASSERT_TRUE(table);
  ASSERT_EQ(table->size(), 1u);
  EXPECT_EQ((*table)[0].argv, (std::vector<std::string>{"odd", "", "--x"}));
  EXPECT_EQ((*table)[0].command_line(), "odd  --x");
  EXPECT_EQ((*table)[0].uid, 1001u);
  EXPECT_EQ((*table)[0].gid, 1002u);
  EXPECT_EQ((*table)[0].namespace_pid, 7);
}

TEST(Process, AMissingProcessIsNotFound) {
  auto gone = read_process(1 << 30);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Errc::kNotFound);
}

TEST(Process, ACgroupHoldsItsOwnAndWhatIsBelowButNotItsNamesake) {
  Process process;
  process.cgroups = {{{"cpu"}, "/shop/db/worker"}, {{}, "/"}};
  EXPECT_TRUE(in_cgroup(process, "/shop"));
  EXPECT_TRUE(in_cgroup(process, "/shop/db/"));
  EXPECT_TRUE(in_cgroup(process, "/shop/db/worker"));
  EXPECT_FALSE(in_cgroup(process, "/shop/d"));
  EXPECT_FALSE(in_cgroup(process, "/"));
  EXPECT_FALSE(in_cgroup(process, ""));
}

TEST(Process, DescendantsAreFoundThroughGenerations) {
  std::vector<Process> table(5);
  for (int i = 0; i < 5; ++i) table[i].pid = 10 + i;
  table[1].ppid = 10;
  table[2].ppid = 11;
  table[3].ppid = 1;
  table[4].ppid = 12;
  EXPECT_EQ(with_descendants(table, 11), (std::vector<pid_t>{11, 12, 14}));
}

TEST(Process, UsersAreFoundByNameAndNumber) {
  EXPECT_EQ(find_user("root").value_or(99), 0u);
  EXPECT_EQ(find_user("1234").value_or(0), 1234u);
  EXPECT_EQ(find_group("root").value_or(99), 0u);
  EXPECT_FALSE(find_user("no-such-user-of-ordeal"));
  EXPECT_EQ(user_name(0), "root");
}

}  // namespace
}  // namespace ordeal::sys

#include "fault/attacks/process/process_match.h"

#include <gtest/gtest.h>

#include "core/json/value.h"
#include "fault/attacks/faults.h"

namespace ordeal::fault {
namespace {

std::vector<sys::Process> table() {
  auto make = [](pid_t pid, pid_t ppid, std::string comm, std::vector<std::string> argv) {
    sys::Process process;
    process.pid = pid;
    process.ppid = ppid;
    process.state = 'S';
    process.start_ticks = static_cast<uint64_t>(pid);
    process.comm = std::move(comm);
    process.argv = std::move(argv);
    process.uid = process.gid = static_cast<uid_t>(pid % 2);
    return process;
  };
  return {make(10, 1, "postgres", {"postgres", "-D", "/data"}),
          make(11, 10, "postgres", {"postgres: writer"}),
          make(12, 10, "postgres", {"postgres: wal"}),
          make(20, 1, "python3", {"python3", "app.py", "--port=8000"}),
          make(21, 20, "sh", {"sh", "-c", "x"}),
          make(30, 1, "a-very-long-pro", {"/opt/a-very-long-program-name"})};
}

std::vector<pid_t> pids(const std::string& args) {
  Attack given{"process_killer", json::parse(args).value().as_object(), 60s, {}};
  auto match = ProcessMatch::from(resolve_arguments(given, process_killer_fault().info()).value());
  if (!match) return {-1};
  std::vector<pid_t> found;
  for (const sys::Process& process : match->choose(table())) found.push_back(process.pid);
  return found;
}

using Pids = std::vector<pid_t>;

TEST(ProcessMatch, EveryFlagOfGremlinNarrowsAsItsNameSays) {
  const std::pair<std::string, Pids> cases[] = {
      {R"({"process": "postgres"})", {10, 11, 12}},
      {R"({"process": "post"})", {10, 11, 12}},
      {R"({"process": "post", "exact": true})", {}},
      {R"({"process": "postgres", "exact": true})", {10, 11, 12}},
      {R"({"process": "postgres", "newest": true})", {12}},
      {R"({"process": "postgres", "oldest": true})", {10}},
      {R"({"process": "postgres", "oldest": true, "children": true})", {10, 11, 12}},
      {R"({"process": "python3", "children": true})", {20, 21}},
      {R"({"process": "app.py"})", {}},
      {R"({"process": "app\\.py.*port=80", "full": true})", {20}},
      {R"({"process": "app\\.py", "full": true, "exact": true})", {}},
      {R"({"process": "python3 .*", "full": true, "exact": true})", {20}},
      {R"({"process": "postgres", "user": "1"})", {11}},
      {R"({"process": "postgres", "group": "0"})", {10, 12}},
      {R"({"process": "long-program", "exact": false})", {30}},
      {R"({"process": "a-very-long-program-name", "exact": true})", {30}},
      {R"({"process": "(", "full": true})", {-1}},
      {R"({"process": "x", "newest": true, "oldest": true})", {-1}},
      {R"({"process": "x", "user": "no-such-user-of-ordeal"})", {-1}},
  };
  for (const auto& [args, expected] : cases) EXPECT_EQ(pids(args), expected) << args;
}

TEST(ProcessMatch, TheDeadDoNotMatch) {
  Attack given{"process_killer", {{"process", "postgres"}}, 60s, {}};
  auto match = ProcessMatch::from(resolve_arguments(given, process_killer_fault().info()).value());
  auto processes = table();
  for (sys::Process& process : processes) process.state = 'Z';
  EXPECT_TRUE(match->choose(processes).empty());
}

}  // namespace
}  // namespace ordeal::fault

// ProcTest: a test's own cgroup and processes on the live kernel, and a fault on them. Skips where it cannot be done.
// Everything it makes is gone afterwards.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fault/attacks/faults.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/spawn.h"

namespace ordeal {

// What the reaper does, in this process: holds prepared undos.
class LocalUndoLog : public fault::UndoLog {
 public:
  Result<int> record(const fault::UndoRecord& undo) override;
  Result<> undo(int number) override;

  std::vector<fault::UndoRecord> records;

 private:
  std::vector<std::unique_ptr<fault::PreparedUndo>> prepared_;
};

class ProcTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A cgroup of this test in these hierarchies (all, when none is named), below /ordeal-test-PID.
  const sys::OwnCgroup& make_cgroup(const std::string& name, const std::vector<std::string>& controllers = {});
  std::string path(const std::string& name) const;
  // A shell command of the test's own, started in the cgroup when one is named.
  sys::Child& start(const std::string& command, const std::string& cgroup = "");
  sys::Child& start_argv(std::vector<std::string> argv, const std::string& cgroup = "");
  // Until it holds or two seconds are over.
  static bool eventually(const std::function<bool()>& condition);

  // Alive in the test's cgroup, in the hierarchy that has the controller; in the identifying one when none is named.
  std::vector<pid_t> pids(const std::string& name, const std::string& controller = "") const;
  size_t alive(const std::string& name) const { return pids(name).size(); }

  Victim container(const std::string& name) const;
  Victim process(const sys::Child& child) const;

  Attack attack(const fault::Fault& fault, const std::string& json_args, Nanos length = 60s) const;
  Result<std::unique_ptr<fault::Impact>> apply(const fault::Fault& fault, const Victim& victim, const Attack& attack);
  // Lets the impact work for so long, as the guard does.
  static Result<> serve(fault::Impact& impact, Nanos length);

  sys::CgroupTree tree_;
  LocalUndoLog log_;

 private:
  std::vector<std::pair<std::string, sys::OwnCgroup>> cgroups_;
  std::vector<std::unique_ptr<sys::Child>> children_;
};

}  // namespace ordeal

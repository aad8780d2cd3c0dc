#include "proc_fixture.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "core/json/value.h"
#include "fault/attacks/load/load_child.h"

namespace ordeal {

Result<int> LocalUndoLog::record(const fault::UndoRecord& undo) {
  // Through its JSON form, as the real one sends it.
  auto sent = TRY(fault::undo_record_from_json(TRY(json::parse(json::write(to_json(undo))))));
  prepared_.push_back(TRY(fault::prepare_undo(sent)));
  records.push_back(sent);
  return static_cast<int>(prepared_.size()) - 1;
}

Result<> LocalUndoLog::undo(int number) {
  auto done = prepared_.at(static_cast<size_t>(number))->run();
  if (!done) return tl::unexpected(std::move(done).error());
  return {};
}

void ProcTest::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto tree = sys::CgroupTree::discover();
  ASSERT_TRUE(tree) << tree.error().message();
  tree_ = *tree;
  fault::set_load_program(ORDEAL_GUARD);
}

void ProcTest::TearDown() {
  for (auto& [name, cgroup] : cgroups_) {
    for (const sys::Cgroup& part : cgroup.parts()) {
      if (part.has_file("freezer.state")) (void)part.write("freezer.state", "THAWED");
      if (part.has_file("cgroup.freeze")) (void)part.write("cgroup.freeze", "0");
    }
  }
  for (auto& child : children_) child->kill_group(SIGCONT);
  for (auto& [name, cgroup] : cgroups_)
    for (const sys::Cgroup& part : cgroup.parts())
      for (pid_t pid : part.processes().value_or(std::vector<pid_t>{})) ::kill(pid, SIGKILL);
  children_.clear();
  while (!cgroups_.empty()) {
    auto removed = cgroups_.back().second.remove(2s);
    EXPECT_TRUE(removed) << removed.error().message();
    cgroups_.pop_back();
  }
}

std::string ProcTest::path(const std::string& name) const {
  return fmt::format("/ordeal-test-{}/{}", ::getpid(), name);
}

const sys::OwnCgroup& ProcTest::make_cgroup(const std::string& name, const std::vector<std::string>& controllers) {
  auto own = sys::OwnCgroup::create(tree_, path(name), controllers);
  if (!own) throw std::runtime_error(own.error().message());
  cgroups_.emplace_back(name, std::move(*own));
  return cgroups_.back().second;
}

sys::Child& ProcTest::start_argv(std::vector<std::string> argv, const std::string& cgroup) {
  sys::SpawnOptions options;
  options.argv = std::move(argv);
  options.out = options.err = sys::Stream::kNull;
  options.die_with_parent = true;
  auto child = sys::Child::start(options);
  if (!child) throw std::runtime_error(child.error().message());
  children_.push_back(std::make_unique<sys::Child>(std::move(*child)));
  for (auto& [name, own] : cgroups_) {
    if (name != cgroup) continue;
    auto joined = own.join(children_.back()->pid());
    if (!joined) throw std::runtime_error(joined.error().message());
  }
  return *children_.back();
}

sys::Child& ProcTest::start(const std::string& command, const std::string& cgroup) {
  // Waits until it is in its cgroup, so that what it starts is there too.
  return start_argv({"/bin/sh", "-c", "sleep 0.1; " + command}, cgroup);
}

bool ProcTest::eventually(const std::function<bool()>& condition) {
  BootTime end = boot_now() + 2s;
  while (!condition()) {
    if (boot_now() > end) return false;
    ::usleep(2000);
  }
  return true;
}

std::vector<pid_t> ProcTest::pids(const std::string& name, const std::string& controller) const {
  std::vector<sys::Cgroup> found = tree_.find_all(path(name));
  if (!controller.empty()) found = {*tree_.find(controller, path(name))};
  std::vector<pid_t> alive;
  if (found.empty()) return alive;
  for (pid_t pid : found.front().processes().value_or(std::vector<pid_t>{})) {
    auto stat = sys::read_stat(pid);
    if (stat && stat->state != 'Z') alive.push_back(pid);
  }
  return alive;
}

Victim ProcTest::container(const std::string& name) const {
  Victim victim;
  victim.kind = VictimKind::kContainer;
  victim.name = name;
  victim.cgroup = path(name);
  auto found = tree_.find_all(victim.cgroup);
  if (found.empty()) throw std::runtime_error("no cgroup " + victim.cgroup);
  victim.cgroup_inode = found.front().inode().value();
  for (pid_t pid : pids(name))
    if (auto stat = sys::read_stat(pid)) victim.processes.push_back({pid, stat->start_ticks});
  return victim;
}

Victim ProcTest::process(const sys::Child& child) const {
  Victim victim;
  victim.kind = VictimKind::kProcess;
  victim.name = fmt::format("child:{}", child.pid());
  victim.processes = {{child.pid(), sys::read_stat(child.pid()).value().start_ticks}};
  return victim;
}

Attack ProcTest::attack(const fault::Fault& fault, const std::string& json_args, Nanos length) const {
  Attack given{fault.info().type, json::parse(json_args).value().as_object(), length};
  auto resolved = resolve_arguments(given, fault.info());
  if (!resolved) throw std::runtime_error(resolved.error().message());
  return *resolved;
}

Result<std::unique_ptr<fault::Impact>> ProcTest::apply(const fault::Fault& fault, const Victim& victim,
                                                       const Attack& attack) {
  fault::Context context;
  context.now = boot_now();
  context.length = attack.total();
  context.undo = &log_;
  return fault.apply(victim, attack, context);
}

Result<> ProcTest::serve(fault::Impact& impact, Nanos length) {
  BootTime end = boot_now() + length;
  for (;;) {
    BootTime now = boot_now();
    if (now >= end) return {};
    BootTime next = std::min(end, impact.next_work().value_or(end));
    std::vector<pollfd> polls;
    for (int fd : impact.descriptors()) polls.push_back({fd, POLLIN, 0});
    Nanos left = std::max(next - now, Nanos(0));
    ::poll(polls.data(), polls.size(), static_cast<int>(std::chrono::ceil<milliseconds>(left).count()));
    TRY_VOID(impact.work(boot_now()));
  }
}

}  // namespace ordeal

// ordeal-guard: the helper that `ordeal run` starts. Not for people: it speaks on an inherited socket.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <map>
#include <string_view>

#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/model/run/exit_code.h"
#include "core/model/run/run_id.h"
#include "fault/attacks/load/load_life.h"
#include "fault/attacks/resource/burner.h"
#include "fault/guard/guard.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/recovery/dead_runs.h"
#include "fault/guard/recovery/reaper.h"
#include "fault/guard/recovery/standby.h"
#include "fault/packets/names/name_watch.h"
#include "platform/host/latch.h"
#include "platform/host/own_cgroup.h"

namespace ordeal::guard {
namespace {

// --name value pairs; a name may stand more than once.
using Flags = std::multimap<std::string, std::string>;

Result<Flags> parse_flags(int argc, char** argv) {
  Flags flags;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!std::string_view(argv[i]).starts_with("--"))
      return fail(Errc::kInvalidInput, fmt::format("expected a flag, found \"{}\"", argv[i]));
    flags.emplace(argv[i] + 2, argv[i + 1]);
  }
  return flags;
}

std::string text_flag(const Flags& flags, const std::string& name) {
  auto found = flags.find(name);
  return found == flags.end() ? "" : found->second;
}

Result<int> number_flag(const Flags& flags, const std::string& name) {
  auto number = parse_number<int>(text_flag(flags, name));
  if (!number) return fail(Errc::kInvalidInput, fmt::format("--{} expects a number", name));
  return *number;
}

Result<UniqueFd> inherited(const Flags& flags, const std::string& name) {
  int fd = TRY(number_flag(flags, name));
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    return fail_errno(fmt::format("--{} {} is not an open descriptor", name, fd));
  return UniqueFd(fd);
}

Result<ExitCode> guard_command(const Flags& flags) {
  GuardOptions options;
  options.run_id = TRY(parse_run_id(text_flag(flags, "run")));
  options.state_dir = text_flag(flags, "state-dir");
  auto [first, last] = flags.equal_range("policy");
  for (auto it = first; it != last; ++it) options.policies.push_back(it->second);
  options.lease = milliseconds(TRY(number_flag(flags, "lease-ms")));
  options.engine = TRY(inherited(flags, "socket"));
  if (flags.count("inventory")) {
    UniqueFd inventory = TRY(inherited(flags, "inventory"));
    options.inventory = TRY(read_file(fmt::format("/proc/self/fd/{}", inventory.get())));
  }
  Guard guard = TRY(Guard::start(std::move(options)));
  return guard.run();
}

Result<ExitCode> reaper_command(const Flags& flags) {
  ReaperOptions options;
  options.run_id = TRY(parse_run_id(text_flag(flags, "run")));
  options.paths = TRY(host::Paths::find(text_flag(flags, "state-dir")));
  options.guard = TRY(inherited(flags, "socket"));
  options.guard_pid = ::getppid();
  // The run's lock stays open, and so held, until this process ends.
  UniqueFd lock = TRY(inherited(flags, "lock"));
  Reaper reaper = TRY(Reaper::start(std::move(options)));
  return reaper.run();
}

Result<ExitCode> standby_command(const Flags& flags) {
  StandbyOptions options;
  options.run_id = TRY(parse_run_id(text_flag(flags, "run")));
  options.paths = TRY(host::Paths::find(text_flag(flags, "state-dir")));
  options.engine = TRY(inherited(flags, "socket"));
  Standby standby = TRY(Standby::start(std::move(options)));
  return standby.run();
}

// What cannot be undone stops everything until a person has looked.
void latch(const host::Paths& paths, const DeadRun& dead) {
  (void)host::engage_for_failed_revert(paths, fmt::format("a revert failed in {}: {}", dead.run, dead.failed.front()),
                                       "replay");
}

Result<std::vector<DeadRun>> end_and_clean(const host::Paths& paths, const Flags& flags) {
  std::vector<DeadRun> all;
  auto [first, last] = flags.equal_range("take-over");
  for (auto it = first; it != last; ++it) {
    std::string run = TRY(parse_run_id(it->second));
    all.push_back(TRY(end_run(paths, run, TRY(open_holders(paths, run)), Nanos(0))));
  }
  std::string only = text_flag(flags, "run");
  if (!only.empty()) TRY_VOID(parse_run_id(only));
  for (DeadRun& dead : TRY(clean_dead_runs(paths, kExitTimeout, only))) all.push_back(std::move(dead));
  return all;
}

// Prints one JSON object: what earlier, dead runs left and what became of it. --take-over RUN ends a live one first.
Result<ExitCode> replay_command(const Flags& flags) {
  host::Paths paths = TRY(host::Paths::find(text_flag(flags, "state-dir")));
  auto all = end_and_clean(paths, flags);
  if (!all) {
    put_json(json::write(to_json(ReplayAnswer{{}, all.error().message(), all.error().advice()})) + "\n");
    (void)finish_output();
    return exit_code_of(all.error());
  }
  bool failed = false;
  for (const DeadRun& dead : *all) {
    if (!dead.failed.empty()) latch(paths, dead);
    failed = failed || !dead.failed.empty();
  }
  put_json(json::write(to_json(ReplayAnswer{*all, "", ""})) + "\n");
  if (!finish_output()) return ExitCode::kInternal;
  return failed ? ExitCode::kRevertFailed : ExitCode::kHeld;
}

// A victim may have thousands of processes, each of which is signalled through a descriptor of its own.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<ExitCode> dispatch(int argc, char** argv) {
  std::string_view mode = argc > 1 ? argv[1] : "";
  Flags flags = TRY(parse_flags(argc, argv));
  if (mode == "--guard") return guard_command(flags);
  if (mode == "--reaper") return reaper_command(flags);
  if (mode == "--standby") return standby_command(flags);
  if (mode == "--replay") return replay_command(flags);
  return fail(Errc::kInvalidInput, "ordeal-guard is started by ordeal; see `ordeal --help`");
}

}  // namespace
}  // namespace ordeal::guard

int main(int argc, char** argv) {
  ordeal::guard_output();
  if (argc > 1 && std::string_view(argv[1]) == "--burn") return ordeal::fault::burn_main(argc, argv);
  if (argc > 1 && std::string_view(argv[1]) == "--look-up") return ordeal::packets::look_up_main(argc, argv);
  if (argc > 1 && std::string_view(argv[1]) == "--load") return ordeal::fault::load_main(argc, argv);
  ordeal::guard::raise_descriptor_limit();
  (void)ordeal::host::enter_cgroup_namespace_of_init();  // what is journalled names cgroups by the host's paths
  auto code = ordeal::guard::dispatch(argc, argv);
  if (code) return static_cast<int>(*code);
  ordeal::print_to_error("ordeal-guard: {}\n", code.error().message());
  return static_cast<int>(ordeal::exit_code_of(code.error()));
}

#include "app/cli/safety/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "platform/host/registry.h"

namespace ordeal::cli {

Result<> replay_dead_runs(const std::string& state_dir) {
  for (const guard::DeadRun& run : TRY(guard::replay({state_dir, "", {}})))
    if (!run.failed.empty())
      return fail(Errc::kRevertFailed, fmt::format("the run {} left something behind: {}", run.run, run.failed.front()),
                  "undo it by hand, then `ordeal revert` and `ordeal resume`");
  return {};
}

namespace {

struct Part {
  std::vector<std::string> guard::DeadRun::*list;
  const char* says;
};
constexpr std::array<Part, 4> kParts{
    {{&guard::DeadRun::undone, "undone"},
     {&guard::DeadRun::as_before, "was already as before"},
     {&guard::DeadRun::other_boot, "from another boot: nothing of it can be in force; removed"},
     {&guard::DeadRun::failed, "NOT undone"}}};

void print_run(const guard::DeadRun& run) {
  bool any = false;
  for (const Part& part : kParts) {
    for (const std::string& text : run.*part.list) {
      any = true;
      print("{}: {}: {}\n", run.run, part.says, text);
    }
  }
  if (!any) print("{}: nothing was in force; its empty traces were removed\n", run.run);
}

json::Array live_json(const std::vector<host::ActiveRun>& live) {
  json::Array list;
  for (const host::ActiveRun& run : live) {
    json::Array claims;
    for (const std::string& claim : run.claims) claims.push_back(json::Value(claim));
    list.push_back(json::Object{{"run", run.run}, {"claims", std::move(claims)}});
  }
  return list;
}

// The live runs that hold something now. Reverting is for dead ones.
Result<std::vector<host::ActiveRun>> holding(const std::string& state_dir) {
  auto active = host::active_runs(TRY(host::Paths::find(state_dir)));
  if (!active) return refusal_of(std::move(active).error());
  std::erase_if(*active, [](const host::ActiveRun& run) { return !run.holds(); });
  return active;
}

void print_live(const std::vector<host::ActiveRun>& live) {
  for (const host::ActiveRun& run : live)
    print("{} is live and holds {}: not touched; `ordeal halt {}` stops it\n", run.run, join(run.claims, ", "),
          run.run);
}

}  // namespace

Unexpected refusal_of(Error error) {
  if (error.sys_errno == EACCES || error.sys_errno == EPERM) {
    error.code = Errc::kRefused;
    error.hint = "run it as that user, or as root; nothing was changed, and it is not known what is in force";
  }
  return tl::unexpected(std::move(error));
}

void print_runs(const std::vector<guard::DeadRun>& runs) {
  for (const guard::DeadRun& run : runs) print_run(run);
}

json::Array runs_json(const std::vector<guard::DeadRun>& runs) {
  json::Array list;
  for (const guard::DeadRun& run : runs) list.push_back(to_json(run));
  return list;
}

bool any_failed(const std::vector<guard::DeadRun>& runs) {
  return std::any_of(runs.begin(), runs.end(), [](const guard::DeadRun& run) { return !run.failed.empty(); });
}

ExitCode revert_command(const std::string& state_dir, bool json) {
  auto runs = guard::replay({state_dir, "", {}});
  if (!runs) return print_error(runs.error());
  auto live = holding(state_dir);
  if (!live) return print_error(live.error());
  if (json) print_json(json::Object{{"runs", runs_json(*runs)}, {"live", live_json(*live)}});
  if (!json) {
    print_runs(*runs);
    print_live(*live);
  }
  if (any_failed(*runs)) return ExitCode::kRevertFailed;
  if (!live->empty()) return ExitCode::kRefused;
  if (!json && runs->empty()) print("Nothing was left behind.\n");
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli

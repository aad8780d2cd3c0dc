#include "cli/replay.h"

#include <fmt/format.h>

#include <array>

#include "base/output.h"
#include "cli/commands.h"
#include "guard/client.h"
#include "sys/spawn.h"

namespace ordeal::cli {

Result<json::Value> replay(const std::string& state_dir) {
  sys::SpawnOptions options;
  options.program = TRY(guard::find_guard());
  options.argv = {"ordeal-guard", "--replay"};
  if (!state_dir.empty()) options.argv.insert(options.argv.end(), {"--state-dir", state_dir});
  sys::Finished finished = TRY(sys::run(options, 30s));
  if (finished.timed_out) return fail(Errc::kRevertFailed, "ordeal-guard --replay did not end within 30 s");
  auto answer = json::parse(finished.output);
  if (!answer) return fail(Errc::kInternal, "ordeal-guard --replay: " + finished.output);
  return answer;
}

Result<> replay_dead_runs(const std::string& state_dir) {
  json::Value answer = TRY(replay(state_dir));
  for (const json::Value& run : answer.at("runs").as_array())
    for (const json::Value& failed : run.at("failed").as_array())
      return fail(Errc::kRevertFailed,
                  fmt::format("the run {} left something behind: {}", std::string_view(run.at("run").as_string()),
                              std::string_view(failed.as_string())),
                  "mend it by hand, then `ordeal revert`");
  return {};
}

namespace {

struct Part {
  const char* key;
  const char* says;
};
constexpr std::array<Part, 4> kParts{{{"undone", "undone"},
                                      {"as_before", "was already as before"},
                                      {"other_boot", "of another boot: nothing of it can be in force, forgotten"},
                                      {"failed", "NOT undone"}}};

// What was done about one dead run, a line each.
void print_run(const json::Object& run) {
  std::string_view name = run.at("run").as_string();
  bool any = false;
  for (const Part& part : kParts) {
    for (const json::Value& text : run.at(part.key).as_array()) {
      any = true;
      print("{}: {}: {}\n", name, part.says, std::string_view(text.as_string()));
    }
  }
  if (!any) print("{}: nothing was in force; its empty traces are removed\n", name);
}

}  // namespace

ExitCode revert_command(const std::string& state_dir, bool json) {
  auto answer = replay(state_dir);
  if (!answer) return print_error(answer.error());
  ExitCode code = ExitCode::kHeld;
  const json::Array& runs = answer->at("runs").as_array();
  for (const json::Value& run : runs) {
    if (!run.at("failed").as_array().empty()) code = ExitCode::kRevertFailed;
    if (!json) print_run(run.as_object());
  }
  if (json) print_json(*answer);
  if (!json && runs.empty()) print("Nothing was left behind.\n");
  return code;
}

}  // namespace ordeal::cli

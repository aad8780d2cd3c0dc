#include "fault/guard/recovery/replay.h"

#include "fault/guard/link/find_guard.h"
#include "fault/guard/link/messages.h"
#include "platform/sys/process/child_runner.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kReplayLimit = 30s;
constexpr size_t kMostAnswer = size_t{16} << 20;  // each step of every dead run has a line in it

Unexpected refused(const ReplayAnswer& answer, int ended) {
  auto exit = exit_code_from(ended);
  Errc code = exit == ExitCode::kRefused        ? Errc::kRefused
              : exit == ExitCode::kRevertFailed ? Errc::kRevertFailed
                                                : Errc::kInternal;
  return fail(code, answer.error, answer.hint);
}

}  // namespace

Result<std::vector<DeadRun>> replay(const ReplayOptions& options) {
  sys::Command command{{TRY(find_guard()), "--replay"}, kReplayLimit};
  command.most_out = kMostAnswer;
  command.outlives_us = true;
  std::vector<std::string>& argv = command.argv;
  if (!options.state_dir.empty()) argv.insert(argv.end(), {"--state-dir", options.state_dir});
  if (!options.only.empty()) argv.insert(argv.end(), {"--run", options.only});
  for (const std::string& run : options.take_over) argv.insert(argv.end(), {"--take-over", run});
  sys::ChildResult ended = TRY(sys::run(command));
  if (ended.timed_out) return fail(Errc::kRevertFailed, "ordeal-guard --replay did not end within 30 s");
  auto said = json::parse(ended.out);
  if (!said) return fail(Errc::kInternal, "ordeal-guard --replay: " + ended.output);
  auto answer = replay_answer_from_json(*said);
  if (!answer) return wrap(std::move(answer).error(), "ordeal-guard --replay");
  if (!answer->error.empty()) return refused(*answer, ended.exit_code);
  return std::move(answer->runs);
}

}  // namespace ordeal::guard

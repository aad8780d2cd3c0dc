#include "cli/run_events.h"

#include <fmt/format.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "cli/write_report.h"

namespace ordeal::cli {
namespace {

Result<> write_report(const std::vector<RunEvent>& events, const std::string& file) {
  return write_atomically(file, TRY(render_report(events, TRY(format_of(file)))));
}

}  // namespace

Verdict verdict_of(const Error& error) {
  Outcome outcome = Outcome::kError;
  if (error.code == Errc::kRefused) outcome = Outcome::kRefused;
  if (error.code == Errc::kRevertFailed) outcome = Outcome::kRevertFailed;
  if (exit_code_of(error) == ExitCode::kInconclusive) outcome = Outcome::kNotInjected;
  return {outcome, error.message(), error.advice()};
}

void RunEvents::take(const RunEvent& event) {
  if (event.type == "breach") failpoint("engine.breach");
  if (event.type == "verdict") return failpoint("engine.before_verdict");
  publish(event);
}

void RunEvents::publish(const RunEvent& event) {
  events_.push_back(event);
  progress_.show(event);
  metrics_.apply(event);
  fresh_ = true;
  if (auto stored = store_.append(event); !stored) progress_.warn(stored.error().message());
}

void RunEvents::tell(const Verdict& verdict) {
  RunEvent event;
  event.seq = events_.empty() ? 0 : events_.back().seq + 1;
  event.run = run_;
  event.boot = boot_now();
  event.wall = offset_.wall(event.boot);
  event.type = "verdict";
  event.data = to_json(verdict).as_object();
  publish(event);
}

// A stronger verdict stands; what failed is told all the same.
Verdict RunEvents::settle(Verdict verdict, const Result<>& done) {
  if (done) return verdict;
  std::string why = done.error().message();
  progress_.warn(why);
  if (exit_code_of(verdict.outcome) == stronger(exit_code_of(verdict.outcome), ExitCode::kInternal)) return verdict;
  Verdict corrected{Outcome::kError,
                    fmt::format("{}; the run itself: {}: {}", why, to_text(verdict.outcome), verdict.reason),
                    done.error().advice()};
  tell(corrected);
  return corrected;
}

Verdict RunEvents::close(Verdict verdict, const std::vector<std::string>& reports) {
  tell(verdict);
  verdict = settle(std::move(verdict), store_.flush());
  for (const std::string& file : reports) verdict = settle(std::move(verdict), write_report(events_, file));
  verdict = settle(std::move(verdict), store_.finish_run(run_, verdict));
  failpoint("engine.verdict_recorded");
  return verdict;
}

}  // namespace ordeal::cli

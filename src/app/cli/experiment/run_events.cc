#include "app/cli/experiment/run_events.h"

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "core/base/io/failpoint.h"
#include "core/base/io/output.h"
#include "core/json/hide.h"

namespace ordeal::cli {
namespace {

Result<> write_report(const std::vector<RunEvent>& events, ReportFile& report) {
  return report.file.write(TRY(render_report(events, report.format)));
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
  if (as<events::Breach>(event)) failpoint("engine.breach");
  if (as<events::Ended>(event)) return failpoint("engine.before_verdict");
  publish(event);
}

void RunEvents::publish(const RunEvent& said) {
  RunEvent event = without_secrets(said);
  events_.push_back(event);
  progress_.show(event);
  metrics_.apply(event);
  fresh_ = true;
  if (auto stored = store_.append(event); !stored && !std::exchange(unkept_, true))
    progress_.warn(stored.error().message());
}

void RunEvents::show(const Verdict& verdict) {
  RunEvent event;
  event.seq = events_.empty() ? 0 : events_.back().seq + 1;
  event.run = run_;
  event.boot = boot_now();
  event.wall = offset_.wall(event.boot);
  event.data = events::Ended{verdict};
  publish(event);
}

// A stronger verdict stands; what failed is told all the same.
Verdict RunEvents::settle(Verdict verdict, const Result<>& done) {
  if (done) return verdict;
  std::string why = done.error().message();
  print_error(done.error());
  if (exit_code_of(verdict.outcome) == stronger(exit_code_of(verdict.outcome), ExitCode::kInternal)) return verdict;
  Verdict corrected{Outcome::kError,
                    fmt::format("{}; the run itself: {}: {}", why, to_text(verdict.outcome), verdict.reason),
                    done.error().advice()};
  show(corrected);
  return corrected;
}

// What is shown counts too: what nobody could read was not said.
Verdict RunEvents::settle_output(Verdict verdict) {
  push_output();
  return settle(std::move(verdict), take_output_failure());
}

Verdict RunEvents::close(Verdict verdict, std::vector<ReportFile>& reports) {
  show(verdict);
  verdict = settle(std::move(verdict), store_.flush());
  verdict = settle_output(std::move(verdict));
  size_t reported = events_.size();
  for (ReportFile& report : reports) verdict = settle(std::move(verdict), write_report(events_, report));
  progress_.finish(run_, verdict, events_);
  verdict = settle_output(std::move(verdict));
  if (events_.size() > reported) correct(reports);
  auto recorded = store_.finish_run(run_, verdict);
  verdict = settle(std::move(verdict), recorded);
  failpoint("engine.verdict_recorded");
  return verdict;
}

// Those that were written before the verdict changed; the one that failed was told.
void RunEvents::correct(std::vector<ReportFile>& reports) {
  for (ReportFile& report : reports)
    if (report.file.can_be_rewritten()) (void)write_report(events_, report);
}

}  // namespace ordeal::cli

// RunEvents: where the events of a run go: its record, whoever watches it, Ordeal's own metrics, the reports. The
// verdict is held back until all is done and the exit code is known, so that the last event says what the process ends
// with; what fails after that makes another verdict event, which corrects the first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/experiment/progress.h"
#include "app/cli/record/write_report.h"
#include "run/report/run_metrics.h"
#include "run/store/store.h"

namespace ordeal::cli {

class RunEvents {
 public:
  // All must outlive this.
  RunEvents(store::Store& store, Progress& progress, report::RunMetrics& metrics, std::string run, WallOffset offset)
      : store_(store), progress_(progress), metrics_(metrics), run_(std::move(run)), offset_(offset) {}

  void take(const RunEvent& event);
  // Tells, reports, shows and records the verdict; gives the one that counts, which record and reports hold too.
  Verdict close(Verdict verdict, std::vector<ReportFile>& reports);
  // Whether any came since the last call.
  bool take_fresh() { return std::exchange(fresh_, false); }

 private:
  void publish(const RunEvent& said);
  void show(const Verdict& verdict);
  Verdict settle(Verdict verdict, const Result<>& done);
  Verdict settle_output(Verdict verdict);
  void correct(std::vector<ReportFile>& reports);

  store::Store& store_;
  Progress& progress_;
  report::RunMetrics& metrics_;
  std::string run_;
  WallOffset offset_;
  std::vector<RunEvent> events_;  // without secrets
  bool unkept_ = false;           // that the record takes none is said once
  bool fresh_ = false;
};

// What a run ends with that failed before or after its attack.
Verdict verdict_of(const Error& error);

}  // namespace ordeal::cli

// check: what each expectation says now. No fault, no guard, no target.
#include <fmt/format.h>

#include <algorithm>

#include "app/cli/commands.h"
#include "app/cli/experiment/readings.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "platform/sys/process/capability.h"
#include "run/session/prepare.h"

namespace ordeal::cli {
namespace {

using Readings = std::vector<session::FirstReading>;

// The rest of what only a cluster has concerns the target, which nobody looks at here.
Result<> refuse_sources_of_a_cluster(const Sources& sources, const std::string& file) {
  if (!sources.pods && !sources.access) return {};
  return fail(
      Errc::kInvalidInput,
      fmt::format("{}: sources.{}: read by a cluster's controller only", file, sources.pods ? "pods" : "access"),
      "`ordeal run --cluster` asks them; or leave it out, and name what can be reached from here");
}

Result<Experiment> read_to_check(const session::RunOptions& options) {
  session::Prepared prepared;
  TRY_VOID(session::read_experiment(options, prepared));
  const std::string& file = options.expect.empty() ? options.experiment : options.expect;
  if (prepared.experiment.expect.empty())
    return fail(Errc::kInvalidInput, file + ": there is no expectation to evaluate",
                "Add `expect`, or give --expect FILE.");
  TRY_VOID(refuse_sources_of_a_cluster(prepared.experiment.sources, options.experiment));
  if (auto checked = session::check_expectations(prepared.experiment); !checked) return wrap(checked.error(), file);
  return std::move(prepared.experiment);
}

size_t count_of(const Readings& readings, Reading which) {
  return static_cast<size_t>(
      std::count_if(readings.begin(), readings.end(), [&](auto& reading) { return reading.reading == which; }));
}

// The one line that decides.
void print_result(const Readings& readings) {
  size_t broken = count_of(readings, Reading::kBreached), silent = count_of(readings, Reading::kNoData);
  std::string of_all = "of " + counted(readings.size(), "expectation", "expectations");
  if (broken > 0) {
    print("{} {} {} not hold now{}\n", broken, of_all, broken == 1 ? "does" : "do",
          what_fails_now(readings).empty()
              ? ""
              : ": a run would stop before its attack. Fix the system, the query or the limit first");
  } else if (silent > 0) {
    print("{} {} {} no data now\n", silent, of_all, silent == 1 ? "has" : "have");
  } else {
    print("{} {} now\n", counted(readings.size(), "expectation", "expectations"),
          readings.size() == 1 ? "holds" : "hold");
  }
}

}  // namespace

ExitCode check_command(const session::RunOptions& options) {
  auto experiment = read_to_check(options);
  if (!experiment) return print_error(experiment.error());
  // The file may belong to somebody else, and so may the programs that it names.
  if (auto dropped = sys::drop_all_capabilities(); !dropped) return print_error(dropped.error());
  auto readings = session::look_once(*experiment, session::Ask::kAll, options.json ? nullptr : print_waiting);
  if (!readings) return print_error(readings.error());
  if (options.json) {
    for (const session::FirstReading& reading : *readings) print_json(to_json(reading));
  } else {
    print_readings(*readings);
    print_result(*readings);
  }
  return exit_code_of(*readings);
}

}  // namespace ordeal::cli

// The watcher of a run, from the experiment's sources and expectations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/experiment.h"
#include "model/seams.h"
#include "watch/source_watcher.h"

namespace ordeal::cli {

// Every query must parse and be evaluable; kInvalidInput names the expectation and the column.
Result<> check_queries(const Experiment& experiment);
// Asks the Prometheus that the queries go to, if any, who it is, and each query once; blocks up to some seconds. Its
// warning, or "". Nothing may be injected while watching cannot work: kInvalidInput is no Prometheus, or a query that
// it does not understand; kNotInjected does not answer.
Result<std::string> check_source(const Experiment& experiment);
// A sentence for each query whose window is longer than the baseline in which Ordeal's own scraper fills it.
std::vector<std::string> half_filled_windows(const Experiment& experiment);
Result<std::unique_ptr<watch::SourceWatcher>> make_watcher(const Experiment& experiment, Watcher::Callback callback);

}  // namespace ordeal::cli

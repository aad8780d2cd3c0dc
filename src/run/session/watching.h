// The watcher of a run, from the experiment's sources and expectations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/seams.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {

constexpr const char* kCorrectTheQuery = "Fix the query; if the series appears only later, set `expect_series: false`.";

// Every query must parse and be evaluable; kInvalidInput names the expectation and the column.
Result<> check_queries(const Experiment& experiment);
struct SourceCheck {
  std::string warning;           // "" is none
  Nanos fastest{0}, slowest{0};  // of its scrape intervals; 0 where it does not say
};
// Asks the Prometheus that the queries go to, if any, who it is, each query once, and for the series of each; blocks up
// to some seconds. Nothing may be injected while watching cannot work: kInvalidInput is no Prometheus, or a query that
// it does not understand; kNotInjected does not answer, or knows no such metric, job or label.
Result<SourceCheck> check_source(const Experiment& experiment, const watch::SourceLogin& login = {},
                                 bool only_outward = false);
// What the expectation's query names and the Prometheus has never seen, with what is near it; "" where there is none,
// or where it cannot be asked. Blocks up to some seconds.
std::string unseen_in_prometheus(const Experiment& experiment, const Expectation& expectation);
// A sentence for each query whose window is longer than the baseline in which Ordeal's own scraper fills it.
std::vector<std::string> half_filled_windows(const Experiment& experiment);
Result<std::unique_ptr<watch::SourceWatcher>> make_watcher(const Experiment& experiment, Watcher::Callback callback);

}  // namespace ordeal::session

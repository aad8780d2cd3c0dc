#include "run/report/run_metrics.h"

#include <gtest/gtest.h>

#include "sample_run/sample_run.h"

namespace ordeal::report {
namespace {

bool has_line(const std::string& page, const std::string& line) {
  return page.find("\n" + line + "\n") != std::string::npos;
}

TEST(RunMetrics, FollowARunFromItsBaselineToItsEnd) {
  metrics::Registry registry;
  RunMetrics metrics(registry);
  std::string experiment = "experiment=\"Network Latency - 500ms delay\"";
  for (const RunEvent& event : sample_run()) {
    metrics.apply(event);
    std::string page = registry.exposition();
    if (as<events::Injected>(event)) {
      EXPECT_TRUE(has_line(page, "ordeal_run_phase{" + experiment + ",phase=\"inject\"} 1"));
      EXPECT_TRUE(has_line(page, "ordeal_run_phase{" + experiment + ",phase=\"before\"} 0"));
    }
  }
  std::string page = registry.exposition();
  EXPECT_TRUE(has_line(page, "ordeal_impacts_active{attack=\"latency\"} 0")) << page;
  EXPECT_TRUE(has_line(page, "ordeal_reverts_total{result=\"clean\"} 3"));
  EXPECT_TRUE(has_line(page, "ordeal_breaches_total{expectation=\"p95 latency\",trigger=\"expression\"} 1"));
  EXPECT_TRUE(has_line(page, "ordeal_expectation_holds{expectation=\"replicas up\"} 1"));
  EXPECT_TRUE(has_line(page, "ordeal_run_phase{" + experiment + ",phase=\"done\"} 1"));
}

}  // namespace
}  // namespace ordeal::report

// A Grafana dashboard (classic JSON, schemaVersion 41) from panels. Phases shade every panel: a Prometheus annotation
// on ordeal_run_phase. The data source is a variable, so that file provisioning works as well as the import page.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "dashboard/panel.h"
#include "json/value.h"

namespace ordeal::dashboard {

// `uid` is what Grafana knows it by: importing it again replaces it.
json::Value grafana_dashboard(const std::string& title, const std::string& uid, const std::vector<Panel>& panels);

}  // namespace ordeal::dashboard

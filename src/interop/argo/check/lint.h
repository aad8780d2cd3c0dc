// lint: what is wrong with Argo files and with Ordeal's own (experiments, expectations, policies, inventories), and
// what in them means something else than it seems to. OpenSLO's objects are passed over: interop/slo reads them. Pure:
// the files' texts are given. Several files are looked at together, so that a Rollout finds its templates.
#pragma once

#include <string>
#include <vector>

#include "interop/argo/check/finding.h"

namespace ordeal::argo {

struct SourceFile {
  std::string name;
  std::string text;
};

// In the order of the files and their lines; each once. `ignored` gets the objects of other kinds ("Service payments"),
// which need not be readable (objects/bundle.h).
std::vector<Finding> lint(const std::vector<SourceFile>& files, std::vector<std::string>* ignored = nullptr);

}  // namespace ordeal::argo

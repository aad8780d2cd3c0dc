// Which pods of a cluster a target describes, before any rule: its namespace, labels, selector, workload and names.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/cluster/pod.h"
#include "core/model/input/experiment.h"

namespace ordeal::target {

// The namespace that a target means; `home` is the experiment's own.
const std::string& namespace_of(const Target& target, const std::string& home);

// Pointers into the view, in its order. kNotInjected: the workload is not there, or selects no pods.
Result<std::vector<const cluster::Pod*>> described_pods(const Target& target, const std::string& home,
                                                        const cluster::View& view);
// Those of them that run: what the floor of running pods counts.
Result<int64_t> running_that_match(const Target& target, const std::string& home, const cluster::View& view);

bool carries_labels(const Target& target, const Labels& own);
// "in the namespace staging with app=x of deployment/api", for errors.
std::string in_words(const Target& target, const std::string& home);

}  // namespace ordeal::target

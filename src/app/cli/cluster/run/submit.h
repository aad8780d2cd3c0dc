// submit: one request that creates an Experiment, or, with `dry_run`, only has the server check it.
#pragma once

#include "app/cli/cluster/connection.h"
#include "app/cli/cluster/run/submission.h"

namespace ordeal::cli {

kube::Answer<json::Value> submit(const Connection& to, const Submission& submission, bool dry_run);

}  // namespace ordeal::cli

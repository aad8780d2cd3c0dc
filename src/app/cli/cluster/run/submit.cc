#include "app/cli/cluster/run/submit.h"

namespace ordeal::cli {

kube::Answer<json::Value> submit(const Connection& to, const Submission& submission, bool dry_run) {
  kube::Request request = kube::create(kube::kExperiments, {submission.namespace_, ""}, submission.object);
  request.query = {{"fieldManager", "ordeal"}, {"fieldValidation", "Strict"}};
  if (dry_run) request.query.emplace_back("dryRun", "All");
  return kube::ask(*to.client, std::move(request));
}

}  // namespace ordeal::cli

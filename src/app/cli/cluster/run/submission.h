// Submission: the Experiment as it is created in a cluster, made of a person's files and flags. What the files say
// stands in it as they say it: the API server checks it by its schema, the controller resolves it.
#pragma once

#include <string>
#include <string_view>

#include "app/cli/options.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "run/session/prepare.h"

namespace ordeal::cli {

struct Submission {
  std::string namespace_;
  json::Object object;

  std::string name() const;
  // The same with a random part behind its name, for when the name is taken.
  void add_suffix(uint64_t random);
};

// `prepared` of read_experiment(). The namespace is the file's own, else -n, else the target's, else the context's.
// kInvalidInput: -n says another than the file, or a flag means nothing in a cluster.
Result<Submission> make_submission(const session::Prepared& prepared, const ExperimentOptions& options,
                                   const std::string& context_namespace);
// Flags that mean something on a host only.
Result<> refuse_flags_of_a_host(const ExperimentOptions& options);
// The files, decoded; the attack's arguments are resolved. What can be said without a cluster is said with its line.
Result<session::Prepared> read_for_cluster(const ExperimentOptions& options);

// "The p95 of /pay!" is "the-p95-of-pay"; at most 57 characters, so that a suffix fits behind it.
std::string dns_label(std::string_view name);

}  // namespace ordeal::cli

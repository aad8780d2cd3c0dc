// How a run's end is said in the status of its Experiment: verdict, exit code, sentence and conditions.
#pragma once

#include <string>
#include <vector>

#include "core/model/cluster/resources.h"

namespace ordeal::controller {

// "not injected" as one word of a condition's reason, and of `status.verdict`.
std::string camel_case(std::string_view words);
std::string verdict_word(Outcome outcome);
// What a refusal before the start comes to.
Verdict refusal_verdict(const Error& error);

// What nobody confirmed on these nodes: "WHAT, and the agents of a, b have not confirmed …".
Verdict unconfirmed_verdict(const std::string& what, const std::vector<std::string>& nodes);
// The verdict of a run of which this is known besides: it is never better than that.
Verdict with_reverts(Verdict verdict, const std::vector<std::string>& unconfirmed, bool failed);

struct Ending {
  Verdict verdict;
  bool injected = false;  // the condition Injected stands
  bool admitted = true;
  cluster::Truth reverted = cluster::Truth::kTrue;
  std::string reverted_message;
};
void put_ending(cluster::ExperimentStatus& status, const Ending& ending, Nanos wall);

}  // namespace ordeal::controller

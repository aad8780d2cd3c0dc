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
  bool hit = false;       // at least one victim was
  bool injected = false;  // as many as have to be, at the same time
  bool admitted = true;
  cluster::Truth reverted = cluster::Truth::kTrue;
  std::string reverted_message;
};
// The conditions of a run: admitted, with nothing in force yet; one victim hit; in force; over.
void put_beginning(cluster::ExperimentStatus& status, const std::string& admitted, Nanos wall);
void put_hit(cluster::ExperimentStatus& status, Nanos wall);
void put_in_force(cluster::ExperimentStatus& status, const std::string& victims, Nanos wall);
void put_ending(cluster::ExperimentStatus& status, const Ending& ending, Nanos wall);

}  // namespace ordeal::controller

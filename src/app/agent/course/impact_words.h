// What an agent writes into the status of an Injection besides what the guard has measured: codes, conditions, and what
// is said of one that was found without a guard. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/cluster/resources.h"

namespace ordeal::agent {

// As ImpactStatus::code.
const char* code_text(Errc code);

// Injected and Reverted, of the state and the impacts as they are.
void set_conditions(cluster::InjectionStatus& status, Nanos wall);

// Of an Injection that an agent found when it began, for which it has no guard: `undone` and `failed` are what the
// replay of the host's journals says of its run.
cluster::InjectionStatus status_after_restart(const cluster::Injection& injection, const std::string& agent,
                                              const std::vector<std::string>& undone,
                                              const std::vector<std::string>& failed, Nanos wall);
// Of one that cannot be carried out at all.
cluster::InjectionStatus status_of_refused(const cluster::Injection& injection, const std::string& agent,
                                           const Error& error, Nanos wall);

}  // namespace ordeal::agent

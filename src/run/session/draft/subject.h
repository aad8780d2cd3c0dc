// Subject: what a draft is about, as it is on this host now: which victims a target's line means, and where they
// listen. Reads only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/policy.h"
#include "core/model/victim.h"
#include "fault/target/survey.h"
#include "platform/sys/sockets/listeners.h"

namespace ordeal::session {

// The one entry that the words mean: a name in full before a part of one, and then a unit before a container, a cgroup,
// a process. "host" is this host. kInvalidInput: none, or several, which are listed; kRefused: it is protected.
Result<target::SurveyEntry> choose_subject(const target::Survey& survey, const std::string& words);

// Of the line; for one that means a process each, all of them.
Result<std::vector<Victim>> victims_of(const std::string& target_line, const target::Snapshot& snapshot,
                                       const std::vector<Policy>& policies);

struct Front {
  std::string address;  // to ask from here; "" where it cannot be reached
  uint16_t port = 0;
  bool beside_us = false;  // in our own network namespace: what we ask comes over loopback
};
// Where the victim is most likely asked by its users; nothing where it listens nowhere that we can see.
std::optional<Front> front_of(const Victim& victim);

}  // namespace ordeal::session

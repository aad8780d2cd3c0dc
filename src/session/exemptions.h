// Which connections of the watcher a network fault must leave alone: those to its sources, from its own port range.
#pragma once

#include <vector>

#include "base/result.h"
#include "model/experiment.h"
#include "packets/exemption.h"

namespace ordeal::session {

Result<std::vector<packets::Exemption>> exemptions_for(const Sources& sources);

}  // namespace ordeal::session

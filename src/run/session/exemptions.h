// Which connections of the watcher a network fault must leave alone: those to its sources, from its own port range.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "fault/packets/exemption.h"

namespace ordeal::session {

Result<std::vector<packets::Exemption>> exemptions_for(const Sources& sources);

}  // namespace ordeal::session

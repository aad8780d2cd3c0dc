// A table of delays that an attack names as a file ("@delays.txt"): read where the run is planned, so that whoever
// applies the attack needs no file. Delays are divided by white space or commas; the attack checks each.
#pragma once

#include <string>

#include "core/model/input/attack.h"

namespace ordeal::session {

// Puts the delays in the place of the name. The file lies beside `from`, the one that names it.
Result<> read_recorded_delays(Attack& attack, const std::string& from);

}  // namespace ordeal::session

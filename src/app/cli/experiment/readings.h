// What `check` and `plan` print of the first readings.
#pragma once

#include <string>
#include <vector>

#include "run/session/preview/first_look.h"

namespace ordeal::cli {

// Each on a line, with what to do below it.
void print_readings(const std::vector<session::FirstReading>& readings);
// To standard error, for whoever waits.
void print_waiting(const std::vector<std::string>& names);
// "\"errors\" does not hold now", of the first that would end a run before its attack; "" when there is none.
std::string what_fails_now(const std::vector<session::FirstReading>& readings);

}  // namespace ordeal::cli

// A run's id: "r20261123t201504z-k3x5q", from its start in UTC and a random part. Names of journals, folders, cgroups
// and rows are made of it, so whatever comes from outside (a flag, a name in a folder) is checked here first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal {

std::string make_run_id(Nanos wall, uint64_t random);
// Exactly r<yyyymmdd>t<hhmmss>z-<5 of a-z, 2-7>.
bool is_run_id(std::string_view text);
// The id itself; kInvalidInput says what is expected.
Result<std::string> parse_run_id(std::string_view text);
// For looking something up: an id, the beginning of one (at least "r"), or "last".
Result<std::string> parse_run_selector(std::string_view text);

}  // namespace ordeal

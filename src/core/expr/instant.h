// date() of a condition. Internal to src/expr.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal::expr {

// A text, then perhaps its layout in Go's way ("2006-01-02 15:04:05"), then perhaps "UTC". Without a layout: a day, a
// day and a time, or RFC 3339. Since the Unix epoch.
Result<Nanos> parse_date(const std::vector<std::string>& arguments);

}  // namespace ordeal::expr

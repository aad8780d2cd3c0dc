// Assignment: one field of an experiment, given on the command line: "attack.args.delay=5s",
// "expect[0].condition=result < 2". The field's path is the one that errors name. The value is JSON where it is valid
// JSON (5, true, [80, 443], "5"), else text.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/json/value.h"

namespace ordeal {

// Objects on the way are made; items of lists must be there. kInvalidInput names the text and what is wrong with it.
Result<> assign(json::Value& experiment, const std::string& assignment);
// How long the fault is in force, wherever the experiment says it.
Result<> assign_length(json::Value& experiment, const std::string& length);

}  // namespace ordeal

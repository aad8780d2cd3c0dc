// The `target` of an experiment's file (docs/formats/experiment.md): what it selects, read and written.
#pragma once

#include "core/base/result.h"
#include "core/json/reader.h"
#include "core/model/input/experiment.h"

namespace ordeal {

// A key that would narrow nothing with the target's type is an error: the attack would reach more than the file says.
Result<Target> decode_target(const json::Reader& reader);
json::Value to_json(const Target& target);

}  // namespace ordeal

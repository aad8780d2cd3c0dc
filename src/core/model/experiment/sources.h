// The `sources` of an experiment's file (docs/formats/experiment.md): where its readings come from.
#pragma once

#include "core/base/result.h"
#include "core/json/reader.h"
#include "core/model/input/experiment.h"

namespace ordeal {

Result<Sources> decode_sources(const json::Reader& reader);
// Without passwords in URLs; of Secrets the names alone.
json::Value to_json(const Sources& sources);
// A URL of http or https.
Result<std::string> decode_url(const json::Reader& reader);

}  // namespace ordeal

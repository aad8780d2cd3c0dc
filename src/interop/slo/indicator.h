// The indicator of an OpenSLO file: the spec of an SLI. Counters are taken as they are; what other tools want as a rate
// of a counter becomes the counter again, with a note. Refusals say in their hint what to write instead.
#pragma once

#include <string>

#include "core/json/reader.h"
#include "interop/slo/openslo.h"

namespace ordeal::slo {

// Attaches what to write instead.
Unexpected advised(Unexpected refusal, std::string hint);

Result<Indicator> decode_indicator(const json::Reader& spec);

}  // namespace ordeal::slo

// The decoders of a person's files, by the name of the format; the same steps as `ordeal plan`, without a machine.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/json/yaml.h"

namespace ordeal::schema {

// `format`: experiment, expectations, inventory or policy.
Result<> decode_as(std::string_view format, const json::Document& document);
Result<> decode_text_as(std::string_view format, std::string_view text);

}  // namespace ordeal::schema

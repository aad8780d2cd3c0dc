// What a namespace, a label's name and a label's value may be in Kubernetes, for files that compare them: what can be
// no name can match nothing, and a protection that matches nothing protects nobody. Errors name the field and the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/json/reader.h"
#include "core/model/victim.h"

namespace ordeal {

// [PREFIX/]NAME; a value may be empty.
bool is_label_name(std::string_view text);
bool is_label_value(std::string_view text);
constexpr const char* kLabelNameExpected =
    "a label name ([PREFIX/]NAME, NAME at most 63 letters, digits, \"-\", \"_\" and \".\", a letter or digit at both "
    "ends)";
constexpr const char* kLabelValueExpected =
    "a label value (at most 63 letters, digits, \"-\", \"_\" and \".\", a letter or digit at both ends)";

// A DNS label: 1 to 63 lower-case letters, digits and "-", a letter or digit at both ends.
Result<std::string> decode_namespace(const json::Reader& reader);
// One, or a list of at least one.
Result<std::vector<std::string>> decode_namespaces(const json::Reader& reader);
// A map. A name is [PREFIX/]NAME, a value may be empty; both at most 63 letters, digits, "-", "_" and ".", a letter or
// digit at both ends; the prefix is a DNS name.
Result<Labels> decode_labels(const json::Reader& reader);

}  // namespace ordeal

// YAML to JSON by the YAML 1.2 core schema: plain true/false/null/numbers are typed, quoted scalars are strings.
// Not for untrusted size: at most 1 MiB of text, 100 000 nodes after aliases are expanded, depth 32.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace ordeal::json {

// A parsed file: the value and, where the format tells, the line of each field path ("attack.args.delay").
struct Document {
  Value value;
  std::map<std::string, int> lines;
};

// The one document of a text; a second one is an error. Duplicate keys are errors.
Result<Document> parse_yaml(std::string_view text);
// Every document of a text, for `---` separated files.
Result<std::vector<Document>> parse_yaml_stream(std::string_view text);
// JSON when the first character is { or [, else YAML.
Result<Document> parse_document(std::string_view text);

}  // namespace ordeal::json

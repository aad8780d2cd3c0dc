// YAML to JSON by the YAML 1.2 core schema: plain true/false/null/numbers are typed, quoted scalars are strings.
// A text from anybody costs little: each limit below is an error of its own, with its place. UTF-8 only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/json/value.h"

namespace ordeal::json {

// A text has at most base/file.h's kMaxInputBytes (1 MiB). YAML has at most 100 000 values, as written and once aliases
// are expanded (yaml_tree.h), and at most so many bytes of texts, keys and field paths, since a text of 1 MiB may stand
// for many by its aliases. Both formats nest at most 32 levels.
constexpr size_t kMaxExpandedBytes = 16 << 20;

// A parsed file: the value and, where the format tells, the line of each field path ("attack.args.delay").
struct Document {
  Value value;
  std::map<std::string, int> lines;
};

// The one document of a text; a second one is an error. Duplicate keys are errors.
Result<Document> parse_yaml(std::string_view text);
// JSON when the first character is { or [, else YAML.
Result<Document> parse_document(std::string_view text);
// Every document of a text that is no empty one, in its order; at least one. The limits hold for all of them together,
// and lines are counted from the beginning of the text. JSON is one document, unless `---` stands on a line of its own.
Result<std::vector<Document>> parse_documents(std::string_view text);

}  // namespace ordeal::json

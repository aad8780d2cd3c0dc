// What is made from the attacks' descriptions of themselves: the attack part of the JSON Schemas and docs/attacks.md.
// The rest of a schema is written by hand and passes through unchanged (but for its layout).
#pragma once

#include <string>

#include "core/json/value.h"

namespace ordeal::schema {

// "$defs/attack" and "$defs/args_TYPE" made anew.
json::Value with_attacks(json::Value experiment_schema);
// "$defs" of `schema` completed with those of `from` that it refers to, directly or not.
json::Value with_definitions(json::Value schema, const json::Value& from);
std::string attacks_page();

// A file that is generated, as it must be: `name` is relative to the repository `root`.
struct Generated {
  std::string name;
  std::string text;
};
std::vector<Generated> generate(const std::string& root);

}  // namespace ordeal::schema

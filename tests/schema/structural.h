// A JSON Schema as a structural schema of Kubernetes: types alone, no references, no conditions. What such a schema
// cannot say (one of several types, conditions between fields, unknown keys) is left to rules in CEL, or is kept as it
// is for the controller, which decodes all of it and refuses by name: nothing is ever pruned.
#pragma once

#include <string>

#include "core/json/value.h"

namespace ordeal::schema {

// `definitions` are those that the schema's references mean.
json::Object structural(const json::Value& schema, const json::Object& definitions);
// A value of whatever type.
json::Object anything(const std::string& description = {});
// Two schemas of one name as one that takes what either takes.
json::Object either(const json::Object& a, const json::Object& b);

// Appends a rule to those that the schema has.
void add_rule(json::Object& schema, const std::string& rule, const std::string& message);

// Block style; what is no plain word is in double quotes.
std::string as_yaml(const json::Value& value);

}  // namespace ordeal::schema

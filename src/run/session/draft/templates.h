// The templates of `ordeal init`: commented experiments for what often goes wrong. A file each in examples/templates,
// built into the program: its first line says what it is, the rest is the experiment. An attack without a file of its
// name has a template all the same, made from its own description.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ordeal::session {

struct Template {
  std::string name;     // "slow-database"
  std::string summary;  // one sentence
  std::string text;     // an experiment, with its comments; decodes as it stands
};

// By name.
const std::vector<Template>& templates();
// Null when there is none of this name.
const Template* find_template(std::string_view name);

}  // namespace ordeal::session

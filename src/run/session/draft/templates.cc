#include "run/session/draft/templates.h"

#include <algorithm>

#include "core/base/text/text.h"
#include "fault/attacks/fault.h"
#include "run/session/draft/draft.h"

namespace ordeal::session {
namespace {

struct TemplateFile {
  const char* name;
  const char* text;
};
constexpr TemplateFile kTemplateFiles[] = {
#include "templates.inc"
};

// Its first line, a comment, is the summary.
Template read(const TemplateFile& file) {
  std::string_view text = file.text;
  size_t end = text.find('\n');
  return {file.name, std::string(trim(text.substr(1, end - 1))), std::string(text)};
}

Template made_of(const AttackInfo& info) {
  Draft draft;
  draft.attack = &info;
  draft.subject = "your service";
  draft.target_line = example_target(info);
  draft.on_target = {"Only an example: replace it with one of the lines of `ordeal targets`."};
  draft.args = example_arguments(info);
  draft.no_expectation = "What your users see of it cannot be known here.";
  return {info.type, info.summary, write(draft)};
}

std::vector<Template> make_templates() {
  std::vector<Template> all;
  for (const TemplateFile& file : kTemplateFiles) all.push_back(read(file));
  auto has = [&](const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const Template& one) { return one.name == name; });
  };
  for (const fault::Fault* fault : fault::all_faults())
    if (!has(fault->info().type)) all.push_back(made_of(fault->info()));
  std::sort(all.begin(), all.end(), [](const Template& a, const Template& b) { return a.name < b.name; });
  return all;
}

}  // namespace

const std::vector<Template>& templates() {
  static const std::vector<Template> all = make_templates();
  return all;
}

const Template* find_template(std::string_view name) {
  for (const Template& one : templates())
    if (one.name == name) return &one;
  return nullptr;
}

}  // namespace ordeal::session

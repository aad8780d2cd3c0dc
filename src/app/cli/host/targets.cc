// targets: what can be hit on this host, and the line for an experiment that names it.
#include <fmt/format.h>

#include <array>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/target/survey.h"
#include "platform/host/policy_file.h"
#include "platform/sys/nearest.h"

namespace ordeal::cli {
namespace {

using target::SurveyEntry;

constexpr size_t kShownPrograms = 3;

const char* title(target::Group group) {
  constexpr std::array kTitles{"Systemd units", "Containers", "Cgroups that are neither",
                               "Processes not covered above, by program name", "The host"};
  return kTitles[static_cast<size_t>(group)];
}

std::string programs_text(std::vector<std::string> programs) {
  if (programs.empty()) return "";
  size_t more = programs.size() > kShownPrograms ? programs.size() - kShownPrograms : 0;
  programs.resize(programs.size() - more);
  return fmt::format(": {}{}", join(programs, ", "), more ? fmt::format(" and {} more", more) : "");
}

std::string size_text(const SurveyEntry& entry) {
  std::vector<std::string> programs = entry.programs;
  if (entry.group == target::Group::kProcess) programs.clear();
  return counted(entry.processes, "process", "processes") + programs_text(programs);
}

void print_entry(const SurveyEntry& entry) {
  std::string runtime = entry.runtime.empty() ? "" : entry.runtime + ", ";
  print("  {:<32} {}{}\n", entry.name, runtime, size_text(entry));
  if (entry.refused)
    print("    protected: {}\n", *entry.refused);
  else
    print("    {}\n", entry.line);
}

void print_text(const std::vector<SurveyEntry>& entries, const std::vector<std::string>& unread) {
  const SurveyEntry* before = nullptr;
  for (const SurveyEntry& entry : entries) {
    if (!before || before->group != entry.group) {
      if (before) print("\n");
      print("{}\n", title(entry.group));
    }
    print_entry(entry);
    before = &entry;
  }
  for (const std::string& why : unread) print("\nNot read, so names of containers may be missing: {}\n", why);
}

json::Value to_json(const SurveyEntry& entry) {
  return json::Object{{"type", to_text(entry.group)},
                      {"name", entry.name},
                      {"runtime", entry.runtime},
                      {"cgroup", entry.cgroup},
                      {"processes", entry.processes},
                      {"programs", json::texts(entry.programs)},
                      {"line", entry.line},
                      {"protected", entry.refused ? json::Value(*entry.refused) : json::Value(nullptr)}};
}

Result<target::Survey> look(const TargetsOptions& options) {
  auto policies = TRY(host::read_policies(options.policies));
  return target::survey(TRY(target::Snapshot::look()), policies);
}

Error nothing_like(const std::string& words, const target::Survey& survey) {
  std::vector<std::string> names;
  for (const SurveyEntry& entry : survey.entries) {
    names.push_back(entry.name);
    names.insert(names.end(), entry.programs.begin(), entry.programs.end());
  }
  std::string near = sys::nearest_name(words, names);
  return {Errc::kInvalidInput, fmt::format("no target here matches \"{}\"", words), 0,
          near.empty() ? "`ordeal targets` lists all that is here" : fmt::format("did you mean \"{}\"?", near),
          nullptr};
}

}  // namespace

ExitCode targets_command(const TargetsOptions& options) {
  auto survey = look(options);
  if (!survey) return print_error(survey.error());
  auto entries = target::filtered(survey->entries, options.words);
  if (entries.empty()) return print_error(nothing_like(options.words, *survey));
  if (options.json) {
    for (const SurveyEntry& entry : entries) print_json(to_json(entry));
  } else {
    print_text(entries, survey->unread);
  }
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli

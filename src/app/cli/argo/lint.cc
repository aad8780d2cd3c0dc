// lint: what is wrong with files before anything is run.
#include "interop/argo/check/lint.h"

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "interop/argo/objects/bundle.h"

namespace ordeal::cli {
namespace {

using argo::Finding;

const char* severity_of(const Finding& finding) {
  return finding.severity == Finding::Severity::kError ? "error" : "warning";
}

void print_text(const Finding& finding) {
  std::string field = finding.field.empty() ? "" : finding.field + ": ";
  print("{}:{}: {}: {}{}\n", finding.file, finding.line, severity_of(finding), field, finding.what);
  if (!finding.argo.empty()) print("    Argo: {}\n", finding.argo);
  if (!finding.fix.empty()) print("    fix:  {}\n", finding.fix);
}

void print_line(const Finding& finding) {
  json::Object object{
      {"file", finding.file}, {"line", finding.line}, {"field", finding.field}, {"severity", severity_of(finding)},
      {"what", finding.what}, {"argo", finding.argo}, {"fix", finding.fix}};
  print_json(json::Value(std::move(object)));
}

// Beside the findings, where these are for a program.
void print_ignored(const std::vector<std::string>& ignored, bool json) {
  constexpr size_t kMostNamed = 5;
  if (ignored.empty()) return;
  bool more = ignored.size() > kMostNamed;
  std::vector<std::string> named(ignored.begin(), ignored.begin() + (more ? kMostNamed : ignored.size()));
  std::string count = ignored.size() == 1 ? "1 object" : fmt::format("{} objects", ignored.size());
  constexpr const char* kIgnored = "Ignored: {}, a kind that lint does not read: {}{}\n";
  if (json) print_to_error(kIgnored, count, join(named, ", "), more ? ", …" : "");
  if (!json) print(kIgnored, count, join(named, ", "), more ? ", …" : "");
}

}  // namespace

ExitCode lint_command(const std::vector<std::string>& files, bool json) {
  std::vector<argo::SourceFile> sources;
  for (const std::string& file : files) {
    auto text = read_input(file, argo::kMostBundleBytes);
    if (!text) return print_error(text.error());
    sources.push_back({file, std::move(*text)});
  }
  size_t errors = 0;
  std::vector<std::string> ignored;
  std::vector<Finding> findings = argo::lint(sources, &ignored);
  for (const Finding& finding : findings) {
    errors += finding.severity == Finding::Severity::kError;
    json ? print_line(finding) : print_text(finding);
  }
  if (!json && findings.empty()) print("No problems found.\n");
  print_ignored(ignored, json);
  return errors > 0 ? ExitCode::kBadInput : ExitCode::kHeld;
}

}  // namespace ordeal::cli

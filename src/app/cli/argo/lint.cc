// lint: what is wrong with files before anything is run.
#include "interop/argo/check/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/cli/commands.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "interop/argo/objects/bundle.h"
#include "interop/slo/openslo.h"

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
  std::string count = counted(ignored.size(), "object", "objects");
  constexpr const char* kIgnored = "Ignored: {}, a kind that lint does not read: {}{}\n";
  if (json) print_to_error(kIgnored, count, join(named, ", "), more ? ", …" : "");
  if (!json) print(kIgnored, count, join(named, ", "), more ? ", …" : "");
}

int line_of(const std::vector<json::Document>& documents, const std::string& field) {
  for (const json::Document& document : documents)
    if (auto line = document.lines.find(field); line != document.lines.end()) return line->second;
  return 1;
}

// A file of services or indicators alone is read for what refers to it.
bool has_slo(const std::vector<json::Document>& documents) {
  auto is_slo = [](const json::Value& value) {
    const json::Value* kind = value.is_object() ? value.get_object().if_contains("kind") : nullptr;
    return kind && *kind == "SLO";
  };
  return std::any_of(documents.begin(), documents.end(), [&](const json::Document& document) {
    const json::Array* list = document.value.if_array();
    return list ? std::any_of(list->begin(), list->end(), is_slo) : is_slo(document.value);
  });
}

std::vector<Finding> lint_openslo(const argo::SourceFile& file) {
  std::vector<Finding> findings;
  std::vector<json::Document> documents = argo::read_bundle(file.text).documents;
  std::erase_if(documents, [](const json::Document& document) { return !slo::is_openslo(document); });
  if (documents.empty()) return findings;
  auto slos = slo::decode_openslo(documents);
  if (!slos && has_slo(documents)) findings.push_back(argo::finding_of(file.name, slos.error()));
  for (const std::string& note : slo::notes_of(slos.value_or(std::vector<slo::Slo>{}))) {
    size_t colon = note.find(": ");
    std::string field = note.substr(0, colon);
    findings.push_back(
        {Finding::Severity::kWarning, file.name, line_of(documents, field), field, note.substr(colon + 2), "", ""});
  }
  return findings;
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
  for (const argo::SourceFile& source : sources)
    for (Finding& finding : lint_openslo(source)) findings.push_back(std::move(finding));
  for (const Finding& finding : findings) {
    errors += finding.severity == Finding::Severity::kError;
    json ? print_line(finding) : print_text(finding);
  }
  if (!json && findings.empty()) print("No problems found.\n");
  print_ignored(ignored, json);
  return errors > 0 ? ExitCode::kBadInput : ExitCode::kHeld;
}

}  // namespace ordeal::cli

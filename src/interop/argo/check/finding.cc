#include "interop/argo/check/finding.h"

#include "core/base/text/text.h"

namespace ordeal::argo {
namespace {

// A path of fields: no spaces, and something like spec.metrics[0] or --arg.
bool is_path(std::string_view text) {
  return !text.empty() && text.find_first_of(" \"'{}()") == std::string_view::npos;
}

}  // namespace

Finding finding_of(const std::string& file, const Error& error) {
  Finding finding{Finding::Severity::kError, file, 0, "", error.message(), "", error.advice()};
  std::string_view rest = finding.what;
  constexpr std::string_view kLine = "line ";
  if (!rest.starts_with(kLine)) return finding;
  size_t end = rest.find_first_not_of("0123456789", kLine.size());
  auto line = parse_number<int>(rest.substr(kLine.size(), end - kLine.size()));
  if (!line || end == std::string_view::npos) return finding;
  finding.line = *line;
  // "line 7, column 3: …" keeps its column.
  rest.remove_prefix(end + (rest[end] == ':' || rest[end] == ',' ? 2 : 0));
  size_t colon = rest.find(": ");
  if (colon != std::string_view::npos && is_path(rest.substr(0, colon))) {
    finding.field = rest.substr(0, colon);
    rest.remove_prefix(colon + 2);
  }
  finding.what = std::string(rest);
  return finding;
}

}  // namespace ordeal::argo

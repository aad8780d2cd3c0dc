// Runs Prometheus' PromQL test scripts against Ordeal's evaluator.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "conformance/check.h"
#include "core/base/io/file.h"

namespace {

using namespace ordeal;               // NOLINT
using namespace ordeal::conformance;  // NOLINT

constexpr const char* kUsage =
    "usage: promql_conformance [--once] FILE|FOLDER...\n"
    "Evaluates each .test script of Prometheus' promqltest and compares with what it expects.\n"
    "  --once  each query in the form that is written, without its @ and range forms\n"
    "Without a FILE or FOLDER: data/promql in the folder that ORDEAL_CONFORMANCE_DATA names; 77 when it names none.\n"
    "Exits with 0 when every applicable evaluation passes, 1 when one fails, 2 when a script cannot be read.\n";

std::vector<std::string> scripts_in(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    if (entry.path().extension() == ".test") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

void print(const std::string& path, const Report& report) {
  fmt::print("{}: {} passed of {} applicable ({} queries)", std::filesystem::path(path).filename().string(),
             report.passed, report.applicable(), report.forms);
  fmt::print("\n");
  for (const auto& [reason, count] : report.skipped) fmt::print("  {} skipped: {}\n", count, reason);
  for (const Failure& failure : report.failures)
    fmt::print("  {}:{}: {}\n    {}\n", path, failure.line, failure.query, failure.what);
}

int stop(const std::string& what, int code) {
  fmt::print(stderr, "promql_conformance: {}\n", what);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  bool multiplied = true;
  std::vector<std::string> paths;
  for (const std::string& word : std::vector<std::string>(argv + 1, argv + argc)) {
    if (word == "--help") return fmt::print("{}", kUsage), 0;
    if (word == "--once") multiplied = false;
    if (!word.starts_with("--")) paths.push_back(word);
  }
  const char* data = std::getenv("ORDEAL_CONFORMANCE_DATA");
  if (paths.empty() && !data)
    return stop("skipped: ORDEAL_CONFORMANCE_DATA names no folder with Prometheus' scripts", 77);
  if (paths.empty()) paths.push_back(std::string(data) + "/data/promql");
  Report total;
  for (const std::string& path : paths) {
    if (!std::filesystem::exists(path)) return stop(path + ": no such file or folder", 2);
    for (const std::string& script : scripts_in(path)) {
      auto text = read_file(script);
      auto commands = text ? parse_script(*text) : tl::unexpected(text.error());
      if (!commands) return stop(script + ": " + commands.error().message(), 2);
      Report report = run_script(*commands, multiplied);
      print(script, report);
      total.add(report);
    }
  }
  int skipped = 0;
  for (const auto& [reason, count] : total.skipped) skipped += count;
  fmt::print("total: {} passed of {} applicable, {} skipped, {} queries asked\n", total.passed, total.applicable(),
             skipped, total.forms);
  return total.failures.empty() ? 0 : 1;
}

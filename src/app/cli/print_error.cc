#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/json/hide.h"

namespace ordeal::cli {

void print_json(const json::Value& value) {
  put_json(json::write(json::without_secrets(value, hidden_in_output())) + "\n");
}

ExitCode print_error(const Error& error) {
  print_to_error("ordeal: {}\n", error.message());
  if (std::string advice = error.advice(); !advice.empty()) print_to_error("  {}\n", advice);
  return exit_code_of(error);
}

ExitCode print_bad_run(const Error& error) {
  ExitCode code = print_error(error);
  return error.code == Errc::kNotFound ? ExitCode::kBadInput : code;
}

}  // namespace ordeal::cli

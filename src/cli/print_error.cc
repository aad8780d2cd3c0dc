#include <fmt/format.h>

#include "cli/commands.h"

namespace ordeal::cli {

ExitCode print_error(const Error& error) {
  fmt::print(stderr, "ordeal: {}\n", error.message());
  if (std::string advice = error.advice(); !advice.empty()) fmt::print(stderr, "  {}\n", advice);
  return exit_code_of(error);
}

ExitCode print_bad_run(const Error& error) {
  ExitCode code = print_error(error);
  return error.code == Errc::kNotFound ? ExitCode::kBadInput : code;
}

}  // namespace ordeal::cli

#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"

namespace ordeal {
namespace {

std::string program_name = "ordeal";
LogLevel least_level = LogLevel::kInfo;
constexpr const char* kNames[] = {"debug", "info", "warn", "error"};

}  // namespace

void log_start(std::string_view program, LogLevel least) {
  program_name = program;
  least_level = least;
}

void log(LogLevel level, std::string_view text) {
  if (level < least_level) return;
  std::string line =
      fmt::format("{} {} {}: {}\n", rfc3339(wall_now()), kNames[static_cast<int>(level)], program_name, text);
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace ordeal

// Log lines of a program, to stderr: "2026-11-23T20:15:04.123Z warn guard: text". Libraries never call this.
#pragma once

#include <string_view>

namespace ordeal {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// `program` is named on every line. Nothing below `least` is printed.
void log_start(std::string_view program, LogLevel least);
void log(LogLevel level, std::string_view text);

}  // namespace ordeal

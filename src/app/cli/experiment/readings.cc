#include "app/cli/experiment/readings.h"

#include <fmt/format.h>

#include "core/base/io/output.h"
#include "core/base/text/text.h"

namespace ordeal::cli {

void print_readings(const std::vector<session::FirstReading>& readings) {
  for (const session::FirstReading& reading : readings) {
    print("Now         {}\n", in_words(reading));
    if (!reading.caveat.empty()) print("{:12}{}\n", "", reading.caveat);
    if (!reading.advice.empty()) print("{:12}{}\n", "", reading.advice);
  }
}

void print_waiting(const std::vector<std::string>& names) {
  print_to_error("ordeal: waiting for the first value of {} …\n", join(names, ", "));
}

std::string what_fails_now(const std::vector<session::FirstReading>& readings) {
  for (const session::FirstReading& reading : readings)
    if (reading.before && reading.reading == Reading::kBreached)
      return fmt::format("\"{}\" does not hold now", reading.name);
  return "";
}

}  // namespace ordeal::cli

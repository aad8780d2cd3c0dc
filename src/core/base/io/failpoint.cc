#include "core/base/io/failpoint.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/base/text/text.h"

namespace ordeal {

FailpointChoice parse_failpoint(std::string_view text) {
  FailpointChoice choice;
  if (size_t at = text.rfind('@'); at != text.npos) {
    choice.time = parse_number<int>(text.substr(at + 1)).value_or(0);
    text = text.substr(0, at);
  }
  constexpr std::string_view kStop = ":stop";
  choice.stop = text.ends_with(kStop);
  if (choice.stop) text.remove_suffix(kStop.size());
  constexpr std::string_view kMillis = "ms";
  if (size_t colon = text.rfind(':'); colon != text.npos && text.ends_with(kMillis)) {
    auto stay = parse_number<int>(text.substr(colon + 1, text.size() - colon - 1 - kMillis.size()));
    if (!stay || *stay < 1) return {};
    choice.stay = milliseconds(*stay);
    text = text.substr(0, colon);
  }
  if (choice.time >= 1) choice.name = text;
  return choice;
}

void failpoint(std::string_view name) {
  static const char* asked = std::getenv("ORDEAL_FAILPOINT");
  if (!asked) return;
  static const FailpointChoice chosen = parse_failpoint(asked);
  static int times = 0;
  if (name != chosen.name || ++times != chosen.time) return;
  if (chosen.stay > Nanos(0)) return std::this_thread::sleep_for(chosen.stay);
  std::raise(chosen.stop ? SIGSTOP : SIGKILL);
}

}  // namespace ordeal

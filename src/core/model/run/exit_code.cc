#include "core/model/run/exit_code.h"

#include <algorithm>
#include <array>

namespace ordeal {
namespace {

constexpr std::array kByStrength{ExitCode::kHeld,     ExitCode::kBadInput,    ExitCode::kInconclusive,
                                 ExitCode::kDeviated, ExitCode::kHalted,      ExitCode::kRefused,
                                 ExitCode::kInternal, ExitCode::kRevertFailed};

auto strength(ExitCode code) { return std::find(kByStrength.begin(), kByStrength.end(), code); }

}  // namespace

ExitCode stronger(ExitCode a, ExitCode b) { return strength(a) < strength(b) ? b : a; }

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case Errc::kInvalidInput:
      return ExitCode::kBadInput;
    case Errc::kRefused:
      return ExitCode::kRefused;
    case Errc::kNotInjected:
    case Errc::kNotFound:
    case Errc::kUnsupported:
      return ExitCode::kInconclusive;
    case Errc::kRevertFailed:
      return ExitCode::kRevertFailed;
    default:
      return ExitCode::kInternal;
  }
}

std::optional<ExitCode> exit_code_from(int number) {
  if (number < 0 || number > static_cast<int>(ExitCode::kInternal)) return std::nullopt;
  return static_cast<ExitCode>(number);
}

}  // namespace ordeal

// budget: what is left of the error budgets of an OpenSLO file.
#include "run/session/budget.h"

#include "app/cli/commands.h"
#include "core/base/duration.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

void print_state(const session::ObjectiveState& state) {
  print("{}\n  {}\n", state.name, in_words(state));
  if (std::string history = history_in_words(state); !history.empty()) print("  {}\n", history);
  for (const slo::Burn& burn : state.burns) {
    auto left = state.budget.remaining() > 0 ? slo::time_to_exhaustion(state.budget, burn.rate) : std::nullopt;
    print("  burn rate {:>8.2f} over the last {:<4}{}\n", burn.rate, format_duration(burn.window),
          left ? ", gone in " + format_duration(std::chrono::floor<std::chrono::minutes>(*left)) : "");
  }
}

ExitCode print_one(const session::ObjectiveState& state, bool json) {
  if (json) print_json(to_json(state));
  if (!json) print_state(state);
  return state.budget.remaining() <= 0 ? ExitCode::kDeviated : ExitCode::kHeld;
}

// Not to know is no bad input.
Error unknown(Error error) {
  error.code = Errc::kNotInjected;
  return error;
}

Result<ExitCode> show_budgets(const std::string& file, const std::string& prometheus, bool json) {
  if (!is_http_url(prometheus))
    return fail(Errc::kInvalidInput, fmt::format("--prometheus: expected {}, found \"{}\"", kUrlExpected, prometheus));
  auto slos = TRY(session::read_openslo(file));
  for (const std::string& note : slo::notes_of(slos)) print_to_error("ordeal: {}: {}\n", file, note);
  ExitCode code = ExitCode::kHeld;
  TRY_VOID(session::ask_budgets(slos, prometheus, [&](const Result<session::ObjectiveState>& state) {
    code = stronger(code, state ? print_one(*state, json) : print_error(unknown(state.error())));
  }));
  return code;
}

}  // namespace

ExitCode budget_command(const std::string& file, const std::string& prometheus, bool json) {
  auto code = show_budgets(file, prometheus, json);
  if (code) return *code;
  const Error& error = code.error();
  return print_error(error.code == Errc::kInvalidInput ? error : unknown(error));
}

}  // namespace ordeal::cli

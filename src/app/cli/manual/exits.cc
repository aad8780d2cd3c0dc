#include "app/cli/manual/exits.h"

#include <fmt/format.h>

#include <map>

namespace ordeal::cli {
namespace {

constexpr ExitMeaning kBadInput{2, "bad input"};
constexpr ExitMeaning kInternal{7, "internal error in Ordeal"};
constexpr std::string_view kPrefix = "Exit codes: ";
constexpr size_t kWidth = 100;

using Table = std::map<std::string_view, std::vector<ExitMeaning>>;

// A person who is told "deviated" by `lint` looks for a run: each command has only the codes that it can end with.
const Table& table() {
  static const std::vector<ExitMeaning> of_a_run{{0, "held"},
                                                 {1, "deviated"},
                                                 kBadInput,
                                                 {3, "refused for safety"},
                                                 {4, "not injected or inconclusive"},
                                                 {5, "halted"},
                                                 {6, "a revert failed: manual intervention needed"},
                                                 kInternal};
  static const std::vector<ExitMeaning> of_a_question{{0, "done"}, kBadInput, kInternal};
  static const Table all{
      {"", of_a_run},
      {"run", of_a_run},
      {"plan",
       {{0, "it can run"}, kBadInput, {3, "safety would refuse it"}, {4, "it cannot be injected here"}, kInternal}},
      {"check",
       {{0, "every expectation holds now"},
        {1, "one does not hold now"},
        kBadInput,
        {4, "one has no value now"},
        kInternal}},
      {"init", {{0, "written"}, {2, "bad input, or FILE exists"}, {3, "the target is protected"}, kInternal}},
      {"halt",
       {{0, "nothing is in force any more"},
        {2, "bad input, or no such run"},
        {3, "you may not halt it"},
        {6, "something is still in force: manual intervention needed"},
        kInternal}},
      {"resume", {{0, "released"}, {3, "another latch is engaged still, or you may not"}, kInternal}},
      {"revert",
       {{0, "nothing is left behind"},
        {3, "a live run holds something: it is not touched"},
        {6, "something could not be undone: manual intervention needed"},
        kInternal}},
      {"verify-clean",
       {{0, "clean"},
        {3, "a run is live"},
        {4, "there is no earlier run"},
        {6, "something was left behind"},
        kInternal}},
      {"doctor",
       {{0, "attacks can run"},
        {2, "the policy is bad input"},
        {3, "the halt latch is engaged"},
        {4, "no attack is possible here"},
        kInternal}},
      {"install",
       {{0, "everything is there"},
        kBadInput,
        {3, "the server does not know you"},
        {4, "something is missing, or the server does not answer"},
        kInternal}},
      {"targets", {{0, "listed"}, {2, "bad input, or nothing has such a name"}, kInternal}},
      {"attacks", of_a_question},
      {"list", of_a_question},
      {"report", {{0, "done"}, {2, "bad input, or no such run"}, kInternal}},
      {"scrape", of_a_question},
      {"controller",
       {{0, "ended by a signal"}, {2, "bad input, or no such cluster"}, {3, "it lacks a right"}, kInternal}},
      {"drain", {{0, "nothing is in force any more"}, kBadInput, {6, "something still hangs: it is named"}, kInternal}},
      {"budget", {{0, "some is left"}, {1, "a budget is spent"}, kBadInput, {4, "a budget is not known"}, kInternal}},
      {"dashboard", of_a_question},
      {"rules", of_a_question},
      {"lint", {{0, "no errors"}, {2, "errors were found, or bad input"}, kInternal}},
      {"analysis", {{0, "successful"}, {1, "failed"}, kBadInput, {4, "inconclusive or an error"}, kInternal}},
      {"agent",
       {{0, "told to end, and nothing is in force any more"},
        kBadInput,
        {3, "it lacks a right that it needs"},
        {6, "what a dead run left could not be undone"},
        kInternal}},
      {"help", of_a_question},
      {"docs", of_a_question},
      {"completion", of_a_question},
  };
  return all;
}

}  // namespace

std::vector<ExitMeaning> exits_of(std::string_view command) {
  auto found = table().find(command);
  return found == table().end() ? std::vector<ExitMeaning>{} : found->second;
}

std::string exits_text(std::string_view command) {
  std::string text, line;
  for (const ExitMeaning& exit : exits_of(command)) {
    std::string part = fmt::format("{} {}", exit.code, exit.what);
    if (line.empty()) {
      line = kPrefix;
    } else if (line.size() + part.size() + 3 > kWidth) {
      text += line + ",\n";
      line = std::string(kPrefix.size(), ' ');
    } else {
      line += ", ";
    }
    line += part;
  }
  return line.empty() ? "" : text + line + ".";
}

}  // namespace ordeal::cli

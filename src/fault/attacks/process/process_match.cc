#include "fault/attacks/process/process_match.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "core/base/text/text.h"
#include "platform/sys/nearest.h"

namespace ordeal::fault {
namespace {

bool older(const sys::Process& a, const sys::Process& b) {
  return std::pair(a.start_ticks, a.pid) < std::pair(b.start_ticks, b.pid);
}

}  // namespace

Result<CommandPattern> CommandPattern::parse(const std::string& text) {
  CommandPattern pattern;
  auto expression = std::make_shared<re2::RE2>(text, re2::RE2::Quiet);
  if (!expression->ok())
    return fail(Errc::kInvalidInput, fmt::format("\"{}\" is not a regular expression: {}", text, expression->error()));
  pattern.expression_ = std::move(expression);
  return pattern;
}

bool CommandPattern::found_in(const sys::Process& process) const {
  return re2::RE2::PartialMatch(process.command_line(), *expression_);
}

Result<ProcessMatch> ProcessMatch::from(const Attack& attack) {
  ProcessMatch match;
  match.name_ = text_argument(attack, "process");
  match.exact_ = flag_argument(attack, "exact");
  match.newest_ = flag_argument(attack, "newest");
  match.oldest_ = flag_argument(attack, "oldest");
  match.children_ = flag_argument(attack, "children");
  if (match.newest_ && match.oldest_)
    return refuse_field(attack, "args.oldest", "\"newest\" and \"oldest\" exclude each other");
  if (flag_argument(attack, "full")) {
    auto expression = std::make_shared<re2::RE2>(match.name_, re2::RE2::Quiet);
    if (!expression->ok())
      return refuse_field(
          attack, "args.process",
          fmt::format("expected a regular expression, found \"{}\": {}", match.name_, expression->error()));
    match.full_ = std::move(expression);
  }
  if (std::string name = text_argument(attack, "user"); !name.empty()) {
    auto user = sys::find_user(name);
    if (!user) return refuse_field(attack, "args.user", user.error().what);
    match.user_ = *user;
  }
  if (std::string name = text_argument(attack, "group"); !name.empty()) {
    auto group = sys::find_group(name);
    if (!group) return refuse_field(attack, "args.group", group.error().what);
    match.group_ = *group;
  }
  return match;
}

bool ProcessMatch::matches(const sys::Process& process) const {
  if (user_ && process.uid != *user_) return false;
  if (group_ && process.gid != *group_) return false;
  if (full_) {
    std::string line = process.command_line();
    return exact_ ? re2::RE2::FullMatch(line, *full_) : re2::RE2::PartialMatch(line, *full_);
  }
  std::string name = sys::program_name(process);
  return exact_ ? name == name_ : name.find(name_) != name.npos;
}

std::vector<sys::Process> ProcessMatch::choose(const std::vector<sys::Process>& table) const {
  std::vector<sys::Process> chosen;
  for (const sys::Process& process : table)
    if (process.alive() && matches(process)) chosen.push_back(process);
  std::sort(chosen.begin(), chosen.end(), older);
  if (!chosen.empty() && newest_) chosen = {chosen.back()};
  if (!chosen.empty() && oldest_) chosen = {chosen.front()};
  if (!children_) return chosen;
  std::set<pid_t> pids;
  for (const sys::Process& process : chosen)
    for (pid_t pid : sys::with_descendants(table, process.pid)) pids.insert(pid);
  std::vector<sys::Process> family;
  for (const sys::Process& process : table)
    if (pids.count(process.pid) && process.alive()) family.push_back(process);
  std::sort(family.begin(), family.end(), older);
  return family;
}

std::string ProcessMatch::nearest(const std::vector<sys::Process>& table) const {
  std::vector<std::string> names;
  for (const sys::Process& process : table) names.push_back(sys::program_name(process));
  return sys::nearest_name(name_, names);
}

std::string ProcessMatch::text() const {
  std::string text = full_    ? fmt::format("with a command line like /{}/", name_)
                     : exact_ ? fmt::format("named {}", name_)
                              : fmt::format("with \"{}\" in the name", name_);
  if (user_) text += " of the user " + sys::user_name(*user_);
  if (group_) text += fmt::format(" of the group {}", *group_);
  return text;
}

}  // namespace ordeal::fault

#include "core/model/claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ordeal {
namespace {

// A cgroup's path has slashes too, so a field is known by its name.
constexpr std::array<std::string_view, 15> kFields{"running",
                                                   "processes",
                                                   "cpu",
                                                   "memory",
                                                   "pids",
                                                   "disk",
                                                   "io",
                                                   "descriptors",
                                                   "guest",
                                                   "power",
                                                   "packets/arrival",
                                                   "packets/departure",
                                                   "packets/*",
                                                   "lookups",
                                                   "answers"};

// Who holds it only reads.
constexpr std::string_view kShared = "lookups";

// Fields that differ and still meet: a kill waits in a paused process and comes when the attack is long over; a paused
// guest does nothing; a false answer leads a look-up to somebody else.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMeeting{
    {{"running", "processes"}, {"running", "guest"}, {"answers", "lookups"}}};

struct Claim {
  std::string_view kind;  // "cgroup"
  std::string_view name;  // "/shop/db"
  std::string_view field;
};

Claim parse(std::string_view text) {
  size_t slash = text.rfind('/');
  for (std::string_view field : kFields)
    if (text.size() > field.size() && text.ends_with(field) && text[text.size() - field.size() - 1] == '/')
      slash = text.size() - field.size() - 1;
  if (slash == text.npos) return {text, "", ""};
  std::string_view resource = text.substr(0, slash);
  size_t colon = resource.find(':');
  if (colon == resource.npos) return {resource, "", text.substr(slash + 1)};
  return {resource.substr(0, colon), resource.substr(colon + 1), text.substr(slash + 1)};
}

bool of_all(std::string_view field) { return field.ends_with("/*"); }

bool covers(std::string_view all, std::string_view field) {
  return of_all(all) && field.starts_with(all.substr(0, all.size() - 1));
}

bool fields_meet(std::string_view a, std::string_view b) {
  if ((a == b && a != kShared) || a == "power" || b == "power" || covers(a, b) || covers(b, a)) return true;
  return std::any_of(kMeeting.begin(), kMeeting.end(), [&](const auto& pair) {
    return (pair.first == a && pair.second == b) || (pair.first == b && pair.second == a);
  });
}

bool holds_path(std::string_view top, std::string_view path) {
  if (top == "/" || top == path) return true;
  return path.size() > top.size() && path.starts_with(top) && path[top.size()] == '/';
}

// One way round; the other is asked too.
bool holds(const Claim& a, const Claim& b) {
  if (a.kind == "host") return true;
  if (a.kind == "cgroup") return (b.kind == "cgroup" || b.kind == "within") && holds_path(a.name, b.name);
  return a.kind != "within" && a.kind == b.kind && a.name == b.name;
}

}  // namespace

bool is_known_claim(std::string_view claim) {
  return std::find(kFields.begin(), kFields.end(), parse(claim).field) != kFields.end();
}

bool claims_meet(std::string_view a, std::string_view b, Between between) {
  Claim first = parse(a), second = parse(b);
  bool shared = between == Between::kImpactsOfOneRun && of_all(first.field) && first.field == second.field;
  return !shared && fields_meet(first.field, second.field) && (holds(first, second) || holds(second, first));
}

std::optional<std::pair<std::string, std::string>> first_meeting(const std::vector<std::string>& held,
                                                                 const std::vector<std::string>& wanted,
                                                                 Between between) {
  for (const std::string& one : held)
    for (const std::string& other : wanted)
      if (claims_meet(one, other, between)) return std::pair{one, other};
  return std::nullopt;
}

std::string describe_meeting(const std::pair<std::string, std::string>& meeting) {
  if (meeting.first == meeting.second) return meeting.first;
  return fmt::format("{}, which meets {}", meeting.first, meeting.second);
}

}  // namespace ordeal

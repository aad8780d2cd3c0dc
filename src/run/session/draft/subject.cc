#include "run/session/draft/subject.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/yaml.h"
#include "core/model/input/experiment.h"
#include "fault/target/select.h"
#include "platform/sys/nearest.h"
#include "platform/sys/process/process.h"
#include "run/session/draft/suggestion.h"

namespace ordeal::session {
namespace {

using target::Group;
using target::SurveyEntry;
using Entries = std::vector<SurveyEntry>;

bool is_called(const SurveyEntry& entry, const std::string& words) {
  if (entry.group == Group::kHost && words == "host") return true;
  return entry.name == words || entry.name == words + ".service" || (!entry.cgroup.empty() && entry.cgroup == words);
}

Entries keep(const Entries& entries, const std::function<bool(const SurveyEntry&)>& wanted) {
  Entries kept;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(kept), wanted);
  return kept;
}

// The survey lists by kind: a unit stands before the process that is its only one.
Entries of_first_kind(const Entries& entries) {
  return keep(entries, [&](auto& entry) { return entry.group == entries.front().group; });
}

Unexpected several(const Entries& entries, const std::string& words) {
  constexpr size_t kShown = 6;
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(kShown, entries.size()); ++i)
    names.push_back(fmt::format("{} ({})", entries[i].name, to_text(entries[i].group)));
  std::string more = entries.size() > kShown ? fmt::format(" and {} more", entries.size() - kShown) : "";
  return fail(Errc::kInvalidInput, fmt::format("\"{}\" may mean {}{}", words, join(names, ", "), more),
              "Give one of these names in full, or its cgroup; `ordeal targets` lists all.");
}

Unexpected nothing_called(const target::Survey& survey, const std::string& words) {
  std::vector<std::string> names;
  for (const SurveyEntry& entry : survey.entries) names.push_back(entry.name);
  std::string near = sys::nearest_name(words, names);
  return fail(Errc::kInvalidInput, fmt::format("no target here matches \"{}\"", words),
              near.empty() ? "`ordeal targets` lists all that is here." : fmt::format("Did you mean \"{}\"?", near));
}

std::vector<sys::ListeningSocket> own_listeners(const Victim& victim) {
  std::vector<sys::ListeningSocket> sockets = sys::listening_beside(victim.processes.front().pid);
  std::set<uint64_t> own;
  for (const ProcessId& id : victim.processes) own.merge(sys::sockets_of(id.pid));
  std::erase_if(sockets, [&](const auto& socket) { return own.count(socket.inode) == 0; });
  return sockets;
}

std::string address_from_here(const sys::ListeningSocket& socket, const Victim& victim, bool beside_us) {
  if (beside_us) return socket.any ? "127.0.0.1" : socket.address;
  if (socket.loopback) return "";
  if (!socket.any) return socket.address;
  return sys::first_address(read_file(fmt::format("/proc/{}/net/fib_trie", victim.processes.front().pid)).value_or(""));
}

}  // namespace

Result<SurveyEntry> choose_subject(const target::Survey& survey, const std::string& words) {
  Entries found = target::filtered(survey.entries, words == "host" ? "" : words);
  Entries called = keep(found, [&](auto& entry) { return is_called(entry, words); });
  if (words == "host" && called.empty()) found.clear();
  if (!called.empty()) found = of_first_kind(called);
  if (found.empty()) return nothing_called(survey, words);
  Entries allowed = keep(found, [](auto& entry) { return !entry.refused; });
  if (allowed.empty())
    return fail(Errc::kRefused, fmt::format("{} is protected: {}", found.front().name, *found.front().refused),
                "`ordeal targets` lists what can be hit.");
  if (called.empty() && allowed.size() > 1) {
    Entries first = of_first_kind(allowed);
    bool wraps = first.size() == 1 && first.front().group <= Group::kContainer;
    if (!wraps) return several(allowed, words);
    allowed = std::move(first);
  }
  if (allowed.size() > 1) return several(allowed, words);
  return allowed.front();
}

Result<std::vector<Victim>> victims_of(const std::string& target_line, const target::Snapshot& snapshot,
                                       const std::vector<Policy>& policies) {
  auto document = TRY(json::parse_document("name: x\n" + target_line + "\nattack: {type: pause}\n"));
  Experiment experiment = TRY(decode_experiment(document));
  auto judged = TRY(target::judge_candidates(experiment.target, std::nullopt, snapshot, policies));
  return std::move(judged.allowed);
}

std::optional<Front> front_of(const Victim& victim) {
  if (victim.kind == VictimKind::kHost || victim.processes.empty()) return std::nullopt;
  std::vector<sys::ListeningSocket> sockets = own_listeners(victim);
  if (sockets.empty()) return std::nullopt;
  bool beside_us = sys::netns_mark(victim.processes.front().pid) == sys::netns_mark(::getpid());
  const sys::ListeningSocket& socket = likely_front(sockets);
  return Front{address_from_here(socket, victim, beside_us), socket.port, beside_us};
}

}  // namespace ordeal::session

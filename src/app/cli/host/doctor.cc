// doctor: what this machine can inject, by which mechanism, and what is missing. It decides nothing: plan and guard
// look for themselves.
#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "core/json/value.h"
#include "fault/attacks/fault.h"
#include "fault/guard/link/find_guard.h"
#include "fault/guard/recovery/journal.h"
#include "platform/host/features.h"
#include "platform/host/latch.h"
#include "platform/host/paths.h"
#include "platform/host/policy_file.h"
#include "run/store/store.h"

namespace ordeal::cli {
namespace {

// One thing that was looked at. `code` is what `run` would end with because of it; kHeld when it stands in no way.
struct MachineFinding {
  std::string topic;
  std::string text;
  std::string advice;  // empty: nothing to do
  ExitCode code = ExitCode::kHeld;
};

std::string held_capabilities(const host::Features& features) {
  constexpr std::array kWanted{"CAP_NET_ADMIN", "CAP_NET_RAW",  "CAP_SYS_ADMIN", "CAP_KILL",
                               "CAP_SYS_NICE",  "CAP_SYS_BOOT", "CAP_SYS_PTRACE"};
  std::vector<std::string> held, missing;
  for (const char* name : kWanted) (features.can(name) ? held : missing).push_back(name);
  std::string text = held.empty() ? "none of those needed for attacks" : join(held, ", ");
  return missing.empty() ? text : text + "; missing: " + join(missing, ", ");
}

MachineFinding kernel(const host::Features& features, const host::Paths&) {
  return {"kernel", features.kernel + (features.pidfd ? "" : "; no pidfd"),
          features.pidfd ? "" : "Ordeal needs Linux 5.10 or newer"};
}

MachineFinding capabilities(const host::Features& features, const host::Paths&) {
  return {"capabilities", held_capabilities(features), features.root ? "" : "run Ordeal as root for all attacks"};
}

MachineFinding cgroups(const host::Features& features, const host::Paths&) {
  if (!features.cgroups)
    return {"cgroups", features.cgroups.error().message(), "mount the cgroup file system", ExitCode::kInconclusive};
  size_t old = 0;
  for (const sys::Hierarchy& hierarchy : features.cgroups->hierarchies()) old += hierarchy.version == 1;
  const sys::Hierarchy* unified = features.cgroups->unified();
  std::string text = old == 0  ? "v2 at " + unified->mount
                     : unified ? fmt::format("hybrid: {} v1 hierarchies, v2 at {}", old, unified->mount)
                               : fmt::format("v1, {} hierarchies", old);
  if (features.cgroups_writable) return {"cgroups", text, ""};
  return {"cgroups", text + "; not writable", "run Ordeal as root, outside a container with read-only cgroups"};
}

MachineFinding guard_program(const host::Features&, const host::Paths&) {
  auto found = guard::find_guard();
  if (found) return {"guard", *found, ""};
  return {"guard", found.error().message(), found.error().advice(), exit_code_of(found.error())};
}

MachineFinding reaper(const host::Features& features, const host::Paths&) {
  if (features.reaper_cgroup) return {"reaper", "gets its own cgroup", ""};
  return {"reaper", "cannot have its own cgroup, so faults that Ordeal must undo are refused",
          "run Ordeal as root where cgroups can be created"};
}

MachineFinding priority(const host::Features& features, const host::Paths&) {
  constexpr std::array kTexts{"normal only: the faults of a hung guard end within 2.5 s instead of 1 s", "nice -20",
                              "SCHED_FIFO"};
  bool raised = features.priority != host::Priority::kNone;
  return {"priority", kTexts[static_cast<size_t>(features.priority)], raised ? "" : "give Ordeal CAP_SYS_NICE"};
}

MachineFinding latch(const host::Features&, const host::Paths& paths) {
  auto state = host::latch_engaged(paths);
  if (!state) return {"latch", "released", ""};
  return {"latch", fmt::format("ENGAGED: {} ({}, {})", state->reason, state->by, state->since),
          "nothing starts until `ordeal resume`", ExitCode::kRefused};
}

MachineFinding journals(const host::Features&, const host::Paths& paths) {
  std::vector<std::string> live, dead;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths.journal_folder(), error)) {
    if (entry.path().extension() != ".journal") continue;
    auto lock = guard::lock_journal(entry.path());
    (lock && !*lock ? live : dead).push_back(entry.path().stem());
  }
  if (dead.empty()) return {"journals", live.empty() ? "none" : "of live runs: " + join(live, ", "), ""};
  return {"journals", "of dead runs: " + join(dead, ", "), "`ordeal revert` undoes them; so does the next run"};
}

MachineFinding record(const host::Features&, const host::Paths& paths) {
  auto store = store::Store::open_to_read(paths.record());
  if (!store && store.error().code == Errc::kNotFound) return {"record", "no run yet in " + paths.record(), ""};
  auto rows = store ? store->list(1'000'000) : tl::unexpected(store.error());
  if (!rows) return {"record", rows.error().message(), "move the file away", ExitCode::kInternal};
  return {"record", fmt::format("{} in {}", counted(rows->size(), "run", "runs"), paths.record()), ""};
}

MachineFinding policy(const host::Features&, const host::Paths&) {
  auto policies = host::read_policies({});
  if (!policies)
    return {"policy", policies.error().message(), policies.error().advice(), exit_code_of(policies.error())};
  if (policies->empty())
    return {"policy", fmt::format("none: {} does not exist, so nothing limits the blast radius", host::kHostPolicy),
            "write one; docs/formats/policy.md has an example"};
  return {"policy", std::string(host::kHostPolicy) + " is valid", ""};
}

constexpr std::array kLooks{kernel,   capabilities, cgroups,  guard_program, reaper,
                            priority, latch,        journals, record,        policy};

struct Diagnosis {
  std::vector<MachineFinding> findings;
  std::vector<std::pair<std::string, fault::Usability>> attacks;

  ExitCode exit_code() const {
    bool any = false;
    for (const auto& [type, use] : attacks) any = any || use.usable;
    ExitCode code = any ? ExitCode::kHeld : ExitCode::kInconclusive;
    for (const MachineFinding& finding : findings) code = stronger(code, finding.code);
    return code;
  }
};

Diagnosis diagnose(const host::Paths& paths) {
  host::Features features = host::Features::look();
  Diagnosis diagnosis;
  for (auto look : kLooks) diagnosis.findings.push_back(look(features, paths));
  for (const fault::Fault* fault : fault::all_faults())
    diagnosis.attacks.emplace_back(fault->info().type, fault->usability(features));
  return diagnosis;
}

void print_advice(const std::string& advice) {
  if (!advice.empty()) print("{:16}-> {}\n", "", advice);
}

void print_text(const Diagnosis& diagnosis) {
  for (const MachineFinding& finding : diagnosis.findings) {
    print("{:<16}{}\n", finding.topic, finding.text);
    print_advice(finding.advice);
  }
  print("\nAttacks\n");
  for (const auto& [type, use] : diagnosis.attacks) {
    print("{:<16}{} {}{}\n", type, use.usable ? "yes " : "NO  ", use.how, use.limits.empty() ? "" : "; " + use.limits);
    print_advice(use.advice);
  }
}

json::Value to_json(const Diagnosis& diagnosis) {
  json::Array findings, attacks;
  for (const MachineFinding& finding : diagnosis.findings)
    findings.push_back(json::Object{{"topic", finding.topic},
                                    {"text", finding.text},
                                    {"advice", finding.advice},
                                    {"exit", static_cast<int>(finding.code)}});
  for (const auto& [type, use] : diagnosis.attacks)
    attacks.push_back(json::Object{
        {"type", type}, {"usable", use.usable}, {"how", use.how}, {"limits", use.limits}, {"advice", use.advice}});
  return json::Object{{"findings", std::move(findings)},
                      {"attacks", std::move(attacks)},
                      {"exit", static_cast<int>(diagnosis.exit_code())}};
}

}  // namespace

ExitCode doctor_command(const std::string& state_dir, bool json) {
  auto paths = host::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  Diagnosis diagnosis = diagnose(*paths);
  if (json) {
    print_json(to_json(diagnosis));
  } else {
    print_text(diagnosis);
  }
  return diagnosis.exit_code();
}

}  // namespace ordeal::cli

// doctor: what this machine can inject, by which mechanism, and what is missing. It decides nothing: plan and guard
// look for themselves.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <map>

#include "app/cli/commands.h"
#include "app/cli/host/machine.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/json/value.h"
#include "fault/attacks/fault.h"
#include "fault/guard/link/client.h"
#include "fault/guard/recovery/journal.h"
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

struct Usability {
  bool usable = false;
  std::string how;     // the mechanism, or why there is none
  std::string limits;  // what works less well, "" when nothing
  std::string advice;
};

std::string held_capabilities(const Machine& machine) {
  constexpr std::array kWanted{"CAP_NET_ADMIN", "CAP_NET_RAW",  "CAP_SYS_ADMIN", "CAP_KILL",
                               "CAP_SYS_NICE",  "CAP_SYS_BOOT", "CAP_SYS_PTRACE"};
  std::vector<std::string> held, missing;
  for (const char* name : kWanted) (machine.can(name) ? held : missing).push_back(name);
  std::string text = held.empty() ? "none of those that attacks need" : join(held, ", ");
  return missing.empty() ? text : text + "; missing: " + join(missing, ", ");
}

MachineFinding kernel(const Machine& machine, const host::Paths&) {
  return {"kernel", machine.kernel + (machine.pidfd ? "" : "; no pidfd"),
          machine.pidfd ? "" : "Ordeal needs Linux 5.10 or newer"};
}

MachineFinding capabilities(const Machine& machine, const host::Paths&) {
  return {"capabilities", held_capabilities(machine), machine.root ? "" : "run Ordeal as root for all attacks"};
}

MachineFinding cgroups(const Machine& machine, const host::Paths&) {
  if (!machine.cgroups)
    return {"cgroups", machine.cgroups.error().message(), "mount the cgroup file system", ExitCode::kInconclusive};
  size_t old = 0;
  for (const sys::Hierarchy& hierarchy : machine.cgroups->hierarchies()) old += hierarchy.version == 1;
  const sys::Hierarchy* unified = machine.cgroups->unified();
  std::string text = old == 0 ? "version 2 at " + unified->mount
                     : unified
                         ? fmt::format("hybrid: {} hierarchies of version 1, version 2 at {}", old, unified->mount)
                         : fmt::format("version 1, {} hierarchies", old);
  if (machine.cgroups_writable) return {"cgroups", text, ""};
  return {"cgroups", text + "; not writable", "run Ordeal as root, outside a container with read-only cgroups"};
}

MachineFinding guard_program(const Machine&, const host::Paths&) {
  auto found = guard::find_guard();
  if (found) return {"guard", *found, ""};
  return {"guard", found.error().message(), found.error().advice(), ExitCode::kInternal};
}

MachineFinding reaper(const Machine& machine, const host::Paths&) {
  if (machine.reaper_cgroup) return {"reaper", "gets a cgroup of its own", ""};
  return {"reaper", "cannot have a cgroup of its own, so faults that must be undone by us are refused",
          "run Ordeal as root where cgroups can be made"};
}

MachineFinding priority(const Machine& machine, const host::Paths&) {
  constexpr std::array kTexts{"normal only: what a hung guard holds ends within 2.5 s instead of 1 s", "nice -20",
                              "SCHED_FIFO"};
  bool raised = machine.priority != Priority::kNone;
  return {"priority", kTexts[static_cast<size_t>(machine.priority)], raised ? "" : "give Ordeal CAP_SYS_NICE"};
}

MachineFinding latch(const Machine&, const host::Paths& paths) {
  auto state = host::latch_engaged(paths);
  if (!state) return {"latch", "released", ""};
  return {"latch", fmt::format("ENGAGED: {} ({}, {})", state->reason, state->by, state->since),
          "nothing starts until `ordeal resume`", ExitCode::kRefused};
}

MachineFinding journals(const Machine&, const host::Paths& paths) {
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

MachineFinding record(const Machine&, const host::Paths& paths) {
  auto store = store::Store::open_to_read(paths.record());
  if (!store && store.error().code == Errc::kNotFound) return {"record", "no run yet in " + paths.record(), ""};
  auto rows = store ? store->list(1'000'000) : tl::unexpected(store.error());
  if (!rows) return {"record", rows.error().message(), "move the file away", ExitCode::kInternal};
  return {"record", fmt::format("{} runs in {}", rows->size(), paths.record()), ""};
}

MachineFinding policy(const Machine&, const host::Paths&) {
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

Usability killing(const Machine& machine, const std::string& how) {
  Usability use{machine.pidfd, machine.pidfd ? how : "this kernel has no pidfds", "", ""};
  if (machine.pidfd && !machine.can("CAP_KILL")) use.limits = "only processes of your own user (no CAP_KILL)";
  if (!machine.pidfd) use.advice = "Ordeal needs Linux 5.10 or newer";
  return use;
}

Usability process_killer(const Machine& machine, const AttackInfo& info) {
  return killing(machine, info.mechanisms[0]);
}

Usability shutdown(const Machine& machine, const AttackInfo& info) {
  Usability use = killing(machine, info.mechanisms[machine.cgroup_kill && machine.cgroups_writable ? 0 : 1]);
  if (use.limits.empty() && !machine.can("CAP_SYS_BOOT")) use.limits = "no host (no CAP_SYS_BOOT)";
  return use;
}

Usability cpu(const Machine& machine, const AttackInfo& info) {
  Usability use{true, info.mechanisms[0], "", ""};
  if (!machine.cgroups_writable) {
    use.limits = "only targets whose cgroup we are in already: others' cannot be joined";
    use.advice = "run Ordeal as root";
  } else if (!machine.can("CAP_SYS_NICE")) {
    use.limits = "less exact on a busy machine (no CAP_SYS_NICE)";
  }
  return use;
}

Usability latency(const Machine& machine, const AttackInfo& info) {
  if (!machine.queue)
    return {false, machine.queue.error().message(), "",
            machine.can("CAP_NET_ADMIN") && machine.can("CAP_SYS_ADMIN")
                ? "load the kernel's modules nf_tables, nfnetlink_queue and nft_queue or xt_NFQUEUE"
                : "run Ordeal as root, or give it CAP_NET_ADMIN and CAP_SYS_ADMIN"};
  if (!machine.owned_tables)
    return {false, "nftables has no owned tables here, so a rule could outlive us", "", "use Linux 5.12 or newer"};
  Usability use{true, info.mechanisms[*machine.queue == sys::QueueStyle::kNative ? 0 : 1], "", ""};
  if (!machine.can("CAP_NET_RAW")) use.limits = "only direction: arrival (no CAP_NET_RAW)";
  return use;
}

Usability pause(const Machine& machine, const AttackInfo& info) {
  if (!machine.reaper_cgroup)
    return {false, "it must be undone by us, and the reaper cannot have a cgroup of its own", "", "run Ordeal as root"};
  if (!machine.freezer.empty()) return {true, fmt::format("{}; here {}", info.mechanisms[0], machine.freezer), "", ""};
  Usability use = killing(machine, info.mechanisms[1]);
  use.limits = use.limits.empty() ? "no cgroup freezer here" : use.limits;
  return use;
}

using Check = Usability (*)(const Machine&, const AttackInfo&);
const std::map<std::string, Check>& checks() {
  static const std::map<std::string, Check> table{
      {"cpu", cpu}, {"latency", latency}, {"pause", pause}, {"process_killer", process_killer}, {"shutdown", shutdown}};
  return table;
}

Usability usability_of(const AttackInfo& info, const Machine& machine) {
  auto check = checks().find(info.type);
  if (check != checks().end()) return check->second(machine, info);
  // An attack without a check is judged by the capabilities that it says it needs.
  for (const std::string& need : info.capabilities)
    if (std::string name = need.substr(0, need.find_first_of(" ,")); name.starts_with("CAP_") && !machine.can(name))
      return {false, "needs " + need, "", "run Ordeal as root"};
  return {true, info.mechanisms.empty() ? "" : info.mechanisms[0], "", ""};
}

struct Diagnosis {
  std::vector<MachineFinding> findings;
  std::vector<std::pair<std::string, Usability>> attacks;

  ExitCode exit_code() const {
    bool any = false;
    for (const auto& [type, use] : attacks) any = any || use.usable;
    ExitCode code = any ? ExitCode::kHeld : ExitCode::kInconclusive;
    for (const MachineFinding& finding : findings) code = stronger(code, finding.code);
    return code;
  }
};

Diagnosis diagnose(const host::Paths& paths) {
  Machine machine = Machine::look();
  Diagnosis diagnosis;
  for (auto look : kLooks) diagnosis.findings.push_back(look(machine, paths));
  for (const fault::Fault* fault : fault::all_faults())
    diagnosis.attacks.emplace_back(fault->info().type, usability_of(fault->info(), machine));
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

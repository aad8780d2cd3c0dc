// verify-clean: what of that which the last run touched differs from before it, and anything of Ordeal's that still
// stands. What else has changed is listed apart. What dead runs have left is undone first, and said. On a node of a
// cluster, where an agent runs what a controller asks, nothing is kept of before: only what is Ordeal's own is judged.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/cli/commands.h"
#include "app/cli/safety/fingerprint.h"
#include "app/cli/safety/helpers.h"
#include "app/cli/safety/replay.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/json/reader.h"
#include "core/json/value.h"
#include "fault/guard/recovery/touched.h"
#include "platform/host/latch.h"
#include "platform/host/registry.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/fingerprint.h"

namespace ordeal::cli {
namespace {

constexpr const char* kClaims = "claims";  // a section of its own in the file

std::string file_of(const host::Paths& paths) { return paths.state + "/fingerprint.json"; }

Result<sys::Fingerprint> read_fingerprint(const host::Paths& paths) {
  auto text = read_file(file_of(paths), size_t{16} << 20);
  if (!text) return fail(Errc::kNotFound, "there is no fingerprint yet", "it is taken when a run starts");
  json::Document document{TRY(json::parse(*text)), {}};
  sys::Fingerprint print;
  for (const auto& [section, lines] : TRY(json::Reader(document).fields())) {
    auto& into = print[section];
    for (const json::Reader& line : TRY(lines.items())) into.push_back(TRY(line.text()));
  }
  return print;
}

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || error;
}

// A fingerprint that cannot be read is none of an agent's.
bool only_an_agent_was_here(const host::Paths& paths) {
  return is_there(paths.agent_lock()) && !is_there(file_of(paths));
}

// What a difference is: left by a run, or made by somebody else.
struct Findings {
  std::vector<std::string> left;
  std::vector<std::string> others;
};

void find_journals(const host::Paths& paths, Findings& found) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths.journal_folder(), error))
    found.left.push_back("journal " + entry.path().string());
}

void find_processes(const std::vector<Helper>& helpers, Findings& found) {
  for (const Helper& helper : helpers)
    (helper.elsewhere ? found.others : found.left)
        .push_back(fmt::format("process {} {}", helper.process.pid, helper.process.command_line()));
}

// The runs that live elsewhere.
std::vector<std::string> runs_elsewhere(const std::vector<Helper>& helpers) {
  std::vector<std::string> runs;
  for (const Helper& helper : helpers)
    if (helper.elsewhere && !helper.run.empty()) runs.push_back(helper.run);
  return runs;
}

void find_cgroups(const std::vector<std::string>& elsewhere, Findings& found) {
  auto tree = sys::CgroupTree::discover();
  if (!tree) return;
  for (const sys::Hierarchy& hierarchy : tree->hierarchies()) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(hierarchy.mount, error)) {
      std::string name = entry.path().filename();
      if (!name.starts_with("ordeal-")) continue;
      bool others = std::any_of(elsewhere.begin(), elsewhere.end(), [&](auto& run) { return name.ends_with(run); });
      (others ? found.others : found.left).push_back("cgroup " + entry.path().string());
    }
  }
}

// Of Ordeal's own, while no run of this folder is live.
void find_leftovers(const host::Paths& paths, Findings& found) {
  std::vector<Helper> helpers = find_helpers(paths);
  find_journals(paths, found);
  find_processes(helpers, found);
  find_cgroups(runs_elsewhere(helpers), found);
}

// Without claims it was written by an earlier version: then everything is judged.
void compare_with_now(const sys::Fingerprint& before, Findings& found) {
  auto claims = before.find(kClaims);
  auto tree = sys::CgroupTree::discover();
  const auto hierarchies = tree ? tree->hierarchies() : std::vector<sys::Hierarchy>{};
  for (const sys::Difference& difference : sys::compare(before, sys::take_fingerprint())) {
    bool touched = claims == before.end() || guard::is_touched(difference, claims->second, hierarchies);
    (touched ? found.left : found.others).push_back(difference.text());
  }
}

// Of each run of an agent nothing is known but what it could not undo.
Result<> find_what_an_agent_left(const host::Paths& paths, Findings& found) {
  sys::Fingerprint now = sys::take_fingerprint();
  for (const std::string& line : now.at("nft")) {
    if (!line.starts_with("table "))
      return fail(Errc::kUnsupported, "cannot list this host's packet rules: " + line, "install nftables");
    if (line.find(" ordeal_") != std::string::npos) found.left.push_back(line);
  }
  if (auto failed = host::failed_revert(paths)) found.left.push_back("a revert has failed: " + failed->reason);
  return {};
}

Result<> write_fingerprint(const host::Paths& paths, const sys::Fingerprint& print) {
  json::Object object;
  for (const auto& [section, lines] : print) object[section] = json::texts(lines);
  return write_atomically(file_of(paths), json::write(object), 0600);
}

const char* clean_words(bool compared) {
  return compared
             ? "Clean: nothing is left of what the last run touched."
             : "Clean: nothing of Ordeal's is left: no rules, cgroups, helpers or journals. An agent keeps no state of "
               "before, so nothing else was compared; rules in a pod's network end with the helper that made them.";
}

void print_findings(const Findings& found, bool compared) {
  for (const std::string& line : found.left) print("{}\n", line);
  if (found.left.empty()) print("{}\n", clean_words(compared));
  if (!found.others.empty()) print("Changed on this host since then, and not by a run:\n");
  for (const std::string& line : found.others) print("  {}\n", line);
}

}  // namespace

Result<> save_fingerprint(const host::Paths& paths, const std::vector<std::string>& claims) {
  bool alone = TRY(host::active_runs(paths)).empty();
  auto earlier = read_fingerprint(paths);
  sys::Fingerprint print = alone || !earlier ? sys::take_fingerprint() : std::move(*earlier);
  auto& all = print[kClaims];
  all.insert(all.end(), claims.begin(), claims.end());
  return write_fingerprint(paths, print);
}

ExitCode verify_clean_command(const std::string& state_dir, bool json) {
  auto paths = host::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  auto undone = guard::replay({state_dir, "", {}});  // first, since it waits for those whose processes are exiting
  if (!undone) return print_error(undone.error());
  if (!json) print_runs(*undone);
  auto active = host::active_runs(*paths);
  if (!active) return print_error(refusal_of(active.error()).value());
  if (!active->empty())
    return print_error(Error{Errc::kRefused, "the run " + active->front().run + " is live", 0,
                             "wait for it, or `ordeal halt` it", nullptr});
  auto before = read_fingerprint(*paths);
  if (!before && !only_an_agent_was_here(*paths)) return print_error(before.error());
  Findings found;
  if (before) {
    compare_with_now(*before, found);
  } else if (auto read = find_what_an_agent_left(*paths, found); !read) {
    return print_error(read.error());
  }
  find_leftovers(*paths, found);
  for (const guard::DeadRun& run : *undone)
    for (const std::string& failed : run.failed) found.left.push_back(run.run + ": NOT undone: " + failed);
  bool clean = found.left.empty();
  if (json)
    print_json(json::Object{{"clean", clean},
                            {"differences", json::texts(found.left)},
                            {"others", json::texts(found.others)},
                            {"runs", runs_json(*undone)}});
  if (!json) print_findings(found, before.has_value());
  return clean ? ExitCode::kHeld : ExitCode::kRevertFailed;
}

}  // namespace ordeal::cli

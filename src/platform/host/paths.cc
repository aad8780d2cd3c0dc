#include "platform/host/paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/io/file.h"
#include "platform/host/halt_request.h"

namespace ordeal::host {
namespace {

constexpr const char* kHostState = "/var/lib/ordeal";
constexpr const char* kHostLatch = "/var/lib/ordeal/halt.json";

Result<std::string> user_folder(const char* variable, const std::string& below_home) {
  if (const char* set = std::getenv(variable); set && *set) return std::string(set) + "/ordeal";
  const char* home = std::getenv("HOME");
  if (!home || !*home) return fail(Errc::kInvalidInput, "HOME is not set", "set HOME, or give --state-dir DIR");
  return std::string(home) + below_home;
}

}  // namespace

Result<Paths> Paths::find(const std::string& state_dir) {
  if (!state_dir.empty()) return Paths{state_dir, state_dir + "/run", {state_dir + "/halt.json", kHostLatch}};
  if (::geteuid() == 0) return of_root();
  Paths paths;
  paths.state = TRY(user_folder("XDG_STATE_HOME", "/.local/state/ordeal"));
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  paths.run = runtime && *runtime ? std::string(runtime) + "/ordeal" : paths.state + "/run";
  paths.latches = {paths.state + "/halt.json", kHostLatch};
  return paths;
}

Result<> Paths::check_private() const {
  if (::geteuid() != 0) return {};
  for (const std::string& folder : {state, run, journal_folder()}) {
    struct stat is {};
    if (::stat(folder.c_str(), &is) < 0) return fail_errno("cannot inspect " + folder);
    if (is.st_uid == 0 && (is.st_mode & (S_IWGRP | S_IWOTH)) == 0) continue;
    return fail(Errc::kRefused,
                "users other than root can write to the directory " + folder + ", where Ordeal keeps its state",
                "chown root and chmod go-w it, or give another --state-dir");
  }
  return {};
}

Paths Paths::of_root() { return Paths{kHostState, "/run/ordeal", {kHostLatch}}; }

Result<> Paths::make() const {
  for (const std::string& folder : {state, run, journal_folder()}) TRY_VOID(make_folders(folder));
  return make_requests_folder(*this);
}

}  // namespace ordeal::host

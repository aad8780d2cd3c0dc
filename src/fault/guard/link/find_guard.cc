#include "fault/guard/link/find_guard.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "core/base/text/text.h"

namespace ordeal::guard {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunning = "/proc/self/exe";

// A directory that is not called `bin` says nothing about the ones beside it: those of /tmp/x are anybody's.
std::vector<std::string> places_of(const fs::path& program) {
  fs::path beside = program.parent_path(), above = beside.parent_path();
  if (beside.filename() != "bin") return {beside.string()};
  return {beside.string(), (above / "libexec/ordeal").string(), above.string()};
}

}  // namespace

Result<std::string> find_guard_of(const std::string& program, const sys::Trust& trust) {
  std::vector<std::string> places = places_of(program);
  for (const std::string& folder : places) {
    std::string path = fs::path(folder) / "ordeal-guard";
    if (::access(path.c_str(), X_OK) != 0) continue;
    if (auto trusted = sys::check_trusted(path, trust); !trusted)
      return wrap(std::move(trusted).error(), "root does not execute this ordeal-guard");
    return path;
  }
  return fail(Errc::kInternal, fmt::format("ordeal-guard is not in {}, where {} looks", join(places, ", "), program),
              "install both programs: with the package, `cmake --install`, or in one directory");
}

Result<sys::Trust> trust_like_this_program() {
  struct stat program {};
  struct stat root {};
  if (::stat(kRunning, &program) < 0) return fail_errno(std::string("cannot inspect ") + kRunning);
  if (::stat("/", &root) < 0) return fail_errno("cannot inspect /");
  sys::Trust trust{::geteuid() == 0, program.st_uid, {root.st_uid}, std::nullopt};
  if ((program.st_mode & S_IWGRP) != 0) trust.group = program.st_gid;
  return trust;
}

Result<std::string> find_guard() {
  std::error_code error;
  fs::path self = fs::read_symlink(kRunning, error);
  if (error) return fail_errno(std::string("cannot read ") + kRunning, error.value());
  return find_guard_of(self, TRY(trust_like_this_program()));
}

}  // namespace ordeal::guard

#include "platform/host/halt_request.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>

#include "core/base/clock.h"
#include "core/base/defer.h"
#include "core/base/io/unique_fd.h"
#include "core/base/text/printable.h"
#include "core/base/text/text.h"
#include "core/model/run/run_id.h"
#include "platform/sys/process/process.h"

namespace ordeal::host {
namespace {

constexpr mode_t kFolderMode = S_ISVTX | 0775;
constexpr const char* kEverything = "all";
constexpr size_t kMostReason = 1000;  // bytes
constexpr Nanos kClearAtMost = 2s;
constexpr int kMostNames = 1000;  // more of them count as a request, so that nobody can make us count for long

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

UniqueFd open_folder(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::optional<gid_t> group_id(const char* name) {
  group entry{};
  group* found = nullptr;
  char buffer[65536];
  ::getgrnam_r(name, &entry, buffer, sizeof buffer, &found);
  return found ? std::optional(found->gr_gid) : std::nullopt;
}

bool may_write(const std::string& folder) {
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

std::string why_of(int folder, const char* name, mode_t mode) {
  char target[PATH_MAX];
  ssize_t n = S_ISLNK(mode) ? ::readlinkat(folder, name, target, sizeof target) : 0;
  return n > 0 ? valid_text({target, static_cast<size_t>(n)}) : "no reason given";
}

// Nothing when it has gone meanwhile.
std::optional<HaltRequest> read_request(int folder, const char* name) {
  struct stat is {};
  if (::fstatat(folder, name, &is, AT_SYMLINK_NOFOLLOW) < 0) return std::nullopt;
  std::string by = sys::user_name(is.st_uid);
  Nanos since = seconds(is.st_mtim.tv_sec) + Nanos(is.st_mtim.tv_nsec);
  return HaltRequest{fmt::format("{}, by {}", why_of(folder, name, is.st_mode), by), by, rfc3339(since)};
}

HaltRequest unreadable(const std::string& folder, const std::string& why) {
  return {folder + " cannot be read, so it counts as a request: " + why, "unknown", ""};
}

// Each name until `see` says that it is enough. An error is errno, or E2BIG.
int each_name(const UniqueFd& fd, const std::function<bool(const char*)>& see) {
  UniqueFd again(::openat(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Folder folder(again ? ::fdopendir(again.get()) : nullptr, &::closedir);
  if (!folder) return errno;
  again.release();
  for (int count = 0; count < kMostNames; ++count) {
    errno = 0;
    dirent* entry = ::readdir(folder.get());
    if (!entry) return errno;
    std::string_view name = entry->d_name;
    if (name != "." && name != ".." && see(entry->d_name)) return 0;
  }
  return E2BIG;
}

bool unlink_name(int folder, const char* name) {
  if (::unlinkat(folder, name, 0) == 0 || errno == ENOENT) return true;
  return errno == EISDIR && ::unlinkat(folder, name, AT_REMOVEDIR) == 0;
}

// Where folders go that are not empty: beside the requests, of whoever removes them alone.
std::string removed_folder(const std::string& requests) { return requests + ".removed"; }

UniqueFd open_removed(const std::string& requests) {
  std::string path = removed_folder(requests);
  if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) return UniqueFd();
  UniqueFd folder = open_folder(path);
  struct stat is {};
  bool ours = folder && ::fstat(folder.get(), &is) == 0 && is.st_uid == ::geteuid();
  return ours && ::fchmod(folder.get(), 0700) == 0 ? std::move(folder) : UniqueFd();
}

// To a name that is free there.
bool move_to(int removed, int folder, const char* name) {
  for (int number = 0; number < kMostNames; ++number) {
    std::string free = fmt::format("{}.{}", boot_now().time_since_epoch().count(), number);
    if (::renameat(folder, name, removed, free.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EEXIST && errno != ENOTEMPTY) return false;
  }
  return false;
}

// Folders within it become its siblings, however deep they lie.
void empty_removed(int removed, const char* name, BootTime until) {
  UniqueFd folder(::openat(removed, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return;
  (void)each_name(folder, [&](const char* inside) {
    return boot_now() >= until || (!unlink_name(folder.get(), inside) && !move_to(removed, folder.get(), inside));
  });
}

// As much as there is time for; the rest is in nobody's way, and goes the next time.
void clear_removed(const std::string& requests) {
  std::string path = removed_folder(requests);
  UniqueFd removed = open_folder(path);
  BootTime until = boot_now() + kClearAtMost;
  while (removed && ::rmdir(path.c_str()) < 0 && errno != ENOENT && boot_now() < until) {
    (void)each_name(removed, [&](const char* name) {
      if (!unlink_name(removed.get(), name)) empty_removed(removed.get(), name, until);
      return boot_now() >= until;
    });
  }
}

Result<> cannot_remove(const std::string& path, int error) {
  Result<> failed = fail_errno("cannot remove the request " + path, error);
  failed.error().hint = "as root, run `rm -r " + path + "`, then `ordeal resume` again";
  return failed;
}

// A folder that is not empty goes at once, whatever its owner does in it meanwhile.
Result<> remove_name(const std::string& path, int folder, const char* name) {
  if (unlink_name(folder, name)) return {};
  std::string whole = path + "/" + printable(name);
  if (errno != ENOTEMPTY && errno != EEXIST) return cannot_remove(whole, errno);
  UniqueFd removed = open_removed(path);
  if (removed && move_to(removed.get(), folder, name)) return {};
  return cannot_remove(whole, errno);
}

}  // namespace

std::string requests_folder(const std::string& latch) {
  return std::filesystem::path(latch).replace_filename("halt-requests");
}

Result<> make_requests_folder(const Paths& paths) {
  std::optional<gid_t> group = ::geteuid() == 0 ? group_id(kHaltGroup) : std::nullopt;
  if (!group) return {};
  std::string path = requests_folder(paths.latches.front());
  if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) return fail_errno("cannot make " + path);
  UniqueFd folder = open_folder(path);
  struct stat is {};
  if (!folder || ::fstat(folder.get(), &is) < 0) return fail_errno("cannot open " + path);
  if (is.st_gid != 0) return {};
  if (::fchown(folder.get(), 0, *group) < 0 || ::fchmod(folder.get(), kFolderMode) < 0)
    return fail_errno("cannot give " + path + " to the group " + kHaltGroup);
  return {};
}

bool may_request(const Paths& paths) {
  return ::geteuid() != 0 && !may_write(paths.state) && may_write(requests_folder(paths.latches.front()));
}

Result<> ask_for_halt(const Paths& paths, const std::string& run_id, const std::string& reason) {
  std::string path = requests_folder(paths.latches.front());
  UniqueFd folder = open_folder(path);
  if (!folder) return fail_errno("cannot open " + path);
  const char* name = run_id.empty() ? kEverything : run_id.c_str();
  std::string why = reason.empty() ? "no reason given" : reason.substr(0, kMostReason);
  if (::symlinkat(why.c_str(), folder.get(), name) < 0 && errno != EEXIST)
    return fail_errno("cannot ask for a halt in " + path);
  return {};
}

std::optional<HaltRequest> requested_halt(const std::string& latch) {
  std::string path = requests_folder(latch);
  UniqueFd folder = open_folder(path);
  if (!folder && errno == ENOENT) return std::nullopt;
  if (!folder) return unreadable(path, std::strerror(errno));
  std::optional<HaltRequest> found;
  int error = each_name(folder, [&](const char* name) {
    if (!is_run_id(name)) found = read_request(folder.get(), name);
    return found.has_value();
  });
  return error == 0 ? found : unreadable(path, std::strerror(error));
}

std::optional<HaltRequest> requested_halt_of(const Paths& paths, const std::string& run_id) {
  for (const std::string& latch : paths.latches) {
    UniqueFd folder = open_folder(requests_folder(latch));
    if (!folder) continue;  // one that cannot be read asks for everything
    if (auto request = read_request(folder.get(), run_id.c_str())) return request;
  }
  return std::nullopt;
}

Result<bool> remove_requests(const Paths& paths) {
  std::string path = requests_folder(paths.latches.front());
  UniqueFd folder = open_folder(path);
  if (!folder && errno == ENOENT) return false;
  if (!folder) return fail_errno("cannot open " + path);
  bool any = false;
  Defer clear([&] { clear_removed(path); });
  for (int error = E2BIG; error == E2BIG;) {
    Result<> removed;
    error = each_name(folder, [&](const char* name) {
      any = true;
      removed = remove_name(path, folder.get(), name);
      return !removed;
    });
    if (!removed) return tl::unexpected(std::move(removed).error());
    if (error != 0 && error != E2BIG) return fail_errno("cannot read " + path, error);
  }
  return any;
}

void remove_request_of(const Paths& paths, const std::string& run_id) {
  UniqueFd folder = open_folder(requests_folder(paths.latches.front()));
  if (folder) (void)::unlinkat(folder.get(), run_id.c_str(), 0);
}

void remove_old_requests(const Paths& paths) {
  std::string path = requests_folder(paths.latches.front());
  UniqueFd folder = open_folder(path);
  if (!folder || ::geteuid() != 0) return;
  (void)each_name(folder, [&](const char* name) {
    if (is_run_id(name) && !std::filesystem::exists(paths.run_folder(name)))
      (void)remove_name(path, folder.get(), name);
    return false;
  });
}

}  // namespace ordeal::host

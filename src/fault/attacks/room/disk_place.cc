#include "fault/attacks/room/disk_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "platform/host/state/state_dirs.h"

namespace ordeal::fault {
namespace {

struct OwnFolder {
  std::string path;
  std::string what;
};

// The folder itself, or the nearest one above it that exists.
std::string existing(std::filesystem::path path) {
  std::error_code error;
  while (path.has_parent_path() && path != path.parent_path() && !std::filesystem::exists(path, error))
    path = path.parent_path();
  return path;
}

std::vector<OwnFolder> own_folders() {
  std::vector<OwnFolder> found{{existing(host::Paths::of_root().state), "Ordeal's state"}};
  if (auto paths = host::Paths::find("")) found.push_back({existing(paths->state), "Ordeal's state"});
  for (const std::string& folder : host::noted_state_dirs()) found.push_back({folder, "Ordeal's state"});
  std::set<std::string> mapped;
  std::string maps = read_file("/proc/self/maps").value_or("");
  for (std::string_view line : split(maps, '\n'))
    if (size_t slash = line.find('/'); slash != line.npos) mapped.emplace(line.substr(slash));
  for (const std::string& file : mapped) found.push_back({file, "Ordeal's programs and libraries"});
  return found;
}

// An overlay has a device number of its own, and the numbers of the file system that it writes to.
bool same_system(const struct stat& a, const struct statvfs& x, const struct stat& b, const struct statvfs& y) {
  if (a.st_dev == b.st_dev) return true;
  return x.f_blocks != 0 && x.f_blocks == y.f_blocks && x.f_files == y.f_files && x.f_frsize == y.f_frsize;
}

// A sandbox may hide the root of its init; where both see the same mounts, it is ours.
UniqueFd open_root(pid_t pid) {
  UniqueFd root(::open(fmt::format("/proc/{}/root", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root || pid != 1 || (errno != EACCES && errno != EPERM)) return root;
  auto of_init = read_file("/proc/1/mountinfo"), ours = read_file("/proc/self/mountinfo");
  if (of_init && ours && *of_init == *ours) root.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return root;
}

// Whether the host's init sees the device, too. Where that is not known, it does.
bool seen_by_init(const std::string& device) {
  auto mounts = read_file("/proc/1/mountinfo");
  if (!mounts) return true;
  for (std::string_view line : split(*mounts, '\n')) {
    auto words = split_words(line, " ");
    if (words.size() > 2 && words[2] == device) return true;
  }
  return false;
}

// Whoever asks them anything may wait for a process or a network for ever.
struct Far {
  unsigned long magic;
  const char* kind;
};
constexpr Far kFarMagics[] = {{0x65735546, "fuse"}, {0x6969, "nfs"},    {0x517B, "smbfs"},  {0xFF534D42, "cifs"},
                              {0xFE534D42, "smb3"}, {0xC36400, "ceph"}, {0x01021997, "9p"}, {0x5346414F, "afs"}};

Result<> refuse_far(std::string_view kind, const std::string& folder) {
  for (const Far& far : kFarMagics)
    if (kind.starts_with(far.kind))
      return fail(Errc::kUnsupported,
                  fmt::format("{} is on a file system ({}) that is served by a process or over the "
                              "network: Ordeal would hang with it",
                              folder, kind),
                  "choose a folder on a disk of this host");
  return {};
}

// Of the mount that the path leads to, links aside: known without asking the file system itself.
std::string kind_of_mount(pid_t pid, const std::string& folder) {
  std::string kind, path = std::filesystem::path(folder).lexically_normal();
  size_t longest = 0;
  auto mounts = read_file(fmt::format("/proc/{}/mountinfo", pid)).value_or("");
  for (std::string_view line : split(mounts, '\n')) {
    auto words = split_words(line, " ");
    auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 5 || dash == words.end() || dash + 1 == words.end()) continue;
    std::string_view point = words[4];
    bool above = point == "/" || path == point ||
                 (path.starts_with(point) && path.size() > point.size() && path[point.size()] == '/');
    if (!above || point.size() < longest) continue;
    longest = point.size();
    kind = *(dash + 1);
  }
  return kind;
}

std::string user_namespace(pid_t pid) {
  char text[64];
  ssize_t length = ::readlink(fmt::format("/proc/{}/ns/user", pid).c_str(), text, sizeof text);
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : std::string();
}

}  // namespace

std::string DiskPlace::claim(const std::string& field) const {
  return anonymous_ && !in_memory_ ? "host/" + field : fmt::format("disk:{}/{}", device_, field);
}

int64_t kept_on_our_disk(int64_t whole) { return std::max<int64_t>(whole / 20, int64_t{1} << 30); }

int64_t inodes_kept_on_our_disk(int64_t whole) { return std::max<int64_t>(whole / 20, 10000); }

Result<DiskPlace> DiskPlace::open(const sys::Process& process, const std::string& folder) {
  pid_t pid = process.pid;
  TRY_VOID(refuse_far(kind_of_mount(pid, folder), folder));
  UniqueFd root = open_root(pid);
  if (!root) return fail_errno("cannot open the root folder of process " + std::to_string(pid));
  if (auto stat = sys::read_stat(pid); !stat || stat->start_ticks != process.start_ticks)
    return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  DiskPlace place;
  place.folder_.reset(static_cast<int>(::syscall(SYS_openat2, root.get(), folder.c_str(), &how, sizeof how)));
  if (!place.folder_) {
    auto failed = fail_errno(fmt::format("the victim has no folder {}", folder));
    failed.value().code = Errc::kNotInjected;
    return failed;
  }
  struct stat stat {};
  struct statfs system {};
  if (::fstat(place.folder(), &stat) < 0 || ::fstatfs(place.folder(), &system) < 0)
    return fail_errno("cannot look at " + folder);
  for (auto [magic, kind] : kFarMagics)
    if (static_cast<unsigned long>(system.f_type) == magic) TRY_VOID(refuse_far(kind, folder));
  place.anonymous_ = major(stat.st_dev) == 0;
  std::string theirs = user_namespace(pid);
  if (place.anonymous_ && !theirs.empty() && theirs != user_namespace(::getpid()))
    return fail(Errc::kUnsupported, fmt::format("the file system of {} may belong to the victim's user namespace, in "
                                                "which Ordeal's user makes no files",
                                                folder));
  place.device_ = fmt::format("{}:{}", major(stat.st_dev), minor(stat.st_dev));
  place.in_memory_ = system.f_type == TMPFS_MAGIC;
  place.shared_ = !place.in_memory_ || seen_by_init(place.device_);
  return place;
}

Result<Space> DiskPlace::space() const {
  struct statvfs system {};
  if (::fstatvfs(folder(), &system) < 0) return fail_errno("cannot ask how much space is left");
  auto block = static_cast<int64_t>(system.f_frsize);
  Space space;
  space.block = block;
  space.used = static_cast<int64_t>(system.f_blocks - system.f_bfree) * block;
  space.available = static_cast<int64_t>(system.f_bavail) * block;
  return space;
}

Result<Space> DiskPlace::inodes() const {
  struct statvfs system {};
  if (::fstatvfs(folder(), &system) < 0) return fail_errno("cannot ask how many inodes are left");
  Space space;
  space.block = 1;
  space.used = static_cast<int64_t>(system.f_files - system.f_ffree);
  space.available = static_cast<int64_t>(system.f_favail);
  return space;
}

std::string DiskPlace::holds_ours() const {
  struct stat there {};
  struct statvfs system {};
  if (::fstat(folder(), &there) < 0 || ::fstatvfs(folder(), &system) < 0) return "what cannot be looked at";
  for (const OwnFolder& own : own_folders()) {
    struct stat stat {};
    struct statvfs ours {};
    if (::stat(own.path.c_str(), &stat) < 0 || ::statvfs(own.path.c_str(), &ours) < 0) continue;
    if (same_system(there, system, stat, ours)) return fmt::format("{} ({})", own.what, own.path);
  }
  return "";
}

}  // namespace ordeal::fault

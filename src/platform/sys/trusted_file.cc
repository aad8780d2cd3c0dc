#include "platform/sys/trusted_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

constexpr int kMostLinks = 40;
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool read_only(int fd) {
  struct statvfs mount {};
  return ::fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;
}

Result<std::string> read_all(int fd, const std::string& path) {
  std::string text;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::kInvalidInput, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > kMaxInputBytes)
      return fail(Errc::kInvalidInput, fmt::format("{} is larger than {} bytes", path, kMaxInputBytes));
  }
}

// A walk along a path, one name at a time, from the root on.
class Walk {
 public:
  enum class Last { kRead, kOnlyCheck };
  Walk(std::string path, const Trust& trust, Last last) : path_(std::move(path)), trust_(trust), last_(last) {}

  // The text of the file; "" when it is only checked.
  Result<std::string> walk() {
    std::error_code error;
    auto absolute = std::filesystem::absolute(path_, error);
    if (error) return fail(Errc::kInvalidInput, "the current directory is gone, and " + path_ + " is below it");
    put_before(absolute.string());
    TRY_VOID(start_at_root());
    while (!names_.empty()) {
      std::string name = names_.front();
      names_.pop_front();
      if (auto text = TRY(step(name))) return *text;
    }
    return fail(Errc::kInvalidInput, fmt::format("{} is a directory, not a file", shown()));
  }

 private:
  void put_before(std::string_view path) {
    std::vector<std::string_view> parts = split_words(path, "/");
    names_.insert(names_.begin(), parts.begin(), parts.end());
  }

  Result<> start_at_root() {
    folder_ = UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    place_ = "/";
    if (!folder_) return fail_errno("cannot open /");
    struct stat status {};
    if (::fstat(folder_.get(), &status) < 0) return fail_errno("cannot inspect /");
    return check(status, folder_.get(), place_);
  }

  // The text when `name` was the last one.
  Result<std::optional<std::string>> step(const std::string& name) {
    std::string here = (std::filesystem::path(place_) / name).string();
    UniqueFd entry(::openat(folder_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!entry) return cannot_open(here, errno);
    struct stat status {};
    if (::fstat(entry.get(), &status) < 0) return fail_errno("cannot inspect " + here);
    bool some_file = names_.empty() && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode);
    if (some_file && !S_ISREG(status.st_mode))
      return fail(Errc::kInvalidInput, fmt::format("{} is {}, not a file", shown(), kind_of(status.st_mode)));
    TRY_VOID(check(status, entry.get(), here));
    if (S_ISLNK(status.st_mode)) {
      TRY_VOID(follow(entry.get(), here));
      return std::nullopt;
    }
    if (some_file && last_ == Last::kOnlyCheck) return "";
    if (some_file) return read_last(name, here);
    folder_ = std::move(entry);
    place_ = std::move(here);
    return std::nullopt;
  }

  Result<> follow(int link, const std::string& here) {
    if (++links_ > kMostLinks) return fail(Errc::kInvalidInput, fmt::format("{}: too many links", path_));
    char target[PATH_MAX];
    ssize_t n = ::readlinkat(link, "", target, sizeof target);
    if (n <= 0) return fail_errno("cannot read the link " + here);
    std::string to(target, static_cast<size_t>(n));
    put_before(to);
    last_link_ = here;
    return to.front() == '/' ? start_at_root() : Result<>{};
  }

  Result<std::optional<std::string>> read_last(const std::string& name, const std::string& here) {
    UniqueFd file(::openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) return cannot_open(here, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) < 0) return fail_errno("cannot inspect " + here);
    if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalidInput, here + " was replaced while it was being opened");
    TRY_VOID(check(status, file.get(), here));
    return TRY(read_all(file.get(), path_));
  }

  // A link's own mode says nothing.
  Result<> check(const struct stat& status, int fd, const std::string& here) const {
    if (!trust_.strict) return {};
    if (!may_own(status.st_uid)) return refuse(here, fmt::format("belongs to the user {}", status.st_uid));
    if (S_ISLNK(status.st_mode) || (status.st_mode & kOthersWrite) == 0) return {};
    if ((status.st_mode & S_IWOTH) == 0 && status.st_gid == trust_.group) return {};
    if (S_ISDIR(status.st_mode) && ((status.st_mode & S_ISVTX) != 0 || read_only(fd))) return {};
    return refuse(here, "can be written by others");
  }

  bool may_own(uid_t user) const {
    const std::vector<uid_t>& more = trust_.more_owners;
    return user == 0 || user == trust_.owner || std::find(more.begin(), more.end(), user) != more.end();
  }

  Unexpected refuse(const std::string& here, const std::string& why) const {
    return fail(Errc::kRefused, fmt::format("{} can be changed by users other than root: {} {}", path_, here, why),
                fmt::format("chown root and chmod go-w {}, or keep the file in a directory that root owns", here));
  }

  Unexpected cannot_open(const std::string& here, int number) const {
    if (number == ENOENT && links_ == 0) return fail(Errc::kNotFound, path_ + " is not there");
    if (number == ENOENT)
      return fail(Errc::kInvalidInput, fmt::format("{} is a dangling link: {} does not exist", last_link_, here));
    return fail(Errc::kInvalidInput, fmt::format("cannot open {}: {}", here, std::strerror(number)));
  }

  std::string shown() const { return links_ == 0 ? path_ : fmt::format("{} (via the link {})", path_, last_link_); }

  std::string path_;  // as given
  Trust trust_;
  Last last_;
  std::deque<std::string> names_;  // what is still to be walked
  UniqueFd folder_;
  std::string place_;  // of folder_
  int links_ = 0;
  std::string last_link_;
};

}  // namespace

Trust Trust::of_this_process() { return {::geteuid() == 0, 0}; }

Result<std::string> read_trusted(const std::string& path, const Trust& trust) {
  return Walk(path, trust, Walk::Last::kRead).walk();
}

Result<> check_trusted(const std::string& path, const Trust& trust) {
  TRY_VOID(Walk(path, trust, Walk::Last::kOnlyCheck).walk());
  return {};
}

}  // namespace ordeal::sys

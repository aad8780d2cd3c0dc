#include "core/base/io/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <deque>
#include <optional>

#include "core/base/clock.h"
#include "core/base/io/file.h"
#include "core/base/random.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

constexpr int kMostLinks = 40;
constexpr milliseconds kReaderWithin{30'000};

// One of our own descriptors, by a name that a shell's user gives it.
std::optional<int> own_descriptor(std::string_view path) {
  if (path == "-" || path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (std::string_view folder : {"/dev/fd/", "/proc/self/fd/"})
    if (path.starts_with(folder)) return parse_number<int>(path.substr(folder.size()));
  return std::nullopt;
}

// Where a path ends, after every link on the way.
struct Destination {
  UniqueFd folder;  // O_PATH; not valid where it is a descriptor of ours
  std::string name;
  std::optional<struct stat> is;  // nothing has the name yet without
  UniqueFd node;                  // O_PATH, when there is one
  std::optional<int> own;
};

// Walks component by component, so that nobody can put a link under our feet.
class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path) { prepend(path); }

  Result<Destination> to_the_end() {
    if (auto own = own_descriptor(path_)) return Destination{{}, {}, {}, {}, own};
    if (path_.empty() || path_.ends_with('/')) return wrong(EISDIR);
    while (!parts_.empty()) {
      std::string part = std::move(parts_.front());
      parts_.pop_front();
      if (part.empty() || part == ".") continue;
      if (auto place = TRY(step(part))) return std::move(*place);
    }
    return wrong(EISDIR);
  }

 private:
  Unexpected wrong(int number) const {
    constexpr std::array kOfPath{ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG, ENXIO, EBADF};
    Error error = fail_errno("cannot write " + path_, number).value();
    if (std::find(kOfPath.begin(), kOfPath.end(), number) != kOfPath.end()) error.code = Errc::kInvalidInput;
    return tl::unexpected(std::move(error));
  }

  void prepend(std::string_view path) {
    if (path.starts_with('/') || !here_) here_.reset(open_start(path.starts_with('/') ? "/" : "."));
    auto added = split(path, '/');
    parts_.insert(parts_.begin(), added.begin(), added.end());
  }
  static int open_start(const char* folder) { return ::open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC); }

  Result<std::optional<Destination>> step(const std::string& part) {
    UniqueFd node(::openat(here_.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!node && errno == ENOENT && parts_.empty()) return Destination{std::move(here_), part, {}, {}, {}};
    struct stat is {};
    if (!node || ::fstat(node.get(), &is) < 0) return wrong(errno);
    if (S_ISLNK(is.st_mode)) return follow(node.get(), is);
    if (parts_.empty()) return Destination{std::move(here_), part, is, std::move(node), {}};
    if (!S_ISDIR(is.st_mode)) return wrong(ENOTDIR);
    here_ = std::move(node);
    return std::nullopt;
  }

  Result<std::optional<Destination>> follow(int link, const struct stat& is) {
    if (is.st_uid != 0 && is.st_uid != ::geteuid())
      return fail(Errc::kInvalidInput,
                  fmt::format("cannot write {}: a link on its path belongs to the user {}, who could point it anywhere",
                              path_, is.st_uid),
                  "name the file that it points to");
    std::array<char, PATH_MAX> target{};
    ssize_t size = ::readlinkat(link, "", target.data(), target.size());
    if (size < 0) return wrong(errno);
    if (++links_ > kMostLinks) return wrong(ELOOP);
    std::string_view to(target.data(), static_cast<size_t>(size));
    if (auto own = own_descriptor(to); own && parts_.empty()) return Destination{{}, {}, {}, {}, own};
    prepend(to);
    return std::nullopt;
  }

  std::string path_;
  UniqueFd here_;
  std::deque<std::string> parts_;
  int links_ = 0;
};

Unexpected refuse(const std::string& path, mode_t mode) {
  return fail(Errc::kInvalidInput, fmt::format("cannot write {}: it is {}", path, kind_of_file(mode)), "name a file");
}

// Whether a file can be made there, by making one for a moment.
Result<> try_folder(int folder) {
  std::string name = fmt::format(".ordeal.{:016x}.tmp", Random::fresh_seed());
  UniqueFd probe(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!probe) return fail_errno("no file can be created in its directory");
  ::unlinkat(folder, name.c_str(), 0);
  return {};
}

}  // namespace

Result<OutputFile> OutputFile::in_place(const std::string& path, int folder, const std::string& name) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  UniqueFd fd(::openat(folder, name.c_str(), kFlags, 0666));
  struct stat is {};
  if (!fd || ::fstat(fd.get(), &is) < 0) {
    Error error = fail_errno("cannot write " + path).value();
    error.code = Errc::kInvalidInput;
    return tl::unexpected(std::move(error));
  }
  if (!S_ISREG(is.st_mode)) return refuse(path, is.st_mode);
  if (is.st_nlink > 1)
    return fail(Errc::kInvalidInput, fmt::format("cannot write {}: the file has other names too", path),
                "give another name");
  return OutputFile(path, Writes::kInPlace, std::move(fd), name);
}

Result<OutputFile> OutputFile::prepare(const std::string& path, Mode mode) {
  Destination place = TRY(Walk(path).to_the_end());
  if (place.own) {
    UniqueFd fd(::fcntl(*place.own, F_DUPFD_CLOEXEC, 3));
    if (!fd) return fail(Errc::kInvalidInput, fmt::format("cannot write {}: the descriptor is not open", path));
    return OutputFile(path, Writes::kStream, std::move(fd), "");
  }
  if (place.is && (S_ISFIFO(place.is->st_mode) || S_ISCHR(place.is->st_mode)))
    return OutputFile(path, Writes::kStream, std::move(place.node), "");
  if (place.is && !S_ISREG(place.is->st_mode)) return refuse(path, place.is->st_mode);
  if (mode == Mode::kInPlace) return in_place(path, place.folder.get(), place.name);
  // A folder that is O_PATH only can be synced by nobody.
  UniqueFd folder(::openat(place.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto made = folder ? try_folder(folder.get()) : Result<>(fail_errno("its directory cannot be opened"));
  if (made) {
    OutputFile file(path, Writes::kReplaced, std::move(folder), place.name);
    if (place.is) file.mode_ = place.is->st_mode & 0777;
    return file;
  }
  if (place.is) return in_place(path, place.folder.get(), place.name);
  return fail(made.error().sys_errno == ENOSPC ? Errc::kSystem : Errc::kInvalidInput,
              fmt::format("cannot write {}: {}", path, made.error().message()));
}

Result<> OutputFile::write(std::string_view text) {
  if (kind_ == Writes::kStream) return write_stream(text);
  if (kind_ == Writes::kReplaced) {
    auto replaced = replace_in(fd_.get(), name_, text, mode_, Sync::kYes);
    if (replaced) return {};
    return wrap(replaced.error(), "cannot write " + path_);
  }
  if (::ftruncate(fd_.get(), 0) < 0 || ::lseek(fd_.get(), 0, SEEK_SET) < 0)
    return fail_errno("cannot truncate " + path_);
  TRY_VOID(write_all(fd_.get(), text, path_));
  if (::fsync(fd_.get()) < 0) return fail_errno("cannot sync " + path_);
  return {};
}

Result<> OutputFile::keep_private() {
  constexpr mode_t kOwnerAlone = 0600;
  mode_ = kOwnerAlone;
  if (kind_ == Writes::kInPlace && ::fchmod(fd_.get(), kOwnerAlone) < 0)
    return fail_errno("cannot keep others from reading " + path_);
  return {};
}

// What is not ours already is opened for writing only now: a pipe may have its reader by then.
Result<> OutputFile::write_stream(std::string_view text) const {
  std::string node = fmt::format("/proc/self/fd/{}", fd_.get());
  int flags = ::fcntl(fd_.get(), F_GETFL);
  UniqueFd opened;
  for (BootTime end = boot_now() + kReaderWithin; (flags & O_PATH) != 0 && !opened;) {
    opened.reset(::open(node.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!opened && (errno != ENXIO || boot_now() > end)) return fail_errno("cannot write " + path_);
    if (!opened) ::usleep(10'000);
  }
  int fd = opened ? opened.get() : fd_.get();
  while (!text.empty()) {
    pollfd ready{fd, POLLOUT, 0};
    if (::poll(&ready, 1, static_cast<int>(kReaderWithin.count())) == 0)
      return fail(Errc::kTimeout, fmt::format("cannot write {}: its reader accepted nothing for 30 s", path_));
    ssize_t n = ::write(fd, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (n < 0 && errno != EINTR && errno != EAGAIN) return fail_errno("cannot write " + path_);
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<> write_output(const std::string& path, std::string_view text) {
  OutputFile file = TRY(OutputFile::prepare(path));
  return file.write(text);
}

}  // namespace ordeal

#include "core/base/io/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/base/clock.h"
#include "core/base/defer.h"
#include "core/base/io/unique_fd.h"
#include "core/base/random.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

constexpr Nanos kSilentAtMost = 5s;
constexpr Nanos kReadAtMost = 30s;
constexpr size_t kNameOfTemporary = 100;  // bytes of the name that it stands for

struct Opened {
  UniqueFd fd;
  mode_t mode = 0;
};

Result<Opened> look_at(UniqueFd fd, const std::string& path) {
  if (!fd) return fail_errno("cannot open " + path);
  Opened opened{std::move(fd), 0};
  struct stat status {};
  if (::fstat(opened.fd.get(), &status) < 0) return fail_errno("cannot inspect " + path);
  opened.mode = status.st_mode;
  return opened;
}

// O_NONBLOCK: a pipe without a writer would hold up the open.
Result<Opened> open_to_read(const std::string& path) {
  return look_at(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)), path);
}

Unexpected no_file(const std::string& path, mode_t mode) {
  return fail(Errc::kInvalidInput, fmt::format("{} is {}, expected a file", path, kind_of_file(mode)));
}

// Nothing when it has come to its end.
Result<bool> read_more(int fd, std::string& text, size_t limit, const std::string& path) {
  char buffer[16384];
  ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n < 0) return fail_errno("cannot read " + path);
  text.append(buffer, static_cast<size_t>(n));
  if (text.size() > limit) return fail(Errc::kInvalidInput, fmt::format("{} is larger than {} bytes", path, limit));
  return n > 0;
}

Result<std::string> read_to_the_end(int fd, size_t limit, const std::string& path) {
  std::string text;
  while (TRY(read_more(fd, text, limit, path))) continue;
  return text;
}

Result<std::string> read_pipe(int fd, size_t limit, const std::string& path) {
  std::string text;
  for (BootTime end = boot_now() + kReadAtMost;;) {
    Nanos left = std::clamp<Nanos>(end - boot_now(), 0s, kSilentAtMost);
    pollfd ready{fd, POLLIN, 0};
    int count = ::poll(&ready, 1, static_cast<int>(std::chrono::ceil<milliseconds>(left).count()));
    if (count < 0 && errno != EINTR) return fail_errno("cannot wait for " + path);
    if (count == 0)
      return fail(Errc::kTimeout, left < kSilentAtMost ? fmt::format("{} did not end within 30 s", path)
                                                       : fmt::format("no data came from {} for 5 s", path));
    if (count > 0 && !TRY(read_more(fd, text, limit, path))) return text;
  }
}

Result<std::string> read_named(const std::string& path, size_t limit) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  Opened opened =
      TRY(standard ? look_at(UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)), name) : open_to_read(path));
  if (S_ISREG(opened.mode)) return read_to_the_end(opened.fd.get(), limit, name);
  if (S_ISFIFO(opened.mode)) return read_pipe(opened.fd.get(), limit, name);
  return no_file(name, opened.mode);
}

UniqueFd open_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path();
  return UniqueFd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Result<> replace(const std::string& path, std::string_view text, unsigned mode, Sync sync) {
  UniqueFd folder = open_folder_of(path);
  if (!folder) return fail_errno("cannot open the directory of " + path);
  auto replaced = replace_in(folder.get(), std::filesystem::path(path).filename(), text, mode, sync);
  if (!replaced) return wrap(replaced.error(), "cannot write " + path);
  return {};
}

// A name that nobody can guess and nobody has.
Result<std::pair<UniqueFd, std::string>> make_temporary(int folder, const std::string& name, unsigned mode) {
  for (int i = 0; i < 100; ++i) {
    std::string made = fmt::format(".{}.{:016x}.tmp", name.substr(0, kNameOfTemporary), Random::fresh_seed() + i);
    UniqueFd fd(::openat(folder, made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (fd) return std::pair{std::move(fd), std::move(made)};
    if (errno != EEXIST) break;
  }
  return fail_errno("cannot create a temporary file next to it");
}

}  // namespace

const char* kind_of_file(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISLNK(mode) ? "a link" : "a device";
}

Result<> write_all(int fd, std::string_view text, const std::string& what) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write " + what);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  Opened opened = TRY(open_to_read(path));
  if (!S_ISREG(opened.mode)) return no_file(path, opened.mode);
  return read_to_the_end(opened.fd.get(), limit, path);
}

Result<std::string> read_input(const std::string& path, size_t limit) {
  auto text = read_named(path, limit);
  if (!text) return fail(Errc::kInvalidInput, text.error().message(), text.error().advice());
  return text;
}

Result<> write_existing(const std::string& path, std::string_view text) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno(fmt::format("cannot write \"{}\" to {}", text, path));
  return {};
}

Result<> replace_in(int folder, const std::string& name, std::string_view text, std::optional<unsigned> mode,
                    Sync sync) {
  auto [fd, temporary] = TRY(make_temporary(folder, name, mode.value_or(0666)));
  Defer remove([&, made = temporary.c_str()] { ::unlinkat(folder, made, 0); });
  if (mode && ::fchmod(fd.get(), *mode) < 0) return fail_errno("cannot set its mode");
  TRY_VOID(write_all(fd.get(), text, "it"));
  if (sync == Sync::kYes && ::fsync(fd.get()) < 0) return fail_errno("cannot sync it");
  if (::renameat(folder, temporary.c_str(), folder, name.c_str()) < 0) return fail_errno("cannot move it into place");
  remove.cancel();
  if (sync == Sync::kYes && ::fsync(folder) < 0) return fail_errno("cannot sync its directory");
  return {};
}

Result<> replace_whole(const std::string& path, std::string_view text, unsigned mode) {
  return replace(path, text, mode, Sync::kNo);
}

Result<> write_atomically(const std::string& path, std::string_view text, unsigned mode) {
  return replace(path, text, mode, Sync::kYes);
}

bool make_empty(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)).valid();
}

Result<> make_folders(const std::string& path, unsigned mode) {
  std::error_code error;
  bool made = std::filesystem::create_directories(path, error);
  if (error) return fail_errno("cannot create the directory " + path, error.value());
  if (made && ::chmod(path.c_str(), mode) < 0) return fail_errno("cannot set the mode of " + path);
  return {};
}

std::optional<std::string> find_program(const std::string& name) {
  auto runs = [](const std::string& file) { return ::access(file.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) return runs(name) ? std::optional(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  for (std::string_view folder : split_words(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin", ":"))
    if (std::string file = fmt::format("{}/{}", folder, name); runs(file)) return file;
  errno = ENOENT;
  return std::nullopt;
}

}  // namespace ordeal
